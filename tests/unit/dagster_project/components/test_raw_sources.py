"""One account that cannot be loaded stops neither its siblings nor the run, unless it is required."""

from __future__ import annotations

import errno
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import dlt
import duckdb
import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, materialize
from dagster_dlt import DagsterDltResource

from dagster_project.components.raw_sources import RawSources
from dagster_project.resources import Refresh
from dagster_project.steps import ACCOUNTED_CHECK, LOADED_CHECK
from dagster_project.summary.run_log import RunLog
from ingestion import config
from ingestion.config import Account, SettingsError
from ingestion.freshness import freshness
from ingestion.http import Problem, VendorError
from ingestion.tables import AccountRow, RawTable

SHOP, OUTLET = Account("vendor"), Account("vendor", "outlet")
DOWN = VendorError("vendor: GET /things: down.", status=500, problem=Problem("down", retry=True))
DENIED = VendorError("vendor: GET /things: who are you?", status=401, problem=Problem("who are you?"))


class Thing(AccountRow):
    id: str


THINGS = RawTable("things", Thing, "events", ("id",))


class Vendor(ModuleType):
    """A source package with two accounts, each with the errors that its next loads end with."""

    TABLES = (THINGS,)

    def __init__(self) -> None:
        super().__init__("ingestion.sources.vendor")
        self.errors: dict[str, list[BaseException]] = {}
        self.reads: Counter[str] = Counter()
        self.lost = False

    def resources(self, intake):
        def things():
            self.reads[intake.account] += 1
            yield list(intake.accept(THINGS, [{"id": f"{intake.account}{n}"} for n in range(3)]))
            if self.lost:
                intake.received["things"] += 1
            if self.errors.get(intake.account):
                raise self.errors[intake.account].pop(0)

        yield dlt.resource(things, **THINGS.hints())


class NoRefresh(Refresh):
    """Neither lock nor summary: only the loading is tried."""

    @contextmanager
    def yield_for_execution(self, context) -> Iterator[Refresh]:
        yield self


@pytest.fixture
def vendor(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    module = Vendor()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(config, "enabled_accounts", lambda: (SHOP, OUTLET))
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    return module


def load(tries: int = 3) -> tuple[ExecuteInProcessResult, RunLog]:
    """Load the vendor as a step of a run, with what the run logged."""
    log = RunLog()
    with DagsterInstance.ephemeral() as instance:
        done = materialize(
            [RawSources(tries=tries, first_wait_seconds=0)._load_of("vendor")],
            resources={"refresh": NoRefresh(), "dlt_loader": DagsterDltResource()},
            instance=instance,
            raise_on_error=False,
        )
        list(log.read(instance, done.run_id))
    return done, log


def loaded() -> dict[str, int]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        found = "select source_account, count(*) from raw_vendor.things group by all order by all"
        return dict(connection.execute(found).fetchall())


def test_an_account_that_cannot_be_loaded_does_not_stop_its_sibling(vendor: Vendor) -> None:
    vendor.errors = {"": [DENIED]}
    done, log = load()

    assert done.success and loaded() == {"outlet": 3}
    assert vendor.reads == {"": 1, "outlet": 1}, "what does not pass by itself is not tried again"
    assert log.failed_accounts == {"vendor"}
    assert log.counts.keys() == {"vendor.outlet"}
    said = [(finding.kind, finding.subject, finding.status, finding.observed) for finding in log.findings]
    assert ("loading", "vendor", "failed", f"{DENIED} (never loaded)") in said
    shop, outlet = freshness((SHOP, OUTLET))
    assert (shop.reason, shop.loaded_at) == ("access denied, status 401", None)
    assert outlet.reason is None and outlet.loaded_at is not None
    (table,) = [each for each in done.asset_materializations_for_node("load_vendor") if each.label.endswith("things")]
    assert table.metadata["is_failed"].value is True
    assert table.metadata["received"].value == 3


def test_only_what_may_still_be_loaded_is_tried_again(vendor: Vendor) -> None:
    vendor.errors = {"outlet": [DOWN, DOWN]}
    done, log = load()

    assert done.success and loaded() == {"": 3, "outlet": 3}
    assert vendor.reads == {"": 1, "outlet": 3}
    assert log.failed_accounts == set()
    assert {name: counts["things"]["received"] for name, counts in log.counts.items() if counts} == {
        "vendor": 3,
        "vendor.outlet": 3,
    }


def test_a_vendor_that_stays_down_is_a_failed_source_after_the_last_try_and_recovers(vendor: Vendor) -> None:
    load()
    (before,) = freshness((OUTLET,))
    vendor.errors, vendor.reads = {"outlet": [DOWN] * 3}, Counter()
    done, log = load(tries=2)

    assert done.success and vendor.reads == {"": 1, "outlet": 2}
    check = {each.check_name: each for each in done.get_asset_check_evaluations()}
    assert not check[LOADED_CHECK].passed and check[ACCOUNTED_CHECK].passed
    assert "vendor.outlet: vendor: GET /things: down. (no news since 2026-10-31 06:00 UTC" in (
        check[LOADED_CHECK].description or ""
    )
    (stale,) = freshness((OUTLET,))
    assert (stale.loaded_at, stale.reason) == (before.loaded_at, "the vendor failed, status 500")

    vendor.errors = {}
    assert load()[1].failed_accounts == set()
    assert freshness((OUTLET,))[0].reason is None


def test_without_a_required_account_the_step_fails_and_its_sibling_is_loaded(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.environment._enabled", lambda accounts: accounts)
    settings = "dagster_project.components.raw_sources.environment.settings"
    monkeypatch.setattr(settings, lambda: type("Settings", (), {"required_sources": (OUTLET,)}))
    vendor.errors = {"outlet": [DENIED]}
    done, log = load()

    assert not done.success and loaded() == {"": 3}
    cause = log.steps["load_vendor"].cause
    assert cause.startswith(f"vendor.outlet: {DENIED} (nothing is published without it: LIFECYCLE_REQUIRED_SOURCES")


@pytest.mark.parametrize(
    ("error", "said", "tried"),
    [
        (SettingsError("SOURCES__VENDOR__TOKEN is missing."), "SOURCES__VENDOR__TOKEN is missing.", 1),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full", 2),
        (duckdb.FatalException("the database was invalidated"), "the database was invalidated", 2),
    ],
)
def test_what_concerns_every_source_fails_the_step(vendor: Vendor, error: Exception, said: str, tried: int) -> None:
    vendor.errors = {"": [error] * 2}
    done, log = load(tries=2)

    assert not done.success and vendor.reads[""] == tried
    assert said in log.steps["load_vendor"].cause
    assert freshness((SHOP,))[0].reason == "it was not loaded yet", "noted as an error of the source"


def test_a_request_to_end_is_no_failed_source(vendor: Vendor) -> None:
    vendor.errors = {"": [KeyboardInterrupt()]}
    done, log = load()

    assert not done.success and vendor.reads == {"": 1}
    assert log.failed_accounts == set() and freshness((SHOP,))[0].reason == "it was not loaded yet"


def test_records_that_are_lost_stop_the_line_as_before(vendor: Vendor) -> None:
    vendor.lost = True
    done, log = load()

    assert not done.success
    assert any(finding.kind == "accounting" and finding.status == "failed" for finding in log.findings)
