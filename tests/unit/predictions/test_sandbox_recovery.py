"""The simulated company's buying process, found again from its orders alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import binom, chi2

from ingestion.sandbox.company import Company
from ingestion.sandbox.life import ANONYMOUS_ORDER, LATE_IMPORT, NO_RATE_PEOPLE, STRANGE_GUEST
from ingestion.sandbox.settings import DAY, CompanySettings
from ingestion.sandbox.truth import Truth
from predictions.histories import Histories
from predictions.purchases import ModifiedBetaGeoNBD

# Made to buy a second time, or never to, whatever their draw: they are no sample of the population.
FORCED = (ANONYMOUS_ORDER, LATE_IMPORT, STRANGE_GUEST)
SEEDS = range(1, 5)


def orders_of(seed: int) -> Histories:
    """Histories in days of the customers of a company of the default size."""
    settings = replace(CompanySettings(), seed=seed)
    clock = settings.start + settings.days * DAY
    rows = []
    for person in Company(settings).people(clock):
        at = sorted(order.processed_at for order in person.orders if order.processed_at <= clock and not order.is_test)
        if at and person.index % 100 not in FORCED and person.index not in NO_RATE_PEOPLE:
            rows.append((len(at) - 1, (at[-1] - at[0]) / DAY, (clock - at[0]) / DAY))
    return Histories.of(*np.array(rows).T)


def test_the_population_is_recovered_within_the_stated_intervals() -> None:
    """In the sandbox a customer may leave after any purchase, the first included: the process of the MBG/NBD.

    Parameter by parameter the 95 % intervals hold the truth, and all parameters of all companies jointly lie where
    the stated covariance puts them: a bias that hides in correlated intervals shows in the second.
    """
    parameters = Truth.parameters()
    truth = np.array([parameters[name] for name in ("rate_shape", "rate_scale_days", "dropout_a", "dropout_b")])
    covered, distance = 0, 0.0
    for seed in SEEDS:
        estimate = ModifiedBetaGeoNBD.fit(orders_of(seed)).estimate
        assert estimate is not None and not estimate.held
        off = np.log(estimate.values) - np.log(truth)
        distance += float(off @ np.linalg.solve(estimate.covariance, off))
        covered += sum(
            low <= value <= high for value, (low, high) in zip(truth, estimate.intervals(0.95).values(), strict=True)
        )

    assert covered >= binom.ppf(0.003, 4 * len(SEEDS), 0.95)
    assert distance <= chi2.ppf(0.997, 4 * len(SEEDS))
