"""Events through the whole agent: captured, journaled, told once by scheduled queries, and let go of."""

import base64
import ctypes
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from audit_machine import audit_seat, rule_lines
from containers import Containers
from event_source import control_groups, in_group
from process_costs import disk_bytes

EXECS = "SELECT pid, path, cmdline FROM process_events WHERE cmdline LIKE '%{mark}%'"


def schedule(**queries):
    return {"schedule": {name: {"query": query, "interval": 1, "removed": False} for name, query in queries.items()}}


def rows(agent, name):
    return [line["columns"] for line in agent.lines() if line["name"] == name]


def run(*arguments):
    subprocess.run(["/bin/true", *arguments], check=True)


def wait_until_captured(agent, name, mark, act=lambda mark: run(mark)):
    """Acts until the query `name` tells of it: from here on all is captured."""
    def captured():
        act(mark)
        return any(mark in json.dumps(row) for row in rows(agent, name))
    agent.wait_for(captured, 60, f"the first event of {name}")


def inside(process, what):
    """What a process holds open of a kind: ids of BPF programs ("prog_id") or lines of fanotify marks ("fanotify")."""
    found = set()
    for path in pathlib.Path(f"/proc/{process}/fdinfo").iterdir():
        try:
            found |= set(re.findall(rf"^{what}[ :].*$", path.read_text(), re.M))
        except OSError:
            pass
    return found


def held(agent):
    return {what: inside(agent.worker(), what) for what in ("prog_id", "fanotify")}


# EVT-15, EVT-48: what is in the journal is told once, whenever the worker is killed.
def test_each_event_is_told_once_over_kills_of_the_worker_in_a_storm(make_agent, osprey):
    agent = make_agent()
    agent.configure(schedule(execs=EXECS.format(mark="once-")))
    agent.start("--watchdog_max_delay=0")
    chance = random.Random(11)
    number = 0
    for _ in range(3):
        wait_until_captured(agent, "execs", f"once-again-{number}")
        until = time.monotonic() + 1 + chance.random()
        while time.monotonic() < until:
            children = [os.posix_spawn("/bin/true", ["true", f"once-{number + i}."], {}) for i in range(20)]
            number += len(children)
            for child in children:
                os.waitpid(child, 0)
        os.kill(agent.worker(), signal.SIGKILL)
    wait_until_captured(agent, "execs", f"once-last-{number}")

    def counted(found):
        return sorted(row["cmdline"].split()[1] for row in found if re.fullmatch(r"true once-\d+\.", row["cmdline"]))

    kept = counted(osprey.query(EXECS.format(mark="once-"), f"--database_path={agent.database}"))
    agent.wait_for(lambda: len(counted(rows(agent, "execs"))) >= len(kept))
    assert counted(rows(agent, "execs")) == kept
    assert len(kept) == len(set(kept)) > number / 3
    assert agent.stop() == 0


# EVT-15: the journal's cap holds on the disk while it is flooded, and what it keeps is near the cap.
def test_the_journal_keeps_to_its_cap_in_a_storm(make_agent, osprey):
    agent = make_agent()
    agent.configure(schedule(
        execs="SELECT substr(cmdline, 1, 20) AS cmdline FROM process_events WHERE cmdline LIKE '% cap-%'"))
    agent.start("--events_limit_mb=64", "--events_cpu_percent=0")
    wait_until_captured(agent, "execs", "cap-0", lambda mark: run(mark))
    journal = pathlib.Path(f"{agent.database}.events")
    most = 0
    for number in range(1500):
        os.posix_spawn("/bin/true", ["true", f"cap-{number + 1}", os.urandom(14_000).hex()], {})
        os.wait()
        if number % 20 == 0:
            most = max(most, disk_bytes(journal))
    wait_until_captured(agent, "execs", "cap-behind", lambda mark: run(mark))  # the disk may have been slower than the storm
    kept = osprey.query("SELECT count(*) AS rows, min(number) AS first FROM (SELECT CAST(substr(cmdline, 10, 4) AS INTEGER) "
                        "AS number FROM process_events WHERE cmdline LIKE 'true cap-%' AND number > 0)",
                        f"--database_path={agent.database}")[0]
    assert max(most, disk_bytes(journal)) <= 64 << 20
    assert int(kept["first"]) > 1
    # An eighth or so of what is left beside the files' own needs is for processes; hexadecimal digits can be halved.
    assert int(kept["rows"]) * 14_000 > (64 - 32 << 20) // 8 // 2
    assert agent.stop() == 0


# EVT-11, EVT-15, EVT-38
def test_a_storm_is_told_whole_and_the_counters_add_up(make_agent, osprey):
    agent = make_agent()
    agent.configure(schedule(execs="SELECT cmdline FROM process_events WHERE cmdline LIKE 'true ready%'") | {
        "packs": {"counts": {"queries": {"events": {
            "query": "SELECT name, active, seen, kept, filtered, dropped, drops FROM osquery_events WHERE type = 'publisher'",
            "interval": 1, "snapshot": True}}}}})
    agent.start()
    wait_until_captured(agent, "execs", "ready", lambda _: subprocess.run(["true", "ready"], check=True))
    storm = {}
    for i in range(5000):
        arguments = ["true", f"{i}", " a b ", "\t", "'\"", "é"]
        storm[os.posix_spawn("/bin/true", arguments, {})] = " ".join(arguments)
        os.wait()

    def counts():
        found = [row for row in agent.last_snapshot("pack_counts_events") if row["name"] == "bpf"]
        return found[0] if found else None

    def told():
        found = osprey.query("SELECT pid, cmdline, syscall FROM process_events", f"--database_path={agent.database}")
        return {int(row["pid"]): row["cmdline"] for row in found if int(row["pid"]) in storm and row["syscall"] == "execve"}
    agent.wait_for(lambda: len(told()) == len(storm), 20, "5,000 execs")
    assert told() == storm
    row = agent.wait_for(lambda: (counts() or {}) if int((counts() or {"kept": 0})["kept"] or 0) >= len(storm) else None)
    assert int(row["seen"]) == int(row["kept"]) + int(row["filtered"]) + int(row["dropped"])
    assert row["dropped"] == "0", row["drops"]
    assert agent.stop() == 0


# EVT-15, EVT-38
def test_losses_name_the_group_that_caused_them(make_agent):
    """As the monitoring pack asks for them, over a restart too."""
    query = "SELECT source, stage, reason, lost, exact, worst_cgroup FROM osprey_losses"
    agent = make_agent()
    agent.configure(schedule(execs=EXECS.format(mark="flood-")) | {"packs": {"losses": {"queries": {
        "all": {"query": query, "interval": 1, "snapshot": True}}}}})
    agent.start("--events_source=bpf", "--events_cpu_percent=0")
    wait_until_captured(agent, "execs", "flood-0")

    def spawn():
        for _ in range(1500):
            os.waitpid(os.posix_spawn("/bin/true", ["true", "x" * 30_000], {}), 0)

    def told():
        return [row for row in agent.last_snapshot("pack_losses_all")
                if (row["source"], row["stage"], row["reason"]) == ("bpf", "sched_process_exec", "ring full: its group's share")]
    with control_groups("flood") as (flood,):
        # Nobody reads: 8 MiB of the ring hold fewer than 300 of these.
        worker = agent.worker()
        os.kill(worker, signal.SIGSTOP)
        try:
            in_group(flood, spawn)
        finally:
            os.kill(worker, signal.SIGCONT)
        row, = agent.wait_for(told, 30, "the loss")
        assert row["worst_cgroup"] == flood
        assert (int(row["lost"]) > 1000, row["exact"]) == (True, "1")
    assert agent.stop() == 0
    before = len(agent.lines("snapshots"))
    agent.start("--events_source=none")
    agent.wait_for(lambda: len(agent.lines("snapshots")) > before)
    assert told() == [row]
    assert agent.stop() == 0


# EVT-12
def test_what_the_kernel_refuses_is_told(make_agent):
    """Without CAP_NET_ADMIN and what includes it no program for name look-ups is taken; the rest goes on."""
    net_admin, sys_admin, drop_from_bounding_set = 12, 21, 24  # of capabilities(7) and prctl(2)
    libc = ctypes.CDLL(None, use_errno=True)

    def give_away():
        for capability in (net_admin, sys_admin):
            libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)
    agent = make_agent()
    agent.configure(schedule(execs=EXECS.format(mark="refused-"), names="SELECT query FROM dns_events") | {
        "packs": {"sources": {"queries": {"all": {"query": "SELECT name, active, missing FROM osquery_events WHERE name = 'bpf'",
                                                  "interval": 1, "snapshot": True}}}}})
    agent.start("--events_source=bpf", preexec_fn=give_away)
    wait_until_captured(agent, "execs", "refused-1")
    row, = agent.wait_for(lambda: agent.last_snapshot("pack_sources_all"))
    told = [one for one in json.loads(row["missing"]) if one.startswith("bpf program dns: ")]
    assert row["active"] == "1" and len(told) == 1, row
    assert agent.stop() == 0


# EVT-37
def test_what_no_query_reads_attaches_nothing_and_a_reload_does(make_agent, tmp_path):
    agent = make_agent()
    agent.configure(schedule(host="SELECT 1 AS one FROM system_info"))
    agent.start()
    agent.wait_for(lambda: rows(agent, "host"))
    assert held(agent) == {"prog_id": set(), "fanotify": set()}

    agent.configure(schedule(host="SELECT 1 AS one FROM system_info", execs=EXECS.format(mark="reload-")))
    agent.process.send_signal(signal.SIGHUP)
    wait_until_captured(agent, "execs", "reload-1")
    few = held(agent)
    assert few["prog_id"] and not few["fanotify"]

    (tmp_path / "watched").mkdir()
    agent.configure(schedule(execs=EXECS.format(mark="reload-"), names="SELECT query FROM dns_events",
                             files="SELECT target_path FROM file_events") | {"file_paths": {"here": [f"{tmp_path}/watched/%%"]}})
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_for(lambda: len(held(agent)["prog_id"]) > len(few["prog_id"]) and held(agent)["fanotify"])

    agent.configure(schedule(host="SELECT 1 AS one FROM system_info"))
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_for(lambda: held(agent) == {"prog_id": set(), "fanotify": set()})
    assert agent.stop() == 0


# capabilities(7) by their numbers: of threads by name, and of all others.
READ_SEARCH_AND_OWNER = 1 << 2 | 1 << 3
THREADS_WITH_LESS = {"audit": 0, "events: mounts": 0, "events: digests": READ_SEARCH_AND_OWNER, "events: yara": READ_SEARCH_AND_OWNER,
                     "events: code": READ_SEARCH_AND_OWNER | 1 << 19}  # programs' executables: CAP_SYS_PTRACE
THREADS_HAVE = READ_SEARCH_AND_OWNER | sum(1 << number for number in (12, 15, 17, 19, 34))
SOURCES_HAVE = sum(1 << number for number in (0, 1, 21, 39))  # among others: CAP_CHOWN, _DAC_OVERRIDE, _SYS_ADMIN, _BPF


# EVT-23
@pytest.mark.parametrize("kept", ["--ephemeral=false", "--ephemeral"])
def test_only_the_thread_of_sources_has_their_capabilities(make_agent, tmp_path, kept):
    folder = tmp_path / "watched"
    folder.mkdir()
    (tmp_path / "rules").write_text('rule here { strings: $a = "here" condition: $a }')
    agent = make_agent()
    agent.configure(schedule(execs=EXECS.format(mark="rights-"), files="SELECT target_path, sha256 FROM file_events WHERE hashed = 1",
                             matches="SELECT target_path FROM yara_events WHERE count > 0", users="SELECT time FROM user_events") |
                    {"file_paths": {"here": [f"{folder}/%%"]},
                     "yara": {"signatures": {"group": [f"{tmp_path}/rules"]}, "file_paths": {"here": ["group"]}}})
    with audit_seat():
        agent.start(kept, "--events_hash_executables")
        wait_until_captured(agent, "execs", "rights-1")
        wait_until_captured(agent, "files", "here-", lambda mark: (folder / mark).write_text(mark))
        agent.wait_for(lambda: rows(agent, "matches"))
        sources, others = [], []
        for task in pathlib.Path(f"/proc/{agent.worker()}/task").iterdir():
            status = (task / "status").read_text()
            has = tuple(int(re.search(rf"^{name}:\t(\w+)$", status, re.M)[1], 16) for name in ("CapEff", "CapPrm"))
            name = (task / "comm").read_text().rstrip("\n")
            (sources if name == "events" else others).append((name, has))
        assert agent.stop() == 0
    assert len(sources) == 1 and sources[0][1][0] & SOURCES_HAVE == SOURCES_HAVE
    assert {name for name, _ in others} >= {*THREADS_WITH_LESS, "query 1", "rocksdb:low"}
    assert others == [(name, (THREADS_WITH_LESS.get(name, THREADS_HAVE),) * 2) for name, _ in others]


# EVT-08, EVT-47
def test_who_changed_a_file_is_known_when_it_is_gone(make_agent, tmp_path):
    folder = tmp_path / "watched"
    folder.mkdir()
    agent = make_agent()
    agent.configure(schedule(files="SELECT target_path, action, pid, exe, sha256 FROM file_events") |
                    {"file_paths": {"here": [f"{folder}/%%"]}})
    agent.start()
    wait_until_captured(agent, "files", "first", lambda mark: (folder / mark).write_text(mark))
    writers = {}
    for i in range(200):
        path = folder / f"by-{i}"
        child = subprocess.Popen(["/bin/sh", "-c", f"echo {i} > {path}"])
        child.wait()
        writers[str(path)] = child.pid

    def told():
        return {row["target_path"]: row for row in rows(agent, "files") if row["action"] == "UPDATED" and "/by-" in row["target_path"]}
    agent.wait_for(lambda: len(told()) == len(writers))
    assert {path: (int(row["pid"]), row["exe"]) for path, row in told().items()} == \
        {path: (pid, os.path.realpath("/bin/sh")) for path, pid in writers.items()}
    assert {row["sha256"] for row in told().values()} == \
        {hashlib.sha256(f"{i}\n".encode()).hexdigest() for i in range(len(writers))}
    assert agent.stop() == 0


# EVT-23, EVT-43
def test_one_command_lets_go_of_everything(make_agent, osprey, tmp_path):
    (tmp_path / "watched").mkdir()
    with audit_seat():
        agent = make_agent()
        agent.configure(schedule(execs=EXECS.format(mark="switch-"), files="SELECT target_path FROM file_events",
                                 users="SELECT message FROM user_events", calls="SELECT syscall FROM seccomp_events",
                                 writes="SELECT operation FROM process_file_events") |
                        {"file_paths": {"here": [f"{tmp_path}/watched/%%"]}})
        agent.start()
        wait_until_captured(agent, "execs", "switch-1")
        agent.wait_for(lambda: held(agent)["fanotify"] and any("key=osprey" in line for line in rule_lines()))
        before = held(agent)
        assert before["prog_id"]

        done = osprey.run("events", "off", f"--database_path={agent.database}")
        assert (done.returncode, "has let go" in done.stdout) == (0, True), done
        assert held(agent) == {"prog_id": set(), "fanotify": set()}
        assert not any("key=osprey" in line for line in rule_lines())
        run("switch-unseen")

        assert osprey.run("events", "on", f"--database_path={agent.database}").returncode == 0
        wait_until_captured(agent, "execs", "switch-2")
        agent.wait_for(lambda: any("key=osprey" in line for line in rule_lines()) and held(agent)["fanotify"])
        assert len(held(agent)["prog_id"]) == len(before["prog_id"])
        assert not any("switch-unseen" in row["cmdline"] for row in rows(agent, "execs"))
        assert agent.stop() == 0


# EVT-35
def test_execs_in_a_container(make_agent, osprey):
    agent = make_agent()
    agent.configure(schedule(execs="SELECT container_id, pid, path, cmdline FROM process_events WHERE cmdline LIKE '%in-a-box%'",
                             boxes="SELECT action, container_id, engine, name, image FROM container_events"))
    agent.start()
    wait_until_captured(agent, "execs", "in-a-box-1")
    containers = Containers()
    try:
        name = f"{containers.image}-name"
        box, _ = containers.run("/bin/sh", "-c", "/bin/true in-a-box-2; sleep 2", flags=[f"--name={name}"])
    finally:
        containers.close()
    found = agent.wait_for(lambda: [row for row in rows(agent, "execs") if row["cmdline"] == "/bin/true in-a-box-2"])
    assert [(row["container_id"], row["path"]) for row in found] == [(box, "/bin/busybox")]
    outside = [row for row in rows(agent, "execs") if "in-a-box-1" in row["cmdline"]]
    assert {row["container_id"] for row in outside} == {""}
    started = agent.wait_for(lambda: [row for row in rows(agent, "boxes") if row["container_id"] == box and row["action"] == "start"])
    assert (started[0]["engine"], started[0]["name"], containers.image in started[0]["image"]) == ("podman", name, True)
    # Beside the running agent.
    beside = osprey.query("SELECT container_id FROM process_events WHERE cmdline = '/bin/true in-a-box-2'",
                          f"--database_path={agent.database}")
    assert beside == [{"container_id": box}]
    assert agent.stop() == 0


# EVT-07, EVT-16
def test_under_osquerys_name_by_audit(make_agent):
    with audit_seat():
        agent = make_agent("osqueryd")
        agent.configure(schedule(execs="SELECT * FROM process_events"))
        agent.start("--disable_events=false", "--disable_audit=false", "--audit_allow_config=true",
                    "--audit_allow_process_events=true")
        wait_until_captured(agent, "execs", "by-audit")
        row = next(row for row in rows(agent, "execs") if "by-audit" in row["cmdline"])
        assert list(row) == ["atime", "auid", "btime", "cmdline", "ctime", "cwd", "egid", "euid", "fsgid", "fsuid", "gid", "mode",
                             "mtime", "owner_gid", "owner_uid", "parent", "path", "pid", "sgid", "suid", "syscall", "time", "uid",
                             "uptime"]
        assert (row["path"], row["parent"], row["syscall"]) == (os.path.realpath("/bin/true"), str(os.getpid()), "execve")
        assert agent.stop() == 0


# EVT-07, EVT-39, EVT-43
def test_sources_tell_the_same(make_agent):
    """What each source says of one program, in columns that it can know."""
    told = {}
    with audit_seat():
        for source in ("bpf", "audit", "connector"):
            agent = make_agent(folder=source)
            agent.configure(schedule(execs="SELECT pid, parent, path, cmdline, cwd, uid, gid, auid, source FROM process_events "
                                           "WHERE cmdline LIKE '%same-%' OR cmdline LIKE '%linger%'"))
            agent.start(f"--events_source={source}")
            # The connector asks /proc: one that has ended by then is without arguments.
            wait_until_captured(agent, "execs", "same-1",
                                lambda mark: subprocess.run(["/bin/sh", "-c", "sleep 0.2; :", mark], check=True))
            # It is there for long enough to be asked about.
            child = subprocess.Popen(["/bin/sh", "-c", "read line", "linger", "a b"], stdin=subprocess.PIPE, cwd="/usr")
            try:
                row, = agent.wait_for(lambda: [row for row in rows(agent, "execs") if row["pid"] == str(child.pid)])
            finally:
                child.communicate()
            assert row.pop("source") == source
            row.pop("pid")
            told[source] = row
            assert agent.stop() == 0
    assert told["bpf"] == told["audit"]
    assert {name: told["bpf"][name] for name, value in told["connector"].items() if value} == \
        {name: value for name, value in told["connector"].items() if value}
    assert told["connector"]["cmdline"] == "/bin/sh -c read line linger a b"


def community_id(*ends):
    """Of a TCP connection over IPv4, by the specification (version 1, seed 0): the lower end first."""
    (one, from_port), (other, to_port) = sorted((socket.inet_aton(address), port) for address, port in ends)
    flow = struct.pack(">H4s4sBBHH", 0, one, other, socket.IPPROTO_TCP, 0, from_port, to_port)
    return "1:" + base64.b64encode(hashlib.sha1(flow).digest()).decode()


# EVT-18, EVT-34, EVT-39, EVT-40
def test_the_tables_that_osquery_dropped(make_agent):
    agent = make_agent()
    agent.configure(schedule(
        execs="SELECT pid, parent, path, cmdline, cwd, uid, syscall FROM bpf_process_events WHERE cmdline LIKE '%own-%'",
        sockets="SELECT pid, path, family, type, local_address, local_port, remote_address, remote_port, community_id, interface "
                "FROM bpf_socket_events WHERE syscall = 'connect'"))
    agent.start("--events_source=bpf")
    wait_until_captured(agent, "execs", "own-1")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        here, there = client.getsockname(), server.getsockname()
    row, = agent.wait_for(lambda: [row for row in rows(agent, "sockets") if row["remote_port"] == str(there[1])])
    assert row == {"pid": str(os.getpid()), "path": os.path.realpath(f"/proc/{os.getpid()}/exe"), "family": "2", "type": "1",
                   "local_address": here[0], "local_port": str(here[1]), "remote_address": there[0], "remote_port": str(there[1]),
                   "community_id": community_id(here, there), "interface": "lo"}
    row = next(row for row in rows(agent, "execs") if "own-1" in row["cmdline"])
    row.pop("pid")
    assert row == {"parent": str(os.getpid()), "path": os.path.realpath("/bin/true"), "cmdline": "/bin/true own-1", "uid": "0",
                   "cwd": os.getcwd(), "syscall": "execve"}
    assert agent.stop() == 0


# EVT-02, EVT-04, EVT-26: how far audit's reader is behind is told, and whose the seat is.
def test_audits_lag_is_told(make_agent):
    with audit_seat():
        agent = make_agent()
        agent.configure(schedule(execs=EXECS.format(mark="lag-"), seat="SELECT our_mode, holder_pid FROM audit_status",
                                 ours="SELECT rule_text FROM audit_rules WHERE ours = 1") | {
            "packs": {"counts": {"queries": {"events": {
                "query": "SELECT name, seen, kept, lag_us FROM osquery_events WHERE type = 'publisher'", "interval": 1,
                "snapshot": True}}}}})
        agent.start("--events_source=audit")
        wait_until_captured(agent, "execs", "lag-1")
        row = agent.wait_for(lambda: next((row for row in agent.last_snapshot("pack_counts_events")
                                           if row["name"] == "audit" and int(row["kept"] or 0) > 0), None))
        # What the kernel had before its own limit it does not say.
        assert row.get("seen", "") == ""
        assert 0 <= int(row["lag_us"]) < 60_000_000
        agent.wait_for(lambda: {"our_mode": "unicast", "holder_pid": str(agent.worker())} in rows(agent, "seat"))
        agent.wait_for(lambda: {row["rule_text"] for row in rows(agent, "ours")} == set(rule_lines()))
        assert agent.stop() == 0


# EVT-12, EVT-17
def test_modules_are_told_by_who_can(make_agent):
    """A kernel that knows no modules has nothing for BPF to hang on to: the attempt is told by audit."""
    finit_module = 313
    with audit_seat():
        agent = make_agent()
        agent.configure(schedule(modules="SELECT pid, action, method, outcome, source FROM kernel_module_events"))
        agent.start()
        pids = []

        def attempt(_):
            child = subprocess.Popen(["python3", "-c", f"import ctypes; ctypes.CDLL(None).syscall({finit_module}, -1, b'', 0)"])
            child.wait()
            pids.append(str(child.pid))

        wait_until_captured(agent, "modules", "finit_module", attempt)
        row = rows(agent, "modules")[0]
        assert row.pop("pid") in pids
        here = pathlib.Path("/proc/modules").exists()
        assert row == {"action": "load", "method": "finit_module", "outcome": "EBADF" if here else "ENOSYS",
                       "source": "bpf" if here else "audit"}
        assert agent.stop() == 0


# EVT-15
def test_events_without_a_database(make_agent, tmp_path):
    agent, scratch = make_agent(), tmp_path / "scratch"
    scratch.mkdir()
    agent.configure(schedule(execs=EXECS.format(mark="ephemeral-")))
    agent.start("--ephemeral", env=os.environ | {"TMPDIR": str(scratch)})
    wait_until_captured(agent, "execs", "ephemeral-1")
    journal, = scratch.glob("osprey-events-*")
    assert journal.stat().st_mode & 0o777 == 0o700
    # What a killed worker leaves goes with the next one.
    os.kill(agent.worker(), signal.SIGKILL)
    wait_until_captured(agent, "execs", "ephemeral-2")
    assert not journal.exists()
    assert agent.stop() == 0
    assert not list(scratch.iterdir())
    assert not list(agent.folder.glob("db*"))


# EVT-36
def test_programs_digests(make_agent):
    agent = make_agent()
    agent.configure(schedule(execs="SELECT pid, path, cmdline, sha256 FROM process_events WHERE cmdline LIKE '%digest-%'"))
    agent.start("--events_hash_executables")
    wait_until_captured(agent, "execs", "digest-1")
    row = next(row for row in rows(agent, "execs") if "/bin/true digest-1" in row["cmdline"])
    assert row["sha256"] == hashlib.sha256(pathlib.Path("/bin/true").read_bytes()).hexdigest()
    assert agent.stop() == 0


# EVT-10
def test_devices(make_agent):
    """The kernel tells of a loop device again when it is asked to."""
    agent = make_agent()
    agent.configure(schedule(devices="SELECT * FROM hardware_events WHERE path = '/dev/loop5'"))
    agent.start()
    wait_until_captured(agent, "devices", "loop5", lambda _: pathlib.Path("/sys/block/loop5/uevent").write_text("change"))
    row = rows(agent, "devices")[0]
    assert (row["action"], row["type"]) == ("change", "disk")
    assert list(row) == ["action", "driver", "model", "model_id", "path", "revision", "serial", "time", "type", "vendor", "vendor_id"]
    assert agent.stop() == 0
