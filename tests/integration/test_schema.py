"""The tables' declarations against a facts-only copy of osquery's schema (tests/compat/)."""

import json
import subprocess

import pytest
from conftest import BIN, PROJECT

COMPAT = PROJECT / "tests" / "compat"
FLAGS = ("index", "required", "additional", "hidden", "collate")


def load(name):
    return {table["name"]: table for table in json.loads((COMPAT / name).read_text())}


OURS = {
    table["name"]: table
    for table in json.loads(subprocess.run([BIN / "osprey-reference", "schema"], capture_output=True, check=True).stdout)
}
OSQUERY = load("osquery-tables.json")
FORMER = load("osquery-former-tables.json")

# Flags that we set besides osquery's, each with its reason.
ADDED_FLAGS = {}


@pytest.mark.parametrize("name", sorted(set(OURS) & set(OSQUERY)))
def test_columns_of_osquery(name):
    theirs, ours = OSQUERY[name], OURS[name]
    columns = {column["name"]: column for column in ours["columns"]}
    visible = [c["name"] for c in ours["columns"] if not c.get("hidden")]
    assert visible == [c["name"] for c in theirs["columns"] if not c.get("hidden")]
    for column in theirs["columns"]:
        mine = columns[column["name"]]
        assert mine["type"] == column["type"].replace("_", " "), column["name"]
        for flag in FLAGS:
            if (name, column["name"], flag) in ADDED_FLAGS:
                continue
            assert mine.get(flag) == column.get(flag), (column["name"], flag)
        for alias in column.get("aliases", []):
            assert columns[alias]["alias_of"] == column["name"]
    for attribute in ("aliases", "user_data", "cacheable", "utility", "event_subscriber"):
        assert ours.get(attribute) == theirs.get(attribute), attribute


@pytest.mark.parametrize("name", sorted(set(OURS) & set(FORMER)))
def test_columns_of_restored_tables(name):
    visible = [(c["name"], c["type"]) for c in OURS[name]["columns"] if not c.get("hidden")]
    assert visible == [(c["name"], c["type"].replace("_", " ")) for c in FORMER[name]["columns"]]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_table_explains_itself(name):
    assert OURS[name].get("example"), "an example query"
