"""What is late is said once, and once more when it is over: by the clock of the machine, from what is published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import SkipReason, build_sensor_context
from hypothesis import given
from hypothesis import strategies as st

from dagster_project import alerts
from dagster_project.defs.alerts import late_sources
from dagster_project.defs.alerts.late_sources import MARTS
from ingestion import config
from serving.publish import Publication, Source

NIGHT = datetime(2026, 10, 31, 2, tzinfo=UTC)


def published(*states: Source, at: datetime = NIGHT) -> Publication:
    # its data is of another time, as in the sandbox
    return Publication("lifecycle-1", Path("none"), at, datetime(2020, 1, 1, tzinfo=UTC), (), {}, states)


def loaded(name: str, at: datetime = NIGHT, reason: str | None = None) -> Source:
    return Source(name, at, datetime(2020, 1, 1, tzinfo=UTC), reason)


class Ticks:
    """The sensor, hour by hour: what is published and what time it is, and the alerts that went out."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.sent: list[tuple[str, bool]] = []
        self.cursor: str | None = None
        patch.setattr(alerts, "send", self._send)

    def _send(self, title: str, lines: list[str], *, is_good: bool) -> list[str]:
        assert lines
        self.sent.append((title, is_good))
        return []

    def tick(self, publication: Publication | None, now: datetime) -> str:
        self.patch.setattr(late_sources, "latest_readable", lambda folder: publication)
        self.patch.setattr(config, "machine_time", lambda: now)
        (sensor,) = late_sources.defs().sensors or []
        with build_sensor_context(cursor=self.cursor) as context:
            said = sensor(context)
            self.cursor = context.cursor
        assert isinstance(said, SkipReason)
        return str(said.skip_message)


@pytest.fixture
def ticks(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    return Ticks(monkeypatch)


def hours(number: float) -> datetime:
    return NIGHT + timedelta(hours=number)


def test_marts_that_nobody_refreshes_are_told_once_and_so_is_their_return(ticks: Ticks) -> None:
    of_night = published(loaded("shopify"), loaded("stripe"))
    for hour in (1, 29, 30):
        ticks.tick(of_night, hours(hour))
    assert ticks.sent == []
    for hour in (31, 32, 33):
        assert "last published at 2026-10-31 02:00 UTC" in ticks.tick(of_night, hours(hour))
    assert ticks.sent == [(f"no news for 30 hours: {MARTS}", False)]
    ticks.tick(published(loaded("shopify", hours(34)), loaded("stripe", hours(34)), at=hours(34)), hours(35))
    assert ticks.sent[1:] == [(f"news again: {MARTS}", True)]


def test_a_source_without_news_is_told_though_the_marts_are_published_without_it(ticks: Ticks) -> None:
    down = loaded("hubspot", reason="the vendor failed, status 500")
    for night in (1, 2, 3):
        at = hours(24 * night)
        said = ticks.tick(published(down, loaded("shopify", at), at=at), at + timedelta(hours=1))
    assert said == "hubspot was last loaded at 2026-10-31 02:00 UTC (the vendor failed, status 500)."
    assert ticks.sent == [("no news for 30 hours: hubspot", False)]
    ticks.tick(published(loaded("hubspot", at), loaded("shopify", at), at=at), at + timedelta(hours=1))
    assert ticks.sent[1:] == [("news again: hubspot", True)]


def test_of_marts_that_are_late_only_the_source_that_was_lacking_before_is_named_beside_them(ticks: Ticks) -> None:
    ticks.tick(published(loaded("hubspot", reason="down"), loaded("shopify")), hours(40))

    assert ticks.sent == [(f"no news for 30 hours: {MARTS}, hubspot", False)]


def test_a_source_that_was_never_loaded_has_no_news(ticks: Ticks) -> None:
    ticks.tick(published(Source("stripe", reason="access denied, status 401"), loaded("shopify")), hours(1))

    assert ticks.sent == [("no news for 30 hours: stripe", False)]


def test_before_the_first_publication_nothing_is_late(ticks: Ticks) -> None:
    assert ticks.tick(None, hours(1000)) == "Nothing is published yet."
    assert ticks.sent == []


def test_the_hours_are_those_of_the_setting_and_the_sandbox_says_what_it_is(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_ALERT_LATE_AFTER_HOURS", "5")
    monkeypatch.setenv("LIFECYCLE_PROFILE", "sandbox")
    ticks.tick(published(loaded("shopify")), hours(6))

    assert ticks.sent == [(f"Sandbox: no news for 5 hours: {MARTS}", False)]


AGES = st.tuples(st.integers(0, 80), st.tuples(*[st.tuples(st.integers(0, 80), st.booleans())] * 2))


@given(nights=st.lists(AGES, max_size=12))
def test_each_trouble_is_told_once_and_ends_once(nights: list[tuple[int, tuple[tuple[int, bool], ...]]]) -> None:
    """Whatever is late when: good and bad news of a name take turns, and the last one says how it is."""
    names = ("hubspot", "stripe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_PROFILE", "production")
        ticks = Ticks(patch)
        late: set[str] = set()
        for age, sources in nights:
            now = hours(1000)
            states = [
                loaded(name, now - timedelta(hours=since), "down" if is_stale else None)
                for name, (since, is_stale) in zip(names, sources, strict=True)
            ]
            ticks.tick(published(*states, at=now - timedelta(hours=age)), now)
            late = {MARTS} if age > 30 else set()
            late |= {
                name
                for name, (since, is_stale) in zip(names, sources, strict=True)
                if since > 30 and (is_stale or age <= 30)
            }
        for name in (MARTS, *names):
            told = [is_good for title, is_good in ticks.sent if name in title.partition(": ")[2].split(", ")]
            assert told == [number % 2 == 1 for number in range(len(told))]
            assert (len(told) % 2 == 1) == (name in late)
