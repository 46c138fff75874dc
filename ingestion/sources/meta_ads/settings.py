"""Settings of the Meta Marketing API source."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import SecretStr

from ingestion.config import OWN, TIME_LIMIT_MINUTES, Count, Day, Days, SourceSettings, Write, of_text, texts
from ingestion.sources.meta_ads.models import WINDOWS

SOURCE = "meta_ads"


def _account_ids(text: str) -> tuple[str, ...]:
    accounts = tuple(account.removeprefix("act_") for account in texts(text))
    if not all(account.isdigit() for account in accounts):
        raise ValueError(text)
    return accounts


def _windows(text: str) -> tuple[str, ...]:
    windows = texts(text)
    if not {*windows} <= {*WINDOWS}:
        raise ValueError(text)
    return tuple(dict.fromkeys(windows))


class Settings(SourceSettings):
    """
    Attributes:
        account_ids: ad accounts, digits without "act_".
        insights_window_days: how many days back from the last one loaded are read again.
        initial_date: first day of insights; None: as far back as the platform keeps them.
        attribution_windows: windows in which claims are asked for, beside the one that the ad set is judged by.
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    base_url: str
    api_version: str
    access_token: SecretStr
    account_ids: Annotated[
        tuple[str, ...],
        of_text(_account_ids),
        Write("an ad account id is digits only. Separate several by commas"),
        OWN,
    ]
    insights_window_days: Days
    initial_date: Day = None
    attribution_windows: Annotated[
        tuple[str, ...],
        of_text(_windows),
        Write(f"a window is one of {', '.join(WINDOWS)}. Separate several by commas"),
    ] = ("7d_click", "1d_view")
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
