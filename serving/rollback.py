"""Point the link back at the version before the current one: `python -m serving.rollback <serving folder>`.

A version that cannot be read is passed over, and named: nobody is served by it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from serving.publish import (
    PublicationError,
    UnreadableVersionError,
    current_version,
    news_missing,
    point_link_at,
    read_publication,
    versions_before,
)


def rollback(serving_dir: Path) -> tuple[Path, Path]:
    """Flip the link to the version before the current one that can be read.

    Returns:
        The version left and the version now published.

    Raises:
        PublicationError: nothing is published, or no earlier version is kept, or none of them can be read.
    """
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
        point_link_at(path, serving_dir)
        return current, path
    if earlier:
        raise PublicationError(f"no version before {current.stem} can be read: refresh.")
    raise PublicationError(f"{current.stem} is the oldest version kept: there is none before it to go back to.")


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when the link was flipped."""
    parser = argparse.ArgumentParser(prog="python -m serving.rollback", description=__doc__)
    parser.add_argument("serving_dir", type=Path, help="folder that holds the link and the versions")
    try:
        left, now = rollback(parser.parse_args(arguments).serving_dir.resolve())
    except PublicationError as error:
        print(f"Not rolled back: {error}", file=sys.stderr)
        return 1
    lacks = news_missing(read_publication(now).states)
    print(f"Rolled back from {left.stem} to {now.stem}{lacks}. The next refresh publishes a new version.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
