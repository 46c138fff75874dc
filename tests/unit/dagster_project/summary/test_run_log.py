"""What a run says of the loading of a source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    DagsterInstance,
    MaterializeResult,
    asset,
    materialize,
)

from dagster_project.resources import raw_asset_key
from dagster_project.steps import ACCOUNTED_CHECK
from dagster_project.summary.run_log import RunLog

KEY = raw_asset_key("meta_ads", "load_audit")


@pytest.mark.parametrize(
    ("problems", "warnings", "status"),
    [([], [], "passed"), ([], ["account 8 could not be read"], "warned"), (["ads: 3 received"], [], "failed")],
)
def test_a_load_that_has_something_to_say_is_a_warning_and_does_not_stop_the_line(
    problems: list[str], warnings: list[str], status: str
) -> None:
    @asset(key=KEY, check_specs=[AssetCheckSpec(ACCOUNTED_CHECK, asset=KEY, blocking=True)])
    def load_audit() -> Iterator[MaterializeResult | AssetCheckResult]:
        yield MaterializeResult()
        yield AssetCheckResult(
            check_name=ACCOUNTED_CHECK,
            passed=not problems and not warnings,
            severity=AssetCheckSeverity.ERROR if problems else AssetCheckSeverity.WARN,
            description="; ".join([*problems, *warnings]) or None,
            metadata={"is_enabled": True, "is_accounted_for": not problems, "counts": {"meta_ads": {}}},
        )

    log = RunLog()
    with DagsterInstance.ephemeral() as instance:
        done = materialize([load_audit], instance=instance, raise_on_error=False)
        list(log.read(instance, done.run_id))
    (finding,) = log.findings
    assert (finding.status, finding.observed) == (status, "; ".join([*problems, *warnings]))
    assert done.success == (not problems)
