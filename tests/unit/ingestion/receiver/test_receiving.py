from __future__ import annotations

import errno
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from ingestion import config, inbox
from ingestion.config import Account, SettingsError
from ingestion.receiver import __main__ as command
from ingestion.receiver import app
from ingestion.receiver.senders import SENDERS
from tests.unit.ingestion.receiver.conftest import SECRET, VERIFY_TOKEN, Receiver, signed

BODY = b'{"id": "evt_1", "amount": 1.10}'
Start = Callable[..., Receiver]


def test_a_genuine_event_is_in_the_inbox_of_its_account_and_no_other(receiver: Receiver) -> None:
    for account in receiver.doors:
        before = config.machine_time()
        assert receiver.send(account, BODY.replace(b"evt", account.encode())).status_code == 200

        (line,) = receiver.lines(account)
        assert f'"event": {{"id": "{account}_1", "amount": 1.10}}' in line
        assert before <= datetime.fromisoformat(json.loads(line)["received_at"]) <= config.machine_time()


def test_an_envelope_keeps_what_the_body_does_not_say_and_neither_signature_nor_cookies(receiver: Receiver) -> None:
    told = {"X-Shopify-Topic": "orders/paid", "X-Shopify-Triggered-At": "2026-10-31T06:00:00Z", "Content-Type": "a/b"}
    hidden = {"Authorization": "Bearer a-token", "Cookie": "session=1", "X-Forwarded-For": "10.0.0.1"}
    receiver.send("shopify", BODY, {**signed("shopify", BODY), **told, **hidden})

    headers = json.loads(receiver.lines("shopify")[0])["headers"]

    assert headers.pop("user-agent").startswith("python-requests")
    assert headers == {name.lower(): value for name, value in told.items()}


def test_what_is_not_genuine_is_refused_and_not_kept(receiver: Receiver) -> None:
    for account in SENDERS:
        other = next(vendor for vendor in SENDERS if vendor != account)
        for headers in (
            signed(account, BODY.replace(b"1.10", b"1.11")),
            signed(account, BODY, "another secret"),
            signed(other, BODY),
            {},
        ):
            assert receiver.send(account, BODY, headers).status_code == 401

        assert receiver.lines(account) == []
        assert receiver.health()["sources"][account]["refused"] == {"the signature is wrong or missing": 4}


def test_a_copy_of_an_old_event_of_stripe_is_refused_and_a_late_one_of_another_vendor_is_not(
    receiver: Receiver,
) -> None:
    old = signed("stripe", BODY, at=time.time() - 302)
    late = b'{"entry": [{"changes": [{"value": {"messages": [{"timestamp": "1500000000"}]}}]}]}'

    assert receiver.send("stripe", BODY, old).status_code == 400
    assert receiver.send("stripe", BODY, signed("stripe", BODY, at=time.time() - 290)).status_code == 200
    assert receiver.send("whatsapp", late).status_code == 200
    assert len(receiver.lines("stripe")) == len(receiver.lines("whatsapp")) == 1


@pytest.mark.parametrize("is_length_stated", [True, False])
def test_a_body_of_ten_megabytes_is_refused_and_the_next_event_is_taken(
    receiver: Receiver, is_length_stated: bool
) -> None:
    body = b"x" * 10**7

    def parts() -> Iterator[bytes]:
        yield from (body[start : start + 10**6] for start in range(0, len(body), 10**6))

    headers = signed("stripe", body)
    with requests.Session() as session:
        sent = body if is_length_stated else parts()
        assert session.post(f"{receiver.url}/stripe", data=sent, headers=headers, timeout=20).status_code == 413
        again = session.post(f"{receiver.url}/stripe", data=BODY, headers=signed("stripe", BODY), timeout=20)
    assert again.status_code == 200
    assert receiver.events("stripe") == [json.loads(BODY)]


def test_a_body_that_does_not_come_is_not_waited_for(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SECONDS_FOR_BODY", 0.1)

    def parts() -> Iterator[bytes]:
        yield BODY[:5]
        time.sleep(0.5)
        yield BODY[5:]

    answer = requests.post(f"{receiver.url}/stripe", data=parts(), headers=signed("stripe", BODY), timeout=20)

    assert answer.status_code == 408
    assert receiver.lines("stripe") == []


def test_bodies_take_no_more_memory_together_than_is_set_aside(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODIES_AT_ONCE", 0)
    answer = receiver.send("stripe", BODY)
    assert answer.status_code == 503 and answer.headers["Retry-After"]

    monkeypatch.setattr(app, "BODIES_AT_ONCE", 1)
    body = b"[" + b" " * (4 * 10**6) + b"]"
    for headers in (signed("stripe", body), {}, signed("stripe", body)):  # what was held is released, however it ended
        receiver.send("stripe", body, headers)
    assert receiver.health()["sources"]["stripe"]["received"] == 2


def test_more_events_than_agreed_wait_and_an_outsider_uses_up_none_of_them(start: Start) -> None:
    receiver = start(events_per_second=3)
    forged = {receiver.send("stripe", BODY, {}).status_code for _ in range(20)}

    answers = [receiver.send("stripe", b'{"id": "evt_%d"}' % number) for number in range(20)]

    assert forged == {401}
    taken = [answer.status_code for answer in answers].count(200)
    assert 6 <= taken < 20
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 429)
    assert len(receiver.lines("stripe")) == taken
    assert receiver.send("shopify", BODY).status_code == 200


def test_a_genuine_body_that_is_no_json_is_kept_to_be_rejected(receiver: Receiver) -> None:
    for body in (b'{"id": "evt_1', b"", b"\xff\0"):
        assert receiver.send("stripe", body).status_code == 200

    folder = receiver.doors["stripe"].desk.segments.folder
    entries = list(inbox.written_since(inbox.Inbox("stripe", str(folder), "STRIPE"), None))

    assert [entry["text"] for entry in entries] == ['{"id": "evt_1', "", "\\xff\0"]
    assert all(entry["unreadable"].startswith("not JSON") for entry in entries)
    assert receiver.health()["sources"]["stripe"]["unreadable"] == 3


def test_what_is_no_webhook_is_answered_as_such(receiver: Receiver) -> None:
    for path, status in (
        ("/", 404),
        ("/hubspot", 404),
        ("/shopify/other", 404),
        ("/stripe/evil", 404),
        ("/stripe", 405),
    ):
        assert requests.get(receiver.url + path, timeout=20).status_code == status


def test_the_handshake_gives_the_challenge_back_to_who_knows_the_token(receiver: Receiver) -> None:
    def shaken(**asked: str) -> requests.Response:
        params = {f"hub.{name}": value for name, value in asked.items()}
        return requests.get(f"{receiver.url}/whatsapp", params=params, timeout=20)

    right = {"mode": "subscribe", "verify_token": VERIFY_TOKEN, "challenge": "1158201444"}
    answer = shaken(**right)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for wrong in ({**right, "verify_token": "x"}, {**right, "mode": "unsubscribe"}, {"challenge": "1"}):
        assert (shaken(**wrong).status_code, "115" in shaken(**wrong).text) == (403, False)
    receiver.doors["whatsapp"].verify_token = b""
    assert shaken(**{**right, "verify_token": ""}).status_code == 403


# ---- the disk


def test_nobody_is_told_that_an_event_arrived_before_it_is_on_the_disk_and_many_share_one_flush(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = threading.Event()
    flushes: list[int] = []
    fsync = os.fsync

    def slow(handle: int) -> None:
        assert flushed.wait(10)
        fsync(handle)
        flushes.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", slow)
    with ThreadPoolExecutor(40) as senders:
        answers = [senders.submit(receiver.send, "stripe", b'{"id": %d}' % number) for number in range(40)]
        time.sleep(0.5)
        assert not any(answer.done() for answer in answers)
        flushed.set()
        assert {answer.result().status_code for answer in answers} == {200}
    assert sorted(event["id"] for event in receiver.events("stripe")) == [*range(40)]
    assert len(flushes) < 20


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_a_full_disk_is_said_so_and_half_a_line_is_taken_back(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    receiver.send("stripe", b'{"id": "before"}')
    write = os.write

    def full(handle: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, content[: len(content) // 2])

    def fails_to_flush(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, fails, full if fails == "write" else fails_to_flush)
        answer = receiver.send("stripe", BODY)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert answer.text == "it could not be written\n"
        why = {"write": "No space left on device", "fsync": "Input/output error"}[fails]
        assert f"stripe: {why} (1 since the start)" in caplog.text
        health = requests.get(f"{receiver.url}/health", timeout=20)
        assert (health.status_code, health.json()["ok"]) == (503, False)

    assert receiver.send("stripe", b'{"id": "after"}').status_code == 200
    assert receiver.health()["ok"]
    assert receiver.events("stripe") == [{"id": "before"}, {"id": "after"}]


# ---- what it tells


def test_health_counts_what_arrived_what_did_not_and_what_no_load_has_read(receiver: Receiver) -> None:
    for number in range(3):
        receiver.send("stripe", b'{"id": %d}' % number)
        receiver.send("shopify", b'{"id": %d}' % number)
    size = sum(len(line) + 1 for line in receiver.lines("stripe"))
    waiting = receiver.health()["sources"]["stripe"]
    assert waiting == {
        "received": 3,
        "unreadable": 0,
        "refused": {},
        "loaded_until": None,
        "waiting_files": 1,
        "waiting_bytes": size,
    }

    began_at = config.machine_time() + timedelta(seconds=1)
    inbox.note_loaded(Account("stripe"), began_at)
    read = receiver.health()

    assert read["sources"]["stripe"] | {"received": 3} == waiting | {
        "loaded_until": began_at.isoformat(),
        "waiting_files": 0,
        "waiting_bytes": 0,
    }
    kept = sum(len(line) + 1 for line in receiver.lines("shopify"))
    assert read["sources"]["shopify"]["kept_bytes"] == kept
    assert read["free_disk_bytes"] > 0


def test_the_log_shows_neither_a_body_nor_a_secret(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    private = b'{"email": "ana@example.com", "broken'
    with caplog.at_level(logging.DEBUG):
        receiver.send("whatsapp", private)
        receiver.send("whatsapp", private, {})
        requests.get(f"{receiver.url}/whatsapp", params={"hub.verify_token": VERIFY_TOKEN}, timeout=20)
        for _ in range(5):
            receiver.send("stripe", private, {"Stripe-Signature": "t=1,v1=ana@example.com"})

    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("ingestion", "uvicorn"))]
    assert not any("ana" in line or SECRET in line or VERIFY_TOKEN in line for line in ours)
    assert len([line for line in ours if "stripe: refused" in line]) == 1, ours


# ---- the start


def test_only_accounts_with_a_secret_are_received_and_the_log_says_which_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, data_dir: Path
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot,respond_io,shopify,shopify.outlet,stripe")
    monkeypatch.setenv("SOURCES__SHOPIFY__OUTLET__WEBHOOK_SECRET", "of-the-outlet")
    monkeypatch.setenv("SOURCES__STRIPE__WEBHOOK_SECRET", "whsec_of_stripe")
    monkeypatch.setenv("SOURCES__STRIPE__INBOX_PATH", str(data_dir / "elsewhere"))

    with caplog.at_level(logging.INFO):
        doors = command.doors()

    assert {door.path: door.secret for door in doors} == {
        "/shopify/outlet": b"of-the-outlet",
        "/stripe": b"whsec_of_stripe",
    }
    assert [door.desk.segments.folder for door in doors] == [
        data_dir / "inbox" / "shopify.outlet",
        data_dir / "elsewhere",
    ]
    assert "respond_io: not received: SOURCES__RESPOND_IO__WEBHOOK_SECRET is not set" in caplog.text
    assert "shopify: not received: SOURCES__SHOPIFY__WEBHOOK_SECRET is not set" in caplog.text
    assert "of-the-outlet" not in caplog.text and "whsec" not in caplog.text
    for door in doors:
        door.desk.segments.close()


def test_a_receiver_that_would_receive_nothing_is_not_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "stripe")
    assert command.main() == 1
    assert "set SOURCES__STRIPE__WEBHOOK_SECRET" in capsys.readouterr().err

    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot")
    with pytest.raises(SettingsError, match="no enabled source is sent webhooks"):
        command.doors()


def test_an_inbox_that_is_not_of_this_machine_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "stripe")
    monkeypatch.setenv("SOURCES__STRIPE__WEBHOOK_SECRET", "whsec_of_stripe")
    monkeypatch.setenv("SOURCES__STRIPE__INBOX_PATH", "s3://bucket/inbox")

    with pytest.raises(SettingsError, match="INBOX_PATH='s3://bucket/inbox': write a folder of this machine"):
        command.doors()
