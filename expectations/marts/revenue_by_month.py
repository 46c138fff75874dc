"""Revenue by month: each customer was acquired in a month, and the past is not repriced."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, near_published, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "each customer was acquired in one of the months",
            f"select sum(acquired_customer_count) from {batch.relation} where view = 'order'",
            "select count(*) from core.dim_customers",
        ),
        *_months_kept(batch),
    ]


def _months_kept(batch: Batch) -> list[Expectation]:
    """What money moved in a month that is over stays: a late refund belongs to a later month of the cash view."""
    if batch.published is None:
        return []
    was_published = f"{batch.published}.{batch.relation}"
    months_over = f"select month from {was_published} where is_complete"
    revenue = "select sum(revenue_amount_reporting) from {} where breakdown = 'all' and view = 'cash' and month in ({})"
    return [
        near_published(
            "the revenue of the months over has not moved by more than 20% since the previous publication",
            revenue.format(batch.relation, months_over),
            revenue.format(was_published, months_over),
            down=0.2,
            up=0.2,
            severity="warn",
        )
    ]
