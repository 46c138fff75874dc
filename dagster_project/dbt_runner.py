"""dbt in the process of a run, by its interface for programs (https://docs.getdbt.com/reference/programmatic-invocations).

Belongs here: how dbt is called, and what it reports as results of Dagster. Does not: which models a step builds
(`defs/dbt`), dbt for a person on a copy (`dbt_command`).

One process imports dbt once and reads the parsed project once for both builds. The results are dbt's own objects: from
lines that dbt's threads print beside each other, one is lost where two of them meet, and the run with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetObservation,
    Failure,
    Output,
)
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import get_asset_check_key_for_test, get_updated_cli_invocation_params_for_context

from dagster_project.steps import dbt_target
from ingestion import config
from ingestion.config import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

PROJECT = PROJECT_ROOT / "dbt_project"
SECONDS_BETWEEN_REPORTS = 2.0
SHOWN_ERRORS = 3
AS_OF = "LIFECYCLE_AS_OF"


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
    done = _invoke(
        ["build", "--exclude-resource-type", "unit_test", *parameters.selection_args],
        target,
        manifest=_parsed(dbt_target()),
        callbacks=[Progress(context)],
        **({"indirect_selection": parameters.indirect_selection} if parameters.indirect_selection else {}),
    )
    results = getattr(done.result, "results", ())
    yield from _results(context, parameters.manifest, parameters.dagster_dbt_translator, results)
    if not done.success:
        raise Failure(_why(done.exception, results), allow_retries=False)


def _results(
    context: AssetExecutionContext,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
    results: Iterable[Any],
) -> Iterator[Output[None] | AssetCheckResult]:
    checks = context.selected_asset_check_keys
    for result in results:
        name = result.node.unique_id
        said = {"unique_id": name, "status": str(result.status), "Execution Duration": result.execution_time}
        if result.node.resource_type == "test":
            check = get_asset_check_key_for_test(manifest, translator, name, project=None)
            if result.status != "skipped" and check is not None and check in checks:
                yield AssetCheckResult(
                    passed=result.status == "pass",
                    asset_key=check.asset_key,
                    check_name=check.name,
                    severity=AssetCheckSeverity.WARN if result.status == "warn" else AssetCheckSeverity.ERROR,
                    metadata={**said, "dagster_dbt/failed_row_count": result.failures or 0},
                )
        elif result.node.resource_type in ("model", "seed") and result.status == "success":
            key = translator.get_asset_spec(manifest, name, None).key
            yield Output(None, output_name=key.to_python_identifier(), metadata=said)


def _why(exception: BaseException | None, results: Iterable[Any]) -> str:
    """What went wrong in one line, the errors of models before failed tests."""
    failed = [result for result in results if result.status in ("error", "fail", "runtime error", "partial success")]
    failed.sort(key=lambda result: result.node.resource_type == "test")
    said = [f"{each.node.name}: {' '.join(str(each.message).split())}" for each in failed[:SHOWN_ERRORS]]
    if len(failed) > SHOWN_ERRORS:
        said.append(f"and {len(failed) - SHOWN_ERRORS} more (the log names them)")
    return "; ".join(said) or " ".join(str(exception or "dbt ended without a reason").split())


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
    return cast("Manifest", done.result)


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
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # dbt takes seconds to import
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    logs = ["--log-path", str(config.data_dir() / "logs"), "--no-use-colors"]
    try:
        with chdir(PROJECT):  # dbt goes there, and stays
            done = dbtRunner(manifest, list(callbacks)).invoke([*arguments, *folders, *logs], **options)
    finally:
        opened: Any = DuckDBConnectionManager._ENV
        if opened is not None:
            opened.close()
        DuckDBConnectionManager.close_all_connections()
    if done.exception is not None and not isinstance(done.exception, Exception):
        raise done.exception
    return done
