#!/usr/bin/env python3
"""What an index for column values costs PostgreSQL: bench/result_indexes.py [rows]

Copies the same rows, 4,000 a transaction, into a table of its own for each kind of index, the second half of them timed,
and looks for a value that one row has. docs/decisions/0002-result-search.md has what came out.
"""

import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "integration"))
from postgresql import PROGRAMS, PostgreSQL  # noqa: E402

BATCH = 4000
NEEDLE = "needle-0001"

COLUMNS = "id bigint, received_at bigint, host bigint, name text, columns text"
# Name, further columns, what fills them from a staged row, indexes, how the value is looked for.
WAYS = [
    ("none", "", "", [], f"strpos(columns, '\"sha256\":\"{NEEDLE}\"') > 0"),
    ("gin jsonb_path_ops", ", j jsonb", ", columns::jsonb", ["USING gin (j jsonb_path_ops)"],
     f"j @> '{{\"sha256\":\"{NEEDLE}\"}}'"),
    ("gin int8[] of hashes", ", h int8[]",
     ", (SELECT array_agg(hashtextextended(key || '=' || value, 0)) FROM json_each_text(columns::json))",
     ["USING gin (h)"], f"h @> ARRAY[hashtextextended('sha256={NEEDLE}', 0)]"),
]


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    database = PostgreSQL(shared_buffers="2GB", max_wal_size="8GB", checkpoint_timeout="15min", wal_compression="lz4").start()
    try:
        url = database.create_database()
        database.sql(f"""CREATE UNLOGGED TABLE staged AS SELECT i::bigint AS id, 1795000000000 + i AS received_at,
          (random() * 100000)::bigint AS host, 'pack_security_query' || i % 60 AS name,
          replace(json_build_object('pid', (random() * 4000000)::int::text, 'parent', (random() * 16000)::int::text,
            'name', 'process' || i % 700, 'path', '/usr/lib/package' || i % 300 || '/bin/process' || i % 700,
            'cmdline', 'process' || i % 700 || ' --worker --number=' || (random() * 65536)::int, 'uid', (i % 40)::text,
            'start_time', (1772000000 + (random() * 1000000)::int)::text,
            'sha256', md5(i::text) || md5((i % 50000)::text))::text, '" : "', '":"') AS columns
          FROM generate_series(1, {rows}) i""", url)
        database.sql(f"UPDATE staged SET columns = '{{\"sha256\":\"{NEEDLE}\"}}' WHERE id = {rows // 3}", url)
        for way in WAYS:
            measure(database, url, rows, *way)
    finally:
        database.remove()


def measure(database, url, rows, name, more, fill, indexes, condition):
    database.sql(f"DROP TABLE IF EXISTS line; CREATE TABLE line ({COLUMNS}{more})", url)
    database.sql("CREATE INDEX ON line (id)", url)
    database.sql("CREATE INDEX ON line (host, id)", url)
    for index in indexes:
        database.sql(f"CREATE INDEX ON line {index}", url)
    files = []
    for begin in range(0, rows, BATCH):
        file = database.folder / f"part{begin}"
        database.sql(f"COPY (SELECT id, received_at, host, name, columns{fill} FROM staged WHERE id > {begin} AND "
                     f"id <= {begin + BATCH}) TO '{file}' (FORMAT binary)", url)
        files.append(file)
    half = len(files) // 2
    copy(url, database, files[:half])
    start = time.monotonic()
    copy(url, database, files[half:])
    seconds = time.monotonic() - start
    size = int(database.sql("SELECT pg_total_relation_size('line')", url)[0][0])
    database.sql("ANALYZE line", url)
    start = time.monotonic()
    found = database.sql(f"SELECT id FROM line WHERE {condition}", url)
    looked = time.monotonic() - start
    assert found == [[str(rows // 3)]], found
    print(f"{name}: {(len(files) - half) * BATCH / seconds:,.0f} rows a second, {size / rows:.0f} bytes a row, "
          f"needle in {looked * 1000:.0f} ms", flush=True)
    for file in files:
        file.unlink()


def copy(url, database, files):
    script = "".join(f"COPY line FROM '{file}' (FORMAT binary);\n" for file in files)
    subprocess.run([PROGRAMS / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url], input=script, text=True, check=True,
                   cwd=database.folder, **database.user)


if __name__ == "__main__":
    main()
