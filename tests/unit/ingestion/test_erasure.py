"""Erased persons: known by keyed hashes, kept out at the door, taken out of an older warehouse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import config, erasure, personal
from ingestion.config import SettingsError
from ingestion.intake import Intake
from ingestion.personal import People
from ingestion.sources.files.models import TABLES as FILES_TABLES
from ingestion.sources.shopify.models import CUSTOMERS, ORDERS, TABLES

FILES_ORDERS = next(table for table in FILES_TABLES if table.name == "orders")
KEY = b"a key of the tests"
REFERENCES = ("email:jane@doe.org", "phone:+447700900123", "shopify:customer:c1", "shopify:guest_order:o9")
ORDER = {
    "id": "o1",
    "legacy_resource_id": "1",
    "currency_code": "EUR",
    "total_price": "12.50",
    "test": False,
    "created_at": "2026-01-01T00:00:00Z",
    "processed_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
CUSTOMER = {
    "id": "c1",
    "legacy_resource_id": "77",
    "first_name": "Jane",
    "email": "Jane@Doe.org",
    "phone": "07700 900123",
    "country_code": "GB",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
WHOLE = {name: None for name in ORDERS.row.model_fields} | {name: None for name in CUSTOMERS.row.model_fields}


def people(*references: str) -> People:
    hashing = erasure.people("shopify", (), KEY)
    return erasure.people("shopify", {hashing.hash_of(each) for each in references}, KEY)


def door(*references: str) -> Intake:
    return Intake("shopify", TABLES, erased=people(*references))


def arrived(intake: Intake, table: erasure.RawTable, **record: object) -> dict:
    (row,) = intake.accept(table, [{name: None for name in table.row.model_fields} | record])
    return row


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("by", REFERENCES[:3])
def test_a_customer_who_was_erased_arrives_without_anything_that_identifies(by: str) -> None:
    row = arrived(door(by), CUSTOMERS, **CUSTOMER, nickname="Janey")

    said = json.dumps(row, default=str).lower()
    assert [text for text in ("jane", "doe", "900123", 'c1"', '77"') if text in said and text != 'c1"'] == []
    assert (row["id"] == "c1") == (by != "shopify:customer:c1")
    assert (row["country_code"], row["created_at"].year, row["first_name"]) == ("GB", 2026, None)
    assert personal.emails(row["email"]) == [row["email"]] and personal.phones(row["phone"]) == [row["phone"]]


def test_others_arrive_as_they_are() -> None:
    erased, anybody = door(*REFERENCES), Intake("shopify", TABLES)
    other = {**CUSTOMER, "id": "c2", "email": "jane@doe.com", "phone": "07700 900124"}

    assert arrived(erased, CUSTOMERS, **other) == arrived(anybody, CUSTOMERS, **other)
    assert arrived(erased, ORDERS, **ORDER) == arrived(anybody, ORDERS, **ORDER)


def test_orders_of_one_guest_become_those_of_one_customer_without_a_name_and_keep_their_amounts() -> None:
    intake = door("email:jane@doe.org")
    first = arrived(intake, ORDERS, **ORDER, email="jane@doe.org")
    second = arrived(intake, ORDERS, **{**ORDER, "id": "o2"}, email=" JANE@doe.org ")

    assert first["customer_id"] == second["customer_id"] != arrived(intake, ORDERS, **ORDER)["customer_id"]
    assert [str(row["total_price"]) for row in (first, second)] == ["12.50", "12.50"]
    assert [row["id"] for row in (first, second)] == ["o1", "o2"]


def test_an_order_of_somebody_else_stays_theirs_without_the_address_of_who_was_erased() -> None:
    row = arrived(door(*REFERENCES), ORDERS, **ORDER, customer_id="c2", email="jane@doe.org", phone="+33612045678")

    assert (row["customer_id"], row["phone"]) == ("c2", "+33612045678")
    assert row["email"].endswith(personal.DOMAIN)


def test_an_order_is_known_by_its_own_number_where_its_address_is_shared() -> None:
    row = arrived(door("shopify:guest_order:o9"), ORDERS, **{**ORDER, "id": "o9"}, email="shared@doe.org")

    assert row["email"].endswith(personal.DOMAIN)


def test_a_rejected_record_of_theirs_is_counted_and_its_content_is_not_kept() -> None:
    intake = door(*REFERENCES)
    bad = {**ORDER, "total_price": "much"}
    told = [{**bad, "email": "jane@doe.org"}, {**bad, "customer_id": "c1"}, {**bad, "note": "call +44 7700 900123"}]
    assert list(intake.accept(ORDERS, told)) == []
    intake.reject("orders", '{"email": "jane@doe.org", ', "not JSON")
    assert list(intake.accept(ORDERS, [{**bad, "email": "jack@doe.org"}])) == []

    kept = list(intake.rejections())
    assert intake.rejected["orders"] == 5
    assert [each["record"] == "erased" for each in kept] == [True, False]
    assert "jane" not in str(kept) and "900123" not in str(kept) and "'c1'" not in str(kept)


@given(
    st.dictionaries(
        st.sampled_from(["email", "phone", "customer_id", "note"]),
        st.sampled_from(["jane@doe.org", "+44 7700 900123", "c1", "jack@doe.org", "c2", "", None]),
    )
)
def test_what_is_cleaned_once_is_clean(told: dict) -> None:
    found = people(*REFERENCES)
    row = {name: None for name in ORDERS.row.model_fields} | ORDER | told
    once = found.clean(ORDERS, row)
    twice = found.clean(ORDERS, once)

    assert {name: value for name, value in twice.items() if value is not None} == {
        name: value for name, value in once.items() if value is not None
    }


def test_the_list_holds_no_identifier_and_is_of_one_key(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = erasure.people("", ())
    erasure.keep(erasure.new_request("letter", found, [found.hash_of(each) for each in REFERENCES], {"raw": 3}))

    written = (erasure.folder() / erasure.LIST).read_text()
    assert "jane" not in written and "447700900123" not in written and "c1" not in written.replace('"', " ").split()
    assert (erasure.folder() / erasure.KEY).stat().st_mode & 0o777 == 0o600
    known = erasure.erased_people("shopify")
    assert known is not None and known.knows(REFERENCES[0]) and not known.knows("email:jack@doe.org")

    monkeypatch.setenv("LIFECYCLE_ERASURE_KEY", "another key, which is long enough to be one")
    with pytest.raises(SettingsError, match="is not the key that the list of erasures was made with"):
        erasure.erased_people("shopify")


def test_a_key_that_is_too_short_is_refused_and_not_shown(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_ERASURE_KEY", "too-short-a-key")
    with pytest.raises(SettingsError, match="write 32 characters or more") as refused:
        erasure.people("", ())
    assert "too-short" not in str(refused.value)


def test_a_key_or_a_list_that_is_damaged_lets_nobody_in_again(data: Path) -> None:
    found = erasure.people("", ())
    erasure.keep(erasure.new_request("", found, [found.hash_of(REFERENCES[0])], {}))
    (erasure.folder() / erasure.KEY).rename(data / "key")
    with pytest.raises(SettingsError, match="is gone, and with it who was erased"):
        erasure.erased_people("shopify")

    (data / "key").rename(erasure.folder() / erasure.KEY)
    path = erasure.folder() / erasure.LIST
    path.write_text(path.read_text()[:-10])
    with pytest.raises(SettingsError, match="has a line that cannot be read"):
        erasure.erased_people("shopify")


def test_a_request_that_is_withdrawn_holds_no_longer(data: Path) -> None:
    found = erasure.people("", ())
    for references in (REFERENCES[:2], REFERENCES[2:]):
        erasure.keep(erasure.new_request("", found, [found.hash_of(each) for each in references], {}))

    assert len(erasure.withdraw(found.hash_of(REFERENCES[1]))) == 1

    known = erasure.erased_people("shopify")
    assert known is not None and known.knows(REFERENCES[2]) and not known.knows(REFERENCES[0])


def test_an_older_warehouse_that_is_put_back_is_cleaned_before_the_next_load(data: Path) -> None:
    import duckdb

    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("create schema raw_shopify")
        connection.execute(
            "create table raw_shopify.customers as select 'c1' as id, 'Jane' as first_name, 'jane@doe.org' as email, "
            "'' as source_account, 'jane@doe.org, 2nd' as other_fields, 'x' as _dlt_id union all "
            "select 'c2', 'Jack', 'jack@doe.org', '', null, 'y'"
        )
    erasure.hold()
    found = erasure.people("", ())
    erasure.keep(erasure.new_request("letter", found, [found.hash_of(each) for each in REFERENCES], {}))

    erasure.hold()

    assert b"jane" not in config.warehouse_path().read_bytes().lower()
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        rows = connection.execute("select first_name, other_fields from raw_shopify.customers order by 1").fetchall()
        log = connection.execute("select reason, len(identifier_hashes) from ops.erasures").fetchall()
    assert rows == [("Jack", None), (None, None)]
    assert log == [("letter", len(REFERENCES))]


@pytest.mark.parametrize("payload", [{"from": "447700900123"}, {"calls": [{"to": "447700900123"}]}])
def test_a_stored_payload_names_a_person_by_a_number_as_whatsapp_writes_it(payload: dict, data: Path) -> None:
    columns = "event_id varchar, field varchar, source_account varchar, payload json, _dlt_id varchar"
    others = {"from": "447700900124", "id": "4477009001239", "at": "447700900123000"}
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute(f"create schema raw_whatsapp; create table raw_whatsapp.other_events ({columns})")
        rows = [(name, "calls", "", json.dumps(told), name) for name, told in (("theirs", payload), ("other", others))]
        connection.executemany("insert into raw_whatsapp.other_events values (?, ?, ?, ?, ?)", rows)

        changed = erasure.clean_raw(connection, lambda system: people(*REFERENCES))

        left = connection.execute("select event_id, payload from raw_whatsapp.other_events order by 1").fetchall()
    assert changed == {"raw_whatsapp.other_events": 1}
    assert left == [("other", json.dumps(others)), ("theirs", "{}")]


# Pieces of which texts are made that name a person, or nearly do.
PIECES = ("jane@doe.org", "447700900123", "+447700900123", "00447700900123", "0044 7700 900123", "+", "00", "@", "n")
BETWEEN = ("", " ", "\n", "\t", '"', "\\", "é", "_", "x", ":", "\u200b", "7")
TOLD = st.lists(st.sampled_from(PIECES + BETWEEN), max_size=5).map("".join)
ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["7", "8", "9"]),
        "email": st.none() | TOLD,
        "phone": st.none() | TOLD,
        "first_name": st.none() | TOLD,
        "custom_fields": st.none() | st.dictionaries(TOLD, TOLD | st.lists(TOLD, max_size=2), max_size=2),
    }
)


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_rows_of_persons_are_found_in_sets_as_one_by_one(rows: list[dict]) -> None:
    hashing = erasure.people("respond_io", (), KEY)
    references = ("email:jane@doe.org", "phone:+447700900123", "respond_io:contact:7")
    erased = erasure.people("respond_io", {hashing.hash_of(each) for each in references}, KEY)
    with duckdb.connect() as connection:
        connection.execute("create schema raw_respond_io")
        connection.execute(
            "create table raw_respond_io.contacts (id varchar, email varchar, phone varchar, first_name varchar, "
            "custom_fields json, created_at timestamptz, _dlt_id varchar)"
        )
        for row in rows:
            connection.execute(
                "insert into raw_respond_io.contacts values ($id, $email, $phone, $first_name, $custom_fields, now(), "
                "'+447700900123')",
                {**row, "custom_fields": None if row["custom_fields"] is None else json.dumps(row["custom_fields"])},
            )
        (place,) = erasure.places(connection)
        found = {number: row for number, row in erasure.rows_of(connection, place, lambda _: erased)}

    assert {number: {name: row[name] for name in rows[0]} for number, row in found.items()} == {
        number: row
        for number, row in enumerate(rows)
        if any(map(erased.knows, erased.references(place.table, row)))
        or any(erased.are_named_in(row[name]) for name in ("first_name", "custom_fields"))
    }


OF_FILES = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["o8", "o9"]),
        "customer_id": st.none() | st.sampled_from(["c1", "c2"]),
        "email": st.none() | TOLD,
        "phone": st.none() | TOLD,
        "channel": st.none() | TOLD,
    }
)


@settings(max_examples=60)
@given(st.lists(OF_FILES, min_size=1, max_size=12))
def test_rows_of_a_set_arrive_as_each_would_by_itself(told: list[dict]) -> None:
    hashing = erasure.people("files", (), KEY)
    references = ("email:jane@doe.org", "phone:+447700900123", "files:customer:c1", "files:guest_order:o9")
    erased = erasure.people("files", {hashing.hash_of(each) for each in references}, KEY)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [{**row, "ordered_at": at, "_dlt_id": f"{number}"} for number, row in enumerate(told)]
    texts = [(name, pa.string()) for name in rows[0] if name != "ordered_at"]
    schema = pa.schema([*texts, ("ordered_at", pa.timestamp("us", "UTC"))])

    found = erasure.clean_set("files", FILES_ORDERS, pa.Table.from_pylist(rows, schema=schema), erased).to_pylist()

    def by_content(row: dict) -> str:
        return json.dumps(row, default=str, sort_keys=True)

    one_by_one = [{name: None for name in schema.names} | erased.clean(FILES_ORDERS, row) for row in rows]
    assert sorted(map(by_content, found)) == sorted(map(by_content, one_by_one))


def test_a_number_that_stands_for_nobody_is_emptied_and_joins_nobody() -> None:
    """Two people with the same placeholder would be one, if a pseudonym took its place."""
    of_others = {**CUSTOMER, "id": "c2", "email": "joe@doe.org", "phone": "+00000000"}

    theirs = arrived(door("shopify:customer:c1", "phone:+00000000"), CUSTOMERS, **CUSTOMER | {"phone": "+00000000"})
    other = arrived(door("shopify:customer:c1", "phone:+00000000"), CUSTOMERS, **of_others)

    assert theirs["phone"] is None and theirs["email"].endswith("@erased.invalid")
    assert (other["phone"], other["email"]) == ("+00000000", "joe@doe.org")
