"""The module http_client (src/net/http_client.h) against servers that behave and servers that do not, over real TLS.
CFG-15, DST-02; the issue's "Bad input and hostile clients" as far as a client meets them."""

import gzip
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from sinks import PROJECT, make_authority, make_certificate, silent_peer
from tls_server import Reply, TlsServer

DRIVER = pathlib.Path(os.environ.get("OSPREY_TEST_PROGRAMS", PROJECT / "build" / "test")) / "http_driver"


class Client:
    """build/test/http_driver at work."""

    def __init__(self, server, origin=None, env=None, within=(), **options):
        options = {"origin": origin or f"https://localhost:{server.port}", "authorities": str(server.authority), **options}
        self.process = subprocess.Popen([*within, DRIVER, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=env)

    def send(self, target="/config", **request):
        self.process.stdin.write(json.dumps({"target": target, "body": "{}", **request}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def refusal(self):
        """Why it did not even open."""
        return json.loads(self.process.stdout.readline())["error"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path):
    with TlsServer(tmp_path) as made:
        made.always("/config", Reply({"a": 1}))
        yield made


def test_one_connection_for_all_requests(server):
    with Client(server, user_agent="osprey/test") as client:
        for _ in range(20):
            answer = client.send(headers={"Authorization": "NodeKey k"})
            assert (answer["status"], answer["body"], answer["headers"]["content-length"]) == (200, '{"a": 1}', "8")
    assert server.connections == 1
    request = server.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/config", b"{}")
    assert request.header("Authorization") == "NodeKey k"
    assert request.header("User-Agent") == "osprey/test"
    assert request.header("Expect") is None


def test_a_connection_each_where_they_are_not_kept(server):
    with Client(server, keep_alive=False) as client:
        for _ in range(3):
            assert client.send()["status"] == 200
    assert server.connections == 3
    assert server.most_connections == 1


def test_a_connection_that_is_too_old_is_made_anew(server):
    with Client(server, connection_age=1) as client:
        client.send()
        time.sleep(2.1)
        client.send()
        client.send()
    assert server.connections == 2


def test_get_and_other_methods(server):
    with Client(server) as client:
        assert client.send("/config?a=b%20c&d", method="GET")["status"] == 200
        assert client.send(method="PUT", body="x")["status"] == 200
        assert client.send()["status"] == 200
    assert [(r.method, r.target, r.body) for r in server.requests] == [
        ("GET", "/config?a=b%20c&d", b""), ("PUT", "/config", b"x"), ("POST", "/config", b"{}")]


def test_every_status_is_an_answer(server):
    server.script("/config", Reply("", status=500), Reply("<html>", status=503), Reply({"error": "no"}, status=401))
    with Client(server) as client:
        assert [client.send()["status"] for _ in range(3)] == [500, 503, 401]


# --- who the server is


def test_an_authority_that_did_not_vouch(server, tmp_path):
    make_authority(tmp_path, "other")
    with Client(server, authorities=str(tmp_path / "other.pem")) as client:
        error = client.send()["error"]
    assert "certificate" in error and str(tmp_path / "other.pem") in error
    assert server.requests == []


def test_the_systems_authorities_do_not_hold_beside_the_pinned(server, tmp_path):
    """In a mount namespace where the server's authority is the system's only one."""
    make_authority(tmp_path, "other")
    system = tmp_path / "system"
    system.mkdir()
    (system / "ca-certificates.crt").write_text(server.authority.read_text())
    subprocess.run(["openssl", "rehash", system], check=True, capture_output=True)
    inside = ["unshare", "-rm", "sh", "-c", f'mount --bind {system} /etc/ssl/certs && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    with Client(server, authorities="", within=inside) as client:
        assert client.send()["status"] == 200
    with Client(server, authorities=str(tmp_path / "other.pem"), within=inside) as client:
        assert "certificate" in client.send()["error"]


def test_another_hosts_certificate(tmp_path):
    with TlsServer(tmp_path, names="DNS:other.test") as server, Client(server) as client:
        error = client.send()["error"]
        assert "localhost" in error
        assert server.requests == []


def test_an_expired_certificate(tmp_path):
    make_authority(tmp_path, "authority")
    make_certificate(tmp_path, "server", "authority", "DNS:localhost")
    subprocess.run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                    "-days", "-1", "-extfile", "server.ext", "-out", "server.pem"], cwd=tmp_path, check=True,
                   capture_output=True)
    with TlsServer(tmp_path) as server, Client(server) as client:
        assert "expired" in client.send()["error"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_below_1_2_is_refused(tmp_path):
    with TlsServer(tmp_path) as server:
        context = server._listener.context
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with Client(server) as client:
            assert "error" in client.send()
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_2
        with Client(server) as client:
            assert client.send("/nowhere")["status"] == 404


def test_client_certificates(tmp_path):
    with TlsServer(tmp_path, client_certificates=True) as server:
        make_certificate(tmp_path, "client", "authority", "DNS:client")
        with Client(server, certificate=str(tmp_path / "client.pem"), key=str(tmp_path / "client.key")) as client:
            assert client.send("/nowhere")["status"] == 404
        with Client(server) as client:
            assert "error" in client.send("/nowhere")
        with Client(server, certificate=str(tmp_path / "client.pem"), key=str(tmp_path / "server.key")) as client:
            assert "client.pem" in client.send("/nowhere")["error"]
        assert len(server.requests) == 1


def test_files_that_cannot_be_read(server, tmp_path):
    for option in "authorities", "certificate", "key":
        with Client(server, **{option: str(tmp_path / "absent.pem")}) as client:
            assert "absent.pem: No such file" in client.refusal()


def test_plain_http_is_for_loopback_only(tmp_path):
    with TlsServer(tmp_path, plain=True) as server:
        for host in "127.0.0.1", "localhost":
            with Client(server, origin=f"http://{host}:{server.port}", authorities="") as client:
                assert client.send("/nowhere")["status"] == 404
        for origin in ("http://192.0.2.1", "http://127.0.0.1.example.test", "http://localhost.example.test", "ftp://localhost",
                       "http://127.0.0.1@192.0.2.1", "https://user@localhost", "https://localhost/path", "https://", "::"):
            with Client(server, origin=origin, authorities="") as client:
                assert client.refusal(), origin


# --- redirects


def test_redirects_keep_method_and_body(server):
    server.always("/moved", Reply({"b": 2}))
    for status in 301, 302, 303, 307, 308:
        server.script("/config", Reply("", status=status, headers={"Location": "/moved"}))
        with Client(server) as client:
            assert client.send(body='{"node_key":"k"}')["body"] == '{"b": 2}'
        assert (server.requests[-1].method, server.requests[-1].body) == ("POST", b'{"node_key":"k"}')


def test_redirects_end(server):
    server.always("/config", Reply("", status=302, headers={"Location": "/config"}))
    with Client(server) as client:
        assert "redirects more than 10 times" in client.send()["error"]
    assert len(server.requests) == 11


def test_no_secret_goes_to_another_origin(server, tmp_path):
    with TlsServer(tmp_path / "..", plain=True) as other:
        for there in (f"http://localhost:{other.port}/x", f"https://localhost:{other.port}/x", f"//127.0.0.1:{server.port}/x",
                      f"http://localhost:{server.port}/x", "file:///etc/passwd", f"https://user:pw@127.0.0.1:{server.port}/x"):
            server.script("/config", Reply("", status=307, headers={"Location": there}))
            with Client(server) as client:
                assert "not followed" in client.send(headers={"Authorization": "NodeKey k"})["error"], there
        assert other.requests == []
    assert {request.path for request in server.requests} == {"/config"}


# --- bodies


def test_gzip_only_where_it_was_asked_for(server):
    server.always("/config", Reply({"a": "b" * 1000}, packed=True))
    with Client(server, accept_gzip=True) as client:
        assert json.loads(client.send()["body"]) == {"a": "b" * 1000}
    assert server.requests[-1].header("Accept-Encoding") == "gzip"
    server.always("/config", Reply({"a": 1}))
    with Client(server) as client:
        client.send()
    assert server.requests[-1].header("Accept-Encoding") is None


def test_a_gzip_bomb(server):
    server.always("/config", Reply(gzip.compress(bytes(100 << 20)), headers={"Content-Encoding": "gzip"}))
    with Client(server, accept_gzip=True, body_cap=1 << 20) as client:
        assert "larger than 1048576 bytes" in client.send()["error"]
        assert peak_memory(client) < 64 << 20


def test_broken_gzip(server):
    server.script("/config", Reply(b"\x1f\x8b\x08garbage", headers={"Content-Encoding": "gzip"}))
    with Client(server, accept_gzip=True) as client:
        assert "error" in client.send()
        assert client.send()["status"] == 200


def test_a_hundred_megabytes(server):
    server.script("/config", Reply(bytes(100 << 20)))
    with Client(server, body_cap=1 << 20) as client:
        assert "larger than 1048576 bytes" in client.send()["error"]
        assert client.send()["status"] == 200
        assert peak_memory(client) < 64 << 20


def test_endless_headers(server):
    server.script("/config", Reply({}, headers={f"X-{i}": "y" * 1000 for i in range(90)}))
    with Client(server) as client:
        assert "error" in client.send()
        assert client.send()["status"] == 200


def test_a_cut_body(server):
    server.script("/config", Reply({"a": 1}, cut=10))
    with Client(server) as client:
        assert "error" in client.send()
        assert client.send()["status"] == 200


def peak_memory(client):
    status = pathlib.Path(f"/proc/{client.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


# --- servers that are gone or slow


def test_one_silent_reconnect(server):
    server.script("/config", Reply(close=True), {"b": 2})
    with Client(server) as client:
        assert client.send()["body"] == '{"b": 2}'
        server.close_connections()
        assert client.send()["body"] == '{"a": 1}'
    server.script("/config", Reply(close=True), Reply(close=True))
    with Client(server) as client:
        assert "error" in client.send()
        assert client.send()["body"] == '{"a": 1}'


def test_a_server_that_is_down_and_comes_back(server):
    with Client(server) as client:
        assert client.send()["status"] == 200
        server.stop()
        assert "onnect" in client.send()["error"]
        server.start()
        assert client.send()["status"] == 200


def test_a_slow_server(server):
    server.script("/config", Reply({}, delay=5))
    with Client(server) as client:
        begin = time.monotonic()
        assert "timed out" in client.send(timeout_ms=400)["error"]
        assert time.monotonic() - begin < 4
        assert client.send()["body"] == '{"a": 1}'


def test_a_handshake_that_never_ends(server):
    with silent_peer() as port, Client(server, origin=f"https://localhost:{port}") as client:
        assert "error" in client.send(timeout_ms=400)


def test_interrupted(server):
    server.script("/config", Reply({}, delay=10))
    with Client(server) as client:
        begin = time.monotonic()
        assert "interrupted" in client.send(stop_after_ms=200)["error"]
        assert time.monotonic() - begin < 5
        assert client.send()["status"] == 200


# --- proxies


class Proxy(http.server.BaseHTTPRequestHandler):
    """CONNECT, to where it was asked."""
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        self.server.asked.append((self.path, dict(self.headers)))
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            threading.Thread(target=self.pump, args=(there, self.connection), daemon=True).start()
            self.pump(self.connection, there)
        self.close_connection = True

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as made:
        made.daemon_threads = True
        made.asked = []
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        made.shutdown()


def test_a_proxy_sees_where_to_and_no_more(server, proxy):
    with Client(server, proxy=f"127.0.0.1:{proxy.server_address[1]}") as client:
        for _ in range(3):
            assert client.send(headers={"Authorization": "NodeKey k"})["body"] == '{"a": 1}'
    [(target, headers)] = proxy.asked
    assert target == server.hostname
    assert "Authorization" not in headers
    assert server.connections == 1


def test_the_environments_proxy_is_left_alone(server, proxy):
    env = {**os.environ, "https_proxy": f"http://127.0.0.1:{proxy.server_address[1]}", "ALL_PROXY": "http://127.0.0.1:1"}
    with Client(server, env=env) as client:
        assert client.send()["status"] == 200
    assert proxy.asked == []


def test_a_proxy_that_is_not_there(server):
    with Client(server, proxy="127.0.0.1:1") as client:
        assert "127.0.0.1" in client.send()["error"]
    assert server.requests == []


# --- streams


def test_a_stream_is_handed_over_until_enough(server):
    server.always("/events", Reply("data: 1\n\n" * 100_000))
    with Client(server, body_cap=100) as client:
        assert client.send("/events", method="GET", stream=True, timeout_ms=0)["taken"] == "data: 1\n\n" * 100_000
        answer = client.send("/events", method="GET", stream=True, timeout_ms=0, take=9)
        assert answer["status"] == 200 and answer["taken"].startswith("data: 1\n\n")
        server.always("/events", Reply({"error": "no"}, status=403))
        answer = client.send("/events", method="GET", stream=True, timeout_ms=0)
        assert (answer["status"], answer["body"], answer["taken"]) == (403, '{"error": "no"}', "")


def test_a_stream_ends_when_told_to(server):
    server.always("/events", Reply("", delay=20))
    with Client(server) as client:
        begin = time.monotonic()
        assert "interrupted" in client.send("/events", method="GET", stream=True, timeout_ms=0, stop_after_ms=200)["error"]
        assert time.monotonic() - begin < 5
