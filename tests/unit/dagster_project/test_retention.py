"""Of many runs the latest stay in Dagster's storage, and nothing of the others."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from dagster import AssetCheckResult, DagsterInstance, asset, asset_check, job, materialize

from dagster_project.retention import forget_old_runs
from dagster_project.steps import ACTIVATION_JOB


@asset
def work() -> None: ...


@asset_check(asset=work)
def is_done() -> AssetCheckResult:
    return AssetCheckResult(passed=True)


def test_all_but_the_latest_runs_are_gone_with_their_events_checks_and_files(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        runs = [materialize([work, is_done], instance=instance).run_id for _ in range(4)]
        assert forget_old_runs(instance, keep=2) == 2

        kept = set(runs[2:])
        assert {run.run_id for run in instance.get_runs()} == kept
        with instance.event_log_storage.index_connection() as connection:
            for table in ("event_logs", "asset_check_executions"):
                known = connection.execute(sqlalchemy.text(f"select distinct run_id from {table}")).scalars()
                assert {*known} == kept, table
        for run_id in runs[:2]:
            assert not [*tmp_path.rglob(f"*{run_id}*")]
        for run_id in kept:
            assert instance.all_logs(run_id)
        assert forget_old_runs(instance, keep=2) == 0


def test_what_is_told_to_others_takes_the_place_of_no_night(tmp_path: Path) -> None:
    @job(name=ACTIVATION_JOB)
    def told() -> None:
        return None

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        nights = []
        for _ in range(2):
            nights.append(materialize([work, is_done], instance=instance).run_id)
            told.execute_in_process(instance=instance)
        assert forget_old_runs(instance, keep=2) == 0
        assert forget_old_runs(instance, keep=1) == 2

        assert {run.job_name for run in instance.get_runs()} > {ACTIVATION_JOB}
        assert instance.has_run(nights[1]) and not instance.has_run(nights[0])
