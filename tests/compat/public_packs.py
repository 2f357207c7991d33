#!/usr/bin/env python3
"""Holds configurations and packs that others have published against ours: each must be taken, and each query for Linux
whose tables stand must prepare.

    tests/compat/public_packs.py                 clones the repositories below and checks what is in them
    tests/compat/public_packs.py FOLDER…         checks every *.conf below the folders

None of what is read is kept. Exits 1 if a file is refused or a query fails for another reason than a missing table.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

REPOSITORIES = ["https://github.com/osquery/osquery", "https://github.com/palantir/osquery-configuration"]
OSPREY = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin" / "osprey"
# A problem with a statement, at the end of a line of --config_check.
PROBLEM = re.compile(r"^warning: .*?(?:schedule|queries|discovery)\.?(?P<query>[^:]*): (?P<text>.*)$")
MISSING = re.compile(r"no such table: (?:main\.)?(\w+)")


def configuration_of(path, folder):
    """The path of a configuration with this file in it: a pack is named by one."""
    text = path.read_text(errors="replace")
    is_pack = re.search(r'"queries"\s*:', text) and not re.search(r'"(schedule|packs)"\s*:', text)
    if not is_pack:
        return path
    wrapper = folder / "wrapper.conf"
    wrapper.write_text(json.dumps({"packs": {path.stem: str(path)}}))
    return wrapper


def complaints(path):
    """The lines of --config_check."""
    done = subprocess.run([OSPREY, f"--config_path={path}", "--allow_unsafe", "--config_check"], capture_output=True,
                          text=True, timeout=300)
    return done.stderr.splitlines()


def check(path, folder):
    """Counts of problems: refused, missing tables, failures."""
    refused, missing, failed = [], [], []
    for line in complaints(configuration_of(path, folder)):
        if line.startswith("error:") or f"{path}: line " in line:
            refused.append(line)
        elif found := MISSING.search(line):
            missing.append(found.group(1))
        elif (found := PROBLEM.match(line)) and re.match(r"near|no such|misuse|ambiguous|incomplete|wrong",
                                                         found.group("text")):
            failed.append(line)
    return refused, missing, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", type=pathlib.Path)
    folders = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for url in [] if folders else REPOSITORIES:
            folder = scratch / url.rsplit("/", 1)[1]
            subprocess.run(["git", "clone", "--quiet", "--depth=1", url, folder], check=True, timeout=600)
            folders.append(folder)
        bad = 0
        tables = set()
        files = sorted(path.resolve() for folder in folders for path in folder.rglob("*.conf"))
        for path in files:
            refused, missing, failed = check(path, scratch)
            tables.update(missing)
            bad += len(refused) + len(failed)
            print(f"{path.name}: {'refused' if refused else 'taken'}, {len(missing)} of tables that do not stand, "
                  f"{len(failed)} that do not prepare")
            for line in refused + failed:
                print(f"  {line}")
        print(f"{len(files)} files; tables that do not stand: {', '.join(sorted(tables)) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
