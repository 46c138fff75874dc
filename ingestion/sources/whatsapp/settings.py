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
        inbox_path: folder of webhook events; None: the one that the receiver writes, where it is there.
    """

    source: ClassVar[str] = SOURCE

    inbox_path: Annotated[str | None, OWN] = None

    @property
    def inbox(self) -> Inbox | None:
        """The inbox of webhook events; None: there is none yet."""
        place = config.data_dir() / "inbox" / self.source
        if self.inbox_path is None and not place.is_dir():
            return None
        return Inbox(SOURCE, self.inbox_path or str(place), self.variable("inbox_path"))
