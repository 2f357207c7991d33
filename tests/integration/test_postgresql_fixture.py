"""The fixture that other tests build on: a PostgreSQL that stops, is killed, and has what it had before."""

import signal

from postgresql import postgresql  # noqa: F401


def test_what_is_committed_outlives_a_stop_and_a_kill(postgresql):  # noqa: F811
    url = postgresql.create_database()
    postgresql.sql("CREATE TABLE kept (n INTEGER)", url)
    for signal_number in (signal.SIGINT, signal.SIGKILL):
        postgresql.sql("INSERT INTO kept VALUES (1)", url)
        postgresql.stop(signal_number)
        postgresql.start()
    assert postgresql.sql("SELECT count(*) FROM kept", url) == [["2"]]
