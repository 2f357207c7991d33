"""What a real osqueryd logged, logged again by ours under the same name (tests/compat/daemon: diff, batch,
numerics, top): the same schedule, the same changes in the same order, the same lines but for time and host. SCH-01 to
SCH-05, LOG-03, CFG-10, CFG-12."""

import collections
import json
import os
import pathlib
import re
import socket

import pytest

RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "compat" / "daemon"

# The recorded run's columns without the files' own: those of `types` are its literals.
TYPES = ("select 1 as i, 9223372036854775807 as big, 1.5 as d, 3.0 as f, 1e30 as e, 'txt' as t, null as n, x'00ff' as blob, "
         "'hé' as u, char(1)||char(10)||char(127)||'/\\\"' as ctl")


def configuration(folder):
    """The recorded schedule, each interval one second: what is logged depends on the order of changes only."""
    schedule = {
        "files": {"query": f"select filename,size,mode from file where directory='{folder}'"},
        "files_noremoved": {"query": f"select filename,size from file where directory='{folder}'", "removed": False},
        "snap": {"query": f"select filename,size from file where directory='{folder}'", "snapshot": True},
        "snap_empty": {"query": "select 1 as a where 0", "snapshot": True},
        "diff_empty": {"query": "select 1 as a where 0"},
        "types": {"query": TYPES},
        "types_snap": {"query": TYPES, "snapshot": True},
        "dups": {"query": "select 1 as a, 2 as a, 'x' as B"},
        "broken": {"query": "select * from no_such_table"},
        "required": {"query": "select * from hash"},
        "multi": {"query": "select 1 as a; select 2 as a"},
        "multi2": {"query": "select 1 as a; select 2 as b"},
    }
    for query in schedule.values():
        query["interval"] = 1
    decorators = {"load": ["select 'L' as deco_load", "select '1' as x, '2' as y"],
                  "always": ["select 'A' as deco_always", f"select count(*) as nfiles from file where directory='{folder}'"]}
    return {"schedule": schedule, "decorators": decorators}


def plain(line):
    """A line without what must differ: the moment, the host, the count of files at that moment."""
    line = re.sub(r'"calendarTime":"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} UTC","unixTime":\d+', '"TIME"', line)
    line = re.sub(r'"hostIdentifier":"[^"]*"', '"HOST"', line)
    line = line.replace('"deco_interval":"I",', "")
    return re.sub(r'"nfiles":"\d"', '"nfiles":"N"', line)


def by_query(lines):
    """Lines by the name of their query, in order; the row order within one run is the directory's, so not compared."""
    found = collections.defaultdict(list)
    for line in lines:
        name = json.loads(line)["name"]
        found[name].append(plain(line))
    return found


def recorded(kind, log):
    lines = (RECORDINGS / kind / f"osqueryd.{log}.log").read_text().splitlines()
    return [line for line in lines if not line.startswith("(cut: ")]


def check(ours, theirs, names):
    for name in names:
        assert sorted(ours[name]) == sorted(theirs[name]), name


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "a.txt").write_text("1\n")
    (folder / "b.txt").write_text("2\n")
    return folder


def start(make_agent, scratch, *flags):
    agent = make_agent("osqueryd")
    agent.configure(configuration(scratch))
    agent.start("--disable_watchdog", "--schedule_splay_percent=100", *flags)
    return agent


def names_seen(agent, kind, names):
    return lambda: names <= {line["name"] for line in agent.lines(kind)}


def test_first_runs_event_format(make_agent, scratch):
    agent = start(make_agent, scratch)
    names = {"files", "files_noremoved", "types", "dups", "multi", "multi2"}
    agent.wait_for(names_seen(agent, "results", names))
    agent.wait_for(names_seen(agent, "snapshots", {"snap", "snap_empty", "types_snap"}))
    assert agent.stop() == 0
    ours = by_query((agent.logs / "osqueryd.results.log").read_text().splitlines())
    first = [line for line in recorded("diff", "results") if json.loads(line)["counter"] == 0 and json.loads(line)["epoch"] == 0]
    check(ours, by_query(first), names)
    assert "diff_empty" not in ours and "broken" not in ours and "required" not in ours
    snapshots = by_query((agent.logs / "osqueryd.snapshots.log").read_text().splitlines())
    theirs = by_query(recorded("diff", "snapshots"))
    for name in ("snap_empty", "types_snap"):
        assert set(snapshots[name]) == set(theirs[name]), name
    assert "Error executing scheduled query broken: no such table: no_such_table" in agent.errors()
    assert "Storing initial results for new scheduled query: files" in agent.errors()


def test_changes_then_a_restart_then_a_new_epoch(make_agent, scratch):
    agent = start(make_agent, scratch)
    seen = lambda name, counter, epoch=0: lambda: any(
        (line["name"], line["counter"], line["epoch"]) == (name, counter, epoch) for line in agent.lines())
    agent.wait_for(seen("files", 0))
    agent.wait_for(seen("files_noremoved", 0))
    (scratch / "c.txt").write_text("3333")
    agent.wait_for(seen("files", 1))
    agent.wait_for(seen("files_noremoved", 1))
    # An instant's work for both changes, so that one run sees them as the recorded one did.
    b = scratch.parent / "b.txt"
    b.write_text("22222")
    os.unlink(scratch / "a.txt"), os.rename(b, scratch / "b.txt")
    agent.wait_for(seen("files", 2))
    os.chmod(scratch / "b.txt", 0o600)
    agent.wait_for(seen("files", 3))
    assert agent.stop() == 0
    (scratch / "d.txt").write_text("44444")
    agent.start("--disable_watchdog", "--schedule_splay_percent=100")
    agent.wait_for(seen("files", 4))
    agent.wait_for(seen("files_noremoved", 3))
    assert agent.stop() == 0
    agent.start("--disable_watchdog", "--schedule_splay_percent=100", "--schedule_epoch=7")
    agent.wait_for(seen("files", 0, 7))
    agent.wait_for(seen("files_noremoved", 0, 7))
    agent.wait_for(seen("types", 0, 7))
    assert agent.stop() == 0
    ours = by_query((agent.logs / "osqueryd.results.log").read_text().splitlines())
    check(ours, by_query(recorded("diff", "results")), {"files", "files_noremoved"})
    assert "New Epoch 7 for scheduled query files" in agent.errors()


def test_batch_format(make_agent, scratch):
    agent = start(make_agent, scratch, "--logger_event_type=false")
    names = {"types", "dups", "multi", "multi2", "diff_empty"}
    agent.wait_for(names_seen(agent, "results", names))
    assert agent.stop() == 0
    ours = by_query((agent.logs / "osqueryd.results.log").read_text().splitlines())
    theirs = by_query(line for line in recorded("batch", "results") if json.loads(line)["counter"] == 0)
    check(ours, theirs, names)


def test_numerics_and_snapshots_as_events(make_agent, scratch):
    agent = start(make_agent, scratch, "--logger_numerics", "--logger_snapshot_event_type")
    agent.wait_for(names_seen(agent, "results", {"types", "dups"}))
    agent.wait_for(names_seen(agent, "snapshots", {"types_snap"}))
    assert agent.stop() == 0
    ours = by_query((agent.logs / "osqueryd.results.log").read_text().splitlines())
    check(ours, by_query(recorded("numerics", "results")), {"types", "dups"})
    snapshots = by_query((agent.logs / "osqueryd.snapshots.log").read_text().splitlines())
    assert set(snapshots["types_snap"]) == set(by_query(recorded("numerics", "snapshots"))["types_snap"])


def test_top_level_decorations(make_agent, scratch):
    agent = start(make_agent, scratch, "--decorations_top_level", "--logger_mode=0600", "--schedule_epoch=42",
                  "--nullvalue=NIL", "--host_identifier=specified", "--specified_identifier=spec-1")
    agent.wait_for(names_seen(agent, "results", {"types", "dups"}))
    agent.wait_for(names_seen(agent, "snapshots", {"types_snap"}))
    assert agent.stop() == 0
    results = agent.logs / "osqueryd.results.log"
    assert results.stat().st_mode & 0o777 == 0o600
    ours = by_query(results.read_text().splitlines())
    check(ours, by_query(recorded("top", "results")), {"types", "dups"})
    assert {line["hostIdentifier"] for line in agent.lines()} == {"spec-1"}


def test_host_identifier_is_the_hosts_name(make_agent, scratch):
    agent = start(make_agent, scratch)
    agent.wait_for(names_seen(agent, "results", {"dups"}))
    assert {line["hostIdentifier"] for line in agent.lines()} == {socket.gethostname()}


def test_an_unknown_logger_ends_it_as_recorded(make_agent):
    agent = make_agent("osqueryd")
    agent.configure({})
    agent.start("--disable_watchdog", "--logger_plugin=nope")
    assert agent.process.wait(20) == 78
    assert "Cannot activate nope logger plugin: Unknown registry plugin: nope" in agent.errors()
    agent.process = None


def test_an_invalid_mode_of_log_files_is_refused_as_recorded(make_agent):
    agent = make_agent("osqueryd")
    agent.start("--disable_watchdog", "--logger_mode=abc")
    assert agent.process.wait(20) == 1
    assert agent.errors() == ("Failed to convert logger_mode string to octal\n"
                              "ERROR: failed validation of new value 'abc' for flag 'logger_mode'\n")
    agent.process = None
