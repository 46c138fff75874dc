"""The law of dbt models, read from the manifest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dagster_project.personal import is_personal, tagged

CLOCKS = re.compile(r"\b(now\s*\(|today\s*\(|current_date\b|current_timestamp\b|run_started_at\b)", re.IGNORECASE)
NAMES = {
    "staging": re.compile(r"stg_[a-z_]+__[a-z_]+"),
    # A third part is what a step on the way to an entity does.
    "canonical": re.compile(r"[a-z_]+__[a-z_]+(__[a-z_]+)?"),
    "intermediate": re.compile(r"int_[a-z_]+__[a-z][a-z0-9_]*"),
    "core": re.compile(r"(dim|fct|bridge)_[a-z_]+"),
}


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: dict[str, Any]) -> str:
    return node["fqn"][1]


def faults(models: list[dict[str, Any]], fault: Any) -> dict[str, Any]:
    return {node["name"]: found for node in models if (found := fault(node))}


def test_there_are_models_in_every_layer(models: list[dict[str, Any]]) -> None:
    assert {layer(node) for node in models} >= {"staging", "canonical", "intermediate", "core", "marts", "ops"}


def test_every_model_is_described_down_to_its_grain(models: list[dict[str, Any]]) -> None:
    def has_no_grain(node: dict[str, Any]) -> bool:
        sentences = re.split(r"(?<=[.!?])\s+", " ".join(node["description"].split()))
        return not sentences[-1].startswith("One row per ")

    assert faults(models, has_no_grain) == {}


def test_every_column_that_is_declared_is_described(models: list[dict[str, Any]]) -> None:
    def bare(node: dict[str, Any]) -> list[str]:
        return [name for name, column in node["columns"].items() if not column["description"].strip()]

    assert faults(models, bare) == {}


def test_every_model_that_others_may_read_declares_its_columns(models: list[dict[str, Any]]) -> None:
    """Private steps say in their description what they do; their columns follow from it."""
    assert faults(models, lambda node: node["access"] != "private" and not node["columns"]) == {}


def test_public_models_keep_an_enforced_contract(models: list[dict[str, Any]]) -> None:
    assert faults(models, lambda node: node["access"] == "public" and not node["contract"]["enforced"]) == {}


def test_only_marts_are_public_and_every_mart_is(models: list[dict[str, Any]]) -> None:
    assert faults(models, lambda node: (layer(node) == "marts") != (node["access"] == "public")) == {}


def test_every_model_that_others_may_read_is_tested(models: list[dict[str, Any]], manifest: dict[str, Any]) -> None:
    tested = {test.get("attached_node") for test in manifest["nodes"].values() if test["resource_type"] == "test"}

    assert faults(models, lambda node: node["access"] != "private" and node["unique_id"] not in tested) == {}


@pytest.mark.parametrize(
    ("reader", "allowed"),
    [
        ("staging", {"source"}),
        ("canonical", {"staging", "canonical", "seed"}),
        ("intermediate", {"canonical", "intermediate", "seed"}),
        ("core", {"intermediate", "core", "seed"}),
        # Predictions are made from core and read by marts: they are a layer between the two that Python fills.
        ("marts", {"core", "marts", "predictions", "audiences"}),
        ("audiences", {"core", "marts", "audiences"}),
        # What is told to others follows from what is known, and from addresses, which no mart has.
        ("activation", {"intermediate", "core", "marts"}),
    ],
)
def test_layers_read_only_what_they_may(
    models: list[dict[str, Any]], manifest: dict[str, Any], reader: str, allowed: set[str]
) -> None:
    def kind(unique_id: str) -> str:
        if manifest["sources"].get(unique_id, {}).get("schema") == "predictions":
            return "predictions"
        node = manifest["nodes"].get(unique_id)
        return unique_id.split(".")[0] if node is None or node["resource_type"] != "model" else layer(node)

    def wrong(node: dict[str, Any]) -> list[str]:
        if layer(node) != reader:
            return []
        return [name for name in node["depends_on"]["nodes"] if kind(name) not in allowed]

    assert faults(models, wrong) == {}


def test_only_staging_and_ops_read_what_is_raw(models: list[dict[str, Any]]) -> None:
    def reads_source(node: dict[str, Any]) -> list[str]:
        if layer(node) in ("staging", "ops"):
            return []
        return [name for name in node["depends_on"]["nodes"] if name.startswith("source.lifecycle.raw_")]

    assert faults(models, reads_source) == {}


def test_models_are_named_by_their_layer(models: list[dict[str, Any]]) -> None:
    assert faults(models, lambda n: layer(n) in NAMES and not NAMES[layer(n)].fullmatch(n["name"])) == {}


def test_staging_models_lie_in_the_folder_of_their_system(models: list[dict[str, Any]]) -> None:
    def misplaced(node: dict[str, Any]) -> bool:
        return layer(node) == "staging" and not node["name"].startswith(f"stg_{node['fqn'][2]}__")

    assert faults(models, misplaced) == {}


def test_now_is_as_of_and_nothing_else(root: Path) -> None:
    project = root / "dbt_project"
    # The second notes which run wrote a row, so that a later one knows what it has seen; no figure depends on it.
    readers = {project / "macros" / "as_of.sql", project / "macros" / "lifecycle" / "increments.sql"}
    found = {
        path.relative_to(root): match[0]
        for folder in ("models", "macros", "tests", "seeds")
        for path in (project / folder).rglob("*.sql")
        if path not in readers
        and (match := CLOCKS.search(re.sub(r"\{#.*?#\}|--[^\n]*", "", path.read_text(), flags=re.DOTALL)))
    }
    assert found == {}


def test_one_yaml_spelling(root: Path) -> None:
    assert list((root / "dbt_project").rglob("*.yaml")) == []


def test_every_stage_in_a_mart_has_its_words_and_its_place(models: list[dict[str, Any]]) -> None:
    """Of stages before and after, whose words would crowd the row, `lifecycle_stages` has them. That of a deal is the
    CRM's own.
    """

    def wordless(node: dict[str, Any]) -> list[str]:
        if layer(node) != "marts":
            return []
        stages = [name for name in node["columns"] if re.fullmatch(r"([a-z]+_)?stage(_left)?", name)]
        words = [f"{stage}_{word}" for stage in stages for word in ("label_en", "label_fr", "order")]
        return [
            word
            for word in words
            if word not in node["columns"] and not word.startswith(("previous_", "next_", "deal_"))
        ]

    assert faults(models, wordless) == {}


def test_bands_and_buckets_of_marts_sort(models: list[dict[str, Any]]) -> None:
    def unsorted(node: dict[str, Any]) -> list[str]:
        names = [name for name in node["columns"] if layer(node) == "marts" and name.endswith(("_band", "_bucket"))]
        return [name for name in names if f"{name}_order" not in node["columns"]]

    assert faults(models, unsorted) == {}


# A rate of people rests on a count of them, so that its interval stands beside it. Not these.
RATES_OF_OTHER_THINGS = {
    "account_coverage.own_coverage_rate": "of roles",
    "account_coverage.group_coverage_rate": "of roles",
    "account_review.coverage_rate": "of roles",
    "acquisition_payback.known_cost_rate": "of money",
    "customer_value.known_cost_rate": "of money",
    "deal_pipeline_by_month.decided_rate": "how far the deals of a month are known",
    "ltv_cohorts.known_cost_rate": "of money",
    "revenue_by_month.known_cost_rate": "of money",
    "revenue_concentration.top_rate": "what was asked for",
    "revenue_concentration.top_revenue_rate": "of money",
    "revenue_retention.gross_revenue_retention_rate": "of money",
    "revenue_retention.gross_mrr_churn_rate": "of money",
    "prediction_backtest.event_rate": "an outcome that scores are judged by",
}


def test_every_rate_of_people_has_its_interval(models: list[dict[str, Any]]) -> None:
    columns = {f"{node['name']}.{name}" for node in models if layer(node) == "marts" for name in node["columns"]}
    rates = {name for name in columns if name.endswith(("_rate", "_rate_in_window"))}

    assert RATES_OF_OTHER_THINGS.keys() <= columns
    assert {
        name for name in rates - RATES_OF_OTHER_THINGS.keys() if not {f"{name}_lower", f"{name}_upper"} <= columns
    } == set()


def test_columns_are_tagged_as_personal_by_their_kind_and_no_others(models: list[dict[str, Any]]) -> None:
    """So what a column is called decides, in one place, what is masked and what is published."""

    def wrong(node: dict[str, Any]) -> list[str]:
        return sorted({name for name in node["columns"] if is_personal(name)} ^ {*tagged(node)})

    assert faults(models, wrong) == {}
    assert any(tagged(node) for node in models)


def test_one_mart_has_all_personal_data(models: list[dict[str, Any]]) -> None:
    assert {node["name"] for node in models if layer(node) == "marts" and tagged(node)} == {"personal_details"}


# Columns of a mart's key that hold the same facts again in each of their values, and the column to filter by.
REPEATING = {
    "age_months": "age_months",
    "attribution_model": "attribution_model",
    "attribution_window": "attribution_window",
    "authority_model": "authority_model",
    "breakdown": "breakdown",
    "claimed_event": "claimed_event",
    "cohort_period": "cohort_period",
    "conversion_kind": "conversion_kind",
    "curve": "curve",
    "derived_model": "derived_model",
    "evaluated_as_of": "is_latest",
    "from_day": "from_day",
    "horizon_days": "horizon_days",
    "lifecycle_model": "lifecycle_model",
    "metric": "metric",
    "period": "period",
    "proposed_model": "proposed_model",
    "retention_kind": "retention_kind",
    "step_number": "stage",
    "survey_type": "survey_type",
    "target": "target",
    "top_rate": "top_rate",
    "view": "view",
    "window_days": "window_days",
}


def test_a_mart_that_holds_facts_more_than_once_says_what_to_filter_by(
    models: list[dict[str, Any]], manifest: dict[str, Any]
) -> None:
    """In one sentence of the comment that a BI tool shows beside the table."""
    keys = {
        test["attached_node"]: set(test["test_metadata"]["kwargs"]["columns"])
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and (test.get("test_metadata") or {}).get("name") == "unique_combination"
    }

    def unsaid(node: dict[str, Any]) -> list[str]:
        if layer(node) != "marts":
            return []
        # A key of one column does not show what it is made of.
        key = keys.get(node["unique_id"]) or (node["columns"] if "breakdown" in node["columns"] else set())
        sentences = re.split(r"(?<=[.!?])\s+", " ".join(node["description"].split()))
        named = {name for said in sentences if said.startswith("Filter by ") for name in re.findall(r"`(\w+)`", said)}
        return sorted({REPEATING[name] for name in key if name in REPEATING} - named)

    assert faults(models, unsaid) == {}
    assert sum("Filter by " in node["description"] for node in models if layer(node) == "marts") > 25
