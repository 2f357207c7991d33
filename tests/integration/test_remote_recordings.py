"""What a real osqueryd sent to a server of its TLS API (tests/compat/wire), sent again by ours under the same name to a server
that answers what that one answered. Compared: request lines, headers and their values, members and their order in bodies,
what follows which reply. Not compared: the place of Host, Accept-Encoding and Content-Length among the headers (libcurl's),
times, and reuse of connections. CFG-01, CFG-15, LOG-04."""

import collections
import json
import pathlib
import re

import pytest

from sinks import make_certificate
from tls_server import Reply, TlsServer

RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "compat" / "wire"
ENDPOINTS = ["--enroll_tls_endpoint=/enroll", "--config_tls_endpoint=/config", "--logger_tls_endpoint=/log"]
CLIENTS_OWN = ("Host", "Accept-Encoding", "Content-Length")


def recorded(name):
    """The requests of a run, without those of parts that have recordings of their own."""
    events = map(json.loads, (RECORDINGS / f"{name}.jsonl").read_text().splitlines())
    return [event for event in events if re.search("/(enroll|config2?|log)", event.get("request_line", ""))]


def reply_of(event):
    reply = event["reply"]
    if isinstance(reply, str):
        return Reply(close=True)
    return Reply(reply["body"], status=int(reply["status"].split()[0]), headers={
        name: value for name, value in reply["headers"].items() if name != "Content-Encoding"},
        packed=reply.get("body_was_gzipped", False))


def target_of(event):
    return event["request_line"].split()[1]


def members(body):
    """Members of a body in order; of a log's lines the sets of orders that there are."""
    if not body:
        return None
    body = json.loads(body, object_pairs_hook=collections.OrderedDict)
    shape = list(body)
    for line in body.get("data", []):
        if "name" in line and "snapshot" not in line:
            shape.append(tuple(name for name in line if name != "decorations"))
            break
    return shape


def headers_of(pairs):
    """Without the client's own; one run may enrol again before a request and another after it."""
    return [(name, re.sub(r"nodekey-\d", "nodekey", value)) for name, value in pairs if name not in CLIENTS_OWN]


def form_of_theirs(event):
    headers = dict(header.split(": ", 1) for header in event["headers"])
    return {"line": event["request_line"], "packed": event["body_gzip"],
            "headers": headers_of(headers.items()),
            "others": {name for name in headers if name in CLIENTS_OWN}, "members": members(event["body"])}


def form_of_ours(request):
    return {"line": f"{request.method} {request.target} HTTP/1.1", "packed": request.packed,
            "headers": headers_of(request.headers),
            "others": {name for name, _ in request.headers if name in CLIENTS_OWN}, "members": members(request.body.decode())}


class Played:
    """A recording's replies at hand, and osqueryd asking."""

    def __init__(self, name, folder, make_agent, *flags, client_certificate=False):
        self.events = recorded(name)
        self.server = TlsServer(folder, client_certificates=client_certificate)
        self.server.__enter__()
        for event in self.events:
            self.server.script(target_of(event).partition("?")[0], reply_of(event))
        # After them what a content server says.
        self.server.always("/log", Reply({}))
        self.server.always("/config", Reply({}))
        self.agent = make_agent("osqueryd")
        kept = [flag for flag in self.server.flags("config", "logger") if not re.search("endpoint|secret_path", flag)]
        (folder / "secret").write_text("enroll-secret-1\n")
        self.flags = [*kept, *ENDPOINTS, f"--enroll_secret_path={folder}/secret", "--disable_watchdog", *flags]
        if client_certificate:
            make_certificate(folder, "client", "authority", "DNS:client")
            self.flags += [f"--tls_client_cert={folder}/client.pem", f"--tls_client_key={folder}/client.key"]

    def __enter__(self):
        self.agent.start(*self.flags)
        return self

    def __exit__(self, *_):
        self.agent.stop()
        self.server.stop()

    def theirs(self, path):
        return [event for event in self.events if path in target_of(event)]

    def ours(self, path, count, timeout=30):
        """The first requests to it."""
        def found():
            requests = [request for request in list(self.server.requests) if path in request.target]
            return requests if len(requests) >= count else None
        return self.server.wait_for(found, timeout=timeout, what=f"{count} requests to {path}")

    def same_forms(self, path, count=1):
        for theirs, ours in zip(self.theirs(path)[:count], self.ours(path, count)):
            assert form_of_ours(ours) == form_of_theirs(theirs)

    def same_log(self, kind):
        """The first log request of a kind, and with lines of the same kinds."""
        theirs = next(event for event in self.theirs("/log") if json.loads(event["body"])["log_type"] == kind)

        def found():
            return next((request for request in list(self.server.requests)
                         if "/log" in request.target and request.json["log_type"] == kind
                         and len(members(request.body.decode())) == len(members(theirs["body"]))), None)
        ours = self.server.wait_for(found, what=f"{kind} lines")
        assert form_of_ours(ours) == form_of_theirs(theirs)

    def same_all(self):
        self.same_forms("/enroll")
        self.same_forms("/config")
        self.same_log("result")
        self.same_log("status")


@pytest.fixture
def play(tmp_path, make_agent):
    def made(name, *flags, **more):
        folder = tmp_path / name
        folder.mkdir()
        return Played(name, folder, make_agent, *flags, **more)
    return made


def test_basic(play):
    with play("basic", "--config_refresh=1", "--config_accelerated_refresh=1", "--host_identifier=specified",
              "--specified_identifier=host-1") as played:
        played.same_forms("/enroll")
        played.same_forms("/config", 3)
        [theirs, *_] = played.theirs("/enroll")
        [ours, *_] = played.ours("/enroll", 1)
        theirs, ours = json.loads(theirs["body"]), ours.json
        assert {**ours, "host_details": None} == {**theirs, "host_details": None}
        details, ours = theirs["host_details"], ours["host_details"]
        assert [table for table in ours if table in details] == list(details)
        for table, row in details.items():
            assert list(ours[table]) == sorted(ours[table])
            # _id is no column; the model is a file's that not every machine has.
            assert set(row) - set(ours[table]) <= {"_id", "hardware_model"}, table
            assert all(isinstance(value, str) for value in ours[table].values())
        played.same_log("result")
        played.same_log("status")
        # The fourth configuration says node_invalid: a new key, and the configuration with it a second later.
        requests = played.ours("/config", 5)
        assert [request.json["node_key"] for request in requests[:3]] == ["nodekey-1"] * 3
        assert json.loads(played.theirs("/config")[3]["reply"]["body"]) == {"node_invalid": True}
        assert requests[4].json["node_key"] != requests[3].json["node_key"]


def test_gzip(play):
    with play("gzip", "--logger_tls_compress", "--tls_accept_gzip", "--host_identifier=uuid") as played:
        played.same_all()


def test_node_api(play):
    with play("node_api", "--tls_node_api", "--config_refresh=1", client_certificate=True) as played:
        played.same_forms("/enroll")
        played.same_forms("/config", 2)
        played.same_log("status")
        # The second configuration stands below "config".
        played.server.wait_for(lambda: any('"query' not in json.dumps(r.json) and '"a":"2"' in json.dumps(r.json).replace(" ", "")
                                           for r in played.server.requests if "/log" in r.target))


def test_secret_always(play):
    with play("secret_always", "--tls_secret_always", "--tls_enroll_override=other_name", "--host_identifier=specified",
              "--specified_identifier=spec-id-9") as played:
        played.same_all()


def test_enroll_errors(play):
    with play("enroll_errors", "--tls_enroll_max_interval=1") as played:
        requests = played.ours("/config", 1)
        assert requests[0].json == {"node_key": "key-from-id"}
        assert len(played.theirs("/enroll")) == 7
        assert [form_of_ours(one) for one in played.ours("/enroll", 7)] == [form_of_theirs(one) for one in played.theirs("/enroll")]
        warnings = re.findall(r"Failed enrollment request to https://localhost:\d+/enroll \((.*)\) retrying", played.agent.errors())
        assert len(warnings) == 6
        assert [reason.startswith("Cannot parse JSON: ") or reason for reason in warnings] == [
            "No node key returned from TLS enroll plugin", True, *["No node key returned from TLS enroll plugin"] * 4]


def test_config_errors(play):
    with play("config_errors", "--config_refresh=1", "--config_accelerated_refresh=1", "--tls_disable_status_log=true") as played:
        theirs = [target_of(event) for event in played.theirs("/config")]
        ours = played.ours("/config", len(theirs), timeout=60)[:len(theirs)]
        assert [request.target for request in ours] == theirs
        # How long each waited for the one before, in seconds, where a retry is due and not the next look.
        times = [event["t"] for event in played.theirs("/config")]
        for i in range(1, len(times)):
            gap = times[i] - times[i - 1]
            if gap < 8:
                assert ours[i].time - ours[i - 1].time == pytest.approx(gap, abs=0.9), i
        played.agent.wait_for(lambda: "tls_plugin and content: []" in played.agent.errors())
        played.server.wait_for(lambda: "z" in {line["name"] for line in played.server.lines["result"]}
                               or any('"z"' in request.body.decode() for request in played.server.seen("/log")))
        names = {line["name"] for request in played.server.seen("/log") for line in request.json["data"]}
        assert names <= {"a", "c", "redir", "z"} and "z" in names, "never b, which is no JSON"


def test_logger_errors(play):
    """osquery takes an empty reply and `{}` for success whatever the status, and all else for a failure."""
    played = play("logger_errors", "--logger_tls_period=1", "--logger_tls_backoff_max=1", "--config_refresh=0")
    by_kind = collections.defaultdict(list)
    for event in played.theirs("/log"):
        by_kind[json.loads(event["body"])["log_type"]].append(reply_of(event))
    taken = []

    def answer(request):
        replies = by_kind[request.json["log_type"]]
        reply = replies.pop(0) if replies else Reply({})
        if request.json["log_type"] == "result":
            taken.append((reply.body, [line["counter"] for line in request.json["data"]]))
        return reply
    played.server._scripts.clear()
    played.server.always("/config", {"schedule": {"t": {"query": "select unix_time as v from time", "interval": 1, "removed": False}}})
    played.server.always("/log", answer)
    with played:
        played.server.wait_for(lambda: not by_kind["result"], timeout=60)
    assert len(played.server.seen("/enroll")) == len(played.theirs("/enroll")) == 2, "node_invalid once"
    last = -1
    for body, counters in taken:
        assert counters[0] == last + 1, body
        if body in ("", "{}", {}):
            last = counters[-1]
