"""`osprey store` and --database_dump, beside a running agent and without one (AGT-14)."""

import json

import pytest


@pytest.fixture
def agent(make_agent):
    return make_agent()


@pytest.fixture
def store(osprey, agent):
    """Runs `osprey store` on the database of an agent that has run a query."""
    agent.configure({"schedule": {"one": {"query": "select 1 as a", "interval": 1}}})
    agent.start()

    def run(*words):
        return osprey.run("store", *words, f"--database_path={agent.database}")

    agent.wait_for(lambda: run("keys", "queries").stdout)
    return run


def test_looks_into_the_store_of_a_running_agent(store):
    families = store("families")
    assert [line.split("\t")[0] for line in families.stdout.splitlines()] == [
        "configurations", "queries", "logs", "query_performance", "events", "carves", "distributed"]
    sizes = {line.split("\t")[0]: line.split("\t")[1:] for line in store("sizes").stdout.splitlines()}
    assert int(sizes["queries"][0]) > 0
    keys = store("keys", "configurations", "identity.").stdout.splitlines()
    assert any("host_uuid" in key for key in keys)
    value = store("get", "configurations", keys[0])
    assert value.returncode == 0 and value.stdout
    assert f"configurations\t{keys[0]}\t{value.stdout}\n" in store("dump", "configurations").stdout


def test_compacts_only_a_store_that_is_free(store, agent):
    refused = store("compact")
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr
    agent.stop()
    done = store("compact")
    assert (done.returncode, done.stderr) == (0, "")
    assert store("keys", "queries").stdout


@pytest.mark.parametrize("words, status, said", [
    (["size"], 2, "did you mean sizes?"),
    (["keys", "querys"], 2, "did you mean queries?"),
    (["keys"], 2, "store keys FAMILY [PREFIX]"),
    (["sizes"], 1, "there is no database at"),
])
def test_says_what_is_wrong(osprey, tmp_path, words, status, said):
    done = osprey.run("store", *words, f"--database_path={tmp_path}/none")
    assert done.returncode == status
    assert said in done.stderr
    assert not (tmp_path / "none").exists()


def test_help_teaches(osprey):
    done = osprey.run("store", "--help")
    assert done.returncode == 0
    assert "keys FAMILY [PREFIX]" in done.stdout and "/var/lib/osprey/osprey.db" in done.stdout


def test_database_dump_is_osquerys(store, agent, osprey):
    done = osprey.run("--database_dump", f"--database_path={agent.database}", errors="replace")
    assert done.returncode == 0
    assert any(line.startswith("configurations[") and "]: " in line for line in done.stdout.splitlines())
    assert any(line.startswith("queries[") for line in done.stdout.splitlines())


def test_the_table_shows_the_running_store(agent):
    agent.configure({"schedule": {"store": {"query": "select * from osprey_store", "interval": 1, "snapshot": True}}})
    agent.start("--disk_limit_mb=64")
    line = agent.wait_for(lambda: agent.lines("snapshots"))[0]
    rows = {row["family"]: row for row in line["snapshot"]}
    assert len(rows) == 7
    assert rows["logs"]["cap_bytes"] == str(64 << 20)
    assert rows["logs"]["directory"] == str(agent.database)
    assert int(rows["logs"]["filesystem_free"]) > 0
