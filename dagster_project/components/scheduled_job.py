"""A job on a clock."""

from __future__ import annotations

from dagster import (
    AssetSelection,
    Component,
    ComponentLoadContext,
    DefaultScheduleStatus,
    Definitions,
    Model,
    Resolvable,
    ScheduleDefinition,
    define_asset_job,
)

from dagster_project import environment


class ScheduledJob(Component, Model, Resolvable):
    """A job over every asset and check, and its schedule in `LIFECYCLE_SCHEDULE_TIMEZONE`.

    The schedule is on in the profile production; in the sandbox it waits to be switched on in the web UI.

    A run is started again where its process died, as a whole: one instant counts as now for all of its steps. One that
    ends by itself is not: its steps have had their own tries, and said why they failed.

    Attributes:
        job_name: name of the job.
        cron: when it runs, as a cron expression.
        run_retries: how often a scheduled run whose process died is started again.
        without_groups: groups of assets that are no part of it.
    """

    job_name: str
    cron: str
    run_retries: int = 0
    without_groups: list[str] = []

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        settings = environment.settings()
        # Dagster's daemon ends a run by this tag; one that `make refresh` started is ended by the command.
        limit = {"dagster/max_runtime": str(settings.time_limit_minutes * 60)}
        selection = AssetSelection.all() - AssetSelection.groups(*self.without_groups)
        job = define_asset_job(self.job_name, selection=selection, tags=limit)
        schedule = ScheduleDefinition(
            name=f"{self.job_name}_schedule",
            job=job,
            cron_schedule=self.cron,
            execution_timezone=settings.schedule_timezone,
            default_status=(
                DefaultScheduleStatus.RUNNING if not environment.is_sandbox() else DefaultScheduleStatus.STOPPED
            ),
            tags={
                "dagster/max_retries": str(self.run_retries),
                "dagster/retry_on_asset_or_op_failure": "false",
                "dagster/retry_strategy": "ALL_STEPS",
            },
        )
        return Definitions(jobs=[job], schedules=[schedule])
