"""What people, agents and deals are called: everybody is in it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        *(
            equal_sums(
                f"every {entity_type} is in it",
                f"select count(*) from {batch.relation} where entity_type = '{entity_type}'",
                f"select count(*) from {table}",
            )
            for entity_type, table in (
                ("person", "core.dim_persons"),
                ("agent", "core.dim_agents"),
                ("deal", "core.fct_deals"),
            )
        ),
    ]
