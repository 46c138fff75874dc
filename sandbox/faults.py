"""Scripted faults: what a vendor's API does on a bad day.

Belongs here: which fault hits which request, and how often. Does not: how a vendor words an error (its server).

A script is `vendor:kind[*times][@path]`, comma separated: `hubspot:429*2,shopify:throttled@/graphql.json`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from sandbox.servers import VENDORS
from sandbox.sinks import SINKS

KINDS = {
    "429": "too many requests, without Retry-After",
    "429_retry_after": "too many requests, with Retry-After: 1",
    "500": "internal error",
    "502": "bad gateway, an HTML body",
    "truncated_json": "status 200, the body ends half-way",
    "throttled": "the vendor's own throttle: Shopify THROTTLED in a 200, Meta code 17 in a 400, respond.io 449, "
    "HubSpot 429, Stripe lock_timeout",
    "error_in_200": "status 200 with an error as the body",
    "expired_cursor": "the next request that carries a cursor is refused",
    "page_drift": "the next page begins with the last record of the page before",
    "first_page_again": "the next page is the first one once more, and so are its cursor and all that follows",
    "html_200": "status 200, an HTML body",
    "empty_200": "status 200, no body",
    "no_content": "status 204",
    "redirect": "status 301 to another host",
    "retry_after_ages": "too many requests, with Retry-After: 1000000000",
    "retry_after_negative": "too many requests, with Retry-After: -1",
    "retry_after_past": "status 503, with a Retry-After of 1970",
    "trailing_garbage": "something after the JSON",
    "byte_order_mark": "a byte order mark before the JSON: it can be read",
    "wrong_charset": "a charset in the header that is not that of the body: it can be read",
    "slow_headers": "a header that comes byte by byte",
    "slow_body": "a body that comes byte by byte",
    "no_answer": "the connection is closed without an answer",
    "cut_body": "the connection is closed in the middle of the body",
    "short_length": "a Content-Length that is too small",
    "long_length": "a Content-Length that is too large",
    "cut_chunks": "chunks that end before the last one",
    "bad_chunk": "a chunk without a length",
    "bad_gzip": "a body that is no gzip, though its header says so",
    "huge_header": "a header of 100 kB",
    "many_headers": "a thousand headers",
}
# What does not pass by itself.
REFUSALS = {
    "token_refused": "the token is not accepted",
    "scope_missing": "the token lacks the permission for what is asked; Shopify and Meta say so in what they grant",
    "silent": "the connection is open, and no answer comes",
}
NEEDS_CURSOR = ("expired_cursor", "page_drift", "first_page_again")
SLOW = ("slow_headers", "slow_body")  # each takes as long as its reader waits
LASTING = ("redirect",)  # asking again does not help
_SCRIPT = re.compile(r"^(?P<vendor>\w+):(?P<kind>\w+)(?:\*(?P<times>\d+))?(?:@(?P<path>\S+))?$")


class FaultError(ValueError):
    """A fault that does not exist."""


@dataclass
class _Fault:
    vendor: str
    kind: str
    left: int
    path: str
    spared: int


class Faults:
    """Faults still to come, in the order in which they were added. Safe to use from several threads."""

    def __init__(self) -> None:
        self._pending: list[_Fault] = []
        self._lock = threading.Lock()

    @classmethod
    def parse(cls, script: str) -> Faults:
        """Faults of a script (see the module). Raises FaultError with the part that cannot be read."""
        faults = cls()
        for part in filter(None, (piece.strip() for piece in script.split(","))):
            match = _SCRIPT.match(part)
            if match is None:
                raise FaultError(f"{part!r} is not vendor:kind[*times][@path]")
            faults.add(match["vendor"], match["kind"], times=int(match["times"] or 1), path=match["path"] or "")
        return faults

    def add(self, vendor: str, kind: str, *, times: int = 1, path: str = "", after: int = 0) -> None:
        """Let the next `times` requests to `vendor` whose path contains `path` fail in the way of `kind`.

        Args:
            after: how many of such requests are spared before.
        """
        kinds = (*KINDS, *REFUSALS)
        vendors = (*VENDORS, *SINKS)
        if vendor not in vendors or kind not in kinds or times < 1:
            raise FaultError(f"{vendor}:{kind}*{times}: vendors are {', '.join(vendors)}; kinds {', '.join(kinds)}")
        with self._lock:
            self._pending.append(_Fault(vendor, kind, times, path, after))

    def take(self, vendor: str, path: str, *, has_cursor: bool) -> str | None:
        """The fault that hits this request, if any; it is used up by one."""
        with self._lock:
            for fault in self._pending:
                if fault.vendor != vendor or fault.path not in path:
                    continue
                if fault.kind in NEEDS_CURSOR and not has_cursor:
                    continue
                if fault.spared:
                    fault.spared -= 1
                    continue
                fault.left -= 1
                if fault.left == 0:
                    self._pending.remove(fault)
                return fault.kind
        return None

    def clear(self) -> None:
        """Forget what has not happened yet."""
        with self._lock:
            self._pending.clear()

    @property
    def pending(self) -> int:
        """Faults that have not happened yet."""
        with self._lock:
            return sum(fault.left for fault in self._pending)
