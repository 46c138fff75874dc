"""Who is about to leave, how likely, and why: a calibrated model with the reasons of each score.

Belongs here: the features that the model reads (their meaning, not their computation), the model, its calibration, the
reasons. Does not: the computation of features (`dbt_project/`), whether to believe the scores (`backtest`, `gates`).

A logistic regression on standardised features: its log-odds are a sum over the features, so that the reasons of a
score are exact and add up to it. It is fitted on the earlier cut-offs and calibrated on the latest one (Platt 1999,
"Probabilistic outputs for support vector machines"), never on a random split, which would let it see its own future.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from predictions.maximum_likelihood import FitError


@dataclass(frozen=True)
class Feature:
    """One input of the model, as `fct_churn_features` describes it.

    Attributes:
        name: its column; `reasons` has its words.
        warns_when: the side of the average on which it can be a reason. Features that go together share their weight,
            so that a coefficient may turn: "was answered faster than others" explains no departure to anyone.
    """

    name: str
    warns_when: Literal["high", "low"]


# Null wherever there is nothing to tell (no second purchase, no message): missing is not zero. Behavioural signs as in
# Buckinx & Van den Poel 2005 (European Journal of Operational Research 164(1)); service and response as in Ascarza et
# al. 2018, "In pursuit of enhanced customer retention management" (Customer Needs and Solutions 5).
FEATURES: tuple[Feature, ...] = (
    Feature("days_since_last_purchase", "high"),
    Feature("purchase_count", "low"),
    Feature("customer_age_days", "high"),
    Feature("gap_to_usual_ratio", "high"),
    Feature("gap_trend_ratio", "high"),
    Feature("purchase_amount_mean", "low"),
    Feature("refund_rate", "high"),
    Feature("unanswered_message_count", "high"),
    Feature("first_response_hours", "high"),
    Feature("complaint_count", "high"),
    Feature("engagement_trend_ratio", "low"),
    Feature("satisfaction_score", "low"),
)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
# The mean of somebody who last bought longer ago than this says nothing of what they would spend.
PURCHASE_AMOUNT_MAX_AGE_DAYS = 730
# A reason raises the odds by a tenth at least. Less would name signs that hardly tell this customer from the average.
LEAST_CONTRIBUTION = float(np.log(1.1))


@dataclass(frozen=True)
class Windows:
    """Days before a cut-off over which features look back; the names are those of the setting `churn_window_days`.

    Attributes:
        recent_engagement, earlier_engagement: the two that `engagement_trend_ratio` compares; the earlier one ends
            where the recent one begins.
        refund_rate, unanswered_message_count, first_response_hours, complaint_count, satisfaction_score: of these
            features.
    """

    refund_rate: int
    unanswered_message_count: int
    first_response_hours: int
    complaint_count: int
    recent_engagement: int
    earlier_engagement: int
    satisfaction_score: int

    @property
    def max_age_days(self) -> dict[str, float]:
        """By feature: older than this its latest record no longer counts. What is not named does not age."""
        return {
            "purchase_amount_mean": PURCHASE_AMOUNT_MAX_AGE_DAYS,
            "refund_rate": self.refund_rate,
            "unanswered_message_count": self.unanswered_message_count,
            "first_response_hours": self.first_response_hours,
            "complaint_count": self.complaint_count,
            "engagement_trend_ratio": self.recent_engagement + self.earlier_engagement,
            "satisfaction_score": self.satisfaction_score,
        }


def check_features(features: pd.DataFrame) -> pd.DataFrame:
    """The features as floats, in the order of `FEATURES`.

    Raises:
        ValueError: naming columns that are missing or unknown, or the first infinite value.
    """
    missing = [name for name in FEATURE_NAMES if name not in features.columns]
    unknown = [name for name in features.columns if name not in FEATURE_NAMES]
    if missing or unknown:
        raise ValueError(f"features lack {missing} and have unknown {unknown}: see predictions.churn.FEATURES")
    checked = features.loc[:, list(FEATURE_NAMES)].astype(float)
    infinite = np.isinf(checked.to_numpy())
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(f"{FEATURE_NAMES[column]} is infinite at row {checked.index[row]!r}")
    return checked


_MISSING = "missingindicator_"


@dataclass(frozen=True)
class ChurnModel:
    """A fitted and calibrated model; `fit` makes it.

    Attributes:
        steps: logarithm, imputation with a sign of what was missing, standardisation, logistic regression.
        slope, intercept: of the calibration of the log-odds.
        columns: the feature behind each column that the regression reads.
        parameters: one row each: parameter, estimate, standard_error, observation_count. Coefficients are of the
            standardised features, those of what was missing end in `_is_missing`. Errors are from the observed
            information of the penalised likelihood, and take the rows of one person to be independent.
    """

    steps: Pipeline
    slope: float
    intercept: float
    columns: tuple[str, ...]
    parameters: pd.DataFrame

    @classmethod
    def fit(cls, features: pd.DataFrame, is_churned: pd.Series, cutoffs: pd.Series, horizon_days: float) -> ChurnModel:
        """Fit on the earlier cut-offs, calibrate on the latest.

        Args:
            features: one row per person and cut-off, the columns of `FEATURES`.
            is_churned: same index: what happened in the horizon after the cut-off; only of windows that have closed.
            cutoffs: same index.
            horizon_days: length of the window. A cut-off teaches the model only if its window closed before the one
                that calibrates, so that no outcome is seen twice.

        Raises:
            FitError: when no cut-off is early enough, or one side of the split has a single outcome.
        """
        checked = check_features(features)
        latest = cutoffs.max()
        is_early = (cutoffs + pd.Timedelta(days=horizon_days) <= latest).to_numpy()
        is_latest = (cutoffs == latest).to_numpy()
        outcome = is_churned.to_numpy(dtype=bool)
        for rows, purpose in ((is_early, "fit"), (is_latest, "calibration")):
            if len(set(outcome[rows])) < 2:
                raise FitError(
                    f"churn model: the {int(rows.sum())} rows for {purpose} have not both outcomes "
                    f"(latest cut-off {latest:%Y-%m-%d}, horizon {horizon_days:g} days)"
                )
        steps = make_pipeline(
            # Counts, durations and ratios are skewed: what matters is their order of magnitude.
            FunctionTransformer(_signed_log, feature_names_out="one-to-one"),
            SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(C=1.0, max_iter=1000),
        )
        steps.fit(checked[is_early], outcome[is_early])
        score = steps.decision_function(checked[is_latest]).reshape(-1, 1)
        calibration = LogisticRegression(C=np.inf, max_iter=1000).fit(score, outcome[is_latest])
        names = steps[:-1].get_feature_names_out()
        regression = steps[-1]
        fitted = _parameters(
            [*(f"{n.removeprefix(_MISSING)}_is_missing" if n.startswith(_MISSING) else n for n in names), "intercept"],
            [*regression.coef_[0], regression.intercept_[0]],
            np.asarray(steps[:-1].transform(checked[is_early])),
            penalty=1 / regression.C,
        )
        calibrated = _parameters(
            ["calibration_slope", "calibration_intercept"],
            [calibration.coef_[0, 0], calibration.intercept_[0]],
            score,
        )
        return cls(
            steps=steps,
            slope=float(calibration.coef_[0, 0]),
            intercept=float(calibration.intercept_[0]),
            columns=tuple(str(name).removeprefix(_MISSING) for name in names),
            parameters=pd.concat([fitted, calibrated], ignore_index=True),
        )

    def probability(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """P(churned within the horizon), calibrated, shape (n,)."""
        score = self.steps.decision_function(check_features(features))
        return 1 / (1 + np.exp(-(self.slope * score + self.intercept)))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to a person's log-odds, compared with the average person.

        Returns:
            Same index as `features`, one column a feature. The log-odds of somebody who is average in everything (the
            calibrated intercept) plus a row's sum are the log-odds of its probability, exactly. Knowing nothing of a
            feature counts as that feature's contribution.
        """
        checked = check_features(features)
        standardised = np.asarray(self.steps[:-1].transform(checked))
        parts = pd.DataFrame(self.slope * standardised * self.steps[-1].coef_[0], index=checked.index)
        parts.columns = pd.Index(self.columns)
        return parts.T.groupby(level=0).sum().T.reindex(columns=list(FEATURE_NAMES))

    @property
    def average(self) -> pd.Series:
        """Each feature of the average customer, in the unit of the feature: where contributions are measured from."""
        mean = pd.Series(self.steps[1].statistics_, index=list(FEATURE_NAMES), dtype=float)
        return np.sign(mean) * np.expm1(mean.abs())

    def reasons(self, features: pd.DataFrame, top: int = 3) -> pd.DataFrame:
        """What is known about each person that raises the risk the most, on the side of the average that warns.

        Returns:
            At most `top` rows per person, only contributions from `LEAST_CONTRIBUTION` on: the index of `features` as
            `row`, rank (from 1), feature, value, average (of the average customer), contribution (log-odds).
        """
        parts = self.contributions(features)
        known = check_features(features).to_numpy()
        average = self.average.to_numpy()
        sides = np.array([1.0 if feature.warns_when == "high" else -1.0 for feature in FEATURES])
        # Not where it is unknown either: nothing compares with it.
        warns = sides * (known - average) > 0
        values = np.where(warns, parts.to_numpy(), -np.inf)
        order = np.argsort(-values, axis=1, kind="stable")[:, :top]
        rows = np.repeat(np.arange(len(parts)), order.shape[1])
        columns = order.ravel()
        result = pd.DataFrame(
            {
                "row": parts.index.to_numpy()[rows],
                "rank": np.tile(np.arange(1, order.shape[1] + 1), len(parts)),
                "feature": np.array(FEATURE_NAMES)[columns],
                "value": known[rows, columns],
                "average": average[columns],
                "contribution": values[rows, columns],
            }
        )
        return result[result["contribution"] >= LEAST_CONTRIBUTION].reset_index(drop=True)


def _parameters(names: list[str], values: list[float], rows: NDArray[np.float64], penalty: float = 0.0) -> pd.DataFrame:
    """Parameters of a logistic regression, the intercept last, with standard errors; rows of shape (n, k - 1).

    The information is X' diag(p (1 - p)) X, and the penalty on every coefficient but the intercept.
    """
    design = np.column_stack([rows, np.ones(len(rows))])
    probability = 1 / (1 + np.exp(-(design @ np.asarray(values))))
    information = design.T @ (design * (probability * (1 - probability))[:, None])
    information += np.diag([penalty] * (len(names) - 1) + [0.0])
    errors = np.sqrt(np.diag(np.linalg.pinv(information, hermitian=True)))
    return pd.DataFrame(
        {"parameter": names, "estimate": values, "standard_error": errors, "observation_count": len(rows)}
    )


def _signed_log(values: pd.DataFrame) -> pd.DataFrame:
    return np.sign(values) * np.log1p(np.abs(values))
