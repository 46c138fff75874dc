"""The entry point for `dg`: everything under `defs/`, run step by step in one process because DuckDB takes one
writer."""

from functools import cache
from pathlib import Path

from dagster import Definitions, definitions, in_process_executor, load_from_defs_folder
from dagster_dlt import DagsterDltResource

from dagster_project import environment
from dagster_project.resources import Refresh
from ingestion import config


@definitions
def defs() -> Definitions:
    environment.prepare()
    return _load(config.data_dir())


@cache
def _load(data_dir: Path) -> Definitions:
    """Load once a process and data folder: `dg launch` alone asks five times."""
    return Definitions.merge(
        load_from_defs_folder(path_within_project=Path(__file__).parent),
        Definitions(
            executor=in_process_executor,
            resources={"refresh": Refresh(), "dlt_loader": DagsterDltResource()},
        ),
    )
