"""Publish the marts of the build file as a new version and lead readers to it.

A version is written under a temporary name, checked, and only then linked, so that a reader sees either the old
version or the new one, whole, with what accompanies it. Names are never reused: DuckDB caches databases by path within
a process. Where versions lie is said in `versions`.

Where there is a PostgreSQL to publish to, it gets a copy of the file before the link moves, and takes the new version
first: that step may fail, and the link's hardly can.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from serving import outbox
from serving.access import Readers, open_the_way
from serving.versions import (
    FOLDER,
    current_version,
    database_of,
    delete,
    keep_newest,
    move_into_folders,
    name_of,
    number_of,
    point_link_at,
    remove,
    stand,
    sync,
    sync_all,
    versions,
    versions_before,
)

if TYPE_CHECKING:
    from serving.postgres import Postgres

SCHEMA = "marts"
PUBLICATION_TABLE = "publication"
SOURCES_TABLE = "publication_sources"
WRITTEN_HERE = (PUBLICATION_TABLE, SOURCES_TABLE)
# Readable by every DuckDB client from 1.3 on, the first that keeps equal texts of a column once; the build file's own
# format is not.
STORAGE_VERSION = "v1.3.0"
# Texts of so many characters on average are compressed one by one, such as JSON: that takes less than half the space.
# Names and ids are shorter, and a text that so many rows share, such as a rule, DuckDB keeps once.
LONG_TEXT, SHARED = 200, 20
ROWS_MEASURED = 10_000
# Writes what lies beside the database of a version under the name that it is given by, such as a report. It gets the
# database of the draft, and that of the version before, if there is one that can be read.
Companion = Callable[[Path, Path | None], None]


class PublicationError(RuntimeError):
    """Nothing was published; the message says why and what to do. The link is as it was."""


class UnreadableVersionError(PublicationError):
    """A published version is gone, damaged or held by somebody who writes it; the message says which and why."""


@dataclass(frozen=True)
class Source:
    """What a publication knows of one of its sources.

    Attributes:
        name: as in `LIFECYCLE_SOURCES`, with its account where that has a name.
        loaded_at: when its last complete load ended, UTC; None: there was none.
        loaded_as_of: the instant that this load called now, UTC.
        reason: why there is no later news of it; None: it is up to date.
    """

    name: str
    loaded_at: datetime | None = None
    loaded_as_of: datetime | None = None
    reason: str | None = None

    @property
    def is_stale(self) -> bool:
        """Whether its latest load failed, so that the marts lack what happened since the one before."""
        return self.reason is not None

    @property
    def stale_since(self) -> datetime | None:
        """Since when there is no news of it; None: it is up to date, or was never loaded."""
        return self.loaded_as_of if self.is_stale else None

    def __str__(self) -> str:
        if not self.is_stale:
            return self.name
        since = f" since {self.stale_since:%Y-%m-%d %H:%M} UTC" if self.stale_since else ", which was never loaded"
        return f"{self.name}{since} ({self.reason})"


def news_missing(sources: Iterable[Source]) -> str:
    """The stale ones of some sources as the end of a sentence; empty where each is up to date."""
    stale = [str(source) for source in sources if source.is_stale]
    return f" without news of {' and of '.join(stale)}" if stale else ""


@dataclass(frozen=True)
class Description:
    """What a version says of a mart beside its rows.

    Attributes:
        text: what it holds; empty: nothing is said.
        columns: the same of its columns, by name.
        key: columns that identify a row; empty: not known.
    """

    text: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    key: Sequence[str] = ()


# What is said of the tables that are written here.
OF_THE_PUBLICATION = {
    PUBLICATION_TABLE: Description(
        "Which version this is, and as of when. One row per file.",
        {
            "version": "Its name. A later version has a higher number.",
            "published_at": "When it was published (UTC).",
            "as_of": "The instant that the refresh called now (UTC): nothing later is known.",
            "sources": "The sources that were enabled, separated by commas.",
            "stale_sources": "Those of them whose latest load failed, separated by commas; empty: none.",
            "keys": "The columns that identify a row, of each mart, as JSON.",
        },
    ),
    SOURCES_TABLE: Description(
        "How far the marts know each source. One row per source, or account of it that has a name.",
        {
            "source": "Name of the source, with its account where that has a name.",
            "is_stale": "Whether its latest load failed, so that the marts lack what happened since the one before.",
            "loaded_at": "When its last complete load ended (UTC); null: there was none.",
            "loaded_as_of": "The instant that this load called now (UTC).",
            "stale_since": "Since when there is no news of it (UTC); null: it is up to date, or was never loaded.",
            "reason": "Why there is no later news of it; null: it is up to date.",
        },
    ),
}


@dataclass(frozen=True)
class Publication:
    """One published version.

    Attributes:
        version: its name.
        path: its database.
        published_at: instant of publication, UTC.
        as_of: the instant that the refresh called "now", UTC.
        sources: names of the sources that were enabled.
        rows: number of rows of each mart.
        states: how far the marts know each source; empty in a version that was published before there was such a table.
        remarks: what was noticed at its publication, a sentence each; no part of the version.
    """

    version: str
    path: Path
    published_at: datetime
    as_of: datetime
    sources: tuple[str, ...]
    rows: dict[str, int]
    states: tuple[Source, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False)


def current_publication(serving_dir: Path) -> Publication | None:
    """What is published now, read from the file itself, or None before the first publication.

    Raises:
        UnreadableVersionError: it cannot be read.
    """
    path = current_version(serving_dir)
    return read_publication(path) if path else None


def latest_readable(serving_dir: Path) -> Publication | None:
    """What is published now, or what was published last before it where that cannot be read: to compare with."""
    current = current_version(serving_dir)
    for path in [current, *versions_before(current, serving_dir)] if current else []:
        with suppress(UnreadableVersionError):
            return read_publication(path)
    return None


def damage(serving_dir: Path) -> str:
    """Why what is published now cannot be read, in a sentence; empty where it can be, or nothing is published."""
    try:
        current_publication(serving_dir)
    except UnreadableVersionError as error:
        return str(error)
    return ""


def read_publication(path: Path) -> Publication:
    """The publication that a versioned file holds.

    Raises:
        UnreadableVersionError: naming the file and the reason.
    """
    if not path.exists():
        raise UnreadableVersionError(f"the published version {path} is gone: the next refresh publishes a new one.")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            version, published_at, as_of, sources = connection.execute(
                f"select version, published_at, as_of, sources from {SCHEMA}.{PUBLICATION_TABLE}"
            ).fetchall()[0]
            rows = _row_counts(connection)
            states = _states(connection) if SOURCES_TABLE in rows else ()
    except (duckdb.Error, IndexError) as error:
        raise UnreadableVersionError(
            f"the published version {path} cannot be read ({str(error).splitlines()[0]}): the next refresh publishes "
            "a new one."
        ) from error
    return Publication(
        version=version,
        path=path,
        published_at=published_at.replace(tzinfo=UTC),
        as_of=as_of.replace(tzinfo=UTC),
        sources=tuple(name for name in sources.split(",") if name),
        rows={name: count for name, count in rows.items() if name not in WRITTEN_HERE},
        states=states,
    )


def _states(connection: duckdb.DuckDBPyConnection) -> tuple[Source, ...]:
    found = connection.execute(
        f"select source, loaded_at, loaded_as_of, reason from {SCHEMA}.{SOURCES_TABLE} order by source"
    ).fetchall()
    return tuple(
        Source(name, _aware(loaded_at), _aware(loaded_as_of), reason) for name, loaded_at, loaded_as_of, reason in found
    )


def _aware(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)


def publish(
    warehouse: Path,
    serving_dir: Path,
    *,
    marts: Collection[str],
    as_of: datetime,
    sources: Sequence[Source],
    required: Collection[str] = (),
    keep: int = 5,
    readers: Readers = "group",
    descriptions: Mapping[str, Description] | None = None,
    postgres: Postgres | None = None,
    outbox_relation: str | None = None,
    companions: Mapping[str, Companion] | None = None,
) -> Publication:
    """Copy relations of the schema `marts` into a new version, as tables, and lead readers to it.

    Args:
        warehouse: the build file; opened read-only.
        serving_dir: folder of the links; versions lie in its folder `versions`.
        marts: names of what is published. What else is in the schema is of a model that there is no longer.
        as_of: instant of the refresh, with a time zone.
        sources: the enabled sources, and how far the marts know each.
        required: names of those without whose news nothing is published.
        keep: number of versions to keep, the linked one included (at least 1).
        readers: who may read the versions.
        descriptions: what the version says of its marts, by name.
        postgres: where it is published too.
        outbox_relation: schema and name of what is published beside the version for its owner alone (`serving.outbox`);
            None: nothing is.
        companions: what lies beside the database, by the name of its file or folder. One that fails is a remark, and
            the version is published without it.

    Raises:
        PublicationError: too many sources are stale, a mart is missing or has a HUGEINT column, the copy differs from
            the build file, or PostgreSQL did not take it.
    """
    _refuse_what_is_too_stale(sources, required)
    if keep < 1:
        raise PublicationError(f"{keep} versions to keep: at least one has to stay.")
    folder, remarks = serving_dir / FOLDER, []
    folder.mkdir(parents=True, exist_ok=True)
    move_into_folders(serving_dir)
    if postgres and (differs := postgres.difference(serving_dir)):
        remarks.append(f"Until now, {differs}: from this version on it is the same in both.")
    published_at = datetime.now(UTC)
    version = f"lifecycle-{_next_number(serving_dir):06}-{published_at:%Y%m%dT%H%M%S%f}Z"
    final, draft = database_of(version, serving_dir), database_of(f"{version}.tmp", serving_dir)
    try:
        draft.parent.mkdir()
        rows = _write(warehouse, draft, marts)
        said = {name: each for name, each in (descriptions or {}).items() if name in rows}
        _write_publication(draft, version, published_at, as_of, sources, said)
        _check(draft, rows)
        remarks += _accompany(draft, serving_dir, companions or {})
        sync_all(draft.parent)
        if postgres:
            remarks += postgres.prepare(draft)
        if outbox_relation:
            outbox.write(warehouse, outbox_relation, final)
        os.rename(draft.parent, final.parent)
        sync(folder)
    finally:
        delete(draft.parent)
    open_the_way(serving_dir, readers)
    try:
        show(final, serving_dir, postgres)
    except BaseException:
        if current_version(serving_dir) != final:
            remove(final)
            outbox.outbox_of(final).unlink(missing_ok=True)
        raise
    clean_up(serving_dir, keep)
    return replace(read_publication(final), remarks=tuple(remarks))


def _accompany(draft: Path, serving_dir: Path, companions: Mapping[str, Companion]) -> list[str]:
    """Write what lies beside a database, and return a sentence for each that could not be written."""
    before = latest_readable(serving_dir) if companions else None
    failed = []
    for name, write in companions.items():
        try:
            stand(name, serving_dir)
            write(draft, before.path if before else None)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: {error}"
            failed.append(f"This version has no {name}, which could not be written: {' '.join(why.split())}.")
            delete(draft.with_name(name))
    return failed


def _refuse_what_is_too_stale(sources: Sequence[Source], required: Collection[str]) -> None:
    missing = [source for source in sources if source.is_stale and source.name in required]
    if missing:
        raise PublicationError(
            f"there would be a version{news_missing(missing)}, and nothing is published without that "
            "(LIFECYCLE_REQUIRED_SOURCES). Refresh again once it can be loaded."
        )
    if sources and all(source.is_stale for source in sources):
        raise PublicationError(f"there would be a version{news_missing(sources)}: no source has brought any.")


def _next_number(serving_dir: Path) -> int:
    """One more than any version has, also the linked one where that is gone."""
    current = current_version(serving_dir)
    return max(map(number_of, [*versions(serving_dir), *([current] if current else [])]), default=0) + 1


def show(version: Path, serving_dir: Path, postgres: Postgres | None = None) -> None:
    """Let readers see a version, which is prepared in PostgreSQL: in both places, or in neither.

    Raises:
        PublicationError: each is on the version before, unless the message says otherwise.
    """
    if postgres:
        postgres.swap(name_of(version))
    try:
        point_link_at(version, serving_dir)
    except BaseException as error:
        if postgres and current_version(serving_dir) != version:
            try:
                postgres.swap_back(name_of(version))
            except PublicationError as second:
                raise PublicationError(
                    f"the link could not be moved ({error}), so the file stays as it was, and PostgreSQL is on version "
                    f"{name_of(version)}: {second} The next refresh publishes one version in both."
                ) from error
        raise


def clean_up(serving_dir: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` versions, their outboxes, and what a crash left; never the linked version.

    Returns:
        The deleted versions.
    """
    outdated = keep_newest(serving_dir, keep)
    outbox.clean_up(versions(serving_dir), serving_dir)
    return outdated


def _write(warehouse: Path, target: Path, marts: Collection[str]) -> dict[str, int]:
    """Copy the marts and return their row counts in the build file."""
    with duckdb.connect() as connection:
        for statement in _attachments(warehouse, target):
            connection.execute(statement)
        _refuse_unless_built(connection, warehouse, marts)
        _refuse_hugeint(connection, marts)
        connection.execute(f"create schema published.{SCHEMA}")
        rows = {}
        for name in sorted(marts):
            _copy(connection, name)
            rows[name] = connection.execute(f'select count(*) from build.{SCHEMA}."{name}"').fetchall()[0][0]
        connection.execute("detach published")
    return rows


def _copy(connection: duckdb.DuckDBPyConnection, mart: str) -> None:
    """Copy a mart, and compress its long texts, where DuckDB by itself would keep each different one whole."""
    build = f'build.{SCHEMA}."{mart}"'
    columns = connection.execute(f"select column_name, column_type from (describe {build})").fetchall()
    texts = [name for name, kind in columns if kind == "VARCHAR"]
    questions = [
        f'avg(length("{name}")) >= {LONG_TEXT} and count(distinct "{name}") > count("{name}") / {SHARED}'
        for name in texts
    ]
    sample = f"(from {build} limit {ROWS_MEASURED})"
    answers = connection.execute(f"select {', '.join(['count(*)', *questions])} from {sample}").fetchall()[0]
    long = {name for name, is_long in zip(texts, answers[1:], strict=True) if is_long}
    declared = (f'"{name}" {kind}{" using compression zstd" if name in long else ""}' for name, kind in columns)
    connection.execute(f'create table published.{SCHEMA}."{mart}" ({", ".join(declared)})')
    connection.execute(f'insert into published.{SCHEMA}."{mart}" from {build}')


def _refuse_unless_built(connection: duckdb.DuckDBPyConnection, warehouse: Path, marts: Collection[str]) -> None:
    for name in sorted({*WRITTEN_HERE} & {*marts}):
        raise PublicationError(f"{SCHEMA}.{name} is written at publication: give that model another name.")
    built = connection.execute(
        "select table_name from information_schema.tables where table_catalog = 'build' and table_schema = ?", [SCHEMA]
    ).fetchall()
    missing = sorted({*marts} - {name for (name,) in built})
    if missing or not marts:
        lacking = ", ".join(f"{SCHEMA}.{name}" for name in missing) or "anything to publish"
        raise PublicationError(f"{warehouse} lacks {lacking}: build the models first.")


def _attachments(warehouse: Path, target: Path) -> Iterator[str]:
    quoted = {path: str(path).replace("'", "''") for path in (warehouse, target)}
    yield "set TimeZone = 'UTC'"
    yield f"attach '{quoted[warehouse]}' as build (read_only)"
    yield f"attach '{quoted[target]}' as published (storage_version '{STORAGE_VERSION}')"


def _refuse_hugeint(connection: duckdb.DuckDBPyConnection, marts: Collection[str]) -> None:
    columns = connection.execute(
        "select table_name || '.' || column_name from information_schema.columns "
        "where table_catalog = 'build' and table_schema = ? and list_contains(?, table_name) "
        "and data_type ilike '%hugeint%' order by 1",
        [SCHEMA, [*marts]],
    ).fetchall()
    if columns:
        raise PublicationError(
            f"HUGEINT columns, which other clients read as doubles: {', '.join(name for (name,) in columns)}. "
            "Cast them to bigint or decimal in the model."
        )


def _write_publication(
    target: Path,
    version: str,
    published_at: datetime,
    as_of: datetime,
    sources: Sequence[Source],
    descriptions: Mapping[str, Description],
) -> None:
    keys = {name: [*each.key] for name, each in sorted(descriptions.items()) if each.key}
    with duckdb.connect(str(target)) as connection:
        connection.execute(
            f"create table {SCHEMA}.{PUBLICATION_TABLE} (version varchar, published_at timestamp, as_of timestamp, "
            "sources varchar, stale_sources varchar, keys varchar)"
        )
        connection.execute(
            f"insert into {SCHEMA}.{PUBLICATION_TABLE} values (?, ?, ?, ?, ?, ?)",
            [
                version,
                _naive_utc(published_at),
                _naive_utc(as_of),
                ",".join(source.name for source in sources),
                ",".join(source.name for source in sources if source.is_stale),
                json.dumps(keys),
            ],
        )
        connection.execute(
            f"create table {SCHEMA}.{SOURCES_TABLE} (source varchar, is_stale boolean, loaded_at timestamp, "
            "loaded_as_of timestamp, stale_since timestamp, reason varchar)"
        )
        for source in sources:
            instants = map(_naive_utc, (source.loaded_at, source.loaded_as_of, source.stale_since))
            connection.execute(
                f"insert into {SCHEMA}.{SOURCES_TABLE} values (?, ?, ?, ?, ?, ?)",
                [source.name, source.is_stale, *instants, source.reason],
            )
        _describe(connection, {**descriptions, **OF_THE_PUBLICATION})


def _describe(connection: duckdb.DuckDBPyConnection, descriptions: Mapping[str, Description]) -> None:
    """Leave the descriptions with the tables and columns, where tools look for them."""
    found = connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ?", [SCHEMA]
    ).fetchall()
    known = {(table, column) for table, column in found}
    tables = [(f'table {SCHEMA}."{mart}"', said.text) for mart, said in descriptions.items()]
    columns = [
        (f'column {SCHEMA}."{mart}"."{column}"', text)
        for mart, said in descriptions.items()
        for column, text in said.columns.items()
        if (mart, column) in known
    ]
    statements = [f"comment on {place} is {literal(text)}" for place, text in tables + columns if text]
    connection.execute(";".join(["begin", *statements, "commit"]))  # at once: each by itself would be synced


def literal(text: str) -> str:
    """A text as SQL writes it."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def keys_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """Columns that identify a row, of each mart of a version of which they are known."""
    says_so = connection.execute(
        "select count(*) from duckdb_columns() where schema_name = ? and table_name = ? and column_name = 'keys'",
        [SCHEMA, PUBLICATION_TABLE],
    ).fetchall()[0][0]
    if not says_so:  # a version of before
        return {}
    (text,) = connection.execute(f"select keys from {SCHEMA}.{PUBLICATION_TABLE}").fetchall()[0]
    return {mart: tuple(columns) for mart, columns in json.loads(text).items()}


def _naive_utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC).replace(tzinfo=None) if instant else None


def _check(target: Path, expected: dict[str, int]) -> None:
    """The file opens read-only and holds what the build file held."""
    with duckdb.connect(str(target), read_only=True) as connection:
        found = _row_counts(connection)
    marts = {name: count for name, count in found.items() if name not in WRITTEN_HERE}
    differing = sorted({*expected.items()} ^ {*marts.items()})
    if differing:
        raise PublicationError(f"the copy differs from the build file in (mart, rows): {differing}. Refresh again.")


def _row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ? and not internal order by table_name", [SCHEMA]
    ).fetchall()
    return {name: connection.execute(f'select count(*) from {SCHEMA}."{name}"').fetchall()[0][0] for (name,) in tables}
