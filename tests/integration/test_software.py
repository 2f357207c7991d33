"""Packages and services against the tools that a person would ask."""

import importlib.metadata
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
FAKE_SYSTEMD = TESTS / "integration" / "fake_systemd.py"


def output(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, check=True, **kwargs).stdout


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


# dpkg


@needs("dpkg-query")
def test_deb_packages_are_those_of_dpkg_query(osprey):
    names = ["name", "version", "arch", "status", "size", "section", "maintainer", "source"]
    fields = ["Package", "Version", "Architecture", "Status", "Installed-Size", "Section", "Maintainer", "Source"]
    query = "SELECT {} FROM deb_packages".format(", ".join(names))
    known = output("dpkg-query", "-W", "-f", "\\t".join("${%s}" % field for field in fields) + "\\n")
    expected = sorted(line.split("\t") for line in known.splitlines())
    assert sorted([row[name] for name in names] for row in osprey.query(query)) == expected


@needs("apt-mark")
def test_automatic_and_hold_are_those_of_apt_mark(osprey):
    rows = osprey.query("SELECT name, arch, automatic, hold FROM deb_packages WHERE status LIKE '% installed'")
    automatic = {row["name"] for row in rows if row["automatic"] == "1"}
    assert automatic == {line.split(":")[0] for line in output("apt-mark", "showauto").split()}
    assert {row["name"] for row in rows if row["hold"] == "1"} == {
        line.split(":")[0] for line in output("apt-mark", "showhold").split()
    }


def test_install_time_is_that_of_the_file_list(osprey):
    for row in osprey.query("SELECT name, arch, install_time FROM deb_packages WHERE status LIKE '% installed' LIMIT 50"):
        lists = [pathlib.Path("/var/lib/dpkg/info") / f"{name}.list" for name in (row["name"], f"{row['name']}:{row['arch']}")]
        found = [path for path in lists if path.exists()]
        assert row["install_time"] == str(int(found[0].stat().st_mtime)), row


def test_another_admindir(osprey, tmp_path):
    status = "Package: a\nStatus: install ok installed\nMaintainer: m\nVersion: 1\nArchitecture: all\n\n"
    (tmp_path / "status").write_text(status + "Package: b\nStatus: install ok ins")
    query = f"SELECT name, admindir FROM deb_packages WHERE admindir = '{tmp_path}'"
    done = osprey.run("--json", query)
    assert json.loads(done.stdout) == [{"admindir": str(tmp_path), "name": "a"}]
    assert "ends in the middle of a package" in done.stderr
    assert osprey.query("SELECT name FROM deb_packages WHERE admindir = '/nonexistent'") == []


# apt


@needs("apt-cache")
def test_apt_sources_are_those_of_apt_get(osprey):
    """apt-get indextargets names the address and suite of every list that it has."""
    known = output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CODENAME)", "Created-By: Packages")
    expected = {tuple(line.split()) for line in known.splitlines()}
    rows = osprey.query("SELECT name, base_uri, release FROM apt_sources")
    assert {(row["base_uri"] + "/", row["name"].split()[-1], row["release"]) for row in rows} == expected


# rpm

RPM_COLUMNS = ["name", "version", "release", "source", "size", "sha1", "arch", "install_time", "vendor", "package_group"]
RPM_TAGS = ["NAME", "VERSION", "RELEASE", "SOURCERPM", "SIZE", "SHA1HEADER", "ARCH", "INSTALLTIME", "VENDOR", "GROUP"]


def chrooted(root):
    """A process that sees `root` as its "/"; the parent kills it."""
    child = os.fork()
    if child == 0:
        os.chroot(root)
        os.chdir("/")
        signal.pause()
        os._exit(0)
    deadline = time.monotonic() + 5
    while os.readlink(f"/proc/{child}/root") != str(root) and time.monotonic() < deadline:
        time.sleep(0.01)
    return child


@needs("rpm")
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_rpm_packages_are_those_of_rpm_in_a_container(osprey, tmp_path):
    for tree in ("fedora", "opensuse", "centos-7"):
        shutil.copytree(TESTS / "roots" / tree, tmp_path / tree, symlinks=True)
    # Only the SQLite database is one that this rpm reads; the others hold the same packages.
    known = output("rpm", "--root", tmp_path / "fedora", "--dbpath", "/var/lib/rpm", "-qa", "--qf",
                   "\t".join("%%{%s}" % tag for tag in RPM_TAGS) + "\n")
    expected = sorted([value.replace("(none)", "") for value in line.split("\t")] for line in known.splitlines())
    assert len(expected) == 3
    for tree in ("fedora", "opensuse", "centos-7"):
        child = chrooted(tmp_path / tree)
        try:
            columns = ", ".join(RPM_COLUMNS)
            rows = osprey.query(f"SELECT {columns} FROM rpm_packages WHERE pid_with_namespace = {child}")
            assert sorted([row[name] for name in RPM_COLUMNS] for row in rows) == expected, tree
            one = osprey.query(f"SELECT epoch FROM rpm_packages WHERE name = 'alpha' AND pid_with_namespace = {child}")
            assert one == [{"epoch": "2"}]
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@needs("rpm")
def test_signature_key_is_that_of_rpm(osprey, tmp_path):
    shutil.copytree(TESTS / "roots/fedora/var/lib/rpm", tmp_path / "db")  # rpm writes beside what it reads
    known = output("rpm", "--dbpath", tmp_path / "db", "-q", "alpha", "--qf", "%{RSAHEADER:pgpsig}")
    rows = [json.loads(line) for line in (TESTS / "golden/fedora/rpm_packages.jsonl").read_text().splitlines()]
    assert known.endswith("Key ID " + rows[0]["signature_key"])


# Python and Node.js


def test_python_packages_are_those_of_importlib(osprey):
    directories = {row["directory"] for row in osprey.query("SELECT DISTINCT directory FROM python_packages")}
    assert directories
    for directory in directories:
        expected = {
            (found.metadata["Name"], found.version)
            for found in importlib.metadata.distributions(path=[directory])
            if ".egg/" not in str(found._path) and not str(found._path).endswith(".egg")
        }
        rows = osprey.query(f"SELECT name, version FROM python_packages WHERE directory = '{directory}'")
        assert {(row["name"], row["version"]) for row in rows} == expected, directory


def test_installer_and_editable_are_those_of_importlib(osprey):
    rows = osprey.query("SELECT path, installer, editable FROM python_packages WHERE path LIKE '%.dist-info'")
    for row in rows[:200]:
        found = importlib.metadata.Distribution.at(row["path"])
        assert row["installer"] == (found.read_text("INSTALLER") or "").strip(), row
        direct_url = json.loads(found.read_text("direct_url.json") or "{}")
        assert row["editable"] == str(int(direct_url.get("dir_info", {}).get("editable", False))), row


def test_a_virtual_environment_of_a_user_is_found(osprey, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    rows = osprey.query(f"SELECT name, installer, environment FROM python_packages WHERE directory = '{site}'")
    assert {"name": "pip", "installer": "pip", "environment": str(tmp_path / "env")} in rows


@needs("npm")
def test_npm_packages_are_those_of_npm(osprey):
    root = pathlib.Path(output("npm", "root", "-g").strip())
    known = json.loads(output("npm", "ls", "-g", "--json", "--depth=0"))
    expected = {(name, package["version"]) for name, package in known.get("dependencies", {}).items()}
    query = f"SELECT name, version, path FROM npm_packages WHERE directory = '{root.parent}/' AND max_depth = 0"
    rows = osprey.query(query)
    assert {(row["name"], row["version"]) for row in rows} == expected
    assert all(pathlib.Path(row["path"]).is_file() for row in rows)


def test_every_manifest_is_found(osprey):
    for directory in {row["directory"] for row in osprey.query("SELECT DISTINCT directory FROM npm_packages")}:
        expected = set()
        for path in pathlib.Path(directory, "node_modules").rglob("package.json"):
            parts = path.parts[:-1]
            scoped = parts[-2].startswith("@") and parts[-3] == "node_modules"
            if parts[-2] == "node_modules" or scoped:
                expected.add(str(path))
        rows = osprey.query(f"SELECT path FROM npm_packages WHERE directory = '{directory}'")
        assert {row["path"] for row in rows} == expected, directory


@needs("node")
def test_modules_of_a_running_program(osprey, tmp_path):
    package = tmp_path / "node_modules" / "left-pad"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "left-pad", "version": "1.3.0"}')
    (tmp_path / "src").mkdir()
    program = subprocess.Popen(["node", "-e", "console.log(1); setTimeout(() => {}, 60000)"], cwd=tmp_path / "src",
                               stdout=subprocess.PIPE)
    try:
        program.stdout.readline()
        rows = osprey.query(f"SELECT name, version, uid FROM npm_packages WHERE path LIKE '{tmp_path}/%'")
        assert rows == [{"name": "left-pad", "version": "1.3.0", "uid": str(os.geteuid())}]
    finally:
        program.kill()
        program.wait()


def test_what_is_no_manifest(osprey, tmp_path):
    modules = tmp_path / "node_modules"
    for name in ("fifo", "huge", "deep", "bytes", "good"):
        (modules / name).mkdir(parents=True)
    os.mkfifo(modules / "fifo/package.json")
    (modules / "huge/package.json").write_text('{"name": "' + "x" * (10 << 20) + '"}')
    (modules / "deep/package.json").write_text('{"a":' + "[" * 500000)
    (modules / "bytes/package.json").write_bytes(b'{"name": "\xff\xfe"}')
    (modules / "good/package.json").write_text('{"name": "good"}')
    (modules / "loop").symlink_to("loop")
    (modules / "good/node_modules").symlink_to("../..")
    done = osprey.run("--json", f"SELECT name, path FROM npm_packages WHERE directory = '{tmp_path}'", timeout=10)
    names = {pathlib.Path(row["path"]).parent.name: row["name"] for row in json.loads(done.stdout)}
    assert names == {"fifo": "", "huge": "", "deep": "", "bytes": "\\xFF\\xFE", "good": "good"}
    assert "is a FIFO" in done.stderr


# What starts


def test_init_scripts_are_listed(osprey):
    expected = {str(path) for path in pathlib.Path("/etc/init.d").glob("*") if path.is_file()}
    rows = osprey.query("SELECT path FROM startup_items WHERE source = '/etc/init.d/'")
    assert {row["path"] for row in rows} == expected


@pytest.fixture
def system_bus(tmp_path):
    """A bus of our own, with a stand-in for systemd on it; yields its address."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("dbus-daemon is not installed")
    config = tmp_path / "bus.conf"
    config.write_text(
        "<busconfig><type>system</type><listen>unix:path={}/bus</listen><policy context='default'>"
        "<allow user='*'/><allow own='*'/><allow send_type='method_call'/><allow eavesdrop='false'/>"
        "<allow send_destination='*'/><allow receive_sender='*'/></policy></busconfig>".format(tmp_path)
    )
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1", "--nopidfile"],
                              stdout=subprocess.PIPE, text=True)
    address = f"unix:path={tmp_path}/bus"
    daemon.stdout.readline()
    yield address
    daemon.kill()
    daemon.wait()


@pytest.fixture
def systemd(system_bus):
    service = subprocess.Popen(["/usr/bin/python3", FAKE_SYSTEMD, system_bus], stdout=subprocess.PIPE, text=True)
    if not service.stdout.readline().startswith("ready"):
        pytest.skip("the stand-in needs python3-dbus and python3-gi")
    yield system_bus
    service.kill()
    service.wait()


def query_on_bus(osprey, address, sql):
    done = osprey.run("--json", sql, env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_systemd_units(osprey, systemd):
    rows, warnings = query_on_bus(osprey, systemd, "SELECT * FROM systemd_units")
    assert warnings == ""
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {"ssh.service", "postgresql@15-main.service", "home.mount"}
    assert by_id["postgresql@15-main.service"] == {
        "id": "postgresql@15-main.service", "description": "PostgreSQL Cluster 15-main", "load_state": "loaded",
        "active_state": "failed", "sub_state": "failed", "unit_file_state": "enabled-runtime", "following": "",
        "object_path": "/org/freedesktop/systemd1/unit/postgresql_4015_2dmain_2eservice", "job_id": "711",
        "job_type": "start", "job_path": "/org/freedesktop/systemd1/job/711",
        "fragment_path": "/lib/systemd/system/postgresql@.service", "user": "postgres", "source_path": "",
    }
    assert by_id["home.mount"]["source_path"] == "/etc/fstab"
    assert by_id["home.mount"]["user"] == ""


def test_units_among_the_startup_items(osprey, systemd):
    rows, warnings = query_on_bus(osprey, systemd, "SELECT * FROM startup_items WHERE type = 'systemd unit' AND name LIKE 'post%'")
    assert warnings == ""
    assert rows == [{"name": "postgresql@15-main.service", "path": "/lib/systemd/system/postgresql@.service", "args": "",
                     "type": "systemd unit", "source": "", "status": "failed", "username": "postgres"}]


def test_a_bus_without_systemd_is_no_fault(osprey, system_bus):
    assert query_on_bus(osprey, system_bus, "SELECT * FROM systemd_units") == ([], "")


def test_no_bus_is_no_fault(osprey, tmp_path):
    assert query_on_bus(osprey, f"unix:path={tmp_path}/none", "SELECT * FROM systemd_units") == ([], "")


def test_a_socket_that_is_no_bus_is_said(osprey, tmp_path):
    (tmp_path / "file").write_text("")
    rows, warnings = query_on_bus(osprey, f"unix:path={tmp_path}/file", "SELECT id FROM systemd_units")
    assert rows == [] and "is not a socket" in warnings


def test_a_bus_that_says_nothing_ends(osprey, tmp_path):
    import socket

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "mute"))
    listener.listen()
    start = time.monotonic()
    rows, warnings = query_on_bus(osprey, f"unix:path={tmp_path}/mute", "SELECT id FROM systemd_units")
    assert time.monotonic() - start < 10
    assert rows == [] and warnings
