"""The Online Retail example once more, its lines in a table of PostgreSQL: the raw tables are those of the file.

`make test` takes a part of the lines, `make resilience` all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from ingestion import config, pipelines
from tests.integration.test_online_retail_load import DATA, LINES
from tests.resilience import times

ROOT = Path(__file__).resolve().parents[2]
MAPPING = ROOT / "examples" / "online_retail" / "online_retail.yml"
TABLES = ("customers", "orders", "order_lines", "refunds", "rejected_records")
OF_THE_LOAD = {"rejected_records": "_dlt_load_id, _dlt_id"}  # columns that two loads of the same rows differ in

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason=f"no Online Retail file at {DATA}: set ONLINE_RETAIL to the Parquet file to run this"
)


def load(folder: Path, mapping: str, patch: pytest.MonkeyPatch) -> dict[str, list[tuple[Any, ...]]]:
    """What a load with the mapping leaves in each raw table, without when it was loaded."""
    folder.mkdir(exist_ok=True)
    (folder / "mapping.yml").write_text(mapping)
    patch.setenv("LIFECYCLE_DATA_DIR", str(folder / "data"))
    patch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(folder / "mapping.yml"))
    pipelines.run("files")
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        connection.execute("SET enable_progress_bar = false")
        return {
            table: connection.execute(
                f"SELECT * EXCLUDE ({OF_THE_LOAD.get(table, '_dlt_load_id, _dlt_valid_from')}) "
                f"FROM raw_files.{table} ORDER BY ALL"
            ).fetchall()
            for table in TABLES
        }


def test_the_lines_in_a_table_are_loaded_as_those_in_the_file(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tmp_path / "online_retail.parquet"
    duckdb.execute(
        f"COPY (SELECT * FROM read_parquet($source) LIMIT {times(20_000, LINES)}) TO $target",
        {"source": str(DATA), "target": str(lines)},
    )
    with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("online_retail", duckdb.read_parquet(str(lines)).to_arrow_reader())
        connection.commit()
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path))
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", postgres)
    mapping, of_file = MAPPING.read_text(), "lines: {path: online_retail.parquet}"
    assert of_file in mapping

    from_file = load(tmp_path / "file", mapping, monkeypatch)
    of_table = mapping.replace(of_file, "lines: {table: public.online_retail}").replace(
        "\ninputs:", "\nconnection: shop\ninputs:"
    )
    from_table = load(tmp_path / "table", of_table, monkeypatch)

    assert all(from_file.values())
    for table in TABLES:
        assert from_table[table] == from_file[table], table
