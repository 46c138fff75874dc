"""Funnels by entry cohort: the figures of a mature cohort do not change."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [*rows_kept(batch), *_mature_cohorts_kept(batch)]


def _mature_cohorts_kept(batch: Batch) -> list[Expectation]:
    """The window of a mature cohort is over: late records and merges alone move its rates."""
    if batch.published is None:
        return []
    return [
        no_rows(
            "no rate of a mature cohort of 50 or more moved by more than 5 points since the previous publication",
            "select lifecycle_model, cohort_month, acquisition_channel, stage, "
            "now_published.conversion_rate_in_window, was_published.conversion_rate_in_window as was_rate "
            "from {batch} as now_published "
            # A publication from before there were breakdowns has none to compare with.
            "join (select '' as breakdown, '' as acquisition_channel where false union all by name "
            f"select * from {batch.published}.{batch.relation}) as was_published "
            "using (breakdown, lifecycle_model, cohort_month, acquisition_channel, stage) "
            "where was_published.is_mature and was_published.cohort_size >= 50 and "
            "abs(now_published.conversion_rate_in_window - was_published.conversion_rate_in_window) > 0.05",
            "warn",
        )
    ]
