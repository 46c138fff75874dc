"""`make sample PEOPLE=1000`: a sample of the warehouse for `make dbt`, where the whole is too large to edit on.

The sample takes the place of the copy `dev/warehouse.duckdb`; `PEOPLE=all` has the whole in its place again. dbt builds
every model on it once, so that any of them can be edited next.

Belongs here: the command, and its files. Does not: who is in a sample (`sampling`), dbt for a person (`dbt_command`).
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from dagster_project import copies, dbt_command, environment
from dagster_project.copies import copy_if_newer, say
from dagster_project.sampling import WHOLE, Sizes, fill
from ingestion import config
from ingestion.config import SettingsError

ALL = "all"
BUILD = ("--quiet", "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


def main(arguments: Sequence[str]) -> int:
    """Make the sample and build it; 0: `make dbt` works on it."""
    try:
        people = _number(arguments)
        environment.prepare()
        folder = config.data_dir() / "dev"
        file = dbt_command.claim(folder)
        try:
            if people is None:
                copies.take_whole(folder)
                say("`make dbt` works on the whole warehouse again. `make sample PEOPLE=1000` goes back to a sample.")
                return 0
            sizes = _make(folder, people)
        finally:
            os.close(file)
    except SettingsError as error:
        say(f"No sample: {error}")
        return 1
    say(f"A sample of {sizes.people} people and {sizes.accounts} accounts, with {sizes.rows} raw rows. Building it …")
    failed = dbt_command.main(BUILD)
    if not failed:
        say("`make dbt` works on this sample from now on. `make sample PEOPLE=all` goes back to the whole warehouse.")
    return failed


def _number(arguments: Sequence[str]) -> int | None:
    """How many people; None: all of them."""
    written = " ".join(arguments).strip()
    if written == ALL:
        return None
    if not (written.isascii() and written.isdigit() and int(written)):
        raise SettingsError(
            f"PEOPLE={written or ''}: write how many people, 1 or more, such as make sample PEOPLE=1000, or all."
        )
    return int(written)


def _make(folder: Path, people: int) -> Sizes:
    """Put a sample in the place of the copy that is in a folder."""
    work = folder / "sampling"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        copy_if_newer(config.warehouse_path(), work)
        sample = work / "sample.duckdb"
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set temp_directory = {_text(work / 'spilled')}")
            connection.execute(f"set memory_limit = '{environment.settings().memory_limit} B'")
            connection.execute(f"attach {_text(work / config.warehouse_path().name)} as {WHOLE} (read_only)")
            connection.execute(f"attach {_text(sample)} as sample")
            connection.execute("use sample")
            sizes = _fill(connection, people)
        copies.put(sample, people, work, folder)
        return sizes
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fill(connection: duckdb.DuckDBPyConnection, people: int) -> Sizes:
    try:
        return fill(connection, people, dbt_command.DBT / "models" / "staging")
    except duckdb.CatalogException:
        raise SettingsError(
            f"no refresh has built every model in {config.data_dir()} yet: run `make refresh` first."
        ) from None


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


if __name__ == "__main__":
    gc.disable()  # as `dbt_command` does
    sys.exit(main(sys.argv[1:]))
