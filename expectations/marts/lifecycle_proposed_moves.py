"""What a proposal would change: one that moves nearly everyone is more often a mistake than an improvement."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "no proposal moves or drops more than half of 50 or more entities that are in a stage now",
            "select proposed_model, count(*) as moved_count, any_value(total) as entity_count from {batch} as moves "
            "join (select lifecycle_model as current_model, count(*) as total from marts.lifecycle_current "
            "group by lifecycle_model) as totals using (current_model) where change <> 'enters' "
            "group by proposed_model having any_value(total) >= 50 and count(*) > 0.5 * any_value(total)",
            "warn",
        )
    ]
