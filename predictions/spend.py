"""What a customer's purchases are worth on average: the Gamma-Gamma model.

Belongs here: the model of spend per purchase. Does not: how many purchases (`purchases`), the two together (`value`).

A customer's purchases scatter around their own mean as a gamma distribution of shape p; the scale differs between
customers as a gamma distribution with q and v (Fader & Hardie 2013, "The Gamma-Gamma model of monetary value"; Fader,
Hardie & Lee 2005, Journal of Marketing Research 42(4), "RFM and CLV"). This draws the mean of a customer with few
purchases towards the mean of all. Spend is taken to be independent of frequency: `dependence` says how far it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import spearmanr

from predictions.maximum_likelihood import Array, Estimate, FitError, maximize, standard_error

# As for the purchase models: more customers would only cost time.
FIT_SAMPLE = 100_000
_ROUGH_SAMPLE = 1_000
_STARTS = ((2.0, 3.0, 1.0), (6.0, 4.0, 0.5), (1.0, 10.0, 10.0))


@dataclass(frozen=True)
class GammaGamma:
    """Gamma-Gamma with known parameters; `fit` finds them.

    Attributes:
        p: shape of one customer's purchases.
        q: shape of the customers' scales; the mean of all exists for q > 1 only.
        v: scale of the customers' scales, in the currency of the amounts.
        estimate: the fit they come from, if they come from one.
    """

    p: float
    q: float
    v: float
    estimate: Estimate | None = None

    @classmethod
    def fit(cls, frequency: Array, repeat_amount: Array, sample: int = FIT_SAMPLE, seed: int = 0) -> GammaGamma:
        """Maximum likelihood on customers with repeat purchases of a positive mean.

        Args:
            frequency: number of repeat purchases, shape (n,).
            repeat_amount: their mean, shape (n,); null without any. The first purchase is not in it.
            sample, seed: of more than `sample` customers a random sample is taken.

        Raises:
            FitError: when fewer than two customers can be used, or the mean of all customers is infinite (q <= 1).
        """
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero((frequency > 0) & (repeat_amount > 0) & np.isfinite(repeat_amount))
        if len(rows) < 2:
            raise FitError(f"gamma_gamma: {len(rows)} customers have repeat purchases of a positive mean")
        # In random order, so that the first of them are a sample too.
        rows = np.random.default_rng(seed).permutation(rows)[:sample]
        x = np.asarray(frequency, dtype=float)[rows]
        # In units of the mean amount the parameters are near one, whatever the currency.
        scale = float(np.asarray(repeat_amount, dtype=float)[rows].mean())
        mean = np.asarray(repeat_amount, dtype=float)[rows] / scale

        found = maximize(
            lambda values: float(_log_likelihood(values, x, mean).sum()),
            ("p", "q", "v"),
            _STARTS,
            len(rows),
            "gamma_gamma",
            rough=lambda values: float(_log_likelihood(values, x[:_ROUGH_SAMPLE], mean[:_ROUGH_SAMPLE]).sum()),
        )
        p, q, v = found.values
        if q <= 1:
            raise FitError(f"gamma_gamma: q is {q:.3g}: the amounts vary so much that their mean is not finite")
        estimate = Estimate(
            names=found.names,
            values=np.array([p, q, v * scale]),
            covariance=found.covariance,
            log_likelihood=found.log_likelihood - len(rows) * float(np.log(scale)),
            observations=len(rows),
            held=found.held,
        )
        return cls(float(p), float(q), float(v * scale), estimate)

    def expected_amount(self, frequency: Array, repeat_amount: Array) -> Array:
        """Each customer's expected amount of a purchase, shape (n,): equation 5 of Fader & Hardie 2013.

        Without repeat purchases it is the mean of all customers. A mean below zero, after refunds, counts as zero.
        """
        return _expected_amount(np.array([self.p, self.q, self.v]), frequency, repeat_amount)

    def expected_amount_error(self, frequency: Array, repeat_amount: Array) -> Array:
        """Standard error of the logarithm of `expected_amount`, from the uncertainty of the parameters, shape (n,)."""
        if self.estimate is None:
            raise ValueError("this Gamma-Gamma was not fitted: the uncertainty of given parameters is not known")
        return standard_error(lambda values: np.log(_expected_amount(values, frequency, repeat_amount)), self.estimate)

    def simulate_totals(
        self, frequency: Array, repeat_amount: Array, purchases: Array, rng: np.random.Generator
    ) -> Array:
        """One possible total of `purchases` further purchases of each customer, given their history, shape (n,)."""
        x, mean = _usable(frequency, repeat_amount)
        rate = rng.gamma(self.q + self.p * x, 1 / (self.v + x * mean))
        return np.where(purchases > 0, rng.gamma(np.maximum(self.p * purchases, 1e-9)) / rate, 0.0)


def dependence(frequency: Array, repeat_amount: Array) -> float:
    """Rank correlation of frequency and mean amount among repeat buyers: near 0, or the model does not apply."""
    rows = (frequency > 0) & np.isfinite(repeat_amount)
    return float(spearmanr(frequency[rows], repeat_amount[rows]).statistic)


def _usable(frequency: Array, repeat_amount: Array) -> tuple[Array, Array]:
    known = np.isfinite(repeat_amount)
    return np.where(known, frequency, 0.0), np.where(known, np.maximum(repeat_amount, 0.0), 0.0)


def _expected_amount(values: Array, frequency: Array, repeat_amount: Array) -> Array:
    p, q, v = values
    x, mean = _usable(frequency, repeat_amount)
    return p * (v + x * mean) / (p * x + q - 1)


def _log_likelihood(values: Array, x: Array, mean: Array) -> Array:
    """Equation 1a of Fader & Hardie 2013: density of the mean of x purchases, shape (n,)."""
    p, q, v = values
    return (
        gammaln(p * x + q)
        - gammaln(p * x)
        - gammaln(q)
        + q * np.log(v)
        + (p * x - 1) * np.log(mean)
        + p * x * np.log(x)
        - (p * x + q) * np.log(v + x * mean)
    )
