"""The audit source on this kernel: what was done against what was told, beside auditd, and what is left behind."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from audit_machine import DRIVER, PROJECT, Driver, audit_seat, control, rule_lines, send_user_message, status

LIBC = ctypes.CDLL(None, use_errno=True)
NETLINK_AUDIT, AUDIT_NLGRP_READLOG = 9, 1

# Without a libc, so that it is built for either word size; what is static lies below 4 GiB (-no-pie).
INT80 = r"""
#ifdef __x86_64__
#define ALSO , "r8", "r9", "r10", "r11"
#else
#define ALSO
#endif
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory" ALSO);
  return result;
}
static unsigned char address[16] = {2, 0, 0, 9, 127, 0, 0, 1};
static char program[] = "/bin/true", argument[] = "by int 0x80";
static volatile int words[3];
void _start(void) {
  words[0] = 2, words[1] = 2, words[2] = 0;
  long made = call(102, 1, (long)words, 0); /* socketcall: socket */
  words[0] = (int)made, words[1] = (int)(long)address, words[2] = 16;
  call(102, 3, (long)words, 0); /* connect */
  words[0] = (int)(long)program, words[1] = (int)(long)argument, words[2] = 0;
  call(11, (long)program, (long)words, 0); /* execve */
  call(1, 127, 0, 0);
}
"""


@pytest.fixture
def seat():
    with audit_seat() as before:
        yield before


def spawn(path, *arguments, cwd="/"):
    """Runs a program with these arguments, its name included; its pid."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(cwd)
            os.execv(path, arguments)
        finally:
            os._exit(127)
    os.waitpid(child, 0)
    return child


def test_an_exec_of_a_thread_is_its_processs(seat):
    program = "import os, threading; threading.Thread(target=os.execv, args=('/bin/echo', ['echo', 'of a thread'])).start()"
    with Driver("execs") as driver:
        child = subprocess.Popen(["/usr/bin/env", "python3", "-c", program], stdout=subprocess.DEVNULL)
        child.wait()
        event = driver.wait_for(lambda event: event.get("arguments") == [b"echo", b"of a thread"])
        assert event["pid"] == child.pid


# EVT-05
@pytest.mark.parametrize("flags", [(), ("-m32",)], ids=["of a 64-bit program", "of a 32-bit program"])
def test_calls_by_int_0x80_are_seen(seat, tmp_path, flags):
    program = tmp_path / "int80"
    subprocess.run(["gcc", "-O1", "-static", "-nostdlib", "-no-pie", "-fno-stack-protector", "-x", "c", "-", "-o", program,
                    *flags], input=INT80.encode(), check=True)
    with Driver("execs", "sockets") as driver:
        child = subprocess.Popen([program])
        child.wait()
        event = driver.wait_for(lambda event: event["pid"] == child.pid and event.get("arch") == "i386")
        assert (event["arguments"], event["path"]) == ([b"/bin/true", b"by int 0x80"], os.path.realpath("/bin/true"))
        event = driver.wait_for(lambda event: event["pid"] == child.pid and event["kind"] == "socket")
        assert (event["action"], event["remote"], event["remote_port"]) == ("connect", "127.0.0.1", 9)


# EVT-34, EVT-41
def test_sockets_have_both_sides(seat):
    with Driver("sockets", "--failed") as driver:
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        six = socket.create_server(("::1", 0), family=socket.AF_INET6)
        with socket.socket() as refused:
            with pytest.raises(ConnectionRefusedError):
                refused.connect(("127.0.0.1", 9))
        port = server.getsockname()[1]
        driver.wait_for(lambda event: event["pid"] == os.getpid() and event.get("remote_port") == 9)
        events = [event for event in driver.events("socket") if event["pid"] == os.getpid()]
        bound = next(event for event in events if event["action"] == "bind" and event["local"] == "127.0.0.1")
        assert bound["local_port"] == port and bound["descriptor"] == server.fileno()
        connected = next(event for event in events if event["action"] == "connect" and event["remote_port"] == port)
        assert connected["remote"] == "127.0.0.1" and connected["result"] == 0
        assert (connected["local"], connected["local_port"], connected["best_effort"]) == (*client.getsockname(), 1)
        assert connected["protocol"] == socket.IPPROTO_TCP
        accepted = next(event for event in events if event["action"] == "accept")
        assert (accepted["remote"], accepted["remote_port"]) == client.getsockname()
        assert accepted["result"] == peer.fileno() and accepted["local_port"] == port
        assert any(event["action"] == "bind" and event["local"] == "::1" and
                   event["local_port"] == six.getsockname()[1] for event in events)
        failed = next(event for event in events if event.get("remote_port") == 9)
        assert failed["result"] == -111
        for one in (server, client, peer, six):
            one.close()


def test_forks_and_signals(seat):
    with Driver("forks", "kills") as driver:
        child = os.fork()
        if child == 0:
            time.sleep(10)
            os._exit(0)
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        event = driver.wait_for(lambda event: event["syscall"] == "kill" and event["target"] == child)
        assert (event["pid"], event["signal"]) == (os.getpid(), 15)
        event = driver.wait_for(lambda event: event["syscall"] in ("clone", "fork", "clone3") and event["target"] == child)
        assert event["pid"] == os.getpid()


def test_files_by_their_descriptors(seat, tmp_path):
    with Driver("files", f"--watch={tmp_path}/%%") as driver:
        descriptor = os.open(tmp_path / "one", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, b"x")
        os.write(descriptor, b"x")
        os.close(descriptor)
        os.rename(tmp_path / "one", tmp_path / "two")
        os.symlink("two", tmp_path / "three")
        os.unlink(tmp_path / "two")
        driver.wait_for(lambda event: event["operation"] == "unlink" and event["file"].endswith("/two"))
        told = [(event["operation"], event["file"], event["destination"]) for event in driver.events("process_file")
                if event["pid"] == os.getpid()]
        at = lambda name: str(tmp_path / name)  # noqa: E731
        assert told == [("open+truncate", at("one"), ""), ("write", at("one"), ""), ("rename", at("one"), at("two")),
                        ("symlink", str(pathlib.Path(os.getcwd(), "two")), at("three")), ("unlink", at("two"), "")]


def test_rights_namespaces_tracing_and_messages(seat):
    with Driver("privileges", "namespaces", "ptrace", "users") as driver:
        done = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt && umount /mnt"])
        assert done.returncode == 0
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            os._exit(0)
        os.waitpid(child, 0)
        sleeper = subprocess.Popen(["sleep", "10"])
        assert LIBC.ptrace(16, sleeper.pid, 0, 0) == 0  # PTRACE_ATTACH
        sleeper.kill()
        sleeper.wait()
        send_user_message(1112, 'op=login acct="osprey" exe="/usr/sbin/osprey-test" hostname=? addr=10.9.8.7 '
                                "terminal=ssh res=success")
        event = driver.wait_for(lambda event: event["kind"] == "user" and "osprey-test" in event["path"])
        assert (event["type"], event["address"], event["terminal"], event["pid"]) == (1112, "10.9.8.7", "ssh", os.getpid())
        assert event["message"].startswith('op=login acct="osprey"')
        kinds = [(event["action"], event["target"]) for event in driver.events("namespace")]
        assert ("unshare", "") in kinds and ("mount", "/mnt") in kinds and ("umount", "/mnt") in kinds
        event = next(event for event in driver.events("privilege") if event["pid"] == child and event["action"] == "setuid")
        assert (event["uid"], event["result"]) == (65534, 0)
        event = next(event for event in driver.events("ptrace") if event["pid"] == os.getpid())
        assert (event["request"], event["target"]) == ("PTRACE_ATTACH", sleeper.pid)


def test_seccomp_is_told(seat):
    program = ("import ctypes, struct\n"
               "libc = ctypes.CDLL(None)\n"
               "code = struct.pack('HBBI', 6, 0, 0, 0x7FFC0000)\n"  # return SECCOMP_RET_LOG
               "kept = ctypes.create_string_buffer(code)\n"
               "class Program(ctypes.Structure):\n"
               "    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]\n"
               "program = Program(1, ctypes.addressof(kept))\n"
               "libc.prctl(38, 1, 0, 0, 0)\n"
               "libc.prctl(22, 2, ctypes.byref(program))\n"
               "libc.getppid()\n")
    with Driver("seccomp") as driver:
        child = subprocess.Popen(["python3", "-c", program])
        child.wait()
        event = driver.wait_for(lambda event: event["pid"] == child.pid and event["call"] == 110)
        assert event["code"] == "0x7ffc0000"


# EVT-04, EVT-23, EVT-26: exactly our rules come and go, whatever way we end; others' stay.
def test_rules_and_settings_are_as_they_were_after_the_end(seat):
    foreign = "-a always,exit -F arch=b64 -S acct -F key=foreign"
    control(*foreign.split())
    try:
        with Driver("execs", "--limit=9000") as driver:
            ours = [line for line in rule_lines() if "osprey-test" in line]
            assert [line.split()[1] for line in ours] == ["never,exit", "always,exit", "always,exit"]
            assert foreign in rule_lines()
            now = status()
            assert (now["enabled"], now["pid"], now["backlog_limit"], now["backlog_wait_time"]) == (
                1, driver.process.pid, 9000, 0)
            driver.stop()
        assert rule_lines() == [foreign]
        assert {key: status()[key] for key in ("enabled", "failure", "backlog_limit", "backlog_wait_time", "pid")} == {
            key: seat[key] for key in ("enabled", "failure", "backlog_limit", "backlog_wait_time", "pid")}
    finally:
        control(*foreign.replace("-a ", "-d ", 1).split())


# PROCTITLE records cost a program that is run more than all others: they are not told where nobody reads them.
TITLES_OFF = "-a always,exclude -F msgtype=PROCTITLE -F pid!=2147483647"


def titles_come_to_be(off):
    deadline = time.monotonic() + 20
    while (TITLES_OFF in rule_lines()) != off:
        assert time.monotonic() < deadline, rule_lines()
        time.sleep(0.1)


# EVT-24
def test_titles_are_off_while_nobody_reads_them(seat):
    foreign = "always,exit -F arch=b64 -S acct -F key=foreign"
    with Driver("execs", mode="unicast") as driver:
        titles_come_to_be(off=True)
        event = driver.wait_for(lambda event, child=spawn("/bin/true", "true", "told whole"): event["pid"] == child)
        assert event["arguments"] == [b"true", b"told whole"]
        control("-a", *foreign.split())
        try:
            titles_come_to_be(off=False)
        finally:
            control("-d", *foreign.split())
        titles_come_to_be(off=True)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as listener:
            listener.bind((0, AUDIT_NLGRP_READLOG))
            titles_come_to_be(off=False)
        titles_come_to_be(off=True)
        assert not driver.stop()["dropped"]
    for kinds in (["execs", "forks"], ["execs", "kills"], ["execs", "sockets"], ["execs", "--failed"]):
        with Driver(*kinds):
            assert TITLES_OFF not in rule_lines()


def test_what_a_killed_predecessor_left_is_cleared_away(seat, tmp_path):
    state = tmp_path / "audit_state"
    Driver("execs", f"--state={state}").kill()
    assert TITLES_OFF in rule_lines()
    Driver("execs", "sockets", f"--state={state}").kill()
    assert status()["enabled"] == 1 and len(rule_lines()) > 3 and TITLES_OFF not in rule_lines()
    with Driver("execs", f"--state={state}", mode="unicast") as again:
        assert len(rule_lines()) == 4
        child = subprocess.Popen(["/bin/true", "after the kill"])
        child.wait()
        again.wait_for(lambda event: event["pid"] == child.pid)
    assert not state.exists()


# EVT-02
def test_beside_auditd_nothing_is_taken_from_it(seat, tmp_path):
    settings = tmp_path / "audit"
    settings.mkdir(mode=0o750)
    log, dispatcher = settings / "audit.log", settings / "dispatched"
    (settings / "plugins.d").mkdir()
    plugin = settings / "plugins.d/af_unix.conf"
    plugin.write_text("active = yes\ndirection = out\npath = builtin_af_unix\ntype = builtin\n"
                      f"args = 0600 {dispatcher}\nformat = string\n")
    plugin.chmod(0o640)
    (settings / "auditd.conf").write_text(
        f"plugin_dir = {settings}/plugins.d\nlog_file = {log}\nlog_format = RAW\nlog_group = root\nflush = NONE\nlocal_events = yes\nwrite_logs = yes\n"
        "space_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\nadmin_space_left_action = IGNORE\n"
        "disk_full_action = IGNORE\ndisk_error_action = IGNORE\n")
    (settings / "auditd.conf").chmod(0o640)
    daemon = subprocess.Popen(["/usr/sbin/auditd", "-n", "-c", str(settings), "-s", "nochange"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while status()["pid"] != daemon.pid and time.monotonic() < deadline:
            time.sleep(0.05)
        assert status()["pid"] == daemon.pid
        with Driver("execs", mode="multicast") as driver:
            child = subprocess.Popen(["/bin/true", "beside auditd"])
            child.wait()
            event = driver.wait_for(lambda event: event["pid"] == child.pid)
            assert event["arguments"] == [b"/bin/true", b"beside auditd"]
            assert status()["pid"] == daemon.pid and status()["backlog_limit"] == seat["backlog_limit"]
            # The same from what it gives on, as a kernel without multicast leaves it.
            for mode, path in (("log", log), ("dispatcher", dispatcher)):
                with Driver("execs", f"--mode={mode}", f"--{mode}={path}", "--read_only", mode=mode) as reader:
                    child = subprocess.Popen(["/bin/true", f"from the {mode}"])
                    child.wait()
                    event = reader.wait_for(lambda event: event["pid"] == child.pid)
                    assert event["arguments"] == [b"/bin/true", f"from the {mode}".encode()]
            # The daemon goes: somebody must have the records.
            daemon.terminate()
            daemon.wait()
            deadline = time.monotonic() + 30
            while status()["pid"] != driver.process.pid and time.monotonic() < deadline:
                time.sleep(0.1)
            assert status()["pid"] == driver.process.pid
            child = subprocess.Popen(["/bin/true", "after auditd"])
            child.wait()
            driver.wait_for(lambda event: event["pid"] == child.pid)
    finally:
        if daemon.poll() is None:
            daemon.terminate()
            daemon.wait()
        control("-e", str(seat["enabled"]))


# EVT-24
def test_a_storm_loses_nothing_and_its_cost_is_bounded(seat):
    storm = ("#include <unistd.h>\n#include <sys/wait.h>\n#include <stdlib.h>\n"
             "int main(int c, char **v) { for (int i = atoi(v[1]); i > 0; --i) { pid_t p = vfork(); if (p == 0) {"
             " execl(\"/bin/true\", \"storm\", (char *)0); _exit(1); } waitpid(p, 0, 0); } }")
    program = pathlib.Path("/tmp", f"osprey-storm-{os.getpid()}")
    subprocess.run(["gcc", "-O1", "-x", "c", "-", "-o", program], input=storm.encode(), check=True)
    try:
        with Driver("execs", "--limit=16384", "--quiet") as driver:
            subprocess.run([program, "3000"], check=True)
            time.sleep(0.5)
            counts = driver.stop()
        assert counts["taken"] >= 3000
        assert not [name for name in counts["dropped"] if not name.startswith("decode")]
        print("CPU of user and system an exec:", counts["cpu"] / counts["taken"] * 1e6, "µs")
    finally:
        program.unlink()


# EVT-22, EVT-24
def test_the_bench_tells_what_an_event_costs_by_bpf_and_by_audit(seat):
    done = subprocess.run([PROJECT / "bench/events/storms", "exec", "--events", "200", "--rounds", "1", "--watchers", "osprey-bpf",
                           "osprey-audit"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if line.startswith("| osprey")]
    assert [row[0] for row in rows] == ["osprey (bpf)", "osprey (audit)"]
    for name, *_, cost, _, lost in rows:
        assert float(cost) > 0, name
        assert lost == "0 (says 0)", name


def test_a_reader_without_rights_is_told_why(seat):
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", DRIVER, "execs"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "CAP_AUDIT_CONTROL" in done.stderr


# EVT-04, EVT-29: the tables, held against auditctl.
def test_tables_of_rules_and_status(seat, osprey):
    rules = ["-w /etc/passwd -p wa -k identity", "-a always,exit -F arch=b64 -S acct,reboot -F auid!=-1 -F key=foreign",
             "-a always,exclude -F msgtype=CWD"]
    for rule in rules:
        control(*rule.split())
    try:
        rows = osprey.query("SELECT * FROM audit_rules ORDER BY list = 'exclude', order_position")
        assert [row["rule_text"] for row in rows] == rule_lines()
        watch = next(row for row in rows if row["watch_path"])
        assert (watch["watch_path"], watch["permissions"], watch["keys"], watch["ours"]) == (
            "/etc/passwd", "wa", "identity", "0")
        call = next(row for row in rows if row["arch"])
        assert (call["list"], call["action"], call["arch"], call["syscalls"], call["fields"]) == (
            "exit", "always", "b64", "acct,reboot", "auid!=-1")
        now = status()
        (row,) = osprey.query("SELECT * FROM audit_status")
        for name in ("enabled", "rate_limit", "backlog_limit"):
            assert int(row[name]) == now[name]
        assert row["failure_mode"] == ("silent", "printk", "panic")[now["failure"]]
        assert (row["our_mode"], row["locked"], row.get("holder_pid") or "") == ("none", "0", "")
        with Driver("execs") as driver:
            (row,) = osprey.query("SELECT holder_pid, holder_name, enabled FROM audit_status")
            assert (row["holder_pid"], row["holder_name"], row["enabled"]) == (str(driver.process.pid), "audit_driver", "1")
    finally:
        for rule in rules:
            control(*rule.replace("-a ", "-d ", 1).replace("-w ", "-W ", 1).split())
