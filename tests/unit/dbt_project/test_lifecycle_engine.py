"""The compiled stage engine equals the event-by-event reference on random histories, whole and in increments.

Belongs here: what the engine does with rules, and which entities an increment evaluates. Does not: the measures
(test_lifecycle_measures.py), the marts.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import PROJECT, compiled, dbt_environment, invoke, parsed
from tests.unit.dbt_project.databases import empty_database
from tests.unit.dbt_project.reference_engine import Candidate, Episode, Event, candidates, episodes
from tests.unit.dbt_project.test_lifecycle_measures import Fact, expected_measures

# Winter and summer time change in it, in Europe on 29 March and 25 October.
BY_CONTACT = {"begun_by": "contact"}
START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=500)
# The tables that increments keep, and the model whose configuration says how; every stage model has the same.
TABLES = {
    "entities_given": "int_lifecycle_entities__fingerprinted",
    "episodes_given": "int_lifecycle__conversation",
    "entries_given": "fct_lifecycle_entries",
}
# In the compiled SQL; a test writes the instant it wants in its place.
COMPILED_AS_OF = datetime(2001, 2, 3, 4, 5, 6)
RUNS = (datetime(2030, 1, 1) + timedelta(seconds=number) for number in count())


def preset(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))["models"][0]["config"]["meta"]["lifecycle"]


PRESETS = {
    file.stem.removeprefix("int_lifecycle__"): preset(file)
    for file in sorted((PROJECT / "models/intermediate/lifecycle").glob("int_lifecycle__*.yml"))
}

# Every kind of rule in one model: set (back, and to a lost stage), clear, priority, timers that meet and that start
# each other.
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
            "if": "measures.paid_orders_to_date > 1 and source_system = 'crm'",
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
            "if": "source_system <> 'inbox'",
            "then": "lose",
            "stage": "gone",
            "reason": "silent",
        },
        {"key": "back", "after_days": 5, "since": ["lead_qualified"], "without": [], "then": "set", "stage": "a"},
        {
            "key": "refused_in_silence",
            "after_days": 4,
            "since": ["silent", "lead_disqualified"],
            "without": ["message_received"],
            "then": "set",
            "stage": "refused",
            "reason": "attributes.reason",
        },
    ],
}
MODELS = {**PRESETS, "every_rule": EVERY_RULE}


def condition_sql(rule: dict) -> str:
    condition = re.sub(r"measures\.", "", rule.get("if") or "true")
    return re.sub(r"attributes\.(\w+)", r"json_extract_string(attributes, '$.\1')", condition)


def asks_for(definition: dict) -> set[str]:
    """Names of the measures in the rules' conditions."""
    return {name for rule in definition["rules"] for name in re.findall(r"measures\.(\w+)", rule.get("if") or "")}


def holding(definition: dict, histories: list[list[Event]], found: list[list[Candidate]]) -> list[list[Candidate]]:
    """The candidates of each history whose conditions hold, by measures that plain Python works out at the instant."""
    names = sorted(asks_for(definition))
    rows = []
    for history, own in zip(histories, found, strict=True):
        facts = [as_fact(event) for event in history]
        for candidate in own:
            measures = expected_measures(as_fact(candidate.event, candidate.instant), facts) if names else {}
            rows.append(
                {
                    "place": len(rows),
                    "rule": candidate.rule_number,
                    "source_system": candidate.event.source_system,
                    "attributes": json.dumps(candidate.event.attributes),
                    **{name: measures[name] for name in names},
                }
            )
    if not rows:
        return found
    cases = " ".join(
        f"when {number} then {condition_sql(rule)}" for number, rule in enumerate(definition["rules"], start=1)
    )
    asked = pa.Table.from_pylist(rows)
    query = f"select coalesce(case rule {cases} end, false) from asked order by place"
    with empty_database() as connection:
        connection.register("asked", asked)
        answers = iter([holds for (holds,) in connection.execute(query).fetchall()])
    return [[candidate for candidate in own if next(answers)] for own in found]


def as_fact(event: Event, instant: datetime | None = None) -> Fact:
    return Fact(
        event.activity_id,
        event.activity,
        instant or event.occurred_at,
        event.person_id,
        event.source_system,
        event.source_record_id,
        event.attributes.get("meaning"),
    )


ACTIVITY_COLUMNS = {
    "person_id": "text",
    "account_id": "text",
    "activity_id": "text",
    "activity": "text",
    "occurred_at": "timestamp",
    "source_system": "text",
    "source_record_id": "text",
    "attributes": "text",
}


@contextmanager
def loaded(histories: list[list[Event]], entity: str, as_of: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database whose `activities_given` holds what each numbered entity did by `as_of`; the rows are shuffled."""
    with empty_database() as connection:
        load(connection, dict(enumerate(histories)), entity, as_of)
        yield connection


def load(
    connection: duckdb.DuckDBPyConnection, histories: dict[int, list[Event]], entity: str, as_of: datetime
) -> None:
    rows = [
        (
            str(number) if entity == "person" else event.person_id,
            str(number) if entity == "account" else None,
            event.activity_id,
            event.activity,
            event.occurred_at,
            event.source_system,
            event.source_record_id,
            json.dumps(event.attributes),
        )
        for number, history in histories.items()
        for event in history
        if event.occurred_at <= as_of
    ]
    random.Random(len(rows)).shuffle(rows)
    columns = ", ".join(f"{name} {kind}" for name, kind in ACTIVITY_COLUMNS.items())
    connection.execute(f"create or replace table given ({columns})")
    if rows:
        connection.register("rows", pa.table(dict(zip(ACTIVITY_COLUMNS, zip(*rows, strict=True), strict=True))))
        connection.execute("insert into given by name select * from rows")
        connection.unregister("rows")
    connection.execute(
        "create or replace table activities_given as select *, timestamp '2026-06-01' as loaded_at,"
        " 'chat' as channel, 10::decimal(18, 4) as amount_reporting,"
        " (hash(activity_id, person_id, account_id) >> 1)::bigint as row_fingerprint from given"
    )


def at(as_of: datetime, sql: str, run: datetime | None = None) -> str:
    """The compiled SQL with another `as_of`, in a run that began at `run`, or later than all before it."""
    sql = re.sub(r"timestamp '[^']+'( as (evaluated|changed|measured)_at)", rf"timestamp '{run or next(RUNS)}'\1", sql)
    compiled_literal = f"timestamp '{COMPILED_AS_OF:%Y-%m-%d %H:%M:%S.%f}'"
    return sql.replace(compiled_literal, f"timestamp '{as_of:%Y-%m-%d %H:%M:%S.%f}'")


EPISODE = (
    "stage, pass_number, entered_at, exited_at, previous_stage, next_stage, entry_rule, entry_activity_id, lost_reason"
)


def call(definition: dict, existing: str) -> str:
    return (
        "{{ lifecycle_evaluation_sql(fromjson("
        + json.dumps(json.dumps(definition))
        + f"), 'activities_given', 'entities_given', {existing}) }}}}"
    )


@pytest.fixture(scope="module")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def engines(dbt_folder: Path) -> dict[str, str]:
    """The SQL of every model that evaluates everyone."""
    with dbt_environment(dbt_folder, {"LIFECYCLE_AS_OF": COMPILED_AS_OF.isoformat() + "Z"}):
        separator = "\n--next\n"
        sql = compiled(separator.join(call(definition, "none") for definition in MODELS.values()))
    return dict(zip(MODELS, sql.split(separator.strip()), strict=True))


def run_engine(sql: str, histories: list[list[Event]], entity: str, as_of: datetime = AS_OF) -> list[list[Episode]]:
    """Episodes of each history."""
    found: list[list[Episode]] = [[] for _ in histories]
    with loaded(histories, entity, as_of) as connection:
        for number, *episode in connection.execute(
            f"select entity_id, {EPISODE} from ({at(as_of, sql)}) order by entered_at"
        ).fetchall():
            found[int(number)].append(Episode(*episode))
    return found


def histories_of(definition: dict) -> st.SearchStrategy[list[list[Event]]]:
    """Short histories over few instants, so that ties, same-day reversals and exact deadlines are common."""
    rules = definition["rules"]
    timers = {rule["key"]: rule["after_days"] for rule in rules if "after_days" in rule}
    activities = {
        activity for rule in rules for field in ("when", "since", "without") for activity in rule.get(field) or []
    } - timers.keys()
    text = " ".join(rule.get("if") or "" for rule in rules)
    if asks_for(definition):
        activities |= {"order_paid", "message_received", "deal_stage_changed", "subscription_started"}
    literals = re.findall(r"'([^']*)'", text)
    names = re.findall(r"attributes\.(\w+)", text + " ".join(rule.get("reason") or "" for rule in rules))
    offsets = [timedelta(days=days) for days in timers.values()]
    instants = st.builds(
        lambda day, hour, offset, nudge: START + timedelta(days=day, hours=hour, microseconds=nudge) + offset,
        st.one_of(st.integers(0, 4), st.integers(0, 300)),
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from([timedelta(0), *offsets, 2 * timedelta(days=1)]),
        st.sampled_from([0, 0, 0, 1, -1]),
    )
    values = st.sampled_from([*literals, "1", "4", "5", "mistake"])
    facts = st.tuples(
        st.sampled_from(sorted(activities)),
        instants,
        st.dictionaries(st.sampled_from(sorted({*names, "meaning"})), values, max_size=3),
        st.sampled_from(["ada", "bob", "cyd"]),
        st.sampled_from(sorted({"crm", "inbox", *re.findall(r"source_system = '(\w+)'", text)})),
        st.sampled_from(["1", "2"]),
    )
    sizes = st.lists(st.lists(facts, max_size=14), min_size=1, max_size=40)
    return sizes.map(
        lambda histories: [
            [Event(f"{owner}-{place:03}", *fact) for place, fact in enumerate(history)]
            for owner, history in enumerate(histories)
        ]
    )


@pytest.mark.parametrize("name", MODELS)
def test_compiled_engine_equals_the_reference(name: str, engines: dict[str, str]) -> None:
    definition = MODELS[name]

    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    @given(histories_of(definition))
    @example([[Event("1", "message_sent", START), Event("2", "lead_created", START)]])
    def check(histories: list[list[Event]]) -> None:
        assert run_engine(engines[name], histories, definition["entity"]) == by_reference(definition, histories)

    check()


def by_reference(definition: dict, histories: list[list[Event]], as_of: datetime = AS_OF) -> list[list[Episode]]:
    by_then = [[event for event in history if event.occurred_at <= as_of] for history in histories]
    found = [candidates(definition, history, as_of) for history in by_then]
    return [episodes(definition, own) for own in holding(definition, by_then, found)]


@pytest.mark.parametrize("name", MODELS)
def test_episodes_tile_time_without_gap_or_overlap(name: str, engines: dict[str, str]) -> None:
    definition = MODELS[name]
    never_clears = not any(rule["then"] == "clear" for rule in definition["rules"])

    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    @given(histories_of(definition))
    def check(histories: list[list[Event]]) -> None:
        for found in run_engine(engines[name], histories, definition["entity"]):
            for episode, later in zip(found, found[1:], strict=False):
                assert episode.exited_at is not None and episode.exited_at <= later.entered_at
                assert not never_clears or episode.exited_at == later.entered_at
            assert not found or not never_clears or found[-1].exited_at is None

    check()


def test_a_timer_fires_at_its_exact_instant_and_not_before(engines: dict[str, str]) -> None:
    opened = Event("1", "conversation_opened", START, BY_CONTACT)
    sent = Event("2", "message_sent", START + timedelta(hours=1))
    deadline = sent.occurred_at + timedelta(days=14)
    in_time = Event("3", "message_received", deadline)
    late = Event("3", "message_received", deadline + timedelta(microseconds=1))
    silent, answered, answered_late = run_engine(
        engines["conversation"], [[opened, sent], [opened, sent, in_time], [opened, sent, late]], "person"
    )
    assert [(episode.stage, episode.entered_at) for episode in silent] == [("new_lead", START), ("cold_lead", deadline)]
    assert [episode.stage for episode in answered] == ["new_lead"]
    assert [(episode.stage, episode.pass_number) for episode in answered_late] == [
        ("new_lead", 1),
        ("cold_lead", 1),
        ("new_lead", 2),
    ]
    assert silent[1].lost_reason == "no reply in 14 days"


def test_a_timer_is_not_due_before_the_refresh(engines: dict[str, str]) -> None:
    history = [
        Event("1", "conversation_opened", START, BY_CONTACT),
        Event("2", "message_sent", START + timedelta(hours=1)),
    ]
    deadline = START + timedelta(days=14, hours=1)
    for as_of, stages in [(deadline - timedelta(microseconds=1), ["new_lead"]), (deadline, ["new_lead", "cold_lead"])]:
        (found,) = run_engine(engines["conversation"], [history], "person", as_of)
        assert [episode.stage for episode in found] == stages


@dataclass(frozen=True)
class Night:
    """The instant of a refresh, all that is known by then, and the stage models that are enabled."""

    as_of: datetime
    told: dict[int, list[Event]]
    enabled: list[str]


@st.composite
def refreshes(draw: st.DrawFn, names: list[str]) -> list[Night]:
    """Nights of late arrivals, of what is taken back and comes again, of merges and erasures; all models run last."""
    definition = MODELS[names[0]]
    events = dict(enumerate(draw(histories_of(definition))))
    owners = {event.activity_id: owner for owner, history in events.items() for event in history}
    known: set[str] = set()
    pool = {event.activity_id: event for history in events.values() for event in history}
    nights = []
    as_of = START
    for _ in range(draw(st.integers(1, 5))):
        as_of += timedelta(days=draw(st.sampled_from([0, 1, 3, 14, 60, 200, -10])))
        chosen = st.sets(st.sampled_from(sorted(pool))) if pool else st.just(set())
        known |= draw(chosen)
        known -= draw(st.one_of(st.just(set()), chosen))
        if owners and draw(st.booleans()):
            erased = draw(st.sampled_from(sorted(events)))
            known -= {key for key, owner in owners.items() if owner == erased}
        if owners and draw(st.booleans()):
            gone, into = draw(st.tuples(*[st.sampled_from(sorted(events))] * 2))
            owners = {key: into if owner == gone else owner for key, owner in owners.items()}
        told: dict[int, list[Event]] = {owner: [] for owner in events}
        for key in sorted(known):
            told[owners[key]].append(pool[key])
        nights.append(Night(as_of, told, draw(st.sampled_from([names, names, names[:1], names[1:] or names]))))
    return [*nights, Night(as_of, told, names)]


@pytest.fixture(scope="module")
def increments(dbt_folder: Path) -> dict[str, str]:
    """The SQL of every model that evaluates what changed, of fingerprints and entries both ways, and of replacing."""
    sql = {name: call(definition, "'episodes_given'") for name, definition in MODELS.items()}
    for prefix, entities, entries in [("first ", "none", "none"), ("", "'entities_given'", "'entries_given'")]:
        sql[f"{prefix}fingerprints"] = f"{{{{ lifecycle_fingerprints_sql('activities_given', {entities}) }}}}"
        sql[f"{prefix}entries"] = f"{{{{ lifecycle_entries_sql('activities_given', 'episodes_told', {entries}) }}}}"
    separator = "\n--next\n"
    with dbt_environment(dbt_folder, {"LIFECYCLE_AS_OF": COMPILED_AS_OF.isoformat() + "Z"}):
        for table, model in TABLES.items():
            config = parsed().nodes[f"model.lifecycle.{model}"].config
            arguments = {
                "target_relation": table,
                "temp_relation": "news",
                "unique_key": config.unique_key,
                "dest_columns": [{"name": "every_column"}],
                "incremental_predicates": config.get("incremental_predicates"),
            }
            strategy = f"get_incremental_{config.incremental_strategy}_sql"
            sql[table] = f"{{{{ {strategy}(fromjson({json.dumps(json.dumps(arguments))})) }}}}"
        parts = compiled(separator.join(sql.values())).split(separator.strip())
    found = dict(zip(sql, parts, strict=True))
    assert all(f"{COMPILED_AS_OF:%Y-%m-%d %H:%M:%S}" in found[name] for name in MODELS)
    return found


def refresh(
    connection: duckdb.DuckDBPyConnection, increments: dict[str, str], engines: dict[str, str], night: Night
) -> None:
    """What dbt does in a night: create each table, or replace in it those of whom there is news."""
    run = next(RUNS)
    keep(connection, increments, "entities_given", "entities_given", "fingerprints", night.as_of, run)
    for name in night.enabled:
        own = {name: increments[name].replace("episodes_given", f"episodes_{name}"), f"first {name}": engines[name]}
        keep(connection, {**increments, **own}, "episodes_given", f"episodes_{name}", name, night.as_of, run)
    episodes_told = " union all by name ".join(f"select * from episodes_{name}" for name in night.enabled)
    connection.execute(f"create or replace view episodes_told as {episodes_told}")
    keep(connection, increments, "entries_given", "entries_given", "entries", night.as_of, run)


def keep(
    connection: duckdb.DuckDBPyConnection,
    increments: dict[str, str],
    kind: str,
    table: str,
    name: str,
    as_of: datetime,
    run: datetime,
) -> None:
    if not connection.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchall():
        connection.execute(f"create table {table} as {at(as_of, increments[f'first {name}'], run)}")
        return
    connection.execute(f"create or replace temp table news as {at(as_of, increments[name], run)}")
    columns = ", ".join(row[0] for row in connection.execute(f"describe {table}").fetchall())
    connection.execute(increments[kind].replace(kind, table).replace("every_column", columns))


def differences(
    connection: duckdb.DuckDBPyConnection, increments: dict[str, str], engines: dict[str, str], night: Night
) -> dict[str, list[tuple]]:
    """Rows of each table that stand without being in a rebuild, or the other way round."""
    tables = {
        "entities_given": ("entity_type, entity_id, fingerprint, activity_count", increments["first fingerprints"]),
        **{
            f"episodes_{name}": (f"entity_type, entity_id, lifecycle_model, {EPISODE}, loaded_at", engines[name])
            for name in night.enabled
        },
        "entries_given": (
            "entity_type, entity_id, entered_at, entry_activity_id, measures",
            increments["first entries"],
        ),
    }
    found = {}
    for table, (columns, rebuilding) in tables.items():
        standing = f"select {columns} from {table}"
        rebuilt = f"select {columns} from ({at(night.as_of, rebuilding)})"
        difference = f"({standing} except all {rebuilt}) union all ({rebuilt} except all {standing})"
        if rows := connection.execute(difference).fetchall():
            found[table] = rows
    return found


@pytest.mark.parametrize("name", MODELS)
def test_increments_equal_a_rebuild(name: str, engines: dict[str, str], increments: dict[str, str]) -> None:
    """Fingerprints, episodes of two stage models side by side, and the measures at their entries."""
    entity = MODELS[name]["entity"]
    names = [
        name,
        *[other for other in ("every_rule", "conversation") if MODELS[other]["entity"] == entity != name][:1],
    ]

    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    @given(refreshes(names))
    def check(nights: list[Night]) -> None:
        with empty_database() as connection:
            for night in nights:
                load(connection, night.told, entity, night.as_of)
                refresh(connection, increments, engines, night)
                assert differences(connection, increments, engines, night) == {}

    check()


def test_who_merges_or_is_erased_leaves_nothing_behind(engines: dict[str, str], increments: dict[str, str]) -> None:
    def buys(owner: int) -> list[Event]:
        return [
            Event(f"{owner}-1", "conversation_opened", START + timedelta(days=owner), BY_CONTACT),
            Event(f"{owner}-2", "order_paid", START + timedelta(days=owner, hours=1)),
        ]

    apart = {owner: buys(owner) for owner in range(4)}
    merged = {0: [*buys(0), *buys(1)], 3: buys(3)}
    with empty_database() as connection:
        for told, owners in [(apart, {"0", "1", "2", "3"}), (merged, {"0", "3"}), (apart, {"0", "1", "2", "3"})]:
            night = Night(AS_OF, told, ["conversation", "every_rule"])
            load(connection, told, "person", AS_OF)
            refresh(connection, increments, engines, night)
            for table in ("entities_given", "episodes_conversation", "episodes_every_rule", "entries_given"):
                found = connection.execute(f"select distinct entity_id from {table}").fetchall()
                assert {entity for (entity,) in found} == owners, table
            assert differences(connection, increments, engines, night) == {}


def test_an_increment_evaluates_only_whom_it_has_to(engines: dict[str, str], increments: dict[str, str]) -> None:
    def asked(day: int) -> list[Event]:
        return [
            Event(f"{day}-1", "conversation_opened", START, BY_CONTACT),
            Event(f"{day}-2", "message_sent", START + timedelta(day)),
        ]

    first, second = START + timedelta(days=12), START + timedelta(days=16)
    told = {0: asked(0), 1: asked(1), 2: asked(9), 3: asked(10), 4: asked(11)}
    later = {**told, 3: [*told[3], Event("3-3", "message_received", second)], 4: [], 5: asked(5)}
    with empty_database() as connection:
        for as_of, known in [(first, told), (second, later)]:
            load(connection, known, "person", as_of)
            refresh(connection, increments, engines, Night(as_of, known, ["conversation"]))
        runs = connection.execute(
            "select entity_id, max(evaluated_at), max(measured_at) from episodes_conversation "
            "join entries_given using (entity_id) group by entity_id"
        ).fetchall()
        latest = max(evaluated_at for _, evaluated_at, _ in runs)
        # The second time: two timers that ran out, someone who wrote, someone new; nobody else.
        assert {entity for entity, evaluated_at, _ in runs if evaluated_at == latest} == {"0", "1", "3", "5"}
        assert {entity for entity, _, measured_at in runs if measured_at == latest} == {"0", "1", "3", "5"}
        assert {entity for entity, _, _ in runs} == {"0", "1", "2", "3", "5"}


def test_another_engine_evaluates_everyone(engines: dict[str, str], increments: dict[str, str]) -> None:
    told = {owner: [Event(f"{owner}", "conversation_opened", START, BY_CONTACT)] for owner in range(3)}
    with empty_database() as connection:
        load(connection, told, "person", AS_OF)
        refresh(connection, increments, engines, Night(AS_OF, told, ["conversation"]))
        connection.execute("update episodes_conversation set engine_version = 'an edited rule'")
        refresh(connection, increments, engines, Night(AS_OF + timedelta(days=1), told, ["conversation"]))
        query = "select count(*) from episodes_conversation where engine_version <> 'an edited rule'"
        assert connection.execute(query).fetchone() == (3,)


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
def test_a_wrong_rule_is_refused_by_name(
    change: dict, message: str, dbt_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    definition = json.loads(json.dumps(EVERY_RULE))
    definition["rules"][2].update(change)
    assert refusal(definition, dbt_folder, capfd, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entity": "deal"}, r"the model: entity `deal` is unknown. Fix: write person or account"),
        ({"model": "shop"}, r"the model: it is called `shop` and its dbt model int_lifecycle__every_rule"),
        ({"proposes": "shops"}, r"the model: it proposes another `shops`, which is not an enabled model"),
        ({"labels": {"en": "x"}}, r"the model: the label `fr` is missing"),
    ],
)
def test_a_wrong_model_is_refused_by_name(
    change: dict, message: str, dbt_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refusal({**EVERY_RULE, **change}, dbt_folder, capfd, message)


def test_a_proposal_is_no_model_that_counts(dbt_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert refusal(
        {**EVERY_RULE, "model": "outreach", "proposes": "conversation"},
        dbt_folder,
        capfd,
        r"the model: it proposes to replace `conversation`, and lifecycle_models in dbt_project.yml names it. "
        r"Fix: move its name to lifecycle_proposals",
        name="outreach",
    )


def test_timers_that_start_each_other_in_a_circle_are_refused(
    dbt_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    definition = json.loads(json.dumps(EVERY_RULE))
    rules = {rule["key"]: rule for rule in definition["rules"]}
    rules["silent"]["since"].append("refused_in_silence")
    assert refusal(
        definition,
        dbt_folder,
        capfd,
        r"rule silent: its timer waits for itself: silent, refused_in_silence start each other",
    )


def refusal(
    definition: dict, dbt_folder: Path, capfd: pytest.CaptureFixture[str], message: str, name: str = "every_rule"
) -> bool:
    """Whether the definition is refused in these words."""
    with dbt_environment(dbt_folder):
        result = invoke(
            "{% do validate_lifecycle_model(fromjson("
            + json.dumps(json.dumps(definition))
            + f"), 'shop.yml', '{name}') %}} select 1"
        )
    assert not result.success
    return bool(re.search("Stage model shop.yml, " + message, capfd.readouterr().out))


def test_a_rule_reads_as_a_sentence(dbt_folder: Path) -> None:
    rules = {rule["key"]: rule for rule in EVERY_RULE["rules"]}
    calls = [
        "{{ lifecycle_rule_text(fromjson(" + json.dumps(json.dumps(rules[key])) + ")) }}"
        for key in ("refuse", "silent", "forget")
    ]
    with dbt_environment(dbt_folder):
        sentences = compiled("\n".join(calls)).strip().splitlines()
    assert sentences == [
        "On lead_disqualified, if attributes.reason <> 'mistake': lose to refused (reason: attributes.reason)",
        "3 days after message_sent or order_paid without message_received, order_paid, if source_system <> 'inbox':"
        " lose to gone (reason: silent)",
        "On opted_in: leave the funnel",
    ]
