"""The nightly clock."""

from __future__ import annotations

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultScheduleStatus,
    ScheduleDefinition,
)
from dagster._core.events import RunFailureReason
from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import get_reexecution_strategy

from dagster_project.components.scheduled_job import ScheduledJob


def nightly() -> ScheduleDefinition:
    component = ScheduledJob(job_name="nightly_refresh", cron="0 2 * * *", run_retries=2)
    (schedule,) = component.build_defs(None).schedules  # type: ignore[arg-type,misc] # the context is not used
    assert isinstance(schedule, ScheduleDefinition)
    return schedule


def test_runs_at_two_in_the_time_zone_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIFECYCLE_SCHEDULE_TIMEZONE", raising=False)
    assert (nightly().cron_schedule, nightly().execution_timezone) == ("0 2 * * *", "UTC")

    monkeypatch.setenv("LIFECYCLE_SCHEDULE_TIMEZONE", "Europe/Paris")
    assert nightly().execution_timezone == "Europe/Paris"


@pytest.mark.parametrize(
    ("profile", "status"),
    [("production", DefaultScheduleStatus.RUNNING), ("sandbox", DefaultScheduleStatus.STOPPED)],
)
def test_is_on_in_production_only(profile: str, status: DefaultScheduleStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_PROFILE", profile)

    assert nightly().default_status == status


def test_a_run_ends_at_the_limit_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_TIME_LIMIT_MINUTES", "90")
    component = ScheduledJob(job_name="nightly_refresh", cron="0 2 * * *", run_retries=2)
    (job,) = component.build_defs(None).jobs  # type: ignore[arg-type,misc] # the context is not used

    assert job.tags["dagster/max_runtime"] == "5400"


@pytest.mark.parametrize(
    ("ended_by", "is_started_again"),
    [
        (RunFailureReason.STEP_FAILURE, False),  # it has had its own tries, and said why it failed
        (RunFailureReason.UNEXPECTED_TERMINATION, True),
        (RunFailureReason.RUN_WORKER_RESTART, True),
        (None, True),  # the daemon found that the process is gone
    ],
)
def test_a_night_is_started_again_where_its_process_died_and_not_where_a_step_failed(
    ended_by: RunFailureReason | None, is_started_again: bool
) -> None:
    with DagsterInstance.local_temp(overrides={"run_retries": {"enabled": True, "max_retries": 0}}) as instance:
        run = instance.add_run(DagsterRun("nightly_refresh", status=DagsterRunStatus.FAILURE, tags=nightly().tags))

        assert auto_reexecution_should_retry_run(instance, run, ended_by) == is_started_again
        assert get_reexecution_strategy(run, instance) == ReexecutionStrategy.ALL_STEPS
