"""What is known of the tables and queries of databases: a copy of each, and from where on the next load reads.

Belongs here: which rows are read, and how they change a copy. Does not: asking a database (`postgres.py`), what the
rows mean.

A mapping always sees an input whole, so that groups, joins and rules over other rows mean the same however it was read.
Of an input without a cursor the copy is made anew at each load. With one, what is read takes the place of the rows with
the same key, and the copy stays for the next load. What it is worth stands in the state of the source, which moves only
with a load that succeeds: a copy that the state does not name is deleted, and one that is missing is read whole.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import tenacity
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.specs import RuntimeConfiguration

from ingestion import config
from ingestion.clock import TOLERANCE, refuse_wrong_clock
from ingestion.sources.files.inputs import literal, quoted
from ingestion.sources.files.mapping import FileMapping, Input, MappingError
from ingestion.sources.files.postgres import Database, PassingError
from ingestion.sources.files.settings import Settings

logger = logging.getLogger(__name__)

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)  # what is dated before it says nothing of when a row was changed
Known = dict[str, Any]  # of one copy: its file, what it was made of, the position of its cursor, when it was read whole
State = dict[str, dict[str, Known]]  # the copies that the loads before have made, by mapping and input


def folder() -> Path:
    """Where the copies lie that are kept. It can be deleted between two runs: the next load then reads whole."""
    return config.working_dir() / "copies"


@dataclass(frozen=True)
class Copied:
    """A mapping whose tables and queries were read, or why they could not be.

    Attributes:
        mapping: with the paths of the copies.
        known: by input, what the state is to remember where the mapping is loaded.
    """

    mapping: FileMapping
    known: dict[str, Known]
    error: MappingError | PassingError | OSError | None = None


class Copies:
    """Copies of the tables and queries of mappings, made in one load.

    Args:
        settings: how often is read whole, and how long a statement may take.
        as_of: the instant that this load calls now.
        scratch: where the copies lie that are not kept.
        state: what is known of copies. What is gone is taken out; what is new is for the caller to remember.
    """

    def __init__(self, settings: Settings, as_of: datetime, scratch: Path, state: State) -> None:
        self._settings = settings
        self._as_of = as_of
        self._scratch = scratch
        self._state = state

    def forget_all_but(self, mappings: Iterable[FileMapping]) -> None:
        """Delete the copies that no mapping goes on from."""
        names = {mapping.name for mapping in mappings}
        for name in [name for name in self._state if name not in names]:
            del self._state[name]
        used = {known["file"] for inputs in self._state.values() for known in inputs.values()}
        for path in folder().glob("*"):  # what a load left that did not end, or that the one before replaced
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in used:
                path.unlink()

    def make(self, mappings: Collection[FileMapping]) -> list[Copied]:
        """Read what the mappings name, that of one connection in one transaction."""
        copied = []
        for name in sorted({mapping.connection for mapping in mappings}):
            of_connection = [mapping for mapping in mappings if mapping.connection == name]
            try:
                copied += self._read(name, of_connection)
            except (MappingError, PassingError, OSError) as error:
                copied += [Copied(mapping, {}, error) for mapping in of_connection]
        return copied

    def _read(self, name: str, mappings: list[FileMapping]) -> list[Copied]:
        """Read what the mappings name of one database; where it falls silent, all of it once more, as it is then."""
        runtime = resolve_configuration(RuntimeConfiguration())
        longest = float(runtime.request_max_retry_delay)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(runtime.request_max_attempts),
            wait=tenacity.wait_exponential(multiplier=runtime.request_backoff_factor, max=longest),
            retry=tenacity.retry_if_exception_type(PassingError),
            before_sleep=_say_that_it_is_read_again,
            reraise=True,
        )

        def attempt() -> list[Copied]:
            with told_at(f"{', '.join(str(mapping.file) for mapping in mappings)}: connection"):
                database = Database(name, self._settings.statement_minutes * 60)
            with database:
                refuse_wrong_clock(f"the database of the connection {name}", database.now, self._as_of)
                return [self._copied(database, mapping) for mapping in mappings]

        found: list[Copied] = retrying(attempt)
        return found

    def _copied(self, database: Database, mapping: FileMapping) -> Copied:
        inputs, known = dict(mapping.inputs), dict[str, Known]()
        for source in mapping.inputs.values():
            if not source.is_of_database:
                continue
            try:
                with told_at(f"{mapping.file}: inputs.{source.name}"), database.undo_to_here():
                    if source.cursor:
                        path, known[source.name] = self._changed(database, mapping, source)
                    else:
                        path = self._scratch / f"{mapping.name}.{source.name}.parquet"
                        database.read(source, database.columns(source), path)
            except (MappingError, PassingError) as error:
                if isinstance(error, PassingError) and not error.is_of_statement:
                    raise
                return Copied(mapping, {}, error)
            inputs[source.name] = replace(source, path=glob.escape(str(path)))
        return Copied(replace(mapping, inputs=inputs), known)

    def _changed(self, database: Database, mapping: FileMapping, source: Input) -> tuple[Path, Known]:
        """Make a copy of an input that has a cursor, with what has changed; what is known of it."""
        columns, kind = (found := database.columns(source)), found[source.cursor]
        present = min(database.now, self._as_of)
        made_of = repr((database.identity, mapping.connection, mapping.timezone, source, columns))
        of = hashlib.sha256(made_of.encode()).hexdigest()
        before = self._state.get(mapping.name, {}).get(source.name)
        days = self._settings.whole_read_days
        folder().mkdir(parents=True, exist_ok=True)
        path = folder() / f"{mapping.name}.{source.name}.{uuid4().hex}.parquet"
        if before is None or not _goes_on(before, of, present, timedelta(days=days)):
            database.read(source, columns, path)
            _check_key(source, path)
            whole_at = present.isoformat()
        else:
            since, whole_at = _since(before, source, kind), before["whole_at"]
            with tempfile.TemporaryDirectory(prefix="changes-", dir=folder()) as scratch:
                changes = Path(scratch, "changes.parquet")
                rows = database.read(source, columns, changes, since)
                _check_key(source, changes)
                _merge(source, folder() / before["file"], changes, path, scratch)
            logger.info(
                "files: mapping %s: %s rows of %s are read, those with %s from %s on. Rows that were deleted there "
                "since %s are not seen before it is read whole, every %s days",
                *(mapping.name, f"{rows:,}", source.origin, source.cursor, since, whole_at, days),
            )
        position = _position(source, path, kind, present, mapping.timezone)
        return path, {"file": path.name, "of": of, "position": position, "whole_at": whole_at}


@contextmanager
def told_at(place: str) -> Iterator[None]:
    """Errors of a database with the place in a mapping that they are about."""
    try:
        yield
    except MappingError as error:
        raise MappingError(f"{place}: {error}") from None
    except PassingError as error:
        raise PassingError(f"{place}: {error}", is_of_statement=error.is_of_statement) from None


def _say_that_it_is_read_again(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    logger.warning("files: %s; asking again in %.0f s", error, seconds)


def _goes_on(before: Known, of: str, present: datetime, whole_every: timedelta) -> bool:
    """Whether a copy can be gone on from: it is there, of the same input, and it is not time to read that whole."""
    if before["of"] != of or before["position"] is None or not _is_whole(folder() / before["file"]):
        return False
    age = present - datetime.fromisoformat(before["whole_at"])
    return -TOLERANCE <= age < whole_every  # one of the future was written by a wrong clock


def _is_whole(path: Path) -> bool:
    """Whether a copy is there, up to its end: a machine that lost its power may have cut it short."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def _since(before: Known, source: Input, kind: str) -> str:
    """From which value of the cursor on an input is read."""
    since = datetime.fromisoformat(before["position"]) - source.look_back
    return since.date().isoformat() if kind == "date" else since.isoformat()


def _position(source: Input, path: Path, kind: str, present: datetime, timezone: str) -> str | None:
    """The latest value of the cursor, of those that do not lie ahead; None where there is none."""
    cursor = quoted(source.cursor)
    sql_type = {"timestamptz": "TIMESTAMPTZ", "timestamp": "TIMESTAMP", "date": "DATE"}[kind]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        bounds = [f"TIMESTAMPTZ {literal(moment.isoformat())}" for moment in (_FIRST, present)]
        if kind != "timestamptz":
            bounds = [f"timezone({literal(timezone)}, {bound})::{sql_type}" for bound in bounds]
        found = connection.execute(
            f"SELECT max({cursor}) FROM read_parquet($path) WHERE {cursor} BETWEEN {' AND '.join(bounds)}",
            {"path": str(path)},
        ).fetchall()[0][0]
    return None if found is None else str(found.isoformat())


def _check_key(source: Input, path: Path) -> None:
    """Refuse a key that does not tell the rows of an input apart.

    Raises:
        MappingError: naming one that is there twice, or empty.
    """
    keys = ", ".join(map(quoted, source.key))
    is_empty = " OR ".join(f"{quoted(name)} IS NULL" for name in source.key)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {keys} FROM read_parquet($path) GROUP BY ALL HAVING count(*) > 1 OR {is_empty} LIMIT 1",
            {"path": str(path)},
        ).fetchone()
    if found:
        what = "is empty in a row" if None in found else f"is there more than once ({', '.join(map(str, found))})"
        raise MappingError(f"key: {', '.join(source.key)} {what}; name columns that together tell each row from others")


def _merge(source: Input, before: Path, changes: Path, path: Path, scratch: str) -> None:
    """Write the copy from before with the rows that were read in the place of those with the same key."""
    keys = ", ".join(map(quoted, source.key))
    with duckdb.connect(config={"temp_directory": scratch}) as connection:
        connection.execute("SET enable_progress_bar = false")
        for name, file in (("known", before), ("changes", changes)):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({literal(str(file))})")
        connection.execute(
            f"COPY (SELECT * FROM known ANTI JOIN changes USING ({keys}) UNION ALL SELECT * FROM changes) "
            f"TO {literal(str(path))} (FORMAT parquet)"
        )
