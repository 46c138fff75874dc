"""Go back to the version before the current one, in the file and in PostgreSQL.

A version that cannot be read is passed over, and named: nobody is served by it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from serving.publish import PublicationError, UnreadableVersionError, read_publication, show
from serving.versions import (
    current_version,
    drop_files_without_folder,
    move_into_folders,
    name_of,
    versions_before,
)

if TYPE_CHECKING:
    from serving.postgres import Postgres


def rollback(serving_dir: Path, postgres: Postgres | None = None) -> tuple[Path, Path]:
    """Show readers the version before the current one that can be read. PostgreSQL gets a copy of its file.

    Returns:
        The version left and the version now published.

    Raises:
        PublicationError: nothing is published, or no earlier version is kept, or none of them can be read, or
            PostgreSQL did not take it.
    """
    move_into_folders(serving_dir)
    current = current_version(serving_dir)
    if current is None:
        raise PublicationError(f"nothing is published in {serving_dir}: refresh first.")
    earlier = versions_before(current, serving_dir)
    for path in earlier:
        try:
            read_publication(path)
        except UnreadableVersionError as error:
            print(f"Passed over: {error}", file=sys.stderr)
            continue
        if postgres:
            if differs := postgres.difference(serving_dir):
                print(f"Until now, {differs}.", file=sys.stderr)
            for sentence in postgres.prepare(path):
                print(sentence, file=sys.stderr)
        show(path, serving_dir, postgres)
        drop_files_without_folder(serving_dir)
        return current, path
    if earlier:
        raise PublicationError(f"no version before {name_of(current)} can be read: refresh.")
    raise PublicationError(f"{name_of(current)} is the oldest version kept: there is none before it to go back to.")
