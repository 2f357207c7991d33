"""What `make install` puts where (AGT-11, AGT-12), the unit, and the control program's verbs against a fake agent."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BIN, PROJECT

PACKAGING = PROJECT / "packaging"


def install(destination, **environment):
    done = subprocess.run([PACKAGING / "install"], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(destination), "BUILD": str(BIN.parent), **environment})
    assert done.returncode == 0, done.stderr
    return destination


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("install"))


def test_places_and_modes(installed):
    def mode(path):
        return oct((installed / path).stat().st_mode & 0o7777)

    assert {path: mode(path) for path in (
        "usr/bin/osprey", "usr/bin/osprey-server", "usr/bin/ospreyctl", "etc/osprey/server.conf", "usr/sbin/ospreyd", "usr/sbin/ospreydctl", "usr/lib/osprey/http.so",
        "usr/lib/systemd/system/ospreyd.service", "usr/share/osprey/packs/inventory.conf", "etc/osprey/osprey.conf",
        "etc/osprey/osprey.flags", "etc/default/ospreyd", "etc/osprey/osprey.conf.d", "var/lib/osprey", "var/log/osprey",
    )} == {
        "usr/bin/osprey": "0o755", "usr/bin/osprey-server": "0o755", "usr/bin/ospreyctl": "0o755",
        "etc/osprey/server.conf": "0o644", "usr/sbin/ospreyd": "0o755", "usr/sbin/ospreydctl": "0o755",
        "usr/lib/osprey/http.so": "0o644", "usr/lib/systemd/system/ospreyd.service": "0o644",
        "usr/share/osprey/packs/inventory.conf": "0o644", "etc/osprey/osprey.conf": "0o644",
        "etc/osprey/osprey.flags": "0o644", "etc/default/ospreyd": "0o644", "etc/osprey/osprey.conf.d": "0o755",
        "var/lib/osprey": "0o700", "var/log/osprey": "0o750",
    }
    # Programs under /usr, configuration under /etc, nothing else anywhere.
    assert {path.name for path in installed.iterdir()} == {"usr", "etc", "var"}
    assert not [path for path in (installed / "etc").rglob("*") if path.is_file() and os.access(path, os.X_OK)
                and path.stat().st_mode & 0o111]
    assert not list(installed.rglob("osquery*"))


def test_installed_programs_run(installed):
    done = subprocess.run([installed / "usr/bin/osprey", "--json", "SELECT response_code FROM curl WHERE url = 'http://'"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "cannot open shared object" not in done.stderr, "modules are found beside the program"
    done = subprocess.run([installed / "usr/sbin/ospreyd", "--version"], capture_output=True, text=True, timeout=60)
    assert "ospreyd" in done.stdout or "osprey" in done.stdout


def test_packs_of_the_configuration_are_installed(installed):
    text = (installed / "etc/osprey/osprey.conf").read_text()
    for path in re.findall(r'"(/usr/share/osprey/packs/[^"]+)"', text):
        assert (installed / path[1:]).is_file()
    # Comments are whole lines, as osquery wants them.
    plain = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    assert set(json.loads(plain)["packs"]) == {"inventory", "changes", "compliance", "osprey-monitoring"}


def test_default_configuration_is_good(osprey, installed, tmp_path):
    """With the packs where this tree has them."""
    monitoring = {"osprey_limits", "osprey_losses", "osprey_scan_errors", "osprey_store", "osprey_sinks"}
    if missing := monitoring - set(osprey.run("-L").stdout.split()):
        pytest.skip(f"this program has no {', '.join(sorted(missing))}")
    config = tmp_path / "osprey.conf"
    config.write_text((installed / "etc/osprey/osprey.conf").read_text().replace("/usr/share", f"{installed}/usr/share"))
    done = subprocess.run([BIN / "ospreyd", f"--flagfile={installed}/etc/osprey/osprey.flags", f"--config_path={config}",
                           "--config_check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_prefix_and_osquery_names(tmp_path):
    install(tmp_path, PREFIX="/opt/osprey", OSQUERY_NAMES="1")
    assert (tmp_path / "opt/osprey/sbin/osqueryd").resolve() == tmp_path / "opt/osprey/bin/osprey"
    assert (tmp_path / "opt/osprey/bin/osqueryi").resolve() == tmp_path / "opt/osprey/bin/osprey"
    assert (tmp_path / "opt/osprey/sbin/osqueryctl").resolve() == tmp_path / "opt/osprey/sbin/ospreydctl"
    assert "/opt/osprey/sbin/ospreyd " in (tmp_path / "opt/osprey/lib/systemd/system/ospreyd.service").read_text()
    assert "/opt/osprey/share/osprey/packs/" in (tmp_path / "etc/osprey/osprey.conf").read_text()
    assert "/usr/s" not in (tmp_path / "opt/osprey/sbin/ospreydctl").read_text()


def test_configuration_of_the_host_is_left_alone(tmp_path):
    install(tmp_path)
    config = tmp_path / "etc/osprey/osprey.conf"
    config.write_text('{"schedule": {}}')
    install(tmp_path)
    assert config.read_text() == '{"schedule": {}}'
    assert '"packs"' in (tmp_path / "etc/osprey/osprey.conf.new").read_text()
    assert not (tmp_path / "etc/osprey/osprey.flags.new").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(("name", "program", "exposure"), [("ospreyd.service", "/usr/sbin/ospreyd", 70),
                                                           ("osprey-server.service", "/usr/bin/osprey-server", 20)])
def test_units(tmp_path, name, program, exposure):
    """systemd reads every line of the unit, offline: it does not run here."""
    unit = tmp_path / name
    unit.write_text((PACKAGING / name).read_text().replace(program, str(BIN / pathlib.Path(program).name)))
    done = subprocess.run(["systemd-analyze", "--man=no", "verify", unit], capture_output=True, text=True, timeout=60)
    assert name not in done.stderr, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={exposure}", unit],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_scripts_are_clean():
    subprocess.run(["shellcheck", PACKAGING / "ospreydctl", PACKAGING / "install"], check=True)


FAKE = """#!/usr/bin/python3 -S
import os, signal, sys, time
flags = dict(one[2:].split("=", 1) for one in sys.argv[1:] if "=" in one)
open(os.environ["FAKE_LOG"], "a").write(" ".join(sys.argv[1:]) + "\\n")
if "--config_check" in sys.argv:
    text = open(flags["config_path"]).read()
    sys.stderr.write({"bad": "error: bad\\n", "so so": "warning: unknown key\\n"}.get(text, ""))
    sys.exit(text in ("bad", "so so"))
if os.fork():
    sys.exit(0)
open("/proc/self/comm", "w").write("ospreyd")
for stream in (0, 1, 2):
    os.close(stream)
signal.signal(signal.SIGTERM, lambda *_: (os.unlink(flags["pidfile"]), os._exit(0)))
open(flags["pidfile"], "w").write(str(os.getpid()))
time.sleep(60)
"""


def alive(pid):
    """Whether the process runs; nobody may be there to wait for it when it has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Control:
    """ospreydctl in a tree of its own, where neither systemd nor an init script is."""

    def __init__(self, folder):
        self.root = folder
        for name in ("etc/osprey", "etc/default", "run", "var/lib/osprey"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/osprey/osprey.conf").write_text("{}")
        (folder / "etc/osprey/osprey.flags").write_text("# none\n")
        self.daemon = folder / "ospreyd"
        self.daemon.write_text(FAKE)
        self.daemon.chmod(0o755)
        self.log = folder / "log"
        self.log.write_text("")

    def run(self, *verbs):
        return subprocess.run([PACKAGING / "ospreydctl", *verbs], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "OSPREYD_ROOT": str(self.root), "OSPREYD": str(self.daemon),
                                   "FAKE_LOG": str(self.log)})

    def pid(self):
        return int((self.root / "run/ospreyd.pid").read_text())


@pytest.fixture
def control(tmp_path):
    control = Control(tmp_path)
    yield control
    try:
        os.kill(control.pid(), signal.SIGKILL)
    except OSError:
        pass


def test_start_status_restart_stop(control):
    assert control.run("status").returncode == 7
    assert control.run("start").returncode == 0
    first = control.pid()
    assert control.run("status").stdout == f"ospreyd runs (pid {first})\n"
    assert control.run("start").stdout == f"ospreyd runs already (pid {first})\n"
    assert control.run("restart").returncode == 0
    second = control.pid()
    assert second != first and not alive(first)
    assert control.run("clean").returncode == 1, "not beside a running agent"
    assert control.run("stop").returncode == 0
    assert not alive(second)
    assert control.run("status").returncode == 7
    assert control.run("stop").returncode == 0
    config = control.root / "etc/osprey/osprey.conf"
    assert f"--config_path={config}" in control.log.read_text() and "--daemonize=true" in control.log.read_text()


def test_a_bad_configuration_starts_and_stops_nothing(control):
    assert control.run("start").returncode == 0
    pid = control.pid()
    (control.root / "etc/osprey/osprey.conf").write_text("bad")
    assert control.run("config-check").returncode == 1
    assert control.run("restart").returncode == 1
    assert control.pid() == pid and alive(pid)


def test_warnings_keep_from_nothing(control):
    (control.root / "etc/osprey/osprey.conf").write_text("so so")
    assert control.run("config-check").returncode == 1
    done = control.run("start")
    assert done.returncode == 0 and done.stderr == "warning: unknown key\n"


def test_config_check_without_files(control):
    (control.root / "etc/osprey/osprey.conf").unlink()
    assert control.run("config-check").returncode == 0
    (control.root / "etc/osprey/osprey.flags").unlink()
    assert control.run("config-check").returncode == 4
    assert control.run("start").returncode == 4


def test_verbs_that_are_none(control):
    for verbs in ((), ("begin",), ("start", "now")):
        done = control.run(*verbs)
        assert done.returncode == 2 and "Usage:" in done.stderr
    assert "Usage:" in control.run("--help").stdout


def test_not_installed(control):
    control.daemon.unlink()
    assert control.run("start").returncode == 6


def test_clean(control):
    database = control.root / "var/lib/osprey/osprey.db"
    database.mkdir()
    (database / "000001.sst").write_text("x")
    assert control.run("clean").returncode == 0
    assert not database.exists() and database.parent.exists()
    for path in ("/", "/var", "var/lib", "/var/"):
        (control.root / "etc/osprey/osprey.flags").write_text(f"--database_path={path}\n")
        assert control.run("clean").returncode == 1
    assert database.parent.exists()


def test_files_of_the_default_file(control):
    (control.root / "etc/other.flags").write_text("--pidfile=/run/other.pid\n")
    (control.root / "etc/default/ospreyd").write_text("# FLAG_FILE=/x\nFLAG_FILE=/etc/other.flags\n"
                                                     "OSPREYD_ARGUMENTS=--verbose $(touch evil)\n")
    assert control.run("start").returncode == 0
    pid = int((control.root / "run/other.pid").read_text())
    try:
        assert "--verbose $(touch evil)" in control.log.read_text(), "the file is read and not run"
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_stale_pid_is_not_killed(control):
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (control.root / "run/ospreyd.pid").write_text(str(bystander.pid))
        assert control.run("status").returncode == 7
        assert control.run("stop").returncode == 0
        time.sleep(0.1)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
