"""The administration API against its own description (SRV-15): what schemathesis makes of the OpenAPI page, right and
wrong, must be answered as the page says, and never with an error of the server's own."""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest
from fleet_server import osprey_server  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SECONDS = 60
# These would end the token that asks. tests beside the code ask them everything.
LEFT_OUT = ["remove_administrator", "edit_administrator", "reset_password", "revoke_token", "revoke_own_token"]


def schemathesis():
    """The program that tools/install has installed."""
    versions = hashlib.sha256((PROJECT / "tools" / "schemathesis.txt").read_bytes()).hexdigest()[:12]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    program = cache / "osprey-tests" / f"schemathesis-{versions}" / "bin" / "st"
    if not program.exists():
        pytest.skip("schemathesis is not installed: tools/install test")
    return program


def test_the_page_is_served_and_committed(osprey_server):  # noqa: F811
    served = osprey_server.get("/api/v1/openapi.json", headers={"anonymous": True})
    assert served["openapi"].startswith("3.1")
    assert served == json.loads((PROJECT / "docs" / "reference" / "openapi.json").read_text())


def test_every_operation_answers_as_the_page_says(osprey_server, tmp_path):  # noqa: F811
    program = schemathesis()
    page = tmp_path / "openapi.json"
    page.write_text(json.dumps(osprey_server.get("/api/v1/openapi.json")))
    left_out = [word for operation in LEFT_OUT for word in ("--exclude-operation-id", operation)]
    done = subprocess.run(
        [program, "--config-file", HERE / "schemathesis.toml", "run", page, "--url", osprey_server.url,
         "--tls-verify", osprey_server.authority, "-H", f"Authorization: Bearer {osprey_server.sign_in()}",
         "--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--continue-on-failure", "--max-time", str(SECONDS), "--seed", "1",
         "--rate-limit", "auto", "--request-timeout", "20", "--no-color", *left_out],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3 * SECONDS)
    failures = done.stdout.partition("= FAILURES =")[2].partition("= WARNINGS =")[0]
    assert done.returncode == 0, (failures or done.stdout)[-8000:]
