"""Business hours: compiled SQL equals interval arithmetic with zoneinfo; a setting that means nothing is refused."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.unit.dbt_project.compiling import PROJECT, compiled, dbt_environment, invoke

FIRST_DAY, LAST_DAY = date(2026, 1, 1), date(2026, 12, 31)
MODEL = PROJECT / "models" / "intermediate" / "business_hours" / "int_business_hours__accumulated.sql"
OFFICE = {day: ["09:00-12:30", "13:30-18:00"] for day in ("monday", "tuesday", "wednesday", "thursday")}
SETTINGS: dict[str, dict[str, Any]] = {
    "office in Paris": {
        "time_zone": "Europe/Paris",
        "weekly": {**OFFICE, "friday": ["09:00-16:00"]},
        "holidays": ["2026-05-01", "2026-12-25"],
    },
    "weekend in Paris, when clocks change": {
        "time_zone": "Europe/Paris",
        "weekly": {"saturday": ["20:00-24:00"], "sunday": ["00:00-01:30", "04:00-24:00"]},
    },
    "always open in New York": {
        "time_zone": "America/New_York",
        "weekly": {day: ["00:00-24:00"] for day in (*OFFICE, "friday", "saturday", "sunday")},
    },
    "evenings in Kolkata": {"time_zone": "Asia/Kolkata", "weekly": {"tuesday": ["00:00-02:00", "19:15-24:00"]}},
    "mornings in Auckland": {"time_zone": "Pacific/Auckland", "weekly": OFFICE},
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("business_hours")
    with dbt_environment(path):
        yield path


def openings(setting: Mapping[str, Any]) -> list[tuple[datetime, datetime]]:
    """Every opening as UTC instants, by plain interval arithmetic."""
    zone, found = ZoneInfo(setting["time_zone"]), []
    for number in range((LAST_DAY - FIRST_DAY).days + 2):
        day = FIRST_DAY + timedelta(days=number)
        if day.isoformat() in setting.get("holidays", []):
            continue
        for text in setting["weekly"].get(WEEKDAYS[day.weekday()], []):
            opens, closes = text.split("-")
            end = day + timedelta(days=closes == "24:00")
            bounds = (day, opens), (end, closes.replace("24:", "00:"))
            low, high = (datetime.combine(on, time.fromisoformat(at), zone).astimezone(UTC) for on, at in bounds)
            found.append((low, high))
    return found


def business_seconds(opened: list[tuple[datetime, datetime]], since: datetime, until: datetime) -> float:
    overlaps = (min(until, high) - max(since, low) for low, high in opened)
    return sum(max(overlap.total_seconds(), 0) for overlap in overlaps)


def instants() -> list[tuple[datetime, datetime]]:
    """Pairs of instants, half of them around the days when clocks change."""
    rng = random.Random(7)
    start = datetime(2026, 1, 2, tzinfo=UTC)
    changes = [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)]
    pairs = []
    for number in range(300):
        if number % 2:
            since = rng.choice(changes) + timedelta(seconds=rng.randint(-2 * 86400, 2 * 86400))
        else:
            since = start + timedelta(seconds=rng.randint(0, 350 * 86400))
        lasts = rng.choice([60, 3600, 86400, 20 * 86400])
        pairs.append((since, min(since + timedelta(seconds=rng.randint(0, lasts)), datetime(2026, 12, 31, tzinfo=UTC))))
    return pairs


@pytest.mark.parametrize("name", SETTINGS)
def test_business_seconds_equal_interval_arithmetic(name: str) -> None:
    setting = SETTINGS[name]
    model = MODEL.read_text().replace('{{ ref("int_calendar__days") }}', "calendar_given")
    assert "calendar_given" in model
    model = model.replace(
        'business_hours_intervals("days")', f'business_hours_intervals("days", {json.dumps(setting)})'
    )
    join = (
        "left join segments as {0} on {0}.date_day = cast(pairs.{1} as date) "
        "and pairs.{1} >= {0}.starts_at and pairs.{1} < {0}.ends_at "
    )
    until, since = (
        "{{ business_seconds_until('late', 'pairs.until') }}",
        "{{ business_seconds_until('early', 'pairs.since') }}",
    )
    sql = compiled(
        f"with segments as (\n{model}\n) select pairs.number, {until} - {since} from pairs "
        + join.format("early", "since")
        + join.format("late", "until")
        + "order by pairs.number"
    )
    pairs = instants()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table calendar_given as select unnest(generate_series(?::date, ?::date, interval 1 day))::date "
            "as date_day",
            [FIRST_DAY, LAST_DAY],
        )
        connection.execute("create table pairs (number int, since timestamp, until timestamp)")
        connection.executemany(
            "insert into pairs values (?, ?, ?)",
            [(n, since.replace(tzinfo=None), until.replace(tzinfo=None)) for n, (since, until) in enumerate(pairs)],
        )
        found = connection.execute(sql).fetchall()

    opened = openings(setting)
    assert found == [(n, business_seconds(opened, since, until)) for n, (since, until) in enumerate(pairs)]
    assert len({seconds for _, seconds in found}) > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_zone": "Europe/Pariss"}, "time_zone: `Europe/Pariss` is no IANA time zone"),
        ({"weekly": {"mondy": ["09:00-18:00"]}}, "mondy: is no day of the week"),
        ({"weekly": {"monday": ["9-18"]}}, "monday: `9-18` is no opening"),
        ({"weekly": {"monday": "09:00-18:00"}}, "monday: is no list"),
        ({"weekly": {"monday": ["22:00-06:00"]}}, "monday: `22:00-06:00` closes before it opens"),
        ({"weekly": {"monday": ["12:00-18:00", "09:00-12:01"]}}, "monday: `09:00-12:01` and `12:00-18:00` overlap"),
        ({"weekly": {}}, "weekly: has no opening"),
        ({"holidays": ["25.12.2026"]}, "holidays: `25.12.2026` is no day"),
        ({"holidays": ["2026-02-29"]}, "holidays: `2026-02-29` is no day"),
        ({"zone": "UTC"}, "zone: is unknown"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(
    change: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    setting = {"time_zone": "Europe/Paris", "weekly": {"monday": ["09:00-18:00"]}, **change}
    result = invoke("{% do business_hours_openings(" + json.dumps(setting) + ") %} select 1")

    assert not result.success
    assert re.search(r"dbt_project\.yml, vars\.business_hours\.(\w+\.)?" + re.escape(message), capfd.readouterr().out)
