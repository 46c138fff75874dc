"""Would the predictions have been right: each target was judged, and says so when it is hidden."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "the latest refresh decided on every target once over each horizon",
            "select count(*) as decision_count from {batch} where is_latest and is_shown is not null "
            "having count(distinct target) <> 6 or count(*) <> count(distinct target || horizon_days)",
        ),
        no_rows(
            "every prediction is shown of which there is anybody to predict for, once its windows have closed",
            "select target, horizon_days, reason from {batch} as decided where is_latest and not is_shown "
            "and case when target in ('subscription_end', 'renewals') "
            "then exists (select 1 from core.fct_subscriber_spells) "
            "else exists (select 1 from core.fct_purchase_days) end "
            "and (row_count > 0 or horizon_days = (select min(horizon_days) from {batch}))",
            "warn",
        ),
    ]
