"""What the agent says about itself, held against what the kernel and the disk say (osquery_info, osquery_registry,
osprey_sinks, osprey_losses, osprey_store; AGT-13, LOG-05, LOG-09, LIM-14)."""

import hashlib
import os
import pathlib
import socket

import pytest

TICKS = os.sysconf("SC_CLK_TCK")


def start_time(pid):
    """When a process started, Unix seconds."""
    ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    boot = next(int(line.split()[1]) for line in pathlib.Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return boot + ticks / TICKS


QUERIES = {
    "info": "select * from osquery_info",
    "loggers": "select name, active from osquery_registry where registry = 'logger'",
    "sinks": "select * from osprey_sinks",
    "losses": "select * from osprey_losses",
    "store": "select * from osprey_store",
    "schedule": "select name, executions, denylisted, interval from osquery_schedule",
    "light": "select 1 as one",
}


@pytest.fixture
def watched(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {name: {"query": sql, "interval": 1, "snapshot": True} for name, sql in QUERIES.items()}})
    agent.start("--schedule_splay_percent=100", "--logger_plugin=filesystem,stdout")
    agent.wait_for(lambda: all(agent.last_snapshot(name) for name in QUERIES if name != "losses"))
    return agent


def test_info_is_the_processes_own(watched):
    info = watched.last_snapshot("info")[0]
    worker = watched.worker()
    assert info["pid"] == str(worker)
    assert info["watcher"] == str(watched.process.pid)
    assert abs(int(info["start_time"]) - start_time(worker)) <= 2
    assert info["config_valid"] == "1"
    text = watched.config_path.read_bytes()
    assert info["config_hash"] == hashlib.sha1(hashlib.sha1(text).hexdigest().encode()).hexdigest()
    status = pathlib.Path(f"/proc/{worker}/comm").read_text().strip()
    assert status == "ospreyd"
    # Both UUIDs stay over a restart.
    assert watched.stop() == 0
    before = len(watched.lines("snapshots"))
    watched.start("--schedule_splay_percent=100")
    watched.wait_for(lambda: any(line["name"] == "info" for line in watched.lines("snapshots")[before:]))
    again = watched.last_snapshot("info")[0]
    assert again["pid"] != info["pid"]
    assert (again["uuid"], again["instance_id"]) == (info["uuid"], info["instance_id"])


def test_the_worker_has_few_capabilities(watched):
    if os.geteuid() != 0:
        pytest.skip("only root has capabilities to give away")
    status = pathlib.Path(f"/proc/{watched.worker()}/status").read_text()
    effective = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    dac_read_search, sys_module, sys_admin, setuid = 1 << 2, 1 << 16, 1 << 21, 1 << 7
    assert effective.bit_count() == 7 and effective & dac_read_search
    assert not effective & (sys_module | sys_admin | setuid)
    assert "NoNewPrivs:\t1" in status


def test_sinks_and_registry(watched):
    active = {row["name"] for row in watched.last_snapshot("loggers") if row["active"] == "1"}
    assert active == {"filesystem", "stdout"}
    assert {"kafka_producer", "syslog"} <= {row["name"] for row in watched.last_snapshot("loggers")}

    def sinks():
        return {row["name"]: row for row in watched.last_snapshot("sinks")}

    watched.wait_for(lambda: int(sinks()["filesystem"]["delivered_lines"]) > 5)
    assert set(sinks()) == {"filesystem", "stdout"}
    assert str(watched.logs) in sinks()["filesystem"]["target"]
    assert {row["failures"] for row in sinks().values()} == {"0"}


def test_nothing_is_lost_and_the_store_is_where_it_says(watched):
    assert watched.last_snapshot("losses") == []
    store = watched.last_snapshot("store")
    assert {row["directory"] for row in store} == {str(watched.database)}
    assert {"configurations", "queries", "logs", "query_performance"} <= {row["family"] for row in store}
    free = os.statvfs(watched.database)
    assert abs(int(store[0]["filesystem_free"]) - free.f_bavail * free.f_frsize) < 1 << 30


def test_executions_are_counted_exactly(watched):
    watched.wait_for(lambda: len([1 for line in watched.lines("snapshots") if line["name"] == "light"]) >= 4)
    assert watched.stop() == 0
    snapshots = watched.lines("snapshots")
    last = max(i for i, line in enumerate(snapshots) if line["name"] == "schedule")
    row = {row["name"]: row for row in snapshots[last]["snapshot"]}["light"]
    logged = sum(line["name"] == "light" for line in snapshots[:last])
    # A run that ended while the other thread listed may be logged on either side of that line.
    assert abs(int(row["executions"]) - logged) <= 1
    assert row["interval"] == "1" and row["denylisted"] == "0"
    assert {line["hostIdentifier"] for line in snapshots} == {socket.gethostname()}
