"""Carving against a server of osquery's TLS API (tls_server.py), over real TLS: compat sections 6.7 and 8."""

import hashlib
import io
import os
import signal
import tarfile
import time

import pytest

from test_distributed import answer
from tls_server import Reply, server  # noqa: F401


@pytest.fixture
def start(make_agent, server):
    def start(*flags, name="ospreyd"):
        agent = make_agent(name)
        agent.configure({})
        agent.flags = [*server.flags("distributed", "carver"), "--carver_disable_function=false", "--distributed_interval=1",
                       "--watchdog_max_delay=0", "--carver_block_size=4096"]
        return agent.start(*flags)
    return start


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "a").write_text("one\n")
    (folder / "b").write_bytes(bytes(range(256)) * 400)
    (folder / "sub").mkdir()
    return folder


def received(server, carve):
    blocks = carve["blocks"]
    assert sorted(blocks) == list(range(carve["begin"]["block_count"]))
    archive = b"".join(blocks[i] for i in range(len(blocks)))
    assert len(archive) == carve["begin"]["carve_size"]
    return archive


def finished(server, name="status", timeout=30):
    """The rows of `carves` once none is under way."""
    end = time.monotonic() + timeout
    number = 0
    while time.monotonic() < end:
        number += 1
        server.ask({f"{name}{number}": "select *, error from carves"})
        rows, status, message, _ = answer(server, f"{name}{number}")
        assert status == 0, message
        if rows and all(row["status"] not in ("SCHEDULED", "STARTING", "PENDING") for row in rows):
            return rows
    raise AssertionError(f"carves do not come to an end: {rows}")


def test_a_file_is_carved_by_a_live_query(server, start, files):
    agent = start("--disable_watchdog")
    server.ask({"carve-7": f"select * from carves where path like '{files}/%' and carve = 1"})
    rows, status, message, _ = answer(server, "carve-7")
    assert (status, message) == (0, "")
    assert (rows[0]["status"], rows[0]["size"], rows[0]["sha256"], rows[0]["carve"]) == ("SCHEDULED", "-1", "", "1")
    assert rows[0]["path"] == f"{files}/a,{files}/b"
    [row] = finished(server)
    assert (row["status"], row["error"]) == ("SUCCESS", "")
    [carve] = server.carves.values()
    assert list(carve["begin"]) == ["block_count", "block_size", "carve_size", "carve_id", "request_id", "node_key"]
    assert carve["begin"]["request_id"] == row["request_id"] == "carve-7"
    assert carve["begin"]["carve_id"] == row["carve_guid"]
    archive = received(server, carve)
    assert hashlib.sha256(archive).hexdigest() == row["sha256"] and len(archive) == int(row["size"])
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert [member.name for member in tar] == [f"{files}/a"[1:], f"{files}/b"[1:]]
        assert tar.extractfile(f"{files}/b"[1:]).read() == (files / "b").read_bytes()
        assert tar.getmember(f"{files}/a"[1:]).mtime == pytest.approx((files / "a").stat().st_mtime)
    block = server.seen("/carve/block")[0]
    assert list(block.json) == ["block_id", "session_id", "request_id", "data"]
    assert block.header("Authorization") == "NodeKey node-key-1"
    assert not list(agent.database.glob("carve-*"))


def test_osqueryd_sends_what_osqueryd_sent(server, start, files):
    """recordings/wire/carve.jsonl: sizes and layout of its archives, of one file and of none."""
    start("--disable_watchdog", name="osqueryd")
    server.ask({"fn": f"select carve(path) from file where path = '{files}/a'",
                "none": "select carve(path) as c from (select '/nonexistent' as path)"})
    assert answer(server, "fn")[0] == [{"carve(path)": "Carve Started"}]
    assert answer(server, "none")[0] == [{"c": "Carve Started"}]
    rows = {row["path"]: row for row in finished(server)}
    assert rows["/nonexistent"]["size"] == "1024" and rows["/nonexistent"]["status"] == "SUCCESS"
    assert rows[f"{files}/a"]["size"] == "3072"
    guid = rows[f"{files}/a"]["carve_guid"]
    [carve] = [carve for carve in server.carves.values() if carve["begin"]["carve_id"] == guid]
    raw = next(request.body for request in server.seen("/carve/begin") if request.json["carve_id"] == guid).decode()
    assert raw == (f'{{"block_count":1,"block_size":4096,"carve_size":3072,"carve_id":"{guid}",'
                   f'"request_id":"{rows[f"{files}/a"]["request_id"]}","node_key":"node-key-1"}}')
    with tarfile.open(fileobj=io.BytesIO(received(server, carve))) as tar:
        assert tar.getnames() == [f"/tmp/osquery_carve_{guid}{files}/a"]


def test_a_carve_of_nothing_fails(server, start):
    start("--disable_watchdog")
    server.ask({"none": "select * from carves where path = '/nonexistent' and carve = 1"})
    [row] = finished(server)
    assert (row["status"], row["error"]) == ("CREATE PATHS FAILED", "/nonexistent: No such file or directory")
    assert not server.carves


def test_a_killed_worker_goes_on_where_it_was(server, start, files):
    (files / "large").write_bytes(os.urandom(400_000))
    agent = start()
    # Four blocks are taken; the fifth hangs.
    server.script("/carve/block", None, None, None, None, Reply({}, delay=30))
    server.ask({"c": f"select * from carves where path = '{files}/large' and carve = 1"})
    server.wait_for(lambda: len(server.seen("/carve/block")) >= 5)
    os.kill(agent.wait_for(agent.worker), signal.SIGKILL)
    [row] = finished(server, timeout=60)
    assert (row["status"], row["error"]) == ("SUCCESS", "")
    assert len(server.seen("/carve/begin")) == 1
    [carve] = server.carves.values()
    with tarfile.open(fileobj=io.BytesIO(received(server, carve))) as tar:
        assert tar.extractfile(f"{files}/large"[1:]).read() == (files / "large").read_bytes()
    ids = [request.json["block_id"] for request in server.seen("/carve/block")]
    assert ids == [0, 1, 2, 3, 4, *range(4, carve["begin"]["block_count"])]
    assert not list(agent.database.glob("carve-*"))


def test_compressed(server, start, files):
    start("--disable_watchdog", "--carver_compression")
    server.ask({"c": f"select carve(path) from file where path = '{files}/b'"})
    [row] = finished(server)
    archive = received(server, next(iter(server.carves.values())))
    assert archive.startswith(b"\x28\xb5\x2f\xfd")  # Zstandard's magic number
    assert len(archive) < 10_000 and row["sha256"] == hashlib.sha256(archive).hexdigest()


def test_nothing_is_carved_unless_it_is_turned_on(server, start, files):
    start("--disable_watchdog", "--disable_carver")
    server.ask({"t": f"select * from carves where path = '{files}/a' and carve = 1", "f": f"select carve('{files}/a') as c"})
    rows, status, message, _ = answer(server, "t")
    assert (rows, status) == ([], 0) and "--disable_carver=false" in message
    assert answer(server, "f")[0] == [{"c": "Carve Failed: it is off (disable_carver, carver_disable_function)"}]
    assert not server.carves
