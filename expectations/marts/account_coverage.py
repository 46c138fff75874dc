"""Which people we know at each company: every account is there, and they did not all lose their people at once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every account is there",
            f"select count(*) from {batch.relation}",
            "select count(*) from core.dim_accounts",
        ),
        no_rows(
            "at most 95% of accounts are without anybody",
            "select count(*) as account_count, count(*) filter (where group_stakeholder_count = 0) as empty_count "
            "from {batch} having count(*) >= 50 and count(*) filter (where group_stakeholder_count = 0) "
            "> 0.95 * count(*)",
            "warn",
        ),
    ]
