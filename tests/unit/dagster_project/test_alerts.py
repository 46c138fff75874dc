"""Alerts reach a webhook and a mailbox, once for each failure and once when it is over, and never carry a URL."""

from __future__ import annotations

import errno
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dagster_project import alerts
from ingestion.config import SettingsError
from ingestion.secrecy import hidden


class Hook(BaseHTTPRequestHandler):
    """A webhook that notes what it was sent, and answers with the status that the test asks for."""

    received: list[dict[str, str]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append({"path": self.path, **json.loads(body)})
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as it takes to be sent a message."""

    received: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 mail\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                type(self).received.append(b"".join(lines).decode())
            if verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    kind = type("ThisHook", (Hook,), {"received": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}/hook-s3cret", kind
        server.shutdown()


@pytest.fixture
def mailbox() -> Iterator[tuple[str, type[Mailbox]]]:
    kind = type("ThisMailbox", (Mailbox,), {"received": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        yield f"mailto://127.0.0.1:{port}?from=nightly@example.com&to=data@example.com&mode=insecure", kind
        server.shutdown()


def test_a_failure_and_the_recovery_reach_a_webhook_and_a_mailbox(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]], mailbox: tuple[str, type[Mailbox]]
) -> None:
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", f"{hook[0]} {mailbox[0]}")

    assert alerts.tell("published", "published again", ["all is well"]) == []
    failed = alerts.tell("failed", "refresh failed", ["Failed: load_shopify: the token was refused"])
    again = alerts.tell("failed", "refresh failed", ["Failed: load_shopify: the token was refused"])
    partly = alerts.tell("partly", "published in part", ["no news of shopify"])
    over = alerts.tell("published", "published again", [])
    assert alerts.tell("published", "published again", []) == []

    titles = ["refresh failed", "refresh failed", "published in part", "published again"]
    assert [message["title"] for message in hook[1].received] == titles
    assert [message["type"] for message in hook[1].received] == ["failure", "failure", "failure", "success"]
    first, second, _, last = (message["message"] for message in hook[1].received)
    assert first == "Failed: load_shopify: the token was refused"
    assert second.startswith(f"{first}\nIt has been so since 20")
    assert last.startswith("The trouble since 20") and last.endswith("is over.")
    assert len(mailbox[1].received) == 4
    assert "data@example.com" in mailbox[1].received[0]
    for sentences in (failed, again, partly, over):
        assert [sentence.split(":")[0] for sentence in sentences] == ["Sent alert 1 (JSON)", "Sent alert 2 (E-Mail)"]


def test_an_alert_that_cannot_be_delivered_is_said_without_its_url(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    hook[1].status = 500
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", hook[0])

    (said,) = alerts.tell("failed", "refresh failed", ["Failed: load_shopify"])
    assert said.startswith("Not sent after 3 tries: alert 1 (JSON).")
    assert "s3cret" not in said
    assert len(hook[1].received) == 3


def test_a_url_of_no_known_service_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", "nonsense-s3cret")

    with pytest.raises(SettingsError, match=r"LIFECYCLE_ALERT_URLS: one of the URLs is of no service") as caught:
        alerts.AlertSettings.read()
    assert "s3cret" not in str(caught.value)


def test_without_targets_the_outcome_is_kept_for_the_day_there_is_one(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    assert alerts.tell("failed", "refresh failed", []) == []
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", hook[0])

    assert len(alerts.tell("published", "published again", [])) == 1


def test_what_was_known_of_the_last_run_may_be_damaged(data_dir: Path, hook: tuple[str, type[Hook]]) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "last_outcome.json").write_text('{"outcome": "fai')

    assert alerts.tell("published", "published again", []) == []
    assert json.loads((data_dir / "last_outcome.json").read_text())["outcome"] == "published"


def test_an_alert_is_sent_also_where_the_disk_is_full(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    def full(state: alerts.State) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(alerts, "_remember", full)
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", hook[0])

    sent, kept = alerts.tell("failed", "refresh failed", ["the disk is full"])
    assert sent.startswith("Sent alert 1 (JSON)") and len(hook[1].received) == 1
    assert "last_outcome.json could not be written (No space left on device)" in kept


def test_a_target_that_cannot_be_read_does_not_hide_how_the_run_ended(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", "nonsense-s3cret")

    (said,) = alerts.tell("failed", "refresh failed", [])
    assert said.startswith("No alert was sent: LIFECYCLE_ALERT_URLS: ") and "s3cret" not in said
    assert json.loads((data_dir / "last_outcome.json").read_text())["outcome"] == "failed"
    assert hidden("at nonsense-s3cret") == "at ***"
