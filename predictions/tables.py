"""From histories and features to the tables that the warehouse keeps: every customer scored, or the reason why not.

Belongs here: how models, backtests and gates come together in one night. Does not: reading and writing the tables, when
to do so (`dagster_project/`), any model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from predictions import backtest, gates, reasons, value
from predictions.churn import FEATURE_NAMES, FEATURES, ChurnModel
from predictions.gates import Decision
from predictions.histories import Histories, summarize
from predictions.leakage import assert_known_before, expire
from predictions.maximum_likelihood import FitError
from predictions.purchases import MODELS
from predictions.renewals import summarize_renewals
from predictions.settings import Settings
from predictions.spend import GammaGamma
from predictions.subscriptions import fit_renewals, score_subscribers
from predictions.survival import survival_curves

# Backtests refit at every cut-off: more subjects than this would cost minutes and change no score that is shown.
BACKTEST_SAMPLE = 50_000
# Rows that teach the churn model: a dozen parameters need no more.
TRAINING_SAMPLE = 200_000
SEED = 20260101
TOP_REASONS = 3
BREAKDOWNS = ("cohort_month", "acquisition_channel")
# Digits that are kept. What the last bits say depends on the machine, and would make equal nights differ.
DECIMALS = 6


def _with_interval(*names: str) -> list[str]:
    return [f"{name}{end}" for name in names for end in ("", "_lower", "_upper")]


_PROBABILITY_COLUMNS = [*_with_interval("alive_probability", "no_purchase_probability"), "no_purchase_band"]
_COUNT_COLUMNS = [*_with_interval("expected_purchases"), "purchases_lower", "purchases_upper"]
_VALUE_COLUMNS = _with_interval("expected_purchase_amount", "predicted_value")
_SUBSCRIBER_COLUMNS = [*_with_interval("end_probability", "expected_renewals", "predicted_value"), "end_band"]


@dataclass(frozen=True)
class Tables:
    """The tables of one night, by name, and what may be shown, by target."""

    frames: dict[str, pd.DataFrame]
    decisions: dict[str, Decision]


def predict(
    purchases: pd.DataFrame,
    features: pd.DataFrame,
    lifetimes: pd.DataFrame,
    spells: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: Settings,
) -> Tables:
    """Everything that is predicted in a night. The same arguments give the same tables.

    Args:
        purchases: customer_id, purchased_on (datetime64), amount (float, may be null): one row per customer and day.
        features: person_id, cutoff_at, is_churned (null: window open), is_inactive, the columns of `churn.FEATURES`
            and `<feature>_known_at` of each; the rows of the latest cut-off are scored.
        lifetimes: curve, duration_days, entered_days (age at which observation began), is_observed and the breakdowns
            `cohort_month` and `acquisition_channel`.
        spells: see `renewals.summarize_renewals`, with person_id (may be null); billing_months and mrr_amount may be
            null.
        as_of: now, without time zone, in UTC.
        settings: see `Settings`.

    Returns:
        customer_predictions, subscriber_predictions, churn_scores, survival_curves, prediction_backtest. What may not
        be shown is null, with the reason beside it.

    Raises:
        LeakageError: when a feature knows something from its cut-off or after: then nothing is predicted at all.
    """
    today = as_of.normalize()
    data = gates.enough_data(purchases, today, settings.minimums)
    past = _backtest_purchases(purchases, today, settings)
    value_past = _backtest_value(purchases, today, settings)
    churn, churn_past = _churn_parts(features, settings)
    subscription_past = _backtest_subscriptions(spells, today, settings)

    purchases_decision = data & gates.beats_naive(past.scores, "purchases")
    decisions = {
        "purchases": purchases_decision,
        "value": purchases_decision & gates.beats_naive(value_past.scores, "value"),
        "no_purchase": data & gates.beats_naive(past.scores, "no_purchase"),
        "churn": data & gates.beats_naive(churn_past.scores, "churn"),
        "subscription_end": gates.has_subscribers(spells)
        & gates.beats_naive(subscription_past.scores, "subscription_end"),
    }
    customers, decisions = _customer_predictions(purchases, as_of, settings, decisions)
    churn_scores, decisions = _churn_scores(churn, settings, decisions)
    subscribers = _subscriber_predictions(spells, as_of, settings, decisions["subscription_end"])
    judged = [
        _backtest_rows(tested, target, model, subject, as_of, settings, decisions)
        for tested, target, model, subject in (
            (past, "purchases", settings.purchase_model, "customer_id"),
            (value_past, "value", f"{settings.purchase_model}_gamma_gamma", "customer_id"),
            (past, "no_purchase", settings.purchase_model, "customer_id"),
            (churn_past, "churn", "churn_logistic", "person_id"),
            (subscription_past, "subscription_end", "sbg", "subscriber_id"),
        )
    ]
    frames = {
        "customer_predictions": customers,
        "subscriber_predictions": subscribers,
        "churn_scores": churn_scores,
        "survival_curves": _survival(lifetimes, settings.confidence),
        "prediction_backtest": pd.DataFrame([row for rows in judged for row in rows]),
    }
    return Tables({name: frame.round(DECIMALS) for name, frame in frames.items()}, decisions)


_NOT_TESTED = backtest.Backtest(pd.DataFrame(), pd.DataFrame(), {})


def _cutoffs(
    first: pd.Timestamp, today: pd.Timestamp, settings: Settings, horizon_days: int | None = None
) -> list[pd.Timestamp]:
    """The latest cut-offs whose windows have closed; the settings say how many."""
    found = backtest.cutoffs(
        first, today, horizon_days or settings.inactive_days, settings.cutoff_step_days, settings.warm_up_days
    )
    return found[-settings.cutoff_count :]


def _sample(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """All rows of at most `BACKTEST_SAMPLE` subjects."""
    everybody = np.sort(rows[subject].unique())
    if len(everybody) <= BACKTEST_SAMPLE:
        return rows
    return rows[rows[subject].isin(np.random.default_rng(SEED).choice(everybody, BACKTEST_SAMPLE, replace=False))]


# ---- purchases and value


def _backtest_purchases(purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings) -> backtest.Backtest:
    if purchases.empty:
        return _NOT_TESTED
    at = _cutoffs(purchases["purchased_on"].min(), today, settings)
    model = MODELS[settings.purchase_model]
    return backtest.backtest_purchases(_sample(purchases, "customer_id"), model, at, settings.inactive_days, today)


def _backtest_value(purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings) -> backtest.Backtest:
    """Judged over the forecast's own horizon once the data of that long ago would have allowed it; until then, less."""
    if purchases.empty:
        return _NOT_TESTED
    first, horizon = purchases["purchased_on"].min(), settings.value_horizon_days
    at = [
        cutoff
        for cutoff in _cutoffs(first, today, settings, horizon)
        if gates.enough_data(purchases, cutoff, settings.minimums).is_shown
    ]
    if not at:
        horizon = min(horizon, settings.inactive_days)
        at = _cutoffs(first, today, settings, horizon)
    return backtest.backtest_value(
        _sample(purchases, "customer_id"), MODELS[settings.purchase_model], at, horizon, today
    )


def _customer_predictions(
    purchases: pd.DataFrame, as_of: pd.Timestamp, settings: Settings, decisions: dict[str, Decision]
) -> tuple[pd.DataFrame, dict[str, Decision]]:
    """Every customer's row; a fit that fails hides what depends on it."""
    # The day that has begun counts, so that whoever bought today is a customer too.
    customers = summarize(purchases, as_of.normalize() + pd.Timedelta(days=1))
    scores = pd.DataFrame(index=customers.index, columns=[*_PROBABILITY_COLUMNS, *_COUNT_COLUMNS, *_VALUE_COLUMNS])
    decisions = dict(decisions)

    def fail(error: FitError, *targets: str) -> None:
        for target in targets:
            decisions[target] = decisions[target] & Decision((str(error),))

    if any(decisions[target].is_shown for target in ("purchases", "value", "no_purchase")):
        histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
        try:
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
        except FitError as error:
            fail(error, "purchases", "value", "no_purchase")
        else:
            scores = value.purchase_columns(forecast, customers).reindex(columns=scores.columns)
            # Counts and probabilities need no amounts.
            try:
                amounts = customers["repeat_amount"].to_numpy(dtype=float)
                spend = GammaGamma.fit(histories.frequency, amounts, seed=SEED)
                priced = value.value_columns(forecast, spend, customers, settings.confidence)
                scores[priced.columns] = priced
            except FitError as error:
                fail(error, "value")
    for target, columns in (
        ("no_purchase", _PROBABILITY_COLUMNS),
        ("purchases", _COUNT_COLUMNS),
        ("value", _VALUE_COLUMNS),
    ):
        if not decisions[target].is_shown:
            scores[columns] = None
    numbers = [name for name in scores.columns if name != "no_purchase_band"]
    result = scores.astype(dict.fromkeys(numbers, float)).rename_axis("person_id").reset_index()
    result.insert(1, "predicted_as_of", as_of)
    for position, name in enumerate(
        ("purchase_model", "value_horizon_days", "yearly_discount_rate", "inactive_days"), start=2
    ):
        result.insert(position, name, getattr(settings, name))
    for target in ("purchases", "value", "no_purchase"):
        result[f"{target}_hidden_reason"] = decisions[target].reason
    return result, decisions


# ---- subscriptions


def _backtest_subscriptions(spells: pd.DataFrame, today: pd.Timestamp, settings: Settings) -> backtest.Backtest:
    billed = spells[spells["billing_months"].notna()]
    if billed.empty:
        return _NOT_TESTED
    at = _cutoffs(billed["observed_from_at"].min(), today, settings)
    return backtest.backtest_subscriptions(
        _sample(billed, "subscriber_id"), at, settings.inactive_days, today, settings.minimums
    )


def _subscriber_predictions(
    spells: pd.DataFrame, as_of: pd.Timestamp, settings: Settings, decision: Decision
) -> pd.DataFrame:
    """The row of everybody who pays for a subscription now."""
    people = spells[spells["ended_at"].isna()].sort_values("subscriber_id")
    result = people[["subscriber_id", "person_id", "billing_months"]].reset_index(drop=True)
    result["predicted_as_of"] = as_of
    for name in ("value_horizon_days", "yearly_discount_rate", "inactive_days"):
        result[name] = getattr(settings, name)
    numbers = ["renewals_made", *(name for name in _SUBSCRIBER_COLUMNS if name != "end_band")]
    result[numbers] = np.nan
    result["end_band"] = None
    result["is_ending"] = (people["ending_known_at"] <= as_of).to_numpy()
    result["hidden_reason"] = "billed by less than a month"
    # What happens at the very instant of the refresh is part of it.
    known = summarize_renewals(spells[spells["billing_months"].notna()], as_of + pd.Timedelta(microseconds=1))
    for _, same_period in known.groupby("billing_months"):
        current = same_period[same_period["is_current"]]
        rows = result.index[result["subscriber_id"].isin(current["subscriber_id"])]
        result.loc[rows, "renewals_made"] = current["renewals_made"].to_numpy(dtype=float)
        reasons = decision & gates.enough_subscribers(same_period, settings.minimums)
        if reasons.is_shown:
            try:
                scores = score_subscribers(
                    fit_renewals(same_period),
                    current,
                    as_of,
                    settings.value_horizon_days,
                    settings.inactive_days,
                    settings.yearly_discount_rate,
                    settings.confidence,
                )
                for name in _SUBSCRIBER_COLUMNS:
                    result.loc[rows, name] = scores[name].to_numpy()
            except FitError as error:
                reasons = reasons & Decision((str(error),))
        result.loc[rows, "hidden_reason"] = reasons.reason
    is_unpriced = people["mrr_amount"].isna().to_numpy()
    result["value_hidden_reason"] = result["hidden_reason"].where(
        result["hidden_reason"].notna() | ~is_unpriced, "its currency has no exchange rate"
    )
    return result


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
        return _ChurnParts(closed, latest), _NOT_TESTED
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
            told = model.reasons(rows, TOP_REASONS)
            result["top_reasons"], result["top_reasons_text"] = _written(told, rows)
    result["hidden_reason"] = decisions["churn"].reason
    return result, decisions


def _written(told: pd.DataFrame, rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Each person's reasons as JSON and as sentences, in the order of `rows`; `told` is ordered by person and rank."""
    lists: dict[Any, list[str]] = {row: [] for row in rows.index}
    texts: dict[Any, list[str]] = {row: [] for row in rows.index}
    since = rows["days_since_last_purchase"].to_dict()
    for reason in told.itertuples():
        lists[reason.row].append(
            json.dumps(
                {
                    "feature": reason.feature,
                    "value": round(float(reason.value), DECIMALS),
                    "average": round(float(reason.average), DECIMALS),
                    "contribution": round(float(reason.contribution), DECIMALS),
                }
            )
        )
        texts[reason.row].append(reasons.sentence(reason.feature, reason.value, reason.average, since[reason.row]))
    return [f"[{', '.join(part)}]" for part in lists.values()], [reasons.joined(part) for part in texts.values()]


# ---- survival


def _survival(lifetimes: pd.DataFrame, confidence: float) -> pd.DataFrame:
    subjects = lifetimes.rename(columns={"duration_days": "duration", "entered_days": "entered_at_duration"})
    curves = []
    for breakdown in ("all", *BREAKDOWNS):
        named = subjects.assign(
            breakdown=breakdown, breakdown_value="all" if breakdown == "all" else subjects[breakdown].astype(str)
        )
        curves.append(
            survival_curves(named, ["curve", "breakdown", "breakdown_value"], confidence, has_late_entry=True)
        )
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
    scores = past.scores[past.scores["target"] == target] if len(past.scores) else past.scores
    head = {
        "evaluated_as_of": as_of,
        "model": model,
        "target": target,
        "horizon_days": int(scores["horizon_days"].iloc[0]) if len(scores) else settings.inactive_days,
    }
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
