"""file, hash, magic, extended_attributes and the ELF tables against coreutils, findutils, file(1), getfattr and readelf."""

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest


def quoted(path):
    return "'" + str(path).replace("'", "''") + "'"


def by_path(rows):
    return {row["path"]: row for row in rows}


@pytest.fixture
def tree(tmp_path):
    """Files of every kind, odd names and links that go in circles."""
    top = tmp_path / "tree"
    for folder in ("sub/deep", ".hidden", "odd"):
        (top / folder).mkdir(parents=True)
    (top / "empty").touch()
    (top / "text").write_text("some text\n")
    (top / "sub/deep/file").write_bytes(b"\0\1\2" * 1000)
    (top / ".hidden/.dot").write_text("dot")
    (top / "suid").write_text("#!/bin/sh\n")
    (top / "suid").chmod(0o4755)
    (top / "odd/new\nline").write_text("x")
    with open(os.fsencode(top) + b"/odd/\xff\xfe", "w") as file:
        file.write("bytes")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "socket"))
    (top / "to_text").symlink_to("text")
    (top / "dangling").symlink_to("nowhere")
    (top / "loop").symlink_to("loop")
    (top / "sub/up").symlink_to("..")
    if os.geteuid() == 0:
        os.mknod(top / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    return top


TYPES = {stat.S_IFREG: "regular", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character", stat.S_IFBLK: "block"}


def facts(path):
    """What `file` should say, from os.stat. A name that is not UTF-8 as the shell shows it."""
    own = os.lstat(path)
    try:
        info = os.stat(path)
    except OSError:
        info = own
    shown = re.sub(r"[\udc80-\udcff]", lambda m: f"\\x{ord(m[0]) - 0xdc00:02X}", str(path))
    return {
        "path": shown, "directory": os.path.dirname(shown), "filename": os.path.basename(shown),
        "inode": str(info.st_ino), "uid": str(info.st_uid), "gid": str(info.st_gid),
        "mode": f"{stat.S_IMODE(info.st_mode):04o}", "device": str(info.st_rdev), "size": str(info.st_size),
        "block_size": str(info.st_blksize), "atime": str(int(info.st_atime)), "mtime": str(int(info.st_mtime)),
        "ctime": str(int(info.st_ctime)), "hard_links": str(info.st_nlink),
        "symlink": str(int(stat.S_ISLNK(own.st_mode))), "type": TYPES[stat.S_IFMT(info.st_mode)],
    }


def settle_access_times(tree):
    """Reads each folder and link once: the first reading after a change moves the access time, later ones do not
    (relatime, mount(8))."""
    for folder, folders, files in os.walk(tree):
        for name in folders + files:
            if os.path.islink(os.path.join(folder, name)):
                os.readlink(os.path.join(folder, name))


def test_every_fact_of_every_kind(osprey, tree):
    settle_access_times(tree)
    rows = by_path(osprey.query(f"SELECT * FROM file WHERE path LIKE '{tree}/%%'"))
    expected = {}
    for folder, folders, files in os.walk(tree):
        for name in folders + files:
            wanted = facts(os.path.join(folder, name))
            expected[wanted["path"]] = wanted
    # A link up to the tree itself is shown, not followed.
    assert set(rows) == set(expected)
    for path, wanted in expected.items():
        row = rows[path]
        assert {column: row[column] for column in wanted} == wanted
    assert rows[f"{tree}/to_text"]["symlink_target_path"] == f"{tree}/text"
    assert rows[f"{tree}/dangling"]["symlink_target_path"] == f"{tree}/nowhere"
    assert rows[f"{tree}/text"]["symlink_target_path"] == ""


def test_birth_times(osprey):
    path = "/usr/bin/stat"
    out = subprocess.run(["stat", "-c", "%W", path], capture_output=True, text=True, check=True).stdout.strip()
    assert osprey.query(f"SELECT btime FROM file WHERE path = '{path}'") == [{"btime": out}]


def test_find_agrees_on_a_system_folder(osprey):
    out = subprocess.run(["find", "/usr/share/doc", "-mindepth", "1", "-not", "-type", "l",
                          "-printf", r"%p\t%i\t%U\t%G\t%m\t%s\t%n\0"], capture_output=True, check=True).stdout
    expected = {}
    for line in filter(None, out.decode(errors="surrogateescape").split("\0")):
        path, inode, uid, gid, mode, size, links = line.split("\t")
        expected[path] = (inode, uid, gid, mode.rjust(4, "0"), size, links)
    rows = osprey.query("SELECT path, inode, uid, gid, mode, size, hard_links FROM file "
                        "WHERE path LIKE '/usr/share/doc/%%' AND symlink = 0")
    found = {r["path"]: (r["inode"], r["uid"], r["gid"], r["mode"], r["size"], r["hard_links"]) for r in rows}
    assert {path: found.get(path) for path in expected} == expected


def test_what_is_asked_is_what_is_looked_at(osprey, tree):
    ask = lambda where: [row["path"] for row in osprey.query(f"SELECT path FROM file WHERE {where}")]
    assert ask(f"path = '{tree}/text'") == [f"{tree}/text"]
    assert ask(f"path IN ('{tree}/text', '{tree}/absent', 'relative', '')") == [f"{tree}/text"]
    assert ask(f"path = '{tree}/%'") == []
    assert ask(f"path LIKE '{tree}/t%'") == [f"{tree}/text", f"{tree}/to_text"]
    assert ask(f"path LIKE '{tree}/.%'") == [f"{tree}/.hidden"]
    assert ask(f"path LIKE '{tree}/%/%/file'") == [f"{tree}/sub/deep/file"]
    assert ask(f"path LIKE '{tree}/%%/file'") == [f"{tree}/sub/deep/file"]
    assert ask(f"path LIKE '{tree}/tex_'") == [f"{tree}/text"]
    assert ask(f"directory = '{tree}/sub'") == [f"{tree}/sub/deep", f"{tree}/sub/up"]
    assert ask(f"directory = '{tree}/sub/'") == [f"{tree}/sub/deep", f"{tree}/sub/up"]
    assert ask(f"directory LIKE '{tree}/sub/%'") == [f"{tree}/sub/deep/file"] + sorted(
        f"{tree}/sub/up/{name}" for name in os.listdir(tree))
    assert ask(f"directory = '{tree}' AND path LIKE '%/text'") == [f"{tree}/text"]
    joined = osprey.query(f"SELECT child.path FROM file parent JOIN file child ON child.directory = parent.path "
                          f"WHERE parent.path LIKE '{tree}/s%' AND parent.type = 'directory'")
    assert [row["path"] for row in joined] == [f"{tree}/sub/deep", f"{tree}/sub/up"]


def test_as_osqueryi(osprey, tree):
    """Directories from a pattern carry a slash, a leading % leaves dot files out, _ is itself."""
    program = osprey.path.with_name("osqueryi")
    def ask(where):
        done = subprocess.run([program, "--json", f"SELECT path, directory, filename FROM file WHERE {where}"],
                              capture_output=True, text=True, timeout=60, check=True)
        return [(r["path"], r["directory"], r["filename"]) for r in json.loads(done.stdout)]
    top = str(tree)
    assert (f"{top}/sub/", f"{top}/sub", ".") in ask(f"path LIKE '{top}/%'")
    assert not [row for row in ask(f"path LIKE '{top}/%%'") if "/.hidden" in row[0]]
    assert ask(f"path LIKE '{top}/tex_'") == []
    assert (f"{top}/.hidden", top, ".hidden") in ask(f"directory = '{top}'")
    assert ask(f"path = '{top}/sub'") == [(f"{top}/sub", top, "sub")]


def test_proc_is_walked_only_by_name(osprey):
    started = time.monotonic()
    done = osprey.run("--json", "SELECT count(*) AS n FROM file WHERE path LIKE '/pr%/%/maps'")
    assert json.loads(done.stdout) == [{"n": "0"}]
    assert "/proc" in done.stderr
    assert time.monotonic() - started < 5
    rows = osprey.query(f"SELECT path FROM file WHERE path LIKE '/proc/{os.getpid()}/ma%'")
    assert f"/proc/{os.getpid()}/maps" in [row["path"] for row in rows]


def test_a_walk_beside_somebody_who_makes_and_removes(osprey, tmp_path):
    script = ("import os, sys, shutil\n"
              "while True:\n"
              "    os.makedirs('a/b/c', exist_ok=True); open('a/b/c/x', 'w').close(); shutil.rmtree('a')\n")
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) as other:
        try:
            for _ in range(20):
                done = osprey.run("--json", f"SELECT *, (SELECT md5 FROM hash h WHERE h.path = f.path) "
                                            f"FROM file f WHERE path LIKE '{tmp_path}/%%'")
                assert done.returncode == 0
                assert done.stderr == ""
        finally:
            other.kill()


def peak_memory(program, sql):
    """Peak resident KiB of a query. wait4 counts this interpreter's own pages between fork and exec, so a small shell
    starts it."""
    script = "import os, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=" \
             "[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)]); print(os.wait4(pid, 0)[2].ru_maxrss)"
    out = subprocess.run(["/usr/bin/env", "time", "-f", "%M", program, "--json", sql], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, timeout=600)
    if out.returncode == 0:
        return int(out.stderr.splitlines()[-1])
    return int(subprocess.run([sys.executable, "-c", script, program, "--json", sql], capture_output=True, text=True,
                              check=True, timeout=600).stdout)


def test_memory_does_not_grow_with_the_number_of_files(osprey):
    assert peak_memory(osprey.path, "SELECT * FROM file WHERE path LIKE '/usr/%%'") < 30 * 1024


# hash

def test_digests(osprey, tree):
    rows = by_path(osprey.query(f"SELECT *, sha512 FROM hash WHERE path LIKE '{tree}/%%'"))
    regular = {}
    for folder, _, files in os.walk(tree):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                regular[facts(path)["path"]] = open(path, "rb").read()
    assert set(rows) == set(regular)  # no FIFO, socket, device, directory or dangling link
    for path, content in regular.items():
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            assert rows[path][algorithm] == hashlib.new(algorithm, content).hexdigest()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_coreutils_agree(osprey, algorithm):
    names = [name for name in sorted(os.listdir("/usr/bin")) if os.path.isfile(f"/usr/bin/{name}")]
    out = subprocess.run([f"{algorithm}sum", "-z", *names], cwd="/usr/bin", capture_output=True, check=True).stdout
    expected = dict(reversed(line.split("  ", 1)) for line in filter(None, out.decode().split("\0")))
    rows = osprey.query(f"SELECT path, {algorithm} AS digest FROM hash WHERE directory = '/usr/bin'")
    assert {os.path.basename(row["path"]): row["digest"] for row in rows} == expected


def test_hash_of_a_sparse_gigabyte(osprey, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
        file.seek(5 << 20)
        file.write(b"island")
    digest = hashlib.sha256()
    digest.update(bytes(5 << 20) + b"island")
    left, zeros = (1 << 30) - (5 << 20) - 6, bytes(1 << 20)
    while left:
        digest.update(zeros[:min(left, len(zeros))])
        left -= min(left, len(zeros))
    rows = osprey.query(f"SELECT sha256, cached FROM hash WHERE path = '{tmp_path}/sparse'")
    assert rows == [{"sha256": digest.hexdigest(), "cached": "0"}]


def test_hash_is_interrupted(osprey, tmp_path):
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 43)
    with subprocess.Popen([osprey.path, "--json", f"SELECT sha512 FROM hash WHERE path = '{tmp_path}/huge'"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        try:
            time.sleep(1)
            shell.send_signal(signal.SIGINT)
            shell.communicate(timeout=3)
        finally:
            shell.kill()


# extended_attributes

def test_attributes(osprey, tmp_path):
    path = tmp_path / "file"
    path.touch()
    values = {"user.text": "plain text", "user.bytes": b"\0\xff\x01", "user.empty": b""}
    try:
        for key, value in values.items():
            os.setxattr(path, key, value if isinstance(value, bytes) else value.encode())
    except OSError:
        pytest.skip("no extended attributes on this filesystem")
    if shutil.which("setfacl"):
        subprocess.run(["setfacl", "-m", "u:12345:r", path], check=False)
    for where in (f"path = '{path}'", f"directory = '{tmp_path}'", f"path LIKE '{tmp_path}/%'"):
        rows = {row["key"]: row for row in osprey.query(f"SELECT * FROM extended_attributes WHERE {where}")}
        assert set(rows) == set(os.listxattr(path))
        for key, row in rows.items():
            raw = base64.b64decode(row["value"]) if row["base64"] == "1" else row["value"].encode()
            assert raw == os.getxattr(path, key)
            assert (row["path"], row["directory"]) == (str(path), str(tmp_path))
        assert rows["user.text"]["value"] == "plain text"
        assert rows["user.bytes"]["base64"] == "1"


def test_attributes_as_osqueryi(osprey, tmp_path):
    """There every value is in base64 (compat/recordings)."""
    path = tmp_path / "file"
    path.touch()
    try:
        os.setxattr(path, "user.test", b"value1")
    except OSError:
        pytest.skip("no extended attributes on this filesystem")
    done = subprocess.run([osprey.path.with_name("osqueryi"), "--json",
                           f"SELECT * FROM extended_attributes WHERE path = '{path}'"],
                          capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [{"base64": "1", "directory": str(tmp_path), "key": "user.test",
                                        "path": str(path), "value": "dmFsdWUx"}]


# magic

def test_file_agrees(osprey, tree):
    (tree / "suid").chmod(0o644)  # file(1) joins the bits of scripts to their description in ways of its own
    rows = by_path(osprey.query(f"SELECT * FROM magic WHERE path LIKE '{tree}/%%'"))
    paths = [path for path in rows if "\\x" not in path and "\n" not in path]
    for column, flags in (("data", []), ("mime_type", ["--mime-type"]), ("mime_encoding", ["--mime-encoding"])):
        out = subprocess.run(["file", "-h", "--brief", *flags, *paths], capture_output=True, text=True).stdout
        for path, said in zip(paths, out.splitlines(), strict=True):
            if os.path.islink(path) and column != "data":
                continue  # file(1) leaves the encoding of a broken link out
            assert rows[path][column] == said, path
    assert rows[f"{tree}/text"]["magic_db_files"] == "/usr/share/file/magic.mgc:/usr/share/misc/magic.mgc"


def test_file_agrees_on_programs(osprey):
    names = sorted(name for name in os.listdir("/usr/bin"))[:300]
    out = subprocess.run(["file", "-h", "--brief", *names], cwd="/usr/bin", capture_output=True, text=True).stdout
    rows = by_path(osprey.query("SELECT path, data FROM magic WHERE path LIKE '/usr/bin/%'"))
    for name, said in zip(names, out.splitlines(), strict=True):
        assert rows[f"/usr/bin/{name}"]["data"] == said


def test_magic_databases(osprey, tmp_path):
    mgc = os.path.realpath("/usr/share/misc/magic.mgc")
    assert osprey.query(f"SELECT data FROM magic WHERE path = '/etc/passwd' AND magic_db_files = '{mgc}'") == [
        {"data": "ASCII text"}]
    (tmp_path / "broken.mgc").write_bytes(os.urandom(4096))
    for bad in (tmp_path / "broken.mgc", tmp_path / "absent.mgc"):
        done = osprey.run("--json", f"SELECT data FROM magic WHERE path = '/etc/passwd' AND magic_db_files = '{bad}'")
        assert done.returncode == 0
        assert json.loads(done.stdout) in ([{"data": ""}], [{"data": None}], [{}])
        assert "magic" in done.stderr


# ELF

def readelf(*flags):
    return subprocess.run(["readelf", "-W", *flags], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


PROGRAMS = [path for path in ("/usr/bin/ls", "/usr/bin/python3", "/usr/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6")
            if os.path.exists(path)]
SECTION = re.compile(r"^\s+\[\s*(\d+)\] (\S*)\s+(\S+)\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ +([A-Zopl]*) +"
                     r"(\d+) +\d+ +(\d+)$", re.M)
FLAGS = {"W": "write", "A": "alloc", "X": "execinstr", "M": "merge", "S": "strings", "I": "info_link",
         "L": "link_order", "G": "group", "T": "tls", "C": "compressed", "E": "exclude", "O": "os_nonconforming",
         "R": "gnu_retain"}


@pytest.mark.parametrize("path", PROGRAMS)
def test_elf_headers(osprey, path):
    [row] = osprey.query(f"SELECT *, interpreter, build_id, stripped FROM elf_info WHERE path = '{path}'")
    out = readelf("-h", "-n", "-l", "-S", path)
    field = lambda name: re.search(rf"^\s*{name}:\s*(.*)$", out, re.M)[1]
    assert f"ELF{row['class']}" == field("Class")
    assert row["type"].upper() == field("Type").split()[0]
    assert int(row["entry"]) == int(field("Entry point address"), 16)
    assert int(row["flags"]) == int(field("Flags"), 16)
    assert row["machine"] == "62"
    assert row["build_id"] == re.search(r"Build ID: (\w+)", out)[1]
    assert row["interpreter"] == (re.search(r"interpreter: ([^\]]*)\]", out) or ["", ""])[1]
    assert row["stripped"] == str(int(".symtab" not in out))


@pytest.mark.parametrize("path", PROGRAMS)
def test_elf_sections(osprey, path):
    rows = osprey.query(f"SELECT * FROM elf_sections WHERE path = '{path}'")
    found = [(r["name"], int(r["vaddr"]), int(r["offset"]), int(r["size"]), set(filter(None, r["flags"].split("|"))),
              r["link"], int(r["align"])) for r in rows]
    expected = [(m[2] if m[1] != "0" else "", int(m[4], 16), int(m[5], 16), int(m[6], 16), {FLAGS[f] for f in m[7]},
                 m[8], int(m[9])) for m in SECTION.finditer(readelf("-S", path).replace("] NULL ", "]  NULL "))]
    assert found == expected


@pytest.mark.parametrize("path", PROGRAMS)
def test_elf_segments(osprey, path):
    rows = osprey.query(f"SELECT * FROM elf_segments WHERE path = '{path}'")
    names = {"phdr": "PHDR", "interp": "INTERP", "load": "LOAD", "dynamic": "DYNAMIC", "note": "NOTE", "tls": "TLS"}
    found = [(names.get(r["name"], r["name"]), int(r["offset"]), int(r["vaddr"]), int(r["psize"]), int(r["msize"]),
              set(r["flags"].split("|")), int(r["align"])) for r in rows]
    line = re.compile(r"^\s+([A-Z_]+)\s+0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) ([RWE ]{3}) "
                      r"0x([0-9a-f]+)$", re.M)
    expected = [(m[1], int(m[2], 16), int(m[3], 16), int(m[4], 16), int(m[5], 16),
                 {{"R": "r", "W": "w", "E": "x"}[f] for f in m[6].replace(" ", "")}, int(m[7], 16))
                for m in line.finditer(readelf("-l", path))]
    assert found == expected and found


@pytest.mark.parametrize("path", PROGRAMS)
def test_elf_symbols(osprey, path):
    rows = osprey.query(f'SELECT *, version FROM elf_symbols WHERE path = {quoted(path)} AND "table" = \'.dynsym\'')
    line = re.compile(r"^\s*(\d+): ([0-9a-f]{16})\s+(0x[0-9a-f]+|\d+) (\S+)\s+(\S+)\s+\S+\s+(?:\[.*?\]\s+)?(\S+)(?: (\S+))?", re.M)
    names = {"IFUNC": "gnu_ifunc", "UNIQUE": "gnu_unique", "UND": "0", "ABS": str(0xfff1)}
    expected = []
    for m in line.finditer(readelf("--dyn-syms", path)):
        name, _, version = (m[7] or "").partition("@")
        expected.append((name, int(m[2], 16), int(m[3], 0), names.get(m[4], m[4].lower()),
                         names.get(m[5], m[5].lower()), names.get(m[6], m[6]), version.lstrip("@")))
    found = [(r["name"], int(r["addr"]), int(r["size"]), r["type"], r["binding"], r["offset"], r["version"]) for r in rows]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        # readelf shows a definition's own name as a version where the symbol is one.
        assert ours[:6] == theirs[:6]
        assert ours[6] == theirs[6] or theirs[6] == ""


@pytest.mark.parametrize("path", PROGRAMS)
def test_elf_dynamic(osprey, path):
    rows = osprey.query(f"SELECT *, tag_name, text FROM elf_dynamic WHERE path = '{path}'")
    line = re.compile(r"^ 0x([0-9a-f]{16}) \((\w+)\)\s+(.*)$", re.M)
    expected = [(int(m[1], 16), m[2], m[3]) for m in line.finditer(readelf("-d", path)) if m[2] != "NULL"]
    assert [(int(r["tag"]), r["tag_name"]) for r in rows] == [(tag, name) for tag, name, _ in expected]
    for row, (_, _, said) in zip(rows, expected):
        if row["text"]:
            assert f"[{row['text']}]" in said
        elif said.startswith("0x"):
            assert int(row["value"]) == int(said, 16)


def test_elf_limits_are_lazy(osprey):
    path = "/lib/x86_64-linux-gnu/libc.so.6"
    assert len(osprey.query(f"SELECT name FROM elf_symbols WHERE path LIKE '/usr/lib/%%' LIMIT 3")) == 3
    assert osprey.query(f"SELECT count(*) > 1000 AS many FROM elf_symbols WHERE path = '{path}'") == [{"many": "1"}]


def test_what_is_no_elf_file(osprey, tree):
    for table in ("elf_info", "elf_sections", "elf_segments", "elf_symbols", "elf_dynamic"):
        assert osprey.query(f"SELECT path FROM {table} WHERE path LIKE '{tree}/%%'") == []


# other mount namespaces

def test_a_file_of_another_mount_namespace(osprey, tmp_path):
    (tmp_path / "shown").write_text("outside\n")
    (tmp_path / "over").write_text("inside the namespace\n")
    script = f"mount --bind {tmp_path}/over {tmp_path}/shown && echo ready && exec sleep 60"
    with subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as other:
        try:
            if other.stdout.readline() != "ready\n":
                pytest.skip("no right to make a mount namespace")
            where = f"path = '{tmp_path}/shown' AND pid_with_namespace = {other.pid}"
            namespace = os.readlink(f"/proc/{other.pid}/ns/mnt")[5:-1]
            assert osprey.query(f"SELECT size, pid_with_namespace, mount_namespace_id FROM file WHERE {where}") == [
                {"size": "21", "pid_with_namespace": str(other.pid), "mount_namespace_id": namespace}]
            assert osprey.query(f"SELECT md5 FROM hash WHERE {where}") == [
                {"md5": hashlib.md5(b"inside the namespace\n").hexdigest()}]
            assert osprey.query(f"SELECT size FROM file WHERE path = '{tmp_path}/shown'") == [{"size": "8"}]
        finally:
            other.kill()


def test_a_chroot(osprey, tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/only_here").write_text("x")
    (root / "etc/escape").symlink_to("/../../../../etc/passwd")
    (root / "etc/absolute").symlink_to("/etc/only_here")
    busybox = shutil.which("busybox")
    if not busybox or os.geteuid() != 0:
        pytest.skip("needs root and a static program")
    shutil.copy(busybox, root / "bin/busybox")
    with subprocess.Popen(["chroot", root, "/bin/busybox", "sleep", "60"], stderr=subprocess.DEVNULL) as other:
        try:
            deadline = time.monotonic() + 5
            while os.readlink(f"/proc/{other.pid}/root") == "/" and time.monotonic() < deadline:
                time.sleep(0.02)
            if other.poll() is not None:
                pytest.skip("busybox is not static")
            rows = by_path(osprey.query("SELECT path, size, symlink_target_path FROM file WHERE path LIKE '/etc/%%' "
                                        f"AND pid_with_namespace = {other.pid}"))
            assert set(rows) == {"/etc/only_here", "/etc/escape", "/etc/absolute"}
            assert rows["/etc/absolute"]["size"] == "1"
            assert rows["/etc/absolute"]["symlink_target_path"] == "/etc/only_here"
            [info] = osprey.query(f"SELECT class FROM elf_info WHERE path = '/bin/busybox' AND pid_with_namespace = {other.pid}")
            assert info["class"] == "64"
        finally:
            other.kill()
