"""Orders: amounts, mix and rhythm near what came before."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import any_filled, fresh, no_rows, steady_mean, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        fresh(batch, "processed_at", days=7),
        *within("total_price", 1e9),
        any_filled(["customer_id", "email", "phone"], at_least=0.8, severity="warn"),
        any_filled(["customer_id", "email", "phone"], at_least=0.2),
        steady_mean(batch, "total_price", by="currency_code"),
        no_rows(
            "at most 30% of orders are test orders",
            "select count(*) as order_count, count(*) filter (where test) as test_count from {batch} "
            "having count(*) >= 20 and count(*) filter (where test) > 0.3 * count(*)",
            "warn",
        ),
    ]
