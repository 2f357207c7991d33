"""Deaths and shortages of a whole agent under load: a line may come twice with the same epoch, counter and row; none is
lost, torn or false (contract 5, LOG-03, SCH-05, LIM-10). Kills: OSPREY_KILLS of each kind, 20 unless said."""

import collections
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

KILLS = int(os.environ.get("OSPREY_KILLS", "20"))
QUICK = ("--watchdog_max_delay=0", "--schedule_splay_percent=100")


class Churn(threading.Thread):
    """Makes and removes files with names that are never used again, so that every line tells what it must be."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.made = []
        self.ended = threading.Event()

    def run(self):
        alive = collections.deque()
        while not self.ended.is_set():
            name = f"f{len(self.made):06}"
            (self.folder / name).touch()
            self.made.append(name)
            alive.append(name)
            if len(alive) > 300:
                (self.folder / alive.popleft()).unlink()
            time.sleep(0.005)

    def stop(self):
        self.ended.set()
        self.join()


def replay(lines, name):
    """The rows there are after all lines of a query; every line must fit the rows before it."""
    rows, seen, last = set(), set(), (0, -1)
    repeated = 0
    for line in lines:
        if line["name"] != name:
            continue
        row = line["columns"]["filename"]
        key = (line["epoch"], line["counter"], line["action"], row)
        if key in seen:
            repeated += 1
            continue
        seen.add(key)
        moment = (line["epoch"], line["counter"])
        assert moment >= last, f"{line} after {last}"
        assert moment[1] <= last[1] + 1 or moment[0] != last[0], f"{line}: a counter is missing after {last}"
        last = moment
        if line["action"] == "added":
            assert row not in rows, f"{line}: was there already"
            rows.add(row)
        else:
            assert row in rows, f"{line}: was not there"
            rows.remove(row)
    return rows, repeated


@pytest.fixture
def loaded(make_agent, tmp_path):
    """An agent that looks at a churning folder every second, twice, and at other things besides."""
    folder = tmp_path / "churn"
    folder.mkdir()
    agent = make_agent()
    query = f"select filename from file where directory='{folder}'"
    agent.configure({"schedule": {
        "churn": {"query": query, "interval": 1},
        "churn_again": {"query": query, "interval": 1},
        "processes": {"query": "select pid, name, substr(cmdline, 1, 100) as cmdline from processes", "interval": 1},
        "mounts": {"query": "select * from mounts", "interval": 1},
    }})
    churn = Churn(folder)
    churn.start()
    yield agent, churn
    churn.stop()


def settle_and_check(agent, churn):
    """After the last change the log must tell exactly what is in the folder."""
    churn.stop()
    there = {path.name for path in churn.folder.iterdir()}
    for name in ("churn", "churn_again"):
        agent.wait_for(lambda: replay(agent.lines(), name)[0] == there, what=f"the last state of {name}")
    assert agent.stop() == 0
    repeated = 0
    for name in ("churn", "churn_again"):
        rows, again = replay(agent.lines(), name)
        assert rows == there
        repeated += again
        told = {line["columns"]["filename"] for line in agent.lines() if line["name"] == name}
        assert told <= set(churn.made)
    return repeated


def lines_so_far(agent):
    return sum(1 for line in agent.lines() if line["name"] == "churn")


def wait_for_more(agent):
    before = lines_so_far(agent)
    agent.wait_for(lambda: lines_so_far(agent) > before, timeout=30, what="another line")


def test_killed_workers_lose_nothing(loaded, capsys):
    agent, churn = loaded
    agent.start(*QUICK)
    chance = random.Random(1)
    for _ in range(KILLS):
        wait_for_more(agent)
        time.sleep(chance.uniform(0, 1.2))
        worker = agent.wait_for(agent.worker)
        os.kill(worker, signal.SIGKILL)
        agent.wait_for(lambda: agent.worker() not in (None, worker), what="the next worker")
    repeated = settle_and_check(agent, churn)
    with capsys.disabled():
        print(f" [{KILLS} killed workers: {len(agent.lines())} lines, {repeated} repeated]", end="")


@pytest.mark.parametrize("who", ["watcher", "both"])
def test_killed_watchers_lose_nothing(loaded, who, capsys):
    agent, churn = loaded
    chance = random.Random(2)
    for _ in range(KILLS):
        agent.start(*QUICK)
        wait_for_more(agent)
        time.sleep(chance.uniform(0, 1.2))
        worker = agent.wait_for(agent.worker)
        if who == "both":
            agent.process.kill()
            os.kill(worker, signal.SIGKILL)
            assert agent.stop() == -signal.SIGKILL
            continue
        assert agent.stop(signal.SIGKILL) == -signal.SIGKILL
        # Without its watcher a worker ends by itself.
        end = time.monotonic() + 10
        while os.path.exists(f"/proc/{worker}") and time.monotonic() < end:
            time.sleep(0.02)
        assert not os.path.exists(f"/proc/{worker}")
    agent.start(*QUICK)
    repeated = settle_and_check(agent, churn)
    with capsys.disabled():
        print(f" [{KILLS} kills of {who}: {len(agent.lines())} lines, {repeated} repeated]", end="")


@pytest.fixture
def small_filesystem(tmp_path):
    """A tmpfs of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "osprey-test", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("what", ["database", "logs"])
def test_a_full_disk_is_survived(loaded, small_filesystem, what):
    agent, churn = loaded
    if what == "database":
        agent.database = small_filesystem / "db"
    else:
        agent.logs = small_filesystem / "log"
        agent.logs.mkdir()
    agent.start(*QUICK, "--free_space_floor_mb=1")
    wait_for_more(agent)
    ballast = small_filesystem / "ballast"
    with pytest.raises(OSError), open(ballast, "wb") as file:
        while True:
            file.write(b"x" * 65536)
            file.flush()
    worker = agent.worker()
    time.sleep(5)
    ballast.unlink()
    agent.wait_for(agent.worker)
    churn.stop()
    there = {path.name for path in churn.folder.iterdir()}
    for name in ("churn", "churn_again"):
        agent.wait_for(lambda: replay(agent.lines(), name)[0] == there, timeout=90, what=f"the last state of {name}")
    assert agent.worker() == worker, "the worker died of it"
    assert agent.stop() == 0


def test_a_start_on_a_full_disk_goes_on_when_there_is_room(make_agent, small_filesystem):
    agent = make_agent()
    agent.database = small_filesystem / "db"
    agent.configure({"schedule": {"time": {"query": "select unix_time from time", "interval": 1}}})
    agent.start(*QUICK, "--free_space_floor_mb=1")
    agent.wait_for(agent.lines)
    assert agent.stop() == 0
    before = len(agent.lines())
    ballast = small_filesystem / "ballast"
    with pytest.raises(OSError), open(ballast, "wb") as file:
        while True:
            file.write(b"x" * 65536)
            file.flush()
    agent.start(*QUICK, "--free_space_floor_mb=1")
    worker = agent.wait_for(agent.worker)
    time.sleep(3)
    ballast.unlink()
    agent.wait_for(lambda: len(agent.lines()) > before, timeout=60, what="a line once there is room")
    assert agent.worker() == worker
    assert agent.stop() == 0


def test_a_damaged_store_is_set_aside(loaded):
    agent, churn = loaded
    chance = random.Random(3)
    agent.start(*QUICK)
    wait_for_more(agent)
    assert agent.stop() == 0
    for path in sorted(agent.database.iterdir()):
        if path.is_file() and path.stat().st_size:
            content = bytearray(path.read_bytes())
            for _ in range(20):
                content[chance.randrange(len(content))] ^= 0xFF
            path.write_bytes(content)
    before = len(agent.lines())
    agent.start(*QUICK)
    agent.wait_for(lambda: len(agent.lines()) > before, what="lines after the damage")
    assert "set aside" in agent.errors()
    assert agent.stop() == 0


def test_endless_and_greedy_queries_are_stopped_and_the_rest_goes_on(make_agent):
    agent = make_agent()
    agent.configure({
        "schedule": {
            "endless": {"query": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
                        "interval": 1},
            "greedy": {"query": "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000000) "
                                "select group_concat(hex(randomblob(1000))) as t from n", "interval": 1},
            "light": {"query": "select unix_time from time", "interval": 1},
            "told": {"query": "select name, denylisted from osquery_schedule", "interval": 1, "snapshot": True},
        }})
    agent.start(*QUICK, "--schedule_query_seconds=2", "--schedule_query_memory_mb=32")

    def denylisted():
        return {row["name"] for row in agent.last_snapshot("told") if row["denylisted"] == "1"}

    agent.wait_for(lambda: {"endless", "greedy"} <= denylisted(), timeout=40)
    worker = agent.worker()
    before = sum(line["name"] == "light" for line in agent.lines())
    agent.wait_for(lambda: sum(line["name"] == "light" for line in agent.lines()) > before + 3)
    assert "light" not in denylisted()
    assert agent.worker() == worker
    assert agent.stop() == 0


def test_a_hundred_changes_of_the_configuration_in_a_minute(make_agent):
    agent = make_agent()
    schedule = lambda i: {"schedule": {"steady": {"query": "select unix_time from time", "interval": 1},
                                       f"new{i}": {"query": f"select {i} as i", "interval": 1}}}
    agent.configure(schedule(0))
    agent.start(*QUICK)
    agent.wait_for(agent.lines)
    worker = agent.worker()
    for i in range(1, 34):  # twenty seconds at that rate
        agent.configure(schedule(i) if i % 5 else '{"schedule": {')
        time.sleep(0.6)
    agent.configure(schedule(100))
    agent.wait_for(lambda: any(line["name"] == "new100" for line in agent.lines()))
    counters = [line["counter"] for line in agent.lines() if line["name"] == "steady" and line["action"] == "added"]
    assert counters == list(range(len(counters)))
    assert agent.worker() == worker
    assert agent.stop() == 0


def test_stops_within_five_seconds(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {"endless": {
        "query": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n", "interval": 1}}})
    agent.start(*QUICK)
    agent.wait_for(agent.worker)
    time.sleep(2)
    assert agent.stop(timeout=5) == 0


def test_the_second_agent_is_told_who_runs(make_agent):
    agent = make_agent()
    agent.configure({})
    agent.start(*QUICK)
    agent.wait_for(agent.worker)
    second = subprocess.run(agent.command(), capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert f"another agent is running, process {agent.process.pid}" in second.stderr
    assert agent.stop() == 0
    assert not pathlib.Path(agent.folder / "pid").exists()
