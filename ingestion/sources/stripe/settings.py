"""Settings of the Stripe source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import SourceSettings

SOURCE = "stripe"


class Settings(SourceSettings):
    """
    Attributes:
        api_version: the version whose shapes the row models know.
    """

    source: ClassVar[str] = SOURCE

    api_key: SecretStr
    api_version: str
    base_url: str
