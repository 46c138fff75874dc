"""Would the predictions have been right? Rolling-origin backtests against what happened and against a naive rule.

Belongs here: cut-offs, the harness, scores of probabilities and of amounts. Does not: the decision that follows
(`gates`), the models.

At each cut-off a model is fitted on what was known then and judged on the window after it, which must have closed
(Tashman 2000, International Journal of Forecasting 16(4), "Out-of-sample tests of forecasting accuracy"). Losses are
proper for what is forecast: squared error for an expectation, Brier score for a probability (Gneiting 2011, Journal of
the American Statistical Association 106(494), "Making and evaluating point forecasts"). Absolute error is not: on
counts that are mostly 0, forecasting 0 for everybody would win.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from predictions.churn import ChurnModel
from predictions.gates import Minimums, enough_subscribers
from predictions.histories import Histories, summarize
from predictions.maximum_likelihood import FitError
from predictions.purchases import PurchaseModel
from predictions.renewals import summarize_renewals
from predictions.spend import GammaGamma
from predictions.subscriptions import due_within, end_probability, expected_renewals, fit_renewals

Array = NDArray[np.float64]


def cutoffs(
    first: pd.Timestamp, observed_until: pd.Timestamp, horizon_days: int, step_days: int, warm_up_days: int
) -> list[pd.Timestamp]:
    """Cut-offs whose windows have closed, oldest first; counted back from the end, so that the last is the latest.

    Args:
        first: the first day with data.
        observed_until: the first day that is not in the data.
        horizon_days: length of the window after a cut-off: [cut-off, cut-off + horizon).
        step_days: between cut-offs.
        warm_up_days: of data before the first cut-off.
    """
    found = []
    at = observed_until - pd.Timedelta(days=horizon_days)
    while at >= first + pd.Timedelta(days=warm_up_days):
        found.append(at)
        at -= pd.Timedelta(days=step_days)
    return found[::-1]


@dataclass(frozen=True)
class Comparison:
    """Loss of a model beside that of the naive rule, mean over rows.

    Attributes:
        model_loss, naive_loss: mean losses.
        skill: 1 - model_loss / naive_loss: share of the naive rule's loss that the model saves.
        difference: model_loss - naive_loss; below 0 the model is better.
        difference_error: its standard error, by the sandwich over subjects: one of them may be judged at several
            cut-offs, and those judgements are not independent.
    """

    model_loss: float
    naive_loss: float
    skill: float
    difference: float
    difference_error: float


def compare(model_losses: ArrayLike, naive_losses: ArrayLike, subjects: ArrayLike) -> Comparison:
    """Compare two forecasts of the same rows; losses and subjects of shape (n,)."""
    model, naive = np.asarray(model_losses, dtype=float), np.asarray(naive_losses, dtype=float)
    difference = model - naive
    by_subject = pd.Series(difference - difference.mean()).groupby(np.asarray(subjects)).sum()
    clusters = len(by_subject)
    error = np.sqrt((by_subject**2).sum() * clusters / (clusters - 1)) / len(difference) if clusters > 1 else np.nan
    naive_mean = float(naive.mean())
    return Comparison(
        model_loss=float(model.mean()),
        naive_loss=naive_mean,
        skill=1 - float(model.mean()) / naive_mean if naive_mean > 0 else float("nan"),
        difference=float(difference.mean()),
        difference_error=float(error),
    )


@dataclass(frozen=True)
class ProbabilityScores:
    """How good probabilities were. NaN where a score has no meaning, as ranking with a single outcome.

    Attributes:
        row_count, event_rate, mean_probability: what was judged.
        bias: mean_probability - event_rate.
        brier, log_loss: proper scores, smaller is better.
        calibration_error: ECE over ten bins of equal size: mean |event rate - mean probability|.
        calibration_slope, calibration_intercept: of the outcome on the log-odds; 1 and 0 when calibrated, a slope below
            1 says that the probabilities are too extreme (Cox 1958, Biometrika 45).
        auc: P(a random event has the higher probability than a random non-event).
        top_decile_lift: event rate among the tenth with the highest probabilities / event rate of all.
        naive_brier, skill, difference, difference_error: see `Comparison`, on squared errors.
    """

    row_count: int
    event_rate: float
    mean_probability: float
    bias: float
    brier: float
    log_loss: float
    calibration_error: float
    calibration_slope: float
    calibration_intercept: float
    auc: float
    top_decile_lift: float
    naive_brier: float
    skill: float
    difference: float
    difference_error: float


def score_probabilities(
    probability: ArrayLike, outcome: ArrayLike, naive_probability: ArrayLike, subjects: ArrayLike
) -> ProbabilityScores:
    """Score probabilities against what happened; all of shape (n,), n >= 1."""
    p = np.asarray(probability, dtype=float)
    y = np.asarray(outcome, dtype=bool)
    naive = np.asarray(naive_probability, dtype=float)
    comparison = compare((p - y) ** 2, (naive - y) ** 2, subjects)
    has_both = 0 < y.sum() < len(y)
    bounded = np.clip(p, 1e-9, 1 - 1e-9)
    slope = intercept = float("nan")
    if has_both and np.ptp(bounded) > 0:
        odds = np.log(bounded / (1 - bounded)).reshape(-1, 1)
        line = LogisticRegression(C=np.inf, max_iter=1000).fit(odds, y)
        slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    return ProbabilityScores(
        row_count=len(y),
        event_rate=float(y.mean()),
        mean_probability=float(p.mean()),
        bias=float(p.mean() - y.mean()),
        brier=float(brier_score_loss(y, p, pos_label=True)),
        log_loss=float(log_loss(y, bounded, labels=[False, True])),
        calibration_error=_calibration_error(p, y),
        calibration_slope=slope,
        calibration_intercept=intercept,
        auc=float(roc_auc_score(y, p)) if has_both else float("nan"),
        top_decile_lift=_top_decile_lift(p, y),
        naive_brier=comparison.naive_loss,
        skill=comparison.skill,
        difference=comparison.difference,
        difference_error=comparison.difference_error,
    )


def reliability(probability: ArrayLike, outcome: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """The calibration curve over bins of equal size: one row per bin: row_count, mean_probability, event_rate."""
    p, y = np.asarray(probability, dtype=float), np.asarray(outcome, dtype=float)
    groups = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return pd.DataFrame(
        {
            "row_count": [len(group) for group in groups],
            "mean_probability": [p[group].mean() for group in groups],
            "event_rate": [y[group].mean() for group in groups],
        }
    )


def _calibration_error(probability: Array, outcome: NDArray[np.bool_]) -> float:
    curve = reliability(probability, outcome)
    gap = (curve["mean_probability"] - curve["event_rate"]).abs()
    return float((gap * curve["row_count"]).sum() / curve["row_count"].sum())


def _top_decile_lift(probability: Array, outcome: NDArray[np.bool_]) -> float:
    if not outcome.any():
        return float("nan")
    # Ties at the edge of the tenth count by their share: otherwise the order of rows would decide.
    size = max(1, len(probability) // 10)
    edge = np.sort(probability)[-size]
    above, at = probability > edge, probability == edge
    events = outcome[above].sum() + outcome[at].mean() * (size - above.sum())
    return float(events / size / outcome.mean())


@dataclass(frozen=True)
class AmountScores:
    """How good expectations of counts or money were.

    Attributes:
        row_count, actual_total, forecast_total, naive_total: what was judged.
        bias_rate: forecast_total / actual_total - 1; NaN without any.
        root_mean_squared_error: a subject.
        interval_coverage: share of subjects whose actual lies within their predictive interval; NaN without intervals.
        rank_correlation: Spearman's, of forecast and actual.
        naive_loss, skill, difference, difference_error: see `Comparison`, on squared errors.
    """

    row_count: int
    actual_total: float
    forecast_total: float
    naive_total: float
    bias_rate: float
    root_mean_squared_error: float
    interval_coverage: float
    rank_correlation: float
    naive_loss: float
    skill: float
    difference: float
    difference_error: float


def score_amounts(
    forecast: ArrayLike,
    actual: ArrayLike,
    naive: ArrayLike,
    subjects: ArrayLike,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> AmountScores:
    """Score expectations against what happened; all of shape (n,), n >= 1."""
    f, a, n = (np.asarray(values, dtype=float) for values in (forecast, actual, naive))
    comparison = compare((f - a) ** 2, (n - a) ** 2, subjects)
    coverage = float("nan")
    if lower is not None and upper is not None:
        coverage = float(((a >= np.asarray(lower)) & (a <= np.asarray(upper))).mean())
    return AmountScores(
        row_count=len(a),
        actual_total=float(a.sum()),
        forecast_total=float(f.sum()),
        naive_total=float(n.sum()),
        bias_rate=float(f.sum() / a.sum() - 1) if a.sum() else float("nan"),
        root_mean_squared_error=float(np.sqrt(comparison.model_loss)),
        interval_coverage=coverage,
        rank_correlation=float(pd.Series(f).corr(pd.Series(a), method="spearman")),
        naive_loss=comparison.naive_loss,
        skill=comparison.skill,
        difference=comparison.difference,
        difference_error=comparison.difference_error,
    )


@dataclass(frozen=True)
class Backtest:
    """Result of a rolling-origin backtest.

    Attributes:
        rows: one row per subject and cut-off, with forecasts, naive forecasts and outcomes.
        scores: one row per target and cut-off, and one per target with a null cut-off over all of them.
        skipped: cut-offs at which no model could be fitted, with the reason.
    """

    rows: pd.DataFrame
    scores: pd.DataFrame
    skipped: dict[pd.Timestamp, str]


class Refits:
    """A purchase model as it would have been fitted at earlier cut-offs, each fit made once."""

    def __init__(self, purchases: pd.DataFrame, model: type[PurchaseModel]) -> None:
        self.purchases = purchases
        self.model = model
        self._found: dict[pd.Timestamp, PurchaseModel | FitError] = {}

    def at(self, cutoff: pd.Timestamp) -> tuple[pd.DataFrame, Histories, PurchaseModel]:
        """Customers known at a cut-off, their histories, and the model of them.

        Raises:
            FitError: see `PurchaseModel.fit`.
        """
        customers = summarize(self.purchases, cutoff)
        histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
        if cutoff not in self._found:
            try:
                self._found[cutoff] = self.model.fit(histories)
            except FitError as error:
                self._found[cutoff] = error
        found = self._found[cutoff]
        if isinstance(found, FitError):
            raise found
        return customers, histories, found


def backtest_purchases(
    refits: Refits,
    at: list[pd.Timestamp],
    horizon_days: int,
    observed_until: pd.Timestamp,
    confidence: float = 0.9,
) -> Backtest:
    """Forecast purchases, and whether there are any, at each cut-off, from the purchases before it.

    The naive rule: the next window will be as the last one of the same length. It repeats repeat purchases only: the
    model says nothing of people who are still to come, and nobody buys for the first time twice. Where the data before
    a cut-off are shorter than the window, they go on at their pace. For the probability it takes the rates with which
    buyers and non-buyers of the last window, new ones included, stayed away one window earlier.

    Args:
        refits: of purchases as in `histories.summarize`; the model is refitted at each cut-off.
        at: cut-offs, see `cutoffs`.
        horizon_days: of the windows.
        observed_until: the first day that is not in the data.
        confidence: of the predictive interval of each customer's count.

    Returns:
        Scores of the targets `purchases` (`AmountScores`) and `no_purchase` (`ProbabilityScores`); rows: customer_id,
        cutoff_at, purchases, forecast_purchases, naive_purchases, purchases_lower, purchases_upper, no_purchase,
        no_purchase_probability, naive_no_purchase_probability.

    Raises:
        ValueError: for a cut-off whose window has not closed: what is still to come would count as churn.
    """
    _assert_closed(at, horizon_days, observed_until)
    horizon = pd.Timedelta(days=horizon_days)
    days = refits.purchases[["customer_id", "purchased_on"]].drop_duplicates().assign(purchases=1.0)
    repeats = _repeats(days)
    frames, skipped = [], {}
    for cutoff in at:
        try:
            customers, histories, fitted = refits.at(cutoff)
        except FitError as error:
            skipped[cutoff] = str(error)
            continue
        counts = [
            _sum_in(days, "purchases", customers.index, start, start + horizon)
            for start in (cutoff - 2 * horizon, cutoff - horizon, cutoff)
        ]
        tail = (1 - confidence) / 2
        lower, upper = fitted.purchase_quantiles(histories, horizon_days, [tail, 1 - tail])
        # What the last window says of the next one, learnt from the one before it.
        was_customer = (customers["age_days"] >= horizon_days).to_numpy()
        bought_before, bought = counts[0] > 0, counts[1] > 0
        naive = np.full(len(customers), 1 - bought[was_customer].mean() if was_customer.any() else 0.5)
        for group in (True, False):
            learnt = was_customer & (bought_before == group)
            if learnt.any():
                naive[bought == group] = 1 - bought[learnt].mean()
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": customers.index,
                    "cutoff_at": cutoff,
                    "purchases": counts[2],
                    "forecast_purchases": fitted.expected_purchases(histories, horizon_days),
                    "naive_purchases": _sum_in(repeats, "purchases", customers.index, cutoff - horizon, cutoff)
                    * _pace(days["purchased_on"].min(), cutoff, horizon),
                    "purchases_lower": lower,
                    "purchases_upper": upper,
                    "no_purchase": counts[2] == 0,
                    "no_purchase_probability": fitted.no_purchase_probability(histories, horizon_days),
                    "naive_no_purchase_probability": naive,
                }
            )
        )
    rows = _stacked(frames)
    scores = [
        {
            "model": refits.model.name,
            "target": target,
            "cutoff_at": cutoff,
            "horizon_days": horizon_days,
            **asdict(result),
        }
        for cutoff, part in _by_cutoff(rows)
        for target, result in (
            (
                "purchases",
                score_amounts(
                    part["forecast_purchases"],
                    part["purchases"],
                    part["naive_purchases"],
                    part["customer_id"],
                    part["purchases_lower"],
                    part["purchases_upper"],
                ),
            ),
            (
                "no_purchase",
                score_probabilities(
                    part["no_purchase_probability"],
                    part["no_purchase"],
                    part["naive_no_purchase_probability"],
                    part["customer_id"],
                ),
            ),
        )
    ]
    return Backtest(rows, pd.DataFrame(scores), skipped)


def backtest_value(refits: Refits, at: list[pd.Timestamp], horizon_days: int, observed_until: pd.Timestamp) -> Backtest:
    """Forecast what customers spend, at each cut-off, from the purchases before it.

    The naive rule: everybody spends what their repeat purchases of the last window of the same length brought, at the
    pace of `backtest_purchases`.

    Args:
        refits, at, horizon_days, observed_until: see `backtest_purchases`. Amounts are those known today: a refund that
            came after a cut-off lowers the purchase before it, for model, naive rule and outcome alike.

    Returns:
        Scores of the target `value` (`AmountScores`); rows: customer_id, cutoff_at, value, forecast_value, naive_value.
        Customers of whom an amount in one of the two windows is not known are not judged.

    Raises:
        ValueError: for a cut-off whose window has not closed.
    """
    _assert_closed(at, horizon_days, observed_until)
    horizon = pd.Timedelta(days=horizon_days)
    priced = refits.purchases.assign(unpriced=refits.purchases["amount"].isna().astype(float))
    repeats = _repeats(priced)
    frames, skipped = [], {}
    for cutoff in at:
        try:
            customers, histories, fitted = refits.at(cutoff)
            amount = customers["repeat_amount"].to_numpy(dtype=float)
            spend = GammaGamma.fit(histories.frequency, amount)
        except FitError as error:
            skipped[cutoff] = str(error)
            continue
        expected = fitted.expected_purchases(histories, horizon_days)
        frame = pd.DataFrame(
            {
                "customer_id": customers.index,
                "cutoff_at": cutoff,
                "value": _sum_in(priced, "amount", customers.index, cutoff, cutoff + horizon),
                "forecast_value": expected * spend.expected_amount(histories.frequency, amount),
                "naive_value": _sum_in(repeats, "amount", customers.index, cutoff - horizon, cutoff)
                * _pace(priced["purchased_on"].min(), cutoff, horizon),
            }
        )
        is_priced = _sum_in(priced, "unpriced", customers.index, cutoff - horizon, cutoff + horizon) == 0
        frames.append(frame[is_priced])
    rows = _stacked(frames)
    scores = [
        {
            "model": f"{refits.model.name}_gamma_gamma",
            "target": "value",
            "cutoff_at": cutoff,
            "horizon_days": horizon_days,
            **asdict(score_amounts(part["forecast_value"], part["value"], part["naive_value"], part["customer_id"])),
        }
        for cutoff, part in _by_cutoff(rows)
    ]
    return Backtest(rows, pd.DataFrame(scores), skipped)


def backtest_subscriptions(
    spells: pd.DataFrame,
    at: list[pd.Timestamp],
    horizon_days: int,
    observed_until: pd.Timestamp,
    minimums: Minimums,
) -> Backtest:
    """Forecast which subscribers end, and what they renew, at each cut-off, from their renewals before it.

    The naive rule: subscribers with the same billing period end as often as in the last window, and each of them renews
    as many months as in it (at the pace of `backtest_purchases`). Both know whose end was already certain at the
    cut-off.

    Args:
        spells: see `renewals.summarize_renewals`. Whether an end was certain is judged by what is known today: it was
            not if it was called off later, or if another subscription followed without a gap.
        at, horizon_days, observed_until: see `backtest_purchases`.
        minimums: what a billing period must have at a cut-off to be forecast there, see `gates.enough_subscribers`.

    Returns:
        Scores of the targets `subscription_end` (`ProbabilityScores`) and `renewals` (`AmountScores`, in months that
        are renewed: what a subscription brings is its recurring revenue in each); rows: subscriber_id, cutoff_at,
        is_ended, end_probability, naive_end_probability, renewed_months, forecast_months, naive_months.

    Raises:
        ValueError: for a cut-off whose window has not closed.
    """
    _assert_closed(at, horizon_days, observed_until)
    horizon = pd.Timedelta(days=horizon_days)
    frames, skipped = [], {}
    for cutoff in at:
        now, before, after = (
            summarize_renewals(spells, instant) for instant in (cutoff, cutoff - horizon, cutoff + horizon)
        )
        judged, reasons = [], []
        for months, known in now.groupby("billing_months"):
            decision = enough_subscribers(known, minimums)
            if not decision.is_shown:
                reasons.append(str(decision.reason))
                continue
            try:
                model = fit_renewals(known)
            except FitError as error:
                reasons.append(str(error))
                continue
            current = known[known["is_current"]]
            past = before[(before["billing_months"] == months) & before["is_current"] & ~before["is_ending"]]
            rate = float(_ends_in(spells, past, cutoff - horizon, cutoff).mean()) if len(past) else 0.5
            probability = end_probability(model, current, cutoff, horizon_days)
            due = due_within(current, cutoff, horizon_days)
            judged.append(
                pd.DataFrame(
                    {
                        "subscriber_id": current["subscriber_id"],
                        "cutoff_at": cutoff,
                        "is_ended": _ends_in(spells, current, cutoff, cutoff + horizon),
                        "end_probability": probability,
                        "naive_end_probability": np.where(current["is_ending"], probability, rate),
                        "renewed_months": np.minimum(_renewals_made(_same(after, current), now), due) * months,
                        "forecast_months": expected_renewals(model, current, cutoff, horizon_days) * months,
                        "naive_months": np.where(current["is_ending"], 0.0, _renewals_made(current, before))
                        * months
                        * _pace(spells["observed_from_at"].min(), cutoff, horizon),
                    }
                )
            )
        if not judged:
            skipped[cutoff] = "; ".join(reasons) or "nobody had a subscription"
        frames += judged
    rows = _stacked(frames)
    scores = [
        {
            "model": "sbg",
            "target": target,
            "cutoff_at": cutoff,
            "horizon_days": horizon_days,
            **asdict(result),
        }
        for cutoff, part in _by_cutoff(rows)
        for target, result in (
            (
                "subscription_end",
                score_probabilities(
                    part["end_probability"], part["is_ended"], part["naive_end_probability"], part["subscriber_id"]
                ),
            ),
            (
                "renewals",
                score_amounts(
                    part["forecast_months"], part["renewed_months"], part["naive_months"], part["subscriber_id"]
                ),
            ),
        )
    ]
    return Backtest(rows, pd.DataFrame(scores), skipped)


def backtest_churn(samples: pd.DataFrame, features: list[str], horizon_days: int) -> Backtest:
    """Forecast churn at each cut-off with a model of the cut-offs whose windows had closed by then.

    The naive rule: customers who were inactive in the last window churn as often as inactive customers did at the
    cut-offs that the model was fitted on, and everybody else as often as the others did.

    Args:
        samples: one row per person and cut-off: person_id, cutoff_at, is_churned (in [cut-off, cut-off + horizon),
            closed windows only), is_inactive (in the window before the cut-off), and the features.
        features: names of the features' columns.
        horizon_days: of the windows.

    Returns:
        Scores of the target `churn`; rows: person_id, cutoff_at, is_churned, churn_probability,
        naive_churn_probability.
    """
    horizon = pd.Timedelta(days=horizon_days)
    frames, skipped = [], {}
    for cutoff in sorted(samples["cutoff_at"].unique()):
        known = samples[samples["cutoff_at"] + horizon <= cutoff]
        now = samples[samples["cutoff_at"] == cutoff]
        try:
            if known.empty:
                raise FitError("churn model: no earlier window had closed")
            model = ChurnModel.fit(known[features], known["is_churned"], known["cutoff_at"], horizon_days)
        except FitError as error:
            skipped[cutoff] = str(error)
            continue
        rates = known.groupby("is_inactive")["is_churned"].mean()
        naive = now["is_inactive"].map(rates).astype(float).fillna(known["is_churned"].mean())
        frames.append(
            pd.DataFrame(
                {
                    "person_id": now["person_id"],
                    "cutoff_at": cutoff,
                    "is_churned": now["is_churned"],
                    "churn_probability": model.probability(now[features]),
                    "naive_churn_probability": naive,
                }
            )
        )
    rows = _stacked(frames)
    scores = [
        {
            "model": "churn_logistic",
            "target": "churn",
            "cutoff_at": cutoff,
            "horizon_days": horizon_days,
            **asdict(
                score_probabilities(
                    part["churn_probability"], part["is_churned"], part["naive_churn_probability"], part["person_id"]
                )
            ),
        }
        for cutoff, part in _by_cutoff(rows)
    ]
    return Backtest(rows, pd.DataFrame(scores), skipped)


def _assert_closed(at: list[pd.Timestamp], horizon_days: int, observed_until: pd.Timestamp) -> None:
    horizon = pd.Timedelta(days=horizon_days)
    open_windows = [f"{cutoff:%Y-%m-%d}" for cutoff in at if cutoff + horizon > observed_until]
    if open_windows:
        raise ValueError(f"windows of {horizon_days} days from {open_windows} are still open on {observed_until}")


def _sum_in(rows: pd.DataFrame, column: str, customers: pd.Index, start: pd.Timestamp, end: pd.Timestamp) -> Array:
    """What each customer's purchases in [start, end) have in a column, summed, shape (n,); 0 without any."""
    window = rows[(rows["purchased_on"] >= start) & (rows["purchased_on"] < end)]
    return window.groupby("customer_id")[column].sum().reindex(customers, fill_value=0).to_numpy(dtype=float)


def _pace(first: pd.Timestamp, cutoff: pd.Timestamp, horizon: pd.Timedelta) -> float:
    """How much longer a window is than the data that lie in the one before a cut-off: at least 1."""
    return horizon / min(max(cutoff - first, pd.Timedelta(days=1)), horizon)


def _repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows after each customer's first day."""
    return rows[rows["purchased_on"] > rows.groupby("customer_id")["purchased_on"].transform("min")]


def _same(summary: pd.DataFrame, subscribers: pd.DataFrame) -> pd.DataFrame:
    """The rows of another summary of the same subscribers, in their order."""
    keys = ["subscriber_id", "billing_months"]
    return subscribers[keys].merge(summary, how="left", on=keys)


def _renewals_made(subscribers: pd.DataFrame, earlier: pd.DataFrame) -> Array:
    """How many renewals subscribers have made since an earlier summary, shape (n,); not those before we knew them."""
    keys = ["subscriber_id", "billing_months"]
    known = earlier.set_index(keys)["renewals_made"].reindex(pd.MultiIndex.from_frame(subscribers[keys]))
    made, entered = (subscribers[name].to_numpy(dtype=float) for name in ("renewals_made", "entered"))
    return np.asarray(made - np.where(known.isna(), entered, known))


def _ends_in(
    spells: pd.DataFrame, subscribers: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> NDArray[np.bool_]:
    """Whether each subscriber's paying ended in [start, end), shape (n,)."""
    ended = spells.loc[(spells["ended_at"] >= start) & (spells["ended_at"] < end), "subscriber_id"]
    return subscribers["subscriber_id"].isin(ended).to_numpy()


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _by_cutoff(rows: pd.DataFrame) -> list[tuple[pd.Timestamp | None, pd.DataFrame]]:
    """The rows of each cut-off, and all of them under no cut-off."""
    if rows.empty:
        return []
    return [*((cutoff, part) for cutoff, part in rows.groupby("cutoff_at", sort=True)), (None, rows)]
