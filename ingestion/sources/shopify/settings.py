"""Settings of the Shopify Admin API source."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from ingestion.config import NOT_STATED, OWN, TIME_LIMIT_MINUTES, Count, Flag
from ingestion.inbox import InboxSettings

SOURCE = "shopify"


def _written(base_url: str) -> str:
    if "{" in base_url:
        raise PydanticCustomError(NOT_STATED, "write the shop's address, like https://my-shop.myshopify.com")
    return base_url


class Settings(InboxSettings):
    """
    Attributes:
        base_url: address of the shop.
        unit_costs: whether what goods cost is read.
        disputes: whether chargebacks are read.
        time_limit_minutes: how long one load may go on.
    """

    source: ClassVar[str] = SOURCE

    base_url: Annotated[str, AfterValidator(_written), OWN]
    access_token: SecretStr
    api_version: str
    unit_costs: Flag
    disputes: Flag
    time_limit_minutes: Count = TIME_LIMIT_MINUTES
