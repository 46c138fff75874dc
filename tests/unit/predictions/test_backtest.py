"""Backtests score what they claim to score, and decide against predictions that do not earn to be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from predictions.backtest import (
    Refits,
    backtest_churn,
    backtest_purchases,
    backtest_subscriptions,
    backtest_value,
    compare,
    cutoffs,
    reliability,
    score_amounts,
    score_probabilities,
)
from predictions.churn import FEATURE_NAMES
from predictions.gates import Decision, Minimums, beats_naive, enough_data, is_judged, right_in_total
from predictions.purchases import ModifiedBetaGeoNBD
from predictions.renewals import after_periods

START, END = pd.Timestamp("2025-01-01"), pd.Timestamp("2026-01-01")
MINIMUMS = Minimums(buyers=500, history_days=180, recent_days=30, frequent_buyers=1, subscribers=200, losses=30)


def simulated_purchases(size: int = 1500, seed: int = 4) -> pd.DataFrame:
    """Purchase days of customers who came evenly over the year and leave at their own rates."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(size):
        day, leaves = rng.uniform(0, 365), rng.beta(0.7, 2.5)
        rate = rng.gamma(0.8, 1 / 15)
        while day < 365:
            rows.append((customer, START + pd.Timedelta(days=int(day))))
            if rng.random() < leaves:
                break
            day += rng.exponential(1 / rate)
    return pd.DataFrame(rows, columns=["customer_id", "purchased_on"]).assign(amount=10.0)


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return simulated_purchases()


def test_cutoffs_leave_a_closed_window_and_a_past() -> None:
    found = cutoffs(START, END, horizon_days=90, step_days=30, warm_up_days=180)

    assert found[-1] == END - pd.Timedelta(days=90)
    assert found[0] >= START + pd.Timedelta(days=180)
    assert {(b - a).days for a, b in zip(found, found[1:], strict=False)} == {30}
    assert cutoffs(START, START + pd.Timedelta(days=200), 90, 30, 180) == []


def test_scores_of_probabilities_by_hand() -> None:
    scores = score_probabilities([0.1, 0.1, 0.6, 0.8], [0, 0, 1, 0], [0.25] * 4, subjects=[1, 2, 3, 4])

    assert scores.event_rate == 0.25 and scores.mean_probability == pytest.approx(0.4)
    assert scores.bias == pytest.approx(0.15)
    assert scores.brier == pytest.approx((0.01 + 0.01 + 0.16 + 0.64) / 4)
    assert scores.naive_brier == pytest.approx(0.1875)
    assert scores.skill == pytest.approx(1 - 0.205 / 0.1875)
    assert scores.auc == pytest.approx(2 / 3)
    assert scores.top_decile_lift == 0  # the one with the highest probability stayed


def test_calibrated_probabilities_have_slope_one_and_exaggerated_ones_less() -> None:
    rng = np.random.default_rng(6)
    odds = rng.normal(-0.5, 1, 40_000)
    truth = 1 / (1 + np.exp(-odds))
    outcome = rng.random(40_000) < truth
    right = score_probabilities(truth, outcome, np.full(40_000, outcome.mean()), np.arange(40_000))
    extreme = score_probabilities(1 / (1 + np.exp(-2 * odds)), outcome, truth, np.arange(40_000))

    assert right.calibration_slope == pytest.approx(1, abs=0.05)
    assert right.calibration_intercept == pytest.approx(0, abs=0.05)
    assert right.calibration_error < 0.015 < extreme.calibration_error
    assert extreme.calibration_slope == pytest.approx(0.5, abs=0.03)
    assert right.skill > 0 > extreme.skill
    assert reliability(truth, outcome)["row_count"].sum() == 40_000


def test_scores_without_both_outcomes_say_nothing_of_ranking() -> None:
    scores = score_probabilities([0.2, 0.3], [False, False], [0.1, 0.1], [1, 2])

    assert np.isnan([scores.auc, scores.calibration_slope, scores.top_decile_lift]).all()
    assert scores.brier == pytest.approx(0.065)


def test_ties_at_the_tenth_do_not_depend_on_the_order_of_rows() -> None:
    p, y = np.full(40, 0.5), np.arange(40) < 10

    assert score_probabilities(p, y, p, np.arange(40)).top_decile_lift == pytest.approx(1)


def test_forecasting_nothing_for_everybody_does_not_win() -> None:
    """By absolute error it would: most customers buy nothing."""
    rng = np.random.default_rng(7)
    mean = np.where(rng.random(5000) < 0.1, 3.0, 0.05)
    actual = rng.poisson(mean)
    model = score_amounts(mean, actual, np.zeros(5000), np.arange(5000), np.zeros(5000), mean * 3 + 2)

    assert model.skill > 0.5 and abs(model.bias_rate) < 0.05 and model.interval_coverage > 0.9


def test_a_subject_who_is_judged_twice_counts_once_for_the_error() -> None:
    rng = np.random.default_rng(8)
    losses, naive = rng.random(200), rng.random(200)
    once = compare(losses, naive, np.arange(200))
    copied = compare(np.tile(losses, 9), np.tile(naive, 9), np.tile(np.arange(200), 9))

    assert copied.difference == pytest.approx(once.difference)
    assert copied.difference_error == pytest.approx(once.difference_error)


def test_the_purchase_backtest_beats_the_naive_rule_and_covers(purchases: pd.DataFrame) -> None:
    at = cutoffs(START, END, 60, 60, 150)
    result = backtest_purchases(Refits(purchases, ModifiedBetaGeoNBD), at, 60, END)

    assert not result.skipped and len(result.scores) == 2 * (len(at) + 1)
    total = result.scores[result.scores["cutoff_at"].isna()].set_index("target")
    assert total.loc["purchases", "skill"] > 0.1
    assert abs(total.loc["purchases", "bias_rate"]) < 0.15
    assert total.loc["purchases", "interval_coverage"] >= 0.88
    assert total.loc["no_purchase", "auc"] > 0.75
    assert total.loc["no_purchase", "calibration_error"] < 0.05
    assert beats_naive(result.scores, "purchases").is_shown and beats_naive(result.scores, "no_purchase").is_shown


def test_forecasts_at_a_cutoff_do_not_change_with_what_came_after(purchases: pd.DataFrame) -> None:
    at = [pd.Timestamp("2025-08-01")]
    later = purchases[purchases["purchased_on"] >= at[0]].assign(amount=99.0)
    doubled = pd.concat([purchases, later.assign(purchased_on=later["purchased_on"] + pd.Timedelta(days=1))])
    forecasts = ["forecast_purchases", "naive_purchases", "no_purchase_probability", "naive_no_purchase_probability"]
    one = backtest_purchases(Refits(purchases, ModifiedBetaGeoNBD), at, 60, END).rows
    two = backtest_purchases(Refits(doubled, ModifiedBetaGeoNBD), at, 60, END).rows

    pd.testing.assert_frame_equal(one[forecasts], two[forecasts])
    assert two["purchases"].sum() > one["purchases"].sum()


def test_value_is_judged_in_money_and_hidden_amounts_are_not_judged(purchases: pd.DataFrame) -> None:
    """The same customers, each with amounts of their own; three of them with one that is not known."""
    rng = np.random.default_rng(2)
    mean = pd.Series(30 / rng.gamma(4, 0.25, 1500))
    priced = purchases.assign(amount=purchases["customer_id"].map(mean) * rng.gamma(6, 1 / 6, len(purchases)))
    at = cutoffs(START, END, 60, 60, 90)
    result = backtest_value(Refits(priced, ModifiedBetaGeoNBD), at, 60, END)

    assert beats_naive(result.scores, "value") == Decision()
    rows = result.rows.set_index(["customer_id", "cutoff_at"])
    window = priced[(priced["purchased_on"] >= at[-1]) & (priced["purchased_on"] < END)]
    spent = window.groupby("customer_id")["amount"].sum()
    for customer in spent.index[:20].intersection(rows.xs(at[-1], level=1).index):
        assert rows.loc[(customer, at[-1]), "value"] == pytest.approx(spent[customer])
    overall = result.scores[result.scores["cutoff_at"].isna()].iloc[0]
    assert overall["actual_total"] == pytest.approx(result.rows["value"].sum())
    assert abs(overall["bias_rate"]) < 0.15

    some = spent.index[:3]
    unpriced = priced.assign(
        amount=priced["amount"].mask(priced["customer_id"].isin(some) & (priced["purchased_on"] >= at[-1]))
    )
    judged = backtest_value(Refits(unpriced, ModifiedBetaGeoNBD), at[-1:], 60, END).rows
    assert not judged["customer_id"].isin(some).any() and len(judged) > 500
    with pytest.raises(ValueError, match="still open"):
        backtest_value(Refits(priced, ModifiedBetaGeoNBD), [END], 60, END)


def monthly_spells(lost_at: np.ndarray, anchor: np.ndarray) -> pd.DataFrame:
    """Subscribers by the month, and the number of the renewal that each does not make."""
    ended_at = pd.Series(after_periods(anchor, lost_at, np.ones(len(anchor), dtype=np.int64)))
    return pd.DataFrame(
        {
            "subscriber_id": [f"s{number}" for number in range(len(anchor))],
            "billing_months": 1,
            "anchor_at": anchor.astype("datetime64[us]"),
            "observed_from_at": anchor.astype("datetime64[us]"),
            "paid_until_at": ended_at,
            "ended_at": ended_at,
            "ending_known_at": ended_at,
            "mrr_amount": 10.0,
        }
    )


def arrivals(size: int, rng: np.random.Generator) -> np.ndarray:
    """Evenly over two years up to the end."""
    return (START - pd.Timedelta(days=365)).to_datetime64() + (rng.uniform(0, 730, size) * 86400).astype("m8[s]")


def simulated_spells(size: int, spread: tuple[float, float], seed: int = 6) -> pd.DataFrame:
    """How people differ in leaving at a renewal is a beta distribution."""
    rng = np.random.default_rng(seed)
    anchor = arrivals(size, rng)
    return monthly_spells(np.minimum(rng.geometric(rng.beta(*spread, size)), 600), anchor)


def test_ends_of_subscriptions_are_foretold_where_people_differ() -> None:
    spells = simulated_spells(3000, (0.5, 3.0))
    at = cutoffs(START, END, 90, 60, 0)
    result = backtest_subscriptions(spells, at, 90, END, MINIMUMS)

    assert beats_naive(result.scores, "subscription_end") == Decision()
    overall = result.scores[result.scores["cutoff_at"].isna()].iloc[0]
    assert overall["calibration_slope"] == pytest.approx(1, abs=0.15)
    assert abs(overall["bias"]) < 0.02 and overall["auc"] > 0.6
    last = result.rows[result.rows["cutoff_at"] == at[-1]].set_index("subscriber_id")
    paying = spells[(spells["anchor_at"] < at[-1]) & (spells["ended_at"] >= at[-1])].set_index("subscriber_id")
    assert sorted(last.index) == sorted(paying.index)
    ended = (paying["ended_at"] < at[-1] + pd.Timedelta(days=90)).reindex(last.index)
    assert (last["is_ended"] == ended).all()


def test_where_all_subscribers_are_alike_next_to_nothing_is_gained() -> None:
    result = backtest_subscriptions(
        simulated_spells(3000, (300.0, 2700.0)), cutoffs(START, END, 90, 60, 0), 90, END, MINIMUMS
    )

    assert abs(result.scores[result.scores["cutoff_at"].isna()]["skill"].iloc[0]) < 0.01


def test_where_times_change_the_naive_rule_wins_and_ends_are_hidden() -> None:
    """From one day on everybody is ten times as likely to leave: the last window knows, the history does not."""
    rng = np.random.default_rng(6)
    anchor = arrivals(3000, rng)
    turn = (END - pd.Timedelta(days=240)).to_datetime64()
    lost_at = np.zeros(len(anchor), dtype=np.int64)
    for renewal in range(1, 60):
        due = after_periods(anchor, np.full(len(anchor), renewal), np.ones(len(anchor), dtype=np.int64))
        leaves = rng.random(len(anchor)) < np.where(due < turn, 0.02, 0.2)
        lost_at = np.where((lost_at == 0) & leaves, renewal, lost_at)
    at = cutoffs(START, END, 90, 30, 0)[-3:]
    result = backtest_subscriptions(monthly_spells(np.where(lost_at == 0, 60, lost_at), anchor), at, 90, END, MINIMUMS)

    assert "not shown to beat the naive rule" in str(beats_naive(result.scores, "subscription_end").reason)


def test_an_end_that_was_certain_is_news_to_nobody() -> None:
    """Everybody who leaves says so a week before: a cut-off in that week tells model and naive rule alike."""
    spells = simulated_spells(3000, (0.5, 3.0))
    spells["ending_known_at"] = spells["ended_at"] - pd.Timedelta(days=7)
    rows = backtest_subscriptions(spells, cutoffs(START, END, 90, 60, 0), 90, END, MINIMUMS).rows.merge(spells)
    known = rows[rows["ending_known_at"] < rows["cutoff_at"]]

    assert len(known) > 50 and known["is_ended"].all()
    assert (known[["end_probability", "naive_end_probability"]] == 1).all(axis=None)
    # Of the others the naive rule says how often others ended in the last window.
    for cutoff, part in rows.drop(known.index).groupby("cutoff_at"):
        start = cutoff - pd.Timedelta(days=90)
        open_ended = spells[(spells["anchor_at"] < start) & (spells["ending_known_at"] >= start)]
        assert part["naive_end_probability"].to_numpy() == pytest.approx((open_ended["ended_at"] < cutoff).mean())


def test_a_billing_period_with_too_few_subscribers_is_skipped_and_said() -> None:
    at = cutoffs(START, END, 90, 60, 0)
    result = backtest_subscriptions(simulated_spells(150, (0.5, 3.0)), at, 90, END, MINIMUMS)

    assert result.rows.empty and set(result.skipped) == set(at)
    assert "subscribers billed monthly, at least 200 are needed" in result.skipped[at[-1]]


def test_a_window_that_is_still_open_is_refused(purchases: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="2025-12-01.* are still open on 2026-01-01"):
        backtest_purchases(Refits(purchases, ModifiedBetaGeoNBD), [pd.Timestamp("2025-12-01")], 60, END)


def test_a_cutoff_that_cannot_be_fitted_is_reported_and_hides_the_prediction() -> None:
    once = pd.DataFrame({"customer_id": range(50), "purchased_on": START, "amount": 1.0})
    at = [pd.Timestamp("2025-06-01")]
    result = backtest_purchases(Refits(once, ModifiedBetaGeoNBD), at, 60, END)

    assert result.skipped == {at[0]: "mbg_nbd: none of 50 customers bought a second time"}
    assert beats_naive(result.scores, "purchases").reason == "purchases: no backtest could be run"


def churn_samples(is_learnable: bool) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    size, dates = 600, pd.date_range("2025-01-01", periods=6, freq="90D")
    samples = pd.DataFrame({name: rng.gamma(2.0, 1.0, size * 6) for name in FEATURE_NAMES})
    samples["person_id"], samples["cutoff_at"] = np.tile(np.arange(size), 6), np.repeat(dates, size)
    samples["is_inactive"] = samples["days_since_last_purchase"] > 3
    signal = samples["complaint_count"] - 2 if is_learnable else 0.0
    samples["is_churned"] = rng.random(size * 6) < 1 / (1 + np.exp(-(1.2 * signal - 0.5 + samples["is_inactive"])))
    return samples


def test_the_churn_backtest_learns_from_closed_windows_only() -> None:
    samples = churn_samples(is_learnable=True)
    result = backtest_churn(samples, list(FEATURE_NAMES), 90)

    # The first two cut-offs have no two closed windows before them: one to fit, one to calibrate.
    assert len(result.skipped) == 2
    total = result.scores[result.scores["cutoff_at"].isna()].iloc[0]
    assert total["skill"] > 0.1 and total["calibration_slope"] == pytest.approx(1, abs=0.25)
    assert beats_naive(result.scores, "churn").is_shown
    # What happened at the last cut-off is known to nobody before its window closed.
    changed = samples.copy()
    is_last = changed["cutoff_at"] == changed["cutoff_at"].max()
    changed.loc[is_last, "is_churned"] = ~changed.loc[is_last, "is_churned"]
    pd.testing.assert_series_equal(
        backtest_churn(changed, list(FEATURE_NAMES), 90).rows["churn_probability"], result.rows["churn_probability"]
    )


def test_a_model_that_adds_nothing_to_the_naive_rule_is_hidden() -> None:
    scores = backtest_churn(churn_samples(is_learnable=False), list(FEATURE_NAMES), 90).scores
    decision = beats_naive(scores, "churn")

    assert not decision.is_shown
    assert decision.reason is not None and decision.reason.startswith("churn: not shown to beat the naive rule")


def test_an_advantage_within_its_error_is_not_enough() -> None:
    row = {"target": "churn", "cutoff_at": None, "skill": 0.01, "difference": -0.001}

    assert not beats_naive(pd.DataFrame([{**row, "difference_error": 0.002}]), "churn").is_shown
    assert beats_naive(pd.DataFrame([{**row, "difference_error": 0.0005}]), "churn").is_shown
    assert not beats_naive(pd.DataFrame([{**row, "difference_error": float("nan")}]), "churn").is_shown
    assert not beats_naive(pd.DataFrame(), "churn").is_shown


def test_every_minimum_that_fails_is_named() -> None:
    few = pd.DataFrame(
        {"customer_id": [1, 1, 2], "purchased_on": pd.to_datetime(["2025-09-01", "2025-10-01"] * 1 + ["2025-10-05"])}
    )
    decision = enough_data(few, END, MINIMUMS)

    assert decision.reasons == (
        "2 buyers, at least 500 are needed",
        "122 days of history, at least 180 are needed",
        "no purchase in the last 30 days",
        "0 customers with three or more purchases, at least 1 needed",
    )
    assert enough_data(few, pd.Timestamp("2025-09-01"), MINIMUMS).reason == "no purchases"
    assert (decision & Decision(("more",))).reasons[-1] == "more"


def test_enough_data_is_enough(purchases: pd.DataFrame) -> None:
    assert enough_data(purchases, END, MINIMUMS).is_shown
    assert not enough_data(purchases, END, replace(MINIMUMS, buyers=10**6)).is_shown


def test_the_naive_rule_repeats_repeat_purchases_only() -> None:
    """Ten people come new in the last window before the cut-off: nobody comes for the first time twice."""
    days = {"known": [0, 150], "new": [160], "both_in_the_window": [150, 170]}
    rows = [
        (f"{kind}{number}", START + pd.Timedelta(days=day))
        for kind, found in days.items()
        for number in range(10)
        for day in found
    ]
    few = pd.DataFrame(rows, columns=["customer_id", "purchased_on"]).assign(amount=5.0)
    # Other customers, so that there is a model.
    refits = Refits(pd.concat([few, simulated_purchases(300)]).astype({"customer_id": str}), ModifiedBetaGeoNBD)
    at = [START + pd.Timedelta(days=180)]
    counts, money = backtest_purchases(refits, at, 60, END).rows, backtest_value(refits, at, 60, END).rows
    expected = {"known": 1.0, "new": 0.0, "both_in_the_window": 1.0}

    for rows_judged, column, each in ((counts, "naive_purchases", 1.0), (money, "naive_value", 5.0)):
        kind = rows_judged["customer_id"].str.extract(r"([a-z_]+)", expand=False)
        found = rows_judged.groupby(kind)[column].agg(["min", "max"])
        assert found.T.to_dict() == {name: {"min": many * each, "max": many * each} for name, many in expected.items()}


def test_where_the_data_are_shorter_than_the_window_the_naive_rule_goes_on_at_their_pace() -> None:
    """Everybody buys every tenth day: after 100 days the naive rule says of 200 days what it should."""
    rows = [
        (f"clock{number}", START + pd.Timedelta(days=day + number % 5))
        for number in range(60)
        for day in range(0, 330, 10)
    ]
    clocks = pd.DataFrame(rows, columns=["customer_id", "purchased_on"]).assign(amount=5.0)
    at = [START + pd.Timedelta(days=100)]
    # Other customers, so that there is a model.
    refits = Refits(pd.concat([clocks, simulated_purchases(300)]).astype({"customer_id": str}), ModifiedBetaGeoNBD)
    found = backtest_purchases(refits, at, 200, END).rows
    found = found[found["customer_id"].str.startswith("clock")]

    assert (found["purchases"] == 20).all() and found["naive_purchases"].between(18, 20).all() and len(found) == 60


def test_what_subscribers_renew_is_judged_in_months() -> None:
    """Against the renewals counted one by one; a simulated population renews as foretold, month by month."""
    spells = simulated_spells(3000, (0.5, 3.0))
    at = cutoffs(START, END, 90, 60, 0)
    result = backtest_subscriptions(spells, at, 90, END, MINIMUMS)
    overall = result.scores[result.scores["cutoff_at"].isna()].set_index("target").loc["renewals"]

    assert beats_naive(result.scores, "renewals") == Decision() and abs(overall["bias_rate"]) < 0.03
    rows = result.rows[result.rows["cutoff_at"] == at[-1]].merge(spells)
    end, before = at[-1] + pd.Timedelta(days=90), at[-1] - pd.Timedelta(days=90)
    for row in rows.head(300).itertuples():
        dues = [row.anchor_at + pd.DateOffset(months=month) for month in range(1, 30)]
        stop = row.ended_at if not pd.isna(row.ended_at) else pd.Timestamp.max
        made = [due for due in dues if due < stop]
        assert row.renewed_months == sum(at[-1] < due <= end for due in made)
        assert row.naive_months == sum(before < due <= at[-1] for due in made)
    yearly = spells.assign(billing_months=12)
    assert set(backtest_subscriptions(yearly, at[:1], 90, END, MINIMUMS).rows["renewed_months"]) <= {0, 12}


def judged_totals(*bias_rates: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "target": "value",
            "cutoff_at": pd.date_range("2025-01-01", periods=len(bias_rates), freq="30D"),
            "horizon_days": 90,
            "bias_rate": bias_rates,
            "actual_total": 100.0,
        }
    )


@pytest.mark.parametrize(
    ("bias_rates", "reason"),
    [
        ((0.9, 0.14, -0.15, 0.01), None),
        ((0.0, 0.0, -0.253, 0.16), "the total foretold on 2025-03-02 for 90 days was 25% below what came"),
        # One that is too high makes up for none that is too low.
        ((0.2, -0.2), "was 20% above what came"),
        ((0.05, float("nan")), "was above nothing, which came"),
    ],
)
def test_totals_of_the_last_windows_have_to_be_right(bias_rates: tuple[float, ...], reason: str | None) -> None:
    scores = judged_totals(*bias_rates)
    scores.loc[scores["bias_rate"].isna(), "actual_total"] = 0.0
    decision = right_in_total(scores, "value", 0.15, 3)

    assert decision.is_shown if reason is None else reason in str(decision.reason)


def test_windows_that_never_closed_are_no_evidence() -> None:
    skipped = {START: "too few", END: "61 subscribers, at least 200 are needed"}

    assert is_judged(judged_totals(0.0), "value", 90, {}) == Decision()
    assert str(is_judged(pd.DataFrame(), "value", 365, {}).reason).startswith("value: no forecast over 365 days")
    reason = str(is_judged(pd.DataFrame(), "renewals", 365, skipped).reason)
    assert reason.endswith("(2026-01-01: 61 subscribers, at least 200 are needed)")


def test_a_year_of_a_shop_that_shrank_is_hidden(cdnow_purchases: pd.DataFrame) -> None:
    """CDNOW: what its customers would buy in a year was foretold a quarter too low, again and again."""
    until = pd.Timestamp("1998-07-01")
    refits = Refits(cdnow_purchases, ModifiedBetaGeoNBD)
    at = cutoffs(cdnow_purchases["purchased_on"].min(), until, 365, 30, 90)
    scores = backtest_purchases(refits, at, 365, until).scores

    assert beats_naive(scores, "purchases").is_shown
    assert str(right_in_total(scores, "purchases", 0.15, 3).reason).endswith("below what came, at most 15% is shown")
