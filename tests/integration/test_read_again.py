"""Days that are read again, over the sandbox's servers: what lacks of them comes back, and nothing else changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.config import Account
from ingestion.days import DaysError
from ingestion.freshness import freshness
from ingestion.http import VendorError
from sandbox.running import Sandbox, running_sandbox
from tests.integration.reading import Reader

# By source: the first and the last day, counted back from the present one.
RANGES = {
    "meta_ads": (50, 40),  # longer ago than the nightly window
    "stripe": (20, 5),
    "respond_io": (30, 10),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(people=60, days=60, folder=tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


def days_of(source: str, sandbox: Sandbox) -> tuple[date, date]:
    first, last = RANGES[source]
    today = sandbox.state.now.date()
    return today - timedelta(days=first), today - timedelta(days=last)


def of_days(source: str, first: date, last: date) -> dict[str, str]:
    """Of each table that is read again, the condition that holds for the rows of these days."""
    if source == "meta_ads":
        return {"ad_insights": f"date_start between '{first}' and '{last}'"}
    if source == "stripe":
        days = f"cast(timezone('UTC', created) as date) between '{first}' and '{last}'"
        ids = f"select id from raw_stripe.subscription_events where {days}"
        return {"subscription_event_items": f"event in ({ids})", "subscription_events": days}
    inbox = Path(os.environ["SOURCES__RESPOND_IO__INBOX_PATH"])
    files = [
        path
        for path in inbox.rglob("*.json*")
        if first <= datetime.fromtimestamp(path.stat().st_mtime, UTC).date() <= last
    ]
    ids = {found for path in files for found in re.findall(r'"event_id": ?"([^"]+)"', path.read_text())}
    return {"webhook_events": f"list_contains({sorted(ids)}::varchar[], event_id)"}


def everything(source: str) -> dict[str, list[str]]:
    """Every row of every table of a source, former versions and cursors included, but for the counts of loads."""
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        found = {}
        for table in [*(table.name for table in pipelines.tables(source)), "_dlt_pipeline_state"]:
            if table != "load_audit":
                columns = "columns(c -> not starts_with(c, '_dlt') or c = '_dlt_valid_to')"
                rows = connection.execute(f"select {columns} from raw_{source}.{table}").fetchall()
                found[table] = sorted(map(str, rows))
        return found


def delete(source: str, table: str, condition: str) -> int:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        return int(connection.execute(f"delete from raw_{source}.{table} where {condition}").fetchall()[0][0])


@pytest.mark.parametrize("source", RANGES)
def test_days_that_are_missing_come_back_and_nothing_else_changes_nor_does_what_the_next_load_reads(
    sandbox: Sandbox, reader: Reader, source: str
) -> None:
    reader.run(sandbox, source, "mended")
    reader.copy("mended", "twin")
    sandbox.advance(1)  # so that a cursor that moves to the present is another
    reader.look_at(sandbox, "mended")
    first, last = days_of(source, sandbox)
    conditions = of_days(source, first, last)
    known, up_to_date = everything(source), freshness([Account(source)])

    again = pipelines.read_again(source, "", first, last)
    assert set(again.resources) == {*conditions} and min(again.received.values()) > 0
    assert everything(source) == known, "rows that are there already stay as they are"

    for table, condition in conditions.items():
        deleted = delete(source, table, condition)
        is_told_twice = table == "webhook_events"  # a webhook may arrive more than once
        assert 0 < deleted <= again.loaded[table], "these days"
        assert is_told_twice or deleted == again.loaded[table], "and no others"
    lacking = everything(source)
    pipelines.read_again(source, "", first + timedelta(days=1), last)
    of_first = of_days(source, first, first)
    assert {table for table in lacking if everything(source)[table] != lacking[table]} == {*conditions}
    assert all(delete(source, table, condition) == 0 for table, condition in of_first.items())
    pipelines.read_again(source, "", first, first)
    assert everything(source) == known
    assert freshness([Account(source)]) == up_to_date, "it is no load of the account"

    received = {warehouse: reader.run(sandbox, source, warehouse).received for warehouse in ("mended", "twin")}
    assert received["mended"] == received["twin"]
    assert reader.rows(source, "mended") == reader.rows(source, "twin")


@pytest.mark.parametrize(
    ("source", "first", "last", "said"),
    [
        ("stripe", -3, -5, "end before they begin"),
        ("stripe", -3, 1, "the last lies ahead"),
        ("stripe", -30, -3, "begin with {kept}"),
        ("meta_ads", -1200, -3, "begin with "),
        (
            "shopify",
            -5,
            -3,
            "nothing of it can be read again by day. Choose from: meta_ads, respond_io, stripe, whatsapp",
        ),
    ],
)
def test_days_that_no_vendor_can_tell_of_are_refused_before_anything_is_asked(
    reader: Reader, source: str, first: int, last: int, said: str
) -> None:
    today = date(2026, 10, 31)
    reader.patch.setenv("LIFECYCLE_AS_OF", f"{today}T06:00:00Z")
    reader.patch.setenv("LIFECYCLE_DATA_DIR", str(reader.folder / "none"))
    with pytest.raises(DaysError) as refused:
        pipelines.read_again(source, "", today + timedelta(days=first), today + timedelta(days=last))
    assert said.format(kept=today - timedelta(days=29)) in str(refused.value)
    assert not config.warehouse_path().exists()


def test_a_vendor_that_is_down_leaves_the_days_and_the_news_of_the_account_as_they_are(
    sandbox: Sandbox, reader: Reader
) -> None:
    reader.run(sandbox, "stripe", "one")
    known, up_to_date = everything("stripe"), freshness([Account("stripe")])
    reader.patch.setenv("SOURCES__STRIPE__BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(Exception) as failed:
        pipelines.read_again("stripe", "", *days_of("stripe", sandbox))
    assert isinstance(pipelines.cause(failed.value), VendorError)
    assert everything("stripe") == known and freshness([Account("stripe")]) == up_to_date
