"""Identity: the compiled components equal union-find, whatever the order of the rows, and more evidence only joins."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment
from tests.unit.dbt_project.databases import empty_database

Identifier = tuple[str, str, str, int]  # record_key, namespace, identifier, evidence_tier

RECORDS = [f"r{number:02}" for number in range(30)]
IDENTIFIERS = st.lists(
    st.tuples(st.sampled_from(RECORDS), st.sampled_from(["email", "phone"]), st.sampled_from("abcdefghijklmnop")).map(
        lambda drawn: (*drawn, 2 if drawn[1] == "email" else 3)
    ),
    unique=True,
    max_size=60,
)
PROPERTY = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def components_sql(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    with dbt_environment(tmp_path_factory.mktemp("components")):
        return {
            tier: compiled("{{ connected_components('records_given', 'identifiers_given', " + str(tier) + ") }}")
            for tier in (2, 3)
        }


def components(sql: str, identifiers: list[Identifier], records: list[str] = RECORDS) -> dict[str, str]:
    """Cluster key of each record, by the compiled SQL over shuffled rows."""
    found = rows_of(sql, identifiers, records)
    assert len(found) == len(records)
    return dict(found)


def rows_of(sql: str, identifiers: list[Identifier], records: list[str]) -> list[tuple]:
    rows = list(identifiers)
    random.Random(len(rows)).shuffle(rows)
    with empty_database() as connection:
        connection.execute("create table records_given as select unnest(?::text[]) as record_key", [records])
        connection.execute(
            "create table identifiers_given (record_key text, namespace text, identifier text, evidence_tier int)"
        )
        if rows:
            connection.executemany("insert into identifiers_given values (?, ?, ?, ?)", rows)
        return connection.execute(sql).fetchall()


def union_find(identifiers: list[Identifier], max_tier: int) -> dict[str, str]:
    parent = {record: record for record in RECORDS}

    def root(record: str) -> str:
        while parent[record] != record:
            record = parent[record]
        return record

    first: dict[tuple[str, str], str] = {}
    for record, namespace, identifier, tier in identifiers:
        if tier <= max_tier:
            other = root(first.setdefault((namespace, identifier), record))
            low, high = sorted((root(record), other))
            parent[high] = low
    return {record: root(record) for record in RECORDS}


def test_components_equal_union_find(components_sql: dict[int, str]) -> None:
    @PROPERTY
    @given(IDENTIFIERS)
    def check(identifiers: list[Identifier]) -> None:
        for tier, sql in components_sql.items():
            assert components(sql, identifiers) == union_find(identifiers, tier)

    check()


def test_a_long_chain_is_one_component(components_sql: dict[int, str]) -> None:
    shuffled = random.Random(1).sample(RECORDS, len(RECORDS))
    chain = [
        (record, "phone", str(link), 3)
        for link, pair in enumerate(zip(shuffled, shuffled[1:], strict=False))
        for record in pair
    ]
    assert set(components(components_sql[3], chain).values()) == {RECORDS[0]}
    assert len(set(components(components_sql[2], chain).values())) == len(RECORDS)


def test_the_work_of_a_chain_grows_with_its_length_and_not_with_its_square(components_sql: dict[int, str]) -> None:
    def labels(length: int) -> int:
        records = [f"r{number:05}" for number in range(length)]  # the worst order: each record's neighbour is the next
        chain = [
            (record, "phone", str(link), 3)
            for link, pair in enumerate(zip(records, records[1:], strict=False))
            for record in pair
        ]
        assert set(components(components_sql[3], chain, records).values()) == {records[0]}
        work = components_sql[3].rpartition("select records.record_key")[0].rstrip() + " select count(*) from reached"
        return rows_of(work, chain, records)[0][0]

    assert labels(800) < 3 * labels(400) < 800 * 30


def test_more_evidence_never_makes_more_components(components_sql: dict[int, str]) -> None:
    @PROPERTY
    @given(IDENTIFIERS, st.integers(0, 60))
    def check(identifiers: list[Identifier], kept: int) -> None:
        fewer = set(components(components_sql[3], identifiers[:kept]).values())
        more = set(components(components_sql[3], identifiers).values())
        assert len(more) <= len(fewer)

    check()
