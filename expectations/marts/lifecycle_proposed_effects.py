"""What a proposal would do to the figures: a stage that nobody would ever reach has a rule that never matches."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "every stage of a proposal is reached by someone, where 50 or more entered it",
            "select proposed_model, stage from (select *, "
            "max(proposed_reached_count) over (partition by proposed_model) as highest_count from {batch}) as effects "
            "where proposed_stage_kind = 'active' and proposed_reached_count = 0 and highest_count >= 50",
            "warn",
        )
    ]
