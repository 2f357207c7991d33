"""osprey-server driven from outside, over real TLS: as agents of osquery's wire, as ospreyd, and as an administrator.
SRV-01, SRV-02, SRV-10, SRV-13, SRV-15, SRV-16, CFG-01, CFG-04, CFG-15, DST-01 to DST-03, DST-05."""

import contextlib
import gzip
import json
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from urllib.parse import quote

import pytest
from fleet_server import BIN, FleetServer, agent_flags, free_port, osprey_server  # noqa: F401
from postgresql import postgresql  # noqa: F401
from sinks import make_authority, make_certificate


@pytest.fixture
def server(osprey_server):  # noqa: F811
    return osprey_server


@pytest.fixture(params=["sqlite", "postgresql"])
def either_server(request, tmp_path):
    database = request.getfixturevalue("postgresql").create_database() if request.param == "postgresql" else None
    with FleetServer(tmp_path / "server", database=database) as made:
        yield made


def line(name="one", action="added", number=0, **columns):
    return {"name": name, "hostIdentifier": "whoever", "calendarTime": "x", "unixTime": 1700000000 + number, "epoch": 0,
            "counter": 1, "numerics": False, "columns": {"a": "1", **columns}, "action": action}


def log(server, key, *lines, kind="result", **more):
    return server.agent("log", {"node_key": key, "log_type": kind, "data": list(lines)}, **more)


def read(server, key, **headers):
    return server.agent("distributed/read", {"node_key": key}, headers)


def held_until_asked(server, key):
    """The live queries of a read that is held. What the server itself wants to know may come first."""
    while not (asked := live_queries(read(server, key, **{"Osprey-Held-Read": "30"}))):
        pass
    return asked


def write(server, key, query, rows, status=0, message=""):
    return server.agent("distributed/write", {"node_key": key, "queries": {query: rows}, "statuses": {query: status},
                                              "messages": {query: message}, "stats": {query: {}}})


def live_queries(reply):
    return {name: sql for name, sql in reply.get("queries", {}).items() if name.startswith("live:")}


def ask(server, sql="select 1 as a", **target):
    return server.post("/api/v1/live", {"sql": sql, "target": target or {"all": True}})["id"]


# --- osquery's wire


def test_a_host_enrols_is_told_what_to_do_and_its_lines_are_found(either_server):
    server = either_server
    server.put("/api/v1/items/query/users", {"content": {"query": "select username from users", "interval": 60}})
    key = server.enroll("host-1")
    config = server.agent("config", {"node_key": key, "etag": ""})
    assert config["schedule"] == {"users": {"query": "select username from users", "interval": 60}}
    assert server.agent("config", {"node_key": key, "etag": config["etag"]}) == {"etag": "ok"}
    server.put("/api/v1/items/query/users", {"content": {"query": "select uid from users", "interval": 60}})
    server.wait_for(lambda: server.agent("config", {"node_key": key, "etag": config["etag"]}).get("schedule"),
                    what="the changed configuration")
    assert "error" not in log(server, key, line(b="needle"), line(b="hay", number=1))
    server.wait_for(lambda: server.get("/api/v1/results")["items"], what="the lines")
    found = server.get("/api/v1/results?value=b%3Dneedle")["items"]
    assert len(found) == 1 and found[0]["columns"] == {"a": "1", "b": "needle"}
    [host] = server.get("/api/v1/hosts")["items"]
    assert host["name"] == "host-1"


def test_refusals_always_say_why(server):
    key = server.enroll("host-1")
    other = server.enroll("host-2")
    refused = [server.agent("enroll", {"enroll_secret": "wrong", "host_identifier": "x"}),
               server.agent("config", {"node_key": "wrong"}),
               server.agent("log", {"node_key": key, "log_type": "rumour", "data": []}),
               server.agent("log", {"node_key": other, "log_type": "result", "data": []}, {"Authorization": f"NodeKey {key}"}),
               server.agent("distributed/read", b"{"), server.agent("carve/begin", {"node_key": key}),
               server.agent("carve/block", {"session_id": "../../etc", "block_id": 0, "data": ""}),
               server.agent("nothing/here", {})]
    assert all(reply["error"] for reply in refused)
    assert refused[1]["node_invalid"] is True
    assert server.request("POST", "/enroll", {"enroll_secret": "wrong"}, {"anonymous": True}).json()["error"]


def test_bodies_that_are_too_large_or_bombs(server):
    key = server.enroll("host-1")
    head = {"Authorization": f"NodeKey {key}"}
    large = server.request("POST", "/api/osquery/log", b"x" * (100 << 20), head)
    assert large.status == 413 and large.json()["error"]
    bomb = gzip.compress(b"[" * (200 << 20))
    packed = server.request("POST", "/api/osquery/log", bomb, {**head, "Content-Encoding": "gzip"})
    assert packed.status == 413 and packed.json()["error"]
    good = json.dumps({"node_key": key, "log_type": "result", "data": [line()]}).encode()
    assert "error" not in server.request("POST", "/api/osquery/log", gzip.compress(good),
                                         {**head, "Content-Encoding": "gzip"}).json()


def test_answers_to_what_nobody_asked_are_dropped(server):
    key = server.enroll("host-1")
    assert "error" not in write(server, key, "live:77", [{"a": "1"}])
    assert "error" not in write(server, key, "mine", [{"a": "1"}])
    assert server.get("/api/v1/live")["items"] == []


# --- live queries


def test_a_live_query_over_the_wire(either_server):
    server = either_server
    keys = {name: server.enroll(name) for name in ("one", "two", "three")}
    query = ask(server, "select 1 as b, 2 as a")
    for name, key in keys.items():
        asked = live_queries(read(server, key))
        assert list(asked.values()) == ["select 1 as b, 2 as a"]
        [number] = asked
        if name == "three":
            write(server, key, number, [], 1, "distributed query is denylisted")
        else:
            write(server, key, number, [{"b": name, "a": "<i>'"}])
    events = list(server.events(f"/api/v1/live/{query}/events"))
    assert [name for name, _ in events][-1] == "done"
    answers = {data["host_name"]: data for name, data in events if name == "answer"}
    assert answers["one"]["rows"] == [{"b": "one", "a": "<i>'"}] and list(answers["one"]["rows"][0]) == ["b", "a"]
    assert answers["three"]["state"] == "failed" and "denylisted" in answers["three"]["message"]
    progress = server.get(f"/api/v1/live/{query}")["progress"]
    assert (progress["targeted"], progress["answered"], progress["failed"]) == (3, 2, 1)


def test_a_held_read_is_answered_when_the_query_comes(server):
    key = server.enroll("host-1")
    got = []
    waiting = threading.Thread(target=lambda: got.append(held_until_asked(server, key)), daemon=True)
    waiting.start()
    time.sleep(0.5)
    assert not got
    ask(server, hosts=[server.get("/api/v1/hosts")["items"][0]["id"]])
    waiting.join(10)
    assert got


def test_live_state_outlives_the_server(either_server):
    server = either_server
    one, two = server.enroll("one"), server.enroll("two")
    query = ask(server)
    [number] = live_queries(read(server, one))
    assert "error" not in write(server, one, number, [{"a": "1"}])
    server.kill()
    server.start()
    assert not live_queries(read(server, one)), "it has answered"
    [number] = live_queries(read(server, two))
    write(server, two, number, [{"a": "2"}])
    server.wait_for(lambda: server.get(f"/api/v1/live/{query}")["progress"]["answered"] == 2, what="both answers")


# --- nothing acknowledged is lost


def test_every_acknowledged_line_is_there_after_kill_9(either_server):
    server = either_server
    key = server.enroll("host-1")
    acknowledged = []

    def send(worker):
        number = 0
        while not stop.is_set():
            batch = [line("load", n=f"{worker}-{number + i}") for i in range(50)]
            number += 50
            try:
                if "error" not in log(server, key, *batch):
                    acknowledged.extend(each["columns"]["n"] for each in batch)
            except (OSError, json.JSONDecodeError):
                return

    stop = threading.Event()
    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(3)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    assert len(acknowledged) > 1000
    server.start()
    export = server.request("GET", "/api/v1/results/export?format=jsonl&query=load", timeout=120)
    assert export.status == 200, export.body[:300]
    stored = {json.loads(each)["columns"]["n"] for each in export.body.splitlines()}
    assert not set(acknowledged) - stored


def test_a_database_that_is_away_is_waited_for(tmp_path, postgresql):  # noqa: F811
    with FleetServer(tmp_path / "server", database=postgresql.create_database()) as server:
        key = server.enroll("host-1")
        assert "error" not in log(server, key, line(n="before"))
        postgresql.stop(signal.SIGQUIT)
        try:
            assert log(server, key, line(n="meanwhile"), timeout=90)["error"]
            assert server.agent("config", {"node_key": key}), "from memory"
            assert server.request("GET", "/healthz", headers={"anonymous": True}, timeout=90).status == 503
        finally:
            postgresql.start()
        server.wait_for(lambda: "error" not in log(server, key, line(n="after"), timeout=90), what="the database's return")
        found = server.get("/api/v1/results")["items"]
        assert {each["columns"]["n"] for each in found} >= {"before", "after"}


def test_two_servers_share_one_database(tmp_path, postgresql):  # noqa: F811
    database = postgresql.create_database()
    both = [FleetServer(tmp_path / name, database=database) for name in ("one", "two")]
    starting = [threading.Thread(target=each.start) for each in both]  # both find an empty database
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    try:
        one, two = both
        one.password = two.password = one.wait_for(lambda: one.password or two.password, what="the password")
        key = one.enroll("host-1")
        two.wait_for(lambda: not two.agent("distributed/read", {"node_key": key})["queries"], what="an empty read")

        def held_read_when(act):
            got = []
            waiting = threading.Thread(target=lambda: got.append(held_until_asked(two, key)), daemon=True)
            waiting.start()
            time.sleep(0.3)
            done = act()
            waiting.join(10)
            return done, got[0]

        query, [number] = held_read_when(lambda: ask(one))
        write(two, key, number, [], 1, "busy")
        one.wait_for(lambda: one.get(f"/api/v1/live/{query}")["query"]["state"] == "finished", what="the failure")
        again, [same] = held_read_when(lambda: one.post(f"/api/v1/live/{query}/ask_again"))
        assert again == {"hosts": 1} and same == number
        write(two, key, number, [{"a": "through the other"}])
        events = dict(one.events(f"/api/v1/live/{query}/events"))
        assert events["answer"]["rows"] == [{"a": "through the other"}]
    finally:
        for each in both:
            each.stop()


def test_hosts_that_enrolled_at_another_server_are_known_at_once(tmp_path, postgresql):  # noqa: F811
    database = postgresql.create_database()
    with FleetServer(tmp_path / "one", database=database) as one, FleetServer(tmp_path / "two", database=database) as two:
        two.password = one.password
        for number in range(30):
            key = one.enroll(f"host-{number}")
            config = two.agent("config", {"node_key": key})
            assert config.get("etag"), config
            host = one.get(f"/api/v1/hosts?text=host-{number}")["items"]
            assert host, "the server that it enrolled at"
        query = ask(two, hosts=[host[0]["id"]])
        assert two.get(f"/api/v1/live/{query}")["progress"]["targeted"] == 1


# --- our own agent


def test_ospreyd_joins_the_fleet(server, make_agent):
    server.put("/api/v1/items/query/passwd", {"content": {"query": "select username from users where uid = 0", "interval": 1}})
    agent = make_agent()
    agent.flags = [*agent_flags(server, "config", "logger", "distributed", "carver"), "--disable_watchdog",
                   "--host_identifier=specified", "--specified_identifier=ours"]
    agent.start()
    server.wait_for(lambda: server.get("/api/v1/hosts")["items"], what="the host")
    server.wait_for(lambda: [each for each in server.get("/api/v1/results")["items"] if each["query"] == "passwd"],
                    what="a result line")
    query = ask(server, "select pid from processes where pid = 1")
    events = list(server.events(f"/api/v1/live/{query}/events"))
    [answer] = [data for name, data in events if name == "answer"]
    assert answer["rows"] == [{"pid": "1"}]
    carved = server.post("/api/v1/carves", {"target": {"all": True}, "paths": ["/etc/hostname"]})
    [carve] = server.wait_for(lambda: [each for each in server.get("/api/v1/carves")["items"] if each["state"] == "complete"],
                              timeout=120, what="the carve")
    content = server.request("GET", f"/api/v1/carves/{carve['id']}/content")
    assert content.status == 200 and len(content.body) == carve["bytes"]
    assert carved["sql"].startswith("SELECT * FROM carves")


# EVT-48
def test_commands_that_were_run_are_found_by_host_and_by_user(server, make_agent):
    mark = f"archived-{server.port}"
    server.put("/api/v1/items/query/starts", {"content": {
        "query": f"SELECT pid, uid, cmdline FROM process_events WHERE cmdline LIKE '%{mark}%'", "interval": 1, "removed": False}})
    agent = make_agent()
    agent.flags = [*agent_flags(server, "config", "logger"), "--disable_watchdog", "--host_identifier=specified",
                   "--specified_identifier=ours"]
    agent.start()
    other = server.enroll("another")
    [host] = server.wait_for(lambda: [each for each in server.get("/api/v1/hosts")["items"] if each["name"] != "another"],
                             what="the host")

    def found(**conditions):
        wanted = "&".join(f"{name}={quote(value)}" for name, value in conditions.items())
        return [each["columns"] for each in server.get(f"/api/v1/results?query=starts&{wanted}")["items"]]

    def is_told(user):
        child = subprocess.run(["/bin/true", mark, f"by-{user}"], user=user)
        assert child.returncode == 0
        return found(value=f"cmdline~{mark} by-{user}")
    for user in (0, 1234):
        server.wait_for(lambda: is_told(user), timeout=60, what="the command")
    log(server, other, line("starts", pid="1", uid="1234", cmdline=f"/bin/true {mark} elsewhere"))
    server.wait_for(lambda: found(value="cmdline~elsewhere"), what="the other host's")
    of_user = found(value="uid=1234")
    assert {row["cmdline"] for row in of_user} == {f"/bin/true {mark} by-1234", f"/bin/true {mark} elsewhere"}
    here = server.get(f"/api/v1/results?query=starts&host={host['id']}&value=uid%3D1234")["items"]
    assert {each["columns"]["cmdline"] for each in here} == {f"/bin/true {mark} by-1234"}


def let_days_pass(server, days):
    """Lines that are stored become so much older."""
    server.stop()
    with contextlib.closing(sqlite3.connect(server.folder / "osprey.db")) as database, database:
        database.execute("UPDATE result_line SET day = day - ?, received_at = received_at - ? * 86400000", (days, days))
        database.execute("UPDATE result_segment SET day = day - :days, created_at = created_at - :days * 86400000, first_received_at = "
                         "first_received_at - :days * 86400000, last_received_at = last_received_at - :days * 86400000", {"days": days})
    server.start()


# EVT-48
def test_commands_are_kept_as_an_archive_when_other_lines_go(server):
    starts = "pack/execs/starts"
    kept = {"keep_days": 30, "keep_bytes": 0, "keep_query_days": {starts: 365, "noise": 2}}
    answer = server.request("PUT", "/api/v1/results/retention", kept)
    assert answer.status == 204, answer.body
    hosts = {name: server.enroll(name) for name in ("web-1", "web-2")}

    def logged(when):
        for name, key in hosts.items():
            log(server, key, *(line(query, pid="1", uid="1234", cmdline=f"/bin/true {name} {when}")
                               for query in (starts, "noise", "users")))

    def found(**conditions):
        wanted = "&".join(f"{name}={quote(str(value))}" for name, value in conditions.items())
        return [(each["query"], each["columns"]["cmdline"]) for each in server.get(f"/api/v1/results?{wanted}")["items"]]

    logged("a-month-ago")
    server.wait_for(lambda: len(found()) == 6, what="the first lines")
    let_days_pass(server, 35)
    logged("last-week")
    server.wait_for(lambda: len(found()) == 12, what="the second lines")
    let_days_pass(server, 5)
    logged("today")
    server.wait_for(lambda: len(found(limit=100)) == 6 + 4 + 2, timeout=150, what="what is kept")
    assert sorted(found(limit=100)) == sorted([
        *((query, f"/bin/true {name} today") for name in hosts for query in (starts, "noise", "users")),
        *((query, f"/bin/true {name} last-week") for name in hosts for query in (starts, "users")),
        *((starts, f"/bin/true {name} a-month-ago") for name in hosts)])
    [host] = [each["id"] for each in server.get("/api/v1/hosts")["items"] if each["name"] == "web-1"]
    of_host = [f"/bin/true web-1 {when}" for when in ("today", "last-week", "a-month-ago")]
    assert [cmdline for _, cmdline in found(query=starts, host=host)] == of_host
    assert [cmdline for _, cmdline in found(query=starts, host=host, value="uid=1234")] == of_host
    assert len(found(query=starts, value="uid=1234")) == 6 and found(query=starts, value="uid=0") == []
    assert kept.items() <= server.get("/api/v1/results/storage").items()


# --- administration


def test_metrics_and_health(server):
    server.enroll("host-1")
    text = server.request("GET", "/metrics", headers={"anonymous": True}).body.decode()
    assert 'osprey_agent_requests_total{endpoint="enroll",outcome="answered"} 1' in text
    assert "osprey_hosts 1" in text
    assert server.request("GET", "/healthz", headers={"anonymous": True}).status == 200


def test_the_log_may_be_json_lines(tmp_path):
    with FleetServer(tmp_path / "server", "--log_json") as server:
        assert server.request("GET", "/api/v1/nothing").status == 404
        server.agent("config", {"node_key": 'x"}\n{"level":"forged"}'})
        server.request("GET", "/api/v1/hosts?limit=x%0aforged")
    lines = [json.loads(line) for line in server.lines]
    assert {"time", "level", "message"} <= set(lines[0]) and "forged" not in {line["level"] for line in lines}
    assert [line["operation"] for line in lines if line["message"] == "request failed"] == ["list_hosts"]


def test_a_line_that_enrols_names_where_the_server_can_be_reached(tmp_path):
    port = free_port()
    for flags, name in ([f"--listen=0.0.0.0:{port}"], socket.gethostname()), (["--public_address=fleet.test"], "fleet.test"), \
            (["--public_address=fleet.test:443"], "fleet.test:443"):
        with FleetServer(tmp_path / name.replace(":", "_"), *flags) as server:
            if "--listen" in flags[0]:
                server.port = port
            secret = server.get("/api/v1/enrollment/secrets")["items"][0]["id"]
            line = server.get(f"/api/v1/enrollment/secrets/{secret}/line")
            wanted = name if name.endswith(":443") else f"{name}:{server.port}"
            assert f"--tls_hostname={wanted}" in line["flags"], line["flags"]


def test_a_certificate_is_read_again_on_sighup(tmp_path):
    make_authority(tmp_path, "ours")
    make_certificate(tmp_path, "server", "ours", "IP:127.0.0.1")

    def shown():
        context = ssl.create_default_context(cafile=tmp_path / "ours.pem")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
            return stream.getpeercert()["serialNumber"]

    with FleetServer(tmp_path / "server", f"--certificate={tmp_path}/server.pem", f"--key={tmp_path}/server.key") as server:
        before = shown()
        make_certificate(tmp_path, "server", "ours", "IP:127.0.0.1")
        assert shown() == before
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: shown() != before, what="the new certificate")
        (tmp_path / "server.pem").write_text("broken")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: any("not read again" in line for line in server.lines), what="the refusal")
        assert shown()


def test_nothing_is_shown_to_nobody(server):
    page = server.request("GET", "/api/v1/openapi.json", headers={"anonymous": True}).json()
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            if operation["x-permission"] == "everyone":
                continue
            answer = server.request(method.upper(), path, {} if method in ("post", "put", "patch") else None, {"anonymous": True})
            assert answer.status in (401, 429), (path, method, answer.status)


def test_a_forgotten_password_is_reset(server):
    server.stop()
    done = subprocess.run([BIN / "osprey-server", f"--data={server.folder}", "reset_password", "admin"], capture_output=True,
                          text=True, check=True)
    server.password = done.stdout.strip()
    server.start()
    signed = server.request("POST", "/api/v1/sign_in", {"name": "admin", "password": server.password}, {"anonymous": True})
    assert signed.status == 200 and signed.json()["csrf_token"]


def test_flags_that_cannot_be(tmp_path):
    for flags, said in ([["--listen=nonsense"], "ADDRESS:PORT"], [["--database=mysql://x"], "sqlite:"],
                        [["--listen=0.0.0.0:1", "--insecure_http"], "loopback"], [["--port=1"], "--port"]):
        done = subprocess.run([BIN / "osprey-server", f"--data={tmp_path}/x", f"--listen=127.0.0.1:{free_port()}", *flags],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode != 0 and said in done.stderr + done.stdout, (flags, done.stderr)
