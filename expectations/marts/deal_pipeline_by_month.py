"""The pipeline by month: every deal is in each breakdown by its opening, and by its closing if it is closed."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        no_rows(
            "each breakdown has every deal in the month it was opened, and every closed one in the month it was closed",
            "select * from (select breakdown, sum(deal_count) as opened_count, sum(won_in_month_count) as won_count, "
            "sum(lost_in_month_count) as lost_count, sum(deal_amount_reporting) as amount from {batch} group by all) "
            "cross join (select count(*) as deals, count(*) filter (is_won) as won, "
            "count(*) filter (not is_won and not is_open) as lost, coalesce(sum(deal_amount_reporting), 0) as total "
            "from core.fct_deals) "
            "where opened_count <> deals or won_count <> won or lost_count <> lost or amount <> total",
        ),
    ]
