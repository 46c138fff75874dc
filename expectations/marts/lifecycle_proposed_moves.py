"""What a proposal would change: one that moves nearly everyone is more often a mistake than an improvement."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "no proposal moves or drops more than half of 50 or more entities whose stage it keeps",
            "select proposed_model, count(moves.entity_id) as moved_count, count(*) as entity_count "
            "from marts.lifecycle_current as entities "
            "join marts.lifecycle_proposed_effects as effects on effects.current_model = entities.lifecycle_model "
            "and effects.stage = entities.stage and effects.proposed_stage_kind is not null "
            "left join {batch} as moves using (proposed_model, current_model, entity_type, entity_id) "
            "group by proposed_model having count(*) >= 50 and count(moves.entity_id) > 0.5 * count(*)",
            "warn",
        )
    ]
