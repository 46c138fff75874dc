"""What customers are worth: it is known for somebody, in one currency, and the past is not repriced."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import near_published, no_rows, rows_kept

JUDGES_EMPTY = True  # no customer at all is what orders without any look like


def expectations(batch: Batch) -> list[Expectation]:
    somebodys = no_rows(
        "some order belongs to somebody (else customer id, e-mail and phone of the orders are not read: see "
        "ops.unmatched_keys, and the mapping or the scopes of the shop)",
        "select count(*) as order_count from core.fct_orders having count(*) > 0 and count(person_id) = 0",
        "warn",
    )
    if not batch.rows and not batch.earlier_rows:
        return [somebodys]
    return [
        somebodys,
        *rows_kept(batch),
        no_rows(
            "at most 5% of paid orders have no exchange rate",
            "select sum(paid_order_count) as order_count, sum(unconverted_order_count) as unconverted_count "
            "from {batch} having sum(unconverted_order_count) > 0.05 * sum(paid_order_count)",
            "warn",
        ),
        *_value_kept(batch),
    ]


def _value_kept(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    return [
        near_published(
            "historic value has not fallen by more than 20% nor doubled since the previous publication",
            f"select sum(historic_value_amount_reporting) from {batch.relation}",
            f"select sum(historic_value_amount_reporting) from {batch.published}.{batch.relation}",
            down=0.2,
            up=1.0,
        )
    ]
