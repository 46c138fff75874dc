"""Deliveries in any order, doubled, regrouped and poisoned; contacts; and the inbox they come from."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import config, pipelines
from ingestion.intake import Intake
from ingestion.sources import whatsapp
from ingestion.sources.whatsapp.check import check
from ingestion.sources.whatsapp.settings import Settings
from ingestion.wire import unfolded

TABLES = {table.name: table for table in whatsapp.TABLES}
SECOND = 1767225600


def change(field: str, **value: Any) -> dict[str, Any]:
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "9"}, **value}}


def delivery(*changes: Any) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [*changes]}]}


def message(number: int = 0, who: int = 0, **fields: Any) -> dict[str, Any]:
    told = {"from": f"3460{who}", "id": f"wamid.in{number}", "timestamp": str(SECOND + number), "type": "text"}
    return {**told, "text": {"body": f"Hello {number}"}, **fields}


def status(number: int = 0, who: int = 0, kind: str = "sent", **fields: Any) -> dict[str, Any]:
    told = {"id": f"wamid.out{number}", "status": kind, "timestamp": str(SECOND + number), "recipient_id": f"3460{who}"}
    return {**told, **fields}


def preference(number: int = 0, who: int = 0, value: str = "stop") -> dict[str, Any]:
    told = {"wa_id": f"3460{who}", "category": "marketing_messages", "value": value}
    return {**told, "timestamp": SECOND + number}


def contact(who: int = 0, name: str = "Ana") -> dict[str, Any]:
    return {"wa_id": f"3460{who}", "profile": {"name": name}}


def accepted(intake: Intake, *deliveries: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of some deliveries by table. What has no documented shape is rejected, as the resources do it."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for event in deliveries:
        for part in whatsapp.parts(event, "2026-01-02T00:00:00Z"):
            if part.problem is None:
                made = unfolded(whatsapp.ROWS_OF[part.table], [part.record])
                rows[part.table].extend(intake.accept(TABLES[part.table], made))
            else:
                intake.reject(part.table, part.record, part.problem)
    return rows


def plain(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {table: sorted(str(row) for row in some) for table, some in rows.items()}


WHO = st.integers(0, 3)
RECORDS = st.one_of(
    st.builds(lambda n, who: ("messages", "messages", message(n, who), who), st.integers(0, 50), WHO),
    st.builds(
        lambda n, who, kind: ("messages", "statuses", status(n, who, kind), who),
        st.integers(0, 20),
        WHO,
        st.sampled_from(["sent", "delivered", "read", "failed"]),
    ),
    st.builds(
        lambda n, who, value: ("user_preferences", "user_preferences", preference(n, who, value), who),
        st.integers(0, 20),
        WHO,
        st.sampled_from(["stop", "resume"]),
    ),
)


@given(st.lists(RECORDS, max_size=20, unique_by=lambda r: (r[1], r[2].get("id"), r[2].get("status"))), st.randoms())
def test_order_doubles_and_how_records_are_packed_into_deliveries_change_no_row(
    records: list[Any], random: Any
) -> None:
    alone = [delivery(change(field, contacts=[contact(who)], **{name: [told]})) for field, name, told, who in records]
    packed: list[Any] = []
    shuffled = [*records, *random.choices(records, k=len(records))] if records else []
    random.shuffle(shuffled)
    while shuffled:
        size = random.randint(1, len(shuffled))
        some, shuffled = shuffled[:size], shuffled[size:]
        changes = []
        for field in ("messages", "user_preferences"):
            lists: dict[str, list[Any]] = {}
            for of, name, told, _ in some:
                if of == field:
                    lists.setdefault(name, []).append(told)
            people = sorted({who for of, _, _, who in some if of == field})
            changes += [change(field, contacts=[contact(who) for who in people], **lists)] if lists else []
        packed.append(delivery(*changes))

    intake = Intake("whatsapp")
    assert plain(accepted(intake, *packed)) == plain(accepted(Intake("whatsapp"), *alone))
    assert not intake.rejected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, each in inner for place in places(each, (*path, step)))]


POISONED = delivery(
    change("messages", contacts=[contact()], messages=[message(referral={"source_id": "1"}), message(1)]),
    change("messages", statuses=[status(pricing={"category": "marketing"}, errors=[{"code": 1}])]),
    change("user_preferences", user_preferences=[preference()]),
)


@given(st.sampled_from(places(POISONED)), JSON)
def test_whatever_stands_in_a_delivery_is_loaded_or_rejected_and_stops_nothing_else(place: Any, poison: Any) -> None:
    event: Any = deepcopy(POISONED)
    if place:
        holder = event
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = poison
    else:
        event = poison
    intake = Intake("whatsapp")

    rows = accepted(intake, event, delivery(change("messages", messages=[message(7)])))

    assert sum(intake.received.values()) == sum(intake.loaded.values()) + sum(intake.rejected.values())
    assert sum(intake.received.values()) >= 3, "nothing is passed over"
    assert "wamid.in7" in {row["message_id"] for row in rows["messages"]}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (["a list"], "object: 'whatsapp_business_account' is expected"),
        ({"object": "page", "entry": [{}]}, "is expected (got 'page')"),
        ({"object": "whatsapp_business_account", "entry": {}}, "entry: a list of entries is expected"),
        (delivery(), "changes: a list of changes is expected"),
        (delivery({"field": "messages"}), "a change with a field and a value is expected"),
        (delivery(change("messages", messages=[message(id=None)])), "message_id: Input should be a valid string"),
        (delivery(change("messages", messages=["text"])), "an object is expected (got 'text')"),
        (delivery(change("messages", statuses=[status(timestamp="yesterday")])), "occurred_at: Input should be"),
        (delivery(change("messages", statuses=[status(recipient_id=None)])), "wa_id: Input should be"),
    ],
)
def test_what_cannot_be_read_is_one_rejection_that_says_why(event: Any, said: str) -> None:
    intake = Intake("whatsapp")
    assert not any(accepted(intake, event).values())

    (rejection,) = intake.rejections()
    assert said in rejection["reason"]


def test_an_event_that_no_table_reads_is_kept_whole_and_once() -> None:
    template = change("message_template_status_update", event="APPROVED", message_template_id=1)
    both = change("messages", messages=[message()], errors=[{"code": 130429}])
    rows = accepted(Intake("whatsapp"), delivery(template), delivery(template), delivery(both))

    assert [row["field"] for row in rows["other_events"]] == ["message_template_status_update", "messages"]
    assert [row["payload"] for row in rows["other_events"]] == [template["value"], both["value"]]
    assert len(rows["messages"]) == 1


def test_a_number_that_differs_from_the_whatsapp_id_is_the_contacts_phone() -> None:
    told = change("messages", contacts=[{"wa_id": "5511912345678"}], messages=[message(**{"from": "551112345678"})])
    (row,) = accepted(Intake("whatsapp"), delivery(told))["contacts"]
    assert (row["wa_id"], row["phone"]) == ("5511912345678", "551112345678")


def test_a_contact_who_hides_the_number_is_known_by_the_id_within_the_business() -> None:
    contacts = [{"user_id": f"ES.{who}", "profile": {"name": f"Ana {who}", "username": "ana"}} for who in (1, 2)]
    hidden = [{**message(who), "from": None, "from_user_id": f"ES.{who}"} for who in (2, 1)]
    told = change("messages", contacts=[*contacts, contact(3)], messages=[*hidden, message(3, 3)])
    rows = accepted(Intake("whatsapp"), delivery(told))

    assert [row["wa_id"] for row in rows["messages"]] == ["ES.2", "ES.1", "34603"]
    assert [(row["wa_id"], row["phone"], row["profile_name"]) for row in rows["contacts"]] == [
        ("ES.2", None, "Ana 2"),
        ("ES.1", None, "Ana 1"),
        ("34603", "34603", "Ana"),
    ]


def test_a_field_that_nobody_knows_becomes_a_column() -> None:
    told = change("messages", messages=[message(forwarded=True)], statuses=[status(biz_opaque_callback_data="spring")])
    rows = accepted(Intake("whatsapp"), delivery(told))
    assert (rows["messages"][0]["forwarded"], rows["statuses"][0]["biz_opaque_callback_data"]) == ("true", "spring")


# ---- the inbox


@pytest.fixture
def inbox(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of an account which states no path."""
    monkeypatch.setenv("LIFECYCLE_PROFILE", "test")
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    monkeypatch.delenv("SOURCES__WHATSAPP__INBOX_PATH", raising=False)
    folder = data_dir / "inbox" / "whatsapp"
    folder.mkdir(parents=True)
    return folder


def write(path: Path, *lines: Any, day: str = "2026-01-01") -> None:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    at = date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()
    os.utime(path, (at * 86_400 + 3600,) * 2)


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_an_inbox_is_read_once_what_was_ahead_of_its_time_is_loaded_then_and_days_that_are_read_again_come_back(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = delivery(change("messages", contacts=[contact()], messages=[message()], statuses=[status(), status(1, 1)]))
    odd = delivery(change("messages", messages=[message(2)], statuses=[status(3, timestamp="1794268800")]))
    inbox.rename(inbox.with_name("away"))
    assert "no webhook has arrived" in pipelines.run("whatsapp").warnings[0], "before the first one"
    inbox.with_name("away").rename(inbox)
    write(inbox / "1.jsonl", {"received_at": "2026-01-01T00:00:00Z", "headers": {}, "event": event}, '{"object": "wha')
    write(inbox / "2.jsonl", event, odd, day="2026-01-02")

    first = pipelines.run("whatsapp")

    assert first.received == {"messages": 3, "statuses": 5, "contacts": 8, "other_events": 1}
    assert first.rejected == {"statuses": 1, "contacts": 1, "other_events": 1}  # one from the future, one broken off
    reasons = {reason for (reason,) in rows("select reason from raw_whatsapp.rejected_records")}
    assert any(reason.startswith("1.jsonl line 2: not JSON") for reason in reasons)
    assert any(
        reason.startswith("2.jsonl line 2: occurred_at: 2026-11-10T00:00:00+00:00 is more than a day ahead")
        for reason in reasons
    )
    assert rows("select count(*) from raw_whatsapp.messages") == [(2,)]

    assert sum(pipelines.run("whatsapp").received.values()) == 0, "nothing is new"
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-11-12T06:00:00Z")
    write(inbox / "3.jsonl", event, delivery(change("messages", statuses=[status(1, 1, "read")])), day="2026-01-03")
    assert pipelines.run("whatsapp").received == {"messages": 1, "statuses": 3, "contacts": 4}
    assert rows("select message_id, status from raw_whatsapp.statuses order by all") == [
        ("wamid.out0", "sent"),
        ("wamid.out1", "read"),
        ("wamid.out1", "sent"),
        ("wamid.out3", "sent"),
    ]

    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("delete from raw_whatsapp.messages")
    again = pipelines.read_again("whatsapp", "", date(2026, 1, 2), date(2026, 1, 2))
    assert again.received["messages"] == 2, "of that day, also what another day's file holds"
    assert rows("select message_id from raw_whatsapp.messages order by all") == [("wamid.in0",), ("wamid.in2",)]


def test_each_account_has_an_inbox_of_its_own(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(account: str) -> str | None:
        inbox = Settings.of(account).inbox
        return inbox.path if inbox else None

    monkeypatch.delenv("SOURCES__WHATSAPP__INBOX_PATH", raising=False)
    assert (place(""), place("eu")) == (None, None)
    for name in ("whatsapp", "whatsapp.eu"):
        (data_dir / "inbox" / name).mkdir(parents=True)
    assert (place(""), place("eu")) == (str(data_dir / "inbox" / "whatsapp"), str(data_dir / "inbox" / "whatsapp.eu"))
    monkeypatch.setenv("SOURCES__WHATSAPP__INBOX_PATH", "/elsewhere")
    assert (place(""), place("eu")) == ("/elsewhere", str(data_dir / "inbox" / "whatsapp.eu"))


def test_a_check_tells_when_something_last_came(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.answer for finding in check(Settings.read())] == ["yes", "empty inbox"]
    write(inbox / "1.jsonl", "{}")
    assert [finding.answer for finding in check(Settings.read())] == ["yes", "inbox of 2026-01-01"]
    (inbox / "1.jsonl").unlink()
    inbox.rmdir()
    assert [(finding.answer, finding.state) for finding in check(Settings.read())] == [("no inbox", "warning")]
    monkeypatch.setenv("SOURCES__WHATSAPP__INBOX_PATH", str(inbox))
    with pytest.raises(config.SettingsError, match="Create it, or correct SOURCES__WHATSAPP__INBOX_PATH"):
        list(check(Settings.read()))
