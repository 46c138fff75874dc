"""Value of a million customers, beside a plain use of pymc-marketing on the same customers.

Customers are drawn from MBG/NBD and Gamma-Gamma. Both ways fit the two models and score everyone over a year: ours with
intervals, the library with point estimates (MAP, flat priors), which is what a first script with it does.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from predictions.histories import Histories
from predictions.purchases import ModifiedBetaGeoNBD
from predictions.spend import GammaGamma
from predictions.value import score
from tests.benchmarks.measuring import Usage, run, say, table
from tests.unit.predictions.simulating import simulate

HORIZON_DAYS = 365


def draw(customers: int) -> pd.DataFrame:
    """One row a customer: frequency, recency_days, age_days and repeat_amount (null without a repeat purchase)."""
    chance = np.random.default_rng(20261031)
    ages = chance.integers(30, 1000, customers).astype(float)
    histories = simulate(ModifiedBetaGeoNBD(0.6, 60, 0.7, 2.0), ages, 90, 1).histories
    frequency = histories.frequency
    spent = chance.gamma(np.maximum(4 * frequency, 1)) / chance.gamma(5, 1 / 40, customers)
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency_days": np.where(frequency > 0, np.maximum(1, np.floor(histories.recency)), 0),
            "age_days": ages,
            "repeat_amount": np.where(frequency > 0, spent / np.maximum(frequency, 1), np.nan),
        }
    )


def ours(customers: pd.DataFrame) -> float:
    """Expected purchases of all, by this project."""
    histories = Histories.of(customers["frequency"], customers["recency_days"], customers["age_days"])
    model = ModifiedBetaGeoNBD.fit(histories)
    spend = GammaGamma.fit(histories.frequency, customers["repeat_amount"].to_numpy())
    return float(score(model, spend, customers, horizon_days=HORIZON_DAYS)["expected_purchases"].sum())


def library(customers: pd.DataFrame) -> float:
    """Expected purchases of all, by pymc-marketing."""
    from pymc_extras.prior import Prior
    from pymc_marketing import clv

    data = pd.DataFrame(
        {
            "customer_id": np.arange(len(customers)),
            "frequency": customers["frequency"],
            "recency": customers["recency_days"],
            "T": customers["age_days"],
            "monetary_value": customers["repeat_amount"],
        }
    )
    flat = Prior("HalfFlat")
    model = clv.ModifiedBetaGeoModel(data=data, model_config=dict.fromkeys(("a", "b", "alpha", "r"), flat))
    model.fit(method="map", progressbar=False)
    repeaters = data[data["frequency"] > 0]
    spend = clv.GammaGammaModel(data=repeaters, model_config=dict.fromkeys(("p", "q", "v"), flat))
    spend.fit(method="map", progressbar=False)
    model.expected_probability_alive()
    spend.expected_customer_spend(data=repeaters)
    return float(model.expected_purchases(future_t=HORIZON_DAYS).sum())


def report(folder: Path, customers: int) -> str:
    """Run the benchmark; Markdown with the ratio."""
    found: dict[str, tuple[Usage, float]] = {}
    for way in ("library", "ours"):
        say(f"Value of {customers:,} customers: {way} …")
        log = folder / f"value_{way}.log"
        usage = run([sys.executable, "-W", "ignore", "-m", "tests.benchmarks.predictions", way, str(customers)], log)
        seconds, purchases = map(float, log.read_text(encoding="utf-8").split()[-2:])
        found[way] = Usage(seconds, usage.cpu_seconds, usage.peak_bytes), purchases
    floor = found["library"][0]

    def row(name: str, way: str) -> list[str]:
        usage, purchases = found[way]
        return [
            name,
            f"{usage.seconds:.1f}",
            f"{usage.seconds / floor.seconds:.2f}",
            f"{usage.peak_bytes / 1e9:.1f}",
            f"{purchases:,.0f}",
        ]

    return "\n".join(
        [
            f"## Predicted value: {customers:,} customers, MBG/NBD and Gamma-Gamma, fit and score",
            "",
            table(
                ["run", "seconds", "times the library", "peak memory, GB", "purchases expected in a year"],
                [row("pymc-marketing, points (floor)", "library"), row("predictions/, with intervals", "ours")],
            ),
        ]
    )


if __name__ == "__main__":
    way, count = sys.argv[1:]
    drawn = draw(int(count))
    started = time.perf_counter()
    purchases = {"ours": ours, "library": library}[way](drawn)
    print(time.perf_counter() - started, purchases)
