"""The schedule of a whole agent: turns of the start, what a death costs whom, exact statistics, tables that would block.
SCH-01, SCH-08, CFG-07 to CFG-13, AGT-19, LIM-02."""

import os
import pathlib
import signal

# The next worker comes at once; intervals are what they say.
QUICK = ("--watchdog_max_delay=0", "--schedule_splay_percent=0")
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"


def query(sql, interval=1, **more):
    return {"query": sql, "interval": interval, **more}


def query_threads(pid):
    """Processor time of a worker's query threads, in milliseconds."""
    spent = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("query "):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            spent += (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")
    return spent


def test_turns_of_the_start_come_at_once_and_in_order(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {
        "late": query("select 'late' as p", 3000),
        "second": query("select 'second' as p", 3000, startup_priority=2),
        "first": query("select 'first' as p", 3000, startup_priority=1),
        "third": query("select 'third' as p", 3000, startup_priority=3),
    }})
    agent.start(*QUICK)
    agent.wait_for(lambda: len(agent.lines()) >= 3)
    assert [line["name"] for line in agent.lines()][:3] == ["first", "second", "third"]
    assert agent.stop() == 0


def test_a_query_that_the_worker_dies_of_twice_is_left_out(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {
        "deadly": query(ENDLESS),
        "light": query("select unix_time from time"),
        "told": query("select name, denylisted from osquery_schedule", snapshot=True),
    }})
    agent.start(*QUICK)
    for words in ("next runs alone: the agent died while it ran (signal:11)", "is on the denylist for a day"):
        worker = agent.wait_for(agent.worker)
        before = len(agent.lines("snapshots"))
        agent.wait_for(lambda: query_threads(worker) > 300, timeout=40, what="the endless query's processor time")
        os.kill(worker, signal.SIGSEGV)
        agent.wait_for(lambda: f"scheduled query deadly {words}" in agent.errors(), timeout=40)
    agent.wait_for(lambda: len(agent.lines("snapshots")) > before + 2, timeout=40)
    denied = {row["name"]: row["denylisted"] for row in agent.last_snapshot("told")}
    assert denied == {"deadly": "1", "light": "0", "told": "0"}
    assert agent.stop() == 0


def test_statistics_are_the_kernels(make_agent):
    agent = make_agent()
    agent.configure({"schedule": {
        "work": query("with recursive n(i) as (select 1 union all select i + 1 from n limit 200000) select count(*) from n"),
        "told": query("select name, executions, user_time + system_time as cpu, wall_time_ms, last_memory, output_size "
                      "from osquery_schedule where name = 'work'", snapshot=True),
    }})
    agent.start(*QUICK, "--cgroup_cpu_percent=0")
    worker = agent.wait_for(agent.worker)

    def worked():
        rows = agent.last_snapshot("told")
        return rows if rows and int(rows[0]["executions"]) >= 5 else None
    row = agent.wait_for(worked)[0]
    spent = query_threads(worker)
    runs = int(row["executions"])
    # The threads have done a little more than this one query by then: another run at most, connections, the other query.
    assert 0 < int(row["cpu"]) <= spent + 20
    assert spent - int(row["cpu"]) < 150 + 2 * int(row["cpu"]) / runs
    assert int(row["wall_time_ms"]) >= int(row["cpu"]) - 20
    assert int(row["last_memory"]) > 0
    assert agent.stop() == 0


def test_a_fifo_blocks_nobody(make_agent, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("x")
    agent = make_agent()
    agent.configure({"schedule": {
        "fifo": query(f"select path, sha256 from hash where directory = '{tmp_path}'"),
        "lines": query(f"select * from file where path = '{tmp_path}/fifo'"),
        "light": query("select unix_time from time"),
    }})
    agent.start(*QUICK)
    agent.wait_for(lambda: sum(line["name"] == "light" for line in agent.lines()) > 3)
    hashed = {line["columns"]["path"] for line in agent.lines() if line["name"] == "fifo"}
    assert f"{tmp_path}/file" in hashed
    assert any(line["name"] == "lines" for line in agent.lines())
    assert agent.stop(timeout=5) == 0


def test_packs_as_recorded(make_agent):
    """recordings/daemon/pack: which queries run under which names, and what osquery_packs says."""
    agent = make_agent("osqueryd")
    agent.configure({
        "schedule": {"packs": query("select name, platform, version, shard, discovery_cache_hits>0 as hits, "
                                    "discovery_executions, active from osquery_packs", 2, snapshot=True)},
        "packs": {
            "on": {"platform": "linux", "version": "1.4.0", "discovery": ["select 1"],
                   "queries": {"q1": query("select 'on.q1' as a")}},
            "off": {"discovery": ["select 1 where 0"], "queries": {"q": query("select 'off' as a")}},
            "err": {"discovery": ["select * from no_such_table"], "queries": {"q": query("select 'err' as a")}},
            "plat": {"platform": "darwin", "queries": {"q": query("select 'plat' as a")}},
            "ver": {"version": "99.0.0", "queries": {"q": query("select 'ver' as a")}},
            "shard100": {"shard": 100, "queries": {"q1": query("select 'shard100' as a")}},
            "empty": {"queries": {}},
        }})
    agent.start("--disable_watchdog")
    seen = lambda: {line["name"] for line in agent.lines()}
    agent.wait_for(lambda: seen() >= {"pack_on_q1", "pack_shard100_q1"} and agent.last_snapshot("packs"))
    agent.wait_for(lambda: all(row["hits"] == "1" for row in agent.last_snapshot("packs")
                               if row["name"] not in ("plat", "ver")))
    assert seen() == {"pack_on_q1", "pack_shard100_q1"}
    assert [(row["name"], row["active"], row["discovery_executions"], row["hits"], row["shard"])
            for row in agent.last_snapshot("packs")] == [
        ("main", "1", "1", "1", "0"), ("on", "1", "1", "1", "0"), ("off", "0", "1", "1", "0"), ("err", "0", "1", "1", "0"),
        ("plat", "0", "0", "0", "0"), ("ver", "0", "0", "0", "0"), ("shard100", "1", "1", "1", "100"),
        ("empty", "1", "1", "1", "0")]
    assert "Discovery query failed (select * from no_such_table): no such table: no_such_table" in agent.errors()
    assert agent.stop() == 0


def test_what_a_query_does_is_said_by_its_keys_not_its_name(make_agent):
    """CFG-13: one called snapshot is differential all the same, and its interval is what stands there."""
    agent = make_agent()
    agent.configure({"schedule": {"snapshot": query("select unix_time / 2 as t from time"),
                                  "daily": query("select 1 as a", snapshot=True)}})
    agent.start(*QUICK)
    agent.wait_for(lambda: len([line for line in agent.lines() if line["name"] == "snapshot"]) > 2)
    assert {line["action"] for line in agent.lines()} == {"added", "removed"}
    agent.wait_for(lambda: len([line for line in agent.lines("snapshots") if line["name"] == "daily"]) > 1)
    assert {line["name"] for line in agent.lines("snapshots")} == {"daily"}
    assert agent.stop() == 0
