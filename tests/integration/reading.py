"""Connectors that read a running sandbox, each into a warehouse of the test's choice, and what is in it then.

Belongs here: what tests of the connectors share. Does not: the whole job (`refreshing`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.intake import Intake
from ingestion.sources import hubspot, meta_ads, respond_io, stripe
from ingestion.sources.shopify import queries
from sandbox.faults import KINDS
from sandbox.running import Sandbox


class Reader:
    """Runs connectors against a sandbox, with pages so small that every list has several, and without pauses."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        for name in list(os.environ):
            if name.startswith(("SOURCES__", "LIFECYCLE_", "RUNTIME__")):
                patch.delenv(name)
        patch.setenv("DLT_PROJECT_DIR", str(config.PROJECT_ROOT))
        patch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", str(len(KINDS) + 1))
        patch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))
        patch.setattr(meta_ads, "PAGE", 20)
        patch.setattr(hubspot, "SEARCH_PAGE", 20)
        patch.setattr(hubspot, "LIST_PAGE", 2)
        patch.setattr(queries, "PAGE", 20)
        patch.setattr(respond_io, "PAGE", 10)
        patch.setattr(stripe, "PAGE", 20)

    def look_at(self, sandbox: Sandbox, warehouse: str) -> None:
        """Let what is loaded next be of this sandbox at its clock, and go into this warehouse."""
        for name, value in sandbox.environment.items():
            self.patch.setenv(name, value)
        self.patch.setenv("LIFECYCLE_DATA_DIR", str(self.folder / warehouse))

    def run(self, sandbox: Sandbox, source: str, warehouse: str, account: str = "", as_of: str = "") -> Intake:
        self.look_at(sandbox, warehouse)
        if as_of:
            self.patch.setenv("LIFECYCLE_AS_OF", as_of)
        return pipelines.run(source, account)

    def copy(self, warehouse: str, name: str) -> None:
        """Another warehouse that knows what this one knows."""
        shutil.copytree(self.folder / warehouse, self.folder / name)

    def rows(self, source: str, warehouse: str) -> dict[str, list[Any]]:
        """Current rows of every raw table of a source, as text, without dlt's own columns."""
        path = self.folder / warehouse / "warehouse.duckdb"
        found = {}
        with duckdb.connect(str(path), read_only=True) as connection:
            for table in pipelines.tables(source):
                if table.name in ("load_audit", "rejection_states"):
                    continue
                current = "where _dlt_valid_to is null" if table.history == "versions" else ""
                query = f"select columns(c -> not starts_with(c, '_dlt')) from raw_{source}.{table.name} {current}"
                found[table.name] = sorted(str(row) for row in connection.execute(query).fetchall())
        return found
