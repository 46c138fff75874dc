"""Would the predictions have been right: each target was judged, and says so when it is hidden."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "the latest refresh decided on every target once",
            "select count(*) as decision_count from {batch} where is_latest and is_shown is not null "
            "having count(*) <> 5 or count(distinct target) <> 5",
        ),
        no_rows(
            "every prediction is shown of which there is anybody to predict for",
            "select target, reason from {batch} where is_latest and not is_shown "
            "and (target <> 'subscription_end' or exists (select 1 from core.fct_subscriber_spells))",
            "warn",
        ),
    ]
