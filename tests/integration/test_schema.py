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
    theirs = [c for c in FORMER[name]["columns"] if not c.get("hidden")]
    assert visible == [(c["name"], c["type"].replace("_", " ")) for c in theirs]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_table_explains_itself(name):
    assert OURS[name].get("example"), "an example query"


# The hidden columns that we add to osquery's tables (name: declared type).
WIDENED = {
    "carves": "error TEXT",
    "processes": "container_id TEXT, unit TEXT, exe_state TEXT, login_uid BIGINT, session_id BIGINT, namespace_pid BIGINT,"
                 " kernel_thread INTEGER, tty TEXT, memory_swap BIGINT",
    "process_namespaces": "time_namespace TEXT, pid_for_children TEXT",
    "listening_ports": "container_id TEXT, unit TEXT, uid BIGINT",
    "process_open_sockets": "container_id TEXT, unit TEXT, uid BIGINT",
    "hash": "sha512 TEXT, cached INTEGER",
    "file": "selinux_label TEXT, immutable INTEGER, mount_id BIGINT",
    "python_packages": "environment TEXT, installer TEXT, editable INTEGER",
    "npm_packages": "uid BIGINT, integrity TEXT, has_install_script INTEGER",
    "deb_packages": "install_time BIGINT, automatic INTEGER, hold INTEGER",
    "rpm_packages": "modularity TEXT, signature_key TEXT, install_reason TEXT",
    "apt_sources": "signed_by TEXT, trusted INTEGER, enabled INTEGER, line INTEGER",
    "kernel_modules": "taints TEXT, refcount INTEGER, srcversion TEXT",
    "mounts": "mount_id BIGINT, parent_id BIGINT, propagation TEXT, super_options TEXT",
    "authorized_keys": "fingerprint_sha256 TEXT, line INTEGER",
    "shell_history": "disabled_by TEXT",
    "crontab": "username TEXT, line INTEGER",
    "process_events": "container_id TEXT, container_name TEXT, container_image TEXT, unit TEXT, ancestors TEXT, arch TEXT, exe_state TEXT,"
                      " args_truncated INTEGER, source TEXT",
    "socket_events": "container_id TEXT, container_name TEXT, container_image TEXT, unit TEXT, source TEXT, community_id TEXT",
    "file_events": "pid BIGINT, exe TEXT, container_id TEXT, container_name TEXT, container_image TEXT, sha512 TEXT",
    "yara_file": "scan_seconds DOUBLE, skipped TEXT",
    "yara_process": "scan_seconds DOUBLE, skipped TEXT",
    "yara_events": "scan_seconds DOUBLE, skipped TEXT",
}


@pytest.mark.parametrize("name", sorted(WIDENED))
def test_our_columns_are_there_and_hidden(name):
    columns = {column["name"]: column for column in OURS[name]["columns"]}
    for wanted in WIDENED[name].split(", "):
        column, _, kind = wanted.partition(" ")
        assert columns[column]["hidden"] is True
        assert columns[column]["type"] == kind, column
