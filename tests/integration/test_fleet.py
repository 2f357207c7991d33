"""The fleet simulator (bench/fleet): all that it does against the stand-in of bench/fleet, and the smallest scale of the
issue's scenarios against every server of SERVERS. SRV-17, DST-01."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time

import pytest
from fleet_server import FleetServer

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SIMULATOR = pathlib.Path(os.environ.get("OSPREY_BIN", PROJECT / "build" / "bin")).parent / "bench" / "fleet_simulator"


class StandIn:
    """bench/fleet/stand_in_server.py in a scratch folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "server.pem"
        self.secret_file = folder / "secret"
        self.secret_file.write_text("stand-in\n")
        self.asked = []

    def start(self, *flags):
        self.errors = open(self.folder / "stderr.txt", "ab")
        self.process = subprocess.Popen(
            [sys.executable, PROJECT / "bench/fleet/stand_in_server.py", "--folder", self.folder, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()
        assert (self.folder / "stderr.txt").read_text() == ""

    def _control(self, what, body=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                                 context=ssl.create_default_context(cafile=self.ca))
        with contextlib.closing(connection):
            connection.request("POST", f"/control/{what}", json.dumps(body or {}))
            return json.load(connection.getresponse())

    def configure(self):
        """Another configuration for every host."""
        self._control("configuration", {"configuration": {"schedule": {"other": {"query": "select 1", "interval": 10}}}})

    def ask(self, sql):
        """A name for answered()."""
        name = f"query{len(self.asked)}"
        self.asked.append(name)
        self._control("ask", {"id": name, "query": sql})
        return name

    def answered(self, name):
        """How many hosts have answered, and how many with a failure."""
        statuses = [answer["status"] for answer in self.state()["answers"].get(name, {}).values()]
        return statuses.count(0), statuses.count(1)

    # What only the stand-in can be told.

    def state(self):
        return self._control("state")

    def forget(self, share):
        self._control("forget", {"share": share})

    def fail(self, **statuses):
        self._control("fail", {name.replace("_", "/"): status for name, status in statuses.items()})


class OspreyServer:
    """osprey-server with what the shared tests ask of a stand-in."""

    def __init__(self, folder):
        self.fleet = FleetServer(folder / "data")
        self.port = self.fleet.port
        self.secret_file = folder / "secret"

    def start(self):
        self.fleet.start()
        self.process = self.fleet.process
        self.ca = self.fleet.authority
        self.secret_file.write_text(self.fleet.secret())
        return self

    def stop(self):
        self.fleet.stop()

    def configure(self):
        self.fleet.put("/api/v1/items/query/other", {"content": {"query": "select 1", "interval": 10}})

    def ask(self, sql):
        return self.fleet.post("/api/v1/live", {"sql": sql, "target": {"all": True}, "check": False})["id"]

    def answered(self, query):
        progress = self.fleet.get(f"/api/v1/live/{query}")["progress"]
        return progress["answered"], progress["failed"]


# Put OspreyServer in once it stands: the two tests with `any_server` then drive it, too.
SERVERS = [StandIn, OspreyServer]


def running(kind, folder):
    folder.mkdir()
    made = kind(folder).start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def server(tmp_path):
    yield from running(StandIn, tmp_path / "server")


@pytest.fixture(params=SERVERS, ids=lambda server: server.__name__)
def any_server(request, tmp_path):
    yield from running(request.param, tmp_path / "server")


class Simulator:
    """One run; `report` once it has ended."""

    def __init__(self, server, folder, *flags):
        command = [SIMULATOR, "--server", f"127.0.0.1:{server.port}", "--ca", server.ca, "--secret-file", server.secret_file,
                   "--json", "-", "--patience", "60", "--server-pid", str(server.process.pid), *flags]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=folder)

    def report(self, timeout=90):
        out, errors = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, errors
        return json.loads(out)


@pytest.fixture
def simulate(tmp_path):
    """Starts simulators, which end with the test."""
    runs = []

    def start(server, *flags):
        runs.append(Simulator(server, tmp_path, *flags))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def wait_for(condition, timeout=30):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not come"
        time.sleep(0.1)


def wait_until_running(run):
    """Until every host has its key and its turns begin."""
    for text in run.process.stderr:
        if text.startswith("running:"):
            return
    raise AssertionError("the simulator has not come to its turns")


def test_srv_17_two_hundred_hosts_enrol_and_a_changed_configuration_reaches_them_all(any_server, simulate):
    run = simulate(any_server, "--hosts", 200, "--processes", 2, "--no-held-reads", "--config-interval", 2,
                   "--distributed-interval", 2, "--log-interval", 2, "--lines-per-minute", 60, "--duration", 10)
    wait_until_running(run)
    time.sleep(3)
    changed = time.time()
    any_server.configure()
    report = run.report()
    assert report["errors"] == {"total": 0, "by_kind": {}}
    assert report["warm_up_errors"]["total"] == 0
    assert report["enrolled"] == 200 and report["hosts_without_key"] == 0 and report["connections"] == 200
    assert [each["hosts"] for each in report["configurations"]] == [200]
    assert changed < report["configurations"][0]["first"]
    figures = report["figures"]
    # Each host asks every two seconds, with a jitter of a twentieth.
    for kind in ("config", "read", "log"):
        assert 800 <= figures[kind]["answered"] <= 1100, kind
        assert 0 < figures[kind]["from_sent_ms"]["p50"] <= figures[kind]["from_due_ms"]["max"]
    assert report["handshakes"]["full"] == 200
    assert report["server"]["cpu_seconds"] > 0 and report["server"]["pss_bytes_a_connection"] > 0
    assert report["simulator"]["cpu_microseconds_a_request"] > 0


def test_dst_01_a_query_reaches_hosts_that_hold_their_read_and_every_answer_comes(any_server, simulate):
    run = simulate(any_server, "--hosts", 100, "--duration", 8, "--distributed-interval", 1, "--watch-sql", "no_such_table")
    wait_until_running(run)
    time.sleep(2)  # each has read once, and holds its next
    asked = time.time()
    fine = any_server.ask("select name, version from os_version")
    wait_for(lambda: any_server.answered(fine) == (100, 0))
    broken = any_server.ask("select * from no_such_table")
    wait_for(lambda: any_server.answered(broken) == (0, 100))
    report = run.report()
    assert report["errors"]["total"] == 0
    [of_broken] = report["queries"]
    assert of_broken["received"]["hosts"] == of_broken["acknowledged"]["hosts"] == 100
    assert asked < of_broken["received"]["first"] < of_broken["acknowledged"]["last"] < asked + 30
    assert report["queries_answered"] >= 200
    assert report["figures"]["held"]["answered"] >= 200


def test_answers_look_like_an_agents(server, simulate):
    run = simulate(server, "--hosts", 3, "--duration", 4, "--distributed-interval", 1)
    wait_for(lambda: server.state()["held"] == 3)
    versions, broken = server.ask("select name, version from os_version"), server.ask("select * from no_such_table")
    run.report()
    answers = server.state()["answers"]
    assert [set(answer["rows"][0]) for answer in answers[versions].values()] == [{"name", "version"}] * 3
    assert [(answer["status"], answer["message"]) for answer in answers[broken].values()] == \
        [(1, "no such table: no_such_table")] * 3


def test_log_lines_are_numbered_and_what_is_acknowledged_is_known_through_failures(server, simulate, tmp_path):
    run = simulate(server, "--hosts", 20, "--no-held-reads", "--lines-per-second", 2000, "--batch-lines", 100, "--gzip",
                   "--duration", 6, "--acknowledged", "acknowledged")
    wait_for(lambda: len(server.state()["lines"]) > 1000)
    server.fail(log=503)
    time.sleep(1.5)
    server.fail(log=0)
    report = run.report()
    acknowledged = set()
    for line in (tmp_path / "acknowledged").read_text().splitlines():
        first, count = map(int, line.split())
        numbers = set(range(first, first + count))
        assert not numbers & acknowledged
        acknowledged |= numbers
    assert report["lines"]["acknowledged"] == len(acknowledged)
    assert acknowledged <= set(server.state()["lines"])
    assert len(acknowledged) > 8000
    failures = report["errors"]["by_kind"]
    assert set(failures) == {"log"} and failures["log"]["status"] > 0
    assert "503" in report["error_samples"][0]["text"]


def test_hosts_that_the_server_no_longer_knows_enrol_again_and_keys_are_kept_for_later_runs(server, simulate, tmp_path):
    flags = ["--hosts", 40, "--no-held-reads", "--distributed-interval", 1, "--duration", 4, "--keys", "keys"]
    run = simulate(server, *flags)
    wait_for(lambda: server.state()["hosts"] == 40)
    server.forget(0.5)
    report = run.report()
    assert report["enrolled"] == 60 and report["hosts_without_key"] == 0
    assert set(report["errors"]["by_kind"]["read"]) == {"node_invalid"}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    # A smaller run keeps the keys of the others.
    assert simulate(server, *flags[:1], 10, *flags[2:]).report()["enrolled"] == 0
    assert len((tmp_path / "keys").read_text().splitlines()) == 40


@pytest.mark.parametrize("mode", ["full", "resumed"])
def test_a_connection_for_each_request(server, simulate, mode):
    report = simulate(server, "--hosts", 16, "--no-held-reads", "--saturate", "--connections", mode, "--duration", 2).report()
    assert report["errors"]["total"] == 0
    answered = report["figures"]["all"]["answered"]
    assert answered > 50
    assert report["handshakes"][mode] >= answered
    assert report["handshakes"]["full" if mode == "resumed" else "resumed"] <= 16


def test_many_hosts_share_few_connections_each_with_its_own_key(server, simulate):
    report = simulate(server, "--hosts", 300, "--shared-connections", 10, "--no-held-reads", "--distributed-interval", 1,
                      "--duration", 3).report()
    assert report["errors"]["total"] == 0 and report["connections"] == 10
    assert report["figures"]["read"]["answered"] >= 800
    assert server.state()["hosts"] == 300


def test_a_carve_is_uploaded_whole(server, simulate):
    run = simulate(server, "--hosts", 2, "--distributed-interval", 1, "--carve-bytes", 20000, "--duration", 4)
    wait_for(lambda: server.state()["held"] == 2)
    server.ask("select * from carves where path = '/etc/hosts' and carve = 1")
    assert run.report()["errors"]["total"] == 0
    carves = server.state()["carves"]
    assert [carve["size"] for carve in carves] == [20000, 20000]
    # Base64 of 8192, 8192 and 3616 bytes.
    assert all(carve["blocks"] == [10924, 10924, 4824] for carve in carves)


def test_without_an_end_it_runs_until_it_is_interrupted_and_reports_then(server, simulate):
    run = simulate(server, "--hosts", 5)
    wait_for(lambda: server.state()["hosts"] == 5)
    threading.Timer(1, run.process.send_signal, [signal.SIGINT]).start()
    assert run.report()["enrolled"] == 5


@pytest.mark.parametrize("flags, told", [
    (["--server", "127.0.0.1:1", "--insecure", "--secret-file", "secret", "--patience", "0.5"], "Connection refused"),
    (["--server", "127.0.0.1:1", "--insecure"], "--secret-file"),
    (["--server", "127.0.0.1:1", "--secret-file", "secret"], "--ca"),
    (["--server", "127.0.0.1:1", "--insecure", "--secret-file", "nowhere"], "nowhere"),
    (["--server", "127.0.0.1", "--insecure", "--secret-file", "secret"], "HOST:PORT"),
    (["--server", "127.0.0.1:1", "--insecure", "--secret-file", "secret", "--processes", "1", "--hosts", "1500000"],
     "--processes"),
    (["--server", "127.0.0.1:1", "--insecure", "--secret-file", "secret", "--idle"], "--no-held-reads"),
    (["--server", "127.0.0.1:1", "--insecure", "--secret-file", "secret", "--hosts", "2", "--processes", "3"], "--processes"),
])
def test_what_cannot_be_simulated_is_told(tmp_path, flags, told):
    (tmp_path / "secret").write_text("secret")
    done = subprocess.run([SIMULATOR, *flags], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode != 0
    assert told in done.stderr


def test_the_scenarios_run_and_say_what_they_hold_against_their_aims(tmp_path):
    done = subprocess.run([PROJECT / "bench/fleet/run", "--stand-in", "--scale", "0.001", "--seconds", "2", "--json", "out.json",
                           "sqlite-18000", "lines-30k"], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr  # 1: an aim was missed, for which two seconds are too short
    found = {each["name"]: {row["what"]: row for row in each["rows"]} for each in json.loads((tmp_path / "out.json").read_text())}
    assert found["sqlite-18000"]["errors"] == {"what": "errors", "value": "0", "aim": "none", "met": True}
    assert found["sqlite-18000"]["connections kept"]["met"]
    assert found["lines-30k"]["lines acknowledged"]["met"]
    assert "| errors | 0 | none | ok |" in done.stdout
