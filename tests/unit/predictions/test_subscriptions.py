"""sBG: censoring, projection, residual lifetime, recovery."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from predictions.maximum_likelihood import FitError
from predictions.subscriptions import ShiftedBetaGeometric

MODEL = ShiftedBetaGeometric(0.7, 1.2)


def cohorts(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Renewals due and whether the last was not made, of subscribers who joined in any of the last eight periods."""
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 9, size)
    lost_at = rng.geometric(rng.beta(MODEL.alpha, MODEL.beta, size))
    return np.minimum(age, lost_at), lost_at <= age


def test_survival_is_the_product_of_retention() -> None:
    renewals = np.arange(0, 20)

    assert MODEL.survival(renewals + 1) == pytest.approx(np.cumprod(MODEL.retention(renewals)))
    assert (np.diff(MODEL.retention(renewals)) > 0).all()
    assert MODEL.still_there(np.array([3]), 4)[0] == pytest.approx(
        MODEL.survival(np.array([7]))[0] / MODEL.survival(np.array([3]))[0]
    )


def test_residual_lifetime_is_the_discounted_sum_of_survival() -> None:
    made = np.array([0, 3, 12])

    endless = MODEL.residual_lifetime(made, 0.1)
    assert endless == pytest.approx(MODEL.residual_lifetime(made, 0.1, horizon=3000), rel=1e-9)
    by_hand = sum(MODEL.still_there(made, k) / 1.1 ** (k - 1) for k in (1, 2, 3))
    assert MODEL.residual_lifetime(made, 0.1, horizon=3) == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="needs a discount rate"):
        MODEL.residual_lifetime(made, 0.0)


def test_cohorts_that_are_still_young_do_not_pull_retention_down() -> None:
    """Without censoring, subscribers who have not had the time to leave would count as staying forever."""
    due, is_lost = cohorts(40_000, seed=7)
    fitted = ShiftedBetaGeometric.fit(due, is_lost)

    assert [fitted.alpha, fitted.beta] == pytest.approx([MODEL.alpha, MODEL.beta], rel=0.1)


def test_grouped_and_single_rows_are_the_same() -> None:
    due, is_lost = cohorts(500, seed=8)
    pairs, counts = np.unique(np.column_stack([due, is_lost]), axis=0, return_counts=True)
    single = ShiftedBetaGeometric.fit(due, is_lost)
    grouped = ShiftedBetaGeometric.fit(pairs[:, 0], pairs[:, 1].astype(bool), counts.astype(float))

    assert [grouped.alpha, grouped.beta] == pytest.approx([single.alpha, single.beta])


def test_what_cannot_be_fitted_is_named() -> None:
    with pytest.raises(FitError, match="none of 2 subscribers was lost"):
        ShiftedBetaGeometric.fit(np.array([3, 4]), np.array([False, False]))
    with pytest.raises(ValueError, match="row 1: a subscriber cannot be lost with 0 renewals due"):
        ShiftedBetaGeometric.fit(np.array([3, 0]), np.array([True, True]))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Sixty populations of 800: parameters, a projection past the data, a residual lifetime (binomial, 3 in 1,000)."""
    seeds = 60
    inside = dict.fromkeys(("alpha", "beta", "survival", "residual"), 0)
    ahead = np.array([12])
    for seed in range(seeds):
        fitted = ShiftedBetaGeometric.fit(*cohorts(800, seed))
        assert fitted.estimate is not None
        for name, (low, high) in fitted.estimate.intervals(0.9).items():
            inside[name] += low <= getattr(MODEL, name) <= high
        survival = fitted.survival_interval(ahead, 0.9)
        inside["survival"] += bool(survival.lower[0] <= MODEL.survival(ahead)[0] <= survival.upper[0])
        residual = fitted.residual_lifetime_interval(ahead, 0.1, confidence=0.9)
        inside["residual"] += bool(residual.lower[0] <= MODEL.residual_lifetime(ahead, 0.1)[0] <= residual.upper[0])

    assert min(inside.values()) >= binom.ppf(0.003, seeds, 0.9), inside
