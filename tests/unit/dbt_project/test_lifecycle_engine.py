"""The compiled stage engine equals the event-by-event reference on random histories, in any order of the rows."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import PROJECT, compiled, dbt_environment, invoke
from tests.unit.dbt_project.reference_engine import Episode, Event, episodes

START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=60)

CONVERSATION = yaml.safe_load(
    (PROJECT / "models/intermediate/lifecycle/int_lifecycle__conversation.yml").read_text(encoding="utf-8")
)["models"][0]["config"]["meta"]["lifecycle"]

# Every kind of rule in one model: set (back, and to a lost stage), clear, priority, two timers that can meet.
EVERY_RULE = {
    "model": "every_rule",
    "entity": "person",
    "labels": {"en": "Every rule", "fr": "Toutes les règles"},
    "stages": [
        {"key": key, "kind": kind, "labels": {"en": key, "fr": key}}
        for key, kind in [("a", "active"), ("b", "active"), ("c", "active"), ("gone", "lost"), ("refused", "lost")]
    ],
    "rules": [
        {"key": "enter", "when": ["lead_created", "message_received"], "then": "advance", "stage": "a"},
        {"key": "set_b", "when": ["lead_qualified"], "then": "set", "stage": "b"},
        {"key": "buy", "when": ["order_paid"], "then": "advance", "stage": "c"},
        {
            "key": "buy_again",
            "when": ["order_paid"],
            "if": "measures.paid_orders_to_date > 1",
            "then": "set",
            "stage": "a",
            "priority": 5,
        },
        {"key": "set_gone", "when": ["opted_out"], "then": "set", "stage": "gone"},
        {
            "key": "refuse",
            "when": ["lead_disqualified"],
            "if": "attributes.reason <> 'mistake'",
            "then": "lose",
            "stage": "refused",
            "reason": "attributes.reason",
        },
        {"key": "forget", "when": ["opted_in"], "then": "clear"},
        {
            "key": "silent",
            "after_days": 3,
            "since": ["message_sent", "order_paid"],
            "without": ["message_received", "order_paid"],
            "then": "lose",
            "stage": "gone",
            "reason": "silent",
        },
        {"key": "back", "after_days": 5, "since": ["lead_qualified"], "without": [], "then": "set", "stage": "a"},
    ],
}

MODELS = {
    "conversation": (
        CONVERSATION,
        {
            "no_reply": lambda event, known: (
                not any(other.activity in ("order_paid", "subscription_started") for other in known)
            ),
            "disqualified": lambda event, known: not any(other.activity == "order_paid" for other in known),
            "closed_for_competitor": lambda event, known: (
                event.attributes.get("reason") == "competitor"
                and not any(other.activity == "order_paid" for other in known)
            ),
        },
    ),
    "every_rule": (
        EVERY_RULE,
        {
            "buy_again": lambda event, known: sum(other.activity == "order_paid" for other in known) > 1,
            "refuse": lambda event, known: event.attributes.get("reason") not in (None, "mistake"),
        },
    ),
}


def engine_call(definition: dict) -> str:
    """The engine's macro for a stage model, over a relation named `activities_given`."""
    return "{{ lifecycle_episodes_sql(fromjson(" + json.dumps(json.dumps(definition)) + "), 'activities_given') }}"


@pytest.fixture(scope="module")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def engines(dbt_folder: Path) -> dict[str, str]:
    with dbt_environment(dbt_folder, {"LIFECYCLE_AS_OF": AS_OF.isoformat() + "Z"}):
        return {name: compiled(engine_call(definition)) for name, (definition, _) in MODELS.items()}


@contextmanager
def loaded(histories: list[list[Event]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database whose table `activities_given` holds each history as a person of its number; the rows are shuffled."""
    rows = [
        (str(number), event.activity_id, event.activity, event.occurred_at, json.dumps(event.attributes))
        for number, history in enumerate(histories)
        for event in history
    ]
    random.Random(len(rows)).shuffle(rows)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table activities_given (person_id text, activity_id text, activity text, occurred_at timestamp,"
            " attributes text, loaded_at timestamp default timestamp '2026-06-01',"
            " amount_reporting decimal(18, 4))"
        )
        if rows:
            connection.executemany(
                "insert into activities_given (person_id, activity_id, activity, occurred_at, attributes)"
                " values (?, ?, ?, ?, ?)",
                rows,
            )
        yield connection


def run_engine(sql: str, histories: list[list[Event]]) -> list[list[Episode]]:
    """Episodes of each history."""
    found: list[list[Episode]] = [[] for _ in histories]
    with loaded(histories) as connection:
        for entity, *episode in connection.execute(
            "select entity_id, stage, pass_number, entered_at, exited_at, entry_rule, lost_reason"
            f" from ({sql}) order by entered_at"
        ).fetchall():
            found[int(entity)].append(Episode(*episode))
    return found


def histories_of(activities: list[str]) -> st.SearchStrategy[list[list[Event]]]:
    """Short histories over few instants, so that ties, same-day reversals and exact deadlines are common."""
    instants = st.one_of(
        st.integers(0, 59).map(lambda day: START + timedelta(days=day)),
        st.integers(0, 20).map(lambda hour: START + timedelta(hours=hour)),
    )
    facts = st.tuples(
        st.sampled_from(activities), instants, st.sampled_from([None, "competitor", "unqualified", "mistake"])
    )

    def build(history: list[tuple[str, datetime, str | None]]) -> list[Event]:
        return [
            Event(f"{number:03}", activity, instant, {"reason": reason} if reason else {})
            for number, (activity, instant, reason) in enumerate(history)
        ]

    return st.lists(st.lists(facts, max_size=12).map(build), min_size=1, max_size=40)


def read_by(definition: dict) -> list[str]:
    return sorted(
        {
            activity
            for rule in definition["rules"]
            for field in ("when", "since", "without")
            for activity in rule.get(field) or []
        }
    )


@pytest.mark.parametrize("name", MODELS)
def test_compiled_engine_equals_the_reference(name: str, engines: dict[str, str]) -> None:
    definition, conditions = MODELS[name]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories_of(read_by(definition)))
    @example([[Event("1", "message_sent", START), Event("2", "lead_created", START)]])
    def check(histories: list[list[Event]]) -> None:
        expected = [episodes(definition, history, AS_OF, conditions) for history in histories]
        assert run_engine(engines[name], histories) == expected

    check()


@pytest.mark.parametrize("name", MODELS)
def test_episodes_tile_time_without_gap_or_overlap(name: str, engines: dict[str, str]) -> None:
    definition, _ = MODELS[name]
    never_clears = not any(rule["then"] == "clear" for rule in definition["rules"])

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories_of(read_by(definition)))
    def check(histories: list[list[Event]]) -> None:
        for found in run_engine(engines[name], histories):
            for episode, later in zip(found, found[1:], strict=False):
                assert episode.exited_at is not None and episode.exited_at <= later.entered_at
                assert not never_clears or episode.exited_at == later.entered_at
            assert not found or not never_clears or found[-1].exited_at is None

    check()


def test_a_timer_fires_at_its_exact_instant_and_not_before(engines: dict[str, str]) -> None:
    opened = Event("1", "conversation_opened", START)
    sent = Event("2", "message_sent", START + timedelta(hours=1))
    deadline = sent.occurred_at + timedelta(days=14)
    in_time = Event("3", "message_received", deadline)
    late = Event("3", "message_received", deadline + timedelta(microseconds=1))
    silent, answered, answered_late = run_engine(
        engines["conversation"], [[opened, sent], [opened, sent, in_time], [opened, sent, late]]
    )
    assert [(episode.stage, episode.entered_at) for episode in silent] == [("new_lead", START), ("cold_lead", deadline)]
    assert [episode.stage for episode in answered] == ["new_lead"]
    assert [(episode.stage, episode.pass_number) for episode in answered_late] == [
        ("new_lead", 1),
        ("cold_lead", 1),
        ("new_lead", 2),
    ]
    assert silent[1].lost_reason == "no reply in 14 days"


MEASURES_CALL = """
    select person_id, activity_id
        {% for name, measure in lifecycle_measures().items() %}, {{ measure.sql }} as {{ name }}{% endfor %}
    from (select *, person_id as entity_id from activities_given) as activities
"""


def expected_measures(event: Event, history: list[Event]) -> dict[str, object]:
    """Each measure at an event, from the list of what had happened by then."""
    known = [other for other in history if other.occurred_at <= event.occurred_at]
    before = [other for other in history if other.occurred_at < event.occurred_at]

    def times(events: list[Event], activity: str) -> list[datetime]:
        return [other.occurred_at for other in events if other.activity == activity]

    paid, received = times(known, "order_paid"), times(known, "message_received")
    return {
        "orders_to_date": len(times(known, "order_placed")),
        "paid_orders_to_date": len(paid),
        "revenue_to_date": 10 * (len(paid) - len(times(known, "order_refunded"))),
        "subscriptions_to_date": len(times(known, "subscription_started")),
        "messages_received_to_date": len(received),
        "first_order_paid_at": min(paid, default=None),
        "last_order_paid_at": max(paid, default=None),
        "last_message_received_at": max(received, default=None),
        "previous_order_paid_at": max(times(before, "order_paid"), default=None),
        "previous_activity_at": max((other.occurred_at for other in before), default=None),
    }


def test_measures_know_what_had_happened_by_their_instant_and_no_more(dbt_folder: Path) -> None:
    with dbt_environment(dbt_folder):
        sql = compiled(MEASURES_CALL)
    read = ["order_placed", "order_paid", "order_refunded", "subscription_started", "message_received", "opted_in"]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories_of(read))
    def check(histories: list[list[Event]]) -> None:
        with loaded(histories) as connection:
            connection.execute("update activities_given set amount_reporting = 10")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description]
            found = {row[:2]: dict(zip(names[2:], row[2:], strict=True)) for row in cursor.fetchall()}
        assert found == {
            (str(number), event.activity_id): expected_measures(event, history)
            for number, history in enumerate(histories)
            for event in history
        }

    check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"when": ["order_payed"]},
            r"rule buy: activity `order_payed` in `when` is unknown. Fix: choose from: .*order_paid",
        ),
        ({"stage": "d"}, r"rule buy: stage `d` is unknown. Fix: choose from: a, b, c"),
        ({"if": "measures.orders = 1"}, r"rule buy: measure `orders` is unknown. Fix: choose from: orders_to_date"),
        ({"key": "enter"}, r"rule enter: the key stands twice"),
        ({"then": "move"}, r"rule buy: `then: move` is unknown"),
        ({"stage": "gone"}, r"rule buy: it advances to the lost stage gone"),
        ({"days": 3}, r"rule buy: `days` is not understood"),
        ({"after_days": 3}, r"rule buy: a rule has either `when` or `after_days`"),
    ],
)
def test_a_wrong_stage_model_is_refused_by_name(
    change: dict, message: str, dbt_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    definition = json.loads(json.dumps(EVERY_RULE))
    definition["rules"][2].update(change)
    call = (
        "{% do validate_lifecycle_model(fromjson(" + json.dumps(json.dumps(definition)) + "), 'shop.yml') %} select 1"
    )
    with dbt_environment(dbt_folder):
        result = invoke(call)
    assert not result.success
    assert re.search("Stage model shop.yml, " + message, capfd.readouterr().out)
