"""The dictionary of stages: reports that were made with a stage still find it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return rows_kept(batch)
