"""What the machine puts in the way of a run, in one line that says what to do: a full disk, a file that is held.

Belongs here: how each library words it, and what a person has to know instead. Does not: what a vendor or a setting
does wrong, which says so itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import duckdb

from ingestion import config

# DuckDB, Python and dbt; SQLite, in which Dagster and dlt keep what they know.
DISK_FULL = re.compile(r"No space left on device|database or disk is full|Disk quota exceeded", re.IGNORECASE)
HELD = re.compile(
    r'Could not set lock on file "(?P<file>[^"]+)": Conflicting lock is held in .*?\(PID (?P<process>\d+)\)'
)
SHOWN = 120  # characters of a command line


class WarehouseFileError(RuntimeError):
    """The build file cannot be opened: another process holds it, or it is damaged; the message says which."""


def explained(message: str) -> str:
    """The message of a library in plain words where it tells of an obstacle, or else as it is."""
    if DISK_FULL.search(message):
        return _disk_full()
    if held := HELD.search(message):
        return _held(Path(held["file"]), int(held["process"]))
    return message


def refuse_unusable_file(path: Path) -> None:
    """Stop where the build file cannot be opened: not even a process that only reads it lets anyone write.

    Raises:
        WarehouseFileError: naming the process that holds it, or what is wrong with it.
    """
    if not path.exists():
        return
    try:
        duckdb.connect(str(path)).close()
    except duckdb.IOException as error:
        if HELD.search(str(error)):
            raise WarehouseFileError(explained(str(error))) from None
        raise WarehouseFileError(
            f"{path} cannot be opened ({str(error).splitlines()[0]}): restore it from a copy, or move it away, and the "
            "next refresh makes it anew of what the sources still have."
        ) from None


def command_of(process: int) -> str:
    """What a process runs, as it was started; empty where the system does not tell."""
    try:
        done = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(process)], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    line = " ".join(done.stdout.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _disk_full() -> str:
    folder = config.data_dir()
    free = shutil.disk_usage(folder).free / 2**20
    return (
        f"the disk is full: {free:,.0f} MB are free for {folder}. Make room and refresh again; what is published is "
        "as it was."
    )


def _held(file: Path, process: int) -> str:
    command = command_of(process)
    by = f"process {process}" + (f" ({command})" if command else "")
    return (
        f"{file} is held open by {by}: close it there and refresh again. `make shell` opens a copy that may stay open."
    )
