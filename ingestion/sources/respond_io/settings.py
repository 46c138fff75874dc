"""Settings of the respond.io source."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import SecretStr

from ingestion.config import OWN, TIME_LIMIT_MINUTES, Count, SourceSettings
from ingestion.inbox import Inbox

SOURCE = "respond_io"


class Settings(SourceSettings):
    """
    Attributes:
        inbox_path: folder of webhook events; None: there is none.
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    access_token: SecretStr
    base_url: str
    inbox_path: Annotated[str | None, OWN] = None
    time_limit_minutes: Count = TIME_LIMIT_MINUTES

    @property
    def inbox(self) -> Inbox | None:
        """The inbox of webhook events; None: there is none."""
        return Inbox(SOURCE, self.inbox_path, self.variable("inbox_path")) if self.inbox_path else None
