"""syslog to another host, against rsyslog and against peers that misbehave (LOG-01, LOG-06, PIP-02)."""

import collections
import contextlib
import json
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from kafka_broker import free_ports
from sinks import SinkDriver, make_authority, make_certificate, silent_peer, until

MESSAGE = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\d+) (\S+) - (.*)", re.S)
LONG = 200_000  # bytes


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    for authority in ["ca", "stranger"]:
        make_authority(folder, authority)
    make_certificate(folder, "server", "ca", "IP:127.0.0.1")
    make_certificate(folder, "client", "ca", "DNS:client")
    make_certificate(folder, "other", "stranger", "DNS:client")
    return folder


class Rsyslog:
    """Debian's rsyslogd with a configuration of its own: writes every message it gets, raw, as a JSON string a line."""

    def __init__(self, folder, certificates):
        self.folder = pathlib.Path(folder)
        self.udp, self.tcp, self.tls = free_ports(3)
        self.out = self.folder / "out"
        self.process = None
        (self.folder / "work").mkdir()
        (self.folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{self.folder}/work" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{certificates}/ca.pem" defaultNetstreamDriverCertFile="{certificates}/server.pem"
       defaultNetstreamDriverKeyFile="{certificates}/server.key")
module(load="imudp")
module(load="imtcp" maxFrameSize="1100000" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
template(name="raw" type="list") {{
  constant(value="\\"") property(name="rawmsg" format="json") constant(value="\\"\\n")
}}
input(type="imudp" address="127.0.0.1" port="{self.udp}" rcvbufSize="1m")
input(type="imtcp" address="127.0.0.1" port="{self.tcp}" StreamDriver.Name="ptcp" StreamDriver.Mode="0" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="{self.tls}")
*.* action(type="omfile" file="{self.out}" template="raw" asyncWriting="off" flushOnTXEnd="on")
""")

    def start(self):
        with open(self.folder / "rsyslogd.log", "ab") as log:
            self.process = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", self.folder / "rsyslog.conf", "-i",
                                             self.folder / "pid"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for port in [self.tcp, self.tls]:
            until(lambda: self._listens(port), 20, lambda: (self.folder / "rsyslogd.log").read_text())
        return self

    def _listens(self, port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    def end(self, how="terminate"):
        if self.process:
            getattr(self.process, how)()
            self.process.wait(timeout=20)
            self.process = None

    def messages(self):
        if not self.out.exists():
            return []
        whole = self.out.read_text().rpartition("\n")[0]
        return [json.loads(line, strict=False) for line in whole.split("\n") if line]

    def numbers(self):
        return numbers(self.messages())


def numbers(messages):
    """By query, those of the lines made by line()."""
    found = collections.defaultdict(list)
    for message in messages:
        text = MESSAGE.fullmatch(message)[7]
        if text.startswith("{"):
            row = json.loads(text)
            found[row["name"]].append(row["n"])
    return found


@pytest.fixture
def rsyslog(tmp_path, certificates):
    rsyslog = Rsyslog(tmp_path, certificates)
    rsyslog.start()
    yield rsyslog
    rsyslog.end("kill")


def line(query, number):
    return f'{query}\t{{"name":"{query}","n":{number}}}\n'


def target_flags(rsyslog, transport, certificates):
    flags = [f"--logger_syslog_target={transport}://127.0.0.1:{getattr(rsyslog, transport)}"]
    if transport == "tls":
        flags += [f"--tls_server_certs={certificates}/ca.pem", f"--tls_client_cert={certificates}/client.pem",
                  f"--tls_client_key={certificates}/client.key"]
    return flags


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_every_line_arrives(rsyslog, certificates, transport):
    driver = SinkDriver("syslog", *target_flags(rsyslog, transport, certificates), "--logger_syslog_facility=17",
                        "--logger_syslog_max_bytes=1000000")
    driver.feed("".join(line(query, n) for n in range(1000) for query in ["users", "mounts"]))
    driver.feed("!something to tell\n")
    driver.feed(f"=users\t{LONG}\n")
    told = driver.finish()
    until(lambda: len(rsyslog.messages()) >= (2001 if transport == "udp" else 2002), 20,
          lambda: f"{len(rsyslog.messages())} have arrived")
    messages = [MESSAGE.fullmatch(message) for message in rsyslog.messages()]
    assert rsyslog.numbers()["users"] == rsyslog.numbers()["mounts"] == list(range(1000))
    result = next(message for message in messages if message[6] == "result")
    assert result[1] == str(17 * 8 + 6)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", result[2])
    assert (result[3], result[4]) == (socket.gethostname(), "ospreyd")
    assert result[5] == str(driver.process.pid)
    status = next(message for message in messages if message[6] == "status" and "something" in message[7])
    assert status[1] == str(17 * 8 + 4)
    assert re.fullmatch(r"severity=1 location=sink_driver.cpp:\d+ message=something to tell", status[7])
    if transport == "udp":
        assert told["losses"] == {"syslog/message/too long": [1, LONG]}
        assert "Lines too long for the logger syslog: 1 lost" in driver.errors()
    else:
        assert told["losses"] == {}
        assert "x" * LONG in [message[7] for message in messages]
    assert told["target"] == f"{transport}://127.0.0.1:{getattr(rsyslog, transport)}"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_every_line_arrives_while_rsyslog_stops_and_starts(rsyslog, certificates, transport):
    driver = SinkDriver("syslog", *target_flags(rsyslog, transport, certificates))
    fed = 0
    for end in ["terminate", "kill", "terminate"]:
        for _ in range(40):
            driver.feed("".join(line("users", fed + i) for i in range(20)))
            fed += 20
            time.sleep(0.01)
        rsyslog.end(end)
        driver.feed("".join(line("users", fed + i) for i in range(20)))
        fed += 20
        time.sleep(0.2)
        rsyslog.start()
    driver.feed(line("users", fed))
    driver.finish()
    until(lambda: fed in rsyslog.numbers()["users"], 20, lambda: f"{rsyslog.numbers()['users'][-5:]} of {fed}")
    got = rsyslog.numbers()["users"]
    print(f"{transport}: {fed + 1} lines, {len(got) - len(set(got))} repeated")
    assert list(dict.fromkeys(got)) == list(range(fed + 1))


class Peer:
    """A TCP server of ours: `serve(connection)` for each connection, one after the other."""

    def __init__(self, serve, context=None, receive_buffer=None):
        self.socket = socket.create_server(("127.0.0.1", 0))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = self.socket.getsockname()[1]
        self.serve, self.context = serve, context
        self.connections = 0
        self.problems = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                with connection:
                    try:
                        if self.context:
                            connection = self.context.wrap_socket(connection, server_side=True)
                        self.serve(connection)
                    except (OSError, ssl.SSLError) as problem:
                        self.problems.append(str(problem))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def frames(connection, slowly=0):
    """Messages of a stream in octet counting, until it ends."""
    buffer = b""
    while chunk := connection.recv(65536):
        time.sleep(slowly)
        buffer += chunk
        while (found := re.match(rb"(\d+) ", buffer)) and len(buffer) >= found.end() + int(found[1]):
            end = found.end() + int(found[1])
            yield buffer[found.end():end].decode()
            buffer = buffer[end:]


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_what_a_peer_had_not_read_when_it_reset_is_sent_again():
    got = []

    def serve(connection):
        if peer.connections <= 3:
            time.sleep(0.6)  # the kernel has acknowledged what this never reads
            reset(connection)
            return
        got.extend(frames(connection))

    with Peer(serve) as peer:
        driver = SinkDriver("syslog", f"--logger_syslog_target=tcp://127.0.0.1:{peer.port}")
        for n in range(200):
            driver.feed(line("users", n))
            time.sleep(0.02)
        driver.finish()
        until(lambda: 199 in numbers(got)["users"], 10, lambda: f"{numbers(got)['users'][-5:]}")
    assert list(dict.fromkeys(numbers(got)["users"])) == list(range(200))


def test_a_peer_that_refuses_every_connection_swallows_nothing():
    with Peer(reset) as peer:
        driver = SinkDriver("syslog", f"--logger_syslog_target=tcp://127.0.0.1:{peer.port}")
        driver.feed("".join(line("users", n) for n in range(5000)))
        until(lambda: peer.connections > 4, 20, lambda: "no further try")
        told = driver.stop()
    assert told["delivered"] == 0


def test_a_slow_peer_gets_everything():
    got = []
    with Peer(lambda connection: got.extend(frames(connection, slowly=0.05)), receive_buffer=8192) as peer:
        driver = SinkDriver("syslog", f"--logger_syslog_target=tcp://127.0.0.1:{peer.port}")
        driver.feed("".join(line("users", n) for n in range(3000)))
        driver.finish()
        until(lambda: len(got) >= 3000, 20, lambda: f"{len(got)} have arrived")
    assert numbers(got)["users"] == list(range(3000))


def test_a_peer_that_hangs_does_not_hold_up_a_stop():
    with silent_peer() as port:
        driver = SinkDriver("syslog", f"--logger_syslog_target=tcp://127.0.0.1:{port}",
                            "--logger_syslog_max_bytes=1000000")
        driver.feed("=users\t900000\n" * 12)  # more than its buffers hold
        driver.wait_for_error("has taken nothing for")
        told = driver.stop()
    assert told["backlog"] > 0
    assert told["stop_ms"] < 1500


def test_a_handshake_that_hangs_does_not_hold_up_a_stop(certificates):
    with silent_peer() as port:
        driver = SinkDriver("syslog", f"--logger_syslog_target=tls://127.0.0.1:{port}",
                            f"--tls_server_certs={certificates}/ca.pem")
        driver.feed(line("users", 0))
        time.sleep(1)
        told = driver.stop()
    assert told["delivered"] == 0
    assert told["stop_ms"] < 1500


@pytest.mark.parametrize("host, authority, word", [
    ("127.0.0.1", "stranger", "certificate is refused: "),
    ("localhost", "ca", "certificate is refused: hostname mismatch"),
])
def test_no_line_goes_to_a_server_that_cannot_show_who_it_is(rsyslog, certificates, host, authority, word):
    driver = SinkDriver("syslog", f"--logger_syslog_target=tls://{host}:{rsyslog.tls}",
                        f"--tls_server_certs={certificates}/{authority}.pem")
    driver.feed(line("users", 0))
    driver.wait_for_error(word)
    assert driver.stop()["delivered"] == 0
    assert rsyslog.messages() == []


@pytest.mark.parametrize("client", [None, "other"])
def test_a_server_that_refuses_our_certificate_swallows_nothing(certificates, client):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with Peer(lambda connection: list(frames(connection)), context) as peer:
        flags = [f"--logger_syslog_target=tls://127.0.0.1:{peer.port}", f"--tls_server_certs={certificates}/ca.pem"]
        if client:
            flags += [f"--tls_client_cert={certificates}/{client}.pem", f"--tls_client_key={certificates}/{client}.key"]
        driver = SinkDriver("syslog", *flags)
        driver.feed("".join(line("users", n) for n in range(5000)))
        until(lambda: peer.connections > 2, 20, lambda: "no further try")
        told = driver.stop()
    assert told["delivered"] == 0
    assert peer.problems


@pytest.mark.parametrize("flags, word", [
    (["--logger_syslog_target=127.0.0.1:514"], "is none of udp://HOST:PORT, tcp://HOST:PORT and tls://HOST:PORT"),
    (["--logger_syslog_target=tls://127.0.0.1", "--tls_server_certs=/nowhere.pem"], "tls_server_certs: /nowhere.pem"),
    (["--logger_syslog_target=tls://127.0.0.1", "--tls_client_cert=/etc/hosts"], "tls_client_key: is missing"),
    (["--logger_syslog_target=udp://127.0.0.1:1"], "Connection refused"),
    (["--logger_syslog_target=tcp://127.0.0.1:1"], "Connection refused"),
    (["--logger_syslog_target=udp://no-such-host.invalid"], "no-such-host.invalid: "),
])
def test_what_cannot_be_reached_is_said(flags, word):
    driver = SinkDriver("syslog", *flags)
    driver.feed(line("users", 0))
    driver.wait_for_error(word)
    assert driver.stop()["delivered"] == 0
