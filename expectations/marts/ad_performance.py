"""Ads: every cent of spend, every person and every order, subscription and deal is in it once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "ads and campaigns have the people of the campaigns",
            f"select sum(person_count) from {batch.relation}",
            "select sum(person_count) from marts.campaign_performance",
        ),
        equal_sums(
            "ads and campaigns have the clicks of the campaigns",
            f"select sum(clicks) from {batch.relation}",
            "select sum(clicks) from marts.campaign_performance",
        ),
        equal_sums(
            "each conversion is credited to one row",
            "select coalesce(sum(credited_first_order_count), 0) + coalesce(sum(credited_repeat_order_count), 0) "
            "+ coalesce(sum(credited_subscription_count), 0) + coalesce(sum(credited_won_deal_count), 0) "
            f"from {batch.relation}",
            "select count(distinct conversion_id) from marts.attribution_credits "
            "where conversion_kind in ('first_order', 'repeat_order', 'subscription_started', 'deal_won')",
        ),
    ]
