"""What stays of earlier runs in Dagster's storage, which would otherwise grow with every night.

Belongs here: forgetting runs, with their events, check results and logs. Does not: published versions (`serving`); the
warehouse, where `ops.run_log` keeps a row for every run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from dagster_project.steps import ACTIVATION_JOB

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def forget_old_runs(instance: DagsterInstance, keep: int) -> int:
    """Delete all but the latest `keep` finished runs, and what no run knows any more.

    What is told to others after each night is counted by itself, so that it leaves as many nights as before.

    Dagster deletes a run's events, but neither its results of checks, nor its database file, nor its folder of logs.

    Returns:
        Number of runs deleted.
    """
    finished = instance.get_runs(RunsFilter(statuses=FINISHED))
    told = [run for run in finished if run.job_name == ACTIVATION_JOB]
    refreshed = [run for run in finished if run.job_name != ACTIVATION_JOB]
    outdated = [run.run_id for run in (*told[keep:], *refreshed[keep:])]
    for run_id in outdated:
        instance.delete_run(run_id)
    storage = instance.event_log_storage
    known = {run.run_id for run in instance.get_runs()}
    with storage.index_connection() as connection:  # type: ignore[attr-defined]  # of every storage that is SQL
        of_runs = {
            row[0] for row in connection.execute(sqlalchemy.text("select distinct run_id from asset_check_executions"))
        }
        gone = [{"run_id": run_id} for run_id in sorted(of_runs - known)]
        if gone:
            connection.execute(sqlalchemy.text("delete from asset_check_executions where run_id = :run_id"), gone)
    home = Path(instance.root_directory)
    for database in (home / "history" / "runs").glob("*.db*"):
        run_id = database.name.partition(".")[0]
        if run_id != "index" and run_id not in known:
            database.unlink()
    for folder in (home / "storage").glob("*"):
        if folder.is_dir() and folder.name not in known:
            shutil.rmtree(folder)
    return len(outdated)
