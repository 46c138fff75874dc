"""Order lines: quantities, prices and costs in a range that a sale can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, mostly_below_price, steady_mean


def expectations(batch: Batch) -> list[Expectation]:
    return [
        between("quantity", 0, 1e6, mostly=0.999),
        between("unit_price", 0, 1e8, mostly=0.999),
        steady_mean(batch, "unit_price", by="currency_code"),
        between("unit_cost", 0, 1e8, mostly=0.999),
        # The cost of a pack at the price of a piece. A cost in another currency than the price is not compared.
        mostly_below_price("unit_cost", "unit_price", where="unit_cost_currency_code = currency_code"),
    ]
