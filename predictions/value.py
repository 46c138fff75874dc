"""What customers will be worth: expected purchases times expected amount, discounted, with intervals.

Belongs here: the residual value of customers without a contract, and their risk of not buying. Does not: value realised
so far (`dbt_project/`, which also adds up the two to the total value), subscriptions (`subscriptions`), whether the
numbers may be shown (`gates`).

Residual customer lifetime value over a horizon as in Fader, Hardie & Lee 2005, Journal of Marketing Research 42(4),
"RFM and CLV: using iso-value curves for customer base analysis".
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from predictions.histories import Histories
from predictions.maximum_likelihood import Array, standard_error
from predictions.purchases import Forecast, Interval, PurchaseModel
from predictions.spend import GammaGamma

DAYS_IN_YEAR = 365.25
# Below the first a risk is low, above the second it is high.
RISK_BANDS = (0.33, 0.66)
# Process variance of totals is estimated from at least this many simulated customers.
_SIMULATED_FUTURES = 200_000


def continuous_rate(yearly_discount_rate: float) -> float:
    """The discount rate a day, compounded continuously, of a yearly rate such as 0.1."""
    return float(np.log1p(yearly_discount_rate) / DAYS_IN_YEAR)


def risk_band(probability: Array) -> Array:
    """low below 0.33, high above 0.66, medium between; shape (n,), texts."""
    low, high = RISK_BANDS
    return np.where(probability < low, "low", np.where(probability > high, "high", "medium"))


def score(
    purchases: PurchaseModel,
    spend: GammaGamma,
    customers: pd.DataFrame,
    horizon_days: float,
    inactive_days: float = 90,
    yearly_discount_rate: float = 0.1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Score every customer.

    Args:
        purchases: fitted on histories in days.
        spend: fitted on the same customers' repeat amounts.
        customers: as from `histories.summarize`: frequency, recency_days, age_days, repeat_amount.
        horizon_days: over which value is expected.
        inactive_days: of the probability of no purchase.
        yearly_discount_rate: of value to come.
        confidence: of every interval.

    Returns:
        One row per customer with the index of `customers`. Of each estimate also its interval, `_lower` and `_upper`,
        from the uncertainty of the parameters:
        alive_probability; no_purchase_probability (in the inactive days) and no_purchase_band; expected_purchases (in
        the horizon), purchases_lower and purchases_upper (of the count itself); expected_purchase_amount;
        predicted_value (discounted, over the horizon, in the currency of the amounts).
    """
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    forecast = purchases.forecast(
        histories, horizon_days, inactive_days, continuous_rate(yearly_discount_rate), confidence
    )
    return pd.concat(
        [purchase_columns(forecast, customers), value_columns(forecast, spend, customers, confidence)], axis="columns"
    )


def purchase_columns(forecast: Forecast, customers: pd.DataFrame) -> pd.DataFrame:
    """Of the columns of `score` those that need no amounts: probabilities and counts."""
    columns = {
        **interval_columns("alive_probability", forecast.alive_probability),
        **interval_columns("no_purchase_probability", forecast.no_purchase_probability),
        "no_purchase_band": risk_band(forecast.no_purchase_probability.estimate),
        **interval_columns("expected_purchases", forecast.expected_purchases),
        "purchases_lower": forecast.purchases_lower,
        "purchases_upper": forecast.purchases_upper,
    }
    return pd.DataFrame(columns, index=customers.index)


def value_columns(
    forecast: Forecast, spend: GammaGamma, customers: pd.DataFrame, confidence: float = 0.95
) -> pd.DataFrame:
    """Of the columns of `score` those that are money."""
    frequency = customers["frequency"].to_numpy(dtype=float)
    amount = customers["repeat_amount"].to_numpy(dtype=float)
    expected_amount = spend.expected_amount(frequency, amount)
    amount_error = spend.expected_amount_error(frequency, amount)
    value = forecast.discounted_purchases.estimate * expected_amount
    # The two models are fitted apart: the errors of their logarithms add as independent ones.
    value_error = np.hypot(forecast.discounted_purchases_error, amount_error)
    z = norm.ppf((1 + confidence) / 2)
    columns = {
        **interval_columns(
            "expected_purchase_amount", Interval.around(np.log(expected_amount), z * amount_error, np.exp)
        ),
        **interval_columns("predicted_value", Interval.around(np.log(value), z * value_error, np.exp)),
    }
    return pd.DataFrame(columns, index=customers.index)


def total_revenue(
    purchases: PurchaseModel,
    spend: GammaGamma,
    customers: pd.DataFrame,
    horizon_days: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """What all customers will spend in the horizon, not discounted, with a predictive interval; shapes ().

    Its variance is that of the parameters of both models (delta method) plus that of purchases and amounts, summed over
    independent customers and estimated from simulated futures.
    """
    if purchases.estimate is None or spend.estimate is None:
        raise ValueError("the uncertainty of a total needs fitted models")
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    amount = customers["repeat_amount"].to_numpy(dtype=float)
    counts = purchases.expected_purchases(histories, horizon_days)
    means = spend.expected_amount(histories.frequency, amount)
    expected = counts * means

    def by_purchase_parameters(values: Array) -> Array:
        return np.asarray(type(purchases)(*values).expected_purchases(histories, horizon_days) @ means)

    def by_spend_parameters(values: Array) -> Array:
        p, q, v = values
        return np.asarray(GammaGamma(p, q, v).expected_amount(histories.frequency, amount) @ counts)

    from_parameters = (
        standard_error(by_purchase_parameters, purchases.estimate) ** 2
        + standard_error(by_spend_parameters, spend.estimate) ** 2
    )
    rng = np.random.default_rng(seed)
    rounds = max(1, -(-_SIMULATED_FUTURES // len(histories)))
    from_customers = 0.0
    for _ in range(rounds):
        future = purchases.simulate_future(histories, horizon_days, rng)
        revenue = spend.simulate_totals(histories.frequency, amount, future, rng)
        from_customers += float(((revenue - expected) ** 2).sum()) / rounds
    total = expected.sum()
    spread = norm.ppf((1 + confidence) / 2) * np.sqrt(from_parameters + from_customers)
    return Interval(np.asarray(total), np.asarray(max(total - spread, 0.0)), np.asarray(total + spread))


def interval_columns(name: str, interval: Interval) -> dict[str, Array]:
    """An estimate and its interval as columns: the name, and the name with `_lower` and `_upper`."""
    return {name: interval.estimate, f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
