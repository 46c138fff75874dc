"""`make dbt ARGS="build -s customer_360"`: dbt at the instant and with the settings of the last refresh, on a copy.

The copy `dev/warehouse.duckdb` is in the data folder and is made again when the build file has changed. So unfinished
models never reach what a refresh publishes, and no refresh waits for somebody who is working on one.

Belongs here: the settings that dbt gets. Does not: what a refresh runs (`defs/`), how the file is copied (`copies`).
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from dagster_project import environment
from dagster_project.copies import copy_if_newer, say
from dagster_project.stage_models import refuse_unknown_stage_models
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError
from ingestion.warehouse import latest_as_of

DBT = PROJECT_ROOT / "dbt_project"


def main(arguments: Sequence[str]) -> int:
    """Replace this process by dbt; returns only when that cannot start."""
    if not arguments:
        say('Give what dbt is to do: make dbt ARGS="build -s customer_360"')
        return 1
    stated = dict(os.environ)
    try:
        environment.prepare()
        folder = config.data_dir() / "dev"
        refuse_unknown_stage_models(DBT)
        _claim(folder)
        if copy_if_newer(config.warehouse_path(), folder):
            say(f"Copied {config.warehouse_path()}: what was built in the copy before has to be built again.")
        settings = _last_refresh(folder / "warehouse.duckdb")
    except SettingsError as error:
        say(f"dbt not started: {error}")
        return 1
    chosen = {name: stated.get(name) or value for name, value in settings.items()}
    os.environ.update(chosen)
    os.environ.update(
        DBT_PROJECT_DIR=str(DBT),
        DBT_PROFILES_DIR=str(DBT),
        DBT_TARGET="dev",
        # What the refresh has parsed, with the build file as its target, stays as it is.
        DBT_TARGET_PATH=str(folder / "dbt"),
        DBT_LOG_PATH=str(folder / "logs"),
    )
    del os.environ["LIFECYCLE_WAREHOUSE_PATH"]  # another target finds no build file
    say(
        f"dbt as of {chosen['LIFECYCLE_AS_OF']} in {chosen['LIFECYCLE_REPORTING_CURRENCY']}, "
        f"on {folder / 'warehouse.duckdb'}"
    )
    os.execv(Path(sys.executable).with_name("dbt"), ["dbt", *arguments])


def _claim(folder: Path) -> None:
    """Hold the copy for this process and for the dbt that takes its place: one of them may change it at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise SettingsError(f"another dbt is working on {folder}: wait until it has finished.") from None
    os.set_inheritable(file, True)


def _last_refresh(copy: Path) -> dict[str, str]:
    """Now, and the settings that the models read: those with which they were built as a whole.

    The build file states them itself. If something was loaded since, the instant of that load counts.

    Raises:
        SettingsError: no refresh has built the models yet, or somebody else has the copy open.
    """
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
    built, loaded = as_of.replace(tzinfo=UTC), latest_as_of(copy)
    if loaded and loaded > built:
        say(f"Data were loaded as of {_text(loaded)} and the models built as of {_text(built)}: build what you read.")
    return {
        "LIFECYCLE_AS_OF": _text(max(built, loaded or built)),
        "LIFECYCLE_REPORTING_CURRENCY": currency,
        "LIFECYCLE_SUBSCRIPTION_COST_RATE": "" if rate is None else f"{Decimal(str(rate)):f}",
    }


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
