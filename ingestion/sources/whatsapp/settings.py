"""Settings of the WhatsApp source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.inbox import InboxSettings

SOURCE = "whatsapp"


class Settings(InboxSettings):
    """
    Attributes:
        verify_token: what Meta's handshake has to name before it sends webhooks; empty: the receiver accepts none.
    """

    source: ClassVar[str] = SOURCE

    verify_token: SecretStr = SecretStr("")
