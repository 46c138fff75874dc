"""Every point-in-time measure equals the same figure worked out in plain Python, on random histories of accounts.

Belongs here: the measures of `macros/lifecycle/vocabulary.sql`. Does not: what the engine does with them.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import PROJECT, compiled, dbt_environment
from tests.unit.dbt_project.databases import empty_database

START = datetime(2026, 1, 1)

MEASURES_CALL = """
    with
        stream as (select *, account_id as entity_id from activities_given),
        prepared as ({{ lifecycle_prepared_sql(lifecycle_measures(), "stream") }})
    select
        activity_id
        {% for name, measure in lifecycle_measures().items() %}, {{ measure.sql }} as {{ name }}{% endfor %}
    from prepared
"""

# A stage is entered at every third activity.
ENTERED = ("0", "3", "6", "9")
ENTRIES_CALL = """
    with
        told as (
            {{
                lifecycle_entry_measures_sql(
                    "activities_given",
                    "select 'account' as entity_type, account_id as entity_id, occurred_at as entered_at,"
                    ~ " activity_id as entry_activity_id from activities_given"
                    ~ " where right(activity_id, 1) in ('0', '3', '6', '9')",
                )
            }}
        )
    select entry_activity_id, measures from told
"""

# What the measures read one by one; the rest of the vocabulary is in `previous_activity_at` only.
READ = [
    "order_placed",
    "order_paid",
    "order_refunded",
    "subscription_started",
    "subscription_ended",
    "message_received",
    "message_sent",
    "broadcast_sent",
    "broadcast_replied",
    "opted_in",
    "opted_out",
    "meeting_booked",
    "survey_answered",
    "quote_sent",
    "crm_stage_changed",
    "deal_stage_changed",
]
ENGAGEMENT = [
    "ad_clicked",
    "form_submitted",
    "message_received",
    "checkout_started",
    "order_placed",
    "trial_started",
    "subscription_started",
    "review_submitted",
    "survey_answered",
    "referral_made",
    "loyalty_joined",
    "broadcast_replied",
    "opted_in",
]
KINDS = [
    ["opted_in"],
    ["broadcast_replied"],
    ["meeting_booked"],
    ["message_received"],
    ["survey_answered", "review_submitted"],
]
CLOSED = ("deal_won", "deal_lost")


@dataclass(frozen=True)
class Fact:
    activity_id: str
    activity: str
    occurred_at: datetime
    person_id: str | None
    source_system: str
    source_record_id: str
    meaning: str | None

    @property
    def is_won(self) -> bool:
        return self.activity == "deal_stage_changed" and self.meaning == "deal_won"

    @property
    def is_conversion(self) -> bool:
        return self.activity in ("order_paid", "subscription_started") or self.is_won

    @property
    def record(self) -> tuple[str, str]:
        return (self.source_system, self.source_record_id)


def histories() -> st.SearchStrategy[list[list[Fact]]]:
    """Histories of accounts with few people, records and instants, so that ties, reopenings and repeats are common."""
    facts = st.tuples(
        st.sampled_from(READ),
        st.one_of(st.integers(0, 5).map(lambda day: day * 24), st.integers(0, 24 * 200)),
        st.sampled_from(["ada", "bob", "cyd", None]),
        st.sampled_from(["crm", "inbox"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from([None, "open", "quote_sent", *CLOSED]),
    )

    def build(number: int, rows: list[tuple[str, int, str | None, str, str, str | None]]) -> list[Fact]:
        return [
            Fact(f"{number}-{place:03}", activity, START + timedelta(hours=hour), person, system, record, meaning)
            for place, (activity, hour, person, system, record, meaning) in enumerate(rows)
        ]

    return st.lists(st.lists(facts, max_size=20), min_size=1, max_size=20).map(
        lambda accounts: [build(number, rows) for number, rows in enumerate(accounts)]
    )


def count_of_open(known: list[Fact], opening: str, closing: str | None) -> int:
    """Things whose last word is not that they closed; of words at one instant, the closing is the last."""
    told = [fact for fact in known if fact.activity in (opening, closing)]

    def is_closed(fact: Fact) -> bool:
        return fact.activity == closing if closing else fact.meaning in CLOSED

    last: dict[tuple[str, str], bool] = {}
    for fact in sorted(told, key=lambda fact: (fact.occurred_at, is_closed(fact))):
        last[fact.record] = is_closed(fact)
    return sum(not closed for closed in last.values())


def expected_measures(fact: Fact, history: list[Fact]) -> dict[str, object]:
    """Each measure at an activity, from the list of what had happened by then."""
    known = [other for other in history if other.occurred_at <= fact.occurred_at]
    before = [other for other in history if other.occurred_at < fact.occurred_at]

    def times(facts: list[Fact], *activities: str) -> list[datetime]:
        return [other.occurred_at for other in facts if other.activity in activities]

    def days_since_last(*activities: str) -> float | None:
        found = times(before, *activities)
        return (fact.occurred_at - max(found)) / timedelta(days=1) if found else None

    paid, received = times(known, "order_paid"), times(known, "message_received")
    converted_at = min((other.occurred_at for other in known if other.is_conversion), default=None)
    won_deals = {other.record for other in known if other.is_won}
    return {
        "orders_to_date": len(times(known, "order_placed")),
        "paid_orders_to_date": len(paid),
        "revenue_to_date": 10 * (len(paid) - len(times(known, "order_refunded"))),
        "subscriptions_to_date": len(times(known, "subscription_started")),
        "messages_received_to_date": len(received),
        "quotes_sent_to_date": len(times(known, "quote_sent")),
        "broadcasts_sent_to_date": len(times(known, "broadcast_sent")),
        "engagements_to_date": len(times(known, *ENGAGEMENT)),
        "conversions_to_date": len(paid) + len(times(known, "subscription_started")) + len(won_deals),
        "days_since_first_conversion": (fact.occurred_at - converted_at) / timedelta(days=1) if converted_at else None,
        "engagement_kinds_after_conversion": sum(
            converted_at is not None and any(instant > converted_at for instant in times(known, *kind))
            for kind in KINDS
        ),
        "stakeholders_engaged_to_date": len(
            {other.person_id for other in known if other.activity in ENGAGEMENT} - {None}
        ),
        "subscriptions_active": count_of_open(known, "subscription_started", "subscription_ended"),
        "deals_open": count_of_open(known, "deal_stage_changed", None),
        "deals_won_to_date": len(won_deals),
        "stage_changes_by_source_to_date": sum(
            other.activity == "crm_stage_changed" and other.source_system == fact.source_system for other in known
        ),
        "first_order_paid_at": min(paid, default=None),
        "last_order_paid_at": max(paid, default=None),
        "last_message_received_at": max(received, default=None),
        "previous_order_paid_at": max(times(before, "order_paid"), default=None),
        "previous_activity_at": max((other.occurred_at for other in before), default=None),
        "days_since_previous_order_paid": days_since_last("order_paid"),
        "days_since_previous_message_received": days_since_last("message_received"),
        "days_since_previous_message_sent": days_since_last("message_sent"),
        "days_since_previous_broadcast_sent": days_since_last("broadcast_sent"),
        "days_since_previous_engagement": days_since_last(*ENGAGEMENT),
    }


def measured(sql: str, accounts: list[list[Fact]]) -> dict[str, dict[str, object]]:
    """Measures by activity, of the rows in any order."""
    rows = [
        (
            str(number),
            fact.person_id,
            fact.activity_id,
            fact.activity,
            fact.occurred_at,
            fact.source_system,
            fact.source_record_id,
            json.dumps({"meaning": fact.meaning} if fact.meaning else {}),
        )
        for number, history in enumerate(accounts)
        for fact in history
    ]
    random.Random(len(rows)).shuffle(rows)
    with empty_database() as connection:
        connection.execute(
            "create table activities_given (account_id text, person_id text, activity_id text, activity text,"
            " occurred_at timestamp, source_system text, source_record_id text, attributes text,"
            " amount_reporting decimal(18, 4) default 10)"
        )
        if rows:
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into activities_given values ({places}, default)", rows)
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}


@pytest.fixture(scope="module")
def measures_sql(tmp_path_factory: pytest.TempPathFactory) -> str:
    with dbt_environment(tmp_path_factory.mktemp("measures")):
        return compiled(MEASURES_CALL)


def test_measures_know_what_had_happened_by_their_instant_and_no_more(measures_sql: str) -> None:
    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    @given(histories())
    def check(accounts: list[list[Fact]]) -> None:
        expected = {
            fact.activity_id: {
                name: pytest.approx(value) if isinstance(value, float) else value
                for name, value in expected_measures(fact, history).items()
            }
            for history in accounts
            for fact in history
        }
        assert measured(measures_sql, accounts) == expected

    check()


def test_an_entry_tells_every_measure_of_its_instant(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dbt_environment(tmp_path_factory.mktemp("entries")):
        sql = compiled(ENTRIES_CALL)

    def as_json(value: object) -> object:
        return (
            pytest.approx(value) if isinstance(value, float) else str(value) if isinstance(value, datetime) else value
        )

    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    @given(histories())
    def check(accounts: list[list[Fact]]) -> None:
        expected = {
            fact.activity_id: {name: as_json(value) for name, value in expected_measures(fact, history).items()}
            for history in accounts
            for fact in history
            if fact.activity_id.endswith(ENTERED)
        }
        told = {entry: json.loads(str(row["measures"])) for entry, row in measured(sql, accounts).items()}
        assert told == expected

    check()


def test_a_deal_is_open_from_its_first_stage_until_it_is_won_or_lost(measures_sql: str) -> None:
    def moved(place: int, deal: str, meaning: str | None) -> Fact:
        return Fact(str(place), "deal_stage_changed", START + timedelta(days=place), None, "crm", deal, meaning)

    history = [
        moved(1, "a", None),
        moved(2, "a", "quote_sent"),
        moved(3, "b", "open"),
        moved(4, "a", "deal_lost"),
        moved(5, "a", "open"),
        moved(6, "b", "deal_won"),
    ]
    found = measured(measures_sql, [history])
    assert [found[fact.activity_id]["deals_open"] for fact in history] == [1, 1, 2, 1, 2, 1]
    assert [found[fact.activity_id]["deals_won_to_date"] for fact in history] == [0, 0, 0, 0, 0, 1]


def test_every_activity_and_measure_is_explained_in_the_documentation(measures_sql: str) -> None:
    text = (Path(PROJECT).parent / "docs/lifecycle.md").read_text(encoding="utf-8")
    measures = re.findall(r" as (\w+)", measures_sql.split("from stream")[-1])
    vocabulary = re.findall(r'"(\w+)",', (PROJECT / "macros/lifecycle/vocabulary.sql").read_text().split("endmacro")[0])
    assert "days_since_previous_engagement" in measures and "deal_stage_changed" in vocabulary
    assert [name for name in [*measures, *vocabulary] if f"`{name}`" not in text] == []
