"""A night's predictions as a whole: shown when they earned it, else hidden with a reason, never from the future."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from predictions import gates
from predictions.churn import FEATURE_NAMES, LEAST_CONTRIBUTION, Windows
from predictions.gates import Decision
from predictions.leakage import LeakageError
from predictions.reasons import NO_REASON
from predictions.renewals import after_periods
from predictions.settings import Settings
from predictions.tables import Tables, predict

AS_OF = pd.Timestamp("2026-06-30 06:00")
TODAY = AS_OF.normalize()
SETTINGS = Settings(
    purchase_model="mbg_nbd",
    value_horizon_days=365,
    yearly_discount_rate=0.1,
    inactive_days=90,
    confidence=0.95,
    cutoff_count=8,
    cutoff_step_days=45,
    warm_up_days=90,
    churn_window_days=Windows(
        refund_rate=365,
        unanswered_message_count=60,
        first_response_hours=180,
        complaint_count=180,
        recent_engagement=30,
        earlier_engagement=90,
        satisfaction_score=365,
    ),
    bias_rate_maximum=0.15,
    bias_window_count=3,
    minimum_buyers=450,
    minimum_history_days=180,
    minimum_recent_days=30,
    minimum_frequent_buyers=1,
    minimum_subscribers=200,
    minimum_losses=30,
)


def make_purchases(people: int, seed: int = 3) -> pd.DataFrame:
    """Customers of two years who buy at their own rate and may leave after any purchase."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        at, rate, leaves = rng.uniform(0, 700), rng.gamma(1.2, 1 / 40), rng.beta(1, 4)
        scale = 60 / rng.gamma(4, 0.25)
        while at < 730:
            rows.append((f"p{person:05}", at, rng.gamma(6, scale / 6)))
            if rng.random() < leaves:
                break
            at += rng.exponential(1 / rate)
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    frame["purchased_on"] = TODAY - pd.Timedelta(days=730) + pd.to_timedelta(np.floor(frame["day"]), unit="D")
    days = frame.groupby(["customer_id", "purchased_on"], as_index=False)["amount"].sum()
    return days[days["purchased_on"] < TODAY].reset_index(drop=True)


def make_features(purchases: pd.DataFrame) -> pd.DataFrame:
    """What was known of purchases at each cut-off; of everything else, nothing."""
    frames = []
    for step in range(SETTINGS.cutoff_count + 1):
        cutoff = TODAY - pd.Timedelta(days=step * SETTINGS.cutoff_step_days)
        window = pd.Timedelta(days=SETTINGS.inactive_days)
        seen = purchases[purchases["purchased_on"] < cutoff].groupby("customer_id")["purchased_on"]
        last, first, count = seen.max(), seen.min(), seen.size()
        after = purchases[(purchases["purchased_on"] >= cutoff) & (purchases["purchased_on"] < cutoff + window)]
        frame = pd.DataFrame({"person_id": last.index, "cutoff_at": cutoff})
        is_closed = cutoff + window <= TODAY
        bought = frame["person_id"].isin(after["customer_id"])
        frame["is_churned"] = (~bought).astype(object) if is_closed else None
        frame["is_inactive"] = (last < cutoff - window).to_numpy()
        for name in FEATURE_NAMES:
            frame[name] = np.nan
            frame[f"{name}_known_at"] = pd.NaT
        known = {
            "days_since_last_purchase": ((cutoff - last).dt.days, last),
            "purchase_count": (count, last),
            "customer_age_days": ((cutoff - first).dt.days, first),
        }
        for name, (values, instants) in known.items():
            frame[name] = values.to_numpy(dtype=float)
            frame[f"{name}_known_at"] = instants.to_numpy()
        frames.append(frame)
    result = pd.concat(frames, ignore_index=True)
    instants = [f"{name}_known_at" for name in FEATURE_NAMES]
    result[instants] = result[instants].apply(pd.to_datetime)
    return result.sort_values(["person_id", "cutoff_at"], ignore_index=True)


def make_lifetimes(purchases: pd.DataFrame) -> pd.DataFrame:
    days = purchases.groupby("customer_id")["purchased_on"].agg(["min", "max", "size"])
    return pd.DataFrame(
        {
            "curve": "second_purchase",
            "customer_id": days.index,
            "cohort_month": days["min"].dt.strftime("%Y-%m-01").to_numpy(),
            "acquisition_channel": "unknown",
            "duration_days": (days["max"] - days["min"]).dt.days.to_numpy(dtype=float),
            "entered_days": 0.0,
            "is_observed": (days["size"] > 1).to_numpy(),
        }
    )


def make_spells(people: int, seed: int = 5) -> pd.DataFrame:
    """Subscribers of two years, billed by the month, who leave at renewals with their own probability."""
    rng = np.random.default_rng(seed)
    anchor = (TODAY - pd.Timedelta(days=730)).to_datetime64() + (rng.uniform(0, 730, people) * 86400).astype("m8[s]")
    lost_at = rng.geometric(rng.beta(0.5, 3.0, people))
    months = np.ones(people, dtype=np.int64)
    ended_at = pd.Series(after_periods(anchor, np.minimum(lost_at, 400), months))
    ended_at = ended_at.where(ended_at < TODAY)
    return pd.DataFrame(
        {
            "subscriber_id": [f"s{number:05}" for number in range(people)],
            "person_id": [f"s{number:05}" for number in range(people)],
            "billing_months": months.astype(float),
            "anchor_at": anchor.astype("datetime64[us]"),
            "observed_from_at": anchor.astype("datetime64[us]"),
            "paid_until_at": ended_at,
            "ended_at": ended_at,
            "ending_known_at": ended_at,
            "mrr_amount": 10.0,
        }
    )


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return make_purchases(900)


@pytest.fixture(scope="module")
def features(purchases: pd.DataFrame) -> pd.DataFrame:
    return make_features(purchases)


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    return make_spells(1200)


@pytest.fixture(scope="module")
def tables(purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame) -> Tables:
    return predict(purchases, features, make_lifetimes(purchases), spells, AS_OF, SETTINGS)


NO_SPELLS = make_spells(0)


def overall(tables: Tables) -> pd.DataFrame:
    judged = tables.frames["prediction_backtest"]
    return judged[judged["cutoff_at"].isna()].set_index(["target", "horizon_days"])


JUDGED = {
    *((target, days) for target in ("purchases", "value", "renewals") for days in (90, 365)),
    *((target, 90) for target in ("no_purchase", "churn", "subscription_end")),
}
HIDDEN_REASONS = [
    *(f"{prefix}{target}_hidden_reason" for prefix in ("", "short_term_") for target in ("purchases", "value")),
    "no_purchase_hidden_reason",
]


def test_predictions_that_beat_the_naive_rule_are_shown_for_every_customer(
    tables: Tables, purchases: pd.DataFrame
) -> None:
    customers = tables.frames["customer_predictions"]

    assert {judged: decision.reasons for judged, decision in tables.decisions.items()} == dict.fromkeys(JUDGED, ())
    assert overall(tables)["is_shown"].to_dict() == dict.fromkeys(JUDGED, True)
    assert (overall(tables)["skill"] > 0).all()
    assert customers["person_id"].tolist() == sorted(purchases["customer_id"].unique())
    assert customers.drop(columns=HIDDEN_REASONS).notna().all(axis=None)
    scores = tables.frames["churn_scores"]
    assert (scores["cutoff_at"] == TODAY).all() and scores["churn_probability"].between(0, 1).all()


def test_what_the_models_found_is_kept_with_its_errors(tables: Tables, purchases: pd.DataFrame) -> None:
    found = tables.frames["fitted_parameters"].set_index(["model", "parameter"])
    people = purchases.groupby("customer_id").size()

    assert (found["evaluated_as_of"] == AS_OF).all() and not found["is_held"].any()
    assert found.loc["mbg_nbd"].index.tolist() == ["r", "alpha", "a", "b"]
    assert found.loc["gamma_gamma"].index.tolist() == ["p", "q", "v"]
    assert found.loc["sbg"].index.tolist() == ["alpha", "beta"] and (found.loc["sbg", "billing_months"] == 1).all()
    assert {*FEATURE_NAMES, "intercept", "calibration_slope"} <= set(found.loc["churn_logistic"].index)
    assert found.loc["mbg_nbd", "observation_count"].tolist() == [len(people)] * 4
    assert found.loc["gamma_gamma", "observation_count"].tolist() == [(people > 1).sum()] * 3
    assert (found["standard_error"] > 0).all()
    assert (found["estimate_lower"] < found["estimate"]).all() and (found["estimate"] < found["estimate_upper"]).all()
    # The truth behind the purchases: rates are gamma distributed with a shape of 1.2 and a mean gap of 40 days.
    for name, truth in (("r", 1.2), ("alpha", 40), ("a", 1), ("b", 4)):
        row = found.loc[("mbg_nbd", name)]
        assert abs(row["estimate"] - truth) < 3 * row["standard_error"]


def test_one_time_buyers_are_never_healthy_by_construction(tables: Tables, purchases: pd.DataFrame) -> None:
    counts = purchases.groupby("customer_id").size()
    once = tables.frames["customer_predictions"].set_index("person_id").loc[counts[counts == 1].index]

    assert len(once) > 100
    assert (once["alive_probability"] < 1).all()
    assert not (once["no_purchase_band"] == "low").any()


def test_reasons_are_those_that_raise_the_risk_in_sentences_and_as_json(tables: Tables) -> None:
    scores = tables.frames["churn_scores"]
    told = scores[scores["top_reasons"] != "[]"]

    assert len(told) > 100
    for row in told.head(50).itertuples():
        reasons = json.loads(row.top_reasons)
        contributions = [reason["contribution"] for reason in reasons]
        assert 1 <= len(reasons) <= 3 and contributions == sorted(contributions, reverse=True)
        assert min(contributions) >= LEAST_CONTRIBUTION
        assert row.top_reasons_text.count("(average customer: ") == len(reasons)
    assert told["top_reasons_text"].str.contains("Last bought ").any()
    untold = scores[scores["top_reasons"] == "[]"]
    assert set(untold["top_reasons_text"]) <= {NO_REASON}
    assert not scores["top_reasons_text"].str.contains(r"not known|\bnan\b|\s1 days|\b0\.\.1\b").any()


def test_the_same_night_gives_the_same_tables(
    tables: Tables, purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame
) -> None:
    again = predict(purchases, features, make_lifetimes(purchases), spells, AS_OF, SETTINGS)

    for name, frame in tables.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])


def test_too_few_buyers_hide_everything_with_the_reason(purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    few = purchases[purchases["customer_id"] < "p00100"]
    hidden = predict(
        few,
        features[features["person_id"] < "p00100"].reset_index(drop=True),
        make_lifetimes(few),
        make_spells(100),
        AS_OF,
        SETTINGS,
    )
    customers, scores = hidden.frames["customer_predictions"], hidden.frames["churn_scores"]

    assert len(customers) == few["customer_id"].nunique()
    assert (
        customers[["predicted_value", "expected_purchases", "no_purchase_probability", "alive_probability"]]
        .isna()
        .all(axis=None)
    )
    assert scores[["churn_probability", "churn_band", "top_reasons"]].isna().all(axis=None)
    for reasons in (customers["value_hidden_reason"], customers["no_purchase_hidden_reason"], scores["hidden_reason"]):
        assert reasons.str.startswith(f"{few['customer_id'].nunique()} buyers, at least 450 are needed").all()
    subscribers = hidden.frames["subscriber_predictions"]
    assert len(subscribers) > 20 and subscribers[["end_probability", "predicted_value"]].isna().all(axis=None)
    assert subscribers["hidden_reason"].str.contains("100 subscribers billed monthly, at least 200").all()
    assert not overall(hidden)["is_shown"].any()


def test_where_the_naive_rule_wins_nothing_is_shown(features: pd.DataFrame) -> None:
    """Customers like clocks: the next window is exactly as the last one."""
    every = {f"p{person:05}": 15 if person % 2 else 30 for person in range(600)}
    rows = [
        (person, TODAY - pd.Timedelta(days=day), 50.0) for person, gap in every.items() for day in range(gap, 720, gap)
    ]
    clocks = pd.DataFrame(rows, columns=["customer_id", "purchased_on", "amount"])
    hidden = predict(clocks, make_features(clocks), make_lifetimes(clocks), NO_SPELLS, AS_OF, SETTINGS)

    assert hidden.frames["customer_predictions"]["predicted_value"].isna().all()
    assert "not shown to beat the naive rule" in str(hidden.decisions["purchases", 90].reason)


def test_without_any_purchase_there_are_tables_and_a_reason(purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    nobody = purchases.head(0)
    empty = predict(nobody, features.head(0), make_lifetimes(nobody), NO_SPELLS, AS_OF, SETTINGS)

    assert {name: len(frame) for name, frame in empty.frames.items()} == {
        "customer_predictions": 0,
        "subscriber_predictions": 0,
        "churn_scores": 0,
        "survival_curves": 0,
        "prediction_backtest": len(JUDGED),
        "fitted_parameters": 0,
    }
    reasons = overall(empty)["reason"]
    subscriptions = reasons[["subscription_end", "renewals"]]
    assert reasons.drop(subscriptions.index).str.startswith("no purchases").all()
    assert (subscriptions == "nobody ever paid for a subscription").all()


def test_amounts_without_a_model_hide_value_and_leave_the_probabilities(
    purchases: pd.DataFrame, features: pd.DataFrame
) -> None:
    unpriced = purchases.assign(amount=np.nan)
    partly = predict(unpriced, features, make_lifetimes(purchases), NO_SPELLS, AS_OF, SETTINGS)
    customers = partly.frames["customer_predictions"]

    assert customers["predicted_value"].isna().all()
    assert customers["value_hidden_reason"].str.contains("gamma_gamma: 0 customers").all()
    judged = partly.frames["prediction_backtest"]
    assert judged.loc[judged["target"] == "value", "reason"].str.contains("gamma_gamma: 0 customers").any()
    assert customers["expected_purchases"].notna().all() and customers["purchases_hidden_reason"].isna().all()
    assert customers["no_purchase_probability"].notna().all() and customers["no_purchase_hidden_reason"].isna().all()


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_feature_from_the_future_stops_the_night(
    purchases: pd.DataFrame, features: pd.DataFrame, seconds: int
) -> None:
    """Planted in one row: a complaint at the cut-off itself, or an hour after it."""
    planted = features.copy()
    planted.loc[7, "complaint_count"] = 1.0
    planted.loc[7, "complaint_count_known_at"] = planted.loc[7, "cutoff_at"] + pd.Timedelta(seconds=seconds)

    with pytest.raises(LeakageError, match="complaint_count: 1 of"):
        predict(purchases, planted, make_lifetimes(purchases), NO_SPELLS, AS_OF, SETTINGS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"purchase_model": "crystal_ball"}, "purchase_model is one of bg_nbd, mbg_nbd, pareto_nbd"),
        ({"confidence": 95}, "confidence lies between 0 and 1"),
        ({"inactive_days": 0}, "inactive_days is at least 1"),
        ({"bias_rate_maximum": 0}, "bias_rate_maximum is above 0"),
        ({"bias_window_count": 0}, "bias_window_count is at least 1"),
        (
            {"churn_window_days": {"visits": 30}},
            "churn_window_days`: missing \\['refund_rate', .* unknown \\['visits'\\]",
        ),
        (
            {"churn_window_days": {**asdict(SETTINGS.churn_window_days), "refund_rate": 0}},
            "churn_window_days`: refund_rate is at least 1",
        ),
        ({"horizon": 1}, "unknown \\['horizon'\\]"),
    ],
)
def test_impossible_settings_are_named(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Settings.of({**asdict(SETTINGS), **change})


def test_settings_of_the_model_are_used(
    purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame, tables: Tables
) -> None:
    """A horizon of half the length is worth less, to everybody."""
    shorter = predict(
        purchases, features, make_lifetimes(purchases), spells, AS_OF, replace(SETTINGS, value_horizon_days=182)
    )
    customers = shorter.frames["customer_predictions"]

    for name in ("customer_predictions", "subscriber_predictions"):
        less, more = shorter.frames[name]["predicted_value"], tables.frames[name]["predicted_value"]
        assert (less <= more).all() and less.sum() < 0.8 * more.sum()
    assert (customers["value_horizon_days"] == 182).all()


@pytest.mark.parametrize(
    ("target", "hidden", "shown"),
    [
        (
            "purchases",
            ["expected_purchases", "predicted_value", "short_term_purchases_upper", "short_term_predicted_value"],
            ["alive_probability"],
        ),
        (
            "value",
            ["predicted_value", "short_term_predicted_value", "expected_purchase_amount"],
            ["expected_purchases", "short_term_expected_purchases", "alive_probability"],
        ),
        ("no_purchase", ["no_purchase_band"], ["predicted_value", "short_term_predicted_value"]),
    ],
)
def test_each_target_is_hidden_by_itself(
    purchases: pd.DataFrame,
    features: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    hidden: list[str],
    shown: list[str],
) -> None:
    monkeypatch.setattr(
        gates, "beats_naive", lambda scores, judged: Decision(("naive rule wins",) if judged == target else ())
    )
    night = predict(purchases, features, make_lifetimes(purchases), NO_SPELLS, AS_OF, SETTINGS)
    customers = night.frames["customer_predictions"]

    assert customers[hidden].isna().all(axis=None) and customers[shown].notna().all(axis=None)
    assert (customers[f"{target}_hidden_reason"] == "naive rule wins").all()


def test_a_year_is_not_foretold_on_evidence_of_three_months(
    tables: Tables, purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame
) -> None:
    """A year ago there were fewer than 500 buyers: what would not have been shown then is no test of a year."""
    asked = replace(SETTINGS, minimum_buyers=500)
    night = predict(purchases, features, make_lifetimes(purchases), spells, AS_OF, asked)
    customers = night.frames["customer_predictions"]
    since = "no forecast over 365 days could be checked yet, as fewer than 365 days have passed since"

    assert customers[["expected_purchases", "purchases_upper", "predicted_value"]].isna().all(axis=None)
    for name in ("purchases_hidden_reason", "value_hidden_reason"):
        assert (customers[name] == f"purchases: {since} there was enough data").all()
    for name in ("short_term_expected_purchases", "short_term_predicted_value_upper", "expected_purchase_amount"):
        pd.testing.assert_series_equal(customers[name], tables.frames["customer_predictions"][name])
    assert overall(night).loc[("value", 365), "row_count"] == 0 and overall(night).loc[("value", 90), "is_shown"]


def test_subscribers_are_valued_over_the_days_that_were_judged(
    tables: Tables, purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame
) -> None:
    """A year ago fewer than 700 people had ever subscribed."""
    asked = replace(SETTINGS, minimum_subscribers=700)
    night = predict(purchases, features, make_lifetimes(purchases), spells, AS_OF, asked)
    subscribers = night.frames["subscriber_predictions"]

    assert subscribers[["expected_renewals", "predicted_value"]].isna().all(axis=None)
    why = r"renewals: no forecast over 365 days could be checked yet \(2025-06-30: \d+ subscribers billed monthly, at"
    assert subscribers["value_hidden_reason"].str.match(why).all()
    for name in ("short_term_predicted_value", "end_probability"):
        pd.testing.assert_series_equal(subscribers[name], tables.frames["subscriber_predictions"][name])


def test_a_total_that_was_wrong_is_not_shown(
    purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame
) -> None:
    """In the last three months everybody buys twice as often: who buys is foretold, how much is not."""
    late = purchases[purchases["purchased_on"] >= TODAY - pd.Timedelta(days=75)]
    more = pd.concat([purchases, late.assign(purchased_on=late["purchased_on"] + pd.Timedelta(days=1))])
    more = more[more["purchased_on"] < TODAY]
    night = predict(more, features, make_lifetimes(purchases), spells, AS_OF, SETTINGS)
    wrong = "the total foretold on 2026-04-01 for 90 days was "
    customers = night.frames["customer_predictions"]

    assert night.decisions["no_purchase", 90].is_shown
    assert str(night.decisions["purchases", 90].reason).startswith(f"purchases: {wrong}")
    assert str(night.decisions["purchases", 90].reason).endswith("% below what came, at most 15% is shown")
    assert customers[["short_term_expected_purchases", "short_term_predicted_value"]].isna().all(axis=None)
    assert customers["short_term_value_hidden_reason"].str.contains(f"value: {wrong}").all()

    trusting = replace(SETTINGS, bias_rate_maximum=10.0)
    shown = predict(more, features, make_lifetimes(purchases), spells, AS_OF, trusting)
    assert shown.decisions["purchases", 90].is_shown


def test_every_subscriber_who_pays_is_scored_and_certain_ends_are_certain(
    purchases: pd.DataFrame, features: pd.DataFrame, spells: pd.DataFrame, tables: Tables
) -> None:
    subscribers = tables.frames["subscriber_predictions"]
    paying = spells[spells["ended_at"].isna()]

    assert subscribers["subscriber_id"].tolist() == sorted(paying["subscriber_id"])
    assert subscribers.drop(columns=[name for name in subscribers if "hidden_reason" in name]).notna().all(axis=None)
    assert (subscribers["end_probability_lower"] <= subscribers["end_probability"]).all()
    assert (subscribers["end_probability"] <= subscribers["end_probability_upper"]).all()
    # The longer someone has stayed, the less likely they are to leave.
    by_tenure = subscribers.groupby("renewals_made")["end_probability"].max()
    assert by_tenure.loc[0] > by_tenure.loc[12] > by_tenure.loc[22]

    leaving, unpriced, weekly, just_now = sorted(paying["subscriber_id"])[:4]
    changed = spells.copy()
    ids = changed["subscriber_id"]
    changed.loc[ids == leaving, "ending_known_at"] = AS_OF - pd.Timedelta(days=1)
    changed.loc[ids == unpriced, "mrr_amount"] = np.nan
    changed.loc[ids == weekly, "billing_months"] = np.nan
    changed.loc[ids == just_now, ["anchor_at", "observed_from_at"]] = AS_OF
    night = predict(purchases, features, make_lifetimes(purchases), changed, AS_OF, SETTINGS)
    found = night.frames["subscriber_predictions"].set_index("subscriber_id")

    certain = found.loc[leaving, ["end_probability", "end_probability_lower", "end_probability_upper"]]
    assert certain.tolist() == [1, 1, 1]
    assert found.loc[leaving, "is_ending"] and found.loc[leaving, "predicted_value"] == 0
    assert found.loc[just_now, "renewals_made"] == 0 and found.loc[just_now, "end_probability"] > 0
    assert np.isnan(found.loc[unpriced, "predicted_value"]) and found.loc[unpriced, "end_probability"] > 0
    assert found.loc[unpriced, "value_hidden_reason"] == "its currency has no exchange rate"
    assert np.isnan(found.loc[weekly, "end_probability"])
    assert found.loc[weekly, "hidden_reason"] == "billed by less than a month"


def test_late_entries_do_not_make_a_curve_immortal(purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    """Ten who end after 10 days, and ninety who are followed only from their hundredth day on."""
    lifetimes = pd.DataFrame(
        {
            "curve": "subscription",
            "customer_id": [f"s{number}" for number in range(100)],
            "cohort_month": "2026-01-01",
            "acquisition_channel": "unknown",
            "duration_days": [10.0] * 9 + [20.0] + [200.0] * 90,
            "entered_days": [0.0] * 10 + [100.0] * 90,
            "is_observed": [True] * 9 + [False] + [False] * 90,
        }
    )
    night = predict(purchases, features, lifetimes, NO_SPELLS, AS_OF, SETTINGS)
    curve = night.frames["survival_curves"].query("breakdown == 'all'").set_index("duration_days")

    assert curve.loc[10, "survival_rate"] == pytest.approx(0.1)
    assert curve["at_risk_count"].to_dict() == {0: 10, 10: 10, 20: 1, 100: 0, 200: 90}
