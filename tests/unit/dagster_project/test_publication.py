"""What is published is what the settings say: who reads it, and whether people are named in it."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import Failure, ResourceDefinition, build_asset_context

from dagster_project import news
from dagster_project.defs.serving import publication


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = {"email": {"config": {"meta": {"personal": True}}}, "person_id": {"config": {"meta": {}}}}

    def model(schema: str, name: str, columns: dict[str, Any]) -> dict[str, Any]:
        return {"resource_type": "model", "schema": schema, "name": name, "columns": columns}

    there = [
        model("marts", "details", tagged),
        model("marts", "value", {"person_id": {}}),
        model("core", "dim", tagged),
    ]
    disabled = {"model.of_before": [model("marts", "of_before", {})]}  # as dbt keeps them
    manifest = {"nodes": {node["name"]: node for node in there}, "disabled": disabled}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(publication, "dbt_manifest", lambda: tmp_path / "manifest.json")


@pytest.mark.parametrize(("setting", "marts"), [("", ["value"]), ("false", ["value"]), ("true", ["details", "value"])])
def test_marts_that_name_people_are_published_only_where_a_setting_says_so(
    manifest: None, monkeypatch: pytest.MonkeyPatch, setting: str, marts: list[str]
) -> None:
    monkeypatch.setenv("LIFECYCLE_PUBLISH_PERSONAL", setting)

    assert publication.marts() == marts


@pytest.mark.parametrize(("readers", "may_pass"), [("", True), ("nobody", False)])
def test_where_postgresql_takes_nothing_the_step_fails_with_its_reason_and_without_the_password(
    data_dir: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, readers: str, may_pass: bool
) -> None:
    """What may pass is tried again, by Dagster."""
    with duckdb.connect(str(data_dir / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.one as select 1 as id")
    url = "postgresql://me:it-is-secret@127.0.0.1:9/nowhere" if may_pass else f"{postgres}&password=it-is-secret"
    monkeypatch.setenv("SERVING_POSTGRES_URL", url)
    monkeypatch.setenv("SERVING_POSTGRES_READERS", readers)
    for name, value in (("_marts", []), ("marts", ["one"]), ("descriptions", {})):
        monkeypatch.setattr(publication, name, lambda *_, value=value: value)
    monkeypatch.setattr(news, "sources", list)
    (asset,) = publication.defs().assets or ()

    resources = {"refresh": ResourceDefinition.none_resource()}
    with build_asset_context(resources=resources) as context, pytest.raises(Failure) as raised:
        asset(context)

    assert raised.value.allow_retries == may_pass
    said = "PostgreSQL cannot be reached" if may_pass else "the server has no role nobody"
    assert said in (raised.value.description or "") and "it-is-secret" not in told(raised.value)
    assert [*(data_dir / "serving" / "versions").iterdir()] == []


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
