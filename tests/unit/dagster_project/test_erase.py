"""Whom an identifier means, and what is asked before anything is erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project import erase, known_person
from dagster_project.known_person import WhoError, person_id_of
from ingestion import config

RECORDS = {
    "shopify:customer:c1": ("jane@doe.org", "+447700900123", "Jane"),
    "hubspot:contact:7": ("jane@doe.org", None, "Jane"),
    "shopify:customer:c2": ("home@doe.org", "+447700900124", "Jim"),
    "shopify:customer:c3": ("home@doe.org", None, "Ann"),
}
PERSONS = {
    "shopify:customer:c1": "c1",
    "hubspot:contact:7": "c1",
    "shopify:customer:c2": "c2",
    "shopify:customer:c3": "c3",
}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    with duckdb.connect(str(config.warehouse_path())) as connection:
        for schema in ("intermediate", "core", "raw_shopify"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table intermediate.int_persons__resolved (record_key text, person_id text, source_record_id text)"
        )
        connection.execute(
            "create table intermediate.int_identifiers__normalized (record_key text, namespace text, identifier text)"
        )
        connection.execute(
            "create table intermediate.int_contact_records__unioned (record_key text, email text, "
            "additional_emails text, phone text, first_name text, last_name text)"
        )
        connection.execute("create table core.fct_deals (deal_id text, deal_name text, person_id text)")
        connection.execute("create table raw_shopify.customers (id text, email text, source_account text)")
        # what an address of c1 was before it changed
        connection.execute(
            "insert into raw_shopify.customers values ('c1', 'maiden@name.org', ''), ('c2', 'x@y.org', '')"
        )
        for key, (email, phone, name) in RECORDS.items():
            first = f"shopify:customer:{PERSONS[key]}"
            connection.execute(
                "insert into intermediate.int_persons__resolved values (?, ?, ?)",
                [key, person_id_of(first), key.split(":")[2]],
            )
            connection.execute(
                "insert into intermediate.int_contact_records__unioned values (?, ?, null, ?, ?, null)",
                [key, email, phone, name],
            )
            for namespace, identifier in (("email", email), ("phone", phone)):
                if identifier:
                    connection.execute(
                        "insert into intermediate.int_identifiers__normalized values (?, ?, ?)",
                        [key, namespace, identifier],
                    )
    yield config.warehouse_path()


@pytest.mark.parametrize(
    "written",
    [
        "Jane@Doe.org",
        "jane+news@doe.org",
        "07700 900123",
        "+44 (0)7700 900123",
        "c1",
        "7",
        "hubspot:contact:7",
        person_id_of("shopify:customer:c1"),
        person_id_of("hubspot:contact:7"),  # before the two were known to be one
    ],
)
def test_a_person_is_found_by_any_identifier(warehouse: Path, written: str) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert known_person.one(connection, written) == person_id_of("shopify:customer:c1")


def test_all_records_of_a_human_and_their_earlier_addresses_go_together(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (person,) = known_person.persons(connection, [person_id_of("shopify:customer:c1")])

    assert person.record_keys == {"shopify:customer:c1", "hubspot:contact:7"}
    assert person.references == person.record_keys | {
        "email:jane@doe.org",
        "email:maiden@name.org",
        "phone:+447700900123",
    }
    assert person.shared == {}


def test_a_shared_address_is_asked_about(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second, third = person_id_of("shopify:customer:c2"), person_id_of("shopify:customer:c3")
    before = warehouse.read_bytes()

    assert erase.main(["home@doe.org", "--yes"]) == 1
    said = capsys.readouterr().err
    assert "may mean 2 persons" in said and second in said and third in said

    assert erase.main([second, "--yes"]) == 1
    said = capsys.readouterr().err
    assert "is shared" in said and "SHARED=keep" in said and third in said
    assert warehouse.read_bytes() == before

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        both = known_person.persons(connection, [second, third])
        (alone,) = known_person.persons(connection, [second])
    assert [person.shared for person in both] == [{}, {}]
    assert "email:home@doe.org" not in alone.references
    assert "phone:+447700900124" in alone.references


def test_nothing_is_erased_unasked_or_for_nobody(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert erase.main(["jane@doe.org"]) == 1
    assert "say YES=1" in capsys.readouterr().err
    assert erase.main(["nobody@doe.org", "--yes"]) == 1
    assert "nobody is known by" in capsys.readouterr().err
    assert not (config.data_dir() / "erasures" / "requests.jsonl").exists()
    with pytest.raises(WhoError, match="make refresh"), duckdb.connect() as empty:
        known_person.find(empty, "jane@doe.org")
