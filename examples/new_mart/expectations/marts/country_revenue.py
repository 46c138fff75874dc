"""Revenue by country: it adds up to the ledger."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "countries add up to the ledger",
            f"select sum(revenue_amount_reporting) from {batch.relation}",
            "select sum(amount_reporting) from core.fct_revenue_entries",
        ),
    ]
