"""Who was lost and why: no stage suddenly loses people without a reason, or all of them at once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        filled("lost_reason", 0.9, "warn"),
        no_rows(
            "no month holds more than half of all losses of a stage model, of 100 or more over six months or more",
            "select lifecycle_model, month, sum(lost_count) as lost_count from {batch} "
            "join (select lifecycle_model, sum(lost_count) as total, count(distinct month) as months from {batch} "
            "group by lifecycle_model) as totals using (lifecycle_model) "
            "group by lifecycle_model, month, total, months "
            "having total >= 100 and months >= 6 and sum(lost_count) > 0.5 * total",
            "warn",
        ),
    ]
