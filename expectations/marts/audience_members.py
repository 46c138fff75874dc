"""Who is in which audience: each member is in it once at a time, and memberships were not lost."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        no_rows(
            "nobody is in an audience twice at a time",
            "select audience, entity_type, entity_id from {batch} where is_current "
            "group by audience, entity_type, entity_id having count(*) > 1",
        ),
    ]
