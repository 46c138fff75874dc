"""What is private to the warehouse stays out of the reach of reports: dbt itself refuses a mart that reads staging."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.dbt_project.compiling import PROJECT, dbt_environment, parse_from


@pytest.mark.parametrize(("model", "is_refused"), [("stg_stripe__charges", True), ("fct_orders", False)])
def test_a_mart_reads_core_and_nothing_before_it(
    tmp_path: Path, parsed_project: Path, model: str, is_refused: bool
) -> None:
    folder = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    planted = folder / "models/marts/value/planted.sql"
    planted.write_text(f"select 1 as one from {{{{ ref('{model}') }}}}\n")
    (planted.with_suffix(".yml")).write_text(
        "models:\n  - name: planted\n    description: One row per planted row.\n"
        "    columns:\n      - {name: one, data_type: int, description: One.}\n"
    )

    with dbt_environment(tmp_path):
        done = parse_from(parsed_project, folder)

    assert done.success is not is_refused, done.exception
    if is_refused:
        assert model in str(done.exception) and "not allowed" in str(done.exception)
