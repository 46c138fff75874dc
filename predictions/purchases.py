"""How many purchases a customer will make, and whether the customer is still one: "buy till you die" models.

Belongs here: BG/NBD, MBG/NBD and Pareto/NBD, their fit, and what follows from them for one customer and for all.
Does not: money (`spend`, `value`), subscriptions that end on a known day (`subscriptions`).

All three assume that while alive, a customer buys at their own constant rate λ, which varies between customers as a
gamma distribution. They differ in how customers leave, which is never observed:

* BG/NBD: after each purchase with probability p (Fader, Hardie & Lee 2005, Marketing Science 24(2), "Counting your
  customers the easy way"). Nobody leaves before a second purchase: every one-time buyer has p(alive) = 1.
* MBG/NBD: as BG/NBD, and also right after the first purchase (Batislam, Denizel & Filiztekin 2007, International
  Journal of Research in Marketing 24(3); Hoppe & Wagner 2007, Marketing - JRM 3(2)).
* Pareto/NBD: at any time, at the customer's own rate μ (Schmittlein, Morrison & Colombo 1987, Management Science
  33(1); formulas of Fader & Hardie 2005, "A note on deriving the Pareto/NBD model").

Given that a customer is alive now, λ and the inclination to leave are again independent and of the same families, with
parameters that the history has updated. Everything about the future therefore comes from two things: the probability of
being alive, and the number of purchases of a live customer, `live_exceeds` and `live_expectation`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.special import betainc, betaln, expit, gammaln, hyp2f1, logit
from scipy.stats import norm

from predictions.histories import Histories
from predictions.maximum_likelihood import Array, Estimate, FitError, maximize, standard_error

# A fit on this many customers has standard errors below a percent or two: more would only cost time.
FIT_SAMPLE = 100_000
# The starts are compared on this many, and only the best goes on to all.
_ROUGH_SAMPLE = 1_000
# A count whose upper quantile lies above this is reported as this: nobody plans with more purchases of one person.
LARGEST_COUNT = 5_000
# Process variance of totals is estimated from at least this many simulated futures.
_SIMULATED_FUTURES = 200_000


def _quadrature(nodes: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss-Legendre quadrature on (0, 1)."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return (places + 1) / 2, weights / 2


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that holds it with the stated confidence; arrays of one shape."""

    estimate: Array
    lower: Array
    upper: Array

    @classmethod
    def around(cls, middle: Array, spread: Array, back: Callable[[Array], Array]) -> Interval:
        """Symmetric where the quantity is unbounded (`middle`), brought back to its own scale by `back`."""
        return cls(back(middle), back(middle - spread), back(middle + spread))


@dataclass(frozen=True)
class Forecast:
    """What a fitted model says of n customers; each interval holds arrays of shape (n,).

    The intervals say how well the probability or expectation is *known*: they come from the uncertainty of the
    parameters, by the delta method on the scale where the quantity is unbounded (logarithm, log-odds). What the
    customer then does scatters more: `purchases_lower` and `purchases_upper` bound the count itself.

    Attributes:
        alive_probability: P(still a customer at the end of observation).
        expected_purchases: in the horizon.
        discounted_purchases: the same, each purchase worth e^(-rate × time until it).
        no_purchase_probability: P(no purchase in the inactive horizon).
        purchases_lower, purchases_upper: predictive interval of the number of purchases in the horizon.
        discounted_purchases_error: standard error of the logarithm of `discounted_purchases`.
    """

    alive_probability: Interval
    expected_purchases: Interval
    discounted_purchases: Interval
    no_purchase_probability: Interval
    purchases_lower: Array
    purchases_upper: Array
    discounted_purchases_error: Array


class PurchaseModel(ABC):
    """A model with known parameters; `fit` finds them.

    Attributes:
        values: the parameters in the order of `names`; rates per the unit of time of the histories.
        estimate: the fit they come from, if they come from one.
    """

    name: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    # Where the search begins, with the mean age as unit of time.
    starts: ClassVar[tuple[tuple[float, ...], ...]]

    def __init__(self, *values: float, estimate: Estimate | None = None) -> None:
        self.values: Array = np.asarray(values, dtype=float)
        if self.values.shape != (len(self.names),) or not (self.values > 0).all():
            raise ValueError(f"{self.name} takes {len(self.names)} positive parameters {self.names}, got {values}")
        self.estimate = estimate

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{n}={v:.4g}' for n, v in zip(self.names, self.values, strict=True))})"
        )

    # ---- fit

    @classmethod
    def fit(cls, histories: Histories, sample: int = FIT_SAMPLE, seed: int = 0) -> Self:
        """Maximum likelihood on each distinct history once, weighted by how many customers have it.

        Args:
            histories: all customers; of more than `sample` a random sample is taken, and the estimate's covariance
                is that of the sample.
            sample: largest number of customers to fit on.
            seed: of the sample.

        Raises:
            FitError: when the data do not determine the parameters, for instance without any repeat purchase.
        """
        fitted = histories.sample(sample, seed)
        if not fitted.frequency.any():
            raise FitError(f"{cls.name}: none of {len(fitted)} customers bought a second time")
        # In units of the mean age the parameters are near one, whatever the unit of time.
        scale = float(fitted.age.mean())
        scaled = Histories(fitted.frequency, fitted.recency / scale, fitted.age / scale)

        def likelihood_of(part: Histories) -> Callable[[Array], float]:
            distinct, counts = part.grouped()
            return lambda values: float(counts @ cls(*values).log_likelihood(distinct))

        found = maximize(
            likelihood_of(scaled),
            cls.names,
            cls.starts,
            len(fitted),
            cls.name,
            rough=likelihood_of(scaled.sample(_ROUGH_SAMPLE, seed)),
        )
        times = np.array([scale if name in ("alpha", "beta") else 1.0 for name in cls.names])
        estimate = Estimate(
            names=found.names,
            values=found.values * times,
            covariance=found.covariance,
            # The density of x purchases at their times has the dimension time^-x.
            log_likelihood=found.log_likelihood - float(fitted.frequency.sum() * np.log(scale)),
            observations=found.observations,
            held=found.held,
        )
        return cls(*estimate.values, estimate=estimate)

    @abstractmethod
    def log_likelihood(self, histories: Histories) -> Array:
        """Logarithm of each customer's density, shape (n,)."""

    # ---- a customer, given the history

    @abstractmethod
    def alive_probability(self, histories: Histories) -> Array:
        """P(alive at the end of observation | history), shape (n,)."""

    @abstractmethod
    def live_expectation(self, frequency: Array, age: Array, horizon: float) -> Array:
        """E[purchases in (age, age + horizon] | alive at age, history], shape (n,)."""

    @abstractmethod
    def live_exceeds(self, count: int, frequency: Array, age: Array, horizon: float) -> Array:
        """P(more than `count` purchases in (age, age + horizon] | alive at age, history), shape (n,)."""

    def expected_purchases(self, histories: Histories, horizon: float) -> Array:
        """Expected number of purchases in the horizon that follows observation, shape (n,)."""
        return self.alive_probability(histories) * self._by_live_history(
            histories, lambda frequency, age: self.live_expectation(frequency, age, horizon)
        )

    def discounted_purchases(self, histories: Histories, horizon: float, discount_rate: float) -> Array:
        """Expected purchases in the horizon, each worth e^(-rate × time until it), shape (n,).

        With E(t) purchases expected until t this is ∫ e^(-rate t) dE(t), which by parts is
        e^(-rate h) E(h) + rate ∫ e^(-rate t) E(t) dt. E is smooth and concave: few nodes of quadrature are exact to
        many digits.

        Args:
            horizon: in the unit of the histories.
            discount_rate: continuous, per unit of time: log(1 + yearly rate) / units in a year.
        """

        return self.alive_probability(histories) * self._by_live_history(
            histories, lambda frequency, age: self._live_discounted(frequency, age, horizon, discount_rate)
        )

    def _live_discounted(self, frequency: Array, age: Array, horizon: float, discount_rate: float) -> Array:
        total = np.exp(-discount_rate * horizon) * self.live_expectation(frequency, age, horizon)
        if discount_rate == 0:
            return total
        for node, weight in zip(*_quadrature(10), strict=True):
            until = float(node * horizon)
            factor = weight * horizon * discount_rate * np.exp(-discount_rate * until)
            total = total + factor * self.live_expectation(frequency, age, until)
        return total

    def no_purchase_probability(self, histories: Histories, horizon: float) -> Array:
        """P(no purchase in the horizon that follows observation | history), shape (n,).

        Exact, and not exp(-expected purchases): that would hold if everybody had the same rate and nobody left.
        """
        return 1 - self.alive_probability(histories) * self._by_live_history(
            histories, lambda frequency, age: self.live_exceeds(0, frequency, age, horizon)
        )

    def purchase_quantiles(self, histories: Histories, horizon: float, quantiles: list[float]) -> Array:
        """Quantiles of the number of purchases in the horizon, shape (len(quantiles), n).

        The smallest count that is not exceeded with at least that probability, from the exact distribution of the
        count given the parameters. Two of them bound a predictive interval; counts are discrete, so that it holds the
        count at least as often as it says. Counts above `LARGEST_COUNT` are given as that.
        """
        alive = self.alive_probability(histories)
        frequency, age, place = histories.live
        # A customer's count exceeds k with probability alive × live_exceeds(k): it must fall to 1 - quantile.
        result = np.zeros((len(quantiles), len(histories)))
        for row, quantile in enumerate(quantiles):
            undecided = np.arange(len(histories))
            for count in range(LARGEST_COUNT + 1):
                needed, back = np.unique(place[undecided], return_inverse=True)
                exceeds = self.live_exceeds(count, frequency[needed], age[needed], horizon)[back]
                # The tolerance keeps rounding from deciding where the distribution meets the quantile exactly.
                undecided = undecided[alive[undecided] * exceeds > 1 - quantile + 1e-12]
                if not len(undecided):
                    break
                result[row, undecided] = min(count + 1, LARGEST_COUNT)
        return result

    def _by_live_history(self, histories: Histories, function: Callable[[Array, Array], Array]) -> Array:
        """A function of (frequency, age), computed once for each distinct pair: among many customers they are few."""
        frequency, age, place = histories.live
        return function(frequency, age)[place]

    # ---- uncertainty

    def forecast(
        self,
        histories: Histories,
        horizon: float,
        inactive_horizon: float,
        discount_rate: float,
        confidence: float = 0.95,
    ) -> Forecast:
        """All that value and churn need of every customer, with intervals, in one pass.

        Args:
            histories: of n customers.
            horizon: of the purchases, in the unit of the histories.
            inactive_horizon: of the probability of no purchase.
            discount_rate: continuous, per unit of time.
            confidence: of the intervals.

        Raises:
            ValueError: when the parameters were given and not fitted, so that their uncertainty is not known.
        """

        def unbounded(values: Array) -> Array:
            model = type(self)(*values)
            alive = model.alive_probability(histories)
            live = [
                model._by_live_history(histories, function)
                for function in (
                    lambda frequency, age: model.live_expectation(frequency, age, horizon),
                    lambda frequency, age: model._live_discounted(frequency, age, horizon, discount_rate),
                    lambda frequency, age: model.live_exceeds(0, frequency, age, inactive_horizon),
                )
            ]
            expected, discounted, active = (alive * values for values in live)
            return np.stack([_log_odds(alive), _log(expected), _log(discounted), -_log_odds(active)])

        estimates = unbounded(self.values)
        errors = standard_error(unbounded, self._fitted())
        spread = norm.ppf((1 + confidence) / 2) * errors
        tail = (1 - confidence) / 2
        counts = self.purchase_quantiles(histories, horizon, [tail, 1 - tail])
        return Forecast(
            alive_probability=Interval.around(estimates[0], spread[0], expit),
            expected_purchases=Interval.around(estimates[1], spread[1], np.exp),
            discounted_purchases=Interval.around(estimates[2], spread[2], np.exp),
            no_purchase_probability=Interval.around(estimates[3], spread[3], expit),
            purchases_lower=counts[0],
            purchases_upper=counts[1],
            discounted_purchases_error=errors[2],
        )

    def total_purchases_interval(
        self, histories: Histories, horizon: float, confidence: float = 0.95, seed: int = 0
    ) -> Interval:
        """All customers' purchases in the horizon, with a predictive interval: shapes ().

        Its variance is that of the parameters (delta method) plus that of the purchases themselves, summed over
        independent customers and estimated from simulated futures.
        """
        expected = self.expected_purchases(histories, horizon)
        from_parameters = standard_error(
            lambda values: np.asarray(type(self)(*values).expected_purchases(histories, horizon).sum()), self._fitted()
        )
        rounds = max(1, -(-_SIMULATED_FUTURES // len(histories)))
        rng = np.random.default_rng(seed)
        from_purchases = (
            sum(float(((self.simulate_future(histories, horizon, rng) - expected) ** 2).sum()) for _ in range(rounds))
            / rounds
        )
        total = expected.sum()
        spread = norm.ppf((1 + confidence) / 2) * np.sqrt(from_parameters**2 + from_purchases)
        return Interval(np.asarray(total), np.asarray(max(total - spread, 0.0)), np.asarray(total + spread))

    def _fitted(self) -> Estimate:
        if self.estimate is None:
            raise ValueError(f"{self!r} was not fitted: the uncertainty of given parameters is not known")
        return self.estimate

    # ---- simulation

    @abstractmethod
    def simulate_future(self, histories: Histories, horizon: float, rng: np.random.Generator) -> Array:
        """One possible number of purchases of each customer in the horizon, given the history, shape (n,)."""


def _log(amount: Array) -> Array:
    """Logarithm, finite also where somebody is so surely gone that nothing is expected."""
    return np.log(np.maximum(amount, 1e-300))


def _log_odds(probability: Array) -> Array:
    """Log-odds, finite also where the probability is 1 whatever the parameters (one-time buyers under BG/NBD)."""
    return logit(np.clip(probability, 1e-15, 1 - 1e-15))


def _buys_more_than(count: int, shape: Array, scale: Array, time: Array | float) -> Array:
    """P(N > count), N Poisson with a rate ~ Gamma(shape, scale) over `time`: the tail of a negative binomial."""
    return betainc(count + 1, shape, time / (scale + time))


class _BetaGeometric(PurchaseModel):
    """What BG/NBD and MBG/NBD share: r, alpha of the purchase rate, a, b of the probability to leave.

    A customer with x repeat purchases who is alive has survived `coins` chances to leave: x, and one more if the first
    purchase was one.
    """

    names = ("r", "alpha", "a", "b")
    starts = ((0.5, 1.0, 1.0, 2.5), (1.0, 0.2, 0.3, 3.0), (0.3, 0.1, 1.0, 10.0))
    coins_at_start: ClassVar[int]

    def log_likelihood(self, histories: Histories) -> Array:
        r, alpha, a, b = self.values
        x, last, age = histories.frequency, histories.recency, histories.age
        coins = x + self.coins_at_start
        rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + coins) - betaln(a, b) - (r + x) * np.log(alpha + age)
        gone = np.where(
            coins > 0,
            betaln(a + 1, b + np.maximum(coins, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + last),
            -np.inf,
        )
        return rate + np.logaddexp(alive, gone)

    def alive_probability(self, histories: Histories) -> Array:
        r, alpha, a, b = self.values
        coins = histories.frequency + self.coins_at_start
        # Without a coin there was no way to leave.
        with np.errstate(divide="ignore"):
            last_coin = np.log(np.where(coins > 0, a / (b + np.maximum(coins, 1) - 1), 0.0))
        silence = (r + histories.frequency) * np.log((alpha + histories.age) / (alpha + histories.recency))
        return expit(-(last_coin + silence))

    def live_expectation(self, frequency: Array, age: Array, horizon: float) -> Array:
        """Equation 10 of Fader, Hardie & Lee 2005 for a live customer.

        With Euler's transformation of the hypergeometric function: its arguments then do not grow with the frequency,
        where the published form overflows for customers with hundreds of purchases.
        """
        r, alpha, a, b = self.values
        # a = 1 is a removable singularity; a step beside it the error is far below any figure shown.
        a = a if abs(a - 1) > 1e-6 else 1 + 1e-6
        c = a + b + frequency + self.coins_at_start - 1
        c = np.where(np.abs(c) > 1e-8, c, 1e-8)  # so is c = 0, of a customer without repeat purchase where a + b = 1
        stays = (alpha + age) / (alpha + age + horizon)
        series = hyp2f1(c - r - frequency, a - 1, c, 1 - stays)
        return c / (a - 1) * (1 - stays ** (a - 1) * series)

    def live_exceeds(self, count: int, frequency: Array, age: Array, horizon: float) -> Array:
        """More than k purchases: more than k occasions and, independently, not gone after any of the first k."""
        r, alpha, a, b = self.values
        survived = b + frequency + self.coins_at_start
        stays = np.exp(betaln(a, survived + count) - betaln(a, survived))
        return _buys_more_than(count, r + frequency, alpha + age, horizon) * stays

    def simulate_future(self, histories: Histories, horizon: float, rng: np.random.Generator) -> Array:
        r, alpha, a, b = self.values
        is_alive = rng.random(len(histories)) < self.alive_probability(histories)
        rate = rng.gamma(r + histories.frequency, 1 / (alpha + histories.age))
        leaves = rng.beta(a, b + histories.frequency + self.coins_at_start)
        return np.where(is_alive, np.minimum(rng.poisson(rate * horizon), _geometric(leaves, rng)), 0.0)


def _geometric(probability: Array, rng: np.random.Generator) -> Array:
    """Number of trials to the first success, as floats: for tiny probabilities it exceeds what an integer holds."""
    with np.errstate(divide="ignore"):
        trials = np.ceil(np.log(rng.random(len(probability))) / np.log1p(-np.minimum(probability, 1 - 1e-16)))
    return np.maximum(trials, 1.0)


class BetaGeoNBD(_BetaGeometric):
    """BG/NBD: r, alpha (purchase rate), a, b (leaving after a repeat purchase)."""

    name = "bg_nbd"
    coins_at_start = 0


class ModifiedBetaGeoNBD(_BetaGeometric):
    """MBG/NBD: r, alpha (purchase rate), a, b (leaving after any purchase, the first included)."""

    name = "mbg_nbd"
    coins_at_start = 1


class ParetoNBD(PurchaseModel):
    """Pareto/NBD: r, alpha (purchase rate), s, beta (rate of leaving)."""

    name = "pareto_nbd"
    names = ("r", "alpha", "s", "beta")
    starts = ((0.5, 0.3, 0.6, 0.4), (1.0, 0.5, 0.5, 2.0), (0.3, 0.1, 2.0, 2.0))

    def _log_odds_of_leaving(self, histories: Histories) -> Array:
        """Logarithm of P(left since the last purchase) / P(alive); -inf where there was no time to leave.

        The term A0 of Fader & Hardie 2005, times (α+T)^(r+x) (β+T)^s. With Euler's transformation
        of the hypergeometric function, as the published form overflows for frequent buyers.
        """
        r, alpha, s, beta = self.values
        x, last, age = histories.frequency, histories.recency, histories.age
        larger, power = max(alpha, beta), r + s + x
        second = s + 1 if alpha >= beta else r + x

        def log_term(time: Array) -> Array:
            z = abs(alpha - beta) / (larger + time)
            return (
                (r + x) * np.log((alpha + age) / (larger + time))
                + s * np.log((beta + age) / (larger + time))
                + (1 - second) * np.log1p(-z)
                + np.log(hyp2f1(1, power + 1 - second, power + 1, z))
            )

        at_last, at_age = log_term(last), log_term(age)
        # Rounding may leave the difference of two equal terms just below zero.
        with np.errstate(divide="ignore"):
            difference = np.log(-np.expm1(np.minimum(at_age - at_last, 0.0)))
        return np.log(s / power) + at_last + difference

    def log_likelihood(self, histories: Histories) -> Array:
        r, alpha, s, beta = self.values
        x = histories.frequency
        alive = (
            gammaln(r + x)
            - gammaln(r)
            + r * np.log(alpha)
            - (r + x) * np.log(alpha + histories.age)
            - s * np.log1p(histories.age / beta)
        )
        return alive + np.logaddexp(0.0, self._log_odds_of_leaving(histories))

    def alive_probability(self, histories: Histories) -> Array:
        return expit(-self._log_odds_of_leaving(histories))

    def live_expectation(self, frequency: Array, age: Array, horizon: float) -> Array:
        """Equation 41 of Fader & Hardie 2005 for a live customer: rate × expected time alive in the horizon."""
        r, alpha, s, beta = self.values
        s = s if abs(s - 1) > 1e-9 else 1 + 1e-9  # a removable singularity
        time_alive = -(beta + age) * np.expm1(-(s - 1) * np.log1p(horizon / (beta + age))) / (s - 1)
        return (r + frequency) / (alpha + age) * time_alive

    def live_exceeds(self, count: int, frequency: Array, age: Array, horizon: float) -> Array:
        """More than k purchases until the end of the horizon or of life, by quadrature over the time of life."""
        r, alpha, s, beta = self.values
        shape, scale, lasts = r + frequency, alpha + age, beta + age
        to_the_end = (lasts / (lasts + horizon)) ** s
        result = to_the_end * _buys_more_than(count, shape, scale, horizon)
        # Over the logarithm of `lasts` plus the time of life, in which the density is smooth also where most lives are
        # short and the horizon is long.
        span = np.log1p(horizon / lasts)
        for node, weight in zip(*_quadrature(24), strict=True):
            ends = s * np.exp(-s * span * node)
            lives = lasts * np.expm1(span * node)
            result = result + weight * span * ends * _buys_more_than(count, shape, scale, lives)
        return result

    def simulate_future(self, histories: Histories, horizon: float, rng: np.random.Generator) -> Array:
        r, alpha, s, beta = self.values
        is_alive = rng.random(len(histories)) < self.alive_probability(histories)
        rate = rng.gamma(r + histories.frequency, 1 / (alpha + histories.age))
        lives = rng.exponential(1, len(histories)) / rng.gamma(s, 1 / (beta + histories.age))
        return np.where(is_alive, rng.poisson(rate * np.minimum(lives, horizon)), 0.0)


MODELS: dict[str, type[PurchaseModel]] = {model.name: model for model in (BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD)}
