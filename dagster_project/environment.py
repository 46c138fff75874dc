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

from dotenv import dotenv_values

from dagster_project.steps import dbt_target
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError

PROFILES = ("sandbox", "production")


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


def profile() -> str:
    """`LIFECYCLE_PROFILE`: `sandbox` (default) or `production`.

    Raises:
        SettingsError: it is neither.
    """
    name = os.environ.get("LIFECYCLE_PROFILE", "").strip() or "sandbox"
    if name not in PROFILES:
        raise SettingsError(f"LIFECYCLE_PROFILE={name!r}: choose one of {', '.join(PROFILES)}.")
    return name


def schedule_timezone() -> str:
    """Time zone of the nightly schedule: `LIFECYCLE_SCHEDULE_TIMEZONE`."""
    return os.environ.get("LIFECYCLE_SCHEDULE_TIMEZONE", "").strip() or "UTC"


def versions_kept() -> int:
    """Number of published versions that stay: `LIFECYCLE_KEEP_VERSIONS`.

    Raises:
        SettingsError: it is no whole number of at least 1.
    """
    setting = os.environ.get("LIFECYCLE_KEEP_VERSIONS", "").strip() or "5"
    if not setting.isdigit() or int(setting) < 1:
        raise SettingsError(f"LIFECYCLE_KEEP_VERSIONS={setting!r}: write a whole number, 1 or more.")
    return int(setting)


def subscription_cost_rate() -> float | None:
    """Share of subscription revenue that serving it costs: `LIFECYCLE_SUBSCRIPTION_COST_RATE`; None: not known.

    Raises:
        SettingsError: it is no share from 0 to 1, as the dbt macro of this name reads it.
    """
    setting = os.environ.get("LIFECYCLE_SUBSCRIPTION_COST_RATE", "").strip()
    if setting and not re.fullmatch(r"0|1|1\.0+|0?\.[0-9]+", setting):
        raise SettingsError(
            f"LIFECYCLE_SUBSCRIPTION_COST_RATE={setting!r}: write a share from 0 to 1, such as 0.2, or nothing "
            "where it is not known."
        )
    return float(setting) if setting else None


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
        if options.sandbox and profile() == "sandbox":
            command = [sys.executable, "-m", "sandbox", "run", "--", *command]
        os.execvp(command[0], command)
    except SettingsError as error:
        print(f"Not started: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Not started: {options.command[0]}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
