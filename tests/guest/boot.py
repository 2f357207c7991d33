"""Guests: a Debian kernel in qemu (software emulation) with an initial RAM disk of a few files, for what the build machine's
own kernel has none of. It fetches kernels of 70 and 20 MB once; OSPREY_GUEST_KERNEL names an unpacked linux-image package
to use instead of this release's."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


def need(*tools):
    for name in tools:
        assert shutil.which(name), f"no {name}: tools/install test"


def lists_of(release, folder):
    """Options of apt, with lists of another Debian release than this machine's own."""
    source = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org"
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"{source}/debian {release} main\n{source}/debian-security {release}-security main\n")
    options = [f"-oDir::Etc::sourcelist={folder}/sources.list", "-oDir::Etc::sourceparts=/dev/null", f"-oDir::State::lists={folder}/lists",
               f"-oDir::Cache={folder}/cache"]
    subprocess.run(["apt-get", *options, "-q", "update"])
    return options


def kernel(package="linux-image-amd64", release=None):
    """The folder of an unpacked kernel package, of a Debian release or this machine's own."""
    if (given := os.environ.get("OSPREY_GUEST_KERNEL")) and not release:
        return pathlib.Path(given)
    folder = BUILD / "guest" / (f"kernel-{release}" if release else "kernel")
    if not list(folder.glob("boot/vmlinuz-*")):
        need("apt-get", "dpkg-deb")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as lists:
            options = lists_of(release, pathlib.Path(lists)) if release else []
            depends = subprocess.run(["apt-cache", *options, "depends", package], capture_output=True, text=True).stdout
            image = re.search(r"linux-image-\d\S*", depends)
            if not image or subprocess.run(["apt-get", *options, "download", "-q", image[0]], cwd=folder).returncode != 0:
                raise AssertionError(f"apt-get has no kernel: {package} of {release or 'this release'}")
        deb = next(folder.glob("linux-image-*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
        deb.unlink()
    return folder


def with_dependencies(modules, files):
    """The modules and what they need, in the order in which they can be loaded; by the names in their .modinfo."""
    order = []

    def visit(name):
        name = name.replace("-", "_")
        if name in order or name not in files:
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
        for needed in depends[1].decode().split(",") if depends and depends[1] else []:
            visit(needed)
        order.append(name)

    for module in modules:
        visit(module)
    return order


def archive(files):
    """A cpio archive of the "newc" form (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    parts = []

    def add(name, mode, data=b""):
        fields = [len(parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        parts.append(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    folders = {str(parent) for name in files for parent in pathlib.PurePath(name).parents} - {"."}
    for folder in sorted(folders):
        add(folder, 0o040755)
    for name, data in files.items():
        add(name, 0o100755, data)
    add("TRAILER!!!", 0)
    return b"".join(parts)


def libraries(program):
    """The shared libraries that a program needs, as files of the RAM disk."""
    found = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", program], capture_output=True, text=True).stdout)
    return {path.lstrip("/"): pathlib.Path(path).read_bytes() for path in found}


def with_modules(files, modules, folder):
    """Adds kernel modules, and what they need, to the files. Returns their names in the order in which to load them."""
    found = {path.name.removesuffix(".ko").replace("-", "_"): path for path in folder.glob("lib/modules/**/*.ko")}
    order = with_dependencies(modules, found)
    for name in order:
        files[f"modules/{name}.ko"] = found[name].read_bytes()
    return order


def boot(files, folder, directory, arguments, timeout=400, command_line=""):
    """Runs a guest to its end; `command_line`: more of its kernel's. Returns what it printed."""
    packed = directory / "initrd.gz"
    packed.write_bytes(gzip.compress(archive(files), 1))
    command = [
        "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-display", "none", "-no-reboot", "-nodefaults", "-serial", "stdio",
        "-kernel", next(folder.glob("boot/vmlinuz-*")), "-initrd", packed, "-append", f"console=ttyS0 quiet panic=-1 {command_line}", *arguments,
    ]
    try:
        console = subprocess.run(command, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL).stdout
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        raise AssertionError(f"the guest has not ended within {timeout} s; it said last:\n{said[-4000:]}") from late
    return console.decode(errors="replace").replace("\r", "")
