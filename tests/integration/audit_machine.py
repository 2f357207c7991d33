"""The kernel's audit system for tests: whose it is, what is in it, and the driver of our source."""

import contextlib
import fcntl
import json
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = PROJECT / "build" / "test" / "audit_driver"
AUDITCTL = "/usr/sbin/auditctl"


@contextlib.contextmanager
def audit_seat():
    """One test at a time has the machine's audit system. It must be nobody's before, and as it was afterwards."""
    with open("/tmp/osprey-audit-test.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before, rules = status(), rule_lines()
        assert before["pid"] == 0, "somebody has audit's seat"
        yield before
        assert rule_lines() == rules
        assert {key: status()[key] for key in SETTINGS} == {key: before[key] for key in SETTINGS}


SETTINGS = ("enabled", "failure", "pid", "backlog_limit", "backlog_wait_time")


def control(*arguments, check=True):
    done = subprocess.run([AUDITCTL, *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def status():
    """What auditctl says, by name."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", control("-s"), re.M)}


def rule_lines():
    return [line for line in control("-l").splitlines() if line != "No rules"]


def text(digits):
    return bytes.fromhex(digits).decode("utf-8", "surrogateescape")


class Driver:
    """Our source as a process of its own; its events by kind, texts as they are."""

    def __init__(self, *arguments, mode=None):
        self.process = subprocess.Popen([DRIVER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = self.process.stdout.readline()
        assert first, self.process.stderr.read().decode()
        self.mode = json.loads(first)["ready"]
        assert mode is None or self.mode == mode
        self.lines = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, matches, seconds=60):
        """The first event that `matches` says yes to."""
        deadline = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.lines[seen:]:
                seen += 1
                event = json.loads(line)
                if "kind" in event and matches(decoded(event)):
                    return event
            time.sleep(0.05)
        raise AssertionError(f"no such event; the driver's end: {self.process.poll()}")

    def events(self, kind=None):
        found = []
        for line in list(self.lines):
            event = json.loads(line)
            if "kind" in event and kind in (None, event["kind"]):
                found.append(decoded(event))
        return found

    def stop(self):
        """Ends it; its counters."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.reader.join()
        assert self.process.returncode == 0, self.process.stderr.read().decode()
        return json.loads(self.lines[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.reader.join()


def decoded(event):
    for name, value in event.items():
        if name == "arguments":
            event[name] = [bytes.fromhex(one) for one in value]
        elif isinstance(value, str) and name != "kind":
            event[name] = text(value)
    return event


def send_user_message(kind, message):
    """As a program with CAP_AUDIT_WRITE tells the kernel (audit_log_user_message(3))."""
    body = message.encode() + b"\0"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as netlink:
        netlink.sendto(struct.pack("IHHII", 16 + len(body), kind, 5, 1, 0) + body, (0, 0))
        netlink.settimeout(5)
        netlink.recv(4096)
