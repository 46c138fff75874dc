"""Publication to PostgreSQL, beside a bare ADBC ingest of the same rows.

The difference is what types, keys, indexes, statistics and the change of names cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from adbc_driver_postgresql import dbapi

from serving.postgres import Postgres
from serving.publish import Description, Source, publish
from tests.benchmarks.measuring import say, table
from tests.postgres import started_server

# In the widths and types of lifecycle_stage_history, the mart that grows fastest.
MART = """
    create table marts.episodes as
    select
        ['conversation', 'subscription', 'crm'][1 + range % 3] as lifecycle_model,
        md5('entity' || range // 6) as entity_id,
        ['new_lead', 'hot_lead', 'cold_lead', 'payment', 'customer'][1 + range % 5] as stage,
        (range % 6 + 1)::integer as pass_number,
        timestamp '2025-01-01' + to_seconds(range * 37) as entered_at,
        if(range % 6 = 5, null, timestamp '2025-01-02' + to_seconds(range * 37)) as exited_at,
        (range % 86400)::double / 7 as days_in_stage,
        'intent_qualified' as entry_rule,
        md5('activity' || range) as entry_activity_id,
        (range % 100000 / 100)::decimal(18, 4) as amount_reporting,
        range % 6 = 5 as is_current,
        date '2025-01-01' + (range % 700)::integer as entered_on
    from range($rows)
"""


def report(folder: Path, rows: int) -> str:
    """Measure, and tell it as a section of docs/benchmarks.md."""
    warehouse = folder / "published.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(MART, {"rows": rows})
    key = {"episodes": Description("Episodes.", key=("lifecycle_model", "entity_id", "entered_at"))}

    def published(postgres: Postgres | None) -> Callable[[], object]:
        return lambda: publish(
            warehouse,
            folder / f"serving_{bool(postgres)}",
            marts=["episodes"],
            as_of=datetime(2026, 10, 31, tzinfo=UTC),
            sources=[Source("files")],
            descriptions=key,
            postgres=postgres,
        )

    with started_server() as server:

        def ingested() -> None:
            with (
                duckdb.connect(str(warehouse), read_only=True) as source,
                dbapi.connect(server.get_uri()) as connection,
                connection.cursor() as cursor,
            ):
                cursor.adbc_ingest("bare", source.execute("from marts.episodes").to_arrow_reader(), mode="replace")
                connection.commit()

        say(f"PostgreSQL: {rows:,} rows …")
        floor, file, both = map(_best, (ingested, published(None), published(Postgres(server.get_uri()))))
    copy = both - file
    lines = [
        ["bare ADBC ingest (floor)", f"{floor:.1f}", "1.00"],
        ["publication to PostgreSQL", f"{copy:.1f}", f"{copy / floor:.2f}"],
        ["publication to the file", f"{file:.1f}", f"{file / floor:.2f}"],
    ]
    head = f"## Publication: {rows:,} rows of one mart, 12 columns"
    return f"{head}\n\n{table(['run', 'seconds', 'times the floor'], lines)}"


def _best(run: Callable[[], object]) -> float:
    """Seconds of the better of two runs: what else the machine does is no part of it."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
