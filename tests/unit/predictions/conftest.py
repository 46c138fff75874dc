"""Published data that the tests of several models refit."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from predictions.histories import Histories, summarize

ROOT = Path(__file__).resolve().parents[3]
CDNOW = Path(os.environ.get("CDNOW_SAMPLE") or ROOT.parent / "shared" / "data" / "cdnow_sample.csv")
CALIBRATED_UNTIL = pd.Timestamp("1997-10-01")


@pytest.fixture(scope="session")
def cdnow_purchases() -> pd.DataFrame:
    """The 1/10 sample of CDNOW that Fader, Hardie & Lee published, as purchases."""
    if not CDNOW.is_file():
        pytest.skip(f"no CDNOW sample at {CDNOW}: set CDNOW_SAMPLE to cdnow_sample.csv to run this")
    rows = pd.read_csv(CDNOW, dtype=str)
    return pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "purchased_on": pd.to_datetime(rows["date"], format="%Y%m%d"),
            "amount": rows["dollar_value"].astype(float),
        }
    )


@pytest.fixture(scope="session")
def cdnow_customers(cdnow_purchases: pd.DataFrame) -> pd.DataFrame:
    """Their histories of the calibration period, in days."""
    return summarize(cdnow_purchases, CALIBRATED_UNTIL)


@pytest.fixture(scope="session")
def cdnow_weeks(cdnow_customers: pd.DataFrame) -> Histories:
    """The same in weeks, the unit of the papers."""
    return Histories.of(
        cdnow_customers["frequency"], cdnow_customers["recency_days"] / 7, cdnow_customers["age_days"] / 7
    )
