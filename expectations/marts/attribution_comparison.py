"""What every attribution model makes of the same conversions: each model shares out all of them, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        no_rows(
            "the credit of a kind of conversion adds up to its conversions in every model that is shown",
            "select conversion_kind, attribution_model, max(conversion_count) as conversion_count, "
            "sum(credited_conversion_count) as credited_count from {batch} group by all "
            # Credits are rounded to six decimals.
            "having abs(sum(credited_conversion_count) - max(conversion_count)) > 0.000001 * count(*)",
        ),
    ]
