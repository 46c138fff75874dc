"""Recurring revenue: past months stay as they were published."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        *_months_kept(batch),
        no_rows(
            "no complete month that began with 50 customers or more lost half of its recurring revenue",
            "select month, start_customer_count, gross_revenue_retention_rate from {batch} "
            "where is_complete and start_customer_count >= 50 and gross_revenue_retention_rate < 0.5",
            "warn",
        ),
    ]


def _months_kept(batch: Batch) -> list[Expectation]:
    """People who turn out to be one move little; a price list that vanished would move months."""
    if batch.published is None:
        return []
    return [
        no_rows(
            "the recurring revenue of no month that was complete moved by more than 5% since the previous publication",
            "select month, was_published.end_mrr_amount_reporting as was_amount, "
            "now_published.end_mrr_amount_reporting as now_amount from {batch} as now_published "
            f"join {batch.published}.{batch.relation} as was_published using (month) where was_published.is_complete "
            "and abs(now_published.end_mrr_amount_reporting - was_published.end_mrr_amount_reporting) "
            "> 0.05 * was_published.end_mrr_amount_reporting",
            "warn",
        )
    ]
