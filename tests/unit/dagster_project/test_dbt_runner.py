"""dbt within a run, on a project of three models: what was built, what was found, and that nothing stays open."""

import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    DagsterInstance,
    ExecuteInProcessResult,
    materialize,
)
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from dagster_project import dbt_runner
from dagster_project.steps import dbt_target
from ingestion import config
from ingestion.config import PROJECT_ROOT

CHECKED_TOGETHER = "macros/tests/checked_together.sql"
FILES = {
    CHECKED_TOGETHER: (PROJECT_ROOT / "dbt_project" / CHECKED_TOGETHER).read_text(),
    "dbt_project.yml": "{name: small, profile: small, version: '1.0', models: {+materialized: table}}",
    "profiles.yml": """
small: {target: t, outputs: {t: {type: duckdb, path: "{{ env_var('WAREHOUSE') }}", threads: 2}}}
""",
    "models/one.sql": "select 1 as id",
    "models/two.sql": "select id from {{ ref('one') }}",
    "models/unhappy.sql": "select {{ env_var('NUMBER') }} as id from {{ ref('one') }}",
    "models/models.yml": """
models:
  - {name: one, columns: [{name: id, data_tests: [unique, not_null]}]}
  - {name: two, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [1, 2], quote: false}}}]}]}
  - {name: unhappy, columns: [{name: id, data_tests: [not_null]}]}
unit_tests:
  - {name: never_at_night, model: two, given: [{input: ref('one'), rows: [{id: 7}]}], expect: {rows: [{id: 8}]}}
""",
}


@pytest.fixture
def project(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(dbt_runner, "PROJECT", folder)
    monkeypatch.setenv("WAREHOUSE", str(config.warehouse_path()))
    monkeypatch.setenv("NUMBER", "5")
    dbt_runner._PARSED.clear()
    yield folder
    dbt_runner._PARSED.clear()


def build(**options: Any) -> ExecuteInProcessResult:
    dbt_runner.parse(dbt_target())

    @dbt_assets(
        manifest=dbt_target() / "manifest.json",
        dagster_dbt_translator=DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_asset_checks=True)),
    )
    def built(context: AssetExecutionContext) -> Iterator:
        yield from dbt_runner.build(context, config.data_dir() / "built")

    with DagsterInstance.ephemeral() as instance:
        return materialize([built], instance=instance, raise_on_error=False, **options)


def models(done: ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.path[-1] for event in done.get_asset_materialization_events() if event.asset_key}


def checks(done: ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    return {
        (each.asset_key.path[-1], each.check_name.partition("_" + each.asset_key.path[-1])[0]): each.passed
        for each in done.get_asset_check_evaluations()
    }


def test_what_was_built_and_checked_is_reported_one_by_one(project: Path) -> None:
    before = os.getcwd()
    done = build()

    assert done.success
    assert models(done) == {"one", "two", "unhappy"}
    assert checks(done) == {
        ("one", "unique"): True,
        ("one", "not_null"): True,
        ("two", "accepted_values"): True,
        ("unhappy", "not_null"): True,
    }
    assert (config.data_dir() / "built" / "run_results.json").exists()
    assert os.getcwd() == before
    # Nothing holds the file: one process opens it in one way at a time.
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        assert connection.execute("from main.two").fetchall() == [(1,)]


def test_an_edited_model_is_built_as_it_is_by_the_next_process(project: Path) -> None:
    build()
    (project / "models/two.sql").write_text("select id + 1 as id from {{ ref('one') }}")
    dbt_runner._PARSED.clear()  # another process
    assert build().success
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        assert connection.execute("from main.two").fetchall() == [(2,)]


def test_a_selection_builds_no_more(project: Path) -> None:
    done = build(selection=[AssetKey("two")])

    assert models(done) == set()  # `one` was never built
    assert "one" in reason(done)
    build()
    assert models(build(selection=[AssetKey("two")])) == {"two"}


def reason(done: ExecuteInProcessResult) -> str:
    (failed,) = [event for event in done.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    return (data.description if data else None) or ""


def test_a_model_that_cannot_be_built_fails_the_step_by_name_and_the_others_are_built(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBER", "no_such_column")
    done = build()

    assert not done.success
    assert models(done) == {"one", "two"}
    assert ("unhappy", "not_null") not in checks(done)  # skipped
    assert reason(done).startswith("unhappy: ") and "no_such_column" in reason(done)


def test_a_failed_test_fails_the_step_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "null::int")
    done = build()

    assert not done.success
    assert checks(done)["unhappy", "not_null"] is False
    assert reason(done).startswith("not_null_unhappy_id: Got 1 result")


def test_rows_that_a_test_finds_are_shown_with_its_check_and_nobody_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "tests").mkdir()
    (project / "tests/assert_reached.sql").write_text(
        "select 7 as contact_id, 'ann@firm.fr' as email from {{ ref('unhappy') }} where id is null"
    )
    monkeypatch.setenv("NUMBER", "null::int")

    evaluations = build().get_asset_check_evaluations()

    shown = {each.check_name: each.metadata.get("samples") for each in evaluations}
    assert {name: samples.value for name, samples in shown.items() if samples} == {
        "assert_reached": ["contact_id=7, email=a***@f***.fr"],
        "not_null_unhappy_id": ["id=None"],
    }
    assert len(shown) == 5


@pytest.mark.parametrize("verb", ["ls", "test"])
def test_a_test_that_nobody_ran_fails_the_step(project: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """Whether dbt could not say which tests there are, or left one out that it was asked for."""
    invoke = dbt_runner._invoke

    def lost(arguments: list[str], *more: Any, **options: Any) -> Any:
        if arguments[0] == "run-operation":
            return None  # so that each test is for dbt
        if arguments[0] == verb:
            return invoke([verb, "--no-such-option"] if verb == "ls" else ["ls", "--quiet"], *more, **options)
        return invoke(arguments, *more, **options)

    monkeypatch.setattr(dbt_runner, "_invoke", lost)
    done = build()

    assert not done.success
    said = "no-such-option" if verb == "ls" else "4 tests were not run, such as accepted_values_two_id"
    assert said in reason(done)


def test_a_view_that_stays_as_it_is_has_its_output_and_its_tests(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "models/seen.sql").write_text("{{ config(materialized='view') }} select id from {{ ref('one') }}")
    (project / "models/three.sql").write_text("select id from {{ ref('seen') }}")
    (project / "tests").mkdir()
    (project / "tests/nothing_above_one.sql").write_text("select * from {{ ref('seen') }} where id > 1")
    first = build()
    commands = asked_of_dbt(monkeypatch)
    second = build()

    assert [command[0] for command in commands] == ["parse", "ls", "build", "run-operation"]
    assert models(first) == models(second) == {"one", "two", "unhappy", "seen", "three"}
    assert [status_of(done, "seen") for done in (first, second)] == ["success", "unchanged"]
    assert status_of(second, "three") == "success"
    for done in (first, second):
        (judged,) = [each for each in done.get_asset_check_evaluations() if each.check_name == "nothing_above_one"]
        assert judged.passed
    (project / "models/one.sql").write_text("select 2 as id")
    dbt_runner._PARSED.clear()  # another process
    changed = build()
    assert not changed.success and reason(changed).startswith("nothing_above_one: ")


def status_of(done: ExecuteInProcessResult, model: str) -> object:
    (metadata,) = [
        event.step_materialization_data.materialization.metadata
        for event in done.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[-1] == model
    ]
    return metadata["status"].value


def test_tests_that_pass_need_no_node_of_dbt_each(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = asked_of_dbt(monkeypatch)
    done = build()

    assert len(checks(done)) == 4
    assert [command[0] for command in commands] == ["parse", "ls", "build", "run-operation"]
    results = json.loads((config.data_dir() / "built" / "run_results.json").read_text())["results"]
    assert sorted(result["unique_id"].split(".")[2] for result in results if result["status"] == "pass") == [
        "accepted_values_two_id__False__1__2",
        "not_null_one_id",
        "not_null_unhappy_id",
        "unique_one_id",
    ]


def test_what_is_more_than_its_macro_is_left_to_dbt(project: Path) -> None:
    tests = {
        "not_null: {name: where, config: {where: id > 0}}": True,
        "not_null: {name: of_another_severity, config: {severity: warn}}": False,
        "not_null: {name: fails_later, config: {error_if: '> 1', warn_if: '> 1'}}": True,
        "not_null: {name: limited, config: {limit: 1}}": False,
        "not_null: {name: stored, config: {store_failures: true}}": False,
        "not_null: {name: counted_in_its_own_way, config: {fail_calc: count(*) - 1}}": True,
        "accepted_values: {name: rendered, arguments: {values: ['{{ 3 + 4 }}'], quote: false}}": True,
        "relationships: {name: related, arguments: {to: ref('one'), field: id}}": False,
        "relationships: {name: cannot_run, arguments: {to: ref('one'), field: no_such_column}}": False,
        "unique: {name: unique}": True,
    }
    listed = "".join(f"          - {test}\n" for test in tests)
    (project / "models/models.yml").write_text(
        f"models:\n  - name: seven_and_null\n    columns:\n      - name: id\n        data_tests:\n{listed}"
    )
    (project / "models/seven_and_null.sql").write_text("select unnest([7, null]) as id from {{ ref('one') }}")
    done = build()

    names = [test.partition("name: ")[2].partition(",")[0].rstrip("}") for test in tests]
    assert {each.check_name: each.passed for each in done.get_asset_check_evaluations()} == dict(
        zip(names, tests.values(), strict=True)
    )
    assert reason(done).startswith("cannot_run: ") and "no_such_column" in reason(done)


def asked_of_dbt(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that dbt is given from here on."""
    commands: list[list[str]] = []
    invoke = dbt_runner._invoke

    def noted(arguments: list[str], *more: Any, **options: Any) -> Any:
        commands.append(arguments)
        return invoke(arguments, *more, **options)

    monkeypatch.setattr(dbt_runner, "_invoke", noted)
    return commands


def test_a_project_that_does_not_parse_says_why(project: Path) -> None:
    (project / "models/two.sql").write_text("select {{ ref('nowhere') }}")
    with pytest.raises(dbt_runner.DbtError, match="nowhere"):
        dbt_runner.parse(dbt_target())


def test_a_circle_of_models_is_named(project: Path) -> None:
    (project / "models/one.sql").write_text("select id from {{ ref('unhappy') }}")
    circle = "(one -> unhappy -> one|unhappy -> one -> unhappy)"
    with pytest.raises(dbt_runner.DbtError, match=f"models are made of each other: {circle}. Fix: take"):
        dbt_runner.parse(dbt_target())
    refused = dbt_runner._invoke(["ls", "--quiet"], dbt_target())  # dbt itself looks for circles, too
    assert "Found a cycle: model.small." in str(refused.exception)


def test_dbt_reads_no_source_to_know_who_called_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stack() -> None:
        raise AssertionError("which reads the source of every caller, for each command")

    monkeypatch.setattr(inspect, "stack", stack)
    dbt_runner.parse(dbt_target())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, DagsterExecutionInterruptedError])
def test_an_interruption_is_no_result_of_dbt(
    project: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    from dbt.cli import main

    def interrupted(*_: object) -> None:
        raise kind

    monkeypatch.setattr(main.cli, "invoke", interrupted)
    with pytest.raises(kind):
        dbt_runner.parse(dbt_target())


def test_a_query_that_a_signal_ends_is_an_interruption(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB makes an error of its own of what the signal raises."""
    from dbt.cli import main

    def interrupted(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(main.cli, "invoke", interrupted)
    with pytest.raises(DagsterExecutionInterruptedError):
        dbt_runner.parse(dbt_target())
