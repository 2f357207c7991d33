"""What processes take: of the processor, of memory, and their folders of the disk."""

import contextlib
import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and all below it; who ends meanwhile is left out."""
    pids, at = [pid], 0
    while at < len(pids):
        for task in pathlib.Path(f"/proc/{pids[at]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += [int(child) for child in task.read_text().split()]
        at += 1
    return pids


def cpu_seconds(pids):
    """User and system, of all their threads and of the children that they have waited for; who ended meanwhile is left out."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            # Its CPU clock, clock_getcpuclockid(3), counts nanoseconds, /proc/PID/stat hundredths of a second.
            own = time.clock_gettime(~pid << 3 | 2)
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += own + sum(int(ticks) for ticks in fields[13:15]) / TICKS
    return total


def pss_mib(pids):
    """Their proportional set sizes."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def disk_bytes(folder):
    """What a folder's files take; they come and go meanwhile."""
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total
