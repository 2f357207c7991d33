"""A PostgreSQL of the test's own, in a scratch folder, by a user that is not root, on a Unix socket only.

A test says `from postgresql import postgresql` and takes the fixture: one PostgreSQL for the file's tests, each of which
asks `postgresql.create_database()` for an empty database's URL.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

import pytest

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class PostgreSQL:
    def __init__(self, **settings):
        self.settings = settings
        self.process = None
        self.databases = 0
        # Not in pytest's folder, whose path may be too long for a socket and which others may not enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="osprey-postgresql-"))
        self.user = {}
        if os.getuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder, postgres.pw_uid, postgres.pw_gid)
            self.user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        self._run("initdb", f"--pgdata={self.folder}/data", "--username=osprey", "--auth=trust", "--encoding=UTF8",
                  "--locale=C.UTF-8", "--no-sync")

    def start(self):
        if self.process:
            return self
        command = [PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses="]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            **self.user)
        end = time.monotonic() + 60
        while subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", self.folder], check=False).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()[-4000:]
            time.sleep(0.05)
        return self

    def stop(self, signal_number=signal.SIGINT, timeout=60):
        """SIGINT: at once and in order. SIGKILL: the main process; the others see to it that they end."""
        if self.process is None:
            return
        process, self.process = self.process, None
        others = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal_number)
        process.wait(timeout)
        # While one of them has the shared memory none is started anew.
        end = time.monotonic() + timeout
        while any(pathlib.Path(f"/proc/{pid}").exists() for pid in others):
            assert time.monotonic() < end, others
            time.sleep(0.01)

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="postgres"):
        return f"postgresql://osprey@{urllib.parse.quote(str(self.folder), safe='')}/{database}"

    def create_database(self):
        """The URL of a new and empty database."""
        self.databases += 1
        self.sql(f"CREATE DATABASE test{self.databases}")
        return self.url(f"test{self.databases}")

    def sql(self, statement, database="postgres"):
        """The rows, each a list of texts."""
        done = self._run("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement,
                         database if "://" in database else self.url(database))
        return [line.split("|") for line in done.splitlines()]

    def _run(self, program, *arguments):
        done = subprocess.run([PROGRAMS / program, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False, **self.user)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def postgresql():
    database = PostgreSQL()
    try:
        yield database.start()
    finally:
        database.remove()
