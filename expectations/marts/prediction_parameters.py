"""What the prediction models found: every parameter with an interval around it, unless the data do not determine it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "a parameter lies in its interval, or is held",
            "select evaluated_as_of, model, parameter, estimate from {batch} where not is_held "
            "and not coalesce(standard_error >= 0 and estimate between estimate_lower and estimate_upper, false)",
        )
    ]
