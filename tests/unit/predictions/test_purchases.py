"""The purchase models agree with themselves, with simulation, and their intervals cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from predictions.histories import Histories
from predictions.maximum_likelihood import Estimate, FitError
from predictions.purchases import MODELS, BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, PurchaseModel
from tests.unit.predictions.simulating import simulate

TRUE_VALUES = {"bg_nbd": (0.6, 8.0, 0.8, 2.5), "mbg_nbd": (0.8, 8.0, 0.7, 2.5), "pareto_nbd": (0.8, 8.0, 1.2, 20.0)}
EVERY_MODEL = pytest.mark.parametrize("model", [cls(*TRUE_VALUES[name]) for name, cls in MODELS.items()], ids=MODELS)


@st.composite
def histories(draw: st.DrawFn) -> Histories:
    age = draw(st.integers(1, 2000))
    frequency = draw(st.integers(0, min(age, 400)))
    recency = draw(st.integers(frequency, age)) if frequency else 0
    return Histories.of([frequency], [recency], [age])


@st.composite
def models(draw: st.DrawFn) -> PurchaseModel:
    cls = draw(st.sampled_from(list(MODELS.values())))
    shape, scale = st.floats(0.05, 5), st.floats(0.5, 300)
    draws = {"r": shape, "alpha": scale, "a": shape, "b": shape, "s": shape, "beta": scale}
    values = [draw(draws["beta" if name == "beta" else name]) for name in cls.names]
    return cls(*values, estimate=Estimate(cls.names, np.array(values), np.eye(4) * 0.01, -1.0, 100))


@given(models(), histories(), st.integers(1, 400))
@settings(max_examples=150)
def test_no_purchase_is_the_ratio_of_the_likelihoods_with_and_without_further_silence(
    model: PurchaseModel, history: Histories, horizon: int
) -> None:
    """P(nothing in h | history) = L(x, t_x, T + h) / L(x, t_x, T): by the definition of a conditional probability."""
    silent = Histories(history.frequency, history.recency, history.age + horizon)
    ratio = np.exp(model.log_likelihood(silent) - model.log_likelihood(history))

    assert model.no_purchase_probability(history, horizon) == pytest.approx(ratio, abs=2e-5)


@given(models(), histories(), st.integers(1, 60))
@settings(max_examples=40)
def test_the_expectation_is_the_sum_of_the_tail_probabilities(
    model: PurchaseModel, history: Histories, horizon: int
) -> None:
    tails = [float(model.live_exceeds(k, history.frequency, history.age, horizon)[0]) for k in range(400)]
    expected = float(model.live_expectation(history.frequency, history.age, horizon)[0])

    assert np.all(np.diff(tails) <= 1e-12)
    if tails[-1] < 1e-9:
        assert sum(tails) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(models(), histories(), st.integers(1, 400))
@settings(max_examples=100)
def test_every_forecast_is_finite_and_inside_its_interval(
    model: PurchaseModel, history: Histories, horizon: int
) -> None:
    forecast = model.forecast(history, horizon, 90, 0.0003)

    for interval in (
        forecast.alive_probability,
        forecast.no_purchase_probability,
        forecast.expected_purchases,
        forecast.discounted_purchases,
    ):
        bounds = np.array([interval.lower, interval.estimate, interval.upper])
        assert np.isfinite(bounds).all() and (np.diff(bounds, axis=0) >= 0).all() and (bounds >= 0).all()
    assert 0 <= forecast.no_purchase_probability.estimate[0] <= 1
    assert forecast.discounted_purchases.estimate[0] <= forecast.expected_purchases.estimate[0] * (1 + 1e-9)
    assert forecast.purchases_lower[0] <= forecast.purchases_upper[0]


@EVERY_MODEL
def test_discounting_by_parts_equals_summing_the_days(model: PurchaseModel) -> None:
    seen = Histories.of([0, 3, 40], [0, 50, 390], [10, 100, 400])
    steps = np.linspace(0, 365, 3651)
    until = [np.zeros(3), *(model.expected_purchases(seen, float(step)) for step in steps[1:])]
    by_day = sum(
        np.exp(-0.001 * (steps[i] + steps[i + 1]) / 2) * (until[i + 1] - until[i]) for i in range(len(steps) - 1)
    )

    assert model.discounted_purchases(seen, 365, 0.001) == pytest.approx(by_day, rel=1e-5)
    assert model.discounted_purchases(seen, 365, 0.0) == pytest.approx(model.expected_purchases(seen, 365))


@EVERY_MODEL
def test_simulated_customers_behave_as_the_formulas_say(model: PurchaseModel) -> None:
    future = simulate(model, np.full(100_000, 40.0), 30, seed=1)
    seen = future.histories

    for actual, expected in (
        (future.is_alive.astype(float), model.alive_probability(seen)),
        (future.purchases, model.expected_purchases(seen, 30)),
        ((future.purchases == 0).astype(float), model.no_purchase_probability(seen, 30)),
    ):
        for group in (seen.frequency == 0, seen.frequency >= 3):
            gap = actual[group] - expected[group]
            assert abs(gap.mean()) <= 4.5 * gap.std() / np.sqrt(group.sum())


@EVERY_MODEL
def test_futures_simulated_from_histories_have_the_expected_mean(model: PurchaseModel) -> None:
    seen = Histories(np.repeat([0.0, 4.0], 50_000), np.repeat([0.0, 30.0], 50_000), np.repeat([40.0, 45.0], 50_000))
    future = model.simulate_future(seen, 30, np.random.default_rng(2))
    gap = future - model.expected_purchases(seen, 30)

    for group in (slice(0, 50_000), slice(50_000, None)):
        assert abs(gap[group].mean()) < 4.5 * gap[group].std() / np.sqrt(50_000)


@EVERY_MODEL
def test_quantiles_of_counts_are_where_the_distribution_reaches_them(model: PurchaseModel) -> None:
    seen = Histories.of([0, 2, 30], [0, 20, 90], [60, 30, 95])
    low, high = model.purchase_quantiles(seen, 60, [0.05, 0.95])

    for row in range(3):
        one = Histories(seen.frequency[[row]], seen.recency[[row]], seen.age[[row]])
        alive = model.alive_probability(one)

        def at_most(
            count: float, one: Histories = one, alive: np.ndarray[tuple[int], np.dtype[np.float64]] = alive
        ) -> float:
            if count < 0:
                return 0.0
            return float((1 - alive * model.live_exceeds(int(count), one.frequency, one.age, 60))[0])

        for quantile, count in ((0.05, low[row]), (0.95, high[row])):
            assert at_most(count) >= quantile - 1e-9
            assert at_most(count - 1) < quantile


def test_one_time_buyers_are_certainly_alive_under_bg_nbd_only() -> None:
    silent = Histories.of([0, 0, 0], [0, 0, 0], [1, 100, 1000])

    assert BetaGeoNBD(*TRUE_VALUES["bg_nbd"]).alive_probability(silent).tolist() == [1, 1, 1]
    for model in (ModifiedBetaGeoNBD(*TRUE_VALUES["mbg_nbd"]), ParetoNBD(*TRUE_VALUES["pareto_nbd"])):
        alive = model.alive_probability(silent)
        assert alive[0] < 1 and (np.diff(alive) < 0).all() and alive[2] < 0.5


def test_grouping_and_weights_change_nothing() -> None:
    seen = simulate(ModifiedBetaGeoNBD(*TRUE_VALUES["mbg_nbd"]), np.full(500, 60.0), 30, seed=3).histories
    rounded = Histories(seen.frequency, np.ceil(seen.recency), seen.age)
    twice = Histories(*(np.tile(a, 2) for a in (rounded.frequency, rounded.recency, rounded.age)))
    once, doubled = ModifiedBetaGeoNBD.fit(rounded), ModifiedBetaGeoNBD.fit(twice)

    assert once.estimate is not None and doubled.estimate is not None
    assert doubled.values == pytest.approx(once.values, rel=2e-3)
    assert doubled.estimate.log_likelihood == pytest.approx(2 * once.estimate.log_likelihood, rel=1e-6)
    assert doubled.estimate.covariance == pytest.approx(once.estimate.covariance / 2, rel=0.05)


def test_nobody_who_came_back_is_no_model_but_a_clear_error() -> None:
    with pytest.raises(FitError, match="mbg_nbd: none of 3 customers bought a second time"):
        ModifiedBetaGeoNBD.fit(Histories.of([0, 0, 0], [0, 0, 0], [5, 6, 7]))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_where_nobody_leaves_the_rate_is_known_and_leaving_is_held(name: str) -> None:
    """Without leaving all three are one model, the NBD; how rare leaving is, such data cannot say."""
    rng = np.random.default_rng(11)
    age = rng.uniform(50, 300, 3000)
    count = rng.poisson(rng.gamma(0.8, 1 / 60, 3000) * age).astype(float)
    recency = np.where(count > 0, age * rng.beta(np.maximum(count, 1), 1), 0.0)
    histories = Histories.of(count, recency, age)
    fitted = MODELS[name].fit(histories)
    assert fitted.estimate is not None
    intervals = list(fitted.estimate.intervals(0.99).values())

    assert fitted.estimate.held and set(fitted.estimate.held) <= set(fitted.names[2:])
    assert intervals[0][0] < 0.8 < intervals[0][1] and intervals[1][0] < 60 < intervals[1][1]
    assert fitted.alive_probability(histories).mean() > 0.95
    total = fitted.total_purchases_interval(histories, 90)
    assert total.upper - total.lower < 0.2 * total.estimate


def test_given_parameters_have_no_uncertainty_to_report() -> None:
    with pytest.raises(ValueError, match="was not fitted"):
        BetaGeoNBD(0.2, 4, 0.8, 2.4).forecast(Histories.of([0], [0], [1]), 10, 10, 0)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (([1], [5], [4]), "recency is not between 0 and age"),
        (([0], [3], [4]), "recency is 0 exactly when"),
        (([1], [0], [4]), "recency is 0 exactly when"),
        (([1.5], [3], [4]), "frequency is no whole number"),
        (([1], [float("nan")], [4]), "a value is missing or infinite"),
    ],
)
def test_an_impossible_history_is_named(row: tuple[list[float], ...], problem: str) -> None:
    with pytest.raises(ValueError, match=f"row 0: {problem}"):
        Histories.of(*row)


@pytest.mark.parametrize("name", ["mbg_nbd", "pareto_nbd"])
def test_parameters_and_totals_are_recovered_as_often_as_the_intervals_say(name: str) -> None:
    """Populations of 1,500 customers each, with a calibration and a holdout; intervals of 90 %.

    The bound is what correct intervals fall below in 3 of 1,000 such tests (binomial). The four parameters of a fit are
    correlated: their share is held to the bound of as many fits, not of four times as many.
    """
    cls, truth = MODELS[name], np.array(TRUE_VALUES[name])
    seeds = 40 if name == "mbg_nbd" else 20
    parameters = totals = customers = judged = 0
    for seed in range(seeds):
        age = np.random.default_rng(seed).uniform(30, 100, 1500)
        future = simulate(cls(*truth), age, 40, seed=1000 + seed)
        fitted = cls.fit(future.histories)
        assert fitted.estimate is not None
        parameters += sum(
            low <= value <= high
            for value, (low, high) in zip(truth, fitted.estimate.intervals(0.9).values(), strict=True)
        )
        total = fitted.total_purchases_interval(future.histories, 40, 0.9)
        totals += bool(total.lower <= future.purchases.sum() <= total.upper)
        low, high = fitted.purchase_quantiles(future.histories, 40, [0.05, 0.95])
        customers += int(((future.purchases >= low) & (future.purchases <= high)).sum())
        judged += len(age)

    assert totals >= binom.ppf(0.003, seeds, 0.9)
    assert parameters / (4 * seeds) >= binom.ppf(0.003, seeds, 0.9) / seeds
    # Counts are discrete: the interval holds them at least as often as it says, less the uncertainty of the fit.
    assert customers / judged >= 0.89
