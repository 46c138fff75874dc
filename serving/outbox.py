"""What a version has to tell others, in a file of its own beside it that its owner alone reads: BI needs no hashes.

Belongs here: writing and removing it with its version, taking persons out of it. Does not: who is told, and how
(`activation/`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import duckdb

from serving.versions import DATABASE, name_of, sync

FOLDER = "outbox"
SCHEMA, TABLE = "outbox", "events"
MODE = 0o400


def outbox_of(version: Path) -> Path:
    """The outbox of a version; it need not be there."""
    versions_folder = version.parent.parent if version.name == DATABASE else version.parent
    return versions_folder.parent / FOLDER / f"{name_of(version)}.duckdb"


def write(warehouse: Path, relation: str, version: Path) -> None:
    """Copy a relation of the build file into the outbox of a version that is about to be linked.

    Args:
        relation: schema and name.
    """
    final = outbox_of(version)
    final.parent.mkdir(mode=0o700, exist_ok=True)
    final.parent.chmod(0o700)
    draft = final.with_name(f"{final.name}.tmp")
    draft.unlink(missing_ok=True)
    try:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{_quoted(warehouse)}' as build (read_only)")
            connection.execute(f"attach '{_quoted(draft)}' as told")
            connection.execute(f"create schema told.{SCHEMA}")
            connection.execute(f"create table told.{SCHEMA}.{TABLE} as from build.{relation}")
            connection.execute("detach told")
        _keep(draft, final)
    finally:
        draft.unlink(missing_ok=True)


def clean_up(versions: Iterable[Path], serving_dir: Path) -> None:
    """Delete the outbox of each version that is not one of these, and what a crash left behind."""
    kept = {outbox_of(version).name for version in versions}
    for path in (serving_dir / FOLDER).glob("*"):
        if path.name not in kept:
            path.unlink()


def clean(version: Path, keys: Collection[str]) -> int:
    """Take the rows of some persons out of the outbox of a version, and return how many that were.

    Args:
        keys: a row that holds one of these texts is theirs.
    """
    path = outbox_of(version)
    if not path.exists():
        return 0
    draft = path.with_name(f"{path.name}.tmp")
    draft.unlink(missing_ok=True)
    try:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{_quoted(path)}' as before (read_only)")
            connection.execute(f"attach '{_quoted(draft)}' as told")
            connection.execute("set variable keys = ?::varchar[]", [[*keys]])
            connection.execute(f"create schema told.{SCHEMA}")
            connection.execute(
                f"create table told.{SCHEMA}.{TABLE} as from before.{SCHEMA}.{TABLE} "
                "where not coalesce(list_contains(getvariable('keys'), person_id), false)"
            )
            counts = [
                connection.execute(f"select count(*) from {each}.{SCHEMA}.{TABLE}").fetchall()[0][0]
                for each in ("before", "told")
            ]
            connection.execute("detach told")
        if counts[0] != counts[1]:
            _keep(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return counts[0] - counts[1]


def _keep(draft: Path, final: Path) -> None:
    draft.chmod(MODE)
    sync(draft)
    os.replace(draft, final)
    sync(final.parent)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
