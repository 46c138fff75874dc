"""Settings of the Meta Marketing API source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ingestion import config
from ingestion.config import SettingsError

SOURCE = "meta_ads"


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        account_ids: ad accounts, digits without "act_".
        insights_window_days: how many days back from the last one loaded are read again.
        initial_date: first day of insights; None: as far back as the platform keeps them.
    """

    base_url: str
    api_version: str
    access_token: str
    account_ids: tuple[str, ...]
    insights_window_days: int
    initial_date: date | None


def load() -> Settings:
    """Raises SettingsError, naming the setting that is missing or cannot work."""
    accounts = tuple(
        account.strip().removeprefix("act_") for account in config.required_setting(SOURCE, "account_ids").split(",")
    )
    if not all(account.isdigit() for account in accounts):
        raise SettingsError(
            f"{config.variable_name(SOURCE, 'account_ids')}={','.join(accounts)!r}: an ad account id is digits only. "
            "Separate several by commas."
        )
    window = config.required_setting(SOURCE, "insights_window_days")
    if not window.isdigit() or int(window) < 1:
        raise SettingsError(
            f"{config.variable_name(SOURCE, 'insights_window_days')}={window!r}: write whole days, 1 or more."
        )
    return Settings(
        base_url=config.required_setting(SOURCE, "base_url"),
        api_version=config.required_setting(SOURCE, "api_version"),
        access_token=config.secret_setting(SOURCE, "access_token"),
        account_ids=accounts,
        insights_window_days=int(window),
        initial_date=config.date_setting(SOURCE, "initial_date"),
    )
