"""Filters of events: the agent's answer against the kernel's, in programs of BPF, and hot through the agent."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import time

from audit_machine import Driver, audit_seat
from event_source import EventDriver, control_groups, in_group

USER = 1234
GROUPS = 20_000  # a group for each rule, so that one run asks them all


def act(group, user=0, effective=None, path="/usr/bin/true", login=None):
    """A child that becomes somebody and runs a program, or fails to; its pid."""
    child = os.fork()
    if child == 0:
        try:
            if login is not None:
                with open("/proc/self/loginuid", "w") as file:
                    file.write(str(login))
            os.setgroups([])
            os.setresgid(group, group, group)
            effective = user if effective is None else effective
            os.setresuid(user, effective, effective)
            os.execv(path, [path])
        finally:
            os._exit(127)
    os.waitpid(child, 0)
    return child


MISSING = "/usr/bin/no-such-program"
ACTS = [{}, {"user": USER}, {"path": "/usr/bin/false"}, {"path": MISSING},
        {"user": USER, "login": 1001, "path": "/bin/true"}, {"user": USER, "effective": 0}, {"login": 900}]


def rules():
    about = os.stat("/usr/bin/true")
    arch = "-F arch=b64 -S execve"
    asked = [f"{arch} -F {field}" for field in (
        "uid=0", "uid!=0", "uid>=1000", "uid<1234", "uid<=1234", "uid>1234", "euid=0", "fsuid!=0", f"suid={USER}",
        "gid>=20000", "egid<20000", "sgid!=0", "fsgid>0",
        "auid=1001", "auid!=1001", "auid=unset", "auid!=unset", "auid>=1000", "auid<1000",
        "sessionid=unset", "sessionid!=unset", "success=1", "success=0", "success!=1",
        f"exit=-{errno.errorcode[errno.ENOENT]}", "exit=0", "exit!=0", "exit>=0", "exit<0",
        "exe=/usr/bin/true", "exe!=/usr/bin/true", "path=/usr/bin/true", "path=/usr/bin/false", "dir=/usr/bin", "dir=/etc",
        "perm=x", "perm=w", "perm=rwa", "perm=rx", f"inode={about.st_ino}", "obj_uid=0", "obj_gid=0", f"obj_uid={USER}",
        "filetype=file", f"ppid={os.getpid()}", "ppid!=1", "pid>1", "pid=1", "uid=1234 -F euid=0", "uid=0 -F success=0")]
    asked += [f"{arch} -C {fields}" for fields in ("uid=euid", "uid!=euid", "uid=auid", "uid=obj_uid", "gid=egid")]
    return asked + ["-S execve", "-S execveat", "-F arch=b32 -S execve", "-S all -F uid=0"]


# EVT-28, EVT-29, EVT-31, EVT-32, EVT-33: the same rules, the same calls.
def test_the_agent_answers_as_the_kernel_does():
    asked = [f"-a never,exit {rule} -F sgid={GROUPS + i}" for i, rule in enumerate(rules())]

    def kept(option):
        done = {}
        with Driver("execs", "--failed", *[f"--{option}={rule}" for rule in asked], mode="unicast") as driver:
            for i in range(len(asked)):
                for j, how in enumerate(ACTS):
                    done[act(GROUPS + i, **how)] = (i, j)
            last = act(GROUPS - 1)
            driver.wait_for(lambda event: event["pid"] == last)
            driver.stop()
            return {done[event["pid"]] for event in driver.events("process") if event["pid"] in done and event["keeps"]}

    with audit_seat():
        by_kernel = kept("filter")
        by_agent = kept("match")
    every = {(i, j) for i in range(len(asked)) for j in range(len(ACTS))}
    # The kernel takes a file that is not there for root's.
    by_kernel |= {(i, j) for i, j in by_agent if "obj_" in asked[i] and ACTS[j].get("path") == MISSING}
    differ = [f"{asked[i]} {ACTS[j]}: dropped by the {'agent' if (i, j) in by_kernel else 'kernel'}"
              for i, j in sorted(by_kernel ^ by_agent)]
    assert not differ, "\n".join(differ)
    assert by_kernel < every and len(every - by_kernel) > len(asked), "rules that match nothing show nothing"


# EVT-33
def test_in_the_kernel_never_stands_before_always_and_an_exception_before_both():
    with audit_seat(), Driver("execs", f"--filter=-a always,exit -F sgid={GROUPS}", f"--filter=-a never,exit -F sgid={GROUPS}",
                              f"--filter=-A always,exit -F sgid={GROUPS} -F uid={USER}") as driver:
        dropped, exempt, other = act(GROUPS), act(GROUPS, user=USER), act(GROUPS + 1)
        driver.wait_for(lambda event: event["pid"] == other)
        driver.stop()
        assert {event["pid"] for event in driver.events("process")} & {dropped, exempt, other} == {exempt, other}


def connect(user):
    """A child of the user's that binds and connects over loopback; its pid."""
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(user, user, user)
            server, client = socket.socket(), socket.socket()
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.connect(server.getsockname())
            server.accept()[0].close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return child


# EVT-31, EVT-32: the same language decides in the programs; hot.
def test_programs_drop_what_a_rule_names_and_count_it():
    never = "--filters=-a_never,exit_-F_auid=unset_-F_uid>=4321_-F_euid<4323_-F_gid=0;-a_never,exit_-F_exe!=/x"
    with EventDriver("bpf", "--kinds=socket") as driver:
        def actions(pid):
            return {event["action"] for event in driver.of(pid, "socket")}
        loud = connect(4321)
        assert actions(loud) >= {"connect", "accept", "listen", "bind"}
        driver.demand("--kinds=socket", never)
        quiet, other = connect(4321), connect(4323)
        assert actions(other) == actions(loud)
        assert actions(quiet) == set()
        counts = driver.counts()
        # A bind, a listen, a connect and an accept, some of them seen by two programs.
        assert counts["filters"][0][0] == 1 and counts["filters"][0][1] >= 4
        assert counts["filters"][1] == [0, 0], "what is not a file is the agent's to ask"
        assert counts["seen"] == counts["kept"] + counts["filtered"]
        assert counts["filtered"] >= counts["filters"][0][1]
        driver.demand("--kinds=socket")
        assert actions(connect(4321)) == actions(loud)


CLIENT = r"""
#include <arpa/inet.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  struct sockaddr_in at = {AF_INET, htons(atoi(argv[1])), {htonl(INADDR_LOOPBACK)}};
  return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at) != 0;
}
"""


class Connections:
    """Who is told of by programs with a rule, of those that connect to a listener of ours."""

    def __init__(self, driver, listener):
        self.driver, self.port = driver, listener.getsockname()[1]

    def told(self, run):
        return bool(self.driver.of(run(), "socket", remote_port=self.port))

    def of(self, path):
        def run():
            done = subprocess.Popen([path, str(self.port)])
            assert done.wait() == 0
            return done.pid
        return self.told(run)

    def until_dropped(self, run):
        """Looked up anew every tenth of a second."""
        for _ in range(100):
            if not run():
                return
            time.sleep(0.1)
        raise AssertionError("still told")


# EVT-32: by the file, which need not be there yet, may be replaced, and is not told from another by its number alone.
def test_programs_drop_what_an_executable_does(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    (folder / "client.c").write_text(CLIENT)
    subprocess.run(["gcc", "-O1", "-o", folder / "made", folder / "client.c"], check=True)
    named, other = folder / "named", folder / "other"
    shutil.copy(folder / "made", other)
    with socket.create_server(("127.0.0.1", 0), backlog=4000) as listener, EventDriver(
            "bpf", "--kinds=socket", "--renewal=100", f"--filters=-a_never,exit_-F_exe={named}_-F_uid=0") as driver:
        connections = Connections(driver, listener)
        assert connections.of(other)
        shutil.copy(folder / "made", named)
        connections.until_dropped(lambda: connections.of(named))
        assert connections.of(other)
        counts = driver.counts()
        assert counts["filters"][0][0] == 1 and counts["filters"][0][1] >= 1
        assert counts["seen"] == counts["kept"] + counts["filtered"] + sum(drop[2] for drop in counts["dropped"])
        # By another name it is another program: busybox lives by that.
        os.link(named, folder / "name")
        assert connections.of(folder / "name") and connections.of(named)
        os.unlink(folder / "name")
        connections.until_dropped(lambda: connections.of(named))
        # Another file in its place, as an upgrade puts it there; and in that of the old number perhaps a third.
        os.unlink(named)
        shutil.copy(folder / "made", folder / "third")
        shutil.copy(folder / "made", named)
        assert connections.of(folder / "third")
        connections.until_dropped(lambda: connections.of(named))
        assert connections.of(folder / "third")


# EVT-32: by the control group, and those below it.
def test_programs_drop_what_a_group_does():
    name = f"osprey-{os.getpid()}-loud"
    with socket.create_server(("127.0.0.1", 0), backlog=4000) as listener, EventDriver(
            "bpf", "--kinds=socket", "--renewal=100", f"--filters=-a_never,exit_-F_cgroup=/{name}") as driver:
        connections = Connections(driver, listener)

        def of(group):
            return connections.told(lambda: in_group(group, lambda: socket.create_connection(listener.getsockname())))

        for _ in range(2):
            with control_groups("loud", "loud/inner", "loud2") as (loud, inner, other):
                assert loud == f"/{name}"
                connections.until_dropped(lambda: of(inner))
                assert not of(loud) and of(other)
        assert driver.counts()["filters"][0][1] >= 4


FILTERS = """SELECT id, position, field, operator, value, hits, installed, reason FROM osprey_event_filters"""


def configuration(*filters, **options):
    return {"options": {"events_tables": "process_events", **options},
            "event_filters": list(filters),
            "schedule": {"execs": {"query": "SELECT pid, path FROM process_events", "interval": 1, "removed": False},
                         "filters": {"query": FILTERS, "interval": 1, "snapshot": True},
                         "sources": {"query": "SELECT name, active, seen, kept, filtered, dropped, drops, reason FROM "
                                     "osquery_events WHERE type = 'publisher'", "interval": 1, "snapshot": True}}}


def told(agent):
    return {int(line["columns"]["pid"]) for line in agent.lines() if line["name"] == "execs"}


# CFG-14, EVT-28, EVT-32
def test_filters_of_the_configuration_are_hot(make_agent):
    agent = make_agent()
    agent.configure(configuration())
    agent.start("--config_refresh=0", "--events_source=bpf")
    agent.wait_for(lambda: act(0) and told(agent), 60, "the first event")
    agent.configure(configuration({"id": "quiet", "rule": f"-a never,exit -F uid={USER} -S execve"},
                                  {"id": "wrong", "rule": "-a never,exit -F uuid=0"},
                                  {"id": "labels", "rule": "-a never,exit -F subj_type=t -F uid=77"}))
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_for(lambda: agent.last_snapshot("filters"), 30, "the filters' rows")
    dropped, kept = act(0, user=USER), act(0, user=USER + 1)
    agent.wait_for(lambda: kept in told(agent), 30, "the event of the other")
    hits = agent.wait_for(lambda: [row for row in agent.last_snapshot("filters") if row["id"] == "quiet"
                                   and row["position"] == "agent" and row["hits"] not in ("", "0")], 30, "its hit")
    assert dropped not in told(agent)
    assert sorted((row["field"], row["operator"], row["value"]) for row in hits) == [("syscall", "=", "execve"), ("uid", "=", "1234")]
    rows = {(row["id"], row["position"]): row for row in agent.last_snapshot("filters")}
    assert ("wrong", "agent") not in rows
    assert "'uuid' is no field of a rule" in agent.errors()
    assert rows["labels", "agent"]["installed"] == "0"
    assert rows["labels", "agent"]["reason"] == "subj_type: only the kernel's audit knows it"
    assert rows["quiet", "agent"]["installed"] == "1"
    assert (rows["quiet", "kernel:bpf"]["installed"], rows["quiet", "kernel:bpf"]["hits"]) == ("0", "")
    assert rows["quiet", "kernel:bpf"]["reason"] == "programs decide rules over all calls only"
    [source] = [row for row in agent.last_snapshot("sources") if row["name"] == "bpf"]
    assert int(source["seen"]) == int(source["kept"]) + int(source["filtered"]) + int(source["dropped"])
    agent.configure(configuration())
    agent.process.send_signal(signal.SIGHUP)
    acted = set()

    def told_again():
        acted.add(act(0, user=USER))
        return acted & told(agent)

    agent.wait_for(told_again, 30, "an event that no filter drops any more")


# EVT-25, EVT-43
def test_under_pressure_what_the_order_names_is_given_up_and_counted(make_agent):
    agent = make_agent()
    agent.configure(configuration(events_cpu_percent="1", events_shed_order="process_events"))
    agent.start("--config_refresh=0", "--events_source=bpf")
    agent.wait_for(lambda: act(0) and told(agent), 60, "the first event")
    # Of the least budget there is; a busy machine leaves few of these a turn.
    storm = [subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"]) for _ in range(8)]
    try:
        rows = agent.wait_for(lambda: [row for row in agent.last_snapshot("sources") if row["name"] == "bpf"
                                       and "process: shed" in row["drops"]], 60, "what is given up")
    finally:
        for one in storm:
            one.kill()
            one.wait()
    [source] = rows
    assert "given up under pressure: process_events" in source["reason"]
    assert int(source["seen"]) == int(source["kept"]) + int(source["filtered"]) + int(source["dropped"])
    assert "process_events given up: the capture uses" in agent.errors()
