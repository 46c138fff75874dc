"""Retention by cohort: the value of a mature cell does not change."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [*rows_kept(batch), *_cells_kept(batch)]


def _cells_kept(batch: Batch) -> list[Expectation]:
    """The days of a mature cell are over; only rolling retention goes on, and upwards."""
    if batch.published is None:
        return []
    return [
        no_rows(
            "no rate of a cohort of 50 or more fell by more than 5 points, nor rose if not rolling, "
            "since the previous publication",
            "select cohort_period, cohort_started_on, retention_kind, from_day, now_published.retention_rate, "
            f"was_published.retention_rate as was_rate from {{batch}} as now_published "
            f"join {batch.published}.{batch.relation} as was_published "
            "using (cohort_period, cohort_started_on, retention_kind, from_day) where was_published.cohort_size >= 50 "
            "and (now_published.retention_rate < was_published.retention_rate - 0.05 "
            "or (retention_kind <> 'rolling' and now_published.retention_rate > was_published.retention_rate + 0.05))",
            "warn",
        )
    ]
