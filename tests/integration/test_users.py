"""Accounts, keys, histories, login records: values against getent, id, ssh-keygen, find, and files made for the test.

What this host does not have is made in a temporary folder and bound over the real paths in a mount namespace of the
query's own; nothing of the host changes.
"""

import json
import os
import pathlib
import pwd
import socket
import stat
import struct
import subprocess
import time

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PEOPLE = """root:x:0:0:root:/root:/bin/bash
alice:x:1000:1000:Alice:/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:/bin/sh
slash:x:1002:1002::/:/bin/sh
relative:x:1003:1003::home/alice:/bin/sh
gone:x:1004:1004::/home/gone:/bin/sh
"""


def lines_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Elsewhere:
    """A host made of this one with some paths replaced."""

    def __init__(self, osprey, folder):
        self.osprey, self.folder, self.binds = osprey, folder, {}
        self.stderr = ""
        self.write("/etc/passwd", PEOPLE)
        for home in ("alice", "bob"):
            (self.path("/home") / home).mkdir(parents=True)
        self.binds["/home"] = self.path("/home")
        self.replace_folder("/etc/ssh")
        self.replace_folder("/root")

    def path(self, name):
        return self.folder / name.lstrip("/")

    def replace_folder(self, name):
        self.path(name).mkdir(parents=True, exist_ok=True)
        self.binds[name] = self.path(name)

    def write(self, name, content):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if not any(name.startswith(bound + "/") for bound in self.binds):
            self.binds[name] = path
        return path

    def query(self, sql):
        """Rows, with the warnings in `stderr`; a hang fails."""
        script = "".join(f"mount --bind '{source}' '{target}' && " for target, source in self.binds.items())
        script += 'exec "$0" --json "$1"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, str(self.osprey.path), sql], text=True,
                              errors="surrogateescape", capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def elsewhere(osprey, tmp_path):
    return Elsewhere(osprey, tmp_path)


# Accounts


def test_users_are_those_of_getent(osprey):
    rows = osprey.query("SELECT uid, gid, uid_signed, gid_signed, username, description, directory, shell FROM users")
    expected = []
    for line in pathlib.Path("/etc/passwd").read_text().splitlines():
        name, _, uid, gid, gecos, home, shell = line.split(":")
        expected.append({"uid": uid, "gid": gid, "uid_signed": uid, "gid_signed": gid, "username": name,
                         "description": gecos, "directory": home, "shell": shell})
    assert rows == expected
    assert [row["username"] for row in rows] == [line.split(":")[0] for line in lines_of("getent", "passwd")]


def test_users_by_id_and_name(osprey):
    everyone = osprey.query("SELECT * FROM users")
    for row in everyone[:5]:
        assert osprey.query(f"SELECT * FROM users WHERE uid = {row['uid']}") == [row]
        assert osprey.query(f"SELECT * FROM users WHERE username = '{row['username']}'") == [row]
    assert osprey.query("SELECT * FROM users WHERE username = 'no such one'") == []
    assert osprey.query("SELECT * FROM users WHERE uid = -1") == []


def test_remote_users_are_those_of_nss(osprey):
    rows = osprey.query("SELECT username, include_remote FROM users WHERE include_remote = 1")
    assert [row["username"] for row in rows] == [entry.pw_name for entry in pwd.getpwall()]
    assert {row["include_remote"] for row in rows} == {"1"}
    assert osprey.query("SELECT uid FROM users WHERE include_remote = 1 AND username = 'root'") == [{"uid": "0"}]
    assert osprey.query("SELECT username FROM users WHERE include_remote = 1 AND uid = 0") == [{"username": "root"}]


def test_name_service_modules_are_loaded_only_when_asked(osprey, tmp_path):
    def opened(sql):
        trace = tmp_path / "trace"
        subprocess.run(["strace", "-f", "-e", "trace=openat,open,connect", "-o", trace, osprey.path, "--json", sql],
                       check=True, capture_output=True)
        return trace.read_text()

    assert "nsswitch.conf" not in opened("SELECT * FROM users JOIN user_groups USING (uid)")
    assert "nsswitch.conf" not in opened("SELECT * FROM suid_bin")
    assert "nsswitch.conf" in opened("SELECT * FROM users WHERE include_remote = 1")


def test_groups_are_those_of_getent(osprey):
    rows = osprey.query("SELECT gid, gid_signed, groupname FROM groups")
    expected = [line.split(":") for line in lines_of("getent", "group")]
    assert rows == [{"gid": one[2], "gid_signed": one[2], "groupname": one[0]} for one in expected]


def test_user_groups_are_those_of_id(osprey):
    for user in osprey.query("SELECT uid, username FROM users"):
        rows = osprey.query(f"SELECT gid FROM user_groups WHERE uid = {user['uid']}")
        assert {row["gid"] for row in rows} == set(lines_of("id", "-G", user["username"])[0].split()), user


@needs_root
def test_shadow_is_the_file(osprey):
    rows = {row["username"]: row for row in osprey.query("SELECT * FROM shadow")}
    names = ["last_change", "min", "max", "warning", "inactive", "expire", "flag"]
    for line in pathlib.Path("/etc/shadow").read_text().splitlines():
        user, password, *numbers = line.split(":")
        row = rows.pop(user)
        assert [row[name] for name in names] == numbers
        status = ("empty" if not password else "not_set" if password == "!!" else
                  "locked" if password[0] in "!*x" else "active")
        assert row["password_status"] == status
        assert row["hash_alg"] == (password.split("$")[1] if password.startswith("$") else "")
    assert rows == {}


@needs_root
def test_broken_accounts_are_left_out_and_counted(elsewhere):
    elsewhere.write("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nshort:x:1\n" + b"a" * 65536 + b"\n"
                    b"nul\0name:x:7:7::/:/bin/sh\nbytes\xff:x:4294967295:8::/:/bin/sh\nbad:x:-1:1:::\n")
    rows = elsewhere.query("SELECT uid, uid_signed, length(username) AS size FROM users")
    assert [(row["uid"], row["uid_signed"]) for row in rows] == [("0", "0"), ("7", "7"), ("4294967295", "-1")]
    assert "3 lines" in elsewhere.stderr


@needs_root
def test_users_through_the_eyes_of_a_process(osprey, tmp_path):
    (tmp_path / "passwd").write_text("other:x:77:78:o:/o:/o\n")
    with subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount --bind {tmp_path}/passwd /etc/passwd && echo on && exec sleep 60"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "on\n"
            assert osprey.query(f"SELECT username FROM users WHERE pid_with_namespace = {process.pid}") == [{"username": "other"}]
        finally:
            process.kill()


# SSH


def generated(folder, name, *options):
    subprocess.run(["ssh-keygen", "-q", "-C", "me@here", "-f", folder / name, *options], check=True)
    return (folder / f"{name}.pub").read_text().strip()


@needs_root
def test_authorized_keys(elsewhere):
    folder = elsewhere.path("/home/alice/.ssh")
    folder.mkdir()
    keys = [generated(folder, kind, "-t", kind, "-N", "") for kind in ("rsa", "ed25519", "ecdsa")]
    lines = ["# mine", keys[0], f'from="10.0.0.0/8,!10.0.0.1",command="a \\"b c\\" ssh-rsa x" {keys[1]}', "", keys[2] + " more"]
    elsewhere.write("/home/alice/.ssh/authorized_keys", "\n".join(lines) + "\nnonsense\n")
    elsewhere.write("/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/ssh/keys.%u\n")
    elsewhere.write("/etc/ssh/keys.bob", keys[0] + "\n")
    rows = elsewhere.query("SELECT a.*, a.line, a.fingerprint_sha256 FROM users JOIN authorized_keys a USING (uid)")
    prints = [line.split()[1] for line in lines_of("ssh-keygen", "-lf", folder / "authorized_keys")]
    assert [row["fingerprint_sha256"] for row in rows] == prints + prints[:1]
    for row, public in zip(rows, keys + keys[:1]):
        assert [row["algorithm"], row["key"]] == public.split()[:2]
    assert [row["line"] for row in rows] == ["2", "3", "5", "1"]
    assert [row["options"] for row in rows] == ["", 'from="10.0.0.0/8,!10.0.0.1",command="a \\"b c\\" ssh-rsa x"', "", ""]
    assert [row["comment"] for row in rows] == ["me@here", "me@here", "me@here more", "me@here"]
    assert [row["uid"] for row in rows] == ["1000"] * 3 + ["1001"]
    assert rows[3]["key_file"] == "/etc/ssh/keys.bob"
    assert "1 lines could not be parsed" in elsewhere.stderr


@needs_root
@pytest.mark.parametrize("options, kind, encrypted", [
    (["-t", "rsa", "-b", "2048", "-N", ""], "rsa", "0"),
    (["-t", "rsa", "-b", "3072", "-N", "secret"], "rsa", "1"),
    (["-t", "ed25519", "-N", ""], "ed25519", "0"),
    (["-t", "ecdsa", "-b", "384", "-N", "secret"], "ecdsa-p384", "1"),
    (["-t", "rsa", "-m", "PEM", "-b", "2048", "-N", ""], "rsa", "0"),
    (["-t", "ecdsa", "-m", "PKCS8", "-b", "521", "-N", ""], "ec", "0"),
])
def test_user_ssh_keys(elsewhere, options, kind, encrypted):
    folder = elsewhere.path("/home/alice/.ssh")
    folder.mkdir()
    generated(folder, "key", *options)
    bits = lines_of("ssh-keygen", "-lf", folder / "key.pub")[0].split()[0]
    rows = elsewhere.query("SELECT * FROM user_ssh_keys WHERE uid = 1000")
    assert [(row["path"], row["key_type"], row["key_length"], row["encrypted"]) for row in rows] == \
        [("/home/alice/.ssh/key", kind, bits, encrypted)]
    secret = "".join((folder / "key").read_text().splitlines()[1:-1])
    assert secret[:40] not in json.dumps(rows)
    assert elsewhere.query("SELECT * FROM user_ssh_keys WHERE uid = 1000 AND path = '/home/alice/.ssh/key'") == rows
    assert elsewhere.query("SELECT * FROM user_ssh_keys WHERE uid = 1000 AND path = '/home/alice/.ssh/other'") == []


@needs_root
def test_known_hosts_and_configs(elsewhere):
    elsewhere.write("/home/alice/.ssh/known_hosts", "# x\n|1|a=|b= ssh-rsa AAAA\n@cert-authority *.x ssh-rsa BBBB\n")
    elsewhere.write("/home/alice/.ssh/config", "Host A\n  User Me\n")
    elsewhere.write("/etc/ssh/ssh_config", "Host *\n    SendEnv LANG LC_*\n")
    assert elsewhere.query("SELECT * FROM known_hosts WHERE uid = 1000") == [
        {"uid": "1000", "key": key, "key_file": "/home/alice/.ssh/known_hosts"}
        for key in ("|1|a=|b= ssh-rsa AAAA", "@cert-authority *.x ssh-rsa BBBB")]
    assert elsewhere.query("SELECT uid, block, option FROM users JOIN ssh_configs USING (uid)") == [
        {"uid": "0", "block": "host *", "option": "sendenv lang lc_*"},
        {"uid": "1000", "block": "host a", "option": "user me"}]


@needs_root
def test_hostile_homes(elsewhere):
    alice, bob = elsewhere.path("/home/alice"), elsewhere.path("/home/bob")
    for home in (alice, bob):
        (home / ".ssh").mkdir()
    os.mkfifo(alice / ".bash_history")
    os.mkfifo(alice / ".ssh/authorized_keys")
    os.mkfifo(alice / ".ssh/id_rsa")
    (alice / ".ssh/config").symlink_to("config")
    (alice / ".ssh/known_hosts").symlink_to("/dev/zero")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(alice / ".zsh_history"))
    (bob / ".bash_history").write_bytes(b"a\0b\n" + b"\xff\xfe\n" + b"x" * 1_000_000 + b"\nlast\n")
    (bob / ".ssh/config").write_text("Port 22\n")
    expected = {"authorized_keys": 0, "known_hosts": 0, "user_ssh_keys": 0, "ssh_configs": 1}
    for table, rows in expected.items():
        assert len(elsewhere.query(f"SELECT t.* FROM users JOIN {table} t USING (uid)")) == rows, table
    started = time.monotonic()
    rows = elsewhere.query("SELECT length(CAST(command AS BLOB)) AS size FROM users JOIN shell_history USING (uid)")
    assert time.monotonic() - started < 5
    assert [row["size"] for row in rows] == ["3", "2", "65536", "4"]
    assert "is a FIFO" in elsewhere.stderr and "is a socket" in elsewhere.stderr and "too long" in elsewhere.stderr
    elsewhere.query("SELECT * FROM ssh_configs WHERE uid = 1000")
    assert "/home/alice/.ssh/config" in elsewhere.stderr


@needs_root
def test_unreadable_homes_are_said_not_hidden(osprey):
    """As nobody: what may not be looked at is a warning, the rest of the answer stands."""
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(osprey.path), "--json",
                           "SELECT count(*) AS n FROM shadow"], capture_output=True, text=True)
    if done.returncode != 0 and "xecut" in done.stderr:
        pytest.skip("the program's folder is closed to others")
    assert json.loads(done.stdout) == [{"n": "0"}]
    assert "/etc/shadow" in done.stderr


# Histories


@needs_root
def test_shell_history(elsewhere):
    elsewhere.write("/home/alice/.bash_history", "ls\n#1700000000\ncd /tmp\n")
    elsewhere.write("/home/alice/.zsh_history", ": 1700000001:0;make\n")
    elsewhere.write("/home/alice/.local/share/fish/fish_history", "- cmd: id\n  when: 1700000002\n")
    elsewhere.path("/home/bob/.bash_history").symlink_to("/dev/null")
    rows = elsewhere.query("SELECT h.* FROM users JOIN shell_history h USING (uid)")
    home = "/home/alice/"
    assert rows == [
        {"uid": "1000", "time": "0", "command": "ls", "history_file": home + ".bash_history"},
        {"uid": "1000", "time": "1700000000", "command": "cd /tmp", "history_file": home + ".bash_history"},
        {"uid": "1000", "time": "1700000001", "command": "make", "history_file": home + ".zsh_history"},
        {"uid": "1000", "time": "1700000002", "command": "id", "history_file": home + ".local/share/fish/fish_history"}]
    assert elsewhere.stderr == ""
    rows = elsewhere.query("SELECT history_file, disabled_by FROM shell_history WHERE uid = 1001 AND disabled_by <> ''")
    assert rows == [{"history_file": "/home/bob/.bash_history", "disabled_by": "link to /dev/null"}]


# sudo and cron


@needs_root
def test_sudoers_and_include_loops(elsewhere):
    elsewhere.binds.clear()
    elsewhere.replace_folder("/etc")
    elsewhere.write("/etc/sudoers.d/a", "alice ALL=(ALL) \\\n  NOPASSWD: ALL\n@include /etc/sudoers.d/a\n")
    elsewhere.write("/etc/sudoers.d/b.off", "mallory ALL=(ALL) ALL\n")
    elsewhere.write("/etc/sudoers", "Defaults env_reset\n@includedir /etc/sudoers.d\n")
    rows = elsewhere.query("SELECT * FROM sudoers")
    assert [(row["header"], row["rule_details"]) for row in rows] == [
        ("Defaults", "env_reset"), ("@includedir", "/etc/sudoers.d"), ("alice", "ALL=(ALL) NOPASSWD: ALL"),
        ("@include", "/etc/sudoers.d/a")]
    assert "includes itself" in elsewhere.stderr


@needs_root
def test_crontab(elsewhere):
    elsewhere.replace_folder("/etc/cron.d")
    elsewhere.write("/etc/cron.d/one", "A=b c d e f g h\n*/5 1 2 3 4 root  echo  a\n@reboot bob x\n1 2 3\n")
    rows = elsewhere.query("SELECT *, username, line FROM crontab WHERE path = '/etc/cron.d/one'")
    assert rows == [
        {"event": "", "minute": "*/5", "hour": "1", "day_of_month": "2", "month": "3", "day_of_week": "4",
         "command": "root echo a", "path": "/etc/cron.d/one", "username": "root", "line": "2"},
        {"event": "@reboot", "minute": "", "hour": "", "day_of_month": "", "month": "", "day_of_week": "",
         "command": "bob x", "path": "/etc/cron.d/one", "username": "bob", "line": "3"}]


# Login records


def record(kind, pid, line, user, host, when):
    return struct.pack("<hxxi32s4s32s256shhiii4I20x", kind, pid, line.encode(), b"", user.encode(), host.encode(),
                       0, 0, 0, when, 0, 0, 0, 0, 0)


@needs_root
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="records are packed for x86_64")
def test_last_is_what_last_says(elsewhere):
    now = int(time.time()) - 86400
    records = [record(2, 0, "~", "reboot", "6.1", now)]
    for i in range(500):
        records.append(record(7, 1000 + i, f"pts/{i}", "alice", f"192.0.2.{i % 250}", now + i))
    elsewhere.write("/var/log/wtmp", b"".join(records))
    rows = elsewhere.query("SELECT * FROM last")
    said = [line.split() for line in lines_of("last", "-F", "-w", "-f", elsewhere.path("/var/log/wtmp"))
            if line.startswith("alice")]
    assert [(row["username"], row["tty"], row["host"]) for row in reversed(rows)] == [tuple(one[:3]) for one in said]
    stamp = time.strptime(" ".join(said[0][3:8]), "%a %b %d %H:%M:%S %Y")
    assert int(rows[-1]["time"]) == int(time.mktime(stamp))
    elsewhere.write("/var/log/wtmp", b"".join(records)[:-100])
    assert len(elsewhere.query("SELECT * FROM last")) == 499
    assert "ends within a record" in elsewhere.stderr


@needs_root
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="records are packed for x86_64")
def test_logged_in_users_are_those_of_who(elsewhere):
    elsewhere.replace_folder("/run")
    now = int(time.time())
    elsewhere.write("/run/utmp", record(2, 0, "~", "reboot", "6.1", now) + record(5, 1, "", "", "", now) +
                    record(7, os.getpid(), "pts/7", "alice", "192.0.2.7", now))
    rows = elsewhere.query("SELECT * FROM logged_in_users")
    assert [(row["type"], row["user"]) for row in rows] == [("boot_time", "reboot"), ("user", "alice")]
    said = lines_of("who", elsewhere.path("/run/utmp"))[0].split()
    assert (rows[1]["user"], rows[1]["tty"], f"({rows[1]['host']})") == (said[0], said[1], said[-1])
    assert rows[1]["time"] == str(now)


# Programs with rights


def test_suid_bin_is_what_find_finds(osprey):
    folder = pathlib.Path("/tmp") / f"osprey_suid_{os.getpid()}" / "sub"
    folder.mkdir(parents=True)
    try:
        for name, mode in (("user", 0o4755), ("group", 0o2755), ("both", 0o6755), ("plain", 0o755)):
            (folder / name).write_text("x")
            (folder / name).chmod(mode)
        (folder / "link").symlink_to("user")
        rows = osprey.query("SELECT * FROM suid_bin")
        expected = {}
        for root in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/tmp"):
            found = subprocess.run(["find", root + "/", "-xdev", "(", "-type", "f", "-o", "-xtype", "f", ")", "-print0"],
                                   capture_output=True).stdout
            for path in filter(None, found.decode(errors="surrogateescape").split("\0")):
                try:
                    info = os.stat(path)
                except FileNotFoundError:
                    continue  # somebody else's file in /tmp, gone since
                if info.st_mode & 0o6000:
                    bits = ("S" if info.st_mode & stat.S_ISUID else "") + ("G" if info.st_mode & stat.S_ISGID else "")
                    expected[path] = (pwd.getpwuid(info.st_uid).pw_name, bits)
        assert {row["path"]: (row["username"], row["permissions"]) for row in rows} == expected
        assert len(rows) == len(expected)
        ours = {row["path"].rsplit("/", 1)[1]: row["permissions"] for row in rows if str(folder) in row["path"]}
        assert ours == {"user": "S", "group": "G", "both": "SG", "link": "S"}
    finally:
        subprocess.run(["rm", "-rf", folder.parent], check=True)
