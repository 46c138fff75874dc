"""Settings of the WhatsApp source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from ingestion.inbox import Inbox, InboxSettings

SOURCE = "whatsapp"


class Settings(InboxSettings):
    """
    Attributes:
        verify_token: what Meta's handshake has to name before it sends webhooks; empty: the receiver accepts none.
    """

    source: ClassVar[str] = SOURCE

    verify_token: SecretStr = SecretStr("")

    @property
    def inbox(self) -> Inbox:
        """The inbox of webhook events, also where it is not there yet: nothing else tells of WhatsApp."""
        return Inbox(self.source, self.place, self.variable("inbox_path"))
