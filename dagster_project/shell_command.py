"""`make shell`: DuckDB's shell, read-only, on a copy of the last build, with every schema from the raw tables on.

It may stay open: a refresh never meets it, and a later `make shell` puts a new copy in the place of the old one, which
whoever has it open keeps until they leave.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dagster_project import environment
from dagster_project.copies import copy_if_newer, say
from dagster_project.steps import engine
from ingestion import config
from ingestion.config import SettingsError


def main(arguments: Sequence[str]) -> int:
    """Replace this process by the shell; returns only when that cannot start."""
    try:
        environment.prepare()
        folder = config.data_dir() / "shell"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:  # one copies at a time; nobody holds it while they look
            fcntl.flock(lock, fcntl.LOCK_EX)
            copy_if_newer(config.warehouse_path(), folder)
        if engine() == "spark":
            say('Models that are views lie in Spark, not in this copy: `make dbt ARGS="show -s <model>"` shows one.')
    except SettingsError as error:
        say(f"No shell: {error}")
        return 1
    shell, copy = Path(sys.executable).with_name("duckdb"), folder / config.warehouse_path().name
    os.execv(shell, ["duckdb", "-readonly", str(copy), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
