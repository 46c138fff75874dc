"""Consents: what holds at each instant, worked out again from the statements by walking through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import PROJECT, compiled_models, dbt_environment, invoke

START = datetime(2026, 1, 1)
INPUTS = """
    create schema intermediate; create schema core;
    create table core.fct_activities (
        person_id text, activity text, channel text, source_system text, source_record_id text, occurred_at timestamp
    );
    create table intermediate.int_consents__unioned (
        source_system text, record_key text, purpose text, channel text, is_granted boolean, stated_at timestamp
    );
    create table core.bridge_person_records (record_key text, person_id text);
    insert into core.bridge_person_records values ('r0', 'p0'), ('r1', 'p1');
"""
# Person, place where it is said, purpose and channel, whether it is a grant, days after the start.
PLACES = {
    "activity of a": ("marketing", "email"),
    "activity of b": ("marketing", "email"),
    "activity in the inbox": ("marketing", "messaging"),
    "shop": ("marketing", "email"),
    "register of marketing": ("marketing", "email"),
    "register of advertising": ("advertising", "all"),
}
STATEMENTS = st.lists(
    st.tuples(st.sampled_from(["0", "1"]), st.sampled_from(sorted(PLACES)), st.booleans(), st.integers(0, 6)),
    max_size=14,
)


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> str:
    with dbt_environment(tmp_path_factory.mktemp("consents"), {"LIFECYCLE_AS_OF": "2026-01-06T12:00:00Z"}):
        return compiled_models("dim_consents")["dim_consents"]


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute(INPUTS)
        yield connection


def expected(statements: list[tuple[str, str, bool, int]]) -> set[tuple[Any, ...]]:
    """Walk through the days: at each, the last word of every place, of which a refusal is the last of its instant."""
    found = set()
    for person in {statement[0] for statement in statements}:
        for purpose, channel in set(PLACES.values()):
            said: dict[str, bool] = {}
            periods: list[tuple[datetime, bool]] = []
            for day in range(7):
                today = [s for s in statements if s[0] == person and s[3] == day and PLACES[s[1]] == (purpose, channel)]
                for place in {s[1] for s in today}:
                    said[place] = all(s[2] for s in today if s[1] == place)
                holds = all(said.values())
                if said and (not periods or periods[-1][1] != holds):
                    periods.append((START + timedelta(days=day), holds))
            ends = [*(start for start, _ in periods[1:]), None][: len(periods)]
            for (start, holds), end in zip(periods, ends, strict=True):
                found.add((f"p{person}", purpose, channel, holds, start, end, end is None))
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statements=STATEMENTS)
def test_what_holds_follows_from_all_that_was_said_in_any_order(
    database: duckdb.DuckDBPyConnection, query: str, statements: list[tuple[str, str, bool, int]]
) -> None:
    # Of the register, nothing is known yet that lies after the refresh; of activities, none is later.
    known = [s for s in statements if s[3] <= 5]
    activities, register = [], []
    for person, place, is_granted, day in statements:
        at = START + timedelta(days=day)
        if place.startswith("activity"):
            if day <= 5:
                channel = "inbox" if place.endswith("inbox") else "email"
                said = "opted_in" if is_granted else "opted_out"
                activities.append((f"p{person}", said, channel, "crm", place, at))
        else:
            purpose, channel = PLACES[place]
            system = "shop" if place == "shop" else "files"
            register.append((system, f"r{person}", purpose, channel, is_granted, at))
    database.execute("delete from core.fct_activities; delete from intermediate.int_consents__unioned")
    if activities:
        database.executemany("insert into core.fct_activities values (?, ?, ?, ?, ?, ?)", activities)
    if register:
        database.executemany("insert into intermediate.int_consents__unioned values (?, ?, ?, ?, ?, ?)", register)

    found = database.execute(
        f"select person_id, purpose, channel, is_granted, valid_from_at, valid_to_at, is_current from ({query})"
    ).fetchall()

    assert len(found) == len(set(found))
    assert set(found) == expected(known)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda it: it.pop("advertising"), "consents: say who may be reached for advertising"),
        (
            lambda it: it.update(newsletter=it["marketing"]),
            "newsletter is no purpose. There are marketing, advertising",
        ),
        (
            lambda it: it["service"].pop("channels"),
            "service: it says channels, is_allowed_without_a_statement, ends_with",
        ),
        (
            lambda it: it["service"].update(ends_with_marketing="no"),
            "service: ends_with_marketing: write true or false",
        ),
        (lambda it: it["marketing"].update(channels=["mail"]), "marketing: channels: mail is none of email, messaging"),
        (lambda it: it["marketing"].update(channels=[]), "marketing: channels: name one, or all"),
    ],
)
def test_a_setting_that_would_decide_otherwise_than_it_reads_is_refused(
    change: Callable[[dict[str, Any]], object], says: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    consents = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["consents"]
    change(consents)
    with dbt_environment(tmp_path_factory.mktemp("refused")):
        result = invoke("{{ refuse_impossible_consents(" + repr(consents) + ") }} select 1 as one")

    assert not result.success
    assert says in " ".join(str(result.exception).split())
