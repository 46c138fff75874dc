"""Order lines from files."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, mostly_below_price


def expectations(batch: Batch) -> list[Expectation]:
    return [
        between("quantity", 0, 1e6, mostly=0.999),
        between("unit_price", 0, 1e8, mostly=0.999),
        # The cost of the whole line, or of another currency, in the column of the unit's.
        mostly_below_price("unit_cost", "unit_price"),
    ]
