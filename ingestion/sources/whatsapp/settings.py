"""Settings of the WhatsApp source."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ingestion import config
from ingestion.config import OWN, SourceSettings
from ingestion.inbox import Inbox

SOURCE = "whatsapp"


class Settings(SourceSettings):
    """
    Attributes:
        inbox_path: folder of webhook events; None: that of the account below `inbox/` in the data folder.
    """

    source: ClassVar[str] = SOURCE

    inbox_path: Annotated[str | None, OWN] = None

    @property
    def inbox(self) -> Inbox:
        """The inbox of webhook events."""
        path = self.inbox_path or str(config.data_dir() / "inbox" / self.source)
        return Inbox(SOURCE, path, self.variable("inbox_path"))
