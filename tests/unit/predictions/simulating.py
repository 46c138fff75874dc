"""Customers who buy and leave as a purchase model says, drawn from its own assumptions and not from its formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.histories import Histories
from predictions.maximum_likelihood import Array
from predictions.purchases import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, PurchaseModel


@dataclass(frozen=True)
class Future:
    """Simulated customers: what was seen of them until `age`, and what they did after.

    Attributes:
        histories: of n customers.
        is_alive: at the end of observation, shape (n,).
        purchases: in the horizon after it, shape (n,).
    """

    histories: Histories
    is_alive: NDArray[np.bool_]
    purchases: Array


def simulate(model: PurchaseModel, age: Array, horizon: float, seed: int) -> Future:
    """New customers, observed to their ages and through the horizon after."""
    rng = np.random.default_rng(seed)
    if isinstance(model, ParetoNBD):
        return _leaving_at_any_time(model, age, horizon, rng)
    assert isinstance(model, (BetaGeoNBD, ModifiedBetaGeoNBD))
    return _leaving_after_a_purchase(model, age, horizon, rng)


def _leaving_after_a_purchase(
    model: BetaGeoNBD | ModifiedBetaGeoNBD, age: Array, horizon: float, rng: np.random.Generator
) -> Future:
    r, alpha, a, b = model.values
    rate = rng.gamma(r, 1 / alpha, len(age))
    leaves = rng.beta(a, b, len(age))
    occasions = rng.poisson(rate * age)
    # The repeat purchase after which the customer is gone: with a coin at the start it may be none.
    gone_after = _geometric(leaves, rng) - model.coins_at_start
    frequency = np.minimum(occasions, gone_after)
    # The frequency-th of the occasions, which are spread evenly over the age.
    recency = np.where(
        frequency > 0, age * rng.beta(np.maximum(frequency, 1), np.maximum(occasions - frequency + 1, 1)), 0.0
    )
    is_alive = gone_after > occasions
    future = np.where(is_alive, np.minimum(rng.poisson(rate * horizon), _geometric(leaves, rng)), 0.0)
    return Future(Histories(frequency.astype(float), recency, age.astype(float)), is_alive, future)


def _leaving_at_any_time(model: ParetoNBD, age: Array, horizon: float, rng: np.random.Generator) -> Future:
    r, alpha, s, beta = model.values
    rate = rng.gamma(r, 1 / alpha, len(age))
    lives = rng.exponential(1, len(age)) / rng.gamma(s, 1 / beta, len(age))
    seen = np.minimum(lives, age)
    frequency = rng.poisson(rate * seen).astype(float)
    # The latest of so many instants spread evenly over the time seen.
    recency = np.where(frequency > 0, rng.beta(np.maximum(frequency, 1), 1) * seen, 0.0)
    future = rng.poisson(rate * np.clip(lives - age, 0, horizon)).astype(float)
    return Future(Histories(frequency, recency, age.astype(float)), lives > age, future)


def _geometric(probability: Array, rng: np.random.Generator) -> Array:
    """Number of trials to the first success, as floats: for tiny probabilities it exceeds what an integer holds."""
    with np.errstate(divide="ignore"):
        trials = np.ceil(np.log(rng.random(len(probability))) / np.log1p(-np.minimum(probability, 1 - 1e-16)))
    return np.maximum(trials, 1.0)
