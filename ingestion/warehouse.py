"""What the raw tables hold, for a load that has to know what came before.

Belongs here: reading raw tables, through the pipeline that is running or before it runs. Does not: writing, what the
rows mean.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common.schema.typing import LOADS_TABLE_NAME
from dlt.destinations.sql_client import SqlClientBase

from ingestion import config
from ingestion.config import SettingsError
from ingestion.personal import is_pseudonym
from ingestion.tables import LOAD_AUDIT, REJECTED_RECORDS, REJECTION_STATES, RawTable
from ingestion.wire import batches

# dlt sets them on every row that is loaded; `_dlt_id`, the hash of a version, stays with the row.
SET_BY_DLT = frozenset({"_dlt_load_id", "_dlt_valid_from", "_dlt_valid_to"})


@dataclass(frozen=True)
class OpenRejection:
    """A rejection that is neither loaded nor superseded.

    Attributes:
        rejection_id: its id.
        resource: whose record it is.
        unit: JSON list of the table's key; None where the record does not say.
        arrival: what tells the record of the vendor from others; None where it cannot be judged again.
        opened: dlt's id of the load in which it was rejected last.
        number: of its state; 0 where it never had another.
    """

    rejection_id: str
    resource: str
    unit: str | None
    arrival: str | None
    opened: str
    number: int


@contextmanager
def held_open() -> Iterator[None]:
    """Keep the build file open: a load opens it a dozen times, and each first opening reads the whole catalog.

    Connections of this process that only read do not go with it. Where there is no file yet, or another process has it,
    nothing is held: the load that comes next makes it, or says who has it.
    """
    with ExitStack() as held:
        with suppress(duckdb.IOException):
            if config.warehouse_path().exists():
                held.enter_context(duckdb.connect(str(config.warehouse_path())))
        yield


def latest_as_of(path: Path | None = None) -> datetime | None:
    """The latest instant that a load called now, into `path` or the build file; None before the first load."""
    path = path or config.warehouse_path()
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path)) as connection:  # not read-only: a load may hold it open
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


def is_empty(table: RawTable) -> bool:
    """Whether nothing has ever been loaded into a table."""
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():
            return True
        with client.execute_query(f"select 1 from {client.make_qualified_table_name(table.name)} limit 1") as cursor:
            return not cursor.fetchall()


def current_hashes(table: RawTable, column: str, value: str) -> pa.Array:
    """dlt's hashes (`_dlt_id`) of the versions that hold now and have `value` in `column`."""
    found: list[pa.Table] = []
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():  # the warehouse was deleted: this load fills it anew
            return pa.array([], pa.string())
        name, wanted = client.make_qualified_table_name(table.name), client.escape_column_name(column)
        query = f"select _dlt_id from {name} where _dlt_valid_to is null and {wanted} = %s"
        with client.execute_query(query, value) as cursor:
            found += cursor.iter_arrow(1_000_000)
    return pa.concat_arrays([pa.array([], pa.string()), *(chunk for each in found for chunk in each[0].chunks)])


def current_values(table: RawTable, column: str, where: str, account: str) -> list[Any]:
    """The values of `column` in the versions of an account that hold now and meet `where`, each once and in order.

    What stands for a person who was erased is none of them: no vendor knows it.
    """
    with dlt.current.pipeline().sql_client() as client:
        name, wanted = client.make_qualified_table_name(table.name), client.escape_column_name(column)
        query = (
            f"select distinct {wanted} from {name} "
            f"where _dlt_valid_to is null and source_account = %s and {where} order by 1"
        )
        with client.execute_query(query, account) as cursor:
            return [row[0] for row in cursor.fetchall() if not is_pseudonym(row[0])]


def _states(client: SqlClientBase[Any]) -> str:
    """SQL of the state of each rejection that ever had one. What a load that broke off says of it is not so."""
    states = client.make_qualified_table_name(REJECTION_STATES.name)
    loads = client.make_qualified_table_name(LOADS_TABLE_NAME)
    return (
        f"select rejection_id, state, number, _dlt_load_id from {states} "
        f"where _dlt_load_id in (select load_id from {loads} where status = 0) "
        "qualify row_number() over (partition by rejection_id order by number desc) = 1"
    )


def open_rejections(account: str) -> list[OpenRejection]:
    """The open rejections of an account, those of the latest load first."""
    with dlt.current.pipeline().sql_client() as client:
        if not client.has_dataset():
            return []
        query = f"""
            with states as ({_states(client)})
            select rejection_id, resource, unit, md5(arrived),
                coalesce(states._dlt_load_id, rejected._dlt_load_id), coalesce(states.number, 0)
            from {client.make_qualified_table_name(REJECTED_RECORDS.name)} as rejected
            left join states using (rejection_id)
            where coalesce(rejected.source_account, '') = %s and coalesce(states.state, 'open') = 'open'
            order by cast(coalesce(states._dlt_load_id, rejected._dlt_load_id) as double) desc, rejection_id
        """
        with client.execute_query(query, account) as cursor:
            return [OpenRejection(*row) for row in cursor.fetchall()]


def closed_rejections(rejection_ids: Collection[str]) -> dict[str, int]:
    """Of some rejections those that are not open any more, with the number of their state."""
    found: dict[str, int] = {}
    if not rejection_ids:
        return found
    with dlt.current.pipeline().sql_client() as client:
        for some in batches(rejection_ids):
            query = (
                f"with states as ({_states(client)}) select rejection_id, number from states "
                f"where state <> 'open' and rejection_id in ({', '.join(['%s'] * len(some))})"
            )
            with client.execute_query(query, *some) as cursor:
                found.update(cursor.fetchall())
    return found


def rejected_texts(rejection_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The record as it was judged, and as it arrived, of some rejections."""
    with dlt.current.pipeline().sql_client() as client:
        name = client.make_qualified_table_name(REJECTED_RECORDS.name)
        query = (
            f"select rejection_id, record, arrived from {name} "
            f"where rejection_id in ({', '.join(['%s'] * len(rejection_ids))})"
        )
        with client.execute_query(query, *rejection_ids) as cursor:
            return {rejection_id: (record, arrived) for rejection_id, record, arrived in cursor.fetchall()}


def latest_loads(table: RawTable, units: Collection[str], account: str) -> dict[str, float]:
    """When the newest version of each unit (JSON list of the key) was loaded, by dlt's number of the load."""
    keys = [dict(zip(table.key, json.loads(unit), strict=True)) for unit in units]
    of_account = {"source_account": account} if table.is_of_accounts else {}
    found: dict[str, float] = {}
    with dlt.current.pipeline().sql_client() as client:
        name = client.make_qualified_table_name(table.name)
        columns = [f"cast({client.escape_column_name(column)} as varchar)" for column in table.key]
        for some in batches([{**key, **of_account} for key in keys]):
            query = (
                f"select {', '.join(columns)}, max(cast(_dlt_load_id as double)) from {name} "
                f"where {_condition(client, some)} group by all"
            )
            with client.execute_query(query, *(value for key in some for value in key.values())) as cursor:
                found.update({json.dumps(key): loaded for *key, loaded in cursor.fetchall()})
    return found
