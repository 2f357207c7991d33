"""How many connections an agent has to its server: two at most, one for short requests and one for the held read, with
everything turned on that speaks to it."""

import os
import pathlib

import pytest
from beside import Beside
from fleet_server import agent_flags, osprey_server  # noqa: F401
from tls_server import server  # noqa: F401

BUSY = ["--config_refresh=1", "--config_accelerated_refresh=1", "--logger_tls_period=1", "--distributed_interval=1",
        "--carver_block_size=4096"]
SCHEDULE = {"schedule": {"now": {"query": "select unix_time from time", "interval": 1}}}


@pytest.fixture
def evidence(tmp_path):
    path = tmp_path / "evidence"
    path.write_bytes(os.urandom(300_000))
    return path


def test_two_kept_connections_carry_everything(server, make_agent, evidence):
    server.hold = 30
    server.config = SCHEDULE
    agent = make_agent()
    agent.flags = [*server.flags("config", "logger", "distributed", "carver"), *BUSY, "--watchdog_max_delay=0"]
    agent.start()
    server.wait_for(lambda: len(server.seen("/distributed/read")) == 2, what="a held read")
    for number in range(3):
        server.ask({f"carve-{number}": f"select * from carves where path = '{evidence}' and carve = 1"})
        server.wait_for(lambda: len(server.writes) > number, what="an answer")
    server.wait_for(lambda: [len(carve["blocks"]) == carve["begin"]["block_count"] for carve in server.carves.values()] == [True] * 3,
                    60, what="the carves")
    server.wait_for(lambda: server.lines["result"] and server.lines["status"] and len(server.seen("/config")) > 1,
                    what="lines and another look at the configuration")
    assert server.connections == 2, "enrolment, configuration, lines, carves and answers on one, held reads on the other"


def sockets_to(port, pid):
    """Connections of the process to a port of 127.0.0.1, in whatever state."""
    mine = set()
    for each in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            mine.add(os.readlink(each))
        except FileNotFoundError:
            pass
    rows = [line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and f"socket:[{row[9]}]" in mine for row in rows)


class Watched(Beside):
    """The most connections that a process has had at once, looked at all the time."""

    def __init__(self, port, pid):
        super().__init__()
        self.port, self.pid, self.most, self.looks = port, pid, 0, 0

    def run(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, sockets_to(self.port, self.pid))
            self.looks += 1


def test_two_connections_to_our_own_server(osprey_server, make_agent, evidence):  # noqa: F811
    server = osprey_server
    server.put("/api/v1/items/query/now", {"content": {"query": "select unix_time from time", "interval": 1}})
    agent = make_agent()
    agent.flags = [*agent_flags(server, "config", "logger", "distributed", "carver"), *BUSY, "--disable_watchdog"]
    agent.start()
    with Watched(server.port, agent.process.pid) as watched:
        server.wait_for(lambda: server.get("/api/v1/hosts")["items"], what="the host")
        server.wait_for(lambda: "osprey_held_reads 1" in server.request("GET", "/metrics", headers={"anonymous": True}).body.decode(),
                        what="a held read")
        for number in range(2):
            server.post("/api/v1/carves", {"target": {"all": True}, "paths": [str(evidence)]})
            server.wait_for(lambda: [carve["state"] for carve in server.get("/api/v1/carves")["items"]] == ["complete"] * (number + 1),
                            60, what="the carve")
        server.wait_for(lambda: server.get("/api/v1/results?query=now")["items"], what="lines")
    assert watched.looks > 10 and watched.most == 2
