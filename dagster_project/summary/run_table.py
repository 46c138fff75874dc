"""`ops.run_log`: one row per run of the job, in the warehouse, beside what the run loaded and built.

Belongs here: its columns, and writing a row. Does not: what a run did (`run_log`), what is said of it (`text`).

dbt does not know the table: a run that fails before the first model has its row too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.alerts import Outcome
from dagster_project.summary.run_log import Finding, RunLog

TABLE = "ops.run_log"
COLUMNS = {  # type, and what it says
    "run_id": ("varchar primary key", "The run, as its page in Dagster and its summary are called."),
    "is_sandbox": ("boolean", "Whether the data are those of the simulated company."),
    "started_at": ("timestamp", "When the run began (UTC)."),
    "ended_at": ("timestamp", "When it logged something last (UTC)."),
    "as_of": ("timestamp", "The instant that counted as now (UTC)."),
    "sources": ("varchar", "The enabled accounts, comma separated."),
    "outcome": ("varchar", "published; partly: without news of a source; failed: what BI reads is as it was."),
    "reason": ("varchar", "Why nothing was published, or not all; empty where there is nothing to say."),
    "published_version": ("varchar", "The version that it published; null where it published none."),
    "received": ("bigint", "Records that arrived."),
    "loaded": ("bigint", "Records that were loaded."),
    "rejected": ("bigint", "Records that were rejected."),
    "warned_checks": ("bigint", "Checks that warned."),
    "failed_checks": ("bigint", "Checks that failed."),
    "summary": ("varchar", "The whole summary."),
}
DESCRIPTION = "How each run of the job ended. One row per run that was meant to publish."


def write(
    warehouse: Path,
    log: RunLog,
    findings: list[Finding],
    *,
    run_id: str,
    is_sandbox: bool,
    as_of: datetime,
    sources: str,
    outcome: Outcome,
    reason: str,
    summary: str,
) -> None:
    """Write the row of a run, or write it anew.

    Args:
        warehouse: the build file; nothing is written where there is none.
        log: what the run did.
        findings: of all of its checks.
        run_id: the run.
        is_sandbox: whether its data are those of the simulated company.
        as_of: the instant that counted as now.
        sources: the accounts that were enabled, comma separated.
        outcome: how it ended.
        reason: why nothing was published, or not all; empty where there is nothing to say.
        summary: its text.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    if not warehouse.exists():
        return
    totals = [
        sum(count[what] for resources in log.counts.values() if resources for count in resources.values())
        for what in ("received", "loaded", "rejected")
    ]
    checks = [sum(finding.status == status for finding in findings) for status in ("warned", "failed")]
    began, ended = (_naive(at) for at in (log.started_at, log.latest_at))
    version = (log.published or {}).get("version")
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    row = [run_id, is_sandbox, began, ended, now, sources, outcome, reason, version, *totals, *checks, summary]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists ops")
        columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
        connection.execute(f"create table if not exists {TABLE} ({columns})")
        connection.execute(f"comment on table {TABLE} is '{DESCRIPTION}'")
        for name, (_, said) in COLUMNS.items():
            connection.execute(f"comment on column {TABLE}.{name} is '{said}'")
        connection.execute(f"insert or replace into {TABLE} values ({', '.join('?' * len(row))})", row)


def _naive(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
