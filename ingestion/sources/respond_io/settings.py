"""Settings of the respond.io source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.config import SourceSettings

SOURCE = "respond_io"


class Settings(SourceSettings):
    """
    Attributes:
        inbox_path: folder of webhook events; None: there is none.
    """

    source: ClassVar[str] = SOURCE

    access_token: SecretStr
    base_url: str
    inbox_path: str | None = None
