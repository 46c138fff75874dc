from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox import malformed
from sandbox.settings import DAY

EVERYTHING: dict[str, Any] = {"search": "", "timezone": "UTC", "filter": {"$and": []}}


@pytest.fixture
def inbox(api: Callable[[str], Any]) -> Any:
    return api("respond_io")


def read_all(api: Any, method: str, path: str, limit: int, body: Any = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params = {"limit": str(limit)}
    while True:
        answer = api.request(method, path, params=params, json=body).json()
        rows += answer["items"]
        if not answer["pagination"]["next"]:
            return rows
        query = parse_qs(urlsplit(answer["pagination"]["next"]).query)
        params = {name: values[0] for name, values in query.items()}


def contacts(api: Any) -> list[Any]:
    clock = api.sandbox.state.clock
    return [c for c in api.sandbox.company.inbox_contacts(clock) if c.visible(clock)]


def test_a_wrong_token_is_refused(inbox: Any) -> None:
    answer = inbox.request("GET", "/space/user", token="wrong")
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


def test_pages_hold_every_contact_once(inbox: Any) -> None:
    found = read_all(inbox, "POST", "/contact/list", 17, EVERYTHING)
    expected = [c.id for c in contacts(inbox)] + [c.id for c in malformed.respond_contacts(0)]
    assert [row["id"] for row in found] == sorted(expected)
    assert any(row["tags"] for row in found) and any(row["assignee"] for row in found)
    linked = [row for row in found if any(f["name"] == "hubspot_contact_id" for f in row["custom_fields"])]
    assert linked


def test_contacts_are_filtered_by_creation(inbox: Any) -> None:
    cut = inbox.sandbox.state.clock - 40 * DAY
    condition = {"category": "contactField", "field": "created_at", "operator": "isTimestampAfter", "value": str(cut)}
    found = read_all(inbox, "POST", "/contact/list", 100, {**EVERYTHING, "filter": {"$and": [condition]}})
    assert sorted(row["id"] for row in found) == sorted(c.id for c in contacts(inbox) if c.created_at >= cut)
    assert 0 < len(found) < len(contacts(inbox))


def test_a_list_without_filter_is_refused(inbox: Any) -> None:
    answer = inbox.post("/contact/list", {"search": ""})
    assert answer.status_code == 400 and "filter" in answer.json()["message"]


def test_messages_page_from_the_newest(inbox: Any) -> None:
    clock = inbox.sandbox.state.clock
    contact = max(contacts(inbox), key=lambda c: len(c.messages))
    expected = sorted((m for m in contact.messages if m.at <= clock), key=lambda m: m.id, reverse=True)
    found = read_all(inbox, "GET", f"/contact/id:{contact.id}/message/list", 2)
    assert len(found) > 2
    assert [row["messageId"] for row in found] == [m.id for m in expected]
    assert [row["timestamp"] for row in found] == [m.at for m in expected]
    for row, message in zip(found, expected, strict=True):
        assert row["traffic"] == ("incoming" if message.source == "contact" else "outgoing")
        assert row["sender"]["source"] == message.source


def test_a_contact_is_found_by_id_phone_and_email(inbox: Any) -> None:
    first = read_all(inbox, "POST", "/contact/list", 100, EVERYTHING)[0]
    assert inbox.get(f"/contact/id:{first['id']}").json() == first
    assert inbox.get(f"/contact/phone:{first['phone']}").json() == first
    assert inbox.get("/contact/id:1").status_code == 404


def test_users_and_channels(inbox: Any) -> None:
    users = read_all(inbox, "GET", "/space/user", 4)
    assert len({user["id"] for user in users}) == len(users) == 6
    assert {channel["source"] for channel in read_all(inbox, "GET", "/space/channel", 1)} == {
        "whatsapp_cloud", "instagram"}  # fmt: skip


def test_every_message_is_pushed_so_that_its_contact_is_known_to_have_news(inbox: Any) -> None:
    for contact in contacts(inbox):
        pushed = {id(w.body["message"]): w for w in contact.webhooks if "message" in w.body}
        assert {message.id for message in contact.messages} == {w.body["message"].id for w in pushed.values()}
        on_time = {w.body["message"].id for w in contact.webhooks if "message" in w.body and w.delivered_at == w.at}
        assert on_time == {message.id for message in contact.messages}


def test_a_chat_knows_bots_agents_broadcasts_and_reopenings() -> None:
    from sandbox.conversations import AGENTS
    from sandbox.running import running_sandbox

    with running_sandbox(people=300, days=300) as sandbox:
        people = sandbox.company.people(sandbox.state.clock)
        found = [contact for person in people for contact in person.respond]
        assert {m.source for c in found for m in c.messages} == {"contact", "user", "bot", "workflow", "broadcast"}
        bodies = [w.body for c in found for w in c.webhooks]
        assert {body["event_type"] for body in bodies} == {
            "contact.created", "contact.tag.updated", "contact.lifecycle.updated", "contact.assignee.updated",
            "conversation.opened", "conversation.closed", "message.received", "message.sent"}  # fmt: skip
        contacts_named = [body["contact"] for body in bodies if body["event_type"] == "contact.assignee.updated"]
        assigned = {contact["assignee"]["id"] for contact in contacts_named}
        assert assigned == {agent.user_id for agent in AGENTS}
        opened = [body["conversation"] for body in bodies if body["event_type"] == "conversation.opened"]
        assert {o["source"] for o in opened} == {"ctc_ads", "contact", "user", "workflow"}
        assert all(("adId" in o) == (o["source"] == "ctc_ads") for o in opened)
        closed = {body["conversation"]["category"] for body in bodies if body["event_type"] == "conversation.closed"}
        assert closed >= {"Sold", "Unqualified", "Lost to competitor", "No answer", "Support resolved"}
        repeated = [c for c in found if sum("conversationOpenedAt" in str(w.body) for w in c.webhooks) > 2]
        assert repeated
        failed = [m for c in found for m in c.messages if m.has_failed]
        assert failed and {m.source for m in failed} == {"user"}


def test_strangers_send_spam_or_are_blocked_and_nothing_they_do_is_true(inbox: Any) -> None:
    clock, truth = inbox.sandbox.state.clock, inbox.sandbox.truth()
    strangers = {c.id: c for p in inbox.sandbox.company.strangers(clock) for c in p.respond}
    found = {row["id"]: row for row in read_all(inbox, "POST", "/contact/list", 100, EVERYTHING)}
    blocked = {contact_id for contact_id, row in found.items() if row["isBlocked"]}
    spam = {
        contact_id
        for contact_id, contact in strangers.items()
        for webhook in contact.webhooks
        if webhook.body.get("conversation", {}).get("category") == "Spam"
    }
    assert blocked - spam and spam - blocked and spam & blocked
    assert blocked | spam == strangers.keys() <= found.keys()
    assert not strangers.keys() & {int(row["record_id"]) for row in truth.activities().to_pylist()
                                   if row["source_system"] == "respond_io"}  # fmt: skip
    received = "".join(
        file.read_text() for file in Path(inbox.sandbox.environment["SOURCES__RESPOND_IO__INBOX_PATH"]).iterdir()
    )
    assert all(f"evt-{contact_id}-1" in received for contact_id in strangers)
