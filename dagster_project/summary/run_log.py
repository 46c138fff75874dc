"""What happened in a run, read from Dagster's event log while it is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dagster import (
    AssetCheckEvaluation,
    DagsterEvent,
    DagsterEventType,
    DagsterExecutionInterruptedError,
    DagsterInstance,
)

from dagster_project.alerts import Outcome
from dagster_project.steps import ACCOUNTED_CHECK, CLASS_PATH, LOADED_CHECK, PUBLISHED
from ingestion.obstacles import explained
from ingestion.sources import SOURCE_NAMES

Status = Literal["passed", "warned", "failed", "skipped"]


@dataclass
class Step:
    """One step of the run. `cause` is one line; `seconds` counts the last try."""

    name: str
    started_at: float
    seconds: float | None = None
    has_failed: bool = False
    cause: str = ""
    tries: int = 1


@dataclass(frozen=True)
class Finding:
    """What one expectation, count or test found."""

    kind: str
    subject: str
    expectation: str
    status: Status
    observed: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Happening:
    """Something worth a line while the run is under way."""

    step: str
    what: Literal["started", "finished", "failed", "lacks", "retried", "rows", "models"]
    detail: str = ""


@dataclass
class RunLog:
    """Facts of one run, gathered event by event.

    Attributes:
        steps: by name, in the order of their start.
        findings: of the accounting of each source and of both gates. dbt's own results add the tests of the models.
        counts: source, or account of one, to resource to received, loaded, rejected; None for a disabled source.
        failed_accounts: the accounts that could not be loaded.
        published: metadata of the publication, once there is one.
        unchanged: which version stays and what it lacks, where there was nothing new to build.
        started_at, latest_at: instants at which the run began and last logged one of these facts, in seconds since
            the epoch.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, Mapping[str, Mapping[str, int]] | None] = field(default_factory=dict)
    failed_accounts: set[str] = field(default_factory=set)
    published: Mapping[str, Any] | None = None
    unchanged: Mapping[str, Any] | None = None
    started_at: float | None = None
    latest_at: float | None = None
    ended: Literal["succeeded", "failed", "canceled"] | None = None
    cause: str = ""
    _cursor: str | None = None

    @property
    def seconds(self) -> float | None:
        """From the beginning of the run to what it logged last; None before it began."""
        return None if self.started_at is None or self.latest_at is None else self.latest_at - self.started_at

    @property
    def has_failed(self) -> bool:
        """Whether a step failed for good, or the run did."""
        return self.ended in ("failed", "canceled") or any(step.has_failed for step in self.steps.values())

    @property
    def stale_sources(self) -> list[str]:
        """The sources of which the published data lack news, each with since when and why."""
        return list((self.published or self.unchanged or {}).get("stale_sources", ()))

    @property
    def is_up_to_date(self) -> bool:
        """Whether what BI reads was made of what this run knows: published by it, or found unchanged."""
        return self.published is not None or (self.unchanged is not None and self.ended != "canceled")

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended for those who read the marts; None where it was not meant to publish and did its work."""
        if self.is_up_to_date:
            return "partly" if self.has_failed or self.stale_sources else "published"
        return "failed" if self.has_failed or self.cause or not self.steps else None

    def read(self, instance: DagsterInstance, run_id: str) -> Iterator[Happening]:
        """Take in what was logged since the last call."""
        while True:
            page = instance.get_records_for_run(run_id, cursor=self._cursor, of_type=TAKEN)
            self._cursor = page.cursor
            for record in page.records:
                event = record.event_log_entry.dagster_event
                if event is not None:
                    yield from self._take(event, record.event_log_entry.timestamp)
            if not page.has_more:
                return

    def _take(self, event: DagsterEvent, at: float) -> Iterator[Happening]:
        kind, name = event.event_type, event.step_key or ""
        self.latest_at = at
        if kind == DagsterEventType.RUN_START:
            self.started_at = at
        elif kind in (DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED):
            earlier = self.steps.get(name)
            self.steps[name] = Step(name, at, tries=earlier.tries + 1 if earlier else 1)
            yield Happening(name, "started")
        elif kind == DagsterEventType.STEP_SUCCESS:
            self.steps[name].seconds = at - self.steps[name].started_at
            yield Happening(name, "finished")
        elif kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY):
            step = self.steps.setdefault(name, Step(name, at))
            step.seconds, step.cause = at - step.started_at, _cause(event)
            step.has_failed = kind == DagsterEventType.STEP_FAILURE
            yield Happening(name, "failed" if step.has_failed else "retried", step.cause)
        elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
            yield from self._take_check(name, event.asset_check_evaluation_data)
        elif kind == DagsterEventType.ASSET_OBSERVATION:
            observation = event.asset_observation_data.asset_observation
            rows = observation.metadata.get("rows_of_source_so_far")
            if rows is not None:
                yield Happening(name, "rows", f"{rows.value:,} rows so far, {observation.asset_key.path[-1]}")
            built = observation.metadata.get("models_so_far")
            if built is not None:
                yield Happening(name, "models", f"{built.value} models built")
            if tuple(observation.asset_key.path) == PUBLISHED:
                self.unchanged = {key: value.value for key, value in observation.metadata.items()}
        elif kind == DagsterEventType.ASSET_MATERIALIZATION:
            if event.asset_key and tuple(event.asset_key.path) == PUBLISHED:
                materialization = event.step_materialization_data.materialization
                self.published = {key: value.value for key, value in materialization.metadata.items()}
        elif kind in ENDS:
            self.ended = ENDS[kind]
            self.cause = _cause(event)

    def _take_check(self, step: str, check: AssetCheckEvaluation) -> Iterator[Happening]:
        """The loading, the accounting and the gates; dbt's own results say more of a dbt test than its event."""
        schema, table = check.asset_key.path[0], check.asset_key.path[-1]
        metadata: dict[str, Any] = {key: value.value for key, value in check.metadata.items()}
        if check.check_name == LOADED_CHECK:
            for account in metadata["loaded"]:
                self.findings.append(Finding("loading", account, "the source is loaded", "passed"))
            for failed in metadata["failed"]:
                seen = f"{failed['reason']} ({failed['staleness']})"
                self.failed_accounts.add(failed["account"])
                self.findings.append(Finding("loading", failed["account"], "the source is loaded", "failed", seen))
                yield Happening(step, "lacks", seen)
        elif check.check_name == ACCOUNTED_CHECK:
            source = schema.removeprefix("raw_")
            is_enabled = bool(metadata["is_enabled"])
            self.counts.update(metadata["counts"] if is_enabled else {source: None})
            status: Status
            if not is_enabled or not metadata["counts"]:
                status = "skipped"  # nothing arrived
            elif check.passed:
                status = "passed"
            else:  # every record is accounted for, but the load has something to say
                status = "warned" if metadata["is_accounted_for"] else "failed"
            self.findings.append(
                Finding("accounting", source, "received = loaded + rejected", status, check.description or "")
            )
        elif "results" in metadata:
            kind = "raw gate" if schema.removeprefix("raw_") in SOURCE_NAMES else "mart gate"
            for result in metadata["results"]:
                self.findings.append(
                    Finding(
                        kind,
                        f"{schema}.{table}",
                        result["expectation"],
                        result["status"],
                        result["observed"],
                        tuple(result["samples"]),
                    )
                )


ENDS: dict[DagsterEventType, Literal["succeeded", "failed", "canceled"]] = {
    DagsterEventType.RUN_SUCCESS: "succeeded",
    DagsterEventType.RUN_FAILURE: "failed",
    DagsterEventType.RUN_CANCELED: "canceled",
}
# What `_take` takes in. Two of three events are plans and outputs, which take longer to read than all of these.
TAKEN = {
    DagsterEventType.RUN_START,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_MATERIALIZATION,
    *ENDS,
}


def _cause(event: DagsterEvent) -> str:
    """The reason of a failure in one line: what was said on purpose, or the deepest error's first line."""
    data: Any = event.event_specific_data
    failure = getattr(data, "user_failure_data", None)
    if failure is not None and failure.description:
        return explained(" ".join(failure.description.split()))
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return ""
    if error.cls_name == DagsterExecutionInterruptedError.__name__:
        return "interrupted"
    # Where an exception's class lives says nothing to who reads the line.
    return CLASS_PATH.sub("", explained(" ".join(error.message.split())))[:500]
