"""One writer at a time: a lock on a file in the data folder, held for as long as a run lives.

The operating system lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ingestion.obstacles import command_of


class RefreshInProgressError(RuntimeError):
    """Another process is writing the warehouse."""


# Who asks in passing holds it for a moment, and who has just taken it has not said so yet.
SECONDS_TO_TRY = 0.5
SECONDS_BETWEEN_TRIES = 0.05


@contextmanager
def writer_lock(data_dir: Path) -> Iterator[None]:
    """Hold the only right to write the warehouse of `data_dir`.

    Raises:
        RefreshInProgressError: at once, when another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "refresh.lock"
    with path.open("a+") as file:
        _take(file, data_dir)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _take(file: TextIO, data_dir: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_TRY
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            if holder or time.monotonic() > deadline:
                raise RefreshInProgressError(
                    f"another process is writing {data_dir} ({_process(holder)}): wait until it has finished, or stop "
                    "it."
                ) from None
            time.sleep(SECONDS_BETWEEN_TRIES)
        else:
            return


def _process(number: str) -> str:
    command = command_of(int(number)) if number.isdecimal() else ""
    return f"process {number or 'unknown'}" + (f": {command}" if command else "")


def is_writing(data_dir: Path) -> bool:
    """Whether another process holds the right to write the warehouse of `data_dir`, asked in passing."""
    path = data_dir / "refresh.lock"
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
