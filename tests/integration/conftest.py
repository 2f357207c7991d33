"""Drives the built programs from outside. OSPREY_BIN names another folder of binaries than build/bin."""

import json
import os
import pathlib
import subprocess

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("OSPREY_BIN", PROJECT / "build" / "bin"))


class Osprey:
    """The shell under our own name."""

    path = BIN / "osprey"

    def run(self, *args, stdin="", timeout=60, **kwargs):
        return subprocess.run([self.path, *args], input=stdin, capture_output=True, text=True, timeout=timeout, **kwargs)

    def query(self, sql, *flags):
        """The rows of a query as dictionaries of strings."""
        done = self.run("--json", *flags, sql)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def osprey():
    return Osprey()
