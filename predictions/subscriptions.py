"""How long subscribers stay, and what a contract is still worth: the shifted beta-geometric model.

Belongs here: customers whose end is observed, at the renewal they do not make. Does not: customers without a contract
(`purchases`), survival without a model (`survival`).

At each renewal a subscriber leaves with their own constant probability θ, which differs between subscribers as a beta
distribution (Fader & Hardie 2007, Journal of Interactive Marketing 21(1), "How to project customer retention"). Those
who stay are ever more those who hardly leave: retention rises with tenure though nobody changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, hyp2f1, logit
from scipy.stats import norm

from predictions.maximum_likelihood import Array, Estimate, FitError, maximize, standard_error
from predictions.purchases import Interval

_STARTS = ((1.0, 1.0), (0.5, 5.0), (5.0, 20.0))


@dataclass(frozen=True)
class ShiftedBetaGeometric:
    """sBG with known parameters; `fit` finds them.

    Attributes:
        alpha, beta: of the probability to leave at a renewal, whose mean is alpha / (alpha + beta).
        estimate: the fit they come from, if they come from one.
    """

    alpha: float
    beta: float
    estimate: Estimate | None = None

    @classmethod
    def fit(
        cls, renewals: NDArray[np.int64], is_lost: NDArray[np.bool_], counts: Array | None = None
    ) -> ShiftedBetaGeometric:
        """Maximum likelihood with censoring: cohorts of different ages together.

        Args:
            renewals: how many renewals fell due for each subscriber, shape (n,); the one not made is the last.
            is_lost: whether the last of them was not made; otherwise the subscriber is still there (censored).
            counts: number of subscribers a row, for grouped data; one each when left out.

        Raises:
            ValueError: when someone is lost before a renewal fell due.
            FitError: when nobody, or everybody at the first renewal, was lost.
        """
        tenure = np.asarray(renewals, dtype=np.int64)
        lost = np.asarray(is_lost, dtype=bool)
        if (tenure < lost.astype(int)).any():
            row = int(np.argmax(tenure < lost.astype(int)))
            raise ValueError(f"row {row}: a subscriber cannot be lost with {tenure[row]} renewals due")
        weights = np.ones(len(tenure)) if counts is None else np.asarray(counts, dtype=float)
        subjects = int(weights.sum())
        if not weights[lost].sum():
            raise FitError(f"sbg: none of {subjects} subscribers was lost")
        # All that the likelihood needs: lost at, and still there after, each number of renewals.
        size = int(tenure.max()) + 1
        lost_at = np.bincount(tenure[lost], weights[lost], size)
        kept_at = np.bincount(tenure[~lost], weights[~lost], size)

        def log_likelihood(values: Array) -> float:
            survival = _log_survival(values[0], values[1], np.arange(size))
            ending = _log_ending(values[0], values[1], np.arange(1, size))
            return float(lost_at[1:] @ ending + kept_at @ survival)

        found = maximize(log_likelihood, ("alpha", "beta"), _STARTS, subjects, "sbg")
        return cls(float(found.values[0]), float(found.values[1]), found)

    def survival(self, renewals: NDArray[np.int64]) -> Array:
        """Share of a cohort that is left after so many renewals; survival(0) is 1."""
        return np.exp(_log_survival(self.alpha, self.beta, np.asarray(renewals)))

    def survival_interval(self, renewals: NDArray[np.int64], confidence: float = 0.95) -> Interval:
        """`survival` with the interval that the uncertainty of the parameters leaves; renewals from 1 on."""
        at = np.asarray(renewals)
        error = standard_error(lambda values: logit(np.exp(_log_survival(values[0], values[1], at))), self._fitted())
        return Interval.around(logit(self.survival(at)), norm.ppf((1 + confidence) / 2) * error, expit)

    def retention(self, renewals: NDArray[np.int64]) -> Array:
        """P(the next renewal is made | so many were made); it rises with tenure."""
        made = np.asarray(renewals, dtype=float)
        return (self.beta + made) / (self.alpha + self.beta + made)

    def still_there(self, renewals_made: NDArray[np.int64], ahead: int) -> Array:
        """P(the next `ahead` renewals are made | so many were made), shape of `renewals_made`."""
        made = np.asarray(renewals_made)
        return np.exp(_log_survival(self.alpha, self.beta, made + ahead) - _log_survival(self.alpha, self.beta, made))

    def residual_lifetime(
        self, renewals_made: NDArray[np.int64], discount_rate: float, horizon: int | None = None
    ) -> Array:
        """Discounted expected residual lifetime of a current subscriber, in renewals, shape of `renewals_made`.

        The sum over k = 1, 2, … of P(renewal k from now is made) / (1 + rate)^(k - 1): a payment follows each renewal,
        the next one is due now and not discounted. Without a horizon the closed form of Fader & Hardie 2010, Marketing
        Science 29(1), "Customer-base valuation in a contractual setting".

        Args:
            renewals_made: by each subscriber so far.
            discount_rate: a period, 0.1 for 10 %.
            horizon: number of renewals ahead to count; all when left out.

        Raises:
            ValueError: for an endless sum that is not discounted.
        """
        return _residual_lifetime(self.alpha, self.beta, np.asarray(renewals_made), discount_rate, horizon)

    def residual_lifetime_interval(
        self,
        renewals_made: NDArray[np.int64],
        discount_rate: float,
        horizon: int | None = None,
        confidence: float = 0.95,
    ) -> Interval:
        """`residual_lifetime` with the interval that the uncertainty of the parameters leaves."""
        made = np.asarray(renewals_made)
        estimate = self._fitted()
        middle = np.log(self.residual_lifetime(made, discount_rate, horizon))
        error = standard_error(
            lambda values: np.log(_residual_lifetime(values[0], values[1], made, discount_rate, horizon)), estimate
        )
        return Interval.around(middle, norm.ppf((1 + confidence) / 2) * error, np.exp)

    def _fitted(self) -> Estimate:
        if self.estimate is None:
            raise ValueError("this sBG was not fitted: the uncertainty of given parameters is not known")
        return self.estimate


def _log_survival(alpha: float, beta: float, renewals: NDArray[np.int64]) -> Array:
    return betaln(alpha, beta + renewals) - betaln(alpha, beta)


def _log_ending(alpha: float, beta: float, renewals: NDArray[np.int64]) -> Array:
    """Logarithm of P(lost at renewal t), t = 1, 2, …"""
    return betaln(alpha + 1, beta + renewals - 1) - betaln(alpha, beta)


def _residual_lifetime(
    alpha: float, beta: float, made: NDArray[np.int64], discount_rate: float, horizon: int | None
) -> Array:
    if horizon is None:
        if discount_rate <= 0:
            raise ValueError("an endless residual lifetime needs a discount rate above 0: give a horizon instead")
        retention = (beta + made) / (alpha + beta + made)
        return retention * hyp2f1(1, beta + made + 1, alpha + beta + made + 1, 1 / (1 + discount_rate))
    now = _log_survival(alpha, beta, made)
    total = np.zeros(made.shape)
    for ahead in range(1, horizon + 1):
        total += np.exp(_log_survival(alpha, beta, made + ahead) - now) / (1 + discount_rate) ** (ahead - 1)
    return total
