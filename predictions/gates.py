"""May a prediction be shown? Minimums of data, a backtest over the same horizon that beats the naive rule, and totals
that were right; otherwise the reason why not.

Belongs here: the decision. Does not: the backtest (`backtest`), the columns that are nulled (`dbt_project/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Minimums:
    """What the data must have, as marketing platforms ask before they show predicted value.

    Attributes:
        buyers: customers with a purchase.
        history_days: from the first purchase to the end of the data.
        recent_days: there must be a purchase within these days before the end.
        frequent_buyers: customers with at least three purchases.
        subscribers: who ever paid for a subscription, for each billing period by itself.
        losses: renewals that they did not make.
    """

    buyers: int
    history_days: int
    recent_days: int
    frequent_buyers: int
    subscribers: int
    losses: int


@dataclass(frozen=True)
class Decision:
    """Whether predictions are shown, and if not, every reason.

    Attributes:
        is_shown: only without any reason against it.
        reasons: in words that stand beside the null.
    """

    reasons: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        return not self.reasons

    @property
    def reason(self) -> str | None:
        """All reasons in one text; None when predictions are shown."""
        return "; ".join(self.reasons) or None

    def __and__(self, other: Decision) -> Decision:
        return Decision(self.reasons + other.reasons)


def enough_data(purchases: pd.DataFrame, observed_until: pd.Timestamp, minimums: Minimums) -> Decision:
    """Whether the purchases allow a prediction at all.

    Args:
        purchases: customer_id, purchased_on; rows at or after `observed_until` are not seen.
        observed_until: the first day that is not in the data.
        minimums: what to ask for.
    """
    seen = purchases.loc[purchases["purchased_on"] < observed_until, ["customer_id", "purchased_on"]].drop_duplicates()
    if seen.empty:
        return Decision(("no purchases",))
    counts = seen.groupby("customer_id").size()
    history = (observed_until - seen["purchased_on"].min()).days
    silence = (observed_until - seen["purchased_on"].max()).days
    frequent = int((counts >= 3).sum())
    reasons = []
    if len(counts) < minimums.buyers:
        reasons.append(f"{len(counts)} buyers, at least {minimums.buyers} are needed")
    if history < minimums.history_days:
        reasons.append(f"{history} days of history, at least {minimums.history_days} are needed")
    if silence > minimums.recent_days:
        reasons.append(f"no purchase in the last {minimums.recent_days} days")
    if frequent < minimums.frequent_buyers:
        reasons.append(f"{frequent} customers with three or more purchases, at least {minimums.frequent_buyers} needed")
    return Decision(tuple(reasons))


def has_subscribers(spells: pd.DataFrame) -> Decision:
    """Whether there is anybody to predict the end of a subscription for; rows as in `renewals.summarize_renewals`."""
    return Decision() if len(spells) else Decision(("nobody ever paid for a subscription",))


def enough_subscribers(renewals: pd.DataFrame, minimums: Minimums) -> Decision:
    """Whether there are enough subscribers with one billing period to predict who ends.

    Args:
        renewals: as from `renewals.summarize_renewals`.
        minimums: what to ask for.
    """
    periods = sorted(renewals["billing_months"].unique())
    billed = " or ".join("billed monthly" if months == 1 else f"billed every {months} months" for months in periods)
    losses = int(renewals["losses"].sum())
    reasons = []
    if len(renewals) < minimums.subscribers:
        reasons.append(f"{len(renewals)} subscribers {billed}, at least {minimums.subscribers} are needed")
    if losses < minimums.losses:
        reasons.append(f"{losses} ended subscriptions {billed}, at least {minimums.losses} are needed")
    return Decision(tuple(reasons))


def beats_naive(scores: pd.DataFrame, target: str, errors: float = 1.0) -> Decision:
    """Whether the backtest shows the model to be better than the naive rule.

    Args:
        scores: of `backtest.Backtest`; the row of the target without a cut-off decides.
        target: whose predictions are to be shown.
        errors: by how many standard errors of the difference the model must be better; an advantage within them may be
            luck.
    """
    row = scores if scores.empty else scores[(scores["target"] == target) & scores["cutoff_at"].isna()]
    if row.empty:
        return Decision((f"{target}: no backtest could be run",))
    difference, error = float(row["difference"].iloc[0]), float(row["difference_error"].iloc[0])
    if not np.isfinite(difference) or not np.isfinite(error):
        return Decision((f"{target}: the backtest is too small to compare with the naive rule",))
    if difference > -errors * error or difference >= 0:
        skill = float(row["skill"].iloc[0])
        return Decision((f"{target}: not shown to beat the naive rule (skill {skill:.1%}, in the backtest)",))
    return Decision()


def is_judged(scores: pd.DataFrame, target: str, horizon_days: int, skipped: Mapping[pd.Timestamp, str]) -> Decision:
    """Whether windows as long as the forecast have closed and were judged: a year is not foretold on three months.

    Args:
        scores: of `backtest.Backtest`.
        target: whose predictions are to be shown.
        horizon_days: over which they reach.
        skipped: of `backtest.Backtest`: cut-offs that could not be judged; the latest is given, with its reason.
    """
    if not scores.empty and (scores["target"] == target).any():
        return Decision()
    if skipped:
        latest = max(skipped)
        why = f"{latest:%Y-%m-%d}: {skipped[latest]}"
        return Decision((f"{target}: no forecast over {horizon_days} days could be checked yet ({why})",))
    since = f"fewer than {horizon_days} days have passed since there was enough data"
    return Decision((f"{target}: no forecast over {horizon_days} days could be checked yet, as {since}",))


def right_in_total(scores: pd.DataFrame, target: str, most: float, windows: int) -> Decision:
    """Whether the totals that were forecast for the last closed windows came about as forecast.

    Args:
        scores: of `backtest.Backtest`.
        target: a target with totals.
        most: by which share a total may be off.
        windows: how many of the latest cut-offs are asked; each of them has to be right, since one that is too high
            makes up for none that is too low.
    """
    if scores.empty:
        return Decision()
    judged = scores[(scores["target"] == target) & scores["cutoff_at"].notna()].sort_values("cutoff_at").tail(windows)
    off = judged["bias_rate"].abs().fillna(np.inf)  # nothing came, so there is no share of it
    if not (off > most).any():
        return Decision()
    worst = judged.loc[off.idxmax()]
    foretold = f"{target}: the total foretold on {worst['cutoff_at']:%Y-%m-%d} for {worst['horizon_days']:.0f} days"
    if not worst["actual_total"] > 0:
        return Decision((f"{foretold} was above nothing, which came",))
    side = "above" if worst["bias_rate"] > 0 else "below"
    return Decision((f"{foretold} was {abs(worst['bias_rate']):.0%} {side} what came, at most {most:.0%} is shown",))
