"""`make dbt ARGS="build -s customer_360"`: dbt at the instant and with the settings of the last refresh, on a copy.

The copy `dev/warehouse.duckdb` is in the data folder and is made again when the build file has changed. So unfinished
models never reach what a refresh publishes, and no refresh waits for somebody who is working on one.

Belongs here: the settings that dbt gets, and that somebody who waits gets an answer soon. Does not: what a refresh runs
(`defs/`), how the file is copied (`copies`), what is said of a mistake (`dbt_mistakes`).
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from dagster_project import environment
from dagster_project.copies import LOADED_AS_OF, copy_if_newer, is_copy_of, people_of, say, unfinished
from dagster_project.dbt_mistakes import what_went_wrong
from dagster_project.dbt_shortcuts import take_shortcuts
from dagster_project.parsed_project import take_over
from dagster_project.stage_models import refuse_unknown_stage_models
from dagster_project.steps import dbt_target, engine
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError

# dlt and dbt take long to import: whatever needs one of them imports it when it comes to that.

DBT = PROJECT_ROOT / "dbt_project"
TARGET = "dev"
# What these do is read from no manifest: its 6 MB are written where something reads them (`parse`, `docs`, `compile`).
WITHOUT_MANIFEST = ("build", "run", "test", "seed", "show", "list", "ls", "retry")
RESULTS = "run_results.json"


def main(arguments: Sequence[str]) -> int:
    """Run dbt; 0: it succeeded."""
    if not arguments:
        say('Give what dbt is to do: make dbt ARGS="build -s customer_360"')
        return 1
    try:
        target = begin()
    except SettingsError as error:
        say(f"dbt not started: {error}")
        return 1
    return _run(arguments, target)


def begin() -> Path:
    """Make the copy, hold it until the process ends, and tell dbt by the environment of it and of the last refresh.

    Returns:
        dbt's target folder, with what a refresh has parsed.

    Raises:
        SettingsError: there is nothing to work on, or somebody else does.
    """
    stated = dict(os.environ)
    environment.prepare()
    folder = config.data_dir() / "dev"
    refuse_unknown_stage_models(DBT)
    claim(folder)
    is_new = _copy(folder)
    settings = _last_refresh(folder, is_new)
    chosen = {name: stated.get(name) or value for name, value in settings.items()}
    os.environ.update(chosen)
    os.environ.update(
        DBT_PROJECT_DIR=str(DBT),
        DBT_PROFILES_DIR=str(DBT),
        DBT_TARGET=TARGET,
        # What the refresh has parsed, with the build file as its target, stays as it is.
        DBT_TARGET_PATH=str(folder / "dbt"),
        DBT_LOG_PATH=str(folder / "logs"),
    )
    del os.environ["LIFECYCLE_WAREHOUSE_PATH"]  # another target finds no build file
    take_over(dbt_target("duckdb"), folder / "dbt", DBT, TARGET)
    if is_new and engine() == "spark":
        _create_views(folder)
    people = people_of(folder)
    what = f"a sample of {people:,} people, " if people else ""
    say(
        f"dbt as of {chosen['LIFECYCLE_AS_OF']} in {chosen['LIFECYCLE_REPORTING_CURRENCY']}, "
        f"on {what}{folder / 'warehouse.duckdb'}"
    )
    return folder / "dbt"


def _run(arguments: Sequence[str], target: Path) -> int:
    """Let dbt do what it is told, in this process. What a person's own options say wins."""
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    is_quick = _verb(arguments) in WITHOUT_MANIFEST and not _says_what_to_write(arguments)
    if is_quick:
        os.environ["DBT_WRITE_JSON"] = "false"
    take_shortcuts()
    done = dbtRunner().invoke([*arguments])
    if is_quick and isinstance(done.result, RunExecutionResult):
        done.result.write(str(target / RESULTS))  # `retry` reads it
    if done.success:
        return 0
    say(what_went_wrong(done, DBT))
    return 1


def _verb(arguments: Sequence[str]) -> str | None:
    from dbt.cli.main import cli

    return next((each for each in arguments if each in cli.commands), None)


def _says_what_to_write(arguments: Sequence[str]) -> bool:
    return "DBT_WRITE_JSON" in os.environ or any(
        each.startswith(("--write-json", "--no-write-json", "--target-path")) for each in arguments
    )


def claim(folder: Path) -> int:
    """Hold the copy until the file that this returns is closed, or the process ends: one at a time may change it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise SettingsError(f"another dbt is working on {folder}: wait until it has finished.") from None
    return file


def _copy(folder: Path) -> bool:
    """Copy the build file where it has changed, unless the copy is a sample. Returns whether the copy is a new one."""
    warehouse, people = config.warehouse_path(), people_of(folder)
    if people is not None:
        if not is_copy_of(warehouse, folder):
            say(f"{warehouse} has changed since: `make sample PEOPLE={people}` makes the sample anew.")
        return False
    is_new = copy_if_newer(warehouse, folder)
    if is_new:
        say(f"Copied {warehouse}: what was built in the copy before has to be built again.")
    return is_new


def _create_views(folder: Path) -> None:
    """Give the copy the models that are views: those lie in Spark, and the build file shows its tables alone.

    Raises:
        SettingsError: dbt cannot; the next command makes a new copy.
    """
    from dbt.cli.main import dbtRunner

    say("Creating the models that are views, which only Spark has so far …")
    with unfinished(folder):
        done = dbtRunner().invoke(["--quiet", "run", "--select", "config.materialized:view", "--no-write-json"])
        if not done.success:
            raise SettingsError(what_went_wrong(done, DBT))


def _last_refresh(folder: Path, is_new: bool) -> dict[str, str]:
    """Now, and the settings that the models read: those with which they were built as a whole.

    The build file states them itself. If something was loaded since, the instant of that load counts.

    Raises:
        SettingsError: no refresh has built the models yet, or somebody else has the copy open.
    """
    copy = folder / "warehouse.duckdb"
    try:
        with duckdb.connect(str(copy)) as connection:
            as_of, currency, rate = connection.execute(
                "select as_of, reporting_currency, subscription_cost_rate from ops.refresh_settings"
            ).fetchall()[0]
    except duckdb.CatalogException:
        raise SettingsError(
            f"no refresh has built every model in {config.data_dir()} yet: run `make refresh` first."
        ) from None
    except duckdb.IOException as error:
        raise SettingsError(f"{str(error).splitlines()[0]}") from None
    built, loaded = as_of.replace(tzinfo=UTC), _loaded(folder, is_new)
    if loaded and loaded > built:
        say(f"Data were loaded as of {_text(loaded)} and the models built as of {_text(built)}: build what you read.")
    return {
        "LIFECYCLE_AS_OF": _text(max(built, loaded or built)),
        "LIFECYCLE_REPORTING_CURRENCY": currency,
        "LIFECYCLE_SUBSCRIPTION_COST_RATE": "" if rate is None else f"{Decimal(str(rate)):f}",
    }


def _loaded(folder: Path, is_new: bool) -> datetime | None:
    """The instant of the latest load in the copy. Nobody loads into it: what was read of it once stays so."""
    note = folder / LOADED_AS_OF
    if is_new or not note.exists():
        from ingestion.warehouse import latest_as_of

        latest = latest_as_of(folder / "warehouse.duckdb")
        note.write_text(latest.isoformat() if latest else "")
    text = note.read_text()
    return datetime.fromisoformat(text) if text else None


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    # What one command makes is wanted until it ends, and looking for rubbish among it takes longer than a build.
    gc.disable()
    sys.exit(main(sys.argv[1:]))
