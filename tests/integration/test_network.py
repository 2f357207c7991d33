"""Network tables against ip, getent, sysctl files, glibc, iptables-legacy-save and openssl."""

import collections
import http.server
import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

import pytest


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def twice(compare):
    """Runs a comparison of things that change by themselves, and once more when it fails."""
    try:
        compare()
    except AssertionError:
        time.sleep(0.2)
        compare()


class Namespace:
    """A network namespace of our own, with a /sys that shows it."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", "mount -t sysfs none /sys && echo up && exec sleep 600"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.ready = self.process.stdout.readline() == "up\n"

    def run(self, *command):
        return run("nsenter", "-n", "-m", "-t", str(self.process.pid), *map(str, command))

    def ip(self, words):
        return self.run("ip", *words.split())

    def query(self, osprey, sql):
        return json.loads(self.run(osprey.path, "--json", sql))

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def namespace():
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    space = Namespace()
    if not space.ready:
        space.close()
        pytest.skip("no network namespaces here")
    yield space
    space.close()


@pytest.fixture
def network(namespace):
    """Interfaces, addresses, routes and neighbours of every kind that the tables tell apart."""
    for words in """
        link set lo up
        link add d0 address 02:00:00:00:00:01 type veth peer name d1
        link set d1 allmulticast on up
        link set d0 mtu 1400 promisc on up
        link add v0 type veth peer name v1
        link set v0 up
        link set v1 up
        tuntap add t0 mode tun
        link set t0 up
        addr add 198.51.100.5 peer 198.51.100.6 dev t0
        addr add 192.0.2.10/24 dev d0
        addr add 192.0.2.11/24 brd + label d0:alias dev d0
        addr add 198.51.100.1 peer 198.51.100.2/32 dev v0
        addr add 2001:db8::1/64 dev d0 nodad
        addr add 2001:db8:1::1 peer 2001:db8:1::2 dev d0 nodad
        route add default via 192.0.2.1 metric 4000000000
        route add 203.0.113.0/24 via 192.0.2.2 mtu 1280 hoplimit 9 src 192.0.2.11
        route add 203.0.113.7/32 dev d0
        route add 10.0.0.0/8 nexthop via 192.0.2.3 weight 2 nexthop via 192.0.2.4
        route add 10.9.0.0/16 via inet6 2001:db8::9 dev d0
        route add unreachable 10.1.0.0/16
        route add blackhole 10.2.0.0/16
        route add 10.3.0.0/16 dev d0 table 100
        -6 route add default via 2001:db8::2 dev d0 metric 5
        -6 route add 2001:db8:f::/48 nexthop via 2001:db8::3 dev d0 nexthop via 2001:db8::4 dev d0
        neigh add 192.0.2.20 lladdr 02:00:00:00:00:20 dev d0 nud permanent
        neigh add 192.0.2.21 lladdr 02:00:00:00:00:21 dev d0 nud reachable
    """.strip().splitlines():
        namespace.ip(words)
    return namespace


def test_services_are_getents(osprey):
    def known(line):
        name, port, *aliases = line.split()
        return (name, *port.split("/"), " ".join(aliases))

    rows = osprey.query("SELECT name, port, protocol, aliases FROM etc_services")
    assert sorted(tuple(row.values()) for row in rows) == sorted(map(known, run("getent", "services").splitlines()))


def test_protocols_are_getents(osprey):
    def known(line):
        name, number, *aliases = line.split()
        return name, number, "".join(aliases[:1])

    rows = osprey.query("SELECT name, number, alias FROM etc_protocols")
    assert sorted(tuple(row.values()) for row in rows) == sorted(map(known, run("getent", "protocols").splitlines()))


def test_arp_cache_is_ips(osprey, network):
    rows = {row["address"]: row for row in network.query(osprey, "SELECT * FROM arp_cache")}
    assert rows["192.0.2.20"] == {"address": "192.0.2.20", "mac": "02:00:00:00:00:20", "interface": "d0", "permanent": "1"}
    assert rows["192.0.2.21"]["permanent"] == "0"
    known = {(n["dst"], n["lladdr"], n["dev"]) for n in json.loads(network.ip("-4 -j neigh"))}
    assert {(row["address"], row["mac"], row["interface"]) for row in rows.values()} == known


def expected_addresses(links):
    for link in links:
        for address in link["addr_info"]:
            six = address["family"] == "inet6"
            zone = "%" + link["ifname"] if address["scope"] == "link" and six else ""
            network = ipaddress.ip_network(f"{address['local']}/{address['prefixlen']}", strict=False)
            # As getifaddrs(3): IPv4 always has another end, its own address if need be; IPv6 if a peer was given.
            other = address.get("broadcast") or address.get("address") or (None if six else address["local"])
            broadcast = "BROADCAST" in link["flags"]
            yield (address.get("label", link["ifname"]), address["local"] + zone, str(network.netmask),
                   other if other and broadcast else "", other if other and not broadcast else "", "unknown")


def check_addresses(osprey, query, ip):
    rows = query("SELECT * FROM interface_addresses")
    assert sorted(tuple(row.values()) for row in rows) == sorted(expected_addresses(json.loads(ip("-j addr"))))


def test_interface_addresses_are_ips(osprey, network):
    twice(lambda: check_addresses(osprey, lambda sql: network.query(osprey, sql), network.ip))


def test_interface_addresses_of_this_host(osprey):
    twice(lambda: check_addresses(osprey, osprey.query, lambda words: run("ip", *words.split())))


HARDWARE = {"ether": 1, "loopback": 772, "none": 0xFFFE, "sit": 776, "tunnel6": 769, "ipip": 768}
FLAGS = {"UP": 1, "BROADCAST": 2, "LOOPBACK": 8, "POINTOPOINT": 0x10, "NOARP": 0x80, "PROMISC": 0x100,
         "ALLMULTI": 0x200, "MULTICAST": 0x1000, "LOWER_UP": 0x10000}


def check_details(query, ip):
    # Counters first, and again behind: what lies between two readings of ip is right.
    before = {link["ifname"]: link for link in json.loads(ip("-j -s -d link"))}
    rows = {row["interface"]: row for row in query("SELECT * FROM interface_details")}
    after = {link["ifname"]: link for link in json.loads(ip("-j -s -d link"))}
    assert rows.keys() == before.keys()
    for name, row in rows.items():
        link = before[name]
        assert row["mac"] == link.get("address", "00:00:00:00:00:00")
        assert int(row["type"]) == HARDWARE[link["link_type"]] & 0xFF
        assert int(row["mtu"]) == link["mtu"]
        assert (row["metric"], row["last_change"]) == ("0", "-1")
        flags = {flag for flag, bit in FLAGS.items() if int(row["flags"]) & bit}
        promiscuous = {"PROMISC"} if link["promiscuity"] else set()
        assert flags - promiscuous == (set(link["flags"]) & FLAGS.keys()) - promiscuous
        assert promiscuous <= flags
        for side, letter in (("rx", "i"), ("tx", "o")):
            for column, counter in (("packets", "packets"), ("bytes", "bytes"), ("errors", "errors"), ("drops", "dropped")):
                low, high = (each[name]["stats64"][side][counter] for each in (before, after))
                assert low <= int(row[letter + column]) <= high, (name, letter + column)
        assert int(row["collisions"]) == link["stats64"]["tx"]["collisions"]


def test_interface_details_are_ips(osprey, network):
    twice(lambda: check_details(lambda sql: network.query(osprey, sql), network.ip))


def test_interface_details_of_this_host(osprey):
    twice(lambda: check_details(osprey.query, lambda words: run("ip", *words.split())))


@pytest.mark.skipif(not shutil.which("ethtool"), reason="ethtool is not installed")
def test_speed_and_slot_are_ethtools(osprey):
    for row in osprey.query("SELECT interface, link_speed, pci_slot FROM interface_details"):
        driver = subprocess.run(["ethtool", "-i", row["interface"]], capture_output=True, text=True)
        slot = re.search(r"^bus-info: ?(.*)$", driver.stdout, re.M)
        assert row["pci_slot"] == (slot[1] if slot else "-1")
        settings = subprocess.run(["ethtool", row["interface"]], capture_output=True, text=True)
        speed = re.search(r"Speed: (\d+)Mb/s", settings.stdout)
        assert row["link_speed"] == (speed[1] if speed else "0")


def test_a_veth_has_a_speed_and_no_slot(osprey, network):
    rows = network.query(osprey, "SELECT link_speed, pci_slot FROM interface_details WHERE interface = 'v0'")
    assert rows == [{"link_speed": "10000", "pci_slot": ""}]


ROUTE_TYPES = {"unicast": "gateway", "local": "local", "broadcast": "broadcast", "anycast": "anycast"}


def expected_routes(routes, everything, length):
    for route in routes:
        destination = everything if route["dst"] == "default" else route["dst"]
        prefix = 0 if route["dst"] == "default" else length
        if "/" in destination:
            destination, prefix = destination.split("/")
        metrics = collections.ChainMap(*route.get("metrics", []))
        for hop in route.get("nexthops", [route]):
            gateway = hop.get("gateway") or hop.get("via", {}).get("host", "")
            yield (destination, str(prefix), gateway, route.get("prefsrc", ""), hop.get("dev") or "",
                   str(metrics.get("mtu", 0)), str(route.get("metric", 0)), ROUTE_TYPES.get(route["type"], "other"),
                   str(metrics.get("hoplimit", 0)))


def check_routes(query, ip):
    rows = query("SELECT destination, netmask, gateway, source, interface, mtu, metric, type, hopcount FROM routes")
    expected = list(expected_routes(json.loads(ip("-4 -j -d route show table all")), "0.0.0.0", 32))
    expected += expected_routes(json.loads(ip("-6 -j -d route show table all")), "::", 128)
    assert sorted(tuple(row.values()) for row in rows) == sorted(expected)


def test_routes_are_ips(osprey, network):
    twice(lambda: check_routes(lambda sql: network.query(osprey, sql), network.ip))
    rows = network.query(osprey, "SELECT gateway FROM routes WHERE destination = '10.0.0.0' AND netmask = 8")
    assert sorted(row["gateway"] for row in rows) == ["192.0.2.3", "192.0.2.4"]
    assert network.query(osprey, "SELECT DISTINCT type FROM routes WHERE type = 'broadcast'") == [{"type": "broadcast"}]


def test_routes_of_this_host(osprey):
    twice(lambda: check_routes(osprey.query, lambda words: run("ip", *words.split())))


def test_many_routes(osprey, network):
    """A dump of many messages, all of which arrive."""
    batch = "".join(f"route add 10.{100 + i // 256}.{i % 256}.0/24 dev d0\n" for i in range(20000 // 4))
    subprocess.run(["nsenter", "-n", "-t", str(network.process.pid), "ip", "-batch", "-"], input=batch, text=True, check=True)
    rows = network.query(osprey, "SELECT count(*) AS n FROM routes WHERE destination LIKE '10.1__.%' AND netmask = 24")
    assert rows == [{"n": "5000"}]


def test_interface_ipv6_is_the_kernels(osprey, network):
    conf = "/proc/sys/net/ipv6/conf"
    for setting in ("d0/forwarding=1", "d0/accept_redirects=1", "all/accept_redirects=0", "v0/accept_ra=2",
                    "v0/hop_limit=33", "v1/accept_redirects=0"):
        path, value = setting.split("=")
        network.run("sh", "-c", f"echo {value} > {conf}/{path}")
    rows = {row["interface"]: row for row in network.query(osprey, "SELECT * FROM interface_ipv6")}
    assert rows["d0"] == {"interface": "d0", "hop_limit": "64", "forwarding_enabled": "1", "redirect_accept": "0",
                          "rtadv_accept": "0"}
    assert rows["v0"] == {"interface": "v0", "hop_limit": "33", "forwarding_enabled": "0", "redirect_accept": "1",
                          "rtadv_accept": "1"}
    assert rows["v1"]["redirect_accept"] == "0"
    assert sorted(rows) == sorted(link["ifname"] for link in json.loads(network.ip("-j link")))


RESOLV_CONF = """\
; written by a test
nameserver 192.0.2.53 # first
nameserver 2001:db8::53
 nameserver 192.0.2.99
nameserver 192.0.2.54
nameserver 192.0.2.55
domain first.example.test
search example.test corp.example.test
options edns0 rotate timeout:1 trust-ad use-vc
"""

# What glibc makes of /etc/resolv.conf: struct __res_state begins with two ints, the options and the server count.
ASK_GLIBC = """
import ctypes
libc = ctypes.CDLL("libc.so.6")
libc.__res_init()
libc.__res_state.restype = ctypes.c_void_p
state = libc.__res_state()
print(ctypes.c_ulong.from_address(state + 8).value, ctypes.c_int.from_address(state + 16).value)
"""


def test_dns_resolvers_are_glibcs(osprey, namespace, tmp_path):
    (tmp_path / "resolv.conf").write_text(RESOLV_CONF)
    namespace.run("mount", "--bind", tmp_path / "resolv.conf", "/etc/resolv.conf")
    options, servers = namespace.run(sys.executable, "-c", ASK_GLIBC).split()
    rows = namespace.query(osprey, "SELECT * FROM dns_resolvers")
    assert {row["options"] for row in rows} == {options}
    found = [row for row in rows if row["type"] == "nameserver"]
    assert len(found) == int(servers)
    assert [(row["id"], row["address"], row["netmask"]) for row in found] == [
        ("0", "192.0.2.53", "32"), ("1", "2001:db8::53", "128"), ("2", "192.0.2.54", "32")]
    assert [row["address"] for row in rows if row["type"] == "search"] == ["example.test", "corp.example.test"]


RULES = """\
-N MINE
-N UNUSED
-P FORWARD DROP
-A MINE -p udp ! --sport 53 -i eth+ -j RETURN
-A INPUT ! -s 192.0.2.0/24 -i lo -p tcp --dport 22:80 -j ACCEPT
-A INPUT -d 127.0.0.1 -p udp -j MINE
-A INPUT ! -p icmp -j MINE
-A INPUT -j LOG
-A OUTPUT ! -o d0 -m comment --comment x -p tcp --sport 1:9 -g MINE
-A FORWARD
-A FORWARD -p tcp -m multiport --dports 80,8000:8080 -j ACCEPT
-t nat -A POSTROUTING -o d0 -j MASQUERADE
-t mangle -P PREROUTING DROP
-t raw -A PREROUTING -j DROP
-t security -A INPUT -j ACCEPT
"""


def save_line_as_row(line):
    """A line of iptables-legacy-save -c as the columns that it tells."""
    counters, rest = line.split("] ", 1)
    packets, count = counters.lstrip("[").split(":")
    words = rest.replace("! -", "-!").split()
    row = {"packets": packets, "bytes": count, "target": "", "src": "0.0.0.0/0.0.0.0", "dst": "0.0.0.0/0.0.0.0",
           "iniface": "all", "outiface": "all", "protocol": "0", "src_port": "", "dst_port": ""}
    names = {"-A": "chain", "-j": "target", "-g": "target", "-s": "src", "-d": "dst", "-i": "iniface",
             "-o": "outiface", "-p": "protocol", "--sport": "src_port", "--dport": "dst_port", "--dports": "dst_port"}
    for word, value in zip(words, words[1:]):
        negated = "!" if word.startswith("-!") else ""
        name = names.get(word.replace("!", ""))
        if name in ("src", "dst"):
            network = ipaddress.ip_network(value)
            value = f"{network.network_address}/{network.netmask}"
        if name == "protocol":
            value = "" if negated else {"tcp": "6", "udp": "17", "icmp": "1"}[value]
            negated = ""
        if name in ("src_port", "dst_port"):
            value = ",".join(ports if ":" in ports else f"{ports}:{ports}" for ports in value.split(","))
        if name:
            row[name] = negated + value
    for port, other in (("src_port", "dst_port"), ("dst_port", "src_port")):
        if row[port] and not row[other] and "multiport" not in words:
            row[other] = "0:65535"
    return row


@pytest.mark.skipif(not shutil.which("iptables-legacy-save"), reason="iptables is not installed")
def test_iptables_is_what_iptables_saves(osprey, network):
    assert network.query(osprey, "SELECT * FROM iptables") == [], "no table, no rows"
    assert network.run("cat", "/proc/net/ip_tables_names") == "", "and asking has made none"
    for rule in RULES.splitlines():
        try:
            network.run("iptables-legacy", *rule.split())
        except AssertionError as error:
            pytest.skip(f"iptables-legacy does not work here: {error}")
    network.run(sys.executable, "-c", "import socket\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "for i in range(7): s.sendto(b'x' * 72, ('127.0.0.1', 9))")

    expected, policies, table = [], {}, ""
    for line in network.run("iptables-legacy-save", "-c").splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy, counters = line[1:].split()
            packets, count = counters.strip("[]").split(":")
            policies[table, chain] = ("" if policy == "-" else policy, packets, count)
        elif line.startswith("["):
            expected.append({"filter_name": table, **save_line_as_row(line)})

    rows = network.query(osprey, "SELECT * FROM iptables")
    ends = [row for row in rows if not row["match"]]
    assert {(r["filter_name"], r["chain"]): (r["policy"], r["packets"], r["bytes"]) for r in ends} == policies
    assert any(int(packets) >= 7 for _, packets, _ in policies.values())

    def comparable(row):
        return {"filter_name": row["filter_name"], "chain": row["chain"], "target": row["target"],
                "protocol": row["protocol"], "src_port": row["src_port"], "dst_port": row["dst_port"],
                "src": f"{row['src_ip']}/{row['src_mask']}", "dst": f"{row['dst_ip']}/{row['dst_mask']}",
                "iniface": row["iniface"], "outiface": row["outiface"], "packets": row["packets"], "bytes": row["bytes"]}

    def key(row):
        return sorted(row.items())

    assert sorted((comparable(row) for row in rows if row["match"]), key=key) == sorted(expected, key=key)
    masks = network.query(osprey, "SELECT iniface_mask AS m FROM iptables WHERE iniface IN ('lo', 'eth+') ORDER BY iniface")
    assert [row["m"] for row in masks] == ["FFFFFF", "FFFFFF"], "eth+ counts three characters, lo its end too"


FILES = {"etc_services": "etc/services", "etc_protocols": "etc/protocols", "dns_resolvers": "etc/resolv.conf",
         "arp_cache": "proc/net/arp"}


def put_fifo(path):
    os.mkfifo(path)


def put_directory(path):
    path.mkdir()


def put_loop(path):
    path.symlink_to(path.name)


def put_link_out(path):
    path.symlink_to("/../../../../../../etc/passwd")


@pytest.mark.parametrize("put", [put_fifo, put_directory, put_loop])
def test_what_is_no_file_is_a_warning(osprey, tmp_path, put):
    for path in FILES.values():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path / path)
    for table, path in FILES.items():
        done = osprey.run("--json", "--root", str(tmp_path), f"SELECT * FROM {table}", timeout=10)
        assert json.loads(done.stdout) == []
        assert path in done.stderr


def test_absent_files_and_links_out_of_the_root_are_no_rows(osprey, tmp_path):
    (tmp_path / "etc").mkdir()
    put_link_out(tmp_path / "etc/services")
    for table in [*FILES, "interface_ipv6"]:
        done = osprey.run("--json", "--root", str(tmp_path), f"SELECT * FROM {table}")
        assert (json.loads(done.stdout), done.stderr) == ([], "")


def test_bad_lines_are_counted_and_the_rest_is_shown(osprey, tmp_path):
    (tmp_path / "etc").mkdir()
    bad = b"a\nb x/tcp\n" + b"\xff\x00" * 70000 + b"\n"
    (tmp_path / "etc/services").write_bytes(bad + b"last 1/tcp \xff # \0\n")
    done = osprey.run("--json", "--root", str(tmp_path), "SELECT name, hex(aliases) AS a FROM etc_services")
    assert json.loads(done.stdout) == [{"name": "last", "a": "FF"}]
    assert "3 lines" in done.stderr


def test_tables_about_the_running_kernel_refuse_another_root(osprey, tmp_path):
    for table in ("routes", "interface_addresses", "interface_details", "iptables"):
        assert osprey.run("--json", "--root", str(tmp_path), f"SELECT * FROM {table}").returncode != 0


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/hello")
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(3)
        body = {"/hello": b"hello body\n", "/agent": self.headers["User-Agent"].encode(), "/big": b"x" * (5 << 20),
                "/bytes": b"a\0b\xff", "/slow": b"late"}.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        try:
            self.wfile.write(body or b"")
        except OSError:
            pass  # the reader has had enough

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out",
        folder / "certificate.pem", "-days", "20", "-subj", "/CN=localhost/O=Osprey Tests/OU=Network",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "keyUsage=digitalSignature",
        "-addext", "extendedKeyUsage=serverAuth")
    return folder


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def web():
    server = serve()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    server = serve(context)
    yield server.server_address[1]
    server.shutdown()


def test_curl_answers(osprey, web):
    [row] = osprey.query(f"SELECT * FROM curl WHERE url = '{web}/hello'")
    assert row["method"] == "GET"
    assert row["user_agent"].startswith("osprey/")
    assert row["response_code"] == "200"
    assert 0 < int(row["round_trip_time"]) < 10_000_000
    assert (row["bytes"], row["result"]) == ("11", "hello body\n")


def test_curl_follows_redirects_and_tells_what_is_missing(osprey, web):
    rows = osprey.query(f"SELECT url, response_code, result FROM curl WHERE url IN ('{web}/redirect', '{web}/none')")
    assert [(row["url"].rsplit("/", 1)[1], row["response_code"], row["result"]) for row in rows] == [
        ("none", "404", ""), ("redirect", "200", "hello body\n")]


def test_curl_names_itself_as_asked(osprey, web):
    rows = osprey.query(f"SELECT result FROM curl WHERE url = '{web}/agent' AND user_agent IN ('one', 'two x')")
    assert [row["result"] for row in rows] == ["one", "two x"]
    injected = osprey.run("--json", f"SELECT result FROM curl WHERE url = '{web}/agent' AND user_agent = 'a\r\nB: c'")
    assert json.loads(injected.stdout) == [{"result": ""}]
    assert "line end" in injected.stderr


def test_curl_cuts_what_is_large(osprey, web):
    done = osprey.run("--json", f"SELECT bytes FROM curl WHERE url = '{web}/big'")
    assert json.loads(done.stdout) == [{"bytes": str(4 << 20)}]
    assert "4 MiB" in done.stderr
    assert osprey.query(f"SELECT bytes, hex(result) AS h FROM curl WHERE url = '{web}/bytes'") == [
        {"bytes": "4", "h": "610062FF"}]


def test_curl_asks_nobody_that_the_query_does_not_need(osprey):
    assert osprey.query("SELECT method FROM curl WHERE url = 'http://127.0.0.1:1/'") == [{"method": "GET"}]


def test_curl_failures_leave_a_row_and_a_warning(osprey, tls):
    done = osprey.run("--json", f"SELECT response_code FROM curl WHERE url IN ('http://127.0.0.1:1/', "
                                f"'https://localhost:{tls}/', 'file:///etc/passwd')", env={**os.environ, "http_proxy": "http://127.0.0.1:2"})
    assert json.loads(done.stdout) == [{"response_code": ""}] * 3
    assert "self-signed" in done.stderr and "port 1" in done.stderr


def test_curl_certificate_is_openssls(osprey, tls, certificate):
    def x509(*args):
        return run("openssl", "x509", "-in", certificate / "certificate.pem", "-noout", *args).strip()

    [row] = osprey.query(f"SELECT * FROM curl_certificate WHERE hostname = 'localhost:{tls}'")
    assert (row["common_name"], row["organization"], row["organization_unit"]) == ("localhost", "Osprey Tests", "Network")
    assert row["issuer_common_name"] == "localhost"
    assert f"serial={row['serial_number']}" == x509("-serial")
    assert f"notBefore={row['valid_from']}" == x509("-startdate")
    assert f"notAfter={row['valid_to']}" == x509("-enddate")
    for digest in ("sha256", "sha1"):
        shown = x509("-fingerprint", f"-{digest}").split("=")[1].replace(":", "").lower()
        assert row[f"{digest}_fingerprint"] == shown
    text = x509("-text", "-certopt", "no_pubkey")
    for column in ("subject_key_identifier", "authority_key_identifier", "key_usage", "extended_key_usage",
                   "subject_alternative_names", "basic_constraint"):
        assert row[column] and f"\n                {row[column]}\n" in text, column
    assert row["signature"] in re.sub(r"\s", "", text)
    assert (row["version"], row["signature_algorithm"], row["has_expired"]) == ("3", "RSA-SHA256", "0")
    assert (row["policies"], row["pem"]) == ("", "")


def test_curl_certificate_dumps_and_waits_as_asked(osprey, tls, certificate):
    [row] = osprey.query("SELECT pem, timeout, dump_certificate FROM curl_certificate WHERE "
                         f"hostname = '127.0.0.1:{tls}' AND dump_certificate = 1 AND timeout = 7")
    assert row == {"pem": (certificate / "certificate.pem").read_text(), "timeout": "7", "dump_certificate": "1"}


def test_curl_certificate_failures_are_warnings(osprey, web):
    port = web.rsplit(":", 1)[1]
    hosts = ["127.0.0.1:1", f"127.0.0.1:{port}", "a/b", "x:99999", "[::1"]
    listed = ", ".join(f"'{host}'" for host in hosts)
    done = osprey.run("--json", f"SELECT hostname FROM curl_certificate WHERE hostname IN ({listed})")
    assert json.loads(done.stdout) == []
    assert done.stderr.count("curl_certificate") == len(hosts)


def test_a_missing_module_is_named(osprey, tmp_path):
    """Without its module a table says so; everything else answers."""
    (tmp_path / "bin").mkdir()
    shutil.copy(osprey.path, tmp_path / "bin" / "osprey")
    done = subprocess.run([tmp_path / "bin" / "osprey", "--json", "SELECT result FROM curl WHERE url = 'http://127.0.0.1:1/'"],
                          capture_output=True, text=True)
    assert json.loads(done.stdout) == [{"result": ""}]
    assert f"{tmp_path}/lib/osprey/http.so" in done.stderr
