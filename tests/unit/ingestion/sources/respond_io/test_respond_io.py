from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import config, pipelines
from ingestion import inbox as inboxes
from ingestion.clock import Clock
from ingestion.http import Client, VendorError
from ingestion.intake import Intake
from ingestion.sources import respond_io
from ingestion.sources.respond_io import Workspace, contact_row, event_row, judge, message_row, next_cursor
from ingestion.sources.respond_io.models import WEBHOOK_EVENTS

BASE = "https://respond.example/v2"
CREATED = 1_790_000_000  # 2026-09-21T14:13:20Z
NOW = datetime(2026, 10, 31, 6, tzinfo=UTC)  # what the settings of these tests call now


class FakeRespondIo:
    """A workspace: contacts by creation, messages a contact, two records a page."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict] = {}
        self.messages: dict[str, list[dict]] = {}
        self.faults: list[tuple[int, dict]] = []
        self.expire_cursors = 0
        self.asked: list[str] = []
        self.bodies: list[object] = []

    def put(self, id_: int, created_at: object = CREATED, **fields: object) -> None:
        self.contacts[str(id_)] = {"id": id_, "firstName": "Ana", "created_at": created_at, **fields}
        self.messages.setdefault(str(id_), [])

    def say(self, contact: int, message_id: int, **fields: object) -> None:
        message = {"messageId": message_id, "contactId": contact, "traffic": "incoming", "timestamp": CREATED * 1000}
        self.messages[str(contact)].append({**message, **fields})

    def answer(self, method: str, path: str, params: dict, body: object) -> tuple[int, dict]:
        self.asked.append(f"{method} {path}")
        self.bodies.append(body)
        if self.faults:
            return self.faults.pop(0)
        if "cursorId" in params and self.expire_cursors:
            self.expire_cursors -= 1
            return 400, {"code": 400, "message": "cursorId is not valid"}
        if path == "/space/user":
            return self.page([{"id": 9, "firstName": "Rita", "email": "r@x.io", "role": "agent"}], params)
        if path == "/space/channel":
            return self.page([{"id": 5, "name": "WhatsApp", "source": "whatsapp_cloud"}], params)
        if path == "/contact/list":
            rows = list(self.contacts.values())
            for condition in body["filter"]["$and"]:
                after = datetime.fromisoformat(condition["value"]).timestamp()
                rows = [row for row in rows if row["created_at"] > after]
            return self.page(rows, params)
        if found := re.fullmatch(r"/contact/id:(\d+)", path):
            contact = self.contacts.get(found[1])
            return (200, contact) if contact else (404, {"code": 404, "message": "contact not found"})
        if found := re.fullmatch(r"/contact/id:(\d+)/message/list", path):
            if found[1] not in self.contacts:
                return 404, {"code": 404, "message": "contact not found"}
            return self.page(self.messages[found[1]], params)
        return 404, {"code": 404, "message": path}

    @staticmethod
    def page(rows: list[dict], params: dict, size: int = 2) -> tuple[int, dict]:
        start = int(params.get("cursorId", 0))
        more = start + size < len(rows)
        link = f"{BASE}/anything?limit=100&cursorId={start + size}" if more else ""
        return 200, {"items": rows[start : start + size], "pagination": {"next": link, "previous": ""}}


class Inbox:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    @staticmethod
    def event(event_id: str, contact_id: object, **fields: object) -> dict:
        about = {"event_type": "message.received", "event_id": event_id, "timestamp": CREATED}
        return {**about, "contact": {"id": contact_id}, **fields}

    def drop(self, name: str, *events: object, at: datetime | None = None) -> None:
        text = "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)
        (self.folder / name).write_text(text)
        written_at = (at or NOW).timestamp()
        os.utime(self.folder / name, (written_at, written_at))


@pytest.fixture
def workspace(web, monkeypatch, begin_with_raw_tables) -> FakeRespondIo:
    begin_with_raw_tables("respond_io")
    fake = FakeRespondIo()

    def answer(request):
        assert request.headers["Authorization"] == "Bearer respond-token"
        parts = urlsplit(request.url)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/v2")
        status, body = fake.answer(request.method, path, params, json.loads(request.body or "null"))
        return status, {}, json.dumps(body)

    for method in (responses.GET, responses.POST):
        web.add_callback(method, re.compile(f"{BASE}/.*"), answer)
    monkeypatch.setenv("SOURCES__RESPOND_IO__BASE_URL", BASE)
    monkeypatch.setenv("SOURCES__RESPOND_IO__ACCESS_TOKEN", "respond-token")
    return fake


@pytest.fixture
def inbox(tmp_path, monkeypatch) -> Inbox:
    monkeypatch.setenv("SOURCES__RESPOND_IO__INBOX_PATH", str(tmp_path / "inbox"))
    return Inbox(tmp_path / "inbox")


def reader() -> Workspace:
    return Workspace(Client("respond_io", BASE, {"Authorization": "Bearer respond-token"}, judge))


# ---- the whole way


def test_the_first_run_reads_every_contact_with_all_messages(workspace, inbox, query):
    for number in range(1, 6):
        workspace.put(number)
        workspace.say(number, number * 10, message={"type": "text", "text": "hola"}, sender={"source": "contact"})
    inbox.drop("1.json", inbox.event("e1", 1))
    intake = pipelines.run("respond_io")
    assert dict(intake.loaded) == {"users": 1, "channels": 1, "contacts": 5, "webhook_events": 1, "messages": 5}
    (first, *_) = query("select message_id, contact_id, text, sent_at from raw_respond_io.messages order by 1")
    assert first == ("10", "1", "hola", datetime.fromtimestamp(CREATED, UTC))


def test_later_runs_ask_only_for_contacts_with_news(workspace, inbox, query, monkeypatch):
    monkeypatch.setattr(respond_io, "PAGE", 1)  # so that asking for one contact is cheaper than the full list
    for number in range(1, 6):
        workspace.put(number, CREATED + number * 86_400)
    pipelines.run("respond_io")
    workspace.asked.clear()
    workspace.contacts["2"]["lifecycle"] = "Customer"
    workspace.say(2, 20)
    workspace.put(6, CREATED + 7 * 86_400)  # created since, without an event
    workspace.say(6, 60)
    inbox.drop("2.json", inbox.event("e1", 2))
    pipelines.run("respond_io")
    contacts = [path for path in workspace.asked if path.startswith(("GET /contact", "POST /contact"))]
    assert contacts == [
        "POST /contact/list",
        "GET /contact/id:2",
        "GET /contact/id:5/message/list",  # created within the lag
        "GET /contact/id:6/message/list",
        "GET /contact/id:2/message/list",
    ]
    assert query("select count(*) from raw_respond_io.contacts where id = '2'") == [2]
    assert query("select count(*) from raw_respond_io.contacts") == [7]
    assert query("select message_id from raw_respond_io.messages order by 1") == ["20", "60"]


def test_a_run_without_news_adds_nothing(workspace, inbox, query):
    workspace.put(1)
    workspace.say(1, 10)
    inbox.drop("1.json", inbox.event("e1", 1))
    pipelines.run("respond_io")
    intake = pipelines.run("respond_io")
    assert intake.received["webhook_events"] == 0
    for table in ("contacts", "messages", "webhook_events", "users"):
        assert query(f"select count(*) from raw_respond_io.{table}") == [1]


def test_where_events_name_most_contacts_the_full_list_is_read(workspace, inbox):
    for number in range(1, 4):
        workspace.put(number)
    pipelines.run("respond_io")
    workspace.asked.clear()
    inbox.drop("1.jsonl", *[inbox.event(f"e{number}", number) for number in range(1, 4)])
    intake = pipelines.run("respond_io")
    assert not any(re.fullmatch(r"GET /contact/id:\d+", path) for path in workspace.asked)
    assert intake.loaded["contacts"] == 3


def test_a_contact_that_is_gone_is_a_rejection(workspace, inbox, monkeypatch, query):
    monkeypatch.setattr(respond_io, "PAGE", 1)
    for number in (1, 2, 3):
        workspace.put(number)
    pipelines.run("respond_io")
    del workspace.contacts["2"]
    inbox.drop("1.json", inbox.event("e1", 2))
    intake = pipelines.run("respond_io")
    assert intake.rejected["contacts"] == 1
    assert "the workspace has none" in query("select reason from raw_respond_io.rejected_records")[0]


def test_all_contacts_are_listed_once_a_day_beside_what_events_say(workspace, inbox, query, monkeypatch):
    monkeypatch.setattr(respond_io, "PAGE", 1)
    for number in range(1, 6):
        workspace.put(number, CREATED + number * 86_400, lifecycle="New Lead")
    inbox.drop("1.json", inbox.event("e1", 1))
    pipelines.run("respond_io")
    workspace.contacts["3"]["lifecycle"] = "Customer"  # no event tells of it
    stages = "select lifecycle from raw_respond_io.contacts where id = '3' and _dlt_valid_to is null"
    for hours, seen in ((10, "New Lead"), (24, "Customer")):
        later = NOW + timedelta(hours=hours)
        monkeypatch.setenv("LIFECYCLE_AS_OF", later.isoformat())
        inbox.drop(f"{hours}.json", inbox.event(f"e{hours}", 1), at=later)
        pipelines.run("respond_io")
        assert query(stages) == [seen]
    seen_as_of = "select distinct loaded_as_of from raw_respond_io.load_audit where _dlt_load_id = "
    assert query(f"{seen_as_of} (select _dlt_load_id from raw_respond_io.contacts where lifecycle = 'Customer')") == [
        later
    ]


def test_after_a_day_without_any_event_the_messages_are_read_too(workspace, inbox, query, monkeypatch):
    workspace.put(1, CREATED - 30 * 86_400)
    workspace.put(2)
    inbox.drop("1.json", inbox.event("e1", 1))
    pipelines.run("respond_io")
    workspace.say(1, 10)  # its event is lost
    for hours, known in ((23, []), (25, ["10"])):
        monkeypatch.setenv("LIFECYCLE_AS_OF", (NOW + timedelta(hours=hours)).isoformat())
        pipelines.run("respond_io")
        assert query("select message_id from raw_respond_io.messages") == known


def test_receipts_that_were_still_to_come_are_followed_for_some_days(workspace, inbox, query, monkeypatch):
    workspace.put(1, CREATED - 30 * 86_400)
    workspace.put(2)
    sent = int(NOW.timestamp()) - 60
    receipt = {"value": "sent", "timestamp": sent}
    for number, traffic in ((10, "outgoing"), (11, "incoming"), (12, "outgoing")):  # of 12 nothing more is ever heard
        workspace.say(1, number, traffic=traffic, timestamp=sent, status=[receipt])
    inbox.drop("1.json", inbox.event("e1", 1))
    pipelines.run("respond_io")
    latest = "select delivery_status from raw_respond_io.messages where message_id = '10' and _dlt_valid_to is null"
    asked = "GET /contact/id:1/message/list"
    for days in (1, 2, 4, 5):
        workspace.asked.clear()
        later = NOW + timedelta(days=days)
        monkeypatch.setenv("LIFECYCLE_AS_OF", later.isoformat())
        inbox.drop(f"{days}.json", inbox.event(f"e{days}", 2), at=later)
        if days == 2:
            workspace.messages["1"][0]["status"] = [receipt, {"value": "failed", "timestamp": sent + 2}]
        pipelines.run("respond_io")
        assert (asked in workspace.asked, query(latest)) == {
            1: (True, ["sent"]),
            2: (True, ["failed"]),
            4: (True, ["failed"]),  # the last time: it was still young enough when it was read before
            5: (False, ["failed"]),
        }[days]


def test_a_message_comes_back_under_the_contact_that_another_was_merged_into(workspace, inbox, query, monkeypatch):
    workspace.put(1)
    workspace.put(2)
    workspace.say(2, 20)
    pipelines.run("respond_io")
    del workspace.contacts["2"]
    workspace.say(1, 20)
    inbox.drop("1.json", inbox.event("e1", 1))
    for _ in range(2):
        pipelines.run("respond_io")
    versions = "select contact_id, _dlt_valid_to is null from raw_respond_io.messages order by _dlt_valid_from"
    assert query(versions) == [("2", False), ("1", True)]


def test_a_message_is_loaded_from_its_event_too(workspace, inbox, query):
    workspace.put(1)
    message = {"messageId": 20, "traffic": "outgoing", "timestamp": CREATED, "status": []}
    sender = {"source": "echo", "teamId": 3}
    inbox.drop("1.json", inbox.event("e1", 1, event_type="message.sent", message=message, sender=sender))
    pipelines.run("respond_io")
    told = "select message_id, contact_id, sender_source, sender_team_id, sent_at from raw_respond_io.messages"
    assert query(told) == [("20", "1", "echo", "3", datetime.fromtimestamp(CREATED, UTC))]


def test_the_list_of_messages_is_completed_by_what_events_tell(workspace, inbox, query):
    """Of the list of messages only receipts are published: instant and sender stand in the event."""
    workspace.put(1)
    workspace.messages["1"] = [{"messageId": 20, "contactId": 1, "traffic": "incoming", "status": []}]
    message = {"messageId": 20, "traffic": "incoming", "timestamp": CREATED}
    inbox.drop("1.json", inbox.event("e1", 1, message=message, sender={"source": "contact"}))
    pipelines.run("respond_io")
    rows = "select message_id, sender_source, sent_at from raw_respond_io.messages"
    assert query(rows) == [("20", "contact", datetime.fromtimestamp(CREATED, UTC))]
    inbox.drop("2.json", inbox.event("e2", 1))
    pipelines.run("respond_io")  # later the list alone is read again: another version, which nothing replaces
    assert query("select count(*) from raw_respond_io.messages") == [2]


def test_a_message_twice_on_shifting_pages_is_one_row(workspace, inbox, query):
    workspace.put(1)
    for number in (10, 11, 11, 12):
        workspace.say(1, number)
    pipelines.run("respond_io")
    assert query("select message_id from raw_respond_io.messages order by 1") == ["10", "11", "12"]


def test_without_an_inbox_every_contact_is_read_each_run(workspace, query):
    workspace.put(1)
    pipelines.run("respond_io")
    workspace.contacts["1"]["lifecycle"] = "Customer"
    workspace.say(1, 10)
    pipelines.run("respond_io")
    assert query("select lifecycle from raw_respond_io.contacts where _dlt_valid_to is null") == ["Customer"]
    assert query("select message_id from raw_respond_io.messages") == ["10"]


def test_an_inbox_that_is_no_folder_is_named(workspace, monkeypatch, capsys):
    monkeypatch.setenv("SOURCES__RESPOND_IO__INBOX_PATH", "/nowhere")
    assert pipelines.main("respond_io") == 1
    assert "the inbox '/nowhere' is no folder" in capsys.readouterr().err


# ---- the inbox


def test_unreadable_lines_and_unfit_events_are_rejections_with_file_and_line(workspace, inbox, query):
    good = inbox.event("e1", 1)
    unfit = [inbox.event("e2", None), inbox.event(None, 1), {**inbox.event("e3", 1), "timestamp": "yesterday"}, [[]], 7]
    inbox.drop("day.jsonl", good, '{"event_type": "conv', *unfit)
    inbox.drop("single.json", '{"brok')
    inbox.drop("half.json.tmp", "not finished")
    intake = pipelines.run("respond_io")
    numbers = (intake.received["webhook_events"], intake.loaded["webhook_events"], intake.rejected["webhook_events"])
    assert numbers == (8, 1, 7)
    reasons = query("select reason from raw_respond_io.rejected_records order by 1")
    assert [reason.split(":")[0] for reason in reasons] == [
        *[f"day.jsonl line {number}" for number in range(2, 8)],
        "single.json",
    ]


def test_events_are_read_bare_and_in_the_envelope_of_the_receiver(workspace, inbox, query):
    bare = inbox.event("e1", 1)
    moved = {name: value for name, value in inbox.event("e2", 1, lifecycle="Hot Lead").items() if name != "timestamp"}
    moved["event_type"] = "contact.lifecycle.updated"
    enveloped = {"received_at": "2026-09-21T14:13:20Z", "headers": {"X-Webhook-Signature": "…"}, "event": moved}
    inbox.drop("day.jsonl", bare, enveloped, {**moved, "event_id": "e3"}, {"received_at": "soon", "event": moved})
    intake = pipelines.run("respond_io")
    events = query("select event_id, occurred_at, lifecycle from raw_respond_io.webhook_events order by 1")
    at = datetime.fromtimestamp(CREATED, UTC)
    assert events == [("e1", at, None), ("e2", at, "Hot Lead")]
    assert intake.rejected["webhook_events"] == 2
    reasons = query("select reason from raw_respond_io.rejected_records where reason like '%line 3%'")
    assert "let the receiver write when it arrived" in reasons[0]


def test_an_event_delivered_twice_is_one_row_in_one_run_or_two(workspace, inbox, query):
    inbox.drop("1.json", inbox.event("e1", 1))
    inbox.drop("2.json", inbox.event("e1", 1))
    pipelines.run("respond_io")
    inbox.drop("3.json", inbox.event("e1", 1), "")
    pipelines.run("respond_io")
    assert query("select event_id from raw_respond_io.webhook_events") == ["e1"]


def test_a_file_that_grew_is_read_again_and_one_that_came_late_is_not_missed(workspace, inbox, query):
    inbox.drop("day.jsonl", inbox.event("e1", 1))
    pipelines.run("respond_io")
    inbox.drop("day.jsonl", inbox.event("e1", 1), inbox.event("e2", 1))
    inbox.drop("late.json", inbox.event("e3", 1))
    newest = (inbox.folder / "day.jsonl").stat().st_mtime
    os.utime(inbox.folder / "late.json", (newest - 3600, newest - 3600))
    intake = pipelines.run("respond_io")
    assert intake.received["webhook_events"] == 3
    assert query("select event_id from raw_respond_io.webhook_events order by 1") == ["e1", "e2", "e3"]


def events_of(inbox: Inbox, position: str | None, clock: Clock) -> inboxes.News:
    return inboxes.read(
        inboxes.Inbox("respond_io", str(inbox.folder), "SOURCES__RESPOND_IO__INBOX_PATH"), position, clock
    )


def test_the_position_in_the_inbox_remembers_only_recent_files(inbox):
    for number, age_days in enumerate((0, 1, 30)):
        inbox.drop(f"{number}.json", inbox.event(f"e{number}", 1))
        moment = CREATED - age_days * 86_400
        os.utime(inbox.folder / f"{number}.json", (moment, moment))
    news = events_of(inbox, None, Clock())
    assert len(news.entries) == 3
    assert set(inboxes.Position.from_json(news.position).files) == {"0.json", "1.json"}
    assert len(events_of(inbox, news.position, Clock()).entries) == 0


def test_a_file_that_is_dated_ahead_makes_no_other_old_and_is_read_again_until_then(inbox, monkeypatch):
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    now = config.as_of().timestamp()

    def drop(name: str, days: int) -> None:
        inbox.drop(name, inbox.event(name, 1))
        os.utime(inbox.folder / name, (now + days * 86_400, now + days * 86_400))

    def new(position: str | None) -> tuple[list[str], str]:
        news = events_of(inbox, position, Clock())
        return sorted(entry["where"] for entry in news.entries), news.position

    drop("ahead.json", 365)
    drop("today.json", 0)
    found, position = new(None)
    assert found == ["ahead.json", "today.json"]
    drop("yesterday.json", -1)
    found, position = new(position)
    assert found == ["ahead.json", "yesterday.json"]
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2027-10-31T06:00:00Z")
    found, position = new(position)
    assert found == ["ahead.json"]
    assert new(position)[0] == []


def test_a_failed_run_reads_the_same_events_again(workspace, inbox, query):
    inbox.drop("1.json", inbox.event("e1", 1))
    workspace.faults = [(200, {"items": [], "pagination": {}})] * 2 + [(400, {"code": 400, "message": "bad filter"})]
    with pytest.raises(Exception) as raised:
        pipelines.run("respond_io")
    assert "bad filter" in str(pipelines.cause(raised.value))
    assert query("select count(*) from raw_respond_io.webhook_events") == [0]
    pipelines.run("respond_io")
    assert query("select count(*) from raw_respond_io.webhook_events") == [1]


def test_messages_run_alone_do_not_miss_events_that_only_contacts_saw(workspace, inbox, query, monkeypatch):
    monkeypatch.setattr(respond_io, "PAGE", 1)
    for number in (1, 2, 3):
        workspace.put(number)
    pipelines.run("respond_io")
    workspace.say(2, 20)
    inbox.drop("1.json", inbox.event("e1", 2))
    pipeline = pipelines.build_pipeline("respond_io")
    pipeline.run(pipelines.build_source("respond_io").with_resources("contacts"))
    pipeline.run(pipelines.build_source("respond_io").with_resources("messages"))
    assert query("select message_id from raw_respond_io.messages") == ["20"]


# ---- requests


def test_each_page_of_contacts_sends_the_same_body(workspace):
    for number in range(1, 6):
        workspace.put(number)
    assert len(reader().contacts(None)) == 5
    assert workspace.bodies == [{"search": "", "timezone": "UTC", "filter": {"$and": []}}] * 3


def test_an_expired_cursor_starts_the_list_again(workspace):
    for number in range(1, 6):
        workspace.put(number)
    workspace.expire_cursors = 1
    assert len(reader().contacts(None)) == 5


def test_queued_and_throttled_requests_are_asked_again(workspace, pauses):
    workspace.put(1)
    queued = (449, {"code": 449, "message": "queued"})
    workspace.faults = [queued, (429, {"code": 429, "message": "slow down"}), (200, {"code": 449, "message": "queued"})]
    assert reader().contact("1")["id"] == 1
    assert pauses == [1, 2, 4]


def test_an_error_in_a_200_body_is_an_error(workspace):
    workspace.faults = [(200, {"code": 400, "message": "bad request"})]
    with pytest.raises(VendorError, match="bad request"):
        reader().contacts(None)


def test_the_next_cursor_is_that_of_the_link():
    assert next_cursor({"pagination": {"next": f"{BASE}/contact/list?limit=100&cursorId=778"}}) == "778"
    assert next_cursor({"pagination": {"next": ""}}) is None
    assert next_cursor({}) is None


# ---- rows


def test_a_contact_row_takes_its_links_from_custom_fields():
    fields = [{"name": "customer_number", "value": "C-9"}, {"name": "hubspot_contact_id", "value": 501}]
    row = contact_row({"id": 1, "custom_fields": fields, "assignee": {"id": 9}, "novelty": 1})
    assert (row["customer_number"], row["hubspot_contact_id"], row["assignee_id"], row["novelty"]) == ("C-9", 501, 9, 1)
    assert contact_row({"id": 1, "custom_fields": "none"})["customer_number"] is None


def test_a_message_without_timestamp_was_sent_when_first_receipted():
    receipts = [{"value": "read", "timestamp": 30}, {"value": "sent", "timestamp": 10}]
    assert message_row({"messageId": 1, "status": receipts})["sent_at"] == datetime.fromtimestamp(10, UTC)
    assert message_row({"messageId": 1, "timestamp": 5, "status": receipts})["sent_at"] == 5
    assert message_row({"messageId": 1})["sent_at"] is None


def test_an_event_row_holds_the_whole_event_beside_its_columns():
    closed = {"id": "c1", "category": "Sold", "closedBy": {"source": "user", "userId": 9}}
    event = {"event_id": "e", "event_type": "conversation.closed", "contact": {"id": 1}, "conversation": closed}
    row = event_row({**event, "novelty": 1})
    assert (row["closing_category"], row["closed_by_source"], row["user_id"]) == ("Sold", "user", 9)
    assert row["payload"]["novelty"] == 1
    assert row["tag_action"] is None
    assert event_row({"tag": "vip", "action": "add"})["tag_action"] == "add"


@given(
    opened=st.integers(min_value=1_600_000_000, max_value=1_780_000_000),
    lasts=st.integers(min_value=0, max_value=10**7),
    contact=st.integers(min_value=1, max_value=9),
    in_milliseconds=st.booleans(),
)
def test_opening_and_closing_of_a_conversation_without_id_are_of_one_conversation(
    opened, lasts, contact, in_milliseconds
):
    scale = 1000 if in_milliseconds else 1
    about = {"event_id": "e", "contact": {"id": contact}}
    opening = {"conversationOpenedAt": opened, "source": "contact"}
    closing = {"openedTime": opened * scale, "closedTime": (opened + lasts) * scale}
    rows = list(
        Intake("respond_io").accept(
            WEBHOOK_EVENTS,
            [
                event_row({**about, "event_type": "conversation.opened", "conversation": opening}),
                event_row({**about, "event_id": "f", "event_type": "conversation.closed", "conversation": closing}),
                event_row(
                    {
                        **about,
                        "event_id": "g",
                        "event_type": "conversation.opened",
                        "conversation": {"conversationOpenedAt": opened + 1},
                    }
                ),
            ],
        )
    )
    at = datetime.fromtimestamp(opened, UTC)
    assert rows[0]["conversation_id"] == rows[1]["conversation_id"] != rows[2]["conversation_id"]
    assert rows[0]["conversation_id"].startswith(f"{contact}:")
    assert [rows[0]["occurred_at"], rows[1]["occurred_at"]] == [at, at + timedelta(seconds=lasts)]
    assert rows[1]["conversation_opened_at"] == at


def test_a_closing_that_names_no_conversation_is_rejected_with_what_it_lacks():
    intake = Intake("respond_io")
    closed = {"event_id": "e", "event_type": "conversation.closed", "contact": {"id": 1}}
    assert list(intake.accept(WEBHOOK_EVENTS, [event_row({**closed, "conversation": {"closedTime": CREATED}})])) == []
    (rejection,) = intake.rejections()
    assert "conversation.openedTime is missing" in rejection["reason"]


def test_the_last_receipt_is_the_latest_and_of_one_second_the_one_listed_last():
    def status(*receipts: tuple[str, int]) -> str:
        listed = [{"value": value, "timestamp": at} for value, at in receipts]
        return message_row({"messageId": 1, "status": listed})["delivery_status"]

    assert status(("pending", 10), ("failed", 10)) == "failed"
    assert status(("failed", 30), ("sent", 20)) == "failed"
    assert status(("sent", 20), ("delivered", 21_000)) == "delivered"


def test_an_assignment_names_the_agent_assigned_and_no_other_event_does():
    event = {"event_id": "e", "contact": {"id": 1, "assignee": {"id": 9}}}
    assert event_row({**event, "event_type": "contact.assignee.updated"})["user_id"] == 9
    assert event_row({**event, "event_type": "contact.tag.updated"})["user_id"] is None
