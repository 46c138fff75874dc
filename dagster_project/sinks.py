"""Settings of the sinks, and the sinks that follow from them.

Belongs here: what an installation states of each. Does not: what a sink does with it (`activation/sinks/`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from activation.http import Http
from activation.sinks.base import Sink
from activation.sinks.google_ads import GoogleAds, GoogleAdsAccount
from activation.sinks.hubspot import HubSpot, HubSpotProperties
from activation.sinks.meta import Meta, MetaAccount
from activation.sinks.respond_io import RespondIo
from activation.sinks.tiktok import TikTok, TikTokAccount
from ingestion.config import Settings, SettingsError, SourceSettings, Write, of_text, texts

SINKS = ("google_ads", "hubspot", "meta", "respond_io", "tiktok")


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in SINKS:
            raise ValueError(f"{name} is not a sink. Choose from: {', '.join(SINKS)}")
    return tuple(dict.fromkeys(names))


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for part in texts(text):
        name, colon, action = part.partition(":")
        if not colon or not re.fullmatch(r"\d+", action.strip()):
            raise ValueError(part)
        found[name.strip()] = action.strip()
    return found


def _digits(text: str) -> str:
    digits = text.replace("-", "")
    if not digits.isdigit():
        raise ValueError(text)
    return digits


Digits = Annotated[str, AfterValidator(_digits), Write("write the digits of the account, such as 123-456-7890")]


class ActivationSettings(Settings):
    """
    Attributes:
        sinks: who is told what happened; the others are shown what they would be told.
    """

    model_config = SettingsConfigDict(env_prefix="ACTIVATION_")

    sinks: Annotated[tuple[str, ...], of_text(texts), AfterValidator(_known)] = ()


class SinkSettings(SourceSettings):
    """Settings of one sink: `ACTIVATION__<SINK>__<FIELD>`, or its section `[activation.<sink>]` in `.dlt/`."""

    section: ClassVar[str] = "activation"


class MetaSettings(SinkSettings):
    """As `MetaAccount`, and the token of a system user that may send to the dataset."""

    source: ClassVar[str] = "meta"

    dataset_id: str
    access_token: SecretStr
    base_url: str
    api_version: str
    whatsapp_business_account_id: str = ""
    lead_event_source: str = ""
    test_event_code: str = ""


class TikTokSettings(SinkSettings):
    """As `TikTokAccount`, and the token that Events Manager makes for the source."""

    source: ClassVar[str] = "tiktok"

    event_source: Annotated[str, Write("choose one of web, offline, crm")] = "web"
    event_source_id: str
    access_token: SecretStr
    base_url: str
    test_event_code: str = ""


class GoogleAdsSettings(SinkSettings):
    """As `GoogleAdsAccount`; `token_url` is the server that exchanges the refresh token."""

    source: ClassVar[str] = "google_ads"

    customer_id: Digits
    login_customer_id: str = ""
    conversion_actions: Annotated[
        dict[str, str],
        of_text(_pairs),
        Write("write the id of the conversion action of each event, like purchase:123,lead:456"),
    ]
    developer_token: SecretStr
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    base_url: str
    token_url: str
    api_version: str


class HubSpotSettings(SinkSettings):
    """As `HubSpotProperties`, and the token of a private app with the scope crm.objects.contacts.write."""

    source: ClassVar[str] = "hubspot"

    access_token: SecretStr
    base_url: str
    stage_property: str = "lifecyclestage"
    lifetime_value_property: str = ""
    churn_band_property: str = ""


class RespondIoSettings(SinkSettings):
    """A workspace's Developer API token."""

    source: ClassVar[str] = "respond_io"

    access_token: SecretStr
    base_url: str


def _meta() -> Sink:
    found = MetaSettings.read()
    account = MetaAccount(
        found.dataset_id,
        found.api_version,
        found.whatsapp_business_account_id,
        found.lead_event_source,
        found.test_event_code,
    )
    return Meta(_bearer(found.base_url, found.access_token), account)


def _tiktok() -> Sink:
    found = TikTokSettings.read()
    http = Http(found.base_url, {"Access-Token": found.access_token.get_secret_value()})
    return TikTok(http, TikTokAccount(found.event_source, found.event_source_id, found.test_event_code))


def _google_ads() -> Sink:
    found = GoogleAdsSettings.read()
    account = GoogleAdsAccount(
        customer_id=found.customer_id,
        api_version=found.api_version,
        client_id=found.client_id,
        client_secret=found.client_secret.get_secret_value(),
        refresh_token=found.refresh_token.get_secret_value(),
        developer_token=found.developer_token.get_secret_value(),
        login_customer_id=found.login_customer_id.replace("-", ""),
        conversion_actions=found.conversion_actions,
    )
    return GoogleAds(Http(found.base_url, {}), Http(found.token_url, {}), account)


def _hubspot() -> Sink:
    found = HubSpotSettings.read()
    properties = HubSpotProperties(found.stage_property, found.lifetime_value_property, found.churn_band_property)
    return HubSpot(_bearer(found.base_url, found.access_token), properties)


def _respond_io() -> Sink:
    found = RespondIoSettings.read()
    return RespondIo(_bearer(found.base_url, found.access_token))


def _bearer(base_url: str, token: SecretStr) -> Http:
    return Http(base_url, {"Authorization": f"Bearer {token.get_secret_value()}"})


BUILT = {
    "google_ads": _google_ads,
    "hubspot": _hubspot,
    "meta": _meta,
    "respond_io": _respond_io,
    "tiktok": _tiktok,
}


def of_settings() -> Mapping[str, Sink | SettingsError]:
    """Each sink, or what of its settings is missing or cannot work."""
    found: dict[str, Sink | SettingsError] = {}
    for name in SINKS:
        try:
            found[name] = BUILT[name]()
        except SettingsError as error:
            found[name] = error
    return found
