"""Issue 5, "Bad input and hostile clients": osprey-server against those who mean it no good, over real TLS. What cannot be
shown in seconds from outside stands beside the code: slowloris, half-open handshakes and descriptors in
src/server/http/listener_test.cpp (HostileTest), kill -9 and databases that go in test_server.py. SRV-02, SRV-13, CFG-15."""

import contextlib
import copy
import gzip
import http.client
import json
import pathlib
import re
import select
import signal
import socket
import sqlite3
import ssl
import time
import urllib.parse

import pytest
from fleet_server import FleetServer, osprey_server  # noqa: F401
from postgresql import PostgreSQL, postgresql  # noqa: F401
from sinks import make_authority, make_certificate

YEAR = 365 * 86400
SQL = "x'; DROP TABLE hosts; DELETE FROM results_segments; --"
TEXTS = [SQL, '") OR ("1"="1', "<script>alert('x')</script>", "../../../etc/passwd", "a\x1b[2J\u202eb\r\nforged: line", "a\x00b",
         "\U0001f600 %s%n ${jndi:ldap://x} {{7*7}} :v0 $1 ?1"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request, tmp_path_factory):
    """One server a database for the tests that do not disturb each other."""
    cluster = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    database = cluster and cluster.create_database()
    with FleetServer(tmp_path_factory.mktemp("hostile") / "server", database=database) as server:
        server.tables = lambda: tables_of(server) if cluster is None else \
            {row[0] for row in cluster.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)}
        yield server
        assert server.process.poll() is None, "it has lived through all of it"


def tables_of(server):
    with contextlib.closing(sqlite3.connect(f"file:{server.folder}/osprey.db?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        return {row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


class Connection:
    """A kept connection; another one after each that the server has closed."""

    def __init__(self, server, headers=None):
        self.server, self.headers, self.kept = server, headers or {}, None

    def __call__(self, method, path, body=None, **headers):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = {**self.headers, **({"Content-Type": "application/json"} if data is not None else {}), **headers}
        self.kept = self.kept or self.server.connection()
        self.kept.request(method, path, data, sent)
        response = self.kept.getresponse()
        text = response.read()
        if response.will_close:
            self.kept.close()
            self.kept = None
        return response.status, text

    def json(self, *words, **headers):
        status, text = self(*words, **headers)
        return status, json.loads(text)


def agents_requests(key, session="none"):
    """A good request to each of the agents' endpoints."""
    return {
        "enroll": {"enroll_secret": "none of ours", "host_identifier": "h", "platform_type": "9",
                   "host_details": {"os_version": {"platform": "debian"}, "system_info": {"uuid": "u"}}},
        "config": {"node_key": key, "etag": "e"},
        "log": {"node_key": key, "log_type": "result",
                "data": [{"name": "q", "unixTime": 1, "epoch": 0, "counter": 1, "columns": {"a": "1"}, "action": "added"},
                         {"name": "s", "unixTime": 1, "snapshot": [{"a": "1"}], "action": "snapshot"}]},
        "distributed/read": {"node_key": key},
        "distributed/write": {"node_key": key, "queries": {"live:1": [{"a": "1"}]}, "statuses": {"live:1": 0},
                              "messages": {"live:1": ""}, "stats": {"live:1": {"wall_time_ms": 1}}},
        "carve/begin": {"node_key": key, "block_count": 1, "block_size": 10, "carve_size": 3, "carve_id": "c", "request_id": "r"},
        "carve/block": {"session_id": session, "block_id": 0, "request_id": "r", "data": "YWJj"},
    }


def replaced(value, place, new):
    made = copy.deepcopy(value)
    if not place:
        return new
    at = made
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = new
    return made


def places(value, place=()):
    """Where something stands in a JSON value: itself, then all in it."""
    yield place, value
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*place, step))


def number_of(server, name):
    """Of a host that has just enrolled."""
    return server.wait_for(lambda: [each["id"] for each in server.get("/api/v1/hosts?limit=500")["items"] if each["name"] == name],
                           what=name)[0]


# --- who may

def test_a_wrong_and_a_revoked_secret(shared):
    shared.post("/api/v1/enrollment/secrets", {"name": "leaked"})
    number = next(each["id"] for each in shared.get("/api/v1/enrollment/secrets")["items"] if each["name"] == "leaked")
    text = shared.get(f"/api/v1/enrollment/secrets/{number}/line")["secret"]
    assert shared.enroll("before", secret=text)
    assert shared.request("DELETE", f"/api/v1/enrollment/secrets/{number}").status in (200, 204)
    for secret in (text, "", SQL, "x" * 100_000):
        reply = shared.agent("enroll", {"enroll_secret": secret, "host_identifier": "after"})
        assert reply["error"] and "node_key" not in reply, reply
        assert text not in json.dumps(reply)
    listed = shared.wait_for(lambda: [each for each in shared.get("/api/v1/enrollment/failures")["items"]
                                      if each["secret"] == "leaked"], what="the failure, by its secret")
    assert listed[0]["reason"] == "revoked" and listed[0]["address"] == "127.0.0.1"
    assert text not in "\n".join(shared.lines)


def test_a_stolen_node_key_after_revocation(shared):
    key = shared.enroll("robbed")
    host = number_of(shared, "robbed")
    begun = shared.agent("carve/begin", {"node_key": key, "block_count": 2, "block_size": 4, "carve_size": 8, "carve_id": "robbed"})
    block = {"session_id": begun["session_id"], "data": "YWJjZA=="}
    assert "error" not in shared.agent("carve/block", {**block, "block_id": 0})

    held = shared.connection(60)  # by the thief
    while True:  # until nothing is asked, and the read is held
        held.request("POST", "/api/osquery/distributed/read", json.dumps({"node_key": key}),
                     {"Content-Type": "application/json", "Osprey-Held-Read": "50"})
        if not select.select([held.sock], [], [], 1)[0]:
            break
        held.getresponse().read()
    shared.post(f"/api/v1/hosts/{host}/revoke_node_key", {})
    shared.post("/api/v1/live", {"sql": "select 'not for thieves'", "target": {"hosts": [host]}})
    reply = held.getresponse().read().decode()
    held.close()
    assert json.loads(reply)["queries"] == {}

    for endpoint, body in agents_requests(key).items():
        if endpoint == "enroll":
            continue
        body = {**body, "node_key": key}
        for sent, headers in ((body, {}), ({**body, "node_key": ""}, {"Authorization": f"NodeKey {key}"}),
                              (body, {"Authorization": f"NodeKey {key}"})):
            reply = shared.agent(endpoint, sent, headers)
            assert reply["error"] and reply["node_invalid"] is True, (endpoint, headers, reply)
    assert shared.agent("carve/block", {**block, "block_id": 1})["error"], "its sessions end with it"

    again = shared.enroll("robbed")
    assert again != key and "error" not in shared.agent("config", {"node_key": again})
    live = shared.agent("distributed/read", {"node_key": again})["queries"]
    assert "select 'not for thieves'" in live.values(), "the host itself is still asked"


def test_another_hosts_key_and_name_in_a_log_batch(shared):
    mine, other = shared.enroll("mine"), shared.enroll("other")
    batch = agents_requests(other)["log"]
    assert shared.agent("log", batch, {"Authorization": f"NodeKey {mine}"})["error"]
    forged = {"name": "forged", "hostIdentifier": "other", "decorations": {"host_uuid": "other"}, "unixTime": 1, "columns": {"a": "1"},
              "action": "added", "node_key": other}
    assert "error" not in shared.agent("log", {"node_key": mine, "log_type": "result", "data": [forged]})
    [found] = shared.wait_for(lambda: shared.get("/api/v1/results?query=forged")["items"], what="the line")
    assert found["host"] == number_of(shared, "mine"), "by the node key, whatever it says of itself"


def test_results_for_a_query_that_was_never_asked(shared):
    asked, uninvited = shared.enroll("asked"), shared.enroll("uninvited")
    live = shared.post("/api/v1/live", {"sql": "select 1 as a", "target": {"hosts": [number_of(shared, "asked")]}})["id"]
    for query in (f"live:{live}", "live:999999", "live:-1", "live:1e9", "live:", f"live:{live}; --", "tag:1:1", "detail:os_version", "mine"):
        reply = shared.agent("distributed/write", {"node_key": uninvited, "queries": {query: [{"a": "forged"}]}, "statuses": {query: 0}})
        assert "error" not in reply, (query, reply)  # it would send them again and again
    hosts = shared.get(f"/api/v1/live/{live}/hosts?rows=true")["items"]
    assert [each["host_name"] for each in hosts] == ["asked"] and hosts[0]["state"] in ("waiting", "asked")
    assert shared.get(f"/api/v1/live/{live}")["progress"]["rows"] == 0
    assert shared.agent("distributed/write", {"node_key": asked, "queries": {f"live:{live}": [{"a": "1"}]}}) == {}
    assert shared.get(f"/api/v1/live/{live}")["progress"]["answered"] == 1


# --- what they send

def test_json_of_the_wrong_shape_at_every_field_of_agents(shared):
    key = shared.enroll("shapes")
    ask = Connection(shared)
    shapes = [None, True, -1, 1.5, 2**80, "", "x", [], [1, None], {}, {"a": [1]}]
    sent = 0
    for endpoint, body in agents_requests(key).items():
        for place, _ in places(body):
            for shape in shapes:
                status, text = ask("POST", f"/api/osquery/{endpoint}", replaced(body, place, shape))
                sent += 1
                assert status < 500, (endpoint, place, shape, text)
                reply = json.loads(text)
                assert isinstance(reply, dict) and (status == 200 or reply["error"]), (endpoint, place, shape, status, text)
    for endpoint in agents_requests(key):
        for body in (b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b"[" * 60_000, b'{"node_key":"' + b"k" * 60_000):
            status, text = ask("POST", f"/api/osquery/{endpoint}", body)
            assert 400 <= status < 500 and json.loads(text)["error"], (endpoint, body[:20], status, text)
    assert sent > 400
    assert "error" not in shared.agent("config", {"node_key": key})


def test_refusals_never_have_an_empty_body(shared):
    """An agent takes an empty answer for yes, whatever its status, and deletes what it has sent."""
    key = shared.enroll("refused")
    log = json.dumps(agents_requests(key)["log"])
    host = "Host: x\r\n"
    requests = [
        "nonsense\r\n\r\n",
        f"POST /api/osquery/log HTTP/9.9\r\n{host}\r\n",
        "POST /api/osquery/log HTTP/1.1\r\n\r\n",  # no host
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Length: 99999999999\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
        f"POST /api/osquery/config HTTP/1.1\r\n{host}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}",
        f"GET /api/osquery/log HTTP/1.1\r\n{host}\r\n",
        f"BREW /api/osquery/log HTTP/1.1\r\n{host}\r\n",
        f"POST /api/osquery/logs HTTP/1.1\r\n{host}Content-Length: {len(log)}\r\n\r\n{log}",
        f"POST /../../etc/passwd HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}X: {'x' * 200_000}\r\n\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}" + "".join(f"X{i}: x\r\n" for i in range(5000)) + "\r\n",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Expect: something\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Authorization: NodeKey stolen\r\nContent-Length: {len(log)}\r\n\r\n{log}",
        f"POST /api/osquery/log HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n",
    ]
    for request in requests:
        raw = raw_answer(shared, request)
        head, _, body = raw.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/") else None
        if status == 417:
            assert body, request[:80]
        assert status and status >= 400 and json.loads(body)["error"], (request[:120], raw[:500])


def raw_answer(server, text):
    context = ssl.create_default_context(cafile=str(server.authority))
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        with contextlib.suppress(OSError):
            stream.sendall(text.encode())
        got = b""
        with contextlib.suppress(OSError):
            while piece := stream.recv(65536):
                got += piece
                head, found, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.I)
                if found and length and len(body) >= int(length[1]):
                    break
        return got


def test_a_hundred_mebibytes_and_bombs_cost_no_memory(osprey_server):  # noqa: F811
    key = osprey_server.enroll("bomber")
    before = most_memory(osprey_server)
    bomb = gzip.compress(b'{"node_key":"' + b"x" * (300 << 20))
    nested = gzip.compress(b"[" * (100 << 20))
    for endpoint in agents_requests(key):
        for body, headers in ((b"x" * (100 << 20), {}), (bomb, {"Content-Encoding": "gzip"}), (nested, {"Content-Encoding": "gzip"})):
            if body[:1] == b"x" and endpoint not in ("log", "config"):
                continue  # it takes a while to send
            answer = osprey_server.request("POST", f"/api/osquery/{endpoint}", body, {"Authorization": f"NodeKey {key}", **headers})
            assert answer.status in (413, 415) and answer.json()["error"], (endpoint, answer.status)
    packed = osprey_server.request("POST", "/api/v1/items/import", bomb, {"Content-Encoding": "gzip"})
    assert packed.status in (413, 415), packed.status
    assert most_memory(osprey_server) - before < 120 << 20
    assert "error" not in osprey_server.agent("config", {"node_key": key})


def most_memory(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10


def test_sql_markup_and_control_characters_in_every_text_of_agents(shared):
    names = []
    for number, text in enumerate(TEXTS):
        identifier = f"hostile {number} {text}"
        reply = shared.agent("enroll", {"enroll_secret": shared.secret(), "host_identifier": identifier, "platform_type": text,
                                        "host_details": {"os_version": {"platform": text, "name": text, text: text},
                                                         "system_info": {"hostname": identifier, "uuid": f"u{number}{text}",
                                                                         "cpu_brand": text},
                                                         "osquery_info": {"version": text, "instance_id": text}, text: {text: text}}})
        if any(ord(c) < 32 for c in text):
            assert reply["error"], "no name has control characters"
            reply = shared.agent("enroll", {"enroll_secret": shared.secret(), "host_identifier": f"hostile {number}",
                                            "host_details": {"system_info": {"hostname": identifier}}})
        key = reply["node_key"]
        if "\x00" not in text:
            names.append(identifier)
        line = {"name": f"q{text}", "hostIdentifier": text, "calendarTime": text, "unixTime": text, "columns": {f"c{text}": text},
                "decorations": {text: text}, "action": "added"}
        status = {"severity": "1", "filename": text, "line": text, "message": text, "version": text}
        assert "error" not in shared.agent("log", {"node_key": key, "log_type": "result", "data": [line]})
        assert "error" not in shared.agent("log", {"node_key": key, "log_type": "status", "data": [status]})
        assert shared.agent("log", {"node_key": key, "log_type": text, "data": []})["error"]
        assert shared.agent("config", {"node_key": text, "etag": text})["error"]
        assert "error" not in shared.agent("config", {"node_key": key, "etag": text})
        write = {"node_key": key, **{member: {text: text, f"live:{text}": text, f"detail:{text}": text}
                                     for member in ("queries", "statuses", "messages", "stats")}}
        assert "error" not in shared.agent("distributed/write", write)
        # A detail query's answer, as asked.
        asked = shared.agent("distributed/read", {"node_key": key})["queries"]
        answers = {query: [{"hostname": identifier, "platform": text, "name": text, "version": text, "value": text}] for query in asked}
        assert "error" not in shared.agent("distributed/write", {"node_key": key, "queries": answers, "messages": dict.fromkeys(answers, text)})
    assert_whole(shared)
    listed = shared.get("/api/v1/hosts?limit=500")["items"]
    assert set(names) <= {each["name"] for each in listed}, json.dumps([each["name"] for each in listed])
    for text in (SQL, TEXTS[2]):
        found = shared.get("/api/v1/results?" + urllib.parse.urlencode({"value": f"c{text}={text}"}))["items"]
        assert [each["query"] for each in found] == [f"q{text}"]
        assert shared.get("/api/v1/hosts?" + urllib.parse.urlencode({"text": text}))["items"]
    answer = shared.request("GET", "/api/v1/hosts")
    assert answer.headers["Content-Type"] == "application/json", "nobody's browser takes it for markup"
    exported = shared.request("GET", "/api/v1/results/export?format=csv")
    assert exported.headers["Content-Type"].startswith("text/csv")
    assert not [line for line in shared.lines if line.startswith("forged: line")], "nobody writes lines of our log"
    metrics = shared.request("GET", "/metrics", headers={"anonymous": True}).body.decode()
    assert "DROP TABLE" not in metrics and "<script>" not in metrics


def assert_whole(server):
    """The database is as it was made: what came in was never more than text."""
    assert {"hosts", "carves", "live_queries"} <= server.tables()
    assert server.get("/api/v1/hosts")["items"]
    assert server.request("GET", "/healthz", headers={"anonymous": True}).status == 200


def test_path_names_in_carve_ids(shared):
    before = {path for path in shared.folder.rglob("*") if not path.name.startswith("osprey.db")}
    key = shared.enroll("carver")
    for name in ("../../../../tmp/osprey-escaped", "/etc/cron.d/osprey", "..\\..\\x", "a/../../b", "con\x00.txt", SQL, "é/\u202e/x"):
        begun = shared.agent("carve/begin", {"node_key": key, "block_count": 1, "block_size": 3, "carve_size": 3, "carve_id": name,
                                             "request_id": name})
        assert shared.agent("carve/block", {"session_id": begun["session_id"], "block_id": 0, "request_id": name, "data": "YWJj"}) == {}
        carve = shared.get("/api/v1/carves")["items"][0]
        assert carve["state"] == "complete" and carve["carve_id"] == name.replace("\x00", "\\x00")
        answer = shared.request("GET", f"/api/v1/carves/{carve['id']}/content")
        assert answer.body == b"abc"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="carve-{carve["id"]}.tar"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for session in ("../../x", "", "x" * 10_000, SQL, "%2e%2e"):
        assert shared.agent("carve/block", {"session_id": session, "block_id": 0, "data": "YWJj"})["error"]
    assert not pathlib.Path("/tmp/osprey-escaped").exists() and not pathlib.Path("/etc/cron.d/osprey").exists()
    assert before == {path for path in shared.folder.rglob("*") if not path.name.startswith("osprey.db")}


def test_hosts_whose_clocks_are_a_year_off(shared):
    key = shared.enroll("time traveller")
    host = number_of(shared, "time traveller")
    now = int(time.time())
    times = [now - YEAR, now + YEAR, 0, -1, 2**62, "soon"]
    lines = [{"name": "clock", "calendarTime": "Thu Jan  1 00:00:00 1970 UTC", "unixTime": when, "columns": {"n": str(number)},
              "action": "added"} for number, when in enumerate(times)]
    assert "error" not in shared.agent("log", {"node_key": key, "log_type": "result", "data": lines})
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 600))
    found = shared.wait_for(lambda: shared.get(f"/api/v1/results?query=clock&from={since}")["items"], what="the lines")
    assert {each["columns"]["n"] for each in found} == {str(number) for number in range(len(times))}, "by the server's clock"
    live = shared.post("/api/v1/live", {"sql": "select 1 as a", "target": {"hosts": [host]}})["id"]
    shared.agent("distributed/read", {"node_key": key})
    asked = {f"live:{live}": [{"a": "1", "unix_time": str(now + YEAR)}]}
    assert shared.agent("distributed/write", {"node_key": key, "queries": asked}) == {}
    assert shared.get(f"/api/v1/live/{live}")["progress"]["answered"] == 1
    assert next(each["status"] for each in shared.get("/api/v1/hosts?text=traveller")["items"]) == "online"


# --- the administration API

class Api:
    """Asks as administrators who take turns: none of them asks too often."""

    def __init__(self, server, administrators=4):
        self.connections = []
        for number in range(administrators):
            first = f"first password of {number}!"
            password = f"my own password {number}!"
            server.post("/api/v1/administrators", {"name": f"turn-{number}", "role": "administer", "password": first})
            headers = self.sign_in(server, number, first)
            changed = Connection(server, headers)("PUT", "/api/v1/me/password", {"password": first, "new_password": password})
            assert changed[0] in (200, 204), changed
            self.connections.append(Connection(server, self.sign_in(server, number, password)))
        self.asked = 0

    @staticmethod
    def sign_in(server, number, password):
        with contextlib.closing(server.connection()) as connection:
            connection.request("POST", "/api/v1/sign_in", json.dumps({"name": f"turn-{number}", "password": password}),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            signed = json.loads(response.read())
            assert response.status == 200, signed
            return {"Cookie": response.headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": signed["csrf_token"]}

    def __call__(self, method, path, body=None):
        self.asked += 1
        return self.connections[self.asked % len(self.connections)](method, path, body)


@pytest.fixture(scope="module")
def api(shared):
    shared.enroll("one of them")
    return Api(shared)


def kind_of(schema):
    """The schema without its null, and whether it may be null."""
    if "anyOf" in schema:
        return next(each for each in schema["anyOf"] if each.get("type") != "null"), True
    return schema, False


def example(schema, name=""):
    schema, _ = kind_of(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if name == "target" and kind == "object":
        return {"all": True}
    if kind == "object":
        return {key: example(schema["properties"][key], key) for key in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"], name)] * schema.get("minItems", 0)
    if kind == "integer":
        return max(schema.get("minimum", 1), 1)
    if kind == "string":
        if schema.get("format") == "date-time":
            return "2040-01-01T00:00:00Z"
        return {"sql": "select 1", "query": "select 1"}.get(name) or "/x" * max(1, schema.get("minLength", 1))
    return False if kind == "boolean" else None


def fields(schema, place=()):
    """Every member at any depth: its place, its schema, whether it must be there."""
    schema, _ = kind_of(schema)
    for name, inner in schema.get("properties", {}).items():
        yield (*place, name), inner, name in schema.get("required", [])
        yield from fields(inner, (*place, name))
    if schema.get("type") == "array":
        yield (*place, 0), schema["items"], True
        yield from fields(schema["items"], (*place, 0))


def set_field(body, place, value):
    made = at = copy.deepcopy(body)
    for index, step in enumerate(place[:-1]):
        empty = [] if place[index + 1] == 0 else {}
        if isinstance(at, list):
            at[:] = at[:1] or [empty]
        else:
            at.setdefault(step, empty)
        at = at[step]
    if isinstance(at, list):
        at[:] = [value]
    else:
        at[place[-1]] = value
    return made


WRONG = {"string": [7, True, [], {}], "integer": ["x", 1.5, True, [], {}, 2**70], "boolean": ["x", 7, [], {}],
         "array": ["x", 7, True, {}], "object": ["x", 7, True, []]}
# Would end what asks, or everything; their fields are walked with numbers of nobody.
OF_NOBODY = 999_999
ENDING = {"sign_out", "end_other_sessions"}


def operations(server):
    page = server.get("/api/v1/openapi.json", headers={"anonymous": True})
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in ENDING:
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                yield method.upper(), path, operation, body


def path_for(path, operation, text=None):
    """Numbers are of nobody; a text is `text`."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path":
            continue
        schema = parameter["schema"]
        value = OF_NOBODY if schema.get("type") == "integer" else schema["enum"][0] if "enum" in schema else text or "x"
        path = path.replace("{%s}" % parameter["name"], urllib.parse.quote(str(value), safe=""))
    return path


def test_json_of_the_wrong_shape_at_every_field_of_the_api(shared, api):
    walked = 0
    for method, path, operation, schema in operations(shared):
        name = operation["operationId"]
        where = path_for(path, operation)
        for body in ([], "x", 7, None, b"", b"{", b"\xff", b"[" * 2000) if schema and schema.get("required") else ():
            status, text = api(method, where, body if isinstance(body, bytes) else json.dumps(body).encode())
            assert status == 422 and json.loads(text)["detail"], (name, body, status, text)
        for place, inner, needed in fields(schema or {}):
            kind, nullable = kind_of(inner)
            wrongs = list(WRONG.get(kind.get("type"), []))
            if needed and not nullable and wrongs:
                wrongs.append(None)
            if "enum" in kind:
                wrongs.append("none of them")
            for wrong in wrongs:
                status, text = api(method, where, set_field(example(schema), place, wrong))
                walked += 1
                assert status == 422, (name, place, wrong, status, text)
                pointer = "/" + "/".join(map(str, place))
                assert any(fault["pointer"].startswith(pointer) for fault in json.loads(text)["errors"]), (name, place, wrong, text)
        for parameter in operation.get("parameters", []):
            kind, _ = kind_of(parameter["schema"])
            kind = kind.get("items", kind)
            wrong = {"integer": "x", "boolean": "perhaps"}.get(kind.get("type"), "none" if "enum" in kind or "format" in kind else None)
            if wrong is None:
                continue
            if parameter["in"] == "path":
                target = path.replace("{%s}" % parameter["name"], wrong)
                target = path_for(target, operation)
            else:
                target = where + "?" + urllib.parse.urlencode({parameter["name"]: wrong})
            status, text = api(method, target, example(schema) if schema else None)
            walked += 1
            assert status == 422, (name, parameter["name"], wrong, status, text)
    assert walked > 300


def test_sql_in_every_text_of_the_api(shared, api):
    """Whatever is said of it, it is never more than text, and never the server's fault."""
    walked = 0
    for method, path, operation, schema in operations(shared):
        name = operation["operationId"]
        base = example(schema) if schema else None
        texts = [(place, inner) for place, inner, _ in fields(schema or {}) if kind_of(inner)[0].get("type") == "string"]
        for place, inner in texts:
            for text in TEXTS:
                status, answer = api(method, path_for(path, operation), set_field(base, place, text))
                walked += 1
                assert status < 500, (name, place, text, status, answer)
        for place, inner, _ in fields(schema or {}):
            kind = kind_of(inner)[0]
            if "properties" in kind or kind.get("type") not in ("object", None):
                continue
            for text in TEXTS:  # what may be anything
                for anything in ({text: text}, {"query": text, "interval": text}, {"queries": {text: {"query": text, "interval": 9}}},
                                 {"schedule": {text: {"query": text}}, "packs": {text: {"queries": {text: {"query": text}}}},
                                  "options": {text: text}, "decorators": {"load": [text]}, "file_paths": {text: [text]}, text: text},
                                 {"fact": text, "is": text}, {"fact": "name", "is": text}, {"fact": "name", "matches": text}):
                    status, answer = api(method, path_for(path, operation), set_field(base, place, anything))
                    walked += 1
                    assert status < 500, (name, place, anything, status, answer)
        for parameter in operation.get("parameters", []):
            kind = kind_of(parameter["schema"])[0]
            if kind.get("items", kind).get("type") != "string" or "enum" in kind:
                continue
            for text in TEXTS:
                target = path_for(path, operation, text) if parameter["in"] == "path" else \
                    path_for(path, operation) + "?" + urllib.parse.urlencode({parameter["name"]: text})
                status, answer = api(method, target, base)
                walked += 1
                assert status < 500, (name, parameter["name"], text, status, answer)
    assert walked > 300
    assert_whole(shared)
    assert SQL in [tag["name"] for tag in shared.get("/api/v1/tags")["items"]]
    assert not [line for line in shared.lines if line.startswith("forged: line")]


# --- how they connect

def test_tls_is_1_2_at_least(shared):
    def speaks(version):
        context = ssl.create_default_context(cafile=str(shared.authority))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
                    return stream.version(), stream.cipher()[0]
            except (ssl.SSLError, ConnectionError):
                return None

    assert speaks(ssl.TLSVersion.TLSv1) is None
    assert speaks(ssl.TLSVersion.TLSv1_1) is None
    version, cipher = speaks(ssl.TLSVersion.TLSv1_2)
    assert version == "TLSv1.2" and cipher.startswith("ECDHE-") and ("GCM" in cipher or "CHACHA20" in cipher)
    assert speaks(ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as plain:
        plain.sendall(b"POST /api/osquery/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"node_key" not in plain.recv(1000), "plain HTTP gets nothing"


def test_a_host_must_show_its_own_certificate_where_that_is_wanted(tmp_path):
    make_authority(tmp_path, "hosts")
    make_authority(tmp_path, "strangers")
    with FleetServer(tmp_path / "server", f"--client_authorities={tmp_path}/hosts.pem", "--client_certificates=required",
                     "--certificate_names_host") as server:
        def enroll(identifier, certificate):
            context = ssl.create_default_context(cafile=str(server.authority))
            if certificate:
                context.load_cert_chain(tmp_path / f"{certificate}.pem", tmp_path / f"{certificate}.key")
            with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=context)) as connection:
                try:
                    connection.request("POST", "/api/osquery/enroll",
                                       json.dumps({"enroll_secret": "wrong", "host_identifier": identifier}))
                    return json.loads(connection.getresponse().read())
                except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
                    return None

        make_certificate(tmp_path, "web-1", "hosts", "DNS:web-1")
        make_certificate(tmp_path, "forged", "strangers", "DNS:web-1")
        assert enroll("web-1", None) is None
        assert enroll("web-1", "forged") is None
        assert "certificate" in enroll("web-2", "web-1")["error"]
        assert "secret" in enroll("web-1", "web-1")["error"], "as far as the secret"


# --- the database

@pytest.fixture
def own_postgresql():
    database = PostgreSQL()
    try:
        yield database.start()
    finally:
        database.remove()


def test_while_the_database_is_away_agents_are_told_to_come_again(tmp_path, own_postgresql):
    """No node key becomes invalid by it: a whole fleet would enrol anew. And each is answered before it gives up (16 s)."""
    with FleetServer(tmp_path / "other") as other:
        unknown = other.enroll("a key as ours are")
    with FleetServer(tmp_path / "server", database=own_postgresql.create_database()) as server:
        key = server.enroll("patient")
        session = server.agent("carve/begin", agents_requests(key)["carve/begin"])["session_id"]
        assert server.agent("config", {"node_key": key})
        own_postgresql.stop(signal.SIGQUIT)
        try:
            for who in (key, unknown):
                for endpoint, body in agents_requests(who, session).items():
                    if endpoint == "carve/block" and who == unknown:
                        continue
                    began = time.monotonic()
                    reply = server.agent(endpoint, body, timeout=60)
                    assert time.monotonic() - began < 16, endpoint
                    assert "node_invalid" not in reply or not reply["node_invalid"], (endpoint, reply)
                    known_by_heart = who == key and endpoint in ("config", "distributed/read")
                    # An answer to what nobody asked is dropped without the database.
                    assert known_by_heart or endpoint == "distributed/write" and who == key or reply["error"], (endpoint, reply)
            status = server.request("GET", "/api/v1/hosts", headers={"Authorization": "Bearer osprey_x"}, timeout=60)
            assert status.status in (401, 503)
        finally:
            own_postgresql.start()
        server.wait_for(lambda: "error" not in server.agent("log", agents_requests(key)["log"], timeout=60), what="its return")
        assert server.agent("carve/block", agents_requests(key, session)["carve/block"], timeout=60) == {}
