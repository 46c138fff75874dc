"""Whether a run has anything new to build. What the current publication was made of already would only give it again.

Belongs here: what a publication was made of, and the note of it. Does not: what is done where there is nothing new (the
steps in `defs/`).

What counts is the content of the raw tables, now, the settings, what is known of each source, and every file of the
project that rows are made by. In doubt there is news.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from dagster_project import environment
from dagster_project.content import content
from dagster_project.steps import JOB
from ingestion import config
from ingestion.config import PROJECT_ROOT
from ingestion.freshness import freshness
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import LOAD_AUDIT
from serving.postgres import PostgresError
from serving.publish import Source, UnreadableVersionError, current_publication

if TYPE_CHECKING:
    from dagster import DagsterRun

MADE_BY = (
    "cluster",
    "dagster_project",
    "dbt_project",
    "expectations",
    "ingestion",
    "predictions",
    "requirements",
    "serving",
)
# What each load writes, whether or not anything arrived.
OF_EACH_LOAD = (LOAD_AUDIT.name, "_dlt_loads", "_dlt_pipeline_state", "_dlt_version")
# A row that is inserted or retired changes at least one of them.
OF_ROWS = {
    "_dlt_load_id": "max(_dlt_load_id)",
    "_dlt_valid_from": "max(_dlt_valid_from)",
    "_dlt_valid_to": "count(_dlt_valid_to) || ' ' || coalesce(max(_dlt_valid_to)::varchar, '')",
}


def unchanged_version(run: DagsterRun) -> str | None:
    """As `version_of_the_same` in a run of the whole job; whoever selects steps wants them done."""
    return _version_for(run.run_id) if run.job_name == JOB and run.asset_selection is None else None


@cache
def _version_for(run_id: str) -> str | None:
    """Asked once a run, after the loads."""
    return version_of_the_same()


def unchanged(version: str) -> dict[str, Any]:
    """What a run says that has nothing to build: which version stays, and which sources it lacks news of."""
    return {"version": version, "stale_sources": [str(source) for source in sources() if source.is_stale]}


def sources() -> list[Source]:
    """What is known of each enabled account."""
    return [
        Source(str(known.account), known.loaded_at, known.loaded_as_of, known.reason)
        for known in freshness(config.enabled_accounts())
    ]


def version_of_the_same() -> str | None:
    """The version that is published, where it was made of what there is now; None: there is something to build."""
    noted = _noted()
    try:
        published = current_publication(environment.serving_dir())
        postgres = environment.postgres()
        if published is None or noted.get("owed") or noted.get("version") != published.version:
            return None
        if postgres and (noted.get("postgres") != _target() or postgres.version() != published.version):
            return None
    except (UnreadableVersionError, PostgresError):  # the publication of this run mends it, or says what it lacks
        return None
    return published.version if noted.get("made_of") == made_of() else None


def note(version: str) -> None:
    """Keep what a version that has just been published was made of, and where it was published beside the file."""
    owed = max(0, _owed() - 1)
    _write({"version": version, "postgres": _target(), "made_of": made_of(), "owed": owed})


def owe(publications: int) -> None:
    """Have at least so many publications made, whether or not anything is new.

    One, before models are built: a build that ends half-way leaves tables of another state than the published one. More
    after what is kept of them was changed by hand.
    """
    _write({"owed": max(publications, _owed())})


def _owed() -> int:
    return int(_noted().get("owed", 0))


def _write(noted: Mapping[str, Any]) -> None:
    draft = _place().with_suffix(".new")
    draft.write_text(json.dumps(noted))
    os.replace(draft, _place())


def _target() -> str | None:
    postgres = environment.postgres()
    return f"{postgres.schema} for {', '.join(postgres.readers)}" if postgres else None


def made_of() -> str:
    """Hash of all that the marts follow from."""
    digest = hashlib.sha256()
    for part in (
        _raw_tables(),
        [(source.name, source.reason) for source in sources()],
        _settings(),
        config.as_of().isoformat(),
    ):
        digest.update(json.dumps(part, default=str).encode())
    for folder in MADE_BY:
        digest.update(content(PROJECT_ROOT / folder).encode())
    return digest.hexdigest()


def _raw_tables() -> list[tuple[str, ...]]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns: dict[tuple[str, str], set[str]] = {}
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where schema_name in "
            f"({', '.join('?' * len(SOURCE_NAMES))})",
            [config.dataset_name(source) for source in SOURCE_NAMES],
        ).fetchall():
            columns.setdefault((schema, table), set()).add(column)
        counted = [
            f"select '{schema}' as schema_name, '{table}' as table_name, count(*) || ' ' || "
            + " || ' ' || ".join(
                [f"coalesce(({told})::varchar, '')" for column, told in OF_ROWS.items() if column in known] or ["''"]
            )
            + f' as told from "{schema}"."{table}"'
            for (schema, table), known in columns.items()
            if table not in OF_EACH_LOAD
        ]
        return connection.execute(f"{' union all '.join(counted)} order by all").fetchall() if counted else []


def _settings() -> dict[str, object]:
    return {"is_sandbox": environment.is_sandbox(), **environment.settings().model_dump()}


def _noted() -> dict[str, Any]:
    try:
        return dict(json.loads(_place().read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _place() -> Path:
    return config.data_dir() / "published_from.json"
