"""Every column of a raw table says whether it tells of a person: whoever adds one has to know.

A text or a list that no row model speaks of would stay as it is when a person is erased.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from dagster_project.personal import is_personal
from ingestion.personal import Identifier, Record, Text
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import RawTable

TABLES = [(source, table) for source in SOURCE_NAMES for table in import_module(f"ingestion.sources.{source}").TABLES]
# Names as of persons, of what is none: things, vendors' words, the company's own staff.
OF_NOBODY = {
    ("files", "owner"): "the company's own staff",
    ("files", "agent"): "the company's own staff",
    ("hubspot", "name"): "of a company",
    ("hubspot", "owners"): "the company's own staff",
    ("meta_ads", "name"): "of ads",
    ("respond_io", "name"): "of a channel",
    ("respond_io", "assignee_email"): "the company's own staff",
    ("respond_io", "users"): "the company's own staff",
    ("shopify", "name"): "the number of an order",
    ("stripe", "name"): "of a product",
}
# Their rows are found by the order that they belong to, and by the addresses that they name anywhere.
FOUND_BY_ANOTHER_WAY = {("shopify", "refunds"), ("whatsapp", "other_events")}


def named(tables: list[tuple[str, RawTable]]) -> list[str]:
    return [f"{source}.{table.name}" for source, table in tables]


def texts(table: RawTable) -> set[str]:
    """Columns that can hold more than a number, an instant or a yes."""
    fields: dict[str, Any] = table.row.model_fields
    found = {
        name for name, field in fields.items() if any(kind in str(field.annotation) for kind in ("str", "list", "dict"))
    }
    return found - {"source_account"}


@pytest.mark.parametrize(("source", "table"), TABLES, ids=named(TABLES))
def test_every_text_is_personal_or_said_not_to_be(source: str, table: RawTable) -> None:
    personal, others = set(table.row.personal), set(table.row.not_personal)

    assert personal & others == set()
    assert personal | others == texts(table)


@pytest.mark.parametrize(("source", "table"), TABLES, ids=named(TABLES))
def test_what_is_called_like_something_personal_is(source: str, table: RawTable) -> None:
    overlooked = {
        column
        for column in table.row.not_personal
        if is_personal(column) and (source, column) not in OF_NOBODY and (source, table.name) not in OF_NOBODY
    }
    assert overlooked == set()


@pytest.mark.parametrize(("source", "table"), TABLES, ids=named(TABLES))
def test_a_row_that_holds_something_personal_says_whose_it_is(source: str, table: RawTable) -> None:
    """Without an address or a record nothing would tell that its texts are to be emptied."""
    kinds = table.row.personal.values()
    if any(isinstance(kind, Text) for kind in kinds) and (source, table.name) not in FOUND_BY_ANOTHER_WAY:
        assert any(isinstance(kind, Identifier | Record) for kind in kinds)
