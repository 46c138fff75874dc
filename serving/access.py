"""Who may read what is published: the modes of its files and of the folders on the way to them.

Belongs here: modes. Does not: who that is in an installation, which is one of its settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from serving.versions import FOLDER, versions

Readers = Literal["owner", "group", "everyone"]
# Of a published file, which nobody writes to, of the folders that hold it, and of the one above, to pass through.
MODES: dict[Readers, tuple[int, int, int]] = {
    "owner": (0o400, 0o700, 0o700),
    "group": (0o440, 0o750, 0o710),
    "everyone": (0o444, 0o755, 0o711),
}


def open_the_way(serving_dir: Path, readers: Readers) -> None:
    """Let these readers, and nobody else, reach every version that is kept, with what accompanies it."""
    of_a_file, of_its_folders, of_the_folder_above = MODES[readers]
    for version in versions(serving_dir):
        for path in (version.parent, *version.parent.rglob("*")):
            _let(path, of_its_folders if path.is_dir() else of_a_file)
    for folder in (serving_dir / FOLDER, serving_dir):
        _let(folder, of_its_folders)
    _let(serving_dir.parent, of_the_folder_above)


def _let(path: Path, mode: int) -> None:
    if path.stat().st_uid == os.geteuid():  # what belongs to somebody else is as they want it
        path.chmod(mode)
