"""The parameters that are kept of every night come with errors that are as large as the estimates really scatter."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from predictions.churn import FEATURE_NAMES, ChurnModel
from predictions.maximum_likelihood import Estimate
from predictions.purchases import ModifiedBetaGeoNBD
from predictions.spend import GammaGamma
from predictions.subscriptions import ShiftedBetaGeometric
from tests.unit.predictions.simulating import simulate

POPULATIONS = 60


def subscriptions(seed: int) -> Estimate | None:
    rng = np.random.default_rng(seed)
    lasts, due = rng.geometric(rng.beta(0.8, 2.5, 4000)), rng.integers(1, 24, 4000)
    return ShiftedBetaGeometric.fit(np.minimum(lasts, due), lasts <= due).estimate


def spend(seed: int) -> Estimate | None:
    rng = np.random.default_rng(seed)
    frequency = rng.integers(1, 8, 3000).astype(float)
    mean = rng.gamma(6.0 * frequency) / rng.gamma(4.0, 1 / 15.0, 3000) / frequency
    return GammaGamma.fit(frequency, mean).estimate


def purchases(seed: int) -> Estimate | None:
    age = np.random.default_rng(seed).uniform(30, 300, 4000)
    future = simulate(ModifiedBetaGeoNBD(0.7, 20.0, 0.8, 2.5), age, 40, seed=1000 + seed)
    return ModifiedBetaGeoNBD.fit(future.histories).estimate


def holds_as_often_as_it_says(truth: Iterable[float], values: np.ndarray, errors: np.ndarray) -> None:
    """Values and errors of shape (populations, k): 90 % intervals (binomial, 3 in 1,000), and the scatter itself."""
    inside = np.abs(values - np.asarray(list(truth))) <= norm.ppf(0.95) * errors

    assert (inside.sum(axis=0) >= binom.ppf(0.003, len(values), 0.9)).all(), inside.mean(axis=0)
    # The scatter of 60 values is itself known to a tenth only.
    assert np.median(errors, axis=0) == pytest.approx(values.std(axis=0, ddof=1), rel=0.3)


@pytest.mark.parametrize(
    ("fit", "truth"),
    [(subscriptions, (0.8, 2.5)), (spend, (6.0, 4.0, 15.0)), (purchases, (0.7, 20.0, 0.8, 2.5))],
)
def test_standard_errors_are_as_large_as_estimates_scatter(fit, truth: tuple[float, ...]) -> None:
    found = [fit(seed) for seed in range(POPULATIONS)]
    assert all(estimate is not None and not estimate.held for estimate in found)

    values = np.array([estimate.values for estimate in found])
    holds_as_often_as_it_says(truth, values, np.array([list(each.standard_errors().values()) for each in found]))


def test_the_error_of_what_is_held_is_not_known() -> None:
    estimate = Estimate(("a", "b"), np.array([2.0, 3.0]), np.array([[0.0, 0.0], [0.0, 0.04]]), -1.0, 10, ("a",))
    errors = estimate.standard_errors()

    assert np.isnan(errors["a"]) and errors["b"] == pytest.approx(0.6)


def test_errors_of_the_churn_model_are_as_large_as_its_coefficients_scatter() -> None:
    """The same customers again and again, who leave by chance as the coefficients say."""
    rng = np.random.default_rng(3)
    cutoffs = pd.Series(np.repeat(pd.to_datetime(["2025-01-01", "2025-07-01"]), 4000))
    features = pd.DataFrame({name: rng.gamma(2.0, 1.0, 8000) for name in FEATURE_NAMES})
    logs = np.log1p(features)
    standardised = (logs - logs[:4000].mean()) / logs[:4000].std(ddof=0)
    truth = {"complaint_count": 0.8, "days_since_last_purchase": -0.5}
    odds = -0.4 + sum(standardised[name] * weight for name, weight in truth.items())
    names = [*truth, "refund_rate", "intercept", "calibration_slope", "calibration_intercept"]
    values, errors = [], []
    for _ in range(POPULATIONS):
        is_churned = pd.Series(rng.random(8000) < 1 / (1 + np.exp(-odds)))
        found = ChurnModel.fit(features, is_churned, cutoffs, 90).parameters.set_index("parameter").loc[names]
        values.append(found["estimate"].to_numpy())
        errors.append(found["standard_error"].to_numpy())

    # The calibration is of a score that is itself uncertain, which its errors do not hold.
    coefficients = slice(0, 4)
    holds_as_often_as_it_says(
        [*truth.values(), 0.0, -0.4], np.array(values)[:, coefficients], np.array(errors)[:, coefficients]
    )
    assert (np.array(errors)[:, 4:] > 0).all() and np.median(np.array(values)[:, 4]) == pytest.approx(1, abs=0.1)
