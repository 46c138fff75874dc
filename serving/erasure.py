"""Take persons out of every version that is kept, beside its readers.

Belongs here: versions that are files. Does not: who these persons are, the other places of publication.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import duckdb

from serving import outbox
from serving.publish import SCHEMA, STORAGE_VERSION, literal
from serving.versions import drop_files_without_folder, move_into_folders, name_of, sync, versions

# What stands in a row of theirs from now on, instead of a text that it holds now.
StandsFor = Callable[[str], str | None]


def clean_versions(serving_dir: Path, keys: Collection[str], stands_for: StandsFor) -> dict[str, int]:
    """Write each version anew without some persons, and return how many rows of theirs each had.

    A version is written beside itself and renamed: who reads it goes on reading what they opened. Its rows stay, so
    that no sum changes; what tells whose they are does not. Of its outbox no row stays: nothing is told of them any
    more.

    Args:
        serving_dir: folder of the versions.
        keys: a row that holds one of these texts is theirs.
        stands_for: what replaces a text in a row of theirs.
    """
    move_into_folders(serving_dir)
    cleaned = {
        name_of(path): _clean(path, keys, stands_for) + outbox.clean(path, keys) for path in versions(serving_dir)
    }
    drop_files_without_folder(serving_dir)
    return cleaned


def rows_in_versions(serving_dir: Path, keys: Collection[str]) -> dict[str, dict[str, list[dict[str, object]]]]:
    """The rows of some persons, by version and mart; those of its outbox under `outbox`."""
    found = {}
    for path in versions(serving_dir):
        with duckdb.connect(str(path), read_only=True) as connection:
            found[name_of(path)] = {table: rows_with(connection, SCHEMA, table, keys) for table in _tables(connection)}
        if (told := outbox.outbox_of(path)).exists():
            with duckdb.connect(str(told), read_only=True) as connection:
                found[name_of(path)]["outbox"] = rows_with(connection, outbox.SCHEMA, outbox.TABLE, keys)
    return found


def rows_with(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, keys: Collection[str]
) -> list[dict[str, object]]:
    """The rows of a table that hold one of these texts."""
    columns = _texts(connection, schema, table)
    if not columns:
        return []
    connection.execute("set variable keys = ?::varchar[]", [[*keys]])
    relation = connection.execute(f'select * from {schema}."{table}" where {_is_theirs(columns)}')
    names = [column[0] for column in relation.description or ()]
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def _clean(path: Path, keys: Collection[str], stands_for: StandsFor) -> int:
    fresh, count = path.with_name(f"{path.name}.tmp"), 0
    fresh.unlink(missing_ok=True)
    quoted = {each: str(each).replace("'", "''") for each in (path, fresh)}
    try:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{quoted[path]}' as before (read_only)")
            connection.execute(f"attach '{quoted[fresh]}' as fresh (storage_version '{STORAGE_VERSION}')")
            connection.execute("use before")
            connection.execute("set variable keys = ?::varchar[]", [[*keys]])
            connection.execute(f"create schema fresh.{SCHEMA}")
            for table in _tables(connection):
                columns = _texts(connection, SCHEMA, table)
                place, theirs = f'before.{SCHEMA}."{table}"', _is_theirs(columns)
                ((found,),) = connection.execute(f"select count(*) from {place} where {theirs}").fetchall()
                replaced = _replacements(connection, place, theirs, columns, stands_for) if found else {}
                count += found
                connection.execute("set variable replaced = ?::map(varchar, varchar)", [replaced])
                texts = ", ".join(
                    f"case when ({theirs}) and map_contains(getvariable('replaced'), \"{column}\") "
                    f'then getvariable(\'replaced\')["{column}"] else "{column}" end as "{column}"'
                    for column in columns
                )
                shown = f"* replace ({texts})" if replaced else "*"
                connection.execute(f'create table fresh.{SCHEMA}."{table}" as select {shown} from {place}')
            connection.execute(";".join(["begin", *_comments(connection), "commit"]))
            connection.execute("use memory")
            connection.execute("detach fresh")
        if count:
            fresh.chmod(path.stat().st_mode & 0o777)
            sync(fresh)
            os.replace(fresh, path)
            sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _comments(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What is said of tables and columns, as statements for the fresh file."""
    tables = connection.execute(
        "select table_name, comment from duckdb_tables() where database_name = 'before' and comment is not null"
    ).fetchall()
    columns = connection.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where database_name = 'before' and comment is not null"
    ).fetchall()
    places = [(f'table fresh.{SCHEMA}."{table}"', said) for table, said in tables]
    places += [(f'column fresh.{SCHEMA}."{table}"."{column}"', said) for table, column, said in columns]
    return [f"comment on {place} is {literal(said)}" for place, said in places]


def _replacements(
    connection: duckdb.DuckDBPyConnection, place: str, theirs: str, columns: Iterable[str], stands_for: StandsFor
) -> dict[str, str | None]:
    values: set[str] = set()
    for column in columns:
        query = f'select distinct "{column}" from {place} where ({theirs}) and "{column}" is not null'
        values.update(value for (value,) in connection.execute(query).fetchall())
    return {value: other for value in sorted(values) if (other := stands_for(value)) != value}


def _is_theirs(columns: Iterable[str]) -> str:
    return " or ".join(f"list_contains(getvariable('keys'), \"{column}\")" for column in columns) or "false"


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    query = "select distinct table_name from duckdb_tables() where schema_name = ? and not internal order by 1"
    return [name for (name,) in connection.execute(query, [SCHEMA]).fetchall()]


def _texts(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    query = (
        "select distinct column_name from duckdb_columns() where schema_name = ? and table_name = ? "
        "and data_type = 'VARCHAR' order by 1"
    )
    return [name for (name,) in connection.execute(query, [schema, table]).fetchall()]
