"""What the Shopify connector asks for, and what the sandbox answers, against the Admin API's own schema.

Belongs here: the published schema as judge. Does not: what the numbers mean.

The schema lies outside the repository (`../shared/specs`): where it is not there, what needs it is skipped.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    execute_sync,
    get_named_type,
    is_abstract_type,
    is_object_type,
    parse,
    validate,
)

from ingestion.sources.shopify import queries
from sandbox import malformed
from sandbox.running import Sandbox, running_sandbox
from sandbox.servers.shopify import SCHEMA as SANDBOX_SCHEMA

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT.parent / "shared/specs/shopify/admin_2026-07.json.gz"
QUERIES = {
    **{
        name: text
        for name, text in vars(queries).items()
        if isinstance(text, str) and text.lstrip().startswith("query ")
    },
    **queries.REFUND_ENTRIES,
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION} is not there: Shopify's schema lies outside the repository")
    with gzip.open(SPECIFICATION) as file:
        introspected = json.load(file)
    return build_client_schema(introspected.get("data", introspected))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(people=120, days=150, seed=5) as running:
        yield running


def test_there_is_a_query_for_every_list() -> None:
    assert set(QUERIES) >= {"ORDERS", "CUSTOMERS", "ABANDONED_CHECKOUTS", "DELETIONS", "DISPUTE", "REFUND_ALONE"} | {
        "BALANCE_TRANSACTIONS"
    }


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_valid_in_the_published_schema(schema: GraphQLSchema, name: str) -> None:
    for query in (
        QUERIES[name],
        queries.without_unit_costs(QUERIES[name]),
        queries.without_disputes(QUERIES[name]),
    ):
        assert validate(schema, parse(query)) == []


def test_a_field_that_is_not_published_is_found(schema: GraphQLSchema) -> None:
    assert validate(schema, parse(QUERIES["ORDERS"].replace("taxesIncluded", "taxIncluded")))


# ---- the sandbox


def test_the_sandbox_knows_no_type_field_or_word_that_is_not_published(schema: GraphQLSchema) -> None:
    unknown = []
    for name, own in build_schema(SANDBOX_SCHEMA).type_map.items():
        theirs = schema.type_map.get(name)
        if name.startswith("__"):
            continue
        if theirs is None:
            unknown.append(name)
        elif is_object_type(own):
            fields = own.fields.items()
            unknown += [f"{name}.{field}" for field in own.fields if field not in theirs.fields]
            unknown += [
                f"{name}.{field}: {spec.type}"
                for field, spec in fields
                if field in theirs.fields and not _is_as_published(str(spec.type), str(theirs.fields[field].type))
            ]
        elif isinstance(own, GraphQLEnumType):
            unknown += [f"{name}.{word}" for word in own.values if word not in theirs.values]
    assert unknown == []


def _is_as_published(own: str, theirs: str) -> bool:
    """The same type; what is never null there is never null here."""
    return own == theirs or (own.replace("!", "") == theirs.replace("!", "") and "!" not in theirs.replace(own, ""))


def test_the_sandboxes_answers_hold_to_the_published_schema(schema: GraphQLSchema, sandbox: Sandbox) -> None:
    """Each answer is taken for the vendor's data: its own schema then refuses nulls, words and types that cannot be."""
    malformed_ids = {str(record.id) for record in malformed.shopify_customers(0) + malformed.shopify_orders(0)}
    base, token = sandbox.environment["SOURCES__SHOPIFY__BASE_URL"], sandbox.servers["shopify"].token

    def ask(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        url, headers = f"{base}/admin/api/2026-07/graphql.json", {"X-Shopify-Access-Token": token}
        answer = requests.post(url, json={"query": query, "variables": variables}, headers=headers, timeout=30).json()
        assert "errors" not in answer, answer
        for found in answer["data"].values():
            if found and "nodes" in found:  # without those that are malformed on purpose
                found["nodes"] = [node for node in found["nodes"] if node.get("legacyResourceId") not in malformed_ids]
        found = execute_sync(
            schema,
            parse(query),
            answer["data"],
            variable_values=variables,
            type_resolver=lambda value, info, kind: "BasicEvent" if is_abstract_type(kind) else kind.name,
        )
        assert found.errors is None, found.errors
        assert found.data == answer["data"]
        return answer["data"]

    told = ask(queries.SHOP, {})
    assert told["publicApiVersions"] and told["currentAppInstallation"]["accessScopes"]
    assert ask(queries.OLDEST_ORDER, {})["orders"]["nodes"]
    orders = ask(queries.ORDERS, {"first": 50, "after": None, "filter": None})["orders"]["nodes"]
    for query in (queries.CUSTOMERS, queries.ABANDONED_CHECKOUTS):
        (found,) = ask(query, {"first": 50, "after": None, "filter": None}).values()
        assert found["nodes"]
    deleted = ask(queries.DELETIONS, {"first": 50, "after": None, "condition": "subject_type:ORDER AND action:destroy"})
    assert deleted["events"]["nodes"]
    balance = ask(
        queries.BALANCE_TRANSACTIONS, {"first": 100, "after": None, "condition": "processed_at:>='2026-01-01'"}
    )
    kinds = {moved["type"] for moved in balance["shopifyPaymentsAccount"]["balanceTransactions"]["nodes"]}
    assert kinds >= {"CHARGE", "CHARGEBACK_FEE", "DISPUTE_WITHDRAWAL"}
    for query in (queries.ORDER_LINE_ITEMS, queries.ORDER_REFUNDS, queries.ORDER_TRANSACTIONS):
        variables = {"id": orders[0]["id"], "first": 50}
        ask(query, {**variables, "after": None} if "$after" in query else variables)
    refunds = [refund for order in orders for refund in order["refunds"]]
    assert {bool(refund["refundLineItems"]["nodes"]) for refund in refunds} == {True, False}
    ask(queries.REFUND_ALONE, {"id": refunds[0]["id"]})


# ---- words

# Words that Shopify publishes and no model compares with, and what becomes of them.
UNCOMPARED = {
    "OrderDisplayFinancialStatus": {
        "AUTHORIZED": "not paid: an authorisation is no payment",
        "EXPIRED": "not paid",
        "PARTIALLY_PAID": "paid when money first arrived, as its transactions say",
        "PENDING": "not paid",
        "VOIDED": "not paid",
    },
    "OrderTransactionKind": {
        "AUTHORIZATION": "no payment before it is captured",
        "CHANGE": "cash given back at a till, part of the sale beside it",
        "EMV_AUTHORIZATION": "no payment before it is captured",
        "REFUND": "refunds are records of their own",
        "SUGGESTED_REFUND": "nothing that happened",
        "VOID": "takes back an authorisation, which was no payment",
    },
    "OrderTransactionStatus": {
        "AWAITING_RESPONSE": "no payment yet; a refund that awaits one counts",
        "ERROR": "no payment; a refund of which each attempt failed is marked on arrival",
        "FAILURE": "no payment; a refund of which each attempt failed is marked on arrival",
        "PENDING": "no payment yet; a refund that is pending counts",
        "UNKNOWN": "no payment; a refund counts",
    },
    "DisputeType": {"CHARGEBACK": "what is no inquiry takes money"},
    "DisputeStatus": {
        "ACCEPTED": "taken for good",
        "LOST": "taken for good",
        "NEEDS_RESPONSE": "taken, not decided",
        "UNDER_REVIEW": "taken, not decided",
    },
    "ShopifyPaymentsSourceType": {
        "ADJUSTMENT": "a fee of a dispute is known by its type",
        "ADJUSTMENT_REVERSAL": "as ADJUSTMENT",
        "CHARGE": "payments are told by orders",
        "REFUND": "refunds are told by orders",
        "SYSTEM_ADJUSTMENT": "as ADJUSTMENT",
        "TRANSFER": "from the balance to the bank: nobody's revenue or cost",
    },
    "ShopifyPaymentsTransactionType": {
        "CHARGEBACK_HOLD": "as a movement of the dispute that it names",
        "CHARGEBACK_HOLD_RELEASE": "as a movement of the dispute that it names",
        "CHARGEBACK_PROTECTION_CREDIT": "not counted: what Shopify pays in place of the customer is no order's revenue",
        "CHARGEBACK_PROTECTION_CREDIT_REVERSAL": "as CHARGEBACK_PROTECTION_CREDIT",
        "CHARGEBACK_PROTECTION_DEBIT": "as CHARGEBACK_PROTECTION_CREDIT",
        "CHARGEBACK_PROTECTION_DEBIT_REVERSAL": "as CHARGEBACK_PROTECTION_CREDIT",
        "DISPUTE_REVERSAL": "known by its source, the dispute",
        "DISPUTE_WITHDRAWAL": "known by its source, the dispute",
    },
    "OrderAdjustmentDiscrepancyReason": {
        "CUSTOMER": "the amounts count, whatever the reason",
        "DAMAGE": "the amounts count, whatever the reason",
        "FULL_RETURN_BALANCING_ADJUSTMENT": "the amounts count, whatever the reason",
        "PENDING_REFUND_DISCREPANCY": "the amounts count, whatever the reason",
        "REFUND_DISCREPANCY": "the amounts count, whatever the reason",
        "RESTOCK": "the amounts count, whatever the reason",
    },
}

# Of the words of a type that has many more: those that concern us.
ABOUT_DISPUTES = {"ShopifyPaymentsTransactionType": ("DISPUTE", "CHARGEBACK")}


@pytest.mark.parametrize("name", UNCOMPARED)
def test_every_published_word_is_compared_with_or_listed(schema: GraphQLSchema, name: str) -> None:
    kind = get_named_type(schema.type_map[name])
    assert isinstance(kind, GraphQLEnumType)
    folders = ("dbt_project/models/staging/shopify", "dbt_project/models/canonical/shopify")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.sql")]
    compared = {word for file in files for word in re.findall(r"'([A-Z_]+)'", file.read_text())}
    parts, listed = ABOUT_DISPUTES.get(name, ("",)), set(UNCOMPARED[name])
    words = {word for word in kind.values if any(part in word for part in parts)}
    assert words - compared - listed == set(), "published, compared with nowhere and not listed"
    assert listed - words == set(), "listed, but not published"
