"""prometheus_metrics against exporters of our own on loopback."""

import http.server
import json
import socket
import threading
import time

import pytest

METRICS = """# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3
a_metric_with{label="blanks and \\"quotes\\" }"} 12.47
infinite +Inf
none NaN
"""


class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        body = {"/metrics": METRICS, "/html": "<html>\nno metric\n</html>\nup 1\n"}.get(self.path, "")
        if self.path == "/large":
            body = "up 1\n" * (4 << 20)
        self.send_response(200 if self.path != "/error" else 503)
        self.end_headers()
        try:
            self.wfile.write(body.encode())
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def exporter():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(osprey, tmp_path):
    def ask(urls, sql="SELECT * FROM prometheus_metrics", **more):
        path = tmp_path / "osprey.conf"
        path.write_text(json.dumps({"prometheus_targets": {"urls": urls, **more}}))
        done = osprey.run("--json", "--config_path", str(path), sql)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    return ask


def test_metrics(ask, exporter):
    before = time.time() * 1000
    rows, errors = ask([f"{exporter}/metrics"])
    assert errors == ""
    assert {row["target_name"] for row in rows} == {f"{exporter}/metrics"}
    assert [(row["metric_name"], row["metric_value"]) for row in rows] == [
        ('http_requests_total{method="post",code="200"}', "1027.0"),
        ('http_requests_total{method="post",code="400"}', "3.0"),
        ('a_metric_with{label="blanks and \\"quotes\\" }"}', "12.47"),
        ("infinite", "Inf"),
        ("none", ""),
    ]
    assert rows[0]["timestamp_ms"] == "1395066363000"
    assert before - 1000 < int(rows[1]["timestamp_ms"]) < time.time() * 1000 + 1000


def test_targets_that_fail_are_warnings(ask, exporter):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{closed.getsockname()[1]}/metrics"
    urls = [down, f"{exporter}/error", f"{exporter}/slow", f"{exporter}/large", f"{exporter}/html", "file:///etc/passwd"]
    rows, errors = ask(urls, timeout=0.5)
    assert [(row["target_name"], row["metric_name"]) for row in rows] == [(f"{exporter}/html", "up")]
    for url, words in zip(urls, ["connect", "HTTP status 503", "timed out", "", "3 lines could not be parsed", "file"]):
        assert any(url in line and words.lower() in line.lower() for line in errors.splitlines()), (url, errors)


def test_only_the_asked_target_is_asked(ask, exporter):
    rows, errors = ask([f"{exporter}/error", f"{exporter}/metrics"],
                       f"SELECT count(*) AS n FROM prometheus_metrics WHERE target_name = '{exporter}/metrics'")
    assert rows == [{"n": "5"}] and errors == ""


def test_without_targets(osprey):
    assert osprey.query("SELECT * FROM prometheus_metrics") == []
