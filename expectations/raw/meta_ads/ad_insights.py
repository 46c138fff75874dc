"""Daily delivery of ads: no missing days, spend near what came before."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import fresh, no_rows, steady_mean, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        fresh(batch, "date_start", days=7),
        *within("spend", 1e7),
        no_rows(
            "clicks are not more than impressions",
            "select account_id, ad_id, date_start, clicks, impressions from {batch} where clicks > impressions",
            "warn",
        ),
        no_rows(
            "no day without delivery lies between two days with it",
            "select account_id, previous_day, date_start from ("
            "select account_id, date_start, "
            "lag(date_start) over (partition by account_id order by date_start) as previous_day "
            f"from (select distinct account_id, date_start from {batch.relation} where _dlt_valid_to is null)) "
            "where date_start > previous_day + 1",
            "warn",
        ),
        steady_mean(batch, "spend", by="account_id"),
    ]
