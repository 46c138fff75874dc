"""Every episode: the past that was published stays."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, near_published, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        filled("entry_rule", at_least=1.0),
        no_rows(
            "no episode begins after the refresh's instant",
            f"select * from {{batch}} where entered_at::timestamptz > {batch.as_of_sql}",
        ),
        *_past_kept(batch),
    ]


def _past_kept(batch: Batch) -> list[Expectation]:
    """Late records and merges move a few past episodes; a twentieth of all of them is another matter."""
    if batch.published is None:
        return []
    earlier = f"{batch.published}.{batch.relation}"
    boundary = f"(select as_of from {batch.published}.marts.publication)"
    return [
        near_published(
            "at most 5% of the episodes before the previous publication's instant came or went",
            f"select count(*) from {batch.relation} where entered_at <= {boundary}",
            f"select count(*) from {earlier} where entered_at <= {boundary}",
            down=0.05,
            up=0.05,
            severity="warn",
        )
    ]
