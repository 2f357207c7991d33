"""A server of osquery's TLS API for tests of the agent: small, independent of our own server, written from the compat page
(sections 6 to 8). By itself it does what the page says; a test scripts replies and faults over that.

    with TlsServer(tmp_path) as server:
        server.config = {"schedule": {...}}
        agent.start(*server.flags(), "--config_plugin=tls")
        server.wait_for(lambda: server.seen("/config"))
"""

import base64
import contextlib
import dataclasses
import gzip
import http.server
import json
import pathlib
import select
import socket
import ssl
import threading
import time

import pytest

from sinks import make_authority, make_certificate, until

ENDPOINTS = {
    "enroll_tls_endpoint": "/enroll",
    "config_tls_endpoint": "/config",
    "logger_tls_endpoint": "/log",
    "distributed_tls_read_endpoint": "/distributed/read",
    "distributed_tls_write_endpoint": "/distributed/write",
    "carver_start_endpoint": "/carve/begin",
    "carver_continue_endpoint": "/carve/block",
}
HELD_READ = "Osprey-Held-Read"


@dataclasses.dataclass
class Request:
    """What the agent sent. `body` is unpacked, `json` what it says (None if it is not JSON)."""
    time: float
    connection: int
    method: str
    target: str  # with the query
    headers: list
    body: bytes
    packed: bool
    wire_length: int

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclasses.dataclass
class Reply:
    """What the server answers. `body`: text or bytes as they are, anything else as JSON."""
    body: object = dataclasses.field(default_factory=dict)
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    delay: float = 0  # seconds before the answer
    close: bool = False  # end the connection instead
    cut: int = 0  # so many bytes of the body are promised and never sent
    packed: bool = False  # gzip it, whether the agent has asked for that or not

    def bytes(self):
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        packed = self.headers.get("Content-Encoding") == "gzip"
        request = Request(time.monotonic(), self.server.number(self.connection), self.command, self.path,
                          list(self.headers.items()), gzip.decompress(raw) if packed else raw, packed, len(raw))
        reply = self.server.owner.answer(request, self.connection)
        if reply.delay:
            self.server.owner.stopping.wait(reply.delay)
        if reply.close:
            self.close_connection = True
            return
        body = reply.bytes()
        self.send_response(reply.status)
        if reply.packed:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + reply.cut))
        self.end_headers()
        self.wfile.write(body)
        if reply.cut:
            self.close_connection = True

    do_POST = do_PUT = do_GET


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, owner, context):
        self.owner = owner
        self.context = context
        self.lock = threading.Lock()
        self.connections = {}  # socket -> number, while open
        self.accepted = 0
        self.most_open = 0
        super().__init__(("127.0.0.1", owner.port), _Handler)

    def number(self, connection):
        return self.connections.get(connection, 0)

    def finish_request(self, request, client_address):
        """On the connection's own thread: the handshake, then its requests."""
        request.settimeout(30)
        try:
            connection = self.context.wrap_socket(request, server_side=True) if self.context else request
        except (OSError, ssl.SSLError) as error:
            self.owner.handshake_errors.append(str(error))
            return
        with self.lock:
            self.accepted += 1
            self.connections[connection] = self.accepted
            self.most_open = max(self.most_open, len(self.connections))
        try:
            connection.settimeout(600)
            self.RequestHandlerClass(connection, client_address, self)
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.pop(connection, None)
            with contextlib.suppress(OSError):
                connection.close()

    def handle_error(self, request, client_address):
        pass

    def close_connections(self):
        with self.lock:
            open_now = list(self.connections)
        for connection in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class TlsServer:
    """Listens on a port of its own of 127.0.0.1 from `with` on. Attributes may be changed at any time."""

    secret = "enroll-secret-1"

    def __init__(self, folder, *, names="DNS:localhost,IP:127.0.0.1", client_certificates=False, plain=False):
        self.folder = pathlib.Path(folder)
        self.authority = self.folder / "authority.pem"
        self.plain = plain
        self.client_certificates = client_certificates
        self.names = names
        self.port = 0
        self.config = {}  # what /config answers
        self.node_keys = []  # given out so far
        self.invalid_keys = set()  # which are answered node_invalid
        self.requests = []
        self.handshake_errors = []
        self.lines = {"result": [], "status": []}  # taken
        self.queries = {}  # what the next distributed read is given: id -> SQL
        self.read_more = {}  # and what else it holds: discovery, accelerate
        self.writes = []  # bodies of distributed writes
        self.carves = {}  # session id -> {"begin": body, "blocks": {id: bytes}}
        self.hold = 0  # seconds for which a distributed read is offered to be held
        self.stopping = threading.Event()
        self._scripts = {}  # path -> replies
        self._always = {}  # path -> reply
        self._changed = threading.Condition()
        self._listener = None

    # --- life

    def __enter__(self):
        if not self.plain and not self.authority.exists():
            make_authority(self.folder, "authority")
        if not self.plain and not (self.folder / "server.pem").exists():
            make_certificate(self.folder, "server", "authority", self.names)
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listens; again on the same port after stop()."""
        self.stopping.clear()
        context = None
        if not self.plain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
            if self.client_certificates:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self.authority)
        self._listener = _Listener(self, context)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self):
        """The port is closed and so are all connections."""
        if self._listener is None:
            return
        self.stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.close_connections()
        self._thread.join()
        self._listener = None

    # --- for the agent

    @property
    def hostname(self):
        return f"localhost:{self.port}"

    def flags(self, *plugins):
        """What an agent needs to enrol here; `plugins` of config, logger, distributed, carver are turned on as well."""
        secret = self.folder / "secret"
        secret.write_text(self.secret + "\n")
        on = {"config": ["--config_plugin=tls"], "logger": ["--logger_plugin=tls"],
              "distributed": ["--disable_distributed=false", "--distributed_plugin=tls"],
              "carver": ["--disable_carver=false"]}
        return [f"--tls_hostname={self.hostname}", f"--tls_server_certs={self.authority}", f"--enroll_secret_path={secret}",
                *(f"--{flag}={path}" for flag, path in ENDPOINTS.items()), *(flag for name in plugins for flag in on[name])]

    # --- for the test

    def script(self, path, *replies):
        """The next requests to `path` get these, one each: a Reply, a body, None for the usual answer, or a callable that
        gets the Request and returns such. After them it is as before again."""
        with self._changed:
            self._scripts.setdefault(path, []).extend(replies)

    def always(self, path, reply):
        """All requests to `path` that no script is for get this from now on; None: the usual answer."""
        with self._changed:
            self._always[path] = reply

    def ask(self, queries, **more):
        """Queries for the next distributed read; a held one gets them at once."""
        with self._changed:
            self.queries.update(queries)
            self.read_more.update(more)
            self._changed.notify_all()

    def seen(self, path):
        """Requests to it so far."""
        return [request for request in list(self.requests) if request.path == path]

    @property
    def connections(self):
        """How many the agent has made, with a completed handshake."""
        return self._listener.accepted

    @property
    def most_connections(self):
        """How many were open at once."""
        return self._listener.most_open

    def close_connections(self):
        self._listener.close_connections()

    def wait_for(self, condition, timeout=20, what="what the test waits for"):
        until(condition, timeout, lambda: f"{what} did not come within {timeout} s; requests: "
              f"{[(r.method, r.target) for r in self.requests][-20:]} {self.handshake_errors[-3:]}")
        return condition()

    # --- the API

    def answer(self, request, connection):
        with self._changed:
            self.requests.append(request)
            scripted = self._scripted(request.path)
        if callable(scripted):
            scripted = scripted(request)
        if scripted is not None:
            return scripted if isinstance(scripted, Reply) else Reply(scripted)
        usual = {"/enroll": self._enroll, "/config": self._config, "/log": self._log, "/carve/begin": self._carve_begin,
                 "/carve/block": self._carve_block, "/distributed/write": self._write}
        if request.path == "/distributed/read":
            return self._read(request, connection)
        if request.path not in usual:
            return Reply({"error": "there is no such path"}, status=404)
        return usual[request.path](request)

    def _scripted(self, path):
        waiting = self._scripts.get(path)
        return waiting.pop(0) if waiting else self._always.get(path)

    def _known(self, request):
        key = (request.json or {}).get("node_key")
        return key in self.node_keys and key not in self.invalid_keys

    def _enroll(self, request):
        if (request.json or {}).get("enroll_secret") != self.secret:
            return Reply({"error": "wrong secret", "node_invalid": True})
        with self._changed:
            self.node_keys.append(f"node-key-{len(self.node_keys) + 1}")
            return Reply({"node_key": self.node_keys[-1]})

    def _config(self, request):
        return Reply(self.config) if self._known(request) else Reply({"node_invalid": True})

    def _log(self, request):
        if not self._known(request):
            return Reply({"node_invalid": True})
        body = request.json
        with self._changed:
            self.lines[body["log_type"]].extend(body["data"])
        return Reply({})

    def _read(self, request, connection):
        if not self._known(request):
            return Reply({"node_invalid": True})
        headers = {HELD_READ: str(self.hold)} if self.hold else {}
        wanted = request.header(HELD_READ)
        end = time.monotonic() + (min(int(wanted), self.hold) if wanted and self.hold else 0)
        with self._changed:
            while not self.queries and time.monotonic() < end and not self.stopping.is_set():
                if select.select([connection], [], [], 0)[0]:  # the agent has gone
                    break
                self._changed.wait(0.1)
            queries, self.queries = self.queries, {}
            more, self.read_more = self.read_more, {}
        return Reply({"queries": queries, **more}, headers=headers)

    def _write(self, request):
        if not self._known(request):
            return Reply({"node_invalid": True})
        with self._changed:
            self.writes.append(request.json)
        return Reply({})

    def _carve_begin(self, request):
        if not self._known(request):
            return Reply({"error": "unknown node"})
        with self._changed:
            session = f"session-{len(self.carves) + 1}"
            self.carves[session] = {"begin": request.json, "blocks": {}}
        return Reply({"session_id": session})

    def _carve_block(self, request):
        body = request.json
        carve = self.carves.get(body["session_id"])
        if carve is None:
            return Reply({"error": "no such session"})
        with self._changed:
            carve["blocks"][body["block_id"]] = base64.b64decode(body["data"])
        return Reply({})


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with TlsServer(folder) as made:
        yield made
