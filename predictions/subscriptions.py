"""How long subscribers stay, and what a contract is still worth: the shifted beta-geometric model.

Belongs here: customers whose end is observed: at the renewal that they do not make. Does not: customers without a
contract (`purchases`), the counting of renewals (`renewals`), survival without a model (`survival`).

At each renewal a subscriber leaves with their own constant probability θ, which varies between subscribers as a beta
distribution (Fader & Hardie 2007, Journal of Interactive Marketing 21(1), "How to project customer retention"). Over
time the people who leave easily are gone, so retention rises with tenure although nobody changes. Each renewal updates
what is known about a subscriber: after R renewals made and m not made, θ ~ Beta(alpha + m, beta + R). Someone who left
and came back counts with all of their spells. A subscriber taken over from another system with e renewals behind them
is known only because those were made, so the model learns from the later renewals alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit
from scipy.stats import norm

from predictions.maximum_likelihood import Array, Estimate, FitError, maximize, standard_error
from predictions.purchases import Interval
from predictions.renewals import periods_passed
from predictions.value import DAYS_IN_YEAR, interval_columns, risk_band

_STARTS = ((1.0, 1.0), (0.5, 5.0), (5.0, 20.0))

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ShiftedBetaGeometric:
    """sBG with known parameters; `fit` finds them.

    Attributes:
        alpha, beta: parameters of the probability of leaving at a renewal, whose mean is alpha / (alpha + beta).
        estimate: the fit they come from, if they come from one.
    """

    alpha: float
    beta: float
    estimate: Estimate | None = None

    @classmethod
    def fit(
        cls,
        renewals: Counts,
        losses: NDArray[np.int64] | NDArray[np.bool_],
        counts: Array | None = None,
        entered: Counts | None = None,
    ) -> ShiftedBetaGeometric:
        """Maximum likelihood with censoring; cohorts of different ages are fitted together.

        Args:
            renewals: how many renewals fell due for each subscriber, shape (n,), including those not made.
            losses: how many of them were not made: 0 or 1 for a single spell (0: still there, censored), more for
                subscribers who came back and left again.
            counts: number of subscribers per row, for grouped data; one each if left out.
            entered: how many of the renewals made were before observation began (late entry); none if left out.

        Raises:
            ValueError: if more renewals were lost than fell due, or more had been made before observation than were
                made at all.
            FitError: if nobody was lost, or everybody was lost at the first renewal.
        """
        due = np.asarray(renewals, dtype=np.int64)
        lost = np.asarray(losses).astype(np.int64)
        before = np.zeros(len(due), dtype=np.int64) if entered is None else np.asarray(entered, dtype=np.int64)
        for impossible, problem in (
            (due < lost, "cannot be lost {lost} times with {due} renewals due"),
            (due - lost < before, "cannot enter after {before} renewals with {due} due and {lost} lost"),
        ):
            if impossible.any():
                row = int(np.argmax(impossible))
                told = problem.format(lost=lost[row], due=due[row], before=before[row])
                raise ValueError(f"row {row}: a subscriber {told}")
        weights = np.ones(len(due)) if counts is None else np.asarray(counts, dtype=float)
        subjects = int(weights.sum())
        if not (weights * lost).sum():
            raise FitError(f"sbg: none of {subjects} subscribers was lost")
        # Each distinct history is evaluated once: even many subscribers have few different ones.
        rows, place = np.unique(np.column_stack([due - lost, lost, before]), axis=0, return_inverse=True)
        made, missed, skipped = rows.T
        size = np.bincount(place.ravel(), weights, len(rows))

        def log_likelihood(values: Array) -> float:
            alpha, beta = values
            return float(size @ (betaln(alpha + missed, beta + made) - betaln(alpha, beta + skipped)))

        found = maximize(log_likelihood, ("alpha", "beta"), _STARTS, subjects, "sbg")
        return cls(float(found.values[0]), float(found.values[1]), found)

    def still_there(self, renewals_made: Counts, ahead: Counts | int, losses: Counts | int = 0) -> Array:
        """P(the next `ahead` renewals are made | so many were made, and so many not), shape of `renewals_made`."""
        return np.exp(_log_survival(self.alpha + losses, self.beta + np.asarray(renewals_made), np.asarray(ahead)))

    def _fitted(self) -> Estimate:
        if self.estimate is None:
            raise ValueError("this sBG was not fitted: the uncertainty of given parameters is not known")
        return self.estimate


def fit_renewals(subscribers: pd.DataFrame) -> ShiftedBetaGeometric:
    """The model of subscribers with one billing period, as from `renewals.summarize_renewals`.

    Raises:
        FitError: as `ShiftedBetaGeometric.fit`.
    """
    made, losses = subscribers["renewals_made"].to_numpy(), subscribers["losses"].to_numpy()
    return ShiftedBetaGeometric.fit(made + losses, losses, entered=subscribers["entered"].to_numpy())


def end_probability(model: ShiftedBetaGeometric, subscribers: pd.DataFrame, at: pd.Timestamp, days: float) -> Array:
    """P(a current subscriber's renewals that fall due within so many days are not all made), shape (n,).

    Where the end is certain, it comes with the next renewal: 1 if that falls due within the days, else 0.
    """
    ahead = due_within(subscribers, at, days)
    leaves = 1 - model.still_there(
        subscribers["renewals_made"].to_numpy(), ahead, losses=subscribers["losses"].to_numpy()
    )
    return np.where(subscribers["is_ending"].to_numpy(), (ahead > 0).astype(float), leaves)


def expected_renewals(model: ShiftedBetaGeometric, subscribers: pd.DataFrame, at: pd.Timestamp, days: float) -> Array:
    """How many renewals a current subscriber is expected to make within so many days, shape (n,); 0 once it ends."""
    made, losses = subscribers["renewals_made"].to_numpy(), subscribers["losses"].to_numpy()
    due = due_within(subscribers, at, days)
    total = np.zeros(len(subscribers))
    for ahead in range(1, int(due.max(initial=0)) + 1):
        total += np.where(ahead <= due, model.still_there(made, ahead, losses), 0.0)
    return np.where(subscribers["is_ending"].to_numpy(), 0.0, total)


def score_subscribers(
    model: ShiftedBetaGeometric,
    subscribers: pd.DataFrame,
    at: pd.Timestamp,
    horizon_days: float,
    end_days: float,
    yearly_discount_rate: float = 0.1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Score every current subscriber.

    Args:
        model: fitted on subscribers with the same billing period.
        subscribers: current ones, as from `renewals.summarize_renewals` at `at`.
        at: now.
        horizon_days: over which value is expected.
        end_days: of the probability of the end.
        yearly_discount_rate: of value to come; each payment is discounted from the day on which it falls due.
        confidence: of every interval.

    Returns:
        One row per subscriber with the index of `subscribers`: end_probability and end_band; expected_renewals (in the
        horizon); predicted_value (discounted, what the renewals in the horizon bring at today's recurring revenue, in
        its currency). Each estimate also with its interval, `_lower` and `_upper`, from the uncertainty of the
        parameters. Where the end is certain the probability is 0 or 1, and no value is to come.
    """
    made, losses = subscribers["renewals_made"].to_numpy(), subscribers["losses"].to_numpy()
    months = subscribers["billing_months"].to_numpy(dtype=float)
    is_ending = subscribers["is_ending"].to_numpy()
    ahead = due_within(subscribers, at, end_days)
    payments = due_within(subscribers, at, horizon_days)
    yearly = 1 + yearly_discount_rate
    until_next = (subscribers["next_due_at"] - at).to_numpy() / np.timedelta64(1, "D")
    each_payment = subscribers["mrr_amount"].to_numpy(dtype=float) * months * yearly ** (-until_next / DAYS_IN_YEAR)
    # The same few histories again and again: the sums over payments are made once each.
    rows, place = np.unique(np.column_stack([made, losses, payments, months]), axis=0, return_inverse=True)
    place = place.ravel()
    distinct_made, distinct_losses, distinct_payments, distinct_months = rows.T

    def sums(values: Array, rate: float) -> Array:
        alpha, beta = values[0] + distinct_losses, values[1] + distinct_made
        total = np.zeros(len(rows))
        for k in range(1, int(distinct_payments.max(initial=0)) + 1):
            discount = (1 + rate) ** (-(k - 1) * distinct_months / 12)
            total += np.where(k <= distinct_payments, np.exp(_log_survival(alpha, beta, np.asarray(k))) * discount, 0.0)
        return total

    def unbounded(values: Array) -> Array:
        stays = np.exp(_log_survival(values[0] + losses, values[1] + made, ahead))
        counts = [np.log(np.maximum(sums(values, rate), 1e-300))[place] for rate in (0.0, yearly_discount_rate)]
        return np.stack([-logit(np.clip(stays, 1e-15, 1 - 1e-15)), *counts])

    estimate = model._fitted()
    middle = unbounded(estimate.values)
    spread = norm.ppf((1 + confidence) / 2) * standard_error(unbounded, estimate)
    columns: dict[str, Array] = {}
    for name, row, back, factor, certain in (
        ("end_probability", 0, expit, 1.0, (ahead > 0).astype(float)),
        ("expected_renewals", 1, np.exp, 1.0, 0.0),
        ("predicted_value", 2, np.exp, each_payment, 0.0 * each_payment),
    ):
        interval = interval_columns(name, Interval.around(middle[row], spread[row], back))
        columns |= {column: np.where(is_ending, certain, values * factor) for column, values in interval.items()}
    columns["end_band"] = risk_band(columns["end_probability"])
    return pd.DataFrame(columns, index=subscribers.index)


def due_within(subscribers: pd.DataFrame, at: pd.Timestamp, days: float) -> Counts:
    """How many renewals of current subscribers fall due in the days after an instant, shape (n,)."""
    anchor = subscribers["anchor_at"].to_numpy(dtype="datetime64[us]")
    months = subscribers["billing_months"].to_numpy()
    until = (at + pd.Timedelta(days=days)).to_datetime64()
    passed = [
        periods_passed(anchor, np.full(len(anchor), end).astype("datetime64[us]"), months)
        for end in (at.to_datetime64(), until)
    ]
    return passed[1] - passed[0]


def _log_survival(alpha: float | NDArray[Any], beta: float | NDArray[Any], renewals: Counts) -> Array:
    return betaln(alpha, beta + renewals) - betaln(alpha, beta)
