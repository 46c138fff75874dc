"""Records that no reader may load: one place that says which they are, when they appear and what is wrong.

Belongs here: every malformed record of every vendor. Does not: records that are only late or double.

They belong to nobody, carry no history and touch no real record: rejecting them changes no figure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.records import BillingObject, Order, Record
from sandbox.settings import DAY
from sandbox.whatsapp import delivery

AD_ID = "999999999999999999"
# (days after the start, fields of the insight): None leaves a field out.
INSIGHTS: tuple[tuple[int, dict[str, Any]], ...] = (
    (5, {"spend": "n/a"}),
    (6, {"ad_id": None}),
    (7, {"impressions": "-12"}),
)
HUBSPOT_ID, SHOPIFY_ID, RESPOND_ID = 99_000_000, 9_900_000_000_000, 990_000


@dataclass(frozen=True)
class Malformed:
    """One record that has to be rejected."""

    source: str
    resource: str
    record_id: str
    what: str
    visible_at: int


def hubspot_contacts(start: int) -> list[Record]:
    """A contact created on a day that does not exist."""
    contact = Record(HUBSPOT_ID + 1, start + 8 * DAY)
    contact.set(contact.created_at, "IMPORT", createdate="2026-02-31", firstname="Import", lastname="Error")
    return [contact]


def hubspot_deals(start: int) -> list[Record]:
    """A deal whose amount is not a number."""
    deal = Record(HUBSPOT_ID + 2, start + 9 * DAY)
    deal.set(deal.created_at, "IMPORT", dealname="Import error", pipeline="default", amount="1.2OO,-")
    return [deal]


def shopify_customers(start: int) -> list[Record]:
    """A customer without an id."""
    customer = Record(SHOPIFY_ID + 1, start + 10 * DAY)
    customer.set(customer.created_at, firstName="No", lastName="Identity", numberOfOrders=0, id=None)
    return [customer]


def shopify_orders(start: int) -> list[Order]:
    """An order whose total is not a number, and one without an instant."""
    money = {"amount": "12,5O", "currencyCode": "EUR"}
    amount = {"totalPriceSet": {"presentmentMoney": money, "shopMoney": money}}
    return [
        _order(SHOPIFY_ID + 2, start + 11 * DAY, amount),
        _order(SHOPIFY_ID + 3, start + 12 * DAY, {"processedAt": "yesterday"}),
    ]


def _order(order_id: int, at: int, overrides: dict[str, Any]) -> Order:
    zero = Decimal(0)
    return Order(order_id, None, None, None, "EUR", at, at, [], zero, zero, zero, overrides=overrides)


def respond_contacts(start: int) -> list[Record]:
    """A contact whose creation is not an instant."""
    contact = Record(RESPOND_ID + 1, start + 13 * DAY)
    contact.set(contact.created_at, firstName="Import", status="open", created_at="soon")
    return [contact]


def stripe_customers(start: int, clock: int) -> list[BillingObject]:
    """A customer whose creation is not an instant; imported, so that no event reports it."""
    customer = BillingObject("customer", "cus_malformed", start + 15 * DAY)
    customer.set(customer.created_at, None, name="Import", email=None, created="last week")
    return [customer] if customer.created_at <= clock else []


def inbox_lines(start: int) -> list[tuple[int, str]]:
    """(delivery, line) of events that cannot be read: broken off, without contact, without id, without instant."""
    event = {"event_type": "contact.tag.updated", "event_id": "evt-malformed", "timestamp": start + 14 * DAY,
             "contact": {"id": RESPOND_ID + 2}, "tag": "vip", "action": "add"}  # fmt: skip
    lines = [
        json.dumps(event)[:60],
        json.dumps({**event, "contact": {}}),
        json.dumps({**event, "event_id": None}),
        json.dumps({**event, "timestamp": "yesterday"}),
    ]
    return [(start + (14 + number) * DAY, line) for number, line in enumerate(lines)]


def whatsapp_lines(start: int) -> list[tuple[int, str]]:
    """(delivery, line) of events that cannot be read: broken off, no message id, no instant, of another product."""
    receipt = {"id": "wamid.malformed", "status": "sent", "timestamp": "yesterday", "recipient_id": "34600000000"}
    message = {"from": "34600000000", "timestamp": str(start + 15 * DAY), "type": "text", "text": {"body": "Hello"}}
    lines = [
        json.dumps(delivery({"statuses": [receipt]}, "messages"))[:80],
        json.dumps(delivery({"messages": [message]}, "messages")),
        json.dumps(delivery({"statuses": [receipt]}, "messages")),
        json.dumps({"object": "page", "entry": []}),
    ]
    return [(start + (14 + number) * DAY, line) for number, line in enumerate(lines)]


def rate_lines(first_day: str) -> list[str]:
    """A line of the file of exchange rates whose rate is not a number."""
    return [f"{first_day},EUR,XTS,n/a"]


def survey_rows(first_instant: str) -> list[tuple[str, ...]]:
    """An answer whose score is not a number."""
    return [("SV-malformed", "nobody@unknown.example", "nps", "very good", "", first_instant)]


def everything(start: int) -> list[Malformed]:
    """Every malformed record: what a reader has to reject."""
    found = [
        Malformed("meta_ads", "ad_insights", str(fields.get("ad_id", AD_ID) or ""), what, start + (days + 1) * DAY)
        for (days, fields), what in zip(
            INSIGHTS, ("spend is no number", "no ad id", "negative impressions"), strict=True
        )
    ]
    for source, resource, records, what in (
        ("hubspot", "contacts", hubspot_contacts(start), "createdate is no day"),
        ("hubspot", "deals", hubspot_deals(start), "amount is no number"),
        ("shopify", "customers", shopify_customers(start), "no id"),
        ("respond_io", "contacts", respond_contacts(start), "created_at is no instant"),
    ):
        found += [Malformed(source, resource, str(record.id), what, record.created_at) for record in records]
    for order, what in zip(shopify_orders(start), ("total is no number", "processedAt is no instant"), strict=True):
        found.append(Malformed("shopify", "orders", f"gid://shopify/Order/{order.id}", what, order.created_at))
    for (at, _), what in zip(
        inbox_lines(start), ("broken JSON", "no contact id", "no event id", "timestamp is no instant"), strict=True
    ):
        found.append(Malformed("respond_io", "webhook_events", "evt-malformed", what, at))
    for (at, _), (resource, what) in zip(
        whatsapp_lines(start),
        (
            ("other_events", "broken JSON"),
            ("messages", "no message id"),
            ("statuses", "timestamp is no instant"),
            ("other_events", "of another product"),
        ),
        strict=True,
    ):
        found.append(Malformed("whatsapp", resource, "wamid.malformed", what, at))
    found.append(Malformed("stripe", "customers", "cus_malformed", "created is no instant", start + 15 * DAY))
    found.append(Malformed("files", "exchange_rates", "XTS", "rate is no number", start))
    found.append(Malformed("files", "surveys", "SV-malformed", "score is no number", start))
    return found
