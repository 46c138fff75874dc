"""An alert when the marts, or a source of theirs, have had no news for too long: also where no run says so, because
none began."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from dagster import DefaultSensorStatus, Definitions, SensorEvaluationContext, SkipReason, definitions, sensor

from dagster_project import alerts, environment
from dagster_project.alerts import AlertSettings
from ingestion import config
from serving.publish import Publication, latest_readable

HOUR = 60 * 60
MARTS = "the published marts"


@definitions
def defs() -> Definitions:
    @sensor(
        name="late_sources",
        minimum_interval_seconds=HOUR,
        default_status=DefaultSensorStatus.RUNNING,
        description="Alerts once when the published marts or a source of theirs are late, and once when that is over.",
    )
    def late_sources(context: SensorEvaluationContext) -> SkipReason:
        # The publication, never the build file, which a refresh may be writing.
        published = latest_readable(environment.serving_dir())
        if published is None:
            return SkipReason("Nothing is published yet.")
        hours = AlertSettings.read().late_after_hours
        late = dict(_late(published, config.machine_time(), timedelta(hours=hours)))
        before: set[str] = {*json.loads(context.cursor or "[]")}
        whose = "Sandbox: " if environment.is_sandbox() else ""
        still = list(late.values())
        if new := [name for name in late if name not in before]:
            _send(context, f"{whose}no news for {hours} hours: {', '.join(new)}", still, is_good=False)
        if over := sorted(before - {*late}):
            _send(
                context, f"{whose}news again: {', '.join(over)}", still or ["Nothing is late any more."], is_good=True
            )
        context.update_cursor(json.dumps(sorted(late)))
        return SkipReason(" ".join(still) or "Nothing is late.")

    return Definitions(sensors=[late_sources])


def _send(context: SensorEvaluationContext, title: str, lines: list[str], *, is_good: bool) -> None:
    for sentence in alerts.send(title, lines, is_good=is_good):
        context.log.info(sentence)


def _late(published: Publication, now: datetime, limit: timedelta) -> Iterator[tuple[str, str]]:
    """What is late, each with a sentence that says since when.

    The clock of the machine counts, not the instant that a refresh called now: that may be a simulated one. Where the
    marts themselves are late, only the sources are named that were without news by then.
    """
    are_marts_late = now - published.published_at > limit
    if are_marts_late:
        yield MARTS, f"The marts were last published at {_shown(published.published_at)}. Was there a refresh since?"
    for source in published.states:
        if source.loaded_at is None:
            yield source.name, f"{source.name} was never loaded ({source.reason})."
        elif now - source.loaded_at > limit and (source.is_stale or not are_marts_late):
            why = f" ({source.reason})" if source.reason else ""
            yield source.name, f"{source.name} was last loaded at {_shown(source.loaded_at)}{why}."


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
