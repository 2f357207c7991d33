#!/usr/bin/env python3
"""Every table asked over and over while the host changes under it: processes that live for milliseconds, files made,
renamed, cut and removed, sockets opened and closed. Whatever is asked must end in time, exit 0, print valid JSON and
stay within its memory. All of the storm is in a folder of its own and on loopback; it stops by itself.

    tests/soak/storm.py --minutes 60
"""

import argparse
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BIN = PROJECT / "build" / "bin"
QUERY_SECONDS = 60
MEMORY_MIB = 256


class Storm:
    """Threads that change processes, files and sockets until stop()."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.processes, self.files, self.sockets)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def processes(self):
        while not self.ended.is_set():
            children = [subprocess.Popen(["true"]) for _ in range(20)]
            for child in children:
                child.wait()

    def files(self):
        order = random.Random(1)
        while not self.ended.is_set():
            path = self.folder / f"f{order.randrange(200)}"
            action = order.randrange(5)
            try:
                if action == 0:
                    path.write_bytes(order.randbytes(order.randrange(65536)))
                elif action == 1:
                    path.rename(self.folder / f"f{order.randrange(200)}")
                elif action == 2:
                    os.truncate(path, order.randrange(100))
                elif action == 3:
                    path.unlink()
                else:
                    path.symlink_to(self.folder / f"f{order.randrange(200)}")
            except OSError:
                pass  # another step of the storm was there first

    def sockets(self):
        while not self.ended.is_set():
            with socket.socket() as listener, socket.socket() as client:
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                client.connect(listener.getsockname())
                listener.accept()[0].close()


def queries(folder):
    schema = json.loads(subprocess.run([BIN / "osprey-reference", "schema"], capture_output=True, check=True).stdout)
    for table in schema:
        if table["name"].startswith("curl"):
            continue
        required = any(column.get("required") for column in table["columns"])
        yield table["example"] if required else f"SELECT * FROM {table['name']}"
    for table in ("file", "hash", "magic"):
        yield f"SELECT * FROM {table} WHERE path LIKE '{folder}/%%'"


def ask(sql):
    """What is wrong with the answer to a query, or None."""
    try:
        done = subprocess.run(["/usr/bin/time", "-q", "-f", "%M", BIN / "osprey", "--json", sql], capture_output=True,
                              timeout=QUERY_SECONDS)
    except subprocess.TimeoutExpired:
        return f"took more than {QUERY_SECONDS} s"
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr[-500:]!r}"
    json.loads(done.stdout)
    mib = int(done.stderr.split()[-1]) / 1024
    return f"used {mib:.0f} MiB" if mib > MEMORY_MIB else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    deadline = time.monotonic() + parser.parse_args().minutes * 60
    asked = failed = 0
    with tempfile.TemporaryDirectory() as folder, Storm(folder):
        while time.monotonic() < deadline:
            for sql in queries(folder):
                if time.monotonic() >= deadline:
                    break
                asked += 1
                if trouble := ask(sql):
                    failed += 1
                    print(f"FAILED {sql}: {trouble}", flush=True)
    print(f"{asked - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
