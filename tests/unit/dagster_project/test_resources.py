"""What a run holds: one instant, the lock, and no real account in the sandbox."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
from dagster import DagsterInstance, DagsterRunStatus, asset, in_process_executor, materialize

from dagster_project import dbt_runner, resources
from dagster_project.environment import variables
from dagster_project.parsed_project import take_over
from dagster_project.refresh import command
from dagster_project.resources import Refresh
from ingestion import config
from ingestion.lock import writer_lock


@pytest.fixture(autouse=True)
def production(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    before = dict(os.environ)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot,stripe")
    monkeypatch.setenv("SOURCES__HUBSPOT__ACCESS_TOKEN", "none")
    monkeypatch.setenv("SOURCES__STRIPE__API_KEY", "none")
    monkeypatch.delenv("LIFECYCLE_AS_OF", raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(instance: DagsterInstance | None = None) -> tuple[bool, list[str], list[datetime]]:
    """Run two assets that note the instant; returns success, causes of failure, instants."""
    instants: list[datetime] = []

    @asset
    def first(refresh: Refresh) -> None:
        instants.append(config.as_of())

    @asset(deps=[first])
    def second(refresh: Refresh) -> None:
        instants.append(config.as_of())

    result = materialize([first, second], resources={"refresh": Refresh()}, instance=instance, raise_on_error=False)
    causes = [str(event.event_specific_data) for event in result.all_events if event.is_failure]
    return result.success, causes, instants


def test_every_step_sees_the_same_instant_and_it_does_not_outlive_the_run() -> None:
    with DagsterInstance.ephemeral() as instance:
        success, _, instants = run(instance)

    assert success
    assert len(instants) == 2
    assert instants[0] == instants[1]
    assert "LIFECYCLE_AS_OF" not in os.environ


def test_an_instant_that_is_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")

    assert run()[2] == [datetime.fromisoformat("2026-10-31T06:00:00+00:00")] * 2


def test_a_run_beside_another_writer_fails_with_a_clear_line(data_dir: Path) -> None:
    with writer_lock(data_dir):
        success, causes, instants = run()

    assert not success
    assert instants == []
    assert any("another process is writing" in cause for cause in causes)


def test_a_run_before_what_is_loaded_fails_before_its_first_step(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with duckdb.connect(str(data_dir / "warehouse.duckdb")) as connection:
        connection.execute("create schema raw_files")
        connection.execute(
            "create table raw_files.load_audit as select timestamptz '2026-10-31 06:00:00+00' as loaded_as_of"
        )
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-30T06:00:00Z")
    success, causes, instants = run()

    assert not success and instants == []
    assert any("was loaded as of 2026-10-31T06:00:00Z" in cause for cause in causes)
    assert command.main() == 1
    assert capsys.readouterr().out.startswith("Not refreshed: now is 2026-10-30T06:00:00Z")


def test_every_setting_that_cannot_work_is_named_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "files,hubspot,shopify.outlet,stripe")
    monkeypatch.delenv("SOURCES__STRIPE__API_KEY")
    monkeypatch.setenv("SOURCES__SHOPIFY__OUTLET__ACCESS_TOKEN", "none")
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path))
    monkeypatch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(tmp_path / "shop.yml"))
    (tmp_path / "shop.yml").write_text("name: shop\ninputs: []\n")
    success, causes, instants = run()

    assert not success and instants == []
    said = "".join(causes)
    assert "SOURCES__STRIPE__API_KEY" in said and "SOURCES__SHOPIFY__OUTLET__BASE_URL" in said
    assert "shop.yml" in said and "HUBSPOT" not in said


def test_the_sandbox_profile_refuses_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_PROFILE", "sandbox")
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot")
    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", "https://crm.example.com")
    success, causes, _ = run()

    assert not success
    assert any("hubspot points at crm.example.com" in cause for cause in causes)

    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", "http://127.0.0.1:8000")
    assert run()[0]


def test_a_run_of_a_dead_process_is_marked_as_failed() -> None:
    @asset
    def alone() -> None: ...

    with DagsterInstance.ephemeral() as instance:
        materialize([alone], instance=instance)
        ended = instance.get_runs()[0]
        stuck = instance.add_run(ended._replace(run_id=str(uuid4()), status=DagsterRunStatus.STARTED))
        run(instance)

        assert instance.get_run_by_id(stuck.run_id).status == DagsterRunStatus.FAILURE


def test_the_executor_of_the_project_runs_in_one_process(data_dir: Path, parsed_project: Path) -> None:
    from dagster_project.definitions import defs

    with variables(LIFECYCLE_WAREHOUSE_PATH=str(data_dir / "warehouse.duckdb")):
        take_over(parsed_project, data_dir / "dbt", config.PROJECT_ROOT / "dbt_project", "")
    definitions = defs()

    assert definitions.resolve_job_def("nightly_refresh").executor_def is in_process_executor
    assert defs() is definitions, "loaded twice"


@pytest.mark.parametrize("left", ["", '{"nodes": {', None])
def test_a_parsed_project_that_was_cut_short_is_made_anew(
    left: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where dbt was killed while it wrote its own manifest, which every command of dbt writes."""
    parsed: list[Path] = []

    def parses(target: Path) -> None:
        target.mkdir(exist_ok=True)
        (target / "manifest.json").write_text('{"nodes": {}}')
        parsed.append(target)

    monkeypatch.setattr(dbt_runner, "parse", parses)
    parse = resources._parse_if_changed.__wrapped__  # as another process would: it remembers nothing
    target = tmp_path / "dbt"
    manifest = parse(target, "content")
    (target / "manifest.json").write_text('{"nodes"')  # dbt's own does not matter
    assert (parse(target, "content"), len(parsed)) == (manifest, 1)

    if left is None:
        manifest.unlink()
    else:
        manifest.write_text(left)
    assert json.loads(parse(target, "content").read_text()) == {"nodes": {}}
    assert len(parsed) == 2
    assert [
        path.name for path in manifest.parent.iterdir() if path.name not in ("manifest.json", "parsed_from.sha256")
    ] == []


def test_a_run_that_could_not_begin_is_not_started_again(data_dir: Path) -> None:
    with DagsterInstance.local_temp(overrides={"run_retries": {"enabled": True, "max_retries": 2}}) as instance:
        with writer_lock(data_dir):
            run(instance)
        (refused,) = instance.get_runs()

        assert refused.tags["dagster/will_retry"] == "false"
