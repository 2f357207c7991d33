"""What the bpf source tells of rights, namespaces and the like against what the acting programs did."""

import ctypes
import errno
import os
import pathlib
import shutil
import signal
import struct
import subprocess

import pytest

from compat_calls import CODE_32, CODE_64, CODE_X32, are_told, are_told_as_unknown, build
from event_source import EventDriver, types_of

LIBC = ctypes.CDLL(None, use_errno=True)
KINDS = "--kinds=process,ptrace,bpf_load,namespace,privilege"


@pytest.fixture(scope="module", params=[None, "5.14"], ids=["", "as before 5.15"])
def source(request, tmp_path_factory):
    with EventDriver("bpf", KINDS, "--execs", "--kills", *types_of(request.param, tmp_path_factory.mktemp("types"))) as driver:
        yield driver


def child(run):
    """Runs a function in a child. Its pid and exit code."""
    pid = os.fork()
    if pid == 0:
        code = 98
        try:
            code = run() or 0
        finally:
            os._exit(code)
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_execs_that_fail(source, tmp_path):
    (tmp_path / "text").write_text("no program")
    (tmp_path / "broken").write_text("no program")
    (tmp_path / "broken").chmod(0o755)

    def run():
        os.chdir(tmp_path)
        for path, argv in (("./none", ["a", "b c", "\n"]), ("./text", ["t"]), ("./broken", ["x" * 100] * 40)):
            try:
                os.execve(path, argv, {})
            except OSError:
                pass

    pid, code = child(run)
    assert code == 0
    failed = [event for event in source.of(pid, syscall="execve") if event["result"] < 0]
    assert [(event["filename"], event["result"]) for event in failed] == [("./none", -2), ("./text", -13), ("./broken", -8)]
    assert {event["cwd"] for event in failed} == {str(tmp_path)}
    assert failed[0]["arguments"] == ["a", "b c", "\n"]
    assert failed[1]["arguments"] == ["t"]
    assert (len(failed[2]["arguments"]), failed[2]["arguments_truncated"]) == (32, True)


def test_signals_and_who_was_to_get_them(source):
    target = subprocess.Popen(["sleep", "60"])
    try:
        pid, code = child(lambda: os.setuid(1000) or 0)
        assert code == 0
        sender, _ = child(lambda: os.kill(target.pid, signal.SIGUSR1))
        assert target.wait() == -signal.SIGUSR1
    finally:
        target.kill()
    event, = source.of(sender, syscall="kill")
    assert (event["target"]["pid"], event["signal"]) == (target.pid, signal.SIGUSR1)
    assert event["target"]["start"] > 0


def test_ptrace(source):
    target = subprocess.Popen(["sleep", "60"])

    def run():
        if LIBC.ptrace(16, target.pid, 0, 0):
            return 1
        os.waitpid(target.pid, 0)
        return LIBC.ptrace(17, target.pid, 0, 0)

    try:
        tracer, code = child(run)
        assert code == 0
        refused, code = child(lambda: LIBC.ptrace(16, 2**22 + 1, 0, 0) != -1)
        assert code == 0
    finally:
        target.kill()
        target.wait()
    event, = source.of(tracer, "ptrace")
    assert (event["request"], event["method"], event["result"]) == ("PTRACE_ATTACH", "ptrace", 0)
    assert (event["target"]["pid"], event["target_uid"]) == (target.pid, 0)
    assert event["target"]["start"] > 0
    event, = source.of(refused, "ptrace")
    assert (event["result"], event["target"]["pid"], event["target_uid"]) == (-3, 2**22 + 1, None)


def test_memory_that_is_opened_for_writing(source):
    target = subprocess.Popen(["sleep", "60"], user=1000)

    def run():
        memory = f"/proc/{target.pid}/mem"
        for path, flags in ((memory, os.O_RDONLY), ("/proc/self/mem", os.O_RDWR), (f"/proc/{target.pid}/oom_score_adj", os.O_WRONLY)):
            os.close(os.open(path, flags))
        how = (ctypes.c_uint64 * 3)(os.O_WRONLY, 0, 0)
        os.close(os.open(memory, os.O_RDWR))
        os.close(os.open(f"/proc/{target.pid}/task/{target.pid}/mem", os.O_WRONLY))
        for number, arguments in ((2, (os.fsencode(memory), os.O_WRONLY, 0)), (85, (os.fsencode(memory), 0)),
                                  (437, (-100, os.fsencode(memory), how, 24))):  # open, creat, openat2
            if LIBC.syscall(number, *arguments) < 0:
                return 1

    try:
        pid, code = child(run)
        assert code == 0
    finally:
        target.kill()
        target.wait()
    told = source.of(pid, "ptrace")
    assert [(event["method"], event["request"], event["target"]["pid"], event["target_uid"], event["result"]) for event in told] == \
        5 * [("proc_mem", "", target.pid, 1000, 0)]
    assert {event["target"]["start"] > 0 for event in told} == {True}


def test_rights_that_change(source):
    def run():
        os.setresgid(1003, 1004, 1005)
        os.setresuid(1000, 1000, 1000)
        try:
            os.setuid(0)
        except PermissionError:
            return 7

    pid, code = child(run)
    assert code == 7
    group, user, refused = source.of(pid, "privilege")
    assert (group["kind"], group["syscall"], group["result"]) == ("setgid", "setresgid", 0)
    assert [group["before"][name] for name in ("gid", "egid", "sgid")] == [0, 0, 0]
    assert [group["actor"]["ids"][name] for name in ("gid", "egid", "sgid")] == [1003, 1004, 1005]
    assert (user["kind"], user["before"]["uid"], user["actor"]["ids"]["uid"]) == ("setuid", 0, 1000)
    assert user["old_capabilities"] != 0 and user["new_capabilities"] == 0
    assert (refused["result"], refused["actor"]["ids"]["euid"]) == (-1, 1000)


def test_a_program_with_the_bit_of_setuid(source, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if os.stat(folder).st_mode & 0o5 != 0o5:
            folder.chmod(0o755)
    program = tmp_path / "true"
    program.write_bytes(pathlib.Path("/bin/true").read_bytes())
    program.chmod(0o4755)

    def run():
        os.setresuid(1000, 1000, 1000)
        os.execve(program, ["true"], {})

    pid, code = child(run)
    assert code == 0
    taken, = source.of(pid, "privilege", kind="suid_exec")
    assert (taken["kind"], taken["via_suid"], taken["actor"]["ids"]["euid"]) == ("suid_exec", True, 0)
    assert {taken["before"][name] for name in ("uid", "euid", "suid", "fsuid")} == {1000}
    assert taken["old_capabilities"] == 0 and taken["new_capabilities"] != 0


def test_a_program_whose_file_has_capabilities(source, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if os.stat(folder).st_mode & 0o5 != 0o5:
            folder.chmod(0o755)
    program = tmp_path / "true"
    shutil.copy("/bin/true", program)

    def run_by(uid, effective=True, before=lambda: None):
        os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000000 | effective, 1 << 13, 0, 0, 0))  # CAP_NET_RAW

        def run():
            if uid:
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            before()
            os.execve(program, ["true"], {})
        pid, code = child(run)
        assert code == 0
        return source.of(pid, "privilege", kind="suid_exec")

    taken, = run_by(65534)
    assert (taken["via_suid"], taken["old_capabilities"], taken["new_capabilities"]) == (True, 0, 1 << 13)
    assert taken["before"]["euid"] == taken["actor"]["ids"]["euid"] == 65534
    taken, = run_by(65534, effective=False)  # permitted only: the program takes them by itself
    assert (taken["via_suid"], taken["old_capabilities"], taken["new_capabilities"]) == (True, 0, 0)
    # Root has them without, that of a user namespace too; nobody gets any where that is forbidden.

    def become_root_inside():
        LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: /proc/self is the user's
        assert LIBC.unshare(0x10000000) == 0  # CLONE_NEWUSER
        pathlib.Path("/proc/self/uid_map").write_text("0 65534 1")

    assert run_by(0) == run_by(65534, before=become_root_inside) == []
    assert run_by(65534, before=lambda: LIBC.prctl(38, 1, 0, 0, 0)) == []  # PR_SET_NO_NEW_PRIVS


def test_namespaces_and_mounts(source, tmp_path):
    (tmp_path / "root").mkdir()

    def run():
        if LIBC.unshare(0x20000):
            return 1
        if LIBC.mount(b"none", b"/", None, 0x44000, None):
            return 2
        if LIBC.mount(b"here", os.fsencode(tmp_path / "root"), b"tmpfs", 6, None):
            return 3
        if LIBC.umount2(os.fsencode(tmp_path / "root"), 2):
            return 4
        os.chroot(tmp_path / "root")
        inside = os.open("/", os.O_RDONLY)
        return LIBC.setns(inside, 0x20000) != -1

    pid, code = child(run)
    assert code == 0
    unshared, private, mounted, unmounted, rooted, refused = source.of(pid, "namespace")
    assert (unshared["kind"], unshared["types"], unshared["result"]) == ("unshare", 0x20000, 0)
    assert (private["kind"], private["target_path"], private["flags"]) == ("mount", "/", 0x44000)
    assert (mounted["source_path"], mounted["target_path"], mounted["filesystem"], mounted["flags"]) == \
        ("here", str(tmp_path / "root"), "tmpfs", 6)
    assert (unmounted["kind"], unmounted["target_path"], unmounted["flags"]) == ("umount", str(tmp_path / "root"), 2)
    assert (rooted["kind"], rooted["target_path"], rooted["result"]) == ("chroot", str(tmp_path / "root"), 0)
    assert (refused["kind"], refused["types"], refused["result"]) == ("setns", 0x20000, -22)


def test_processes_that_begin_in_namespaces_of_their_own(source):
    # clone(2) with CLONE_NEWPID, CLONE_NEWUTS and SIGCHLD.
    pid = LIBC.syscall(56, 0x20000000 | 0x04000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    event, = [event for event in source.of(os.getpid(), "namespace", kind="clone") if event["target"]["pid"] == pid]
    assert event["types"] == 0x24000000


def test_a_namespace_of_users_gives_rights():
    """Also where nobody asks for namespaces."""
    new_users = 0x10000000
    with EventDriver("bpf", "--kinds=privilege") as source:
        pid, code = child(lambda: LIBC.unshare(new_users))
        assert code == 0
        event, = source.of(pid, "privilege")
        assert (event["kind"], event["syscall"], event["result"]) == ("user_namespace", "unshare", 0)
        # clone(2) with SIGCHLD.
        pid = LIBC.syscall(56, new_users | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        event, = source.of(os.getpid(), "privilege")
        assert (event["kind"], event["syscall"]) == ("user_namespace", "clone")


def test_programs_that_others_load(source):
    """A second source: what it loads and attaches is told, under its names."""
    with EventDriver("bpf", "--kinds=process") as other:
        pid = other.process.pid
        loaded = [event for event in source.of(pid, "bpf_load", action="load") if event["result"] >= 0]
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            text = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            if "prog_id" not in text or "prog_tag" not in text or "link_type" in text:
                continue
            about = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            event, = [event for event in loaded if event["program_id"] == int(about["prog_id"])]
            assert event["tag"] == about["prog_tag"]
            assert event["program_type"] == "tracing"
        assert {"sched_process_e", "sched_process_f"} <= {event["name"] for event in loaded}
        assert {"bpf_get_current_task", "bpf_map_lookup_elem"} <= {helper for event in loaded for helper in event["helpers"]}
        attached = source.of(pid, "bpf_load", action="attach")
        assert {event["attach_target"] for event in attached} >= {"sched_process_exec", "sched_process_fork"}


@pytest.mark.parametrize("compiler", [CODE_64, CODE_32], ids=["of a 64-bit program", "of a 32-bit program"])
def test_calls_by_int_0x80(source, tmp_path, compiler):
    """EVT-05, EVT-13, EVT-20: the tracepoints of single calls see none of these."""
    build(tmp_path / "calls", compiler)
    acting = subprocess.Popen([tmp_path / "calls"], cwd=tmp_path)
    assert acting.wait(20) == 0

    are_told(lambda family="process": source.of(acting.pid, family), str(tmp_path))


def test_calls_of_x32(source, tmp_path):
    """EVT-05, EVT-20: where the kernel has none of it, that they were made."""
    build(tmp_path / "calls", CODE_X32)
    acting = subprocess.Popen([tmp_path / "calls"], cwd=tmp_path)
    assert acting.wait(20) == 0
    of = lambda family="process": source.of(acting.pid, family)  # noqa: E731
    if {event["result"] for event in of()} >= {-errno.ENOSYS}:
        are_told_as_unknown(of, str(tmp_path))
    else:
        are_told(of, str(tmp_path), "x32")


def test_what_the_kernel_lacks_is_said():
    """EVT-12: failed execs by int 0x80 need fentry, or a program that is attached for other calls only."""
    with EventDriver("bpf", "--kinds=process", "--execs") as driver:
        missing = driver.counts()["missing"]
        assert missing == [] or len(missing) == 1 and missing[0].startswith("bpf program compat_execs: ")
        driver.demand("--kinds=process,namespace", "--execs")
        assert driver.counts()["missing"] == []


def in_own_mounts(commands):
    return ["unshare", "--mount", "sh", "-c", commands + ' && exec "$@"', "sh"]


def test_three_capabilities_are_enough():
    """What a worker keeps: programs are loaded and attached with it at any time."""
    under = [*in_own_mounts("mount -t tracefs tracefs /sys/kernel/tracing"),
             "setpriv", "--bounding-set=-all,+bpf,+perfmon,+net_admin", "--no-new-privs"]
    with EventDriver("bpf", "--kinds=process", under=under) as driver:
        driver.demand("--kinds=process,process_exit,socket,dns,privilege,namespace,ptrace,bpf_load", "--execs", "--kills")
        assert driver.counts()["missing"] == []
        pid, _ = child(lambda: os.setuid(1000))
        assert len(driver.of(pid, "privilege")) == 1


def test_tracefs_need_not_be_mounted():
    under = in_own_mounts("mount -t tmpfs none /sys/kernel/tracing && mount -t tmpfs none /sys/kernel/debug")
    with EventDriver("bpf", "--kinds=process,privilege", "--execs", under=under) as driver:
        assert driver.counts()["missing"] == []
        pid, _ = child(lambda: os.setuid(1000))
        assert len(driver.of(pid, "privilege")) == 1
