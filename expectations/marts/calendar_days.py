"""The calendar: it grows by one day per night and loses none."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return rows_kept(batch)
