"""Drives the built programs from outside. OSPREY_BIN names another folder of binaries than build/bin."""

import json
import os
import pathlib
import signal
import subprocess
import time

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


class Agent:
    """An agent with a scratch folder of its own: configuration, database, logs. It ends with the test."""

    def __init__(self, folder, name="ospreyd"):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.logs = self.folder / "log"
        self.config_path = self.folder / "agent.conf"
        self.database = self.folder / "db"
        self.flags = []
        self.process = None
        self.logs.mkdir(exist_ok=True)

    def configure(self, configuration):
        """Writes the configuration as an editor does: beside, then in its place."""
        text = configuration if isinstance(configuration, str) else json.dumps(configuration)
        beside = self.config_path.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.config_path)

    def command(self, *flags):
        return [str(BIN / self.name), "--flagfile=/dev/null", f"--config_path={self.config_path}", f"--logger_path={self.logs}",
                f"--database_path={self.database}", f"--pidfile={self.folder}/pid",
                f"--extensions_socket={self.folder}/em", *self.flags, *flags]

    def start(self, *flags, **kwargs):
        self.stderr = open(self.folder / "stderr.txt", "ab")
        self.process = subprocess.Popen(self.command(*flags), stdin=subprocess.DEVNULL, stderr=self.stderr,
                                        stdout=kwargs.pop("stdout", subprocess.DEVNULL), **kwargs)
        return self

    def stop(self, signal_number=signal.SIGTERM, timeout=20):
        """The exit status."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal_number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def worker(self):
        """The worker's process id: the watcher's only child; None while there is none."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split()
        return int(found[0]) if found else None

    def errors(self):
        return (self.folder / "stderr.txt").read_text(errors="replace")

    def lines(self, kind="results"):
        """The lines of a log, decoded. Every one of them must be whole, but for one that is being written."""
        path = self.logs / f"{self.name}.{kind}.log"
        text = path.read_bytes() if path.exists() else b""
        if self.process is not None:
            text = text[:text.rfind(b"\n") + 1]
        return [json.loads(line) for line in text.splitlines()]

    def last_snapshot(self, name):
        """The rows of the last snapshot of a query; none before the first."""
        found = [line for line in self.lines("snapshots") if line["name"] == name]
        return found[-1]["snapshot"] if found else []

    def wait_for(self, condition, timeout=20, what="what the test waits for"):
        """What `condition` returns once that is true."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            assert self.process is None or self.process.poll() is None, \
                f"the agent ended with {self.process.returncode}:\n{self.errors()[-4000:]}"
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come within {timeout} s:\n{self.errors()[-4000:]}")


@pytest.fixture
def make_agent(tmp_path):
    """Makes agents in scratch folders; all of them have ended when the test has."""
    made = []

    def make(name="ospreyd", folder=None):
        folder = tmp_path / (folder or f"agent{len(made)}")
        folder.mkdir()
        made.append(Agent(folder, name))
        return made[-1]

    yield make
    for agent in made:
        agent.stop()
