"""Live queries of the agent against a server of osquery's TLS API (tls_server.py), over real TLS. DST-01, DST-02, DST-05."""

import os
import re
import signal
import time

import pytest

from tls_server import HELD_READ, Reply, server  # noqa: F401

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"


@pytest.fixture
def agent(make_agent, server):
    made = make_agent()
    made.configure({})
    made.flags = [*server.flags("distributed"), "--distributed_interval=1", "--watchdog_max_delay=0"]
    return made


def answer(server, query, timeout=20):
    """What the first write with this query's answer says: rows, status, message, stats."""
    def found():
        return next((w for w in list(server.writes) if query in w["queries"]), None)
    write = server.wait_for(found, timeout, what=f"the answer to {query}")
    return tuple(write[part][query] for part in ("queries", "statuses", "messages", "stats"))


def test_a_live_query_is_answered(server, agent):
    agent.start("--disable_watchdog")
    server.ask({"b": "select 1 as z, 'x' as a, null as n", "a": "select pid from osquery_info", "c": "select * from no_such_table"})
    rows, status, message, stats = answer(server, "b")
    assert (list(rows[0].items()), status, message) == ([("z", "1"), ("a", "x"), ("n", "")], 0, "")
    assert list(stats) == ["wall_time_ms", "user_time", "system_time", "memory"]
    assert answer(server, "a")[0] == [{"pid": str(agent.process.pid)}]
    assert answer(server, "c")[:2] == ([], 1)
    assert answer(server, "c")[2].startswith("no such table: no_such_table")
    [write] = server.seen("/distributed/write")
    assert list(write.json) == ["queries", "statuses", "messages", "stats", "node_key"]
    assert list(write.json["queries"]) == ["a", "b", "c"]


def test_live_queries_are_off_by_default(server, agent):
    agent.flags = [flag for flag in agent.flags if "disable_distributed" not in flag]
    agent.start("--disable_watchdog")
    agent.wait_for(lambda: (agent.folder / "pid").exists())
    time.sleep(1.5)
    assert not server.seen("/distributed/read")


def test_the_server_may_hold_the_read(server, agent):
    server.hold = 30
    agent.start("--disable_watchdog", "--distributed_interval=600")
    server.wait_for(lambda: len(server.seen("/distributed/read")) == 2, what="a read to hold")
    first, held = server.seen("/distributed/read")
    assert first.header(HELD_READ) is None and held.header(HELD_READ) == "30"
    asked = time.monotonic()
    server.ask({"q": "select 1 as one"})
    assert answer(server, "q")[0] == [{"one": "1"}]
    took = time.monotonic() - asked
    server.ask({"q2": "select 2 as two"})
    answer(server, "q2")
    print(f" [a live answer took {took * 1000:.0f} ms]", end="")
    # The next read is held while nothing is asked, and an order to stop ends it.
    server.wait_for(lambda: len(server.seen("/distributed/read")) == 4)
    assert agent.stop(timeout=10) == 0


# What osquery sent (recordings/wire/basic.jsonl), but for qmulti, whose fault is mended: the reply, the body it gave.
STATS = '{"wall_time_ms":0,"user_time":0,"system_time":0,"memory":0}'
RECORDED = [
    (r"""{"queries": {"q1": "select 1 as z, 'text' as a, null as n, 2.5 as f", "q2": "select path, size from file where path='/etc/hosts'", "qbad": "select * from no_such_table", "qreq": "select * from hash", "qmulti": "select 1 as a; select 2 as b", "qempty": "select 1 as a where 0", "qdisc_yes": "select 'yes' as d", "qdisc_no": "select 'no' as d"}, "discovery": {"qdisc_yes": "select 1", "qdisc_no": "select 1 where 0"}}""",
     r"""{"queries":{"q1":[{"z":"1","a":"text","n":"","f":"2.5"}],"q2":[{"path":"/etc/hosts","size":"SIZE"}],"qbad":[],"qdisc_yes":[{"d":"yes"}],"qempty":[],"qmulti":[{"a":"1"},{"b":"2"}],"qreq":[]},"statuses":{"q1":0,"q2":0,"qbad":1,"qdisc_yes":0,"qempty":0,"qmulti":0,"qreq":1},"messages":{"q1":"","q2":"","qbad":"no such table: no_such_table","qdisc_yes":"","qempty":"","qmulti":"","qreq":"Table hash was queried without a required column in the WHERE clause"},"stats":{"q1":S,"q2":S,"qbad":S,"qdisc_yes":S,"qempty":S,"qmulti":S,"qreq":S},"node_key":"node-key-1"}"""),
    (r"""{"queries": {"u1": "select 'h\u00e9llo \u65e5\u672c' as u, x'00ff41' as blob, char(1)||char(10)||char(34)||'/' as ctl"}, "accelerate": 12}""",
     r"""{"queries":{"u1":[{"u":"héllo 日本","blob":"","ctl":"\u0001\n\"/"}]},"statuses":{"u1":0},"messages":{"u1":""},"stats":{"u1":S},"node_key":"node-key-1"}"""),
    (r"""{"queries": {"dd": "select 1"}, "discovery": {"dd": "select * from no_such_table"}}""", None),
    (r"""{"queries":{"same":"select 'same' as s"},"discovery":{"same":5}}""", None),
    (r"""{"queries":["select 1"]}""", None),
    (r"""{"queries": {"num": 5, "nul": null, "ok": "select 1 as ok"}}""", None),
    (r"""""", None),
    (r"""{"queries": {"a1": "select 1"}, "accelerate": "30"}""",
     r"""{"queries":{"a1":[{"1":"1"}]},"statuses":{"a1":0},"messages":{"a1":""},"stats":{"a1":S},"node_key":"node-key-1"}"""),
]


def without_figures(body):
    return re.sub(r'((?:_ms|_time|memory)":)\d+', r"\g<1>0", body.decode())


def test_osqueryd_writes_the_recorded_bodies(server, make_agent):
    agent = make_agent("osqueryd")
    agent.configure({})
    agent.flags = [*server.flags("distributed"), "--disable_watchdog", "--distributed_interval=1"]
    server.script("/distributed/read", *(reply for reply, _ in RECORDED if "accelerate\": 12" not in reply))
    agent.start()
    expected = [body.replace("SIZE", str(os.path.getsize("/etc/hosts"))).replace(":S", f":{STATS}")
                for reply, body in RECORDED if body and "accelerate\": 12" not in reply]
    server.wait_for(lambda: len(server.seen("/distributed/write")) == len(expected), 30)
    # The accelerated one last: reads are five seconds apart from there on.
    server.script("/distributed/read", RECORDED[1][0])
    expected.append(RECORDED[1][1].replace(":S", f":{STATS}"))
    server.wait_for(lambda: len(server.seen("/distributed/write")) == len(expected), 30)
    assert [without_figures(request.body) for request in server.seen("/distributed/write")] == expected
    assert {request.body for request in server.seen("/distributed/read")} == {b'{"node_key":"node-key-1"}'}
    errors = agent.errors()
    assert "Error executing distributed query: qbad: no such table: no_such_table" in errors
    assert "Accelerating distributed query checkins for 12 seconds" in errors


def test_osqueryd_sends_refused_results_with_the_next(server, make_agent):
    """recordings/wire/distributed_errors.jsonl: three tries, then together with what came next."""
    agent = make_agent("osqueryd")
    agent.configure({})
    agent.flags = [*server.flags("distributed"), "--disable_watchdog", "--distributed_interval=1"]
    server.script("/distributed/read", {"queries": {"w": "select 1 as w"}}, {"queries": {"w2": "select 2 as w"}})
    server.script("/distributed/write", Reply({"error": "w"}, status=500), {"error": "w"}, "not json")
    agent.start()
    server.wait_for(lambda: server.writes, 30)
    bodies = [without_figures(request.body) for request in server.seen("/distributed/write")]
    one = f'{{"queries":{{"w":[{{"w":"1"}}]}},"statuses":{{"w":0}},"messages":{{"w":""}},"stats":{{"w":{STATS}}},"node_key":"node-key-1"}}'
    both = (f'{{"queries":{{"w":[{{"w":"1"}}],"w2":[{{"w":"2"}}]}},"statuses":{{"w":0,"w2":0}},"messages":{{"w":"","w2":""}},'
            f'"stats":{{"w":{STATS},"w2":{STATS}}},"node_key":"node-key-1"}}')
    assert bodies == [one, one, one, both]


def test_a_query_that_takes_the_worker_with_it_is_denied(server, agent):
    agent.start()
    server.ask({"killer": ENDLESS, "next": "select 1 as one"})
    server.wait_for(lambda: server.seen("/distributed/read"))
    worker = agent.wait_for(agent.worker)
    end = time.monotonic() + 20
    while ticks(worker) < 30 and time.monotonic() < end:  # it is busy with the query
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    assert answer(server, "killer", 40) == ([], 1, "distributed query is denylisted", {})
    assert answer(server, "next")[:2] == ([{"one": "1"}], 0)
    server.ask({"again": ENDLESS})
    assert answer(server, "again")[2] == "distributed query is denylisted"


def ticks(pid):
    """Processor time of a process so far, in hundredths of a second."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_results_survive_a_killed_worker(server, agent):
    """osquery loses them. The value is random: two equal ones are of one run."""
    server.always("/distributed/write", {"error": "not now"})
    agent.start()
    server.ask({"q": "select random() as value"})
    server.wait_for(lambda: server.seen("/distributed/write"))
    os.kill(agent.wait_for(agent.worker), signal.SIGKILL)
    before = len(server.seen("/distributed/write"))
    server.wait_for(lambda: len(server.seen("/distributed/write")) > before, 40, what="the next worker's write")
    server.always("/distributed/write", None)
    rows, status, _, _ = answer(server, "q", 40)
    assert status == 0
    values = {request.json["queries"]["q"][0]["value"] for request in server.seen("/distributed/write")}
    assert values == {rows[0]["value"]}


def test_a_long_query_ends_with_the_agent_and_is_asked_again(server, agent):
    agent.start()
    server.ask({"long": f"{ENDLESS}", "z": "select 1 as one"})
    server.wait_for(lambda: server.seen("/distributed/read"))
    worker = agent.wait_for(agent.worker)
    end = time.monotonic() + 20
    while ticks(worker) < 30 and time.monotonic() < end:
        time.sleep(0.05)
    assert agent.stop(timeout=10) == 0
    assert not server.writes
    agent.start("--schedule_query_cpu_seconds=1")
    rows, status, message, _ = answer(server, "long", 40)
    assert (rows, status) == ([], 1) and "1000 ms of CPU time" in message
    assert answer(server, "z")[0] == [{"one": "1"}]


def test_what_could_not_be_looked_at_is_told(server, agent):
    agent.start("--disable_watchdog")
    server.ask({"w": "select path from file where path glob '/etc/*'"})
    rows, status, message, _ = answer(server, "w")
    assert (rows, status) == ([], 0)
    assert "GLOB and REGEXP do not say where to look" in message
