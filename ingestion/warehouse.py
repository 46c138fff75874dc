"""What the raw tables hold now, for a load that has to know what came before.

Belongs here: reading raw tables through the pipeline that is running. Does not: writing, what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from ingestion.tables import RawTable
from ingestion.wire import batches

# dlt sets them on every row that is loaded; `_dlt_id`, the hash of a version, stays with the row.
SET_BY_DLT = frozenset({"_dlt_load_id", "_dlt_valid_from", "_dlt_valid_to"})


def current_versions(table: RawTable, keys: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """The versions that hold now and agree with one of `keys` (column to text) in each column that it names."""
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():  # the warehouse was deleted: this load fills it anew
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


def current_values(table: RawTable, column: str, where: str) -> list[Any]:
    """The values of `column` in the versions that hold now and meet `where`, each once and in order."""
    with dlt.current.pipeline().sql_client() as client:
        name, wanted = client.make_qualified_table_name(table.name), client.escape_column_name(column)
        query = f"select distinct {wanted} from {name} where _dlt_valid_to is null and {where} order by 1"
        with client.execute_query(query) as cursor:
            return [row[0] for row in cursor.fetchall()]
