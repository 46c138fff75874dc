"""Order lines: quantities, prices and costs in a range that a sale can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import mostly_below_price, steady_mean, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *within("quantity", 1e6),
        *within("unit_price", 1e8),
        steady_mean(batch, "unit_price", by="currency_code"),
        *within("unit_cost", 1e8),
        # The cost of a pack at the price of a piece. A cost in another currency than the price is not compared.
        mostly_below_price("unit_cost", "unit_price", where="unit_cost_currency_code = currency_code"),
    ]
