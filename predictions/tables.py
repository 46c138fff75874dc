"""From histories and features to the tables that the warehouse keeps: every customer scored, or the reason why not.

Belongs here: how models, backtests and gates come together in one night. Does not: reading and writing the tables, when
to do so (`dagster_project/`), any model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from predictions import backtest, gates, value
from predictions.churn import FEATURE_NAMES, FEATURES, ChurnModel
from predictions.gates import Decision, Minimums
from predictions.histories import Histories, summarize
from predictions.leakage import assert_known_before, expire
from predictions.maximum_likelihood import FitError
from predictions.purchases import MODELS
from predictions.spend import GammaGamma
from predictions.survival import survival_curves

# Backtests refit at every cut-off: more customers than this would cost minutes and change no score that is shown.
BACKTEST_SAMPLE = 50_000
# Rows that teach the churn model: a dozen parameters need no more.
TRAINING_SAMPLE = 200_000
SEED = 20260101
TOP_REASONS = 3
BREAKDOWNS = ("cohort_month", "acquisition_channel")
# Digits that are kept. What the last bits say depends on the machine, and would make equal nights differ.
DECIMALS = 6

_DESCRIBED = {feature.name: feature for feature in FEATURES}
_SCORED = [
    f"{name}{end}"
    for name in ("alive_probability", "no_purchase_probability", "expected_purchases")
    for end in ("", "_lower", "_upper")
] + ["purchases_lower", "purchases_upper"]
_VALUE_COLUMNS = [
    *(name for name in _SCORED if "purchases" in name),
    *(f"{name}{end}" for name in ("expected_purchase_amount", "predicted_value") for end in ("", "_lower", "_upper")),
]
_PROBABILITY_COLUMNS = [*(name for name in _SCORED if "probability" in name), "no_purchase_band"]


@dataclass(frozen=True)
class Settings:
    """What is forecast, how far, and from which data; the names are those of the setting `predictions`.

    Attributes:
        purchase_model: key of `purchases.MODELS`.
        value_horizon_days: over which value is expected.
        yearly_discount_rate: of that value.
        inactive_days: churn is no purchase within them; length of every backtest's window.
        confidence: of every interval.
        cutoff_count, cutoff_step_days: cut-offs before today, and the days between them.
        warm_up_days: of purchases before the first cut-off of a backtest.
        minimum_buyers, minimum_history_days, minimum_recent_days, minimum_frequent_buyers: see `gates.Minimums`.
    """

    purchase_model: str
    value_horizon_days: int
    yearly_discount_rate: float
    inactive_days: int
    confidence: float
    cutoff_count: int
    cutoff_step_days: int
    warm_up_days: int
    minimum_buyers: int
    minimum_history_days: int
    minimum_recent_days: int
    minimum_frequent_buyers: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Check and hold the settings.

        Raises:
            ValueError: naming what is missing, unknown or impossible.
        """
        names = [field.name for field in fields(cls)]
        missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
        if missing or unknown:
            raise ValueError(f"setting `predictions`: missing {missing}, unknown {unknown}")
        settings = cls(**given)
        if settings.purchase_model not in MODELS:
            raise ValueError(f"setting `predictions`: purchase_model is one of {', '.join(MODELS)}")
        if not 0 < settings.confidence < 1:
            raise ValueError("setting `predictions`: confidence lies between 0 and 1")
        for name in ("value_horizon_days", "inactive_days", "cutoff_step_days"):
            if getattr(settings, name) < 1:
                raise ValueError(f"setting `predictions`: {name} is at least 1")
        return settings

    @property
    def minimums(self) -> Minimums:
        return Minimums(
            self.minimum_buyers, self.minimum_history_days, self.minimum_recent_days, self.minimum_frequent_buyers
        )


@dataclass(frozen=True)
class Tables:
    """The tables of one night, by name, and what may be shown, by target."""

    frames: dict[str, pd.DataFrame]
    decisions: dict[str, Decision]


def predict(
    purchases: pd.DataFrame,
    features: pd.DataFrame,
    lifetimes: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: Settings,
) -> Tables:
    """Everything that is predicted in a night. The same arguments give the same tables.

    Args:
        purchases: customer_id, purchased_on (datetime64), amount (float, may be null): one row per customer and day.
        features: person_id, cutoff_at, is_churned (null: window open), is_inactive, the columns of `churn.FEATURES`
            and `<feature>_known_at` of each; the rows of the latest cut-off are scored.
        lifetimes: curve, duration_days, is_observed and the breakdowns `cohort_month` and `acquisition_channel`.
        as_of: now, without time zone, in UTC.
        settings: see `Settings`.

    Returns:
        customer_predictions, churn_scores, survival_curves, prediction_backtest. What may not be shown is null, with
        the reason beside it.

    Raises:
        LeakageError: when a feature knows something from its cut-off or after: then nothing is predicted at all.
    """
    today = as_of.normalize()
    data = gates.enough_data(purchases, today, settings.minimums)
    past = _backtest_purchases(purchases, today, settings)
    churn, churn_past = _churn_parts(features, settings)

    decisions = {
        "purchases": data & gates.beats_naive(past.scores, "purchases"),
        "no_purchase": data & gates.beats_naive(past.scores, "no_purchase"),
        "churn": data & gates.beats_naive(churn_past.scores, "churn"),
    }
    customers, decisions = _customer_predictions(purchases, as_of, settings, decisions)
    churn_scores, decisions = _churn_scores(churn, settings, decisions)
    judged = [
        _backtest_rows(past, "purchases", settings.purchase_model, "customer_id", as_of, settings, decisions),
        _backtest_rows(past, "no_purchase", settings.purchase_model, "customer_id", as_of, settings, decisions),
        _backtest_rows(churn_past, "churn", "churn_logistic", "person_id", as_of, settings, decisions),
    ]
    frames = {
        "customer_predictions": customers,
        "churn_scores": churn_scores,
        "survival_curves": _survival(lifetimes, settings.confidence),
        "prediction_backtest": pd.DataFrame([row for rows in judged for row in rows]),
    }
    return Tables({name: frame.round(DECIMALS) for name, frame in frames.items()}, decisions)


# ---- purchases and value


def _backtest_purchases(purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings) -> backtest.Backtest:
    if purchases.empty:
        return backtest.Backtest(pd.DataFrame(), pd.DataFrame(), {})
    people = np.sort(purchases["customer_id"].unique())
    if len(people) > BACKTEST_SAMPLE:
        chosen = np.random.default_rng(SEED).choice(people, BACKTEST_SAMPLE, replace=False)
        purchases = purchases[purchases["customer_id"].isin(chosen)]
    at = backtest.cutoffs(
        purchases["purchased_on"].min(),
        today,
        settings.inactive_days,
        settings.cutoff_step_days,
        settings.warm_up_days,
    )
    return backtest.backtest_purchases(
        purchases, MODELS[settings.purchase_model], at[-settings.cutoff_count :], settings.inactive_days, today
    )


def _customer_predictions(
    purchases: pd.DataFrame, as_of: pd.Timestamp, settings: Settings, decisions: dict[str, Decision]
) -> tuple[pd.DataFrame, dict[str, Decision]]:
    """Every customer's row; a fit that fails hides what depends on it."""
    # The day that has begun counts, so that whoever bought today is a customer too.
    customers = summarize(purchases, as_of.normalize() + pd.Timedelta(days=1))
    scores = pd.DataFrame(
        np.nan, index=customers.index, columns=[*_SCORED, *(n for n in _VALUE_COLUMNS if n not in _SCORED)]
    )
    scores["no_purchase_band"] = None
    if decisions["purchases"].is_shown or decisions["no_purchase"].is_shown:
        try:
            scores = _scored(customers, settings)
        except FitError as error:
            failed = Decision((str(error),))
            decisions = {**decisions, "purchases": decisions["purchases"] & failed}
            # Probabilities need no amounts: they fail with the model of purchases only.
            try:
                scores = scores.astype({"no_purchase_band": object})
                scores.update(_scored_without_amounts(customers, settings))
            except FitError as purchase_error:
                decisions["no_purchase"] = decisions["no_purchase"] & Decision((str(purchase_error),))
    if not decisions["purchases"].is_shown:
        scores[_VALUE_COLUMNS] = np.nan
    if not decisions["no_purchase"].is_shown:
        scores[_PROBABILITY_COLUMNS] = None
    result = scores.rename_axis("person_id").reset_index()
    result.insert(1, "predicted_as_of", as_of)
    for position, name in enumerate(
        ("purchase_model", "value_horizon_days", "yearly_discount_rate", "inactive_days"), start=2
    ):
        result.insert(position, name, getattr(settings, name))
    result["value_hidden_reason"] = decisions["purchases"].reason
    result["no_purchase_hidden_reason"] = decisions["no_purchase"].reason
    return result, decisions


def _scored(customers: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    return value.score(
        MODELS[settings.purchase_model].fit(histories, seed=SEED),
        GammaGamma.fit(histories.frequency, customers["repeat_amount"].to_numpy(dtype=float), seed=SEED),
        customers,
        horizon_days=settings.value_horizon_days,
        inactive_days=settings.inactive_days,
        yearly_discount_rate=settings.yearly_discount_rate,
        confidence=settings.confidence,
    )


def _scored_without_amounts(customers: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    forecast = (
        MODELS[settings.purchase_model]
        .fit(histories, seed=SEED)
        .forecast(
            histories,
            settings.value_horizon_days,
            settings.inactive_days,
            value.continuous_rate(settings.yearly_discount_rate),
            settings.confidence,
        )
    )
    columns: dict[str, Any] = {}
    for name in ("alive_probability", "no_purchase_probability"):
        interval = getattr(forecast, name)
        columns |= {name: interval.estimate, f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
    columns["no_purchase_band"] = value.risk_band(forecast.no_purchase_probability.estimate)
    return pd.DataFrame(columns, index=customers.index)


# ---- churn by features


@dataclass(frozen=True)
class _ChurnParts:
    """Rows whose windows have closed, and the rows of the latest cut-off; features as the model reads them."""

    closed: pd.DataFrame
    latest: pd.DataFrame


def _churn_parts(features: pd.DataFrame, settings: Settings) -> tuple[_ChurnParts, backtest.Backtest]:
    names = list(FEATURE_NAMES)
    instants = features[[f"{name}_known_at" for name in names]].set_axis(names, axis="columns")
    assert_known_before(features[names], instants, features["cutoff_at"])
    ages = {feature.name: feature.max_age_days for feature in FEATURES if feature.max_age_days is not None}
    samples = features[["person_id", "cutoff_at", "is_churned", "is_inactive"]].join(
        expire(features[names].astype(float), instants, features["cutoff_at"], ages)
    )
    latest = samples[samples["cutoff_at"] == samples["cutoff_at"].max()]
    closed = samples[samples["is_churned"].notna()].astype({"is_churned": bool, "is_inactive": bool})
    if len(closed) > TRAINING_SAMPLE:
        closed = closed.sample(TRAINING_SAMPLE, random_state=SEED).sort_index()
    if closed.empty:
        return _ChurnParts(closed, latest), backtest.Backtest(pd.DataFrame(), pd.DataFrame(), {})
    return _ChurnParts(closed, latest), backtest.backtest_churn(closed, names, settings.inactive_days)


def _churn_scores(
    parts: _ChurnParts, settings: Settings, decisions: dict[str, Decision]
) -> tuple[pd.DataFrame, dict[str, Decision]]:
    result = parts.latest[["person_id", "cutoff_at"]].reset_index(drop=True)
    result["churn_probability"] = np.nan
    for name in ("churn_band", "top_reasons", "top_reasons_text"):
        result[name] = None
    if decisions["churn"].is_shown:
        names = list(FEATURE_NAMES)
        rows = parts.latest[names].reset_index(drop=True)
        try:
            model = ChurnModel.fit(
                parts.closed[names], parts.closed["is_churned"], parts.closed["cutoff_at"], settings.inactive_days
            )
        except FitError as error:
            decisions = {**decisions, "churn": decisions["churn"] & Decision((str(error),))}
        else:
            result["churn_probability"] = model.probability(rows)
            result["churn_band"] = value.risk_band(result["churn_probability"].to_numpy())
            reasons = model.reasons(rows, TOP_REASONS)
            result["top_reasons"] = "[" + _joined(reasons, _reason_json, ", ", rows.index) + "]"
            result["top_reasons_text"] = _joined(reasons, _reason_text, "; ", rows.index)
    result["hidden_reason"] = decisions["churn"].reason
    return result, decisions


def _joined(
    reasons: pd.DataFrame, write: Callable[[str, float, float], str], separator: str, rows: pd.Index
) -> pd.Series:
    """Each person's reasons as one text, empty where nothing raises the risk; a rank at a time, for all at once."""
    written = [
        write(feature, amount, contribution)
        for feature, amount, contribution in zip(
            reasons["feature"], reasons["value"], reasons["contribution"], strict=True
        )
    ]
    ranked = reasons[["row", "rank"]].assign(text=written)
    result = pd.Series("", index=rows)
    for _, part in ranked.groupby("rank", sort=True):
        texts = part.set_index("row")["text"]
        before = result.loc[texts.index]
        result.loc[texts.index] = before.where(before == "", before + separator) + texts
    return result


def _reason_json(feature: str, amount: float, contribution: float) -> str:
    known = None if np.isnan(amount) else round(float(amount), DECIMALS)
    return json.dumps({"feature": feature, "value": known, "contribution": round(float(contribution), DECIMALS)})


def _reason_text(feature: str, amount: float, contribution: float) -> str:
    described = _DESCRIBED[feature]
    return f"{described.description}: " + ("not known" if np.isnan(amount) else f"{amount:.3g} {described.unit}")


# ---- survival


def _survival(lifetimes: pd.DataFrame, confidence: float) -> pd.DataFrame:
    subjects = lifetimes.rename(columns={"duration_days": "duration"})
    curves = []
    for breakdown in ("all", *BREAKDOWNS):
        named = subjects.assign(
            breakdown=breakdown, breakdown_value="all" if breakdown == "all" else subjects[breakdown].astype(str)
        )
        curves.append(survival_curves(named, ["curve", "breakdown", "breakdown_value"], confidence))
    result = pd.concat(curves, ignore_index=True).rename(columns={"duration": "duration_days"})
    return result.drop(columns="entered_count")


# ---- the backtest, as rows


def _backtest_rows(
    past: backtest.Backtest,
    target: str,
    model: str,
    subject: str,
    as_of: pd.Timestamp,
    settings: Settings,
    decisions: dict[str, Decision],
) -> list[dict[str, Any]]:
    """The scores of a target at each cut-off, the cut-offs without, and one row over all with the decision."""
    head = {
        "evaluated_as_of": as_of,
        "model": model,
        "target": target,
        "horizon_days": settings.inactive_days,
    }
    scores = past.scores[past.scores["target"] == target] if len(past.scores) else past.scores
    rows: list[dict[str, Any]] = []
    overall: dict[str, Any] = {"cutoff_at": pd.NaT, "row_count": 0, "subject_count": 0}
    for score in scores.to_dict("records"):
        judged = past.rows if pd.isna(score["cutoff_at"]) else past.rows[past.rows["cutoff_at"] == score["cutoff_at"]]
        kept = {str(name): found for name, found in score.items() if name not in head and not pd.isna(found)}
        kept["subject_count"] = judged[subject].nunique()
        if "naive_brier" in kept:  # the Brier score is the squared error of a probability
            kept["naive_loss"] = kept.pop("naive_brier")
        if pd.isna(score["cutoff_at"]):
            overall |= kept
        else:
            rows.append({**head, **kept})
    rows += [
        {**head, "cutoff_at": cutoff, "row_count": 0, "subject_count": 0, "reason": why}
        for cutoff, why in past.skipped.items()
    ]
    decision = decisions[target]
    return [*rows, {**head, **overall, "is_shown": decision.is_shown, "reason": decision.reason}]
