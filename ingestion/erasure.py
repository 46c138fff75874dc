"""Who was erased, kept as keyed hashes, and the raw tables without them.

Belongs here: the key, the list of what was erased, and one pass over what is stored. Does not: taking a person out of a
row (`personal`), what is published (`serving`), the command (`dagster_project/erase.py`).

Key and list lie beside the warehouse, in a folder of their own: where the build file is deleted, or an older one put
back, those who were erased stay so. Without the key the list says nothing of anybody; without the list, whoever was
erased comes back with the next load. The table `ops.erasures` shows the same requests to those who read the warehouse.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from ingestion import config
from ingestion.config import PROJECT_ROOT, ErasureSettings, SettingsError
from ingestion.intake import ERASED_RECORD, OF_ERASED
from ingestion.personal import Blocklist, Countries, Identifier, People, Record
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import OF_EVERY_SOURCE, RawTable

FOLDER, KEY, LIST = "erasures", "key", "requests.jsonl"
# What no text with an address or a phone number lacks. Two zeros begin a number after no letter, unless it is that of
# an escape of JSON; one without its plus stands alone, in a column or within JSON.
_MAY_NAME = (
    r"@|[+][1-9]|(^|[^0-9A-Za-z_+]|\\[bfnrt]|\\u[0-9a-f]{4})00[1-9]"
    '|(^|[ "])[1-9][0-9]{7,14}($|[ "])'
)
# Types of columns that can hold one at all.
_TEXTS = frozenset({"VARCHAR", "JSON"})
_BATCH = 10_000
COUNTRIES = PROJECT_ROOT / "dbt_project" / "seeds" / "countries.csv"
BLOCKLIST = PROJECT_ROOT / "dbt_project" / "seeds" / "identity_blocklist.csv"
DBT_PROJECT = PROJECT_ROOT / "dbt_project" / "dbt_project.yml"
LOG_TABLE = "ops.erasures"
LOG_COLUMNS = (
    "request_id varchar, erased_at timestamp, reason varchar, identifier_hashes varchar[], place varchar, "
    "row_count bigint"
)


@dataclass(frozen=True)
class Request:
    """One erasure, without what was erased.

    Attributes:
        request_id: drawn at random.
        erased_at: when, ISO, UTC.
        reason: as it was given.
        key_check: what the key makes of a known text: with another key nobody would be recognised.
        hashes: of what identifies the person.
        rows: how many rows were changed, by place.
    """

    request_id: str
    erased_at: str
    reason: str
    key_check: str
    hashes: tuple[str, ...]
    rows: Mapping[str, int]


def folder() -> Path:
    """Where the key and the list lie."""
    return config.data_dir() / FOLDER


def key() -> bytes:
    """The key of the hashes: the setting, or the file that is made when it is asked for first."""
    stated = ErasureSettings.read().erasure_key
    if stated is not None:
        return stated.get_secret_value().encode()
    path = folder() / KEY
    if not path.exists():
        if requests():
            raise SettingsError(
                f"{path} is gone, and with it who was erased: put it back from a backup, or set "
                f"{ErasureSettings.variable('erasure_key')} to what it held."
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, secrets.token_hex(32))
    return path.read_text().strip().encode()


def requests() -> list[Request]:
    """Every request that holds, in order."""
    path = folder() / LIST
    lines = path.read_text().splitlines() if path.exists() else []
    return [_request(line, path) for line in lines if line.strip()]


def _request(line: str, path: Path) -> Request:
    try:
        told = json.loads(line)
        return Request(**{**told, "hashes": tuple(told["hashes"])})
    except (ValueError, TypeError, KeyError):
        raise SettingsError(
            f"{path} has a line that cannot be read: whoever it erased would come back. Put it back from a backup."
        ) from None


def erased_people(system: str) -> People | None:
    """Who was erased, as rows of a system know them; None: nobody.

    Raises:
        SettingsError: the key is not the one that the list was made with.
    """
    found = requests()
    return people(system, {each for request in found for each in request.hashes}) if found else None


def people(system: str, hashes: Collection[str], of_key: bytes | None = None) -> People:
    """Persons by their hashes, as rows of a system know them.

    Args:
        of_key: the key of the hashes; None: that of this installation.

    Raises:
        SettingsError: the key is not the one that the list was made with.
    """
    default = str(yaml.safe_load(DBT_PROJECT.read_text())["vars"]["default_country"])
    found = People(system, of_key or key(), hashes, Countries(COUNTRIES, default), Blocklist(BLOCKLIST))
    if of_key is None and any(request.key_check != key_check(found) for request in requests()):
        raise SettingsError(
            f"{ErasureSettings.variable('erasure_key')}, or {folder() / KEY}, is not the key that the list of erasures "
            "was made with: whoever was erased would come back. Put the key back."
        )
    return found


def key_check(of: People) -> str:
    """What tells one key from another."""
    return of.hash_of("key")


def keep(request: Request) -> None:
    """Add a request to the list, on disk before anything else happens: a loss of power must not bring anybody back."""
    _write_list([*requests(), request])


def withdraw(reference_hash: str) -> list[Request]:
    """Take the requests off the list that concern an identifier, and return them: what arrives from now on counts."""
    found = requests()
    withdrawn = [request for request in found if reference_hash in request.hashes]
    if withdrawn:
        _write_list([request for request in found if request not in withdrawn])
    return withdrawn


def _write_list(of: Sequence[Request]) -> None:
    (folder()).mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder() / LIST, "".join(f"{json.dumps(asdict(request), sort_keys=True)}\n" for request in of))


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.tmp")
    with open(draft, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def write_log(connection: duckdb.DuckDBPyConnection) -> None:
    """Show the list as a table of the warehouse, a row for each place; also what an older build file did not know."""
    connection.execute(f"create schema if not exists {LOG_TABLE.partition('.')[0]}")
    connection.execute(f"create or replace table {LOG_TABLE} ({LOG_COLUMNS})")
    rows = [
        (each.request_id, datetime.fromisoformat(each.erased_at).replace(tzinfo=None), each.reason, [*each.hashes])
        + place
        for each in requests()
        for place in (sorted(each.rows.items()) or [("", 0)])
    ]
    if rows:
        connection.executemany(f"insert into {LOG_TABLE} values (?, ?, ?, ?, ?, ?)", rows)


def hold() -> None:
    """Take out of the build file whoever is on the list and not known to it: of an older one that was put back.

    So an erasure that was interrupted is brought to its end, too.
    """
    path, wanted = config.warehouse_path(), {request.request_id for request in requests()}
    if not wanted or not path.exists():
        return
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if wanted <= _in_log(connection):
            return
        hashes = {each for request in requests() for each in request.hashes}
        people_of = cache(lambda system: people(system, hashes))
        connection.begin()
        clean_raw(connection, people_of)
        drop_working_tables(connection)
        write_log(connection)
        connection.commit()
    write_anew(path)


def _in_log(connection: duckdb.DuckDBPyConnection) -> set[str]:
    schema, _, table = LOG_TABLE.partition(".")
    there = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
    if not connection.execute(there, [schema, table]).fetchall()[0][0]:
        return set()
    return {found for (found,) in connection.execute(f"select distinct request_id from {LOG_TABLE}").fetchall()}


# ---- what is stored


@dataclass(frozen=True)
class Place:
    """A raw table of the warehouse.

    Attributes:
        system: whose it is.
        table: its declaration.
        columns: those it has.
        texts: those of them that hold texts.
    """

    system: str
    table: RawTable
    columns: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in the warehouse."""
        return f"{config.dataset_name(self.system)}.{self.table.name}"

    @property
    def sql_name(self) -> str:
        """Its name in a statement."""
        return f'{config.dataset_name(self.system)}."{self.table.name}"'


PeopleOf = Callable[[str], People]


def places(connection: duckdb.DuckDBPyConnection) -> Iterator[Place]:
    """Every raw table of a vendor's records that is there."""
    found = connection.execute(
        "select schema_name, table_name, list((column_name, data_type) order by column_index) "
        "from duckdb_columns() group by all"
    ).fetchall()
    types = {(schema, table): dict(typed) for schema, table, typed in found}
    for system in SOURCE_NAMES:
        for table in import_module(f"ingestion.sources.{system}").TABLES:
            if there := types.get((config.dataset_name(system), table.name)):
                texts = tuple(name for name, data_type in there.items() if data_type in _TEXTS)
                yield Place(system, table, tuple(there), texts)


def rows_of(
    connection: duckdb.DuckDBPyConnection, place: Place, people_of: PeopleOf
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of persons in a raw table, with their number in it: theirs, and those whose texts name them."""
    found, table = people_of(place.system), place.table
    of_persons = [name for name, kind in table.row.personal.items() if isinstance(kind, Identifier | Record)]
    numbers = {*_of_persons(connection, place, of_persons, found)}
    numbers |= {*_naming(connection, place, of_persons, found)}
    if numbers:
        query = f"select rowid, {_listed(place.columns)} from {place.sql_name} where rowid in (select unnest(?))"
        for number, *values in connection.execute(query, [[*numbers]]).fetchall():
            yield number, _as_it_arrived(table, dict(zip(place.columns, values, strict=True)))


def clean_set(system: str, table: RawTable, rows: pa.Table, found: People) -> pa.Table:
    """Rows that arrive as a set, without persons: of each, what `clean_raw` makes of it where it is stored."""
    types = zip(rows.column_names, rows.schema.types, strict=True)
    texts = tuple(name for name, data_type in types if pa.types.is_string(data_type))
    place = Place(system, table, tuple(rows.column_names), texts)
    schema = config.dataset_name(system)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("arrived", rows.append_column("rowid", pa.array(np.arange(rows.num_rows))))
        connection.execute(f"create schema {schema}")
        connection.execute(f"create view {place.sql_name} as from arrived")
        theirs = dict(rows_of(connection, place, lambda _: found))
    if not theirs:
        return rows
    cleaned = pa.Table.from_pylist([found.clean(table, row) for row in theirs.values()], schema=rows.schema)
    is_theirs = pc.is_in(pa.array(np.arange(rows.num_rows)), pa.array([*theirs]))
    return pa.concat_tables([rows.filter(pc.invert(is_theirs)), cleaned])


def _of_persons(
    connection: duckdb.DuckDBPyConnection, place: Place, of_persons: Sequence[str], found: People
) -> Iterator[int]:
    """Numbers of the rows that say that they are theirs. What several rows say alike is looked at once."""
    scope = ["source_account", "mapping", "company", place.table.row.country_column]
    wanted = [name for name in dict.fromkeys([*of_persons, *scope]) if name in place.columns]
    if not of_persons:
        return
    told = f"select list(rowid), {_listed(wanted)} from {place.sql_name} group by all"
    for numbers, *values in _fetched(connection, told):
        if found.are_referred_to(place.table, dict(zip(wanted, values, strict=True))):
            yield from numbers


def _naming(
    connection: duckdb.DuckDBPyConnection, place: Place, of_persons: Sequence[str], found: People
) -> Iterator[int]:
    """Numbers of the rows with an address or a phone number of theirs in a text. A text is looked at once a column."""
    for name in place.texts:
        if name in of_persons or name.startswith("_dlt"):
            continue
        may_name = f"regexp_matches(\"{name}\", '{_MAY_NAME}')"
        named = f'select list(rowid), "{name}" from {place.sql_name} where {may_name} group by all'
        for numbers, text in _fetched(connection, named):
            if found.are_named_in(_as_it_arrived(place.table, {name: text})):
                yield from numbers


def _fetched(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, few at a time: of millions, most are nobody's.

    Nothing else may run on the connection until the last one.
    """
    result = connection.execute(query)
    while rows := result.fetchmany(_BATCH):
        yield from rows


def _as_it_arrived(table: RawTable, row: Mapping[str, Any]) -> dict[str, Any]:
    json_columns = {name for name, hints in table.columns().items() if hints.get("data_type") == "json"}
    return {
        name: json.loads(value) if name in json_columns and isinstance(value, str) else value
        for name, value in row.items()
    }


def clean_raw(connection: duckdb.DuckDBPyConnection, people_of: PeopleOf) -> dict[str, int]:
    """Take persons out of every raw table, its rejections included, and return how many rows changed, by table.

    It is the function of the door over what is stored: a record that arrives again equals what was made of it here.
    """
    changed = {}
    for place in places(connection):
        rows = list(rows_of(connection, place, people_of))
        for number, row in rows:
            _write_row(connection, place, number, row, people_of(place.system).clean(place.table, row))
        if rows:
            changed[place.name] = len(rows)
    for system in SOURCE_NAMES:
        if count := _clean_rejections(connection, system, people_of(system)):
            changed[f"{config.dataset_name(system)}.rejected_records"] = count
    return changed


def _write_row(
    connection: duckdb.DuckDBPyConnection, place: Place, number: int, row: Mapping[str, Any], cleaned: Mapping[str, Any]
) -> None:
    stays = {name for name in place.columns if name.startswith("_dlt") and name not in cleaned}
    values = {name: cleaned.get(name) for name in place.columns if name not in stays}
    differing = {name: value for name, value in values.items() if value != row[name]}
    if differing:
        settings = ", ".join(f'"{name}" = ?' for name in differing)
        written = [json.dumps(value) if isinstance(value, dict | list) else value for value in differing.values()]
        connection.execute(f"update {place.sql_name} set {settings} where rowid = ?", [*written, number])


def rejections_of(
    connection: duckdb.DuckDBPyConnection, system: str, found: People
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rejected records of persons: their id, and what is kept of them."""
    schema = config.dataset_name(system)
    tables = {table.name: table for table in import_module(f"ingestion.sources.{system}").TABLES}
    there = "select count(*) from duckdb_tables() where schema_name = ? and table_name = 'rejected_records'"
    if not connection.execute(there, [schema]).fetchall()[0][0]:
        return
    columns = ("rejection_id", "source_account", "resource", "record", "reason", "unit", "arrived", "_dlt_load_id")
    for values in connection.execute(f"select {_listed(columns)} from {schema}.rejected_records").fetchall():
        kept = dict(zip(columns, values, strict=True))
        if _is_rejection_of(found, tables.get(kept["resource"]), kept):
            yield kept["rejection_id"], kept


def _is_rejection_of(found: People, table: RawTable | None, kept: Mapping[str, Any]) -> bool:
    record = _parsed(kept["record"])
    if table is not None and isinstance(record, Mapping):
        account = {"source_account": kept["source_account"]} if table.is_of_accounts else {}
        if found.is_of(table, {**record, **account}):
            return True
    return found.are_named_in([kept["record"], record, _parsed(kept["arrived"]), kept["reason"]])


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _clean_rejections(connection: duckdb.DuckDBPyConnection, system: str, found: People) -> int:
    schema, ids = (
        config.dataset_name(system),
        [rejection_id for rejection_id, _ in rejections_of(connection, system, found)],
    )
    for rejection_id in ids:  # the id is a hash of what was rejected
        other = secrets.token_hex(16)
        for table in (table.name for table in OF_EVERY_SOURCE if "rejection_id" in table.row.model_fields):
            connection.execute(
                f"update {schema}.{table} set rejection_id = ? where rejection_id = ?", [other, rejection_id]
            )
        connection.execute(
            f"update {schema}.rejected_records set record = ?, reason = ?, unit = null, arrived = null "
            "where rejection_id = ?",
            [ERASED_RECORD, OF_ERASED, other],
        )
    return len(ids)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def drop_working_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what dlt keeps of the latest load of each source, and of earlier positions: it needs neither."""
    found = connection.execute(
        "select distinct schema_name, table_name from duckdb_tables() where starts_with(schema_name, 'raw_')"
    ).fetchall()
    for schema in sorted({schema for schema, _ in found if schema.endswith("_staging")}):
        connection.execute(f"drop schema {schema} cascade")
    for schema in sorted(schema for schema, table in found if table == "_dlt_pipeline_state"):
        if not schema.endswith("_staging"):
            connection.execute(
                f"delete from {schema}._dlt_pipeline_state where (pipeline_name, version) not in "
                f"(select (pipeline_name, max(version)) from {schema}._dlt_pipeline_state group by pipeline_name)"
            )


def write_anew(path: Path) -> None:
    """Write a database as a new file: what was deleted from the old one lies on in its free pages and in its log."""
    fresh, log_file = path.with_name(f"{path.name}.fresh"), path.with_name(f"{path.name}.wal")
    fresh.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("checkpoint")
        ((tags,),) = connection.execute(
            "select tags from duckdb_databases() where not internal and path is not null"
        ).fetchall()
    quoted = {each: str(each).replace("'", "''") for each in (path, fresh)}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{quoted[path]}' as before (read_only)")
        connection.execute(f"attach '{quoted[fresh]}' as fresh (storage_version '{_version(tags)}')")
        connection.execute("copy from database before to fresh")
        connection.execute("detach fresh")
    fresh.chmod(path.stat().st_mode & 0o777)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(fresh, path)
    log_file.unlink(missing_ok=True)


def _version(tags: Mapping[str, str]) -> str:
    return tags["storage_version"].split("+")[0].split(" ")[0]


def new_request(reason: str, of: People, hashes: Collection[str], rows: Mapping[str, int]) -> Request:
    """What is kept of an erasure."""
    erased_at = datetime.now(UTC).isoformat(timespec="seconds")
    return Request(secrets.token_hex(8), erased_at, reason, key_check(of), tuple(sorted(hashes)), rows)
