"""Settings of the Stripe source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import TIME_LIMIT_MINUTES, Count
from ingestion.inbox import InboxSettings

SOURCE = "stripe"


class Settings(InboxSettings):
    """
    Attributes:
        api_version: the version whose shapes the row models know.
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    api_key: SecretStr
    api_version: str
    base_url: str
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
