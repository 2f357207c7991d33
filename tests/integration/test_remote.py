"""The agent against a server of osquery's TLS API (tls_server.py), over real TLS: enrolment, configuration, lines. CFG-01,
CFG-02, CFG-03, CFG-15, LOG-04, and the issue's "Bad input" as far as it is the agent that meets it."""

import json
import os
import pathlib
import re
import signal
import time

import pytest

from sinks import make_authority, make_certificate
from tls_server import Reply, TlsServer

CONFIG = {"schedule": {"one": {"query": "select 1 as a, unix_time as t from time", "interval": 1}},
          "options": {"logger_tls_period": 1}}


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with TlsServer(folder) as made:
        made.config = CONFIG
        yield made


@pytest.fixture
def agent(make_agent, server):
    """An agent that asks this server for its configuration and sends its lines there, without a watcher."""
    made = make_agent()
    made.flags = [*server.flags("config", "logger"), "--disable_watchdog", "--config_refresh=1", "--config_accelerated_refresh=1",
                  "--host_identifier=specified", "--specified_identifier=host-9"]
    return made


def wait_for_config(server, count=1):
    return server.wait_for(lambda: len(server.seen("/config")) >= count and server.seen("/config"), what="a configuration request")


def wait_for_lines(server, kind="result", more_than=0):
    return server.wait_for(lambda: len(server.lines[kind]) > more_than and server.lines[kind], what=f"{kind} lines")


# --- enrolment


def test_enrolment_configuration_and_lines(server, agent):
    agent.start()
    wait_for_lines(server)
    [enrolment] = server.seen("/enroll")
    body = enrolment.json
    assert list(body) == ["enroll_secret", "host_identifier", "platform_type", "host_details"]
    assert (body["enroll_secret"], body["host_identifier"], body["platform_type"]) == ("enroll-secret-1", "host-9", "9")
    assert body["host_details"]["os_version"]["name"]
    assert body["host_details"]["osquery_info"]["version"] == "0.1.0"
    assert body["host_details"]["system_info"]["physical_memory"].isdigit()
    assert enrolment.header("Authorization") is None
    [config, *_] = server.seen("/config")
    assert config.json == {"etag": "", "node_key": "node-key-1"}
    assert config.header("Authorization") == "NodeKey node-key-1"
    line = server.lines["result"][0]
    assert (line["name"], line["hostIdentifier"], line["columns"]["a"]) == ("one", "host-9", "1")
    wait_for_lines(server, "status")
    assert server.lines["status"][0]["hostIdentifier"] == "host-9"
    assert agent.stop() == 0
    # All of it over one kept connection: nothing was held.
    assert (server.connections, server.most_connections) == (1, 1)
    assert "E1" not in agent.errors() and "W1" not in agent.errors()


def test_the_node_key_outlives_the_agent(server, agent):
    agent.start()
    wait_for_lines(server)
    agent.stop()
    agent.start()
    wait_for_lines(server, more_than=len(server.lines["result"]))
    agent.stop()
    assert len(server.seen("/enroll")) == 1
    agent.start("--enroll_always")
    server.wait_for(lambda: len(server.seen("/enroll")) == 2)


def test_a_key_that_the_server_forgets(server, agent):
    agent.start()
    wait_for_lines(server)
    server.invalid_keys.add("node-key-1")
    server.wait_for(lambda: len(server.node_keys) == 2)
    had = len(server.lines["result"])
    wait_for_lines(server, more_than=had)
    server.wait_for(lambda: server.seen("/config")[-1].json["node_key"] == "node-key-2")
    agent.stop()
    assert re.search(r"W.*https://localhost:\d+ does not know this host's node key: it enrols again", agent.errors())
    # No line was lost meanwhile: the counter of the one query has no gap.
    counters = sorted({line["counter"] for line in server.lines["result"]})
    assert counters == list(range(len(counters)))


def test_a_server_that_knows_none_of_its_keys_is_not_flooded(server, agent):
    server.always("/config", {"node_invalid": True})
    server.always("/log", {"node_invalid": True})
    agent.start()
    time.sleep(6)
    assert len(server.seen("/enroll")) <= 5
    assert agent.process.poll() is None


@pytest.mark.parametrize("way", ["file", "environment", "flag"])
def test_where_the_secret_comes_from_and_who_sees_it(server, agent, way):
    server.secret = "a \"very\" hidden secret"
    agent.flags = [flag for flag in agent.flags if not flag.startswith(("--enroll_secret_path", "--disable_watchdog"))]
    path = agent.folder / "secret-file"
    path.write_text(server.secret + "\n\n")
    flags = {"file": [f"--enroll_secret_path={path}"], "environment": ["--enroll_secret_env=THE_SECRET"],
             "flag": [f"--enroll_secret={server.secret}"]}[way]
    server.config = {"schedule": {"seen": {"query": "select cmdline from processes where cmdline like '%very%hidden%' union all "
                                           "select value from osquery_flags where value like '%hidden secret%' union all "
                                           "select value from process_envs where value like '%hidden secret%' "
                                           f"and pid in (select pid from processes where parent = {os.getpid()} or pid = 1)",
                                           "interval": 1, "snapshot": True}}}
    agent.start(*flags, env={**os.environ, "THE_SECRET": server.secret} if way == "environment" else None)
    server.wait_for(lambda: server.node_keys)
    worker = agent.wait_for(agent.worker)
    lines = wait_for_lines(server)
    for process in agent.process.pid, worker:
        assert b"hidden" not in pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    assert b"hidden" not in pathlib.Path(f"/proc/{worker}/environ").read_bytes()
    if way != "environment":
        assert b"hidden" not in pathlib.Path(f"/proc/{agent.process.pid}/environ").read_bytes()
    if way != "environment":
        assert lines[0]["snapshot"] == []
    # A worker that is started anew enrols too.
    server.invalid_keys.add("node-key-1")
    os.kill(worker, signal.SIGKILL)
    server.wait_for(lambda: len(server.node_keys) == 2, timeout=30)
    agent.stop()
    assert "hidden" not in agent.errors()


def test_a_wrong_secret(server, agent):
    server.secret = "other"
    agent.start()
    server.secret = "changed"
    agent.wait_for(lambda: "cannot enrol" in agent.errors())
    assert re.search(r"W.*cannot enrol, and tries again: https://localhost:\d+/enroll: the server says: wrong secret "
                     r"\(the secret is that of --enroll_secret_path .*/secret\)", agent.errors())
    # The file is read again: no restart is needed.
    (server.folder / "secret").write_text("changed")
    wait_for_lines(server)
    agent.stop()
    assert re.search(r"I.*enrolled with https://localhost:\d+ as host-9, after \d+ failure", agent.errors())
    assert agent.errors().count("cannot enrol") == 1


def test_a_secret_file_that_is_not_there(server, agent):
    (server.folder / "secret").unlink()
    agent.start()
    agent.wait_for(lambda: "enroll_secret_path" in agent.errors())
    assert "No such file" in agent.errors()
    assert server.requests == []
    (server.folder / "secret").write_text(server.secret)
    wait_for_lines(server)


def test_enrolment_replies_of_the_wrong_shape(server, agent):
    """More of them in src/agent/remote/reply_test.cpp."""
    server.script("/enroll", Reply(""), Reply({"node_key": "a\r\nX-Injected: 1"}), Reply({}, cut=5))
    agent.start("--tls_enroll_max_interval=1")
    wait_for_lines(server)
    assert server.node_keys == ["node-key-1"]
    assert "after 3 failures" in agent.errors()


# --- who is spoken to


def test_an_authority_that_did_not_vouch(server, agent):
    make_authority(agent.folder, "other")
    agent.start(f"--tls_server_certs={agent.folder}/other.pem")
    agent.wait_for(lambda: "certificate" in agent.errors())
    assert f"{agent.folder}/other.pem" in agent.errors()
    assert agent.stop() == 0
    assert server.requests == []


def test_another_hosts_certificate(tmp_path, make_agent):
    with TlsServer(tmp_path, names="DNS:other.test") as server:
        agent = make_agent()
        agent.start(*server.flags("config", "logger"), "--disable_watchdog")
        agent.wait_for(lambda: "its certificate must be for this name" in agent.errors())
        assert agent.stop() == 0
        assert server.requests == []


def test_client_certificates(tmp_path, make_agent):
    folder = tmp_path / "server"
    folder.mkdir()
    with TlsServer(folder, client_certificates=True) as server:
        server.config = CONFIG
        make_certificate(folder, "client", "authority", "DNS:client")
        agent = make_agent()
        flags = [*server.flags("config", "logger"), "--disable_watchdog"]
        agent.start(*flags)
        agent.wait_for(lambda: "cannot enrol" in agent.errors())
        agent.stop()
        agent.start(*flags, f"--tls_client_cert={folder}/client.pem", f"--tls_client_key={folder}/client.key")
        wait_for_lines(server)


def test_plain_http_is_for_this_host_only(tmp_path, make_agent):
    with TlsServer(tmp_path, plain=True) as server:
        server.config = CONFIG
        agent = make_agent()
        flags = [*server.flags("config", "logger"), "--tls_server_certs=", "--disable_watchdog"]
        agent.start(*flags, "--tls_hostname=http://192.0.2.1")
        agent.wait_for(lambda: "plain HTTP is for servers on this host only: use https" in agent.errors())
        agent.stop()
        agent.start(*flags, f"--tls_hostname=http://127.0.0.1:{server.port}")
        wait_for_lines(server)


def test_no_server_named(make_agent):
    agent = make_agent()
    agent.start("--config_plugin=tls", "--disable_watchdog")
    agent.wait_for(lambda: "name the server, as --tls_hostname=HOST:PORT" in agent.errors())
    assert agent.stop() == 0


def test_no_secret_goes_to_another_origin(server, agent, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    with TlsServer(folder) as other:
        server.always("/config", Reply("", status=302, headers={"Location": f"https://localhost:{other.port}/config"}))
        agent.start()
        agent.wait_for(lambda: "must not see our secrets: not followed" in agent.errors())
        wait_for_config(server, 2)
        assert other.requests == []
    server.always("/config", Reply("", status=302, headers={"Location": "/elsewhere"}))
    server.always("/elsewhere", Reply(CONFIG))
    wait_for_lines(server)


# --- the configuration


def test_a_changed_configuration_takes_effect(server, agent):
    agent.start()
    wait_for_lines(server)
    server.config = {"schedule": {"two": {"query": "select 2 as b", "interval": 1}}, "options": {"logger_tls_period": 1}}
    server.wait_for(lambda: any(line["name"] == "two" for line in server.lines["result"]))


def test_an_unchanged_configuration_is_not_sent_again(server, agent):
    def config(request):
        return {"etag": "ok"} if request.json["etag"] == "v1" else {**CONFIG, "etag": "v1"}
    server.always("/config", config)
    agent.start()
    requests = wait_for_config(server, 4)
    assert [request.json["etag"] for request in requests[:4]] == ["", "v1", "v1", "v1"]
    wait_for_lines(server)
    had = len(server.lines["result"])
    wait_for_lines(server, more_than=had + 1)
    agent.stop()
    assert "etag" not in agent.errors(), "it is no unknown key"


def test_without_the_server_it_starts_with_the_last_good_one(server, agent):
    agent.start()
    wait_for_lines(server)
    agent.stop()
    server.stop()
    agent.start()
    agent.wait_for(lambda: "what was good in the last run is taken" in agent.errors())
    time.sleep(2)
    had = len(server.lines["result"])
    server.start()
    # What was found meanwhile arrives, in order and without a gap.
    wait_for_lines(server, more_than=had + 2)
    agent.wait_for(lambda: "the configuration can be read again" in agent.errors())
    agent.stop()
    counters = [line["counter"] for line in server.lines["result"]]
    assert sorted(set(counters)) == list(range(max(counters) + 1))


def test_configurations_of_the_wrong_shape(server, agent):
    """Whatever comes, the agent lives, and the next good configuration is taken. More shapes in reply_test.cpp and the tests
    of src/protocol."""
    bad = [Reply(""), Reply([]), Reply(CONFIG, status=500), Reply({"schedule": 5}), Reply({"schedule": {"x": 7}}), Reply({"packs": {"p": 1}}),
           Reply("[" * 100_000), Reply({"etag": "ok"}), Reply(CONFIG, cut=3)]
    server.script("/config", *bad)
    agent.start("--config_tls_max_attempts=1")
    wait_for_config(server, len(bad))
    wait_for_lines(server)
    assert agent.stop() == 0


def test_a_configuration_that_turns_bad_leaves_the_last_in_force(server, agent):
    agent.start("--config_tls_max_attempts=1")
    wait_for_lines(server)
    for bad in Reply("", status=500), Reply({"error": "down"}), Reply("{"), Reply("x" * (100 << 20)):
        server.always("/config", bad)
        count = len(server.seen("/config"))
        wait_for_config(server, count + 2)
    had = len(server.lines["result"])
    wait_for_lines(server, more_than=had)
    memory = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text()
    assert int(memory.split("VmHWM:")[1].split()[0]) < 128 << 10
    agent.stop()
    assert "the last good configuration stays in force" in agent.errors()
    assert "the server says: down" in agent.errors()


def test_packed_replies_and_bodies(server, agent):
    server.always("/config", Reply({**CONFIG, "options": {"logger_tls_period": 1, "logger_tls_compress": True}}, packed=True))
    agent.start("--tls_accept_gzip")
    wait_for_lines(server)
    log = server.seen("/log")[-1]
    assert log.packed and log.wire_length < len(log.body)
    assert list(log.json)[:2] == ["node_key", "log_type"]
    assert server.requests[0].header("Accept-Encoding") == "gzip"


def test_a_slow_server_does_not_delay_the_end(server, agent):
    server.always("/config", Reply(CONFIG, delay=15))
    agent.start()
    wait_for_config(server)
    begin = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - begin < 8


# --- lines


def test_what_is_not_acknowledged_is_sent_again(server, agent):
    """SRV-13's other half: no line is lost, whatever the server says instead of taking it."""
    bad = [Reply("", status=500), Reply({}, status=503), Reply({"error": "full"}), Reply([]), Reply({}, cut=1)]
    server.script("/log", *bad)
    server.config = {**CONFIG, "options": {"logger_tls_period": 1, "logger_tls_backoff_max": 1}}
    agent.start("--tls_disable_status_log=true")
    wait_for_lines(server, more_than=len(bad))
    agent.stop()
    counters = [line["counter"] for line in server.lines["result"]]
    assert counters == sorted(counters) and set(counters) == set(range(max(counters) + 1))


def test_both_kinds_wait_by_themselves(server, agent):
    def log(request):
        return {"error": "no status"} if request.json["log_type"] == "status" else None
    server.always("/log", log)
    agent.start()
    wait_for_lines(server, more_than=3)
    assert server.lines["status"] == []
    server.always("/log", None)
    wait_for_lines(server, "status")
    agent.stop()
    results = [json.dumps(line) for line in server.lines["result"]]
    assert len(results) == len(set(results)), "what was taken was not sent again"
    assert re.search(r"W.*Logger tls failed, its lines wait: https://localhost:\d+/log: the server says: no status", agent.errors())


def test_lines_survive_an_outage_and_a_kill(server, agent):
    agent.start()
    wait_for_lines(server)
    server.stop()
    time.sleep(2)
    agent.process.kill()
    agent.process.wait()
    agent.process = None
    server.start()
    agent.start()
    wait_for_lines(server, more_than=len(server.lines["result"]) + 2)
    agent.stop()
    counters = [line["counter"] for line in server.lines["result"]]
    assert set(counters) == set(range(max(counters) + 1))


def test_as_many_lines_wait_as_the_flag_allows(server, agent):
    server.always("/log", {"error": "not now"})
    server.config = {**CONFIG, "options": {"logger_tls_period": 1, "logger_tls_backoff_max": 1}}
    agent.start("--buffered_log_max=3", "--tls_disable_status_log=true")

    def waiting():
        return [line["counter"] for line in server.seen("/log")[-1].json["data"]] if server.seen("/log") else []

    server.wait_for(lambda: max(waiting(), default=0) >= 5, 60, "the sixth line")
    assert len(waiting()) <= 3, "the oldest went"


def test_what_osprey_sinks_says(server, agent):
    server.config = {"schedule": {"sinks": {"query": "select name, target, state, last_error, failures from osprey_sinks", "interval": 1,
                                            "snapshot": True}}, "options": {"logger_tls_period": 1}}
    server.script("/log", Reply({"error": "no room"}))
    agent.start()
    server.wait_for(lambda: any(line["snapshot"][0]["last_error"] for line in server.lines["result"]))
    row = server.lines["result"][-1]["snapshot"][0]
    assert row["name"] == "tls" and row["target"] == f"https://{server.hostname}/log"
    assert row["last_error"] == f"https://{server.hostname}/log: the server says: no room"


def test_lines_and_configuration_elsewhere(server, make_agent):
    """The parts stand alone: a configuration from a file, lines to the server."""
    agent = make_agent()
    agent.configure(CONFIG)
    agent.start(*server.flags("logger"), "--disable_watchdog")
    wait_for_lines(server)
    assert server.seen("/config") == []


# --- under osquery's name


def test_osqueryd_ends_without_a_node_key(server, make_agent):
    server.always("/enroll", {})
    agent = make_agent("osqueryd")
    agent.configure(CONFIG)
    agent.start(*server.flags("logger"), "--disable_watchdog", "--tls_enroll_max_attempts=2")
    assert agent.process.wait(20) == 78
    agent.process = None
    assert "Cannot activate tls logger plugin: No node key, TLS logging disabled." in agent.errors()
    assert len(server.seen("/enroll")) == 2


def test_osqueryd_takes_silence_for_success(server, make_agent):
    server.script("/log", Reply("", status=500), Reply("", status=500))
    agent = make_agent("osqueryd")
    agent.start(*server.flags("config", "logger"), "--disable_watchdog", "--tls_disable_status_log=true")
    wait_for_lines(server)
    assert min(line["counter"] for line in server.lines["result"]) > 0


@pytest.mark.parametrize("plugins", [["config", "logger"], ["logger"]])
def test_osqueryd_can_be_stopped_while_it_enrols(server, make_agent, plugins):
    server.stop()
    agent = make_agent("osqueryd")
    agent.configure(CONFIG)
    agent.start(*server.flags(*plugins), "--disable_watchdog")
    agent.wait_for(lambda: agent.errors().count("Failed enrollment request") == 2)
    begin = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - begin < 5
