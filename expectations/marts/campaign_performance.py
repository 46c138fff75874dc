"""What campaigns cost and brought: all spend and everyone is in it, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "spend adds up to the spend of the ad platforms",
            f"select sum(spend_amount_reporting) from {batch.relation}",
            "select sum(spend) from (select sum(spend_amount_reporting) as spend from core.fct_ad_spend "
            # a campaign's month with spend that no rate converts is null in the mart
            "group by campaign_id, date_trunc('month', spent_on) having count(*) = count(spend_amount_reporting))",
        ),
        equal_sums(
            "everyone is counted in exactly one campaign and month",
            f"select sum(person_count) from {batch.relation}",
            "select count(*) from core.dim_persons",
        ),
        equal_sums(
            "revenue adds up to the revenue booked to persons",
            f"select sum(revenue_amount_reporting) from {batch.relation}",
            "select sum(amount_reporting) from core.fct_revenue_entries where person_id is not null",
        ),
    ]
