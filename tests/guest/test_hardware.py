"""What the build machine has none of, asked in a guest: kernel modules, DMI, SMBIOS, USB, an ATA disk, the msr module."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from boot import BUILD, boot, kernel, libraries, need, with_modules

HERE = pathlib.Path(__file__).parent
OSPREY = pathlib.Path(os.environ.get("OSPREY_BIN", BUILD / "bin")) / "osprey"
MODULES = ["xhci-pci", "ahci", "sd_mod", "msr"]
QUERIES = {
    "modules": "SELECT *, taints, refcount, srcversion FROM kernel_modules",
    "system": "SELECT * FROM system_info",
    "processors": "SELECT * FROM cpu_info",
    "usb": "SELECT * FROM usb_devices",
    "pci": "SELECT * FROM pci_devices",
    "block": "SELECT * FROM block_devices",
    "msr": "SELECT * FROM msr",
}


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """Answers of the guest by query, and the modules it loaded."""
    need("qemu-system-x86_64", "gcc", "mkfs.ext4")
    folder = kernel()
    directory = tmp_path_factory.mktemp("guest")
    disk = directory / "disk"
    with disk.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-L", "guest disk", "-U", "01234567-89ab-cdef-0123-456789abcdef", disk], check=True)
    init = directory / "init"
    subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", init, HERE / "init.c"], check=True)
    files = {"init": init.read_bytes(), "osprey": OSPREY.read_bytes(), **libraries(OSPREY)}
    order = with_modules(files, MODULES, folder)
    files["modules.txt"] = "".join(f"/modules/{name}.ko\n" for name in order).encode()
    files["queries.txt"] = "".join(f"{query}\n" for query in QUERIES.values()).encode()
    console = boot(files, folder, directory, [
        "-m", "1024", "-smp", "4,sockets=2,cores=2", "-uuid", "4c4c4544-0031-3210-8056-b4c04f4e3232",
        "-smbios", "type=1,manufacturer=Example Computers,product=Rack 2000,version=A00,serial=SERIAL0001",
        "-smbios", "type=2,manufacturer=Example Boards,product=X99,version=1.0,serial=BOARD0001",
        "-smbios", "type=4,sock_pfx=SOCKET,manufacturer=Example,version=Example CPU,max-speed=4000,current-speed=2400",
        "-device", "qemu-xhci", "-device", "usb-tablet,serial=TABLET01",
        "-device", "ich9-ahci,id=ahci", "-drive", f"id=disk,file={disk},format=raw,if=none",
        "-device", "ide-hd,bus=ahci.0,drive=disk,serial=DISK0001,model=EXAMPLE DISK,rotation_rate=7200",
    ])
    answers = dict(re.findall(r"@@ (SELECT .*?)\n(.*?)\n@@ end 0\n", console, re.S))
    assert len(answers) == len(QUERIES), console[-4000:]
    return {name: json.loads(answers[query]) for name, query in QUERIES.items()} | {"order": order}


def test_modules(guest):
    modules = {row["name"]: row for row in guest["modules"]}
    assert set(modules) == set(guest["order"])
    usbcore = modules["usbcore"]
    assert set(usbcore["used_by"].split(",")) == {"xhci_hcd", "xhci_pci"}
    assert int(usbcore["size"]) > 100000 and int(usbcore["refcount"]) >= 2
    assert usbcore["status"] == "Live" and re.fullmatch("0x[0-9a-f]{16}", usbcore["address"])
    assert modules["msr"]["used_by"] == "-"
    assert re.fullmatch("[0-9A-F]{23}", usbcore["srcversion"]) or usbcore["srcversion"] == ""


def test_system(guest):
    (row,) = guest["system"]
    assert row["uuid"] == "4c4c4544-0031-3210-8056-b4c04f4e3232"
    assert [row["hardware_" + name] for name in ("vendor", "model", "version", "serial")] == [
        "Example Computers", "Rack 2000", "A00", "SERIAL0001"]
    assert [row["board_" + name] for name in ("vendor", "model", "version", "serial")] == [
        "Example Boards", "X99", "1.0", "BOARD0001"]
    assert [row["cpu_" + name] for name in ("sockets", "physical_cores", "logical_cores")] == ["2", "4", "4"]


def test_processors(guest):
    assert [row["device_id"] for row in guest["processors"]] == ["CPU0", "CPU1"]
    for number, row in enumerate(guest["processors"]):
        assert row["socket_designation"] == f"SOCKET {number}"
        assert row["manufacturer"] == "Example" and row["model"] == "Example CPU"
        assert (row["current_clock_speed"], row["max_clock_speed"]) == ("2400", "4000")
        assert (row["number_of_cores"], row["logical_processors"]) == ("2", "2")
        assert (row["processor_type"], row["cpu_status"], row["address_width"]) == ("3", "65", "64")


def test_usb(guest):
    rows = {(row["vendor_id"], row["model_id"]): row for row in guest["usb"]}
    tablet = rows[("0627", "0001")]
    assert tablet["model"] == "QEMU USB Tablet" and tablet["vendor"] == "QEMU"
    assert tablet["serial"].endswith("TABLET01")
    assert (tablet["class"], tablet["usb_port"]) == ("0", "2")
    hub = rows[("1d6b", "0002")]
    assert (hub["class"], hub["subclass"]) == ("9", "0")


def test_pci(guest):
    rows = {(row["vendor_id"], row["model_id"]): row for row in guest["pci"]}
    assert rows[("0x1b36", "0x000d")]["driver"] == "xhci_hcd"
    ahci = rows[("0x8086", "0x2922")]
    assert ahci["driver"] == "ahci"
    assert (ahci["pci_class_id"], ahci["pci_subclass_id"]) == ("0x01", "0x06")
    assert ahci["subsystem_vendor_id"] == "0x1af4"


def test_block(guest):
    (disk,) = [row for row in guest["block"] if row["name"] == "/dev/sda"]
    assert (disk["vendor"], disk["model"], disk["serial"]) == ("ATA", "EXAMPLE DISK", "DISK0001")
    assert (disk["size"], disk["block_size"]) == (str((16 << 20) // 512), "512")
    assert (disk["type"], disk["label"], disk["uuid"]) == ("ext4", "guest disk", "01234567-89ab-cdef-0123-456789abcdef")


def test_msr(guest):
    assert [row["processor_number"] for row in guest["msr"]] == ["0", "1", "2", "3"]
    for row in guest["msr"]:
        assert row["turbo_disabled"] == "0"
        assert row["perf_status"].isdigit()
