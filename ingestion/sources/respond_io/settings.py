"""Settings of the respond.io source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import TIME_LIMIT_MINUTES, Count
from ingestion.inbox import InboxSettings

SOURCE = "respond_io"


class Settings(InboxSettings):
    """
    Attributes:
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    access_token: SecretStr
    base_url: str
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
