"""Why each stage: every episode that BI can see has its explanation."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "every episode of the stage history is explained",
            "select lifecycle_model, entity_id, entered_at from marts.lifecycle_stage_history "
            "except select lifecycle_model, entity_id, entered_at from {batch}",
            "fail",
        )
    ]
