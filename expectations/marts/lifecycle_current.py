"""Where everyone is now: nobody lost, nobody in two places, no stage suddenly empty or full."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "everyone with a history is in exactly one current stage of each stage model",
            f"select count(*) from {batch.relation}",
            "select count(*) from (select distinct lifecycle_model, entity_type, entity_id "
            "from marts.lifecycle_stage_history)",
        ),
        no_rows(
            "no stage holds more than 95% of everyone",
            "select lifecycle_model, stage, count(*) as entity_count, any_value(total) as total from ("
            "select *, count(*) over (partition by lifecycle_model) as total from {batch}) "
            "group by lifecycle_model, stage having any_value(total) >= 50 and count(*) > 0.95 * any_value(total)",
            "warn",
        ),
        *_stage_shares(batch),
    ]


def _stage_shares(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    shares = (
        "select lifecycle_model, stage, count(*) / sum(count(*)) over (partition by lifecycle_model) as share "
        "from {relation} group by lifecycle_model, stage"
    )
    return [
        no_rows(
            "no stage's share moved by more than 15 points since the previous publication",
            f"select * from ({shares.format(relation='{batch}')}) as now_published "
            f"join ({shares.format(relation=f'{batch.published}.{batch.relation}')}) as was_published "
            "using (lifecycle_model, stage) where abs(now_published.share - was_published.share) > 0.15",
            "warn",
        )
    ]
