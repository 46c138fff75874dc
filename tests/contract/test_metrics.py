"""The law of metrics, read from dbt's manifest. What they give is tested on published data (`tests/integration`)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dagster_project.personal import tagged

UNIT = re.compile(r"Unit: [a-z][a-z0-9 .-]+\.")


@pytest.fixture(scope="module")
def metrics(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in manifest["metrics"].values()}


@pytest.fixture(scope="module")
def inputs(manifest: dict[str, Any]) -> set[str]:
    """Metrics that are there for others to be made of."""
    measures = [measure for model in manifest["semantic_models"].values() for measure in model["measures"]]
    return {measure["name"] for measure in measures if measure["config"]["meta"].get("is_input")}


def test_there_are_metrics_for_every_question(metrics: dict[str, dict[str, Any]], inputs: set[str]) -> None:
    asked = {metric["path"] for metric in metrics.values() if metric["name"] not in inputs}

    assert asked >= {
        f"metrics/{question}.yml"
        for question in ("acquisition", "audiences", "churn", "lifecycle", "responses", "satisfaction", "value")
    }
    assert len(metrics.keys() - inputs) >= 40


def test_every_metric_has_a_label_and_says_its_unit_last(metrics: dict[str, dict[str, Any]]) -> None:
    def fault(metric: dict[str, Any]) -> bool:
        text = " ".join(metric["description"].split())
        return not (metric["label"] != metric["name"] and UNIT.fullmatch(text[max(text.rfind("Unit:"), 0) :]))

    assert [name for name, metric in metrics.items() if fault(metric)] == []


def test_an_input_is_one_of_some_metric(metrics: dict[str, dict[str, Any]], inputs: set[str]) -> None:
    used = {unique_id.rpartition(".")[2] for metric in metrics.values() for unique_id in metric["depends_on"]["nodes"]}

    assert inputs - used == set()
    assert {name for name in metrics if name.startswith(("longest_", "largest_", "overall_"))} <= inputs


def test_metrics_are_of_marts_alone_and_of_nothing_personal(manifest: dict[str, Any]) -> None:
    models = [manifest["nodes"][each["depends_on"]["nodes"][0]] for each in manifest["semantic_models"].values()]

    assert {model["schema"] for model in models} == {"marts"}
    assert [model["name"] for model in models if tagged(model)] == []
    assert [
        each["name"] for each in manifest["semantic_models"].values() if each["name"] != each["node_relation"]["alias"]
    ] == []
