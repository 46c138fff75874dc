"""A vendor that is down for a night: nothing of it is half loaded, the others go on, and the next night makes it good.

The short version loads one source by its command; the long one refreshes two companies side by side, of which one lives
through a bad night.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion import pipelines
from serving.compare import compare
from tests.integration.refreshing import Company
from tests.resilience import times
from tests.resilience.running import changed_marts

SMALL = {"SANDBOX_PEOPLE": "60", "SANDBOX_DAYS": "60"}
ONE_TRY = {"RUNTIME__REQUEST_MAX_ATTEMPTS": "1"}
# What each vendor answers on the bad night, for good; what was read before it is dropped.
BAD_NIGHTS = {
    "it is down": ("shopify:500*100000", "the vendor failed, status 500"),
    "its answers have another shape": ("shopify:error_in_200*100000", "the answer was an error, status 200"),
    "its answers break off": ("shopify:truncated_json*100000", "the answer was an error, status 200"),
}


def small_company(folder: Path) -> Company:
    company = Company(folder)
    company.environment |= SMALL
    return company


def twin_of(company: Company, folder: Path) -> Company:
    twin = small_company(folder)
    shutil.copytree(company.data, twin.data, symlinks=True)
    return twin


def advance(*companies: Company) -> None:
    for company in companies:
        done = company.run(sys.executable, "-m", "sandbox", "advance", "--days", "1")
        assert done.returncode == 0, done.stderr


def load(company: Company, **variables: str) -> subprocess.CompletedProcess[str]:
    return company.run(sys.executable, "-m", "ingestion", "shopify", sandbox=True, **variables)


def raw(company: Company, *, latest: bool = False) -> dict[str, list[tuple]]:
    """Every row of the raw tables of Shopify; `latest`: what holds now, without what dlt keeps beside it."""
    rows = {}
    with duckdb.connect(str(company.warehouse), read_only=True) as connection:
        for table in pipelines.tables("shopify"):
            columns = [name for name in table.stored_columns() if not (latest and name.startswith("_dlt_"))]
            if latest and table.name == "load_audit":
                continue
            holds = "_dlt_valid_to is null" if latest and table.history == "versions" else "true"
            chosen = ", ".join(f'"{name}"' for name in columns)
            rows[table.name] = connection.execute(
                f"select {chosen} from raw_shopify.{table.name} where {holds} order by all"
            ).fetchall()
    return rows


def test_what_a_failing_night_leaves_out_is_loaded_by_the_next(tmp_path: Path) -> None:
    lucky = small_company(tmp_path / "lucky")
    assert load(lucky).returncode == 0
    unlucky = twin_of(lucky, tmp_path / "unlucky")
    first_night = raw(lucky)

    advance(lucky, unlucky)
    for name, (faults, reason) in list(BAD_NIGHTS.items())[: times(1, len(BAD_NIGHTS))]:
        failed = load(unlucky, SANDBOX_FAULTS=faults, **ONE_TRY)
        assert failed.returncode == 1 and "failed: shopify: " in failed.stderr, name
        assert raw(unlucky) == first_night, name
        assert unlucky.rows("from raw_shopify._failed_loads") == [("", reason)]

    assert load(lucky).returncode == load(unlucky).returncode == 0
    assert raw(unlucky, latest=True) == raw(lucky, latest=True) != first_night
    assert raw(lucky) != first_night, "a day without any change"
    assert unlucky.rows("from raw_shopify._failed_loads") == []


@pytest.mark.skipif(times(0, 1) == 0, reason="two companies over three nights take minutes: make resilience")
def test_a_night_without_a_vendor_and_a_good_one_equal_two_good_nights(tmp_path: Path) -> None:
    lucky = small_company(tmp_path / "lucky")
    assert lucky.refresh().returncode == 0
    unlucky = twin_of(lucky, tmp_path / "unlucky")

    advance(lucky, unlucky)
    before = unlucky.published()
    faults, reason = BAD_NIGHTS["it is down"]
    refused = unlucky.refresh(SANDBOX_FAULTS=faults, LIFECYCLE_REQUIRED_SOURCES="stripe,shopify", **ONE_TRY)
    assert refused.returncode == 1, refused.stdout
    assert re.search(r"^Failed: load_shopify: .*LIFECYCLE_REQUIRED_SOURCES", refused.stdout, re.MULTILINE)
    assert unlucky.published() == before

    failed = unlucky.refresh(SANDBOX_FAULTS=faults, **ONE_TRY)
    assert failed.returncode == 2, failed.stdout
    published = unlucky.published()
    since = f"{before.as_of:%Y-%m-%d %H:%M} UTC"
    assert f", without news of shopify since {since} ({reason}). Query it:" in failed.stdout
    assert re.search(r"^shopify\s+failed\s*$", failed.stdout, re.MULTILINE)
    assert re.search(rf"failed: loading, shopify: .*no news since {since}, for 1 day", failed.stdout)
    stale = {source.name: source.stale_since for source in published.states if source.is_stale}
    assert stale == {"shopify": before.as_of}
    assert all(source.loaded_as_of == published.as_of for source in published.states if not source.is_stale)
    # The others go on: their day is in the marts.
    changed = [change.mart for change in compare(before.path, published.path) if not change.is_unchanged]
    assert "lifecycle_daily" in changed

    assert lucky.refresh().returncode == 0
    advance(lucky, unlucky)
    for company in (lucky, unlucky):
        done = company.refresh()
        assert done.returncode == 0, done.stdout
        assert "without news" not in done.stdout
    assert changed_marts(lucky, unlucky) == {}
