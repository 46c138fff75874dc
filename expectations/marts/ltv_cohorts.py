"""What cohorts are worth by age: a point of a curve, once reached, changes only through late refunds and merges."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [*rows_kept(batch), *_curves_kept(batch)]


def _curves_kept(batch: Batch) -> list[Expectation]:
    """The cash view of an age that is over changes by late records and merges alone."""
    if batch.published is None:
        return []
    curve = (
        "select cohort_month, age_months, sum(cohort_size) as cohort_size, "
        "sum(cash_view_revenue_amount_reporting) / sum(cohort_size) as per_customer from {} "
        "group by cohort_month, age_months"
    )
    return [
        no_rows(
            "no value per customer of a cohort of 50 or more moved by more than 10% since the previous publication",
            "select cohort_month, age_months, "
            "now_published.per_customer, was_published.per_customer as was_per_customer "
            f"from ({curve.format('{batch}')}) as now_published "
            f"join ({curve.format(f'{batch.published}.{batch.relation}')}) as was_published "
            "using (cohort_month, age_months) where was_published.cohort_size >= 50 and "
            "abs(now_published.per_customer - was_published.per_customer) > 0.1 * abs(was_published.per_customer)",
            "warn",
        )
    ]
