"""What `make run` shows (tools/demo): a fleet that answers, a second host that joins by the printed line, and nothing left
of it after the end."""

import pathlib
import re
import signal
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def test_a_fleet_on_one_machine(tmp_path):
    output = tmp_path / "output"
    with output.open("w") as file:
        demo = subprocess.Popen([PROJECT / "tools" / "demo"], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    joined = None
    try:
        end = time.monotonic() + 90
        while "docs/fleet.md" not in output.read_text():
            assert demo.poll() is None and time.monotonic() < end, output.read_text()
            time.sleep(0.2)
        said = output.read_text()
        assert re.search(r"^host_name +pid +name +mib$", said, re.M), said
        assert "1 of 1 hosts answered" in said and re.search(r"password +\S+", said)
        line = re.search(r"^ +(\S*ospreyd --flagfile=\S+)$", said, re.M)[1]
        joined = subprocess.Popen(line.split(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        scratch = pathlib.Path(re.search(r"XDG_CONFIG_HOME=(\S+)", said)[1])
        environment = {"XDG_CONFIG_HOME": str(scratch), "PATH": "/usr/bin:/bin"}
        while True:
            hosts = subprocess.run([PROJECT / "build/bin/ospreyctl", "--format", "jsonl", "hosts", "list"], env=environment,
                                   capture_output=True, text=True, check=True).stdout
            if len(hosts.splitlines()) == 2:
                break
            assert time.monotonic() < end, hosts
            time.sleep(0.2)
        live = subprocess.run([PROJECT / "build/bin/ospreyctl", "--format", "jsonl", "live", "SELECT username FROM users",
                               "--all"], env=environment, capture_output=True, text=True, check=True).stdout
        assert "mallory" in live, "the second host's own root"
    finally:
        if joined:
            joined.send_signal(signal.SIGTERM)
            joined.wait(30)
        demo.send_signal(signal.SIGTERM)
        demo.wait(30)
    assert demo.returncode == 0 and "The fleet is gone." in output.read_text()
    assert not scratch.exists()
