"""What a run reports at its end: a text that every run leaves, whoever started it.

Belongs here: the facts about a run (`run_log`), what dbt found (`dbt_results`), the text (`text`), where it is kept.
Does not: what a person sees while they wait (`dagster_project/refresh/`).

The run writes it itself, while it still holds the lock: afterwards the next run may overwrite the build file and dbt's
results, from which the text is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
from dagster import DagsterInstance
from rich.console import Console

from dagster_project import alerts, environment
from dagster_project.steps import BUILD_STEPS, build_target, dbt_target, parsed_manifest
from dagster_project.summary import dbt_results, run_table, text
from dagster_project.summary.run_log import Finding, RunLog
from ingestion import config
from ingestion.config import SettingsError
from serving.compare import compare
from serving.publish import Publication, damage, latest_readable
from serving.versions import database_of, link_path

WIDTH = 160
TITLES: dict[alerts.Outcome, str] = {
    "published": "published again",
    "partly": "published, but not from all sources",
    "failed": "failed",
}


def path_of(run_id: str) -> Path:
    """The file that holds the summary of a run."""
    return config.data_dir() / "logs" / f"summary-{run_id}.txt"


def leave(
    instance: DagsterInstance,
    run_id: str,
    *,
    before: Publication | None,
    reason: str = "",
    holds_lock: bool = True,
) -> str:
    """Write the summary of a run whose steps have ended, and return its text.

    Args:
        instance: where the run is logged.
        run_id: the run.
        before: what was published when it began.
        reason: why no step began, where that is known and not yet logged.
        holds_lock: whether nobody else can be writing; only then are the build file and dbt's results read.
    """
    run = RunLog()
    for _ in run.read(instance, run_id):
        pass
    run.cause = reason or run.cause
    path = path_of(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        console = Console(file=file, width=WIDTH, color_system=None)
        text.print_title(console, run_id)
        findings: list[Finding] = []
        try:
            nodes = _parsed_nodes()
            findings = [*run.findings, *(_found_by_dbt(run, nodes) if holds_lock else ())]
            _print(console, run, findings, nodes, before, holds_lock)
        except Exception as error:
            # Never a reason to fail a run that has done its work, and never silent.
            console.print(f"The summary ends here: {type(error).__name__}: {error}", markup=False, soft_wrap=True)
        file.flush()
        for sentence in _pass_on(run, run_id, findings, draft.read_text(), before, holds_lock):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    draft.replace(path)
    _forget_the_oldest(path.parent)
    return path.read_text()


def _pass_on(
    run: RunLog, run_id: str, findings: list[Finding], summary: str, before: Publication | None, holds_lock: bool
) -> Iterator[str]:
    """Write the run's row in the warehouse, and alert who asked for it; yields what went wrong and what was sent."""
    outcome = run.outcome
    if outcome is None:  # neither failed nor meant to publish: somebody tried one step
        return
    reasons = text.reasons(run)
    try:
        if holds_lock:
            run_table.write(
                config.warehouse_path(),
                run,
                findings,
                run_id=run_id,
                is_sandbox=environment.is_sandbox(),
                as_of=config.as_of(),
                sources=",".join(map(str, config.enabled_accounts())),
                outcome=outcome,
                reason=" ".join(reasons),
                summary=summary,
            )
    except (duckdb.Error, SettingsError) as error:
        yield f"This run has no row in {run_table.TABLE}: {' '.join(str(error).split())}"
    where = [*text.left(run, before, damage(environment.serving_dir())), f"Summary: {path_of(run_id)}"]
    yield from alerts.tell(outcome, f"{_whose()}refresh {TITLES[outcome]}", [*reasons, *where])


def _whose() -> str:
    try:
        return "Sandbox: " if environment.is_sandbox() else ""
    except SettingsError:  # the reason of the failure says which
        return ""


def _print(
    console: Console,
    log: RunLog,
    findings: list[Finding],
    nodes: Mapping[str, Any],
    before: Publication | None,
    holds_lock: bool,
) -> None:
    folder, warehouse = environment.serving_dir(), config.warehouse_path()
    now = latest_readable(folder)
    console.print()
    text.print_sources(console, log.counts, log.failed_accounts)
    console.print()
    text.print_checks(console, findings)
    console.print()
    if log.published is not None and now is not None and holds_lock:
        text.print_figures(console, now, warehouse)
        text.print_held_back(console, warehouse)
        console.print()
        earlier = database_of(before.version, folder) if before else None  # it may have been moved there since
        keys = dbt_results.keys_of(nodes)
        text.print_changes(console, compare(earlier, now.path, keys) if earlier and earlier.exists() else None)
        console.print()
    text.print_steps(console, log)
    console.print()
    if log.published is not None and now is not None:
        text.print_published(console, link_path(folder), now, log.published.get("remarks", ()))
    elif log.unchanged is not None and now is not None:
        text.print_unchanged(console, link_path(folder), now)
    if not log.is_up_to_date or log.has_failed:
        text.print_why(console, log)
    text.print_left(console, log, before, damage(folder))


def _parsed_nodes() -> Mapping[str, Any]:
    """Nodes of the project that dbt parsed last; none where no run has come as far."""
    manifest = parsed_manifest(dbt_target())
    return json.loads(manifest.read_text())["nodes"] if manifest.exists() else {}


def _found_by_dbt(log: RunLog, nodes: Mapping[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    for step in BUILD_STEPS:
        build, results = log.steps.get(step), build_target(step) / "run_results.json"
        if build and results.exists() and results.stat().st_mtime >= build.started_at:
            found += dbt_results.findings(results, nodes, config.warehouse_path())
    return found


def _forget_the_oldest(folder: Path) -> None:
    try:
        keep = environment.settings().keep_runs
    except SettingsError:  # the reason of the failure says which; the next run forgets more
        return
    written = sorted(folder.glob("summary-*.txt"), key=lambda path: path.stat().st_mtime)
    for path in written[:-keep]:
        path.unlink()
