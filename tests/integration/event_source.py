"""Drives a source of events through build/test/event_driver, and gives names to what it prints."""

import contextlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from conftest import BIN

KEY = ("pid", "start")
IDS = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "login_uid", "session")
HEADER = ("origin", "moment")
FILE = ("mode", "uid", "gid", "size", "atime", "mtime", "ctime", "inode", "device")
ACTOR = (("process", KEY), ("parent", KEY), "tid", ("ids", IDS), "name", "path", "cmdline", "tty", "cgroup_id", "cgroup_path",
         "user", "container_id", "container_name", "container_image", "unit", "ancestors")
# As the fields() of src/events/kinds list them.
FIELDS = {
    "process": (("header", HEADER), ("actor", ACTOR), "syscall", "result", "arch", "filename", "interpreter", "cwd", "arguments",
                "arguments_size", "arguments_truncated", "environment", "environment_count", "environment_size",
                ("executable", FILE), "executable_state", "streams", "capabilities", "pid_namespace", "mount_namespace",
                "network_namespace", "user_namespace", ("target", KEY), "signal", "executable_sha256"),
    "process_exit": (("header", HEADER), ("actor", ACTOR), "exit_code", "signal", "core_dumped", "lifetime", "cpu"),
    "socket": (("header", HEADER), ("actor", ACTOR), "action", "syscall", "result", "descriptor", "family", "type", "protocol",
               "local_address", "remote_address", "local_port", "remote_port", "local_is_best_effort", "socket", "cookie",
               "network_namespace", "interface", "direction", "bytes_sent", "bytes_received", "duration"),
    "file": (("header", HEADER), ("actor", ACTOR), "action", "category", "path", "old_path", "transaction", ("file", FILE), "md5",
             "sha1", "sha256", "sha512", "hashed", "coalesced", "mount_id", "to_hash"),
    "process_file": (("header", HEADER), ("actor", ACTOR), "operation", "partial", "cwd", "path", "destination"),
    "dns": (("header", HEADER), ("actor", ACTOR), "query", "type", "server_address", "server_port", "local_port", "protocol",
            "response_code", "answers", "ttl", "latency", "configured"),
    "kernel_module": (("header", HEADER), ("actor", ACTOR), "action", "name", "path", "parameters", "method", "sha256", "taints",
                      "is_signed", "result"),
    "privilege": (("header", HEADER), ("actor", ACTOR), "kind", "syscall", ("before", IDS), "old_capabilities",
                  "new_capabilities", "via_suid", "expected", "result"),
    "namespace": (("header", HEADER), ("actor", ACTOR), "kind", "types", ("target", KEY), "source_path", "target_path",
                  "filesystem", "flags", "result"),
    "ptrace": (("header", HEADER), ("actor", ACTOR), "request", "method", ("target", KEY), "target_path", "target_uid", "result"),
    "bpf_load": (("header", HEADER), ("actor", ACTOR), "action", "program_id", "program_type", "name", "tag", "attach_target",
                 "helpers", "result"),
}


def named(values, names):
    """What the driver printed as a list, by name."""
    event = {}
    for value, name in itertools.zip_longest(values, names):
        if isinstance(name, tuple):
            event[name[0]] = named(value, name[1])
        else:
            event[name] = value
    return event


class EventDriver:
    """An open source; its events as dictionaries; `event` is the family. Texts are bytes as Latin-1."""

    def __init__(self, source, *flags, under=()):
        self.process = subprocess.Popen([*under, BIN.parent / "test" / "event_driver", source, *flags], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events, self.answers, self.others = [], [], []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._answer("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.reader.join(20)

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "family" in said:
                event = named(said["fields"], FIELDS[said["family"]])
                self.events.append({"event": said["family"], **event})
            elif "ready" in said or "counts" in said:
                self.answers.append(said)
            else:
                self.others.append(said)

    def _answer(self, name):
        until = time.monotonic() + 20
        while not self.answers:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < until, f"no answer: {name}"
            time.sleep(0.005)
        return self.answers.pop(0)[name]

    def counts(self):
        """The source's counters, once all that had happened has been read."""
        self.process.stdin.write("counts\n")
        self.process.stdin.flush()
        return self._answer("counts")

    def act(self):
        """The driver does something itself."""
        self.process.stdin.write("act\n")
        self.process.stdin.flush()

    def demand(self, *flags):
        self.process.stdin.write("demand " + " ".join(flags) + "\n")
        self.process.stdin.flush()
        self._answer("ready")

    def of(self, pid, family="process", **values):
        """The events of a process, oldest first; all that has happened is among them."""
        self.counts()
        return [event for event in self.events if event["event"] == family and event["actor"]["process"]["pid"] == pid
                and all(event[name] == value for name, value in values.items())]


# What the types of older kernels, up to a version, do not have.
LACKING = {"5.14": ["BPF_FUNC_task_pt_regs"], "5.11": ["BPF_FUNC_task_pt_regs", "btf_bpf_get_socket_ptr_cookie"]}


def types_of(version, folder):
    """Flags of a driver whose programs take this kernel for one of an older version; None: for what it is."""
    if not version:
        return []
    types = pathlib.Path("/sys/kernel/btf/vmlinux").read_bytes()
    for name in LACKING[version]:
        text = b"\0" + name.encode() + b"\0"
        assert types.count(text) == 1
        types = types.replace(text, b"\0" + b"x" * len(name) + b"\0")
    path = folder / f"types-{version}"
    path.write_bytes(types)
    return [f"--types={path}"]


MEMORY_GROUPS = pathlib.Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def control_groups(*names):
    """Groups of the memory controller, as containers of a host in v1 mode have them, by their paths."""
    folders = [MEMORY_GROUPS / f"osprey-{os.getpid()}-{name}" for name in names]
    for folder in folders:
        folder.mkdir()
    try:
        yield [f"/{folder.relative_to(MEMORY_GROUPS)}" for folder in folders]
    finally:
        for folder in reversed(folders):
            folder.rmdir()


def in_group(group, run):
    """Runs a function in a child that is in a group, and waits for it; its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            (MEMORY_GROUPS / group.lstrip("/") / "cgroup.procs").write_text(str(os.getpid()))
            run()
            os._exit(0)
        finally:
            os._exit(98)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return pid


@contextlib.contextmanager
def stopped(driver):
    """The reader stands still."""
    os.kill(driver.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(driver.process.pid, signal.SIGCONT)
