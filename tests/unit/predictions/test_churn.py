"""The churn model: exact reasons, a split by time, calibration; and features that know only the past."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from predictions.churn import FEATURE_NAMES, FEATURES, LEAST_CONTRIBUTION, ChurnModel, check_features
from predictions.leakage import LeakageError, assert_known_before, expire
from predictions.maximum_likelihood import FitError

HORIZON = 90
CUTOFFS = pd.to_datetime(["2025-01-01", "2025-04-01", "2025-07-01", "2025-10-01", "2026-01-01"])


def make_samples(people: int = 800, seed: int = 1) -> pd.DataFrame:
    """People at five cut-offs whose risk rises with unanswered messages and a gap longer than usual."""
    rng = np.random.default_rng(seed)
    size = people * len(CUTOFFS)
    samples = pd.DataFrame(
        {
            "person_id": np.tile(np.arange(people), len(CUTOFFS)),
            "cutoff_at": np.repeat(CUTOFFS, people),
            **{name: rng.gamma(2.0, 1.0, size) for name in FEATURE_NAMES},
        }
    )
    samples["unanswered_message_count"] = rng.poisson(0.7, size).astype(float)
    samples["satisfaction_score"] = np.where(rng.random(size) < 0.6, np.nan, rng.random(size))
    odds = (
        -2.5
        + 1.5 * np.log1p(samples["unanswered_message_count"])
        + 1.2 * np.log1p(samples["gap_to_usual_ratio"])
        + 0.8 * samples["satisfaction_score"].isna()
    )
    samples["is_churned"] = rng.random(size) < 1 / (1 + np.exp(-odds))
    samples["is_inactive"] = samples["gap_to_usual_ratio"] > 3
    return samples


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return make_samples()


@pytest.fixture(scope="module")
def model(samples: pd.DataFrame) -> ChurnModel:
    return ChurnModel.fit(samples[list(FEATURE_NAMES)], samples["is_churned"], samples["cutoff_at"], HORIZON)


def test_the_reasons_add_up_to_the_score_exactly(model: ChurnModel, samples: pd.DataFrame) -> None:
    features = samples[list(FEATURE_NAMES)]
    parts = model.contributions(features)
    probability = model.probability(features)

    assert parts.columns.tolist() == list(FEATURE_NAMES)
    base = model.slope * float(model.steps[-1].intercept_[0]) + model.intercept
    assert base + parts.sum(axis=1).to_numpy() == pytest.approx(np.log(probability / (1 - probability)))


def test_the_signs_that_make_people_leave_are_their_reasons(model: ChurnModel, samples: pd.DataFrame) -> None:
    one = samples[list(FEATURE_NAMES)].head(1).copy()
    one[:] = samples[list(FEATURE_NAMES)].median().to_numpy()
    one["unanswered_message_count"] = 6.0
    one["gap_to_usual_ratio"] = 9.0
    reasons = model.reasons(one, top=2)

    assert reasons["feature"].tolist() == ["unanswered_message_count", "gap_to_usual_ratio"]
    assert reasons["rank"].tolist() == [1, 2] and (reasons["contribution"] >= LEAST_CONTRIBUTION).all()
    assert reasons["value"].tolist() == [6, 9]
    assert reasons["average"].tolist() == pytest.approx(model.average[reasons["feature"]].tolist())


def test_the_average_customer_stands_where_contributions_are_measured_from(
    model: ChurnModel, samples: pd.DataFrame
) -> None:
    """Somebody who is average in all that is known of everybody gets no contribution from it."""
    average = model.average.to_frame().T
    known = [name for name in FEATURE_NAMES if samples[name].notna().all()]

    assert model.contributions(average)[known].to_numpy() == pytest.approx(0, abs=1e-9)


def test_what_is_not_known_is_never_a_reason(model: ChurnModel, samples: pd.DataFrame) -> None:
    unknown = samples[list(FEATURE_NAMES)].head(50).assign(satisfaction_score=np.nan)

    assert (model.contributions(unknown)["satisfaction_score"] > LEAST_CONTRIBUTION).all()
    assert model.reasons(unknown, top=len(FEATURE_NAMES))["value"].notna().all()


def test_reasons_are_only_what_raises_the_risk_on_the_side_that_warns(samples: pd.DataFrame) -> None:
    """Where the past says that who was answered fast left more often, that is no reason to tell anyone."""
    turned = samples.copy()
    fast = turned["first_response_hours"] < turned["first_response_hours"].median()
    turned["is_churned"] |= fast & (np.random.default_rng(3).random(len(turned)) < 0.5)
    model = ChurnModel.fit(turned[list(FEATURE_NAMES)], turned["is_churned"], turned["cutoff_at"], HORIZON)
    features = turned[list(FEATURE_NAMES)].head(200)
    reasons = model.reasons(features, top=len(FEATURE_NAMES))
    parts = model.contributions(features)

    assert (parts["first_response_hours"] > LEAST_CONTRIBUTION).any()
    assert "first_response_hours" not in set(reasons["feature"])
    above = (features > model.average) == [feature.warns_when == "high" for feature in FEATURES]
    told = (parts >= LEAST_CONTRIBUTION) & above & features.notna()
    assert reasons.groupby("row").size().reindex(features.index, fill_value=0).tolist() == told.sum(axis=1).tolist()


def test_missing_is_not_zero(model: ChurnModel, samples: pd.DataFrame) -> None:
    one = samples[list(FEATURE_NAMES)].head(1)
    unknown, zero = one.assign(satisfaction_score=np.nan), one.assign(satisfaction_score=0.0)

    assert model.probability(unknown)[0] > model.probability(zero)[0] + 0.05


def test_the_latest_cutoff_calibrates_and_overlapping_windows_teach_nothing(samples: pd.DataFrame) -> None:
    """A window that is still open when the calibrating one begins would show the same outcome twice."""
    half = samples.copy()
    half.loc[half["cutoff_at"] == CUTOFFS[3], "cutoff_at"] = CUTOFFS[4] - pd.Timedelta(days=HORIZON - 1)
    model = ChurnModel.fit(half[list(FEATURE_NAMES)], half["is_churned"], half["cutoff_at"], HORIZON)

    rows = half["cutoff_at"].value_counts()
    taught = model.parameters.set_index("parameter")["observation_count"]
    assert taught["intercept"] == rows[CUTOFFS[:3]].sum()
    assert taught["calibration_intercept"] == rows[CUTOFFS[4]]


def test_calibration_follows_a_change_of_the_base_rate(samples: pd.DataFrame) -> None:
    """Where the latest window lost far fewer people, the scores say so."""
    calmer = samples.copy()
    latest = calmer["cutoff_at"] == CUTOFFS[-1]
    spared = np.random.default_rng(2).random(len(calmer)) < 0.6
    calmer.loc[latest & spared, "is_churned"] = False
    model = ChurnModel.fit(calmer[list(FEATURE_NAMES)], calmer["is_churned"], calmer["cutoff_at"], HORIZON)
    scores = model.probability(calmer.loc[latest, list(FEATURE_NAMES)])

    assert scores.mean() == pytest.approx(calmer.loc[latest, "is_churned"].mean(), abs=0.005)
    assert calmer.loc[~latest, "is_churned"].mean() > 2 * scores.mean()


def test_too_little_to_learn_from_is_a_clear_error(samples: pd.DataFrame) -> None:
    latest = samples[samples["cutoff_at"] == CUTOFFS[-1]]
    with pytest.raises(FitError, match="the 0 rows for fit have not both outcomes"):
        ChurnModel.fit(latest[list(FEATURE_NAMES)], latest["is_churned"], latest["cutoff_at"], HORIZON)


def test_a_frame_that_is_not_the_documented_one_is_refused(samples: pd.DataFrame) -> None:
    features = samples[list(FEATURE_NAMES)].head(3)
    with pytest.raises(ValueError, match=r"lack \['complaint_count'\] and have unknown \['complaints'\]"):
        check_features(features.rename(columns={"complaint_count": "complaints"}))
    with pytest.raises(ValueError, match="refund_rate is infinite at row 1"):
        check_features(features.assign(refund_rate=[0.0, np.inf, 0.0]))


# ---- features know the past only

CUTOFF = pd.Timestamp("2026-01-01")


def frames(known_at: list[str | None]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    index = pd.Index(["a", "b"], name="person_id")
    return (
        pd.DataFrame({"event_count": [2.0, 1.0]}, index=index),
        pd.DataFrame({"event_count": pd.to_datetime(pd.Series(known_at, dtype="object")).to_numpy()}, index=index),
        pd.Series(CUTOFF, index=index),
    )


def test_features_of_the_past_pass() -> None:
    assert_known_before(*frames(["2025-12-01", "2025-12-31"]))


@pytest.mark.parametrize("instant", ["2026-01-01", "2026-01-10"])
def test_a_feature_planted_from_the_future_is_caught_by_its_instant(instant: str) -> None:
    with pytest.raises(LeakageError, match="event_count: 1 of 2 values come from the cut-off or after; row 'b'"):
        assert_known_before(*frames(["2025-12-01", instant]))


def test_a_value_without_an_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="event_count: 1 values carry no instant, first at row 'b'"):
        assert_known_before(*frames(["2025-12-01", None]))


def test_a_stale_input_expires() -> None:
    features, known_at, cutoffs = frames(["2025-06-01", "2025-12-31"])

    assert expire(features, known_at, cutoffs, {"event_count": 180})["event_count"].isna().tolist() == [True, False]
    assert features["event_count"].notna().all()
