"""Dagster's events in databases that stay open: the same events as in Dagster's own storage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetCheckResult, AssetKey, DagsterInstance, asset, asset_check, materialize
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_project.event_log import OpenEventLogStorage
from ingestion.config import PROJECT_ROOT


@asset
def work() -> None: ...


@asset_check(asset=work)
def is_done() -> AssetCheckResult:
    return AssetCheckResult(passed=True)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(
        "event_log_storage: {module: dagster_project.event_log, class: OpenEventLogStorage}\n"
    )
    with DagsterInstance.get() as found:
        assert isinstance(found.event_log_storage, OpenEventLogStorage)
        yield found


def events(storage: SqliteEventLogStorage, run_id: str) -> list[str]:
    return [repr(entry) for entry in storage.get_logs_for_run(run_id)]


def test_dagsters_own_storage_reads_what_was_stored(instance: DagsterInstance, tmp_path: Path) -> None:
    runs = [materialize([work, is_done], instance=instance).run_id for _ in range(3)]

    own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    own.register_instance(instance)
    for run_id in runs:
        assert events(own, run_id) == events(instance.event_log_storage, run_id) != []  # type: ignore[arg-type]
    latest = own.get_latest_materialization_events([AssetKey("work")])[AssetKey("work")]
    assert latest is not None and latest.run_id == runs[-1]


def test_a_database_that_was_removed_is_made_anew(instance: DagsterInstance, tmp_path: Path) -> None:
    run_id = materialize([work], instance=instance).run_id
    for file in (tmp_path / "history" / "runs").glob(f"{run_id}.db*"):
        file.unlink()

    assert instance.all_logs(run_id) == []
    assert instance.all_logs(materialize([work], instance=instance).run_id) != []


def test_few_databases_are_open_however_many_runs_are_read(instance: DagsterInstance) -> None:
    runs = [materialize([work], instance=instance).run_id for _ in range(4)]
    for run_id in runs:
        instance.all_logs(run_id)

    assert len(instance.event_log_storage._engines) <= 2  # type: ignore[attr-defined]


def test_what_a_killed_process_stored_is_there(tmp_path: Path) -> None:
    """No event waits in the memory of the process."""
    (tmp_path / "dagster.yaml").write_text(
        "event_log_storage: {module: dagster_project.event_log, class: OpenEventLogStorage}\n"
    )
    script = (
        "import os, signal\n"
        "from dagster import DagsterInstance, asset, materialize\n"
        "@asset\n"
        "def work(context): print(context.run_id, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "materialize([work], instance=DagsterInstance.get())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=PROJECT_ROOT,
        env={"DAGSTER_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "DAGSTER_DISABLE_TELEMETRY": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -9

    own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    kinds = [entry.dagster_event_type for entry in own.get_logs_for_run(done.stdout.strip())]
    assert "STEP_START" in [kind.value for kind in kinds if kind]
