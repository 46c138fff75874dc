"""The time of a load: never past the vendor's clock, and no load by a clock that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import config, pipelines
from ingestion.clock import TOLERANCE, Clock, check_before_loading, http_date
from ingestion.config import SettingsError
from ingestion.http import Client

NOW = datetime(2026, 10, 31, 6, tzinfo=UTC)
BASE = "https://vendor.example/v1"
instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


@pytest.fixture
def clock_says(monkeypatch: pytest.MonkeyPatch):
    """Let the clock of this machine be what counts as now, and say an instant."""
    monkeypatch.delenv("LIFECYCLE_AS_OF")

    def say(moment: datetime) -> None:
        monkeypatch.setattr(config, "machine_time", lambda: moment)

    return say


@given(st.lists(instants | st.none(), max_size=6))
def test_the_present_is_now_or_the_vendors_first_answer_whichever_is_earlier(told):
    clock = Clock()
    for moment in told:
        clock.hear("vendor", None if moment is None else format_datetime(moment, usegmt=True))
    assert clock.present == min([NOW, *filter(None, told)])
    assert clock.is_told == any(told)


@pytest.mark.parametrize("header", [None, "", "soon", "99", "Sat, 31 Foo 2026 06:00:00 GMT", "9" * 5000])
def test_what_is_no_date_says_nothing(header):
    assert http_date(header) is None


@pytest.mark.parametrize("off", [timedelta(days=-366), timedelta(days=-1), timedelta(days=1), timedelta(days=366)])
def test_a_wrong_clock_is_refused_at_the_first_answer_in_words(web, clock_says, off):
    clock_says(NOW + off)
    web.get(f"{BASE}/things", json={}, headers={"Date": format_datetime(NOW, usegmt=True)})
    with pytest.raises(
        SettingsError, match="the clock of this machine is wrong.* vendor says that it is 2026-10-31T06"
    ):
        Client("vendor", BASE, {}).get("/things")


@pytest.mark.parametrize("off", [timedelta(0), -TOLERANCE, TOLERANCE])
def test_a_clock_that_is_a_little_off_will_do_and_the_vendors_counts_where_it_is_earlier(web, clock_says, off):
    clock_says(NOW + off)
    web.get(f"{BASE}/things", json={}, headers={"Date": format_datetime(NOW, usegmt=True)})
    client = Client("vendor", BASE, {})
    client.get("/things")
    assert client.clock.present == min(NOW, NOW + off)


def test_an_instant_that_a_person_set_is_theirs_and_cursors_still_follow_the_vendor(web, monkeypatch):
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2027-10-31T06:00:00Z")
    web.get(f"{BASE}/things", json={}, headers={"Date": format_datetime(NOW, usegmt=True)})
    client = Client("vendor", BASE, {})
    client.get("/things")
    assert client.clock.present == NOW


def test_an_instant_that_the_refresh_fixed_by_the_clock_is_the_clock(monkeypatch, clock_says):
    clock_says(NOW)
    assert config.is_as_of_the_clock()
    for name, value in config.fixed_as_of().items():
        monkeypatch.setenv(name, value)
    clock_says(NOW + timedelta(hours=3))  # the run goes on
    assert config.is_as_of_the_clock() and config.as_of() == NOW
    assert config.fixed_as_of(NOW + timedelta(hours=1)) == config.fixed_as_of()  # a process of the same run
    Clock().hear("vendor", format_datetime(NOW + timedelta(hours=3), usegmt=True))


def test_a_run_that_began_by_a_wrong_clock_is_refused_when_it_was_set_since(monkeypatch, clock_says):
    clock_says(NOW + timedelta(days=1))
    for name, value in config.fixed_as_of().items():
        monkeypatch.setenv(name, value)
    clock_says(NOW)
    with pytest.raises(SettingsError, match="now would be 2026-11-01T06:00:00Z"):
        Clock().hear("vendor", format_datetime(NOW, usegmt=True))


def test_an_instant_of_the_settings_stays_one(monkeypatch):
    for name, value in config.fixed_as_of(NOW + timedelta(days=1)).items():
        monkeypatch.setenv(name, value)
    assert not config.is_as_of_the_clock() and config.as_of() == NOW


@pytest.fixture
def two_vendors(web, monkeypatch) -> responses.RequestsMock:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "files,hubspot,stripe")
    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", "https://one.example")
    monkeypatch.setenv("SOURCES__STRIPE__BASE_URL", "https://two.example")
    return web


def test_before_loading_the_first_vendor_that_answers_tells_the_time(two_vendors, clock_says):
    two_vendors.head("https://one.example", body=requests.ConnectionError("down"))
    two_vendors.head("https://two.example", status=401, headers={"Date": format_datetime(NOW, usegmt=True)})
    clock_says(NOW)
    check_before_loading()
    clock_says(NOW + timedelta(days=1))
    with pytest.raises(SettingsError, match="stripe says that it is 2026-10-31"):
        check_before_loading()


def test_before_loading_nobody_is_asked_about_an_instant_that_a_person_set(two_vendors):
    check_before_loading()
    assert len(two_vendors.calls) == 0


def test_where_no_vendor_answers_nobody_can_tell(two_vendors, clock_says):
    for host in ("one", "two"):
        two_vendors.head(f"https://{host}.example", body=requests.ConnectionError("down"))
    clock_says(NOW + timedelta(days=366))
    check_before_loading()


def test_a_file_is_not_loaded_by_a_clock_that_a_vendor_refutes(two_vendors, clock_says, capsys):
    """Nothing in a file says that it is another day; the load would say that all later ones lie before it."""
    two_vendors.head("https://one.example", headers={"Date": format_datetime(NOW, usegmt=True)})
    clock_says(NOW + timedelta(days=366))
    assert pipelines.main("files") == 1
    assert capsys.readouterr().err.startswith("failed: the clock of this machine is wrong")
    assert not config.warehouse_path().exists()
