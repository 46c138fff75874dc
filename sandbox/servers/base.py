"""What the vendors' servers have in common: reading a request, faults, authentication, limits, paging.

Belongs here: the order in which these happen. Does not: any vendor's wording.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.books import Books
from sandbox.broken_answers import BROKEN, BrokenResponse
from sandbox.company import Company
from sandbox.faults import Faults
from sandbox.settings import ServerSettings


@dataclass
class Call:
    """A request, read. `params`: query parameters, and those of a form body. `body`: a JSON body."""

    method: str
    path: str
    base_url: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: Any
    path_params: dict[str, str] = field(default_factory=dict)
    drift: int = 0  # records by which the list has moved since the page before
    lacks_scope: bool = False  # the token is known, and does not have the permission


@dataclass
class Reply:
    """An answer before it becomes bytes. A `text` body is sent as it is, with `content_type`."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json"
    broken: str = ""  # the kind of fault that it breaks by on its way
    is_silent: bool = False  # it does not come while somebody waits for it


Handler = Callable[[Call], Reply]


class Refused(Exception):
    """A request that the vendor answers with an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class TokenBucket:
    """`capacity` requests at once, refilled at `per_second`. Safe to use from several threads."""

    def __init__(self, capacity: float, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._now = now
        self._left = capacity
        self._seen = now()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0) -> bool:
        """Take `cost` if it is there."""
        with self._lock:
            self._refill()
            if self._left < cost:
                return False
            self._left -= cost
            return True

    @property
    def left(self) -> float:
        with self._lock:
            self._refill()
            return self._left

    def seconds_until(self, cost: float = 1.0) -> float:
        """How long until `cost` is there."""
        return max(0.0, (cost - self.left) / self.per_second)

    def _refill(self) -> None:
        now = self._now()
        self._left = min(self.capacity, self._left + (now - self._seen) * self.per_second)
        self._seen = now


class VendorServer(ABC):
    """A vendor's API over the company, at a clock.

    Attributes:
        vendor: name of the source that reads it. token: the only access token it knows.
        base_path: what the source's `base_url` ends with. token_setting: the source's setting that holds the token.
        books: what it was told; in memory, until it is given others.
    """

    vendor: str
    token: str
    base_path = ""
    token_setting = "access_token"

    def __init__(self, company: Company, clock: int, settings: ServerSettings, faults: Faults) -> None:
        self.company = company
        self.settings = settings
        self.faults = faults
        self.books = Books()
        self.requests = 0
        self.clock = clock
        self._told_until: int | None = None
        self._telling = threading.Lock()

    @abstractmethod
    def tell(self, clock: int) -> None:
        """Build the indexes of what the company's systems hold at the clock."""

    @abstractmethod
    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """(method, path, handler) of every endpoint."""

    @abstractmethod
    def authorise(self, call: Call) -> None:
        """Raise Refused unless the call carries the token."""

    @abstractmethod
    def limit(self, call: Call) -> dict[str, str]:
        """Headers that tell the limit; raises Refused when it is exceeded."""

    @abstractmethod
    def fault(self, kind: str, call: Call) -> Reply:
        """The vendor's wording of a fault."""

    @abstractmethod
    def has_cursor(self, call: Call) -> bool:
        """Whether the call asks for a page after the first."""

    @abstractmethod
    def not_found(self, call: Call) -> Reply:
        """The vendor's wording of an address that does not exist."""

    def bad_request(self, message: str) -> Reply:
        """The vendor's wording of a request that cannot be understood."""
        return Reply({"message": message}, 400)

    def advance(self, clock: int) -> None:
        """Serve the company as it is at a later clock."""
        self.clock = clock

    def prepare(self) -> None:
        """Have the indexes of the clock; the first request waits for them where nobody asked for them before."""
        with self._telling:
            if self._told_until != self.clock:
                self.tell(self.clock)
                self._told_until = self.clock

    def answer(self, call: Call, handler: Handler) -> Reply:
        """Faults first, as an outage asks nobody's name; then authentication, limit, the endpoint itself."""
        self.prepare()
        self.requests += 1
        kind = self.faults.take(self.vendor, call.path, has_cursor=self.has_cursor(call))
        if kind is not None and kind not in PLAYED_BY_THE_ENDPOINT:
            return _common_fault(kind) or self.fault(kind, call)
        call.drift = DRIFTS.get(kind or "", 0)
        call.lacks_scope = kind == "scope_missing"
        if kind == "token_refused":
            call.headers = {}
        try:
            self.authorise(call)
            headers = self.limit(call)
            reply = handler(call)
        except Refused as refused:
            return refused.reply
        reply.headers = {**headers, **reply.headers}
        return _spoilt(kind, reply) if kind in OF_ANSWERS else reply

    def app(self) -> Starlette:
        """The ASGI application."""
        found = [Route(path, self._endpoint(handler), methods=[method]) for method, path, handler in self.routes()]
        rest = self._endpoint(self.not_found)
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(routes=[*found, Route("/{path:path}", rest, methods=methods)])

    def _endpoint(self, handler: Handler) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                call = _read(request, await request.body())
            except ValueError as error:
                return _send(self.bad_request(f"the body is no JSON: {error}"), self.clock)
            reply = self.answer(call, handler)
            while reply.is_silent and not await request.is_disconnected():
                await asyncio.sleep(0.05)
            return _send(reply, self.clock)

        return endpoint


HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
TOO_MANY = {"message": "Too many requests"}
COMMON_FAULTS: dict[str, Callable[[], Reply]] = {
    "502": lambda: Reply(None, 502, text=HTML, content_type="text/html"),
    "html_200": lambda: Reply(None, text=HTML, content_type="text/html"),
    "empty_200": lambda: Reply(None, text=""),
    "no_content": lambda: Reply(None, 204, text=""),
    "redirect": lambda: Reply(None, 301, {"Location": "http://127.0.0.1:9/elsewhere"}, text=""),
    "retry_after_ages": lambda: Reply(TOO_MANY, 429, {"Retry-After": "1000000000"}),
    "retry_after_negative": lambda: Reply(TOO_MANY, 429, {"Retry-After": "-1"}),
    "retry_after_past": lambda: Reply(TOO_MANY, 503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
}


def _common_fault(kind: str) -> Reply | None:
    if kind == "silent":
        return Reply(None, is_silent=True)
    return COMMON_FAULTS[kind]() if kind in COMMON_FAULTS else None


# By how many records the next page moves back. The first page is in front of all of them.
DRIFTS = {"page_drift": 1, "first_page_again": 10**9}
SPOILT: dict[str, Callable[[str], str]] = {
    "truncated_json": lambda text: text[: len(text) // 2],
    "trailing_garbage": lambda text: text + "}",
    "byte_order_mark": lambda text: "\ufeff" + text,
}
OF_ANSWERS = {*SPOILT, *BROKEN, "wrong_charset"}
PLAYED_BY_THE_ENDPOINT = {*OF_ANSWERS, *DRIFTS, "token_refused", "scope_missing"}


def _spoilt(kind: str, reply: Reply) -> Reply:
    text = json.dumps(reply.body)
    if kind == "wrong_charset":
        return Reply(None, reply.status, reply.headers, text, "application/json; charset=utf-16")
    if kind in SPOILT:
        return Reply(None, reply.status, reply.headers, SPOILT[kind](text))
    return Reply(None, reply.status, reply.headers, text, broken=kind)


def _read(request: Request, raw: bytes) -> Call:
    params = dict(request.query_params)
    body: Any = None
    if raw:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            params.update(parse_qsl(raw.decode()))
        else:
            body = json.loads(raw)
    return Call(
        request.method,
        request.url.path,
        str(request.base_url).rstrip("/"),
        params,
        request.headers,
        body,
        {name: str(value) for name, value in request.path_params.items()},
    )


def _send(reply: Reply, clock: int) -> Response:
    text = reply.text if reply.text is not None else json.dumps(reply.body, separators=(",", ":"), ensure_ascii=False)
    if reply.broken:
        return BrokenResponse(reply.broken, text, clock)
    headers = {"Date": formatdate(clock, usegmt=True), **reply.headers}
    return Response(text, reply.status, headers, media_type=reply.content_type)


def bearer(call: Call) -> str:
    """The token of an `Authorization: Bearer` header, or an empty text."""
    return call.headers.get("authorization", "").removeprefix("Bearer ").strip()


def whole_number(text: str | None, default: int, most: int) -> int:
    """A page size: `default` where none is given, at most `most`. Raises ValueError on anything below 1."""
    number = int(text) if text else default
    if number < 1:
        raise ValueError(f"{number} is less than 1")
    return min(number, most)


def slice_from(items: Sequence[Any], start: int, limit: int, drift: int) -> tuple[Sequence[Any], int, bool]:
    """Items of a page, position after it, and whether more follow. `drift` begins the page that much earlier."""
    begin = max(0, start - drift)
    end = min(len(items), begin + limit)
    return items[begin:end], end, end < len(items)
