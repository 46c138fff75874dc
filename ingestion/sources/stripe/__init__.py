"""Stripe billing: customers, products, prices, subscriptions with items and history, invoices, payments, refunds.

Belongs here: Stripe's lists, events, limits and field names. Does not: what a status means, how many decimals a
currency has.

Stripe's lists cannot be asked for what changed. The first run therefore reads them whole; from then on the events
say what changed, each with the object as it was right after. Events are kept for 30 days: a longer pause between two
runs reads everything again. The events of subscriptions are kept as history of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.stripe.models import (
    CHARGES,
    CUSTOMERS,
    INVOICE_LINES,
    INVOICE_PAYMENTS,
    INVOICES,
    PRICES,
    PRODUCTS,
    REFUNDS,
    SUBSCRIPTION_EVENT_ITEMS,
    SUBSCRIPTION_EVENTS,
    SUBSCRIPTION_ITEMS,
    SUBSCRIPTIONS,
    TABLES,
)
from ingestion.tables import RawTable
from ingestion.watermark import instant
from ingestion.wire import Spool, at, batches

__all__ = ["TABLES", "resources"]

log = logging.getLogger(__name__)

SOURCE = "stripe"
PAGE = 100
EVENTS_KEPT = timedelta(days=30)
EVENTS_LAG = timedelta(hours=1)  # events of the last hour are read again: they may be listed late, clocks may differ


@dataclass(frozen=True)
class Kind:
    """One type of object: its name on the wire, its list, the events that tell of it, the event of its deletion."""

    object: str
    path: str
    events: str
    deleted: str = ""
    params: tuple[tuple[str, str], ...] = ()


CUSTOMER = Kind("customer", "/customers", "customer.*", "customer.deleted")
PRODUCT = Kind("product", "/products", "product.*", "product.deleted")
PRICE = Kind("price", "/prices", "price.*", "price.deleted")
# Its end is an event `….deleted` too, but no deletion: the subscription stays in the list as canceled.
SUBSCRIPTION = Kind("subscription", "/subscriptions", "customer.*", params=(("status", "all"),))
INVOICE = Kind("invoice", "/invoices", "invoice.*", "invoice.deleted")
# No event tells of a payment before it is made.
INVOICE_PAYMENT = Kind("invoice_payment", "/invoice_payments", "invoice_payment.*", params=(("status", "paid"),))
CHARGE = Kind("charge", "/charges", "charge.*")
REFUND = Kind("refund", "/refunds", "refund.*")


def judge(response: requests.Response, body: Any) -> Problem | None:
    """Stripe words errors as `{"error": {type, code, message, param}}`."""
    if at(body, "error") is None:
        return judge_status(response, body)
    kind, code = str(at(body, "error", "type") or ""), str(at(body, "error", "code") or "")
    said = f"{at(body, 'error', 'message')} [{code or kind or 'error'}]"
    if response.status_code == 429 or code in ("rate_limit", "lock_timeout"):
        limit = response.headers.get("Stripe-Rate-Limited-Reason")
        said += f" ({limit})" if limit else ""
        return Problem(said, retry=True, advice="The limit stayed exceeded: run again later.", code=code)
    if kind == "api_error" or response.status_code >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=code)
    if response.status_code in (401, 403):
        advice = f"Check {config.variable_name(SOURCE, 'api_key')}: a restricted key needs read access to billing."
        return Problem(said, advice=advice, code=code)
    return Problem(
        said,
        advice=f"The request was refused: check {config.variable_name(SOURCE, 'api_version')}.",
        code=code,
        cursor_expired=code == "resource_missing" and at(body, "error", "param") == "starting_after",
    )


class Billing:
    """Reads one Stripe account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def objects(self, kind: Kind) -> Spool:
        """Every object of a kind. One that is created meanwhile may be missed: the next run's events tell of it."""
        found = Spool()
        for record in self._list(kind.path, dict(kind.params)):
            found.add(at(record, "id"), record)
        log.info("stripe: %s of %s read", len(found), kind.path)
        return found

    def events(self, pattern: str, since: datetime | None) -> Spool:
        """Events whose type fits `pattern` from `since` on (all that are kept where it is None), newest first."""
        found = Spool()
        params: dict[str, Any] = {"type": pattern}
        if since is not None:
            params["created[gte]"] = int(since.timestamp())
        for record in self._list("/events", params):
            found.add(at(record, "id"), record)
        log.info("stripe: %s events %s read", len(found), pattern)
        return found

    def whole(self, record: Any, name: str, path: str, params: Mapping[str, Any]) -> Any:
        """The object with all entries of the list `name` within it, which Stripe shows only the beginning of."""
        if not at(record, name, "has_more"):
            return record
        return {**record, name: {"object": "list", "data": list(self._list(path, params)), "has_more": False}}

    def _list(self, path: str, params: Mapping[str, Any]) -> Iterator[Any]:
        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            asked = {**params, "limit": PAGE}
            answer = self._client.get(path, {**asked, "starting_after": cursor} if cursor else asked)
            data = expect_list(SOURCE, path, answer, at(answer, "data"))
            if not at(answer, "has_more"):
                return data, None
            if not data or at(data[-1], "id") is None:
                raise VendorError(f"{SOURCE}: {path}: more records follow, but the last one of the page has no id.")
            return data, str(at(data[-1], "id"))

        for page in pages(fetch):
            yield from page


def last_states(kind: Kind, events: Spool) -> Spool:
    """The objects of `kind` as the latest event of each shows them, with `deleted` where that event says so.

    Events arrive newest first; of several in one second the one listed first counts as the latest.
    """
    found, told_at = Spool(), dict[str, int]()
    for event in events:
        record = at(event, "data", "object")
        if at(record, "object") != kind.object:
            continue
        key, created = str(at(record, "id")), int(at(event, "created") or 0)
        if key not in told_at or created > told_at[key]:
            told_at[key] = created
            found.add(key, {**record, "deleted": at(event, "type") == kind.deleted})
    return found


def _price(price: Any) -> dict[str, Any]:
    return {
        "product": at(price, "product"),
        "currency": at(price, "currency"),
        "unit_amount_decimal": at(price, "unit_amount_decimal") or at(price, "unit_amount"),
        "billing_scheme": at(price, "billing_scheme"),
        "recurring_interval": at(price, "recurring", "interval"),
        "recurring_interval_count": at(price, "recurring", "interval_count"),
        "recurring_usage_type": at(price, "recurring", "usage_type"),
    }


def _fields(record: Any, *names: str) -> dict[str, Any]:
    """The named fields and those that every object has."""
    common = {"id": at(record, "id"), "created": at(record, "created"), "deleted": at(record, "deleted") or False}
    return {**common, **{name: at(record, name) for name in names}}


def customer_row(record: Any) -> dict[str, Any]:
    return {
        **_fields(record, "email", "name", "phone"),
        "address_country": at(record, "address", "country"),
        "metadata_customer_number": at(record, "metadata", "customer_number"),
    }


def product_row(record: Any) -> dict[str, Any]:
    return _fields(record, "name", "active")


def price_row(record: Any) -> dict[str, Any]:
    return {**_fields(record, "nickname", "active"), **_price(record)}


def subscription_row(record: Any) -> dict[str, Any]:
    return {
        **_fields(
            record,
            "customer",
            "status",
            "currency",
            "start_date",
            "trial_start",
            "trial_end",
            "cancel_at",
            "cancel_at_period_end",
            "canceled_at",
            "ended_at",
        ),
        "cancellation_reason": at(record, "cancellation_details", "reason"),
        "cancellation_feedback": at(record, "cancellation_details", "feedback"),
    }


def _item(item: Any) -> dict[str, Any]:
    return {
        **_price(at(item, "price")),
        "id": at(item, "id"),
        "price": at(item, "price", "id"),
        "quantity": at(item, "quantity"),
        "created": at(item, "created"),
    }


def item_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire subscription -> rows of its items; one row without an item where it has none."""
    for item in at(record, "items", "data") or [None]:
        yield {
            **_item(item),
            "subscription": at(record, "id"),
            "current_period_start": at(item, "current_period_start"),
            "current_period_end": at(item, "current_period_end"),
        }


def _items_are_whole(event: Any) -> bool:
    return not at(event, "data", "object", "items", "has_more")


def subscription_event_row(event: Any) -> dict[str, Any]:
    """Wire event of a subscription -> row of `subscription_events`."""
    record = at(event, "data", "object")
    return {
        "id": at(event, "id"),
        "type": at(event, "type"),
        "created": at(event, "created"),
        "api_version": at(event, "api_version"),
        "subscription": at(record, "id"),
        "status": at(record, "status"),
        "previous_status": at(event, "data", "previous_attributes", "status"),
        "cancel_at_period_end": at(record, "cancel_at_period_end"),
        "canceled_at": at(record, "canceled_at"),
        "ended_at": at(record, "ended_at"),
        "has_items": _items_are_whole(event),
    }


def subscription_event_item_rows(event: Any) -> Iterator[dict[str, Any]]:
    """Wire event of a subscription -> rows of its items after and, where the event changed them, before it.

    Of a list that is cut off there are none: its rest could only be read as it is today.
    """
    if not _items_are_whole(event):
        return
    key = {"event": at(event, "id"), "subscription": at(event, "data", "object", "id")}
    for item in at(event, "data", "object", "items", "data") or []:
        yield {**key, "is_previous": False, **_item(item)}
    previous = at(event, "data", "previous_attributes", "items")
    if not at(previous, "has_more"):
        for item in at(previous, "data") or []:
            yield {**key, "is_previous": True, **_item(item)}


def invoice_row(record: Any) -> dict[str, Any]:
    return {
        **_fields(
            record,
            "customer",
            "number",
            "status",
            "billing_reason",
            "currency",
            "total",
            "total_excluding_tax",
            "amount_due",
            "amount_paid",
            "attempt_count",
        ),
        "subscription": at(record, "parent", "subscription_details", "subscription"),
        **{
            name: at(record, "status_transitions", name)
            for name in ("finalized_at", "paid_at", "voided_at", "marked_uncollectible_at")
        },
    }


def line_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire invoice -> rows of its lines; one row without a line where it has none."""
    for line in at(record, "lines", "data") or [None]:
        details = at(line, "parent", "subscription_item_details")
        yield {
            "invoice": at(record, "id"),
            "id": at(line, "id"),
            "subscription": at(details, "subscription"),
            "subscription_item": at(details, "subscription_item"),
            "price": at(line, "pricing", "price_details", "price"),
            "currency": at(line, "currency"),
            "amount": at(line, "amount"),
            "quantity": at(line, "quantity"),
            "proration": at(details, "proration"),
            "period_start": at(line, "period", "start"),
            "period_end": at(line, "period", "end"),
        }


def invoice_payment_row(record: Any) -> dict[str, Any]:
    return {
        **_fields(record, "invoice", "status", "currency", "amount_paid"),
        "payment_type": at(record, "payment", "type"),
        "payment_intent": at(record, "payment", "payment_intent"),
        "charge": at(record, "payment", "charge"),
        "paid_at": at(record, "status_transitions", "paid_at"),
    }


def charge_row(record: Any) -> dict[str, Any]:
    names = ("customer", "payment_intent", "currency", "amount", "amount_refunded", "status", "failure_code")
    return _fields(record, *names)


def refund_row(record: Any) -> dict[str, Any]:
    return _fields(record, "charge", "payment_intent", "currency", "amount", "status", "reason")


def first_instant(read_until: str | None, present: datetime) -> datetime | None:
    """From when on events tell all that changed since `read_until`; None: everything has to be read."""
    position = instant(read_until) if read_until else None
    if position is None:
        return None
    since = position - EVENTS_LAG
    if since < present - EVENTS_KEPT:
        log.warning(
            "stripe: last read up to %s, but events are kept for %s days: everything is read again, and what was "
            "deleted since stays as it was last seen",
            position.isoformat(),
            EVENTS_KEPT.days,
        )
        return None
    return since


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    @cache
    def billing() -> Billing:
        key = config.secret_setting(SOURCE, "api_key")
        headers = {
            "Authorization": f"Bearer {key}",
            "Stripe-Version": config.required_setting(SOURCE, "api_version"),
        }
        return Billing(Client(SOURCE, config.required_setting(SOURCE, "base_url"), headers, judge))

    # A run has read up to its own beginning, however long it takes.
    began_at = cache(config.as_of)
    since = cache(lambda read_until: first_instant(read_until, began_at()))

    # Tables made from the same objects share one pass; one that is run alone makes the pass from its own position.
    @cache
    def events(pattern: str, read_until: str | None) -> Spool:
        return billing().events(pattern, since(read_until))

    @cache
    def changes(kind: Kind, read_until: str | None) -> Spool:
        told = events(kind.events, read_until)  # before the lists: what changes meanwhile is told again next time
        return billing().objects(kind) if since(read_until) is None else last_states(kind, told)

    def resource(table: RawTable, to_rows: Callable[[str | None], Iterable[Any]]) -> DltResource:
        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state()
            read_until, present = state.get("read_until"), began_at()
            for batch in batches(to_rows(read_until)):
                yield list(intake.accept(table, batch))
            state["read_until"] = max(present, instant(read_until) or present).isoformat()

        return dlt.resource(rows, **table.hints())

    def objects(kind: Kind, table: RawTable, to_row: Callable[[Any], dict[str, Any]]) -> DltResource:
        def rows(read_until: str | None) -> Iterator[Any]:
            for record in changes(kind, read_until):
                yield to_row(record) if isinstance(record, Mapping) else record

        return resource(table, rows)

    def subscription_events(read_until: str | None) -> Iterator[Any]:
        for event in events(SUBSCRIPTION.events, read_until):
            if at(event, "data", "object", "object") == SUBSCRIPTION.object:
                yield event

    def items(read_until: str | None) -> Iterator[Any]:
        for record in changes(SUBSCRIPTION, read_until):
            params = {"subscription": at(record, "id")}
            yield from item_rows(billing().whole(record, "items", "/subscription_items", params))

    def lines(read_until: str | None) -> Iterator[Any]:
        for record in changes(INVOICE, read_until):
            yield from line_rows(billing().whole(record, "lines", f"/invoices/{at(record, 'id')}/lines", {}))

    yield objects(PRODUCT, PRODUCTS, product_row)
    yield objects(PRICE, PRICES, price_row)
    yield objects(CUSTOMER, CUSTOMERS, customer_row)
    yield objects(SUBSCRIPTION, SUBSCRIPTIONS, subscription_row)
    yield resource(SUBSCRIPTION_ITEMS, items)
    yield resource(SUBSCRIPTION_EVENTS, lambda read_until: map(subscription_event_row, subscription_events(read_until)))
    yield resource(
        SUBSCRIPTION_EVENT_ITEMS,
        lambda read_until: (
            row for event in subscription_events(read_until) for row in subscription_event_item_rows(event)
        ),
    )
    yield objects(INVOICE, INVOICES, invoice_row)
    yield resource(INVOICE_LINES, lines)
    yield objects(INVOICE_PAYMENT, INVOICE_PAYMENTS, invoice_payment_row)
    yield objects(CHARGE, CHARGES, charge_row)
    yield objects(REFUND, REFUNDS, refund_row)
