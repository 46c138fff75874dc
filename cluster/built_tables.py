"""What Spark has built, in the build file: views over its Parquet, under the same schemas and names.

Belongs here: where Spark keeps its tables, how they appear in the build file. Does not: which tables a project builds
(who calls), tables that go the other way (`raw_tables`).

So whatever reads the build file reads one place, whichever engine built it. A build by DuckDB replaces these views by
its tables again.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import duckdb

from cluster.raw_tables import Table
from cluster.thrift import ClusterError

if TYPE_CHECKING:
    from pyhive.hive import Cursor


def folders(cursor: Cursor, tables: Iterable[Table]) -> dict[Table, Path]:
    """Where Spark keeps the tables that it has built: `<schema>/<table>` in its warehouse.

    Raises:
        ClusterError: it keeps them where this machine does not see them as files.
    """
    wanted = sorted({*tables})
    cursor.execute("show databases")
    there = {name for name, *_ in cursor.fetchall()}
    found: dict[Table, Path] = {}
    for schema in sorted({table.schema for table in wanted} & there):
        cursor.execute(f"describe database extended {schema}")
        location = next(value for name, value, *_ in cursor.fetchall() if name == "Location")
        place = urlsplit(location)
        if place.scheme not in ("file", ""):
            raise ClusterError(
                f"Spark keeps {schema} at {location}, which is no folder of this machine: let spark.sql.warehouse.dir "
                "be one that the cluster and this machine see under the same name."
            )
        found |= {table: Path(unquote(place.path), table.name) for table in wanted if table.schema == schema}
    return found


def show(
    warehouse: Path,
    tables: Mapping[Table, Path],
    *,
    copied: Collection[Table] = (),
    absent: Collection[Table] = (),
    perhaps_lost: Mapping[Table, Path] | None = None,
) -> list[Table]:
    """Have the build file show tables that Spark has built, in one transaction.

    Args:
        warehouse: the build file.
        tables: by table, the folder that holds its Parquet.
        copied: those of which the build file has the rows themselves: what others write to as well.
        absent: what Spark has as a view: of that name the build file has nothing.
        perhaps_lost: other tables and their folders. Where there is nothing any more, no view stays.

    Returns:
        The tables that it shows.
    """
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        kinds = _kinds(connection)
        there = [table for table, folder in sorted(tables.items()) if _has_rows(folder)]
        lost = [
            table
            for table, folder in {**(perhaps_lost or {}), **tables}.items()
            if kinds.get(table) == "view" and not _has_rows(folder)
        ]
        connection.begin()
        for table in {*there, *absent, *lost}:
            if table in kinds:
                connection.execute(f"drop {kinds[table]} {_quoted(table)}")
        for schema in sorted({table.schema for table in there}):
            connection.execute(f'create schema if not exists "{schema}"')
        for table in there:
            kind = "table" if table in copied else "view"
            connection.execute(f"create {kind} {_quoted(table)} as from {_rows(tables[table])}")
        connection.commit()
    return there


def discard_remains(cursor: Cursor, tables: Iterable[Table]) -> list[Path]:
    """Delete what a statement that was cut short has written of a table which Spark then does not know.

    Spark would refuse to create the table where there are files already.

    Returns:
        The folders that were deleted, also of tables that dbt writes beside one: `<table>__<something>`.

    Raises:
        ClusterError: it keeps its tables where this machine does not see them as files.
    """
    known: dict[str, set[str]] = {}
    discarded: set[Path] = set()
    for table, place in folders(cursor, tables).items():
        if table.schema not in known:
            cursor.execute(f"show tables in {table.schema}")
            known[table.schema] = {name for _, name, *_ in cursor.fetchall()}
        written = {place, *place.parent.glob(f"{table.name}__*/")}
        discarded |= {each for each in written if each.exists() and each.name not in known[table.schema]}
    for remains in discarded:
        shutil.rmtree(remains)
    return sorted(discarded)


def forget(cursor: Cursor, schemas: Iterable[str]) -> None:
    """Have Spark forget the tables and views of some schemas, with the rows that it keeps of them."""
    for schema in sorted({*schemas}):
        cursor.execute(f"drop database if exists {schema} cascade")


def shown(connection: duckdb.DuckDBPyConnection, schemas: Collection[str]) -> list[Table]:
    """The tables of some schemas, whichever engine has built them: DuckDB's tables, and views over Parquet of Spark."""
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = current_database() union all "
        "select schema_name, view_name from duckdb_views() where database_name = current_database() and not internal "
        "and contains(sql, 'read_parquet(') order by all"
    ).fetchall()
    return [Table(schema, name) for schema, name in found if schema in schemas]


def _kinds(connection: duckdb.DuckDBPyConnection) -> dict[Table, str]:
    found = connection.execute(
        "select table_schema, table_name, table_type from information_schema.tables "
        "where table_catalog = current_database()"
    ).fetchall()
    return {Table(schema, name): "view" if kind == "VIEW" else "table" for schema, name, kind in found}


def _has_rows(folder: Path) -> bool:
    """Whether there is Parquet; of a table without rows, Spark writes a file, too."""
    return any(folder.glob("*.parquet"))


def _rows(folder: Path) -> str:
    files = str(folder / "*.parquet").replace("'", "''")
    return f"read_parquet('{files}', hive_partitioning = false)"


def _quoted(table: Table) -> str:
    return f'"{table.schema}"."{table.name}"'
