"""How often subscribers have renewed up to an instant: renewals made and not made, and when the next one is due.

Belongs here: the summary that the subscription model reads, and the counting of calendar periods. Does not: what counts
as a paid subscription and where a spell of paying ends (`dbt_project/`), any model.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Instants = NDArray[np.datetime64]
Counts = NDArray[np.int64]

# A subscriber who ends within this time after a renewal fell due did not make that renewal. One who ends later did make
# it, and did not make the next one.
GRACE = pd.Timedelta(days=1)


def after_periods(anchor: Instants, periods: Counts, months: Counts) -> Instants:
    """The instant that lies `periods` periods of `months` calendar months each after the anchor, shape (n,).

    It is the same day and time in the later month, or that month's last day if it is shorter. Billing systems count
    this way from the anchor, not from one renewal to the next.
    """
    at = np.asarray(anchor).astype("datetime64[us]")
    month = at.astype("datetime64[M]")
    into_month = at - month.astype("datetime64[us]")
    target = month + (np.asarray(periods) * np.asarray(months)).astype("timedelta64[M]")
    days = (target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")
    day = into_month.astype("timedelta64[D]")
    clamped = np.minimum(day, days - np.timedelta64(1, "D"))
    return target.astype("datetime64[us]") + clamped + (into_month - day)


def periods_passed(anchor: Instants, at: Instants, months: Counts) -> Counts:
    """How many whole periods have passed from the anchor up to an instant, shape (n,); 0 before the anchor."""
    start, end = np.asarray(anchor).astype("datetime64[us]"), np.asarray(at).astype("datetime64[us]")
    length = np.asarray(months, dtype=np.int64)
    calendar = (end.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(np.int64)
    count = calendar // length
    count = count - (after_periods(start, count, length) > end)
    return np.maximum(count, 0)


def summarize_renewals(spells: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """What was known of every subscriber just before an instant.

    All spells of a subscriber with the same billing period count together: someone who left and came back is the same
    person with the same inclination to leave.

    Args:
        spells: one row per uninterrupted spell of paying: subscriber_id, billing_months (whole, at least 1), anchor_at
            (renewals are counted from it), observed_from_at (recorded by the billing system; after the anchor where
            the subscription was taken over from another system), paid_until_at and ended_at (null while it lasts),
            ending_known_at (since when the end is certain; null while it is not), mrr_amount.
        at: what happened at or after this instant is not seen.

    Returns:
        One row per subscriber and billing period, sorted by both: renewals_made, losses (renewals not made), entered
        (of those made, before observation began), is_current, is_ending (current, and its end is certain), anchor_at
        and mrr_amount of the current spell (null without one), next_due_at.
    """
    seen = spells[(spells["observed_from_at"] < at) & (spells["anchor_at"] < at)]
    months = seen["billing_months"].to_numpy(dtype=np.int64)
    anchor = seen["anchor_at"].to_numpy(dtype="datetime64[us]")
    observed_from = seen["observed_from_at"].to_numpy(dtype="datetime64[us]")
    has_ended = (seen["ended_at"] < at).to_numpy()
    paid_until = (seen["paid_until_at"].fillna(at) - GRACE).to_numpy(dtype="datetime64[us]")
    now = np.full(len(seen), at.to_datetime64()).astype("datetime64[us]")
    entered = np.where(observed_from > anchor, periods_passed(anchor, observed_from, months), 0)
    due = np.where(has_ended, periods_passed(anchor, paid_until, months) + 1, periods_passed(anchor, now, months))
    # Nobody is lost at a renewal from before they were observed.
    due = np.maximum(due, entered + has_ended)
    is_current = ~has_ended
    frame = pd.DataFrame(
        {
            "subscriber_id": seen["subscriber_id"].to_numpy(),
            "billing_months": months,
            "renewals_made": due - has_ended,
            "losses": has_ended.astype(np.int64),
            "entered": entered,
            "is_current": is_current,
            "is_ending": is_current & (seen["ending_known_at"] < at).to_numpy(),
            "anchor_at": np.where(is_current, anchor, np.datetime64("NaT")).astype("datetime64[us]"),
            "mrr_amount": np.where(is_current, seen["mrr_amount"].to_numpy(dtype=float), np.nan),
            "next_due_at": np.where(is_current, after_periods(anchor, due + 1, months), np.datetime64("NaT")).astype(
                "datetime64[us]"
            ),
        }
    )
    totals = {name: "sum" for name in ("renewals_made", "losses", "entered")}
    flags = {name: "any" for name in ("is_current", "is_ending")}
    latest = {name: "max" for name in ("anchor_at", "mrr_amount", "next_due_at")}
    return frame.groupby(["subscriber_id", "billing_months"], sort=True).agg(totals | flags | latest).reset_index()
