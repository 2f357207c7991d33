"""authentication_events through the whole agent: from a log's socket of its own, and with audit beside it."""

import os
import subprocess

from audit_machine import audit_seat, send_user_message
from login_daemon import login_daemon

QUERY = "SELECT * FROM authentication_events"
def rows(agent, name="logins"):
    return [line["columns"] for line in agent.lines() if line["name"] == name]


def started(agent, log, **queries):
    agent.configure({"schedule": {name: {"query": query, "interval": 1, "removed": False}
                                  for name, query in ({"logins": QUERY} | queries).items()}})
    return lambda *flags: (agent.start(f"--syslog_socket={log}", *flags), agent.wait_for(log.exists, 60, "the log's socket"))


# EVT-42, USR-02
def test_logins_from_the_log(make_agent, tmp_path):
    agent, log = make_agent(), tmp_path / "log"
    started(agent, log, sources="SELECT name, active, events FROM osquery_events WHERE type = 'subscriber' AND "
                                "name IN ('syslog_events', 'authentication_events', 'user_events')")()
    with login_daemon(log) as sshd:
        sshd.log("Failed password for invalid user admin from 203.0.113.7 port 50022 ssh2")
        sshd.log("Accepted publickey for alice from 2001:db8::7 port 50023 ssh2: ED25519 SHA256:AbC")
        sshd.log("Server listening on 0.0.0.0 port 22.")
        # Anybody can say so.
        subprocess.run(["logger", "-u", log, "-d", "-t", "sshd[812]", "Accepted password for root from 203.0.113.9 port 1 ssh2"],
                       check=True)
        found = agent.wait_for(lambda: len(rows(agent)) >= 3 and rows(agent), 20, "three log-ins")
    failed, accepted, forged = found
    assert {name: failed[name] for name in ("outcome", "service", "method", "username", "remote_address", "remote_port", "pid",
                                            "uid", "action", "source")} == {
        "outcome": "failure", "service": "sshd", "method": "password", "username": "admin", "remote_address": "203.0.113.7",
        "remote_port": "50022", "pid": str(sshd.pid), "uid": str(os.getuid()), "action": "authentication", "source": "socket"}
    assert (accepted["outcome"], accepted["username"], accepted["key_fingerprint"]) == ("success", "alice", "SHA256:AbC")
    assert (forged["username"], forged["source"]) == ("root", "socket, unverified")
    # No other table is filled for it.
    counts = agent.wait_for(lambda: {row["name"]: (row["active"], row["events"]) for row in rows(agent, "sources")
                                     if row["name"] != "authentication_events" or row["events"] == "3"}, 20, "the counters")
    assert counts["authentication_events"] == ("1", "3")
    assert counts["syslog_events"] == ("0", "0") and counts["user_events"] == ("0", "0")
    assert agent.stop() == 0


# EVT-42
def test_what_audit_and_the_log_tell_is_told_once(make_agent, tmp_path):
    agent, log = make_agent(), tmp_path / "log"

    def login(name):
        send_user_message(1112, f'op=login acct="{name}" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.7 terminal=ssh res=success')

    with audit_seat():
        started(agent, log, users="SELECT message FROM user_events")("--events_source=audit")

        def ready():
            login("ready")
            return rows(agent, "users")
        agent.wait_for(ready, 60, "audit")
        with login_daemon(log) as sshd:
            login("kim")
            sshd.log("Accepted password for kim from 203.0.113.7 port 50022 ssh2")
            login("eve")  # of whom the log says nothing
            agent.wait_for(lambda: any(row["username"] == "eve" for row in rows(agent)), 20, "what audit alone tells")
        told = [(row["username"], row["source"], row["remote_port"]) for row in rows(agent) if row["username"] != "ready"]
        assert sorted(told) == [("eve", "audit", ""), ("kim", "socket", "50022")]
        assert agent.stop() == 0
