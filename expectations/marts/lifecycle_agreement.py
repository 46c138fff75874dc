"""Authority against derived stage: if all disagree at once, a sync or a mapping broke, not everyone's stage."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows

SHARES = (
    "select authority_model, derived_model, count(is_agreed) as compared_count, avg(is_agreed::int) as agreed_share "
    "from {relation} group by authority_model, derived_model"
)


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "authority and derived stage agree for someone of 50 or more",
            f"select * from ({SHARES.format(relation='{batch}')}) as shares "
            "where compared_count >= 50 and agreed_share = 0",
            "warn",
        ),
        *_shares_kept(batch),
    ]


def _shares_kept(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    return [
        no_rows(
            "no share that agrees, of 50 or more, fell by more than 15 points since the previous publication",
            "select authority_model, derived_model, now_published.agreed_share, "
            "was_published.agreed_share as was_agreed_share "
            f"from ({SHARES.format(relation='{batch}')}) as now_published "
            f"join ({SHARES.format(relation=f'{batch.published}.{batch.relation}')}) as was_published "
            "using (authority_model, derived_model) where was_published.compared_count >= 50 "
            "and now_published.agreed_share < was_published.agreed_share - 0.15",
            "warn",
        )
    ]
