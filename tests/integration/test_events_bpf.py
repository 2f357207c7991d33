"""The bpf source against what the acting programs know of themselves; test_random_actions.py has the ways to exec."""

import ctypes
import fcntl
import json
import os
import pathlib
import pty
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

from conftest import BIN
from event_source import ACTOR, EventDriver, control_groups, in_group, named, stopped, types_of

LIBC = ctypes.CDLL(None, use_errno=True)
WITNESS = r"""
#include <stdlib.h>
int main(int argc, char** argv) { return argc > 1 ? atoi(argv[1]) : 0; }
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with a small static program."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "witness.c").write_text(WITNESS)
    subprocess.run(["gcc", "-static", "-O1", "-o", folder / "witness", folder / "witness.c"], check=True)
    return folder


@pytest.fixture(scope="module", params=[None, "5.14"], ids=["", "as before 5.15"])
def source(request, tmp_path_factory):
    with EventDriver("bpf", "--kinds=process,process_exit", "--env=OSPREY_ONE,OSPREY_TWO", "--execs", "--forks",
                     *types_of(request.param, tmp_path_factory.mktemp("types"))) as driver:
        yield driver


def child(run):
    """Runs a function in a child, which then must not come back. Its pid and status."""
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(98)
    return pid, os.waitpid(pid, 0)[1]


def test_who_it_is(source, programs):
    def run():
        os.setgroups([])
        os.setresgid(1003, 1004, 1005)
        os.setresuid(1000, 1001, 1002)
        os.execve(programs / "witness", ["w", "3"], {})

    programs.chmod(0o755)
    for folder in programs.parents:
        if os.stat(folder).st_mode & 0o5 != 0o5:
            folder.chmod(0o755)
    pid, status = child(run)
    assert os.waitstatus_to_exitcode(status) == 3
    event, = source.of(pid, syscall="execve")
    # Saved ids follow the effective ones at an exec, and filesystem ids always.
    assert [event["actor"]["ids"][name] for name in ("uid", "euid", "suid", "fsuid")] == [1000, 1001, 1001, 1001]
    assert [event["actor"]["ids"][name] for name in ("gid", "egid", "sgid", "fsgid")] == [1003, 1004, 1004, 1004]
    login = int(pathlib.Path("/proc/self/loginuid").read_text())
    assert event["actor"]["ids"]["login_uid"] == (None if login == 2**32 - 1 else login)
    for name in ("pid", "mnt", "net", "user"):
        field = {"mnt": "mount", "net": "network"}.get(name, name) + "_namespace"
        assert event[field] == os.stat(f"/proc/self/ns/{name}").st_ino
    assert event["capabilities"] == 0
    groups = dict(line.split(":", 1)[1].split(":", 1) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    assert event["actor"]["cgroup_path"] == (groups.get("", "/") if groups.get("", "/") != "/" else groups.get("memory", "/"))


def test_standard_streams_and_terminal(source, programs):
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    taken, _ = listener.accept()
    read, write = os.pipe()

    def run():
        os.dup2(taken.fileno(), 0)
        os.dup2(write, 1)
        os.close(2)
        os.execve(programs / "witness", ["w"], {})

    pid, _ = child(run)
    event, = source.of(pid, syscall="execve")
    host, port = peer.getsockname()
    assert event["streams"] == [["socket", f"{host}:{port}"], ["pipe", ""], ["none", ""]]
    for one in (listener, peer, taken):
        one.close()
    os.close(read)
    os.close(write)

    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(programs / "witness", ["w"], {})
    # TIOCGPTN of ioctl_tty(2).
    name = str(int.from_bytes(fcntl.ioctl(terminal, 0x80045430, bytes(4)), sys.byteorder))
    os.waitpid(pid, 0)
    os.close(terminal)
    event, = source.of(pid, syscall="execve")
    assert event["actor"]["tty"] == "pts" + name
    assert [stream[0] for stream in event["streams"]] == ["tty"] * 3


@pytest.mark.parametrize("number,name", [(57, "fork"), (56, "clone")])
def test_the_call_that_makes_a_process(source, number, name):
    pid = LIBC.syscall(number, signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    event, = [event for event in source.of(os.getpid()) if event["target"]["pid"] == pid]
    assert (event["syscall"], event["arch"]) == (name, "x86_64")


def test_how_a_process_ends(source):
    pid, status = child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    event, = source.of(pid, "process_exit")
    assert (event["exit_code"], event["signal"], event["core_dumped"]) == (128 + 9, 9, False)

    def burn():
        until = os.times().user + 0.2
        while os.times().user < until:
            pass
        os._exit(0)

    pid = os.fork()
    if pid == 0:
        burn()
    _, _, usage = os.wait4(pid, 0)
    event, = source.of(pid, "process_exit")
    assert event["cpu"] / 1e9 == pytest.approx(usage.ru_utime + usage.ru_stime, abs=0.05)
    assert event["lifetime"] >= event["cpu"] * 0.9


def test_threads_end_once(source):
    def run():
        for _ in range(20):
            threading.Thread(target=signal.pause, daemon=True).start()
        os._exit(11)

    pid, _ = child(run)
    event, = source.of(pid, "process_exit")
    assert event["exit_code"] == 11


def test_what_is_asked_for_changes_while_it_runs(programs):
    with EventDriver("bpf", "--kinds=process_exit") as driver:
        pid, _ = child(lambda: os.execve(programs / "witness", ["w"], {}))
        assert driver.of(pid, "process")[0]["environment"] == []
        assert len(driver.of(pid, "process_exit")) == 1
        driver.demand("--kinds=process", "--env=A")
        pid, _ = child(lambda: os.execve(programs / "witness", ["w"], {"A": "b"}))
        assert driver.of(pid)[0]["environment"] == ["A=b"]
        assert driver.of(pid, "process_exit") == []
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"]
        driver.demand("--kinds=syslog")
        pid, _ = child(lambda: os.execve(programs / "witness", ["w"], {}))
        assert driver.of(pid) == []


def test_the_processes_that_run_are_told():
    """Those of the iterator against /proc."""
    sleeper = subprocess.Popen(["sleep", "60"], cwd="/")
    try:
        listed = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        done = subprocess.run([BIN.parent / "test" / "event_driver", "seed"], capture_output=True, text=True, check=True)
        actors = [named(json.loads(line)["actor"], ACTOR) for line in done.stdout.splitlines()]
        found = {actor["process"]["pid"]: actor for actor in actors}
        assert len(found) == len(actors)
        still = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        # This machine's kernel keeps the first process to itself.
        assert (listed & still) - set(found) <= {1}
        mine = found[sleeper.pid]
        assert mine["path"] == os.path.realpath("/usr/bin/sleep")
        assert (mine["parent"]["pid"], mine["name"], mine["ids"]["uid"]) == (os.getpid(), "sleep", 0)
        ticks = int(pathlib.Path(f"/proc/{sleeper.pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        assert mine["process"]["start"] // 10_000_000 == ticks
    finally:
        sleeper.kill()
        sleeper.wait()


def test_what_does_not_fit_is_counted_exactly(programs):
    """EVT-15, EVT-38: a reader that stands still loses events and knows how many."""
    with EventDriver("bpf", "--kinds=process_exit", "--ring=65536") as driver:
        os.kill(driver.process.pid, signal.SIGSTOP)
        pids = set()
        for _ in range(500):
            pid = os.posix_spawn(programs / "witness", ["w"], {})
            os.waitpid(pid, 0)
            pids.add(pid)
        os.kill(driver.process.pid, signal.SIGCONT)
        counts = driver.counts()
        lost = sum(drop[2] for drop in counts["dropped"])
        assert {drop[1] for drop in counts["dropped"]} <= {"ring full", "ring full: its group's share"}
        assert counts["seen"] == counts["kept"] + counts["filtered"] + lost
        assert counts["seen"] >= 3 * len(pids)
        assert counts["kept"] == len(driver.events) + len(driver.others)
        # And it goes on.
        pid, _ = child(lambda: os.execve(programs / "witness", ["w", "2"], {}))
        assert driver.of(pid, "process_exit")[0]["exit_code"] == 2


def helpers_of(program):
    """Numbers of the kernel's functions (enum bpf_func_id of linux/bpf.h) that an object for BPF calls."""
    elf = program.read_bytes()
    at, = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    called = set()
    for section in range(at, at + size * count, size):
        kind, flags = struct.unpack_from("<IQ", elf, section + 4)
        offset, length = struct.unpack_from("<QQ", elf, section + 24)
        if (kind, flags & 4) != (1, 4):  # SHT_PROGBITS, SHF_EXECINSTR
            continue
        for code, registers, _, immediate in struct.iter_unpack("<BBhi", elf[offset:offset + length]):
            if (code, registers >> 4) == (0x85, 0):  # a call, of a helper
                called.add(immediate)
    return called


def test_programs_only_look():
    """EVT-23: none writes into others' memory, changes what a call returns or sends signals."""
    probe_write_user, override_return, send_signal, send_signal_thread = 36, 58, 109, 117
    objects = list((BIN.parent / "src" / "modules" / "bpf").glob("*.o"))
    called = {program.name: helpers_of(program) for program in objects}
    assert len(called) > 20 and all(called.values())
    for name, helpers in called.items():
        assert not helpers & {probe_write_user, override_return, send_signal, send_signal_thread}, name


def test_a_flooding_group_costs_no_other_its_events(programs):
    """EVT-38: the reader stands still, a group fills its share of the ring, and all that another does is told."""
    def spawn(times, code):
        for _ in range(times):
            os.waitpid(os.posix_spawn(programs / "witness", ["w", code], {}), 0)

    with control_groups("flood", "quiet") as (flood, quiet), EventDriver("bpf", "--kinds=process,process_exit",
                                                                         f"--ring={1 << 19}") as driver:
        with stopped(driver):
            in_group(flood, lambda: spawn(1500, "1"))
            in_group(quiet, lambda: spawn(15, "2"))
            in_group(flood, lambda: spawn(100, "1"))
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])
        lost = {drop[0]: drop for drop in counts["dropped"] if drop[1] == "ring full: its group's share"}
        assert lost["sched_process_exec"][2] > 200
        # Others on this machine may flood more.
        assert "" not in (worst := {drop[3] for drop in lost.values()}) and quiet not in worst
        ran = [event["actor"]["cgroup_path"] for event in driver.events if event["event"] == "process" and event["syscall"]]
        ended = [event["exit_code"] for event in driver.events if event["event"] == "process_exit"]
        assert (ran.count(quiet), ended.count(2)) == (15, 15)
        # Most of the ring is the flood's as long as nobody else needs it.
        assert ran.count(flood) > ran.count(quiet)
        # And it is told of again.
        in_group(flood, lambda: spawn(20, "3"))
        driver.counts()
        assert [event["exit_code"] for event in driver.events if event["event"] == "process_exit"].count(3) == 20


def test_what_is_not_asked_for_any_more_is_not_in_the_kernel():
    def held(pid):
        names = []
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            text = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            names += [word for word in ("map_id", "link_type") if f"{word}:" in text]
        return names.count("map_id"), names.count("link_type")

    with EventDriver("bpf", "--kinds=socket,dns,ptrace,privilege,namespace,bpf_load") as driver:
        most = held(driver.process.pid)
        driver.demand("--kinds=process_exit")
        driver.counts()
        few = held(driver.process.pid)
        assert few[0] < most[0] and few[1] == 3 < most[1]
        counts = driver.counts()
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])
        driver.demand("--kinds=socket")
        assert driver.counts()["missing"] == []
        driver.demand("--kinds=syslog")
        driver.counts()
        assert held(driver.process.pid)[1] == 0
