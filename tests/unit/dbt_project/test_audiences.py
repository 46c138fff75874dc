"""Audiences: the history of their members over nights that are repeated, and the one action that follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled_models, dbt_environment

NOW = datetime(2026, 3, 10, 6)
INSTANT = f"{NOW:%Y-%m-%d %H:%M:%S}"
OBSERVATIONS = """
    create schema if not exists ops;
    create or replace table ops.audience_observations (
        audience text, entity_type text, entity_id text, entered_at timestamp, exited_at timestamp, reason text
    );
"""
ALLOWED = [("p0", True), ("p1", True), ("p2", False)]
AUDIENCE = "cold_leads_to_win_back"  # purpose marketing, by e-mail
# Nights: days since the night before (0: the same night again), and who is cold then.
NIGHTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 7, 70]), st.sets(st.sampled_from(["p0", "p1", "p2"]))), max_size=8
)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models as a later run compiles them, which finds the table of the one before."""
    folder = tmp_path_factory.mktemp("audiences")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(OBSERVATIONS)
    with dbt_environment(folder, {"LIFECYCLE_AS_OF": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}):
        return compiled_models("audience_observations", "audience_members", "next_best_action")


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse; create schema core; create schema marts")
        connection.execute(
            "create table core.dim_permissions (person_id text, purpose text, channel text, is_allowed bool)"
        )
        connection.executemany("insert into core.dim_permissions values (?, 'marketing', 'email', ?)", ALLOWED)
        yield connection


def at(query: str, instant: datetime) -> str:
    """The model of another night."""
    assert INSTANT in query
    return query.replace(INSTANT, f"{instant:%Y-%m-%d %H:%M:%S}")


def members_alone(query: str) -> str:
    """The model with the audience under test alone, whose members are in a table."""
    head, found = query, re.search(r"members as \(.*?\n    \),", query, re.DOTALL)
    assert found, "the CTE of the members"
    members = (
        f"members as (select '{AUDIENCE}' as audience, 'person' as entity_type, entity_id, 'marketing' as purpose, "
        "'email' as consent_channel, reason from cold),"
    )
    before = head[: head.index("with")]
    permissions = "permissions as (select * from core.dim_permissions),"
    return f"{before} with {permissions} {members} {head[found.end() :]}"


def night(database: duckdb.DuckDBPyConnection, queries: dict[str, str], instant: datetime, cold: set[str]) -> None:
    """What dbt does with an incremental model: the rows of the query replace those with the same key."""
    database.execute("create or replace table cold (entity_id text, reason text)")
    for person in sorted(cold):
        database.execute("insert into cold values (?, ?)", [person, f"cold on {instant:%Y-%m-%d}"])
    query = members_alone(at(queries["audience_observations"], instant))
    database.execute(f"create or replace table changes as {query}")
    database.execute(
        "delete from ops.audience_observations as old using changes where (old.audience, old.entity_type, "
        "old.entity_id, old.entered_at) = (changes.audience, changes.entity_type, changes.entity_id, "
        "changes.entered_at); insert into ops.audience_observations select * from changes"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=NIGHTS)
def test_members_are_those_of_each_night_once_and_a_repeated_night_replaces_itself(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], nights: list[tuple[int, set[str]]]
) -> None:
    database.execute(OBSERVATIONS)
    instant, of_the_nights = NOW - timedelta(days=365), {}
    for days, cold in nights:
        instant += timedelta(days=days)
        of_the_nights[instant] = cold
        night(database, queries, instant, cold)
        night(database, queries, instant, cold)  # a replay changes nothing
    expected: list[tuple[Any, ...]] = []
    for person, is_allowed in ALLOWED:
        entered: datetime | None = None
        for at_night, cold in of_the_nights.items():
            is_in = is_allowed and person in cold
            if is_in and entered is None:
                entered = at_night
            elif not is_in and entered is not None:
                expected.append((person, entered, at_night))
                entered = None
        if entered is not None:
            expected.append((person, entered, None))

    database.execute(f"create or replace table marts.audience_members as {queries['audience_members']}")

    found = database.execute("select entity_id, entered_at, exited_at from marts.audience_members").fetchall()
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("entries", "offered"),
    [
        ([(0, None)], (0, 30)),  # entered this night: due for 30 days
        ([(29, None)], (29, 1)),
        ([(30, None)], None),  # expired, until the cool-down of 60 days is over
        ([(59, None)], None),
        ([(60, None)], (0, 30)),  # due again
        ([(125, None)], (5, 25)),
        ([(50, 40), (5, None)], None),  # came back within the cool-down of the entry before
        ([(65, 40), (5, None)], (5, 25)),
        ([(62, 40), (10, None)], (2, 28)),  # came back before it was over
        ([(10, 5)], None),
    ],
)
def test_an_action_is_due_until_it_expires_and_again_after_each_cool_down(
    database: duckdb.DuckDBPyConnection,
    queries: dict[str, str],
    entries: list[tuple[int, int | None]],
    offered: tuple[int, int] | None,
) -> None:
    database.execute(OBSERVATIONS)
    for entered, exited in entries:
        database.execute(
            "insert into ops.audience_observations values (?, 'person', 'p0', ?, ?, 'cold')",
            [AUDIENCE, NOW - timedelta(days=entered), None if exited is None else NOW - timedelta(days=exited)],
        )
    for name in ("audience_members", "next_best_action"):
        database.execute(f"create or replace table marts.{name} as {queries[name]}")

    found = database.execute("select offered_at, expires_at from marts.next_best_action").fetchall()

    since, until = offered or (0, 0)
    assert found == ([(NOW - timedelta(days=since), NOW + timedelta(days=until))] if offered else [])


def test_of_several_actions_over_a_channel_the_most_urgent_is_shown(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str]
) -> None:
    database.execute(OBSERVATIONS)
    for audience, entered in (
        (AUDIENCE, 0),  # email, 80
        ("subscription_payments_failed", 0),  # email, 15
        ("subscription_renewals_due", 40),  # email, 40: expired
        ("detractors_to_call", 0),  # phone, 25
    ):
        database.execute(
            "insert into ops.audience_observations values (?, 'person', 'p0', ?, null, 'why')",
            [audience, NOW - timedelta(days=entered)],
        )
    for name in ("audience_members", "next_best_action"):
        database.execute(f"create or replace table marts.{name} as {queries[name]}")

    found = database.execute("select channel, audience from marts.next_best_action order by channel").fetchall()

    assert found == [("email", "subscription_payments_failed"), ("phone", "detractors_to_call")]


def test_every_audience_is_in_the_list_of_the_setting() -> None:
    """A pair of files that nobody lists would be an audience that never gets a member."""
    folder = Path(__file__).resolve().parents[3] / "dbt_project"
    settings_file = (folder / "dbt_project.yml").read_text(encoding="utf-8")
    listed = re.search(r"\n  audiences:\n((?:    - \w+\n)+)", settings_file)
    assert listed
    names = re.findall(r"- (\w+)", listed[1])
    assert sorted(names) == sorted(
        path.stem.removeprefix("aud_") for path in (folder / "models/audiences").glob("aud_*.sql")
    )
