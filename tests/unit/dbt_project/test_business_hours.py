"""Business hours: compiled SQL equals interval arithmetic with zoneinfo; a setting that means nothing is refused."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment, invoke, model_sql
from tests.unit.dbt_project.databases import empty_database

FIRST_DAY, LAST_DAY = date(2026, 1, 1), date(2026, 12, 31)
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


def business_time(opened: list[tuple[datetime, datetime]], since: datetime, until: datetime) -> timedelta:
    overlaps = (min(until, high) - max(since, low) for low, high in opened)
    return sum((max(overlap, timedelta(0)) for overlap in overlaps), timedelta(0))


def instants(rng: random.Random, count: int) -> list[datetime]:
    """Instants with microseconds, half of them around the days when clocks change."""
    changes = [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)]
    first, last = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    spread = int((last - first) / timedelta(microseconds=1))
    near = 2 * 86400 * 10**6
    return [
        rng.choice(changes) + timedelta(microseconds=rng.randint(-near, near))
        if number % 2
        else first + timedelta(microseconds=rng.randint(0, spread))
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def response_times_sql(folder: Path) -> str:
    return compiled(model_sql("fct_response_times"))


def response_times(
    response_times_sql: str,
    setting: Mapping[str, Any],
    waits: list[tuple[datetime, datetime]],
    teams: list[str | None] | None = None,
) -> list[tuple[float, float]]:
    """Wall-clock and business seconds of waits, as fct_response_times publishes them. `teams`: who replied to each."""
    hours = model_sql("int_business_hours__accumulated")
    given_setting = json.dumps(setting)
    hours = hours.replace('var("business_hours")', given_setting)
    assert given_setting in hours
    with empty_database() as connection:
        connection.execute(
            "create table given_int_calendar__days as "
            "select unnest(generate_series(?::date, ?::date, interval 1 day))::date as date_day",
            [FIRST_DAY, LAST_DAY],
        )
        connection.execute(f"create table given_int_business_hours__accumulated as {compiled(hours)}")
        rows = pa.table(
            {
                "wait_id": [str(number) for number in range(len(waits))],
                "waiting_since_at": [since.replace(tzinfo=None) for since, _ in waits],
                "ended_at": [until.replace(tzinfo=None) for _, until in waits],
                "replied_by_team_id": pa.array(teams or [None] * len(waits), pa.string()),
            }
        )
        connection.register("rows", rows)
        connection.execute(
            "create table given_int_response_waits__delimited as "
            "select *, null::text as conversation_id, 'inbox' as source_system, null::text as channel, "
            "'opening' as kind, ended_at as replied_at, null::text as user_id, 'someone' as record_key from rows"
        )
        for table, columns in {
            "bridge_person_records": "record_key text, person_id text",
            "int_agents__identified": "source_system text, user_id text, agent_id text, team_id text",
            "int_contact_owners__unioned": "source_system text, record_key text, user_id text",
        }.items():
            connection.execute(f"create table given_{table} ({columns})")
        return connection.execute(
            f"select response_seconds, business_response_seconds from ({response_times_sql}) order by wait_id::int"
        ).fetchall()


def microseconds(seconds: float) -> int:
    """The whole number that a double of seconds stands for: it holds microseconds of two centuries."""
    return round(seconds * 10**6)


@pytest.mark.parametrize("name", SETTINGS)
def test_business_time_equals_interval_arithmetic(name: str, response_times_sql: str) -> None:
    setting = SETTINGS[name]
    one, other = instants(random.Random(7), 300), instants(random.Random(8), 300)
    waits = [(min(pair), max(pair)) for pair in zip(one, other, strict=True)]
    opened = openings(setting)

    found = response_times(response_times_sql, setting, waits)

    assert found == [
        ((until - since).total_seconds(), business_time(opened, since, until).total_seconds()) for since, until in waits
    ]
    assert len({business for _, business in found}) > 10


def test_each_team_answers_by_its_own_hours_and_all_others_by_the_companys(response_times_sql: str) -> None:
    company, *of_teams = SETTINGS.values()
    setting = {**company, "teams": {f"team-{number}": own for number, own in enumerate(of_teams)}}
    # What a team leaves out is the company's: its holidays, or its openings on another clock.
    setting["teams"]["7"] = {"time_zone": "Asia/Tokyo"}
    hours: dict[str | None, dict[str, Any]] = {team: {**company, **own} for team, own in setting["teams"].items()}
    rng = random.Random(11)
    one, other = instants(rng, 600), instants(rng, 600)
    waits = [(min(pair), max(pair)) for pair in zip(one, other, strict=True)]
    teams = [rng.choice([*hours, "unheard of", None]) for _ in waits]
    opened = {team: openings(own) for team, own in hours.items()}

    found = response_times(response_times_sql, setting, waits, teams)

    assert found == [
        (
            (until - since).total_seconds(),
            business_time(opened.get(team) or openings(company), since, until).total_seconds(),
        )
        for (since, until), team in zip(waits, teams, strict=True)
    ]


@st.composite
def settings_of_hours(draw: st.DrawFn) -> dict[str, Any]:
    """Opening hours of any kind: several a day, around midnight, all day, in zones with odd offsets."""
    weekly = {}
    for day in draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1)):
        marks = sorted(draw(st.sets(st.integers(0, 24 * 60), min_size=2, max_size=6)))
        texts = [f"{mark // 60:02}:{mark % 60:02}" for mark in marks]
        weekly[day] = [f"{low}-{high}" for low, high in zip(texts[::2], texts[1::2], strict=False)]
    zones = ["UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"]
    return {"time_zone": draw(st.sampled_from(zones)), "weekly": weekly}


def test_business_time_is_at_most_the_time_and_the_sum_of_its_parts(response_times_sql: str) -> None:
    # Each example compiles the model: what fails is not worth the minutes of making it smaller.
    @settings(max_examples=8, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(settings_of_hours(), st.randoms(use_true_random=False))
    def check(setting: dict[str, Any], rng: random.Random) -> None:
        ordered = sorted(instants(rng, 200))
        parts = list(pairwise(ordered))
        found = response_times(response_times_sql, setting, [*parts, (ordered[0], ordered[-1])])
        *part_times, whole = found

        assert all(0 <= business <= wall for wall, business in found)
        for place in (0, 1):
            assert microseconds(whole[place]) == sum(microseconds(times[place]) for times in part_times)

    check()


@pytest.mark.parametrize("milliseconds", [1_800_129, 1_800_105, 1_800_083, 1_799_364])
def test_a_reply_within_business_hours_takes_the_same_by_both_clocks(
    milliseconds: int, response_times_sql: str
) -> None:
    since = datetime(2026, 1, 5, 10, tzinfo=UTC)
    setting = {"time_zone": "UTC", "weekly": {"monday": ["08:00-18:00"]}}

    ((wall, business),) = response_times(
        response_times_sql, setting, [(since, since + timedelta(milliseconds=milliseconds))]
    )

    assert wall == business == milliseconds / 1000


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
        ({"teams": {"3": {"time_zone": "Tokyo"}}}, "teams.3.time_zone: `Tokyo` is no IANA time zone"),
        ({"teams": {"3": {"teams": {}}}}, "teams.3.teams: is unknown"),
        ({"teams": {"3": {"weekly": {"monday": ["9-18"]}}}}, "teams.3.weekly.monday: `9-18` is no opening"),
        ({"teams": {"3": "09:00-18:00"}}, "teams.3: is no team with hours"),
        ({"teams": ["3"]}, "teams: names no team"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(
    change: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    setting = {"time_zone": "Europe/Paris", "weekly": {"monday": ["09:00-18:00"]}, **change}
    result = invoke("{% do business_hours_teams(" + json.dumps(setting) + ") %} select 1")

    assert not result.success
    assert re.search(
        r"dbt_project\.yml, vars\.business_hours\.(weekly\.)?" + re.escape(message), capfd.readouterr().out
    )
