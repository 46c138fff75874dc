"""What each preset makes of the histories that its stages are defined by, and what docs/lifecycle.md says of it.

Belongs here: the meaning of the shipped stage models. Does not: how the engine evaluates rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import PROJECT, compiled, dbt_environment
from tests.unit.dbt_project.databases import empty_database

START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=730)
FOLDER = PROJECT / "models/intermediate/lifecycle"
DERIVED = ["conversation", "outreach", "customer_success", "growth", "b2c", "b2b", "journey"]
AUTHORITIES = ["hubspot", "respond_io"]

WON, LOST = {"meaning": "deal_won"}, {"meaning": "deal_lost"}
# A step of a history: day, activity and, where they matter, attributes and other columns.
Step = tuple[float, str] | tuple[float, str, dict[str, str]] | tuple[float, str, dict[str, str], dict[str, str]]
# Of each history: the model, its name, its steps, and each episode as day and stage.
HISTORIES: list[tuple[str, str, list[Step], list[tuple[float, str]]]] = [
    (
        "outreach",
        "from the ad to loyalty; the thanks after paying is no retention",
        [
            (0, "ad_clicked"),
            (1, "form_submitted"),
            (2, "order_paid"),
            (2.1, "message_received"),
            (5, "message_received"),
            (6, "order_paid"),
            (7, "order_paid"),
        ],
        [(0, "outreach"), (1, "acquisition"), (2, "conversion"), (5, "retention"), (7, "loyalty"), (187, "churned")],
    ),
    (
        "outreach",
        "a conversation that an agent opens is no interest, and no broadcast brings back a cold lead",
        [
            (0, "opted_in"),
            (1, "conversation_opened", {"begun_by": "company"}),
            (1, "message_sent"),
            (20, "broadcast_sent"),
            (30, "conversation_opened", {"begun_by": "contact"}),
        ],
        [(0, "outreach"), (15, "cold_lead"), (30, "acquisition")],
    ),
    (
        "conversation",
        "who pays for a subscription is a customer, whoever judges them afterwards",
        [
            (0, "message_received"),
            (1, "trial_started"),
            (9, "subscription_started"),
            (10, "lead_disqualified", {"reason": "unqualified"}),
            (11, "conversation_closed", {"reason": "competitor"}),
        ],
        [(0, "new_lead"), (9, "customer")],
    ),
    (
        "outreach",
        "a deal won converts, and a competitor named later is no loss",
        [
            (0, "meeting_booked"),
            (3, "deal_stage_changed", WON),
            (9, "conversation_closed", {"reason": "competitor"}),
            (20, "review_submitted", {"score": "3"}),
            (21, "review_submitted", {"score": "5"}),
        ],
        [(0, "acquisition"), (3, "conversion"), (20, "retention"), (21, "loyalty"), (183, "churned")],
    ),
    (
        "customer_success",
        "engaged in two kinds after the first purchase; what came before it does not count",
        [
            (0, "opted_in"),
            (1, "message_received"),
            (2, "order_paid"),
            (10, "message_received"),
            (12, "message_received"),
            (14, "meeting_booked"),
        ],
        [(0, "prospecting"), (2, "acquisition"), (14, "engagement"), (192, "churned")],
    ),
    (
        "customer_success",
        "reached by e-mail; bought within two weeks of a reactivation broadcast; renewed",
        [
            (0, "broadcast_sent"),
            (1, "order_paid"),
            (60, "broadcast_sent"),
            (70, "order_paid"),
        ],
        [(0, "prospecting"), (1, "acquisition"), (70, "renewal_or_reactivation"), (250, "churned")],
    ),
    (
        "customer_success",
        "the loyalty programme, then a churned customer who is back after quiet days",
        [(0, "order_paid"), (3, "loyalty_joined"), (300, "order_paid")],
        [
            (0, "acquisition"),
            (3, "loyalty"),
            (180, "churned"),
            (300, "renewal_or_reactivation"),
            (480, "churned"),
        ],
    ),
    (
        "growth",
        "cross-sold, dormant, contacted, recovered, and in rhythm again",
        [
            (0, "ad_clicked"),
            (1, "quote_sent"),
            (2, "order_paid"),
            (12, "order_paid"),
            (130, "message_sent"),
            (140, "message_received"),
            (141, "order_paid"),
            (180, "order_paid"),
        ],
        [
            (0, "attraction"),
            (1, "acquisition"),
            (12, "development"),
            (140, "recovery"),
            (180, "loyalty"),
            (360, "churned"),
        ],
    ),
    (
        "growth",
        "back without our doing is no recovery, and a lead waits a month",
        [(0, "message_received"), (1, "message_sent"), (40, "order_paid"), (150, "message_received")],
        [(0, "acquisition"), (31, "lost_lead"), (40, "acquisition"), (150, "development"), (330, "churned")],
    ),
    (
        "b2c",
        "an abandoned cart is lost after a month; members are retained, a tier is loyal",
        [
            (0, "ad_clicked"),
            (50, "checkout_started"),
            (90, "order_paid"),
            (95, "loyalty_joined"),
            (99, "loyalty_joined", {"reason": "gold"}),
        ],
        [
            (0, "awareness"),
            (50, "consideration"),
            (80, "lost_lead"),
            (90, "purchase"),
            (95, "retention"),
            (99, "loyalty_and_advocacy"),
            (270, "churned"),
        ],
    ),
    (
        "b2b",
        "a buying committee, a deal won, and a second one",
        [
            (0, "form_submitted", {}, {"person_id": "ada"}),
            (3, "message_received", {}, {"person_id": "ada"}),
            (5, "form_submitted", {}, {"person_id": "bob"}),
            (20, "quote_sent"),
            (40, "deal_stage_changed", WON, {"source_record_id": "1"}),
            (300, "deal_stage_changed", WON, {"source_record_id": "2"}),
        ],
        [
            (0, "awareness"),
            (5, "interest_and_evaluation"),
            (20, "negotiation_and_purchase"),
            (40, "retention_and_account_management"),
            (300, "loyalty_and_partnership"),
            (665, "churned"),
        ],
    ),
    (
        "b2b",
        "an open deal silent for 120 days; what we write does not break the silence",
        [
            (0, "deal_stage_changed", {"meaning": "meeting_booked"}, {"source_record_id": "1"}),
            (10, "deal_stage_changed", {"meaning": "quote_sent"}, {"source_record_id": "1"}),
            (60, "message_sent"),
        ],
        [(0, "interest_and_evaluation"), (10, "negotiation_and_purchase"), (130, "no_decision")],
    ),
    (
        "b2b",
        "one of two open deals lost is no loss; the last one is, to whom its reason says",
        [
            (0, "deal_stage_changed", {}, {"source_record_id": "1"}),
            (1, "deal_stage_changed", {}, {"source_record_id": "2"}),
            (5, "lead_disqualified", {"reason": "unqualified"}),
            (9, "deal_stage_changed", {**LOST, "reason": "price"}, {"source_record_id": "1"}),
            (12, "deal_stage_changed", {**LOST, "reason": "competitor"}, {"source_record_id": "2"}),
        ],
        [(0, "interest_and_evaluation"), (12, "lost_to_competitor")],
    ),
    (
        "b2b",
        "a customer with a silent further deal has decided before",
        [(0, "deal_stage_changed", WON, {"source_record_id": "1"}), (9, "deal_stage_changed")],
        [(0, "retention_and_account_management"), (374, "churned")],
    ),
    (
        "journey",
        "a trial that is paid and stays; then a subscription that ends",
        [
            (0, "message_received"),
            (1, "trial_started"),
            (15, "subscription_started"),
            (60, "referral_made"),
            (400, "subscription_ended"),
        ],
        [
            (0, "consideration"),
            (1, "decision"),
            (45, "loyalty"),
            (60, "recommendation"),
            (400, "churned"),
        ],
    ),
    (
        "journey",
        "a trial that nobody pays, and a lead who considers too long",
        [(0, "trial_started"), (100, "message_received"), (130, "message_received")],
        [(0, "decision"), (30, "abandoned"), (100, "consideration"), (190, "abandoned")],
    ),
    (
        "hubspot",
        "set, set back by a clearing at the same instant, cleared, and a stage of the company's own",
        [
            (0, "crm_stage_changed", {"stage": "lead"}, {"source_system": "hubspot"}),
            (1, "crm_stage_changed", {"stage": "Customer"}, {"source_system": "respond_io"}),
            (2, "crm_stage_changed", {"stage": "opportunity"}, {"source_system": "hubspot"}),
            (3, "crm_stage_changed", {"stage": "lead"}, {"source_system": "hubspot"}),
            (3, "crm_stage_changed", {"stage": ""}, {"source_system": "hubspot"}),
            (4, "crm_stage_changed", {"stage": ""}, {"source_system": "hubspot"}),
            (9, "crm_stage_changed", {"stage": "8112233"}, {"source_system": "hubspot"}),
        ],
        [(0, "lead"), (2, "opportunity"), (3, "lead"), (9, "other")],
    ),
    (
        "respond_io",
        "new without an event of it; later messages change nothing that somebody set",
        [
            (0, "message_received", {}, {"source_system": "respond_io"}),
            (2, "crm_stage_changed", {"stage": "Hot Lead"}, {"source_system": "respond_io"}),
            (3, "crm_stage_changed", {"stage": "lead"}, {"source_system": "hubspot"}),
            (9, "crm_stage_changed", {"stage": "Cold Lead"}, {"source_system": "respond_io"}),
            (10, "message_received", {}, {"source_system": "respond_io"}),
            (20, "crm_stage_changed", {"stage": "New Lead"}, {"source_system": "respond_io"}),
        ],
        [(0, "new_lead"), (2, "hot_lead"), (9, "cold_lead"), (20, "new_lead")],
    ),
]


def definition_of(name: str) -> dict[str, Any]:
    file = FOLDER / f"int_lifecycle__{name}.yml"
    definition: dict[str, Any] = yaml.safe_load(file.read_text())["models"][0]["config"]["meta"]["lifecycle"]
    return definition


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """SQL of each stage model over a relation named `activities_given`."""
    calls = [
        "{{ lifecycle_episodes_sql(fromjson("
        + json.dumps(json.dumps(definition_of(name)))
        + "), 'activities_given') }}"
        for name in [*DERIVED, *AUTHORITIES]
    ]
    border = "/* next model */"
    with dbt_environment(tmp_path_factory.mktemp("presets"), {"LIFECYCLE_AS_OF": AS_OF.isoformat() + "Z"}):
        parts = compiled(border.join(calls)).split(border)
    return dict(zip([*DERIVED, *AUTHORITIES], parts, strict=True))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database() as opened:
        opened.execute(
            "create table activities_given (account_id text, person_id text, activity_id text, activity text,"
            " occurred_at timestamp, loaded_at timestamp default timestamp '2026-01-01', source_system text,"
            " source_record_id text, channel text, amount_reporting decimal(18, 4), attributes text)"
        )
        yield opened


@pytest.mark.parametrize(
    ("model", "steps", "expected"), [history[:1] + history[2:] for history in HISTORIES], ids=[h[1] for h in HISTORIES]
)
def test_a_preset_reads_a_history_as_it_is_defined(
    model: str,
    steps: list[Step],
    expected: list[tuple[float, str]],
    engines: dict[str, str],
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("delete from activities_given")
    for number, (day, activity, *rest) in enumerate(steps):
        attributes = rest[0] if rest else {}
        columns = {"person_id": "one", "source_system": "system", "source_record_id": "1", **dict(*rest[1:])}
        connection.execute(
            "insert into activities_given (account_id, person_id, activity_id, activity, occurred_at, source_system,"
            " source_record_id, attributes) values ('one', ?, ?, ?, ?, ?, ?, ?)",
            [
                columns["person_id"],
                f"{number:02}",
                activity,
                START + timedelta(days=day),
                columns["source_system"],
                columns["source_record_id"],
                json.dumps(attributes),
            ],
        )
    rows = connection.execute(f"select entered_at, stage from ({engines[model]}) order by entered_at").fetchall()
    assert [((entered_at - START) / timedelta(days=1), stage) for entered_at, stage in rows] == expected


@pytest.mark.parametrize("model", [*DERIVED, "respond_io"])
def test_what_we_begin_makes_no_lead_and_no_loss_before_the_contact_answers(
    model: str, engines: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("delete from activities_given")
    connection.execute(
        """
        insert into activities_given
            (account_id, person_id, activity_id, activity, occurred_at, source_system, attributes)
        select person_id, person_id, person_id || activity, activity, timestamp '2026-01-05' + interval (day) day,
            'respond_io', attributes
        from (values
            ('silent', 'conversation_opened', 0, '{"begun_by": "company"}'),
            ('silent', 'message_sent', 0, '{}'),
            ('answers', 'conversation_opened', 0, '{"begun_by": "company"}'),
            ('answers', 'message_sent', 0, '{}'),
            ('answers', 'message_received', 1, '{}'),
            ('asks', 'conversation_opened', 0, '{"begun_by": "contact"}')
        ) as given (person_id, activity, day, attributes)
        """
    )
    rows = connection.execute(
        f"select entity_id, min(entered_at) from ({engines[model]}) group by all order by all"
    ).fetchall()
    assert rows == [("answers", datetime(2026, 1, 6)), ("asks", datetime(2026, 1, 5))]


SIGNS = [
    "message_received",
    "message_sent",
    "order_placed",
    "order_paid",
    "deal_stage_changed",
    "broadcast_sent",
    "broadcast_replied",
    "ad_clicked",
]
# Often in the last months, where the half years end.
DAYS = st.integers(0, 729) | st.integers(500, 600)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(
        st.tuples(
            st.lists(st.tuples(DAYS, st.sampled_from(SIGNS)), min_size=1, max_size=5, unique=True),
            st.lists(st.tuples(DAYS, st.integers(1, 400)), max_size=2),
        ),
        min_size=20,
        max_size=30,
    )
)
def test_who_is_in_a_churned_stage_has_churned_in_customer_churn(
    people: list[tuple[list[tuple[int, str]], list[tuple[int, int]]]], engines: dict[str, str], connection: Any
) -> None:
    """By subscriptions that ended or by the inactivity rule, which fewer signs of life stop than those of a stage."""
    connection.execute("delete from activities_given")
    rows = []
    for person, (signs, subscriptions) in enumerate(people):
        happened = [(day, activity, "0") for day, activity in signs]
        for number, (day, length) in enumerate(subscriptions, start=1):
            happened += [(day, "subscription_started", f"{number}"), (day + length, "subscription_ended", f"{number}")]
        for number, (day, activity, record) in enumerate(happened):
            if day < 730:
                at = START + timedelta(days=day)
                rows.append((f"{person}", f"{person}:{number}", activity, at, record, json.dumps(WON)))
    connection.executemany(
        "insert into activities_given (person_id, activity_id, activity, occurred_at, source_system, source_record_id,"
        " attributes) values (?, ?, ?, ?, 'system', ?, ?)",
        rows,
    )
    for model in ("outreach", "customer_success", "growth", "b2c", "journey"):
        churned = connection.execute(
            f"select entity_id from ({engines[model]}) where exited_at is null and stage = 'churned'"
        ).fetchall()
        for (person,) in churned:
            signs, subscriptions = people[int(person)]
            ends = [day + length for day, length in subscriptions]
            assert all(end < 730 for end in ends), f"{model}: pays for a subscription now"
            orders = [day for day, activity in signs if activity == "order_paid"]
            messages = [day for day, activity in signs if activity == "message_received"]
            assert not orders or max([*orders, *messages, *ends]) + 180 <= 730, f"{model}: was there lately"
            deals = [day for day, activity in signs if activity == "deal_stage_changed"]
            assert orders or subscriptions or deals, f"{model}: never a customer"


@pytest.mark.parametrize("name", DERIVED)
def test_the_documentation_lists_the_stages_of_a_preset_with_their_labels(name: str) -> None:
    definition = definition_of(name)
    text = (PROJECT.parent / "docs/lifecycle.md").read_text(encoding="utf-8")
    labels = definition["labels"]
    assert (heading := f"\n### `{name}` — {labels['en']} · {labels['fr']}\n") in text
    section = text.split(heading)[1].split("\n#")[0]
    listed = [line.split(" | ")[:2] for line in section.splitlines() if line.startswith("| `")]
    assert listed == [
        [
            f"| `{stage['key']}`" + (" (lost)" if stage["kind"] == "lost" else ""),
            f"{stage['labels']['en']} · {stage['labels']['fr']}",
        ]
        for stage in definition["stages"]
    ]


@pytest.mark.parametrize("name", AUTHORITIES)
def test_an_authority_agrees_with_stages_that_exist(name: str) -> None:
    known = {model: {stage["key"] for stage in definition_of(model)["stages"]} for model in DERIVED}
    for stage in definition_of(name)["stages"]:
        for model, stages in stage.get("means", {}).items():
            assert set(stages) <= known[model], (stage["key"], model)
