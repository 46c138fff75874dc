"""The environment that every command of the project runs in, set in one place: paths, telemetry off, `.env`.

`python -m dagster_project.environment [--sandbox] -- <command>` runs a command in it; with `--sandbox` and the profile
`sandbox`, beside the vendor servers of the simulated company.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator
from pydantic_settings import SettingsConfigDict

from dagster_project.steps import dbt_target
from ingestion import config
from ingestion.config import PROJECT_ROOT, Count, Settings, SettingsError, Write, of_text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error
    return name


def _share(text: str) -> float:
    if not re.fullmatch(r"0|1|1\.0+|0?\.[0-9]+", text):
        raise ValueError(text)
    return float(text)


def prepare() -> None:
    """Set what the tools read from the environment, and create the folders that a run writes to.

    A variable that is set wins over `.env`. Derived variables are always set: they follow `LIFECYCLE_DATA_DIR`.
    """
    for name, value in dotenv_values(PROJECT_ROOT / ".env").items():
        if value and not os.environ.get(name):  # an empty line sets nothing
            os.environ[name] = value
    data = config.data_dir()
    home = data / "dagster"
    for folder in (data / "logs", home):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        LIFECYCLE_DATA_DIR=str(data),
        LIFECYCLE_WAREHOUSE_PATH=str(config.warehouse_path()),
        DAGSTER_HOME=str(home),
        # dagster-dbt takes the parsed project from here into the folder of each later run.
        DBT_TARGET_PATH=str(dbt_target()),
        DBT_LOG_PATH=str(data / "logs"),
        DLT_PROJECT_DIR=str(PROJECT_ROOT),
        VIRTUAL_ENV=sys.prefix,
        DAGSTER_DISABLE_TELEMETRY="1",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        DO_NOT_TRACK="1",
        RUNTIME__DLTHUB_TELEMETRY="false",
        GX_ANALYTICS_ENABLED="false",
    )
    shutil.copyfile(PROJECT_ROOT / "dagster_project" / "dagster.yaml", home / "dagster.yaml")


class RefreshSettings(Settings):
    """How this installation refreshes.

    Attributes:
        profile: the simulated company and its servers, or real accounts.
        schedule_timezone: time zone of the nightly schedule.
        keep_versions: number of published versions that stay.
        keep_runs: number of runs that stay in Dagster's storage, with their logs and summaries.
        subscription_cost_rate: share of subscription revenue that serving it costs, as the dbt macro of this name reads
            it; None: not known.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    profile: Annotated[Literal["sandbox", "production"], Write("choose one of sandbox, production")] = "sandbox"
    schedule_timezone: Annotated[
        str, AfterValidator(_zone), Write("write a time zone of the IANA list, such as Europe/Paris")
    ] = "UTC"
    keep_versions: Count = 5
    keep_runs: Count = 7
    subscription_cost_rate: Annotated[
        float | None,
        of_text(_share),
        Write("write a share from 0 to 1, such as 0.2, or nothing where it is not known"),
    ] = None


def settings() -> RefreshSettings:
    """How this installation refreshes.

    Raises:
        SettingsError: naming the setting that cannot work, and what to write instead.
    """
    return RefreshSettings.read()


def serving_dir() -> Path:
    """Folder of the published versions and of the link to the current one."""
    return config.data_dir() / "serving"


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set environment variables, and put the earlier values back at the end."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by a command in the project's environment; returns only when that cannot start."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.environment", description=__doc__)
    parser.add_argument("--sandbox", action="store_true", help="in the profile sandbox, run beside its vendor servers")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        prepare()
        command = list(options.command)
        if options.sandbox and settings().profile == "sandbox":
            command = [sys.executable, "-m", "sandbox", "run", "--", *command]
        os.execvp(command[0], command)
    except SettingsError as error:
        print(f"Not started: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Not started: {options.command[0]}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
