"""The marts in a PostgreSQL database, beside the file, for BI tools that open no file.

A version is copied from its file into a schema beside the one that is read, and takes its place by a change of names in
one transaction. Whoever reads sees the version before or this one, whole, and the version before stays until the next
publication.

Belongs here: what is done in that database. Does not: which version is published (`publish`, `rollback`), settings.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duckdb

from serving.publish import (
    PUBLICATION_TABLE,
    SCHEMA,
    PublicationError,
    UnreadableVersionError,
    current_publication,
    keys_of,
)

APPLICATION = "customer-lifecycle-warehouse"
# A comment on each schema that was made here: no other is touched, whatever its name.
MARK = "Marts of the customer-lifecycle warehouse: each refresh replaces them, so nothing else should be put here."
# A place in the queue for a lock makes everybody wait who comes later, so it is given up after a moment and asked for
# again. The second limit is for the locks of all tables together.
LOCK_MILLISECONDS, LOCKS_MILLISECONDS = 250, 600
LONGEST_SEARCH = 4.0  # seconds between two queues, in which a gap between readers is looked for
LOCKED = re.compile(r"lock table ([^,]+) in access exclusive mode")
# lock_not_available, query_canceled by the second limit, deadlock_detected
HELD = ("55P03", "57014", "40P01")
DEPENDENT = "2BP01"
LOST = ("08", "57P")  # classes of errors: of the connection, and of a server that is ended or starts
LONGEST_INDEXED = 2000  # bytes of all texts in a row of an index, of which PostgreSQL takes 2,704
# Arrow has no infinite time: it would arrive as another one.
INFINITE = "error('an infinite date or instant')"
# How a column of DuckDB is read, and the type that it has in PostgreSQL. Instants get a zone: they are UTC.
TYPES = {
    "BOOLEAN": ("{0}", "boolean"),
    "TINYINT": ("{0}", "smallint"),
    "SMALLINT": ("{0}", "smallint"),
    "INTEGER": ("{0}", "integer"),
    "BIGINT": ("{0}", "bigint"),
    "UTINYINT": ("{0}::smallint", "smallint"),
    "USMALLINT": ("{0}::integer", "integer"),
    "UINTEGER": ("{0}::bigint", "bigint"),
    "UBIGINT": ("{0}::decimal(20, 0)", "numeric(20, 0)"),
    "FLOAT": ("{0}", "real"),
    "DOUBLE": ("{0}", "double precision"),
    "VARCHAR": ("{0}", "text"),
    "DATE": (f"if(isinf({{0}}), {INFINITE}, {{0}})", "date"),
    "TIME": ("{0}", "time"),
    "TIMESTAMP": (f"if(isinf({{0}}), {INFINITE}, {{0}} at time zone 'UTC')", "timestamptz"),
    "TIMESTAMP WITH TIME ZONE": (f"if(isinf({{0}}), {INFINITE}, {{0}})", "timestamptz"),
}
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
NESTED = re.compile(r"JSON|(?:STRUCT|MAP|UNION)\(.*\)|.*\[\d*\]", re.DOTALL)
# Arrives as text, which only `json` takes as it is, and becomes `jsonb` in place.
JSON_ON_ARRIVAL = "json"
IN_TIME = ("date", "timestamptz")


class PostgresError(PublicationError):
    """PostgreSQL did not take what was to be published; the message says why and what to do.

    `may_pass`: it was out of reach, so that another try may succeed.
    """

    may_pass = False


class UnreachableError(PostgresError):
    """There was no connection, or it was lost."""

    may_pass = True


@dataclass(frozen=True)
class Column:
    """A column of a mart: its name, how DuckDB reads it, its type in PostgreSQL, what it is."""

    name: str
    expression: str
    type: str
    description: str | None


@dataclass(frozen=True)
class Mart:
    """A table to be copied.

    Attributes:
        name: of the table, in both.
        description: what it holds.
        columns: in order.
        key: columns that identify a row; empty: not known, or too long for an index.
        is_key_complete: whether none of them is ever null, so that they can be the primary key.
        indexes: the columns with an index of their own.
    """

    name: str
    description: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_key_complete: bool
    indexes: tuple[str, ...]

    def query(self) -> str:
        """What DuckDB reads of it."""
        read = ", ".join(f"{column.expression} as {_name(column.name)}" for column in self.columns)
        return f"select {read} from {SCHEMA}.{_name(self.name)}"


class _StatementError(Exception):
    """The server refused a statement."""

    def __init__(self, said: str, state: str, detail: str, context: str) -> None:
        super().__init__(f"{said} (SQLSTATE {state})" if state else said)
        self.state, self.detail, self.context = state, detail, context


class _Session:
    """A connection with its one transaction, which `commit` ends."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str) -> None:
        with _told(), self._connection.cursor() as cursor:
            cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with _told(), self._connection.cursor() as cursor:
            cursor.execute(query)
            return [*cursor.fetchall()]

    def ingest(self, table: str, schema: str, reader: Any) -> int:
        with _told(), self._connection.cursor() as cursor:
            return int(cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema))

    def commit(self) -> None:
        with _told():
            self._connection.commit()

    def roll_back(self) -> None:
        with _told():
            self._connection.rollback()


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the driver as ours, by their first line: what follows may show rows."""
    from adbc_driver_manager import dbapi

    try:
        yield
    except dbapi.Error as error:
        said, state = str(error), str(error.sqlstate or "")
        found = re.search(r"(?:ERROR|FATAL|PANIC): +(.*)", said)
        first = found[1] if found else re.sub(r"^\w+: (?:\[libpq\] )?", "", said.splitlines()[0])
        is_of_no_statement = not state and isinstance(error, dbapi.OperationalError)
        if is_of_no_statement or state.startswith(LOST):
            raise UnreachableError(f"the connection to PostgreSQL was lost ({first.strip()}).") from None
        parts = dict(re.findall(r"^(DETAIL|CONTEXT): +(.*)$", said, re.MULTILINE))
        raise _StatementError(first.strip(), state, parts.get("DETAIL", ""), parts.get("CONTEXT", "")) from None


@dataclass(frozen=True)
class Postgres:
    """A database that the marts are published to.

    Attributes:
        url: of the database, with who connects; never shown.
        schema: name of the schema that is read.
        readers: roles that may read it.
        patience: seconds that the change of names waits for those who hold what is published.
    """

    url: str = field(repr=False)
    schema: str = SCHEMA
    readers: tuple[str, ...] = ()
    patience: float = 900.0

    @property
    def _new(self) -> str:
        return f"{self.schema}_new"

    @property
    def _old(self) -> str:
        return f"{self.schema}_old"

    def version(self) -> str | None:
        """The version that is published there, or None before the first publication.

        Raises:
            PostgresError: the database is out of reach, or the schema is not this warehouse's.
        """
        with self._session("asked which version it has") as session:
            self._refuse_another_schema(session)
            return self._version_in(session, self.schema)

    def difference(self, serving_dir: Path) -> str:
        """Which version is published where, as part of a sentence; empty where it is the same one in both.

        Raises:
            PostgresError: PostgreSQL cannot be asked.
        """
        there = self.version()
        try:
            current = current_publication(serving_dir)
        except UnreadableVersionError:
            return ""  # said of the file by itself
        here = current.version if current else None
        return "" if here == there else f"the file has {here or 'no version'} and PostgreSQL {there or 'none'}"

    def refuse_missing_rights(self) -> None:
        """Stop where a publication could not succeed. Raises PostgresError, naming what is missing."""
        with self._session("asked for its rights") as session:
            self._refuse_missing_rights(session)

    def prepare(self, file: Path) -> list[str]:
        """Copy the marts of a versioned file into a schema beside the one that is read: nobody sees them there.

        Returns:
            A sentence for each earlier version that could not be dropped: who holds it.

        Raises:
            PostgresError: nothing was copied.
        """
        with self._session("given the marts") as session:
            self._refuse_missing_rights(session)
            left = self._drop_kept(session)
            self._lock_out_others(session)
            session.run(f"create schema {_name(self._new)}")
            session.run(f"comment on schema {_name(self._new)} is {_text(MARK)}")
            with duckdb.connect(str(file), read_only=True) as source:
                source.execute("set TimeZone = 'UTC'")
                for mart in marts_of(source):
                    _copy(source, session, mart, self._new)
            for role in map(_name, self.readers):
                session.run(f"grant usage on schema {_name(self._new)} to {role}")
                session.run(f"grant select on all tables in schema {_name(self._new)} to {role}")
            session.commit()
        return left

    def swap(self, version: str) -> None:
        """Let the version that was prepared take the place of the one that is read.

        Raises:
            PostgresError: it did not, unless the message says that this is not known.
        """
        try:
            with self._session("switched to the new version") as session:
                self._rename(session, lambda: self._forward(session, version))
        except UnreachableError as lost:
            # It may have been lost before the change was confirmed, or after.
            try:
                is_there = self.version() == version
            except PostgresError:
                raise UnreachableError(
                    f"{lost} Whether it is on version {version} already is not known: `make check` says so once it "
                    "answers."
                ) from None
            if not is_there:
                raise

    def swap_back(self, version: str) -> None:
        """Undo `swap` to a version, where it is the one that is read.

        Raises:
            PostgresError: that version stays.
        """
        with self._session("switched back") as session:
            self._rename(session, lambda: self._backward(session, version))

    def replace(self, file: Path) -> None:
        """Publish a versioned file there as it is now, whatever was published before, and drop what is kept.

        Raises:
            PostgresError: naming what holds a version that was to be dropped.
        """
        self.prepare(file)
        with duckdb.connect(str(file), read_only=True) as source:
            (version,) = source.execute(f"select version from {SCHEMA}.{PUBLICATION_TABLE}").fetchall()[0]
        self.swap(version)
        if left := self.drop_kept():
            raise PostgresError(f"the version before is still there. {' '.join(left)}")

    def drop_kept(self) -> list[str]:
        """Drop every version there but the one that is read.

        Returns:
            A sentence for each that could not be dropped: who holds it.
        """
        with self._session("cleaned up") as session:
            return self._drop_kept(session)

    # ---- the connection

    @contextmanager
    def _session(self, doing: str) -> Iterator[_Session]:
        """Connect, and say what the server refused in one sentence."""
        from adbc_driver_postgresql import dbapi

        try:
            connection = dbapi.connect(self._address())
        except dbapi.Error as error:
            said = " ".join(re.sub(r"^.*Failed to connect: ", "", str(error)).split())
            raise UnreachableError(f"PostgreSQL cannot be reached (SERVING_POSTGRES_URL): {said}") from None
        try:
            session = _Session(connection)
            session.run(f"set application_name = {_text(APPLICATION)}")
            session.run("set statement_timeout = 0")  # a copy takes as long as it takes
            session.commit()
            yield session
        except _StatementError as error:
            raise PostgresError(f"PostgreSQL could not be {doing}: {error}.") from None
        finally:
            with suppress(dbapi.Error):  # what was not committed is undone, also where the connection is gone
                connection.close()

    def _address(self) -> str:
        """The URL, and for how long to wait where it does not say so."""
        _, _, parameters = self.url.partition("?")
        defaults = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 60_000}
        added = "&".join(f"{name}={value}" for name, value in defaults.items() if name not in parse_qs(parameters))
        return f"{self.url}{'&' if parameters else '' if self.url.endswith('?') else '?'}{added}"

    # ---- what may be done

    def _refuse_missing_rights(self, session: _Session) -> None:
        role, database, may_create = session.rows(
            "select current_user, current_database(), has_database_privilege(current_database(), 'create')"
        )[0]
        if not may_create:
            raise PostgresError(
                f"the role {role} may not create schemas in the database {database}: "
                f"grant create on database {_name(database)} to {_name(role)};"
            )
        known = {name for (name,) in session.rows("select rolname from pg_roles")} | {"public"}
        if unknown := [reader for reader in self.readers if reader not in known]:
            raise PostgresError(
                f"SERVING_POSTGRES_READERS: the server has no role {' and no role '.join(unknown)}. Create it, or "
                "correct the name."
            )
        self._refuse_another_schema(session)

    def _refuse_another_schema(self, session: _Session) -> None:
        """Whatever has one of these names and was not made here, by this role, is somebody else's."""
        for name, mark, is_owner in session.rows(
            "select nspname, obj_description(oid, 'pg_namespace'), pg_has_role(nspowner, 'usage') from pg_namespace "
            f"where nspname in ({', '.join(map(_text, (self.schema, self._new, self._old)))})"
        ):
            if mark != MARK:
                raise PostgresError(
                    f"the schema {name} was not made by this warehouse, and stays as it is. Set "
                    "SERVING_POSTGRES_SCHEMA_NAME to another name, or drop it if nobody needs it."
                )
            if not is_owner:
                raise PostgresError(
                    f"the schema {name} belongs to another role, so it cannot be replaced. Connect by the role that it "
                    "belongs to, or drop it."
                )

    def _lock_out_others(self, session: _Session) -> None:
        """One publication or roll-back at a time, until the transaction ends."""
        (is_ours,) = session.rows(f"select pg_try_advisory_xact_lock(hashtext({_text(MARK + self.schema)}))")[0]
        if not is_ours:
            raise PostgresError("another publication or roll-back is writing to PostgreSQL. Try again once it is done.")

    def _version_in(self, session: _Session, schema: str) -> str | None:
        if not self._tables(session, schema):
            return None
        return str(session.rows(f"select version from {_name(schema)}.{PUBLICATION_TABLE}")[0][0])

    def _tables(self, session: _Session, schema: str) -> list[str]:
        """Names of a schema's tables, as they stand in a statement."""
        return [
            f"{_name(schema)}.{_name(table)}"
            for (table,) in session.rows(
                f"select relname from pg_class where relnamespace = to_regnamespace({_text(_name(schema))}) "
                "and relkind = 'r' order by relname"
            )
        ]

    # ---- what is kept

    def _kept(self, session: _Session) -> list[tuple[str, int]]:
        """Names and ids of the schemas of this warehouse that nobody is told to read."""
        shape = f"^{re.escape(self.schema)}_(new|old|old_[0-9]+)$"
        return session.rows(
            "select nspname, oid::bigint from pg_namespace "
            f"where nspname ~ {_text(shape)} and obj_description(oid, 'pg_namespace') = {_text(MARK)} order by nspname"
        )

    def _drop_kept(self, session: _Session) -> list[str]:
        """Drop what is kept. What somebody holds gets out of the way by another name, until the next time."""
        left = []
        for schema, number in self._kept(session):
            try:
                self._lock_out_others(session)
                session.run(f"set local lock_timeout = {LOCK_MILLISECONDS}")
                if tables := self._tables(session, schema):
                    session.run(f"drop table {', '.join(tables)}")  # never what others made of them
                session.run(f"drop schema {_name(schema)}")
            except _StatementError as error:
                session.roll_back()
                if error.state not in (*HELD, DEPENDENT):
                    raise
                aside = schema if schema[-1].isdigit() else f"{self._old}_{number}"
                if aside != schema:
                    session.run(f"alter schema {_name(schema)} rename to {_name(aside)}")
                reason = error.detail or f"held by {self._holders(session, aside) or 'somebody'}"
                left.append(f"{aside}, an earlier version, could not be dropped ({reason}).")
            session.commit()
        return left

    def _holders(self, session: _Session, schema: str) -> str:
        """Who holds tables of a schema, as far as this role may know."""
        holders = session.rows(
            "select distinct a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), '?'), "
            "to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI') "
            "from pg_locks as l join pg_class as c on c.oid = l.relation join pg_stat_activity as a on a.pid = l.pid "
            f"where l.granted and c.relnamespace = to_regnamespace({_text(_name(schema))}) "
            "and a.pid <> pg_backend_pid()"
        )
        return " and ".join(
            f"user {user} (process {process}, {application}{f', since {since} UTC' if since else ''})"
            for process, user, application, since in sorted(holders)
        )

    # ---- the change of names

    def _rename(self, session: _Session, change: Callable[[], None]) -> None:
        """Change names while nobody reads, and try again where somebody does.

        A reader finds its tables one after the other: without the locks, those of one query could be of two versions.
        """
        deadline, seconds, first = time.monotonic() + self.patience, 0.25, ""
        while True:
            for lock in (partial(_lock_in_a_gap, seconds=min(seconds, self.patience)), _lock_in_turn):
                try:
                    self._lock_out_others(session)
                    tables = sorted(self._tables(session, self.schema), key=lambda table: table != first)
                    if tables:
                        lock(session, tables)
                    change()
                    session.commit()
                    return
                except _StatementError as error:
                    session.roll_back()
                    if error.state not in HELD:
                        raise
                    found = LOCKED.search(error.context)
                    first = found[1] if found else first
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"for {self.patience:.0f} seconds the marts in PostgreSQL were never free to be replaced: held by "
                    f"{self._holders(session, self.schema) or 'ever new readers'}. End that transaction, for example "
                    "by select pg_terminate_backend(<process>), and refresh again."
                )
            seconds = min(2 * seconds, LONGEST_SEARCH)

    def _forward(self, session: _Session, version: str) -> None:
        if (found := self._version_in(session, self._new)) != version:
            raise PostgresError(
                f"version {version} was prepared in PostgreSQL, and {found or 'none'} found. Try again."
            )
        if self._tables(session, self.schema):
            session.run(f"alter schema {_name(self.schema)} rename to {_name(self._old)}")
        session.run(f"alter schema {_name(self._new)} rename to {_name(self.schema)}")

    def _backward(self, session: _Session, version: str) -> None:
        if self._version_in(session, self.schema) != version:
            return
        session.run(f"alter schema {_name(self.schema)} rename to {_name(self._new)}")
        if self._tables(session, self._old):
            session.run(f"alter schema {_name(self._old)} rename to {_name(self.schema)}")


# ---- from DuckDB to PostgreSQL


def marts_of(source: duckdb.DuckDBPyConnection) -> list[Mart]:
    """What a versioned file holds, and how it is kept in PostgreSQL.

    The key of a mart is its primary key, or a unique index where one of its columns may be null. Each id, each date,
    and each instant that every row has, gets an index of its own: these are what people filter and join by.

    Raises:
        PostgresError: a column has a type that PostgreSQL is not given.
    """
    keys = keys_of(source)
    found = source.execute(
        "select t.table_name, t.comment, c.column_name, c.data_type, c.comment from duckdb_tables() as t "
        "join duckdb_columns() as c using (database_name, schema_name, table_name) "
        "where t.schema_name = ? and not t.internal order by t.table_name, c.column_index",
        [SCHEMA],
    ).fetchall()
    columns: dict[tuple[str, str | None], list[Column]] = {}
    for table, description, name, data_type, said in found:
        columns.setdefault((table, description), []).append(_column(table, name, data_type, said))
    return [
        Mart(table, description, tuple(its), *_indexed(source, table, its, keys.get(table, ())))
        for (table, description), its in columns.items()
    ]


def _column(table: str, name: str, data_type: str, description: str | None) -> Column:
    if decimal := DECIMAL.fullmatch(data_type):
        expression, kept_as = "{0}", f"numeric({decimal[1]}, {decimal[2]})"
    elif NESTED.fullmatch(data_type):
        expression, kept_as = "to_json({0})::varchar", JSON_ON_ARRIVAL
    elif data_type in TYPES:
        expression, kept_as = TYPES[data_type]
    else:
        raise PostgresError(
            f"{SCHEMA}.{table}.{name} is of the type {data_type}, which PostgreSQL is not given: cast it in the model."
        )
    return Column(name, expression.format(_name(name)), kept_as, description)


def _indexed(
    source: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column], key: Sequence[str]
) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """The key of a mart, whether it is complete, and the columns with an index of their own."""
    alone = [column for column in columns if column.name.endswith("_id") or column.type in IN_TIME]
    asked = [column for column in columns if column in alone or column.name in key]
    if not asked:
        return (), False, ()
    counts = ", ".join(
        f"count({_name(column.name)}), {f'max(strlen({_name(column.name)}))' if column.type == 'text' else '0'}"
        for column in asked
    )
    rows, *facts = source.execute(f"select count(*), {counts} from {SCHEMA}.{_name(table)}").fetchall()[0]
    never_null = {column.name for column, count in zip(asked, facts[::2], strict=True) if count == rows}
    longest = {column.name: length or 0 for column, length in zip(asked, facts[1::2], strict=True)}
    fits = {*key} <= {*longest} and sum(longest[name] for name in key) <= LONGEST_INDEXED
    usable = tuple(key) if fits else ()
    indexes = (
        column.name
        for column in alone
        if column.name not in usable[:1]  # the index of the key serves it
        and longest[column.name] <= LONGEST_INDEXED
        and (column.type != "timestamptz" or column.name in never_null)
    )
    return usable, {*usable} <= never_null, tuple(indexes)


def _copy(source: duckdb.DuckDBPyConnection, session: _Session, mart: Mart, schema: str) -> None:
    table = f"{_name(schema)}.{_name(mart.name)}"
    session.run(f"create table {table} ({', '.join(f'{_name(each.name)} {each.type}' for each in mart.columns)})")
    (expected,) = source.execute(f"select count(*) from {SCHEMA}.{_name(mart.name)}").fetchall()[0]
    if expected:
        try:
            session.ingest(mart.name, schema, source.execute(mart.query()).to_arrow_reader(100_000))
        except _StatementError as error:
            raise PostgresError(f"PostgreSQL did not take {SCHEMA}.{mart.name}: {error}.") from None
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise PostgresError(f"{SCHEMA}.{mart.name} could not be read for PostgreSQL: {said}.") from None
    (found,) = session.rows(f"select count(*) from {table}")[0]
    if found != expected:
        raise PostgresError(f"of {expected} rows of {SCHEMA}.{mart.name}, PostgreSQL has {found}. Refresh again.")
    session.run(_together(_finishing(mart, table)))


def _finishing(mart: Mart, table: str) -> Iterator[str]:
    """What follows once the rows are there, when it takes the least time."""
    for column in mart.columns:
        if column.type == JSON_ON_ARRIVAL:
            yield f"alter table {table} alter {_name(column.name)} type jsonb using {_name(column.name)}::jsonb"
    if mart.key and mart.is_key_complete:
        yield f"alter table {table} add primary key ({_listed(mart.key)})"
    elif mart.key:
        yield f"create unique index on {table} ({_listed(mart.key)})"
    for name in mart.indexes:
        yield f"create index on {table} ({_name(name)})"
    if mart.description:
        yield f"comment on table {table} is {_text(mart.description)}"
    for column in mart.columns:
        if column.description:
            yield f"comment on column {table}.{_name(column.name)} is {_text(column.description)}"
    yield f"analyze {table}"


def _lock_in_a_gap(session: _Session, tables: Sequence[str], seconds: float) -> None:
    """Lock all tables at a moment when nobody reads any, without queueing, so that nobody waits for it."""
    session.run(
        f"""
        do $$
        declare
            ends_at constant timestamptz := clock_timestamp() + interval '{seconds} seconds';
        begin
            loop
                begin
                    lock table {", ".join(tables)} in access exclusive mode nowait;
                    return;
                exception when lock_not_available then
                    if clock_timestamp() > ends_at then
                        raise;
                    end if;
                    perform pg_sleep(0.002);
                end;
            end loop;
        end $$
        """
    )


def _lock_in_turn(session: _Session, tables: Sequence[str]) -> None:
    """Lock one table after the other, where readers leave no gap: they queue for a moment.

    Who has one table and waits for another would wait for us, and we for them. So the table that could not be had is
    asked for first the next time: where all readers begin with it, nobody gets further.
    """
    session.run(f"set local lock_timeout = {LOCK_MILLISECONDS}")
    session.run(f"set local statement_timeout = {LOCKS_MILLISECONDS}")
    session.run(_together(f"lock table {table} in access exclusive mode" for table in tables))


def _together(statements: Iterable[str]) -> str:
    """Several statements as one, which is sent once: a database is often far away."""
    body, tag = ";\n".join(statements), "$together$"
    while tag in body:
        tag = f"$_{tag[1:]}"
    return f"do {tag} begin\n{body};\nend {tag}"


def _name(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_name, names))


def _text(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
