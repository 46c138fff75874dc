"""What changed between two published versions, mart by mart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from serving.publish import SCHEMA, WRITTEN_HERE


@dataclass(frozen=True)
class MartChange:
    """Rows of one mart that differ between two versions.

    Attributes:
        mart: name of the table.
        added: rows that only the later version has; with a key, rows whose key is new.
        changed: rows whose key is in both versions with other values; None when the mart has no known key (a changed
            row then counts as one added and one removed).
        removed: rows that only the earlier version has; with a key, rows whose key is gone.
        new_columns, gone_columns: columns that only one version has; rows are compared without them.
    """

    mart: str
    added: int
    changed: int | None
    removed: int
    new_columns: tuple[str, ...] = ()
    gone_columns: tuple[str, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        return not (self.added or self.changed or self.removed or self.new_columns or self.gone_columns)


def compare(earlier: Path, later: Path, keys: Mapping[str, Sequence[str]] | None = None) -> list[MartChange]:
    """Compare every mart that either version has, by name.

    Args:
        earlier, later: versioned files.
        keys: columns that identify a row, for the marts where they are known.
    """
    known = keys or {}
    with duckdb.connect() as connection:
        for alias, path in (("earlier", earlier), ("later", later)):
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {alias} (read_only)")
        before, after = _columns(connection, "earlier"), _columns(connection, "later")
        return [
            _compare_mart(connection, mart, before.get(mart, []), after.get(mart, []), known.get(mart, ()))
            for mart in sorted({*before, *after})
        ]


def _columns(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from information_schema.columns "
        "where table_catalog = ? and table_schema = ? and table_name not in (?, ?) "
        "order by table_name, ordinal_position",
        [catalog, SCHEMA, *WRITTEN_HERE],
    ).fetchall():
        columns.setdefault(table, []).append(column)
    return columns


def _compare_mart(
    connection: duckdb.DuckDBPyConnection, mart: str, before: list[str], after: list[str], key: Sequence[str]
) -> MartChange:
    def count(sql: str) -> int:
        return int(connection.execute(f"select count(*) from ({sql})").fetchall()[0][0])

    earlier, later = (f'{catalog}.{SCHEMA}."{mart}"' for catalog in ("earlier", "later"))
    if not before:
        return MartChange(mart, count(f"from {later}"), 0 if key else None, 0)
    if not after:
        return MartChange(mart, 0, 0 if key else None, count(f"from {earlier}"))
    shared = [column for column in after if column in before]
    new, gone = tuple(c for c in after if c not in before), tuple(c for c in before if c not in after)
    row = ", ".join(f'"{column}"' for column in shared)
    if key and set(key) <= set(shared):
        return MartChange(mart, *_by_key(connection, earlier, later, row, key), new, gone)
    for name, ours, theirs in (("only_later", later, earlier), ("only_earlier", earlier, later)):
        connection.execute(
            f"create or replace temp table {name} as select {row} from {ours} except all select {row} from {theirs}"
        )
    return MartChange(mart, count("from only_later"), None, count("from only_earlier"), new, gone)


def _by_key(
    connection: duckdb.DuckDBPyConnection, earlier: str, later: str, row: str, key: Sequence[str]
) -> tuple[int, int, int]:
    """How many rows were added, changed and removed, of a mart whose key is unique. A hash tells two rows apart."""
    columns = ", ".join(f'"{column}"' for column in key)
    # Together first, so that a column whose type has changed is compared by its values.
    ((added, changed, removed),) = connection.execute(f"""
        with
            rows as (select {row}, true as is_later from {later} union all select {row}, false from {earlier}),
            hashed as (select {columns}, is_later, hash({row}) as row_hash from rows),
            paired as (
                select
                    max(row_hash) filter (where is_later) as now_there,
                    max(row_hash) filter (where not is_later) as was_there
                from hashed
                group by {columns}
            )
        select
            count(*) filter (where was_there is null),
            count(*) filter (where now_there <> was_there),
            count(*) filter (where now_there is null)
        from paired
    """).fetchall()
    return int(added), int(changed), int(removed)
