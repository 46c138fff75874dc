"""Source systems as assets: one asset per raw table, and one dlt pipeline per account of a source."""

import time
from collections import Counter
from collections.abc import Iterator
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

from dagster_project.resources import WRITER_POOL, Refresh, raw_asset_key
from dagster_project.steps import ACCOUNTED_CHECK
from ingestion import config, pipelines
from ingestion.config import SettingsError
from ingestion.http import VendorError
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

        @multi_asset(
            name=f"load_{source}",
            specs=specs,
            check_specs=[
                AssetCheckSpec(
                    ACCOUNTED_CHECK,
                    asset=raw_asset_key(source, LOAD_AUDIT.name),
                    blocking=True,
                    description="received = loaded + rejected, and dlt handed on as many rows as were loaded.",
                )
            ],
            pool=WRITER_POOL,
            retry_policy=RetryPolicy(
                max_retries=self.tries - 1, delay=self.first_wait_seconds, backoff=Backoff.EXPONENTIAL
            ),
        )
        def load(
            context: AssetExecutionContext, refresh: Refresh, dlt_loader: DagsterDltResource
        ) -> Iterator[MaterializeResult | AssetCheckResult]:
            try:
                yield from _load(context, source, translator, dlt_loader)
            except Exception as error:
                if interrupted := pipelines.interruption(error):
                    raise interrupted from None
                reason = pipelines.cause(error)
                known = isinstance(reason, VendorError | SettingsError)
                raise Failure(
                    str(reason) if known else f"{source}: {type(reason).__name__}: {reason}",
                    allow_retries=not isinstance(reason, SettingsError) and getattr(reason, "may_pass", True),
                ) from error

        return load


def _load(
    context: AssetExecutionContext, source: str, translator: RawTableTranslator, dlt_loader: DagsterDltResource
) -> Iterator[MaterializeResult | AssetCheckResult]:
    audit_key = AssetKey(raw_asset_key(source, LOAD_AUDIT.name))
    accounts = config.accounts_of(source)
    if not accounts:
        pipelines.ready(source)
        for key in sorted(context.selected_asset_keys):
            yield MaterializeResult(asset_key=key, metadata={"is_enabled": False, "note": "source is disabled"})
        yield AssetCheckResult(
            check_name=ACCOUNTED_CHECK, asset_key=audit_key, passed=True, metadata={"is_enabled": False, "counts": {}}
        )
        return
    # A raw table is one asset, also where several accounts have rows in it: it is materialized after the last one.
    materialized: dict[AssetKey, dict[str, Any]] = {}
    problems, warnings, counts = list[str](), list[str](), dict[str, dict[str, dict[str, int]]]()
    for account in accounts:
        load = pipelines.ready(source, account.name, ReportRows(context, source))
        for result in dlt_loader.run(
            context,
            dlt_source=load.source,
            dlt_pipeline=load.pipeline,
            dagster_dlt_translator=translator,
            loader_file_format=pipelines.LOADER_FILE_FORMAT,
        ):
            if result.asset_key is not None:  # dagster-dlt always names it
                materialized[result.asset_key] = dict(result.metadata or {})
        of_account = "" if len(accounts) == 1 else f"{account}: "
        problems += [f"{of_account}{sentence}" for sentence in load.problems()]
        warnings += [f"{of_account}{sentence}" for sentence in load.intake.warnings]
        counts[str(account)] = _counts(load.intake)
    for key, metadata in materialized.items():
        counted = [each[key.path[-1]] for each in counts.values() if key.path[-1] in each]
        totals = {what: sum(each[what] for each in counted) for what in ("received", "loaded", "rejected")}
        yield MaterializeResult(asset_key=key, metadata={**metadata, **totals})
    yield AssetCheckResult(
        check_name=ACCOUNTED_CHECK,
        asset_key=audit_key,
        passed=not problems and not warnings,
        severity=AssetCheckSeverity.ERROR if problems else AssetCheckSeverity.WARN,
        description="; ".join([*problems, *warnings]) or None,
        metadata={"is_enabled": True, "is_accounted_for": not problems, "counts": counts},
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
