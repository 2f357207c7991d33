"""Our own packs (packaging/packs/) and the bench's sixty queries: every query is prepared, run on this host and read."""

import json
import re

import pytest
from conftest import PROJECT
from test_schema import OSQUERY

PACKS = sorted((PROJECT / "packaging" / "packs").glob("*.conf"))
QUERIES = [(path.stem, name, query) for path in PACKS for name, query in json.loads(path.read_text())["queries"].items()]
SIXTY = json.loads((PROJECT / "bench" / "agent_sixty.conf").read_text())["schedule"]

# Columns that change by themselves, by table ("*": any): counters, ages, what is free (rule R15).
VOLATILE = {
    "*": {"atime", "packets", "bytes", "ipackets", "opackets", "ibytes", "obytes", "blocks_free", "blocks_available",
          "inodes_free", "user_time", "system_time", "resident_size", "total_size", "disk_bytes_read", "pid",
          "disk_bytes_written", "elapsed_time", "total_seconds", "load_percentage", "last_change", "fd", "socket",
          "refcount", "executions", "last_executed", "wall_time", "wall_time_ms", "memory_available", "used",
          "used_memory", "lost", "count", "queued", "sent", "current_clock_speed", "active_state", "sub_state"},
}
# What is a fact in these tables and not a counter.
STEADY = {"incident-response/last": {"pid"}}


def tables_of(sql):
    """The tables that a query names."""
    return set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", sql))


@pytest.fixture(scope="module")
def known(osprey):
    return set(osprey.run("-L").stdout.replace("=>", "").split())


def run(osprey, known, sql):
    missing = tables_of(sql) - known - set(re.findall(r"(\w+) AS MATERIALIZED", sql))
    if missing:
        # Tables about the agent may be in a program that is built without them; others never are.
        assert all(name.startswith(("osprey_", "osquery_")) for name in missing), missing
        pytest.skip(f"this program has no {', '.join(sorted(missing))}")
    done = osprey.run("--json", sql)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("pack, name, query", QUERIES, ids=[f"{pack}/{name}" for pack, name, _ in QUERIES])
def test_query(osprey, known, pack, name, query):
    assert query["description"] and query["value"]
    assert 60 <= query["interval"] <= 604800 and query["interval"] % 60 == 0
    assert set(query) <= {"query", "interval", "description", "value", "snapshot", "removed"}
    # Longer ones are refused where they are first used.
    assert all(len(text) <= 256 for text in re.findall(r"regex_match\([^']*'((?:[^']|'')*)'", query["query"]))
    assert "*" not in re.sub(r"count\(\*\)|'(?:[^']|'')*'", "", query["query"]), "the columns are named: a table may get more"
    run(osprey, known, query["query"])


DIFFERENTIAL = [one for one in QUERIES if not one[2].get("snapshot") and one[2].get("removed", True)]


@pytest.mark.parametrize("pack, name, query", DIFFERENTIAL, ids=[f"{pack}/{name}" for pack, name, _ in DIFFERENTIAL])
def test_changes_are_changes(osprey, known, pack, name, query):
    """A differential query yields no column that changes by itself, and the same rows when nothing has happened."""
    selected = re.search(r"SELECT (?:DISTINCT )?(.*?) FROM", query["query"]).group(1)
    columns = {column.split(" AS ")[-1].split(".")[-1].strip() for column in selected.split(",")}
    volatile = VOLATILE["*"] - STEADY.get(f"{pack}/{name}", set())
    assert not columns & volatile


@pytest.mark.parametrize("path", PACKS, ids=[path.stem for path in PACKS])
def test_pack(path):
    pack = json.loads(path.read_text())
    assert pack["platform"] == "linux"
    assert set(pack) - {"file_paths"} == {"platform", "queries"}
    # osquery can load it, too: of detections what it has tables for.
    used = set().union(*(tables_of(query["query"]) for query in pack["queries"].values()))
    if path.stem == "detections":
        assert used - set(OSQUERY) == {"authentication_events", "dns_events", "kernel_module_events", "namespace_events",
                                       "process_ancestry", "listed"}
    elif path.stem != "osprey-monitoring":
        assert used <= set(OSQUERY), used - set(OSQUERY)


def test_names_are_osquerys_own_letters():
    for pack, name, _ in QUERIES:
        assert re.fullmatch(r"[a-z][a-z-]*", pack) and re.fullmatch(r"[a-z][a-z_]*", name)


def test_sixty(osprey, known):
    """The configuration of `make bench` is what the issue asks for."""
    assert len(SIXTY) == 60
    assert {query["interval"] for query in SIXTY.values()} == {10}
    used = set().union(*(tables_of(query["query"]) for query in SIXTY.values()))
    assert len(used) >= 40
    assert {"processes", "process_open_sockets", "deb_packages", "users", "mounts"} <= used
    for query in SIXTY.values():
        run(osprey, known, query["query"])
