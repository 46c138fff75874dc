"""Answers that break on their way: what happens to bytes between a vendor and its reader.

Belongs here: which bytes are sent, and how slowly. Does not: which request is hit (`sandbox.faults`), an answer that
arrives as it was sent, however wrong it is (`sandbox.servers.base`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

WIRE = "wire"  # the place in a request's scope where its connection is found
SECONDS_BETWEEN_DROPS = 0.05
DROPS = 1200

Piece = tuple[bytes, float]  # bytes, and the pause after them


class OpenProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type] # one of two classes, whichever is installed
    """Uvicorn's protocol, which shows the connection to the application: it may break what HTTP would forbid."""

    app: ASGIApp

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, WIRE: transport}, receive, send)

        self.app = with_connection


def _head(clock: int, *lines: str, status: str = "200 OK") -> bytes:
    found = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Date: {formatdate(clock, usegmt=True)}", *lines]
    return "".join(f"{line}\r\n" for line in found).encode()


def _drops(drop: bytes) -> Iterator[Piece]:
    for _ in range(DROPS):
        yield drop, SECONDS_BETWEEN_DROPS


def _whole(*parts: bytes) -> list[Piece]:
    return [(b"".join(parts), 0.0)]


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _slow_headers(body: bytes, clock: int) -> Iterable[Piece]:
    return [(_head(clock) + b"X-Slow: ", 0.0), *_drops(b"x")]


def _slow_body(body: bytes, clock: int) -> Iterable[Piece]:
    return [(_head(clock, f"Content-Length: {DROPS * 2}") + b"\r\n", 0.0), *_drops(b" ")]


BROKEN: dict[str, Callable[[bytes, int], Iterable[Piece]]] = {
    "slow_headers": _slow_headers,
    "slow_body": _slow_body,
    "no_answer": lambda body, clock: [],
    "cut_body": lambda body, clock: _whole(
        _head(clock, f"Content-Length: {len(body)}"), b"\r\n", body[: len(body) // 2]
    ),
    "short_length": lambda body, clock: _whole(_head(clock, f"Content-Length: {len(body) // 2}"), b"\r\n", body),
    "long_length": lambda body, clock: _whole(_head(clock, f"Content-Length: {len(body) + 99}"), b"\r\n", body),
    "cut_chunks": lambda body, clock: _whole(
        _head(clock, "Transfer-Encoding: chunked"), b"\r\n", _chunk(body[: len(body) // 2])
    ),
    "bad_chunk": lambda body, clock: _whole(_head(clock, "Transfer-Encoding: chunked"), b"\r\nzz\r\n", body),
    "bad_gzip": lambda body, clock: _whole(
        _head(clock, "Content-Encoding: gzip", f"Content-Length: {len(body)}"), b"\r\n", body
    ),
    "huge_header": lambda body, clock: _whole(
        _head(clock, f"X-Huge: {'x' * 100_000}", f"Content-Length: {len(body)}"), b"\r\n", body
    ),
    "many_headers": lambda body, clock: _whole(
        _head(clock, *(f"X-{number}: x" for number in range(1000)), f"Content-Length: {len(body)}"), b"\r\n", body
    ),
}


class BrokenResponse(Response):
    """What `kind` leaves of an answer, straight onto the connection, which is closed then."""

    def __init__(self, kind: str, text: str, clock: int) -> None:
        super().__init__(text)
        self._kind, self._clock = kind, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Any = scope[WIRE]
        for part, pause in BROKEN[self._kind](bytes(self.body), self._clock):
            if connection.is_closing():
                break
            connection.write(part)
            if pause:
                await asyncio.sleep(pause)
        connection.close()
        while (await receive())["type"] != "http.disconnect":
            pass  # what is left of the request
