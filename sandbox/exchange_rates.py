"""Daily exchange rates of the euro, as a central bank publishes them: none on weekends, a day's rate in its afternoon.

Belongs here: the rates. Does not: the file they are written to (`files`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from sandbox.settings import DAY

FIRST_RATES = {"USD": 1.11, "GBP": 0.85, "JPY": 162.0, "KWD": 0.338, "CHF": 0.95}
LEAD_DAYS = 12  # rates from before the first order on
# What the shop itself reckons with where no rate is published.
SHOP_ONLY_RATES = {"CLP": Decimal("1050")}
_PUBLISHED_AT = 15 * 3600


class ExchangeRates:
    """A random walk for each currency: units of it that one euro buys."""

    def __init__(self, seed: int, start: int) -> None:
        self._seed = seed
        self._first = datetime.fromtimestamp(start, UTC).date() - timedelta(days=LEAD_DAYS)
        self._walks: dict[str, list[Decimal]] = {currency: [] for currency in FIRST_RATES}
        self._steps = {
            currency: np.random.default_rng([seed, 5, number]) for number, currency in enumerate(FIRST_RATES)
        }

    def _on(self, currency: str, day: date) -> Decimal:
        walk, offset = self._walks[currency], max(0, (day - self._first).days)
        while len(walk) <= offset:
            last = walk[-1] if walk else Decimal(str(FIRST_RATES[currency]))
            step = Decimal(str(round(1 + float(self._steps[currency].normal(0, 0.003)), 6)))
            walk.append((last * step).quantize(Decimal("0.000001")))
        return walk[offset]

    def published(self, clock: int) -> list[tuple[date, str, Decimal]]:
        """(day, currency, rate) of every day published at the clock."""
        last = datetime.fromtimestamp(clock - _PUBLISHED_AT, UTC).date()
        days = [self._first + timedelta(days=offset) for offset in range((last - self._first).days + 1)]
        return [
            (day, currency, self._on(currency, day)) for day in days if day.weekday() < 5 for currency in FIRST_RATES
        ]

    def shop_rate(self, currency: str, at: int) -> Decimal:
        """Units of the currency that the shop reckons for one euro at an instant."""
        if currency == "EUR":
            return Decimal(1)
        if currency in SHOP_ONLY_RATES:
            return SHOP_ONLY_RATES[currency]
        return self._on(currency, datetime.fromtimestamp(at, UTC).date() - timedelta(days=at % DAY < _PUBLISHED_AT))
