"""Who may read what a run writes, and the files that hold its secrets: the owner alone.

Belongs here: the mask of every process, what an older version left open, the check of the files with secrets. Does not:
who may read what is published (`serving`), which is a setting.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

OTHERS = 0o077
PUBLISHED = "serving"  # folder of the data folder that others may reach; its modes are those of the last publication


class UnsafeFileError(ValueError):
    """A file with secrets can be changed by somebody else; the message says what to type."""


def keep_to_owner(data: Path) -> None:
    """Let nobody but the owner read what this process and its children write, or what already lies in `data`.

    The data folder itself may be passed through, on the way to what is published: by whom is settled there.
    """
    os.umask(OTHERS)
    if not data.is_dir() or not _mode(data) & OTHERS & ~0o011:
        return
    for folder, folders, files in os.walk(data, topdown=True):
        if Path(folder) == data:
            folders[:] = [name for name in folders if name != PUBLISHED]
        for name in (*folders, *files):
            _take_from_others(Path(folder, name))
    # last: a walk that is cut short is done again
    _take_from_others(data, except_for=0o011)


def _take_from_others(path: Path, except_for: int = 0) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:  # another process is at work
        return
    if not stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(found.st_mode) & ~(OTHERS & ~except_for))


def refuse_what_others_may_change(files: Iterable[Path]) -> None:
    """Whoever may change where a token is sent has the token.

    Raises:
        UnsafeFileError: one of the files belongs to somebody else, or somebody else may write to it.
    """
    for file in files:
        if not file.exists():
            continue
        if file.stat().st_uid not in (0, os.geteuid()):
            name = shlex.quote(str(file))
            raise UnsafeFileError(
                f"{file} belongs to somebody else, who could have your tokens sent anywhere. "
                f"Look at what it says, then type: sudo chown $(id -u) {name} && chmod 600 {name}"
            )
        if _mode(file) & 0o022:
            raise UnsafeFileError(
                f"others may write to {file}, and so have your tokens sent anywhere. "
                f"Look at what it says, then type: chmod 600 {shlex.quote(str(file))}"
            )


def readable_by_others(files: Iterable[Path]) -> Iterator[str]:
    """Sentences on the files that somebody else may read, with what to type."""
    for file in files:
        if file.exists() and _mode(file) & 0o044:
            yield f"others may read {file}, and so your tokens. Type: chmod 600 {shlex.quote(str(file))}"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
