"""What is answered to a vendor: one path an account, and one that tells how the receiver is.

Belongs here: status codes, limits, counts. Does not: signatures (`senders`), the disk (`segments`).

200: the event is on the disk. 400, 401, 413: it is none of ours, or not as it was sent. 429, 503: send it again.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ingestion import config, inbox
from ingestion.config import Account
from ingestion.receiver.segments import PATTERN, Desk, Segments, enveloped
from ingestion.receiver.senders import FORGED, TOO_OLD, Sender
from ingestion.receiver.settings import ReceiverSettings

log = logging.getLogger(__name__)

TOO_LARGE = "the body is too large"
TOO_SLOW = "the body did not arrive in time"
BROKEN_OFF = "the sender hung up"
TOO_MANY = "too many events in a second"
BUSY = "too much is being received at once"
NO_ROOM = "it could not be written"
WRONG_TOKEN = "the token of the handshake is wrong"
STATUS = {
    FORGED: 401,
    TOO_OLD: 400,
    TOO_LARGE: 413,
    TOO_SLOW: 408,
    BROKEN_OFF: 400,
    TOO_MANY: 429,
    BUSY: 503,
    NO_ROOM: 503,
    WRONG_TOKEN: 403,
}
AGAIN_AFTER_SECONDS = {TOO_MANY: 1, BUSY: 5, NO_ROOM: 60}
HEADERS = ("content-type", "user-agent")  # of any sender
SECONDS_FOR_BODY = 15.0
BODIES_AT_ONCE = 12  # of the largest size allowed, in memory
SECONDS_BETWEEN_LINES = 60.0  # on the same refusal, in the log
BURST_SECONDS = 2.0


class Refused(Exception):
    """An event is not taken.

    Attributes:
        reason: what the sender is told.
        detail: what only the log says.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass
class Door:
    """Where the events of one account arrive.

    Attributes:
        account: whose events they are.
        sender: how its vendor signs.
        secret: what it signs with.
        verify_token: what the vendor's handshake has to name; empty: none is accepted.
        desk: where they are written.
        received: how many are on the disk since the start.
        unreadable: how many of them are genuine and no JSON.
        refused: how many were not taken, by reason.
        disk_fails: whether the latest one could not be written.
    """

    account: Account
    sender: Sender
    secret: bytes
    verify_token: bytes
    desk: Desk
    received: int = 0
    unreadable: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    disk_fails: bool = False
    _said: dict[str, float] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return "/" + str(self.account).replace(".", "/")

    def note(self, refused: Refused) -> None:
        """Count a refusal. The log has a line for the first of a minute."""
        reason = refused.reason
        self.refused[reason] += 1
        if time.monotonic() - self._said.get(reason, -SECONDS_BETWEEN_LINES) >= SECONDS_BETWEEN_LINES:
            self._said[reason] = time.monotonic()
            said = f"{reason}: {refused.detail}" if refused.detail else reason
            log.warning("%s: refused: %s (%s since the start)", self.account, said, self.refused[reason])

    def waiting(self) -> dict[str, Any]:
        """Files and bytes that were written since the last good load of the account began, or all there are."""
        since = inbox.loaded_until(self.account)
        stats = [file.stat() for file in self.desk.segments.folder.glob(PATTERN)]
        if not self.sender.is_loaded:
            return {"kept_files": len(stats), "kept_bytes": sum(stat.st_size for stat in stats)}
        news = [stat for stat in stats if stat.st_size and (since is None or stat.st_mtime >= since.timestamp())]
        return {
            "loaded_until": since.isoformat() if since else None,
            "waiting_files": len(news),
            "waiting_bytes": sum(stat.st_size for stat in news),
        }

    def state(self) -> dict[str, Any]:
        """Counts since the start, and what waits."""
        return {
            "received": self.received,
            "unreadable": self.unreadable,
            "refused": dict(self.refused),
            **self.waiting(),
        }


class Rate:
    """How many events an account may send: so many a second, and some seconds' worth at once."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left = self._most = per_second * BURST_SECONDS
        self._at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Reception:
    """All doors, and what they share: the memory for bodies."""

    def __init__(self, doors: Sequence[Door], settings: ReceiverSettings) -> None:
        self._doors = doors
        self._body_limit = settings.body_limit_megabytes * 10**6
        self._held = 0
        self._rates = {door.account: Rate(settings.events_per_second) for door in doors}

    def app(self) -> Starlette:
        """The ASGI application."""

        @asynccontextmanager
        async def closing(app: Starlette) -> AsyncIterator[None]:
            yield
            for door in self._doors:
                await door.desk.close()

        return Starlette(routes=[Route("/health", self._health), *map(self._route, self._doors)], lifespan=closing)

    def _route(self, door: Door) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                if request.method == "POST":
                    return await self._take(door, request)
                return _shake_hands(door, request)
            except Refused as refused:
                door.note(refused)
                reason = refused.reason
                again = AGAIN_AFTER_SECONDS.get(reason)
                headers = {"Retry-After": str(again)} if again else None
                return PlainTextResponse(f"{reason}\n", STATUS[reason], headers)

        return Route(door.path, endpoint, methods=["POST", "GET"] if door.sender.shakes_hands else ["POST"])

    async def _take(self, door: Door, request: Request) -> Response:
        body = await self._body(request)
        try:
            reason = door.sender.judge(door.secret, request.headers, body, time.time())
            if reason is not None:
                raise Refused(reason)
            # after the signature: an outsider cannot use up what the vendor may send
            if not self._rates[door.account].take():
                raise Refused(TOO_MANY)
            kept = {name: request.headers[name] for name in (*HEADERS, *door.sender.headers) if name in request.headers}
            line, is_event = enveloped(config.machine_time(), kept, body)
            try:
                await door.desk.keep(line)
            except OSError as error:
                door.disk_fails = True
                raise Refused(NO_ROOM, f"{door.desk.segments.folder}: {error.strerror}") from None
            door.disk_fails = False
            door.received += 1
            door.unreadable += not is_event
            return PlainTextResponse("ok\n")
        finally:
            self._held -= len(body)

    async def _body(self, request: Request) -> bytes:
        """The body as it came. It counts as held until it is released.

        Raises:
            Refused: it is too large, comes too slowly, breaks off, or there is no memory for it.
        """
        stated = request.headers.get("content-length", "")
        if stated.isdigit() and int(stated) > self._body_limit:
            raise Refused(TOO_LARGE)
        parts: list[bytes] = []
        size, is_whole = 0, False
        try:
            async with asyncio.timeout(SECONDS_FOR_BODY):
                async for part in request.stream():
                    size += len(part)
                    self._held += len(part)
                    parts.append(part)
                    if size > self._body_limit:
                        raise Refused(TOO_LARGE)
                    if self._held > BODIES_AT_ONCE * self._body_limit:
                        raise Refused(BUSY)
            is_whole = True
            return b"".join(parts)
        except TimeoutError:
            raise Refused(TOO_SLOW) from None
        except ClientDisconnect:
            raise Refused(BROKEN_OFF) from None
        finally:
            if not is_whole:
                self._held -= size

    async def _health(self, request: Request) -> Response:
        """How the receiver is, in numbers alone: who may see it is for the proxy to say."""
        sources = {str(door.account): await asyncio.to_thread(door.state) for door in self._doors}
        free = {str(door.account): _free_bytes(door.desk.segments.folder) for door in self._doors}
        is_well = not any(door.disk_fails for door in self._doors)
        return JSONResponse(
            {"ok": is_well, "free_disk_bytes": min(free.values(), default=None), "sources": sources},
            200 if is_well else 503,
        )


def _shake_hands(door: Door, request: Request) -> Response:
    """Meta asks once, when the address is entered, whether we know the token that was entered beside it."""
    asked = request.query_params
    token = asked.get("hub.verify_token", "").encode()
    if asked.get("hub.mode") != "subscribe" or not door.verify_token:
        raise Refused(WRONG_TOKEN)
    if not hmac.compare_digest(token, door.verify_token):
        raise Refused(WRONG_TOKEN)
    return PlainTextResponse(asked.get("hub.challenge", ""))


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def open_door(account: Account, sender: Sender, secret: str, verify_token: str, folder: Path) -> Door:
    """The door of an account, whose inbox is its own from now on. Raises SettingsError where that cannot be."""
    return Door(account, sender, secret.encode(), verify_token.encode(), Desk(Segments(folder)))
