"""What the tests of sinks share: the driver that sends lines through one, certificates, and peers that misbehave."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = pathlib.Path(os.environ.get("OSPREY_TEST_PROGRAMS", PROJECT / "build" / "test")) / "sink_driver"


class SinkDriver:
    """build/test/sink_driver at work; feed it lines, then finish()."""

    def __init__(self, sink, *flags):
        self.process = subprocess.Popen([DRIVER, sink, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self._errors = []
        self._reader = threading.Thread(target=lambda: self._errors.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def feed(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def finish(self, timeout=60):
        """Ends the input, waits until all has been taken; what the driver tells."""
        self.process.stdin.close()
        return self._end(timeout)

    def stop(self, timeout=20):
        """Orders it to stop at once, with what is left."""
        self.process.terminate()
        return self._end(timeout)

    def _end(self, timeout):
        try:
            self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the sink has not taken everything: " + self.errors()[-2000:]) from None
        self._reader.join(timeout=5)
        out = self.process.stdout.read()
        assert out, self.errors()
        return json.loads(out)

    def errors(self):
        return "".join(self._errors)

    def wait_for_error(self, word, seconds=30):
        until(lambda: word in self.errors(), seconds, lambda: f"no word of {word!r} in: {self.errors()}")


def until(condition, seconds, why):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.05)


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def make_authority(folder, name):
    """folder/NAME.pem and .key: an authority of our own."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")


def make_certificate(folder, name, authority, names):
    """folder/NAME.pem and .key, vouched for by `authority`, for `names` ("IP:127.0.0.1", "DNS:localhost")."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.pem", "-CAkey",
            folder / f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", folder / f"{name}.ext",
            "-out", folder / f"{name}.pem")


@contextlib.contextmanager
def silent_peer():
    """A port where connections are accepted and nothing is ever read or said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
