"""Every column that a mapping can fill is read by a model past staging: what is documented and read by none is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from ingestion.sources.files.canonical import ENTITIES, columns
from tests.unit.dbt_project.compiling import compiled_models, dbt_environment, parsed

# Kept for a person who looks a record up in staging; no figure depends on them.
LOOKED_UP_ONLY = {("surveys", "comment")}


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with dbt_environment(tmp_path_factory.mktemp("columns")):
        return compiled_models(*(f"stg_files__{entity}" for entity in ENTITIES))


def outputs(sql: str) -> dict[str, set[str]]:
    """The raw columns in each column that a staging model gives."""
    *_, last_step = sqlglot.parse_one(sql, dialect="duckdb").ctes
    return {
        step.alias_or_name: {column.name for column in step.find_all(exp.Column)} for step in last_step.this.expressions
    }


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_column_of_an_entity_is_read(entity: str, staging: dict[str, str]) -> None:
    name = f"stg_files__{entity}"
    given = outputs(staging[name])
    readers = [
        Path("dbt_project", node.original_file_path).read_text()
        for node in parsed().nodes.values()
        if node.resource_type == "model" and f"model.lifecycle.{name}" in node.depends_on.nodes
    ]
    unread = [
        column.name
        for column in columns(ENTITIES[entity])
        if (entity, column.name) not in LOOKED_UP_ONLY
        and not any(
            re.search(rf"\b{output}\b", reader)
            for output, sources in given.items()
            if column.name in sources
            for reader in readers
        )
    ]

    assert unread == []
