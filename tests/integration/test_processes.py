"""The tables about processes against what ps, ss, lsof and Python read from /proc themselves."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

PYTHON = sys.executable


@contextlib.contextmanager
def running(argv, ready=None, **kwargs):
    """A process that is ended by its own id afterwards; `ready` waits until it has said one line."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if ready else subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, text=True, **kwargs)
    try:
        if ready:
            child.line = child.stdout.readline().strip()
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def script(text):
    return [PYTHON, "-c", textwrap.dedent(text)]


def row(osprey, columns, table, pid, more=""):
    rows = osprey.query(f"SELECT {columns} FROM {table} WHERE pid = {pid} {more}")
    assert len(rows) == 1, rows
    return rows[0]


def same_soon(left, right, tries=5):
    """Both sides are read again when they differ: the host goes on living."""
    for attempt in range(tries):
        a, b = left(), right()
        if a == b:
            return
        time.sleep(0.1 * attempt)
    assert a == b


def test_every_process_that_ps_shows(osprey):
    def ours():
        return {r["pid"] for r in osprey.query("SELECT pid FROM processes")}

    ps = set(subprocess.run(["ps", "-eo", "pid="], capture_output=True, text=True).stdout.split())
    mine = ours()
    still = {pid for pid in ps if os.path.exists(f"/proc/{pid}/stat")}
    assert not (still - mine) and not {p for p in mine - ps if os.path.exists(f"/proc/{p}/stat")} - ours()
    assert [r["pid"] for r in osprey.query("SELECT pid FROM processes WHERE pid IN (2, 1, 99999999, -1)")] == ["1", "2"]


def test_facts_of_ps(osprey):
    with running(["sleep", "321.5"], preexec_fn=lambda: os.nice(7), cwd="/tmp") as child:
        fields = "ppid,pgid,comm,stat,ruid,euid,suid,rgid,egid,sgid,rss,vsz,nlwp,ni,args"
        time.sleep(0.2)
        done = subprocess.run(["ps", "-o", fields, "--no-headers", "-ww", str(child.pid)], capture_output=True, text=True)
        ps = dict(zip(fields.split(","), done.stdout.split(None, 14)))
        mine = row(osprey, "*, kernel_thread, namespace_pid, exe_state", "processes", child.pid)
        assert mine["parent"] == ps["ppid"] == str(os.getpid())
        assert mine["pgroup"] == ps["pgid"]
        assert mine["name"] == ps["comm"] == "sleep"
        assert mine["state"] == ps["stat"][0] == "S"
        for column, field in [("uid", "ruid"), ("euid", "euid"), ("suid", "suid"), ("gid", "rgid"), ("egid", "egid"), ("sgid", "sgid")]:
            assert mine[column] == ps[field]
        assert mine["resident_size"] == str(int(ps["rss"]) * 1024)
        assert mine["total_size"] == str(int(ps["vsz"]) * 1024)
        assert mine["threads"] == ps["nlwp"] == "1"
        assert mine["nice"] == ps["ni"] == "7"
        assert mine["cmdline"] == ps["args"].strip() == "sleep 321.5"
        assert mine["cwd"] == "/tmp" and mine["root"] == "/"
        assert mine["path"] == os.path.realpath(shutil.which("sleep"))
        assert mine["on_disk"] == "1" and mine["exe_state"] == "present"
        assert mine["kernel_thread"] == "0" and mine["wired_size"] == "0"
        assert abs(int(mine["start_time"]) - time.time()) < 5
        assert mine["cgroup_path"] == open(f"/proc/{child.pid}/cgroup").readline().rstrip("\n").split(":", 2)[2]


def test_times_and_io(osprey, tmp_path):
    program = f"""
        import os, time
        end = time.process_time() + 0.3
        while time.process_time() < end: pass
        with open({str(tmp_path / 'data')!r}, 'wb') as f:
            f.write(b'x' * 1000000); f.flush(); os.fsync(f.fileno())
        print('ready', flush=True); time.sleep(60)
    """
    with running(script(program), ready=True) as child:
        mine = row(osprey, "user_time, system_time, disk_bytes_read, disk_bytes_written", "processes", child.pid)
        stat = open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()
        tick = 1000 // os.sysconf("SC_CLK_TCK")
        assert int(mine["user_time"]) == int(stat[11]) * tick
        assert int(mine["system_time"]) == int(stat[12]) * tick
        assert int(mine["user_time"]) + int(mine["system_time"]) >= 290
        io = dict(line.split(": ") for line in open(f"/proc/{child.pid}/io").read().splitlines())
        assert mine["disk_bytes_read"] == io["read_bytes"]
        assert int(mine["disk_bytes_written"]) == int(io["write_bytes"]) - int(io["cancelled_write_bytes"])


def test_odd_names_and_arguments(osprey):
    program = "import ctypes,time; ctypes.CDLL(None).prctl(15, b') R (x', 0, 0, 0); print('ready', flush=True); time.sleep(60)"
    argv = [PYTHON, "-c", program, "", "two words", "\udcff"]
    with running(argv, ready=True) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        mine = row(osprey, "name, state, parent, cmdline", "processes", child.pid)
        assert mine["name"] == ") R (x" and mine["state"] == "T" and mine["parent"] == str(os.getpid())
        assert mine["cmdline"].startswith(f"{PYTHON} -c {program}  two words ")


def test_threads_children_and_zombies(osprey):
    program = """
        import os, threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        child = os.fork()
        if child == 0: os._exit(0)
        while open(f'/proc/{child}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z': time.sleep(0.01)
        print(child, flush=True); time.sleep(60)
    """
    with running(script(program), ready=True) as child:
        assert row(osprey, "threads", "processes", child.pid)["threads"] == "2"
        zombies = osprey.query(f"SELECT * FROM processes WHERE parent = {child.pid}")
        assert [z["pid"] for z in zombies] == [child.line]
        zombie = zombies[0]
        assert zombie["state"] == "Z" and zombie["on_disk"] == "-1"
        assert [zombie[c] for c in ("path", "cmdline", "cwd", "root", "resident_size", "total_size")] == [""] * 6


def test_kernel_threads(osprey):
    rows = osprey.query("SELECT pid, path, on_disk, exe_state, cmdline FROM processes WHERE kernel_thread = 1")
    if not rows:
        pytest.skip("none in this pid namespace")
    assert {(r["path"], r["on_disk"], r["exe_state"], r["cmdline"]) for r in rows} == {("", "-1", "kernel", "")}
    assert {r["pid"] for r in rows} == {p for p in os.listdir("/proc") if p.isdigit() and is_kernel_thread(p)}


def is_kernel_thread(pid):
    try:
        return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[6]) & 0x200000 != 0
    except OSError:
        return False


def test_deleted_and_replaced_programs(osprey, tmp_path):
    program = tmp_path / "program"
    literal = tmp_path / "real (deleted)"
    for path in (program, literal):
        shutil.copy(shutil.which("sleep"), path)
    with running([program, "60"]) as child, running([literal, "60"]) as named:
        time.sleep(0.2)
        columns = "path, on_disk, exe_state"
        assert row(osprey, columns, "processes", child.pid) == {"path": str(program), "on_disk": "1", "exe_state": "present"}
        assert row(osprey, columns, "processes", named.pid) == {"path": str(literal), "on_disk": "1", "exe_state": "present"}
        program.unlink()
        assert row(osprey, columns, "processes", child.pid) == {"path": str(program), "on_disk": "0", "exe_state": "deleted"}
        program.write_text("another")
        assert row(osprey, columns, "processes", child.pid) == {"path": str(program), "on_disk": "0", "exe_state": "replaced"}
        # A file that only looks like the mark of a deleted one.
        program.unlink()
        (tmp_path / "program (deleted)").write_text("decoy")
        assert row(osprey, columns, "processes", child.pid) == {"path": str(program), "on_disk": "0", "exe_state": "deleted"}


def test_program_that_was_never_on_disk(osprey):
    program = f"""
        import os
        fd = os.memfd_create('payload', 0)
        os.write(fd, open({shutil.which('sleep')!r}, 'rb').read())
        print('ready', flush=True)
        os.execve(f'/proc/self/fd/{{fd}}', ['payload', '60'], {{}})
    """
    with running(script(program), ready=True) as child:
        time.sleep(0.3)
        mine = row(osprey, "path, on_disk, exe_state, cmdline", "processes", child.pid)
        assert mine == {"path": "/memfd:payload", "on_disk": "0", "exe_state": "memfd", "cmdline": "payload 60"}


def test_environment(osprey):
    environment = {"PATH": "/usr/bin:/bin", "EMPTY": "", "EQUALS": "a=b", "LINES": "a\nb", "UTF": "é"}
    with running(["/usr/bin/env", "sleep", "60"], env=environment) as child:
        time.sleep(0.2)
        mine = osprey.query(f"SELECT key, value FROM process_envs WHERE pid = {child.pid}")
        raw = open(f"/proc/{child.pid}/environ").read()
        assert [(r["key"], r["value"]) for r in mine] == [tuple(v.split("=", 1)) for v in raw.split("\0") if v]
        assert {r["key"]: r["value"] for r in mine} == environment


def test_secrets_of_the_environment_are_not_shown(osprey):
    environment = {"DB_PASSWORD": "hunter2", "PWD": "/"}
    with running(["/usr/bin/env", "sleep", "60"], env=environment) as child:
        time.sleep(0.2)
        query = f"SELECT key, value, redacted, value_sha256 FROM process_envs WHERE pid = {child.pid}"
        mine = {row["key"]: row for row in osprey.query(query)}
        assert (mine["DB_PASSWORD"]["value"], mine["DB_PASSWORD"]["redacted"]) == ("(redacted)", "1")
        assert mine["DB_PASSWORD"]["value_sha256"] == hashlib.sha256(b"hunter2").hexdigest()
        assert (mine["PWD"]["value"], mine["PWD"]["redacted"]) == ("/", "0")


def test_memory_map(osprey):
    with running(["sleep", "60"]) as child:
        time.sleep(0.2)
        mine = osprey.query(f"SELECT * FROM process_memory_map WHERE pid = {child.pid}")
        lines = open(f"/proc/{child.pid}/maps").read().splitlines()
        assert len(mine) == len(lines)
        for mapping, line in zip(mine, lines):
            fields = line.split(None, 5)
            path = fields[5] if len(fields) > 5 else ""
            start, end = fields[0].split("-")
            assert mapping == {"pid": str(child.pid), "start": "0x" + start, "end": "0x" + end, "permissions": fields[1],
                               "offset": str(int(fields[2], 16)), "device": fields[3], "inode": fields[4], "path": path,
                               "pseudo": str(int(fields[4] == "0" and path != ""))}
        assert {m["path"] for m in mine} >= {os.path.realpath(shutil.which("sleep")), "[stack]"}


def test_namespaces(osprey):
    rows = osprey.query("SELECT *, time_namespace, pid_for_children FROM process_namespaces WHERE pid = " + str(os.getpid()))
    names = {c[:-10] if c.endswith("_namespace") else c: v for c, v in rows[0].items() if c != "pid"}
    assert names == {n: re.sub(r"\D", "", os.readlink(f"/proc/self/ns/{n}")) for n in names}
    assert len(names) == 9


def test_open_files_as_lsof_has_them(osprey, tmp_path):
    path = tmp_path / "open me"
    path.write_text("")
    with open(path) as kept, running(["sleep", "60"], pass_fds=[kept.fileno()]) as child:
        time.sleep(0.2)
        mine = [(r["fd"], r["path"]) for r in osprey.query(f"SELECT fd, path FROM process_open_files WHERE pid = {child.pid}")]
        assert (str(kept.fileno()), str(path)) in mine
        done = subprocess.run(["lsof", "-nP", "-p", str(child.pid), "-F", "ftn"], capture_output=True, text=True)
        theirs, fd = {}, None
        for line in done.stdout.splitlines():
            if line[0] == "f":
                fd = line[1:]
            elif line[0] == "n" and fd.isdigit() and line[1:].startswith("/"):
                theirs[fd] = line[1:]
        assert dict(mine) == theirs
        path.unlink()
        assert (str(kept.fileno()), f"{path} (deleted)") in [
            (r["fd"], r["path"]) for r in osprey.query(f"SELECT fd, path FROM process_open_files WHERE pid = {child.pid}")]


def test_pipes(osprey, tmp_path):
    read, write = os.pipe()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    both = os.open(fifo, os.O_RDWR)
    try:
        with running(["sleep", "60"], pass_fds=[read]) as reader, running(["sleep", "60"], pass_fds=[write, both]) as writer:
            time.sleep(0.2)
            inode = os.fstat(read).st_ino
            rows = osprey.query(f"SELECT * FROM process_open_pipes WHERE inode = {inode} AND type = 'anonymous'")
            ends = {(str(os.getpid()), str(read), "r"), (str(os.getpid()), str(write), "w"),
                    (str(reader.pid), str(read), "r"), (str(writer.pid), str(write), "w")}
            expected = {a + b for a in ends for b in ends if a[2] != b[2]}
            assert {(r["pid"], r["fd"], r["mode"], r["partner_pid"], r["partner_fd"], r["partner_mode"]) for r in rows} == expected
            assert len(rows) == len(expected)
            named = osprey.query(f"SELECT * FROM process_open_pipes WHERE type = 'named' AND pid = {writer.pid}")
            assert [(r["mode"], r["inode"], r["partner_pid"]) for r in named] == [("rw", str(os.stat(fifo).st_ino), str(os.getpid()))]
    finally:
        for fd in (read, write, both):
            os.close(fd)
    lonely, gone = os.pipe()
    os.close(gone)
    try:
        rows = osprey.query(f"SELECT * FROM process_open_pipes WHERE pid = {os.getpid()} AND fd = {lonely}")
        assert [(r["mode"], r["partner_pid"]) for r in rows] == [("r", "")]
    finally:
        os.close(lonely)


LISTENERS = """
    import json, socket, sys, time
    kept, told = [], []
    for family, kind, address in [(2, 1, ('0.0.0.0', 0)), (10, 1, ('::', 0)), (2, 2, ('0.0.0.0', 0)), (10, 2, ('::', 0)),
                                  (1, 1, sys.argv[1] + '/listen er'), (1, 2, '\\0osprey' + sys.argv[1])]:
        s = socket.socket(family, kind)
        s.bind(address)
        if kind == 1: s.listen(7)
        kept.append(s)
        name = s.getsockname()
        if isinstance(name, bytes): name = '@' + name[1:].decode()
        told.append([s.fileno(), family, {1: 6, 2: 17}[kind] if family != 1 else 0, name])
    print(json.dumps(told), flush=True)
    time.sleep(60)
"""


def expected_listeners(line):
    rows = set()
    for fd, family, protocol, name in json.loads(line):
        port, address, path = (0, "", name) if family == 1 else (name[1], name[0], "")
        rows.add((str(fd), str(family), str(protocol), str(port), address, path))
    return rows


def told_listeners(rows):
    return {(r["fd"], r["family"], r["protocol"], r["port"], r["address"], r["path"]) for r in rows}


def test_listening_ports(osprey, tmp_path):
    with running(script(LISTENERS) + [str(tmp_path)], ready=True) as child:
        rows = osprey.query(f"SELECT *, uid FROM listening_ports WHERE pid = {child.pid}")
        assert told_listeners(rows) == expected_listeners(child.line)
        assert {r["net_namespace"] for r in rows} == {re.sub(r"\D", "", os.readlink("/proc/self/ns/net"))}
        assert {r["uid"] for r in rows} == {str(os.getuid())}
        for r in rows:
            assert os.readlink(f"/proc/{child.pid}/fd/{r['fd']}") == f"socket:[{r['socket']}]"
        assert osprey.query(f"SELECT port FROM listening_ports WHERE pid = {child.pid} AND protocol = 17 AND family = 10") != []


def test_listening_ports_in_another_network_namespace(osprey, tmp_path):
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        pytest.skip("no permission to make a network namespace")
    with running(["unshare", "-n", *script(LISTENERS), str(tmp_path)], ready=True) as child:
        space = re.sub(r"\D", "", os.readlink(f"/proc/{child.pid}/ns/net"))
        assert space != re.sub(r"\D", "", os.readlink("/proc/self/ns/net"))
        rows = osprey.query(f"SELECT * FROM listening_ports WHERE net_namespace = '{space}'")
        assert told_listeners(rows) == expected_listeners(child.line)
        assert {r["pid"] for r in rows} == {str(child.pid)}
        rows = osprey.query(f"SELECT * FROM process_open_sockets WHERE pid = {child.pid}")
        assert {(r["fd"], r["state"]) for r in rows} == {
            (str(fd), "LISTEN" if protocol == 6 else "") for fd, _, protocol, _ in json.loads(child.line)}


def ss(*flags):
    """pid, fd, protocol, local, remote, state of every descriptor that ss tells."""
    done = subprocess.run(["ss", "-H", "-n", "-p", "-O", *flags], capture_output=True, text=True)
    found = set()
    for line in done.stdout.splitlines():
        fields = line.split()
        for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", line):
            found.add((pid, fd, fields[0], fields[4], fields[5], fields[1]))
    return found


def bracketed(address, port, wild):
    name = {"0.0.0.0": "0.0.0.0", "::": "[::]"}.get(address, f"[{address}]" if ":" in address else address)
    return f"{name}:{wild if port == '0' else port}"


def test_inet_sockets_as_ss_has_them(osprey):
    states = {"LISTEN": "LISTEN", "ESTABLISHED": "ESTAB", "CLOSE_WAIT": "CLOSE-WAIT", "FIN_WAIT1": "FIN-WAIT-1",
              "FIN_WAIT2": "FIN-WAIT-2", "SYN_SENT": "SYN-SENT", "LAST_ACK": "LAST-ACK", "CLOSED": "UNCONN"}
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_server(("::1", 0), family=socket.AF_INET6):
        udp.connect(("127.0.0.1", 53))
        accepted = server.accept()[0]
        own = re.sub(r"\D", "", os.readlink("/proc/self/ns/net"))

        def ours():
            rows = osprey.query("SELECT * FROM process_open_sockets WHERE pid != -1 AND family IN (2, 10) AND protocol IN (6, 17) "
                                f"AND net_namespace = '{own}'")
            found = set()
            for r in rows:
                tcp = r["protocol"] == "6"
                state = states.get(r["state"], r["state"]) if tcp else "UNCONN" if r["remote_port"] == "0" else "ESTAB"
                found.add((r["pid"], r["fd"], "tcp" if tcp else "udp", bracketed(r["local_address"], r["local_port"], "*"),
                           bracketed(r["remote_address"], r["remote_port"], "*"), state))
            return found

        def theirs():
            return {(pid, fd, kind, re.sub(r"%[^:\]]+", "", local.replace("*:", "[::]:")),
                     remote.replace("*:", "[::]:") if remote.startswith("*:") else remote, state)
                    for pid, fd, kind, local, remote, state in ss("-tua")}

        same_soon(ours, theirs)
        mine = {(r["local_port"], r["remote_port"], r["state"]) for r in osprey.query(
            f"SELECT * FROM process_open_sockets WHERE pid = {os.getpid()} AND protocol = 6")}
        port, peer = str(server.getsockname()[1]), str(client.getsockname()[1])
        assert mine >= {(port, "0", "LISTEN"), (peer, port, "ESTABLISHED"), (port, peer, "ESTABLISHED")}
        accepted.close()


def test_unix_sockets_as_ss_has_them(osprey):
    own = re.sub(r"\D", "", os.readlink("/proc/self/ns/net"))

    def ours():
        return {(r["pid"], r["fd"], r["socket"]) for r in osprey.query(
            f"SELECT pid, fd, socket FROM process_open_sockets WHERE family = 1 AND pid != -1 AND net_namespace = '{own}'")}

    def theirs():
        done = subprocess.run(["ss", "-H", "-n", "-p", "-x", "-a", "-O"], capture_output=True, text=True)
        found = set()
        for line in done.stdout.splitlines():
            inode = re.search(r" (\d+)\s+\* \d+\s+users", line)
            found |= {(pid, fd, inode.group(1)) for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", line)}
        return found

    left, right = socket.socketpair()
    same_soon(ours, theirs)
    mine = {r["socket"] for r in osprey.query(f"SELECT socket FROM process_open_sockets WHERE pid = {os.getpid()} AND family = 1")}
    assert mine >= {str(os.fstat(s.fileno()).st_ino) for s in (left, right)}
    left.close()
    right.close()


def test_shared_sockets_have_a_row_for_each_holder(osprey):
    with socket.create_server(("127.0.0.1", 0)) as server, running(["sleep", "60"], pass_fds=[server.fileno()]) as child:
        time.sleep(0.1)
        rows = osprey.query(f"SELECT pid, fd FROM listening_ports WHERE port = {server.getsockname()[1]}")
        fd = str(server.fileno())
        assert {(r["pid"], r["fd"]) for r in rows} == {(str(os.getpid()), fd), (str(child.pid), fd)}


def test_mptcp_only_when_asked(osprey):
    try:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    except OSError:
        pytest.skip("the kernel has no MPTCP")
    with server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert "262" not in {r["protocol"] for r in osprey.query(f"SELECT protocol FROM listening_ports WHERE port = {port}")}
        rows = osprey.query(f"SELECT pid, address FROM listening_ports WHERE port = {port} AND protocol = 262")
        assert rows == [{"pid": str(os.getpid()), "address": "127.0.0.1"}]


def traced(osprey, sql):
    """Paths that a query opens or reads below a process's folder, as (pid, name)."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    done = subprocess.run(["strace", "-f", "-y", "-e", "trace=openat,openat2,open,readlinkat,readlink,newfstatat,statx", str(osprey.path),
                           "--json", sql], capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    rows = json.loads(done.stdout)
    opened = set()
    for line in done.stderr.splitlines():
        for folder, name in re.findall(r'\d+</proc(/\d+)?>, "([^"]+)"', line):
            pid, _, rest = (folder + "/" + name).strip("/").partition("/")
            if pid.isdigit():
                opened.add((pid, rest))
    return rows, opened


def test_listing_opens_nothing_below_a_process(osprey):
    rows, opened = traced(osprey, "SELECT pid FROM processes")
    assert len(rows) > 5 and opened == set()


def test_a_named_process_alone_is_opened(osprey):
    rows, opened = traced(osprey, f"SELECT pid FROM processes WHERE pid = {os.getpid()}")
    assert len(rows) == 1 and opened == {(str(os.getpid()), "")}


def test_join_reads_only_joined_processes(osprey):
    with socket.create_server(("127.0.0.1", 0)):
        rows, opened = traced(osprey, "SELECT p.name, s.port, p.pid FROM listening_ports s JOIN processes p USING (pid)")
    joined = {r["pid"] for r in rows}
    assert str(os.getpid()) in joined
    assert {pid for pid, name in opened if name == "stat"} == joined
    assert {name.split("/")[0] for _, name in opened} <= {"", "stat", "fd", "ns", "net"}


def test_processes_that_come_and_go(osprey):
    """Rows are whole or missing, whatever ends meanwhile."""
    program = "while :; do for i in 1 2 3 4 5 6 7 8; do /bin/true & done; wait; done"
    with running(["/bin/sh", "-c", program], start_new_session=True) as child:
        try:
            for _ in range(5):
                done = osprey.run("--json", "SELECT pid, name, uid, state, cmdline, parent FROM processes")
                assert done.returncode == 0 and "No such" not in done.stderr
                rows = json.loads(done.stdout)
                assert [int(r["pid"]) for r in rows] == sorted(int(r["pid"]) for r in rows)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
