"""Every raw table says how a sample takes its rows (`dagster_project/sampling.py`)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from dagster_project.sampling import key_of, stated_of
from ingestion.personal import Record
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import RawTable

WAYS = {"belongs_to", "account_id", "is_taken_whole"}


def tables(system: str) -> dict[str, RawTable]:
    return {table.name: table for table in import_module(f"ingestion.sources.{system}").TABLES}


@pytest.mark.parametrize("system", SOURCE_NAMES)
def test_every_table_is_of_persons_or_says_what_its_rows_belong_to(root: Path, system: str) -> None:
    stated = stated_of(root / "dbt_project/models/staging" / system)
    for name, table in tables(system).items():
        names_persons = any(isinstance(kind, Record) and not kind.separator for kind in table.row.personal.values())
        assert names_persons or WAYS & stated[name].keys(), f"{system}.{name}: add belongs_to or is_taken_whole"


@pytest.mark.parametrize("system", SOURCE_NAMES)
def test_what_rows_belong_to_is_there(root: Path, system: str) -> None:
    declared = tables(system)
    for name, meta in stated_of(root / "dbt_project/models/staging" / system).items():
        for column, parent in meta.get("belongs_to", {}).items():
            assert column in declared[name].row.model_fields, f"{system}.{name}.{column}"
            assert key_of(declared[parent]) in declared[parent].row.model_fields
        if "account_id" in meta:
            assert meta["account_id"] in declared[name].row.model_fields
