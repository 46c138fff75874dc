"""dbt in the process of a run, by its interface for programs (https://docs.getdbt.com/reference/programmatic-invocations).

Belongs here: how dbt is called, and what it reports as results of Dagster. Does not: which models a step builds
(`defs/dbt`), dbt for a person on a copy (`dbt_command`).

One process imports dbt once and reads the parsed project once for both builds. The results are dbt's own objects: from
lines that dbt's threads print beside each other, one is lost where two of them meet, and the run with it.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    DagsterExecutionInterruptedError,
    Failure,
    Output,
)
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import get_asset_check_key_for_test, get_updated_cli_invocation_params_for_context

from cluster.thrift import ClusterError, in_its_own_words, outlive_failed_closes
from dagster_project import kept_views, spark_tables
from dagster_project.dbt_mistakes import circle
from dagster_project.dbt_shortcuts import take_shortcuts
from dagster_project.steps import dbt_target, engine
from dagster_project.summary.dbt_results import sample_rows
from ingestion import config
from ingestion.config import PROJECT_ROOT

if TYPE_CHECKING:
    from dagster_dbt.asset_utils import DbtCliInvocationPartialParams
    from dbt.artifacts.schemas.run import RunExecutionResult, RunResult
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

PROJECT = PROJECT_ROOT / "dbt_project"
SECONDS_BETWEEN_REPORTS = 2.0
SHOWN_ERRORS = 3
AS_OF = "LIFECYCLE_AS_OF"
MARK = "part_of_this_build"
# What DuckDB makes of the exception of a signal that comes while the main thread waits for a query.
QUERY_INTERRUPTED = "Query interrupted"
BUILT = ("success", "pass", "warn")
FAILED = ("error", "fail", "runtime error", "partial success")


class DbtError(RuntimeError):
    """dbt could not do what it was asked to; the message is its own, in one line."""


def parse(target: Path) -> None:
    """Parse the project, and write dbt's manifest into a folder.

    Raises:
        DbtError: the project cannot be parsed.
    """
    _PARSED[_key(target)] = _parse(target)


def build(context: AssetExecutionContext, target: Path) -> Iterator[Output[None] | AssetCheckResult]:
    """Build the models, seeds and tests that a step is made of, or those of them that a run has selected.

    Unit tests hold the logic and run in `make test`: a refresh judges the data.

    Args:
        context: of the step, an asset made by `dbt_assets`.
        target: folder for what dbt writes of this build, `run_results.json` above all.

    Yields:
        One output per model and seed that was built, and one check result per test that ran, once all have ended.

    Raises:
        Failure: a model could not be built or a test failed; it names them.
    """
    parameters = get_updated_cli_invocation_params_for_context(context, {}, DagsterDbtTranslator())
    manifest = _parsed(dbt_target())
    is_on_spark = engine() == "spark"
    try:
        if is_on_spark:
            outlive_failed_closes()
            written = spark_tables.give(manifest)
            context.log.info(f"Spark reads {len(written)} tables that have changed: {', '.join(map(str, written))}")
        results, kept, exception, is_built = _build(context, target, parameters, manifest)
        if is_on_spark:
            built = {result.node.unique_id for result in results if result.status == "success"}
            context.log.info(f"The build file shows {len(spark_tables.show(manifest, built))} tables of Spark.")
    except ClusterError as error:
        raise Failure(str(error), allow_retries=False) from None
    yield from _outputs(parameters, manifest, results, kept)
    yield from _check_results(context, parameters, results)
    if exception is not None or not is_built or any(result.status in FAILED for result in results):
        raise Failure(_why(exception, results), allow_retries=False)


def _build(
    context: AssetExecutionContext, target: Path, parameters: DbtCliInvocationPartialParams, manifest: Manifest
) -> tuple[list[RunResult], list[str], BaseException | None, bool]:
    """Results of a build, the views that stayed as they were, what stopped it, and whether dbt calls it a success."""
    options = {"indirect_selection": parameters.indirect_selection} if parameters.indirect_selection else {}
    selected = _selected(parameters.selection_args, target, manifest, **options)
    tests = [name for name in selected if name.startswith("test.")]
    views = [] if context.is_subset else _views(context, manifest, parameters)
    kept = kept_views.unchanged(views, manifest, PROJECT, target) if views else []
    left_out = {*kept, *(test for test in tests if getattr(manifest.nodes[test], "test_metadata", None) is not None)}
    with _marked((name for name in selected if name not in left_out), manifest) as marked:
        built = _invoke(["build", *marked, "--no-write-json"], target, manifest, [Progress(context)])
    results, exception = _results_of(built), built.exception
    if built.result is not None:
        missing = {result.node.unique_id for result in results if result.status not in BUILT}
        seen = {result.node.unique_id for result in results}
        left = [
            test for test in tests if test not in seen and missing.isdisjoint(manifest.nodes[test].depends_on_nodes)
        ]
        checked, exception_of_tests = _checked(left, target, manifest)
        results, exception = results + checked, exception or exception_of_tests
        if built.success:
            exception = exception or _omission(tests, results, manifest)
        replace(cast("RunExecutionResult", built.result), results=results).write(str(target / "run_results.json"))
        if built.success and views:
            kept_views.note(manifest, PROJECT, target)
    return results, kept, exception, built.success


def _selected(selection: Sequence[str], target: Path, manifest: Manifest, **options: Any) -> list[str]:
    """Ids of what dbt selects and can run: models, seeds, tests.

    Raises:
        Failure: dbt cannot say which.
    """
    listed = _invoke(
        ["ls", "--exclude-resource-type", "unit_test", "--output", "json", "--output-keys", "unique_id"]
        + ["--log-level", "none", "--no-write-json", *selection],
        target,
        manifest,
        **options,
    )
    if not listed.success:
        raise Failure(_why(listed.exception, ()), allow_retries=False)
    found = [json.loads(line)["unique_id"] for line in cast("list[str]", listed.result)]
    return [name for name in found if name in manifest.nodes or name in manifest.functions]


@contextmanager
def _marked(names: Iterable[str], manifest: Manifest) -> Iterator[list[str]]:
    """Options of dbt that select these nodes and no others.

    They have a tag for as long as the block lasts, in the memory of this process alone. Selected by their names, dbt
    would look through the whole project for each, and leave out every test of a model that is left out.
    """
    marked: list[Any] = [manifest.nodes.get(name) or manifest.functions[name] for name in names]
    for node in marked:
        node.tags.append(MARK)
    try:
        yield ["--select", f"tag:{MARK}", "--indirect-selection", "empty"]
    finally:
        for node in marked:
            node.tags.remove(MARK)


def _omission(tests: Iterable[str], results: Iterable[RunResult], manifest: Manifest) -> DbtError | None:
    """What is wrong where every model was built and a test has no result: nothing unchecked goes further."""
    ran = {result.node.unique_id for result in results}
    left_out = [manifest.nodes[test].name for test in tests if test not in ran]
    return DbtError(f"{len(left_out)} tests were not run, such as {left_out[0]}") if left_out else None


def _checked(tests: Sequence[str], target: Path, manifest: Manifest) -> tuple[list[RunResult], BaseException | None]:
    """Results of tests: of those that pass together, and of the others as dbt finds them one by one."""
    from dbt.artifacts.schemas.results import TestStatus
    from dbt.artifacts.schemas.run import RunResult

    passed = _passed_together(tests, target, manifest)
    results = [
        RunResult(
            status=TestStatus.Pass,
            timing=[],
            thread_id="",
            execution_time=0.0,
            adapter_response={},
            message=None,
            failures=0,
            node=manifest.nodes[test],
        )
        for test in tests
        if test in passed
    ]
    others = [test for test in tests if test not in passed]
    if not others:
        return results, None
    with _marked(others, manifest) as marked:
        found = _invoke(["test", *marked, "--no-write-json"], target, manifest)
    return results + _results_of(found), found.exception


def _passed_together(tests: Sequence[str], target: Path, manifest: Manifest) -> set[str]:
    """Ids of the tests that found nothing, with one query a table. dbt's own way costs as much for each test.

    A test with a configuration of its own is not among them. Where a query fails, dbt has to say which test it was.
    """
    tables: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        node: Any = manifest.nodes[test]
        if not _is_plain(node):
            continue
        subject = node.attached_node or node.depends_on_nodes[0]
        if relation := (manifest.nodes.get(subject) or manifest.sources[subject]).relation_name:
            tables[relation].append(test)
    passed: set[str] = set()

    def take(event: EventMsg) -> None:
        if event.info.name == "JinjaLogDebug":
            passed.update(json.loads(event.data.msg)["passed_together"])

    arguments = json.dumps({"tables": tables})
    _invoke(["run-operation", "checked_together", "--args", arguments, "--no-write-json"], target, manifest, [take])
    return passed


def _is_plain(test: Any) -> bool:
    """Whether a test is a generic one, its macro with its arguments, and nothing else."""
    if getattr(test, "test_metadata", None) is None:
        return False
    config, arguments = test.config, {**test.test_metadata.kwargs, "model": None}
    return (
        test.test_metadata.namespace is None
        and (config.where, config.limit, config.store_failures, config.fail_calc) == (None, None, None, "count(*)")
        and config.warn_if == config.error_if == "!= 0"
        and "{{" not in json.dumps(arguments, default=str)
    )


def _results_of(done: dbtRunnerResult) -> list[RunResult]:
    return list(getattr(done.result, "results", ()))


def _outputs(
    parameters: DbtCliInvocationPartialParams, manifest: Manifest, results: Iterable[Any], kept: Iterable[str]
) -> Iterator[Output[None]]:
    """One output per model and seed that the build file has now, each after those that it is made of."""
    said: dict[str, dict[str, Any]] = {name: {"unique_id": name, "status": "unchanged"} for name in kept}
    for result in results:
        if result.node.resource_type in ("model", "seed") and result.status == "success":
            said[result.node.unique_id] = _said(result)
    for name in _in_order(manifest):
        if name in said:
            yield Output(None, output_name=_key_of(parameters, name).to_python_identifier(), metadata=said[name])


def _check_results(
    context: AssetExecutionContext, parameters: DbtCliInvocationPartialParams, results: Iterable[Any]
) -> Iterator[AssetCheckResult]:
    """One result per test that ran and that the run has selected."""
    for result in results:
        if result.node.resource_type != "test" or result.status == "skipped":
            continue
        check = get_asset_check_key_for_test(
            parameters.manifest, parameters.dagster_dbt_translator, result.node.unique_id, project=None
        )
        if check is not None and check in context.selected_asset_check_keys:
            found = result.status in ("warn", "fail") and result.failures
            rows = [*sample_rows(result.node.compiled_code, config.warehouse_path())] if found else []
            yield AssetCheckResult(
                passed=result.status == "pass",
                asset_key=check.asset_key,
                check_name=check.name,
                severity=AssetCheckSeverity.WARN if result.status == "warn" else AssetCheckSeverity.ERROR,
                metadata={
                    **_said(result),
                    "dagster_dbt/failed_row_count": result.failures or 0,
                    **({"samples": rows} if rows else {}),
                },
            )


def _said(result: Any) -> dict[str, Any]:
    return {
        "unique_id": result.node.unique_id,
        "status": str(result.status),
        "Execution Duration": result.execution_time,
    }


def _views(context: AssetExecutionContext, manifest: Manifest, parameters: DbtCliInvocationPartialParams) -> list[str]:
    """Ids of the views that a step is made of."""
    views = [name for name, node in manifest.nodes.items() if node.config.materialized == "view"]
    return [name for name in views if _key_of(parameters, name) in context.selected_asset_keys]


def _key_of(parameters: DbtCliInvocationPartialParams, name: str) -> AssetKey:
    return parameters.dagster_dbt_translator.get_asset_spec(parameters.manifest, name, None).key


def _why(exception: BaseException | None, results: Iterable[Any]) -> str:
    """What went wrong in one line, the errors of models before failed tests."""
    failed = [result for result in results if result.status in FAILED]
    failed.sort(key=lambda result: result.node.resource_type == "test")
    said = [f"{each.node.name}: {_in_one_line(each.message)}" for each in failed[:SHOWN_ERRORS]]
    if len(failed) > SHOWN_ERRORS:
        said.append(f"and {len(failed) - SHOWN_ERRORS} more (the log names them)")
    return "; ".join(said) or _in_one_line(exception or "dbt ended without a reason")


def _in_one_line(said: object) -> str:
    return " ".join(in_its_own_words(str(said)).split())


class Progress:
    """How far a build is, as observations in the event log, a few seconds apart."""

    def __init__(self, context: AssetExecutionContext) -> None:
        self._context, self._key = context, min(context.selected_asset_keys, default=None)
        self._built = 0
        self._reported_at = time.monotonic()

    def __call__(self, event: EventMsg) -> None:
        """Take in one event of dbt, from whichever of its threads."""
        if event.info.name not in ("LogModelResult", "LogSeedResult"):
            return
        self._built += 1
        if self._key is not None and time.monotonic() - self._reported_at >= SECONDS_BETWEEN_REPORTS:
            self._reported_at = time.monotonic()
            self._context.log_event(AssetObservation(self._key, metadata={"models_so_far": self._built}))


# Of this process. What is compiled of a parsed project holds for one instant.
_PARSED: dict[tuple[Path, str | None], Manifest] = {}


def _parsed(target: Path) -> Manifest:
    key = _key(target)
    if key not in _PARSED:
        _PARSED[key] = _parse(target, "--no-write-json")
    return _PARSED[key]


def _key(target: Path) -> tuple[Path, str | None]:
    return target, os.environ.get(AS_OF)


def _parse(target: Path, *options: str) -> Manifest:
    done = _invoke(["parse", *options], target)
    if not done.success or done.result is None:
        raise DbtError(" ".join(str(done.exception or "dbt could not parse the project").split()))
    manifest = cast("Manifest", done.result)
    try:
        _in_order(manifest)
    except CycleError as error:  # dagster-dbt would follow it round and round
        raise DbtError(circle(error.args[1][:-1])) from None
    return manifest


def _in_order(manifest: Manifest) -> list[str]:
    """Ids of all nodes, each after those that it is made of."""
    made_of = {
        name: [each for each in node.depends_on_nodes if each in manifest.nodes]
        for name, node in manifest.nodes.items()
    }
    return [*TopologicalSorter(made_of).static_order()]


def _invoke(
    arguments: Sequence[str],
    target: Path,
    manifest: Manifest | None = None,
    callbacks: Sequence[Callable[[EventMsg], None]] = (),
    **options: str,
) -> dbtRunnerResult:
    """Call dbt, and leave nothing open. What interrupts it is raised again: dbt returns every exception.

    Raises:
        BaseException: what is no `Exception`, such as an interruption.
    """
    from dbt.cli.main import dbtRunner  # dbt takes seconds to import

    take_shortcuts()
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    logs = ["--log-path", str(config.data_dir() / "logs"), "--log-level-file", "none", "--no-use-colors"]
    where = [] if engine() == "duckdb" else ["--target", engine()]
    try:
        with chdir(PROJECT):  # dbt goes there, and stays
            done = dbtRunner(manifest, list(callbacks)).invoke([*arguments, *where, *folders, *logs], **options)
    finally:
        if engine() == "duckdb":  # a session of Spark is closed by dbt itself
            _close_build_file()
    if done.exception is not None and not isinstance(done.exception, Exception):
        raise done.exception
    if QUERY_INTERRUPTED in str(done.exception):
        raise DagsterExecutionInterruptedError from None
    return done


def _close_build_file() -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    opened: Any = DuckDBConnectionManager._ENV
    if opened is not None:
        opened.close()
    DuckDBConnectionManager.close_all_connections()
