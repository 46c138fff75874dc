"""A night's predictions as a whole: shown when they earned it, else hidden with a reason, never from the future."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from predictions import gates
from predictions.churn import FEATURE_NAMES
from predictions.gates import Decision
from predictions.leakage import LeakageError
from predictions.tables import Settings, Tables, predict

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
    minimum_buyers=500,
    minimum_history_days=180,
    minimum_recent_days=30,
    minimum_frequent_buyers=1,
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
            "person_id": days.index,
            "cohort_month": days["min"].dt.strftime("%Y-%m-01").to_numpy(),
            "acquisition_channel": "unknown",
            "duration_days": (days["max"] - days["min"]).dt.days.to_numpy(dtype=float),
            "is_observed": (days["size"] > 1).to_numpy(),
        }
    )


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return make_purchases(900)


@pytest.fixture(scope="module")
def features(purchases: pd.DataFrame) -> pd.DataFrame:
    return make_features(purchases)


@pytest.fixture(scope="module")
def tables(purchases: pd.DataFrame, features: pd.DataFrame) -> Tables:
    return predict(purchases, features, make_lifetimes(purchases), AS_OF, SETTINGS)


def overall(tables: Tables) -> pd.DataFrame:
    judged = tables.frames["prediction_backtest"]
    return judged[judged["cutoff_at"].isna()].set_index("target")


def test_predictions_that_beat_the_naive_rule_are_shown_for_every_customer(
    tables: Tables, purchases: pd.DataFrame
) -> None:
    customers = tables.frames["customer_predictions"]

    assert {target: decision.reasons for target, decision in tables.decisions.items()} == {
        "purchases": (),
        "no_purchase": (),
        "churn": (),
    }
    assert overall(tables)["is_shown"].to_dict() == {"purchases": True, "no_purchase": True, "churn": True}
    assert (overall(tables)["skill"] > 0).all()
    assert customers["person_id"].tolist() == sorted(purchases["customer_id"].unique())
    assert customers.drop(columns=["value_hidden_reason", "no_purchase_hidden_reason"]).notna().all(axis=None)
    scores = tables.frames["churn_scores"]
    assert (scores["cutoff_at"] == TODAY).all() and scores["churn_probability"].between(0, 1).all()


def test_one_time_buyers_are_never_healthy_by_construction(tables: Tables, purchases: pd.DataFrame) -> None:
    counts = purchases.groupby("customer_id").size()
    once = tables.frames["customer_predictions"].set_index("person_id").loc[counts[counts == 1].index]

    assert len(once) > 100
    assert (once["alive_probability"] < 1).all()
    assert not (once["no_purchase_band"] == "low").any()


def test_reasons_are_those_that_raise_the_risk_in_words_and_as_json(tables: Tables) -> None:
    scores = tables.frames["churn_scores"]
    told = scores[scores["top_reasons"] != "[]"]

    assert len(told) > 100
    for row in told.head(50).itertuples():
        reasons = json.loads(row.top_reasons)
        contributions = [reason["contribution"] for reason in reasons]
        assert 1 <= len(reasons) <= 3 and contributions == sorted(contributions, reverse=True)
        assert min(contributions) > 0
        assert row.top_reasons_text.count("; ") == len(reasons) - 1
    assert told["top_reasons_text"].str.contains("Time since the last purchase: ").any()


def test_the_same_night_gives_the_same_tables(tables: Tables, purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    again = predict(purchases, features, make_lifetimes(purchases), AS_OF, SETTINGS)

    for name, frame in tables.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])


def test_too_few_buyers_hide_everything_with_the_reason(purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    few = purchases[purchases["customer_id"] < "p00100"]
    hidden = predict(
        few, features[features["person_id"] < "p00100"].reset_index(drop=True), make_lifetimes(few), AS_OF, SETTINGS
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
        assert reasons.str.startswith(f"{few['customer_id'].nunique()} buyers, at least 500 are needed").all()
    assert not overall(hidden)["is_shown"].any()


def test_where_the_naive_rule_wins_nothing_is_shown(features: pd.DataFrame) -> None:
    """Customers like clocks: the next window is exactly as the last one."""
    every = {f"p{person:05}": 15 if person % 2 else 30 for person in range(600)}
    rows = [
        (person, TODAY - pd.Timedelta(days=day), 50.0) for person, gap in every.items() for day in range(gap, 720, gap)
    ]
    clocks = pd.DataFrame(rows, columns=["customer_id", "purchased_on", "amount"])
    hidden = predict(clocks, make_features(clocks), make_lifetimes(clocks), AS_OF, SETTINGS)

    assert hidden.frames["customer_predictions"]["predicted_value"].isna().all()
    assert "not shown to beat the naive rule" in str(hidden.decisions["purchases"].reason)


def test_without_any_purchase_there_are_tables_and_a_reason(purchases: pd.DataFrame, features: pd.DataFrame) -> None:
    nobody = purchases.head(0)
    empty = predict(nobody, features.head(0), make_lifetimes(nobody), AS_OF, SETTINGS)

    assert {name: len(frame) for name, frame in empty.frames.items()} == {
        "customer_predictions": 0,
        "churn_scores": 0,
        "survival_curves": 0,
        "prediction_backtest": 3,
    }
    assert overall(empty)["reason"].str.startswith("no purchases").all()


def test_amounts_without_a_model_hide_value_and_leave_the_probabilities(
    purchases: pd.DataFrame, features: pd.DataFrame
) -> None:
    unpriced = purchases.assign(amount=np.nan)
    partly = predict(unpriced, features, make_lifetimes(purchases), AS_OF, SETTINGS)
    customers = partly.frames["customer_predictions"]

    assert customers["predicted_value"].isna().all()
    assert customers["value_hidden_reason"].str.contains("gamma_gamma").all()
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
        predict(purchases, planted, make_lifetimes(purchases), AS_OF, SETTINGS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"purchase_model": "crystal_ball"}, "purchase_model is one of bg_nbd, mbg_nbd, pareto_nbd"),
        ({"confidence": 95}, "confidence lies between 0 and 1"),
        ({"inactive_days": 0}, "inactive_days is at least 1"),
        ({"horizon": 1}, "unknown \\['horizon'\\]"),
    ],
)
def test_impossible_settings_are_named(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Settings.of({**asdict(SETTINGS), **change})


def test_settings_of_the_model_are_used(purchases: pd.DataFrame, features: pd.DataFrame, tables: Tables) -> None:
    """A horizon of half the length is worth less, to everybody."""
    shorter = predict(
        purchases, features, make_lifetimes(purchases), AS_OF, replace(SETTINGS, value_horizon_days=182)
    ).frames["customer_predictions"]

    assert (shorter["predicted_value"] <= tables.frames["customer_predictions"]["predicted_value"]).all()
    assert shorter["predicted_value"].sum() < 0.8 * tables.frames["customer_predictions"]["predicted_value"].sum()


@pytest.mark.parametrize(
    ("target", "hidden", "shown"),
    [("purchases", "predicted_value", "alive_probability"), ("no_purchase", "no_purchase_band", "predicted_value")],
)
def test_each_target_is_hidden_by_itself(
    purchases: pd.DataFrame,
    features: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    hidden: str,
    shown: str,
) -> None:
    monkeypatch.setattr(
        gates, "beats_naive", lambda scores, judged: Decision(("naive rule wins",) if judged == target else ())
    )
    customers = predict(purchases, features, make_lifetimes(purchases), AS_OF, SETTINGS).frames["customer_predictions"]

    assert customers[hidden].isna().all() and customers[shown].notna().all()
