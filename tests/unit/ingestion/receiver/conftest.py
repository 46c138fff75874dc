"""What the tests of the receiver share: doors of known secrets, and the receiver on a free port of loopback."""

from __future__ import annotations

import hmac
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from ingestion.config import Account
from ingestion.receiver.app import Door, Reception, open_door
from ingestion.receiver.senders import SENDERS
from ingestion.receiver.settings import ReceiverSettings

SECRET, VERIFY_TOKEN = "a secret of the vendor", "a token of the handshake"


def signed(vendor: str, body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers that a vendor sends with a body."""
    digest = hmac.digest(secret.encode(), body, "sha256")
    if vendor == "whatsapp":
        return {"X-Hub-Signature-256": f"sha256={digest.hex()}"}
    if vendor == "stripe":
        seconds = int(time.time() if at is None else at)
        of_both = hmac.digest(secret.encode(), f"{seconds}.".encode() + body, "sha256")
        return {"Stripe-Signature": f"t={seconds},v1={of_both.hex()}"}
    name = {"shopify": "X-Shopify-Hmac-Sha256", "respond_io": "X-Webhook-Signature"}[vendor]
    return {name: b64encode(digest).decode()}


class Receiver:
    """A receiver that runs, with a door for each vendor and one for a second shop."""

    def __init__(self, folder: Path, **limits: int) -> None:
        accounts = [*map(Account, SENDERS), Account("shopify", "outlet")]
        self.doors: dict[str, Door] = {
            str(account): open_door(account, SENDERS[account.source], SECRET, VERIFY_TOKEN, folder / str(account))
            for account in accounts
        }
        settings = ReceiverSettings(**limits)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(Reception([*self.doors.values()], settings).app(), log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def send(self, account: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
        """Post an event as the vendor would, or with other headers."""
        vendor = account.partition(".")[0]
        given = signed(vendor, body) if headers is None else headers
        return requests.post(f"{self.url}/{account.replace('.', '/')}", data=body, headers=given, timeout=20)

    def lines(self, account: str) -> list[str]:
        """What the inbox of an account holds."""
        files = sorted(self.doors[account].desk.segments.folder.glob("*.jsonl"))
        return [line for file in files for line in file.read_text().splitlines()]

    def events(self, account: str) -> list[Any]:
        return [json.loads(line)["event"] for line in self.lines(account)]

    def health(self) -> Any:
        return requests.get(f"{self.url}/health", timeout=20).json()


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Receiver]]:
    """Starts receivers, which are stopped at the end."""
    running: list[Receiver] = []

    def started(**limits: int) -> Receiver:
        running.append(Receiver(data_dir / "inbox", **limits))
        return running[-1]

    yield started
    for receiver in running:
        receiver.stop()


@pytest.fixture
def receiver(start: Callable[..., Receiver]) -> Receiver:
    return start()
