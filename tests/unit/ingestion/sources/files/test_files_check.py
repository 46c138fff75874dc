"""What is looked at of files before anything is loaded: the mappings, and the beginning of each file."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from ingestion import check
from ingestion.config import Account
from ingestion.sources.files.check import ROWS

MAPPING = """
name: shop
timezone: Europe/Paris
inputs:
  sales: {path: "sales*.csv", delimiter: ";"}
entities:
  orders:
    from: sales
    columns: {order_id: number, ordered_at: bought_at, currency: "'EUR'", total_amount: total}
"""
HEADER = "number;bought_at;total\n"
ROW = "{};2026-01-0{};10.50\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.yml").write_text(MAPPING)
    (tmp_path / "sales1.csv").write_text(HEADER + "".join(ROW.format(n, n % 9 + 1) for n in range(200)))
    monkeypatch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(tmp_path / "shop.yml"))
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path))
    return tmp_path


def findings() -> list[check.Finding]:
    (found,) = check.ask([Account("files")]).values()
    return found


def failures() -> list[str]:
    return [finding.advice for finding in findings() if finding.state == "failed"]


def test_mappings_files_and_time_zones_are_told(folder: Path) -> None:
    (folder / "sales2.csv").write_text(HEADER + ROW.format(9, 9))

    told = {finding.asked: finding.answer for finding in findings()}

    assert (told["reached"], told["account"], told["time zone"]) == ("1 mapping", "2 files", "Europe/Paris")
    assert failures() == []


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "sales1.csv").unlink()

    (failure,) = failures()

    assert "no file 'sales*.csv'" in failure and "SOURCES__FILES__DATA_PATH" in failure


def test_a_mapping_that_does_not_parse_is_named_with_its_problems(folder: Path) -> None:
    (folder / "shop.yml").write_text(MAPPING.replace("order_id: number, ", "").replace("timezone:", "zone:"))

    (failure,) = failures()

    assert "shop.yml" in failure and "zone" in failure and "order_id" in failure


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("total_amount: total", "total_amount: sum_total", "sum_total"),
        ("ordered_at: bought_at", "ordered_at: strptime(bought_at", "ordered_at"),
    ],
)
def test_a_column_that_is_not_there_and_an_sql_that_cannot_run_are_named(
    folder: Path, written: str, instead: str, said: str
) -> None:
    (folder / "shop.yml").write_text(
        MAPPING.replace(written, f'"{instead.split(": ")[0]}": "{instead.split(": ")[1]}"')
    )

    (failure,) = failures()

    assert "shop.yml" in failure and said in failure


def test_no_more_than_the_beginning_is_read_and_rows_stay_whole(folder: Path) -> None:
    """A long value that begins like rows is, cut short, a quotation mark that is not closed."""
    long = '"' + "a;pasted;table\n" * 30 + "and a lot of prose\n" * 100 + '";2026-01-01;10.50\n'
    rows = long + ROW.format(2, 2) * (ROWS - 2)
    (folder / "sales1.csv").write_text(HEADER + rows + '"never closed;2026-01-01;1\n' * 3)

    assert failures() == []


def test_a_fault_is_told_of_the_file_and_not_of_its_copy(folder: Path) -> None:
    (folder / "sales1.csv").write_text(
        HEADER + ROW.format(1, 1) + '"never closed;2026-01-01;1\n' + ROW.format(2, 2) * 20
    )

    (failure,) = failures()

    assert str(folder / "sales1.csv") in failure and "check-" not in failure


def test_a_file_that_names_its_delimiter_is_read_by_it(folder: Path) -> None:
    long = '1,"' + "a,pasted,table\n" * 30 + "and a lot of prose\n" * 100 + '",10.50\n'
    (folder / "sales1.csv").write_text("sep=,\n" + HEADER.replace(";", ",") + long)

    assert failures() == []


def test_packed_files_and_parquet_are_read_too(folder: Path) -> None:
    (folder / "sales1.csv").unlink()
    (folder / "sales.csv.gz").write_bytes(gzip.compress((HEADER + ROW.format(1, 1)).encode()))
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select '1' as number, '2026-01-01' as bought_at, 1 as total) to '{folder / 'a.parquet'}'"
        )
    (folder / "shop.yml").write_text(MAPPING.replace("sales*.csv", "sales.csv.gz"))
    assert failures() == []

    (folder / "shop.yml").write_text(MAPPING.replace('{path: "sales*.csv", delimiter: ";"}', "{path: a.parquet}"))
    assert failures() == []


@pytest.mark.parametrize("name", ["sales.csv.gz", "a.parquet"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"no such format")
    options = '{path: "sales*.csv", delimiter: ";"}'
    (folder / "shop.yml").write_text(MAPPING.replace(options, f"{{path: {name}}}"))

    (failure,) = failures()

    assert str(folder / name) in failure and "have the file written again" in failure.lower()


def test_a_key_that_only_later_json_has_is_no_fault(folder: Path) -> None:
    lines = ['{"number": "1", "bought_at": "2026-01-01"}\n'] * (2 * ROWS) + ['{"number": "2", "total": "1"}\n']
    (folder / "sales.jsonl").write_text("".join(lines))
    (folder / "shop.yml").write_text(MAPPING.replace('{path: "sales*.csv", delimiter: ";"}', "{path: sales.jsonl}"))

    assert failures() == []
