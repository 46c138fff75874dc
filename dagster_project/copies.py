"""Copies of the build file for people to work on, so that nobody is in the way of a refresh, and no refresh in theirs.

Belongs here: how one is made, and made again when the build file has changed, and what is noted beside it. Does not:
what is done with it (`dbt_command`, `shell_command`), what a sample holds (`sampling`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion import config
from ingestion.config import SettingsError
from ingestion.lock import is_writing
from ingestion.obstacles import HELD

# Shares the blocks of a file with its copy where the file system can (btrfs, XFS): linux/fs.h.
FICLONE = 0x40049409
# Beside a copy: the state of the build file it was made of, the latest load in it, and of a sample how many people.
COPIED_FROM, LOADED_AS_OF, PEOPLE = "copied_from", "loaded_as_of", "sample_of"


def copy_if_newer(warehouse: Path, folder: Path) -> bool:
    """Copy the build file where it is another than the one that the copy was made of.

    It is neither opened nor locked: a refresh that begins in the meantime must find it free. A copy made while the file
    changed is discarded, and a file that a refresh is working on is incomplete.

    Returns:
        Whether the copy is a new one.

    Raises:
        SettingsError: there is none, and nothing to copy either.
    """
    # DuckDB names a database after its file, and views hold that name: the copy bears it too.
    copy, note = folder / warehouse.name, folder / COPIED_FROM
    if not warehouse.exists():
        raise SettingsError(f"nothing was refreshed in {config.data_dir()} yet: run `make refresh` first.")
    state = _state(warehouse)
    if is_copy_of(warehouse, folder) and _is_whole(copy):
        return False
    fresh = folder / "fresh.duckdb"
    if not is_writing(config.data_dir()):
        _clone(warehouse, fresh)
        has_log = _log_of(warehouse).exists()
        if has_log:
            _clone(_log_of(warehouse), _log_of(fresh))
        if not is_writing(config.data_dir()) and _state(warehouse) == state:
            note.unlink(missing_ok=True)
            _log_of(copy).unlink(missing_ok=True)
            if has_log:
                os.replace(_log_of(fresh), _log_of(copy))
            os.replace(fresh, copy)
            note.write_text(state)
            return True
    for unfinished in (fresh, _log_of(fresh)):
        unfinished.unlink(missing_ok=True)
    if not copy.exists() or not note.exists() or not _is_whole(copy):
        raise SettingsError(f"{warehouse} is being written: try again when that has finished.")
    say(f"{warehouse} is being written: this is the copy of what was there before.")
    return False


def is_copy_of(warehouse: Path, folder: Path) -> bool:
    """Whether what lies in a folder was made of the build file as it is."""
    copy, note = folder / warehouse.name, folder / COPIED_FROM
    return copy.exists() and note.exists() and note.read_text() == _state(warehouse)


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """While this lasts a copy does not count as one: where it ends with an error, the next command copies again."""
    note = folder / COPIED_FROM
    state = note.read_text()
    note.unlink()
    yield
    note.write_text(state)


def put(database: Path, people: int, whole: Path, folder: Path) -> None:
    """Put a sample in the place of the copy in a folder.

    Args:
        database: the sample; its file is moved.
        people: how many were asked for.
        whole: folder of the copy that it was made of.
    """
    for old in (folder / COPIED_FROM, folder / LOADED_AS_OF, _log_of(folder / "warehouse.duckdb")):
        old.unlink(missing_ok=True)
    (folder / PEOPLE).write_text(str(people))
    os.replace(database, folder / "warehouse.duckdb")
    os.replace(whole / COPIED_FROM, folder / COPIED_FROM)


def take_whole(folder: Path) -> None:
    """Have the next command copy the whole build file again."""
    for note in (PEOPLE, COPIED_FROM):
        (folder / note).unlink(missing_ok=True)


def people_of(folder: Path) -> int | None:
    """How many people were asked for of the sample in a folder; None: it is the whole warehouse."""
    note = folder / PEOPLE
    return int(note.read_text()) if note.exists() else None


def _state(warehouse: Path) -> str:
    """What differs when anything was written since: of the file, and of the log of what is not in it yet."""
    files = [file.stat() for file in (warehouse, _log_of(warehouse)) if file.exists()]
    return " ".join(f"{file.st_ino} {file.st_mtime_ns} {file.st_size}" for file in files)


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")


def _clone(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("wb") as clone:
        try:
            fcntl.ioctl(clone, FICLONE, file.fileno())
        except OSError:
            shutil.copyfile(source, target)


def _is_whole(copy: Path) -> bool:
    """Whether a copy opens as a database; one that somebody holds does, or they could not."""
    try:
        duckdb.connect(str(copy), read_only=True).close()
    except duckdb.IOException as error:
        return bool(HELD.search(str(error)))
    except duckdb.Error:
        return False
    return True


def say(line: str) -> None:
    """A line for the person who waits, beside what the command itself prints."""
    print(line, file=sys.stderr, flush=True)
