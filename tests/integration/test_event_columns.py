"""Every column of the event tables is filled by a source that can know it: what stays empty is listed here, with why."""

import array
import ctypes
import json
import os
import pathlib
import pty
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

from audit_machine import audit_seat, send_user_message
from conftest import BIN
from containers import Containers
from event_source import control_groups, in_group
from login_daemon import login_daemon

LIBC = ctypes.CDLL(None, use_errno=True)
SCHEMA = {table["name"]: [column["name"] for column in table["columns"] if not column.get("alias_of")]
          for table in json.loads(subprocess.run([BIN / "osprey-reference", "schema"], capture_output=True, check=True).stdout)
          if table.get("event_subscriber")}


def execs(folder):
    pathlib.Path("/proc/self/loginuid").write_text("1001")
    os.environ["OSPREY_ONE"] = "kept"
    subprocess.run(["/bin/true", "a b"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    subprocess.run(["/bin/true", "x" * 40_000])
    (folder / "script").write_text("#!/bin/true\n")
    (folder / "script").chmod(0o755)
    subprocess.run([folder / "script"])
    in_memory = os.memfd_create("in memory")
    os.write(in_memory, pathlib.Path("/bin/true").read_bytes())
    if os.fork() == 0:
        os.execve(in_memory, ["in memory"], {})
    os.wait()
    pty.spawn(["/bin/true"], lambda _: b"")
    with pytest.raises(OSError):
        os.posix_spawn("/nothing/here", ["nothing"], {})


def ends(folder):
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
    child = os.fork()
    if child == 0:
        sum(range(3_000_000))
        os.kill(os.getpid(), signal.SIGQUIT)
    os.waitpid(child, 0)
    child = os.fork()
    if child == 0:
        signal.pause()
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)


def connections(_):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        with listener.accept()[0] as taken:
            client.sendall(b"there")
            taken.recv(5)
            taken.sendall(b"and back")
            client.recv(8)
            time.sleep(1)  # who comes late may ask for the local side
    with socket.socket(socket.AF_UNIX) as client:
        client.connect_ex("/nowhere")
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.55", 53))
        name = b"\4host\7example\0" + struct.pack(">2H", 1, 1)
        client.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name, ("127.0.0.55", 53))
        back = server.recvfrom(1000)[1]
        time.sleep(0.01)
        server.sendto(struct.pack(">6H", 7, 0x8180, 1, 1, 0, 0) + name + b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 300, 4) + b"\n\0\0\1", back)


def files(folder):
    (folder / "watched/one").write_text("content")
    (folder / "watched/one").rename(folder / "watched/two")
    (folder / "watched/two").unlink()
    (folder / "watched/stays").write_text("content")
    (folder / "read/one").write_text("content")
    (folder / "read/one").read_text()


def rights(folder):
    """Changes of ids, of capabilities and of namespaces; tracing; programs for BPF; modules."""
    target = subprocess.Popen(["sleep", "60"])
    assert LIBC.ptrace(16, target.pid, 0, 0) == 0  # PTRACE_ATTACH
    os.kill(target.pid, signal.SIGKILL)  # Popen takes one that is traced for dead
    os.waitpid(target.pid, 0)
    (folder / "module").write_bytes(b"\x7fELF~Module signature appended~\n")
    with open(folder / "module", "rb") as module:
        LIBC.syscall(313, module.fileno(), b"x=1", 0)  # finit_module(2)
        time.sleep(0.5)  # whose file it is is asked for
    if os.fork() == 0:
        LIBC.unshare(0x20000)
        LIBC.mount(b"none", b"/", None, 0x44000, None)
        LIBC.mount(b"here", os.fsencode(folder), b"tmpfs", 6, None)
        os._exit(0)
    os.wait()
    # clone(2) with CLONE_NEWUTS and SIGCHLD.
    if LIBC.syscall(56, 0x04000000 | 17, 0, 0, 0, 0) == 0:
        os._exit(0)
    os.wait()
    for above in (folder, *folder.parents):
        if os.stat(above).st_mode & 0o5 != 0o5:
            above.chmod(0o755)
    shutil.copy("/bin/true", folder / "setuid")
    (folder / "setuid").chmod(0o4755)
    if os.fork() == 0:
        os.setresuid(1000, 1000, 1000)
        os.execv(folder / "setuid", ["setuid"])
    os.wait()
    # return 0, of a socket filter (bpf(2)).
    code = array.array("Q", [0xb7, 0x95])
    license_ = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("<IIQQ", 1, 2, code.buffer_info()[0], ctypes.addressof(license_)) + bytes(24) + b"named" + bytes(64)
    LIBC.syscall(321, 5, attributes, 100)  # BPF_PROG_LOAD


def refused_calls(_):
    """A filter of seccomp(2) that logs every call."""
    kept = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFC0000))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
    program = Program(1, ctypes.addressof(kept))
    if os.fork() == 0:
        LIBC.prctl(38, 1, 0, 0, 0)
        LIBC.prctl(22, 2, ctypes.byref(program))
        LIBC.getppid()
        os._exit(0)
    os.wait()


def lines(log):
    """What sudo and a program that speaks RFC 5424 log."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(os.fspath(log))
        client.send(b"<85>Nov 23 04:00:00 here sudo[812]: kim : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls")
        client.send(b'<34>1 2026-11-23T04:00:00Z here app 77 ID47 [x@1 a="b"] hello')
        time.sleep(1)  # it is looked at


ACTS = (execs, ends, connections, files, rights, refused_calls)
# All is done by root.
IDS = {"uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid", "owner_uid", "owner_gid", "old_uid", "new_uid", "target_uid"}


def never_filled(agent, tables):
    """By table, the columns that had nothing but emptiness and zeros."""
    def is_empty(column, value):
        return value in ("", "[]") or value in ("0", "0x0", "0.0") and column not in IDS
    found = {}
    for table in tables:
        rows = [line["columns"] for line in agent.lines() if line["name"] == table]
        found[table] = {name for name in SCHEMA[table] if all(is_empty(name, row.get(name, "")) for row in rows)}
    return found


def check(agent, tables, empty):
    """Waits until what is never filled is what is listed."""
    end = time.monotonic() + 30
    while (found := {table: columns | (ELSEWHERE & empty[table]) for table, columns in never_filled(agent, tables).items()}) != empty \
            and time.monotonic() < end:
        time.sleep(0.5)
    assert found == empty


def started(make_agent, tables, folder, *flags):
    for name in ("watched", "read"):
        (folder / name).mkdir(parents=True)
    agent = make_agent()
    agent.configure({"schedule": {
        table: {"query": f"SELECT {', '.join(SCHEMA[table])} FROM {table}", "interval": 1, "removed": False} for table in tables}
        | {"ready": {"query": "SELECT pid FROM process_events WHERE cmdline LIKE '%ready%'", "interval": 1}},
        "file_paths": {"here": [f"{folder}/watched/%%"], "read": [f"{folder}/read/%%"]}, "file_accesses": ["read"]})
    agent.start(*flags, "--events_hash_executables", "--events_environment=OSPREY_ONE", "--audit_allow_unix",
                "--audit_allow_fork_process_events", "--audit_allow_kill_process_events", "--events_cpu_percent=0")

    def is_ready():
        subprocess.run(["/bin/true", "ready"], check=True)
        return [line for line in agent.lines() if line["name"] == "ready"]
    agent.wait_for(is_ready, 60, "the first event")
    return agent


def act_in(unit, folder):
    for number, act in enumerate(ACTS):
        place = folder if act is files else folder / str(number)
        place.mkdir(exist_ok=True)
        place.chmod(0o777)
        in_group(unit, lambda: subprocess.run([sys.executable, __file__, act.__name__, place], check=True))


def act_in_container(folder):
    containers = Containers()
    try:
        box, _ = containers.start("run", "/bin/sh", "-c", "sleep 2; /bin/true; nc -w 1 127.0.0.1 9 < /dev/null; nslookup x.example 127.0.0.1;"
                                  " mount -t tmpfs none /mnt; echo x > /kept/inside; exit 3",
                                  flags=["-d", "--privileged", f"--volume={folder}/watched:/kept"])
        containers.do("wait", box)
        containers.do("rm", box)
    finally:
        containers.close()


# Nobody does that in the container, or who starts it does, where it does not always belong to it yet.
ELSEWHERE = {"container_id", "container_name", "container_image"}
OF_BPF = {
    "process_events": {"btime"},  # 0, as in osquery
    "bpf_process_events": {"duration"},  # 0: the event is a moment
    "process_exit_events": set(),
    "socket_events": {"local_best_effort"},  # 0: the kernel tells it
    "bpf_socket_events": {"probe_error"},  # 0: nothing was unreadable
    "dns_events": {"configured_server"},  # 0: the test's own server
    "file_events": set(),
    "file_access_events": set(),
    "privilege_events": set(),
    "namespace_events": set(),
    "ptrace_events": ELSEWHERE,
    "bpf_load_events": ELSEWHERE,
    "container_events": set(),
}


def test_by_bpf(make_agent, tmp_path):
    with control_groups("columns.service") as (unit,):
        agent = started(make_agent, OF_BPF, tmp_path / "acts", "--events_source=bpf")
        act_in(unit, tmp_path / "acts")
        act_in_container(tmp_path / "acts")
        check(agent, OF_BPF, OF_BPF)
    assert agent.stop() == 0


OF_AUDIT = {
    "process_events": {"btime", "env", "env_count", "env_size", "stdin", "stdout"},  # no record has them
    "socket_events": set(),
    "user_events": set(),
    "process_file_events": ELSEWHERE,
    "seccomp_events": {"sig", "compat"},  # 0: logged only, by a 64-bit call
    "kernel_module_events": ELSEWHERE | {"name", "parameters", "taints"},  # this kernel loads none
    "privilege_events": ELSEWHERE,
    "namespace_events": {"filesystem"},  # no record has it
    "ptrace_events": ELSEWHERE,
    "bpf_load_events": ELSEWHERE | {"attach_target", "helpers", "name", "program_type", "tag"},  # records have the number only
}


def test_by_audit(make_agent, tmp_path):
    with audit_seat(), control_groups("columns.service") as (unit,):
        agent = started(make_agent, OF_AUDIT, tmp_path / "acts", "--events_source=audit")
        act_in(unit, tmp_path / "acts")
        act_in_container(tmp_path / "acts")
        send_user_message(1112, 'op=login acct="kim" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.7 terminal=ssh res=success')
        check(agent, OF_AUDIT, OF_AUDIT)
        assert agent.stop() == 0


OF_LOG = {
    "syslog_events": {"container_id"},  # nobody logs from the container
    "authentication_events": {"container_id"},
}


def test_by_the_log(make_agent, tmp_path):
    log = tmp_path / "log"
    with control_groups("columns.service") as (unit,):
        agent = started(make_agent, OF_LOG, tmp_path / "acts", f"--syslog_socket={log}")
        agent.wait_for(log.exists, 60, "the log's socket")
        with login_daemon(log) as sshd:
            sshd.log("Accepted publickey for alice from 2001:db8::7 port 50023 ssh2: ED25519 SHA256:AbC")
        in_group(unit, lambda: subprocess.run([sys.executable, __file__, "lines", log], check=True))
        check(agent, OF_LOG, OF_LOG)
    assert agent.stop() == 0


if __name__ == "__main__":
    globals()[sys.argv[1]](pathlib.Path(sys.argv[2]))
