#!/usr/bin/env python3
"""Events without a pause: programs, connections and files as fast as they go, watched by an agent with the pack of
detections. Its memory must stay flat, its journal within its cap, and nothing may be lost. All of the storm is in a
folder of its own and on loopback; it stops by itself.

    tests/soak/events.py --minutes 60
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests/integration")]
from process_costs import disk_bytes, family, pss_mib  # noqa: E402

MIB = 1 << 20
LIMIT_MIB = 96  # of the journal: small, so that it is full soon
WARM = 1 / 6  # of the time, in which caches fill
MOST_GROWTH_MIB = 4
COUNTERS = "SELECT name, seen, kept, filtered, dropped, drops, events FROM osquery_events"


def storm(program, folder, ended, counts):
    """Until `ended`: a second or so of each, over and over."""
    names = itertools.cycle(folder / f"f{i}" for i in range(5000))
    turns = itertools.cycle([("exec", 2000, "/bin/true"), ("connect", 10_000), ("files", 3000)])
    while not ended.is_set():
        what, count, *rest = next(turns)
        if what == "files":
            for path in itertools.islice(names, count):
                path.write_bytes(b"x")
                path.rename(path.with_suffix(".new"))
                path.with_suffix(".new").unlink()
        else:
            subprocess.run([program, what, str(count), *rest], check=True, stdout=subprocess.DEVNULL)
        counts[what] = counts.get(what, 0) + count


def start_agent(build, scratch, watched):
    config = scratch / "agent.conf"
    config.write_text(json.dumps({
        "packs": {"detections": str(PROJECT / "packaging/packs/detections.conf")},
        "file_paths": {"storm": [f"{watched}/%%"]},
        "schedule": {
            **{table: {"query": f"SELECT count(*) AS events FROM {table}", "interval": 10}
               for table in ("process_events", "process_exit_events", "socket_events", "file_access_events")},
            "counters": {"query": COUNTERS, "interval": 10, "snapshot": True}}}))
    output = open(scratch / "output", "wb")
    return subprocess.Popen(
        [build / "bin/ospreyd", "--flagfile=/dev/null", f"--config_path={config}", f"--database_path={scratch}/db",
         f"--pidfile={scratch}/pid", f"--logger_path={scratch}", f"--extensions_socket={scratch}/em",
         f"--events_limit_mb={LIMIT_MIB}", "--events_cpu_percent=0", "--events_source=bpf"],
        stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def flaws(samples, losses, watched_minutes):
    warm = [sample for at, *sample in samples if at >= watched_minutes * 60 * WARM]
    if len(warm) < 4:
        return ["too short to tell"]
    memory = [sample[0] for sample in warm]
    quarter = len(memory) // 4
    early, late = statistics.median(memory[:quarter]), statistics.median(memory[-quarter:])
    print(f"memory: {early:.1f} MiB once warm, {late:.1f} at the end, {max(memory):.1f} at most")
    journal = max(sample[1] for _, *sample in samples)
    print(f"journal: {journal:.1f} MiB at most, of {LIMIT_MIB}")
    found = []
    if late - early > MOST_GROWTH_MIB:
        found.append(f"memory grew by {late - early:.1f} MiB")
    if journal > LIMIT_MIB:
        found.append("the journal was above its cap")
    return found + [f"{name} lost {row['dropped']}: {row['drops']}" for name, row in losses.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--build", type=pathlib.Path, default=PROJECT / "build")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osprey-soak-") as scratch:
        scratch = pathlib.Path(scratch)
        watched = scratch / "watched"
        watched.mkdir()
        agent = start_agent(options.build, scratch, watched)
        ended, counts, samples = threading.Event(), {}, []
        storms = threading.Thread(target=storm, args=(options.build / "bench/storm", watched, ended, counts))
        try:
            time.sleep(10)
            storms.start()
            begin = time.monotonic()
            while (at := time.monotonic() - begin) < options.minutes * 60:
                time.sleep(10)
                samples.append((at, pss_mib(family(agent.pid)), disk_bytes(scratch / "db.events") / MIB))
                if sys.stderr.isatty() or len(samples) % 30 == 0:
                    print(f"{at / 60:.0f} min: {samples[-1][1]:.1f} MiB, journal {samples[-1][2]:.1f} MiB, {counts}",
                          file=sys.stderr, flush=True)
            ended.set()
            storms.join()
            time.sleep(25)  # two rounds of the counters
            last = (scratch / "ospreyd.snapshots.log").read_text().splitlines()[-1]
            losses = {row["name"]: row for row in json.loads(last)["snapshot"] if int(row["dropped"] or 0) > 0}
        finally:
            ended.set()
            agent.terminate()
            agent.wait(timeout=60)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    found = flaws(samples, losses, options.minutes)
    for flaw in found:
        print(f"FAILED {flaw}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
