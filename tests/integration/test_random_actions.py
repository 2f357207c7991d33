"""10,000 random actions, and what each source tells of them, field by field, against what the acting program and the
programs that it ran know of themselves (random_actor.c).

OSPREY_SEED is what they are made from: a failure names it, the action and the field."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from audit_machine import audit_seat
from event_source import IDS, EventDriver

SEED = int(os.environ.get("OSPREY_SEED", "6"))
HERE = pathlib.Path(__file__).parent
ARGUMENTS_KEPT = 32 << 10  # bytes
NATIVE = os.uname().machine
STATIC = ["gcc", "-O1", "-w", "-static", "-no-pie", "-fno-pie"]


@pytest.fixture(scope="module")
def folder():
    """What the actor needs, where any user may go."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="osprey-actor-"))
    top.chmod(0o777)
    for name in ("sub", 'with "quotes"\nand lines', b"\xff\xfe", "watched", "root", "root/bin"):
        os.mkdir(os.path.join(os.fsencode(top), os.fsencode(name)))
    subprocess.run([*STATIC, "-o", top / "witness", HERE / "random_actor.c"], check=True)
    subprocess.run([*STATIC, "-m32", "-nostdlib", "-fno-stack-protector", f'-DWITNESS="{top}/witness"', "-o", top / "i386",
                    HERE / "random_actor.c"], check=True)
    os.link(top / "witness", top / "root/bin/inside")
    os.symlink("witness", top / "link")
    os.symlink("loop", top / "loop")
    for name, text in (("script", f"#!{top}/witness\n"), ("script with argument", f"#! {top}/witness  -x y \n"),
                       ("lost", "#!/nowhere/at all\n"), ("garbage", "garbage"), ("plain", "plain")):
        (top / name).write_text(text)
        (top / name).chmod(0o644 if name == "plain" else 0o755)
    shutil.copy(top / "witness", top / "other's")
    os.chown(top / "other's", 1234, 5678)
    (top / "other's").chmod(0o6755)
    yield top
    shutil.rmtree(top)


class Truth:
    """What the actor did, by its numbers."""

    def __init__(self, folder, kind, count, first=0, actors=1, under=(), before_the_end=None):
        """`before_the_end`: of files, what is done before the actors go."""
        record = folder / f"record-{kind}-{first}"
        each = count // actors
        pipe = subprocess.PIPE if before_the_end else None
        running = [subprocess.Popen([*under, folder / "witness", str(SEED), str(first + i * each), str(each), kind, folder, record],
                                    stdin=pipe, stdout=pipe) for i in range(actors)]
        if before_the_end:
            assert [actor.stdout.readline() for actor in running] == [b"\n"] * actors
            before_the_end()
            for actor in running:
                actor.stdin.close()
        assert [actor.wait(200) for actor in running] == [0] * actors
        self.actions, self.witnesses = {}, {}
        for line in record.read_text(errors="surrogateescape").splitlines():
            said = json.loads(line)
            if "action" in said:
                self.actions[said["action"]] = said
            else:
                self.witnesses[said["witness"]] = said
        assert len(self.actions) == count or kind == "quick"


class Findings:
    """Compares, and keeps what was not so: all of it is told at once."""

    def __init__(self, source):
        self.source, self.wrong, self.missing, self.compared = source, [], [], 0

    def same(self, action, field, told, true):
        self.compared += 1
        if told != true:
            self.wrong.append(f"{action.get('how', action['kind'])} {action['action']}: {field}: {told!r:.300} is told, "
                              f"{true!r:.300} is true")

    def within(self, action, field, low, told, high):
        self.compared += 1
        if not low <= told <= high:
            self.wrong.append(f"{action.get('how', action['kind'])} {action['action']}: {field}: {told} is not from {low} to {high}")

    def lacks(self, action, what):
        self.missing.append(f"{action.get('how', action['kind'])} {action['action']}: {what} is not told")

    def settle(self, counts):
        """Nothing wrong was told, and there is a loss counted for all that is missing."""
        lost = sum(drop[2] for drop in counts["dropped"])
        if len(self.missing) > lost:
            self.wrong += self.missing
        kinds = sorted({re.sub(r"\d+", "N", one)[:60] for one in self.wrong})
        assert not self.wrong, (f"{self.source}, OSPREY_SEED={SEED}: {len(self.wrong)} of {self.compared}, {lost} counted as "
                                f"lost: {counts['dropped']}\n" + "\n".join(self.wrong[:25]) + "\nkinds: " + "\n".join(kinds[:40]))


def by_pid(driver, family, side=lambda event: event["actor"]["process"]["pid"]):
    found = {}
    for event in driver.events:
        if event["event"] == family:
            found.setdefault(side(event), []).append(event)
    return found


def forks(driver):
    return by_pid(driver, "process", lambda event: event["target"]["pid"])


def told_while(events, action, early=0):
    return [event for event in events if action["before"] - early <= event["header"]["moment"] <= action["after"] + early]


def kept_of(argv):
    """As much of the arguments as an event has."""
    whole = b"".join(one.encode("latin-1") + b"\0" for one in argv)
    if len(whole) <= ARGUMENTS_KEPT:
        return list(argv), len(whole), False
    parts = whole[:ARGUMENTS_KEPT].decode("latin-1").split("\0")
    return (parts[:-1] if not parts[-1] else parts), len(whole), True


def heard(driver, is_last, seconds=60):
    """The driver's counters once it has told of what was done last, or when that was lost."""
    deadline, looked = time.monotonic() + seconds, 0
    while True:
        counts = driver.counts()
        if any(is_last(event) for event in driver.events[looked:]) or time.monotonic() > deadline:
            return counts
        looked = max(0, len(driver.events) - 1)
        time.sleep(0.1)


# --- execs


def true_execs(action, witness, folder):
    """The images that a process had, oldest first, as far as it is known."""
    how = action["how"]
    argv = action["argv"] or [""]  # the kernel's doing, since 5.18
    cwd = action["cwd"]
    path = {"setuid file": f"{folder}/other's", "chroot": "/bin/inside", "memfd": "/memfd:some name",
            "deleted": f"{folder}/gone-{action['pid']}"}.get(how, f"{folder}/witness")
    filename = {"relative": "../sub/.././witness", "chroot": "/bin/inside", "symlink": f"{folder}/link",
                "script": f"{folder}/script", "script with argument": f"{folder}/script with argument", "at folder": None,
                "at descriptor": None, "memfd": None, "deleted": None}.get(how, path)
    if how == "chroot":
        cwd = "/"
    if how == "relative":
        cwd = f"{folder}/sub"
    if how == "script":
        argv = [f"{folder}/witness", f"{folder}/script", *argv[1:]]
    if how == "script with argument":
        argv = [f"{folder}/witness", "-x y", f"{folder}/script with argument", *argv[1:]]
    one = {"path": path, "filename": filename, "argv": argv, "cwd": cwd, "script": how.startswith("script"),
           "call": "execveat" if how in ("at folder", "at descriptor", "memfd", "deleted") else "execve",
           "arch": "i386" if how == "int80" else NATIVE, "image": NATIVE, "state": how if how in ("memfd", "deleted") else "", "witness": witness}
    if how != "32 bits":
        return [one]
    return [{**one, "path": f"{folder}/i386", "filename": f"{folder}/i386", "witness": None, "image": "i386"},
            {**one, "arch": "i386", "image": NATIVE}]


def compare_witness(findings, action, event, witness, source):
    """What the kernel told the process of itself."""
    actor = event["actor"]
    findings.same(action, "pid", actor["process"]["pid"], witness["pid"])
    findings.same(action, "name", actor["name"], witness["name"])
    ids = witness["ids"]
    unset = 2**32 - 1
    true = ids[:8] + [None if one == unset else one for one in ids[8:]]
    findings.same(action, "ids", [actor["ids"][name] for name in IDS], true)
    major, minor = witness["terminal"] >> 8, witness["terminal"] & 0xff
    if not witness["terminal"]:
        findings.same(action, "tty", actor["tty"], "")
    elif major == 136:
        findings.same(action, "tty", re.sub(r"\D+", "", actor["tty"]), str(minor))
    about = witness["file"]
    for field in ("inode", "device", "mode", "uid", "gid", "size", "mtime", "ctime"):
        # Audit tells of what is gone only what it wrote when it was there.
        if source == "audit" and field in ("size", "mtime", "ctime") and event["executable"][field] is None:
            continue
        findings.same(action, f"executable.{field}", event["executable"][field], about[field])
    if source == "bpf":
        findings.same(action, "start", actor["process"]["start"] // 10_000_000, witness["start"])
        findings.same(action, "capabilities", event["capabilities"], witness["capabilities"])
        findings.same(action, "namespaces", [event[f"{name}_namespace"] for name in ("pid", "mount", "network", "user")],
                      witness["namespaces"])
        shown = [one for one in witness["env"] if one.startswith(("OSPREY_ONE=", "OSPREY_TWO="))]
        findings.same(action, "environment", event["environment"], shown)


def compare_exec(findings, action, event, true, source):
    argv, size, cut = kept_of(true["argv"])
    findings.same(action, "arguments", event["arguments"], argv)
    findings.same(action, "arguments_size", event["arguments_size"], size)
    findings.same(action, "arguments_truncated", event["arguments_truncated"], cut)
    findings.same(action, "cwd", event["cwd"], true["cwd"])
    findings.same(action, "syscall", event["syscall"], true["call"])
    # Of the call as audit sees it, of the new image as bpf does.
    findings.same(action, "arch", event["arch"], true["image" if source == "bpf" else "arch"])
    findings.same(action, "result", event["result"], 0)
    findings.same(action, "state", event["executable_state"], true["state"])
    deleted = true["state"] and source == "audit"
    findings.same(action, "path", event["actor"]["path"], true["path"] + (" (deleted)" if deleted else ""))
    if true["filename"]:
        findings.same(action, "filename", event["filename"], true["filename"])
    findings.same(action, "interpreter", event["interpreter"], true["filename"] if true["script"] else "")
    findings.same(action, "parent", event["actor"]["parent"]["pid"], action["parent"])
    findings.same(action, "tid", event["actor"]["tid"], 0 if source == "audit" else action["pid"])
    if source == "bpf":
        findings.same(action, "start", event["actor"]["process"]["start"] // 10_000_000, action["start"])
        findings.same(action, "streams", [one[0] for one in event["streams"]], action["streams"])
        findings.same(action, "cmdline", event["actor"]["cmdline"], " ".join(argv))
        findings.same(action, "environment_count", event["environment_count"], len(action["env"]))
        findings.same(action, "environment_size", event["environment_size"], sum(len(one) + 1 for one in action["env"]))
    if action.get("ids") and action["how"] != "setuid file":
        # Saved ids follow the effective ones at an exec, and filesystem ids always.
        ids = list(action["ids"])
        ids[2], ids[6] = ids[1], ids[5]
        findings.same(action, "changed ids", [event["actor"]["ids"][name] for name in IDS[:8]], ids)
    if true["witness"]:
        findings.same(action, "witness's arguments", kept_of(true["witness"]["argv"])[0], argv)
        findings.same(action, "witness's folder", true["witness"]["cwd"], true["cwd"])
        findings.same(action, "witness's path", true["witness"]["exe"].removesuffix(" (deleted)"), true["path"])
        compare_witness(findings, action, event, true["witness"], source)


def compare_refused(findings, action, told, source):
    refused = [event for event in told if event["result"] < 0]
    if not refused:
        return findings.lacks(action, "that it was refused")
    findings.same(action, "refused execs", [event["result"] for event in refused], [-action["error"]])
    for event in refused:
        findings.same(action, "syscall", event["syscall"], "execve")
        findings.same(action, "cwd", event["cwd"], action["cwd"])
        if source == "bpf":
            findings.same(action, "filename", event["filename"], action["filename"])
            argv, size, _ = kept_of(action["argv"])
            if not event["arguments_truncated"]:
                findings.same(action, "arguments", (event["arguments"], event["arguments_size"]), (argv, size))
            else:
                # No more than 32, none longer than a path.
                begin = [whole[:len(one)] if len(one) == 4095 else whole for one, whole in zip(event["arguments"], argv)]
                findings.same(action, "arguments' begin", event["arguments"], begin)


def compare_fork(findings, action, told, source):
    fork = told
    if not fork:
        # What clone3 made can be a thread as far as audit says, once it is gone.
        if source != "audit" or action["fork"] != "clone3":
            findings.lacks(action, "its start")
        return
    event = fork[0]
    findings.same(action, "forks", len(fork), 1)
    findings.same(action, "fork's syscall", event["syscall"], "fork" if source == "connector" else action["fork"])
    findings.same(action, "fork's result", event["result"], action["pid"])
    findings.same(action, "fork's actor", event["actor"]["process"]["pid"], action["parent"])
    if source != "audit":
        findings.within(action, "fork's start", action["start"] - 1, event["target"]["start"] // 10_000_000, action["start"] + 1)


def compare_exit(findings, action, told, source):
    if not told:
        return findings.lacks(action, "its end")
    event = told[0]
    findings.same(action, "ends", len(told), 1)
    findings.same(action, "exit", (event["exit_code"], event["signal"], event["core_dumped"]),
                  (action["code"], action["signal"], bool(action["core"])))
    if source == "bpf":
        findings.same(action, "exit's start", event["actor"]["process"]["start"] // 10_000_000, action["start"])
        findings.within(action, "lifetime", 1, event["lifetime"], action["after"] - action["before"])
        findings.within(action, "cpu", action["cpu"] * 1000 - 30e6, event["cpu"], action["cpu"] * 1000 + 30e6)
        findings.same(action, "exit's parent", event["actor"]["parent"]["pid"], action["parent"])


def execs_by_bpf_or_audit(driver, truth, folder, source):
    findings = Findings(source)
    # Audit's clock has milliseconds and is another.
    early = 20_000_000 if source == "audit" else 0
    processes, starts, ends = by_pid(driver, "process"), forks(driver), by_pid(driver, "process_exit")
    for number, action in truth.actions.items():
        told = told_while(processes.get(action["pid"], []), action, early)
        compare_fork(findings, action, told_while(starts.get(action["pid"], []), action, early), source)
        if source == "bpf":
            compare_exit(findings, action, told_while(ends.get(action["pid"], []), action), source)
        if action["error"]:
            compare_refused(findings, action, told, source)
            continue
        execs = [event for event in told if event["syscall"].startswith("execve") and event["result"] == 0]
        true = true_execs(action, truth.witnesses.get(number), folder)
        if len(execs) < len(true):
            findings.lacks(action, f"{len(true) - len(execs)} exec")
            continue
        findings.same(action, "execs", len(execs), len(true))
        for event, one in zip(execs, true):
            compare_exec(findings, action, event, one, source)
    return findings


def execs_by_connector(driver, truth, folder):
    """It promises that there was an exec and an end, and of what was still there when it looked, the rest."""
    findings = Findings("connector")
    processes, starts, ends = by_pid(driver, "process"), forks(driver), by_pid(driver, "process_exit")
    lingered, whole = 0, 0
    for number, action in truth.actions.items():
        # The kernel tells of an end a little after it has told the parent.
        told = told_while(processes.get(action["pid"], []), action)
        compare_fork(findings, action, told_while(starts.get(action["pid"], []), action), "connector")
        compare_exit(findings, action, told_while(ends.get(action["pid"], []), {**action, "after": action["after"] + 10**9}), "connector")
        if action["error"]:
            findings.same(action, "execs", len(told), 0)
            continue
        true = true_execs(action, truth.witnesses.get(number), folder)
        if len(told) < len(true):
            findings.lacks(action, "an exec")
        if len(true) > 1 or len(told) != 1:
            continue
        event, one = told[0], true[0]
        argv = kept_of(one["argv"])[0]
        lingered += action["mode"] == "l"
        whole += action["mode"] == "l" and bool(event["arguments"] and event["cwd"] and event["actor"]["path"])
        if event["arguments"]:
            findings.same(action, "arguments", event["arguments"], argv)
        if event["cwd"] and one["path"] != "/bin/inside":
            findings.same(action, "cwd", event["cwd"], one["cwd"])
        if event["actor"]["path"] and one["path"] != "/bin/inside":
            findings.same(action, "path", event["actor"]["path"], one["path"])
        if event["actor"]["parent"]["pid"]:
            findings.same(action, "parent", event["actor"]["parent"]["pid"], action["parent"])
        if one["witness"] and event["actor"]["ids"]["uid"] is not None:
            findings.same(action, "ids", [event["actor"]["ids"][name] for name in IDS[:8]], one["witness"]["ids"][:8])
    assert lingered == 0 or whole > 0
    return findings


# EVT-01, EVT-05, EVT-06, EVT-11, EVT-13, EVT-15, EVT-20
def test_execs(folder):
    with contextlib.ExitStack() as stack:
        stack.enter_context(audit_seat())
        bpf = stack.enter_context(EventDriver("bpf", "--kinds=process,process_exit", "--env=OSPREY_ONE,OSPREY_TWO", "--execs", "--forks",
                                              f"--ring={64 << 20}"))
        audit = stack.enter_context(EventDriver("audit", "--kinds=process", "--execs", "--forks"))
        connector = stack.enter_context(EventDriver("connector", "--kinds=process,process_exit", "--execs", "--forks"))
        truth = Truth(folder, "exec", 8000, actors=4)
        last = subprocess.Popen([folder / "witness"], env={"OSPREY_ONE": "0 q 0"})
        last.wait()
        counts = {name: heard(driver, lambda event: event["actor"]["process"]["pid"] == last.pid)
                  for name, driver in (("bpf", bpf), ("connector", connector), ("audit", audit))}
    assert counts["bpf"]["seen"] == counts["bpf"]["kept"] + counts["bpf"]["filtered"] + sum(d[2] for d in counts["bpf"]["dropped"])
    execs_by_bpf_or_audit(bpf, truth, folder, "bpf").settle(counts["bpf"])
    execs_by_bpf_or_audit(audit, truth, folder, "audit").settle(counts["audit"])
    execs_by_connector(connector, truth, folder).settle(counts["connector"])


# EVT-11, EVT-15
def test_processes_that_live_for_less_than_a_millisecond(folder):
    with EventDriver("bpf", "--kinds=process,process_exit", "--execs") as driver:
        truth = Truth(folder, "quick", 10_000)
        counts = driver.counts()
    findings = Findings("bpf")
    processes, ends = by_pid(driver, "process"), by_pid(driver, "process_exit")
    for action in truth.actions.values():
        told, ended = (told_while(events.get(action["pid"], []), action) for events in (processes, ends))
        if len(told) != 1 or len(ended) != 1:
            findings.lacks(action, "its exec" if ended else "its end")
            continue
        findings.same(action, "arguments", told[0]["arguments"], ["quick"])
        findings.same(action, "parent", told[0]["actor"]["parent"]["pid"], action["parent"])
        findings.same(action, "path", told[0]["actor"]["path"], f"{folder}/witness")
        findings.same(action, "exit code", ended[0]["exit_code"], action["code"])
    assert sum(action["after"] - action["before"] < 1_000_000 for action in truth.actions.values()) == 10_000
    findings.settle(counts)


def test_execs_as_strace_sees_them(folder):
    """The actor's word is held against a second witness."""
    log = folder / "strace"
    with EventDriver("bpf", "--kinds=process", "--execs") as driver:
        truth = Truth(folder, "exec", 150, 20_000,
                      under=("strace", "-f", "-q", "-xx", "-s", "300000", "-o", log, "-e", "trace=execve,execveat"))
        counts = driver.counts()
    findings = Findings("bpf beside strace")
    processes = by_pid(driver, "process")
    begun, calls = {}, {}
    for line in log.read_text().splitlines():
        pid, rest = line.split(" ", 1)
        rest = rest.strip()
        if rest.startswith("exec"):
            begun[pid] = rest
        if result := re.search(r"\) += (-?\d+)(?: E\w+ .*)?$", rest):
            if pid in begun:
                listed = re.search(r", \[(.*?)\], (?:0x|\[)", begun.pop(pid))
                argv = [bytes.fromhex(one.replace("\\x", "")).decode("latin-1")
                        for one in re.findall(r'"([^"]*)"', listed[1])] if listed else []
                calls.setdefault(int(pid), []).append((argv, int(result[1])))
    for action in truth.actions.values():
        seen = calls.get(action["pid"], [])
        told = told_while(processes.get(action["pid"], []), action)
        if action["how"] in ("by thread", "32 bits", "int80"):  # by another's number, by calls that it was not asked for
            continue
        if len(told) != len(seen):
            findings.lacks(action, f"{seen!r:.200}")
            continue
        for event, (argv, result) in zip(told, seen):
            findings.same(action, "result", event["result"] < 0, result < 0)
            if result == 0 and not action["how"].startswith("script"):
                findings.same(action, "arguments", event["arguments"], kept_of(argv or [""])[0])
    assert findings.compared > 150
    findings.settle(counts)


# --- sockets


def ends(event):
    return [[event["local_address"], event["local_port"]], [event["remote_address"], event["remote_port"]]]


def sockets_by_bpf(driver, truth):
    findings = Findings("bpf")
    mine = by_pid(driver, "socket")
    for action in truth.actions.values():
        told = told_while(mine.get(action["pid"], []), action)
        true = [one for one in action["did"] if one["family"] != 1]
        matched = 0
        for one in true:
            port = one["local" if one["action"] in ("bind", "listen") else "remote"][1]
            side = "local_port" if one["action"] in ("bind", "listen") else "remote_port"
            found = [event for event in told if event["action"] == one["action"] and event["type"] == one["type"] and event[side] == port]
            what = f"{one['action']} by {one['call']}"
            if not found:
                findings.lacks(action, what)
                continue
            matched += 1
            findings.same(action, f"{what}: events", len(found), 1)
            event = found[0]
            findings.same(action, f"{what}: start", event["actor"]["process"]["start"] // 10_000_000, action["start"])
            findings.same(action, f"{what}: parent", event["actor"]["parent"]["pid"], action["parent"])
            findings.same(action, f"{what}: family", event["family"], one["family"])
            findings.same(action, f"{what}: cookie", event["cookie"], one["cookie"])
            findings.same(action, f"{what}: protocol", event["protocol"], one["protocol"])
            findings.same(action, f"{what}: network namespace", event["network_namespace"], os.stat("/proc/self/ns/net").st_ino)
            local, remote = ends(event)
            if one["action"] in ("bind", "listen"):
                findings.same(action, f"{what}: local", local, one["local"])
            else:
                findings.same(action, f"{what}: remote", remote, one["remote"])
                if one["type"] == 1 and one["result"] >= 0:
                    findings.same(action, f"{what}: local", local, one["local"])
            if one["action"] == "connect":
                findings.same(action, f"{what}: result", event["result"], one["result"] if one["call"] != "connect without waiting" else 0)
            if one["action"] == "accept" and one["call"].startswith("accept"):
                findings.same(action, f"{what}: descriptor", event["descriptor"], one["fd"])
                findings.same(action, f"{what}: syscall", event["syscall"], one["call"].split()[0])
        findings.same(action, "sockets' events", len(told), matched)
    return findings


def sockets_by_audit(driver, truth):
    findings = Findings("audit")
    mine = by_pid(driver, "socket")
    best_effort = 0
    bound = [one["local"] for action in truth.actions.values() for one in action["did"] if one["action"] == "bind"]
    for action in truth.actions.values():
        # Its clock has milliseconds: the order says which is which.
        told = mine.get(action["pid"], [])
        for one in action["did"]:
            # Not a system call of its own, or none that leaves a trace.
            if one["call"] in ("io_uring", "listen", "send"):
                continue
            what = f"{one['action']} by {one['call']}"
            if one["action"] == "accept" and one["family"] == 1:
                continue
            found = next((i for i, event in enumerate(told[:20]) if event["action"] == one["action"] and
                          (event["result"] if one["action"] == "accept" else event["descriptor"]) == one["fd"] and
                          (event["socket"] == one["path"] if one["family"] == 1 else
                           one["action"] == "bind" or one["call"] == "accept to nowhere" or event["remote_port"] == one["remote"][1])),
                         None)
            if found is None:
                findings.lacks(action, what)
                continue
            event = told[found]
            del told[:found + 1]
            findings.same(action, f"{what}: parent", event["actor"]["parent"]["pid"], action["parent"])
            findings.same(action, f"{what}: syscall", event["syscall"],
                          {"socketcall": "connect", "connect without waiting": "connect", "accept to nowhere": "accept"}.get(
                              one["call"], one["call"]))
            if one["action"] != "accept":
                findings.same(action, f"{what}: result", event["result"],
                              -115 if one["call"] == "connect without waiting" else one["result"])
            if one["call"] != "accept to nowhere":
                findings.same(action, f"{what}: family", event["family"], one["family"])
            if one["family"] == 1:
                findings.same(action, f"{what}: path", event["socket"], one["path"])
                continue
            local, remote = ends(event)
            if one["action"] != "bind" and one["call"] != "accept to nowhere":
                findings.same(action, f"{what}: remote", remote, one["remote"])
            # Asked for after the event. Of a bind to no port that is what the descriptor is then, which may be the next socket.
            if event["local_is_best_effort"]:
                best_effort += 1
                if one["action"] != "bind" or local == one["local"]:
                    findings.same(action, f"{what}: local", local, one["local"])
                    findings.same(action, f"{what}: protocol", event["protocol"], one["protocol"])
                else:
                    findings.same(action, f"{what}: local", local in bound, True)
            elif one["action"] != "bind":
                findings.same(action, f"{what}: local", local, ["", None])
    assert best_effort > 0
    return findings


# EVT-05, EVT-18, EVT-20, EVT-34, EVT-41
def test_sockets(folder):
    with audit_seat(), EventDriver("bpf", "--kinds=socket") as bpf, EventDriver("audit", "--kinds=socket") as audit:
        truth = Truth(folder, "socket", 1000)
        socket.create_server(("127.0.0.1", 0)).close()
        counts = {name: heard(driver, lambda event: event["actor"]["process"]["pid"] == os.getpid())
                  for name, driver in (("bpf", bpf), ("audit", audit))}
    sockets_by_bpf(bpf, truth).settle(counts["bpf"])
    sockets_by_audit(audit, truth).settle(counts["audit"])


# --- files

CREATED, UPDATED, ATTRIBUTES, MOVED_FROM, MOVED_TO, DELETED = range(6)


def true_changes(action):
    """What a watch on the folder has to tell."""
    changes = set()
    for one in action["did"]:
        path, other = one["path"], one.get("other")
        changes |= {"create": {(CREATED, path)}, "create and truncate": {(CREATED, path), (UPDATED, path)},
                    "symlink": {(CREATED, path)}, "write": {(UPDATED, path)}, "truncate": {(UPDATED, path)},
                    "attributes": {(ATTRIBUTES, path)}, "rename": {(MOVED_FROM, path), (MOVED_TO, other)},
                    "replace": {(MOVED_FROM, path), (MOVED_TO, other)}, "link": {(CREATED, other)},
                    "unlink": {(DELETED, path)}}[one["effect"]]
        if one["call"].endswith("for writing"):
            changes.add((UPDATED, path))
    return changes


def true_calls(action):
    """What audit has to tell of the calls: operation, path, destination."""
    calls = []
    for one in action["did"]:
        path, other, effect = one["path"], one.get("other", ""), one["effect"]
        if one["call"].startswith("io_uring") or one["call"] in ("sendfile", "copy_file_range", "fallocate"):
            continue
        if effect in ("truncate", "create and truncate"):
            calls.append(("open+truncate", path, ""))
        elif effect == "write":
            calls.append(("write", path, ""))
        elif effect in ("rename", "replace", "link"):
            calls.append(("link" if effect == "link" else "rename", path, other))
        elif effect == "symlink":
            calls.append(("symlink", os.getcwd() + "/somewhere \xff else", path))
        elif effect == "unlink":
            calls.append(("unlink", path, ""))
    return calls


def files_by_watch(driver, truth, source, folder):
    findings = Findings(source)
    told = {}
    for event in driver.events:
        if event["event"] == "file" and event["path"].startswith(f"{folder}/watched/"):
            told.setdefault(int(re.match(r"\d+", event["path"].rsplit("/", 1)[1])[0]), []).append(event)
    for number, action in truth.actions.items():
        events = told.get(number, [])
        changes = {(event["action"], event["path"]) for event in events}
        true = true_changes(action)
        what = ", ".join(one["call"] for one in action["did"])
        for lacking in sorted(true - changes):
            findings.lacks(action, f"{what}: {lacking}")
        findings.same(action, f"{what}: changes", sorted(changes - true), [])
        for event in events:
            if source == "fanotify":
                key = event["actor"]["process"]
                findings.same(action, f"{what}: who", (key["pid"], key["start"] // 10_000_000), (action["pid"], action["start"]))
            if event["action"] == MOVED_TO:
                findings.same(action, f"{what}: old path", event["old_path"], action["did"][-1]["path"])
            findings.same(action, f"{what}: category", event["category"], "files")
        moves = {event["transaction"] for event in events if event["action"] in (MOVED_FROM, MOVED_TO)}
        findings.same(action, f"{what}: transactions", len(moves), 1 if any(one[0] == MOVED_TO for one in true) else 0)
        for name in ("a", "b"):
            of_path = [event for event in events if re.match(rf".*/{number}{name}", event["path"], re.S)]
            if name not in action or not of_path:
                continue
            about = action[name]["file"]
            # A link changes its file's ctime, and a rename too, without a word.
            for field in ("inode", "device", "mode", "uid", "gid", "size", "mtime"):
                findings.same(action, f"{what}: {field}", of_path[-1]["file"][field], about[field])
    return findings


def files_by_audit(driver, truth, folder):
    findings = Findings("audit")
    told = {}
    for event in driver.events:
        if event["event"] == "process_file":
            name = next((path.rsplit("/", 1)[1] for path in (event["path"], event["destination"])
                         if path.startswith(f"{folder}/watched/")), "")
            if number := re.match(r"\d+", name):
                told.setdefault(int(number[0]), []).append(event)
    for number, action in truth.actions.items():
        events = told.get(number, [])
        what = ", ".join(one["call"] for one in action["did"])
        true = true_calls(action)
        found = [(event["operation"], event["path"], event["destination"]) for event in events]
        if len(found) < len(true):
            findings.lacks(action, f"{what}: {true}")
            continue
        findings.same(action, what, found, true)
        for event in events:
            findings.same(action, f"{what}: who", event["actor"]["process"]["pid"], action["pid"])
            if event["operation"] != "write":
                findings.same(action, f"{what}: cwd", event["cwd"], os.getcwd())
    return findings


# EVT-05, EVT-08, EVT-20, EVT-47
def test_files(folder):
    watch = f"--watch={folder}/watched/%%"
    with contextlib.ExitStack() as stack:
        stack.enter_context(audit_seat())
        fanotify = stack.enter_context(EventDriver("fanotify", "--kinds=file", watch))
        inotify = stack.enter_context(EventDriver("inotify", "--kinds=file", watch))
        audit = stack.enter_context(EventDriver("audit", "--kinds=process_file", watch))
        counts = {}

        def wait_for_all():
            (folder / "watched/1000000").touch()
            (folder / "watched/1000000").unlink()
            for name, driver in (("fanotify", fanotify), ("inotify", inotify), ("audit", audit)):
                counts[name] = heard(driver, lambda event: event["path"] == f"{folder}/watched/1000000")

        truth = Truth(folder, "file", 1000, before_the_end=wait_for_all)
    files_by_watch(fanotify, truth, "fanotify", folder).settle(counts["fanotify"])
    files_by_watch(inotify, truth, "inotify", folder).settle(counts["inotify"])
    files_by_audit(audit, truth, folder).settle(counts["audit"])
