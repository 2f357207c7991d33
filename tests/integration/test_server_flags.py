"""Flags of osprey-server, each by what it changes."""

import base64
import pathlib
import subprocess
import threading
import time

import pytest
from fleet_server import FleetServer
from postgresql import postgresql  # noqa: F401


@pytest.fixture(scope="module")
def flagged(tmp_path_factory):
    with FleetServer(tmp_path_factory.mktemp("flags") / "server", "--identifier=hardware_uuid", "--enroll_secret_member=word",
                     "--body_mb=1", "--held_read_seconds=7", "--keep_results_days=3", "--keep_results_gb=0.5", "--carve_mb=2",
                     "--keep_carves_gb=0.001", "--trusted_balancers=127.0.0.1", "--threads=3", "--log_level=debug") as server:
        yield server


def enroll(server, identifier, uuid, headers=None, **secret):
    return server.agent("enroll", {**secret, "host_identifier": identifier, "platform_type": "9", "host_details": {
        "os_version": {"platform": "debian"}, "system_info": {"hostname": identifier, "uuid": uuid}}}, headers)


@pytest.fixture(scope="module")
def key(flagged):
    return enroll(flagged, "flagged", "4c4c4544-0001", word=flagged.secret())["node_key"]


def test_the_secrets_member_and_what_tells_hosts_apart(flagged):
    secret = flagged.secret()
    assert enroll(flagged, "same", "4c4c4544-0002", enroll_secret=secret)["error"]
    for uuid in ("4c4c4544-0002", "4c4c4544-0003"):
        assert enroll(flagged, "same", uuid, word=secret)["node_key"]
    assert {host["identifier"] for host in flagged.get("/api/v1/hosts?text=same")["items"]} == {"4c4c4544-0002", "4c4c4544-0003"}


def test_a_balancer_that_is_trusted_tells_the_hosts_address(flagged):
    enroll(flagged, "guesser", "4c4c4544-0004", {"X-Forwarded-For": "203.0.113.9"}, word="a guess")
    assert "203.0.113.9" in [each["address"] for each in flagged.get("/api/v1/enrollment/failures")["items"]]


@pytest.mark.parametrize("endpoint, body", [("log", {"log_type": "result", "data": ["x" * (1 << 20)]}),
                                            ("distributed/write", {"queries": {"q": [{"a": "x" * (1 << 20)}]}, "statuses": {"q": 0}})])
def test_a_body_has_as_many_megabytes_as_the_flag_says(flagged, key, endpoint, body):
    answer = flagged.request("POST", f"/api/osquery/{endpoint}", {"node_key": key, **body})
    assert answer.status == 413 and answer.json()["error"]


def test_how_long_a_read_would_be_held(flagged, key, tmp_path):
    assert flagged.request("POST", "/api/osquery/distributed/read", {"node_key": key}).headers["Osprey-Held-Read"] == "7"
    with FleetServer(tmp_path / "server", "--held_read_seconds=0") as server:
        answer = server.request("POST", "/api/osquery/distributed/read", {"node_key": server.enroll()})
        assert answer.status == 200 and "Osprey-Held-Read" not in answer.headers


def test_how_long_results_are_kept(flagged):
    assert {"keep_days": 3, "keep_bytes": 500_000_000}.items() <= flagged.get("/api/v1/results/storage").items()


def test_how_large_one_carve_and_all_may_be(flagged, key):
    block = 256 << 10

    def begin(name, size):
        return flagged.agent("carve/begin", {"node_key": key, "block_count": -(-size // block), "block_size": block,
                                             "carve_size": size, "carve_id": name, "request_id": "r"})

    assert "at most 2097152 bytes" in begin("large", (2 << 20) + 1)["error"]
    session = begin("small", 2 << 20)["session_id"]
    taken = [flagged.agent("carve/block", {"session_id": session, "block_id": number, "request_id": "r",
                                           "data": base64.b64encode(b"x" * block).decode()}) for number in range(5)]
    assert taken[:4] == [{}] * 4 and "too much is being received" in taken[4]["error"], "a megabyte, all together"


def test_threads_that_hold_connections(flagged):
    names = [(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{flagged.process.pid}/task").iterdir()]
    assert names.count("listener") == 3


def test_how_much_is_logged(flagged, tmp_path):
    def requests(server):
        server.get("/api/v1/hosts")
        return [line for line in server.lines if "list_hosts" in line]

    flagged.wait_for(lambda: requests(flagged), what="a line about a good request")
    with FleetServer(tmp_path / "server") as server:
        assert requests(server) == []


@pytest.mark.parametrize("workers, connections, together", [(12, 2, 2), (3, 12, 3)])
def test_as_many_wait_for_the_database_as_the_flags_say(tmp_path, postgresql, workers, connections, together):  # noqa: F811
    database = postgresql.create_database()
    with FleetServer(tmp_path / "server", f"--workers={workers}", f"--database_connections={connections}",
                     database=database) as server:
        server.sign_in()
        with subprocess.Popen(["psql", "-XqAt", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            def told(statement):
                psql.stdin.write(statement + "\n")
                psql.stdin.flush()
                return psql.stdout.readline().strip()

            assert told("BEGIN; LOCK TABLE activity; SELECT 'locked';") == "locked"
            asking = [threading.Thread(target=server.get, args=("/api/v1/activity",)) for _ in range(6)]
            for thread in asking:
                thread.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'activity'::regclass;"
            server.wait_for(lambda: int(told(waiting)) == together, what="those who wait")
            time.sleep(1)
            assert int(told(waiting)) == together
            psql.stdin.write("ROLLBACK;\n")
            psql.stdin.close()
            for thread in asking:
                thread.join(30)
