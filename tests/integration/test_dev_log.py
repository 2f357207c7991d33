"""dev_log_status: where logging leads, against sockets, files and links of this test's own."""

import os
import socket


def status(osprey, path):
    rows = osprey.query(f"SELECT * FROM dev_log_status WHERE path = '{path}'")
    assert [row["path"] for row in rows] == [str(path)]
    return rows[0]


# SLG-02
def test_who_reads_a_log_socket(osprey, tmp_path):
    path, link = tmp_path / "log", tmp_path / "link"
    link.symlink_to(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        log.bind(str(path))
        path.chmod(0o622)
        client.connect(str(path))
        client.send(b"<13>waits")
        for row in (status(osprey, path), status(osprey, link)):
            assert (row["owner_pid"], row["socket_type"], row["mode"]) == (str(os.getpid()), "dgram", "0622")
            assert (row["inode"], row["real_path"], row["reason"]) == (str(path.stat().st_ino), str(path), "")
            assert int(row["receive_queue"]) > 0
            assert row["received"] == ""
    row = status(osprey, path)
    assert (row["owner_pid"], row["reason"].split(":")[0]) == ("", "nobody has it open here")


# SLG-02
def test_what_hides_the_log(osprey, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("/nowhere/log")
    (tmp_path / "null").symlink_to("/dev/null")
    reasons = {name: status(osprey, tmp_path / name)["reason"] for name in ("file", "folder", "dangling", "null", "missing")}
    assert {name: reason.split(":")[0] for name, reason in reasons.items()} == {
        "file": "a plain file", "folder": "a folder", "dangling": "a link that leads nowhere", "null": "a device", "missing": "missing"}
    assert reasons["dangling"].endswith("/nowhere/log")


# SLG-02
def test_the_agents_own_socket(make_agent, tmp_path):
    agent, path = make_agent(), tmp_path / "log"
    agent.configure({"schedule": {
        "lines": {"query": "SELECT message FROM syslog_events", "interval": 1, "removed": False},
        "status": {"query": "SELECT path, owner, received, dropped, last_message_time FROM dev_log_status", "interval": 1, "snapshot": True}}})
    agent.start(f"--syslog_socket={path}")
    agent.wait_for(path.exists, 60, "the log's socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(path))
        for number in range(5):
            client.send(f"<13>line {number}".encode())

    def own():
        return [row for row in agent.last_snapshot("status") or [] if row["path"] == str(path) and row["received"] == "5"]
    row, = agent.wait_for(own, 20, "the socket's counters")
    assert row["dropped"] == "0" and int(row["last_message_time"]) > 1_700_000_000
    assert agent.stop() == 0
