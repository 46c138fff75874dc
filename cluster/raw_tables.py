"""Tables of the build file for Spark: each a Parquet file, declared as an external table of the same name.

Belongs here: which tables have changed, how they are written, how Spark knows them. Does not: which tables Spark reads
(who calls), tables that Spark builds (`built_tables`).

A file holds the fingerprint of the rows that it was made of. So nothing else has to be remembered: what lies there
either is the table, or is written again. It is written beside the old one and renamed over it: whatever ends the
process, the table is whole, as it was or as it is. Spark finds the new file by the name of the old one, and is told
only of a table that has other columns.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from cluster.thrift import ClusterError

if TYPE_CHECKING:
    from pyhive.hive import Cursor

FILE = "rows.parquet"
FINGERPRINT = "fingerprint"  # in the metadata of the file
# What Spark calls a type. An instant without zone stays without one; JSON is text there.
TYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_ltz",
    "BLOB": "binary",
}
DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
CONNECTIONS = 4  # that declare tables beside each other

Connect = Callable[[], "AbstractContextManager[Cursor]"]


@dataclass(frozen=True, order=True)
class Table:
    """A table by its names, the same in DuckDB and in Spark."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Copied:
    """What a copy has done.

    Attributes:
        columns: by table, names and types of Spark of what lies in the folder.
        written: the tables whose file is a new one.
    """

    columns: Mapping[Table, Mapping[str, str]]
    written: Sequence[Table]


def write(warehouse: Path, tables: Mapping[Table, Table], folder: Path) -> Copied:
    """Write the tables that are not there as they are in the build file; what else lies in the folder goes.

    Args:
        warehouse: the build file; it is only read.
        tables: what is wanted, and which table of the file each is. One that the file lacks is left out.
        folder: where each has a folder, by schema and name.

    Raises:
        ClusterError: a column has a type that Spark has no name for.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        types = _types(connection, tables)
        columns = {
            table: {name: _of_spark(table, name, said) for name, said in of.items()} for table, of in types.items()
        }
        _forget_others(folder, types)
        there, wanted = _fingerprints_of_files(connection, folder), _fingerprints(connection, tables, types)
        written = [table for table in sorted(types) if there.get(_file(folder, table)) != wanted[table]]
        for table in written:
            _write(connection, tables[table], types[table], _file(folder, table), wanted[table])
    return Copied(columns, written)


def declare(
    connect: Connect, folder: Path, columns: Mapping[Table, Mapping[str, str]], schemas: Iterable[str]
) -> list[Table]:
    """Have Spark know the tables of a folder, with the columns that they have, and no other ones in their schemas.

    Args:
        connect: opens a session.
        folder: as `write` was given it.
        columns: as `write` tells them.
        schemas: which hold nothing but such tables.

    Returns:
        The tables that were declared, or declared again: Spark did not know them, or by other columns.
    """
    with connect() as cursor:
        known = {schema: _declared(cursor, schema) for schema in sorted({*schemas})}
        wanted: dict[str, dict[str, str]] = {schema: {} for schema in known}
        for table, of in columns.items():
            wanted[table.schema][table.name] = _digest([*of.items(), str(_file(folder, table))])
        for schema, tables in known.items():
            for name in sorted({*tables} - {*wanted[schema]}):
                cursor.execute(f"drop table if exists {schema}.`{name}`")
    new = [
        table for table in sorted(columns) if known[table.schema].get(table.name) != wanted[table.schema][table.name]
    ]
    if new:
        parts = [part for number in range(CONNECTIONS) if (part := new[number::CONNECTIONS])]
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(lambda part: _declare(connect, folder, part, columns), parts))
    with connect() as cursor:
        for schema in sorted(known):
            if known[schema] != wanted[schema]:
                gone = {name: "" for name in known[schema] if name not in wanted[schema]}
                pairs = ", ".join(f"'{name}' = '{value}'" for name, value in {**wanted[schema], **gone}.items())
                cursor.execute(f"alter database {schema} set dbproperties ({pairs})")
    return new


def put(cursor: Cursor, folder: Path, copy: Table, table: Table, columns: Mapping[Table, Mapping[str, str]]) -> None:
    """Have a table that Spark itself writes begin with the rows of a copy; without a copy, there is none."""
    cursor.execute(f"create database if not exists {table.schema}")
    cursor.execute(f"drop table if exists {table.schema}.`{table.name}`")
    if copy in columns:
        cursor.execute(_declaration(table, columns[copy], _file(folder, copy).parent))


def _types(connection: duckdb.DuckDBPyConnection, tables: Mapping[Table, Table]) -> dict[Table, dict[str, str]]:
    """By wanted table, names and types of DuckDB of its columns, in order."""
    of_file: dict[Table, dict[str, str]] = {}
    for schema, name, column, said in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() inner join duckdb_tables() "
        "using (database_name, schema_name, table_name) where database_name = current_database() "
        "order by schema_name, table_name, column_index"
    ).fetchall():
        of_file.setdefault(Table(schema, name), {})[column] = said
    return {table: of_file[origin] for table, origin in tables.items() if origin in of_file}


def _of_spark(table: Table, column: str, said: str) -> str:
    if DECIMAL.fullmatch(said):
        return said.lower()
    if said not in TYPES:
        raise ClusterError(
            f"{table}.{column} is {said}, which has no type in Spark: give it another one in its row model."
        )
    return TYPES[said]


def _fingerprints(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[Table, Table], types: Mapping[Table, Mapping[str, str]]
) -> dict[Table, str]:
    """What differs where any value of any row does: an erasure, or a change by hand, leaves `_dlt_id` as it was."""
    if not types:
        return {}
    queries = [
        f"select '{table.schema}', '{table.name}', count(*), sum(hash(rows)) from {_quoted(tables[table])} as rows"
        for table in types
    ]
    found = connection.execute(" union all ".join(queries)).fetchall()
    return {
        Table(schema, name): _digest([count, str(total), *types[Table(schema, name)].items()])
        for schema, name, count, total in found
    }


def _fingerprints_of_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[Path, str]:
    """By file. One that cannot be read has none."""
    found: dict[Path, str] = {}
    for file in sorted(folder.glob(f"*/*/{FILE}")):
        try:
            rows = connection.execute("select key, value from parquet_kv_metadata(?)", [str(file)]).fetchall()
        except duckdb.Error:
            continue
        found[file] = {key.decode(): value.decode() for key, value in rows}.get(FINGERPRINT, "")
    return found


def _write(
    connection: duckdb.DuckDBPyConnection, table: Table, types: Mapping[str, str], file: Path, fingerprint: str
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{FILE}")  # Spark reads no file with a point in front
    texts = ", ".join(f'cast("{name}" as varchar) as "{name}"' for name, said in types.items() if said == "JSON")
    chosen = f"* replace ({texts})" if texts else "*"
    connection.execute(
        f"copy (select {chosen} from {_quoted(table)}) to {_literal(draft)} "
        f"(format parquet, kv_metadata {{{FINGERPRINT}: '{fingerprint}'}})"
    )
    os.replace(draft, file)


def _forget_others(folder: Path, tables: Iterable[Table]) -> None:
    wanted = {_file(folder, table).parent for table in tables}
    for found in folder.glob("*/*"):
        if found not in wanted:
            shutil.rmtree(found)


def _declared(cursor: Cursor, schema: str) -> dict[str, str]:
    """By table, the digest under which Spark was told of it, as the schema itself says; a missing one is made."""
    cursor.execute(f"create database if not exists {schema}")
    cursor.execute(f"describe database extended {schema}")
    said = " ".join(str(value) for name, value in cursor.fetchall() if name == "Properties")
    digests = {name: digest for name, digest in re.findall(r"\((\w+),([0-9a-f]{16})\)", said)}
    cursor.execute(f"show tables in {schema}")
    return {name: digests.get(name, "") for _, name, *_ in cursor.fetchall()}


def _declare(
    connect: Connect, folder: Path, tables: Sequence[Table], columns: Mapping[Table, Mapping[str, str]]
) -> None:
    with connect() as cursor:
        for table in tables:
            cursor.execute(f"drop table if exists {table.schema}.`{table.name}`")
            cursor.execute(_declaration(table, columns[table], _file(folder, table).parent))


def _declaration(table: Table, columns: Mapping[str, str], place: Path) -> str:
    listed = ", ".join(f"`{name}` {said}" for name, said in columns.items())
    quoted = str(place).replace("'", "\\'")
    return f"create table {table.schema}.`{table.name}` ({listed}) using parquet location 'file://{quoted}'"


def _file(folder: Path, table: Table) -> Path:
    return folder / table.schema / table.name / FILE


def _quoted(table: Table) -> str:
    return f'"{table.schema}"."{table.name}"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
