"""Real containers for tests: podman with runc, and Docker, with an image of busybox made here. They lie where the machine's
engines have them: there the agent looks for their names."""

import io
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid

IMAGE = "osprey-test-busybox"


class Containers:
    """An image and what runs of it; until close()."""

    engine = "podman"
    podman = ["podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc"]
    # Below it, a directory a container.
    roots = "/var/lib/containers/storage/vfs/dir"

    def __init__(self):
        self.image = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.add("/usr/bin/busybox", "bin/busybox")
            for name in ("dev", "proc", "sys", "tmp", "mnt"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            for name in ("sh", "true", "sleep", "mount", "nsenter", "cat", "nc", "nslookup"):
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        self._run("import", "-", self.image, input=layer.getvalue())

    def _run(self, *arguments, check=True, **kwargs):
        done = subprocess.run([*self.podman, *arguments], capture_output=True, timeout=60, **kwargs)
        assert not check or done.returncode == 0, (arguments, done.stderr)
        return done.stdout.decode()

    def run(self, *command, flags=()):
        """Runs a command in a container of its own to its end. The container's id and what it printed."""
        return self.start("run", *command, flags=["--rm", *flags])

    def start(self, verb, *command, flags=()):
        """`verb`: run or create."""
        with tempfile.TemporaryDirectory() as folder:
            printed = self._run(verb, "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512",
                                f"--cidfile={folder}/id", *flags, self.image, *command)
            return pathlib.Path(folder, "id").read_text().strip(), printed

    def inspect(self, container):
        """What the engine says of it: its id, name and image."""
        said, = json.loads(self._run("inspect", "--type=container", container))
        return {"container_id": said["Id"], "container_name": said["Name"].lstrip("/"),
                "container_image": said.get("ImageName") or said["Config"]["Image"]}

    def do(self, *arguments):
        return self._run(*arguments)

    def close(self):
        self._run("rmi", "-f", self.image, check=False)


class OverlayContainers(Containers):
    """podman's, on overlay, in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="boxes-")  # podman wants it short
        self.podman = ["podman", f"--root={self.folder}/storage", f"--runroot={self.folder}/run", "--storage-driver=overlay",
                       "--cgroup-manager=cgroupfs", "--runtime=runc"]
        self.roots = f"{self.folder}/storage/overlay"
        super().__init__()

    def close(self):
        super().close()
        subprocess.run(["umount", self.roots], capture_output=True)
        shutil.rmtree(self.folder)


class UsersContainers(Containers):
    """podman's of a user who is not root, in the user's home: an account's that is there and has a folder."""

    account = pwd.getpwnam("man")

    def __init__(self):
        self.storage = pathlib.Path(self.account.pw_dir, ".local/share/containers/storage")
        self.kept = self.storage.parents[2]  # ".local", and what podman writes beside it
        assert not self.kept.exists(), f"{self.kept} is somebody's"
        self.runtime = tempfile.mkdtemp(prefix="boxes-")
        os.chown(self.runtime, self.account.pw_uid, self.account.pw_gid)
        self.kept.mkdir()
        os.chown(self.kept, self.account.pw_uid, self.account.pw_gid)
        self.podman = ["setpriv", f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups", "env", "-i",
                       f"HOME={self.account.pw_dir}", f"XDG_RUNTIME_DIR={self.runtime}", f"XDG_CONFIG_HOME={self.runtime}",
                       f"XDG_CACHE_HOME={self.runtime}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "podman", "--storage-driver=vfs",
                       "--cgroup-manager=cgroupfs", "--runtime=runc"]
        super().__init__()

    def create(self, name):
        """The container's id."""
        return self._run("create", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512", f"--name={name}", self.image,
                         "/bin/true").strip()

    def close(self):
        super().close()
        for folder in (self.kept, self.runtime):
            shutil.rmtree(folder)


class ContainerdTasks:
    """A containerd of our own, and an image in a namespace of it."""

    namespace = "osprey-test"

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="boxes-"))
        (self.folder / "config").write_text(f'version = 2\nroot = "{self.folder}/root"\nstate = "/run/containerd"\n'
                                            f'[grpc]\naddress = "{self.folder}/socket"\n')
        self.log = tempfile.TemporaryFile()
        self.daemon = subprocess.Popen(["containerd", "-c", self.folder / "config"], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log)
        self.image = "localhost/osprey-test:1"
        maker = Containers()
        try:
            maker.do("save", "--format=oci-archive", "-o", str(self.folder / "image.tar"), maker.image)
        finally:
            maker.close()
        until = time.monotonic() + 30
        while self.do("version", check=False).returncode != 0:
            assert time.monotonic() < until and self.daemon.poll() is None
            time.sleep(0.1)
        self.do("images", "import", "--snapshotter=native", f"--index-name={self.image}", self.folder / "image.tar")

    def do(self, *arguments, check=True):
        done = subprocess.run(["ctr", f"--address={self.folder}/socket", f"--namespace={self.namespace}", *arguments],
                              capture_output=True, timeout=60)
        assert not check or done.returncode == 0, (arguments, done.stderr)
        return done

    def run(self, name, *command):
        self.do("run", "--rm", "--snapshotter=native", "--runc-binary=runc", self.image, name, *command)

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(30)
        shutil.rmtree(self.folder)
        shutil.rmtree(f"/run/containerd/io.containerd.runtime.v2.task/{self.namespace}", ignore_errors=True)


class DockerContainers(Containers):
    """Docker's: of an engine that runs, else of one that is started for as long."""

    engine = "docker"
    podman = ["/usr/bin/docker"]
    roots = "/var/lib/docker/vfs/dir"

    def __init__(self):
        self.daemon = None
        if subprocess.run([*self.podman, "version"], capture_output=True).returncode != 0:
            self.log = tempfile.TemporaryFile()
            self.daemon = subprocess.Popen(["/usr/sbin/dockerd", "--storage-driver=vfs", "--bridge=none", "--iptables=false"],
                                           stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            until = time.monotonic() + 60
            while subprocess.run([*self.podman, "version"], capture_output=True).returncode != 0:
                if time.monotonic() > until or self.daemon.poll() is not None:
                    self._stop()
                    self.log.seek(0)
                    raise AssertionError(self.log.read().decode(errors="replace")[-3000:])
                time.sleep(0.1)
        super().__init__()

    def _stop(self):
        if self.daemon is not None:
            self.daemon.terminate()
            self.daemon.wait(30)

    def close(self):
        super().close()
        self._stop()
