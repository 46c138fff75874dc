from __future__ import annotations

import pyarrow.compute as pc
import pytest

from sandbox.records import Activity, OwnedRecord, Person
from sandbox.running import Sandbox
from sandbox.settings import DAY
from sandbox.truth import COLD_AFTER, Move, clusters, conversation_moves

RECORD = ("respond_io", "contact", "1")
END = 400 * DAY


def happened(*events: tuple[str, int] | tuple[str, int, str]) -> list[Activity]:
    return [Activity(e[0], e[1], e[1], RECORD, e[2] if len(e) > 2 else None) for e in events]  # type: ignore[misc]


def stages(moves: list[Move]) -> list[tuple[str, int, int]]:
    return [(move.stage, move.pass_number, move.at) for move in moves]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([("message_received", 5)], [("new_lead", 1, 5)], id="new lead"),
        pytest.param(
            [("order_placed", 5), ("order_paid", 6), ("lead_created", 7), ("lead_qualified", 8)],
            [("payment", 1, 5), ("customer", 1, 6)],
            id="never back",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10)],
            [("new_lead", 1, 5), ("cold_lead", 1, 10 + COLD_AFTER)],
            id="cold at the exact instant",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("message_received", 10 + COLD_AFTER)],
            [("new_lead", 1, 5)],
            id="an answer at exactly that instant is in time",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("lead_qualified", 10 + COLD_AFTER)],
            [("new_lead", 1, 5), ("hot_lead", 2, 10 + COLD_AFTER)],
            id="a judgement at that instant is no answer: the state after the last move counts",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("lead_qualified", 20)],
            [("new_lead", 1, 5), ("hot_lead", 1, 20), ("cold_lead", 1, 10 + COLD_AFTER)],
            id="a judgement does not end the silence",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("broadcast_sent", 20)],
            [("new_lead", 1, 5), ("cold_lead", 1, 10 + COLD_AFTER)],
            id="a broadcast neither starts nor ends the silence",
        ),
        pytest.param(
            [("order_placed", 5), ("order_paid", 6), ("message_sent", 10)],
            [("payment", 1, 5), ("customer", 1, 6)],
            id="who paid does not go cold",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("subscription_started", 12), ("lead_disqualified", 13)],
            [("new_lead", 1, 5), ("customer", 1, 12)],
            id="who pays for a subscription is a customer and stays one",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 10), ("trial_started", 12)],
            [("new_lead", 1, 5), ("cold_lead", 1, 10 + COLD_AFTER)],
            id="a trial pays nothing",
        ),
        pytest.param(
            [("message_received", 5), ("lead_disqualified", 6), ("message_sent", 7)],
            [("new_lead", 1, 5), ("unqualified", 1, 6)],
            id="silence after a loss is no news",
        ),
        pytest.param(
            [("message_received", 5), ("message_sent", 7), ("lead_disqualified", 8 + COLD_AFTER)],
            [("new_lead", 1, 5), ("cold_lead", 1, 7 + COLD_AFTER), ("unqualified", 1, 8 + COLD_AFTER)],
            id="from lost to lost in the same pass",
        ),
        pytest.param(
            [("message_received", 5), ("lead_disqualified", 6), ("lead_qualified", 9), ("lead_disqualified", 12)],
            [("new_lead", 1, 5), ("unqualified", 1, 6), ("hot_lead", 2, 9), ("unqualified", 2, 12)],
            id="a re-entry opens another pass at the rule's stage",
        ),
        pytest.param(
            [("lead_created", 5), ("conversation_closed", 8, "Lost to competitor")],
            [("new_lead", 1, 5), ("lost_to_competitor", 1, 8)],
            id="lost to a competitor in chat",
        ),
        pytest.param(
            [("quote_sent", 5), ("deal_stage_changed", 8, "Competitor"), ("deal_stage_changed", 9, "Price")],
            [("hot_lead", 1, 5), ("lost_to_competitor", 1, 8)],
            id="lost to a competitor in the CRM; another reason is none of ours",
        ),
        pytest.param(
            [("quote_sent", 5), ("deal_stage_changed", 8, "closedwon"), ("lead_disqualified", 9), ("message_sent", 10)],
            [("hot_lead", 1, 5), ("customer", 1, 8)],
            id="a deal won is a purchase",
        ),
        pytest.param([("lead_disqualified", 5)], [], id="who never came cannot be lost"),
        pytest.param([("message_sent", 5)], [], id="silence loses nobody who never came"),
        pytest.param(
            [("order_placed", 5), ("order_paid", 5)], [("customer", 1, 5)], id="at one instant the last move counts"
        ),
        pytest.param([("message_received", END + 1)], [], id="nothing after as-of"),
    ],
)  # fmt: skip
def test_rules_of_the_conversation_model(events: list[tuple[str, int]], expected: list[tuple[str, int, int]]) -> None:
    assert stages(conversation_moves(happened(*events), END)) == expected
    assert stages(conversation_moves(reversed(happened(*events)), END)) == expected


def test_silence_counts_only_once_it_is_over() -> None:
    events = happened(("message_received", 5), ("message_sent", 10))
    assert stages(conversation_moves(events, 9 + COLD_AFTER)) == [("new_lead", 1, 5)]
    assert stages(conversation_moves(events, 10 + COLD_AFTER))[-1] == ("cold_lead", 1, 10 + COLD_AFTER)


def _person(*records: OwnedRecord) -> Person:
    return Person(7, 0, "ES", "Ana", "López", "chat", [], "", records=list(records))


def test_records_are_one_person_by_what_they_have_in_common() -> None:
    person = _person(
        OwnedRecord("hubspot", "contact", "1", 1, [(1, ("email", "a@x"))]),
        OwnedRecord("respond_io", "contact", "2", 2, [(2, ("phone", "+34")), (9, ("email", "a@x"))]),
        OwnedRecord("shopify", "guest_order", "3", 3, [(3, ("email", "b@x"))]),
        OwnedRecord("shopify", "guest_order", "4", 4),
        OwnedRecord("shopify", "customer", "5", 5, [(5, ("phone", "+34"))]),
    )
    early, late = list(clusters(person, 5).values()), list(clusters(person, 9).values())
    assert clusters(person, 5)[("shopify", "guest_order", "4")] is None
    assert len({key for key in early if key}) == 3  # 1 | 2, 5 | 3
    assert len({key for key in late if key}) == 2  # 1, 2, 5 | 3
    found = clusters(person, 9)
    assert found[("hubspot", "contact", "1")] == found[("shopify", "customer", "5")] == person.key
    assert found[("shopify", "guest_order", "3")] == f"{person.key}.2"


def test_tables_fit_together(sandbox: Sandbox) -> None:
    truth = sandbox.truth()
    people, records, orders = truth.people(), truth.records(), truth.orders()
    keys = set(people["person_key"].to_pylist())
    assert set(records["person_key"].to_pylist()) == keys | {None}  # nobody knows who sends spam
    moves = truth.stage_moves()
    assert set(moves["key"].to_pylist()) == keys  # everybody who came is in some stage
    assert moves.filter(pc.is_null(moves["exited_at"])).num_rows == len(keys)
    paid = {row["person_key"] for row in orders.to_pylist() if row["paid_at"] and not row["is_test"]}
    paid |= {row["person_key"] for row in truth.subscriptions().to_pylist() if row["started_at"]}
    won = {row["person_key"] for row in truth.activities().to_pylist() if row["detail"] == "closedwon"}
    customers = {row["key"] for row in moves.to_pylist() if row["stage"] == "customer"}
    assert won - paid and customers == paid | won
    refunds = truth.refunds().group_by("order_id").aggregate([("amount", "sum")]).to_pylist()
    refunded = {row["order_id"]: row["refunded_amount"] for row in orders.to_pylist() if row["refunded_amount"]}
    assert {row["order_id"]: row["amount_sum"] for row in refunds} == refunded


def test_most_people_can_be_linked_and_some_records_cannot(sandbox: Sandbox) -> None:
    truth = sandbox.truth()
    linkable = truth.people()["is_fully_linkable"].to_pylist()
    assert 0.9 < sum(linkable) / len(linkable) < 1
    records = truth.records().to_pylist()
    assert any(row["cluster_key"] is None for row in records)
    records = [row for row in records if row["person_key"]]  # without those of strangers, who are in no stage
    assert all(row["is_linkable"] == (row["cluster_key"] == row["person_key"]) for row in records)
    by_cluster = set(truth.stage_moves(by="cluster")["key"].to_pylist())
    unstaged = {row["cluster_key"] for row in records if row["cluster_key"]} - by_cluster
    # Someone whom only the billing system knows may have tried a subscription and never paid.
    assert {row["source_system"] for row in records if row["cluster_key"] in unstaged} <= {"stripe"}
    assert by_cluster <= {row["cluster_key"] for row in records}


def test_lost_and_regained_people_exist(sandbox: Sandbox) -> None:
    moves = sandbox.truth().stage_moves().to_pylist()
    assert {"cold_lead", "unqualified", "lost_to_competitor"} <= {row["stage"] for row in moves}
    assert any(row["pass_number"] > 1 for row in moves)
    for row in moves:
        assert row["exited_at"] is None or row["exited_at"] > row["entered_at"]


def test_who_came_by_no_ad_never_carries_a_campaign(sandbox: Sandbox) -> None:
    touched = {row["person_key"]: row["campaign_id"] for row in sandbox.truth().first_touch().to_pylist()}
    people = {person.key: person for person in sandbox.company.people(sandbox.state.clock)}
    assert touched and all(people[key].campaign_id == campaign for key, campaign in touched.items())
    entered_by_ad = {key for key, person in people.items() if person.entry in ("ad_form", "ad_chat")}
    assert entered_by_ad <= touched.keys()


def test_a_late_import_is_true_only_once_it_is_known(sandbox: Sandbox) -> None:
    from sandbox.truth import Truth

    person = sandbox.company.people(sandbox.state.clock)[15]
    late = next(order for order in person.orders if order.created_at > order.processed_at)
    order_id = f"gid://shopify/Order/{late.id}"
    before = Truth(sandbox.company, late.created_at - 1).orders()["order_id"].to_pylist()
    after = Truth(sandbox.company, late.created_at).orders()["order_id"].to_pylist()
    assert order_id not in before and order_id in after
