"""What the papers and their supplements report, reproduced to the tolerance that a refit reaches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from predictions.histories import Histories
from predictions.purchases import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD
from predictions.spend import GammaGamma
from predictions.subscriptions import ShiftedBetaGeometric
from predictions.survival import survival_curves

CALIBRATED_UNTIL = pd.Timestamp("1997-10-01")


def test_cdnow_is_counted_as_the_paper_counts(cdnow_purchases: pd.DataFrame, cdnow_customers: pd.DataFrame) -> None:
    x = cdnow_customers["frequency"]

    assert len(cdnow_purchases) == 6919
    assert len(cdnow_purchases[["customer_id", "purchased_on"]].drop_duplicates()) == 6696
    assert len(cdnow_customers) == 2357
    assert x.sum() == 2457  # rows instead of days would give 2603
    assert np.bincount(x.clip(upper=7)).tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert (cdnow_customers["age_days"] / 7).agg(["min", "max"]).tolist() == pytest.approx([27.0, 38.857], abs=1e-3)
    later = cdnow_purchases[cdnow_purchases["purchased_on"] >= CALIBRATED_UNTIL]
    assert len(later[["customer_id", "purchased_on"]].drop_duplicates()) == 1882


def test_bg_nbd_on_cdnow(cdnow_weeks: Histories) -> None:
    model = BetaGeoNBD.fit(cdnow_weeks)

    assert model.values == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=1e-3)
    assert model.estimate is not None
    assert model.estimate.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    one = Histories.of([2], [30.43], [38.86])
    assert model.expected_purchases(one, 39)[0] == pytest.approx(1.226, abs=1e-3)
    assert model.alive_probability(one)[0] == pytest.approx(0.7266, abs=2e-4)
    # Summed with the paper's rounded parameters: 1653.9.
    assert model.expected_purchases(cdnow_weeks, 39).sum() == pytest.approx(1653.9, abs=1)


def test_pareto_nbd_on_cdnow(cdnow_weeks: Histories) -> None:
    model = ParetoNBD.fit(cdnow_weeks)

    assert model.values == pytest.approx([0.553, 10.578, 0.606, 11.669], rel=1e-3)
    assert model.estimate is not None
    assert model.estimate.log_likelihood == pytest.approx(-9595.0, abs=0.05)


def test_mbg_nbd_on_cdnow(cdnow_weeks: Histories) -> None:
    """Parameters as R's BTYDplus reports them on the same data."""
    model = ModifiedBetaGeoNBD.fit(cdnow_weeks)

    assert model.values == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=1e-3)


def test_the_unit_of_time_does_not_matter(cdnow_weeks: Histories) -> None:
    weeks = BetaGeoNBD.fit(cdnow_weeks)
    in_days = Histories(cdnow_weeks.frequency, cdnow_weeks.recency * 7, cdnow_weeks.age * 7)
    days = BetaGeoNBD.fit(in_days)

    assert days.values == pytest.approx(weeks.values * [1, 7, 1, 1], rel=1e-3)
    assert days.estimate is not None and weeks.estimate is not None
    per_day = weeks.estimate.log_likelihood - cdnow_weeks.frequency.sum() * np.log(7)
    assert days.estimate.log_likelihood == pytest.approx(per_day, abs=1e-3)


def test_gamma_gamma_on_cdnow(cdnow_customers: pd.DataFrame) -> None:
    x, mean = cdnow_customers["frequency"].to_numpy(float), cdnow_customers["repeat_amount"].to_numpy()
    model = GammaGamma.fit(x, mean)

    assert model.estimate is not None and model.estimate.observations == 946
    assert [model.p, model.q, model.v] == pytest.approx([6.25, 3.74, 15.44], abs=0.01)
    assert model.expected_amount(np.zeros(1), np.full(1, np.nan))[0] == pytest.approx(35.17, abs=0.01)
    assert model.expected_amount(x, mean)[:4] == pytest.approx([24.65, 18.91, 35.17, 35.17], abs=0.01)


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "log_likelihood"),
    [
        ([1000, 631, 468, 382, 326, 289, 262, 241], 0.704, 1.182, -1680.27),
        ([1000, 869, 743, 653, 593, 551, 517, 491], 0.668, 3.806, -1611.16),
    ],
    ids=["regular", "high_end"],
)
def test_sbg_on_the_paper_s_subscribers(survivors: list[int], alpha: float, beta: float, log_likelihood: float) -> None:
    lost = -np.diff(survivors)
    model = ShiftedBetaGeometric.fit(
        np.array([1, 2, 3, 4, 5, 6, 7, 7]), np.array([True] * 7 + [False]), np.array([*lost, survivors[-1]])
    )

    assert model.alpha == pytest.approx(alpha, abs=5e-4)
    assert model.beta == pytest.approx(beta, abs=5e-4)
    assert model.estimate is not None
    assert model.estimate.log_likelihood == pytest.approx(log_likelihood, abs=0.005)


def test_kaplan_meier_on_6_mp() -> None:
    """Freireich et al. 1963, as in every textbook."""
    relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = survival_curves(pd.DataFrame({"duration": relapsed + censored, "is_observed": [True] * 9 + [False] * 12}))

    steps = curve[curve["event_count"] > 0].set_index("duration")["survival_rate"]
    published = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert steps.to_dict() == pytest.approx(published, abs=5e-5)
    assert curve.loc[curve["survival_rate"] <= 0.5, "duration"].min() == 23


def test_kaplan_meier_with_late_entry() -> None:
    subjects = pd.DataFrame(
        {"duration": [2, 10, 5, 4, 3], "entered_at_duration": [1, 2, 4, 0, 0], "is_observed": [True] * 5}
    )
    curve = survival_curves(subjects, has_late_entry=True)

    assert curve["duration"].tolist() == [0, 1, 2, 3, 4, 5, 10]
    assert curve["survival_rate"].tolist() == pytest.approx([1, 1, 2 / 3, 4 / 9, 2 / 9, 1 / 9, 0])
    # Who enters at 2 and at 4 is not at risk there yet.
    assert curve.set_index("duration")["at_risk_count"].loc[[2, 3, 4, 5, 10]].tolist() == [3, 3, 2, 2, 1]


def test_late_entries_have_the_curve_and_the_interval_of_lifelines() -> None:
    rng = np.random.default_rng(3)
    entered = np.where(np.arange(200) % 2, rng.integers(0, 20, 200), 0)
    subjects = pd.DataFrame(
        {
            "duration": entered + rng.integers(1, 60, 200),
            "entered_at_duration": entered,
            "is_observed": rng.random(200) < 0.6,
        }
    )
    curve = survival_curves(subjects, has_late_entry=True).set_index("duration")

    fitter = KaplanMeierFitter().fit(
        subjects["duration"], subjects["is_observed"], entry=subjects["entered_at_duration"]
    )
    known = curve[curve["survival_rate_lower"].notna()]
    bounds = fitter.confidence_interval_survival_function_.reindex(known.index)
    assert len(known) > 40
    assert known["survival_rate"].to_numpy() == pytest.approx(fitter.survival_function_.iloc[:, 0].reindex(known.index))
    assert known["survival_rate_lower"].to_numpy() == pytest.approx(bounds.iloc[:, 0])
    assert known["survival_rate_upper"].to_numpy() == pytest.approx(bounds.iloc[:, 1])


def test_a_group_that_is_empty_before_others_enter_has_a_curve_too() -> None:
    """Two are followed from their birth, one ends and one is lost from sight; two more enter at 50."""
    subjects = pd.DataFrame(
        {
            "duration": [10, 20, 80, 90],
            "entered_at_duration": [0, 0, 50, 50],
            "is_observed": [True, False, True, False],
        }
    )
    curve = survival_curves(subjects, has_late_entry=True).set_index("duration")

    assert curve["survival_rate"].to_dict() == {0: 1, 10: 0.5, 20: 0.5, 50: 0.5, 80: 0.25, 90: 0.25}
    assert curve["at_risk_count"].to_dict() == {0: 2, 10: 2, 20: 1, 50: 0, 80: 2, 90: 1}
