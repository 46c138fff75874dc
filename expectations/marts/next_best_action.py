"""What to do next: whoever is called upon is in the audience that asks for it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "every action is of an audience that its person or account is in",
            "select actions.audience, actions.entity_id from {batch} as actions left join marts.audience_members as "
            "members on members.audience = actions.audience and members.entity_type = actions.entity_type "
            "and members.entity_id = actions.entity_id and members.is_current where members.entity_id is null",
        ),
    ]
