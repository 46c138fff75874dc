"""Settings of the webhook receiver."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ingestion.config import Count, Settings, Write, of_text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


Port = Annotated[int, Field(ge=1, le=65535), of_text(_port), Write("write the number of a port, 1 to 65535")]


class ReceiverSettings(Settings):
    """
    Attributes:
        host: address that it listens on.
        port: of that address.
        body_limit_megabytes: size of a body beyond which it is refused.
        events_per_second: genuine events of one account, on average, beyond which the vendor has to wait.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_RECEIVER_")

    host: str = "127.0.0.1"
    port: Port = 8300
    body_limit_megabytes: Count = 5
    events_per_second: Count = 2000
