"""What is published is what the settings say: who reads it, and whether people are named in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagster_project.defs.serving import publication


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = {"email": {"config": {"meta": {"personal": True}}}, "person_id": {"config": {"meta": {}}}}

    def model(schema: str, name: str, columns: dict[str, Any]) -> dict[str, Any]:
        return {"resource_type": "model", "schema": schema, "name": name, "columns": columns}

    nodes = [
        model("marts", "details", tagged),
        model("marts", "value", {"person_id": {}}),
        model("core", "dim", tagged),
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": {node["name"]: node for node in nodes}}))
    monkeypatch.setattr(publication, "dbt_manifest", lambda: tmp_path / "manifest.json")


@pytest.mark.parametrize(("setting", "left_out"), [("", ["details"]), ("false", ["details"]), ("true", [])])
def test_marts_that_name_people_are_published_only_where_a_setting_says_so(
    manifest: None, monkeypatch: pytest.MonkeyPatch, setting: str, left_out: list[str]
) -> None:
    monkeypatch.setenv("LIFECYCLE_PUBLISH_PERSONAL", setting)

    assert publication.left_out() == left_out
