"""What one of the processes that run tests makes for all of them.

Belongs here: that no two of them make it. Does not: what it is, which the fixture says that makes it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made_once(shared: Path, name: str) -> Iterator[Path]:
    """The folder of that name, there or still to be made: whoever else asks for it waits until the block ends."""
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        yield shared / name
