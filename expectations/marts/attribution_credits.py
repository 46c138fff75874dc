"""What led to conversions: every conversion is credited once in every attribution model."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "what orders brought in is credited to first touches, all of it and once",
            f"select sum(value_amount_reporting) from {batch.relation} "
            "where attribution_model = 'first' and conversion_kind in ('first_order', 'repeat_order')",
            "select sum(value_amount_reporting) from core.fct_conversions "
            "where conversion_kind in ('first_order', 'repeat_order')",
        ),
    ]
