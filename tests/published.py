"""What is published in a file and in PostgreSQL, side by side: by another way than the one that it was copied by.

Belongs here: reading both. Does not: publishing, servers (`tests/postgres.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb
from adbc_driver_postgresql import dbapi


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query to PostgreSQL."""
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return [*cursor.fetchall()]


def types(url: str, schema: str = "marts") -> dict[str, dict[str, str]]:
    """Types of the columns in PostgreSQL, by table."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in ask(
        url,
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a "
        f"join pg_class as c on c.oid = a.attrelid where c.relnamespace = '{schema}'::regnamespace and c.relkind = 'r' "
        "and a.attnum > 0 order by c.relname, a.attnum",
    ):
        found.setdefault(table, {})[column] = kind
    return found


def differing_marts(file: Path, url: str, schema: str = "marts", without: Collection[str] = ()) -> dict[str, int]:
    """How many rows of each table only one of the two has; a table that one of them lacks counts as -1."""
    there = types(url, schema)
    found = {}
    with dbapi.connect(url) as connection, connection.cursor() as cursor, duckdb.connect(str(file)) as reader:
        reader.execute("set TimeZone = 'UTC'")
        here: dict[str, dict[str, str]] = {}
        for table, column, kind in reader.execute(
            "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'marts' order by all"
        ).fetchall():
            here.setdefault(table, {})[column] = kind
        for table in sorted({*here, *there}):
            if here.get(table, {}).keys() != there.get(table, {}).keys():
                found[table] = -1
                continue
            ours = ", ".join(
                _comparable_in_duckdb(*column) for column in here[table].items() if column[0] not in without
            )
            theirs = ", ".join(
                _comparable_in_postgres(name, there[table][name]) for name in here[table] if name not in without
            )
            cursor.execute(f'select {theirs} from "{schema}"."{table}"')
            copied = cursor.fetch_arrow_table()
            one, other = f'select {ours} from marts."{table}"', "select * from copied"
            reader.register("copied", copied)
            count = reader.execute(
                f"select count(*) from (({one} except all {other}) union all ({other} except all {one}))"
            ).fetchall()[0][0]
            if count:
                found[table] = count
    return found


def _comparable_in_postgres(name: str, kind: str) -> str:
    as_text = kind.startswith(("numeric", "json"))
    return f'"{name}"::text as "{name}"' if as_text else f'"{name}"'


def _comparable_in_duckdb(name: str, kind: str) -> str:
    if kind == "TIMESTAMP":
        return f'"{name}" at time zone \'UTC\' as "{name}"'
    return f'"{name}"::varchar as "{name}"' if kind.startswith("DECIMAL") else f'"{name}"'
