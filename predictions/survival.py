"""Survival without a model: Kaplan-Meier and Nelson-Aalen, with censoring and late entry.

Belongs here: curves of groups, with intervals, from lifelines. Does not: what an event is (`dbt_project/`), projections
beyond what was seen (`subscriptions`).

Kaplan & Meier 1958, Journal of the American Statistical Association 53(282); intervals are Greenwood's on the log(-log)
scale, which stay within 0 and 1. Late entry (left truncation): a customer who is imported mid-life is at risk only from
the age at which observation began; counted from the start, they would make everybody look immortal until then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter, NelsonAalenFitter
from scipy.stats import norm

from predictions.maximum_likelihood import Array

CURVE_COLUMNS = (
    "duration",
    "at_risk_count",
    "event_count",
    "censored_count",
    "entered_count",
    "survival_rate",
    "survival_rate_lower",
    "survival_rate_upper",
    "cumulative_hazard",
)


def survival_curves(
    subjects: pd.DataFrame, by: Sequence[str] = (), confidence: float = 0.95, has_late_entry: bool = False
) -> pd.DataFrame:
    """Survival of each group.

    Args:
        subjects: one row each: duration (age at the event or at the end of observation, >= 0), is_observed (whether the
            event happened; otherwise censored), the columns of `by`, and with late entry `entered_at_duration` (age
            at which observation began; 0 where it began at birth).
        by: columns that make groups; one curve over all when empty.
        confidence: of the intervals.
        has_late_entry: whether to read `entered_at_duration`.

    Returns:
        One row per group and distinct duration, 0 included: the columns of `by`, then `CURVE_COLUMNS`. at_risk_count is
        who was under observation just before; survival_rate is at the duration, the event included; the interval is
        null before the first event. Late entries can leave few at risk early on, and one event then moves the whole
        curve: read at_risk_count beside it.

    Raises:
        ValueError: for a missing or negative duration, or an entry after the end, naming the row.
    """
    _check(subjects, has_late_entry)
    groups = subjects.groupby(list(by), sort=True, observed=True, dropna=False) if by else [((), subjects)]
    curves = []
    for key, group in groups:
        curve = _curve(group, confidence, has_late_entry)
        for position, (name, value) in enumerate(zip(by, key, strict=True)):
            curve.insert(position, name, value)
        curves.append(curve)
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=[*by, *CURVE_COLUMNS])


def _check(subjects: pd.DataFrame, has_late_entry: bool) -> None:
    duration = subjects["duration"].to_numpy(dtype=float)
    problems = {"duration is missing, infinite or negative": ~np.isfinite(duration) | (duration < 0)}
    if has_late_entry:
        entry = subjects["entered_at_duration"].to_numpy(dtype=float)
        problems["entered_at_duration is missing or negative"] = ~np.isfinite(entry) | (entry < 0)
        # Observed from birth to an end on the same day is an observation; later, nothing was seen.
        problems["entered_at_duration is not before the end"] = (entry >= duration) & (entry > 0)
    for problem, rows in problems.items():
        if rows.any():
            raise ValueError(f"row {subjects.index[int(np.argmax(rows))]}: {problem}")


def _curve(group: pd.DataFrame, confidence: float, has_late_entry: bool) -> pd.DataFrame:
    arguments = {
        "durations": group["duration"].to_numpy(dtype=float),
        "event_observed": group["is_observed"].to_numpy(dtype=bool),
        "entry": group["entered_at_duration"].to_numpy(dtype=float) if has_late_entry else None,
    }
    enters_late = has_late_entry and bool((arguments["entry"] > 0).any())
    if not enters_late:
        arguments["entry"] = None
    hazard = NelsonAalenFitter(alpha=1 - confidence, nelson_aalen_smoothing=False).fit(**arguments)
    events = hazard.event_table
    # lifelines counts who enters at a duration among those at risk, though an event there is not shared by them.
    at_risk = (events["at_risk"] - events["entrance"]).where(events.index > 0, events["at_risk"])
    if enters_late:
        rates, lower, upper = _product_limit(at_risk, events["observed"], confidence)
    else:
        survival = KaplanMeierFitter(alpha=1 - confidence).fit(**arguments)
        bounds = survival.confidence_interval_survival_function_.reindex(events.index)
        rates = survival.survival_function_.iloc[:, 0].reindex(events.index).to_numpy(dtype=float)
        lower, upper = bounds.iloc[:, 0].to_numpy(dtype=float), bounds.iloc[:, 1].to_numpy(dtype=float)
    # Before the first event nothing is known of the spread: lifelines reports 1 to 1.
    is_known = events["observed"].cumsum().to_numpy() > 0
    return pd.DataFrame(
        {
            "duration": events.index.to_numpy(dtype=float),
            "at_risk_count": at_risk.to_numpy(dtype=np.int64),
            "event_count": events["observed"].to_numpy(dtype=np.int64),
            "censored_count": events["censored"].to_numpy(dtype=np.int64),
            "entered_count": events["entrance"].to_numpy(dtype=np.int64),
            "survival_rate": rates,
            "survival_rate_lower": np.where(is_known, lower, np.nan),
            "survival_rate_upper": np.where(is_known, upper, np.nan),
            "cumulative_hazard": hazard.cumulative_hazard_.iloc[:, 0].reindex(events.index).to_numpy(dtype=float),
        }
    )


def _product_limit(at_risk: pd.Series, events: pd.Series, confidence: float) -> tuple[Array, Array, Array]:
    """Survival and its interval from the counts at each duration.

    lifelines refuses groups that are empty for a while before others enter late, as small cohorts are. The estimate is
    the same where it does not. Where nobody survives the interval is not known.
    """
    n, d = at_risk.to_numpy(dtype=float), events.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: Array = np.cumprod(np.where(n > 0, 1 - d / n, 1.0), dtype=np.float64)
        variance = np.cumsum(np.where(d > 0, d / (n * (n - d)), 0.0))
        spread = norm.ppf((1 + confidence) / 2) * np.sqrt(variance) / np.log(rates)
        bounds = [np.where(rates > 0, rates ** np.exp(sign * spread), np.nan) for sign in (-1, 1)]
    return rates, bounds[0], bounds[1]
