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
from scipy.stats import norm

from predictions import backtest, gates, reasons, value
from predictions.churn import FEATURE_NAMES, ChurnModel, Windows
from predictions.gates import Decision
from predictions.histories import Histories, summarize
from predictions.leakage import assert_known_before, expire
from predictions.maximum_likelihood import Estimate, FitError
from predictions.purchases import MODELS
from predictions.renewals import summarize_renewals
from predictions.settings import Settings
from predictions.spend import GammaGamma
from predictions.subscriptions import ShiftedBetaGeometric, fit_renewals, score_subscribers
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
# Of each horizon, with its prefix.
_COUNT_COLUMNS = [*_with_interval("expected_purchases"), "purchases_lower", "purchases_upper"]
_VALUE_COLUMNS = _with_interval("predicted_value")
_AMOUNT_COLUMNS = _with_interval("expected_purchase_amount")
_END_COLUMNS = [*_with_interval("end_probability"), "end_band"]
_RENEWAL_COLUMNS = _with_interval("expected_renewals", "predicted_value")
SHORT_TERM = "short_term_"

# A target and the days over which it is foretold: each horizon is judged, and shown, by itself.
Judged = tuple[str, int]


_PARAMETER_COLUMNS = [
    *("evaluated_as_of", "model", "billing_months", "parameter", "estimate", "standard_error"),
    *("estimate_lower", "estimate_upper", "is_held", "observation_count", "log_likelihood"),
]


@dataclass(frozen=True)
class _Fitted:
    """The parameters of a night's models, as rows."""

    as_of: pd.Timestamp
    confidence: float
    rows: list[dict[str, Any]]

    def add(self, model: str, estimate: Estimate | None, billing_months: float | None = None) -> None:
        """A model of few parameters, estimated on their logarithms."""
        assert estimate is not None  # nothing but fitted models comes here
        intervals, errors = estimate.intervals(self.confidence), estimate.standard_errors()
        for name, found in estimate.as_dict().items():
            is_held = name in estimate.held
            lower, upper = (np.nan, np.nan) if is_held else intervals[name]
            self._add(
                model,
                name,
                (found, errors[name], lower, upper),
                estimate.observations,
                billing_months=billing_months,
                is_held=is_held,
                log_likelihood=estimate.log_likelihood,
            )

    def add_churn(self, model: ChurnModel) -> None:
        """The coefficients of the churn model, and its calibration."""
        z = norm.ppf((1 + self.confidence) / 2)
        for row in model.parameters.itertuples():
            spread = z * row.standard_error
            found = (row.estimate, row.standard_error, row.estimate - spread, row.estimate + spread)
            self._add("churn_logistic", str(row.parameter), found, int(row.observation_count))

    def _add(
        self, model: str, parameter: str, found: tuple[float, float, float, float], observations: int, **more: Any
    ) -> None:
        row = {"evaluated_as_of": self.as_of, "model": model, "parameter": parameter, "is_held": False, **more}
        row |= dict(zip(("estimate", "standard_error", "estimate_lower", "estimate_upper"), found, strict=True))
        self.rows.append({**row, "observation_count": observations})


@dataclass(frozen=True)
class Tables:
    """The tables of one night, by name, and what may be shown, by target and horizon."""

    frames: dict[str, pd.DataFrame]
    decisions: dict[Judged, Decision]


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
        customer_predictions, subscriber_predictions, churn_scores, survival_curves, prediction_backtest,
        fitted_parameters. What may not be shown is null, with the reason beside it; what was not fitted has no
        parameters.

    Raises:
        LeakageError: when a feature knows something from its cut-off or after: then nothing is predicted at all.
    """
    today = as_of.normalize()
    data = gates.enough_data(purchases, today, settings.minimums)
    refits = backtest.Refits(_sample(purchases, "customer_id"), MODELS[settings.purchase_model])
    counts = {days: _backtest_purchases(refits, purchases, today, settings, days) for days in settings.horizons}
    values = {days: _backtest_value(refits, purchases, today, settings, days) for days in settings.horizons}
    renewals = {days: _backtest_subscriptions(spells, today, settings, days) for days in settings.horizons}
    churn, churn_past = _churn_parts(features, settings)

    inactive = settings.inactive_days
    ends = gates.has_subscribers(spells)
    if ends.is_shown:
        ends = gates.beats_naive(renewals[inactive].scores, "subscription_end")
    decisions = {
        ("no_purchase", inactive): data & gates.beats_naive(counts[inactive].scores, "no_purchase"),
        ("churn", inactive): data & gates.beats_naive(churn_past.scores, "churn"),
        ("subscription_end", inactive): ends,
    }
    for days in settings.horizons:
        decisions["purchases", days] = data & _earned(counts[days], "purchases", days, settings)
        decisions["value", days] = decisions["purchases", days]
        if len(counts[days].scores):  # else the reason is the same
            decisions["value", days] &= _earned(values[days], "value", days, settings)
        # Without anybody who pays there is one reason, not three.
        decisions["renewals", days] = (
            ends & _earned(renewals[days], "renewals", days, settings)
            if gates.has_subscribers(spells).is_shown
            else ends
        )
    fitted = _Fitted(as_of, settings.confidence, [])
    customers, decisions = _customer_predictions(purchases, as_of, settings, decisions, fitted)
    churn_scores, decisions = _churn_scores(churn, settings, decisions, fitted)
    subscribers = _subscriber_predictions(spells, as_of, settings, decisions, fitted)
    judged = [
        _backtest_rows(tested, target, days, model, subject, as_of, decisions)
        for tested, target, days, model, subject in (
            *((counts[days], "purchases", days, settings.purchase_model, "customer_id") for days in settings.horizons),
            *(
                (values[days], "value", days, f"{settings.purchase_model}_gamma_gamma", "customer_id")
                for days in settings.horizons
            ),
            (counts[inactive], "no_purchase", inactive, settings.purchase_model, "customer_id"),
            (churn_past, "churn", inactive, "churn_logistic", "person_id"),
            (renewals[inactive], "subscription_end", inactive, "sbg", "subscriber_id"),
            *((renewals[days], "renewals", days, "sbg", "subscriber_id") for days in settings.horizons),
        )
    ]
    frames = {
        "customer_predictions": customers,
        "subscriber_predictions": subscribers,
        "churn_scores": churn_scores,
        "survival_curves": _survival(lifetimes, settings.confidence),
        "prediction_backtest": pd.DataFrame([row for rows in judged for row in rows]),
        "fitted_parameters": pd.DataFrame(fitted.rows, columns=_PARAMETER_COLUMNS),
    }
    return Tables({name: frame.round(DECIMALS) for name, frame in frames.items()}, decisions)


def _earned(past: backtest.Backtest, target: str, days: int, settings: Settings) -> Decision:
    """Whether a backtest over the same days shows totals of a target to be worth showing."""
    judged = gates.is_judged(past.scores, target, days, past.skipped)
    if not judged.is_shown:
        return judged
    return gates.beats_naive(past.scores, target) & gates.right_in_total(
        past.scores, target, settings.bias_rate_maximum, settings.bias_window_count
    )


_NOT_TESTED = backtest.Backtest(pd.DataFrame(), pd.DataFrame(), {})


def _cutoffs(first: pd.Timestamp, today: pd.Timestamp, settings: Settings, days: int) -> list[pd.Timestamp]:
    """The latest cut-offs whose windows have closed; the settings say how many."""
    found = backtest.cutoffs(first, today, days, settings.cutoff_step_days, settings.warm_up_days)
    return found[-settings.cutoff_count :]


def _sample(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """All rows of at most `BACKTEST_SAMPLE` subjects."""
    everybody = np.sort(rows[subject].unique())
    if len(everybody) <= BACKTEST_SAMPLE:
        return rows
    return rows[rows[subject].isin(np.random.default_rng(SEED).choice(everybody, BACKTEST_SAMPLE, replace=False))]


# ---- purchases and value


def _purchase_cutoffs(
    purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings, days: int
) -> list[pd.Timestamp]:
    """Cut-offs of closed windows. A horizon longer than churn's stands only where it would have been shown then."""
    at = _cutoffs(purchases["purchased_on"].min(), today, settings, days)
    if days <= settings.inactive_days:
        return at
    return [cutoff for cutoff in at if gates.enough_data(purchases, cutoff, settings.minimums).is_shown]


def _backtest_purchases(
    refits: backtest.Refits, purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings, days: int
) -> backtest.Backtest:
    if purchases.empty:
        return _NOT_TESTED
    return backtest.backtest_purchases(refits, _purchase_cutoffs(purchases, today, settings, days), days, today)


def _backtest_value(
    refits: backtest.Refits, purchases: pd.DataFrame, today: pd.Timestamp, settings: Settings, days: int
) -> backtest.Backtest:
    if purchases.empty:
        return _NOT_TESTED
    return backtest.backtest_value(refits, _purchase_cutoffs(purchases, today, settings, days), days, today)


def _customer_predictions(
    purchases: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: Settings,
    decisions: dict[Judged, Decision],
    parameters: _Fitted,
) -> tuple[pd.DataFrame, dict[Judged, Decision]]:
    """Every customer's row; a fit that fails hides what depends on it."""
    # The day that has begun counts, so that someone who bought today is a customer too.
    customers = summarize(purchases, as_of.normalize() + pd.Timedelta(days=1))
    horizons = {"": settings.value_horizon_days, SHORT_TERM: settings.short_term_days}
    of_horizon = {
        (target, prefix): [f"{prefix}{name}" for name in names]
        for prefix in horizons
        for target, names in (("purchases", _COUNT_COLUMNS), ("value", _VALUE_COLUMNS))
    }
    columns = [*_PROBABILITY_COLUMNS, *_AMOUNT_COLUMNS, *(name for names in of_horizon.values() for name in names)]
    scores = pd.DataFrame(index=customers.index, columns=columns)
    decisions = dict(decisions)

    def is_shown(*targets: str) -> bool:
        return any(decision.is_shown for (target, _), decision in decisions.items() if target in targets)

    def fail(error: FitError, *targets: str) -> None:
        for target, days in decisions:
            if target in targets:
                decisions[target, days] = decisions[target, days] & Decision((str(error),))

    if is_shown("purchases", "value", "no_purchase"):
        histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
        amounts = customers["repeat_amount"].to_numpy(dtype=float)
        spend: GammaGamma | None = None
        try:
            fitted = MODELS[settings.purchase_model].fit(histories, seed=SEED)
        except FitError as error:
            fail(error, "purchases", "value", "no_purchase")
        else:
            parameters.add(settings.purchase_model, fitted.estimate)
            # Counts and probabilities need no amounts.
            try:
                spend = GammaGamma.fit(histories.frequency, amounts, seed=SEED)
                parameters.add("gamma_gamma", spend.estimate)
            except FitError as error:
                fail(error, "value")
            for prefix, days in horizons.items():
                if prefix != SHORT_TERM and not decisions["purchases", days].is_shown:
                    continue
                forecast = fitted.forecast(
                    histories,
                    days,
                    settings.inactive_days,
                    value.continuous_rate(settings.yearly_discount_rate),
                    settings.confidence,
                )
                found = value.purchase_columns(forecast, customers)
                if spend is not None:
                    found = found.join(value.value_columns(forecast, spend, customers, settings.confidence))
                for name in found.columns:
                    place = f"{prefix}{name}" if f"{prefix}{name}" in scores.columns else name
                    scores[place] = found[name]
    shown = {("no_purchase", ""): _PROBABILITY_COLUMNS, **of_horizon}
    for (target, prefix), names in shown.items():
        days = settings.inactive_days if target == "no_purchase" else horizons[prefix]
        if not decisions[target, days].is_shown:
            scores[names] = None
    if not is_shown("value"):
        scores[_AMOUNT_COLUMNS] = None
    numbers = [name for name in scores.columns if name != "no_purchase_band"]
    result = scores.astype(dict.fromkeys(numbers, float)).rename_axis("person_id").reset_index()
    result.insert(1, "predicted_as_of", as_of)
    for position, name in enumerate(
        ("purchase_model", "value_horizon_days", "short_term_days", "yearly_discount_rate", "inactive_days"), start=2
    ):
        result.insert(position, name, getattr(settings, name))
    for prefix, days in horizons.items():
        for target in ("purchases", "value"):
            result[f"{prefix}{target}_hidden_reason"] = decisions[target, days].reason
    result["no_purchase_hidden_reason"] = decisions["no_purchase", settings.inactive_days].reason
    return result, decisions


# ---- subscriptions


def _backtest_subscriptions(
    spells: pd.DataFrame, today: pd.Timestamp, settings: Settings, days: int
) -> backtest.Backtest:
    billed = spells[spells["billing_months"].notna()]
    if billed.empty:
        return _NOT_TESTED
    at = _cutoffs(billed["observed_from_at"].min(), today, settings, days)
    return backtest.backtest_subscriptions(_sample(billed, "subscriber_id"), at, days, today, settings.minimums)


def _subscriber_predictions(
    spells: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: Settings,
    decisions: dict[Judged, Decision],
    parameters: _Fitted,
) -> pd.DataFrame:
    """The row of everybody who pays for a subscription now."""
    people = spells[spells["ended_at"].isna()].sort_values("subscriber_id")
    result = people[["subscriber_id", "person_id", "billing_months"]].reset_index(drop=True)
    result["predicted_as_of"] = as_of
    for name in ("value_horizon_days", "short_term_days", "yearly_discount_rate", "inactive_days"):
        result[name] = getattr(settings, name)
    # Prefix and reason of what is shown by a decision of its own, with its columns and days.
    parts = [("", "hidden_reason", "subscription_end", _END_COLUMNS, settings.inactive_days)] + [
        (prefix, f"{prefix}value_hidden_reason", "renewals", _RENEWAL_COLUMNS, days)
        for prefix, days in (("", settings.value_horizon_days), (SHORT_TERM, settings.short_term_days))
    ]
    result["renewals_made"] = np.nan
    for prefix, reason, _, names, _ in parts:
        result[[f"{prefix}{name}" for name in names if name != "end_band"]] = np.nan
        result[reason] = "billed by less than a month"
    result["end_band"] = None
    result["is_ending"] = (people["ending_known_at"] <= as_of).to_numpy()
    # What happens at the very instant of the refresh is part of it.
    known = summarize_renewals(spells[spells["billing_months"].notna()], as_of + pd.Timedelta(microseconds=1))
    for months, same_period in known.groupby("billing_months"):
        current = same_period[same_period["is_current"]]
        rows = result.index[result["subscriber_id"].isin(current["subscriber_id"])]
        result.loc[rows, "renewals_made"] = current["renewals_made"].to_numpy(dtype=float)
        enough = gates.enough_subscribers(same_period, settings.minimums)
        model: ShiftedBetaGeometric | None = None
        if enough.is_shown and any(decisions[target, days].is_shown for _, _, target, _, days in parts):
            try:
                model = fit_renewals(same_period)
                parameters.add("sbg", model.estimate, billing_months=float(str(months)))
            except FitError as error:
                enough = enough & Decision((str(error),))
        for prefix, reason, target, names, days in parts:
            decision = decisions[target, days] & enough
            result.loc[rows, reason] = decision.reason
            if decision.is_shown and model is not None:
                scores = score_subscribers(
                    model,
                    current,
                    as_of,
                    days,
                    settings.inactive_days,
                    settings.yearly_discount_rate,
                    settings.confidence,
                )
                for name in names:
                    result.loc[rows, f"{prefix}{name}"] = scores[name].to_numpy()
    is_unpriced = people["mrr_amount"].isna().to_numpy()
    for prefix in ("", SHORT_TERM):
        reasons = result[f"{prefix}value_hidden_reason"]
        result[f"{prefix}value_hidden_reason"] = reasons.where(
            reasons.notna() | ~is_unpriced, "its currency has no exchange rate"
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
    samples = features[["person_id", "cutoff_at", "is_churned", "is_inactive"]].join(
        expire(features[names].astype(float), instants, features["cutoff_at"], settings.churn_window_days.max_age_days)
    )
    latest = samples[samples["cutoff_at"] == samples["cutoff_at"].max()]
    closed = samples[samples["is_churned"].notna()].astype({"is_churned": bool, "is_inactive": bool})
    if len(closed) > TRAINING_SAMPLE:
        closed = closed.sample(TRAINING_SAMPLE, random_state=SEED).sort_index()
    if closed.empty:
        return _ChurnParts(closed, latest), _NOT_TESTED
    return _ChurnParts(closed, latest), backtest.backtest_churn(closed, names, settings.inactive_days)


def _churn_scores(
    parts: _ChurnParts, settings: Settings, decisions: dict[Judged, Decision], parameters: _Fitted
) -> tuple[pd.DataFrame, dict[Judged, Decision]]:
    result = parts.latest[["person_id", "cutoff_at"]].reset_index(drop=True)
    result["churn_probability"] = np.nan
    for name in ("churn_band", "top_reasons", "top_reasons_text"):
        result[name] = None
    judged = ("churn", settings.inactive_days)
    if decisions[judged].is_shown:
        names = list(FEATURE_NAMES)
        rows = parts.latest[names].reset_index(drop=True)
        try:
            model = ChurnModel.fit(
                parts.closed[names], parts.closed["is_churned"], parts.closed["cutoff_at"], settings.inactive_days
            )
        except FitError as error:
            decisions = {**decisions, judged: decisions[judged] & Decision((str(error),))}
        else:
            parameters.add_churn(model)
            result["churn_probability"] = model.probability(rows)
            result["churn_band"] = value.risk_band(result["churn_probability"].to_numpy())
            told = model.reasons(rows, TOP_REASONS)
            result["top_reasons"], result["top_reasons_text"] = _written(told, rows, settings.churn_window_days)
    result["hidden_reason"] = decisions[judged].reason
    return result, decisions


def _written(told: pd.DataFrame, rows: pd.DataFrame, windows: Windows) -> tuple[list[str], list[str]]:
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
        texts[reason.row].append(
            reasons.sentence(reason.feature, reason.value, reason.average, since[reason.row], windows)
        )
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
    days: int,
    model: str,
    subject: str,
    as_of: pd.Timestamp,
    decisions: dict[Judged, Decision],
) -> list[dict[str, Any]]:
    """The scores of a target at each cut-off, the cut-offs without, and one row over all with the decision."""
    scores = past.scores[past.scores["target"] == target] if len(past.scores) else past.scores
    head = {"evaluated_as_of": as_of, "model": model, "target": target, "horizon_days": days}
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
    decision = decisions[target, days]
    return [*rows, {**head, **overall, "is_shown": decision.is_shown, "reason": decision.reason}]
