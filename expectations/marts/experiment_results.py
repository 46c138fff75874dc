"""What experiments found: whoever was drawn is counted once, or said to be left out."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "whoever was drawn counts, waits for the end of the window or is not known",
            "select * from {batch} where assigned_count + control_assigned_count "
            "<> person_count + control_person_count + open_window_count + unknown_count",
        ),
        no_rows(
            "arms have the sizes that were planned",
            "select experiment, arm, sample_ratio_p_value from {batch} where has_sample_ratio_mismatch",
            "warn",
        ),
    ]
