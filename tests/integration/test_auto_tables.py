"""Auto table construction beside a running owner of the database (CFG): values are right and of one moment, and nothing
beside the database is made, changed, locked or given another owner."""

import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

ROWS = 200
TOTAL = 1000 * ROWS

# Moves amounts from row to row, the sum being the same after every transaction. Prints how often it was kept waiting.
WRITER = """
import random, signal, sqlite3, sys, time
path, mode = sys.argv[1:]
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
db = sqlite3.connect(path, isolation_level=None, timeout=0)
db.execute("PRAGMA synchronous = OFF")
db.execute(f"PRAGMA journal_mode = {mode}")
db.execute("PRAGMA wal_autocheckpoint = 50")
db.execute("PRAGMA cache_size = 4")
print("ready", flush=True)
busy = done = 0
while not stop:
    try:
        db.execute(random.choice(["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]))
        for _ in range(random.randrange(1, 20)):
            a, b = random.sample(range(1, 201), 2)
            db.execute("UPDATE t SET amount = amount - 1 WHERE id = ?", (a,))
            db.execute("UPDATE t SET amount = amount + 1 WHERE id = ?", (b,))
        db.execute(random.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        done += 1
        if mode == "wal" and done % 40 == 0:
            busy += db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        print(error, file=sys.stderr, flush=True)
        busy += 1
    time.sleep(0.003)
print(busy, done, flush=True)
"""


def make(path, mode="delete"):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, amount INTEGER, filler BLOB)")
    db.execute("BEGIN")
    db.executemany("INSERT INTO t VALUES(?, 1000, zeroblob(300))", [(i + 1,) for i in range(ROWS)])
    db.execute("COMMIT")
    return db


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "app"
    path.mkdir()
    return path


@pytest.fixture
def config(tmp_path, folder):
    path = tmp_path / "osprey.conf"
    path.write_text(json.dumps({"auto_table_construction": {
        "app": {"query": "SELECT id, amount FROM t", "path": f"{folder}/%.db", "columns": ["id", "amount"]},
        "users": {"query": "SELECT 1", "path": "/nowhere", "columns": ["a"]},
    }}))
    return path


def flags(config):
    return "--config_path", str(config)


SUM = "SELECT sum(amount) AS total, count(*) AS rows FROM app"


class Writer:
    def __init__(self, path, mode):
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, path, mode], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, errors = self.process.communicate(timeout=20)
        busy, done = map(int, out.split())
        return busy, done, errors


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_running_writer(osprey, config, folder, mode):
    make(folder / "x.db", mode).close()
    writer = Writer(folder / "x.db", mode)
    answers = 0
    try:
        for _ in range(15):
            done = osprey.run("--json", *flags(config), SUM)
            assert done.returncode == 0, done.stderr
            row = json.loads(done.stdout)[0]
            if row["rows"] == "0":
                # A quiet moment did not come for two seconds: said, not made up.
                assert "writes to it all the time" in done.stderr
                continue
            assert row == {"total": str(TOTAL), "rows": str(ROWS)}
            answers += 1
    finally:
        busy, transactions, errors = writer.stop()
    assert busy == 0, errors
    assert transactions > 10 and answers > 0


def calls(trace, folder):
    """The system calls of a trace that are about the folder or a descriptor of a file in it."""
    return [line for line in trace.read_text().splitlines() if str(folder) in line]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("state", ["plain", "wal", "dead writer", "exclusive lock"])
def test_nothing_beside_is_touched(osprey, config, folder, tmp_path, state):
    database = folder / "x.db"
    owner = make(database, "wal" if state == "wal" else "delete")
    if state == "wal":
        owner.execute("UPDATE t SET filler = NULL WHERE id < 50")
        assert (folder / "x.db-wal").stat().st_size > 0
    elif state == "dead writer":
        shutil.rmtree(folder)
        folder.mkdir()
        other = tmp_path / "other.db"
        owner = make(other)
        owner.execute("PRAGMA cache_size = 2")
        owner.execute("BEGIN")
        owner.execute("UPDATE t SET amount = 7, filler = zeroblob(2000)")
        shutil.copy(other, database)
        shutil.copy(f"{other}-journal", f"{database}-journal")
    elif state == "exclusive lock":
        owner.execute("BEGIN EXCLUSIVE")
        owner.execute("UPDATE t SET amount = 7")
    os.chown(database, 65534, 65534) if os.geteuid() == 0 else None
    os.chmod(folder, 0o777)

    def facts():
        return {entry.name: (entry.stat().st_uid, entry.stat().st_gid, entry.stat().st_mode, entry.stat().st_mtime_ns,
                             entry.stat().st_ctime_ns, entry.stat().st_size) for entry in folder.iterdir()}

    before, folder_before = facts(), folder.stat().st_mtime_ns
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-y", "-o", trace, osprey.path, "--json", *flags(config), SUM],
                          capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == [{"total": str(TOTAL), "rows": str(ROWS)}], done.stderr
    assert facts() == before
    assert folder.stat().st_mtime_ns == folder_before
    seen = calls(trace, folder)
    assert any("x.db" in line and "open" in line for line in seen), "the trace shows the file"
    for line in seen:
        assert not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)", line), line
        assert not re.search(r"F_(OFD_)?SETLKW?|\bflock\(|F_SETLEASE", line), line
        assert not re.search(r"\b(p?write|pwrite64|writev|ftruncate|truncate|unlink|unlinkat|rename|renameat2?|link|"
                             r"linkat|mkdir|chmod|fchmod|fchmodat|chown|fchown|fchownat|utimensat|fsync|fdatasync|"
                             r"fallocate|setxattr|fsetxattr)\(", line), line
        assert not (re.search(r"\bmmap\(", line) and "MAP_SHARED" in line and "PROT_WRITE" in line), line
    owner.close()


def test_no_lock_is_held_meanwhile(osprey, config, folder):
    """/proc/locks while a reader stands in the midst of the file."""
    make(folder / "x.db").close()
    inode = (folder / "x.db").stat().st_ino
    reader = subprocess.Popen([osprey.path, "--json", *flags(config), "SELECT sleep(1) FROM app LIMIT 1"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        while reader.poll() is None:
            assert not re.search(rf":{inode} ", pathlib.Path("/proc/locks").read_text())
            db = sqlite3.connect(folder / "x.db", isolation_level=None, timeout=0)
            db.execute("BEGIN EXCLUSIVE")
            db.execute("ROLLBACK")
            db.close()
            time.sleep(0.05)
    finally:
        reader.communicate(timeout=20)


def test_uncommitted_is_not_seen(osprey, config, folder):
    for mode in ("delete", "wal"):
        (folder / "x.db").unlink(missing_ok=True)
        owner = make(folder / "x.db", mode)
        owner.execute("PRAGMA cache_size = 2")
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("UPDATE t SET amount = 0, filler = zeroblob(3000)")
        assert osprey.query(SUM, *flags(config)) == [{"total": str(TOTAL), "rows": str(ROWS)}]
        owner.execute("COMMIT")
        assert osprey.query(SUM, *flags(config)) == [{"total": "0", "rows": str(ROWS)}]
        owner.close()


def test_killed_writer(osprey, config, folder):
    """A writer killed in the midst leaves its journal: what was committed is read, again and again, and the journal is
    left for the owner."""
    make(folder / "x.db").close()
    code = ("import os, signal, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "db.execute('PRAGMA cache_size = 2'); db.execute('BEGIN');"
            "db.execute('UPDATE t SET amount = 0, filler = zeroblob(3000)'); os.kill(os.getpid(), signal.SIGKILL)")
    subprocess.run([sys.executable, "-c", code, folder / "x.db"])
    journal = (folder / "x.db-journal").read_bytes()
    assert len(journal) > 10000
    for _ in range(2):
        assert osprey.query(SUM, *flags(config)) == [{"total": str(TOTAL), "rows": str(ROWS)}]
    assert (folder / "x.db-journal").read_bytes() == journal
    with sqlite3.connect(folder / "x.db") as owner:
        assert owner.execute("SELECT sum(amount) FROM t").fetchone() == (TOTAL,)


def test_names_that_are_taken_are_told(osprey, config):
    done = osprey.run("--json", *flags(config), "SELECT count(*) AS n FROM users WHERE uid = 0")
    assert json.loads(done.stdout) != []
    assert "auto_table_construction: users: refused: a table of the program has this name" in done.stderr
