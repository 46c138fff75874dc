"""The summary of a run that could not leave one itself, because its process died or its definitions could not be
loaded."""

from dagster import (
    DefaultSensorStatus,
    Definitions,
    RunFailureSensorContext,
    SkipReason,
    definitions,
    run_failure_sensor,
)

from dagster_project import environment, summary
from dagster_project.steps import ACTIVATION_JOB
from serving.publish import latest_readable


@definitions
def defs() -> Definitions:
    @run_failure_sensor(
        name="summary_of_a_run_cut_short",
        default_status=DefaultSensorStatus.RUNNING,
        description="Leaves a summary where a run failed without leaving one itself.",
    )
    def summary_of_a_run_cut_short(context: RunFailureSensorContext) -> SkipReason | None:
        run_id = context.dagster_run.run_id
        if context.dagster_run.job_name == ACTIVATION_JOB:
            return SkipReason("What is told to others has no summary: its lines are in the log of the run.")
        if summary.path_of(run_id).exists():
            return SkipReason("The run left its summary itself.")
        # Another run may be writing by now: what is said comes from the log of the run alone.
        published = latest_readable(environment.serving_dir())
        context.log.info(summary.leave(context.instance, run_id, before=published, holds_lock=False))
        return None

    return Definitions(sensors=[summary_of_a_run_cut_short])
