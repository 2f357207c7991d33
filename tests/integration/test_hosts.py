"""Hosts and tags over the wire, with ospreyd as the host. SRV-03, SRV-10, SRV-11, CFG-02, CFG-04."""

import re
import socket

import pytest
from fleet_server import agent_flags, osprey_server  # noqa: F401


def detail_of(server, host):
    return {each["query"]: each for each in server.get(f"/api/v1/hosts/{host}")["details"]}


def test_ospreyd_tells_about_itself_and_gets_what_its_tags_bring(osprey_server, make_agent):  # noqa: F811
    server = osprey_server
    by_condition = server.post("/api/v1/tags", {"name": "named", "condition": {"fact": "identifier", "like": "our%"}})
    by_query = server.post("/api/v1/tags", {"name": "asked", "query": "SELECT 1 FROM users WHERE uid = 0"})
    never = server.post("/api/v1/tags", {"name": "never", "query": "SELECT 1 FROM users WHERE uid = -5"})
    agent = make_agent()
    agent.flags = [*agent_flags(server, "config", "logger", "distributed"), "--disable_watchdog",
                   "--host_identifier=specified", "--specified_identifier=ours"]
    agent.start()
    [row] = server.wait_for(lambda: server.get("/api/v1/hosts")["items"], what="the host")
    host = row["id"]
    details = server.wait_for(lambda: len(detail_of(server, host)) >= 10 and detail_of(server, host), what="its details")
    assert {name: each["error"] for name, each in details.items() if each["error"]} == {}
    assert details["osquery_flags"]["rows"] and details["boot"]["rows"]
    shown = server.wait_for(lambda: newest(server, host), what="the configuration, which its tags change")
    assert shown["kernel"] and shown["host"]["status"] == "online" and shown["refreshed"]

    def tags():
        return {each["name"]: each for each in server.get(f"/api/v1/hosts/{host}/tags")["items"]}

    server.wait_for(lambda: tags().get("asked", {}).get("has"), what="the tag by query")
    server.wait_for(lambda: tags().get("named", {}).get("has"), what="the tag by condition")
    assert tags()["asked"]["evaluated"] and tags()["asked"]["because"][0]["origin"] == "rule"
    assert not tags()["never"]["has"] and tags()["never"]["evaluated"]
    assert server.get(f"/api/v1/tags/{by_query['id']}")["evaluation"]["evaluated"] == 1
    assert server.get(f"/api/v1/tags/{never['id']}")["tag"]["hosts"] == 0

    # Another rule: asked at once, not on the interval.
    server.put(f"/api/v1/tags/{by_query['id']}", {"name": "asked", "query": "SELECT 1 FROM users WHERE uid = -5"})
    server.wait_for(lambda: not tags()["asked"]["has"], what="the rule as it is now")
    assert server.request("DELETE", f"/api/v1/tags/{by_condition['id']}").status == 204
    server.wait_for(lambda: server.get("/api/v1/hosts")["items"][0]["tags"] == [], what="no tags")


def newest(server, host):
    """The host, once it has the newest configuration."""
    shown = server.get(f"/api/v1/hosts/{host}")
    return shown if shown["configuration_newest"] else None


def test_srv_11_whether_a_host_has_the_newest_configuration(osprey_server):  # noqa: F811
    server = osprey_server
    key = server.enroll()
    host = server.get("/api/v1/hosts")["items"][0]["id"]
    assert server.get(f"/api/v1/hosts/{host}")["configuration"] is None
    etag = server.agent("config", {"node_key": key})["etag"]  # osquery of old sends none
    assert newest(server, host)["configuration"] == etag
    server.put("/api/v1/items/query/q", {"content": {"query": "select 1", "interval": 60}})
    shown = server.get(f"/api/v1/hosts/{host}")
    assert (shown["configuration"], shown["configuration_newest"]) == (etag, False)
    server.stop()
    server.start()
    assert server.get(f"/api/v1/hosts/{host}")["configuration"] == etag, "kept"
    later = server.agent("config", {"node_key": key, "etag": etag})["etag"]
    assert newest(server, host)["configuration"] == later != etag


def enrolled_twice(server):
    """The hosts, once they have enrolled two times together."""
    hosts = [server.get(f"/api/v1/hosts/{host['id']}") for host in server.get("/api/v1/hosts")["items"]]
    return hosts if sum(len(host["enrolments"]) for host in hosts) == 2 else None


@pytest.mark.parametrize("way", ["hostname", "uuid", "instance", "ephemeral", "specified"])
def test_a_host_is_told_by_what_its_flag_says(osprey_server, make_agent, way):  # noqa: F811
    """--host_identifier of ospreyd: the fleet knows the host by that, after another enrolment, too."""
    server = osprey_server
    server.put("/api/v1/items/query/one", {"content": {"query": "select uuid, instance_id from osquery_info", "interval": 1}})
    agent = make_agent()
    agent.flags = [*agent_flags(server, "config", "logger"), "--disable_watchdog", f"--host_identifier={way}",
                   *(["--specified_identifier=as told"] if way == "specified" else [])]
    agent.start()
    [line] = server.wait_for(lambda: server.get("/api/v1/results?query=one")["items"][:1], what="a line")
    [host] = server.get("/api/v1/hosts")["items"]
    known = {"hostname": socket.gethostname(), "uuid": line["columns"]["uuid"],
             "instance": line["columns"]["instance_id"], "specified": "as told"}
    if way == "ephemeral":
        assert re.fullmatch(r"[0-9a-fA-F-]{36}", host["identifier"]) and host["identifier"] not in known.values()
    else:
        assert host["identifier"] == known[way]
    agent.stop()
    agent.start("--enroll_always")
    everybody = server.wait_for(lambda: enrolled_twice(server), what="the second enrolment")
    assert len(everybody) == (2 if way == "ephemeral" else 1)
