"""Renewals due: probabilities are those of customer_churn, and no subscription that is paid by the month is missing."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    """How many are due depends on the season, so no share of the rows published before has to be kept."""
    return [
        no_rows(
            "the end of a subscription is as probable as in customer_churn",
            "select due.subscription_id, due.end_probability, churns.subscription_end_probability from {batch} as due "
            "join marts.customer_churn as churns using (person_id) "
            "where due.end_probability is distinct from churns.subscription_end_probability",
        ),
        no_rows(
            "every subscription that is paid for by the month is due",
            "select subscription_id, mrr_amount from core.fct_subscriptions left join {batch} as due "
            "using (subscription_id) where fct_subscriptions.mrr_amount > 0 "
            "and fct_subscriptions.billing_months = 1 and due.days_until_renewal is null",
            "warn",
        ),
    ]
