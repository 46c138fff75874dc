"""Exchange rates: no jump, no long gap, still arriving."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import fresh, no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        fresh(batch, "rate_date", days=10),
        no_rows(
            "no rate moves by more than 20% from one day to the next",
            "select * from (select base_currency, quote_currency, rate_date, rate, "
            "lag(rate) over (partition by base_currency, quote_currency order by rate_date) as previous_rate "
            f"from {batch.relation} where _dlt_valid_to is null) where abs(rate / previous_rate - 1) > 0.2",
            "warn",
        ),
        no_rows(
            "no gap between two rates of a currency is longer than 10 days",
            "select * from (select base_currency, quote_currency, rate_date, "
            "lag(rate_date) over (partition by base_currency, quote_currency order by rate_date) as previous_date "
            f"from {batch.relation} where _dlt_valid_to is null) where rate_date > previous_date + 10",
            "warn",
        ),
    ]
