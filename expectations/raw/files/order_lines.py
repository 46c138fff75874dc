"""Order lines from files."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import mostly_below_price, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *within("quantity", 1e6),
        *within("unit_price", 1e8),
        # The cost of the whole line, or of another currency, in the column of the unit's.
        mostly_below_price("unit_cost", "unit_price"),
    ]
