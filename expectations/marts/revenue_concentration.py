"""How much the best customers bring in: their share does not jump from one night to the next."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    # A period in which nobody bought has no rows.
    return [*rows_kept(batch, 0.5), *_shares_kept(batch)]


def _shares_kept(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    return [
        no_rows(
            "no share of the best of 100 or more customers moved by more than 10 points since the previous publication",
            "select period, top_rate, now_published.top_revenue_rate, was_published.top_revenue_rate as was_rate "
            f"from {{batch}} as now_published join {batch.published}.{batch.relation} as was_published "
            "using (period, top_rate) where was_published.customer_count >= 100 and "
            "abs(now_published.top_revenue_rate - was_published.top_revenue_rate) > 0.1",
            "warn",
        )
    ]
