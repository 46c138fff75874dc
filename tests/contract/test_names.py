"""One name travels the whole way: dlt resource = raw table = dbt source table = last part of the Dagster asset key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetsDefinition, Definitions, FreshnessPolicy
from dagster._core.definitions.dependency import NodeHandle

from dagster_project.alerts import AlertSettings
from dagster_project.prediction_tables import SCHEMA, TABLES
from ingestion import pipelines
from ingestion.config import dataset_name
from ingestion.sources import SOURCE_NAMES

# A model of each of the two builds.
SIDES = (AssetKey(["core", "fct_purchase_days"]), AssetKey(["marts", "customer_churn"]))


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> Iterator[Definitions]:
    data = tmp_path_factory.mktemp("definitions")
    shutil.copytree(parsed_project, data / "dbt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_DATA_DIR", str(data))
        from dagster_project.definitions import defs

        yield defs()


def raw_tables() -> set[tuple[str, str]]:
    return {(dataset_name(source), table.name) for source in SOURCE_NAMES for table in pipelines.tables(source)}


def prediction_tables() -> set[tuple[str, str]]:
    return {(SCHEMA, table) for table in TABLES}


def read_again() -> set[tuple[str, str]]:
    return {("read_again", source) for source in SOURCE_NAMES if pipelines.by_day(source)}


def asset_keys(definitions: Definitions) -> set[AssetKey]:
    return {key for assets in definitions.assets or [] if isinstance(assets, AssetsDefinition) for key in assets.keys}


def test_every_dlt_resource_has_the_name_of_its_raw_table() -> None:
    for source in SOURCE_NAMES:
        declared = {table.name: table.name for table in pipelines.tables(source)}
        built = {name: str(resource.table_name) for name, resource in pipelines.build_source(source).resources.items()}
        assert built == declared


def test_every_raw_table_is_a_dbt_source_table_and_the_reverse(manifest: dict[str, Any]) -> None:
    sources = {(source["source_name"], source["name"]) for source in manifest["sources"].values()}

    assert sources - prediction_tables() == raw_tables()


def test_every_prediction_table_is_a_dbt_source_table_an_asset_and_the_reverse(
    definitions: Definitions, manifest: dict[str, Any]
) -> None:
    sources = {(source["schema"], source["name"]) for source in manifest["sources"].values()}
    keys = {tuple(key.path) for key in asset_keys(definitions)}

    assert {name for name in sources if name[0] == "predictions"} == prediction_tables()
    assert {key for key in keys if key[0] == "predictions"} == prediction_tables()


def test_every_dbt_test_is_seen_as_a_check(definitions: Definitions, manifest: dict[str, Any]) -> None:
    """Also those that read several models, which have to say of which one they are shown as a check."""
    tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    checks = {key.name for key in definitions.get_repository_def().asset_graph.asset_check_keys}

    assert tests - checks == set()


def test_every_model_has_an_owner(definitions: Definitions, manifest: dict[str, Any]) -> None:
    nodes = definitions.get_repository_def().asset_graph
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    shown = [node for node in models if node["config"]["materialized"] != "ephemeral"]

    assert {tuple(nodes.get(AssetKey([node["schema"], node["name"]])).owners) for node in shown} == {
        ("team:warehouse",),
        ("team:reports",),
    }


def test_every_dbt_source_reads_the_table_of_its_name(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        assert (source["schema"], source["identifier"]) == (source["source_name"], source["name"])


def test_every_raw_table_is_an_asset_of_its_name_and_the_reverse(definitions: Definitions) -> None:
    raw = {tuple(key.path) for key in asset_keys(definitions) if key.path[0].startswith("raw_")}

    assert raw == raw_tables()


def test_every_model_is_an_asset_of_its_schema_and_name(definitions: Definitions, manifest: dict[str, Any]) -> None:
    models = {
        (node["schema"], node["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "ephemeral"
    }
    keys = {tuple(key.path) for key in asset_keys(definitions)} - raw_tables() - read_again()

    assert keys == models | prediction_tables() | {("serving", "lifecycle")}


def test_asset_keys_are_those_reviewed(definitions: Definitions, snapshot: Any) -> None:
    """A renamed asset shows in review: `pytest tests/contract --snapshot-update` accepts it."""
    assert sorted("/".join(key.path) for key in asset_keys(definitions)) == snapshot


def test_the_job_covers_every_asset_and_check_but_for_days_that_are_read_again(definitions: Definitions) -> None:
    job, graph = definitions.resolve_job_def("nightly_refresh"), definitions.get_repository_def().asset_graph
    on_request = {AssetKey(list(name)) for name in read_again()}

    selected = {
        key
        for node in job.graph.nodes
        for key in job.asset_layer.get_selected_entity_keys_for_node(NodeHandle(node.name, None))
    }

    assert on_request
    assert selected == (asset_keys(definitions) | graph.asset_check_keys) - on_request


def test_the_two_builds_hold_every_model_once_and_predictions_lie_between_them(
    definitions: Definitions, manifest: dict[str, Any]
) -> None:
    """A model on the wrong side would read predictions of the night before."""
    from dagster_project.steps import BUILD_STEPS

    sides = {step: definitions.get_assets_def(key) for step, key in zip(BUILD_STEPS, SIDES, strict=True)}
    before, after = (sides[step].keys for step in BUILD_STEPS)
    predicted = {AssetKey(list(name)) for name in prediction_tables()}

    assert [sides[step].op.name for step in BUILD_STEPS] == list(BUILD_STEPS)
    assert not before & after
    assert len(before | after) == sum(
        node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "ephemeral"
        for node in manifest["nodes"].values()
    )
    read_before = set().union(*(sides[BUILD_STEPS[0]].asset_deps[key] for key in before))
    assert not read_before & (predicted | after)


def test_every_suite_judges_a_table_that_exists(manifest: dict[str, Any]) -> None:
    from expectations.suites import mart_suites, raw_suites

    marts = {node["name"] for node in manifest["nodes"].values() if node.get("schema") == "marts"}
    assert {(suite.schema, suite.table) for suite in raw_suites(SOURCE_NAMES)} <= raw_tables()
    assert {suite.table for suite in mart_suites()} <= marts


def test_every_mart_has_a_suite(manifest: dict[str, Any]) -> None:
    from expectations.suites import mart_suites

    marts = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    }
    assert {suite.table for suite in mart_suites()} == marts


@pytest.mark.parametrize(
    ("table", "reads"),
    [("load_audit", ["load_audit"]), ("rejected_records", ["rejected_records", "rejection_states"])],
)
def test_what_ops_unites_comes_from_every_source(manifest: dict[str, Any], table: str, reads: list[str]) -> None:
    """A source that is missing there would be rejected and counted in silence: `sources` in dbt_project.yml."""
    model = manifest["nodes"][f"model.lifecycle.{table}"]

    assert model["depends_on"]["nodes"] == [
        f"source.lifecycle.raw_{source}.{name}" for source in SOURCE_NAMES for name in reads
    ]


def test_the_publication_alone_is_late_by_itself(definitions: Definitions) -> None:
    """A raw table is made each night, with or without news of its source: whether that is late, the sensor says."""
    graph = definitions.get_repository_def().asset_graph
    policies = {key: graph.get(key).freshness_policy for key in asset_keys(definitions)}
    with_policy = {key: policy for key, policy in policies.items() if policy is not None}

    assert with_policy == {
        AssetKey(["serving", "lifecycle"]): FreshnessPolicy.time_window(
            timedelta(hours=AlertSettings().late_after_hours)
        )
    }
