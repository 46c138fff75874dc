"""Every run leaves its summary, whoever started it and however it ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance, Failure, asset, build_run_status_sensor_context, materialize

from dagster_project import environment, summary
from dagster_project.resources import Refresh
from ingestion import config
from ingestion.lock import writer_lock
from serving.publish import SCHEMA, Source, publish


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot")
    monkeypatch.setenv("SOURCES__HUBSPOT__ACCESS_TOKEN", "none")
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(instance: DagsterInstance, *, error: Exception | None = None) -> str:
    """A run of one step in this process, without any command; returns its id."""

    @asset
    def work(refresh: Refresh) -> None:
        if error:
            raise error

    done = materialize([work], resources={"refresh": Refresh()}, instance=instance, raise_on_error=False)
    return done.run_id


def page_of(instance: DagsterInstance, run_id: str) -> list[str]:
    """What the run's page shows of the summary."""
    messages = [record.event_log_entry.user_message for record in instance.get_records_for_run(run_id).records]
    return [message for message in messages if message.startswith("Summary (")]


def test_a_run_without_the_command_leaves_its_summary_as_a_file_and_on_its_page(instance: DagsterInstance) -> None:
    run_id = run(instance)
    text = summary.path_of(run_id).read_text()

    assert text.startswith(f"Run {run_id}: hubspot as of 2026-10-31 06:00 UTC\n")
    assert "\nwork " in text and "\nthe whole run " in text
    assert text.endswith(
        "Publishing was no part of this run.\nPublished data not there yet: nothing was published before.\n"
    )
    (shown,) = page_of(instance, run_id)
    assert shown.endswith(text)


def test_a_failing_run_says_why_and_what_stays_published(instance: DagsterInstance, data_dir: Path) -> None:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute(f"create schema {SCHEMA}; create table {SCHEMA}.people as select 1 as person_id")
    now = config.as_of()
    published = publish(
        config.warehouse_path(),
        environment.serving_dir(),
        marts=["people"],
        as_of=now,
        sources=[Source("files")],
        keep=2,
    )
    run_id = run(instance, error=Failure("the disk is full", allow_retries=False))

    assert (
        summary.path_of(run_id)
        .read_text()
        .endswith(f"Failed: work: the disk is full\nPublished data left as it was (version {published.version}).\n")
    )
    assert len(page_of(instance, run_id)) == 1


def test_a_run_that_may_not_begin_says_why(instance: DagsterInstance, data_dir: Path) -> None:
    with writer_lock(data_dir):
        run_id = run(instance)

    text = summary.path_of(run_id).read_text()
    assert "Failed before the first step: another process is writing" in text


def test_a_run_with_a_wrong_setting_says_which(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspott")
    run_id = run(instance)

    text = summary.path_of(run_id).read_text()
    assert text.startswith(f"Run {run_id}\n")
    assert "Failed before the first step: LIFECYCLE_SOURCES='hubspott': hubspott is not a source." in text


def test_a_figure_that_cannot_be_shown_fails_no_run_and_is_said(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise OSError("no such table")

    monkeypatch.setattr("dagster_project.summary.text.print_steps", broken)
    run_id = run(instance)

    run_record = instance.get_run_by_id(run_id)
    assert run_record is not None and run_record.is_success
    assert summary.path_of(run_id).read_text().endswith("The summary ends here: OSError: no such table\n")


def test_only_the_latest_summaries_stay(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_KEEP_RUNS", "2")
    run_ids = [run(instance) for _ in range(3)]

    assert [summary.path_of(run_id).exists() for run_id in run_ids] == [False, True, True]


def test_every_run_that_was_meant_to_publish_has_a_row_in_the_warehouse(
    instance: DagsterInstance, data_dir: Path
) -> None:
    with duckdb.connect(str(config.warehouse_path())):
        pass
    run(instance)
    run_id = run(instance, error=Failure("the disk is full", allow_retries=False))

    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        rows = connection.execute(
            "select run_id, is_sandbox, outcome, reason, as_of, summary from ops.run_log"
        ).fetchall()
    ((*row, text),) = rows
    assert row == [run_id, False, "failed", "Failed: work: the disk is full", config.as_of().replace(tzinfo=None)]
    assert summary.path_of(run_id).read_text() == text


def test_a_row_that_cannot_be_written_fails_no_run_and_is_said(instance: DagsterInstance, data_dir: Path) -> None:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("create schema ops; create table ops.run_log as select 1 as something_else")
    run_id = run(instance, error=Failure("gone", allow_retries=False))

    assert "This run has no row in ops.run_log: " in summary.path_of(run_id).read_text()


def test_a_run_whose_process_died_gets_its_summary_by_the_sensor(instance: DagsterInstance) -> None:
    from dagster_project.defs.summaries.cut_short import defs

    (sensor,) = defs().sensors or ()
    run_id = run(instance, error=Failure("gone", allow_retries=False))
    left = summary.path_of(run_id)
    left.unlink()
    dagster_run = instance.get_run_by_id(run_id)
    assert dagster_run is not None
    event = next(
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run_id).records
        if record.event_log_entry.dagster_event and record.event_log_entry.dagster_event.is_run_failure
    )
    context = build_run_status_sensor_context(
        sensor_name=sensor.name, dagster_event=event, dagster_instance=instance, dagster_run=dagster_run
    ).for_run_failure()
    sensor(context)

    assert "Failed: work: gone" in left.read_text()
    left.write_text("its own")
    sensor(context)
    assert left.read_text() == "its own"
