"""What customers cost to acquire: a month that is over keeps its spend and its customers."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        no_rows(
            "at most 5% of the days of spend have no exchange rate",
            "select * from (select count(*) - count(spend_amount_reporting) as unconverted_count, "
            "count(*) as day_count from core.fct_ad_spend) where unconverted_count > 0.05 * day_count",
            "warn",
        ),
        *_months_kept(batch),
    ]


def _months_kept(batch: Batch) -> list[Expectation]:
    """Platforms correct the spend of the last weeks; more than that, or of older months, is a wrong load."""
    if batch.published is None:
        return []
    return [
        no_rows(
            "no month over has lost or gained more than 10% of its spend or customers since the previous publication",
            "select cohort_month, "
            "now_published.spend_amount_reporting, was_published.spend_amount_reporting as was_spend_amount, "
            "now_published.customer_count, was_published.customer_count as was_customer_count "
            f"from {{batch}} as now_published join {batch.published}.{batch.relation} as was_published "
            "using (breakdown, cohort_month) where breakdown = 'all' and was_published.observed_age_months is not null "
            "and (abs(now_published.spend_amount_reporting - was_published.spend_amount_reporting) "
            "> 0.1 * was_published.spend_amount_reporting "
            "or abs(now_published.customer_count - was_published.customer_count) > 0.1 * was_published.customer_count)",
            "warn",
        )
    ]
