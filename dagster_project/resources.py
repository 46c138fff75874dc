"""Resources that the definitions share: the refresh under way, and dbt.

Belongs here: what more than one folder of `defs/` needs. Does not: assets and checks.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from dagster import (
    ConfigurableResource,
    DagsterInstance,
    DagsterRunStatus,
    Failure,
    InitResourceContext,
    RunsFilter,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from cluster.thrift import ClusterError
from dagster_project import dbt_runner, environment, spark_tables, summary
from dagster_project.content import content
from dagster_project.parsed_project import begin_with_installed
from dagster_project.retention import forget_old_runs
from dagster_project.stage_models import refuse_unknown_stage_models
from dagster_project.steps import ACTIVATION_JOB, dbt_target, engine, parsed_manifest
from ingestion import config
from ingestion.clock import check_before_loading
from ingestion.config import SettingsError
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import WarehouseFileError, refuse_unusable_file
from ingestion.pipelines import check_settings
from ingestion.warehouse import refuse_going_back
from serving.publish import Publication, latest_readable

WRITER_POOL = "warehouse_writer"
UNFINISHED = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


class Refresh(ConfigurableResource):
    """The run under way: it alone may write, and one instant counts as "now" in all of its steps.

    Dagster opens it before the first step and closes it after the last one, whoever started the run and however it
    ended: there the run leaves its summary.
    """

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Refresh]:
        environment.prepare()
        if _has_ended(context):  # opened once more, by who asks for the results of the run
            yield self
            return
        before: Publication | None = None
        try:
            before = latest_readable(environment.serving_dir())
            environment.refuse_wrong_settings()
            environment.refuse_real_vendors_in_sandbox()
            with (
                writer_lock(config.data_dir()),
                environment.variables(**config.fixed_as_of(_created_at(context))),
            ):
                refuse_unusable_file(config.warehouse_path())
                spark_tables.refuse_unreachable_cluster()
                refuse_going_back()
                check_settings()
                check_before_loading()
                _close_runs_of_dead_processes(context)
                yield self
                _leave_summary(context, before)
        except (RefreshInProgressError, WarehouseFileError, ClusterError, SettingsError) as error:
            _leave_summary(context, before, reason=str(error))
            _never_again(context)
            raise Failure(str(error), allow_retries=False) from None


def _never_again(context: InitResourceContext) -> None:
    """Keep Dagster from starting the run again: to it, a run that could not begin is like one whose process died."""
    if context.instance is not None and context.run is not None:
        context.instance.add_run_tags(context.run.run_id, {"dagster/max_retries": "0"})


def _has_ended(context: InitResourceContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id) if context.instance and context.run else None
    return run is not None and run.is_finished


def _leave_summary(context: InitResourceContext, before: Publication | None, reason: str = "") -> None:
    """Write the summary to its file, and to the log that the run's page shows."""
    if context.instance is None or context.run is None or context.log is None:
        return
    run_id = context.run.run_id
    text = summary.leave(context.instance, run_id, before=before, reason=reason, holds_lock=not reason)
    context.log.info(f"Summary ({summary.path_of(run_id)}):\n{text}")
    if not reason:
        forget_old_runs(context.instance, environment.settings().keep_runs)


def _created_at(context: InitResourceContext) -> datetime | None:
    """The instant at which the run was created: a repeated step sees the same one."""
    record = context.instance.get_run_record_by_id(context.run.run_id) if context.instance and context.run else None
    return record.create_timestamp.astimezone(UTC) if record else None


def _close_runs_of_dead_processes(context: InitResourceContext) -> None:
    """Mark runs that never ended as failed. Whoever holds the lock is the only one that refreshes."""
    instance: DagsterInstance | None = context.instance
    if instance is None or context.run is None:
        return
    for run in instance.get_runs(filters=RunsFilter(statuses=UNFINISHED)):
        if run.run_id != context.run.run_id and run.job_name != ACTIVATION_JOB:
            instance.report_run_failed(run, "The process of this run ended without saying so.")


def raw_asset_key(source: str, table: str) -> list[str]:
    """Key of a raw table's asset; dbt's sources have the same."""
    return [config.dataset_name(source), table]


class ModelTranslator(DagsterDbtTranslator):
    """Names of dbt models as assets, grouped by schema: each layer is a group of the graph."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["schema"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        # The team by name: the e-mail address of a dbt group need not be one that Dagster accepts.
        group = dbt_resource_props.get("config", {}).get("group")
        return [f"team:{group}"] if group else None


def dbt_project() -> DbtProject:
    """The dbt project, with everything that dbt writes in the data folder."""
    return DbtProject(project_dir=dbt_runner.PROJECT, target_path=dbt_target())


def dbt_manifest() -> Path:
    """dbt's manifest; parsed first when it is missing or was made from other files than those of the project."""
    project = Path(dbt_project().project_dir)
    refuse_unknown_stage_models(project)
    return _parse_if_changed(dbt_target(), content(project))


@cache
def _parse_if_changed(target: Path, parsed_content: str) -> Path:
    # By content, not by time: a data folder may have been filled by another checkout, or restored.
    # A manifest of our own, because dbt writes the one in its target anew in every command, and may be killed there.
    parsed, parsed_from = parsed_manifest(target), target / "parsed" / "parsed_from.sha256"
    if _is_json(parsed) and parsed_from.exists() and parsed_from.read_text() == parsed_content:
        return parsed
    if engine() == "duckdb":
        begin_with_installed(target, parsed_content)
    dbt_runner.parse(target)
    parsed.parent.mkdir(exist_ok=True)
    draft = parsed.with_name(f"manifest.json.{os.getpid()}")
    shutil.copyfile(target / "manifest.json", draft)
    draft.replace(parsed)
    parsed_from.write_text(parsed_content)
    return parsed


def _is_json(path: Path) -> bool:
    """Whether a file is whole: one that was cut short, or never reached the disk, does not read as JSON."""
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True
