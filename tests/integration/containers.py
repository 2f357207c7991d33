"""Real containers for tests: podman and runc, with an image of busybox made here, in a storage of the test's own or the
machine's."""

import io
import pathlib
import subprocess
import tarfile
import uuid

IMAGE = "osprey-test-busybox"


class Containers:
    """`storage`: where images and containers lie; None: where the machine's podman has them, whose names the agent looks up."""

    def __init__(self, scratch, storage=None):
        where = [] if storage is None else [f"--root={storage}", f"--runroot={scratch}/run"]
        self.podman = ["podman", *where, "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc"]
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
        archive = pathlib.Path(scratch) / "image.tar"
        archive.write_bytes(layer.getvalue())
        self._run("import", archive, self.image)

    def _run(self, *arguments, check=True):
        done = subprocess.run([*self.podman, *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def run(self, *command, flags=()):
        """Runs a command in a container of its own to its end. The container's id and what it printed."""
        file = pathlib.Path("/tmp") / f"{uuid.uuid4().hex}.cid"
        try:
            printed = self._run("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512",
                                f"--cidfile={file}", *flags, self.image, *command)
            return file.read_text().strip(), printed
        finally:
            file.unlink(missing_ok=True)

    def close(self):
        self._run("rmi", "-f", self.image, check=False)
