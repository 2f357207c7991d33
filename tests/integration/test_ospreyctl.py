"""ospreyctl against a server of the test's own. Issue 5: login, hosts, tags, queries, packs, live, apply and diff of a
folder, export, users, secrets, carves. SRV-05: everything can be exported."""

import base64
import csv
import hashlib
import hmac
import io
import json
import os
import pathlib
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time

import pytest
from beside import Beside
from fleet_server import FleetServer, free_port, osprey_server  # noqa: F401

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("OSPREY_BIN", PROJECT / "build" / "bin")) / "ospreyctl"


class Ctl:
    """ospreyctl with a home of the test's own."""

    def __init__(self, server, home):
        self.server = server
        self.home = home
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm"}

    def __call__(self, *words, status=0, input=None, environment=None):
        done = subprocess.run([CTL, *map(str, words)], input=input, capture_output=True, text=True, timeout=60,
                              env=self.environment | (environment or {}), start_new_session=True)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *words, **more):
        return subprocess.Popen([CTL, *map(str, words)], env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more)

    def json(self, *words, **more):
        return json.loads(self(*words, "--format", "json", **more).stdout)

    def sign_in(self, *flags, **more):
        self.server.wait_for(lambda: self.server.password, what="the password")
        return self("login", self.server.url, "--user", "admin", "--password-file", "-", *flags,
                    input=self.server.password + "\n", **more)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that do not disturb each other."""
    with FleetServer(tmp_path_factory.mktemp("ctl") / "server") as server:
        yield server


@pytest.fixture
def ctl(shared, tmp_path):
    ctl = Ctl(shared, tmp_path)
    ctl.sign_in("--authority", shared.authority)
    return ctl


class Host(Beside):
    """An agent that answers live queries as it is told to."""

    def __init__(self, server, name, answer=None, status=0, message="", **details):
        super().__init__()
        self.server, self.name_, self.answer, self.status, self.message = server, name, answer, status, message
        self.key = server.enroll(name, **details)
        self.asked = 0

    def run(self):
        while not self.over.is_set():
            read = self.server.agent("distributed/read", {"node_key": self.key})
            for query in read.get("queries", {}):
                if not query.startswith("live"):
                    continue
                self.asked += 1
                if self.answer is None and not self.status:
                    continue
                self.server.agent("distributed/write",
                                  {"node_key": self.key, "queries": {query: self.answer or []},
                                   "statuses": {query: self.status}, "messages": {query: self.message}})
            time.sleep(0.05)


def test_signs_in_keeps_a_token_for_its_owner_only_and_signs_out(osprey_server, tmp_path):
    ctl = Ctl(osprey_server, tmp_path)
    assert "ospreyctl login" in ctl("hosts", "list", status=1).stderr
    assert osprey_server.wait_for(lambda: osprey_server.password) not in ctl.sign_in(
        "--authority", osprey_server.authority).stderr
    kept = tmp_path / ".config" / "osprey" / "ctl.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert osprey_server.password not in kept.read_text()
    assert ctl.json("whoami")["permission"] == "administer"
    kept.chmod(0o644)
    assert "others can read" in ctl("whoami", status=1).stderr
    kept.chmod(0o600)
    token = json.loads(kept.read_text())["token"]
    ctl("logout")
    assert not kept.exists()
    answer = osprey_server.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401


def test_a_wrong_password_is_told_and_nothing_kept(shared, tmp_path):
    ctl = Ctl(shared, tmp_path)
    done = ctl("login", shared.url, "--authority", shared.authority, "--user", "nobody", "--password-file", "-",
               input="not this one\n", status=1)
    assert "ospreyctl: " in done.stderr and "not this one" not in done.stderr
    assert not (tmp_path / ".config" / "osprey" / "ctl.json").exists()


def test_trust_on_first_use_wants_the_fingerprint(shared, tmp_path):
    ctl = Ctl(shared, tmp_path)
    assert "nobody can be asked" in ctl.sign_in(status=1).stderr
    shown = ctl.sign_in("--fingerprint", "00" * 32, status=1).stderr
    fingerprint = shown.split("another: ")[1].strip()
    assert fingerprint in "\n".join(shared.lines), "the server's log tells it"
    ctl.sign_in("--fingerprint", fingerprint.lower().replace(":", ""))
    assert ctl("secrets", "line", "--fingerprint").stdout.strip() == fingerprint
    line = ctl("secrets", "line")
    assert f"SHA-256 {fingerprint}" in line.stderr and fingerprint not in line.stdout, "a root shell reads the output"
    assert "excludes" in ctl("secrets", "line", "--flags", "--secret", status=1).stderr
    pinned = (tmp_path / ".config" / "osprey" / "authority.pem").read_text()
    assert pinned == shared.authority.read_text(), "not the certificate, which is renewed every month"
    assert ctl.json("whoami")["user"] == "admin"


def test_a_token_goes_to_no_other_server(ctl):
    assert "nobody is signed in" in ctl("whoami", "--server", "https://127.0.0.1:1", status=1).stderr
    assert "nobody is signed in" in ctl("whoami", status=1, environment={"OSPREY_SERVER": "https://other:8443"}).stderr


def test_environment_does_for_programs(shared, ctl, tmp_path):
    token = json.loads((tmp_path / ".config/osprey/ctl.json").read_text())["token"]
    home = tmp_path / "elsewhere"
    home.mkdir()
    me = Ctl(shared, home).json("whoami", environment={
        "OSPREY_SERVER": shared.url, "OSPREY_AUTHORITY": str(shared.authority), "OSPREY_TOKEN": token})
    assert me["user"] == "admin"


def test_rows_come_with_the_hosts_name_in_every_format(shared, ctl):
    rows = [{"pid": "1", "name": 'init, "the first"'}, {"pid": "2", "name": "kthreadd"}]
    with Host(shared, "live-1", rows), Host(shared, "live-2", rows[:1]):
        words = ["live", "SELECT pid, name FROM processes", "--host", "live-1", "--host", "live-2"]
        lines = ctl(*words).stdout.splitlines()
        assert lines[0].split() == ["host_name", "pid", "name"] and len(lines) == 4
        read = list(csv.DictReader(io.StringIO(ctl(*words, "--format", "csv").stdout)))
        assert {"host_name": "live-1", "pid": "1", "name": rows[0]["name"]} in read and len(read) == 3
        whole = ctl.json(*words)
        assert len(whole) == 3 and {each["host_name"] for each in whole} == {"live-1", "live-2"}
        jsonl = [json.loads(line) for line in ctl(*words, "--format", "jsonl").stdout.splitlines()]
        assert [each["columns"] for each in jsonl if each["host_name"] == "live-2"] == rows[:1]


def test_failed_hosts_are_named_with_why_and_the_status_is_2(shared, ctl):
    with Host(shared, "good", [{"a": "1"}]), Host(shared, "broken", status=1, message="denylisted: it did harm"):
        done = ctl("live", "SELECT 1 AS a", "--host", "good", "--host", "broken", status=2)
        assert "broken: denylisted: it did harm" in done.stderr and "1 of 2 hosts answered, 1 failed" in done.stderr
        number = live_number(done)
        again = ctl("live", "watch", number, "--format", "jsonl", status=2)
        assert json.loads(again.stdout)["host_name"] == "good"
        assert {host["state"] for host in ctl.json("live", "show", number)} == {"answered", "failed"}
        assert any(str(query["id"]) == number for query in ctl.json("live", "list"))


def test_hosts_that_are_away_expire(shared, ctl):
    shared.enroll("away")
    done = ctl("live", "SELECT 1", "--host", "away", "--expire", "1s", status=2)
    assert "away: expired before an answer" in done.stderr


def test_control_c_cancels_the_query(shared, ctl):
    with Host(shared, "silent") as host:
        run = ctl.start("live", "SELECT 1", "--host", "silent")
        shared.wait_for(lambda: host.asked, what="the question")
        run.send_signal(signal.SIGINT)
        out, errors = run.communicate(timeout=30)
        assert run.returncode == 130, errors
        number = errors.split("live query ")[1].split(")")[0]
        assert shared.get(f"/api/v1/live/{number}")["query"]["state"] == "cancelled"


def test_a_stream_that_breaks_is_begun_anew_and_no_host_is_shown_twice(osprey_server, tmp_path):
    ctl = Ctl(osprey_server, tmp_path)
    ctl.sign_in("--authority", osprey_server.authority)
    slow_key = osprey_server.enroll("slow")
    with Host(osprey_server, "quick", [{"a": "1"}]):
        run = ctl.start("live", "SELECT 1 AS a", "--all", "--format", "jsonl")
        first = run.stdout.readline()
    assert json.loads(first)["host_name"] == "quick"
    osprey_server.kill()
    osprey_server.start()
    query = osprey_server.wait_for(
        lambda: list(osprey_server.agent("distributed/read", {"node_key": slow_key}).get("queries", {})))
    for name in query:
        osprey_server.agent("distributed/write", {"node_key": slow_key, "queries": {name: [{"a": "2"}]},
                                                  "statuses": {name: 0}})
    out, errors = run.communicate(timeout=30)
    assert run.returncode == 0, errors
    assert [json.loads(line)["host_name"] for line in out.splitlines()] == ["slow"]


def live_number(done):
    return done.stderr.split("live query ")[1].split(")")[0]


def test_answers_of_a_live_query_are_exported(shared, ctl):
    with Host(shared, "export-1", [{"pid": "1", "name": "a, b"}, {"pid": "2", "name": "c"}]), \
         Host(shared, "export-2", [{"pid": "3", "cgroup": "x"}]), Host(shared, "export-3", status=1, message="no such table"):
        number = live_number(ctl("live", "SELECT 1", "--host", "export-1", "--host", "export-2", "--host", "export-3",
                                 status=2))
    table = list(csv.DictReader(io.StringIO(ctl("live", "export", number, "--format", "csv").stdout)))
    assert list(table[0]) == ["host", "host_name", "state", "message", "pid", "name", "cgroup", "other"]
    assert [(row["host_name"], row["pid"], row["name"], row["cgroup"]) for row in table] == [
        ("export-1", "1", "a, b", ""), ("export-1", "2", "c", ""), ("export-2", "3", "", "x"), ("export-3", "", "", "")]
    assert (table[3]["state"], table[3]["message"]) == ("failed", "no such table")
    lines = [json.loads(line) for line in ctl("live", "export", number).stdout.splitlines()]
    assert lines == ctl.json("live", "export", number) and lines[1]["columns"] == {"pid": "2", "name": "c"}
    assert lines[3]["message"] == "no such table" and lines[3]["columns"] == {}
    assert "there is none" in ctl("live", "export", 99999, status=1).stderr


def test_hosts_that_failed_are_asked_again(shared, ctl):
    with Host(shared, "second-thoughts", status=1, message="busy") as host, Host(shared, "content", [{"a": "0"}]):
        number = live_number(ctl("live", "SELECT 1 AS a", "--host", "second-thoughts", "--host", "content", status=2))
        host.answer, host.status, host.message = [{"a": "1"}], 0, ""
        assert "1 hosts are asked again" in ctl("live", "again", number).stderr
        rows = [json.loads(line) for line in ctl("live", "watch", number, "--format", "jsonl").stdout.splitlines()]
        assert sorted(row["columns"]["a"] for row in rows) == ["0", "1"]
        assert "nobody is asked again" in ctl("live", "again", number).stderr
    assert any(entry["verb"] == "live.asked_again" for entry in ctl.json("activity", "list"))


def test_a_host_that_was_asked_and_is_silent_is_asked_again_while_others_look_on(shared, ctl):
    with Host(shared, "absent-minded") as host:
        run = ctl.start("live", "SELECT 1 AS a", "--host", "absent-minded", "--format", "jsonl")
        shared.wait_for(lambda: host.asked, what="the question")
        number = str(ctl.json("live", "list")[0]["id"])
        shared.wait_for(lambda: ctl.json("live", "show", number)[0]["state"] == "asked", what="that it is noted")
        host.answer = [{"a": "1"}]
        ctl("live", "again", number)
        out, errors = run.communicate(timeout=30)
    assert run.returncode == 0 and json.loads(out)["columns"] == {"a": "1"}, errors


def test_a_query_that_is_over_is_not_asked_again(shared, ctl):
    shared.enroll("gone")
    number = live_number(ctl("live", "SELECT 1", "--host", "gone", "--expire", "1s", status=2))
    assert "has expired" in ctl("live", "again", number, status=1).stderr
    number = shared.post("/api/v1/live", {"sql": "SELECT 1", "target": {"all": True}})["id"]
    ctl("live", "cancel", number)
    assert "was cancelled" in ctl("live", "again", number, status=1).stderr


def test_a_fleet_without_hosts_is_told_what_to_do(osprey_server, tmp_path):
    ctl = Ctl(osprey_server, tmp_path)
    ctl.sign_in("--authority", osprey_server.authority)
    assert ctl("hosts", "list").stdout == ""
    for words in (["live", "SELECT 1"], ["carves", "request", "/etc/hosts"]):
        errors = ctl(*words, "--all", status=1).stderr
        assert "no host has enrolled yet" in errors and "ospreyctl secrets line" in errors
    osprey_server.enroll("first")
    ctl("tags", "create", "empty")
    assert "no host has the tag empty" in ctl("live", "SELECT 1", "--tag", "empty", status=1).stderr
    errors = ctl("live", "SELECT 1", "--platform", "debain", status=1).stderr
    assert "debain" in errors and "but of debian" in errors


def test_columns_of_streamed_rows_are_aligned(shared, ctl):
    rows = [{"pid": "1", "name": "init"}, {"pid": "4194304", "name": "last"}]
    with Host(shared, "n", rows), Host(shared, "a-rather-long-name", rows):
        lines = ctl("live", "SELECT pid, name FROM processes", "--host", "n", "--host", "a-rather-long-name").stdout.splitlines()
    starts = {line.rindex(word) for line in lines for word in ("name", "init", "last") if line.endswith(word)}
    assert len(lines) == 5 and len(starts) == 1, lines


def test_wrong_sql_and_wrong_words_tell_the_right_ones(shared, ctl):
    shared.enroll("some")
    assert "processes" in ctl("live", "SELECT * FROM proceses", "--host", "some", status=1).stderr
    assert '"hosts" is near' in ctl("hots", status=1).stderr
    assert '"list" is near' in ctl("hosts", "lits", status=1).stderr
    ctl("tags", "create", "webservers")
    assert '"webservers" is near' in ctl("tags", "show", "webserver", status=1).stderr
    assert "--all" in ctl("live", "SELECT 1", status=1).stderr


def on_a_terminal(ctl, *words, seconds=20, answers=()):
    """What a terminal is sent, and the exit status. `answers`: (question, what is typed), in their order; a function
    tells what is typed from what has been shown."""
    answers = list(answers)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(CTL, ["ospreyctl", *words], ctl.environment)
    shown = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end and select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if answers and shown.rstrip(b" ").endswith(answers[0][0].encode()):
            typed = answers.pop(0)[1]
            os.write(terminal, (typed(shown) if callable(typed) else typed).encode() + b"\n")
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_hostile_text_of_hosts_never_reaches_the_terminal_raw(shared, ctl):
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\u009b31m"
    with Host(shared, "evil", [{"a": evil, "b\x1b[1m": "x"}],
              system_info={"hostname": "evil\x1b[31m", "uuid": "evil"}):
        number = str(ctl.json("hosts", "list", "evil")[0]["id"])
        shown, _ = on_a_terminal(ctl, "live", "SELECT 1", "--host", number)
        listed, _ = on_a_terminal(ctl, "hosts", "list", "evil")
        as_json, _ = on_a_terminal(ctl, "hosts", "list", "evil", "--format", "jsonl")
    assert b"owned" in shown and b"evil" in listed and b"evil" in as_json
    for text in (shown, listed, as_json):
        for bad in (b"\x1b]", b"\x1b[2J", b"\x07", "\u202e".encode(), "\u009b".encode()):
            assert bad not in text, bad
    assert b"\x1b[K" in shown  # the progress line


def test_the_time_that_is_left_is_told_on_a_terminal(shared, ctl):
    shared.enroll("late")
    shown, status = on_a_terminal(ctl, "live", "SELECT 1", "--host", "late", "--expire", "3s")
    assert status == 2 and b"late: expired before an answer" in shown
    assert b", 2s left" in shown and b", 1s left" in shown


def test_no_colour_and_no_progress_away_from_a_terminal(shared, ctl):
    with Host(shared, "piped", [{"a": "1"}]):
        done = ctl("live", "SELECT 1 AS a", "--host", "piped")
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stderr
    plain = dict(ctl.environment)
    ctl.environment["NO_COLOR"] = "1"
    shown, _ = on_a_terminal(ctl, "hosts", "list")
    ctl.environment = plain
    assert b"\x1b[1m" not in shown


def test_hosts_are_found_tagged_and_removed(shared, ctl):
    for name in ("web-1", "web-2"):
        shared.enroll(name)
    ctl("tags", "create", "tagged", "--rank", 7)
    ctl("hosts", "tag", "tagged", "web-1", "web-2")
    assert [host["name"] for host in ctl.json("hosts", "list", "--tag", "tagged")] == ["web-1", "web-2"]
    ctl("hosts", "untag", "tagged", "web-2")
    assert "tagged" in ctl("hosts", "tags", "web-1").stdout
    shown = ctl.json("hosts", "show", "web-1")
    assert shown["host"]["name"] == "web-1" and shown["configuration_newest"] is None, "it never asked"
    assert "--yes" in ctl("hosts", "remove", "web-2", status=1).stderr
    ctl("hosts", "remove", "web-2", "--yes")
    assert "there is none" in ctl("hosts", "show", "web-2", status=1).stderr
    ctl("hosts", "refresh", "web-1")
    ctl("hosts", "revoke-key", "web-1")
    for listed in (["hosts", "conflicts"], ["troubles"], ["troubles", "uptime"]):
        assert ctl.json(*listed) == []
    ctl("hosts", "remove", "web-1", "--yes")
    ctl("tags", "edit", "tagged", "--rank", 8, "--condition", '{"fact": "platform", "is": "debian"}')
    assert ctl.json("tags", "show", "tagged")["tag"]["rank"] == 8
    ctl("tags", "remove", "tagged", "--yes")


def test_items_are_saved_rolled_back_and_removed(shared, ctl):
    shared.enroll("told")
    file = ctl.home / "up.yaml"
    for interval in (60, 90):
        file.write_text(f"query: SELECT * FROM uptime\ninterval: {interval}\n")
        ctl("queries", "save", "up", "--file", file)
    assert "hosts would change" in ctl("queries", "save", "up", "-f", "-", "--dry-run",
                                       input='{"query": "SELECT 1", "interval": 5}').stderr
    ctl("queries", "rollback", "up", "--to", 1)
    assert ctl.json("queries", "show", "up")["content"]["interval"] == 60
    assert [item["version"] for item in ctl.json("queries", "history", "up")] == [3, 2, 1]
    assert "FROM uptime" in ctl("hosts", "configuration", "told").stdout
    assert ctl.json("hosts", "configuration", "told", "--origins")
    ctl("queries", "remove", "up", "--yes")
    assert "there is none" in ctl("queries", "show", "up", status=1).stderr


FOLDER = {
    "all.yaml": """\
kind: query
name: ports
tags: [prod]
content:
  query: |
    SELECT *
    FROM listening_ports
  interval: 3600
---
kind: tag
name: prod
rank: 4
condition: {fact: platform, is: debian}
""",
    "packs/it.conf": '{ // osquery\'s own\n "queries": {"users": {"query": "select * from users", "interval": "60"}}}',
    "osquery.json": '{"schedule": {"os": {"query": "select * from os_version", "interval": 10}},'
                    ' "options": {"logger_min_status": 1}, "file_paths": {"etc": ["/etc/%%"]}}',
}


def write_folder(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_a_fleet_lives_in_a_folder(osprey_server, tmp_path):
    ctl = Ctl(osprey_server, tmp_path)
    ctl.sign_in("--authority", osprey_server.authority)
    osprey_server.enroll("host-1")
    folder = write_folder(tmp_path / "fleet", FOLDER)
    assert "+  interval: 3600" in ctl("diff", folder, status=1).stdout
    tried = {change["name"]: change["effect"] for change in ctl.json("apply", folder, "--dry-run")}
    assert tried["os"].startswith("1 hosts") and tried["prod"].startswith("1 of 1 hosts")
    assert ctl.json("queries", "list") == []
    assert [change["kind"] for change in ctl.json("apply", folder)][0] == "tag"
    assert ctl("diff", folder).stdout == ""
    assert ctl.json("apply", folder) == []  # once is enough
    pulled = tmp_path / "pulled"
    ctl("pull", pulled)
    assert (pulled / "queries/ports.yaml").read_text().count("\n    FROM listening_ports\n") == 1
    assert ctl("diff", pulled).stdout == "" and ctl("pull", pulled).stderr.startswith("0 written")

    # What changed on the server is pulled; what the folder lacks is removed where that is said.
    (pulled / "queries/os.yaml").unlink()
    assert "left alone" in ctl("diff", pulled).stderr
    assert "query os" in ctl("diff", pulled, "--prune", status=1).stdout
    assert "--yes" in ctl("apply", pulled, "--prune", status=1).stderr
    ctl("apply", pulled, "--prune", "--yes")
    assert "os" not in [item["name"] for item in ctl.json("queries", "list")]
    ctl("queries", "save", "ports", "-f", "-", input='{"query": "SELECT 1", "interval": 5}')
    ctl("pull", pulled)
    assert "SELECT 1" in (pulled / "queries/ports.yaml").read_text() and ctl("diff", pulled).stdout == ""


def test_faults_of_a_folder_are_told_with_file_line_and_the_nearest_word(shared, ctl, tmp_path):
    folder = write_folder(tmp_path / "bad", {"a.yaml": "kind: query\nname: x\nintervall: 5\ncontnt: {}\n---\nkind: qury\n",
                                             "b.json": '{"kind": "tag",\n "name": 5}', "c.yaml": "a: [\n"})
    errors = ctl("diff", folder, status=2).stderr
    assert 'a.yaml:4: there is no member "contnt"; "content" is near' in errors
    assert 'a.yaml:6: there is no kind "qury"; "query" is near' in errors
    assert "b.json:2: name: a text is wanted" in errors and "c.yaml:" in errors


def test_one_fault_does_not_keep_the_rest(shared, ctl, tmp_path):
    folder = write_folder(tmp_path / "half", {
        "a.yaml": "kind: query\nname: wrong\ncontent: {query: SELECT * FROM proceses, interval: 5}\n",
        "b.yaml": "kind: query\nname: right\ncontent: {query: SELECT * FROM processes, interval: 5}\n"})
    done = ctl("apply", folder, status=1)
    assert "a.yaml:1: query wrong:" in done.stderr and "right" in done.stdout
    assert "right" in [item["name"] for item in ctl.json("queries", "list")]


def test_srv_05_everything_can_be_exported(osprey_server, tmp_path):
    ctl = Ctl(osprey_server, tmp_path)
    ctl.sign_in("--authority", osprey_server.authority)
    with Host(osprey_server, "exported", [{"a": "1"}]) as host:
        ctl("live", "SELECT 1 AS a", "--all")
    osprey_server.agent("log", {"node_key": host.key, "log_type": "result", "data": [
        {"name": "q", "hostIdentifier": "exported", "calendarTime": "x", "unixTime": 1, "epoch": 0, "counter": 0,
         "columns": {"c": "v"}, "action": "added"}]})
    ctl("queries", "save", "up", "-f", "-", input='{"query": "SELECT 1", "interval": 5}')
    osprey_server.wait_for(lambda: ctl.json("results", "search"), what="the line")
    ctl("export", tmp_path / "out")
    out = {file.stem: [json.loads(line) for line in file.read_text().splitlines()]
           for file in (tmp_path / "out").glob("*.jsonl")}
    assert out["hosts"][0]["host"]["name"] == "exported"
    assert out["items"][0]["versions"][0]["content"]["query"] == "SELECT 1"
    assert out["live"][1]["answer"]["rows"] == [{"a": "1"}]
    assert out["results"][0]["columns"] == {"c": "v"}
    assert {"token.created", "query.saved"} <= {entry["verb"] for entry in out["activity"]}
    assert set(out) >= {"tags", "carves", "status", "secrets", "administrators", "tokens"}
    assert (tmp_path / "out" / "secrets.jsonl").stat().st_mode & 0o777 == 0o600


def test_secrets_users_and_tokens(shared, ctl):
    ctl("tags", "create", "laptops")
    ctl("secrets", "create", "for-laptops", "--tag", "laptops", "--expire", "30d", "--uses", 5)
    text = ctl("secrets", "line", "for-laptops", "--secret").stdout.strip()
    assert text in ctl("secrets", "line", "for-laptops").stdout
    assert "--tls_hostname=" in ctl("secrets", "line", "for-laptops", "--flags").stdout
    shared.enroll("laptop-1", secret=text)
    assert [host["name"] for host in ctl.json("hosts", "list", "--tag", "laptops")] == ["laptop-1"]
    ctl("secrets", "revoke", "for-laptops")
    refused = shared.agent("enroll", {"enroll_secret": text, "host_identifier": "laptop-2"})
    assert "node_key" not in refused
    shared.wait_for(lambda: ctl.json("secrets", "failures"), what="the failure")

    password = ctl("users", "create", "anna", "--role", "view").stdout.strip()
    assert len(password) > 10
    ctl("users", "edit", "anna", "--role", "run_live")
    assert {"anna": "run_live"}.items() <= {u["name"]: u["role"] for u in ctl.json("users", "list")}.items()
    assert ctl("users", "reset", "anna").stdout.strip() != password
    ctl("users", "remove", "anna", "--yes")
    assert any(token["name"].startswith("ospreyctl") for token in ctl.json("tokens", "list"))
    assert any(entry["verb"] == "administrator.removed" for entry in ctl.json("activity", "list"))


def test_every_path_is_one_of_the_api():
    paths = [path.split("/")[3:] for path in json.loads((PROJECT / "docs/reference/openapi.json").read_text())["paths"]]
    asked = []
    for file in sorted((PROJECT / "src" / "ctl").rglob("*.cpp")):
        for words in re.findall(r"(?:path_of|list|each|pages)\((?:file, )?\{([^{}]*)\}", file.read_text()):
            while "(" in words:
                words = re.sub(r"\([^()]*\)", "", words)
            asked.append([word.strip() for word in words.split(",")])
    assert len(asked) > 50

    def fits(words, path):  # what is not in quotes may be any word, name or number
        return len(words) == len(path) and all(word == f'"{segment}"' or word[0] != '"'
                                               for word, segment in zip(words, path))

    assert [words for words in asked if not any(fits(words, path) for path in paths)] == []


def post_as_session(server, session, method, path, body):
    answer = server.request(method, path, body, {"anonymous": "yes", **session})
    assert answer.status in (200, 204), answer.body
    if "Set-Cookie" in answer.headers:
        session["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
    return answer.json() if answer.body else {}


def code_of(key, step):
    """RFC 6238."""
    secret = base64.b32decode(key.upper() + "=" * (-len(key) % 8))
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"


def test_a_first_password_is_changed_and_one_time_codes_are_asked_for(shared, ctl, tmp_path):
    first = ctl("users", "create", "vera", "--role", "view").stdout.strip()
    home = tmp_path / "vera"
    home.mkdir()
    vera = Ctl(shared, home)
    to = ("login", shared.url, "--authority", str(shared.authority))
    password = "a longer one that nobody guesses"
    shown, status = on_a_terminal(vera, *to, answers=[("user:", "vera"), ("password:", first), ("new password:", password),
                                                      ("the same again:", password)])
    assert status == 0 and b"as vera" in shown and password.encode() not in shown and first.encode() not in shown

    session = {}
    session["X-CSRF-Token"] = post_as_session(shared, session, "POST", "/api/v1/sign_in",
                                              {"name": "vera", "password": password})["csrf_token"]
    key = post_as_session(shared, session, "POST", "/api/v1/me/totp", {"password": password})["key"]
    step = int(time.time()) // 30
    recovery = post_as_session(shared, session, "PUT", "/api/v1/me/totp", {"code": code_of(key, step)})["recovery_codes"]

    by_file = (*to, "--user", "vera", "--password-file", "-")
    assert "nobody can be asked" in vera(*by_file, input=password, status=1).stderr
    refused = vera(*by_file, "--code", code_of(key, step), input=password, status=1).stderr  # a code counts once
    assert "ospreyctl: " in refused and code_of(key, step) not in refused
    vera(*by_file, "--code", code_of(key, step + 1), input=password)
    file = home / "password"
    file.write_text(password + "\n")
    shown, status = on_a_terminal(vera, *to, "--user", "vera", "--password-file", str(file),
                                  answers=[("code of the authenticator:", recovery[0])])
    assert status == 0 and b"as vera" in shown
    assert vera.json("whoami") | {"token_expires": ""} == {"server": shared.url, "user": "vera", "permission": "view",
                                                          "totp": True, "token_expires": ""}


def test_the_question_of_trust_names_what_tells_the_fingerprint(shared, tmp_path):
    ctl = Ctl(shared, tmp_path)
    shown, status = on_a_terminal(ctl, "login", shared.url, "--user", "admin", answers=[("[y/N]", "n")])
    assert status == 1 and b"secrets line" in shown and b"not trusted" in shown
    told = re.search(rb"SHA-256 ([0-9A-F:]{95})", shown)[1].decode()
    ctl.sign_in("--authority", shared.authority)
    assert ctl("secrets", "line", "--fingerprint").stdout.strip() == told


def test_one_time_codes_are_turned_on_and_off(shared, ctl, tmp_path):
    """SRV-15: TOTP. The key reaches the terminal only, recovery codes standard output, neither a list of processes."""
    first = ctl("users", "create", "tom", "--role", "view").stdout.strip()
    home = tmp_path / "tom"
    home.mkdir()
    tom = Ctl(shared, home)
    password = "a longer one that nobody guesses"
    to = ("login", shared.url, "--authority", str(shared.authority), "--user", "tom")
    assert on_a_terminal(tom, *to, answers=[("password:", first), ("new password:", password),
                                            ("the same again:", password)])[1] == 0
    (home / "password").write_text(password + "\n")
    by_file = ("--password-file", str(home / "password"))
    assert "off already" in tom("totp", "off", *by_file).stderr
    assert "there is no terminal" in tom("totp", "on", *by_file, status=1).stderr
    assert tom.json("whoami")["totp"] is False

    def code(shown):
        """Of the key that the terminal shows."""
        key = re.search(rb"key +([A-Za-z2-7]{32})\r?\n", shown)
        return code_of(key[1].decode(), int(time.time()) // 30)

    wrong = ("authenticator shows now:", "000000")
    shown, status = on_a_terminal(tom, "totp", "on", *by_file, answers=[wrong] * 3)
    assert status == 1 and b"not the one of this moment" in shown and b"not turned on" in shown
    shown, status = on_a_terminal(tom, "totp", "on", answers=[("password:", password), wrong, (wrong[0], code)])
    assert status == 0 and b"otpauth://totp/osprey:tom?secret=" in shown and password.encode() not in shown
    recovery = re.findall(rb"^(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\r?$", shown, re.MULTILINE)
    assert len(recovery) == 10
    assert tom.json("whoami")["totp"] is True, "the token counts as before"
    assert "ospreyctl totp off" in tom("totp", "on", status=1).stderr

    wants = ("code of the authenticator:", recovery[0].decode().strip())
    assert on_a_terminal(tom, *to, *by_file, answers=[wants])[1] == 0
    shown, status = on_a_terminal(tom, "totp", "off", *by_file, answers=[wants])
    assert status == 1, "each counts once"
    shown, status = on_a_terminal(tom, "totp", "off", *by_file, answers=[(wants[0], recovery[1].decode().strip())])
    assert status == 0 and b"one-time codes are off" in shown
    tom(*to, *by_file)
    assert [entry["verb"] for entry in ctl.json("activity", "list")
            if entry["name"] == "tom" and entry["verb"].startswith("totp")] == ["totp.turned_off", "totp.turned_on"]


def test_troubles_are_told_with_what_to_do(shared, ctl, tmp_path):
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=another authority", "-keyout", "/dev/null", "-out", other], check=True, capture_output=True)
    errors = ctl("hosts", "list", "--authority", other, status=1).stderr
    assert "certificate" in errors and str(other) in errors and shared.url in errors
    assert "missing.pem" in ctl("hosts", "list", "--authority", tmp_path / "missing.pem", status=1).stderr

    away = {"OSPREY_SERVER": f"https://127.0.0.1:{free_port()}", "OSPREY_TOKEN": "osprey_x"}
    for words in (["hosts", "list"], ["live", "list"], ["results", "export"]):
        errors = ctl(*words, environment=away, status=1).stderr
        assert away["OSPREY_SERVER"] in errors and "onnect" in errors, errors

    home = tmp_path / "viewer"
    home.mkdir()
    viewer = Ctl(shared, home)
    viewer.sign_in("--authority", shared.authority, "--scope", "view")
    shared.enroll("looked-at")
    assert viewer.json("hosts", "list", "looked-at")
    for words in (["live", "SELECT 1", "--host", "looked-at"], ["carves", "request", "/etc/hosts", "--host", "looked-at"],
                  ["live", "again", "1"]):
        assert 'needs the permission "run_live", you have "view"' in viewer(*words, status=1).stderr
    viewer.sign_in("--authority", shared.authority, "--expire", "1s")
    time.sleep(1.1)
    assert "sign in: ospreyctl login" in viewer("whoami", status=1).stderr


def test_results_are_exported_in_every_format(shared, ctl):
    key = shared.enroll("logs")
    shared.agent("log", {"node_key": key, "log_type": "result", "data": [
        {"name": "exported", "hostIdentifier": "logs", "calendarTime": "x", "unixTime": 1, "epoch": 0, "counter": 0,
         "columns": {"c": value}, "action": "added"} for value in ("one", 'two, "quoted"')]})
    words = ("results", "export", "--query", "exported", "--host", "logs")
    lines = shared.wait_for(lambda: ctl(*words).stdout.splitlines(), what="the lines")
    assert [json.loads(line)["columns"]["c"] for line in lines] == ['two, "quoted"', "one"]
    assert ctl.json(*words) == [json.loads(line) for line in lines]
    table = list(csv.DictReader(io.StringIO(ctl(*words, "--format", "csv").stdout)))
    assert [(row["host_name"], row["c"]) for row in table] == [("logs", 'two, "quoted"'), ("logs", "one")]
    assert ctl.json(*words, "--value", "c=three") == []
    assert "COLUMN=VALUE" in ctl(*words, "--value", "c", status=1).stderr


def test_carves_are_asked_for_awaited_downloaded_and_checked(shared, ctl):
    content = bytes(range(256)) * 40
    blocks = [content[:8192], content[8192:]]
    with Host(shared, "carved", [{"status": "SCHEDULED"}]) as host:
        asked = ctl("carves", "request", "/etc/ssh/%", "--host", "carved").stderr
        number = asked.split("live query ")[1].split(";")[0]
        assert ctl.json("live", "list")[0]["sql"] == "SELECT * FROM carves WHERE carve = 1 AND (path LIKE '/etc/ssh/%')"
        ctl("live", "watch", number)
    begun = shared.agent("carve/begin", {"node_key": host.key, "block_count": 2, "block_size": 8192,
                                         "carve_size": len(content), "carve_id": "c-1", "request_id": f"live:{number}"})

    def send(block):
        shared.agent("carve/block", {"node_key": host.key, "session_id": begun["session_id"], "request_id": f"live:{number}",
                                     "block_id": block, "data": base64.b64encode(blocks[block]).decode()})

    send(0)
    [carve] = ctl.json("carves", "list", "--host", "carved")
    assert (carve["state"], carve["blocks_received"], carve["request_id"]) == ("receiving", 1, f"live:{number}")
    to = ctl.home / "carve.tar"
    assert "not complete" in ctl("carves", "download", carve["id"], "-o", to, status=1).stderr
    send(1)
    [carve] = ctl.json("carves", "list", "--host", "carved")
    assert carve["state"] == "complete" and carve["sha256"] == hashlib.sha256(content).hexdigest()
    assert carve["sha256"] in ctl("carves", "download", carve["id"], "-o", to).stderr
    assert to.read_bytes() == content and to.stat().st_mode & 0o777 == 0o600

    # What is not what the host sent is not kept.
    with sqlite3.connect(shared.folder / "osprey.db") as database:
        database.execute("UPDATE carves SET sha256 = ? WHERE id = ?", ("00" * 32, carve["id"]))
    to.unlink()
    assert "checksum" in ctl("carves", "download", carve["id"], "-o", to, status=1).stderr
    assert not list(ctl.home.glob("carve.tar*"))
    ctl("carves", "remove", carve["id"], "--yes")
    assert ctl.json("carves", "list", "--host", "carved") == []


def test_completion_names_commands_and_options(ctl):
    script = ctl("completion", "bash").stdout
    said = subprocess.run(["bash", "-c", script + '\nCOMP_WORDS=(ospreyctl hosts li); COMP_CWORD=2; _ospreyctl; '
                           'echo "${COMPREPLY[@]}"; COMP_WORDS=(ospreyctl live --pl); _ospreyctl; echo "${COMPREPLY[@]}"'],
                          capture_output=True, text=True, timeout=20)
    assert said.stdout.split() == ["list", "--platform"] and said.stderr == ""
