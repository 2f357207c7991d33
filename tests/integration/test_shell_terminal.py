"""The shell on a pseudo-terminal: line editor, history, completion, Ctrl-C, progress, cutting to the width."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from conftest import BIN

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;"


class Terminal:
    """A program whose terminal we are. Text is what it wrote, without escape sequences."""

    def __init__(self, *argv, columns=80, home=None, term="xterm", program="osprey"):
        self.pid, self.fd = pty.fork()  # a pseudo-terminal as standard input, output and error
        if self.pid == 0:
            environment = {"PATH": os.environ["PATH"], "HOME": str(home or "/nonexistent"), "TERM": term,
                           "LANG": "C.UTF-8"}
            os.execve(BIN / program, [program, *argv], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.raw = ""

    def read(self, seconds=0.1):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:  # the program has gone
                return
            if not data:
                return
            self.raw += data.decode(errors="replace")

    @property
    def text(self):
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r", "")

    def wait_for(self, wanted, seconds=10):
        """Waits until `wanted`, a regular expression, is on the screen; returns and forgets what is."""
        end = time.monotonic() + seconds
        while not re.search(wanted, self.text):
            assert time.monotonic() < end, f"no {wanted!r} in {self.text!r}"
            self.read(0.05)
        text, self.raw = self.text, ""
        return text

    def type(self, text):
        os.write(self.fd, text.encode())

    def ask(self, line, wanted, seconds=10):
        self.type(line + "\n")
        return self.wait_for(wanted, seconds)

    def leave(self, keys="\x04"):
        self.type(keys)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it does not leave")

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)


@pytest.fixture
def terminal(tmp_path):
    open_ones = []

    def start(*argv, **kwargs):
        kwargs.setdefault("home", tmp_path)
        open_ones.append(Terminal(*argv, **kwargs))
        open_ones[-1].wait_for(r"> $")
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.end()


def test_a_query_over_two_lines(terminal):
    shell = terminal()
    shell.ask("select 1 as a,", r"\.\.\.> $")
    assert "| 1 | 2 |" in shell.ask("2 as b;", r"osprey> $")
    assert shell.leave() == 0


def test_an_error_and_its_hint(terminal):
    shell = terminal()
    text = shell.ask("select * from osquery_inf;", r"osprey> $")
    assert "Error: no such table: osquery_inf" in text
    assert "did you mean osquery_info?" in text
    assert shell.leave() == 0, "who typed the error has seen it"


def test_ctrl_c_ends_the_query_and_not_the_shell(terminal):
    shell = terminal()
    shell.type(ENDLESS + "\n")
    time.sleep(0.5)
    shell.type("\x03")
    assert "interrupted" in shell.wait_for(r"osprey> $", 5)
    assert "| 7 |" in shell.ask("select 7 as a;", r"osprey> $")
    shell.type(ENDLESS + "\n")
    time.sleep(0.3)
    shell.type("\x03")
    assert "interrupted" in shell.wait_for(r"osprey> $", 5)
    assert shell.leave() == 0


def test_ctrl_c_drops_what_was_typed(terminal):
    shell = terminal()
    shell.ask("select 1,", r"\.\.\.> $")
    shell.type("half a line\x03")
    shell.wait_for(r"osprey> $")
    assert "| 8 |" in shell.ask("select 8 as a;", r"osprey> $")
    assert shell.leave() == 0


def test_tab_completes(terminal):
    shell = terminal()
    shell.type("select host\t")
    time.sleep(0.3)
    shell.type("names from etc_ho\t")
    shell.wait_for(r"etc_hosts")
    shell.type("limit 1;\n")
    assert "| hostnames" in shell.wait_for(r"osprey> $")


def test_tab_completes_columns_of_tables_in_the_statement(terminal):
    shell = terminal()
    shell.type("select pid from osquery_info i where i.platf\t")
    shell.wait_for(r"i\.platform_mask")
    shell.type("= 9;\n")
    assert "| pid" in shell.wait_for(r"osprey> $")


def test_tab_lists_what_may_follow(terminal):
    shell = terminal()
    shell.type("select * from osquery_\t\t")
    text = shell.wait_for(r"osquery_registry")
    assert "osquery_flags" in text
    shell.type("info;\n")
    shell.wait_for(r"osprey> $")


def test_tab_completes_dot_commands(terminal):
    shell = terminal()
    shell.type(".vers\t\n")
    assert "using SQLite" in shell.wait_for(r"osprey> $")


def test_history_lives_on(terminal, tmp_path):
    shell = terminal()
    shell.ask("select 4711 as a;", r"osprey> $")
    assert shell.leave() == 0
    history = tmp_path / ".osprey" / ".history"
    assert history.read_text() == "select 4711 as a;\n"
    assert history.stat().st_mode & 0o077 == 0
    again = terminal()
    again.type("\x1b[A\n")
    assert "| 4711 |" in again.wait_for(r"\+\n(.*\n)*osprey> $")


def test_exit_with_a_status(terminal):
    assert terminal().leave(".exit 5\n") == 5
    assert terminal(program="osqueryi").leave(".exit\n") == 0


def test_progress_of_a_slow_query(terminal):
    shell = terminal()
    shell.type(ENDLESS + "\n")
    shell.wait_for(r"rows scanned, [12] s", 5)
    shell.type("\x03")
    shell.read(0.5)
    assert "\r\x1b[K" in shell.raw, "the line is erased"
    shell.wait_for(r"osprey> $")


def test_ctrl_c_ends_a_single_query_as_ever(tmp_path):
    shell = Terminal(ENDLESS, home=tmp_path)
    try:
        shell.wait_for(r"rows scanned, [12] s", 5)
        assert shell.leave("\x03") == -signal.SIGINT
        assert shell.raw.endswith("\r\x1b[K"), "no half line stays on the screen"
    finally:
        shell.end()


def test_no_progress_where_it_is_not_wanted(terminal):
    shell = terminal("--noprogress")
    shell.type(ENDLESS + "\n")
    time.sleep(1.8)
    shell.type("\x03")
    assert "rows scanned" not in shell.wait_for(r"osprey> $", 5)


def test_wide_values_are_cut_to_the_terminal(terminal):
    shell = terminal(columns=40)
    text = shell.ask("select printf('%.*c', 100, 'x') as a, 'short' as b;", r"osprey> $")
    rows = [line for line in text.splitlines() if line.startswith(("|", "+"))]
    assert rows and all(len(row) <= 40 for row in rows)
    assert "…" in text and "short" in text
    shell.ask(".wide on", r"osprey> $")
    assert "x" * 100 in shell.ask("select printf('%.*c', 100, 'x') as a;", r"osprey> $")


def test_osqueryi_is_as_recorded(terminal):
    """terminal_sessions.json, first and last: prompt, banner, two lines, an error without a line number, Ctrl-D."""
    shell = Terminal("--json", program="osqueryi", term="dumb")
    try:
        assert shell.wait_for(r"osquery> $").startswith("Using a virtual database. Need help, type '.help'\nosquery> ")
        assert '[\n  {"a":"1"}\n]\n' in shell.ask("select 1 as a;", r"\]\nosquery> $")
        assert shell.leave() == 0
    finally:
        shell.end()
    shell = terminal(program="osqueryi", term="dumb")
    shell.ask("select 1 as a,", r"    \.\.\.> $")
    shell.ask(" 2 as b;", r"\| 1 \| 2 \|\n\+---\+---\+\nosquery> $")
    shell.ask(".mode line", r"osquery> $")
    shell.ask("select 1 as a;", r"    a = 1\nosquery> $")
    shell.ask("selec;", 'Error: near "selec": syntax error\nosquery> $')
    assert shell.leave(".exit\n") == 1
