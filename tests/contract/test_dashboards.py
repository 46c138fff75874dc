"""Superset's charts and dashboards against the marts: what they name exists, and lineage names them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlglot import exp, parse_one

from dagster_project.personal import is_personal
from dashboards import assets
from serving.publish import OF_THE_PUBLICATION

CHARTS, DASHBOARDS, DATASETS = assets.charts(), assets.dashboards(), assets.datasets()
PLACE = assets.Place("duckdb:////data/serving/lifecycle.duckdb", "marts", {})


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    description: str | None


@dataclass(frozen=True)
class Mart:
    name: str
    description: str | None
    columns: tuple[Column, ...]


@pytest.fixture(scope="module")
def marts(manifest: dict[str, Any]) -> dict[str, Mart]:
    """What a publication holds, as the models declare it."""
    found = {
        name: Mart(name, said.text, tuple(Column(column, "text", text) for column, text in said.columns.items()))
        for name, said in OF_THE_PUBLICATION.items()
    }
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["fqn"][1] == "marts":
            columns = tuple(
                Column(name, column["data_type"], column["description"]) for name, column in node["columns"].items()
            )
            found[node["name"]] = Mart(node["name"], node["description"], columns)
    return found


@pytest.fixture(scope="module")
def files(marts: dict[str, Mart]) -> dict[str, Any]:
    """What Superset would import."""
    return {path: yaml.safe_load(text) for path, text in assets.bundle(marts.values(), PLACE, "EUR").items()}


def columns_in(params: dict[str, Any]) -> Iterator[str]:
    """Every column that a chart names, also in SQL."""
    for key in ("x_axis", "groupby", "all_columns", "granularity_sqla"):
        named = params.get(key) or ()
        yield from [named] if isinstance(named, str) else named
    yield from (json.loads(order)[0] for order in params.get("order_by_cols", ()))
    yield from params.get("column_config", {})
    for each in params["adhoc_filters"]:
        yield from [each["subject"]] if "subject" in each else columns_of(each["sqlExpression"])


def metrics_in(params: dict[str, Any]) -> Iterator[str]:
    yield from params.get("metrics", ())
    for key in ("metric", "timeseries_limit_metric", "series_limit_metric"):
        yield from [params[key]] if key in params else []


def columns_of(expression: str) -> set[str]:
    return {column.name for column in parse_one(expression, dialect="duckdb").find_all(exp.Column)}


def known_in(files: dict[str, Any], mart: str) -> tuple[set[str], set[str]]:
    """Columns and metrics of a dataset."""
    dataset = files[f"datasets/lifecycle/{mart}.yaml"]
    return {each["column_name"] for each in dataset["columns"]}, {each["metric_name"] for each in dataset["metrics"]}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_names_columns_and_metrics_that_there_are(files: dict[str, Any], name: str) -> None:
    columns, metrics = known_in(files, CHARTS[name]["dataset"])
    params = CHARTS[name]["params"]

    assert set(columns_in(params)) - columns == set()
    assert set(metrics_in(params)) - metrics == set()
    assert {params["x_axis_sort"]} <= columns | metrics if "x_axis_sort" in params else True
    assert [*metrics_in(params), *params.get("all_columns", ())], "shows nothing"


@pytest.mark.parametrize("name", DATASETS)
def test_a_metric_is_a_sum_or_share_of_columns_that_there_are(files: dict[str, Any], name: str) -> None:
    columns, metrics = known_in(files, name)
    used = {each for chart in CHARTS.values() if chart["dataset"] == name for each in metrics_in(chart["params"])}

    assert metrics == used
    for metric in DATASETS[name]["metrics"]:
        assert columns_of(metric["expression"]) - columns == set()
        assert ("_reporting" in metric["expression"] and "d3format" in metric) == bool(
            metric.get("is_money") or "revenue_to_spend" in metric["metric_name"]
        ), metric


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_shows_nothing_personal(name: str) -> None:
    assert [column for column in columns_in(CHARTS[name]["params"]) if is_personal(column)] == []


def test_no_personal_mart_is_a_dataset(marts: dict[str, Mart], files: dict[str, Any]) -> None:
    personal = {name for name, mart in marts.items() if any(is_personal(column.name) for column in mart.columns)}

    assert personal == {"personal_details"} == {*assets.NOT_SHOWN}
    assert {path for path in files if path.startswith("datasets/")} == {
        f"datasets/lifecycle/{name}.yaml" for name in marts.keys() - personal
    }


def test_each_chart_is_on_one_dashboard() -> None:
    shown = Counter(name for dashboard in DASHBOARDS.values() for name in assets.charts_of(dashboard))

    assert shown == Counter(CHARTS.keys())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_asks_a_question_and_says_what_it_shows(name: str) -> None:
    chart = CHARTS[name]

    assert chart["slice_name"].endswith("?")
    assert chart["description"].strip().endswith(".")


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_choice_is_one_of_a_column(files: dict[str, Any], name: str) -> None:
    for choice in DASHBOARDS[name]["filters"]:
        if "column" in choice:
            assert choice["column"] in known_in(files, choice["dataset"])[0]
        assert set(choice.get("except", ())) <= {*assets.charts_of(DASHBOARDS[name])}


def test_lineage_names_each_dashboard_with_what_it_reads(manifest: dict[str, Any]) -> None:
    exposures = {each["name"]: each for each in manifest["exposures"].values() if each["type"] == "dashboard"}

    assert exposures.keys() == {f"dashboard_{name}" for name in DASHBOARDS}
    for name, dashboard in DASHBOARDS.items():
        exposure = exposures[f"dashboard_{name}"]
        read = {unique_id.rpartition(".")[2] for unique_id in exposure["depends_on"]["nodes"]}
        assert read == assets.marts_of(dashboard) - OF_THE_PUBLICATION.keys()
        assert exposure["url"].endswith(f"/{name}/")


def test_lineage_names_what_the_report_reads(manifest: dict[str, Any], root: Path) -> None:
    texts = [path.read_text() for pattern in ("*.sql", "*.py") for path in (root / "reports").rglob(pattern)]
    read = {name for text in texts for name in re.findall(r"\b(?:from|join) marts\.([a-z_0-9]+)", text)}

    named = {
        each.rpartition(".")[2] for each in manifest["exposures"]["exposure.lifecycle.report"]["depends_on"]["nodes"]
    }

    assert named == read - OF_THE_PUBLICATION.keys()


def test_what_is_imported_hangs_together(files: dict[str, Any]) -> None:
    ids = {content["uuid"]: path for path, content in files.items() if "uuid" in content}

    assert len(ids) == len(files) - 1, "two files with one id"
    for path, content in files.items():
        for key, folder in (("database_uuid", "databases/"), ("dataset_uuid", "datasets/")):
            assert key not in content or ids[content[key]].startswith(folder), path
        for part in content.get("position", {}).values() if path.startswith("dashboards/") else ():
            if part == "v2" or part["type"] in ("ROOT", "GRID", "HEADER"):
                continue
            if part["type"] == "ROW":
                assert sum(content["position"][child]["meta"]["width"] for child in part["children"]) == 12, path
            if part["type"] == "CHART":
                assert ids[part["meta"]["uuid"]].startswith("charts/")


def test_a_dataset_says_what_the_mart_says(marts: dict[str, Mart], files: dict[str, Any]) -> None:
    dataset = files["datasets/lifecycle/lifecycle_current.yaml"]
    columns = {each["column_name"]: each for each in dataset["columns"]}

    assert dataset["description"] == marts["lifecycle_current"].description
    assert columns["entered_at"]["description"] == "When the current episode began."
    assert columns["stage_in_order"]["expression"].startswith("case when stage_order < 10")


def test_a_mart_that_is_not_published_is_named(marts: dict[str, Mart]) -> None:
    without = [mart for name, mart in marts.items() if name != "lifecycle_daily"]

    with pytest.raises(assets.AssetError, match="^lifecycle_daily: not in what is published"):
        assets.bundle(without, PLACE, "EUR")
