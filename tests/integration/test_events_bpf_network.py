"""What the bpf source tells of sockets and name servers against what the acting programs know of them."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from event_source import EventDriver, control_groups, in_group, stopped, types_of

# A server that takes its one connection by the 32-bit call, and a client that connects by it: socketcall(2) through
# int $0x80 from 64-bit code. Addresses below 4 GiB, as the call needs them.
INT80 = r"""
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  return result;
}
static unsigned words[3];
static long sockets(long which, unsigned a, unsigned b, unsigned c) {
  words[0] = a; words[1] = b; words[2] = c;
  return call(102, which, (long)words, 0);
}
static unsigned char address[16] = {2, 0, PORT >> 8, PORT & 255, 127, 0, 0, 1};
void _start(void) {
  long s = sockets(1, 2, 1, 0);
#ifdef SERVER
  int one = 1;
  sockets(2, s, (unsigned)(long)address, 16);
  sockets(4, s, 1, 0);
  long taken = sockets(5, s, 0, 0);
  call(6, taken, 0, 0);
  call(1, taken < 0, 0, 0);
#else
  call(1, sockets(3, s, (unsigned)(long)address, 16) < 0, 0, 0);
#endif
}
"""


# Connects and accepts by io_uring alone; the port is the only argument, -1 to serve on it.
IO_URING = r"""
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static struct io_uring_params about;
static char *queue, *done;
static struct io_uring_sqe *entries;

static int run(int operation, int fd, void *address, unsigned long more) {
  unsigned *tail = (unsigned *)(queue + about.sq_off.tail), *array = (unsigned *)(queue + about.sq_off.array);
  unsigned *head = (unsigned *)(done + about.cq_off.head);
  struct io_uring_cqe *results = (struct io_uring_cqe *)(done + about.cq_off.cqes);
  memset(entries, 0, sizeof *entries);
  entries->opcode = operation, entries->fd = fd, entries->addr = (unsigned long)address, entries->off = more;
  array[*tail & (about.sq_entries - 1)] = 0;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0) exit(3);
  int result = results[*head & (about.cq_entries - 1)].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  return result;
}

int main(int argc, char **argv) {
  ring = syscall(SYS_io_uring_setup, 4, &about);
  if (ring < 0) return 4;
  queue = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  done = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  entries = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  struct sockaddr_in at = {AF_INET, htons(atoi(argv[1])), {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (argc < 3) return run(IORING_OP_CONNECT, fd, &at, sizeof at) != 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 5)) return 5;
  int taken = run(IORING_OP_ACCEPT, fd, 0, 0);
  close(taken);
  return taken < 0;
}
"""


@pytest.fixture(scope="module", params=[None, "5.14"], ids=["", "as before 5.15"])
def source(request, tmp_path_factory):
    with EventDriver("bpf", "--kinds=socket,dns", *types_of(request.param, tmp_path_factory.mktemp("types"))) as driver:
        yield driver


def mine(source, pid=None, **values):
    return source.of(pid or os.getpid(), "socket", **values)


def ends(event):
    return (event["local_address"], event["local_port"], event["remote_address"], event["remote_port"])


@pytest.mark.parametrize("family,address,seen", [
    (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
    (socket.AF_INET6, "::1", "::1"),
    (socket.AF_INET6, "::ffff:127.0.0.1", "127.0.0.1"),
])
def test_tcp_has_both_ends(source, family, address, seen):
    """EVT-18, EVT-34: the source port too."""
    expected = []
    with socket.create_server((address, 0), family=family, dualstack_ipv6="ffff" in address) as listener:
        for _ in range(300):
            with socket.socket(family) as client:
                client.connect(listener.getsockname())
                taken, _ = listener.accept()
                expected.append((seen, client.getsockname()[1], seen, listener.getsockname()[1], taken.fileno()))
                taken.close()
        port = listener.getsockname()[1]
    connects = [event for event in mine(source, action="connect") if event["remote_port"] == port]
    accepts = [event for event in mine(source, action="accept") if event["local_port"] == port]
    assert [ends(event) for event in connects] == [one[:4] for one in expected]
    assert [(*ends(event)[2:], *ends(event)[:2], event["descriptor"]) for event in accepts] == expected
    assert {event["result"] for event in connects} == {0}
    assert {(event["family"], event["type"], event["protocol"]) for event in connects + accepts} == {(int(family), 1, 6)}
    cookies = [event["cookie"] for event in connects + accepts]
    assert 0 not in cookies and len(set(cookies)) == len(cookies)
    assert {event["network_namespace"] for event in connects} == {os.stat("/proc/self/ns/net").st_ino}
    assert [event["local_port"] for event in mine(source, action="listen")].count(port) == 1
    bound, = [event for event in mine(source, action="bind") if event["local_port"] == port]
    assert bound["local_address"] == seen
    counts = source.counts()
    assert (counts["dropped"], counts["missing"]) == ([], [])
    assert counts["seen"] == counts["kept"] + counts["filtered"]


def test_connections_as_before_5_12(tmp_path):
    """EVT-18: no cookies can be made."""
    with EventDriver("bpf", "--kinds=socket", *types_of("5.11", tmp_path)) as driver:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
            taken, _ = listener.accept()
            here = (*client.getsockname(), *listener.getsockname())
            taken.close()
        connected, = mine(driver, action="connect")
        accepted, = mine(driver, action="accept")
        assert (ends(connected), ends(accepted)) == (here, (*here[2:], *here[:2]))
        assert driver.counts()["missing"] == []


def test_refused_and_given_up(source):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))
    refused, = [event for event in mine(source, action="connect") if event["remote_port"] == port]
    assert refused["result"] == -111
    assert refused["local_port"]


def test_what_ends_before_the_first_packet(source, own_network):
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family) as client, pytest.raises(OSError) as error:
            client.connect((address, 443))
        event, = [event for event in mine(source, action="connect") if event["remote_address"] == address]
        assert (event["result"], event["remote_port"], event["family"]) == (-error.value.errno, 443, int(family))


def test_a_connection_not_waited_for(source):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        taken, _ = listener.accept()
        taken.close()
        event, = [event for event in mine(source, action="connect") if event["remote_port"] == listener.getsockname()[1]]
        assert (event["result"], event["local_port"]) == (0, client.getsockname()[1])


def test_datagrams_are_told_once_a_flow(source):
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        for _ in range(20):
            sender.sendto(b"x", receiver.getsockname())
        port = receiver.getsockname()[1]
        event, = [event for event in mine(source, action="send") if event["remote_port"] == port]
        assert (event["remote_address"], event["family"], event["type"], event["protocol"]) == ("127.0.0.1", 2, 2, 17)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.connect(("::1", 9))
        event, = [event for event in mine(source, action="connect") if event["remote_port"] == 9]
        assert (event["remote_address"], event["family"]) == ("::1", 10)


def test_what_went_over_a_connection_when_it_is_closed():
    """EVT-40."""
    with socket.create_server(("127.0.0.1", 0)) as listener, EventDriver("bpf", "--kinds=socket", "--closes") as driver:
        assert driver.counts()["missing"] == []
        for _ in range(50):
            with socket.create_connection(listener.getsockname()) as client:
                taken, _ = listener.accept()
                with taken:
                    taken.sendall(bytes(100_000))
                    received = 0
                    while received < 100_000:
                        received += len(client.recv(100_000))
                    client.sendall(bytes(1234))
                    assert len(taken.recv(2000)) == 1234
        port = listener.getsockname()[1]
        until = time.monotonic() + 10
        while len(closed := [event for event in mine(driver, action="close") if port in (event["local_port"], event["remote_port"])]) < 100:
            assert time.monotonic() < until, len(closed)
            time.sleep(0.05)
        opened = {event["cookie"]: event for event in mine(driver) if event["action"] in ("connect", "accept")
                  and port in (event["local_port"], event["remote_port"])}
        assert len(closed) == len(opened) == 100
        for event in closed:
            before = opened[event["cookie"]]
            assert ends(event) == ends(before)
            assert (event["direction"], event["duration"]) == (
                before["direction"], event["header"]["moment"] - before["header"]["moment"])
            sent, received = (1234, 100_000) if event["direction"] == "outbound" else (100_000, 1234)
            assert (event["bytes_sent"], event["bytes_received"]) == (sent, received)
        # Whose others are is not known: they were opened before, or by us.
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])
        driver.demand("--kinds=socket")
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
        assert len(mine(driver, action="close")) == 100


def test_a_connection_that_ends_while_it_is_taken_is_told_once():
    """The call waits to write down who connected, in a page of userfaultfd(2), and has taken the connection already."""
    libc = ctypes.CDLL(None, use_errno=True)
    faults = libc.syscall(323, os.O_CLOEXEC)  # userfaultfd
    assert faults >= 0
    page = mmap.mmap(-1, mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    for request, words in ((0xC018AA3F, (0xAA, 0, 0)), (0xC020AA00, (start, mmap.PAGESIZE, 1, 0))):  # UFFDIO_API, UFFDIO_REGISTER
        fcntl.ioctl(faults, request, struct.pack(f"{len(words)}Q", *words))
    size, taken = ctypes.c_uint32(16), []
    with EventDriver("bpf", "--kinds=socket") as driver, socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: taken.append(libc.accept(listener.fileno(), ctypes.c_void_p(start), ctypes.byref(size))))
        thread.start()
        with socket.create_connection(listener.getsockname()) as client:
            port = client.getsockname()[1]
            assert select.select([faults], [], [], 60)[0]
        fcntl.ioctl(faults, 0xC020AA04, struct.pack("4Q", start, mmap.PAGESIZE, 0, 0))  # UFFDIO_ZEROPAGE
        thread.join()
        os.close(taken[0])
        assert len(mine(driver, action="accept", remote_port=port)) == 1
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
        assert len(mine(driver, action="accept")) == 2
    os.close(faults)


def unix_of(driver, pid=None):
    return [event for event in mine(driver, pid) if event["family"] == 1]


def test_unix_sockets_when_they_are_asked_for(tmp_path):
    path = str(tmp_path / "socket")
    abstract = f"\0osprey {os.getpid()}"
    with EventDriver("bpf", "--kinds=socket") as driver, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        assert unix_of(driver) == []
        driver.demand("--kinds=socket", "--unix")
        assert driver.counts()["missing"] == []
        expected = []
        for kind, name in ((socket.SOCK_STREAM, path), (socket.SOCK_DGRAM, abstract), (socket.SOCK_STREAM, path + " missing")):
            with socket.socket(socket.AF_UNIX, kind) as client, socket.socket(socket.AF_UNIX, kind) as server:
                if name == abstract:
                    server.bind(name)
                expected.append((name.replace("\0", "@"), -client.connect_ex(name), client.fileno(), int(kind)))
        told = [event for event in unix_of(driver) if event["action"] == "connect"]
        assert [(event["socket"], event["result"], event["descriptor"], event["type"]) for event in told] == expected
        assert {(event["action"], event["direction"], event["syscall"]) for event in told} == {("connect", "outbound", "connect")}
        assert 0 not in [event["cookie"] for event in told]
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])


def test_who_takes_connections_of_unix_sockets(tmp_path):
    """By the listener's name; what nobody waits for is no event."""
    path, abstract = str(tmp_path / "socket"), f"\0osprey {os.getpid()}"
    accept, expected = ctypes.CDLL(None).accept, []
    with EventDriver("bpf", "--kinds=socket", "--unix") as driver:
        for name, kind in ((path, socket.SOCK_STREAM), (abstract, socket.SOCK_SEQPACKET)):
            with socket.socket(socket.AF_UNIX, kind) as listener:
                listener.bind(name)
                listener.listen()
                for call in ("accept", "accept4"):
                    with socket.socket(socket.AF_UNIX, kind) as client:
                        client.connect(name)
                        taken = accept(listener.fileno(), None, None) if call == "accept" else listener._accept()[0]
                        expected.append((call, name.replace("\0", "@"), taken, taken, int(kind)))
                        os.close(taken)
                listener.setblocking(False)
                with pytest.raises(BlockingIOError):
                    listener.accept()
        told = [event for event in unix_of(driver) if event["action"] == "accept"]
        assert [tuple(event[name] for name in ("syscall", "socket", "result", "descriptor", "type")) for event in told] == expected
        assert {event["direction"] for event in told} == {"inbound"}
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])


UNIX_INT80 = r"""
static long call(long number, long a, long b) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b) : "memory", "r8", "r9", "r10", "r11");
  return result;
}
static unsigned words[3];
static char address[] = "\1\0" NAME;
void _start(void) {
  words[0] = 1; words[1] = 1; words[2] = 0;
  words[0] = call(102, 1, (long)words);
  words[1] = (unsigned)(long)address; words[2] = sizeof address;
  call(102, 3, (long)words);
  call(1, 0, 0);
}
"""


def test_unix_sockets_by_the_32_bit_call(tmp_path):
    """EVT-05, EVT-20: what comes of it is not known."""
    code = tmp_path / "int80.c"
    code.write_text(UNIX_INT80)
    subprocess.run(["gcc", "-static", "-nostdlib", "-no-pie", "-fno-pie", "-O1", '-DNAME="/nowhere"', "-o", tmp_path / "int80", code],
                   check=True)
    with EventDriver("bpf", "--kinds=socket", "--unix") as driver:
        done = subprocess.Popen([tmp_path / "int80"])
        assert done.wait() == 0
        event, = unix_of(driver, done.pid)
        assert (event["socket"], event["result"], event["descriptor"]) == ("/nowhere", -errno.EINPROGRESS, None)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serve_and_connect(source, server, client):
    """Runs a server for one connection, and clients until one is connected; what is told of both."""
    server = subprocess.Popen(server)
    until = time.monotonic() + 10
    while (connecting := subprocess.Popen(client)).wait() != 0:
        assert server.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    assert server.wait(10) == 0
    connected, = mine(source, connecting.pid, action="connect")
    accepted, = mine(source, server.pid, action="accept")
    assert connected["result"] == 0
    assert ends(accepted) == (*ends(connected)[2:], *ends(connected)[:2])
    assert [event["action"] for event in mine(source, server.pid)] == ["bind", "listen", "accept"]
    return connected


def test_the_32_bit_calls_are_seen(source, tmp_path):
    """EVT-05: int 0x80 for connect and accept."""
    port = free_port()
    code = tmp_path / "int80.c"
    code.write_text(INT80)
    build = ["gcc", "-static", "-nostdlib", "-no-pie", "-fno-pie", "-O1", f"-DPORT={port}", code]
    subprocess.run([*build, "-DSERVER", "-o", tmp_path / "server"], check=True)
    subprocess.run([*build, "-o", tmp_path / "client"], check=True)
    assert serve_and_connect(source, [tmp_path / "server"], [tmp_path / "client"])["remote_port"] == port


def test_io_uring_is_seen(source, tmp_path):
    """EVT-20: no call of connect or accept is made."""
    port = str(free_port())
    code = tmp_path / "ring.c"
    code.write_text(IO_URING)
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "ring", code], check=True)
    assert serve_and_connect(source, [tmp_path / "ring", port, "serve"], [tmp_path / "ring", port])["remote_port"] == int(port)


def question(number, name, kind=1):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


@pytest.fixture
def own_network():
    """A loopback device of our own, so that port 53 is free."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(0x40000000) == 0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    assert libc.setns(before, 0x40000000) == 0
    os.close(before)


def test_names_asked_for(source, own_network):
    dice = random.Random(53)
    asked = {}
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 53))
        for number in range(200):
            name = f"host{number}.example.org"
            kind = dice.choice([1, 28])
            client.sendto(question(number, name, kind), ("127.0.0.1", 53))
            asked_for, back = server.recvfrom(2000)
            code = dice.choice([0, 3])
            data = bytes([10, 0, 0, number]) if kind == 1 else bytes(15) + bytes([number])
            answer = b"" if code else b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 300, len(data)) + data
            if number != 7:
                server.sendto(asked_for[:2] + bytes([0x81, 0x80 | code]) + struct.pack(">4H", 1, 0 if code else 1, 0, 0)
                              + asked_for[12:] + answer, back)
                client.recv(2000)
            text = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)
            asked[name] = ("A" if kind == 1 else "AAAA", "NXDOMAIN" if code else "NOERROR", [] if code else [text],
                           None if code else 300)
        port = client.getsockname()[1]
        until = time.monotonic() + 15
        while len(told := source.of(os.getpid(), "dns", local_port=port)) < 200:
            assert time.monotonic() < until, len(told)
            time.sleep(0.2)
    found = {event["query"]: event for event in told}
    assert len(found) == 200
    unanswered = found.pop("host7.example.org")
    assert (unanswered["response_code"], unanswered["latency"]) == ("", None)
    for name, event in found.items():
        assert (event["type"], event["response_code"], event["answers"], event["ttl"]) == asked[name]
        assert (event["server_address"], event["server_port"], event["protocol"]) == ("127.0.0.1", 53, "udp")
        assert 0 < event["latency"] < 10**9
    counts = source.counts()
    assert counts["seen"] == counts["kept"] + counts["filtered"]


def framed(message):
    """A message of DNS as it goes over TCP (RFC 1035, 4.2.2)."""
    return struct.pack(">H", len(message)) + message


def address_answer(asked, data):
    """To a question: an address, for a minute."""
    return (asked[:2] + bytes([0x81, 0x80]) + struct.pack(">4H", 1, 1, 0, 0) + asked[12:]
            + b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + data)


@contextlib.contextmanager
def name_server_over_tcp(address):
    """Both ends of a connection to one, which send at once what they are given: the client's, the server's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 53), family=family) as listener, socket.create_connection((address, 53)) as client:
        server, _ = listener.accept()
        with server:
            for end in (server, client):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield client, server


def told_over_tcp(source, client, count):
    """What is told of the questions of a connection, once it is so many."""
    port = client.getsockname()[1]
    until = time.monotonic() + 15
    while len(told := source.of(os.getpid(), "dns", local_port=port, protocol="tcp")) < count:
        assert time.monotonic() < until, told
        time.sleep(0.2)
    return told


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_names_asked_for_over_tcp(source, own_network, address):
    """With the length of a message in the same segment, and in one of its own."""
    def send(to, message, *pieces):
        whole, begin = framed(message), 0
        for size in (*pieces, len(whole)):
            to.sendall(whole[begin:begin + size])
            begin += size

    cases = {"whole.example.org": ((), ()), "apart.example.org": ((2,), (2,)), "bits.example.org": ((1, 1), (1, 1)),
             "asked.example.org": ((2,), ()), "answered.example.org": ((), (2,))}
    with name_server_over_tcp(address) as (client, server):
        for number, (name, (asks, answers)) in enumerate(cases.items()):
            send(client, question(number, name), *asks)
            asked = b""
            while len(asked) < 2 or len(asked) < 2 + int.from_bytes(asked[:2], "big"):
                asked += server.recv(2000)
            send(server, address_answer(asked[2:], bytes([10, 0, 0, number])), *answers)
        told = told_over_tcp(source, client, len(cases))
    assert [(event["query"], event["type"], event["response_code"], event["answers"]) for event in told] == [
        (name, "A", "NOERROR", [f"10.0.0.{number}"]) for number, name in enumerate(cases)]
    counts = source.counts()
    assert counts["dropped"] == []
    assert counts["seen"] == counts["kept"] + counts["filtered"]


def test_questions_that_share_a_segment(source, own_network):
    """As glibc asks for both addresses of a name with `options use-vc`, and as Nagle joins what is written in pieces."""
    names = [f"pipelined{number}.example.org" for number in range(6)]
    asked = [question(number, name) for number, name in enumerate(names)]
    answers = [address_answer(one, bytes([10, 0, 0, number])) for number, one in enumerate(asked)]
    with name_server_over_tcp("127.0.0.1") as (client, server):
        client.sendall(b"".join(map(framed, asked[:3])))
        client.sendall(framed(asked[3])[:2])
        client.sendall(asked[3] + b"".join(map(framed, asked[4:])))
        server.sendall(b"".join(map(framed, reversed(answers))))
        told = told_over_tcp(source, client, len(names))
    assert {(event["query"], event["response_code"], *event["answers"]) for event in told} == {
        (name, "NOERROR", f"10.0.0.{number}") for number, name in enumerate(names)}
    counts = source.counts()
    assert counts["dropped"] == []
    assert counts["seen"] == counts["kept"] + counts["filtered"]


def test_a_flooding_group_costs_no_other_its_connections(own_network):
    """EVT-38: connections too, which are told in nobody's name, and questions to name servers with their answers."""
    def connect(times):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for _ in range(times):
                with socket.create_connection(listener.getsockname()):
                    listener.accept()[0].close()

    def ask(times):
        with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
            server.bind(("127.0.0.1", 53))
            for number in range(times):
                client.sendto(question(number, f"{os.getpid()}.example"), ("127.0.0.1", 53))
                asked, back = server.recvfrom(2000)
                server.sendto(asked[:2] + b"\x81\x80" + asked[4:], back)
                client.recv(2000)

    def quietly():
        connect(10)
        ask(5)

    with control_groups("flood", "quiet") as (flood, quiet), \
            EventDriver("bpf", "--kinds=socket,dns", "--closes", f"--ring={1 << 20}") as driver:
        with stopped(driver):
            in_group(flood, lambda: connect(2000))
            in_group(flood, lambda: ask(500))
            quiet_pid = in_group(quiet, quietly)
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])
        lost = {drop[0]: drop for drop in counts["dropped"] if drop[1] == "ring full: its group's share"}
        assert min(lost[program][2] for program in ("inet_sock_set_state", "close", "dns")) > 200
        # Others on this machine may flood more.
        assert "" not in (worst := {drop[3] for drop in lost.values()}) and quiet not in worst
        told = mine(driver, quiet_pid)
        assert [sum(event["action"] == action for event in told) for action in ("connect", "accept", "close")] == [10, 10, 20]
        asked = driver.of(quiet_pid, "dns")
        assert [event["response_code"] for event in asked] == ["NOERROR"] * 5


def test_our_own_doings_are_filtered_in_the_kernel(source):
    before = source.counts()
    source.act()
    after = source.counts()
    assert after["filtered"] == before["filtered"] + 1
    assert [event for event in source.events if event["actor"]["process"]["pid"] == source.process.pid] == []
