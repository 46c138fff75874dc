"""Who is about to leave: every customer is judged, and not all of them the same way."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every customer with a paid order is judged",
            f"select count(*) from {batch.relation}",
            "select count(*) from marts.customer_value where paid_order_count > 0",
        ),
        no_rows(
            "at most 95% of customers have churned",
            "select count(*) as customer_count, count(*) filter (where is_churned_by_inactivity_rule) as churned_count "
            "from {batch} having count(*) >= 50 "
            "and count(*) filter (where is_churned_by_inactivity_rule) > 0.95 * count(*)",
            "warn",
        ),
    ]
