from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ingestion import config
from ingestion.config import SettingsError
from ingestion.sources import SOURCE_NAMES


def test_everything_written_lies_under_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "elsewhere"))
    assert config.warehouse_path() == tmp_path / "elsewhere" / "warehouse.duckdb"
    monkeypatch.delenv("LIFECYCLE_DATA_DIR")
    assert config.data_dir() == config.PROJECT_ROOT / "data"


def test_all_sources_are_enabled_unless_some_are_named(monkeypatch):
    assert config.enabled_sources() == SOURCE_NAMES
    monkeypatch.setenv("LIFECYCLE_SOURCES", " shopify ,hubspot,")
    assert config.enabled_sources() == ("hubspot", "shopify")


@pytest.mark.parametrize("value", ["hubspot,hubspott", ","])
def test_an_unknown_source_is_named_with_the_choices(monkeypatch, value):
    monkeypatch.setenv("LIFECYCLE_SOURCES", value)
    with pytest.raises(SettingsError, match="Choose from: files, hubspot"):
        config.enabled_sources()


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


@pytest.mark.parametrize(("text", "expected"), [("true", True), (" False ", False)])
def test_a_flag_is_true_or_false(monkeypatch, text, expected):
    monkeypatch.setenv("SOURCES__SHOPIFY__UNIT_COSTS", text)
    assert config.flag_setting("shopify", "unit_costs") is expected


@pytest.mark.parametrize("text", ["yes", "0", "flase"])
def test_a_flag_that_is_neither_is_named_with_what_to_write(monkeypatch, text):
    monkeypatch.setenv("SOURCES__SHOPIFY__UNIT_COSTS", text)
    with pytest.raises(SettingsError, match=f"SOURCES__SHOPIFY__UNIT_COSTS='{text}': write true or false"):
        config.flag_setting("shopify", "unit_costs")


def test_a_source_setting_comes_from_the_environment(monkeypatch):
    assert config.source_setting("hubspot", "base_url") is None
    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", " http://127.0.0.1:1 ")
    assert config.source_setting("hubspot", "base_url") == "http://127.0.0.1:1"
    monkeypatch.setenv("SOURCES__META_ADS__ACCOUNT_IDS", "0123")
    assert config.source_setting("meta_ads", "account_ids") == "0123"


def test_a_missing_setting_or_secret_names_the_variable_and_the_file():
    with pytest.raises(SettingsError) as raised:
        config.required_setting("shopify", "base_url")
    assert "SOURCES__SHOPIFY__BASE_URL" in str(raised.value)
    assert "[sources.shopify] in .dlt/config.toml" in str(raised.value)
    with pytest.raises(SettingsError) as raised:
        config.secret_setting("shopify", "access_token")
    assert "SOURCES__SHOPIFY__ACCESS_TOKEN" in str(raised.value)
    assert "[sources.shopify] in .dlt/secrets.toml" in str(raised.value)


def test_an_empty_secret_is_a_missing_one(monkeypatch):
    monkeypatch.setenv("SOURCES__SHOPIFY__ACCESS_TOKEN", " ")
    with pytest.raises(SettingsError, match="access_token is missing"):
        config.secret_setting("shopify", "access_token")
    monkeypatch.setenv("SOURCES__SHOPIFY__ACCESS_TOKEN", "t")
    assert config.secret_setting("shopify", "access_token") == "t"


def test_a_day_is_read_or_refused(monkeypatch):
    assert config.date_setting("hubspot", "initial_date") is None
    monkeypatch.setenv("SOURCES__HUBSPOT__INITIAL_DATE", "2025-01-31")
    assert config.date_setting("hubspot", "initial_date") == date(2025, 1, 31)
    monkeypatch.setenv("SOURCES__HUBSPOT__INITIAL_DATE", "31.1.2025")
    with pytest.raises(SettingsError, match="SOURCES__HUBSPOT__INITIAL_DATE='31.1.2025'"):
        config.date_setting("hubspot", "initial_date")
