"""Order lines from files."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        between("quantity", 0, 1e6, mostly=0.999),
        between("unit_price", 0, 1e8, mostly=0.999),
        # The cost of the whole line, or of another currency, in the column of the unit's.
        no_rows(
            "at most 20% of lines with a known cost cost more than they were sold for",
            "select count(*) as line_count, sum(case when unit_cost > unit_price then 1 else 0 end) as dear_count "
            "from {batch} as lines where unit_cost is not null "
            "having sum(case when unit_cost > unit_price then 1 else 0 end) > 0.2 * count(*)",
            "warn",
        ),
    ]
