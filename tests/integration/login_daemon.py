"""A program named sshd, in a folder of the system, that logs what it is told to."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

SENDER = """
import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect(sys.argv[1])
for line in sys.stdin:
    log.send(line.rstrip("\\n").encode())
    print(flush=True)
"""


class LoginDaemon:
    def __init__(self, program, log):
        environment = os.environ | {"PYTHONHOME": sysconfig.get_config_var("prefix")}
        self.process = subprocess.Popen([program, "-c", SENDER, log], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.pid = self.process.pid

    def log(self, message):
        self.process.stdin.write(f"<86>Nov 23 04:00:00 sshd[812]: {message}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "\n"


@contextlib.contextmanager
def login_daemon(log):
    folder = pathlib.Path(f"/opt/osprey-test-{os.getpid()}")
    folder.mkdir(parents=True)
    try:
        shutil.copy(pathlib.Path(sys.executable).resolve(), folder / "sshd")
        daemon = LoginDaemon(folder / "sshd", log)
        try:
            yield daemon
        finally:
            daemon.process.communicate(timeout=20)
    finally:
        shutil.rmtree(folder)
