"""Stripe API: customers, prices, subscriptions and their items, invoices and their lines, money in and out, events.

Endpoints: GET /v1/{customers, products, prices, subscriptions, subscription_items, invoices, invoice_payments, charges,
refunds, disputes, credit_notes, events}, each of those objects by its id, GET /v1/invoices/{id}/lines, GET /v1/account.
Shapes as in version 2025-03-31.basil: periods on items, an invoice's subscription under `parent`, payments of an
invoice as objects of their own. What is expanded is shown where `expand[]` asks for it: else discounts are ids, and
tiers and currency options absent.

Not confirmed against the real API: the order of events within one second (newest first here); `Retry-After` (given
only by the fault of that name); whether an embedded list stops at ten entries; the quantity of
the line for the fee of a tier. Fields here are a subset.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sandbox import malformed
from sandbox.records import BillingChange, BillingObject
from sandbox.servers.base import (
    Call,
    Handler,
    Refused,
    Reply,
    TokenBucket,
    VendorServer,
    bearer,
    slice_from,
    whole_number,
)
from sandbox.settings import DAY

Wire = dict[str, Any]

VERSION = "2025-03-31.basil"
PER_SECOND = 100
DEFAULT_PAGE, PAGE_MOST = 10, 100
EMBEDDED_MOST = 10  # entries of a list within an object
EVENT_DAYS = 30
KINDS = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "charge": "charges",
    "refund": "refunds",
    "dispute": "disputes",
    "credit_note": "credit_notes",
}
# What a restricted key needs, by the first step of the path.
PERMISSIONS = {
    **{path: kind for kind, path in KINDS.items()},
    "subscription_items": "subscription",
    "events": "event",
    "account": "connected_account",
}
FILTERS = {
    "customers": {"email"},
    "products": {"active"},
    "prices": {"active", "product"},
    "subscriptions": {"status", "customer", "price"},
    "subscription_items": {"subscription"},
    "invoices": {"status", "customer", "subscription"},
    "invoice_payments": {"status", "invoice"},
    "charges": {"customer", "payment_intent"},
    "refunds": {"charge", "payment_intent"},
    "disputes": {"charge", "payment_intent"},
    "credit_notes": {"customer", "invoice"},
    "events": {"type", "types[]"},
}
PAGING = {"limit", "starting_after"}
EXPAND = re.compile(r"^expand\[\d*\]$")
CREATED = re.compile(r"^created(?:\[(gt|gte|lt|lte)\])?$")


def error(message: str, status: int = 400, kind: str = "invalid_request_error", **more: Any) -> Reply:
    return Reply({"error": {"message": message, "type": kind, **more}}, status)


class Stripe(VendorServer):
    vendor = "stripe"
    token = "sandbox-stripe-key"
    base_path = "/v1"
    token_setting = "api_key"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            scale = PER_SECOND * self.settings.rate_scale
            self._bucket = TokenBucket(scale, scale)
        known = self.company.billing(clock) + malformed.stripe_customers(self.company.start, clock)
        self._lists: dict[str, list[BillingObject]] = defaultdict(list)
        for record in sorted(known, key=lambda each: (-each.created_at, each.id)):
            if record.visible(clock):
                self._lists[KINDS[record.kind]].append(record)
        self._events = [
            (change, place, record)
            for record in known
            for place, change in enumerate(record.changes)
            if change.event is not None and clock - EVENT_DAYS * DAY <= change.at <= clock
        ]
        self._events.sort(key=lambda told: (told[0].at, told[2].created_at, told[1], told[2].id), reverse=True)
        self._wires = lru_cache(maxsize=None)(self._list)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        for path in KINDS.values():
            yield "GET", f"/v1/{path}", self._for(path, self.list_objects)
            yield "GET", f"/v1/{path}/{{identifier}}", self._for(path, self.one_object)
        yield "GET", "/v1/subscription_items", self._for("subscription_items", self.subscription_items)
        yield "GET", "/v1/invoices/{identifier}/lines", self.invoice_lines
        yield "GET", "/v1/events", self.events
        yield "GET", "/v1/account", self.account

    @staticmethod
    def _for(path: str, handler: Callable[[str, Call], Reply]) -> Handler:
        return lambda call: handler(path, call)

    # ---- the common parts

    def authorise(self, call: Call) -> None:
        if bearer(call) != self.token:
            raise Refused(error("Invalid API Key provided: ***", 401))
        version = call.headers.get("stripe-version", VERSION)
        if version != VERSION:
            raise Refused(error(f"Invalid Stripe API version: {version}", 400, code="invalid_api_version"))
        if call.lacks_scope:
            permission = f"rak_{PERMISSIONS[call.path.split('/')[2]]}_read"
            raise Refused(
                error(
                    "The provided key does not have the required permissions for this endpoint. Having the "
                    f"'{permission}' permission would allow this request to continue.",
                    403,
                )
            )

    def limit(self, call: Call) -> dict[str, str]:
        if not self._bucket.take():
            raise Refused(_rate_limit())
        return {"Stripe-Version": VERSION, "Request-Id": "req_sandbox"}

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after"):
            reply = _rate_limit()
            reply.headers |= {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        if kind == "throttled":
            message = "This object cannot be accessed right now because another API request is currently accessing it."
            return error(message, 429, code="lock_timeout")
        if kind == "error_in_200":
            return error("An unknown error occurred", 200, "api_error")
        if kind == "expired_cursor":
            return _no_such(call)
        return error("An unknown error occurred", int(kind), "api_error")

    def has_cursor(self, call: Call) -> bool:
        return bool(call.params.get("starting_after"))

    def not_found(self, call: Call) -> Reply:
        return error(f"Unrecognized request URL ({call.method}: {call.path}).", 404)

    def bad_request(self, message: str) -> Reply:
        return error(message)

    def account(self, call: Call) -> Reply:
        """Whose the key is."""
        return Reply(
            {
                "id": "acct_sandbox",
                "object": "account",
                "country": "ES",
                "default_currency": "eur",
                "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Europe/Madrid"}},
            }
        )

    # ---- lists

    def list_objects(self, path: str, call: Call) -> Reply:
        """Objects newest first, of the filters that the call gives."""
        _check(call, FILTERS[path], created=True)
        wires = self._wires(path, _expanded(call, "data."))
        tests = [_test(name, value) for name, value in call.params.items() if not _is_of_every_list(name)]
        if path == "subscriptions" and "status" not in call.params:
            tests.append(lambda wire: wire["status"] != "canceled")  # what Stripe does without status=all
        return self._page(call, f"/v1/{path}", [wire for wire in wires if all(test(wire) for test in tests)])

    def one_object(self, path: str, call: Call) -> Reply:
        """One object as it is now; of a deleted one, that it is."""
        _check(call, set())
        wanted = call.path_params["identifier"]
        found = next((wire for wire in self._wires(path, _expanded(call)) if wire["id"] == wanted), None)
        if found is None:
            raise Refused(error(f"No such {path[:-1]}: '{wanted}'", 404, code="resource_missing", param="id"))
        return Reply(found)

    def _list(self, path: str, expanded: frozenset[str]) -> list[Wire]:
        return [_wire(record, record.state(self.clock), expanded) for record in self._lists[path]]

    def subscription_items(self, path: str, call: Call) -> Reply:
        """Items of one subscription, all of them."""
        _check(call, FILTERS[path])
        wanted = call.params.get("subscription")
        if not wanted:
            raise Refused(error("Missing required param: subscription.", param="subscription"))
        return self._embedded(call, "subscriptions", wanted, "items", "/v1/subscription_items")

    def invoice_lines(self, call: Call) -> Reply:
        """Lines of one invoice, all of them."""
        _check(call, set())
        return self._embedded(call, "invoices", call.path_params["identifier"], "lines", call.path)

    def _embedded(self, call: Call, path: str, identifier: str, name: str, url: str) -> Reply:
        record = next((each for each in self._lists[path] if each.id == identifier), None)
        if record is None:
            raise Refused(error(f"No such {path[:-1]}: '{identifier}'", 404, code="resource_missing", param="id"))
        return self._page(call, url, record.state(self.clock).get(name, []))

    def events(self, call: Call) -> Reply:
        """What happened in the last 30 days, newest first, each with the object as it was right after."""
        _check(call, FILTERS["events"], created=True)
        pattern = call.params.get("type", "*")
        prefix = pattern[:-1] if pattern.endswith("*") else None
        tests = [_test(name, value) for name, value in call.params.items() if CREATED.match(name)]
        found = [
            _event(change, place, record)
            for change, place, record in self._events
            if (change.event == pattern if prefix is None else str(change.event).startswith(prefix))
            and all(test({"created": change.at}) for test in tests)
        ]
        return self._page(call, "/v1/events", found)

    def _page(self, call: Call, url: str, found: Sequence[Wire]) -> Reply:
        try:
            limit = whole_number(call.params.get("limit"), DEFAULT_PAGE, PAGE_MOST)
        except ValueError as problem:
            raise Refused(error(f"Invalid integer: {problem}", param="limit")) from None
        start, after = 0, call.params.get("starting_after")
        if after:
            start = next((place + 1 for place, wire in enumerate(found) if wire["id"] == after), 0)
            if not start:
                raise Refused(_no_such(call))
        page, _, more = slice_from(found, start, limit, call.drift)
        return Reply({"object": "list", "data": list(page), "has_more": more, "url": url})


def _rate_limit() -> Reply:
    reply = error("Request rate limit exceeded.", 429, code="rate_limit")
    reply.headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
    return reply


def _no_such(call: Call) -> Reply:
    after = call.params.get("starting_after")
    return error(f"No such object: '{after}'", code="resource_missing", param="starting_after")


def _check(call: Call, names: set[str], *, created: bool = False) -> None:
    """Refuse a parameter that the endpoint does not know, as Stripe does."""
    for name in call.params:
        if name not in names and not _is_of_every_list(name) and not (created and CREATED.match(name)):
            raise Refused(error(f"Received unknown parameter: {name}", code="parameter_unknown", param=name))


def _is_of_every_list(name: str) -> bool:
    return name in PAGING or EXPAND.match(name) is not None


def _expanded(call: Call, prefix: str = "") -> frozenset[str]:
    """The first steps of the paths that the call wants in full."""
    asked = [value for name, value in call.params.items() if EXPAND.match(name)]
    for path in asked:
        if not path.startswith(prefix):
            raise Refused(error(f"This property cannot be expanded ({path}).", param="expand"))
    return frozenset(path.removeprefix(prefix).split(".")[0] for path in asked)


def _test(name: str, value: str) -> Callable[[Wire], bool]:
    """One filter of a list."""
    if match := CREATED.match(name):
        try:
            bound = int(value)
        except ValueError:
            raise Refused(error(f"Invalid timestamp: {value}", param=name)) from None
        compare: dict[str | None, Callable[[int], bool]] = {
            None: lambda at: at == bound,
            "gt": lambda at: at > bound,
            "gte": lambda at: at >= bound,
            "lt": lambda at: at < bound,
            "lte": lambda at: at <= bound,
        }
        return lambda wire: isinstance(wire["created"], int) and compare[match[1]](wire["created"])
    if (name, value) == ("status", "all"):
        return lambda wire: True
    return lambda wire: str(wire.get(name)).lower() == value.lower()


def _wire(record: BillingObject, state: Mapping[str, Any], expanded: frozenset[str] = frozenset()) -> Wire:
    """An object as a list or an event shows it: of what it contains, the first entries."""
    wire: Wire = {"id": record.id, "object": record.kind, "created": record.created_at, **state}
    if record.kind != "refund":
        wire["livemode"] = True
    for name, url in (
        ("items", f"/v1/subscription_items?subscription={record.id}"),
        ("lines", f"/v1/invoices/{record.id}/lines"),
    ):
        if name in wire:
            wire[name] = _embed(wire[name], url)
    if "discounts" in wire and "discounts" not in expanded:
        wire["discounts"] = [discount["id"] for discount in wire["discounts"]]
    if "failure_balance_transaction" in wire and "failure_balance_transaction" not in expanded:
        wire["failure_balance_transaction"] = wire["failure_balance_transaction"]["id"]
    for name in ("tiers", "currency_options"):
        if name in wire and name not in expanded:
            del wire[name]
    return wire


def _embed(entries: Sequence[Wire], url: str) -> Wire:
    return {
        "object": "list",
        "data": list(entries[:EMBEDDED_MOST]),
        "has_more": len(entries) > EMBEDDED_MOST,
        "url": url,
    }


def _event(change: BillingChange, place: int, record: BillingObject) -> Wire:
    """A change as an event; an update states what the changed fields were before."""
    before: dict[str, Any] = {}
    for earlier in record.changes[:place]:
        before.update(earlier.values)
    data: Wire = {"object": _wire(record, {**before, **change.values})}
    if place and not str(change.event).endswith(".deleted"):
        previous = {name: before.get(name) for name, value in change.values.items() if before.get(name) != value}
        if "items" in previous:
            previous["items"] = _embed(previous["items"] or [], f"/v1/subscription_items?subscription={record.id}")
        data["previous_attributes"] = previous
    return {
        "id": f"evt_{record.id}x{place}",
        "object": "event",
        "api_version": VERSION,
        "created": change.at,
        "data": data,
        "livemode": True,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": change.event,
    }
