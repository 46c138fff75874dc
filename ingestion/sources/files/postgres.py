"""Reads tables and queries of a PostgreSQL, by ADBC as Arrow, into Parquet files that a mapping reads like any other.

Belongs here: the connection and its transaction, the SQL that is sent, what an error of the server means. Does not:
which rows are known already (`copies.py`), what the columns mean.

All inputs of one connection are read in one transaction that can write nothing and sees one state of the database.
Whole numbers, texts, truth values, dates and instants keep their types. Everything else arrives as the text that
PostgreSQL writes of it, so that no digit is lost on the way and the canonical type decides later what the value is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from ingestion import secrecy
from ingestion.http import VendorError
from ingestion.secrecy import hidden
from ingestion.sources.files.inputs import EARLIEST, LATEST, quoted
from ingestion.sources.files.mapping import Input, MappingError
from ingestion.sources.files.settings import Connection

CURSOR_TYPES = ("timestamptz", "timestamp", "date")
_KEPT = ("bool", "int2", "int4", "int8", "text", "varchar")
# What the database is asked with, unless the URL says otherwise; a server that has gone is noticed by the keepalives.
_ASKED_WITH = {
    "application_name": "lifecycle load",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
}
_READ_SINCE = "lifecycle.read_since"  # a setting of the transaction: COPY takes no parameter
_PASSES = ("08", "40", "53", "57", "58")  # classes of SQLSTATE: connection, rollback, resources, intervention, system
_TIMED_OUT = "57014"
_DENIED = "42501"
_NOT_READY = re.compile(r"starting up|shutting down|recovery|too many|remaining connection|not yet accepting")
_HELP = {
    "42P01": "Correct the name (schema.table, in the letters that PostgreSQL shows), or create the table",
    "42703": "Correct the name of the column",
    "22021": "The database states no encoding, and a text is not UTF-8: correct it, or leave its row out by a query",
    _DENIED: "Let the user of the connection read it: GRANT USAGE on its schema, and GRANT SELECT on what is read",
    _TIMED_OUT: "Read less (a query, a cursor, an index on it), or set a larger SOURCES__FILES__STATEMENT_MINUTES",
}

Error = (adbc_driver_manager.Error, pa.ArrowException, OSError)


class PassingError(VendorError):
    """A database that cannot be read now, and may be later, with nothing changed by a person.

    `is_of_statement`: the server goes on, and what else is read of it is not concerned.
    """

    def __init__(self, message: str, *, is_of_statement: bool = False) -> None:
        super().__init__(message)
        self.is_of_statement = is_of_statement


def _uri(connection: Connection) -> str:
    """The URL of a connection with what the database is asked with."""
    parts = urlsplit(connection.url.get_secret_value())
    for password in {parts.password or "", unquote(parts.password or "")}:
        secrecy.remember(password)
    given = {**_ASKED_WITH, **dict(parse_qsl(parts.query, keep_blank_values=True))}
    return urlunsplit(parts._replace(query=urlencode(given, quote_via=quote)))


class Database:
    """One transaction on the database of a connection.

    Attributes:
        now: what time it is there; what was committed by then is seen, and nothing later.
        identity: what tells this database from another.
        version: of the server.

    Args:
        name: what the mappings call the connection.
        statement_seconds: after which the server gives up one statement.

    Raises:
        PassingError: it cannot be reached, and may be later.
        MappingError: it refuses the connection.
    """

    def __init__(self, name: str, statement_seconds: int) -> None:
        self.name = name
        settings = Connection.of(name)
        try:
            self._connection = dbapi.connect(_uri(settings), autocommit=True)  # so that `begin` is ours
        except Error as error:
            raise self._not_connected(error) from None  # what libpq says in full may quote the URL
        try:
            with self._told():
                self._begin(statement_seconds)
        except BaseException:
            self.close()
            raise

    def _begin(self, statement_seconds: int) -> None:
        self._cursor = self._connection.cursor()
        self._cursor.execute("begin isolation level repeatable read, read only")
        for setting in (
            f"local statement_timeout = {statement_seconds * 1000}",
            "local idle_in_transaction_session_timeout = 0",  # while a copy is written, nothing is asked
            "local client_encoding = 'UTF8'",
            "local timezone = 'UTC'",
            "local datestyle = 'ISO'",
            "local intervalstyle = 'postgres'",
            "local bytea_output = 'hex'",
            "local extra_float_digits = 1",
        ):
            self._cursor.execute(f"set {setting}")
        self._cursor.execute(
            "select now(), current_setting('server_version'), oid::text || ' ' || datname "
            "from pg_database where datname = current_database()"
        )
        self.now, self.version, self.identity = self._cursor.fetchall()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(*Error):  # nothing was written, and a connection that is gone already cannot be closed
            self._connection.close()

    def columns(self, source: Input) -> dict[str, str]:
        """The columns of an input and their types in PostgreSQL.

        Raises:
            PassingError: the database cannot be read now.
            MappingError: the input cannot be read, or one of its columns cannot be told from another.
        """
        with self._told(source):
            schema = self._cursor.adbc_execute_schema(_selected(source))
        found = [(field.name, (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()) for field in schema]
        lowered = [name.lower() for name, _ in found]
        twice = sorted({name for name, _ in found if lowered.count(name.lower()) > 1})
        if twice:
            names = ", ".join(map(repr, twice))
            raise MappingError(f"columns are called {names}: give each a name of its own in a query")
        if source.cursor and dict(found).get(source.cursor) not in CURSOR_TYPES:
            kind = dict(found).get(source.cursor)
            problem = f"is of the type {kind}" if kind else f"is no column; choose from: {', '.join(dict(found))}"
            raise MappingError(f"cursor: {source.cursor!r} {problem}. It has to be a timestamp or a date")
        missing = [key for key in source.key if key not in dict(found)]
        if missing:
            raise MappingError(f"key: no column {missing[0]!r}; choose from: {', '.join(dict(found))}")
        arrays = {field.name for field in schema if pa.types.is_nested(field.type)}
        return {name: f"{kind}[]" if name in arrays else kind for name, kind in found}

    def read(self, source: Input, columns: dict[str, str], path: Path, since: str | None = None, rows: str = "") -> int:
        """Write the rows of an input into a Parquet file, and tell how many there are.

        Args:
            since: the cursor's value from which on rows are read, and those without one; None: all.
            rows: how many, as SQL; by default all.

        Raises:
            PassingError: the database cannot be read on.
            MappingError: it refuses.
        """
        selected = ", ".join(_column(name, kind) for name, kind in columns.items())
        query = f"select {selected} from ({_selected(source)}\n) as input {rows}"
        with self._told(source):
            if since is not None:
                cursor, kind = quoted(source.cursor), columns[source.cursor]
                self._cursor.execute(f"select set_config('{_READ_SINCE}', $1, true)", parameters=(since,))
                self._cursor.fetchall()
                query += f" where {cursor} >= current_setting('{_READ_SINCE}')::{kind} or {cursor} is null"
            self._cursor.execute(query)
            # the reader of `fetch_record_batch` forgets which error the server told
            reader = self._cursor._results.reader
        count, batches = 0, iter(reader)
        with pq.ParquetWriter(path, reader.schema) as file:
            while True:
                with self._told(source):
                    batch = next(batches, None)
                if batch is None:
                    return count
                count += batch.num_rows
                file.write_batch(batch)

    @contextmanager
    def undo_to_here(self) -> Iterator[None]:
        """After an error of a statement the transaction is as it was: what else is read is not concerned."""
        with self._told():
            self._cursor.execute("savepoint input")
        try:
            yield
        except (MappingError, PassingError) as error:
            if isinstance(error, MappingError) or error.is_of_statement:
                with self._told():
                    self._cursor.execute("rollback to savepoint input")
            raise

    @contextmanager
    def _told(self, source: Input | None = None) -> Iterator[None]:
        """Errors of the server in one line each, without the SQL that was sent."""
        try:
            yield
        except Error as error:
            state = getattr(error, "sqlstate", None) or ""
            said = _said(error)
            says = f"the database of the connection {self.name} says: {said}"
            if state[:2] in _PASSES if state else isinstance(error, OSError | adbc_driver_manager.OperationalError):
                advice = _HELP.get(state, "Load again when it can be read")
                raise PassingError(f"{says}. {advice}", is_of_statement=state == _TIMED_OUT) from None
            advice = _HELP.get(state, f"Correct {source.origin if source else 'the connection'}")
            raise MappingError(f"{says}. {advice}") from None

    def _not_connected(self, error: BaseException) -> PassingError | MappingError:
        said, variable = _said(error), Connection.class_of(self.name).variable("url")
        if "FATAL" in said and not _NOT_READY.search(said):
            return MappingError(
                f"the connection {self.name} is refused: {said}. Correct user, password or database in {variable}, or "
                "let the user log in (pg_hba.conf)"
            )
        return PassingError(
            f"the database of the connection {self.name} cannot be reached: {said}. Check that it runs, and that host "
            f"and port in {variable} can be reached from here"
        )


def _said(error: BaseException) -> str:
    """What the server or libpq says, without the query, in one line."""
    text = re.split(r"\n\n?Query was: |\nLINE \d+: |\. SQLSTATE: ", str(error))[0]
    text = re.sub(
        r"^[A-Z_]+: |\[libpq\] |Failed to \w+ query: |could not begin COPY: |Execution error \[\w+\]: ", "", text
    )
    return hidden(" ".join(text.split())).rstrip(".")


def _selected(source: Input) -> str:
    """SQL of the rows of an input."""
    if source.query:
        return source.query.rstrip().removesuffix(";")
    return f"select * from {'.'.join(map(quoted, source.table.split('.')))}"


def _column(name: str, kind: str) -> str:
    """SQL of a column of an input as it is sent."""
    column = quoted(name)
    if kind in CURSOR_TYPES:
        return (
            f"case when {column} > '{LATEST}' then '{LATEST}' when {column} < '{EARLIEST} BC' then '{EARLIEST} BC' "
            f"else {column} end as {column}"
        )
    if kind in _KEPT:
        return column
    if kind == "money":
        return f"{column}::numeric::text as {column}"
    if kind.endswith("[]"):
        return f"to_json({column})::text as {column}"
    return f"{column}::text as {column}"
