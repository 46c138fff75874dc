"""What both the definitions and the process that follows a run from outside know about its steps.

Belongs here: names and places, without any library behind them. Does not: anything that a step does (`defs/`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic_settings import SettingsConfigDict

from ingestion import config
from ingestion.config import Settings, Write

# The two runs of dbt: everything that predictions are made from, then the marts that show them.
BUILD_STEPS = ("build_models", "build_marts")
JOB = "nightly_refresh"
ACTIVATION_JOB = "activate"
PUBLISHED = ("serving", "lifecycle")  # key of what BI opens, as an asset
# In front of an error's message: where an exception's class lives says nothing to who reads the line.
CLASS_PATH = re.compile(r"^(?:\w+\.)+\w+: ")
ACCOUNTED_CHECK = "every_record_is_accounted_for"
LOADED_CHECK = "every_account_is_loaded"


class EngineSettings(Settings):
    """What the models run on.

    Attributes:
        engine: DuckDB in the process of the run, or a cluster of Spark.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    engine: Annotated[Literal["duckdb", "spark"], Write("choose one of duckdb, spark")] = "duckdb"


def engine() -> str:
    """What runs the models: `duckdb` or `spark`.

    Raises:
        SettingsError: LIFECYCLE_ENGINE is neither.
    """
    return EngineSettings.read().engine


def dbt_target(of: str | None = None) -> Path:
    """Folder that dbt writes the parsed project to, one an engine; of the one that runs the models if none is named."""
    name = of or engine()
    return config.data_dir() / ("dbt" if name == "duckdb" else f"dbt_{name}")


def parsed_manifest(target: Path) -> Path:
    """dbt's manifest as it was parsed last, whole or not there: dbt's own may be cut short."""
    return target / "parsed" / "manifest.json"


def build_target(step: str) -> Path:
    """Folder that dbt writes the results of a step of `BUILD_STEPS` to: each step keeps its own."""
    return dbt_target() if step == BUILD_STEPS[0] else dbt_target() / step
