"""How far the people of a campaign have come: whoever entered a stage is in it, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "first entries into stages add up to those of the history",
            f"select sum(entered_count) from {batch.relation}",
            "select count(distinct (lifecycle_model, stage, entity_type, entity_id)) "
            "from marts.lifecycle_stage_history where stage_kind = 'active'",
        ),
    ]
