"""sBG: censoring, projection, recovery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from predictions.maximum_likelihood import FitError
from predictions.renewals import after_periods, periods_passed
from predictions.subscriptions import ShiftedBetaGeometric, end_probability, fit_renewals, score_subscribers

MODEL = ShiftedBetaGeometric(0.7, 1.2)


def cohorts(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Renewals due and whether the last was not made, of subscribers who joined in any of the last eight periods."""
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 9, size)
    lost_at = rng.geometric(rng.beta(MODEL.alpha, MODEL.beta, size))
    return np.minimum(age, lost_at), lost_at <= age


def test_staying_is_the_product_of_each_renewal_and_easier_with_tenure() -> None:
    made = np.arange(0, 20)
    next_one = MODEL.still_there(made, 1)

    assert next_one == pytest.approx((MODEL.beta + made) / (MODEL.alpha + MODEL.beta + made))
    assert MODEL.still_there(np.zeros(20), made + 1) == pytest.approx(np.cumprod(next_one))
    assert MODEL.still_there(np.array([3]), 4)[0] == pytest.approx(np.prod(next_one[3:7]))


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
    with pytest.raises(ValueError, match="row 1: a subscriber cannot be lost 1 times with 0 renewals due"):
        ShiftedBetaGeometric.fit(np.array([3, 0]), np.array([True, True]))
    with pytest.raises(ValueError, match="row 0: a subscriber cannot enter after 3 renewals with 3 due and 1 lost"):
        ShiftedBetaGeometric.fit(np.array([3]), np.array([1]), entered=np.array([3]))


def lives(size: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Renewals due, lost and behind at entry, of people followed for twelve periods, half of them taken over.

    Half of those who leave come back two periods later. Whoever is taken over had up to 24 renewals behind them; who
    would have left before is not among them.
    """
    rng = np.random.default_rng(seed)
    rows = []
    while len(rows) < size:
        theta, before = rng.beta(MODEL.alpha, MODEL.beta), int(rng.integers(1, 25)) if len(rows) % 2 else 0
        if before and rng.geometric(theta) <= before:
            continue
        due, lost, period = before, 0, 0
        while period < 12:
            period, due = period + 1, due + 1
            if rng.random() < theta:
                lost += 1
                if rng.random() < 0.5:
                    break
                period += 2
        rows.append((due, lost, before))
    due, lost, before = np.array(rows).T
    return due, lost, before


def test_lives_that_begin_before_observation_or_begin_again_are_recovered() -> None:
    """Counted from their birth, those taken over would make everybody look loyal."""
    due, lost, before = lives(6000, seed=9)
    fitted = ShiftedBetaGeometric.fit(due, lost, entered=before)
    naive = ShiftedBetaGeometric.fit(due, lost)

    assert fitted.estimate is not None
    truth = {"alpha": MODEL.alpha, "beta": MODEL.beta}
    for name, (low, high) in fitted.estimate.intervals(0.99).items():
        assert low <= truth[name] <= high
    first_year = np.array([1, 12])
    stay = MODEL.still_there(np.zeros(2), first_year)
    assert fitted.still_there(np.zeros(2), first_year) == pytest.approx(stay, abs=0.03)
    assert (naive.still_there(np.zeros(2), first_year) > stay + 0.1).all()


def test_the_summary_of_renewals_is_fitted_with_what_was_behind_at_entry() -> None:
    due, lost, before = lives(400, seed=10)
    summary = pd.DataFrame({"renewals_made": due - lost, "losses": lost, "entered": before})
    fitted, expected = fit_renewals(summary), ShiftedBetaGeometric.fit(due, lost, entered=before)

    assert (fitted.alpha, fitted.beta) == (expected.alpha, expected.beta)
    assert fitted.beta != pytest.approx(ShiftedBetaGeometric.fit(due, lost).beta, rel=0.05)


def test_who_left_before_is_likelier_to_leave_again() -> None:
    made = np.array([6, 6, 6])
    stays = MODEL.still_there(made, 3, losses=np.array([0, 1, 2]))

    assert (np.diff(stays) < 0).all()
    # By drawing the inclination from what the history has made of its distribution.
    theta = np.random.default_rng(1).beta(MODEL.alpha + 1, MODEL.beta + 6, 400_000)
    assert stays[1] == pytest.approx(((1 - theta) ** 3).mean(), abs=0.002)


AT = pd.Timestamp("2026-06-30")


def subscribers(**columns: list) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    anchor = pd.to_datetime(columns.pop("anchor_at", ["2026-01-15"] * size))
    frame = pd.DataFrame(columns).assign(anchor_at=anchor)
    for name, value in (("losses", 0), ("billing_months", 1), ("mrr_amount", 10.0), ("is_ending", False)):
        frame[name] = columns.get(name, value)
    start, months = frame["anchor_at"].to_numpy(), frame["billing_months"].to_numpy()
    due = periods_passed(start, np.full(size, AT.to_datetime64()), months)
    frame["next_due_at"] = after_periods(start, due + 1, months)
    return frame


FITTED = ShiftedBetaGeometric.fit(*cohorts(2000, seed=3))


def test_a_subscriber_is_worth_the_payments_that_are_expected_each_discounted_to_today() -> None:
    people = subscribers(renewals_made=[5, 5], losses=[0, 1], billing_months=[1, 12], mrr_amount=[10.0, 10.0])
    scores = score_subscribers(FITTED, people, AT, horizon_days=365, end_days=90, yearly_discount_rate=0.1)

    # Paid by the month: due on the 15th, twelve times until 30 June 2027. Paid by the year: once, on 15 January.
    for row, (payments, gap) in enumerate([(12, 1), (1, 12)]):
        until = (people["next_due_at"][row] - AT).days
        expected = [FITTED.still_there(np.array([5]), k, losses=row)[0] for k in range(1, payments + 1)]
        by_hand = sum(
            stays * 10 * gap * 1.1 ** -((until + (k - 1) * gap * 365.25 / 12) / 365.25)
            for k, stays in enumerate(expected, start=1)
        )
        assert scores["predicted_value"][row] == pytest.approx(by_hand)
        assert scores["expected_renewals"][row] == pytest.approx(sum(expected))
    # Three renewals by the month within 90 days; none by the year.
    assert scores["end_probability"][0] == pytest.approx(1 - FITTED.still_there(np.array([5]), 3)[0])
    assert scores["end_probability"][1] == pytest.approx(0, abs=1e-12)
    for name in ("end_probability", "expected_renewals", "predicted_value"):
        assert (scores[f"{name}_lower"] <= scores[name]).all() and (scores[name] <= scores[f"{name}_upper"]).all()
    assert scores["end_probability"].to_numpy() == pytest.approx(end_probability(FITTED, people, AT, 90), abs=1e-12)


def test_a_certain_end_comes_with_the_next_renewal_and_brings_nothing() -> None:
    people = subscribers(renewals_made=[5, 0], billing_months=[1, 12], is_ending=[True, True])
    scores = score_subscribers(FITTED, people, AT, horizon_days=365, end_days=90)

    assert scores["end_probability"].tolist() == [1, 0]  # the year runs to January
    assert scores["end_band"].tolist() == ["high", "low"]
    assert scores[["expected_renewals", "predicted_value", "predicted_value_upper"]].eq(0).all(axis=None)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Sixty populations of 800, whose parameters are judged (binomial, 3 in 1,000)."""
    seeds = 60
    inside = dict.fromkeys(("alpha", "beta"), 0)
    for seed in range(seeds):
        fitted = ShiftedBetaGeometric.fit(*cohorts(800, seed))
        assert fitted.estimate is not None
        for name, (low, high) in fitted.estimate.intervals(0.9).items():
            inside[name] += low <= getattr(MODEL, name) <= high

    assert min(inside.values()) >= binom.ppf(0.003, seeds, 0.9), inside
