"""Publish the marts of the build file as a new version and point the link at it.

A version is written under a temporary name, checked, and only then linked, so that a reader sees either the old
version or the new one, whole. Names are never reused: DuckDB caches databases by path within a process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

LINK_NAME = "lifecycle.duckdb"
SCHEMA = "marts"
PUBLICATION_TABLE = "publication"
# Readable by every DuckDB client from 1.2 on; the build file's own format is not.
STORAGE_VERSION = "v1.2.0"
# Without a number: of a version of the project that ordered by the clock. They count as older than all that have one.
VERSION_PATTERN = re.compile(r"lifecycle-(?:(?P<number>\d{6,})-)?\d{8}T\d{12}Z\.duckdb")
# Nobody writes a version that is published, not even who made it: opened to be written, it is refused.
PUBLISHED_MODE = 0o440


class PublicationError(RuntimeError):
    """Nothing was published; the message says why and what to do. The link is as it was."""


class UnreadableVersionError(PublicationError):
    """A published version is gone, damaged or held by somebody who writes it; the message says which and why."""


@dataclass(frozen=True)
class Publication:
    """One published version.

    Attributes:
        version: name of the file without its suffix.
        path: the versioned file.
        published_at: instant of publication, UTC.
        as_of: the instant that the refresh called "now", UTC.
        sources: the sources that were enabled.
        rows: number of rows of each mart.
    """

    version: str
    path: Path
    published_at: datetime
    as_of: datetime
    sources: tuple[str, ...]
    rows: dict[str, int]


def link_path(serving_dir: Path) -> Path:
    """The path that BI tools are given."""
    return serving_dir / LINK_NAME


def number_of(version: Path) -> int:
    """The place of a version in the sequence of all. The clock does not say it: it may have been wrong for a night."""
    found = VERSION_PATTERN.fullmatch(version.name)
    return int(found["number"] or 0) if found else 0


def versions(serving_dir: Path) -> list[Path]:
    """Every published version, in the order of publication."""
    folder = serving_dir / "versions"
    found = (path for path in folder.glob("*.duckdb") if VERSION_PATTERN.fullmatch(path.name))
    return sorted(found, key=lambda path: (number_of(path), path.name))


def current_version(serving_dir: Path) -> Path | None:
    """The version that the link points at, also where that is gone, or None before the first publication."""
    link = link_path(serving_dir)
    return serving_dir / os.readlink(link) if link.is_symlink() else None


def versions_before(version: Path, serving_dir: Path) -> list[Path]:
    """The versions published before one that may be gone itself, the latest first."""
    place = (number_of(version), version.name)
    return [path for path in reversed(versions(serving_dir)) if (number_of(path), path.name) < place]


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
    except (duckdb.Error, IndexError) as error:
        raise UnreadableVersionError(
            f"the published version {path} cannot be read ({str(error).splitlines()[0]}): the next refresh publishes "
            "a new one."
        ) from error
    rows.pop(PUBLICATION_TABLE)
    return Publication(
        version=version,
        path=path,
        published_at=published_at.replace(tzinfo=UTC),
        as_of=as_of.replace(tzinfo=UTC),
        sources=tuple(name for name in sources.split(",") if name),
        rows=rows,
    )


def publish(
    warehouse: Path,
    serving_dir: Path,
    *,
    as_of: datetime,
    sources: Sequence[str],
    keep: int = 5,
    mode: int = PUBLISHED_MODE,
) -> Publication:
    """Copy every relation of the schema `marts` into a new version, as tables, and flip the link to it.

    Args:
        warehouse: the build file; opened read-only.
        serving_dir: folder of the link; versions lie in its folder `versions`.
        as_of: instant of the refresh, with a time zone.
        sources: names of the enabled sources.
        keep: number of versions to keep, the linked one included (at least 1).
        mode: of the versioned file: who may read it.

    Raises:
        PublicationError: there are no marts, one has a HUGEINT column, or the copy differs from the build file.
    """
    if keep < 1:
        raise PublicationError(f"{keep} versions to keep: at least one has to stay.")
    folder = serving_dir / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    published_at = datetime.now(UTC)
    version = f"lifecycle-{_next_number(serving_dir):06}-{published_at:%Y%m%dT%H%M%S%f}Z"
    final, temporary = folder / f"{version}.duckdb", folder / f"{version}.duckdb.tmp"
    try:
        rows = _write(warehouse, temporary)
        _write_publication(temporary, version, published_at, as_of, sources)
        _check(temporary, rows)
        temporary.chmod(mode)
        _sync(temporary)
        os.replace(temporary, final)
        _sync(folder)
    finally:
        temporary.unlink(missing_ok=True)
    point_link_at(final, serving_dir)
    clean_up(serving_dir, keep)
    return read_publication(final)


def _next_number(serving_dir: Path) -> int:
    """One more than any version has, also the linked one where that is gone."""
    current = current_version(serving_dir)
    return max(map(number_of, [*versions(serving_dir), *([current] if current else [])]), default=0) + 1


def point_link_at(version: Path, serving_dir: Path) -> None:
    """Replace the link in one step: a reader finds the old target or the new one, never none."""
    link = link_path(serving_dir)
    temporary = serving_dir / f".{LINK_NAME}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(version.relative_to(serving_dir))
    os.replace(temporary, link)
    _sync(serving_dir)


def clean_up(serving_dir: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` versions and what a crash left behind; never the linked version.

    Returns:
        The deleted versions.
    """
    linked = current_version(serving_dir)
    outdated = [path for path in versions(serving_dir)[:-keep] if path != linked]
    for path in outdated:
        path.unlink()
    for leftover in (*(serving_dir / "versions").glob("*.tmp*"), *serving_dir.glob(f".{LINK_NAME}.*")):
        leftover.unlink()
    return outdated


def _write(warehouse: Path, target: Path) -> dict[str, int]:
    """Copy the marts and return their row counts in the build file."""
    with duckdb.connect() as connection:
        for statement in _attachments(warehouse, target):
            connection.execute(statement)
        relations = [
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables "
                "where table_catalog = 'build' and table_schema = ? order by table_name",
                [SCHEMA],
            ).fetchall()
        ]
        if not relations:
            raise PublicationError(f"{warehouse} has no relation in the schema {SCHEMA}: build the models first.")
        if PUBLICATION_TABLE in relations:
            raise PublicationError(
                f"{SCHEMA}.{PUBLICATION_TABLE} is written at publication: give that model another name."
            )
        _refuse_hugeint(connection)
        connection.execute(f"create schema published.{SCHEMA}")
        rows = {}
        for name in relations:
            connection.execute(f'create table published.{SCHEMA}."{name}" as from build.{SCHEMA}."{name}"')
            rows[name] = connection.execute(f'select count(*) from build.{SCHEMA}."{name}"').fetchall()[0][0]
        connection.execute("detach published")
    return rows


def _attachments(warehouse: Path, target: Path) -> Iterator[str]:
    quoted = {path: str(path).replace("'", "''") for path in (warehouse, target)}
    yield "set TimeZone = 'UTC'"
    yield f"attach '{quoted[warehouse]}' as build (read_only)"
    yield f"attach '{quoted[target]}' as published (storage_version '{STORAGE_VERSION}')"


def _refuse_hugeint(connection: duckdb.DuckDBPyConnection) -> None:
    columns = connection.execute(
        "select table_name || '.' || column_name from information_schema.columns "
        "where table_catalog = 'build' and table_schema = ? and data_type ilike '%hugeint%' order by 1",
        [SCHEMA],
    ).fetchall()
    if columns:
        raise PublicationError(
            f"HUGEINT columns, which other clients read as doubles: {', '.join(name for (name,) in columns)}. "
            "Cast them to bigint or decimal in the model."
        )


def _write_publication(
    target: Path, version: str, published_at: datetime, as_of: datetime, sources: Sequence[str]
) -> None:
    with duckdb.connect(str(target)) as connection:
        connection.execute(
            f"create table {SCHEMA}.{PUBLICATION_TABLE} "
            "(version varchar, published_at timestamp, as_of timestamp, sources varchar)"
        )
        connection.execute(
            f"insert into {SCHEMA}.{PUBLICATION_TABLE} values (?, ?, ?, ?)",
            [
                version,
                published_at.astimezone(UTC).replace(tzinfo=None),
                as_of.astimezone(UTC).replace(tzinfo=None),
                ",".join(sources),
            ],
        )


def _check(target: Path, expected: dict[str, int]) -> None:
    """The file opens read-only and holds what the build file held."""
    with duckdb.connect(str(target), read_only=True) as connection:
        found = _row_counts(connection)
    found.pop(PUBLICATION_TABLE)
    differing = sorted({*expected.items()} ^ {*found.items()})
    if differing:
        raise PublicationError(f"the copy differs from the build file in (mart, rows): {differing}. Refresh again.")


def _row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ? and not internal order by table_name", [SCHEMA]
    ).fetchall()
    return {name: connection.execute(f'select count(*) from {SCHEMA}."{name}"').fetchall()[0][0] for (name,) in tables}


def _sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
