"""Settings of the HubSpot source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import TIME_LIMIT_MINUTES, Count, Day, Days, Flag, SourceSettings

SOURCE = "hubspot"


class Settings(SourceSettings):
    """
    Attributes:
        initial_date: objects last modified before it are not loaded; None: all.
        feedback: whether answers to surveys are read.
        whole_read_days: after how many days everything is read again.
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    access_token: SecretStr
    base_url: str
    initial_date: Day = None
    feedback: Flag = True
    whole_read_days: Days
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
