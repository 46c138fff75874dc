"""Settings of the loyalty app's source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import TIME_LIMIT_MINUTES, Count, SourceSettings

SOURCE = "loyalty_app"


class Settings(SourceSettings):
    source: ClassVar[str] = SOURCE

    base_url: str
    access_token: SecretStr
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
