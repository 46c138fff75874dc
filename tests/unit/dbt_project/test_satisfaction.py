"""Satisfaction: each row worked out again from the answers that it holds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled_models, dbt_environment
from tests.unit.dbt_project.databases import empty_database

START = datetime(2026, 1, 20)
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "review": (1, 5)}
TOP_BOX = {"nps": {9, 10}, "csat": {4, 5}, "ces": {6, 7}, "review": {4, 5}}
INPUTS = """
    create schema intermediate; create schema core; create schema marts;
    create table intermediate.int_surveys__unioned (
        response_id text, source_system text, record_key text, order_id text, survey_type text, score double,
        responded_at timestamp, loaded_at timestamp
    );
    create table intermediate.int_orders__priced (order_id text, record_key text, channel text);
    insert into intermediate.int_orders__priced values ('o0', 'r0', 'web'), ('o1', null, null);
    create table core.bridge_person_records (record_key text, person_id text);
    insert into core.bridge_person_records values ('r0', 'p0'), ('r1', 'p1');
    create table core.bridge_account_persons (account_id text, person_id text, is_main_account boolean);
    insert into core.bridge_account_persons values ('a0', 'p1', true);
    create table core.fct_lifecycle_episodes (
        lifecycle_model text, entity_type text, entity_id text, stage text, entered_at timestamp, exited_at timestamp
    );
    insert into core.fct_lifecycle_episodes values
        ('of_people', 'person', 'p0', 's1', '2026-01-01', '2026-02-01'),
        ('of_people', 'person', 'p0', 's2', '2026-02-01', null),
        ('of_companies', 'account', 'a0', 's1', '2026-01-01', null);
    create table core.dim_lifecycle_stages (
        lifecycle_model text, stage text, stage_label_en text, stage_label_fr text, stage_order int
    );
    insert into core.dim_lifecycle_stages values
        ('of_people', 's1', 'One', 'Un', 1), ('of_people', 's2', 'Two', 'Deux', 2),
        ('of_companies', 's1', 'One', 'Un', 1);
"""
# Type, score as a share of the scale, days after the start, record, order.
ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(sorted(SCALES)),
        st.integers(0, 10),
        st.integers(0, 30),
        st.sampled_from([None, "r0", "r1"]),
        st.sampled_from([None, "o0", "o1"]),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with dbt_environment(tmp_path_factory.mktemp("satisfaction"), {"LIFECYCLE_AS_OF": "2026-03-10T06:00:00Z"}):
        return compiled_models("fct_survey_answers", "satisfaction")


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database("warehouse") as connection:
        connection.execute(INPUTS)
        yield connection


def stage_at(model: str, record: str | None, order: str | None, instant: datetime) -> str:
    whose = record or ("r0" if order == "o0" else None)
    if model == "of_companies":
        return "s1" if whose == "r1" else "none"
    return "none" if whose != "r0" else "s1" if instant < datetime(2026, 2, 1) else "s2"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=ANSWERS)
def test_every_row_follows_from_its_answers(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], answers: list[tuple[Any, ...]]
) -> None:
    rows, expected = [], {}
    for number, (kind, share, days, record, order) in enumerate(answers):
        lowest, highest = SCALES[kind]
        score, instant = lowest + share % (highest - lowest + 1), START + timedelta(days=days)
        rows.append((f"s{number}", "files", record, order, kind, score, instant, instant))
        values = [("all", "all", "all", "all"), ("channel", "all", "all", "web" if order == "o0" else "unknown")]
        values += [
            ("stage", model, stage_at(model, record, order, instant), "all") for model in ("of_people", "of_companies")
        ]
        for value in values:
            for month in (None, instant.date().replace(day=1)):
                expected.setdefault((*value, month, kind), []).append(score)
    database.execute("delete from intermediate.int_surveys__unioned")
    if rows:
        database.executemany("insert into intermediate.int_surveys__unioned values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    for name in ("core.fct_survey_answers", "marts.satisfaction"):
        database.execute(f"create or replace table {name} as {queries[name.split('.')[1]]}")

    found = database.execute(
        "select breakdown, lifecycle_model, stage, channel, month, survey_type, answer_count, mean_score, "
        "top_box_count, nps, nps_lower, nps_upper, is_small from marts.satisfaction"
    ).fetchall()
    assert {tuple(row[:6]) for row in found} == expected.keys() and len(found) == len(expected)
    for *key, count, mean, top_box, nps, lower, upper, is_small in found:
        scores, kind = expected[tuple(key)], key[-1]
        assert (count, is_small) == (len(scores), len(scores) < 30)
        assert math.isclose(mean, statistics.fmean(scores))
        assert top_box == sum(score in TOP_BOX[kind] for score in scores)
        if kind != "nps":
            assert (nps, lower, upper) == (None, None, None)
            continue
        worth = [(score >= 9) - (score <= 6) for score in scores]
        spread = 196 * statistics.pstdev(worth) / math.sqrt(len(worth))
        assert math.isclose(nps, 100 * statistics.fmean(worth), abs_tol=1e-9)
        assert math.isclose(lower, max(nps - spread, -100), abs_tol=0.01)
        assert math.isclose(upper, min(nps + spread, 100), abs_tol=0.01)
