"""Who is about to leave: every customer is judged, and not all of them the same way."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every customer with a paid order, and every subscriber, is judged",
            f"select count(*) from {batch.relation}",
            "select count(*) from (select person_id from marts.customer_value where paid_order_count > 0 "
            "union select person_id from core.fct_subscriber_spells where person_id is not null)",
        ),
        no_rows(
            "at most 95% of customers have churned",
            "select count(is_churned_by_inactivity_rule) as customer_count, "
            "count(*) filter (where is_churned_by_inactivity_rule) as churned_count "
            "from {batch} having count(is_churned_by_inactivity_rule) >= 50 "
            "and count(*) filter (where is_churned_by_inactivity_rule) > 0.95 * count(is_churned_by_inactivity_rule)",
            "warn",
        ),
    ]
