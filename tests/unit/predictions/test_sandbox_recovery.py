"""What the simulated company was made of, found again from what its systems record alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import binom, chi2

from predictions.histories import Histories
from predictions.maximum_likelihood import Estimate
from predictions.purchases import ModifiedBetaGeoNBD
from predictions.renewals import summarize_renewals
from predictions.spend import GammaGamma
from predictions.subscriptions import fit_renewals
from sandbox.company import Company
from sandbox.life import ANONYMOUS_ORDER, LATE_IMPORT, NO_RATE_PEOPLE, STRANGE_GUEST
from sandbox.records import Order, Person
from sandbox.settings import DAY, CompanySettings
from sandbox.subscriptions import RETRY_DAYS
from sandbox.truth import Truth

# Made to buy a second time, or never to, whatever their draw: they are no sample of the population.
FORCED = (ANONYMOUS_ORDER, LATE_IMPORT, STRANGE_GUEST)
SEEDS = range(1, 5)


@cache
def company(seed: int) -> tuple[Company, list[Person], int]:
    """A company of the default size, its people, and the clock at which it is looked at."""
    settings = replace(CompanySettings(), seed=seed)
    clock = settings.start + settings.days * DAY
    simulated = Company(settings)
    return simulated, simulated.people(clock), clock


def orders_of(seed: int) -> list[list[Order]]:
    """Orders of each customer in the order in which they were placed."""
    _, people, clock = company(seed)
    customers = []
    for person in people:
        placed = [order for order in person.orders if order.processed_at <= clock and not order.is_test]
        if placed and person.index % 100 not in FORCED and person.index not in NO_RATE_PEOPLE:
            customers.append(sorted(placed, key=lambda order: order.processed_at))
    return customers


def purchases(seed: int) -> Estimate | None:
    clock = company(seed)[2]
    rows = [
        (
            len(orders) - 1,
            (orders[-1].processed_at - orders[0].processed_at) / DAY,
            (clock - orders[0].processed_at) / DAY,
        )
        for orders in orders_of(seed)
    ]
    return ModifiedBetaGeoNBD.fit(Histories.of(*np.array(rows).T)).estimate


def spend(seed: int) -> Estimate | None:
    """Of what was put into the basket, before discounts, in euros."""
    rates = company(seed)[0].rates

    def amount(order: Order) -> float:
        listed = sum(line.unit_price * line.quantity for line in order.lines)
        return float(listed / rates.shop_rate(order.currency, order.processed_at))

    repeats = [[amount(order) for order in orders[1:]] for orders in orders_of(seed) if len(orders) > 1]
    return GammaGamma.fit(
        np.array([len(amounts) for amounts in repeats], dtype=float),
        np.array([np.mean(amounts) for amounts in repeats]),
    ).estimate


def subscriptions(seed: int) -> Estimate | None:
    """Of plans billed by the month, from what Stripe tells; an add-on ends by itself or with its plan."""
    _, people, clock = company(seed)
    rows = []
    for person in people:
        for told in person.subscriptions:
            record = next(each for each in person.billing if each.id == told.id)
            items = record.state(told.created_at)["items"]
            price = items[0]["price"]
            if told.started_at is None or told.started_at > clock or price["recurring"]["interval"] != "month":
                continue
            if price["product"] == "prod_add_on":
                continue
            ended = told.ended_at if told.ended_at is not None and told.ended_at <= clock else None
            state = record.state(clock)
            has_failed = state["cancellation_details"]["reason"] == "payment_failed"
            anchor = state["trial_end"] or state["start_date"]
            paid_until = ended - RETRY_DAYS[-1] * DAY if ended and has_failed else ended
            instants = (anchor, max(anchor, told.created_at), paid_until, ended)
            # one by one: pandas multiplies what lies in memory behind missing values, which overflows at times
            rows.append((person.key, *(None if at is None else pd.Timestamp(at, unit="s") for at in instants)))
    names = ("anchor_at", "observed_from_at", "paid_until_at", "ended_at")
    spells = pd.DataFrame(rows, columns=["subscriber_id", *names])
    spells[list(names)] = spells[list(names)].astype("datetime64[ns]")
    spells = spells.assign(billing_months=1, ending_known_at=spells["ended_at"], mrr_amount=1.0)
    return fit_renewals(summarize_renewals(spells, pd.Timestamp(clock, unit="s"))).estimate


def is_recovered(fit: Callable[[int], Estimate | None], names: tuple[str, ...]) -> None:
    """Parameter by parameter the 95 % intervals hold the truth, and all parameters of all companies jointly lie where
    the stated covariance puts them: a bias that hides in correlated intervals shows in the second.
    """
    parameters = Truth.parameters()
    truth = np.array([parameters[name] for name in names])
    covered, distance = 0, 0.0
    for seed in SEEDS:
        estimate = fit(seed)
        assert estimate is not None and not estimate.held
        off = np.log(estimate.values) - np.log(truth)
        distance += float(off @ np.linalg.solve(estimate.covariance, off))
        covered += sum(
            low <= value <= high for value, (low, high) in zip(truth, estimate.intervals(0.95).values(), strict=True)
        )

    # Parameters of one fit are correlated: held to the bound of as many fits.
    assert covered / len(names) >= binom.ppf(0.003, len(SEEDS), 0.95)
    assert distance <= chi2.ppf(0.997, len(names) * len(SEEDS))


def test_how_people_buy_and_leave_is_recovered() -> None:
    """In the sandbox a customer may leave after any purchase, the first included: the process of the MBG/NBD."""
    is_recovered(purchases, ("rate_shape", "rate_scale_days", "dropout_a", "dropout_b"))


def test_what_people_spend_is_recovered() -> None:
    is_recovered(spend, ("spend_p", "spend_q", "spend_gamma"))


def test_how_subscribers_leave_is_recovered() -> None:
    """Some come back, and some were taken over with renewals behind them."""
    is_recovered(subscriptions, ("churn_a", "churn_b"))
