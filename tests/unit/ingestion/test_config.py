from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar

import pytest
from pydantic import AfterValidator, SecretStr

from ingestion import config
from ingestion.config import Account, Day, Days, Flag, SettingsError, SourceSettings, of_text, texts
from ingestion.sources import SOURCE_NAMES, shopify


def test_everything_written_lies_under_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "elsewhere"))
    assert config.warehouse_path() == tmp_path / "elsewhere" / "warehouse.duckdb"
    monkeypatch.delenv("LIFECYCLE_DATA_DIR")
    assert config.data_dir() == config.PROJECT_ROOT / "data"


def test_all_sources_are_enabled_unless_some_are_named(monkeypatch):
    assert config.enabled_accounts() == tuple(Account(name) for name in SOURCE_NAMES)
    monkeypatch.setenv("LIFECYCLE_SOURCES", " shopify ,hubspot,")
    assert config.enabled_accounts() == (Account("hubspot"), Account("shopify"))
    assert config.accounts_of("stripe") == ()


def test_an_account_of_a_source_has_a_short_name(monkeypatch):
    monkeypatch.setenv("LIFECYCLE_SOURCES", "shopify.outlet,stripe,shopify,shopify.outlet")

    assert [str(account) for account in config.enabled_accounts()] == ["shopify", "shopify.outlet", "stripe"]
    assert config.accounts_of("shopify") == (Account("shopify"), Account("shopify", "outlet"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("hubspot,hubspott", "hubspott is not a source. Choose from: files, hubspot"),
        (",", "Choose from: files, hubspot"),
        ("shop.outlet", "shop.outlet is not a source"),
        ("shopify.Outlet", "shopify.Outlet does not name an account: write shopify. and up to 30 lower-case letters"),
        ("shopify.", "shopify. does not name an account"),
        ("files.second", "files has no accounts: write files"),
    ],
)
def test_what_is_no_source_or_account_is_refused_with_the_choices(monkeypatch, value, reason):
    monkeypatch.setenv("LIFECYCLE_SOURCES", value)
    with pytest.raises(SettingsError, match=re.escape(reason)):
        config.enabled_accounts()


def test_an_account_has_its_own_secrets_and_address_and_the_settings_of_its_source(monkeypatch):
    stated = {"BASE_URL": "https://first.example", "ACCESS_TOKEN": "first", "API_VERSION": "2026-07"}
    for name, value in {**stated, "UNIT_COSTS": "false", "DISPUTES": "true"}.items():
        monkeypatch.setenv(f"SOURCES__SHOPIFY__{name}", value)
    monkeypatch.setenv("SOURCES__SHOPIFY__OUTLET__BASE_URL", "https://outlet.example")
    with pytest.raises(SettingsError, match=r"outlet: the secret access_token is missing.*SHOPIFY__OUTLET__ACCESS"):
        shopify.Settings.of("outlet")
    monkeypatch.setenv("SOURCES__SHOPIFY__OUTLET__ACCESS_TOKEN", "second")

    outlet = shopify.Settings.of("outlet")

    assert (outlet.base_url, outlet.access_token.get_secret_value()) == ("https://outlet.example", "second")
    assert outlet.unit_costs is False
    assert shopify.Settings.of("").base_url == "https://first.example"
    monkeypatch.delenv("SOURCES__SHOPIFY__OUTLET__BASE_URL")
    with pytest.raises(SettingsError, match=r"shopify\.outlet: the setting base_url is missing"):
        shopify.Settings.of("outlet")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-31T06:00:00Z", datetime(2026, 10, 31, 6, tzinfo=UTC)),
        ("2026-10-31T06:00:00+02:00", datetime(2026, 10, 31, 4, tzinfo=UTC)),
        ("2026-10-31", datetime(2026, 10, 31, tzinfo=UTC)),
    ],
)
def test_now_is_a_setting(monkeypatch, text, expected):
    monkeypatch.setenv("LIFECYCLE_AS_OF", text)
    assert config.as_of() == expected


def test_now_is_the_clock_where_nothing_is_set(monkeypatch):
    monkeypatch.setenv("LIFECYCLE_AS_OF", "")
    before = datetime.now(UTC)
    assert before <= config.as_of() <= datetime.now(UTC)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "tomorrow")
    with pytest.raises(SettingsError, match="LIFECYCLE_AS_OF='tomorrow'"):
        config.as_of()


def _whole(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < 5:
        raise ValueError("write the whole token")
    return token


class ShopSettings(SourceSettings):
    source: ClassVar[str] = "shop"

    base_url: str
    token: Annotated[SecretStr, AfterValidator(_whole)]
    account_ids: Annotated[tuple[str, ...], of_text(texts)] = ()
    costs: Flag = False
    initial_date: Day = None
    days: Days = 7


@pytest.fixture
def shop(monkeypatch):
    monkeypatch.setenv("SOURCES__SHOP__BASE_URL", " http://127.0.0.1:1 ")
    monkeypatch.setenv("SOURCES__SHOP__TOKEN", "the-token")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("base_url", " http://127.0.0.1:2 ", "http://127.0.0.1:2"),
        ("account_ids", "0123", ("0123",)),
        ("account_ids", "1, 2,", ("1", "2")),
        ("costs", "true", True),
        ("costs", " False ", False),
        ("costs", "", False),
        ("initial_date", "2025-01-31", date(2025, 1, 31)),
        ("initial_date", " ", None),
        ("days", "30", 30),
    ],
)
def test_a_setting_of_a_source_is_read_as_what_it_is(shop, monkeypatch, name, text, expected):
    monkeypatch.setenv(f"SOURCES__SHOP__{name.upper()}", text)
    assert getattr(ShopSettings.read(), name) == expected


@pytest.mark.parametrize(
    ("name", "text", "instead"),
    [
        *(("COSTS", text, "write true or false") for text in ("yes", "0", "flase")),
        ("INITIAL_DATE", "31.1.2025", "no date. Write it like 2025-01-31"),
        *(("DAYS", text, "write whole days, 1 or more") for text in ("0", "-1", "1.5", "a week")),
    ],
)
def test_one_that_cannot_work_is_named_with_its_value_and_what_to_write(shop, monkeypatch, name, text, instead):
    monkeypatch.setenv(f"SOURCES__SHOP__{name}", text)
    with pytest.raises(SettingsError) as raised:
        ShopSettings.read()
    assert str(raised.value) == f"SOURCES__SHOP__{name}={text!r}: {instead}."


def test_a_missing_setting_or_secret_names_the_variable_and_the_file(shop, monkeypatch):
    monkeypatch.setenv("SOURCES__SHOP__TOKEN", " ")
    with pytest.raises(SettingsError) as raised:
        ShopSettings.read()
    assert str(raised.value) == (
        "shop: the secret token is missing. Set the environment variable SOURCES__SHOP__TOKEN, "
        "or token under [sources.shop] in .dlt/secrets.toml."
    )
    monkeypatch.delenv("SOURCES__SHOP__BASE_URL")
    with pytest.raises(SettingsError) as raised:
        ShopSettings.read()
    assert str(raised.value) == (
        "shop: the setting base_url is missing. Set the environment variable SOURCES__SHOP__BASE_URL, "
        "or base_url under [sources.shop] in .dlt/config.toml."
    )


def test_a_secret_is_in_no_message_and_no_print_of_the_settings(shop, monkeypatch):
    assert ShopSettings.read().token.get_secret_value() == "the-token"
    assert "the-token" not in repr(ShopSettings.read())
    monkeypatch.setenv("SOURCES__SHOP__TOKEN", "abcd")
    with pytest.raises(SettingsError) as raised:
        ShopSettings.read()
    assert str(raised.value) == "SOURCES__SHOP__TOKEN: write the whole token."
    assert raised.value.__suppress_context__
