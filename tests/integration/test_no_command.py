"""No table starts a command: a scan of every one is traced and must show no execve but the shell's own start."""

import json
import subprocess

import pytest
from conftest import BIN

SCHEMA = json.loads(subprocess.run([BIN / "osprey-reference", "schema"], capture_output=True, check=True).stdout)


def query_for(table):
    required = any(column.get("required") for column in table["columns"])
    return table["example"] if required else f"SELECT * FROM {table['name']}"


# Tables that talk to the network or need a source of their own have tests that trace them there.
@pytest.mark.parametrize("table", [t for t in SCHEMA if not t["name"].startswith("curl")], ids=lambda t: t["name"])
def test_scan_starts_no_command(osprey, table, tmp_path):
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", trace, osprey.path, "--json", query_for(table)],
        capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stderr
    assert trace.read_text().count("execve") == 1, trace.read_text()
