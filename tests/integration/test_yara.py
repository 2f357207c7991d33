"""yara_file, yara_process and yara_rule_sets: rows, and what is said where something is missing (SEC-07, LIM-16)."""
import functools
import http.server
import json
import os
import subprocess
import threading
import time

import pytest

RULE = 'rule mark : tag { strings: $a = "MARK" condition: $a }'


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "one").write_text("..MARK")
    (tmp_path / "two").write_text("nothing")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "mark.yar").write_text(RULE)
    (rules / "bad.yar").write_text("rule bad { condition: nonsense }")
    return tmp_path


def config(tree, **yara):
    path = tree / "rules" / "osprey.conf"
    path.write_text(json.dumps({"yara": yara}))
    return f"--config_path={path}"


def ask(osprey, sql, *flags):
    done = osprey.run("--json", *flags, sql)
    return json.loads(done.stdout), done.stderr


def test_files(osprey, tree):
    rows = osprey.query(f"SELECT *, skipped, scan_seconds FROM yara WHERE path LIKE '{tree}/%' "
                        f"AND sigfile = '{tree}/rules/mark.yar'")
    assert [(os.path.basename(row["path"]), row["matches"], row["count"], row["strings"], row["tags"], row["skipped"])
            for row in rows] == [("one", "mark", "1", "$a:2", "tag", ""), ("two", "", "0", "", "", "")]
    assert all(float(row["scan_seconds"]) > 0 for row in rows)


def test_files_that_are_too_large_are_not_scanned(osprey, tree):
    rows, said = ask(osprey, f"SELECT count, skipped FROM yara_file WHERE path = '{tree}/one' AND sigfile = "
                     f"'{tree}/rules/mark.yar'", "--read_max=3")
    assert rows == [{"count": "", "skipped": "6 bytes are more than --read_max, 3"}]
    assert "more than --read_max" in said


def test_what_is_missing_is_named(osprey, tree):
    for sql, words in ((f"SELECT * FROM yara_file WHERE path = '{tree}/one'",
                        "table yara_file needs rules: a constraint by = or IN on sig_group, sigfile, sigrule or sigurl"),
                       ("SELECT * FROM yara_file WHERE sigfile = 'a'", "table yara_file needs a constraint on path"),
                       ("SELECT * FROM yara_process WHERE pid = 1", "table yara_process needs rules"),
                       ("SELECT * FROM yara_process", "table yara_process needs a constraint on pid")):
        done = osprey.run("--json", sql)
        assert done.returncode == 19
        assert words in done.stderr and "for example: SELECT" in done.stderr


def test_what_is_wrong_with_rules_is_told(osprey, tree):
    one = f"SELECT matches FROM yara_file WHERE path = '{tree}/one' AND "
    groups = config(tree, signatures={"g": [f"{tree}/rules/bad.yar", f"{tree}/rules/mark.yar"]},
                    file_paths={"etc": ["other"]})
    for condition, words in (("sig_group = 'x'", "yara.signatures of the configuration has only g"),
                             ("sigfile = 'none.yar'", "/etc/osprey/yara/none.yar: No such file or directory"),
                             ("sigrule = 'rule a {'", "syntax error"),
                             ("sigrule = 'include \"/etc/passwd\"'", "cannot include others"),
                             ("sigurl = 'http://127.0.0.1/a'", "is not allowed by the configuration"),
                             ("sigurl = 'file:///etc/passwd'", "is no http or https URL")):
        rows, said = ask(osprey, one + condition, groups)
        assert rows == [] and words in said
    rows, said = ask(osprey, one + "sig_group = 'g'", groups)
    assert rows == [{"matches": "mark"}]
    assert 'bad.yar: line 1: undefined identifier "nonsense"' in said
    assert "yara.file_paths.etc: names the group other, which yara.signatures has not" in said


def test_rule_sets(osprey, tree):
    groups = config(tree, signatures={"g": [f"{tree}/rules/bad.yar", f"{tree}/rules/mark.yar"]})
    rows, _ = ask(osprey, "SELECT name, source, rules, compiled, error <> '' AS wrong FROM yara_rule_sets", groups)
    assert rows == [{"name": "g", "source": "group", "rules": "1", "compiled": "1", "wrong": "1"}]


def test_strings_of_inline_rules_are_told_with_the_flag_only(osprey, tree):
    sql = f"SELECT matches, strings FROM yara_file WHERE path = '{tree}/one' AND sigrule = '{RULE}'"
    assert ask(osprey, sql)[0] == [{"matches": "mark", "strings": ""}]
    assert ask(osprey, sql, "--enable_yara_string")[0] == [{"matches": "mark", "strings": "$a:2"}]


def test_rules_of_a_url(osprey, tree):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/rules/away.yar":
                return super().do_GET()
            self.send_response(302)
            self.send_header("Location", "/rules/mark.yar")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tree)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        allowed = config(tree, signature_urls=[url + "/rules/[a-z]+[.]yar"])
        sql = f"SELECT matches FROM yara_file WHERE path = '{tree}/one' AND sigurl = '{url}"
        assert ask(osprey, sql + "/rules/mark.yar'", allowed)[0] == [{"matches": "mark"}]
        for path, words in (("/rules/none.yar", "answers with HTTP status 404"),
                            ("/rules/away.yar", "answers with HTTP status 302"),
                            ("/one", "is not allowed"), ("/rules/../rules/mark.yar", "may lead elsewhere")):
            rows, said = ask(osprey, sql + path + "'", allowed)
            assert rows == [] and words in said
        server.shutdown()


def test_processes(osprey):
    secret = "in-" + "memory-only"
    with subprocess.Popen(["python3", "-c", "import sys; a = sys.stdin.readline()[::-1]; print('ok', flush=True); "
                           "sys.stdin.readline()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(secret[::-1] + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ok\n"
        rows = osprey.query(f"SELECT pid, matches, count, skipped FROM yara_process WHERE pid = {process.pid} AND sigrule "
                            f"= 'rule secret {{ strings: $a = \"{secret}\" condition: $a }}'")
        assert rows == [{"pid": str(process.pid), "matches": "secret", "count": "1", "skipped": ""}]
        process.stdin.write("\n")
    assert osprey.query(f"SELECT pid FROM yara_process WHERE pid = {process.pid} AND sigrule = '{RULE}'") == []


def test_the_cache_of_rules_is_a_limit(make_agent, tree):
    """LIM-16: rules that were compiled for a query are told with what they take."""
    agent = make_agent()
    agent.configure({"schedule": {
        "scan": {"query": f"SELECT matches FROM yara WHERE path = '{tree}/one' AND sigfile = '{tree}/rules/mark.yar'", "interval": 1},
        "limits": {"query": "SELECT * FROM osprey_limits WHERE name = 'yara_rules'", "interval": 1, "snapshot": True}}})
    agent.start()
    limit, = agent.wait_for(lambda: [row for row in agent.last_snapshot("limits") if int(row["used"]) > 0])
    assert (limit["scope"], limit["kind"], limit["enforced_by"], limit["unit"]) == ("agent", "soft", "rule cache", "bytes")
    assert 0 < int(limit["used"]) < int(limit["limit_value"])
    assert limit["struck"] == "0"
    assert agent.stop() == 0


def test_files_that_change(tmp_path, osprey):
    """EVT-46, SEC-08, SEC-09: the agent scans what the file events name."""
    for folder in ("watched", "log", "etc"):
        (tmp_path / folder).mkdir()
    (tmp_path / "etc" / "mark.yar").write_text(RULE)
    (tmp_path / "etc" / "osprey.conf").write_text(json.dumps({
        "schedule": {"y": {"query": "SELECT target_path, action, matches, strings FROM yara_events", "interval": 1}},
        "file_paths": {"w": [f"{tmp_path}/watched/%%"]},
        "yara": {"signatures": {"g": [f"{tmp_path}/etc/mark.yar"]}, "file_paths": {"w": ["g"]}}}))
    log = tmp_path / "log" / "ospreyd.results.log"
    agent = subprocess.Popen([os.path.join(os.path.dirname(osprey.path), "ospreyd"), "--disable_watchdog",
                              f"--config_path={tmp_path}/etc/osprey.conf", f"--database_path={tmp_path}/db",
                              f"--logger_path={tmp_path}/log", f"--pidfile={tmp_path}/pid"],
                             stderr=subprocess.DEVNULL)
    try:
        for i in range(60):
            (tmp_path / "watched" / f"one{i}").write_text("..MARK")  # until somebody watches
            (tmp_path / "watched" / f"two{i}").write_text("nothing")
            if log.exists() and log.read_text():
                break
            time.sleep(0.5)
    finally:
        agent.terminate()
        agent.wait(20)
    rows = [json.loads(line)["columns"] for line in log.read_text().splitlines()]
    assert rows and all(row["matches"] == "mark" and row["strings"] == "$a:2" for row in rows)
    assert all(os.path.basename(row["target_path"]).startswith("one") for row in rows)
