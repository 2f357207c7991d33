"""The system's and devices' tables against the tools and files that a person would ask."""

import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import time

import pytest


def said(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, check=True, **kwargs).stdout


def tool(name):
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    return name


def twice(check):
    """Runs a check of something that moves once more before it counts as wrong."""
    try:
        check()
    except AssertionError:
        check()


def one(rows):
    assert len(rows) == 1
    return rows[0]


def flat(entries, key="children"):
    for entry in entries:
        yield entry
        yield from flat(entry.get(key, []), key)


def test_mounts_are_those_of_findmnt(osprey):
    tool("findmnt")

    def check():
        rows = {row["mount_id"]: row for row in osprey.query(
            "SELECT *, mount_id, parent_id, propagation, super_options FROM mounts")}
        columns = "ID,PARENT,TARGET,SOURCE,FSTYPE,FS-OPTIONS,OPT-FIELDS"
        for mount in json.loads(said("findmnt", "-J", "-l", "-o", columns))["filesystems"]:
            row = rows.pop(str(mount["id"]))
            assert row["parent_id"] == str(mount["parent"])
            assert row["path"] == mount["target"]
            assert row["type"] == mount["fstype"]
            assert row["device"] == (mount["source"] or "").split("[")[0]
            assert row["super_options"] == mount["fs-options"]
            assert row["propagation"] == (mount["opt-fields"] or "private")
        assert not rows

    twice(check)


def test_mounts_have_the_options_of_proc_mounts(osprey):
    def check():
        rows = osprey.query("SELECT device, path, type, flags FROM mounts")
        lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        assert [[r["device"], r["path"], r["type"], r["flags"]] for r in rows] == [
            [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), field) for field in line.split(" ")[:4]]
            for line in lines]

    twice(check)


def test_mount_sizes_are_those_of_statvfs(osprey):
    def check():
        for row in osprey.query("SELECT * FROM mounts WHERE path IN ('/', '/dev', '/proc')"):
            sizes = os.statvfs(row["path"])
            assert row["blocks"] == str(sizes.f_blocks)
            assert row["inodes"] == str(sizes.f_files)
            assert abs(int(row["blocks_free"]) - sizes.f_bfree) < 5000
            assert abs(int(row["blocks_available"]) - sizes.f_bavail) < 5000
            assert abs(int(row["inodes_free"]) - sizes.f_ffree) < 1000

    twice(check)


def test_odd_mount_points(osprey, tmp_path):
    """In a mount namespace of its own: a mount point with a blank, a line end, a backslash and a byte that is no text."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    odd = os.fsencode(tmp_path) + b"/a b\nc\\d\xff"
    os.mkdir(odd)
    script = 'mount -t tmpfs "odd source" "$1" && exec "$2" --json "SELECT * FROM mounts WHERE type = \'tmpfs\' AND ' \
             'device = \'odd source\'"'
    done = subprocess.run([b"unshare", b"-m", b"sh", b"-c", script.encode(), b"sh", odd, os.fsencode(osprey.path)],
                          capture_output=True)
    if done.returncode != 0 and b"unshare" in done.stderr:
        pytest.skip("no mount namespaces")
    row = one(json.loads(done.stdout))
    assert row["path"].endswith("/a b\nc\\d\\xFF")
    assert int(row["blocks"]) > 0


def meminfo():
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    return {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines)}


def test_memory(osprey):
    row = one(osprey.query("SELECT * FROM memory_info"))
    now = meminfo()
    for column, name in {"memory_total": "MemTotal", "swap_total": "SwapTotal"}.items():
        assert int(row[column]) == now[name]
    for column, name in {"memory_free": "MemFree", "memory_available": "MemAvailable", "cached": "Cached",
                         "buffers": "Buffers", "active": "Active", "inactive": "Inactive"}.items():
        assert int(row[column]) == pytest.approx(now[name], abs=256 << 20), column
    if shutil.which("free"):
        total = said("free", "-b").splitlines()[1].split()[1]
        assert row["memory_total"] == total


def test_memory_map(osprey):
    rows = osprey.query("SELECT name, start, end FROM memory_map")
    lines = pathlib.Path("/proc/iomem").read_text().splitlines()
    assert [f"{row['start'][2:]}-{row['end'][2:].strip()} : {row['name']}" for row in rows] == [
        line.strip() for line in lines]


def test_shared_memory_segment(osprey):
    tool("ipcmk")
    made = re.search(r"\d+", said("ipcmk", "-M", "12345", "-p", "0640"))[0]
    try:
        row = one(osprey.query(f"SELECT * FROM shared_memory WHERE shmid = {made}"))
        assert row["size"] == "12345"
        assert row["permissions"] == "0640"
        assert row["owner_uid"] == row["creator_uid"] == str(os.geteuid())
        assert (row["attached"], row["status"], row["locked"]) == ("0", "", "0")
        assert int(row["ctime"]) == pytest.approx(time.time(), abs=60)
        ids = {line.split()[1] for line in said("ipcs", "-m").splitlines() if line.startswith("0x")}
        assert ids == {row["shmid"] for row in osprey.query("SELECT shmid FROM shared_memory")}
    finally:
        said("ipcrm", "-m", made)


def test_load_average(osprey):
    def check():
        rows = osprey.query("SELECT * FROM load_average")
        assert [row["period"] for row in rows] == ["1m", "5m", "15m"]
        for row, load in zip(rows, os.getloadavg()):
            assert re.fullmatch(r"\d+\.\d{6}", row["average"])
            assert float(row["average"]) == pytest.approx(load, abs=0.1)

    twice(check)


def test_uptime_and_time(osprey):
    def check():
        row = one(osprey.query("SELECT * FROM uptime"))
        assert int(row["total_seconds"]) == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=2)
        parts = [int(row[name]) for name in ("days", "hours", "minutes", "seconds")]
        assert parts[3] + 60 * (parts[2] + 60 * (parts[1] + 24 * parts[0])) == int(row["total_seconds"])

        row = one(osprey.query("SELECT *, date_time, win_timestamp FROM time"))
        now = int(row["unix_time"])
        assert now == pytest.approx(time.time(), abs=2)
        utc = time.gmtime(now)
        assert [int(row[name]) for name in ("year", "month", "day", "hour", "minutes", "seconds")] == list(utc[:6])
        assert row["weekday"] == time.strftime("%A", utc)
        assert row["timestamp"] == time.asctime(utc) + " UTC"
        assert row["datetime"] == row["iso_8601"] == row["date_time"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", utc)
        assert row["timezone"] == "UTC"
        assert row["local_timezone"] == said("date", "+%Z").strip()

    twice(check)


def test_local_time_zone_is_the_environments(osprey):
    done = osprey.run("--json", "SELECT local_timezone FROM time", env={**os.environ, "TZ": "XYZ-5"})
    assert one(json.loads(done.stdout))["local_timezone"] == "XYZ"


def os_release():
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, value in (line.split("=", 1) for line in lines if "=" in line)}


def test_os_version_and_kernel(osprey):
    row = one(osprey.query("SELECT * FROM os_version"))
    release = os_release()
    assert row["name"] == release["NAME"]
    assert row["version"] == release["VERSION"]
    assert row["platform"] == release["ID"]
    assert row["codename"] == release["VERSION_CODENAME"]
    assert row["major"] == release["VERSION_ID"].split(".")[0]
    assert row["arch"] == said("uname", "-m").strip()

    row = one(osprey.query("SELECT * FROM kernel_info"))
    assert row["version"] == said("uname", "-r").strip()
    words = pathlib.Path("/proc/cmdline").read_text().split()
    kept = [word for word in words if not word.startswith(("BOOT_IMAGE=", "root="))]
    assert row["arguments"].split() == kept


def test_os_version_in_another_mount_namespace(osprey, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    other = tmp_path / "os-release"
    other.write_text("NAME=Other\nID=other\nVERSION_ID=9.8.7")
    sleeper = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"mount --bind {other} $(readlink -f /etc/os-release) && echo ready && exec sleep 60"],
        stdout=subprocess.PIPE, text=True)
    try:
        if sleeper.stdout.readline().strip() != "ready":
            pytest.skip("no mount namespaces")
        row = one(osprey.query(f"SELECT *, mount_namespace_id FROM os_version WHERE pid_with_namespace = {sleeper.pid}"))
        assert (row["name"], row["platform"], row["major"], row["minor"], row["patch"]) == ("Other", "other", "9", "8", "7")
        assert row["arch"] == said("uname", "-m").strip()
        assert row["mount_namespace_id"] in os.readlink(f"/proc/{sleeper.pid}/ns/mnt")
    finally:
        sleeper.kill()
        sleeper.wait()


def test_kernel_modules(osprey):
    file = pathlib.Path("/proc/modules")
    lines = file.read_text().splitlines() if file.exists() else []
    rows = osprey.query("SELECT *, refcount, taints FROM kernel_modules")
    assert [[r["name"], r["size"], r["refcount"], r["used_by"], r["status"], r["address"]] for r in rows] == [
        [field.rstrip(",") for field in line.split()[:6]] for line in lines]


def test_ulimits(osprey):
    names = {"as": "AS", "core": "CORE", "cpu": "CPU", "data": "DATA", "fsize": "FSIZE", "memlock": "MEMLOCK",
             "msgqueue": "MSGQUEUE", "nice": "NICE", "nofile": "NOFILE", "nproc": "NPROC", "rss": "RSS",
             "rtprio": "RTPRIO", "sigpending": "SIGPENDING", "stack": "STACK"}
    rows = {row["type"]: row for row in osprey.query("SELECT * FROM ulimit_info")}
    assert len(rows) == 15 and "locks" in rows
    for name, constant in names.items():
        soft, hard = resource.getrlimit(getattr(resource, "RLIMIT_" + constant))
        if name == "nofile":  # the program raises its soft limit, as osquery does
            soft = int(rows[name]["soft_limit"]) if rows[name]["soft_limit"] != "unlimited" else -1
        assert [rows[name]["soft_limit"], rows[name]["hard_limit"]] == [
            "unlimited" if limit == resource.RLIM_INFINITY else str(limit) for limit in (soft, hard)], name


def test_processors(osprey):
    info = one(osprey.query("SELECT * FROM system_info"))
    assert info["cpu_logical_cores"] == said("getconf", "_NPROCESSORS_ONLN").strip()
    assert info["physical_memory"] == str(meminfo()["MemTotal"])
    assert info["computer_name"] == said("uname", "-n").strip()
    assert info["cpu_type"] == said("uname", "-m").strip()
    tool("lscpu")
    fields = {entry["field"].rstrip(":"): entry["data"] for entry in flat(json.loads(said("lscpu", "-J"))["lscpu"])}
    assert info["cpu_brand"] == fields["Model name"]
    assert info["cpu_sockets"] == fields["Socket(s)"]
    assert int(info["cpu_physical_cores"]) == int(fields["Core(s) per socket"]) * int(fields["Socket(s)"])
    assert info["cpu_subtype"] == fields["Model"]
    if not os.path.exists("/sys/firmware/dmi/tables/DMI"):
        rows = osprey.query("SELECT * FROM cpu_info")
        assert len(rows) == int(fields["Socket(s)"])
        assert rows[0]["model"] == fields["Model name"]
        assert rows[0]["manufacturer"] == fields["Vendor ID"]
        assert rows[0]["number_of_cores"] == fields["Core(s) per socket"]


def test_dmi(osprey):
    info = one(osprey.query("SELECT * FROM system_info"))
    for column, file in {"hardware_vendor": "sys_vendor", "hardware_model": "product_name",
                         "board_vendor": "board_vendor"}.items():
        path = pathlib.Path("/sys/class/dmi/id") / file
        assert info[column] == (path.read_text().strip() if path.exists() else "")


def test_cpu_time(osprey):
    def check():
        rows = osprey.query("SELECT * FROM cpu_time")
        lines = [line.split() for line in open("/proc/stat") if re.match(r"cpu\d", line)]
        assert [row["core"] for row in rows] == [line[0][3:] for line in lines]
        for row, line in zip(rows, lines):
            names = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
            for name, value in zip(names, line[1:]):
                assert int(row[name]) == pytest.approx(int(value), abs=200), name

    twice(check)


def test_cpuid_agrees_with_cpuinfo(osprey):
    text = pathlib.Path("/proc/cpuinfo").read_text()
    if "\nflags" not in text:
        pytest.skip("not x86")
    flags = re.search(r"^flags\s*: (.*)$", text, re.M)[1].split()
    rows = {row["feature"]: row["value"] for row in osprey.query("SELECT * FROM cpuid")}
    assert rows["vendor"] == re.search(r"^vendor_id\s*: (.*)$", text, re.M)[1]
    assert rows["product_name"].strip() == re.search(r"^model name\s*: (.*)$", text, re.M)[1].strip()
    # What the kernel hides for its own reasons is not asked about.
    for feature, flag in {"sse2": "sse2", "aes": "aes", "avx2": "avx2", "lm": "lm", "nx": "nx", "smep": "smep",
                          "hypervisor": "hypervisor", "sha": "sha_ni", "bmi2": "bmi2", "page1gb": "pdpe1gb"}.items():
        assert rows[feature] == ("1" if flag in flags else "0"), feature


def test_msr_needs_its_module(osprey):
    rows = osprey.query("SELECT processor_number FROM msr")
    assert len(rows) == len(list(pathlib.Path("/sys/class/msr").glob("msr*")))


def test_system_controls_are_those_of_sysctl(osprey):
    tool("sysctl")
    text = subprocess.run(["sysctl", "-a"], capture_output=True, text=True).stdout  # some may not be read
    known = {}
    for line in text.splitlines():
        name, _, value = line.partition(" = ")
        known.setdefault(name.replace("/", "."), []).append(value.strip())
    rows = {row["name"]: row for row in osprey.query("SELECT * FROM system_controls")}
    moving = re.compile(r"random|file-nr|inode|dentry|ns_last_pid|nr_open|pty|debug|keys|sched_|aio-nr|stable_secret|"
                        r"tcp_fastopen_key|nf_conntrack_count|fs.quota|lockup|printk")
    missing = [name for name in known if name not in rows and not name.startswith("fs.binfmt_misc")]
    assert not missing
    for name, values in known.items():
        if name in rows and len(values) == 1 and not moving.search(name):
            assert rows[name]["current_value"] == values[0], name
            assert rows[name]["subsystem"] == name.split(".")[0]


def test_system_controls_pushdown(osprey):
    for where in ("name = 'kernel.ostype'", "name IN ('kernel.ostype', 'no.such.name')", "name LIKE 'KERNEL.ostyp%'",
                  "name = 'kernel.ostype' AND subsystem = 'kernel'"):
        row = one(osprey.query(f"SELECT name, current_value FROM system_controls WHERE {where}"))
        assert row == {"name": "kernel.ostype", "current_value": "Linux"}
    assert osprey.query("SELECT * FROM system_controls WHERE name = 'kernel.ostype' AND subsystem = 'net'") == []
    every = osprey.query("SELECT name FROM system_controls")
    for prefix in ("net.ipv4.", "vm"):
        wanted = [row for row in every if row["name"].startswith(prefix)]
        assert osprey.query(f"SELECT name FROM system_controls WHERE name LIKE '{prefix}%'") == wanted


def test_block_devices_are_those_of_lsblk(osprey):
    tool("lsblk")
    rows = {row["name"]: row for row in osprey.query("SELECT name, parent, size, block_size FROM block_devices")}
    known = list(flat(json.loads(said("lsblk", "-J", "-b", "-a", "-o", "PATH,PKNAME,SIZE,LOG-SEC,TYPE"))["blockdevices"]))
    assert {device["path"] for device in known} <= set(rows)
    for device in known:
        row = rows[device["path"]]
        assert int(row["size"]) * 512 == int(device["size"] or 0)
        if device["type"] != "part":
            assert row["block_size"] == str(device["log-sec"])
        elif device["pkname"]:
            assert row["parent"] == "/dev/" + device["pkname"]


@pytest.fixture
def loop_device(tmp_path):
    """A loop device over an image with an ext4 filesystem."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    tool("mkfs.ext4")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    said("mkfs.ext4", "-q", "-L", "osprey-test", "-U", "01234567-89ab-cdef-0123-456789abcdef", str(image))
    done = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("no loop device: " + done.stderr)
    device = done.stdout.strip()
    yield device
    said("losetup", "-d", device)


def test_what_a_block_device_holds(osprey, loop_device):
    row = one(osprey.query(f"SELECT * FROM block_devices WHERE name = '{loop_device}'"))
    assert row["type"] == "ext4"
    assert row["uuid"] == "01234567-89ab-cdef-0123-456789abcdef"
    assert row["label"] == "osprey-test"
    assert row["size"] == str((8 << 20) // 512)


def test_a_device_is_opened_only_for_what_stands_on_it(osprey):
    tool("strace")
    log = subprocess.run(["strace", "-f", "-e", "trace=open,openat,openat2", osprey.path,
                          "SELECT name, parent, size, serial, model FROM block_devices"],
                         capture_output=True, text=True).stderr
    assert "/sys/class/block" in log
    assert '"/dev/vd' not in log and '"/dev/sd' not in log and '"/dev/loop' not in log


def test_pci_devices_are_those_of_lspci(osprey):
    if not os.path.isdir("/sys/bus/pci/devices"):
        assert osprey.query("SELECT * FROM pci_devices") == []
        return
    tool("lspci")
    rows = {row["pci_slot"]: row for row in osprey.query("SELECT * FROM pci_devices")}
    blocks = [dict(line.split(":\t", 1) for line in block.splitlines())
              for block in said("lspci", "-D", "-vmm", "-nn", "-k").strip().split("\n\n")]
    assert len(blocks) == len(rows)
    for block in blocks:
        row = rows[block["Slot"]]
        for column, field in {"vendor": "Vendor", "model": "Device"}.items():
            name, number = re.fullmatch(r"(.*) \[([0-9a-f]{4})\]", block[field]).groups()
            assert row[column + "_id"] == "0x" + number
            assert row[column] == ("" if name in ("Device", "Vendor") else name)
        class_name, number = re.fullmatch(r"(.*) \[([0-9a-f]{4})\]", block["Class"]).groups()
        assert (row["pci_class_id"], row["pci_subclass_id"]) == ("0x" + number[:2], "0x" + number[2:])
        assert class_name in (row["pci_class"], row["pci_subclass"])
        assert row["driver"] == block.get("Driver", "")


def test_usb_devices(osprey):
    rows = osprey.query("SELECT usb_address, usb_port, vendor_id, model_id FROM usb_devices")
    found = [path for path in pathlib.Path("/sys/bus/usb/devices").glob("*") if ":" not in path.name]
    assert sorted([r["usb_address"], r["usb_port"], r["vendor_id"], r["model_id"]] for r in rows) == sorted(
        [(path / name).read_text().strip() for name in ("busnum", "devnum", "idVendor", "idProduct")] for path in found)


def test_acpi_tables(osprey):
    rows = {row["name"]: row for row in osprey.query("SELECT * FROM acpi_tables")}
    folder = pathlib.Path("/sys/firmware/acpi/tables")
    files = [path for path in folder.glob("*") if path.is_file()]
    assert set(rows) == {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert rows[path.name] == {"name": path.name, "size": str(len(content)), "md5": hashlib.md5(content).hexdigest()}
