"""Personal data: which columns hold it, and what is shown of a value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.personal import is_personal, masked, masked_text, shown_row

NAMES = ["email", "hs_additional_emails", "receipt_email", "assignee_email", "Customer Email", "mobilephone", "phone"]
NAMES += [
    "firstname",
    "last_name",
    "displayName",
    "owner_name",
    "agent_name",
    "dealname",
    "name",
    "identifier",
    "owner",
]
OTHERS = ["is_email_permitted", "email_permission_stated_at", "email_marketing_state", "hs_email_optout", "owner_id"]
OTHERS += ["account_name", "campaign_name", "product_name", "agent_id", "phone_count", "address_country", "person_id"]


@pytest.mark.parametrize("column", NAMES)
def test_a_column_of_names_or_addresses_is_personal(column: str) -> None:
    assert is_personal(column)


@pytest.mark.parametrize("column", OTHERS)
def test_a_column_that_tells_of_them_or_names_something_else_is_not(column: str) -> None:
    assert not is_personal(column)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("jo.doe@mail.example", "j***@m***.example"),
        ("+33600010168", "***68"),
        ("0600 010 168", "***68"),
        ("José", "J***"),
        ("a@b.fr, c@d.es", "a***"),
        ("", "***"),
    ],
)
def test_a_masked_value_can_be_recognised_and_not_be_read(value: str, shown: str) -> None:
    assert masked(value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "email: not valid (got 'jo@x.fr'); id: too long (got 'abc')",
            "email: not valid (got 'j***@x***.fr'); id: too long (got 'abc')",
        ),
        ("first_name: too long (got 'Josephine')", "first_name: too long (got 'J***')"),
        (
            "ad_id: Field required (got {'name': 'Ana Ruiz', 'ad': 1, 'lastName': 'Ru",
            "ad_id: Field required (got {'name': 'A***', 'ad': 1, 'lastName': 'R***'",
        ),
        (
            '{"id": 7, "profile": {"phone": "+34600010049", "city": "Lyon"}}',
            '{"id": 7, "profile": {"phone": "***49", "city": "Lyon"}}',
        ),
        (
            "identifier of too many records: email:info@firm.example",
            "identifier of too many records: email:i***@f***.example",
        ),
        ("call +33 6 00 01 01 68 back", "call ***68 back"),
        ("total_price: not a decimal (got '12,5O')", "total_price: not a decimal (got '12,5O')"),
        ("20260915T060000Z.jsonl line 6: not JSON", "20260915T060000Z.jsonl line 6: not JSON"),
        (
            "hubspot:contact:10000030 gid://shopify/Order/5000001096000",
            "hubspot:contact:10000030 gid://shopify/Order/5000001096000",
        ),
    ],
)
def test_a_text_is_shown_without_what_is_personal_in_it(text: str, shown: str) -> None:
    assert masked_text(text) == shown


def test_a_row_keeps_its_ids_and_hides_its_people() -> None:
    row = {"person_id": "p1", "email": "jo@x.fr", "last_name": None, "amount": 10, "said": "write to jo@x.fr"}

    assert shown_row(row) == "person_id=p1, email=j***@x***.fr, last_name=None, amount=10, said=write to j***@x***.fr"


words = st.text(min_size=3, max_size=20, alphabet=st.characters(categories=["L"]))


@given(words, words, words, st.integers(100000, 10**9))
def test_no_record_shows_whom_it_is_about(first: str, last: str, host: str, number: int) -> None:
    """A record as the vendors write them: whichever way it is shown, cut off or not."""
    address, phone = f"{first}.{last}@{host}.example", f"+33{number}"
    record = {"id": 1, "contact": {"firstName": first * 2, "last_name": last * 2, "e-mail": address}, "mobile": phone}

    for text in (json.dumps(record), json.dumps(record, ensure_ascii=False), str(record), str(record)[:-12]):
        shown = masked_text(text)
        assert not [each for each in (first * 2, last * 2, f"{first}.{last}", address, phone) if each in shown], shown
