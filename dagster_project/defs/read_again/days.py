"""Days that are read again because somebody asks for them: an asset a source, with a partition a day.

It is no part of the nightly job. Dagster's own ways start it: a backfill in the web UI, or a range of partitions on the
command line. However many days that are, they are one run, and one load of each account.
"""

from collections import Counter
from datetime import date

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
    Definitions,
    Failure,
    MaterializeResult,
    asset,
    definitions,
)

from dagster_project.components.raw_sources import failure
from dagster_project.resources import WRITER_POOL, Refresh
from ingestion import config, failures, pipelines, secrecy
from ingestion.sources import SOURCE_NAMES

GROUP = "read_again"
FIRST_DAY = "2020-01-01"  # what a vendor has forgotten by now, the load refuses


@definitions
def defs() -> Definitions:
    return Definitions(assets=[_read_again(source) for source in SOURCE_NAMES if pipelines.by_day(source)])


def _days() -> DailyPartitionsDefinition:
    """Every day that is over, also in a sandbox whose clock is ahead of this machine's."""
    ahead = (config.as_of().date() - config.machine_time().date()).days
    return DailyPartitionsDefinition(FIRST_DAY, end_offset=max(ahead, 0))


def _read_again(source: str) -> AssetsDefinition:
    by_day = pipelines.by_day(source)
    tables = " and ".join(table.name for table in by_day.tables) if by_day else ""

    @asset(
        key=[GROUP, source],
        group_name=GROUP,
        kinds={"dlt", "duckdb"},
        partitions_def=_days(),
        backfill_policy=BackfillPolicy.single_run(),
        pool=WRITER_POOL,
        description=f"Days of {tables} of {source}, read again. The next refresh takes them to the marts.",
    )
    def read_again(context: AssetExecutionContext, refresh: Refresh) -> MaterializeResult:
        days = context.partition_key_range
        first, last = date.fromisoformat(days.start), date.fromisoformat(days.end)
        accounts = config.accounts_of(source)
        if not accounts:
            raise Failure(f"{source} is disabled: add it to LIFECYCLE_SOURCES.", allow_retries=False)
        failed: list[str] = []
        totals: Counter[str] = Counter()
        for account in accounts:
            try:
                intake = pipelines.read_again(source, account.name, first, last)
            except Exception as error:
                if failures.stops_the_run(error):
                    raise failure(context, error, account) from None
                context.log.error(secrecy.told(error))
                failed.append(failures.told(error, account))
                continue
            context.log.info(f"{account}, {first} to {last}:\n{pipelines.counts(intake)}")
            failed += intake.failures
            for name, count in (
                ("received", intake.received),
                ("loaded", intake.loaded),
                ("rejected", intake.rejected),
            ):
                totals[name] += count.total()
        if failed:
            raise Failure("; ".join(failed), allow_retries=False)
        return MaterializeResult(metadata=dict(totals))

    return read_again
