"""An osprey-server of the test's own, on loopback, and what a test says to it.

A test says `from fleet_server import osprey_server` and takes the fixture, or makes a FleetServer with flags of its own.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("OSPREY_BIN", PROJECT / "build" / "bin"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class FleetServer:
    """A server that may be stopped, killed and started again over the same data."""

    def __init__(self, folder, *flags, database=None):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.flags = list(flags)
        if database:
            self.flags.append(f"--database={database}")
        self.process = None
        self.lines = []
        self.password = None
        self.token = None

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority(self):
        return self.folder / "tls" / "authority.pem"

    def start(self, timeout=60):
        self.process = subprocess.Popen(
            [BIN / "osprey-server", f"--data={self.folder}", f"--listen=127.0.0.1:{self.port}", *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = threading.Event()

        def read_log(process):
            for line in process.stderr:
                self.lines.append(line.rstrip("\n"))
                if re.search(r"[ \"]listening[ \"]", line):
                    ready.set()
            ready.set()

        def read_output(process):
            for line in process.stdout:
                if found := re.match(r"password: (\S+)", line):
                    self.password = found[1]

        threading.Thread(target=read_log, args=(self.process,), daemon=True).start()
        threading.Thread(target=read_output, args=(self.process,), daemon=True).start()
        assert ready.wait(timeout) and self.process.poll() is None, "\n".join(self.lines[-20:])
        return self

    def stop(self, number=signal.SIGTERM, timeout=30):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(timeout)
            self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def connection(self, timeout=30):
        context = ssl.create_default_context(cafile=str(self.authority))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def request(self, method, path, body=None, headers=None, timeout=30):
        """An answer of any status. As the first administrator, unless headers say otherwise."""
        headers = dict(headers or {})
        if headers.pop("anonymous", None) is None and "Authorization" not in headers and not path.startswith("/api/osquery"):
            headers["Authorization"] = f"Bearer {self.sign_in()}"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        with contextlib.closing(self.connection(timeout)) as connection:
            connection.request(method, path, data, headers)
            return Answer(connection.getresponse())

    def get(self, path, **more):
        answer = self.request("GET", path, **more)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json()

    def post(self, path, body=None, **more):
        answer = self.request("POST", path, body if body is not None else {}, **more)
        assert answer.status in (200, 201, 204), (path, answer.status, answer.body)
        return answer.json() if answer.body else None

    def put(self, path, body):
        answer = self.request("PUT", path, body)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json()

    def sign_in(self):
        """A token of the first administrator's."""
        if self.token is None:
            end = time.monotonic() + 10
            while self.password is None and time.monotonic() < end:
                time.sleep(0.01)
            with contextlib.closing(self.connection()) as connection:
                connection.request("POST", "/api/v1/sign_in", json.dumps({"name": "admin", "password": self.password}),
                                   {"Content-Type": "application/json"})
                signed = Answer(connection.getresponse())
                assert signed.status == 200, signed.body
                cookie = signed.headers["Set-Cookie"].split(";")[0]
                connection.request("POST", "/api/v1/me/tokens", json.dumps({"name": "test", "scope": "administer"}),
                                   {"Content-Type": "application/json", "Cookie": cookie,
                                    "X-CSRF-Token": signed.json()["csrf_token"]})
                made = Answer(connection.getresponse())
                assert made.status == 201, made.body
                self.token = next(value for value in made.json().values()
                                  if isinstance(value, str) and value.startswith("osprey_"))
        return self.token

    def secret(self):
        """The text of the first enrolment secret."""
        first = self.get("/api/v1/enrollment/secrets")["items"][0]
        line = self.get(f"/api/v1/enrollment/secrets/{first['id']}/line")
        return line["secret"]

    def enroll(self, identifier="host-1", secret=None, **details):
        """A node key."""
        tables = {"os_version": {"platform": "debian", "version": "12"}, "osquery_info": {"version": "5.23.0"},
                  "system_info": {"hostname": identifier, "uuid": identifier}}
        answer = self.agent("enroll", {"enroll_secret": secret or self.secret(), "host_identifier": identifier,
                                       "platform_type": "9", "host_details": {**tables, **details}})
        assert answer.get("node_key"), answer
        return answer["node_key"]

    def agent(self, endpoint, body, headers=None, timeout=30):
        """What an agent is answered."""
        return self.request("POST", f"/api/osquery/{endpoint}", body, headers, timeout).json()

    def events(self, path, timeout=60):
        """Server-sent events, as they come: (name, data)."""
        with contextlib.closing(self.connection(timeout)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.sign_in()}"})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            name = None
            for line in response:
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

    def wait_for(self, condition, timeout=30, what="what the test waits for"):
        end = time.monotonic() + timeout
        while not (found := condition()):
            assert time.monotonic() < end, f"{what} did not come; the server's log ends so:\n" + "\n".join(self.lines[-20:])
            time.sleep(0.05)
        return found

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


@pytest.fixture
def osprey_server(tmp_path):
    with FleetServer(tmp_path / "server") as server:
        yield server


def agent_flags(server, *plugins):
    """What an ospreyd needs to enrol in this server; `plugins` of config, logger, distributed, carver are turned on."""
    path = server.folder / "secret"
    path.write_text(server.secret() + "\n")
    endpoints = {"enroll_tls_endpoint": "enroll", "config_tls_endpoint": "config", "logger_tls_endpoint": "log",
                 "distributed_tls_read_endpoint": "distributed/read", "distributed_tls_write_endpoint": "distributed/write",
                 "carver_start_endpoint": "carve/begin", "carver_continue_endpoint": "carve/block"}
    on = {"config": ["--config_plugin=tls", "--config_refresh=1"], "logger": ["--logger_plugin=tls", "--logger_tls_period=1"],
          "distributed": ["--disable_distributed=false", "--distributed_interval=1"], "carver": ["--disable_carver=false"]}
    return [f"--tls_hostname=127.0.0.1:{server.port}", f"--tls_server_certs={server.authority}",
            f"--enroll_secret_path={path}", *(f"--{flag}=/api/osquery/{end}" for flag, end in endpoints.items()),
            *(flag for name in plugins for flag in on[name])]
