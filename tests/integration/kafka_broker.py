"""A Kafka broker for tests: one node, KRaft mode, on loopback, its ports its own, its data in a scratch folder."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "osprey-tests"
START_SECONDS = 60
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


def jars():
    """The folder with the broker's jars; the first call on a machine has Maven fetch them (a minute at most)."""
    ready = CACHE / "kafka-3.9.1"
    if ready.is_dir():
        return ready
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        done = subprocess.run(
            ["mvn", "-B", "-q", "-f", HERE / "kafka" / "pom.xml", f"-Dmaven.repo.local={scratch}/repository",
             f"-DoutputDirectory={scratch}/jars", "dependency:copy-dependencies"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        assert done.returncode == 0, f"Maven could not fetch the Kafka broker: {done.stdout[-2000:]}"
        try:
            os.rename(f"{scratch}/jars", ready)
        except OSError:  # another run was first
            assert ready.is_dir()
    return ready


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class KafkaBroker:
    """`extra`: lines for its configuration. `tls`: a folder with server.pem (key and certificate) and ca.pem; the
    broker then has a second listener, `tls_port`."""

    def __init__(self, folder, extra="", tls=None):
        self.folder = pathlib.Path(folder)
        self.port, self.controller_port, self.tls_port = free_ports(3)
        self.process = None
        listeners = f"PLAINTEXT://127.0.0.1:{self.port}"
        if tls:
            listeners += f",SSL://127.0.0.1:{self.tls_port}"
            extra += (f"\nssl.keystore.type=PEM\nssl.keystore.location={tls / 'server.pem'}"
                      f"\nssl.truststore.type=PEM\nssl.truststore.location={tls / 'ca.pem'}")
        (self.folder / "server.properties").write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.controller_port}
listeners={listeners},CONTROLLER://127.0.0.1:{self.controller_port}
advertised.listeners={listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
log.dirs={self.folder / 'data'}
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
controlled.shutdown.enable=false
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
initial.broker.registration.timeout.ms=20000
log.cleaner.enable=false
{extra}
""")
        self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", "server.properties").wait(timeout=60)

    def _java(self, *arguments):
        command = ["java", "-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                   "-XX:MaxDirectMemorySize=64m", "-cp", f"{jars()}/*",
                   "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *arguments]
        with open(self.folder / "broker.log", "ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = self._java("kafka.Kafka", "server.properties")
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            done = subprocess.run(["kcat", "-L", "-b", self.address, "-m", "2"], capture_output=True, text=True)
            if done.returncode == 0 and "1 brokers" in done.stdout:
                return self
            time.sleep(0.2)
        raise AssertionError("the broker does not start: " + (self.folder / "broker.log").read_text()[-3000:])

    def stop(self):
        """In good order."""
        self._end(self.process.terminate)

    def kill(self):
        self._end(self.process.kill)

    def _end(self, how):
        if self.process:
            how()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def close(self):
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def consume(self, topic):
        """All messages of a topic as (partition, key, text), each partition's in its order."""
        done = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.address, "-t", topic, "-o", "beginning",
                               "-X", "fetch.wait.max.ms=50", "-f", "%p\t%k\t%s\n"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("\t", 2)) for line in done.stdout.splitlines()]
