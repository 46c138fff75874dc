"""Stages day by day: the days that were published stay."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [*rows_kept(batch), *_past_kept(batch)]


def _past_kept(batch: Batch) -> list[Expectation]:
    """Late records and merges move a few; the last day published was not over and is left out."""
    if batch.published is None:
        return []
    return [
        no_rows(
            "no stage's number on a day published before moved by more than 5% and 10 entities",
            "select lifecycle_model, stage, date_day, now_published.entities_in_stage, "
            "was_published.entities_in_stage as was_in_stage from {batch} as now_published "
            f"join {batch.published}.{batch.relation} as was_published using (lifecycle_model, stage, date_day) "
            f"where date_day < (select max(date_day) from {batch.published}.{batch.relation}) "
            "and abs(now_published.entities_in_stage - was_published.entities_in_stage) "
            "> greatest(10, 0.05 * was_published.entities_in_stage)",
            "warn",
        )
    ]
