"""How long stages last: a median over many episodes does not move much in a night."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [*rows_kept(batch), *_medians_kept(batch)]


def _medians_kept(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    return [
        no_rows(
            "no median of 50 or more episodes moved by more than half and a day since the previous publication",
            "select lifecycle_model, stage, now_published.median_days, was_published.median_days as was_median_days "
            f"from {{batch}} as now_published join {batch.published}.{batch.relation} as was_published "
            "using (lifecycle_model, stage) where was_published.episode_count >= 50 and "
            "abs(now_published.median_days - was_published.median_days) "
            "> greatest(1, 0.5 * was_published.median_days)",
            "warn",
        )
    ]
