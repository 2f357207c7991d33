"""File events through the agent: what a program did to watched files is in the tables, with its process and digests."""

import ctypes
import hashlib
import os
import select
import signal
import stat
import struct
import subprocess

import pytest

from event_source import EventDriver


def configuration(folder, **queries):
    return {"schedule": {name: {"query": query, "interval": 1, "removed": False} for name, query in queries.items()},
            "file_paths": {"kept": [f"{folder}/%%"]}, "exclude_paths": {"kept": [f"{folder}/cache/%%"]}}


def rows_of(agent, name):
    return [line["columns"] for line in agent.lines() if line["name"] == name]


# EVT-08, EVT-47, FIL-09.
@pytest.mark.parametrize("name", ["ospreyd", "osqueryd"])
def test_what_happened_to_files_and_who_did_it(make_agent, tmp_path, name):
    folder = tmp_path / "watched"
    (folder / "cache").mkdir(parents=True)
    agent = make_agent(name)
    agent.configure(configuration(
        folder, files="SELECT *, pid, exe FROM file_events",
        access="SELECT action, target_path, old_path, pid, exe, cmdline, uid, inode, mode, size, sha256, hashed FROM file_access_events"))
    flags = ["--disable_events=false", "--enable_file_events=true"] if name == "osqueryd" else []
    agent.start(*flags)

    # Captured once its own query has shown a row of it.
    def captured():
        (folder / "first").write_bytes(b"x")
        return any(row["target_path"] == f"{folder}/first" for row in rows_of(agent, "files"))
    agent.wait_for(captured, 60, "the first file event")

    writer = subprocess.Popen(["/bin/sh", "-c", 'cd "$1" && printf content > new && chmod 640 new && echo x > cache/x && '
                               "read line && mv new moved && rm moved && read line", "sh", folder], stdin=subprocess.PIPE)

    def seen(path, action, query="files"):
        return [row for row in rows_of(agent, query) if row["target_path"] == f"{folder}/{path}" and row["action"] == action]
    agent.wait_for(lambda: seen("new", "UPDATED") and seen("new", "ATTRIBUTES_MODIFIED"))
    info = os.stat(folder / "new")
    writer.stdin.write(b"\n")
    writer.stdin.flush()
    agent.wait_for(lambda: seen("moved", "DELETED"))
    writer.stdin.close()
    writer.wait(10)

    created = seen("new", "CREATED")[0]
    assert created["category"] == "kept"
    assert created["inode"] == str(info.st_ino)
    assert created["uid"] == str(info.st_uid)
    updated = seen("new", "UPDATED")[-1]
    assert (updated["size"], updated["hashed"]) == ("7", "1")
    assert updated["mode"] in ("0644", "0640")
    for kind in ("md5", "sha1", "sha256"):
        assert updated[kind] == hashlib.new(kind, b"content").hexdigest()
    assert seen("new", "ATTRIBUTES_MODIFIED")[0]["mode"] == f"{stat.S_IMODE(info.st_mode):04o}"
    assert seen("new", "MOVED_FROM")[0]["transaction_id"] == seen("moved", "MOVED_TO")[0]["transaction_id"] != "0"
    assert not any("cache/" in row["target_path"] for row in rows_of(agent, "files"))
    # The shell was there all the time.
    assert created["pid"] == str(writer.pid)
    assert os.path.realpath(created["exe"]) == os.path.realpath("/bin/sh")

    if name == "ospreyd":
        moved = agent.wait_for(lambda: seen("moved", "MOVED_TO", "access"))[0]
        assert moved["old_path"] == f"{folder}/new"
        made = seen("new", "CREATED", "access")[0]
        assert (made["pid"], made["uid"]) == (str(writer.pid), str(os.getuid()))
        assert made["cmdline"].startswith("/bin/sh -c")
    assert agent.stop() == 0


class Readers:
    """The names of files of a folder that somebody reads from now on: this program does not."""

    IN_ACCESS, HEAD = 1, struct.Struct("iIII")

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.file = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self.file, os.fsencode(folder), self.IN_ACCESS) > 0
        self.names = set()

    def told(self):
        try:
            while True:
                data = os.read(self.file, 1 << 16)
                while data:
                    length = self.HEAD.unpack_from(data)[3]
                    self.names.add(data[self.HEAD.size:self.HEAD.size + length].rstrip(b"\0").decode())
                    data = data[self.HEAD.size + length:]
        except BlockingIOError:
            return self.names


# EVT-08
def test_files_are_read_for_digests_only_where_a_query_asks_for_them(make_agent, osprey, tmp_path):
    plain, digested = tmp_path / "plain", tmp_path / "digested"
    plain.mkdir()
    digested.mkdir()
    agent = make_agent()
    watched = {"file_paths": {"plain": [f"{plain}/%"], "digested": [f"{digested}/%"]}}

    def schedule(plain_columns):
        queries = {"plain": f"SELECT {plain_columns} FROM file_events WHERE category = 'plain'",
                   "digested": "SELECT target_path, action, sha256, hashed FROM file_events WHERE category = 'digested'"}
        return {"schedule": {name: {"query": query, "interval": 1, "removed": False} for name, query in queries.items()}} | watched

    def written(folder, name):
        (folder / name).write_text(name)
        return [row for row in rows_of(agent, folder.name)
                if row["target_path"] == f"{folder}/{name}" and row["action"] == "UPDATED" and row.get("hashed") != "0"]

    agent.configure(schedule("target_path, action, size"))
    agent.start()
    readers = {folder: Readers(folder) for folder in (plain, digested)}
    row = agent.wait_for(lambda: written(digested, "first"), 60)[-1]
    assert (row["hashed"], row["sha256"]) == ("1", hashlib.sha256(b"first").hexdigest())
    agent.wait_for(lambda: written(plain, "first"))
    assert readers[digested].told() == {"first"}
    assert readers[plain].told() == set()
    # An interactive query says so.
    kept = osprey.query("SELECT DISTINCT md5, sha1, sha256, sha512, hashed FROM file_events WHERE category = 'plain'",
                        f"--database_path={agent.database}")
    assert kept == [{"md5": "", "sha1": "", "sha256": "", "sha512": "", "hashed": "0"}]

    agent.configure(schedule("*"))
    agent.process.send_signal(signal.SIGHUP)
    row = agent.wait_for(lambda: [row for row in written(plain, "second") if "md5" in row], 60)[-1]
    assert (row["hashed"], row["md5"]) == ("1", hashlib.md5(b"second").hexdigest())
    assert "second" in readers[plain].told()
    assert agent.stop() == 0


class Hanging:
    """Whoever reads a file hangs, as on a disk that does not answer, until this is left: fanotify(7) is asked and says nothing."""

    CLASS_CONTENT, MARK_ADD, ACCESS_PERM, AT_FDCWD = 0x04, 0x01, 0x20000, -100

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.group = libc.fanotify_init(self.CLASS_CONTENT, os.O_RDONLY | os.O_CLOEXEC)
        assert self.group >= 0, os.strerror(ctypes.get_errno())
        marked = libc.fanotify_mark(self.group, self.MARK_ADD, ctypes.c_uint64(self.ACCESS_PERM), self.AT_FDCWD, os.fsencode(path))
        assert marked == 0, os.strerror(ctypes.get_errno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.group)

    def has_reader(self):
        return bool(select.select([self.group], [], [], 0)[0])


# EVT-08, EVT-23
def test_a_file_that_hangs_holds_up_neither_the_capture_nor_the_end(make_agent, tmp_path):
    folder = tmp_path / "watched"
    folder.mkdir()
    agent = make_agent()
    agent.configure({"schedule": {
        "files": {"query": "SELECT target_path, action, sha256, hashed FROM file_events", "interval": 1, "removed": False},
        "execs": {"query": "SELECT cmdline FROM process_events WHERE cmdline LIKE '%beside-%'", "interval": 1, "removed": False}},
        "file_paths": {"here": [f"{folder}/%%"]}})
    hangs = folder / "hangs"
    hangs.touch()

    def told(path):
        return [row for row in rows_of(agent, "files") if row["target_path"] == str(path) and row["action"] == "UPDATED"]

    def write(path):
        path.write_text("content")
        return told(path)
    agent.start()
    row = agent.wait_for(lambda: write(folder / "before"), 60)[0]
    assert (row["hashed"], row["sha256"]) == ("1", hashlib.sha256(b"content").hexdigest())
    with Hanging(hangs) as group:
        hangs.write_text("content")
        agent.wait_for(group.has_reader)
        subprocess.run(["/bin/true", "beside-1"], check=True)
        agent.wait_for(lambda: rows_of(agent, "execs"))
        assert told(hangs) == []
        assert agent.stop() == 0
    agent.start()
    row = agent.wait_for(lambda: told(hangs))[-1]
    assert (row["hashed"], row["sha256"]) == ("0", "")
    assert agent.stop() == 0


# EVT-08, EVT-15: what the kernel's limit leaves out is counted by name, and the rest is watched.
def test_the_limit_of_watches_is_told(tmp_path):
    for number in range(20):
        (tmp_path / "watched" / str(number)).mkdir(parents=True)
    few = ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 12 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]
    with EventDriver("inotify", "--kinds=file", f"--watch={tmp_path}/watched/%%", under=few) as driver:
        dropped = [drop for drop in driver.counts()["dropped"] if drop[0] == "watches"]
        assert [drop[1] for drop in dropped] == ["fs.inotify.max_user_watches: directories that are not watched"]
        left_out = dropped[0][2]
        assert 20 - 12 <= left_out < 20
        for number in range(20):
            (tmp_path / "watched" / str(number) / "file").touch()
        driver.counts()
        told = {event["path"] for event in driver.events if event["path"].endswith("/file")}
        assert len(told) == 20 - left_out
