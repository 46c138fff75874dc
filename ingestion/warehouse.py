"""What the raw tables hold, for a load that has to know what came before.

Belongs here: reading raw tables, through the pipeline that is running or before it runs. Does not: writing, what the
rows mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.destinations.sql_client import SqlClientBase

from ingestion import config
from ingestion.config import SettingsError
from ingestion.tables import LOAD_AUDIT, RawTable
from ingestion.wire import batches

# dlt sets them on every row that is loaded; `_dlt_id`, the hash of a version, stays with the row.
SET_BY_DLT = frozenset({"_dlt_load_id", "_dlt_valid_from", "_dlt_valid_to"})


def latest_as_of(path: Path | None = None) -> datetime | None:
    """The latest instant that a load called now, into `path` or the build file; None before the first load."""
    path = path or config.warehouse_path()
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            schemas = connection.execute(
                "select table_schema from information_schema.columns where table_schema like 'raw_%' "
                "and table_name = ? and column_name = 'loaded_as_of' order by 1",
                [LOAD_AUDIT.name],
            ).fetchall()
            loads = " union all ".join(f"select loaded_as_of from {schema}.{LOAD_AUDIT.name}" for (schema,) in schemas)
            if not loads:
                return None
            found = connection.execute(f"select epoch_us(max(loaded_as_of)) from ({loads})").fetchall()[0][0]
    except duckdb.IOException:
        return None  # a process that holds the file stops what comes next, with a message of its own
    return None if found is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found)


def refuse_going_back() -> None:
    """Stop where now lies before what the data folder already knows: raw tables do not forget it.

    Raises:
        SettingsError: saying what to do.
    """
    now, latest = config.as_of(), latest_as_of()
    if latest is not None and now < latest:
        here, then = f"{now:%Y-%m-%dT%H:%M:%SZ}", f"{latest:%Y-%m-%dT%H:%M:%SZ}"
        raise SettingsError(
            f"now is {here}, and {config.data_dir()} was loaded as of {then}: what is known since then cannot be "
            "forgotten. Set LIFECYCLE_DATA_DIR to another folder to look at the past, or LIFECYCLE_AS_OF to a later "
            "instant."
        )


def current_versions(table: RawTable, keys: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """The versions that hold now and agree with one of `keys` (column to text) in each column that it names."""
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():  # the warehouse was deleted: this load fills it again
            return
        name = client.make_qualified_table_name(table.name)
        for some in batches(keys):
            query = f"select * from {name} where _dlt_valid_to is null and ({_condition(client, some)})"
            values = [value for key in some for value in key.values()]
            with client.execute_query(query, *values) as cursor:
                columns = [column[0] for column in cursor.description]
                rows = cursor.fetchall()
            for row in rows:
                yield {column: value for column, value in zip(columns, row, strict=True) if column not in SET_BY_DLT}


def _condition(client: SqlClientBase[Any], keys: Sequence[Mapping[str, str]]) -> str:
    """SQL that holds for rows that agree with one of the keys; many keys of one column are looked up at once."""
    columns = {tuple(key) for key in keys}
    if len(columns) == 1 and len(*columns) == 1:
        ((column,),) = columns
        return f"cast({client.escape_column_name(column)} as varchar) in ({', '.join(['%s'] * len(keys))})"
    each = [
        " and ".join(f"cast({client.escape_column_name(column)} as varchar) = %s" for column in key) for key in keys
    ]
    return f"({') or ('.join(each)})"


def count_current(table: RawTable, column: str, value: str) -> int:
    """How many versions hold now that have `value` in `column`."""
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():  # the warehouse was deleted: this load fills it anew
            return 0
        name, wanted = client.make_qualified_table_name(table.name), client.escape_column_name(column)
        query = f"select count(*) from {name} where _dlt_valid_to is null and {wanted} = %s"
        with client.execute_query(query, value) as cursor:
            return int(cursor.fetchall()[0][0])


def current_values(table: RawTable, column: str, where: str, account: str) -> list[Any]:
    """The values of `column` in the versions of an account that hold now and meet `where`, each once and in order."""
    with dlt.current.pipeline().sql_client() as client:
        name, wanted = client.make_qualified_table_name(table.name), client.escape_column_name(column)
        query = (
            f"select distinct {wanted} from {name} "
            f"where _dlt_valid_to is null and source_account = %s and {where} order by 1"
        )
        with client.execute_query(query, account) as cursor:
            return [row[0] for row in cursor.fetchall()]
