"""The door for `dg`: everything under `defs/`, run step by step in one process because DuckDB takes one writer."""

from pathlib import Path

from dagster import Definitions, definitions, in_process_executor, load_from_defs_folder
from dagster_dlt import DagsterDltResource

from dagster_project import environment
from dagster_project.resources import Refresh, dbt_cli


@definitions
def defs() -> Definitions:
    environment.prepare()
    return Definitions.merge(
        load_from_defs_folder(path_within_project=Path(__file__).parent),
        Definitions(
            executor=in_process_executor,
            resources={"refresh": Refresh(), "dlt_loader": DagsterDltResource(), "dbt": dbt_cli()},
        ),
    )
