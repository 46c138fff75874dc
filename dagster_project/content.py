"""Hash of a folder's files, by which it is known whether what was made of them still holds.

Belongs here: which files count. Does not: what is made of them (`resources`, `news`).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

GENERATED = {"target", "logs", "dbt_packages", "__pycache__"}


def content(folder: Path) -> str:
    """Hash of the names and contents of a folder's files; what tools generate does not count."""
    digest = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in GENERATED)
        for name in sorted(name for name in files if name != ".user.yml"):
            file = Path(path, name)
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()
