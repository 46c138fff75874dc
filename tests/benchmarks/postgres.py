"""A table of a million orders read as an input of a mapping, beside a bare read by ADBC.

The floor takes the batches of `select *` as they come and keeps none. Ours reads the same table in its transaction,
with the casts that keep every digit, into the copy of an input with a cursor, checks its key, and makes the input's
table of it in DuckDB; and does so once more the night after, when one row in a hundred has changed.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from adbc_driver_postgresql import dbapi

from ingestion.sources.files.settings import Connection, Settings
from tests.benchmarks.measuring import Usage, run, say, table
from tests.postgres import execute, started_server

MAPPING = """
name: bench
connection: bench
inputs: {orders: {table: orders, cursor: updated_at, look_back: 1 hour, key: id}}
entities:
  orders:
    from: orders
    columns: {order_id: id, ordered_at: placed_at, currency: currency, total_amount: total}
"""
ORDERS = """
    create table orders as
    select
        n as id,
        n % 100003 as customer_id,
        now() - interval '1 year' + n * interval '20 seconds' as placed_at,
        now() - interval '1 year' + n * interval '20 seconds' as updated_at,
        'EUR'::char(3) as currency,
        (n % 99991)::numeric(12, 2) / 100 as total,
        'paid' as status,
        'order number ' || n || ' of the benchmark' as note
    from generate_series(1, {}) as n
"""
CHANGES = "update orders set status = 'sent', updated_at = (select max(updated_at) from orders) where id % 100 = 0"


def bare(url: str) -> int:
    """Rows that ADBC gives."""
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select * from orders")
        return sum(batch.num_rows for batch in cursor.fetch_record_batch())


def ours(folder: Path) -> int:
    """Rows of the input's table, after what is known in the folder was brought up to date."""
    from ingestion.sources.files.copies import Copies
    from ingestion.sources.files.inputs import find_files, load_input
    from ingestion.sources.files.mapping import read_mappings

    state_file = folder / "state.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    made = Copies(Settings.read(), datetime.now(UTC), folder, state)
    (copied,) = made.make(read_mappings(folder / "bench.yml"))
    if copied.error:
        raise copied.error
    state_file.write_text(json.dumps({copied.mapping.name: copied.known}))
    source = copied.mapping.inputs["orders"]
    with duckdb.connect() as connection:
        load_input(connection, copied.mapping, source, find_files(copied.mapping, source, folder))
        return int(connection.execute("SELECT count(*) FROM orders").fetchall()[0][0])


def report(folder: Path, rows: int) -> str:
    """Run the benchmark; Markdown with the ratio."""
    (folder / "bench.yml").write_text(MAPPING)
    found: dict[str, Usage] = {}
    with started_server() as server:
        execute(server.get_uri(), ORDERS.format(rows), "create index on orders (updated_at)", "vacuum analyze orders")
        environment = {
            "LIFECYCLE_DATA_DIR": str(folder / "data"),
            "SOURCES__FILES__MAPPINGS_PATH": str(folder / "bench.yml"),
            "SOURCES__FILES__DATA_PATH": str(folder),
            "SOURCES__FILES__CONNECTIONS__BENCH__URL": server.get_uri(),
        }
        for way in ("bare", "whole", "changes"):
            say(f"{rows:,} rows of PostgreSQL: {way} …")
            if way == "changes":
                execute(server.get_uri(), CHANGES)
            log = folder / f"postgres_{way}.log"
            module = "tests.benchmarks.postgres"
            usage = run([sys.executable, "-W", "ignore", "-m", module, way, str(folder)], log, environment)
            seconds, read = log.read_text(encoding="utf-8").split()[-2:]
            if int(read) != rows:
                raise RuntimeError(f"{way}: {read} rows of {rows}")
            found[way] = Usage(float(seconds), usage.cpu_seconds, usage.peak_bytes)
    names = {
        "bare": "bare ADBC read (floor)",
        "whole": "input of a mapping, whole",
        "changes": "the night after, 1% changed",
    }
    return "\n".join(
        [
            f"## PostgreSQL as a source: a table of {rows:,} rows and 8 columns",
            "",
            table(
                ["run", "seconds", "times the floor", "peak memory, GB"],
                [
                    [
                        names[way],
                        f"{usage.seconds:.1f}",
                        f"{usage.seconds / found['bare'].seconds:.2f}",
                        f"{usage.peak_bytes / 1e9:.1f}",
                    ]
                    for way, usage in found.items()
                ],
            ),
        ]
    )


if __name__ == "__main__":
    way, place = sys.argv[1:]
    started = time.perf_counter()
    count = bare(Connection.of("bench").url.get_secret_value()) if way == "bare" else ours(Path(place))
    print(time.perf_counter() - started, count)
