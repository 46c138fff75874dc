"""What the Stripe connector reads, and what the sandbox answers, against what Stripe publishes.

Belongs here: the types of Stripe's own package and its fixtures as judges. Does not: what the numbers mean.

The row functions are run over a record that only notes which paths they ask for.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import stripe as published

from ingestion.sources import stripe as connector
from ingestion.sources.stripe import check as stripe_check
from ingestion.sources.stripe.models import TABLES
from ingestion.wire import missing
from sandbox.running import running_sandbox

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT.parent / "shared/specs/stripe/fixtures3.json"
MODELS = ("dbt_project/models/staging/stripe", "dbt_project/models/canonical/stripe")

TYPES = {
    "customer": published.Customer,
    "product": published.Product,
    "price": published.Price,
    "subscription": published.Subscription,
    "invoice": published.Invoice,
    "invoice_payment": published.InvoicePayment,
    "charge": published.Charge,
    "refund": published.Refund,
    "dispute": published.Dispute,
    "credit_note": published.CreditNote,
    "event": published.Event,
}
ROWS = {
    "customer": [connector.customer_row],
    "product": [connector.product_row],
    "price": [connector.price_row, connector.tier_rows],
    "subscription": [connector.subscription_row, connector.item_rows, connector.discount_rows],
    "invoice": [connector.invoice_row, connector.line_rows],
    "invoice_payment": [connector.invoice_payment_row],
    "charge": [connector.charge_row],
    "refund": [connector.refund_row],
    "dispute": [connector.dispute_rows],
    "credit_note": [connector.credit_note_row],
    "event": [connector.subscription_event_row, connector.subscription_event_item_rows],
}


class Noted(Mapping[str, Any]):
    """A record in which everything is there: notes the paths that are asked for. A list of it has one entry."""

    def __init__(self, paths: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> None:
        self._paths, self._path = paths, path

    def __getitem__(self, step: str) -> Noted:
        self._paths.discard(self._path)
        self._paths.add((*self._path, step))
        return Noted(self._paths, (*self._path, step))

    def __iter__(self) -> Iterator[Any]:
        yield self["[]"]

    def __len__(self) -> int:
        return 1

    def keys(self) -> Any:
        return ["[key]"]

    def __str__(self) -> str:
        return ".".join(self._path)

    def __int__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return hash(self._path)


def read_paths(kind: str) -> set[tuple[str, ...]]:
    paths: set[tuple[str, ...]] = set()
    for to_rows in ROWS[kind]:
        found = to_rows(Noted(paths))
        if not isinstance(found, dict):
            list(found)
    return {path for path in paths if path[-1] not in ("deleted", connector.TOLD_AT)}  # which the connector adds itself


def alternatives(annotation: Any) -> list[Any]:
    """The types that a published annotation names, without optionality and references by name."""
    if isinstance(annotation, str):
        annotation = typing.ForwardRef(annotation)
    if isinstance(annotation, typing.ForwardRef):
        name = annotation.__forward_arg__.removesuffix("Resource")
        return [getattr(published, name, object)]
    if typing.get_origin(annotation) is typing.Union:
        return [part for inner in typing.get_args(annotation) for part in alternatives(inner)]
    return [annotation]


def step_into(annotation: Any, step: str) -> list[Any]:
    """What stands at `step` of a value of that type; nothing where the type has no such step."""
    found = []
    for part in alternatives(annotation):
        origin, inner = typing.get_origin(part), typing.get_args(part)
        if origin is list:
            found += alternatives(inner[0]) if step == "[]" else []
        elif origin is dict:
            found += alternatives(inner[1])
        elif origin is published.ListObject:
            found += [list[inner[0]]] if step == "data" else [bool] if step == "has_more" else []  # type: ignore[valid-type]
        elif inspect.isclass(part):
            for base in part.__mro__:
                if step in inspect.get_annotations(base):
                    found += alternatives(inspect.get_annotations(base)[step])
                    break
    return found


def at_path(kind: str, path: tuple[str, ...]) -> list[Any]:
    """The types that Stripe publishes for a path; an event's object is that of a subscription."""
    if kind == "event" and path[:2] == ("data", "object") or path[:2] == ("data", "previous_attributes"):
        kind, path = "subscription", path[2:]
    found: list[Any] = [TYPES[kind]]
    for step in path:
        found = [inner for annotation in found for inner in step_into(annotation, step)]
    return found


@pytest.mark.parametrize("kind", ROWS)
def test_every_path_that_is_read_is_published(kind: str) -> None:
    paths = read_paths(kind)
    assert len(paths) >= 3
    assert {".".join(path) for path in paths if not at_path(kind, path)} == set()


def test_a_path_that_nobody_publishes_is_found() -> None:
    assert at_path("invoice", ("parent", "subscription_details", "subscription"))
    assert not at_path("invoice", ("subscription",))
    assert not at_path("invoice", ("lines", "data", "[]", "price"))
    assert not at_path("dispute", ("balance_transactions", "[]", "taken"))


def test_every_kind_is_read_and_every_table_is_made_from_one() -> None:
    assert {kind.object for kind in connector.KINDS} | {"event"} == set(ROWS)
    assert len(TABLES) == sum(len(rows) for rows in ROWS.values())


@pytest.mark.parametrize("kind", connector.KINDS, ids=lambda kind: kind.object)
def test_what_numbers_depend_on_and_what_is_expanded_is_published(kind: connector.Kind) -> None:
    paths = {path for path in kind.needs} | {_listed(path) for path in kind.expand}
    assert {".".join(path) for path in paths if not at_path(kind.object, path)} == set()


def _listed(path: str) -> tuple[str, ...]:
    """`discounts.coupon` as a path through the entries of the list."""
    steps: list[str] = []
    for step in path.split("."):
        steps += [step, "[]"] if step in ("discounts", "data") else [step]
    return tuple(steps[:-1] if steps[-1] == "[]" else steps)


@pytest.mark.parametrize("kind", connector.KINDS, ids=lambda kind: kind.object)
def test_the_vendors_own_examples_have_what_numbers_depend_on(kind: connector.Kind) -> None:
    if not FIXTURES.exists():
        pytest.skip(f"{FIXTURES} is not there: Stripe's fixtures lie outside the repository")
    example = json.loads(FIXTURES.read_text())["resources"].get(kind.object)
    if example is None:
        pytest.skip(f"Stripe's fixtures show no {kind.object}")
    assert {path for path in kind.needs if missing(example, path)} == {
        path for name, path in MOVED if name == kind.object
    }


# The fixtures are of a newer version than the one configured. What stands elsewhere there is refused, not read as null.
MOVED = {("customer", ("discount", "coupon")): "in discount.source since 2025-09-30.clover"}


def test_every_endpoint_and_field_of_a_check_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: set[tuple[str, ...]] = set()
    asked: list[str] = []

    class Answers:
        vendor, latest_headers = "stripe", {}

        def get(self, path: str, params: Any = None) -> Any:
            asked.append(path)
            return Noted(paths) if path == stripe_check.ACCOUNT_PATH else {"data": []}

    monkeypatch.setattr(stripe_check, "connect", lambda settings: Answers())
    settings = SimpleNamespace(api_version="2025-03-31.basil")
    assert {found.state for found in stripe_check.check(settings)} == {"ok"}  # type: ignore[arg-type]
    assert asked == [stripe_check.ACCOUNT_PATH, *(kind.path for kind in connector.KINDS), "/events"]
    source = inspect.getsource(published.Account)
    assert f'return "/v1{stripe_check.ACCOUNT_PATH}"' in source
    assert paths == {("id",), ("default_currency",), *(("settings", "dashboard", each) for each in DASHBOARD)}
    for path in paths:
        found = [published.Account]
        for step in path:
            found = [inner for annotation in found for inner in step_into(annotation, step)]
        assert found[:1] == [str], path
    assert published.PermissionError is not None  # what the package makes of the status 403


DASHBOARD = ("display_name", "timezone")


# ---- words

# Words that Stripe publishes and no model compares with, and what becomes of them.
UNCOMPARED = {
    ("subscription", "status"): {
        "incomplete": "awaits its first payment, as everything that no rule names",
    },
    ("subscription", "pause_collection", "behavior"): {
        "keep_as_draft": "paused like any other behaviour: nothing is collected",
        "mark_uncollectible": "paused like any other behaviour: nothing is collected",
        "void": "paused like any other behaviour: nothing is collected",
    },
    ("invoice", "status"): {
        "draft": "not paid, so no revenue",
        "open": "not paid, so no revenue",
        "uncollectible": "not paid, so no revenue",
        "void": "not paid, so no revenue",
    },
    ("invoice", "billing_reason"): {
        "automatic_pending_invoice_item_invoice": "revenue if it is a subscription's",
        "manual": "revenue if it is a subscription's",
        "quote_accept": "revenue if it is a subscription's",
        "subscription": "revenue, no renewal",
        "subscription_create": "revenue, no renewal",
        "subscription_threshold": "revenue, no renewal",
        "subscription_update": "revenue, no renewal",
        "upcoming": "a preview, without an id",
    },
    ("price", "billing_scheme"): {"per_unit": "what a price is that has no tiers"},
    ("price", "transform_quantity", "round"): {"down": "a package begun counts as none"},
    ("dispute", "status"): {
        "lost": "what the balance moved counts, whatever the status",
        "needs_response": "what the balance moved counts, whatever the status",
        "under_review": "what the balance moved counts, whatever the status",
        "warning_closed": "moves nothing on the balance",
        "warning_needs_response": "moves nothing on the balance",
        "warning_under_review": "moves nothing on the balance",
        "won": "what the balance moved counts, whatever the status",
    },
    ("credit_note", "status"): {"void": "takes nothing off"},
    ("credit_note", "type"): {
        "mixed": "both amounts are read",
        "post_payment": "the amounts say it",
        "pre_payment": "the amounts say it",
    },
    ("subscription", "discounts", "[]", "coupon", "duration"): {
        "once": "leaves what recurs as it is",
        "repeating": "leaves what recurs as it is",
    },
    ("charge", "status"): {
        "pending": "neither failed nor counted: revenue comes from invoices",
        "succeeded": "revenue comes from invoices",
    },
    ("price", "recurring", "usage_type"): {},
    ("price", "recurring", "interval"): {},
    ("price", "tiers_mode"): {},
}


@pytest.mark.parametrize("path", UNCOMPARED, ids=".".join)
def test_every_published_word_is_compared_with_or_listed(path: tuple[str, ...]) -> None:
    words = {word for part in at_path(path[0], path[1:]) for word in typing.get_args(part)}
    assert words, "Stripe publishes no list of words here any more"
    files = [file for folder in MODELS for file in (ROOT / folder).rglob("*.sql")]
    files.append(ROOT / "dbt_project/macros/monthly_amount.sql")
    compared = {word for file in files for word in re.findall(r"'([a-z_]+)'", file.read_text())}
    known = words & compared
    listed = set(UNCOMPARED[path])
    assert words - known - listed == set(), "published, compared with nowhere and not listed"
    assert listed - words == set(), "listed, but not published"


# ---- the sandbox


def differing(value: Any, annotations: list[Any], path: str) -> Iterator[str]:
    """Paths of an answer that Stripe does not publish, or with another type."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in ("object", "deleted"):
                continue
            types = [found for annotation in annotations for found in step_into(annotation, name)]
            if types:
                yield from differing(inner, types, f"{path}.{name}")
            elif not any(typing.get_origin(part) is published.ListObject for part in annotations) and annotations != [
                dict
            ]:
                yield f"{path}.{name}"
        return
    if isinstance(value, list):
        for inner in value:
            types = [found for annotation in annotations for found in step_into(annotation, "[]")]
            yield from differing(inner, types, f"{path}[]") if types else [f"{path}[]"]
        return
    words = [
        word for part in annotations for word in typing.get_args(part) if typing.get_origin(part) is typing.Literal
    ]
    plain = [part for part in annotations if part in (str, int, float, bool)]
    if value is not None and words and not plain and value not in words:
        yield f"{path} = {value!r}"
    if isinstance(value, int) and not isinstance(value, bool) and plain and not {int, float} & set(plain):
        yield f"{path} = {value!r}"


def test_the_sandbox_answers_as_stripe_publishes() -> None:
    with running_sandbox(people=400, days=120, seed=5) as sandbox:
        base = sandbox.environment["SOURCES__STRIPE__BASE_URL"]
        headers = {"Authorization": f"Bearer {sandbox.servers['stripe'].token}"}
        wrong, seen = set(), set()
        for kind in connector.KINDS:
            params = {"limit": "100", **dict(kind.params), **connector._expansion(kind, "data.")}
            rows = requests.get(base + kind.path, params=params, headers=headers, timeout=20).json()["data"]
            for row in rows:
                seen.add(kind.object)
                wrong |= set(differing(row, [TYPES[kind.object]], kind.object))
        events = requests.get(base + "/events", params={"limit": "100"}, headers=headers, timeout=20).json()["data"]
        for event in events:
            record = event["data"]["object"]
            wrong |= set(differing(record, [TYPES[record["object"]]], f"event.{record['object']}"))
        account = requests.get(base + "/account", headers=headers, timeout=20).json()
        wrong |= set(differing(account, [published.Account], "account"))
    assert wrong == set()
    assert seen == {kind.object for kind in connector.KINDS}
