"""`make export`: the published marts as a workbook, CSV or Parquet, for who opens no database.

Belongs here: the command. Does not: the files (`serving/export.py`), what is known of one person (`export_person`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dagster_project import environment
from ingestion.config import SettingsError
from serving.export import FORMATS, ExportError, export
from serving.publish import PublicationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0: a folder was written."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.export_marts", description=__doc__)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("--out", type=Path, help="folder to write to; by default exports in the data folder")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        out = (options.out or environment.exports_dir()).expanduser().resolve()
        with _shown() as shown:
            task = shown.add_task("")

            def begin(rows: int):
                shown.update(task, total=rows)
                return lambda mart, done: shown.update(task, advance=done, description=mart)

            readers = environment.settings().published_readers
            done = export(environment.serving_dir(), out, options.format, begin, readers)
    except (ExportError, PublicationError, SettingsError) as error:
        print(f"Nothing was exported: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in done.folder.iterdir())
    marts = {place.mart.name for place in done.places}
    seconds = time.monotonic() - begun
    print(f"{len(marts)} marts of {done.version}, {size / 1000**2:,.1f} MB, in {seconds:.1f} s: {done.folder}")
    for place in done.places:
        if place.remark and not place.sheet:
            print(f"{place.mart.name}: {place.remark}, so it lies beside the workbook: {place.file}")
    return 0


def _shown() -> Progress:
    """How far it is, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


if __name__ == "__main__":
    sys.exit(main())
