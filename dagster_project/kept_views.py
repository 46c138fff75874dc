"""Views of the last build that are as this one would make them. Nothing is gained by making them again.

Belongs here: how it is known that a view is still the same. Does not: building (`dbt_runner`).

A view follows from the project's files and the columns of the raw tables that it reads. After a build the hash of these
is kept, together with the text of every view in the file: if somebody changes a view by hand, all are made again. Spark
tells the text of one view at a time: of it, names are kept, and a missing view is noticed, not a changed one. What
follows from anything else as well, such as a setting, now, or a table that others write, is made each time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from dagster_project import spark_tables
from dagster_project.content import content
from dagster_project.steps import engine
from ingestion import config

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

MADE_BY = {"duckdb": ("dbt-core", "dbt-duckdb", "duckdb"), "spark": ("dbt-core", "dbt-spark", "pyspark")}
# In the text of a model or macro: what it comes to is not known from the project's files.
OF_THE_RUN = ("env_var(", "run_started_at", "invocation_id", "modules.", "run_query(", "adapter.get_")
RAW = "raw_"
VIEWS = "select schema_name, view_name, sql from duckdb_views() where not internal union all"
RAW_COLUMNS = f"""
select schema_name, table_name || '.' || column_name, data_type
from duckdb_columns()
where starts_with(schema_name, '{RAW}')
order by all
"""


def unchanged(views: Sequence[str], manifest: Manifest, project: Path, target: Path) -> list[str]:
    """Those of some views that the build file has as the project makes them today.

    Args:
        views: their ids.
        manifest: the parsed project.
        project: its folder.
        target: folder that `note` wrote to.
    """
    place = _place(target)
    if not place.exists() or place.read_text() != _made_of(project, manifest):
        place.unlink(missing_ok=True)  # it holds again once all of them are built
        return []
    return [view for view in views if _follows_from_files(manifest.nodes[view], manifest)]


def note(manifest: Manifest, project: Path, target: Path) -> None:
    """Keep what the views were made of, after all of them were built."""
    draft = _place(target).with_suffix(".new")
    draft.write_text(_made_of(project, manifest))
    os.replace(draft, _place(target))


def _made_of(project: Path, manifest: Manifest) -> str:
    is_on_spark = engine() == "spark"
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        found = connection.execute(RAW_COLUMNS if is_on_spark else f"{VIEWS} {RAW_COLUMNS}").fetchall()
    if is_on_spark:
        found += spark_tables.views(manifest)
    parts = [content(project), [version(name) for name in MADE_BY[engine()]], found]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _follows_from_files(node: Any, manifest: Manifest) -> bool:
    """Whether files and raw tables alone make a view, with the macros and ephemeral models that it consists of."""
    seen: set[str] = set()
    to_read: list[Any] = [node]
    while to_read:
        each = to_read.pop()
        if each.unique_id in seen:
            continue
        seen.add(each.unique_id)
        text = each.macro_sql if each.resource_type == "macro" else each.raw_code
        sources = [manifest.sources[name] for name in getattr(each, "depends_on_nodes", ()) if name in manifest.sources]
        if any(word in text for word in OF_THE_RUN) or any(not one.schema.startswith(RAW) for one in sources):
            return False
        to_read += [manifest.macros[name] for name in each.depends_on.macros]
        parents: list[Any] = [manifest.nodes.get(name) for name in getattr(each, "depends_on_nodes", ())]
        to_read += [parent for parent in parents if parent and parent.config.materialized == "ephemeral"]
    return True


def _place(target: Path) -> Path:
    return target / "views_made_of.sha256"
