"""The agent's control group and priorities, from outside: who is in, what holds, and that nothing is left behind.
LIM-01, LIM-05, LIM-07, AGT-19."""

import os
import pathlib
import signal

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")
SNAPSHOT = {"query": "SELECT * FROM osprey_limits", "interval": 1, "snapshot": True}


def groups_of(pid):
    """The groups of a process below the agent's, by name."""
    paths = [line.split(":", 2)[2] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    return {path.rsplit("/", 1)[1] for path in paths if "/osprey-worker-" in path}


def left_of(watcher):
    """Directories of groups that name a watcher."""
    return list(pathlib.Path("/sys/fs/cgroup").glob(f"**/osprey-*-{watcher}-*"))


def limits_of(agent):
    """The rows of osprey_limits that the agent logged last, by name."""
    lines = agent.wait_for(lambda: agent.lines("snapshots"), what="a snapshot of osprey_limits")
    return {row["name"]: row for row in lines[-1]["snapshot"]}


def in_group(agent):
    worker = agent.wait_for(agent.worker)
    if not left_of(agent.process.pid):
        pytest.skip("no cgroup can be made here: " + agent.errors()[-500:])
    return worker, agent.wait_for(lambda: groups_of(worker))


def test_the_worker_is_inside_and_the_watcher_outside(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {"limits": SNAPSHOT}})
    agent.start("--cgroup_pids=100")
    worker, names = in_group(agent)
    watcher = agent.process.pid
    assert len(names) == 1 and f"-{watcher}-" in names.pop()
    assert not groups_of(watcher)
    for group in left_of(watcher):
        assert worker in map(int, (group / "cgroup.procs").read_text().split()), group
    rows = limits_of(agent)
    expected = {"cgroup_cpu": "20", "cgroup_memory": str(256 << 20), "cgroup_processes": "100", "cgroup_io": str(50 << 20)}
    for name, limit in expected.items():
        row = rows[name]
        if row["enforced_by"].startswith("cgroup v"):
            assert row["limit_value"] == limit and row["scope"] == "agent", row
        else:
            assert row["enforced_by"] in ("watcher", "none") and row["limit_value"] == "", row
    assert any(row["enforced_by"].startswith("cgroup v") for row in rows.values())
    assert rows["io_budget_bytes"]["limit_value"] == str(50 << 20)
    # Behind everybody else, in processor time and at the disks.
    assert os.getpriority(os.PRIO_PROCESS, worker) == 10
    assert agent.stop() == 0
    assert not left_of(watcher)


def test_another_watcher_clears_up_after_one_that_was_killed(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {}})
    agent.start()
    worker, _ = in_group(agent)
    watcher = agent.process.pid
    agent.process.send_signal(signal.SIGKILL)
    agent.process.wait()
    assert left_of(watcher)
    agent.start()
    agent.wait_for(lambda: not left_of(watcher), what="the old group's end")
    assert not pathlib.Path(f"/proc/{worker}").exists() or not groups_of(worker)
    watcher = agent.process.pid
    assert agent.stop() == 0
    assert not left_of(watcher)


def test_the_worker_that_eats_memory_is_said_to_have(make_agent):
    agent = make_agent()
    # A list of numbers, far larger than the group may be, in one value.
    agent.configure({"schedule": {"eater": {"query": "SELECT length(group_concat(hex(zeroblob(1000000)))) FROM "
                                                     "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n)",
                                            "interval": 1, "snapshot": True}}})
    agent.start("--cgroup_memory_mb=48", "--cgroup_cpu_percent=100", "--schedule_query_memory_mb=0")
    in_group(agent)
    agent.wait_for(lambda: "ended by oom" in agent.errors(), timeout=40, what="the end of the worker")


def test_all_limits_can_be_off(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {"limits": SNAPSHOT}})
    agent.start("--cgroup_cpu_percent=0", "--cgroup_memory_mb=0", "--cgroup_io_mb=0", "--cgroup_pids=0",
                "--io_budget_mb=0", "--io_budget_files=0")
    rows = limits_of(agent)
    for name in ("cgroup_cpu", "cgroup_memory", "cgroup_io", "cgroup_processes", "io_budget_bytes", "io_budget_files"):
        assert rows[name]["enforced_by"] == "none" and rows[name]["limit_value"] == "", rows[name]
    assert not left_of(agent.process.pid)
