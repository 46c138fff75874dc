"""Purchase histories as the purchase models read them: frequency, recency, age, and the mean of repeat purchases.

Belongs here: the summary of purchases up to an instant, and its validity. Does not: what counts as a purchase
(`dbt_project/`), any model.

These are not the R and F of RFM: recency is the customer's *age at the last purchase*, not the time since it, and
frequency leaves the first purchase out (Fader, Hardie & Lee 2005, Marketing Science 24(2), "RFM and CLV").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """Sufficient statistics of n customers; times in any one unit, the same for all.

    Attributes:
        frequency: number of distinct purchase days after the first, shape (n,).
        recency: age at the last purchase, shape (n,); 0 for one-time buyers.
        age: time from the first purchase to the end of observation, shape (n,).
    """

    frequency: Array
    recency: Array
    age: Array

    @classmethod
    def of(cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Histories:
        """Check and hold the three arrays.

        Raises:
            ValueError: naming the first row that no customer can have.
        """
        columns = [np.atleast_1d(np.asarray(values, dtype=float)) for values in (frequency, recency, age)]
        x, last, end = columns
        if len({column.shape for column in columns}) != 1 or x.ndim != 1:
            raise ValueError(f"frequency, recency and age differ in shape: {[c.shape for c in columns]}")
        for impossible, problem in (
            (~np.isfinite(x + last + end), "a value is missing or infinite"),
            ((x < 0) | (x != np.floor(x)), "frequency is no whole number"),
            ((last < 0) | (last > end), "recency is not between 0 and age"),
            ((x == 0) != (last == 0), "recency is 0 exactly when there was no repeat purchase"),
        ):
            if impossible.any():
                row = int(np.argmax(impossible))
                raise ValueError(
                    f"row {row}: {problem} (frequency {x[row]:g}, recency {last[row]:g}, age {end[row]:g})"
                )
        return cls(x, last, end)

    def __len__(self) -> int:
        return len(self.frequency)

    @cached_property
    def live(self) -> tuple[Array, Array, NDArray[np.intp]]:
        """Distinct pairs of frequency and age, and which of them each customer has.

        The future of a live customer depends on no more, and among many customers these pairs are few.
        """
        ages, age_place = np.unique(self.age, return_inverse=True)
        counts, count_place = np.unique(self.frequency, return_inverse=True)
        pairs, place = np.unique(count_place * len(ages) + age_place, return_inverse=True)
        return counts[pairs // len(ages)], ages[pairs % len(ages)], place

    def grouped(self) -> tuple[Histories, Array]:
        """Each distinct history once, and how many customers have it: all that a likelihood needs."""
        rows, counts = np.unique(np.column_stack([self.frequency, self.recency, self.age]), axis=0, return_counts=True)
        return Histories(rows[:, 0], rows[:, 1], rows[:, 2]), counts.astype(float)

    def sample(self, size: int, seed: int) -> Histories:
        """At most `size` customers, drawn without replacement."""
        if len(self) <= size:
            return self
        rows = np.random.default_rng(seed).choice(len(self), size, replace=False)
        return Histories(self.frequency[rows], self.recency[rows], self.age[rows])


def summarize(purchases: pd.DataFrame, observed_until: pd.Timestamp) -> pd.DataFrame:
    """Purchase histories up to the start of a day.

    Args:
        purchases: columns customer_id, purchased_on (datetime64, a day), amount (float, reporting currency, may be
            null). Several rows of one customer and day are one purchase of their total.
        observed_until: purchases on or after this day are not seen.

    Returns:
        One row per customer with a purchase before `observed_until`, by customer_id: frequency, recency_days,
        age_days (both counted in days, the age up to the last day seen), repeat_amount (mean of the purchases after
        the first; null for one-time buyers).
    """
    seen = purchases.loc[purchases["purchased_on"] < observed_until, ["customer_id", "purchased_on", "amount"]]
    days = seen.groupby(["customer_id", "purchased_on"], sort=True)["amount"].sum(min_count=1).reset_index()
    is_first = ~days["customer_id"].duplicated()
    by_customer = days.groupby("customer_id", sort=True)["purchased_on"]
    first, last, count = by_customer.min(), by_customer.max(), by_customer.size()
    repeat = days.loc[~is_first].groupby("customer_id")["amount"].mean()
    last_day = observed_until - pd.Timedelta(days=1)
    return pd.DataFrame(
        {
            "frequency": count - 1,
            "recency_days": (last - first).dt.days,
            "age_days": (last_day - first).dt.days,
            "repeat_amount": repeat.reindex(first.index),
        }
    )
