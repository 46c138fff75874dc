from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.clock import TOLERANCE, Clock
from ingestion.watermark import Watermark, instant

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T13:00:00+0100",
        "2026-01-01T12:00:00",
        NOON.timestamp(),
        int(NOON.timestamp() * 1000),
    ],
)
def test_instants_of_every_vendor_are_read(value):
    assert instant(value) == NOON


@pytest.mark.parametrize("value", [None, "", "soon", True, {}, float("nan"), 1e300])
def test_what_is_no_instant_is_none(value):
    assert instant(value) is None


@given(st.none() | instants, st.lists(instants | st.just("soon")))
def test_it_is_the_latest_instant_not_after_now_and_never_goes_back(stored, seen):
    now = datetime(2026, 10, 31, 6, tzinfo=UTC)
    mark = Watermark(stored.isoformat() if stored else None)
    for value in seen:
        mark.see(value.isoformat() if isinstance(value, datetime) else value)
    believed = [stored] if stored and stored <= now + TOLERANCE else []  # a wrong clock wrote any other
    possible = [value for value in seen if isinstance(value, datetime) and value <= now] + believed
    assert mark.at == max(possible, default=None)
    assert Watermark(mark.stored).at == mark.at


def test_a_record_from_the_far_future_does_not_hide_what_comes_after_it():
    mark = Watermark()
    mark.see(NOON.isoformat())
    mark.see("9999-12-31T00:00:00Z")
    mark.see((NOON + timedelta(days=1)).isoformat())
    assert mark.at == NOON + timedelta(days=1)


@given(st.lists(instants, max_size=5), instants)
def test_it_never_passes_the_clock_of_the_vendor(seen, told):
    clock = Clock()
    clock.hear("vendor", format_datetime(told))
    mark = Watermark(clock=clock)
    for value in seen:
        mark.see(value.isoformat())
    limit = min(told.replace(microsecond=0), datetime(2026, 10, 31, 6, tzinfo=UTC))
    assert mark.at == max((value for value in seen if value <= limit), default=None)
