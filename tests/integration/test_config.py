"""The configuration from outside: what a real osqueryd said to --config_check and --config_dump
(tests/compat/shell/config_check_and_dump.jsonl), and what ours says beyond that. CFG-01, CFG-05, CFG-07 to CFG-12."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import BIN, PROJECT

RECORDED = PROJECT / "tests" / "compat" / "shell" / "config_check_and_dump.jsonl"
CASES = {case["case"]: case for case in map(json.loads, RECORDED.read_text().splitlines())}
GOOD = '{"schedule":{"a":{"query":"select 1","interval":5}}}'
PAD = {"check/big": 4194304, "check/big_just_over_1m": 1048581}

# Not replayed: another program's own start, and what the recorder did not keep.
ELSEWHERE = {"check/verbose": "what osquery logs of its own start", "dump/missing_file": "the agent starts",
             "start/bad_logger": "the sinks' business", "start/bad_logger_mode": "the sinks' business",
             "start/unknown_flag": "replayed below", "database_dump": "the store's business"}
# Of osquery's own making: its first database, its threads.
CHATTER = re.compile(r"(?m)^I \] (Failed to obtain database version|Thread: |Services and threads).*\n")


def text_of(case):
    """The configuration as it was, where the recording describes it."""
    if case["case"] in PAD:
        return b'{"pad":"' + b"x" * PAD[case["case"]] + b'"}'
    if case["config_text"] is None:
        return None
    return case["config_text"].replace("<byte e9>", "\udce9").encode("utf-8", "surrogateescape")


def lay_out(case, folder):
    text = text_of(case)
    if text is not None:
        (folder / "c.conf").write_bytes(text)
    if "dotd" in case["case"]:
        (folder / "c.conf").write_text(GOOD)
        (folder / "c.conf.d").mkdir()
        (folder / "c.conf.d" / "a.conf").write_text("{bad")
        (folder / "c.conf.d" / "b.conf").write_text('{"schedule":{"b":{"query":"select 2","interval":5}}}')
    if case["case"] == "check/pack_star":
        for name in ["one", "two"]:
            (folder / f"p_{name}.conf").write_text('{"queries": {}}')


def normalised(text, folder):
    text = re.sub(r"(?m)^([IWE])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ", r"\1 ] ", text)
    return CHATTER.sub("", text.replace(str(folder), "/tmp/cc"))


@pytest.mark.parametrize("name", [name for name in CASES if name not in ELSEWHERE])
@pytest.mark.parametrize("program", ["osqueryd", "osqueryi"])
def test_recorded(name, program, tmp_path):
    case = CASES[name]
    lay_out(case, tmp_path)
    arguments = [argument.replace("/tmp/cc", str(tmp_path)) for argument in case["argv"][1:]]
    done = subprocess.run([BIN / program, *arguments], capture_output=True, timeout=60)
    stderr = normalised(done.stderr.decode("utf-8", "replace"), tmp_path)
    assert done.returncode == case["exit"], stderr[:1000]
    assert done.stdout.decode().replace(str(tmp_path), "/tmp/cc") == case["stdout"]
    expected = normalised(case["stderr"], tmp_path)
    if expected.endswith("(cut)"):
        kept = expected.removesuffix("...(cut)")
        assert stderr.startswith(kept)
    else:
        assert stderr == expected


def test_an_unknown_flag_ends_the_agent():
    case = CASES["start/unknown_flag"]
    done = subprocess.run([BIN / "osqueryd", "--no_such"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (case["exit"], case["stderr"])


def test_help_lists_the_agents_flags_in_order():
    done = subprocess.run([BIN / "osqueryd", "--help"], capture_output=True, text=True, timeout=60)
    recorded = json.loads((RECORDED.parent / "help_flag_names.json").read_text())
    assert (done.returncode, done.stderr) == (recorded["osqueryd_exit"], "")
    assert re.findall(r"(?m)^    --?(\w+)", done.stdout) == recorded["osqueryd_flag_names_in_order"]


def check(folder, text, program="ospreyd", *flags):
    path = folder / "c.conf"
    path.write_text(text)
    done = subprocess.run([BIN / program, f"--config_path={path}", "--config_check", *flags], capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stderr.replace(f"{folder}/", "")


@pytest.mark.parametrize("program", ["osprey", "ospreyd"])
def test_under_our_own_names_everything_wrong_is_told(program, tmp_path):
    assert check(tmp_path, GOOD, program) == (0, "")
    assert check(tmp_path, '{\n"schedule": oops}', program)[1].startswith("error: configuration c.conf: line 2, column ")
    status, errors = check(tmp_path, """{
      # a comment of osquery's
      "schedule": {
        "a": {"query": "SELECT pid FROM proceses", "intervall": 60},  // and of ours
        "mac": {"query": "SELECT * FROM launchd", "platform": "darwin"},
      },
      "shedule": {},
      "options": {"schedule_epok": 1, "config_path": "/x"},
      "packs": {"p": "/nowhere"},
    }""", program)
    assert status == 1
    assert errors.splitlines() == [
        "warning: c.conf:7: shedule: unknown key, ignored; did you mean schedule?",
        "warning: c.conf:4: schedule.a.intervall: unknown key, ignored; did you mean interval?",
        "warning: c.conf:9: packs.p: /nowhere: No such file or directory",
        "warning: c.conf: options.schedule_epok: unknown option, ignored; did you mean schedule_epoch?",
        "warning: c.conf: options.config_path: The CLI only flag --config_path set via config file will be ignored, "
        "please use a flagfile or pass it to the process at startup",
        "warning: c.conf: schedule.a: no such table: proceses; did you mean processes?",
    ]


def test_files_that_others_can_change_are_refused(tmp_path):
    path = tmp_path / "c.conf"
    path.write_text(GOOD)
    path.chmod(0o666)
    run = lambda program, *flags: subprocess.run(
        [BIN / program, f"--config_path={path}", "--config_check", *flags], capture_output=True, text=True, timeout=60)
    done = run("ospreyd")
    assert done.returncode == 1
    assert f"{path} has mode 0666, so that others can change it: run chmod o-w {path}" in done.stderr
    assert run("ospreyd", "--allow_unsafe").returncode == 0
    done = run("osqueryd")
    assert done.returncode == 0 and "0666" in done.stderr, "osquery does not look: a warning is all"


def test_flag_files_that_others_can_change_are_refused(tmp_path):
    flags = tmp_path / "flags"
    flags.write_text("--json\n")
    flags.chmod(0o666)
    run = lambda program, *more: subprocess.run([BIN / program, f"--flagfile={flags}", *more, "SELECT 1 AS a"],
                                                capture_output=True, text=True, timeout=60)
    done = run("osprey")
    assert done.returncode == 1 and f"run chmod o-w {flags}" in done.stderr
    assert json.loads(run("osprey", "--allow_unsafe").stdout) == [{"a": "1"}]
    assert json.loads(run("osqueryi").stdout) == [{"a": "1"}]


def test_a_folder_or_a_pattern_as_configuration(osprey, tmp_path):
    (tmp_path / "a.conf").write_text('{"views": {"va": "SELECT 1 AS a"}}')
    (tmp_path / "b.conf").write_text('{"views": {"vb": "SELECT 2 AS b"}}')
    for path in [tmp_path, tmp_path / "[ab].conf"]:
        assert osprey.query("SELECT a, b FROM va, vb", "--config_path", path) == [{"a": "1", "b": "2"}]


# The agent at work: a configuration that changes under it.

def schedule(**queries):
    return {"schedule": {name: {"query": sql, "interval": 1, "snapshot": True} for name, sql in queries.items()}}


def columns(agent, name):
    """What the snapshots of a query said last."""
    lines = [line for line in agent.lines("snapshots") if line["name"] == name]
    return lines[-1]["snapshot"] if lines else None


def says(agent, name, rows):
    return lambda: columns(agent, name) == rows


def start(make_agent, configuration, *flags, name="ospreyd"):
    agent = make_agent(name)
    agent.configure(configuration)
    return agent.start("--disable_watchdog", "--schedule_splay_percent=100", *flags)


def test_a_changed_file_takes_effect(make_agent):
    """CFG-02, CFG-06: no restart, and what is not changed goes on."""
    agent = start(make_agent, schedule(a="SELECT 1 AS a", hash="SELECT config_hash, config_valid FROM osquery_info"))
    agent.wait_for(says(agent, "a", [{"a": "1"}]))
    before = agent.wait_for(lambda: columns(agent, "hash"))
    agent.configure(schedule(a="SELECT 2 AS a", hash="SELECT config_hash, config_valid FROM osquery_info"))
    agent.wait_for(says(agent, "a", [{"a": "2"}]))
    after = agent.wait_for(lambda: columns(agent, "hash") != before and columns(agent, "hash"))
    assert (len(after[0]["config_hash"]), after[0]["config_valid"]) == (40, "1")
    assert "configuration changed: 1 query edited (a)" in agent.errors()


def test_a_broken_file_is_refused_and_the_last_good_one_stays_also_across_a_restart(make_agent):
    agent = start(make_agent, schedule(a="SELECT 1 AS a"))
    agent.wait_for(says(agent, "a", [{"a": "1"}]))
    agent.configure('{\n"schedule": oops')
    agent.wait_for(lambda: f"{agent.config_path}: line 2, column" in agent.errors())
    seen = len(agent.lines("snapshots"))
    agent.wait_for(lambda: len(agent.lines("snapshots")) > seen)
    assert agent.stop() == 0
    seen = len(agent.lines("snapshots"))
    agent.start("--disable_watchdog", "--schedule_splay_percent=100")
    agent.wait_for(lambda: len(agent.lines("snapshots")) > seen)
    assert "its last good text, from an earlier run, is taken" in agent.errors()
    os.unlink(agent.config_path)
    agent.wait_for(lambda: "the last good configuration stays in force" in agent.errors())
    agent.configure(schedule(a="SELECT 3 AS a"))
    agent.wait_for(says(agent, "a", [{"a": "3"}]))


def test_sighup(make_agent):
    agent = start(make_agent, schedule(a="SELECT 1 AS a"), name="osqueryd")
    agent.wait_for(says(agent, "a", [{"a": "1"}]))
    agent.configure(schedule(a="SELECT 2 AS a"))
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_for(says(agent, "a", [{"a": "2"}]))


def test_config_refresh(make_agent):
    """CFG-03, under osquery's name: by the clock."""
    agent = start(make_agent, schedule(a="SELECT 1 AS a"), "--config_refresh=1", name="osqueryd")
    agent.wait_for(says(agent, "a", [{"a": "1"}]))
    agent.configure(schedule(a="SELECT 2 AS a"))
    agent.wait_for(says(agent, "a", [{"a": "2"}]))


def test_options_and_what_packs_bring(make_agent):
    """An option that is removed goes back; a pack's own options count once its discovery has a row."""
    flags = "SELECT name, value FROM osquery_flags WHERE name IN ('nullvalue', 'schedule_epoch') ORDER BY name"
    both = lambda null, epoch: [{"name": "nullvalue", "value": null}, {"name": "schedule_epoch", "value": epoch}]
    found = {"packs": {"p": {"discovery": ["SELECT 1"], "options": {"schedule_epoch": 7}, "queries": {}},
                       "q": {"discovery": ["SELECT 1 WHERE 0"], "options": {"nullvalue": "no"}, "queries": {}}}}
    agent = start(make_agent, schedule(f=flags) | found | {"options": {"nullvalue": "N"}})
    agent.wait_for(says(agent, "f", both("N", "7")))
    agent.configure(schedule(f=flags))
    agent.wait_for(says(agent, "f", both("", "0")))


def test_a_hundred_changes_a_minute_and_more(make_agent):
    agent = start(make_agent, schedule(a="SELECT 0 AS a"))
    agent.wait_for(says(agent, "a", [{"a": "0"}]))
    for i in range(1, 200):
        agent.configure("{broken" if i % 5 == 0 else schedule(a=f"SELECT {i} AS a"))
    agent.configure(schedule(a="SELECT 'last' AS a"))
    agent.wait_for(says(agent, "a", [{"a": "last"}]))
    assert agent.stop() == 0
