"""Features know the past only: guards that a frame of features contains nothing from the time it is meant to predict.

Belongs here: the checks, and the expiry of inputs that have grown old. Does not: any feature (`dbt_project/`), models.

A feature travels with the instant of the latest record that it was computed from, in a frame of the same shape: one
that looks too far says so itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


class LeakageError(ValueError):
    """A feature knows something from its cut-off or after."""


def assert_known_before(features: pd.DataFrame, known_at: pd.DataFrame, cutoffs: pd.Series) -> None:
    """Every feature value was known strictly before the cut-off of its row.

    Args:
        features: one row per subject and cut-off, one column a feature.
        known_at: same index and columns: the instant of the latest record behind the value (datetime64); null exactly
            where the value is null or was computed from no record at all (a count of 0).
        cutoffs: same index: what comes at or after this instant is the future.

    Raises:
        LeakageError: naming the feature, the number of rows, and the worst of them.
        ValueError: when the frames do not match, or a value carries no instant though it is neither null nor 0.
    """
    if not features.index.equals(known_at.index) or not features.index.equals(cutoffs.index):
        raise ValueError("features, known_at and cutoffs must have the same index")
    if cutoffs.isna().any():
        raise ValueError("a row has no cut-off")
    missing = [name for name in features.columns if name not in known_at.columns]
    if missing:
        raise ValueError(f"known_at lacks {missing}: without the instant of its source a feature cannot be trusted")
    for name in features.columns:
        instants = known_at[name]
        unknown = features[name].notna() & (features[name] != 0) & instants.isna()
        if unknown.any():
            raise ValueError(f"{name}: {int(unknown.sum())} values carry no instant, first at row {unknown.idxmax()!r}")
        leaks = instants >= cutoffs
        if leaks.any():
            row = (instants - cutoffs).where(leaks).idxmax()
            raise LeakageError(
                f"{name}: {int(leaks.sum())} of {len(features)} values come from the cut-off or after; row {row!r} "
                f"knows {instants[row]} at the cut-off {cutoffs[row]}"
            )


def expire(
    features: pd.DataFrame, known_at: pd.DataFrame, cutoffs: pd.Series, max_age_days: dict[str, float]
) -> pd.DataFrame:
    """Features whose latest record is older than allowed become unknown: an old input no longer counts.

    Args:
        max_age_days: by feature; one that is not named does not expire.

    Returns:
        A copy of `features` with null where the input has expired.
    """
    result = features.copy()
    for name, days in max_age_days.items():
        is_stale = (cutoffs - known_at[name]) > pd.Timedelta(days=days)
        result[name] = result[name].astype(float).mask(is_stale, np.nan)
    return result
