"""One writer at a time: a lock on a file in the data folder, held for as long as a run lives.

The operating system lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RefreshInProgressError(RuntimeError):
    """Another process is writing the warehouse."""


@contextmanager
def writer_lock(data_dir: Path) -> Iterator[None]:
    """Hold the only right to write the warehouse of `data_dir`.

    Raises:
        RefreshInProgressError: at once, when another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "refresh.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RefreshInProgressError(
                f"another refresh is writing {data_dir} (process {file.read().strip() or 'unknown'}): "
                "wait until it has finished, or stop it."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


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
