"""How long customers last: curves never rise, and no customer leaves unseen."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "no curve rises with duration",
            "select * from (select curve, breakdown, breakdown_value, duration_days, survival_rate, "
            "lag(survival_rate) over (partition by curve, breakdown, breakdown_value "
            "order by duration_days asc nulls last) as rate_before from {batch}) "
            # A rate is rounded to nine decimals: two that are equal may lie on both sides of where it rounds.
            "where survival_rate > rate_before + 0.0000000015",
        ),
        equal_sums(
            "every customer leaves each curve once, by event or by censoring",
            f"select sum(event_count + censored_count) from {batch.relation} where breakdown = 'all'",
            "select count(*) from core.fct_customer_lifetimes",
        ),
    ]
