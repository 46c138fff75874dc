"""The two gates as blocking asset checks: raw tables before any model, marts before publication."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Definitions,
    definitions,
    multi_asset_check,
)

from dagster_project import environment, news, personal
from dagster_project.resources import WRITER_POOL, Refresh
from expectations.suites import Suite, mart_suites, raw_suites
from ingestion import config
from ingestion.sources import SOURCE_NAMES
from serving.publish import latest_readable

RAW_CHECK, MART_CHECK = "is_plausible", "may_be_published"


@definitions
def defs() -> Definitions:
    raw = raw_suites(SOURCE_NAMES)
    marts = mart_suites()

    @multi_asset_check(
        name="gate_raw",
        specs=_specs(raw, RAW_CHECK, "Is what was loaded since the last publication plausible?"),
        pool=WRITER_POOL,
    )
    def gate_raw(context: AssetCheckExecutionContext, refresh: Refresh) -> Iterator[AssetCheckResult]:
        if news.unchanged_version(context.run):
            yield from _skip(raw, RAW_CHECK, "nothing was loaded since the last publication")
        else:
            yield from _judge(raw, RAW_CHECK)

    @multi_asset_check(
        name="gate_marts",
        specs=_specs(marts, MART_CHECK, "May BI see this mart?"),
        pool=WRITER_POOL,
    )
    def gate_marts(context: AssetCheckExecutionContext, refresh: Refresh) -> Iterator[AssetCheckResult]:
        yield from _judge(marts, MART_CHECK)

    return Definitions(asset_checks=[gate_raw, gate_marts])


def _specs(suites: Iterable[Suite], name: str, question: str) -> list[AssetCheckSpec]:
    return [
        AssetCheckSpec(name, asset=AssetKey([suite.schema, suite.table]), blocking=True, description=question)
        for suite in suites
    ]


def _judge(suites: Iterable[Suite], name: str) -> Iterator[AssetCheckResult]:
    from expectations.runner import Result, open_runner  # Great Expectations takes seconds to import

    enabled = config.enabled_sources()
    published = latest_readable(environment.serving_dir())
    with open_runner(
        config.warehouse_path(),
        as_of=config.as_of(),
        since=published.published_at if published else None,
        published=published.path if published else None,
        show_row=personal.shown_row,
    ) as runner:
        for suite in suites:
            accounts = config.accounts_of(suite.source) if suite.source else ()
            if suite.source and suite.source not in enabled:
                results = [Result(suite.name, "all expectations", "skipped", "source is disabled")]
            elif len(accounts) > 1:
                results = [
                    replace(result, expectation=f"{account}: {result.expectation}")
                    for account in accounts
                    for result in runner.run(suite, account.name)
                ]
            else:
                results = runner.run(suite)
            statuses = {result.status for result in results}
            yield AssetCheckResult(
                asset_key=AssetKey([suite.schema, suite.table]),
                check_name=name,
                passed=not statuses & {"failed", "warned"},
                severity=AssetCheckSeverity.ERROR if "failed" in statuses else AssetCheckSeverity.WARN,
                metadata={
                    "results": [
                        {
                            "expectation": result.expectation,
                            "status": result.status,
                            "observed": personal.masked_text(result.observed),
                            "samples": list(result.samples),
                        }
                        for result in results
                    ]
                },
            )


def _skip(suites: Iterable[Suite], name: str, reason: str) -> Iterator[AssetCheckResult]:
    for suite in suites:
        result = {"expectation": "all expectations", "status": "skipped", "observed": reason, "samples": []}
        yield AssetCheckResult(
            asset_key=AssetKey([suite.schema, suite.table]),
            check_name=name,
            passed=True,
            metadata={"results": [result]},
        )
