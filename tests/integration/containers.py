"""Real containers for tests: podman and runc, with an image of busybox made here. They lie where the machine's podman has
them: there the agent looks for their names."""

import io
import pathlib
import subprocess
import tarfile
import tempfile
import uuid

IMAGE = "osprey-test-busybox"


class Containers:
    """An image and what runs of it; until close()."""

    podman = ["podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc"]

    def __init__(self):
        self.image = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.add("/usr/bin/busybox", "bin/busybox")
            for name in ("dev", "proc", "sys", "tmp", "mnt"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            for name in ("sh", "true", "sleep", "mount", "nsenter", "cat"):
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
        with tempfile.TemporaryDirectory() as folder:
            printed = self._run("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512",
                                f"--cidfile={folder}/id", *flags, self.image, *command)
            return pathlib.Path(folder, "id").read_text().strip(), printed

    def close(self):
        self._run("rmi", "-f", self.image, check=False)
