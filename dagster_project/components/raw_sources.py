"""Source systems as assets: one asset per raw table, and one dlt pipeline per account of a source.

An account that cannot be loaded stops neither its siblings nor the run: its tables are reported as they are, with the
reason, and a check fails that blocks nothing. So the run of the job succeeds, because it did what can be done; running
its steps again would bring nothing new.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    Backoff,
    Component,
    ComponentLoadContext,
    DagsterExecutionInterruptedError,
    DagsterRunStatus,
    Definitions,
    Failure,
    MaterializeResult,
    Model,
    Resolvable,
    RetryPolicy,
    multi_asset,
)
from dagster_dlt import DagsterDltResource, DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData
from dlt.common.runtime.collector import Collector

from dagster_project import environment
from dagster_project.resources import WRITER_POOL, Refresh, raw_asset_key
from dagster_project.steps import ACCOUNTED_CHECK, LOADED_CHECK
from ingestion import config, failures, pipelines, secrecy
from ingestion.accounting import UnaccountedError
from ingestion.config import Account
from ingestion.freshness import Freshness, freshness, note_failure
from ingestion.intake import Intake
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import LOAD_AUDIT

SECONDS_BETWEEN_REPORTS = 2.0


class RawTableTranslator(DagsterDltTranslator):
    """Names of a source's dlt resources as assets."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=raw_asset_key(self.source, data.resource.name),
                deps=[],
                group_name=self.source,
                kinds={"dlt", "duckdb"},
                description=f"{data.resource.name.replace('_', ' ').capitalize()} of {self.source} as they arrived.",
            )
        )


class RawSources(Component, Model, Resolvable):
    """Loads each source of `SOURCE_NAMES` into its raw schema, enabled or not: each has its raw tables.

    Attributes:
        tries: how often a whole load is tried; each request has its own retries besides.
        first_wait_seconds: pause before the second try; it doubles from there.
    """

    tries: int = 3
    first_wait_seconds: float = 10.0

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        return Definitions(assets=[self._load_of(source) for source in SOURCE_NAMES])

    def _load_of(self, source: str) -> AssetsDefinition:
        translator = RawTableTranslator(source)
        specs = [
            translator.get_asset_spec(DltResourceTranslatorData(resource=resource, pipeline=None))
            for resource in pipelines.build_source(source).resources.values()
        ]

        # What became of each account in this run: a second try loads only those that may still be loaded.
        outcomes: dict[str, dict[Account, Outcome]] = {}

        @multi_asset(
            name=f"load_{source}",
            specs=specs,
            check_specs=[
                AssetCheckSpec(
                    ACCOUNTED_CHECK,
                    asset=raw_asset_key(source, LOAD_AUDIT.name),
                    blocking=True,
                    description="received = loaded + rejected, and dlt handed on as many rows as were loaded.",
                ),
                AssetCheckSpec(
                    LOADED_CHECK,
                    asset=raw_asset_key(source, LOAD_AUDIT.name),
                    description="Every enabled account was loaded. What is known of one that was not stays as it is, "
                    "and the marts are published without its news.",
                ),
            ],
            pool=WRITER_POOL,
            retry_policy=RetryPolicy(
                max_retries=self.tries - 1, delay=self.first_wait_seconds, backoff=Backoff.EXPONENTIAL
            ),
        )
        def load(
            context: AssetExecutionContext, refresh: Refresh, dlt_loader: DagsterDltResource
        ) -> Iterator[MaterializeResult | AssetCheckResult]:
            run = context.instance.get_run_by_id(context.run_id)
            if run is not None and run.status is DagsterRunStatus.CANCELING:
                raise Failure("the run is being ended", allow_retries=False)  # Dagster ends the step under way alone
            if context.run.run_id not in outcomes:
                outcomes.clear()
            known = outcomes.setdefault(context.run.run_id, {})
            try:
                with pipelines.held_open():
                    for account in config.accounts_of(source):
                        if account not in known or known[account].may_pass:
                            known[account] = _load(context, account, translator, dlt_loader)
            except (DagsterExecutionInterruptedError, KeyboardInterrupt):
                raise _interrupted(context) from None
            waiting = [str(outcome.error) for outcome in known.values() if outcome.may_pass]
            if waiting and context.retry_number < self.tries - 1:
                raise Failure("; ".join(waiting))
            yield from _reported(context, source, known)

        return load


@dataclass(frozen=True)
class Outcome:
    """What became of one account.

    Attributes:
        metadata: of each raw table, once it is loaded.
        counts: received, loaded and rejected of each resource.
        problems, warnings: sentences on records that are not accounted for, and on what the load could not do.
        error: why it was not loaded, or not as a whole, in one line.
        may_pass: whether it was not loaded, and another try may help.
    """

    metadata: Mapping[AssetKey, Mapping[str, Any]] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    error: str | None = None
    may_pass: bool = False


def _load(
    context: AssetExecutionContext, account: Account, translator: RawTableTranslator, dlt_loader: DagsterDltResource
) -> Outcome:
    """Load one account. An error that concerns it alone is part of the outcome.

    Raises:
        Failure: an error that stops the run.
    """
    try:
        load = pipelines.ready(account.source, account.name, ReportRows(context, account.source))
    except Exception as error:
        if failures.stops_the_run(error) or isinstance(error, UnaccountedError):
            raise failure(context, error, account) from None
        context.log.error(secrecy.told(error))
        note_failure(account, failures.in_short(error))
        return Outcome(error=failures.told(error, account), may_pass=failures.may_pass(error))
    try:
        results = list(
            dlt_loader.run(
                context,
                dlt_source=load.source,
                dlt_pipeline=load.pipeline,
                dagster_dlt_translator=translator,
                loader_file_format=pipelines.LOADER_FILE_FORMAT,
            )
        )
    except Exception as error:
        if failures.stops_the_run(error):
            raise failure(context, error, account) from None
        context.log.error(secrecy.told(error))
        load.fail(error)
        return Outcome(error=failures.told(error, account), may_pass=failures.may_pass(error))
    load.succeed()
    return Outcome(
        metadata={result.asset_key: dict(result.metadata or {}) for result in results if result.asset_key is not None},
        counts=_counts(load.intake),
        problems=load.problems(),
        warnings=[sentence for sentence in load.intake.warnings if sentence not in load.intake.failures],
        error="; ".join(load.intake.failures) or None,
    )


def failure(context: AssetExecutionContext, error: Exception, account: Account) -> Failure:
    """What ends the step. A request to end is never tried again.

    Dagster would store an error that stays attached word for word: it is logged instead, without secrets.
    """
    if failures.is_interruption(error):
        return _interrupted(context)
    context.log.error(secrecy.told(error))
    return Failure(failures.told(error, account), allow_retries=failures.may_pass(error))


def _interrupted(context: AssetExecutionContext) -> Failure:
    """What ends the step of a load that was asked to end: Dagster would try it again after the interruption itself."""
    context.instance.report_run_canceling(context.run)  # no other load begins
    return Failure("interrupted", allow_retries=False)


def _reported(
    context: AssetExecutionContext, source: str, outcomes: Mapping[Account, Outcome]
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """The tables and the checks of a source. A raw table is one asset, also where several accounts have rows in it.

    Raises:
        Failure: an account was not loaded without which nothing may be published.
    """
    if not outcomes:
        pipelines.ready(source)
    failed = _failed(outcomes)
    shown: dict[str, Any] = {"is_enabled": bool(outcomes), "is_failed": bool(failed)}
    if not outcomes:
        shown["note"] = "source is disabled"
    if failed:
        shown["reasons"] = failed
    for key in sorted(context.selected_asset_keys):
        metadata: dict[str, Any] = {}
        totals: Counter[str] = Counter()
        for outcome in outcomes.values():
            metadata |= outcome.metadata.get(key, {})
            totals.update(outcome.counts.get(key.path[-1], {}))
        yield MaterializeResult(asset_key=key, metadata={**metadata, **totals, **shown})
    audit_key = AssetKey(raw_asset_key(source, LOAD_AUDIT.name))
    yield _accounted_for(audit_key, outcomes)
    yield AssetCheckResult(
        check_name=LOADED_CHECK,
        asset_key=audit_key,
        passed=not failed,
        severity=AssetCheckSeverity.ERROR,
        description="; ".join(f"{each['reason']} ({each['staleness']})" for each in failed) or None,
        metadata={
            "failed": failed,
            "loaded": [str(account) for account, outcome in outcomes.items() if outcome.error is None],
        },
    )
    required = [each["reason"] for each in failed if each["is_required"]]
    if required:
        raise Failure(
            f"{'; '.join(required)} (nothing is published without it: LIFECYCLE_REQUIRED_SOURCES)", allow_retries=False
        )


def _failed(outcomes: Mapping[Account, Outcome]) -> list[dict[str, Any]]:
    """The accounts that were not loaded: why, since when there is no news of them, and whether they are required."""
    required = environment.settings().required_sources
    accounts = [account for account, outcome in outcomes.items() if outcome.error is not None]
    return [
        {
            "account": str(known.account),
            "reason": outcomes[known.account].error,
            "stale_since": known.loaded_as_of.isoformat() if known.loaded_as_of else None,
            "staleness": _staleness(known),
            "is_required": known.account in required,
        }
        for known in freshness(accounts)
    ]


def _staleness(known: Freshness) -> str:
    """How long there has been no news of an account: it is said each night, and grows."""
    if known.loaded_as_of is None:
        return "never loaded"
    days = (config.as_of() - known.loaded_as_of).days
    return f"no news since {known.loaded_as_of:%Y-%m-%d %H:%M} UTC, for {days} {'day' if days == 1 else 'days'}"


def _accounted_for(key: AssetKey, outcomes: Mapping[Account, Outcome]) -> AssetCheckResult:
    """Whether every record that arrived was loaded or rejected."""

    def said(of: Callable[[Outcome], Sequence[str]]) -> list[str]:
        return [
            sentence if len(outcomes) == 1 else f"{account}: {sentence}"
            for account, outcome in outcomes.items()
            for sentence in of(outcome)
        ]

    problems, warnings = said(lambda outcome: outcome.problems), said(lambda outcome: outcome.warnings)
    return AssetCheckResult(
        check_name=ACCOUNTED_CHECK,
        asset_key=key,
        passed=not problems and not warnings,
        severity=AssetCheckSeverity.ERROR if problems else AssetCheckSeverity.WARN,
        description="; ".join([*problems, *warnings]) or None,
        metadata={
            "is_enabled": bool(outcomes),
            "is_accounted_for": not problems,
            "counts": {str(account): outcome.counts for account, outcome in outcomes.items() if outcome.counts},
        },
    )


def _counts(intake: Intake) -> dict[str, dict[str, int]]:
    """Received, loaded and rejected of each resource."""
    return {
        name: {
            "received": intake.received[name],
            "loaded": intake.loaded[name],
            "rejected": intake.rejected[name],
        }
        for name in intake.resources
    }


class ReportRows(Collector):
    """dlt's progress as observations in the event log, a few seconds apart."""

    def __init__(self, context: AssetExecutionContext, source: str) -> None:
        self._context, self._source = context, source
        self._tables = {table.name for table in pipelines.tables(source)}
        self._rows: Counter[str] = Counter()
        self._reported_at = 0.0
        self._is_extracting = False

    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        if not self._is_extracting or name not in self._tables:
            return
        self._rows[name] += inc
        if time.monotonic() - self._reported_at >= SECONDS_BETWEEN_REPORTS:
            self._reported_at = time.monotonic()
            self._context.log_event(
                AssetObservation(
                    raw_asset_key(self._source, name),
                    metadata={"rows_so_far": self._rows[name], "rows_of_source_so_far": sum(self._rows.values())},
                )
            )

    def _start(self, step: str) -> None:
        self._is_extracting = step.startswith("Extract")
        self._reported_at = time.monotonic()

    def _stop(self) -> None:
        self._is_extracting = False
