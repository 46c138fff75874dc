from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from ingestion import pipelines
from ingestion.http import Client, VendorError
from ingestion.sources import respond_io
from ingestion.sources.respond_io import Workspace, contact_row, event_row, judge, message_row, next_cursor
from ingestion.sources.respond_io.inbox import Position, read

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

    def drop(self, name: str, *events: object) -> None:
        text = "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)
        (self.folder / name).write_text(text)
        os.utime(self.folder / name, (NOW.timestamp(), NOW.timestamp()))


@pytest.fixture
def workspace(web, monkeypatch) -> FakeRespondIo:
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


def test_the_position_in_the_inbox_remembers_only_recent_files(inbox):
    for number, age_days in enumerate((0, 1, 30)):
        inbox.drop(f"{number}.json", inbox.event(f"e{number}", 1))
        moment = CREATED - age_days * 86_400
        os.utime(inbox.folder / f"{number}.json", (moment, moment))
    news = read(str(inbox.folder), None)
    assert len(news.entries) == 3
    assert set(Position.from_json(news.position).files) == {"0.json", "1.json"}
    assert len(read(str(inbox.folder), news.position).entries) == 0


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


def test_an_assignment_names_the_agent_assigned_and_no_other_event_does():
    event = {"event_id": "e", "contact": {"id": 1, "assignee": {"id": 9}}}
    assert event_row({**event, "event_type": "contact.assignee.updated"})["user_id"] == 9
    assert event_row({**event, "event_type": "contact.tag.updated"})["user_id"] is None
