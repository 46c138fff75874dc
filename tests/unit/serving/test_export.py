"""What is exported is what is published, row for row, whichever format it has, and whatever the texts hold."""

from __future__ import annotations

import csv
import math
import os
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagster_project.export_marts import main
from serving import export as exporting
from serving import workbook
from serving.export import FORMATS, Export, ExportError, Format, export
from serving.publish import Description, PublicationError, Source, publish
from serving.versions import link_path
from tests.resilience import times

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
STALE = Source("shopify", AS_OF, AS_OF, "the vendor failed, status 500")
SAID = Description("Facts, =1+1. One row per id.", {"id": "The id.", "amount": "=SUM(A1) is what it's not."})


def published(folder: Path, *statements: str, descriptions: dict[str, Description] | None = None, **drawn: Any) -> Path:
    """A serving folder whose version holds what these statements leave in the schema of the marts."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema if not exists marts")
        for name, table in drawn.items():
            connection.register(name, table)
        for statement in statements:
            connection.execute(statement)
        found = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    marts = [name for (name,) in found]
    publish(
        folder / "warehouse.duckdb",
        folder / "serving",
        marts=marts,
        as_of=AS_OF,
        sources=[STALE, Source("files", AS_OF, AS_OF)],
        descriptions=descriptions,
    )
    return folder / "serving"


def export_quietly(serving_dir: Path, out: Path, format: Format) -> Export:
    return export(serving_dir, out, format, lambda rows: lambda mart, done: None)


def rows_of(serving_dir: Path, mart: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(link_path(serving_dir)), read_only=True) as connection:
        return connection.execute(f'from marts."{mart}"').fetchall()


# ---- every value

ARROW = pa.schema(
    {
        "text": pa.string(),
        "amount": pa.decimal128(18, 4),
        "share": pa.decimal128(28, 9),
        "rate": pa.float64(),
        "number": pa.int64(),
        "is_so": pa.bool_(),
        "happened_on": pa.date32(),
        "happened_at": pa.timestamp("us"),
        "closes_at": pa.time64("us"),
    }
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        '=HYPERLINK("http://127.0.0.1")',
        "http://127.0.0.1/",
        "<r>no markup</r>",
        "<r><t>&amp;</t></r>",
        "_x0041_",
        "\0\x0b\x1f",
        "a\r\nb\rc\n",
        '"quoted", and so',
        " spaces ",
        "",
        "007",
        "1e5",
        "2026-01-01",
        "true",
        "\ufffe\uffff",
        "é👍",
        "NULL",
    ]
)
VALUES = st.fixed_dictionaries(
    {
        "text": st.none() | TEXTS,
        "amount": st.none() | st.decimals(-(10**13), 10**13, places=4, allow_nan=False),
        "share": st.none() | st.decimals(-(10**7), 10**7, places=9, allow_nan=False),
        "rate": st.none() | st.floats(width=64),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000),
        "is_so": st.none() | st.booleans(),
        "happened_on": st.none() | st.dates(),
        "happened_at": st.none() | st.datetimes(),
        "closes_at": st.none() | st.times(),
    }
)
NASTY = [{**dict.fromkeys(ARROW.names), "text": text} for text in ("<r>bold</r>", "<r></r>", "=1", "\0", "_x000D_\r\n")]


@settings(max_examples=times(4, 100))
@given(rows=st.lists(VALUES, max_size=60))
@example(rows=NASTY)
@example(
    rows=[{**dict.fromkeys(ARROW.names), "rate": rate} for rate in (1.7976931348623157e308, 5e-324, math.nan, -0.0)]
)
@example(rows=[])
def test_every_value_is_read_back_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("values")
    serving_dir = published(
        folder,
        "create table marts.facts as select *, {'a': number, 'b': [text]} as deep from drawn",
        drawn=pa.Table.from_pylist(rows, ARROW),
    )
    for format in FORMATS:
        export_quietly(serving_dir, folder, format)

    with duckdb.connect() as connection:
        connection.execute(f"attach '{link_path(serving_dir)}' as published (read_only)")
        there = "published.marts.facts"
        parquet = f"read_parquet('{folder}/marts_parquet/facts.parquet')"
        types = connection.execute(f"describe {there}").fetchall()
        assert connection.execute(f"describe from {parquet}").fetchall() == types, "Parquet keeps the types"
        assert differing(connection, f"from {there}", f"from {parquet}") == 0
        texts = ", ".join(f"'{name}': 'varchar'" for name, *_ in types)
        csv_file = (
            f"read_csv('{folder}/marts_csv/facts.csv', columns = {{{texts}}}, header = true, delim = ',', "
            "quote = '\"', escape = '\"', allow_quoted_nulls = false, auto_detect = false, parallel = false)"
        )
        assert (
            read_by_python(folder / "marts_csv" / "facts.csv")
            == connection.execute(f"select coalesce(columns(*)::varchar, '') from {there}").fetchall()
        )
        if all("\r" not in (row["text"] or "") and "\n" not in (row["text"] or "") for row in rows):
            as_texts = "select columns(*)::varchar from"
            assert differing(connection, f"{as_texts} {there}", f"from {csv_file}") == 0
    sheet = openpyxl.load_workbook(folder / "marts_xlsx" / "marts.xlsx")["facts"]
    found = [tuple(map(read_cell, row)) for row in sheet.iter_rows(min_row=2, max_col=len(types))]
    assert len(found) == len(rows)
    for cells, row in zip(found, rows_of(serving_dir, "facts"), strict=True):
        for cell, value in zip(cells, row, strict=True):
            assert is_the_same(cell, value), (cell, value)


def differing(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    query = f"select count(*) from (({one} except all {other}) union all ({other} except all {one}))"
    return int(connection.execute(query).fetchall()[0][0])


def read_by_python(file: Path) -> list[tuple[str, ...]]:
    with file.open(encoding="utf-8", newline="") as opened:
        _, *rows = csv.reader(opened)
    return [tuple(row) for row in rows]


def read_cell(cell: Any) -> Any:
    """Its value; of a text, with the characters that a workbook cannot hold as such."""
    assert cell.data_type != "f", "a formula"
    if not isinstance(cell.value, str):
        return cell.value
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), cell.value)


def is_the_same(cell: Any, value: Any) -> bool:
    """Excel keeps 15 digits and milliseconds, and no date before March 1900: what would lose more is a text."""
    if value is None:
        return cell is None
    if isinstance(value, bool | str):
        return type(cell) is type(value) and cell == value
    if isinstance(value, int | Decimal):
        is_short = len(Decimal(value).normalize().as_tuple().digits) <= 15
        return Decimal(str(cell)) == value and (isinstance(cell, int | float) or not is_short or abs(value) >= 10**5)
    if isinstance(value, float):
        if isinstance(cell, str):
            return not 1e-307 < abs(value) < 9e307 and str(float(cell)) == str(value)
        return math.isclose(cell, value, rel_tol=1e-15)
    if isinstance(value, datetime) or (type(value) is date):
        if isinstance(cell, str):
            return cell in (str(value), str(value).rstrip("0")) and value.year <= 1900
        at = value if isinstance(value, datetime) else datetime.combine(value, time())
        return abs((cell - at).total_seconds()) <= 0.001
    if isinstance(value, time):
        return abs(seconds(cell) - seconds(value)) <= 0.001 or isinstance(cell, datetime)
    return isinstance(cell, str)  # nested values, as JSON


def seconds(at: Any) -> float:
    return at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6


# ---- the workbook


@pytest.fixture
def serving_dir(tmp_path: Path) -> Path:
    return published(
        tmp_path / "it's data",
        "create table marts.facts as select 'p' || range as id, 10.25::decimal(18, 4) as amount, "
        "timestamp '2026-01-02 03:04:05' as happened_at, true as is_so from range(3)",
        "create table marts.empty as select 1 as id where false",
        descriptions={"facts": SAID},
    )


def test_a_workbook_lists_its_sheets_and_says_what_columns_are(serving_dir: Path, tmp_path: Path) -> None:
    done = export_quietly(serving_dir, tmp_path, "xlsx")

    book = openpyxl.load_workbook(done.folder / "marts.xlsx")
    assert book.sheetnames == ["Marts", "empty", "facts", "publication", "publication_sources"]
    listed = [[cell.value for cell in row] for row in book["Marts"].iter_rows()]
    assert listed[:3] == [
        ["Version", done.version, None, None],
        [
            "Data as of",
            "2026-10-31 06:00 UTC without news of shopify since 2026-10-31 06:00 UTC (the vendor failed, status 500)",
            None,
            None,
        ],
        ["Instants", "UTC", None, None],
    ]
    assert ["facts", 3, None, SAID.text] in listed and ["empty", 0, None, None] in listed
    links = [cell.hyperlink.location for (cell,) in book["Marts"]["A6:A9"]]
    assert links == [f"'{name}'!A1" for name in book.sheetnames[1:]]
    facts = book["facts"]
    assert facts.freeze_panes == "A2" and facts.auto_filter.ref == "A1:D4"
    assert [cell.value for cell in facts[1]] == ["id", "amount", "happened_at", "is_so"]
    assert [cell.comment.text for cell in facts[1]] == [
        "The id.\nvarchar",
        "=SUM(A1) is what it's not.\ndecimal(18,4)",
        "timestamp",
        "boolean",
    ]
    assert [cell.value for cell in facts[2]] == ["p0", 10.25, datetime(2026, 1, 2, 3, 4, 5), True]
    assert [cell.is_date for cell in facts[2]] == [False, False, True, False]


def test_what_a_sheet_cannot_hold_lies_beside_it_as_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(workbook, "LARGEST_ROWS", 10)
    monkeypatch.setattr(workbook, "LARGEST_CELLS", 15)
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    longest = "👍" * 16_383 + "a"
    published(
        tmp_path,
        "create table marts.tall as from range(11)",
        "create table marts.wide as select range as a, range as b from range(8)",
        "create table marts.fits as from range(10)",
        f"create table marts.long as select '{longest}' as text union all select '{longest}b' order by 1",
    )

    assert main(["xlsx", "--out", str(tmp_path)]) == 0
    folder, said = tmp_path / "marts_xlsx", capsys.readouterr().out
    assert " marts of lifecycle-000001-" in said and f" s: {folder}\n" in said
    assert "tall: 11 rows are more than a sheet takes, so it lies beside the workbook: tall.parquet" in said
    assert "wide: 16 cells are more than Excel works with well, so it lies beside the workbook: wide.parquet" in said
    assert "long: 1 text is longer than the 32,767 characters of a cell" in said
    assert {path.name for path in folder.iterdir()} == {
        *("_columns.csv", "_marts.csv", "marts.xlsx", "tall.parquet", "wide.parquet", "long.parquet")
    }
    book = openpyxl.load_workbook(folder / "marts.xlsx")
    assert book.sheetnames == ["Marts", "fits", "long", "publication", "publication_sources"]
    assert [cell.value for (cell,) in book["long"]["A2:A3"]] == [longest, longest]
    elsewhere = {row[0].value: row[2].value for row in book["Marts"].iter_rows(min_row=6)}
    assert elsewhere["tall"] == "11 rows are more than a sheet takes: tall.parquet has it whole"
    assert elsewhere["fits"] is None and "long.parquet" in elsewhere["long"]
    for mart in ("tall", "wide", "long"):
        assert duckdb.read_parquet(str(folder / f"{mart}.parquet")).fetchall() == rows_of(tmp_path / "serving", mart)


def test_sheets_have_names_that_excel_takes() -> None:
    names = ["marts", "history", "a" * 31, "A" * 32, "a" * 40, "b[1]:*?/\\", "'quoted'"]
    found = workbook.sheet_names(names)

    assert [*found] == names
    assert found == {
        "marts": "marts~2",
        "history": "history~2",
        "a" * 31: "a" * 31,
        "A" * 32: "A" * 29 + "~2",
        "a" * 40: "a" * 29 + "~3",
        "b[1]:*?/\\": "b_1______",
        "'quoted'": "quoted",
    }


# ---- the folder


@pytest.mark.parametrize("format", FORMATS)
def test_the_lists_say_which_file_has_what(serving_dir: Path, tmp_path: Path, format: Format) -> None:
    done = export_quietly(serving_dir, tmp_path, format)

    places = list(csv.DictReader((done.folder / "_marts.csv").open(encoding="utf-8", newline="")))
    assert {place["mart"]: place["rows"] for place in places} == {
        "empty": "0",
        "facts": "3",
        "publication": "1",
        "publication_sources": "2",
    }
    assert {place["file"] for place in places} == {path.name for path in done.folder.glob("[!_]*")}
    assert next(place for place in places if place["mart"] == "facts")["description"] == SAID.text
    columns = [*csv.reader((done.folder / "_columns.csv").open(encoding="utf-8", newline=""))]
    assert ["facts", "amount", "decimal(18,4)", SAID.columns["amount"]] in columns


def test_the_next_export_takes_its_place_and_what_is_not_of_an_export_is_left_alone(
    serving_dir: Path, tmp_path: Path
) -> None:
    first = export_quietly(serving_dir, tmp_path, "csv")
    published(serving_dir.parent, "drop table marts.empty", "insert into marts.facts from marts.facts limit 1")
    second = export_quietly(serving_dir, tmp_path, "csv")

    assert second.folder == first.folder and second.version > first.version
    assert len(read_by_python(second.folder / "facts.csv")) == 4
    assert not (second.folder / "empty.csv").exists()
    (second.folder / "my pivots.xlsx").touch()
    before = {path: path.read_bytes() for path in second.folder.iterdir()}
    with pytest.raises(ExportError, match="holds my pivots.xlsx, which no export wrote"):
        export_quietly(serving_dir, tmp_path, "csv")
    assert {path: path.read_bytes() for path in second.folder.iterdir()} == before


def test_who_may_read_what_is_published_may_read_the_export(
    serving_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(serving_dir.parent))
    before = os.umask(0o077)
    try:
        for readers, modes in (("owner", (0o700, 0o600)), ("", (0o750, 0o640)), ("everyone", (0o755, 0o644))):
            monkeypatch.setenv("LIFECYCLE_PUBLISHED_READERS", readers)
            assert main(["parquet", "--out", str(tmp_path)]) == 0
            folder = tmp_path / "marts_parquet"
            assert {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())} == {*modes}
    finally:
        os.umask(before)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_fails_leaves_the_one_before(
    serving_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Format
) -> None:
    done = export_quietly(serving_dir, tmp_path / "out", format)
    before = {path: path.read_bytes() for path in done.folder.iterdir()}

    def crash_at_the_end(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(ExportError, match="cannot be written to: no space left"):
        patch.setattr(exporting, "sync_all", crash_at_the_end)
        export_quietly(serving_dir, tmp_path / "out", format)
    assert {path: path.read_bytes() for path in done.folder.iterdir()} == before
    assert [*(tmp_path / "out").iterdir()] == [done.folder]


def test_before_anything_is_published_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))

    assert main(["csv"]) == 1
    assert "Nothing was exported: nothing is published in" in capsys.readouterr().err
    assert not (tmp_path / "exports").exists()
    with pytest.raises(PublicationError, match="refresh first"):
        export_quietly(tmp_path / "serving", tmp_path, "xlsx")


def test_a_workbook_is_no_more_in_memory_than_a_row(tmp_path: Path) -> None:
    """What is not written yet lies beside it, on the disk that it goes to, and is gone in the end."""
    serving_dir = published(tmp_path, "create table marts.many as select range as id from range(20000)")
    seen: list[list[str]] = []

    def begin(rows: int) -> Callable[[str, int], None]:
        assert rows == 20_000 + 1 + 2
        return lambda mart, done: seen.append([path.name for path in (tmp_path / ".marts_xlsx.tmp").iterdir()])

    done = export(serving_dir, tmp_path, "xlsx", begin)

    assert len(seen[0]) >= 2, "files of the rows"
    assert {path.name for path in done.folder.iterdir()} == {"marts.xlsx", "_marts.csv", "_columns.csv"}
    with zipfile.ZipFile(done.folder / "marts.xlsx") as file:
        assert "xl/sharedStrings.xml" not in file.namelist(), "texts would be held in memory to be shared"
