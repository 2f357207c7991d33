"""A program that makes its calls by int 0x80 or as x32's (compat_calls.c), and what is to be told of it."""

import errno
import pathlib
import subprocess

CODE_64 = ("gcc", "-no-pie")
CODE_32 = ("clang-19", "-m32")
CODE_X32 = ("gcc", "-no-pie", "-DX32")


def build(program, compiler):
    code = pathlib.Path(__file__).with_suffix(".c")
    subprocess.run([*compiler, "-O1", "-static", "-nostdlib", "-fno-pie", "-fno-stack-protector", "-o", program, code], check=True)


def are_told(of, cwd, arch="i386"):
    """`of(family)`: the events of the process that ran the program as root, whose working directory was `cwd`."""
    failed, = [event for event in of() if event["result"] < 0]
    assert (failed["syscall"], failed["arch"], failed["filename"], failed["arguments"]) == ("execve", arch, "./none", ["a", "b c"])
    assert (failed["cwd"], failed["result"]) == (cwd, -2)

    told = [[event[name] for name in ("kind", "types", "source_path", "target_path", "filesystem", "flags", "result")]
            for event in of("namespace")]
    assert told == [
        ["unshare", 0x20000, "", "", "", 0, 0],
        ["mount", 0, "none", "/", "", 0x44000, 0],
        ["mount", 0, "here", "/mnt", "tmpfs", 6, 0],
        ["umount", 0, "", "/mnt", "", 2, 0],
        ["umount", 0, "", "/mnt", "", 0, -22],
        ["chroot", 0, "", "/", "", 0, 0],
        ["setns", 0x20000, "", "", "", 0, -9],
        ["pivot_root", 0, "/nowhere", "/none", "", 0, -2],
        ["move_mount", 0, "/none", "/nowhere", "", 0, -2],
    ]

    attach, read, opened = of("ptrace")
    assert (attach["request"], attach["target"]["pid"], attach["result"]) == ("PTRACE_ATTACH", 4194305, -3)
    assert (read["method"], read["target"]["pid"]) == ("process_vm_readv", 4194305)
    assert (opened["method"], opened["request"], opened["target_uid"], opened["result"]) == ("proc_mem", "", 0, 0)
    assert opened["target"]["pid"] > opened["actor"]["process"]["pid"] and opened["target"]["start"] > 0
    load, = of("bpf_load")
    assert (load["action"], load["result"] < 0) == ("load", True)

    told = [(event["syscall"], event["before"]["euid"], event["actor"]["ids"]["euid"], event["before"]["gid"],
             event["actor"]["ids"]["gid"], event["result"]) for event in of("privilege")]
    assert told == [
        ("setresgid", 0, 0, 0, 1003, 0),
        ("setresuid", 0, 1000, 1003, 1003, 0),
        ("setresuid", 1000, 0, 1003, 1003, 0),
        ("setuid", 0, 1001, 1003, 1003, 0),
        ("setuid", 1001, 1001, 1003, 1003, -1),
    ]
    assert of("privilege")[0]["old_capabilities"] != 0


def are_told_as_unknown(of, cwd):
    """The same of x32's where the kernel has none of it, and so has not read what they were given."""
    failed, = [event for event in of() if event["result"] < 0]
    assert (failed["syscall"], failed["arch"], failed["cwd"], failed["result"]) == ("execve", "x32", cwd, -errno.ENOSYS)
    assert [event["kind"] for event in of("namespace")] == ["unshare", "mount", "mount", "umount", "umount", "chroot", "setns",
                                                            "pivot_root", "move_mount"]
    assert [(event["method"], event["target"]["pid"]) for event in of("ptrace")] == [("ptrace", 4194305), ("process_vm_readv", 4194305)]
    assert [event["action"] for event in of("bpf_load")] == ["load"]
    assert [event["syscall"] for event in of("privilege")] == ["setresgid", "setresuid", "setresuid", "setuid", "setuid"]
    for family in ("namespace", "ptrace", "bpf_load", "privilege"):
        assert {event["result"] for event in of(family)} == {-errno.ENOSYS}
