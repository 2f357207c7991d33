"""Events in real containers, through the whole agent, held against what their engines say of them."""

import concurrent.futures
import itertools
import pathlib
import random
import time

import pytest

from containers import ContainerdTasks, Containers, DockerContainers, OverlayContainers, UsersContainers
from test_agent_events import rows, schedule, wait_until_captured

BOX = "container_id, container_name, container_image"
NOWHERE = {"container_id": "", "container_name": "", "container_image": ""}


@pytest.fixture(params=[Containers, DockerContainers], ids=["podman", "docker"])
def containers(request):
    made = request.param()
    yield made
    made.close()


def watching(make_agent, containers):
    """An agent that tells of all that these containers do; other tests have theirs."""
    agent, mark, roots = make_agent(), containers.image, containers.roots
    agent.configure(schedule(
        execs=f"SELECT path, cmdline, {BOX} FROM process_events WHERE cmdline LIKE '%{mark}%'",
        exits=f"SELECT path, cmdline, exit_code, {BOX} FROM process_exit_events WHERE cmdline LIKE '%{mark}%'",
        sockets=f"SELECT action, remote_port, {BOX} FROM socket_events WHERE path = '/bin/busybox'",
        names=f"SELECT path, query, {BOX} FROM dns_events WHERE query LIKE '{mark}%'",
        changes=f"SELECT target_path, action, exe, {BOX} FROM file_events",
        files=f"SELECT target_path, action, exe, {BOX} FROM file_access_events",
        boxes="SELECT action, container_id, engine, name, image, pid, exit_code, source FROM container_events")
        | {"file_paths": {"boxes": [f"{roots}/%/tmp/%%", f"{roots}/%/merged/tmp/%%"]}})
    agent.start()
    wait_until_captured(agent, "execs", f"{mark}-before")
    return agent


def box_of(row):
    return {name: row[name] for name in NOWHERE}


# EVT-35, EVT-36, CTR-13
def test_what_a_container_does_is_told_as_its_own(make_agent, containers):
    agent = watching(make_agent, containers)
    mark = containers.image
    name, port = f"{mark}-box", random.randrange(20000, 30000)
    box, _ = containers.start("create", "/bin/sh", "-c",
                              f"/bin/true {mark}-in; echo x > /tmp/{mark}; nc -w 1 127.0.0.1 {port} < /dev/null;"
                              f"nslookup {mark}.example 127.0.0.1; sleep 3; exit 7", flags=[f"--name={name}"])
    try:
        said = containers.inspect(box)
        made, = agent.wait_for(lambda: [row for row in rows(agent, "boxes") if row["container_id"] == box])
        assert (made["action"], made["name"], made["image"], made["pid"]) == ("create", name, said["container_image"], "")
        assert said["container_id"] == box and said["container_name"] == name
        containers.do("start", box)
        time.sleep(1)
        containers.do("exec", box, "/bin/true", f"{mark}-entered")
        containers.do("wait", box)
    finally:
        containers.do("rm", "-f", box)

    def lives():
        return [row["action"] for row in rows(agent, "boxes") if row["container_id"] == box]
    agent.wait_for(lambda: "destroy" in lives())
    assert lives() == ["create", "start", "exec", "die", "destroy"]
    for row in rows(agent, "boxes"):
        if row["container_id"] == box:
            assert (row["engine"], row["name"], row["image"]) == (containers.engine, name, said["container_image"])
            assert row["exit_code"] == ("7" if row["action"] == "die" else "")
            assert row["source"] == ("engines" if row["action"] in ("create", "destroy") else "bpf")

    def of(kind, **values):
        found = agent.wait_for(lambda: [row for row in rows(agent, kind)
                                        if all(row[key] == value for key, value in values.items())], what=f"{kind} {values}")
        assert [box_of(row) for row in found] == [said] * len(found), (kind, values)
    of("execs", path="/bin/busybox", cmdline=f"/bin/true {mark}-in")
    of("execs", path="/bin/busybox", cmdline=f"/bin/true {mark}-entered")
    of("exits", path="/bin/busybox", exit_code="7")
    of("sockets", action="connect", remote_port=str(port))
    of("names", query=f"{mark}.example")
    for query in ("changes", "files"):
        wrote, = [row for row in rows(agent, query) if row["target_path"].endswith(f"/tmp/{mark}") and row["action"] == "UPDATED"]
        assert (wrote["exe"], box_of(wrote)) == ("/bin/busybox", said)
    # Whoever started it is in none.
    outside = [row for row in rows(agent, "execs") if row["path"] != "/bin/busybox"]
    assert outside and all(box_of(row) == NOWHERE for row in outside)
    assert agent.stop() == 0


# EVT-35, EVT-36, CTR-13
def test_a_container_that_has_another_name_by_now(make_agent, containers):
    agent = watching(make_agent, containers)
    mark = containers.image
    first, second = f"{mark}-first", f"{mark}-second"
    box, _ = containers.start("run", "/bin/sleep", "100", flags=["-d", f"--name={first}"])
    try:
        def lives():
            return [(row["action"], row["name"]) for row in rows(agent, "boxes") if row["container_id"] == box]
        agent.wait_for(lambda: ("start", first) in lives())
        containers.do("rename", box, second)
        agent.wait_for(lambda: ("rename", second) in lives())
        containers.do("exec", box, "/bin/true", f"{mark}-after")
        if containers.engine == "docker":
            containers.do("pause", box)
            agent.wait_for(lambda: ("pause", second) in lives())
            containers.do("unpause", box)
            agent.wait_for(lambda: ("unpause", second) in lives())
    finally:
        containers.do("rm", "-f", box)
    agent.wait_for(lambda: lives()[-1][0] == "destroy")
    paused = ["pause", "unpause"] if containers.engine == "docker" else []
    assert lives() == [("create", first), ("start", first), *((action, second) for action in ["rename", "exec", *paused, "die", "destroy"])]
    after, = [row for row in rows(agent, "execs") if row["cmdline"] == f"/bin/true {mark}-after"]
    assert after["container_name"] == second
    assert agent.stop() == 0


# EVT-11, EVT-35
def test_no_short_life_in_a_container_is_without_it(make_agent, containers):
    agent = watching(make_agent, containers)
    kept, _ = containers.start("create", "/bin/true")
    image = containers.inspect(kept)["container_image"]
    containers.do("rm", kept)
    numbers = itertools.count()
    until = time.monotonic() + 15

    def some():
        made = {}
        while time.monotonic() < until and (number := next(numbers)) < 100:
            name = f"{containers.image}-{number}"
            box, _ = containers.run("/bin/true", f"{containers.image}-in", flags=[f"--name={name}"])
            made[box] = {"container_id": box, "container_name": name, "container_image": image}
        return made
    with concurrent.futures.ThreadPoolExecutor() as pool:
        parts = [future.result() for future in [pool.submit(some) for _ in range(3)]]
    boxes = {box: said for part in parts for box, said in part.items()}
    assert len(boxes) > 5

    def told(query):
        return [row for row in rows(agent, query) if row["path"] == "/bin/busybox"]
    agent.wait_for(lambda: {row["container_id"] for row in told("exits")} >= boxes.keys())
    for query in ("execs", "exits"):
        assert sorted(row["container_id"] for row in told(query)) == sorted(boxes), query
        assert [box_of(row) for row in told(query)] == [boxes[row["container_id"]] for row in told(query)], query

    def lives():
        found = {box: [] for box in boxes}
        for row in rows(agent, "boxes"):
            found.get(row["container_id"], []).append(row["action"])
        return found
    agent.wait_for(lambda: all("destroy" in actions for actions in lives().values()))
    assert [sorted(actions) for actions in lives().values()] == [["create", "destroy", "die", "start"]] * len(boxes)
    assert agent.stop() == 0


def engines_watched(make_agent):
    """An agent that watches the folders of engines."""
    agent = make_agent()
    agent.configure(schedule(boxes="SELECT action, container_id, engine, name, image FROM container_events",
                             engines="SELECT name FROM osquery_events WHERE name = 'engines' AND active = 1"))
    agent.start()
    agent.wait_for(lambda: rows(agent, "engines"), 60, "the source")
    return agent


# EVT-35, CTR-13
def test_containers_of_a_user(make_agent):
    containers = UsersContainers()
    try:
        agent = engines_watched(make_agent)
        box = containers.create("of-a-user")
        image = containers.inspect(box)["container_image"]
        containers.do("rm", box)

        def told():
            return [row for row in rows(agent, "boxes") if row["container_id"] == box]
        agent.wait_for(lambda: len(told()) == 2)
        assert [(row["action"], row["engine"], row["name"], row["image"]) for row in told()] == [
            ("create", "podman", "of-a-user", image), ("destroy", "podman", "of-a-user", image)]
        assert agent.stop() == 0
    finally:
        containers.close()


# EVT-35, CTR-13
def test_containers_of_containerd_in_a_namespace(make_agent):
    tasks = ContainerdTasks()
    try:
        agent = engines_watched(make_agent)
        tasks.run("one-task", "/bin/sleep", "1")

        def told():
            return [(row["action"], row["engine"]) for row in rows(agent, "boxes") if row["container_id"] == "one-task"]
        agent.wait_for(lambda: ("destroy", "containerd") in told())
        assert [row for row in told() if row[0] in ("create", "destroy")] == [("create", "containerd"), ("destroy", "containerd")]
        assert agent.stop() == 0
    finally:
        tasks.close()


# FIL-09, EVT-35, EVT-47
def test_who_writes_on_overlay_is_known(make_agent):
    containers = OverlayContainers()
    agent = watching(make_agent, containers)
    box = None
    try:
        box, _ = containers.start("run", "/bin/sleep", "100", flags=["-d"])
        mount = containers.do("inspect", "--format={{.GraphDriver.Data.MergedDir}}", box).strip()
        assert any(line.split()[4] == mount for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
        time.sleep(1)
        containers.do("exec", box, "/bin/sh", "-c", "for i in 1 2 3 4 5; do echo $i > /tmp/wrote-$i; done; mv /tmp/wrote-5 /tmp/six")

        def told():
            return {(pathlib.Path(row["target_path"]).name, row["action"]): row for row in rows(agent, "files")
                    if row["target_path"].startswith(f"{mount}/tmp/")}
        agent.wait_for(lambda: ("six", "MOVED_TO") in told())
        assert {("wrote-5", "MOVED_FROM")} | {(f"wrote-{i}", "UPDATED") for i in range(1, 6)} <= told().keys()
        assert {(row["exe"], row["container_id"]) for row in told().values()} == {("/bin/busybox", box)}
    finally:
        if box:
            containers.do("rm", "-f", "-t", "0", box)
        containers.close()
    assert agent.stop() == 0
