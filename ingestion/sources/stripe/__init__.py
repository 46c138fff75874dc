"""Stripe billing: customers, prices, subscriptions with items, discounts and history, invoices, money in and out.

Belongs here: Stripe's lists, events, versions, limits and field names. Does not: what a status means, how many
decimals a currency has.

Stripe's lists cannot be asked for what changed. The first run therefore reads them whole; from then on the events
say what changed, each with the object as it was right after. Events are kept for 30 days: a longer pause between two
runs reads everything again. The events of subscriptions are kept as history of their own.

Events are written in the account's version of the API, whatever version a request asks for, and nothing in them is
expanded. An object in another version, or with ids where the rows need the objects behind them, is read again by its
id. A field that is absent is not null: an object without a field that numbers depend on is rejected.

Events that Stripe pushed into the inbox are taken beside those that it lists, from the same instant on and each once:
so the history of a subscription does not end with the 30 days.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config, inbox
from ingestion.clock import TOLERANCE, Clock
from ingestion.days import ByDay
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.stripe.models import (
    CHARGES,
    CREDIT_NOTES,
    CUSTOMERS,
    DISPUTE_TRANSACTIONS,
    INVOICE_LINES,
    INVOICE_PAYMENTS,
    INVOICES,
    PRICE_TIERS,
    PRICES,
    PRODUCTS,
    REFUNDS,
    SUBSCRIPTION_DISCOUNTS,
    SUBSCRIPTION_EVENT_ITEMS,
    SUBSCRIPTION_EVENTS,
    SUBSCRIPTION_ITEMS,
    SUBSCRIPTIONS,
    TABLES,
)
from ingestion.sources.stripe.settings import SOURCE, Settings
from ingestion.tables import RawTable
from ingestion.watermark import Watermark, believable, instant
from ingestion.wire import ABSENT, AbsentRows, Spool, Unreadable, at, batches, entries, missing, one, told, unfolded

__all__ = ["BY_DAY", "ROWS_OF", "TABLES", "resources"]

log = logging.getLogger(__name__)

PAGE = 100
PERMISSION = re.compile(r"'rak_(\w+)'")  # as a refusal names it, without the prefix that the dashboard does not show
TOLD_AT = "_told_at"  # when an event reported an object
EVENTS_KEPT = timedelta(days=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS_LAG = timedelta(hours=1)  # events of the last hour are read again: they may be listed late, clocks may differ


@dataclass(frozen=True)
class Kind:
    """One type of object: how it is listed, which events report it, and what it must show.

    Attributes:
        object: its name on the wire. path: its list. events: the events that report it.
        deleted: the event of its deletion. params: of its list.
        expand: what its list and a look at one show in full, where an event shows ids or nothing.
        is_whole: whether an object that an event shows has all of that.
        told_by: objects that name one of this kind under its own name, and that change it without a separate event.
        needs: paths that numbers depend on; without one of them it is not an object of the version asked for.
    """

    object: str
    path: str
    events: str
    deleted: str = ""
    params: tuple[tuple[str, str], ...] = ()
    expand: tuple[str, ...] = ()
    is_whole: Callable[[Any], bool] = lambda record: True
    told_by: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()

    def lacking(self, record: Any) -> list[tuple[str, ...]]:
        """What a record needs and does not have."""
        return [path for path in self.needs if isinstance(record, Mapping) and missing(record, path)]


def _discounts_are_shown(record: Any) -> bool:
    holders = [record, *entries(record, "items", "data")]
    return not any(isinstance(discount, str) for holder in holders for discount in entries(holder, "discounts"))


def _prices_are_shown(record: Any) -> bool:
    return not missing(record, ("currency_options",)) and not (
        at(record, "billing_scheme") == "tiered" and missing(record, ("tiers",))
    )


CUSTOMER = Kind(
    "customer",
    "/customers",
    "customer.*",
    "customer.deleted",
    expand=("discount.coupon.applies_to",),
    # whether a coupon is for some products only is shown by expansion alone
    is_whole=lambda record: at(record, "discount") is None,
    told_by=("discount",),
    needs=(("discount", "coupon"),),
)
PRODUCT = Kind("product", "/products", "product.*", "product.deleted")
PRICE = Kind(
    "price",
    "/prices",
    "price.*",
    "price.deleted",
    expand=("tiers", "currency_options"),
    is_whole=_prices_are_shown,
    needs=(("currency",),),
)
# Its end is an event `….deleted` too, but no deletion: the subscription stays in the list as canceled.
SUBSCRIPTION = Kind(
    "subscription",
    "/subscriptions",
    "customer.*",
    params=(("status", "all"),),
    expand=("discounts.coupon.applies_to", "items.data.discounts"),
    is_whole=_discounts_are_shown,
    told_by=("discount",),
    needs=(
        ("items",),
        ("items", "data"),
        ("discounts", "[]", "coupon"),
        ("items", "data", "[]", "discounts", "[]", "coupon"),
    ),
)
INVOICE = Kind(
    "invoice",
    "/invoices",
    "invoice.*",
    "invoice.deleted",
    needs=(("parent",), ("status_transitions",), ("total_excluding_tax",), ("lines",), ("lines", "data")),
)
# No event reports a payment before it is made.
INVOICE_PAYMENT = Kind(
    "invoice_payment",
    "/invoice_payments",
    "invoice_payment.*",
    params=(("status", "paid"),),
    needs=(("payment",),),
)
CHARGE = Kind("charge", "/charges", "charge.*")
REFUND = Kind("refund", "/refunds", "refund.*", expand=("failure_balance_transaction",))
DISPUTE = Kind("dispute", "/disputes", "charge.dispute.*", needs=(("balance_transactions",),))
CREDIT_NOTE = Kind(
    "credit_note", "/credit_notes", "credit_note.*", needs=(("pre_payment_amount",), ("post_payment_amount",))
)
KINDS = (
    PRODUCT,
    PRICE,
    CUSTOMER,
    SUBSCRIPTION,
    INVOICE,
    INVOICE_PAYMENT,
    CHARGE,
    REFUND,
    DISPUTE,
    CREDIT_NOTE,
)


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
    if response.status_code == 403 and (lacks := tuple(PERMISSION.findall(said))):
        advice = f"Give the restricted key the permission {' or '.join(lacks)}."
        return Problem(said, advice=advice, code=code, lacks=lacks)
    if response.status_code in (401, 403):
        advice = f"Check {config.variable_name(SOURCE, 'api_key')}: a restricted key needs read access to billing."
        return Problem(said, advice=advice, code=code)
    return Problem(
        said,
        advice=f"The request was refused: check {config.variable_name(SOURCE, 'api_version')}.",
        code=code,
        cursor_expired=code == "resource_missing" and at(body, "error", "param") == "starting_after",
    )


def connect(settings: Settings, clock: Clock | None = None) -> Client:
    """A client that asks in the version of the settings."""
    key, version = settings.api_key.get_secret_value(), settings.api_version
    headers = {"Authorization": f"Bearer {key}", "Stripe-Version": version}
    limit = settings.time_limit_minutes
    return Client(SOURCE, settings.base_url, headers, judge, clock=clock, time_limit_minutes=limit)


class Billing:
    """Reads one Stripe account in one version of the API."""

    def __init__(self, client: Client, version: str) -> None:
        self._client = client
        self._version = version

    def present(self) -> datetime:
        """Up to when a pass that begins now reads: what Stripe's clock says, or else the latest event of a customer."""
        latest = Watermark(clock=self._client.clock)
        answer = self._client.get("/events", {"type": CUSTOMER.events, "limit": 1})
        for event in expect_list(SOURCE, "/events", answer, at(answer, "data")):
            latest.see(at(event, "created"))
        return self._client.clock.present if self._client.clock.is_told else latest.at or EPOCH

    def objects(self, kind: Kind) -> Spool:
        """Every object of a kind. One that is created meanwhile may be missed: the next run's events report it."""
        found = Spool()
        for record in self._list(kind.path, {**dict(kind.params), **_expansion(kind, "data.")}):
            found.add(at(record, "id"), record)
        log.info("stripe: %s of %s read", len(found), kind.path)
        return found

    def last_states(self, kind: Kind, events: Spool) -> Spool:
        """The objects of `kind` as the latest event of each shows them, in the version and with all that is asked for.

        Who was deleted can be shown by nobody but that event.
        """
        found = Spool()
        for event in latest_events(kind, events):
            record, is_deleted = at(event, "data", "object"), at(event, "type") == kind.deleted
            is_shown = at(record, "object") == kind.object and at(event, "api_version") == self._version
            if not is_deleted and not (is_shown and kind.is_whole(record)):
                record = self._object(kind, str(_told_id(kind, record)), at(event, "api_version"))
            if record is not None:
                found.add(at(record, "id"), {**record, "deleted": is_deleted, TOLD_AT: at(event, "created")})
        return found

    def _object(self, kind: Kind, identifier: str, told_in: Any) -> Any:
        """One object as it is now; None where it is gone, which an event of its own reports."""
        path = f"{kind.path}/{identifier}"
        try:
            record = self._client.get(path, _expansion(kind))
        except VendorError as error:
            if error.code != "resource_missing":
                raise
            log.info("stripe: %s is gone since an event told of it", path)
            return None
        if at(record, "deleted") is True:
            return None
        if (at(record, "object"), at(record, "id")) == (kind.object, identifier):
            return record
        raise VendorError(
            f"{SOURCE}: GET {path}: the answer is no {kind.object}, but an event of version {told_in} tells of it, and "
            f"objects are read in version {self._version}. Set the account's default version (Stripe: Workbench, "
            f"Overview) and {config.variable_name(SOURCE, 'api_version')} to one and run again: nothing was loaded."
        )

    def events(self, pattern: str, since: datetime | None, before: datetime | None = None) -> Spool:
        """Events whose type fits `pattern` from `since` on (all that are kept where it is None), newest first.

        Args:
            before: None: up to now.
        """
        found = Spool()
        params: dict[str, Any] = {"type": pattern}
        if since is not None:
            params["created[gte]"] = int(since.timestamp())
        if before is not None:
            params["created[lt]"] = int(before.timestamp())
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

        for page in pages(f"{SOURCE}: {path}", fetch):
            yield from page


def _expansion(kind: Kind, prefix: str = "") -> dict[str, str]:
    return {f"expand[{place}]": prefix + path for place, path in enumerate(kind.expand)}


def latest_events(kind: Kind, events: Spool) -> Spool:
    """The latest event that reports each object of `kind`.

    Events arrive newest first; of several in one second the one listed first counts as the latest. An object without
    an id is a preview of one that does not exist (`invoice.upcoming`).
    """
    found, told_at = Spool(), dict[str, datetime]()
    for event in events:
        record = at(event, "data", "object")
        if _told_id(kind, record) is None:
            continue
        key, created = str(_told_id(kind, record)), instant(at(event, "created")) or EPOCH
        if key not in told_at or created > told_at[key]:
            told_at[key] = created
            found.add(key, event)
    return found


@dataclass(frozen=True)
class Pushed:
    """What lies in the inbox of the account.

    Attributes:
        events: by id, in the order in which they arrived.
        others: what is no event, with where it lies and why.
    """

    events: Spool
    others: tuple[tuple[Any, str], ...] = ()


def pushed_events(entries: Iterable[Any]) -> Pushed:
    """The events among the entries of the inbox. What happened in connected accounts is none of this one's."""
    events, others, of_no_table = Spool(), [], 0
    for entry in entries:
        event, where = entry.get("event"), entry["where"]
        if "unreadable" in entry:
            others.append((entry["text"], f"{where}: {entry['unreadable']}"))
        elif not at(event, "id") or not at(event, "type"):
            others.append((event, f"{where}: an event with id and type is expected"))
        elif at(event, "account") is None:
            events.add(at(event, "id"), event)
            of_no_table += not any(fnmatchcase(str(at(event, "type")), kind.events) for kind in KINDS)
    log.info("stripe: %s events in the inbox, %s of them of kinds that no table reads", len(events), of_no_table)
    return Pushed(events, tuple(others))


def completed(listed: Spool, pushed: Spool, pattern: str, since: datetime | None, before: datetime | None) -> Spool:
    """The events that Stripe lists, and after them those that it only pushed, newest first."""
    lacking: list[tuple[datetime, int, str]] = []
    for number, event in enumerate(pushed):
        created = instant(at(event, "created"))
        if (
            created is not None
            and at(event, "id") not in listed
            and fnmatchcase(str(at(event, "type")), pattern)
            and (since is None or created >= since.replace(microsecond=0))
            and (before is None or created < before)
        ):
            lacking.append((created, number, at(event, "id")))
    for _, _, identifier in sorted(lacking, reverse=True):
        listed.add(identifier, pushed.get(identifier))
    if lacking:
        log.info("stripe: %s events %s taken from the inbox", len(lacking), pattern)
    return listed


def _told_id(kind: Kind, record: Any) -> Any:
    """The id of the object of `kind` that an event with `record` reports; None: there is none."""
    if at(record, "object") == kind.object:
        return at(record, "id")
    return at(record, kind.object) if at(record, "object") in kind.told_by else None


def _price(price: Any) -> dict[str, Any]:
    return {
        "product": told(price, "product"),
        "currency": told(price, "currency"),
        "unit_amount_decimal": _decimal(price, "unit_amount"),
        "billing_scheme": told(price, "billing_scheme"),
        "tiers_mode": told(price, "tiers_mode"),
        "transform_divide_by": told(price, "transform_quantity", "divide_by"),
        "transform_round": told(price, "transform_quantity", "round"),
        "recurring_interval": told(price, "recurring", "interval"),
        "recurring_interval_count": told(price, "recurring", "interval_count"),
        "recurring_usage_type": told(price, "recurring", "usage_type"),
    }


def _fields(record: Any, *names: str) -> dict[str, Any]:
    """The named fields and those that every object has."""
    common = {"id": told(record, "id"), "created": told(record, "created"), "deleted": at(record, "deleted") or False}
    return {**common, **{name: told(record, name) for name in names}}


def customer_row(record: Any) -> dict[str, Any]:
    discount = {
        f"discount_{name.removeprefix('discount_')}": v for name, v in _discount(told(record, "discount")).items()
    }
    metadata = told(record, "metadata")
    return {
        **_fields(record, "email", "name", "phone"),
        "address_country": told(record, "address", "country"),
        "metadata_customer_number": metadata if metadata is ABSENT else at(metadata, "customer_number"),
        **{f"discount_{name.removeprefix('discount_')}": value for name, value in discount.items()},
    }


def _discount(discount: Any) -> dict[str, Any]:
    coupon = told(discount, "coupon")
    products = told(coupon, "applies_to", "products")
    return {
        "id": told(discount, "id"),
        "discount_start": told(discount, "start"),
        "discount_end": told(discount, "end"),
        "coupon": told(coupon, "id"),
        "duration": told(coupon, "duration"),
        "percent_off": told(coupon, "percent_off"),
        "amount_off": told(coupon, "amount_off"),
        "currency": told(coupon, "currency"),
        "applies_to_products": products if products is ABSENT else ",".join(map(str, products or [])) or None,
    }


def discount_rows(record: Any) -> Iterator[Any]:
    """Wire subscription -> rows of its discounts and its items'; one row without a discount where it has none."""
    holders = [(None, record), *((told(item, "id"), item) for item in at(record, "items", "data") or [])]
    found = [(item_id, told(holder, "discounts")) for item_id, holder in holders]
    shown = [
        (item_id, discount) for item_id, discounts in found if discounts is not ABSENT for discount in discounts or []
    ]
    absent = [item_id for item_id, discounts in found if discounts is ABSENT]
    for item_id in absent:
        yield AbsentRows({"subscription": at(record, "id"), "subscription_item": item_id}, "discounts", record)
    for item_id, discount in shown or [(None, None)] * (not absent):
        yield {"subscription": told(record, "id"), "subscription_item": item_id, **_discount(discount)}


def product_row(record: Any) -> dict[str, Any]:
    return _fields(record, "name", "active")


def price_row(record: Any) -> dict[str, Any]:
    return {**_fields(record, "nickname", "active"), **_price(record)}


def tier_rows(record: Any) -> Iterator[Any]:
    """Wire price -> what a unit costs, by currency and tier; one row without a currency where nothing says so."""
    others = told(record, "currency_options")
    if others is ABSENT:
        yield AbsentRows({"price": at(record, "id")}, "currency_options", record)
    options = {str(at(record, "currency")): record, **({} if others is ABSENT else others or {})}
    for currency, option in options.items():
        unit = {"price": at(record, "id"), "currency": currency}
        if at(record, "billing_scheme") == "tiered" and told(option, "tiers") is ABSENT:
            yield AbsentRows(unit, "tiers", record)
        elif not at(option, "tiers") and _decimal(option, "unit_amount") is ABSENT:
            yield AbsentRows(unit, "unit_amount_decimal", record)
    tiers = [
        {
            "price": told(record, "id"),
            "currency": currency,
            "tier": number,
            "up_to": told(tier, "up_to") if tier is not option else None,
            "unit_amount_decimal": _decimal(tier, "unit_amount"),
            "flat_amount_decimal": _decimal(tier, "flat_amount") if tier is not option else None,
        }
        for currency, option in options.items()
        for number, tier in enumerate(at(option, "tiers") or [option])
        if at(option, "tiers") or _decimal(option, "unit_amount") not in (None, ABSENT)
    ]
    # What says no amount may be one whose amount or tiers are not shown.
    is_tiered = at(record, "billing_scheme") == "tiered"
    are_shown = (told(record, "tiers") if is_tiered else _decimal(record, "unit_amount")) is not ABSENT
    nothing = dict.fromkeys(PRICE_TIERS.row.model_fields if are_shown else ())
    yield from tiers or [{**nothing, "price": told(record, "id")}]


def _decimal(record: Any, name: str) -> Any:
    """An amount that Stripe shows as a whole number of the smallest unit, or only as a decimal where it is none."""
    exact, whole = told(record, f"{name}_decimal"), told(record, name)
    if exact is None:
        return None if whole is ABSENT else whole
    if exact is ABSENT:
        return ABSENT if whole is None else whole
    return exact


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
        "pause_collection_behavior": told(record, "pause_collection", "behavior"),
        "pause_collection_resumes_at": told(record, "pause_collection", "resumes_at"),
        "cancellation_reason": told(record, "cancellation_details", "reason"),
        "cancellation_feedback": told(record, "cancellation_details", "feedback"),
    }


def _item(item: Any) -> dict[str, Any]:
    return {
        **_price(told(item, "price")),
        "id": told(item, "id"),
        "price": told(item, "price", "id"),
        "quantity": told(item, "quantity"),
        "created": told(item, "created"),
    }


def item_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire subscription -> rows of its items; one row without an item where it has none."""
    for item in at(record, "items", "data") or [None]:
        yield {
            **_item(item),
            "subscription": told(record, "id"),
            "current_period_start": told(item, "current_period_start"),
            "current_period_end": told(item, "current_period_end"),
        }


def _items_are_whole(event: Any) -> bool:
    """Whether an event shows all items, with prices: versions before there were any show plans."""
    items = at(event, "data", "object", "items")
    return not at(items, "has_more") and all(at(item, "price", "id") is not None for item in at(items, "data") or [])


def subscription_event_row(event: Any) -> dict[str, Any]:
    """Wire event of a subscription -> row of `subscription_events`. What is read here is the same in all versions."""
    record, previous = at(event, "data", "object"), at(event, "data", "previous_attributes")
    is_pause_changed = isinstance(previous, Mapping) and "pause_collection" in previous
    pause_before = at(previous if is_pause_changed else record, "pause_collection")
    return {
        "id": at(event, "id"),
        "type": at(event, "type"),
        "created": at(event, "created"),
        "api_version": at(event, "api_version"),
        "subscription": at(record, "id"),
        "status": at(record, "status"),
        "previous_status": at(previous, "status"),
        "cancel_at_period_end": at(record, "cancel_at_period_end"),
        "canceled_at": at(record, "canceled_at"),
        "ended_at": at(record, "ended_at"),
        "pause_collection_behavior": at(record, "pause_collection", "behavior"),
        "previous_pause_collection_behavior": at(pause_before, "behavior"),
        "has_items": _items_are_whole(event),
    }


def subscription_event_item_rows(event: Any) -> Iterator[dict[str, Any]]:
    """Wire event of a subscription -> rows of its items after and, where the event changed them, before it.

    Of a list that is cut off, or has no prices, there are none: the rest could only be read as it is today.
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
        "subscription": told(record, "parent", "subscription_details", "subscription"),
        **{
            name: told(record, "status_transitions", name)
            for name in ("finalized_at", "paid_at", "voided_at", "marked_uncollectible_at")
        },
    }


def line_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire invoice -> rows of its lines; one row without a line where it has none."""
    for line in at(record, "lines", "data") or [None]:
        details = told(line, "parent", "subscription_item_details")
        yield {
            "invoice": told(record, "id"),
            "id": told(line, "id"),
            "subscription": told(details, "subscription"),
            "subscription_item": told(details, "subscription_item"),
            "price": told(line, "pricing", "price_details", "price"),
            "currency": told(line, "currency"),
            "amount": told(line, "amount"),
            "quantity": told(line, "quantity"),
            "proration": told(details, "proration"),
            "period_start": told(line, "period", "start"),
            "period_end": told(line, "period", "end"),
        }


def invoice_payment_row(record: Any) -> dict[str, Any]:
    return {
        **_fields(record, "invoice", "status", "currency", "amount_paid"),
        "payment_type": told(record, "payment", "type"),
        "payment_intent": told(record, "payment", "payment_intent"),
        "charge": told(record, "payment", "charge"),
        "paid_at": told(record, "status_transitions", "paid_at"),
    }


def charge_row(record: Any) -> dict[str, Any]:
    names = ("customer", "payment_intent", "currency", "amount", "amount_captured", "amount_refunded", "status")
    return {
        **_fields(record, *names, "failure_code", "receipt_email"),
        "billing_email": told(record, "billing_details", "email"),
        "billing_phone": told(record, "billing_details", "phone"),
    }


def refund_row(record: Any) -> dict[str, Any]:
    failed_at = at(record, "failure_balance_transaction", "created") or at(record, TOLD_AT)
    return {
        **_fields(record, "charge", "payment_intent", "currency", "amount", "status", "reason"),
        "failed_at": failed_at if at(record, "status") == "failed" else None,
    }


def dispute_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire dispute -> rows of what it moved on the balance; one row without a movement where it moved none."""
    for moved in at(record, "balance_transactions") or [None]:
        yield {
            "dispute": told(record, "id"),
            "created": told(record, "created"),
            "charge": told(record, "charge"),
            "payment_intent": told(record, "payment_intent"),
            "status": told(record, "status"),
            "reason": told(record, "reason"),
            "currency": told(record, "currency"),
            "amount": told(record, "amount"),
            "id": told(moved, "id"),
            "moved_at": told(moved, "created"),
            "moved_amount": told(moved, "amount"),
            "moved_fee": told(moved, "fee"),
            "moved_currency": told(moved, "currency"),
        }


def credit_note_row(record: Any) -> dict[str, Any]:
    names = ("invoice", "customer", "currency", "status", "type", "reason", "total", "total_excluding_tax", "voided_at")
    refunds = told(record, "refunds")
    refunded = [ABSENT] if refunds is ABSENT else [told(refund, "amount_refunded") for refund in refunds or []]
    return {
        **_fields(record, *names, "pre_payment_amount", "post_payment_amount"),
        "refunded_amount": ABSENT if ABSENT in refunded else sum(int(amount or 0) for amount in refunded),
    }


def read(kind: Kind, to_rows: Callable[[Any], Iterable[Any]]) -> Callable[[Any], Iterable[Any]]:
    """What makes the rows of an object, but for one that lacks what numbers depend on."""

    def rows(record: Any) -> Iterable[Any]:
        lacking = kind.lacking(record)
        if not lacking:
            return to_rows(record) if isinstance(record, Mapping) else [record]
        named = ", ".join(".".join(path) for path in lacking)
        reason = (
            f"{named}: absent, so that this is no {kind.object} of the version that is asked for: check "
            f"{config.variable_name(SOURCE, 'api_version')}. What was loaded of it before stays."
        )
        return [Unreadable(record, reason)]

    return rows


ROWS_OF = {
    PRODUCTS.name: read(PRODUCT, one(product_row)),
    PRICES.name: read(PRICE, one(price_row)),
    PRICE_TIERS.name: read(PRICE, tier_rows),
    CUSTOMERS.name: read(CUSTOMER, one(customer_row)),
    SUBSCRIPTIONS.name: read(SUBSCRIPTION, one(subscription_row)),
    SUBSCRIPTION_ITEMS.name: read(SUBSCRIPTION, item_rows),
    SUBSCRIPTION_DISCOUNTS.name: read(SUBSCRIPTION, discount_rows),
    SUBSCRIPTION_EVENTS.name: one(subscription_event_row),
    SUBSCRIPTION_EVENT_ITEMS.name: subscription_event_item_rows,
    INVOICES.name: read(INVOICE, one(invoice_row)),
    INVOICE_LINES.name: read(INVOICE, line_rows),
    INVOICE_PAYMENTS.name: read(INVOICE_PAYMENT, one(invoice_payment_row)),
    CHARGES.name: read(CHARGE, one(charge_row)),
    REFUNDS.name: read(REFUND, one(refund_row)),
    DISPUTE_TRANSACTIONS.name: read(DISPUTE, dispute_rows),
    CREDIT_NOTES.name: read(CREDIT_NOTE, one(credit_note_row)),
}


def first_instant(read_until: str | None, present: datetime) -> datetime | None:
    """From when on events tell all that changed since `read_until`; None: everything has to be read."""
    position = instant(read_until) if read_until else None
    if position is None or position > present + TOLERANCE:  # the clock that wrote it was wrong
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


def kept_since(today: date) -> date:
    """The first day of which no event is forgotten yet."""
    return today - EVENTS_KEPT + timedelta(days=1)


BY_DAY = ByDay((SUBSCRIPTION_EVENTS, SUBSCRIPTION_EVENT_ITEMS), kept_since)


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    settings = cache(lambda: Settings.of(intake.account))
    billing = cache(lambda: Billing(connect(settings(), intake.clock), settings().api_version))

    # A run has read up to its own beginning, by Stripe's clock, however long it takes.
    began_at = cache(lambda: billing().present())
    since = cache(lambda read_until: first_instant(read_until, began_at()))

    # Tables made from the same objects share one pass; one that is run alone makes the pass from its own position.
    @cache
    def events(pattern: str, read_until: str | None) -> Spool:
        begin, end = (since(read_until), None) if intake.days is None else (intake.days.begins_at, intake.days.ends_at)
        return completed(billing().events(pattern, begin, end), pushed(begin).events, pattern, begin, end)

    @cache
    def pushed(begin: datetime | None) -> Pushed:
        # an event may arrive long after it was created, but not before
        events = settings().inbox
        return pushed_events(inbox.written_since(events, begin)) if events else Pushed(Spool())

    @cache
    def changes(kind: Kind, read_until: str | None) -> Spool:
        told = events(kind.events, read_until)  # before the lists: what changes meanwhile is reported again next time
        return billing().objects(kind) if since(read_until) is None else billing().last_states(kind, told)

    def resource(table: RawTable, to_rows: Callable[[str | None], Iterable[Any]]) -> DltResource:
        def rows_again() -> Iterator[Any]:
            for batch in batches(to_rows(None)):
                yield list(intake.accept(table, batch))

        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state()
            read_until, present = state.get("read_until"), began_at()
            for batch in batches(to_rows(read_until)):
                yield list(intake.accept(table, batch))
            state["read_until"] = max(present, believable(read_until, intake.clock) or present).isoformat()

        return dlt.resource(rows if intake.days is None else rows_again, **table.hints())

    def objects(kind: Kind, table: RawTable, whole: Callable[[Any], Any] = lambda record: record) -> DltResource:
        def rows(read_until: str | None) -> Iterator[Any]:
            records = changes(kind, read_until)
            return unfolded(
                ROWS_OF[table.name], (record if kind.lacking(record) else whole(record) for record in records)
            )

        return resource(table, rows)

    def subscription_events(read_until: str | None) -> Iterator[Any]:
        for event in events(SUBSCRIPTION.events, read_until):
            if at(event, "data", "object", "object") == SUBSCRIPTION.object:
                yield event

    def with_items(record: Any) -> Any:
        """A subscription with all of its items."""
        params = {"subscription": at(record, "id"), "expand[0]": "data.discounts"}
        return billing().whole(record, "items", "/subscription_items", params)

    def with_lines(record: Any) -> Any:
        return billing().whole(record, "lines", f"/invoices/{at(record, 'id')}/lines", {})

    def events_of(table: RawTable) -> DltResource:
        def rows(read_until: str | None) -> Iterator[Any]:
            if table == SUBSCRIPTION_EVENTS:  # what is no event is counted once, and nothing says what it was to be
                for record, reason in pushed(intake.days.begins_at if intake.days else since(read_until)).others:
                    intake.reject(table.name, record, reason)
            return unfolded(ROWS_OF[table.name], subscription_events(read_until))

        return resource(table, rows)

    yield objects(PRODUCT, PRODUCTS)
    yield objects(PRICE, PRICES)
    yield objects(PRICE, PRICE_TIERS)
    yield objects(CUSTOMER, CUSTOMERS)
    yield objects(SUBSCRIPTION, SUBSCRIPTIONS)
    yield objects(SUBSCRIPTION, SUBSCRIPTION_ITEMS, with_items)
    yield objects(SUBSCRIPTION, SUBSCRIPTION_DISCOUNTS, with_items)
    yield events_of(SUBSCRIPTION_EVENTS)
    yield events_of(SUBSCRIPTION_EVENT_ITEMS)
    yield objects(INVOICE, INVOICES)
    yield objects(INVOICE, INVOICE_LINES, with_lines)
    yield objects(INVOICE_PAYMENT, INVOICE_PAYMENTS)
    yield objects(CHARGE, CHARGES)
    yield objects(REFUND, REFUNDS)
    yield objects(DISPUTE, DISPUTE_TRANSACTIONS)
    yield objects(CREDIT_NOTE, CREDIT_NOTES)
