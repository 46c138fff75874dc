"""Identity: what people type, copy and export around an identifier joins nobody and parts nobody."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import personal
from tests.unit.dbt_project.compiling import PROJECT, compiled_models, dbt_environment
from tests.unit.dbt_project.databases import empty_database

PROPERTY = settings(max_examples=60, suppress_health_check=list(HealthCheck))
LIMIT = 25  # identity_cluster_limit
MODELS = ("int_identifiers__normalized", "int_identity_clusters__tiered", "int_persons__resolved", "identity_review")
SCHEMAS = {"identity_review": "ops"}
Record = dict[str, Any]

NUMBER_PLACEHOLDERS = (
    "0",
    "000",
    "-",
    "--",
    "N/A",
    "n/a",
    "null",
    "Unknown",
    "test",
    "none",
    "#N/A",
    "?",
    " . ",
    "tbd",
)
EMAIL_PLACEHOLDERS = ("none", "n/a", "-", "noemail@shop.fr", "test@shop.fr", "unknown@shop.fr", "@", "a@b", "null")
PHONE_PLACEHOLDERS = ("0", "-", "n/a", "3.36E+10", "4,479E+11", "0000000000", "+33000000000", "none", "33 612?", "+")
INVISIBLE = ("​", "﻿", "­", "‎", "⁠")


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with dbt_environment(tmp_path_factory.mktemp("identity")):
        return compiled_models(*MODELS)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database("warehouse") as connection:
        for schema in ("intermediate", "core", "ops"):
            connection.execute(f"create schema {schema}")
        for seed in ("countries", "identity_blocklist", "identity_overrides"):
            file = str(PROJECT / "seeds" / f"{seed}.csv")
            connection.execute(
                f"create table intermediate.{seed} as from read_csv(?, all_varchar = true, nullstr = '')", [file]
            )
        connection.execute("alter table intermediate.countries alter national_digits type integer")
        connection.execute(
            "create table intermediate.int_record_links__unioned (record_key text, linked_record_key text)"
        )
        connection.execute(
            "create table intermediate.int_merges__unioned "
            "(source_system text, record_type text, merged_id text, survivor_id text)"
        )
        yield connection


def persons(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], records: list[Record]
) -> dict[str, frozenset[str]]:
    """The records that are one person with each record, by the models themselves."""
    columns = ("record_key", "email", "additional_emails", "phone", "country", "customer_number")
    database.execute(
        "create or replace table intermediate.int_contact_records__unioned ("
        + ", ".join(f"{column} text" for column in columns)
        + ", source_system text, source_account text, record_type text, source_record_id text"
        + ", created_at timestamp, loaded_at timestamp)"
    )
    database.executemany(
        "insert into intermediate.int_contact_records__unioned by position select "
        "?, ?, ?, ?, ?, ?, 's', null, 't', 'i', timestamp '2026-01-01', timestamp '2026-01-02'",
        [[record.get(column) for column in columns] for record in records],
    )
    for name in MODELS:
        database.execute(f"create or replace table {SCHEMAS.get(name, 'intermediate')}.{name} as {queries[name]}")
    groups = database.execute(
        "select list(record_key) from intermediate.int_persons__resolved group by person_id"
    ).fetchall()
    return {key: frozenset(keys) for (keys,) in groups for key in keys}


def person(number: int, keys: list[str], shares: str) -> list[Record]:
    """Records of one person, who share `shares` and have nothing else."""
    identifiers = {
        "email": f"jürgen.{number}@müller-{number}.fr",
        "phone": f"+336120{number:05}",
        "customer_number": f"10{number:03}",
    }
    return [{"record_key": key, "country": "FR", shares: identifiers[shares]} for key in keys]


COMPANIES = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["email", "phone", "customer_number"])), min_size=1, max_size=6
).map(
    lambda people: [
        record
        for number, (size, shares) in enumerate(people)
        for record in person(number, [f"p{number}r{part}" for part in range(size)], shares)
    ]
)

EMAIL_FORMS: list[Callable[[str], str]] = [
    str.upper,
    lambda email: unicodedata.normalize("NFD", email),
    lambda email: f"mailto:{email}",
    lambda email: f"<{email}>",
    lambda email: f'"Jürgen M." <{email}>',
    lambda email: f" {email}\u00a0",
    lambda email: f"{email};second.{email}",
    lambda email: f"{email}, {email}",
    lambda email: email.replace("@", "+news@"),
    lambda email: email.replace("@", "＠"),
    *[lambda email, mark=mark: f"{email[:3]}{mark}{email[3:]}{mark}" for mark in INVISIBLE],
]
PHONE_FORMS: list[Callable[[str], str]] = [
    lambda phone: phone[1:] + ".0",
    lambda phone: phone[1:],
    lambda phone: "00" + phone[1:],
    lambda phone: "0" + phone[3:],
    lambda phone: f"{phone[:3]} (0){phone[3:6]}\u00a0{phone[6:]}",
    lambda phone: f"tel:{phone}",
    lambda phone: f"{phone} ext. 12",
    lambda phone: phone.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
    *[lambda phone, mark=mark: f"{mark}{phone[:6]}{mark}{phone[6:]}" for mark in INVISIBLE],
]
NUMBER_FORMS: list[Callable[[str], str]] = [
    lambda number: f"{number}.0",
    lambda number: f"{number}.00",
    lambda number: f" {number}\u00a0",
    lambda number: number.translate({ord(str(digit)): 0x660 + digit for digit in range(10)}),
    *[lambda number, mark=mark: f"{number}{mark}" for mark in INVISIBLE],
]


@st.composite
def noise(draw: st.DrawFn, records: list[Record]) -> list[Record]:
    """The same company as it is typed, copied and exported: placeholders in empty fields, other spellings elsewhere."""
    forms = {"email": EMAIL_FORMS, "phone": PHONE_FORMS, "customer_number": NUMBER_FORMS}
    placeholders = {
        "email": EMAIL_PLACEHOLDERS,
        "phone": PHONE_PLACEHOLDERS,
        "customer_number": NUMBER_PLACEHOLDERS,
    }
    noisy = []
    for record in records:
        written = dict(record)
        for field in forms:
            if written.get(field) is None:
                written[field] = draw(st.none() | st.sampled_from(placeholders[field]))
            else:
                written[field] = draw(st.sampled_from([str, *forms[field]]))(written[field])
        noisy.append(written)
    return draw(st.permutations(noisy))


def test_noise_in_identifiers_changes_no_person(queries: dict[str, str], database: duckdb.DuckDBPyConnection) -> None:
    @PROPERTY
    @given(st.data(), COMPANIES)
    def check(data: st.DataObject, company: list[Record]) -> None:
        clean = persons(database, queries, company)
        people = {key: frozenset(other for other in clean if other[:2] == key[:2]) for key in clean}
        assert clean == people
        assert persons(database, queries, data.draw(noise(company))) == people

    check()


@pytest.mark.parametrize("field", ["email", "phone", "customer_number"])
@pytest.mark.parametrize(("size", "joined"), [(LIMIT, True), (LIMIT + 1, False)])
def test_a_value_of_more_records_than_the_limit_joins_none_and_stands_in_the_review(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection, field: str, size: int, joined: bool
) -> None:
    records = person(1, [f"r{number:02}" for number in range(size)], field)
    # what joins two of them otherwise still does
    other = "phone" if field == "email" else "email"
    for record in records[:2]:
        record[other] = person(2, ["x"], other)[0][other]
    found = persons(database, queries, records)
    assert len(found["r05"]) == (size if joined else 1)
    assert len(found["r00"]) == (size if joined else 2)
    review = database.execute(
        "select reason, record_count, person_count, namespace from ops.identity_review"
    ).fetchall()
    assert review == ([] if joined else [("identifier of too many records", size, size - 1, field)])


def test_links_that_join_more_records_than_the_limit_join_none(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection
) -> None:
    keys = [f"r{number:02}" for number in range(LIMIT + 1)]
    for key, following in zip(keys, keys[1:], strict=False):
        database.execute("insert into intermediate.int_record_links__unioned values (?, ?)", [key, following])
    found = persons(database, queries, [{"record_key": key} for key in keys])
    assert {len(group) for group in found.values()} == {1}
    assert database.execute("select reason, record_count, person_count from ops.identity_review").fetchall() == [
        ("too many records", LIMIT + 1, LIMIT + 1)
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+52 1 55 5000 0001", "+52 55 5000 0001"),
        ("+54 9 11 5000-0003", "+54 11 5000 0003"),
        ("+55 11 9999-0002", "+55 (11) 99999-0002"),
        ("+55 61 7123 4567", "+55 61 97123-4567"),
    ],
)
def test_a_mobile_number_is_one_number_in_both_its_spellings(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection, one: str, other: str
) -> None:
    found = persons(database, queries, [{"record_key": "a", "phone": one}, {"record_key": "b", "phone": other}])
    assert found["a"] == {"a", "b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+55 11 3999-0002", "+55 11 93999-0002"),  # a landline of Brazil: those begin with 2 to 5
        ("+1 212 555 0101", "+1 212 555 0102"),
        ("+34 600 000 004", "+34 900 000 004"),
    ],
)
def test_other_numbers_stay_other_numbers(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection, one: str, other: str
) -> None:
    found = persons(database, queries, [{"record_key": "a", "phone": one}, {"record_key": "b", "phone": other}])
    assert found["a"] == {"a"}


def test_numbers_that_disagree_are_numbers_and_not_placeholders(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection
) -> None:
    def shared(first: str, second: str) -> bool:
        records = [
            {"record_key": "a", "email": "x@firm.fr", "customer_number": first},
            {"record_key": "b", "email": "x@firm.fr", "customer_number": second},
        ]
        return persons(database, queries, records)["a"] == {"a", "b"}

    assert not shared("K1", "K2")
    assert shared("K1", "N/A")
    assert shared("1001", "1001.0")


@PROPERTY
@given(
    st.lists(
        st.fixed_dictionaries(
            {"country": st.sampled_from([None, "FR", "GB", "MX", "AR", "BR"])},
            optional={
                "email": st.sampled_from(["jürgen@müller.fr", "a.b+c@googlemail.com", "@", "a@b"]).flatmap(
                    lambda email: st.sampled_from(EMAIL_FORMS).map(lambda form: form(email))
                ),
                "phone": st.sampled_from(["+33612045678", "+5215512345678", "+5511912345678", "+549111234567"]).flatmap(
                    lambda phone: st.sampled_from(PHONE_FORMS).map(lambda form: form(phone))
                )
                | st.text("0123456789+-() ;,xe.", max_size=18),
                "customer_number": st.sampled_from(["10001", "c-17"]).flatmap(
                    lambda number: st.sampled_from(NUMBER_FORMS).map(lambda form: form(number))
                )
                | st.sampled_from(NUMBER_PLACEHOLDERS),
            },
        ),
        min_size=1,
        max_size=8,
    )
)
def test_who_is_erased_is_known_by_the_same_identifiers(
    queries: dict[str, str], database: duckdb.DuckDBPyConnection, records: list[Record]
) -> None:
    """The door reads addresses and numbers as identity does, in whichever spelling they come."""
    persons(database, queries, [{**record, "record_key": str(key)} for key, record in enumerate(records)])
    found = database.execute(
        "select record_key, namespace, identifier from intermediate.int_identifiers__normalized order by all"
    ).fetchall()

    countries = personal.Countries(PROJECT / "seeds" / "countries.csv")
    blocklist = personal.Blocklist(PROJECT / "seeds" / "identity_blocklist.csv")
    read = {
        (str(key), namespace, each)
        for key, record in enumerate(records)
        for namespace, identifiers in (
            ("email", personal.emails(record.get("email", ""))),
            ("phone", personal.phones(record.get("phone", ""), countries.of(record["country"]))),
            ("customer_number", personal.customer_numbers(record.get("customer_number", ""))),
        )
        for each in identifiers
        if f"{namespace}:{each}" not in blocklist
    }
    assert read == {*found}
