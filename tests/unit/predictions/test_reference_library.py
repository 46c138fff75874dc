"""pymc-marketing, as an independent implementation, finds the same maxima and says the same of customers.

With flat priors its maximum a posteriori is the maximum likelihood. It compiles its models: in Python here, so that no
compiler is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from predictions.histories import Histories
from predictions.purchases import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, PurchaseModel
from predictions.spend import GammaGamma
from tests.unit.predictions.simulating import simulate


@pytest.fixture(scope="module")
def clv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The library's module, with its caches in a folder of this test."""
    folder: Path = tmp_path_factory.mktemp("pytensor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTENSOR_FLAGS", f"cxx=,mode=FAST_COMPILE,base_compiledir={folder}")
        patch.setenv("MPLCONFIGDIR", str(folder))
        from pymc_marketing import clv as library

        yield library


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    future = simulate(
        ModifiedBetaGeoNBD(0.8, 8.0, 0.7, 2.5), np.random.default_rng(1).integers(20, 60, 400).astype(float), 20, seed=1
    )
    seen = future.histories
    rng = np.random.default_rng(2)
    total = rng.gamma(np.maximum(4 * seen.frequency, 1)) / rng.gamma(5, 1 / 40, 400)
    return pd.DataFrame(
        {
            "customer_id": np.arange(400),
            "frequency": seen.frequency,
            "recency": seen.recency,
            "T": seen.age,
            "monetary_value": total / np.maximum(seen.frequency, 1),
        }
    )


def flat(names: tuple[str, ...]) -> dict[str, Any]:
    from pymc_extras.prior import Prior

    return {name: Prior("HalfFlat") for name in names}


def library_fit(model: Any) -> dict[str, float]:
    model.fit(method="map", progressbar=False)
    return {name: float(model.fit_result[name].item()) for name in model.fit_result.data_vars}


@pytest.mark.parametrize("model", [BetaGeoNBD, ModifiedBetaGeoNBD], ids=["bg_nbd", "mbg_nbd"])
def test_the_same_parameters_and_the_same_customers(
    clv: Any, customers: pd.DataFrame, model: type[PurchaseModel]
) -> None:
    library = {"bg_nbd": clv.BetaGeoModel, "mbg_nbd": clv.ModifiedBetaGeoModel}[model.name]
    theirs = library(data=customers, model_config=flat(model.names))
    found = library_fit(theirs)
    seen = Histories.of(customers["frequency"], customers["recency"], customers["T"])
    ours = model.fit(seen)

    assert ours.values == pytest.approx([found[name] for name in model.names], rel=2e-3)
    same = model(*(found[name] for name in model.names))
    for theirs_says, ours_says in (
        (theirs.expected_purchases(future_t=20), same.expected_purchases(seen, 20)),
        (theirs.expected_probability_alive(), same.alive_probability(seen)),
    ):
        assert ours_says == pytest.approx(np.asarray(theirs_says).ravel(), rel=1e-6)


def test_the_same_pareto_nbd_for_given_parameters(clv: Any, customers: pd.DataFrame) -> None:
    """Its Pareto/NBD takes minutes to fit without a compiler: only the likelihood is compared."""
    import pymc as pm
    from pymc_marketing.clv.distributions import ParetoNBD as Library

    ours = ParetoNBD(0.8, 8.0, 1.2, 20.0)
    some = customers.head(40)
    seen = Histories.of(some["frequency"], some["recency"], some["T"])
    theirs = pm.logp(
        Library.dist(*ours.values, T=some["T"].to_numpy()), some[["recency", "frequency"]].to_numpy()
    ).eval()

    assert ours.log_likelihood(seen) == pytest.approx(theirs, rel=1e-8)


def test_the_same_spend(clv: Any, customers: pd.DataFrame) -> None:
    repeaters = customers[customers["frequency"] > 0]
    theirs = clv.GammaGammaModel(data=repeaters, model_config=flat(("p", "q", "v")))
    found = library_fit(theirs)
    x, mean = repeaters["frequency"].to_numpy(), repeaters["monetary_value"].to_numpy()
    ours = GammaGamma.fit(x, mean)

    # The likelihood is flat along a ridge of the three: what they say of customers is what has to agree.
    of_all = ours.expected_amount(np.zeros(1), np.full(1, np.nan))[0]
    assert of_all == pytest.approx(found["p"] * found["v"] / (found["q"] - 1), rel=2e-3)
    same = GammaGamma(found["p"], found["q"], found["v"])
    assert same.expected_amount(x, mean) == pytest.approx(
        np.asarray(theirs.expected_customer_spend(data=repeaters)).ravel(), rel=1e-6
    )
