"""The Online Retail example: every line of a real order book is a sale, a refund, or rejected with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.intake import Intake

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ONLINE_RETAIL") or ROOT.parent / "shared" / "data" / "online_retail.parquet")

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason=f"no Online Retail file at {DATA}: set ONLINE_RETAIL to the Parquet file to run this"
)

# Published by the UCI repository: what any account of the file has to add up to.
LINES = 541_909
TOTAL = Decimal("9747747.93")


class Warehouse:
    """A data folder of its own with the example's settings, and the folder the file is read from."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "files" / "online_retail.parquet"
        self.intake: Intake | None = None

    def load(self) -> Intake:
        self.intake = pipelines.run("files")
        return self.intake

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET schema = 'raw_files'")
            return connection.execute(sql, {"file": str(self.file)} if "$file" in sql else None).fetchall()

    def value(self, sql: str) -> Any:
        return self.query(sql)[0][0]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("online_retail")
    result = Warehouse(folder)
    result.file.parent.mkdir()
    result.file.symlink_to(DATA.resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_DATA_DIR", str(folder / "data"))
        patch.setenv("DLT_PROJECT_DIR", str(folder))
        patch.setenv("SOURCES__FILES__MAPPINGS_PATH", "examples/online_retail")
        patch.setenv("SOURCES__FILES__DATA_PATH", str(result.file.parent))
        result.load()
        yield result


# One row an invoice: what the file says, and what the warehouse says of the same invoice.
PER_INVOICE = """
    WITH file AS (
        SELECT InvoiceNo AS invoice, count(*) AS lines, sum(Quantity::INTEGER * UnitPrice::DECIMAL(18, 3)) AS amount
        FROM read_parquet($file) GROUP BY ALL
    ),
    parts AS (
        SELECT order_id AS invoice, count(*) AS lines, sum(quantity * unit_price) AS amount
        FROM order_lines WHERE _dlt_valid_to IS NULL GROUP BY ALL
        UNION ALL
        SELECT refund_id, NULL, -amount FROM refunds WHERE _dlt_valid_to IS NULL
        UNION ALL
        SELECT record ->> 'InvoiceNo', count(*),
            sum((record ->> 'Quantity')::INTEGER * (record ->> 'UnitPrice')::DECIMAL(18, 3))
        FROM rejected_records GROUP BY ALL
    ),
    loaded AS (SELECT invoice, sum(lines) AS lines, sum(amount) AS amount FROM parts GROUP BY ALL)
    SELECT invoice, file.lines, loaded.lines, file.amount, loaded.amount
    FROM file FULL JOIN loaded USING (invoice)
    WHERE file.amount IS DISTINCT FROM loaded.amount
        OR (invoice NOT LIKE 'C%' AND file.lines IS DISTINCT FROM loaded.lines)
    LIMIT 10
"""


def test_every_line_of_the_file_was_read_and_judged(warehouse: Warehouse) -> None:
    audit = warehouse.query("SELECT resource, received, loaded, rejected FROM load_audit ORDER BY finished_at")
    assert all(received == loaded + rejected for _, received, loaded, rejected in audit)
    counts = {resource: numbers for resource, *numbers in audit}
    assert counts["inputs.online_retail.lines"][0] == LINES
    assert warehouse.value("SELECT count(*) FROM rejected_records") == sum(rejected for *_, rejected in audit)
    for table in ("customers", "orders", "order_lines", "refunds"):
        assert warehouse.value(f"SELECT count(*) FROM {table} WHERE _dlt_valid_to IS NULL") == counts[table][1]
    lines_of_refunds = warehouse.value("""
        SELECT count(*) FROM read_parquet($file) WHERE InvoiceNo LIKE 'C%'
    """) - warehouse.value("SELECT count(*) FROM rejected_records WHERE record ->> 'InvoiceNo' LIKE 'C%'")
    rejected = counts["inputs.online_retail.lines"][2]
    assert counts["order_lines"][1] + lines_of_refunds + rejected == LINES


def test_sales_less_refunds_and_rejected_lines_are_the_total_of_the_file(warehouse: Warehouse) -> None:
    sales = warehouse.value("SELECT sum(quantity * unit_price) FROM order_lines WHERE _dlt_valid_to IS NULL")
    refunds = warehouse.value("SELECT sum(amount) FROM refunds WHERE _dlt_valid_to IS NULL")
    rejected = warehouse.value("""
        SELECT sum((record ->> 'Quantity')::INTEGER * (record ->> 'UnitPrice')::DECIMAL(18, 3)) FROM rejected_records
    """)
    assert round(sales - refunds + rejected, 2) == TOTAL
    assert sales > 0 and refunds > 0 and rejected < 0


def test_each_invoice_adds_up(warehouse: Warehouse) -> None:
    assert warehouse.query(PER_INVOICE) == []


def test_rejected_are_the_lines_without_a_trade_and_no_others(warehouse: Warehouse) -> None:
    """The policy of the example's README: five stock codes, and lines without a price."""
    rejected = "SELECT record ->> 'InvoiceNo', record ->> 'StockCode', record ->> 'Quantity' FROM rejected_records"
    policy = """
        SELECT InvoiceNo, StockCode, Quantity FROM read_parquet($file)
        WHERE StockCode IN ('B', 'AMAZONFEE', 'BANK CHARGES', 'CRUK', 'S') OR UnitPrice::DOUBLE = 0
    """
    assert warehouse.query(f"({rejected}) EXCEPT ALL ({policy})") == []
    assert warehouse.query(f"({policy}) EXCEPT ALL ({rejected})") == []
    assert warehouse.value("SELECT count(DISTINCT split_part(reason, ' (copy', 1)) FROM rejected_records") == 7


def test_lines_belong_to_orders_and_orders_to_customers(warehouse: Warehouse) -> None:
    assert warehouse.value("SELECT count(*) FROM order_lines ANTI JOIN orders USING (order_id)") == 0
    assert warehouse.value("SELECT count(*) FROM orders ANTI JOIN order_lines USING (order_id)") == 0
    orphans = "SELECT count(*) FROM {} AS t ANTI JOIN customers USING (customer_id) WHERE t.customer_id IS NOT NULL"
    assert warehouse.value(orphans.format("orders")) == 0
    assert warehouse.value(orphans.format("refunds")) == 0
    guests = warehouse.value("SELECT count(*) FROM orders WHERE customer_id IS NULL")
    assert guests == warehouse.value("""
        SELECT count(DISTINCT InvoiceNo) FROM read_parquet($file) SEMI JOIN orders ON InvoiceNo = order_id
        WHERE CustomerID IS NULL
    """)
    assert guests > 0


def test_no_line_changes_its_day_by_the_choice_of_the_zone(warehouse: Warehouse) -> None:
    assert (
        warehouse.value("""
        SELECT count(*) FROM orders
        JOIN (SELECT InvoiceNo, min(InvoiceDate)::TIMESTAMP AS clock FROM read_parquet($file) GROUP BY ALL) AS file
            ON order_id = InvoiceNo
        WHERE (ordered_at AT TIME ZONE 'UTC')::DATE <> clock::DATE OR ordered_at AT TIME ZONE 'Europe/London' <> clock
    """)
        == 0
    )


def test_again_shuffled_edited_and_shortened(warehouse: Warehouse) -> None:
    """Runs last: it writes a file of its own."""
    state = """
        SELECT md5(string_agg(_dlt_id || _dlt_valid_from || coalesce(_dlt_valid_to::VARCHAR, ''), '' ORDER BY _dlt_id))
        FROM {}
    """
    tables = ("customers", "orders", "order_lines", "refunds")
    before = {table: warehouse.value(state.format(table)) for table in tables}
    assert not +warehouse.load().received  # the file is as it was: nothing is read
    assert {table: warehouse.value(state.format(table)) for table in tables} == before

    # every row in another place, the quantity of one line changed, another line of the same invoice gone
    warehouse.file.unlink()
    duckdb.execute(
        """
        COPY (
            SELECT * REPLACE (
                CASE WHEN InvoiceNo = '536365' AND StockCode = '85123A' THEN '7' ELSE Quantity END AS Quantity
            )
            FROM read_parquet($source) WHERE NOT (InvoiceNo = '536365' AND StockCode = '71053')
            ORDER BY hash(InvoiceNo || StockCode || Quantity)
        ) TO $target
        """,
        {"source": str(DATA), "target": str(warehouse.file)},
    )
    assert warehouse.load().received["inputs.online_retail.lines"] == LINES - 1
    changed = warehouse.query("""
        SELECT order_id, sku, quantity::INTEGER, _dlt_valid_to IS NULL AS is_current
        FROM order_lines
        WHERE _dlt_valid_to IS NOT NULL OR _dlt_valid_from > (SELECT min(_dlt_valid_from) FROM order_lines) ORDER BY ALL
    """)
    assert changed == [
        ("536365", "71053", 6, False),
        ("536365", "85123A", 6, False),
        ("536365", "85123A", 7, True),
    ]
    for table in ("customers", "orders", "refunds"):
        assert warehouse.value(state.format(table)) == before[table]
    assert warehouse.query(PER_INVOICE) == []
