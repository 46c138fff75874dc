"""What was published is told to the sinks: a job of its own, after each publication.

It is no part of the nightly job, and takes no part in its pool: a refresh never waits for a sink, nor a sink for it.
"""

from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    Definitions,
    EventLogEntry,
    Failure,
    OpExecutionContext,
    RunRequest,
    SensorEvaluationContext,
    asset_sensor,
    definitions,
    job,
    op,
)

from activation.ledger import LedgerError
from activation.outbox import NothingToReadError
from dagster_project import activate, alerts, environment
from dagster_project.sinks import ActivationSettings
from dagster_project.steps import ACTIVATION_JOB, PUBLISHED
from ingestion import secrecy
from ingestion.config import SettingsError


@definitions
def defs() -> Definitions:
    @op(description="Tells the sinks of ACTIVATION_SINKS what the published outbox holds and they were not told yet.")
    def tell_sinks(context: OpExecutionContext) -> None:
        environment.prepare()
        try:
            wanted = ActivationSettings.read().sinks
            if not wanted:
                context.log.info("ACTIVATION_SINKS is empty: nothing is sent.")
                return
            lines: list[str] = []
            code = activate.deliver(wanted, lines.append)
        except (SettingsError, LedgerError, NothingToReadError) as error:
            lines, code = [str(error)], 1
        for line in map(secrecy.hidden, lines):
            context.log.info(line)
        if code:
            said = [secrecy.hidden(line) for line in lines]
            for sentence in alerts.send("Not everything was told to the sinks", said, is_good=False):
                context.log.info(sentence)
            raise Failure("A sink stopped: its line in the log says why.", allow_retries=False)

    limit = {"dagster/max_runtime": str(environment.settings().time_limit_minutes * 60)}

    @job(name=ACTIVATION_JOB, tags=limit)
    def activation_job() -> None:
        tell_sinks()

    @asset_sensor(
        asset_key=AssetKey(PUBLISHED),
        job=activation_job,
        name="after_a_publication",
        default_status=DefaultSensorStatus.STOPPED if environment.is_sandbox() else DefaultSensorStatus.RUNNING,
        description="Begins the job `activate` after each publication.",
    )
    def after_a_publication(context: SensorEvaluationContext, event: EventLogEntry) -> RunRequest:
        return RunRequest(run_key=datetime.fromtimestamp(event.timestamp, UTC).isoformat())

    return Definitions(jobs=[activation_job], sensors=[after_a_publication])
