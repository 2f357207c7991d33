"""The pack of detections (packaging/packs/detections.conf) in a running agent: each act is done for real, after the legal
act that is nearest to it, of which nothing may be said."""

import contextlib
import copy
import ctypes
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys

import pytest

from audit_machine import audit_seat, send_user_message
from conftest import PROJECT, Agent
from containers import Containers
from login_daemon import forge, login_daemon

PACK = json.loads((PROJECT / "packaging" / "packs" / "detections.conf").read_text())
LIBC = ctypes.CDLL(None, use_errno=True)
# They need the audit system, of which a machine has one.
OF_AUDIT = ("ssh_brute_force", "ssh_brute_force_success", "kernel_module")

# As rootkits in user space do it: a folder's listing lacks what the file beside says.
HIDER = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t getdents64(int fd, void *buffer, size_t size) {
  ssize_t count = syscall(SYS_getdents64, fd, buffer, size), at = 0;
  char hidden[32] = "";
  int file = open(HIDDEN, O_RDONLY | O_CLOEXEC);
  if (file < 0) return count;
  ssize_t length = read(file, hidden, sizeof(hidden) - 1);
  close(file);
  while (length > 0 && at < count) {
    struct dirent64 *entry = (void *)((char *)buffer + at);
    size_t step = entry->d_reclen;
    if (strcmp(entry->d_name, hidden) == 0) {
      memmove(entry, (char *)entry + step, count - at - step);
      count -= step;
    } else {
      at += step;
    }
  }
  return count;
}
"""


def pack_for(scratch, names):
    """The pack as it ships, but for its intervals and where its files are."""
    pack = copy.deepcopy(PACK)
    pack["queries"] = {name: query | {"interval": 1} for name, query in pack["queries"].items() if name in names}
    pack["file_paths"] = {category: [f"{scratch}{path}" for path in paths] for category, paths in pack["file_paths"].items()}
    return pack


class Watched:
    """An agent with detections, and what they told."""

    def __init__(self, folder, names, *flags, **kwargs):
        self.scratch = folder / "scratch"
        for path in ("etc/cron.d", "tmp", "home/u/.ssh", "var/spool/cron/crontabs", "usr/bin"):
            (self.scratch / path).mkdir(parents=True)
        (folder / "agent").mkdir()
        self.agent = Agent(folder / "agent")
        self.agent.configure({"packs": {"detections": pack_for(self.scratch, names)}, "schedule": {
            "execs": {"query": "SELECT cmdline FROM process_events WHERE cmdline LIKE 'true ready%'", "interval": 1, "removed": False},
            "files": {"query": "SELECT target_path FROM file_events", "interval": 1, "removed": False}}})
        self.agent.start(*flags, **kwargs)
        self.agent.wait_for(self._is_ready, 60, "the first events")

    def _is_ready(self):
        subprocess.run(["true", "ready"], check=True)
        (self.scratch / "tmp" / "ready").write_text("ready")
        return self.rows("execs", pack=None) and self.rows("files", pack=None)

    def rows(self, name, pack="detections"):
        full = name if pack is None else f"pack_{pack}_{name}"
        return [line["columns"] for line in self.agent.lines() if line["name"] == full]

    def told(self, name, /, **values):
        """The first row of a detection with these values, awaited."""
        def found():
            return [row for row in self.rows(name) if all(row[key] == str(value) for key, value in values.items())]
        return self.agent.wait_for(found, 20, f"{name} with {values}")[0]

    def close(self):
        assert self.agent.stop() == 0


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """A file: the entry of that name is hidden from the agent where it lists folders."""
    return tmp_path_factory.mktemp("hider") / "hidden"


@pytest.fixture(scope="module")
def watched(tmp_path_factory, hidden):
    library = hidden.parent / "hider.so"
    subprocess.run(["gcc", "-shared", "-fPIC", f'-DHIDDEN="{hidden}"', "-x", "c", "-", "-o", library], input=HIDER.encode(), check=True)
    one = Watched(tmp_path_factory.mktemp("detections"), set(PACK["queries"]) - set(OF_AUDIT),
                  env=os.environ | {"LD_PRELOAD": str(library)})
    yield one
    one.close()


@contextlib.contextmanager
def connection(port=0, host="127.0.0.1"):
    """Both ends of a connection over the loopback interface: the client's first."""
    with socket.create_server((host, port)) as server, socket.create_connection(server.getsockname()) as client:
        peer, _ = server.accept()
        with peer:
            yield client, peer


def run(*command, **kwargs):
    """Runs a program to its end; its pid."""
    child = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | kwargs)
    child.wait(20)
    return child.pid


def pids(rows):
    return {int(row["pid"]) for row in rows}


def test_the_pack_says_what_it_does():
    """Each has ATT&CK's numbers and says what it leaves out."""
    for name, query in PACK["queries"].items():
        assert re.search(r"ATT&CK T\d{4}(\.\d{3})?", query["description"]), name
        assert "Left out: " in query["value"], name


@pytest.mark.parametrize("name", ["ospreyd", "osqueryd"])
def test_the_pack_loads(make_agent, name):
    agent = make_agent(name)
    agent.configure({"packs": {"detections": str(PROJECT / "packaging" / "packs" / "detections.conf")}})
    done = subprocess.run(agent.command("--config_check"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done


# EVT-06, EVT-18
def test_reverse_shell(watched):
    one, other = socket.socketpair()
    with one, other, connection() as (client, peer):
        port = peer.getsockname()[1]
        legal = {run("/bin/sh", "-c", ":", stdin=one, stdout=one), run("/bin/sh", "-c", ":", stdin=subprocess.PIPE),
                 run("/bin/cat", "/dev/null", stdin=client)}
        act = run("/bin/sh", "-c", ":", stdin=client, stdout=client)
        row = watched.told("reverse_shell", pid=act)
    assert (row["stdin"], row["cmdline"], row["uid"]) == (f"socket 127.0.0.1:{port}", "/bin/sh -c :", str(os.getuid()))
    assert not pids(watched.rows("reverse_shell")) & legal


def test_shell_on_a_terminal_behind_a_socket(watched):
    spawn = [sys.executable, "-c", "import pty; pty.spawn(['/bin/sh', '-c', 'sleep 5; :'])"]
    with connection() as (client, peer):
        port = str(peer.getsockname()[1])
        legal = subprocess.Popen(spawn, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        act = subprocess.Popen(spawn, stdin=client, stdout=client, stderr=client)
        try:
            row = watched.told("shell_behind_socket", ancestor_pid=act.pid)
        finally:
            for child in (legal, act):
                child.kill()
                child.wait()
    assert (row["depth"], row["remote_port"]) == ("1", port)
    assert legal.pid not in {int(one["ancestor_pid"]) for one in watched.rows("shell_behind_socket")}


def run_by_descriptor(open_program):
    child = os.fork()
    if child == 0:
        try:
            os.execve(open_program(), ["program"], {})
        finally:
            os._exit(127)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return child


def test_program_without_a_file(watched, tmp_path):
    def in_memory():
        file = os.memfd_create("program", os.MFD_CLOEXEC)
        os.write(file, pathlib.Path("/bin/true").read_bytes())
        return file

    def deleted():
        shutil.copy("/bin/true", tmp_path / "true")
        file = os.open(tmp_path / "true", os.O_RDONLY | os.O_CLOEXEC)
        os.unlink(tmp_path / "true")
        return file

    legal = {run_by_descriptor(lambda: os.open("/bin/true", os.O_RDONLY | os.O_CLOEXEC))}
    # Its file goes while it runs, as in an upgrade.
    shutil.copy("/bin/cat", tmp_path / "cat")
    child = subprocess.Popen([tmp_path / "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(b"it runs\n")
    child.stdin.flush()
    assert child.stdout.readline() == b"it runs\n"
    (tmp_path / "cat").unlink()
    child.communicate()
    legal.add(child.pid)
    first, second = run_by_descriptor(in_memory), run_by_descriptor(deleted)
    assert watched.told("exec_without_file", pid=first)["exe_state"] == "memfd"
    assert watched.told("exec_without_file", pid=second)["exe_state"] == "deleted"
    assert not pids(watched.rows("exec_without_file")) & legal


def test_ld_so_preload(watched):
    (watched.scratch / "etc" / "ld.so.conf").write_text("/opt/lib\n")
    path = watched.scratch / "etc" / "ld.so.preload"
    path.write_text("/tmp/evil.so\n")
    row = watched.told("ld_so_preload", target_path=path, action="UPDATED")
    assert (row["pid"], row["size"]) == (str(os.getpid()), "13")
    path.chmod(0o600)
    path.unlink()
    watched.told("ld_so_preload", target_path=path, action="DELETED")
    assert {row["target_path"] for row in watched.rows("ld_so_preload")} == {str(path)}
    assert "ATTRIBUTES_MODIFIED" not in {row["action"] for row in watched.rows("ld_so_preload")}


def unpack(watched, tmp_path):
    """A package with a setuid program and a cron job, unpacked by the real dpkg below the scratch folder."""
    tree = tmp_path / "package"
    for path, mode, text in (("DEBIAN/control", 0o644, "Package: detect\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n"),
                             ("usr/bin/of-a-package", 0o4755, "x"), ("etc/cron.d/of-a-package", 0o644, "# none\n")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(mode)
    for path in ("info", "updates", "triggers", "parts"):
        (watched.scratch / "var/lib/dpkg" / path).mkdir(parents=True, exist_ok=True)
    (watched.scratch / "var/lib/dpkg/status").touch()
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, tmp_path / "x.deb"], check=True, capture_output=True)
    subprocess.run(["dpkg", f"--root={watched.scratch}", "--force-all", "--log=/dev/null", "-i", tmp_path / "x.deb"], check=True,
                   capture_output=True)
    assert os.stat(watched.scratch / "usr/bin/of-a-package").st_mode & 0o4000


def test_setuid_file_and_cron(watched, tmp_path):
    unpack(watched, tmp_path)
    plain, group, program = (watched.scratch / "tmp" / name for name in ("plain", "group", "root-shell"))
    for path, mode in ((plain, 0o755), (group, 0o2755), (program, 0o4755)):
        path.write_text("x")
        path.chmod(mode)
    # The others of this moment may be looked at when it is one already.
    row = watched.told("setuid_file", target_path=program, action="ATTRIBUTES_MODIFIED")
    assert (row["mode"], row["sha256"]) == ("4755", hashlib.sha256(b"x").hexdigest())
    (watched.scratch / "etc" / "hosts").write_text("")
    job = watched.scratch / "etc/cron.d/job"
    job.write_text("* * * * * root true\n")
    # As crontab(1) does it: a draft, then its name.
    draft = watched.scratch / "var/spool/cron/crontabs/tmp.abc"
    draft.write_text("* * * * * true\n")
    draft.rename(draft.with_name("u"))
    assert watched.told("cron_change", target_path=job, action="UPDATED")["pid"] == str(os.getpid())
    watched.told("cron_change", target_path=draft.with_name("u"), action="MOVED_TO")
    assert {row["target_path"] for row in watched.rows("setuid_file")} == {str(program)}
    assert {row["target_path"] for row in watched.rows("cron_change")} == {str(job), str(draft.with_name("u"))}


def test_authorized_keys(watched):
    folder = watched.scratch / "home/u/.ssh"
    (folder / "known_hosts").write_text("x\n")
    (folder / "authorized_keys").write_text("ssh-ed25519 AAAA\n")
    assert watched.told("authorized_keys_change", action="UPDATED")["target_path"] == str(folder / "authorized_keys")
    assert {row["target_path"] for row in watched.rows("authorized_keys_change")} == {str(folder / "authorized_keys")}


# EVT-19
def test_tool_that_loads_a_module(watched):
    legal = {run("/usr/bin/busybox", "lsmod"), run("/usr/bin/busybox", "insmod", "/lib/modules/none/none.ko")}
    act = run("/usr/bin/busybox", "insmod", "/tmp/none.ko")
    watched.told("module_tool", pid=act)
    assert not pids(watched.rows("module_tool")) & legal


# SEC-11
def test_hidden_process(watched, hidden):
    seen = subprocess.Popen(["sleep", "60"])
    child = subprocess.Popen(["sleep", "61"])
    try:
        hidden.write_text(str(child.pid))
        row = watched.told("hidden_process", pid=child.pid)
    finally:
        hidden.unlink()
        for one in (seen, child):
            one.kill()
            one.wait()
    assert row["cmdline"] == "sleep 61"
    assert pids(watched.rows("hidden_process")) == {child.pid}


def test_mount_over_a_process(watched, tmp_path):
    child = subprocess.Popen(["sleep", "60"])
    try:
        subprocess.run(["mount", "--bind", tmp_path, tmp_path], check=True)
        subprocess.run(["mount", "--bind", tmp_path, f"/proc/{child.pid}"], check=True)
        watched.told("mount_over_proc", path=f"/proc/{child.pid}")
    finally:
        subprocess.run(["umount", f"/proc/{child.pid}"])
        subprocess.run(["umount", tmp_path])
        child.kill()
        child.wait()
    assert {row["path"] for row in watched.rows("mount_over_proc")} == {f"/proc/{child.pid}"}


# EVT-18
def test_miners(watched, tmp_path):
    def ask(name):
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1), ("127.0.0.77", 53))

    with connection(host="127.0.0.77"), socket.socket() as refused:
        assert refused.connect_ex(("127.0.0.78", 3333)) != 0
    (tmp_path / "notes").write_text("stratum+tcp://pool:3333\n")
    legal = run("grep", "stratum+tcp://", tmp_path / "notes")
    ask("nanopool.org.example")
    with connection(3333, "127.0.0.77"):
        pass
    act = run("/bin/true", "-o", "stratum+tcp://pool.example:3333", "-u", "wallet")
    ask("xmr-eu1.nanopool.org")
    row = watched.told("miner_connection", pid=os.getpid(), remote_address="127.0.0.77")
    assert row["remote_port"] == "3333"
    watched.told("miner_command", pid=act)
    watched.told("miner_name", query="xmr-eu1.nanopool.org")
    assert legal not in pids(watched.rows("miner_command"))
    assert "127.0.0.78" not in {row["remote_address"] for row in watched.rows("miner_connection")}
    assert {row["query"] for row in watched.rows("miner_name")} == {"xmr-eu1.nanopool.org"}


def test_kernel_helpers(watched):
    path = pathlib.Path("/proc/sys/kernel/core_pattern")
    before = path.read_text()
    try:
        path.write_text("core.%p")
        path.write_text("|/tmp/osprey-test-no-such-helper %p")
        row = watched.told("kernel_helpers", name="kernel.core_pattern")
    finally:
        path.write_text(before)
    assert row["current_value"] == "|/tmp/osprey-test-no-such-helper %p"
    assert {row["current_value"] for row in watched.rows("kernel_helpers") if row["name"] == "kernel.core_pattern"} == \
        {row["current_value"]}


# EVT-35
def test_container_that_breaks_out(watched):
    containers = Containers()
    try:
        legal, _ = containers.run("/bin/sh", "-c", "mount -t tmpfs none /mnt && mount --bind /tmp /mnt && "
                                  "cat /proc/sys/kernel/core_pattern", flags=["--privileged"])
        act, _ = containers.run("/bin/sh", "-c", "nsenter -t %d -m /bin/true; mount -t ext4 /dev/vdz9 /mnt; "
                                "sh -c 'echo /x > /tmp/release_agent'; true" % os.getpid(), flags=["--privileged", "--pid=host"])
    finally:
        containers.close()
    assert watched.told("container_setns", container_id=act)["namespace_types"] == "mnt"
    assert watched.told("container_mount", container_id=act)["source_path"] == "/dev/vdz9"
    watched.told("container_kernel_helper", container_id=act)
    for name in ("container_setns", "container_mount", "container_kernel_helper"):
        assert {row["container_id"] for row in watched.rows(name)} == {act}, name


# EVT-17, EVT-42
def test_password_guessing_in_the_log(tmp_path):
    log = tmp_path / "log"
    watched = Watched(tmp_path, ("ssh_password_guessing", "ssh_password_guessed"), f"--syslog_socket={log}")
    try:
        with login_daemon(log) as sshd:
            def attempts(address, message, times):
                for number in range(times):
                    sshd.log(message.format(name=f"user{number}", address=address))
            failed, accepted = ("{} {{name}} from {{address}} port 5 ssh2".format(words) for words in ("Failed password for", "Accepted password for"))
            attempts("203.0.113.7", failed, 9)
            attempts("203.0.113.7", accepted, 1)
            attempts("203.0.113.8", accepted, 12)
            attempts("203.0.113.8", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={address}  "
                     "user={name}", 12)
            # Forged by somebody who is not sshd.
            for _ in range(12):
                forge(log, "Failed password for root from 203.0.113.10 port 5 ssh2")
            attempts("203.0.113.9", failed, 30)
            attempts("203.0.113.9", accepted, 1)
            row = watched.told("ssh_password_guessed", remote_address="203.0.113.9")
            assert row["users"] == "user0"
            watched.told("ssh_password_guessing", remote_address="203.0.113.9")
        for name in ("ssh_password_guessing", "ssh_password_guessed"):
            assert {row["remote_address"] for row in watched.rows(name)} == {"203.0.113.9"}
    finally:
        watched.close()


# EVT-17, EVT-19
def test_brute_force_and_module(tmp_path):
    def login(address, result, times):
        for _ in range(times):
            send_user_message(1112, f'op=login acct="root" exe="/usr/sbin/sshd" hostname=? addr={address} terminal=sshd res={result}')

    with audit_seat():
        watched = Watched(tmp_path, OF_AUDIT, "--events_source=audit")
        try:
            login("203.0.113.7", "failed", 9)
            login("203.0.113.7", "success", 1)
            login("203.0.113.8", "success", 12)
            login("203.0.113.9", "failed", 30)
            login("203.0.113.9", "success", 1)
            # This kernel loads none; that it was tried is told.
            assert LIBC.syscall(175, b"no module", 9, b"") == -1
            watched.agent.wait_for(lambda: watched.rows("ssh_brute_force_success"), 20, "a log-in after failures")
            assert {row["address"] for row in watched.rows("ssh_brute_force_success")} == {"203.0.113.9"}
            assert {row["address"] for row in watched.rows("ssh_brute_force")} == {"203.0.113.9"}
            row = watched.told("kernel_module", pid=os.getpid())
            assert (row["method"], row["outcome"] != "success") == ("init_module", True)
        finally:
            watched.close()
