"""Replays what a real osqueryi printed (tests/compat/shell/cases.jsonl) against osprey under osqueryi's name."""

import base64
import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import BIN, PROJECT

RECORDINGS = PROJECT / "tests" / "compat" / "shell"
OSQUERYI = BIN / "osqueryi"
CASES = [json.loads(line) for line in (RECORDINGS / "cases.jsonl").read_text().splitlines()]

# Cases that are not to come out as recorded: a pattern of ids, and why.
EXEMPT = [
    (r"mode/nullvalue_pretty/multi_diff", "the real one crashes here"),
    (r"stdin/types/24", "the real one aborts on two statements (compat section 15: mend)"),
    (r"mode/json(_pretty)?/nonutf8", "the real one's JSON is not valid here; ours is"),
    (r"connect_missing|stdin/connect_bad", "the extension socket is a later part"),
    (r"verbose", "what osquery logs of its own start"),
    (r"planner", "a trace of osquery's own planning"),
    (r"err/.*/explain", "the plan of osquery's own index strings"),
    (r"enhance_env", "a joke of the real one"),
    (r"err/.*/(drop|sqlite_master)", "our tables are modules, not objects in the database that a query could drop"),
    (r"stdin/types/29", "our tables have row ids: those of the real one's have keys that SQLite takes for unique"),
    (r"dot/\.help", "help is in our own words"),
]

# What a case needs of the host.
FILES = {
    "/tmp/q.sql": "select 1 as a;\nselect 2 as a;\n",
    "/tmp/qbad.sql": "select 1 as a;\nselect * from no_such;\n",
    "/tmp/pk.conf": json.dumps(
        {"packs": {"p1": {"queries": {
            "a": {"query": "select 1 as a", "interval": 60}, "b": {"query": "select 2 as b", "interval": 60}}}}}),
    "/tmp/ff": "# a comment\n--nullvalue=FF\n--json\n--unknown_thing=1\n--separator x\nheader=false\n",
}
HOSTS = "127.0.0.1 localhost\n127.0.1.1 host-1.example.test host-1\n::1 localhost ip6-localhost\n"


def exemption(case):
    for pattern, why in EXEMPT:
        if re.fullmatch(pattern, case["id"]):
            return why
    return None


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A place with the files that cases name, and a filesystem tree like the recording's."""
    place = tmp_path_factory.mktemp("osqueryi")
    root = place / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hosts").write_text(HOSTS)
    for name in ["host.conf", "hostname", "hosts.allow", "hosts.deny"]:
        (root / "etc" / name).write_text(name)
    (place / "home").mkdir()
    for path, text in FILES.items():
        (place / pathlib.Path(path).name).write_text(text)
    return place


def localised(text, world):
    """The recording's paths below /tmp as ours, but where nothing shall be."""
    return re.sub(r"/tmp/(?=(q|qbad)\.sql|pk\.conf|ff\b|o\.json)", f"{world}/", text)


def normalised(text, world):
    text = re.sub(r"(?m)^([IWE])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ", r"\1 ] ", text)
    text = text.replace(f"{world}/home", "/root").replace(f"{world}/", "/tmp/")
    return re.sub(r"using SQLite [\d.]+", "using SQLite VERSION", text)


def stdin(case):
    if case["id"] == "stdin/nonutf8":  # recorded as escapes
        return b"select '\xff\xfe' as a;\n"
    return case.get("stdin", "").encode()


def run(case, world, *more):
    arguments = [localised(one, world) for one in case["argv"]]
    # A place for flags of the harness: before all others.
    return subprocess.run(
        [OSQUERYI, *more, *arguments],
        input=stdin(case),
        capture_output=True, timeout=60, cwd=world,
        env={"PATH": "/usr/bin:/bin", "HOME": str(world / "home"), **case.get("env", {})})


def expected_stdout(case):
    if "stdout_base64" in case:
        return base64.b64decode(case["stdout_base64"])
    return case["stdout"].encode()


@pytest.fixture(scope="session")
def tables():
    done = subprocess.run([OSQUERYI, ".tables"], capture_output=True, text=True, timeout=60)
    return {line.removeprefix("  => ") for line in done.stdout.splitlines()}


RECORDED_TABLES = {
    line.removeprefix("  => ")
    for case in CASES if case["id"] == "dot/.tables" for line in case["stdout"].splitlines()}


def tables_named(case):
    text = " ".join([*case["argv"], case.get("stdin", "")])
    return {name for name in RECORDED_TABLES if re.search(rf"\b{name}\b", text)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case, world, tables):
    if why := exemption(case):
        pytest.skip(why)
    if missing := tables_named(case) - tables:
        pytest.skip(f"tables of a later part: {', '.join(sorted(missing))}")
    text = " ".join([*case["argv"], case.get("stdin", "")])
    needs_hosts = "etc_hosts" in text or "/etc/host" in text
    if case["id"] == "flagfile":  # recorded without the file
        (world / "ff").unlink(missing_ok=True)
    done = run(case, world, *(["--root", str(world / "root")] if needs_hosts else []))
    (world / "ff").write_text(FILES["/tmp/ff"])

    assert done.returncode == case["exit"], done.stderr.decode()
    stderr = normalised(done.stderr.decode("utf-8", "replace"), world)
    assert stderr == normalised(case["stderr"], world)
    if case["id"] in WHOLE_HOST:
        return WHOLE_HOST[case["id"]](case, done.stdout.decode(), tables)
    if "stdout_base64" in case:
        assert done.stdout == expected_stdout(case)
    else:
        stdout = done.stdout.decode("utf-8", "surrogateescape")
        assert normalised(stdout, world) == normalised(expected_stdout(case).decode(), world)


def same_tables(case, stdout, tables):
    """Of the tables that we have, the same list; those of our own stand between."""
    recorded = [line for line in case["stdout"].splitlines() if line.removeprefix("  => ") in tables]
    ours = [line for line in stdout.splitlines() if line.removeprefix("  => ") in RECORDED_TABLES]
    assert ours == recorded
    assert stdout.splitlines() == sorted(stdout.splitlines())


def same_schemas(case, stdout, tables):
    """Our hidden columns may be more; what osquery has is there in its order."""
    def columns(line):
        name, rest = re.fullmatch(r"CREATE TABLE (\w+)\((.*)\)( WITHOUT ROWID)?;", line).group(1, 2)
        return name, re.findall(r"(`\w+` [^,]+)", rest.split(", PRIMARY KEY")[0])
    ours = dict(columns(line) for line in stdout.splitlines())
    for line in case["stdout"].splitlines():
        if "cut" in line or not line.endswith(";"):
            continue
        name, recorded = columns(line)
        if name in tables:
            assert [column for column in ours[name] if column in recorded] == recorded, name


def same_shape(case, stdout, tables):
    """A table of host facts: the same header."""
    assert stdout.splitlines()[1].split() == case["stdout"].splitlines()[1].split()


WHOLE_HOST = {
    "dot/.tables": same_tables, "L": same_tables, "enable_tables": same_tables, "dot/.tables user": same_tables,
    "stdin/tables_u": same_tables, "stdin/list_u": same_tables,
    "dot/.schema": same_schemas, "dot/.schema users": same_schemas, "dot/.schema file": same_schemas,
    "stdin/schema_multi": same_schemas, "dot/.schema time": same_schemas,
    "dot/.all time": same_shape, "dot/.all users": same_shape, "A time": same_shape,
}


@pytest.mark.parametrize("flag", ["--json", "--json_pretty"])
def test_json_is_valid_where_the_real_one_is_not(flag):
    query = next(case for case in CASES if case["id"] == "mode/json/nonutf8")["argv"][-1]
    done = subprocess.run([OSQUERYI, flag, query], capture_output=True, timeout=60)
    assert json.loads(done.stdout) == [{"bad": "A\\xFF\\x80", "blob": "", "k": "1", "nul": "A"}]


def test_help_lists_the_flags_in_order():
    done = subprocess.run([OSQUERYI, "--help"], capture_output=True, text=True, timeout=60)
    recorded = json.loads((RECORDINGS / "help_flag_names.json").read_text())
    assert done.returncode == recorded["osqueryi_exit"]
    assert done.stderr == recorded["osqueryi_stderr"]
    assert re.findall(r"(?m)^    --?(\w+)", done.stdout) == recorded["osqueryi_flag_names_in_order"]
    margin = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert len(margin) == recorded["osqueryi_nonindented_line_count"]


def test_flags_table():
    done = subprocess.run([OSQUERYI, "--json", "select * from osquery_flags"], capture_output=True, text=True,
                          timeout=60, env={"PATH": os.environ["PATH"], "HOME": "/root"})
    rows = json.loads(done.stdout)
    assert all(row.pop("description") for row in rows)
    assert rows == json.loads((RECORDINGS / "osquery_flags.json").read_text())
