"""Which optional field, absent in a newer version of the same record, would silently undo a number? None.

Every record of `tests/wire` arrives twice, the second time without one path, for each path that it has. Of what models
read, whatever the first arrival told must then still hold: the second is rejected, the last version stays, or the
column is listed with the reason why absence is a value. Belongs here: the sweep. Does not: what null means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ingestion.intake import Intake
from ingestion.sources import SOURCE_NAMES, hubspot, meta_ads, respond_io, shopify, stripe, whatsapp
from ingestion.sources.hubspot import models as hubspot_models
from ingestion.sources.meta_ads import models as meta_models
from ingestion.sources.respond_io import models as respond_models
from ingestion.tables import RawTable
from ingestion.wire import AbsentRows
from tests.contract.test_vendor_stripe import ROWS as STRIPE_ROWS

ROOT = Path(__file__).resolve().parents[2]
WIRE = ROOT / "tests" / "wire"
VENDORS = tuple(name for name in SOURCE_NAMES if name != "files")

# Columns that a newer version may leave out, or whose absence is a value: why nothing is undone.
LEGITIMATE = {
    ("stripe", "customers", "metadata_customer_number"): "metadata is a map: a key that is not there was taken out",
    ("stripe", "refunds", "failed_at"): "the first version that tells it counts",
    ("hubspot", "contacts", "archived_at"): "objects that are not archived have none",
    ("hubspot", "companies", "archived_at"): "objects that are not archived have none",
    ("hubspot", "deals", "archived_at"): "objects that are not archived have none",
    ("hubspot", "feedback_submissions", "archived_at"): "objects that are not archived have none",
    (
        "hubspot",
        "feedback_submissions",
        "contact_id",
    ): "a submission that nobody is associated with has no list of them",
    ("shopify", "refund_items", "id"): "not every kind of entry has one",
    ("shopify", "refund_items", "line_item_id"): "only entries of lines have one",
    ("shopify", "refund_items", "quantity"): "only entries of lines have one",
    ("shopify", "refund_items", "reason"): "only adjustments have one",
    ("respond_io", "contacts", "customer_number"): "a custom field that is not in the list of them is not set",
    ("respond_io", "contacts", "hubspot_contact_id"): "as customer_number",
    **{
        ("respond_io", "messages", column): "staging takes what any sight of the message told"
        for column in ("channel_id", "sender_source", "sender_user_id", "sender_team_id", "sent_at")
    },
    ("respond_io", "messages", "delivery_status"): "staging takes the last receipt that any sight told",
    ("respond_io", "messages", "delivery_status_at"): "as delivery_status",
}
# Paths of maps: a key that is not there was taken out.
MAPS = (r"stripe price.*: currency_options\.[a-z]{3}",)
# Columns that no documented record fills, and where else they are from.
ELSEWHERE = {
    ("hubspot", "deals", "portal_currency"): "asked for once a load",
}


# What the documented records leave null, filled: a second example of each.
FILLED: dict[str, dict[tuple[Any, ...], Any]] = {
    "shopify orders": {
        ("email",): "a@mail.example",
        ("phone",): "+34600000001",
        ("cancelledAt",): "2026-05-07T10:00:00Z",
        ("cancelReason",): "CUSTOMER",
    },
    "shopify abandonedCheckouts": {
        ("completedAt",): "2026-05-07T10:00:00Z",
        ("customer",): {
            "id": "gid://shopify/Customer/1",
            "defaultEmailAddress": {"emailAddress": "a@mail.example"},
            "defaultPhoneNumber": {"phoneNumber": "+34600000001"},
        },
    },
    "hubspot contacts": {
        ("properties", "mobilephone"): "+34600000001",
        ("properties", "hs_google_click_id"): "Cj0KCQ",
    },
    "hubspot deals": {("properties", "deal_currency_code"): "EUR"},
    "respond.io message": {("sender",): {"source": "user", "userId": 9, "teamId": 3}},
    "stripe invoice_payment": {("payment", "charge"): "ch_1"},
    "stripe charge": {
        ("failure_code",): "card_declined",
        ("receipt_email",): "a@mail.example",
        ("billing_details", "phone"): "+34600000001",
    },
    "stripe customer": {
        ("phone",): "+34600000001",
        ("discount", "end"): 1798761600,
        ("discount", "coupon", "amount_off"): 500,
        ("discount", "coupon", "currency"): "eur",
    },
    "stripe subscription": {
        ("discounts", 0, "coupon", "amount_off"): 500,
        ("discounts", 0, "coupon", "currency"): "eur",
        ("discounts", 0, "end"): 1798761600,
        ("items", "data", 0, "discounts"): [
            {"id": "di_2", "start": 1767225600, "end": None, "coupon": {"id": "co_2", "duration": "forever"}},
        ],
        ("trial_start",): 1767225600,
        ("trial_end",): 1767825600,
        ("cancel_at",): 1798761600,
        ("canceled_at",): 1798761600,
        ("ended_at",): 1798761600,
        ("pause_collection",): {"behavior": "void", "resumes_at": 1798761600},
        ("cancellation_details",): {"reason": "cancellation_requested", "feedback": "unused"},
    },
}


@dataclass(frozen=True)
class Example:
    """A record and the rows of a table that the connector makes of it."""

    name: str
    table: RawTable
    record: Any
    to_rows: Callable[[Any], Iterable[Any]]


def payload(path: Path) -> Any:
    return json.loads(path.read_text())


def one(to_row: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda record: [to_row(record)]


def stripe_examples() -> Iterator[Example]:
    tables = {
        stripe.customer_row: "customers",
        stripe.product_row: "products",
        stripe.price_row: "prices",
        stripe.tier_rows: "price_tiers",
        stripe.subscription_row: "subscriptions",
        stripe.item_rows: "subscription_items",
        stripe.discount_rows: "subscription_discounts",
        stripe.invoice_row: "invoices",
        stripe.line_rows: "invoice_lines",
        stripe.invoice_payment_row: "invoice_payments",
        stripe.charge_row: "charges",
        stripe.refund_row: "refunds",
        stripe.dispute_rows: "dispute_transactions",
        stripe.credit_note_row: "credit_notes",
    }
    by_name = {table.name: table for table in stripe.TABLES}
    kinds = {kind.object: kind for kind in stripe.KINDS}
    for path in sorted((WIRE / "stripe").glob("*.json")):
        record = payload(path)["record"]
        kind = kinds.get(record["object"])
        for to_rows in STRIPE_ROWS[record["object"]] if kind else []:

            def rows(record: Any, to_rows: Any = to_rows, kind: Any = kind) -> list[Any]:
                found = [] if kind.lacking(record) else to_rows(record)
                return [found] if isinstance(found, Mapping) else list(found)

            yield Example(f"stripe {path.stem}", by_name[tables[to_rows]], record, rows)


def shopify_examples() -> Iterator[Example]:
    connections = {connection.field: connection for connection, _, _ in shopify.ROWS}
    for field, connection in connections.items():
        told = payload(WIRE / "shopify" / f"{field}.json")
        record = told["record"]
        for dispute in record.get("disputes") or []:
            dispute["dispute"] = told["dispute"]
        for of, table, to_rows in shopify.ROWS:
            if of is connection:
                yield Example(f"shopify {field}", table, record, to_rows)


def hubspot_examples() -> Iterator[Example]:
    for name, table in (
        ("contacts", hubspot_models.CONTACTS),
        ("companies", hubspot_models.COMPANIES),
        ("deals", hubspot_models.DEALS),
        ("archived_deals", hubspot_models.DEALS),
    ):
        for record in payload(WIRE / "hubspot" / f"{name}.json")["results"]:
            yield Example(f"hubspot {name}", table, record, one(hubspot.object_row))
    for name, table in (
        ("deal_contacts", hubspot_models.DEAL_CONTACTS),
        ("deal_companies", hubspot_models.DEAL_COMPANIES),
    ):
        for result in payload(WIRE / "hubspot" / f"{name}.json")["results"]:
            column = "contact_id" if name == "deal_contacts" else "company_id"

            def rows(record: Any, column: str = column) -> Iterable[Any]:
                return hubspot.association_rows("1", hubspot.associated(record), column)

            yield Example(f"hubspot {name}", table, result, rows)
    for record in payload(WIRE / "hubspot" / "feedback_submissions.json")["results"]:
        rows_of = one(hubspot.feedback_row)
        yield Example("hubspot feedback_submissions", hubspot_models.FEEDBACK_SUBMISSIONS, record, rows_of)
    for record in payload(WIRE / "hubspot" / "owners.json")["results"]:
        yield Example("hubspot owners", hubspot_models.OWNERS, record, one(hubspot.owner_row))
    for record in payload(WIRE / "hubspot" / "pipelines.json")["results"]:
        yield Example("hubspot pipelines", hubspot_models.DEAL_STAGES, record, hubspot.stage_rows)


def meta_examples() -> Iterator[Example]:
    account = {name: value for name, value in payload(WIRE / "meta_ads" / "account.json").items() if name[0] != "_"}
    yield Example("meta account", meta_models.AD_ACCOUNTS, account, one(meta_ads.account_row))
    for name, table in (
        ("campaigns", meta_models.CAMPAIGNS),
        ("adsets", meta_models.AD_SETS),
        ("ads", meta_models.ADS),
        ("insights", meta_models.AD_INSIGHTS),
    ):
        for record in payload(WIRE / "meta_ads" / f"{name}.json")["data"]:
            yield Example(f"meta {name}", table, record, one(lambda record: record))


def respond_examples() -> Iterator[Example]:
    for name, table, to_row in (
        ("user", respond_models.USERS, respond_io.user_row),
        ("channel", respond_models.CHANNELS, lambda record: record),
        ("contact", respond_models.CONTACTS, respond_io.contact_row),
        ("message", respond_models.MESSAGES, respond_io.message_row),
    ):
        yield Example(
            f"respond.io {name}", table, payload(WIRE / "respond_io" / f"{name}.json")["payload"], one(to_row)
        )


def whatsapp_examples() -> Iterator[Example]:
    tables = {table.name: table for table in whatsapp.TABLES}
    for path in sorted((WIRE / "whatsapp").glob("*.json")):
        told = payload(path)
        for event in told["examples"].values() if "examples" in told else [told["payload"]]:
            for part in whatsapp.parts(event):
                yield Example(f"whatsapp {path.stem}", tables[part.table], part.record, whatsapp.ROWS_OF[part.table])


def plain_examples(vendor: str) -> Iterator[Example]:
    """Of a vendor whose rows are all read by `from_wire`: `tests/wire/<vendor>/records.json` holds records by table."""
    told = payload(WIRE / vendor / "records.json")
    assert told["_source"]
    for table in import_module(f"ingestion.sources.{vendor}").TABLES:
        for record in told[table.name]:
            yield Example(f"{vendor} {table.name}", table, record, one(table.row.from_wire))


def filled(examples: Iterator[Example]) -> Iterator[Example]:
    """Each example, and once more with its nulls filled."""
    for example in examples:
        yield example
        if example.name in FILLED:
            record = deepcopy(example.record)
            for path, value in FILLED[example.name].items():
                holder = record
                for step in path[:-1]:
                    holder = holder[step]
                holder[path[-1]] = value
            yield replace(example, name=f"{example.name}, filled", record=record)


EXAMPLES = {
    "stripe": list(filled(stripe_examples())),
    "shopify": list(filled(shopify_examples())),
    "hubspot": list(filled(hubspot_examples())),
    "meta_ads": list(filled(meta_examples())),
    "respond_io": list(filled(respond_examples())),
    "whatsapp": list(whatsapp_examples()),
}
EXAMPLES |= {vendor: list(plain_examples(vendor)) for vendor in VENDORS if vendor not in EXAMPLES}


def read_columns(vendor: str, table: RawTable) -> set[str]:
    """The optional columns of a table that staging reads, and with it every model."""
    folder = ROOT / "dbt_project" / "models" / "staging" / vendor
    source = f'source("raw_{vendor}", "{table.name}")'
    text = " ".join(sql for file in folder.glob("*.sql") if source in (sql := file.read_text()))
    optional = {name for name, field in table.row.model_fields.items() if not field.is_required()}
    return {name for name in optional if re.search(rf"\b{name}\b", text)}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path of a record that ends at a field."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        if isinstance(value, Mapping):
            yield (*path, step)
        yield from paths(each, (*path, step))


def without(record: Any, path: tuple[Any, ...]) -> Any:
    copy = deepcopy(record)
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return copy


def identity(table: RawTable, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[column]) for column in table.identity)


def arrive(vendor: str, table: RawTable, rows: Iterable[Any], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is current after rows arrive where others were: as dlt's scd2, which replaces the units that arrive.

    A fact that is there stays as it is.
    """

    def versions(of: RawTable, keys: Any) -> Iterator[dict[str, Any]]:
        for row in before:
            if any(all(str(row[column]) == value for column, value in key.items()) for key in keys):
                yield row

    loaded = list(Intake(vendor, current_versions=versions).accept(table, rows))
    if table.history == "events" and before:
        return before
    units = {tuple(row[column] for column in table.key) for row in loaded}
    return loaded + [row for row in before if tuple(row[column] for column in table.key) not in units]


def undone(vendor: str, example: Example) -> dict[str, set[str]]:
    """For each path without which something that models read is lost: the columns."""
    table, read = example.table, read_columns(vendor, example.table)
    before = arrive(vendor, table, example.to_rows(example.record), [])
    assert not any(isinstance(row, AbsentRows) for row in example.to_rows(example.record)), example.name
    found: dict[str, set[str]] = {}
    for path in paths(example.record):
        after = arrive(vendor, table, example.to_rows(without(example.record, path)), before)
        for row in before:
            same = [each for each in after if identity(table, each) == identity(table, row)]
            lost = {
                name for name in read if row[name] is not None and not any(each[name] == row[name] for each in same)
            }
            if not same and not lost:
                lost = {"(the row)"}
            if lost:
                found.setdefault(".".join(map(str, path)), set()).update(lost)
    return found


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_documented_record_is_accepted(vendor: str) -> None:
    intake = Intake(vendor)
    for example in EXAMPLES[vendor]:
        list(intake.accept(example.table, example.to_rows(example.record)))
    assert sum(intake.loaded.values()) > 0
    assert [each["reason"] for each in intake.rejections()] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_absent_field_undoes_a_number(vendor: str) -> None:
    silently: set[tuple[str, str, str]] = set()
    for example in EXAMPLES[vendor]:
        listed = {column for of, table, column in LEGITIMATE if (of, table) == (vendor, example.table.name)}
        for path, columns in undone(vendor, example).items():
            if any(re.fullmatch(of, f"{example.name}: {path}") for of in MAPS):
                continue
            silently |= {
                (example.name, path, column) for column in columns - listed - example.table.row.left_out.keys()
            }
    assert silently == set()


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_optional_column_that_models_read_is_swept(vendor: str) -> None:
    """A column that no example fills is one of which nothing was tried."""
    seen = {
        (vendor, example.table.name, name)
        for example in EXAMPLES[vendor]
        for row in arrive(vendor, example.table, example.to_rows(example.record), [])
        for name, value in row.items()
        if value is not None
    }
    tables = [table for table in import_module(f"ingestion.sources.{vendor}").TABLES if table.history == "versions"]
    read = {(vendor, table.name, name) for table in tables for name in read_columns(vendor, table)}
    assert read or not tables
    assert read - seen - ELSEWHERE.keys() == set()


def test_what_is_listed_is_read_and_may_be_left_out() -> None:
    read = {
        (vendor, table.name, name)
        for vendor in VENDORS
        for table in import_module(f"ingestion.sources.{vendor}").TABLES
        for name in table.row.model_fields
    }
    assert LEGITIMATE.keys() | ELSEWHERE.keys() <= read
