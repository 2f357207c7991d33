"""The shell under our own name: where it says more than osquery's, and where it mends it."""

import json
import os
import re
import subprocess
import time

import pytest

from conftest import BIN

COUNT = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {}) "


def test_csv_has_commas(osprey):
    assert osprey.run("--csv", "SELECT 1 AS a, 'x y' AS b").stdout == 'a,b\n1,"x y"\n'
    assert osprey.run("--csv", "--separator", "|", "SELECT 1 AS a, 2 AS b").stdout == "a|b\n1|2\n"


def test_json_modes_at_the_prompt(osprey):
    done = osprey.run(stdin=".mode json\nSELECT 1 AS a;\n.mode json_pretty\nSELECT 2 AS a;\n")
    assert done.stdout == '[\n  {"a":"1"}\n]\n[\n  {\n    "a": "2"\n  }\n]\n'


def test_typed_json(osprey):
    rows = json.loads(osprey.run("--json", "--typed", "SELECT 1 AS i, 1.5 AS d, NULL AS n, 'x' AS t").stdout)
    assert rows == [{"i": 1, "d": 1.5, "n": None, "t": "x"}]


def test_errors_carry_a_hint(osprey):
    done = osprey.run("SELECT * FROM osquery_inf")
    assert done.returncode == 1
    assert done.stderr == "Error: no such table: osquery_inf\ndid you mean osquery_info?\n"
    done = osprey.run("SELECT pd FROM osquery_info")
    assert "did you mean pid?" in done.stderr
    done = osprey.run("ATTACH 'x' AS y")
    assert (done.returncode, "not allowed" in done.stderr) == (23, True)


def test_unknown_flags_carry_a_hint(osprey):
    done = osprey.run("--jsn", "SELECT 1")
    assert done.returncode == 1
    assert done.stderr == "ERROR: unknown command line flag 'jsn'\ndid you mean --json?\n"


def test_what_is_not_built_is_refused_by_name(osprey):
    for flag in ["--connect=/x", "--extension=/x", "--aws_region=x"]:
        done = osprey.run(flag, "SELECT 1")
        assert done.returncode == 1
        assert f"{flag.split('=')[0]} is not built yet" in done.stderr
    assert osprey.run("-S", "SELECT 1").returncode == 0


def test_a_broken_configuration_is_refused(osprey, tmp_path):
    path = tmp_path / "c.conf"
    path.write_text('{\n  "views": oops}\n')
    done = osprey.run("--config_path", path, "SELECT 1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.match(rf"Error: configuration {path}: line 2, column \d+: ", done.stderr)
    done = osprey.run("--config_path", tmp_path / "none", "SELECT 1")
    assert done.returncode == 1 and "No such file" in done.stderr


def test_views_options_and_packs_of_a_configuration(osprey, tmp_path):
    path = tmp_path / "c.conf"
    path.write_text("""{
      # our views
      "views": {"five": "SELECT 5 AS five", "broken": "SELEC"}, // and one that is wrong
      "options": {"nullvalue": "NIL", "database_path": "/x", "custom_thing": 1},
      "packs": {"p": {"queries": {"b": {"query": "SELECT 2 AS b"}, "a": {"query": "SELECT 1 AS a"}}}},
    }""")
    done = osprey.run("--json", "--config_path", path, "SELECT five, NULL AS n FROM five")
    assert json.loads(done.stdout) == [{"five": "5", "n": "NIL"}]
    assert "warning: view broken: " in done.stderr
    assert "--database_path set via config file will be ignored" in done.stderr
    assert osprey.run("--list", "--config_path", path, "--pack", "p").stdout == "a\n1\nb\n2\n"
    done = osprey.run("--config_path", path, "--pack", "q")
    assert done.returncode == 1 and "no pack q" in done.stderr
    rows = osprey.query("SELECT value FROM osquery_flags WHERE name = 'custom_thing'", "--config_path", path)
    assert rows == [{"value": "1"}]
    info = osprey.query("SELECT config_hash, config_valid FROM osquery_info", "--config_path", path)
    assert info[0]["config_valid"] == "1" and len(info[0]["config_hash"]) == 40
    done = osprey.run("--config_path", path, "--config_check")
    assert done.returncode == 1 and "views.broken: near" in done.stderr and "--database_path" in done.stderr


def test_one_statement_is_one_argument(osprey):
    done = osprey.run("SELECT", "1")
    assert done.returncode == 1 and "quote the SQL" in done.stderr


def test_schema_and_help_of_a_table(osprey):
    schema = osprey.run(".schema osquery_info").stdout
    assert schema.startswith("CREATE TABLE osquery_info (\n  pid            INTEGER,\n")
    assert "-- ignores case" in schema
    text = osprey.run(".help osquery_info").stdout
    assert "Process id." in text and "Examples:\n  SELECT" in text
    done = osprey.run(".help osquery_inf")
    assert done.returncode == 1 and "did you mean osquery_info?" in done.stderr
    done = osprey.run(".schem_ osquery_info")
    assert done.returncode == 1 and "did you mean schema?" in done.stderr
    assert "use: .mode MODE" in osprey.run(".mode").stderr


def test_schema_is_sql_for_every_table(osprey):
    """What .schema prints can be read by SQLite itself."""
    import sqlite3
    database = sqlite3.connect(":memory:")
    database.executescript(osprey.run(".schema").stdout)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    listed = {line.removeprefix("  => ") for line in osprey.run(".tables").stdout.splitlines()}
    assert tables == listed


def test_every_tables_help(osprey):
    for line in osprey.run(".tables").stdout.splitlines():
        done = osprey.run(f".help {line.removeprefix('  => ')}")
        assert done.returncode == 0 and done.stdout


def test_limits(osprey):
    done = osprey.run("--query_max_rows=3", "--list", "--noheader", COUNT.format(10) + "SELECT x FROM c")
    assert done.stdout == "1\n2\n3\n"
    assert done.returncode != 0 and "limit of 3 rows" in done.stderr
    start = time.monotonic()
    done = osprey.run("--query_timeout=1", COUNT.format(10**12) + "SELECT count(*) FROM c")
    assert "time limit" in done.stderr and done.returncode == 9
    assert time.monotonic() - start < 5


def test_another_root(osprey, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("192.0.2.1 elsewhere\n")
    assert osprey.query("SELECT * FROM etc_hosts", "--root", str(tmp_path)) == [
        {"address": "192.0.2.1", "hostnames": "elsewhere"}]
    done = osprey.run("--root", tmp_path / "none", "SELECT 1")
    assert done.returncode == 1 and "No such file" in done.stderr


class Peak:
    """The most memory that the shell has held, in KiB, asked while it waits for more input."""

    def __init__(self, osprey, *flags):
        self.process = subprocess.Popen([osprey.path, "--output", "/dev/null", *flags], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def after(self, sql):
        self.process.stdin.write(sql + ";\n.tables osquery_info\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "  => osquery_info\n"
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)


def test_rows_stream_in_flat_memory(osprey):
    rows = COUNT + "SELECT x, 'some text' AS t FROM c"
    for mode in ["--json", "--json_pretty", "--csv", "--line", "--list"]:
        with Peak(osprey, mode) as peak:
            few = peak.after(rows.format(2))
            assert peak.after(rows.format(500_000)) < few + 1024, mode
    # Pretty keeps 32 MiB to know the widths, and streams then.
    with Peak(osprey) as peak:
        assert peak.after(rows.format(4_000_000)) < 100 * 1024


def test_rows_reach_a_pipe_before_the_end(osprey):
    """Buffered by 64 KiB, not by the whole."""
    query = COUNT.format(10**9) + "SELECT x FROM c"
    process = subprocess.Popen([osprey.path, "--list", "--noheader", query], stdout=subprocess.PIPE)
    assert process.stdout.read(4) == b"1\n2\n"
    process.stdout.close()  # as `| head` does
    assert process.wait(timeout=10) == 1


def test_a_full_disk_is_an_error(osprey):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    done = osprey.run("--output", "/dev/full", "SELECT 1")
    assert done.returncode == 1 and "No space left" in done.stderr


def test_statements_with_a_nul_byte(osprey):
    done = subprocess.run([osprey.path], input=b"select 1;\0select 2;\nselect 3 as a;\n", capture_output=True, timeout=30)
    assert b"NUL byte" in done.stderr
    assert b"| 3 |" in done.stdout


def test_profile_says_how_long(osprey):
    done = osprey.run("--profile", "3", "SELECT 1")
    assert done.returncode == 0 and done.stdout == ""
    assert re.fullmatch(r"3 runs: fastest [\d.]+ ms, median [\d.]+ ms, slowest [\d.]+ ms\n", done.stderr)


def test_completion_scripts(osprey):
    script = osprey.run("--completion", "bash").stdout
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = subprocess.run(
        ["bash", "-c", script + '\nCOMP_WORDS=(osprey --json_); COMP_CWORD=1; _osprey; echo "${COMPREPLY[@]}"'],
        capture_output=True, text=True)
    assert asked.stdout == "--json_pretty\n"
    assert osprey.run("--completion", "csh").returncode == 1


def test_help(osprey):
    for flag in ["--help", "-h", "-help"]:
        done = osprey.run(flag)
        assert done.returncode == 0 and "Usage: osprey" in done.stdout
    assert re.fullmatch(r"osprey version [\d.]+\n", osprey.run("--version").stdout)


def test_tables_about_the_program(osprey, tmp_path):
    before = int(time.time())
    process = subprocess.Popen([osprey.path, "--json", "SELECT * FROM osquery_info"], stdout=subprocess.PIPE, text=True)
    info = json.loads(process.communicate()[0])[0]
    assert int(info["pid"]) == process.pid
    assert before - 1 <= int(info["start_time"]) <= before + 10
    assert info["version"] == osprey.run("--version").stdout.split()[-1]
    assert (info["watcher"], info["platform_mask"], info["config_valid"]) == ("-1", "9", "0")
    uuid = osprey.query("SELECT uuid FROM osquery_info UNION SELECT uuid FROM osquery_info")
    assert len(uuid) == 1

    flags = osprey.query("SELECT * FROM osquery_flags WHERE value != default_value", "--nullvalue=N")
    assert {"name": "nullvalue", "type": "string", "default_value": "", "value": "N", "shell_only": "0"}.items() <= next(
        flag for flag in flags if flag["name"] == "nullvalue").items()

    registered = {row["name"] for row in osprey.query("SELECT name FROM osquery_registry WHERE registry = 'table'")}
    listed = {line.removeprefix("  => ") for line in osprey.run(".tables").stdout.splitlines()}
    assert registered == listed
    assert osprey.query("SELECT * FROM osquery_extensions") == []


def test_start_is_light(osprey):
    """Less than 12 MiB. How quick it is, is measured by bench/, on a quiet host."""
    with Peak(osprey) as peak:
        assert peak.after("SELECT 1") < 12 * 1024


def test_no_file_is_read_that_is_not_needed(osprey):
    if subprocess.run(["which", "strace"], capture_output=True).returncode:
        pytest.skip("no strace")
    trace = subprocess.run(["strace", "-f", "-e", "trace=openat,openat2,open", osprey.path, "SELECT 1"],
                           capture_output=True, text=True, timeout=60).stderr
    opened = re.findall(r'open(?:at2?)?\([^"]*"([^"]+)"', trace)
    unexpected = [path for path in opened if not re.search(r"ld\.so\.cache|/lib/|/sys/kernel/mm|^/$|^/proc/self/mountinfo$", path)]
    assert unexpected == []
