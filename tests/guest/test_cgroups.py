"""Control groups v2, and v2 beside v1, under a kernel that has all controllers: the same tests of the agent's group as
run under v1 on the build machine (LIM-02 to LIM-07)."""

import pathlib
import re

from boot import BUILD, boot, kernel, libraries, need, with_modules

TEST = BUILD / "test" / "agent_test"
BUSYBOX = pathlib.Path("/bin/busybox")
INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
for module in MODULES; do /bin/busybox insmod /modules/$module.ko; done
export OSPREY_TEST_DISK=/dev/vda
check() {  # the tests $2 in the group $3
  echo "@@ $1"
  /bin/busybox sh -c "[ -z '$3' ] || echo 0 > $3/cgroup.procs; exec /agent_test --gtest_filter='$2'"
  echo "@@ end $?"
}
ALL='WorkerGroup*:GroupMonitor*:Priority*'
PLACES='WorkerGroupTest.WhatTheWorker*:WorkerGroupTest.WhatAKilled*:WorkerGroupTest.WhoEats*'
SCRIPT
/bin/busybox find /sys/fs/cgroup $V1 -name 'osprey-*'
echo "@@ done"
/bin/busybox poweroff -f
"""
V2 = r"""
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd /sys/fs/cgroup
check "in the topmost group" "$ALL"
echo "+cpu +memory +io +pids" > cgroup.subtree_control
/bin/busybox mkdir alone shared shared/inner
check "alone in a group" "$PLACES" alone
/bin/busybox sleep 1000 &
echo $! > shared/inner/cgroup.procs
check "with another in a group" "$PLACES" shared/inner
"""
HYBRID = r"""
V1=/v1
/bin/busybox mkdir -p /v1/processor /v1/memory
/bin/busybox mount -t cgroup -o cpu,cpuacct cgroup /v1/processor
/bin/busybox mount -t cgroup -o memory cgroup /v1/memory
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
check "v1 and v2" "$ALL"
"""


def run(script, tmp_path):
    """What the tests printed, by the name of their round."""
    need("qemu-system-x86_64", "busybox")
    folder = kernel()
    files = {"bin/busybox": BUSYBOX.read_bytes(), "agent_test": TEST.read_bytes(), **libraries(TEST)}
    order = with_modules(files, ["virtio_pci", "virtio_blk"], folder)
    files["init"] = INIT.replace("MODULES", " ".join(order)).replace("SCRIPT", script).encode()
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(256 << 20)
    console = boot(files, folder, tmp_path, ["-m", "768", "-smp", "2", "-drive", f"file={disk},format=raw,if=virtio"], timeout=120)
    print(console)
    rounds = {name: (text, int(status)) for name, text, status in re.findall(r"@@ (.*?)\n(.*?)@@ end (\d+)\n", console, re.S)}
    left = re.search(r"@@ end \d+\n((?:(?!@@ ).)*)@@ done", console, re.S)
    assert left and "osprey-" not in left[1], console[-4000:]
    return rounds


def check(rounds, names):
    assert list(rounds) == names
    for name, (text, status) in rounds.items():
        assert status == 0 and "[  PASSED  ]" in text, f"{name}:\n{text}"
        assert "SKIPPED" not in text, f"{name}:\n{text}"


def test_v2(tmp_path):
    check(run(V2, tmp_path), ["in the topmost group", "alone in a group", "with another in a group"])


def test_hybrid(tmp_path):
    check(run(HYBRID, tmp_path), ["v1 and v2"])
