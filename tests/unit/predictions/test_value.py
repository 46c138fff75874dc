"""Spend and value: shrinkage, intervals, totals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from predictions.histories import Histories, summarize
from predictions.maximum_likelihood import FitError
from predictions.purchases import ModifiedBetaGeoNBD
from predictions.spend import GammaGamma, dependence
from predictions.value import continuous_rate, risk_band, score, total_revenue
from tests.unit.predictions.simulating import simulate

TRUTH = GammaGamma(4.0, 5.0, 40.0)
PURCHASES = ModifiedBetaGeoNBD(0.8, 40.0, 0.7, 2.5)


def population(size: int, seed: int, horizon: float = 0) -> tuple[pd.DataFrame, float]:
    """Customers as `summarize` gives them, and what they spend in the horizon after."""
    rng = np.random.default_rng(seed)
    future = simulate(PURCHASES, rng.integers(60, 400, size).astype(float), horizon, seed)
    x = future.histories.frequency
    rate = rng.gamma(TRUTH.q, 1 / TRUTH.v, size)
    total = np.where(x > 0, rng.gamma(np.maximum(TRUTH.p * x, 1e-9)) / rate, np.nan)
    customers = pd.DataFrame(
        {
            "frequency": x,
            "recency_days": future.histories.recency,
            "age_days": future.histories.age,
            "repeat_amount": total / np.where(x > 0, x, np.nan),
        }
    )
    spent = np.where(future.purchases > 0, rng.gamma(np.maximum(TRUTH.p * future.purchases, 1e-9)) / rate, 0.0)
    return customers, float(spent.sum())


def test_summaries_leave_the_first_purchase_out_and_join_a_day() -> None:
    purchases = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "a", "b", "c"],
            "purchased_on": pd.to_datetime(
                ["2026-01-01", "2026-01-11", "2026-01-11", "2026-02-01", "2026-01-20", "2026-02-01"]
            ),
            "amount": [1000.0, 30.0, 20.0, 99.0, 5.0, 5.0],
        }
    )
    customers = summarize(purchases, pd.Timestamp("2026-02-01"))

    assert customers.index.tolist() == ["a", "b"]  # c's first purchase is not seen yet
    assert customers.loc["a"].tolist() == [1, 10, 30, 50.0]
    assert customers.loc["b", ["frequency", "recency_days", "age_days"]].tolist() == [0, 0, 11]
    assert np.isnan(customers.loc["b", "repeat_amount"])


def test_few_purchases_are_drawn_to_the_mean_of_all() -> None:
    amounts = TRUTH.expected_amount(np.array([0.0, 1, 10, 1000]), np.array([np.nan, 200.0, 200, 200]))

    assert amounts[0] == pytest.approx(40)
    assert (np.diff(amounts) > 0).all() and amounts[3] == pytest.approx(200, rel=1e-2)


def test_spend_that_depends_on_frequency_is_seen() -> None:
    x = np.arange(1.0, 101)

    assert dependence(x, x * 2) == pytest.approx(1)
    assert abs(dependence(x, np.random.default_rng(0).random(100))) < 0.3


def test_no_repeat_amounts_and_no_finite_mean_are_clear_errors() -> None:
    with pytest.raises(FitError, match="0 customers have repeat purchases"):
        GammaGamma.fit(np.array([0.0, 2.0]), np.array([np.nan, -3.0]))
    heavy = 1 / np.random.default_rng(1).gamma(0.4, 1, 3000)
    with pytest.raises(FitError, match="mean is not finite"):
        GammaGamma.fit(np.full(3000, 50.0), heavy)


def test_a_score_has_every_estimate_inside_its_interval() -> None:
    customers, _ = population(3000, seed=5)
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    model = ModifiedBetaGeoNBD.fit(histories)
    spend = GammaGamma.fit(customers["frequency"].to_numpy(), customers["repeat_amount"].to_numpy())
    scores = score(model, spend, customers, horizon_days=365, yearly_discount_rate=0.1)

    assert scores.index.equals(customers.index) and not scores.isna().any().any()
    for name in [column.removesuffix("_lower") for column in scores if column.endswith("_lower")]:
        if name != "purchases":
            assert (scores[f"{name}_lower"] <= scores[name]).all() and (scores[name] <= scores[f"{name}_upper"]).all()
    undiscounted = scores["expected_purchases"] * scores["expected_purchase_amount"]
    assert ((scores["predicted_value"] < undiscounted) & (scores["predicted_value"] > undiscounted / 1.1)).all()
    assert scores["no_purchase_probability"].to_numpy() == pytest.approx(model.no_purchase_probability(histories, 90))
    assert set(scores["no_purchase_band"]) <= {"low", "medium", "high"}


def test_bands_and_rates() -> None:
    assert risk_band(np.array([0.32, 0.33, 0.66, 0.67])).tolist() == ["low", "medium", "medium", "high"]
    assert np.exp(-continuous_rate(0.1) * 365.25) == pytest.approx(1 / 1.1)


def test_spend_value_and_totals_are_recovered_as_often_as_the_intervals_say() -> None:
    """Twenty populations of 1,500, intervals of 90 %; bounds as in the recovery of the purchase models (binomial)."""
    seeds, parameters, totals = 20, 0, 0
    judged = {"expected_purchase_amount": 0, "predicted_value": 0}
    some = pd.DataFrame(
        {
            "frequency": [0.0, 2, 8],
            "recency_days": [0.0, 100, 280],
            "age_days": [50.0, 150, 300],
            "repeat_amount": [np.nan, 30.0, 60.0],
        }
    )
    seen = Histories.of(some["frequency"], some["recency_days"], some["age_days"])
    true_amount = TRUTH.expected_amount(seen.frequency, some["repeat_amount"].to_numpy())
    truth = {
        "expected_purchase_amount": true_amount,
        "predicted_value": true_amount * PURCHASES.discounted_purchases(seen, 180, continuous_rate(0.1)),
    }
    for seed in range(seeds):
        customers, spent = population(1500, seed, horizon=180)
        model = ModifiedBetaGeoNBD.fit(
            Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
        )
        spend = GammaGamma.fit(customers["frequency"].to_numpy(), customers["repeat_amount"].to_numpy())
        assert spend.estimate is not None
        parameters += sum(
            low <= value <= high
            for value, (low, high) in zip(
                (TRUTH.p, TRUTH.q, TRUTH.v), spend.estimate.intervals(0.9).values(), strict=True
            )
        )
        total = total_revenue(model, spend, customers, 180, 0.9)
        totals += bool(total.lower <= spent <= total.upper)
        scores = score(model, spend, some, 180, yearly_discount_rate=0.1, confidence=0.9)
        for name, values in truth.items():
            judged[name] += int(((scores[f"{name}_lower"] <= values) & (values <= scores[f"{name}_upper"])).sum())

    bound = binom.ppf(0.003, seeds, 0.9)
    assert totals >= bound
    # Parameters of a fit, and customers scored by it, are correlated: held to the bound of as many fits.
    assert parameters / 3 >= bound
    assert min(judged.values()) / 3 >= bound, judged
