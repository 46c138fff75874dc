"""The Ossie document of a small database: which expression a metric has, and what is left out or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from dagster_project.ossie import OssieError, document

PLACE = "models/metrics/value.yml"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("""
            create schema marts;
            create table marts.publication (keys varchar);
            insert into marts.publication values ('{"sales": ["sale_id"]}');
            create table marts.sales (sale_id varchar, kind varchar, amount decimal(18, 4), is_paid boolean);
            insert into marts.sales values ('a', 'kind', 4, true), ('b', 'amount', 2, true), ('c', 'kind', 1, false);
            comment on table marts.sales is 'What was sold. One row per sale.';
        """)
        yield connection


def measure(name: str, agg: str, expr: str | None, **more: Any) -> dict[str, Any]:
    return {"name": name, "agg": agg, "expr": expr, "non_additive_dimension": None, "config": {"meta": {}}, **more}


def metric(name: str, kind: str = "simple", **parameters: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.title(),
        "description": f"{name}. Unit: euros.",
        "type": kind,
        "filter": None,
        "type_params": parameters or {"measure": {"name": name}},
        "config": {"meta": {}},
        "original_file_path": PLACE,
    }


def one(name: str) -> dict[str, Any]:
    return {"name": name, "filter": None, "alias": None, "offset_window": None, "offset_to_grain": None}


def manifest(measures: list[dict[str, Any]], metrics: list[dict[str, Any]], table: str = "sales") -> dict[str, Any]:
    model = {
        "name": table,
        "node_relation": {"alias": table},
        "entities": [{"name": "sale", "type": "primary", "expr": "sale_id"}],
        "measures": measures,
        "original_file_path": PLACE,
    }
    return {"semantic_models": {"m": model}, "metrics": {each["name"]: each for each in metrics}}


def expressions(connection: duckdb.DuckDBPyConnection, of: dict[str, Any]) -> dict[str, str]:
    (model,) = document(connection, of)["semantic_model"]
    return {each["name"]: each["expression"]["dialects"][0]["expression"] for each in model["metrics"]}


def test_ratios_and_derived_metrics_are_put_in_whole_and_texts_stay(connection: duckdb.DuckDBPyConnection) -> None:
    found = expressions(
        connection,
        manifest(
            [
                measure("amount", "sum", None),
                measure("of_amounts", "sum", "case when kind = 'amount' then amount end"),
                measure("paid", "sum_boolean", "is_paid"),
            ],
            [
                metric("amount"),
                metric("of_amounts"),
                metric("paid"),
                metric("mean", "ratio", numerator=one("amount"), denominator=one("paid")),
                metric("rest", "derived", expr="amount - of_amounts * 1.0", metrics=[one("amount"), one("of_amounts")]),
                metric("rest_of_mean", "derived", expr="mean - rest", metrics=[one("mean"), one("rest")]),
            ],
        ),
    )

    values = connection.execute(f"select {', '.join(found.values())} from marts.sales").fetchall()[0]
    assert {name: float(value) for name, value in zip(found, values, strict=True)} == {
        "amount": 7,
        "of_amounts": 2,
        "paid": 2,
        "mean": 3.5,
        "rest": 5,
        "rest_of_mean": -1.5,
    }


def test_what_is_not_published_is_in_no_part(connection: duckdb.DuckDBPyConnection) -> None:
    of_secrets = manifest(
        [measure("secrets", "count", "secret_id")],
        [metric("secrets"), metric("twice", "derived", expr="secrets * 2", metrics=[one("secrets")])],
        table="secrets",
    )

    assert "secret" not in str(document(connection, of_secrets))


@pytest.mark.parametrize(
    "measures, defined, said",
    [
        ([measure("a", "percentile", "amount")], metric("a"), "the measure a"),
        ([measure("a", "sum", "amount", non_additive_dimension={"name": "day"})], metric("a"), "the measure a"),
        ([measure("a", "sum", "amount")], {**metric("a"), "filter": {"where_filters": []}}, "the filter of a"),
        ([measure("a", "sum", "amount")], metric("b", "cumulative", measure=one("a")), "the type cumulative of b"),
        (
            [measure("a", "sum", "amount")],
            metric("b", "derived", expr="a - before", metrics=[{**one("a"), "alias": "before"}]),
            "an input of b",
        ),
    ],
)
def test_what_has_no_expression_is_refused_with_its_place(
    connection: duckdb.DuckDBPyConnection, measures: list[dict[str, Any]], defined: dict[str, Any], said: str
) -> None:
    with pytest.raises(OssieError, match=f"{PLACE}: {said}"):
        document(connection, manifest(measures, [defined]))
