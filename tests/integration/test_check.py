"""`make check` against the sandbox, by the command of the Makefile: all is well, and everything wrong at once."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.lock import writer_lock
from sandbox.servers import VENDORS
from tests.integration.refreshing import ROOT, Company

# The sandbox states tokens and addresses itself: what is to be wrong is set behind it.
WRONG = {
    "LIFECYCLE_REPORTING_CURRENCY": "EURO",
    "LIFECYCLE_MEMORY_LIMIT": "900TB",
    "SOURCES__SHOPIFY__API_VERSION": "2024-01",
    "SOURCES__META_ADS__ACCESS_TOKEN": "not-this-t0ken",
    "SOURCES__HUBSPOT__INITIAL_DATE": "31.1.2025",
    "SOURCES__FILES__DATA_PATH": "/no/such/folder",
}
FAULTS = "stripe:scope_missing*99@/invoices,respond_io:silent*99"


class Checked:
    """What the command said, and the line of each source and question in its tables."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.said, self.errors = done.returncode, done.stdout, done.stderr
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in self.said.splitlines() if "│" in line]
        self.rows = {row[1]: row for row in rows if row[1]}
        self.told = [line for line in self.said.splitlines() if re.match("[✗!] ", line)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    found = Company(tmp_path_factory.mktemp("check"))
    found.environment |= {"SANDBOX_PEOPLE": "40", "SANDBOX_DAYS": "40"}
    return found


def check(company: Company, wrong: dict[str, str] | None = None, **variables: str) -> Checked:
    behind = ["env", *(f"{name}={value}" for name, value in (wrong or {}).items())]
    command = [*behind, sys.executable, "-m", "dagster_project.check"]
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.environment", "--sandbox", "--unchecked", "--", *command],
        cwd=ROOT,
        env={**company.environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Checked(done)


def state(folder: Path) -> dict[str, str]:
    """Every file below a folder with what it holds, without the logs."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.relative_to(folder).parts[0] != "logs"
    }


def test_the_makefile_runs_what_is_tested_here() -> None:
    assert "--sandbox --unchecked -- .venv/bin/python -m dagster_project.check\n" in (ROOT / "Makefile").read_text()


def test_before_the_first_refresh_every_source_is_a_line_with_what_it_told(company: Company) -> None:
    done = check(company)

    assert done.code == 0, done.said + done.errors
    assert {"files", "whatsapp", *VENDORS} <= done.rows.keys()
    assert {done.rows[source][0] for source in ("files", "whatsapp", *VENDORS)} == {"✓"}
    for source, currency, zone in (
        ("hubspot", "EUR", "Europe/Paris"),
        ("meta_ads", "USD", "America/New_York"),
        ("shopify", "EUR", "Europe/Madrid"),
        ("stripe", "EUR", "Europe/Madrid"),
    ):
        assert {currency, zone, "all", "accepted"} <= {*done.rows[source]}
    assert "2026-09-" in str(done.rows["hubspot"]) and "2026-09-" in str(done.rows["shopify"])
    assert {"settings", "now", "disk", "memory", "publication"} <= done.rows.keys()
    assert done.said.endswith("All is well. Nothing was loaded.\n")
    assert done.told == [] and done.errors == ""
    assert not company.warehouse.exists() and not company.serving.exists()


def test_everything_that_is_wrong_is_named_at_once_and_nothing_is_written(company: Company) -> None:
    before = state(company.data)

    done = check(company, WRONG, SANDBOX_FAULTS=FAULTS, RUNTIME__REQUEST_TIMEOUT="1", RUNTIME__REQUEST_MAX_ATTEMPTS="1")

    assert done.code == 1
    for source, asked, said in (
        ("hubspot", "reached", "SOURCES__HUBSPOT__INITIAL_DATE='31.1.2025': no date"),
        ("files", "account", "/no/such/folder"),
        ("meta_ads", "token", "set SOURCES__META_ADS__ACCESS_TOKEN"),
        ("respond_io", "reached", "no answer from 127.0.0.1"),
        ("shopify", "API version", "2024-01 is not served any more"),
        ("stripe", "scopes", "lacks invoice_read"),
    ):
        assert [line for line in done.told if line.startswith(f"✗ {source}, {asked}: ") and said in line], said
    assert (
        "✗ settings: LIFECYCLE_REPORTING_CURRENCY='EURO': no currency. Write its code of ISO 4217, such as EUR."
        in done.told
    )
    assert any(line.startswith("✗ memory: LIFECYCLE_MEMORY_LIMIT lets DuckDB use 900,000.0 GB") for line in done.told)
    assert "not-this-t0ken" not in done.said + done.errors
    assert done.errors == ""
    assert state(company.data) == before


def test_a_check_beside_a_refresh_disturbs_neither(company: Company) -> None:
    with writer_lock(company.data), duckdb.connect(str(company.warehouse)) as connection:
        connection.execute("create table being_written as select 1")

        done = check(company)

        assert done.code == 0, done.said
        assert "a refresh is running" in str(done.rows["now"])
        connection.execute("drop table being_written")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIFECYCLE_REPORTING_CURRENCY", "EURO", "no currency. Write its code of ISO 4217"),
        ("SOURCES__HUBSPOT__INITIAL_DATE", "31.1.2025", "no date. Write it like 2025-01-31"),
        ("LIFECYCLE_AS_OF", "yesterday", "no instant. Write it like 2026-10-31T06:00:00Z"),
    ],
)
def test_a_refresh_refuses_a_currency_and_an_instant_before_it_begins(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    company = Company(tmp_path)
    variables = {"LIFECYCLE_PROFILE": "production", "LIFECYCLE_SOURCES": "hubspot", name: value}

    done = company.run(sys.executable, "-m", "dagster_project.refresh", **variables)

    assert done.returncode == 1
    assert f"Not refreshed: {name}='{value}': {said}" in done.stdout
    assert not company.warehouse.exists()
