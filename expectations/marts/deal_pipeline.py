"""Every deal is in the pipeline, and its value with it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every deal is in it",
            f"select count(*) from {batch.relation}",
            "select count(*) from core.fct_deals",
        ),
        equal_sums(
            "its value adds up to that of all deals",
            f"select sum(deal_amount_reporting) from {batch.relation}",
            "select sum(deal_amount_reporting) from core.fct_deals",
        ),
    ]
