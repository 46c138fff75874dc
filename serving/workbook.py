"""The marts as an Excel workbook: a sheet each, and before them one that lists all.

Belongs here: cells, sheets, what a sheet cannot hold. Does not: where the workbook goes, other formats (`export`).

DuckDB makes of each value what a cell can hold: a truth, a number (to Excel, dates and instants are days since the end
of 1899), or a text. What Excel would round or refuse, such as a number of more than 15 digits or a date before March
1900, is a text. Texts are never formulas, whatever they begin with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from serving.publish import SCHEMA

LARGEST_ROWS = 1_048_576 - 1  # of a sheet, below its header
# Above it, Excel takes minutes to open a workbook and gigabytes to hold it.
LARGEST_CELLS = 5_000_000
LONGEST_NAME, LONGEST_TEXT = 31, 32_767
LIST = "Marts"
BATCH = 5_000
DIGITS = 15  # that Excel keeps of a number
LEAST, MOST = "2.3e-308", "9.9e307"  # that it knows, which is not all of a double
WHOLE, DECIMAL = re.compile(r"U?(?:TINY|SMALL|BIG|)INT(?:EGER)?"), re.compile(r"DECIMAL\(\d+,(\d+)\)")
NESTED = re.compile(r"JSON|(?:STRUCT|MAP|UNION)\(.*\)|.*\[\d*\]", re.DOTALL)
DAY = "date '1899-12-30'"
INSTANT = f"(epoch_us({{0}}) - epoch_us({DAY}::timestamp)) / 86400e6"
FIRST, LAST = "1900-03-01", "9999-12-31"
SHOWN_AS = {"DATE": "yyyy-mm-dd", "TIME": "hh:mm:ss", "TIMESTAMP": "yyyy-mm-dd hh:mm:ss", "DECIMAL": "#,##0.00##"}


@dataclass(frozen=True)
class Column:
    """A column of a mart: its name, its type in DuckDB, what it is."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A table of a published version.

    Attributes:
        name: of the table.
        description: what it holds.
        columns: in order.
        rows: how many there are.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    rows: int


@dataclass(frozen=True)
class Sheet:
    """What became of a mart: the name of its sheet, if it has one, and why it is also, or only, beside the workbook."""

    mart: Mart
    name: str | None
    lacks: str = ""


def write(
    connection: duckdb.DuckDBPyConnection,
    marts: Sequence[Mart],
    path: Path,
    about: Mapping[str, str],
    progress: Callable[[str, int], object],
) -> list[Sheet]:
    """Write a workbook, a row at a time, and return what became of each mart.

    Args:
        connection: to the published version.
        path: of the workbook. Its folder also holds what is not written yet.
        about: what the first sheet says of the version.
        progress: told the mart and the number of rows, as they are written.
    """
    options = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
    with xlsxwriter.Workbook(path, options) as workbook:
        styles = _Styles(workbook)
        listed = workbook.add_worksheet(LIST)
        names = sheet_names([mart.name for mart in marts if not _too_large(mart)])
        sheets = []
        for mart in marts:
            if too_large := _too_large(mart):
                sheets.append(Sheet(mart, None, too_large))
                continue
            cut = _write_mart(connection, workbook.add_worksheet(names[mart.name]), mart, styles, progress)
            too_long = "1 text is" if cut == 1 else f"{cut:,} texts are"
            lacks = f"{too_long} longer than the {LONGEST_TEXT:,} characters of a cell" if cut else ""
            sheets.append(Sheet(mart, names[mart.name], lacks))
        _write_list(listed, sheets, about, styles)
    return sheets


def sheet_names(names: Iterable[str]) -> dict[str, str]:
    """A name for the sheet of each mart: short enough for Excel, without what it forbids, and unlike all others."""
    taken, found = {LIST.lower(), "history"}, {}
    for name in names:
        plain = re.sub(r"[\[\]:*?/\\]", "_", name).strip("'")[:LONGEST_NAME]
        candidate, number = plain, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{plain[: LONGEST_NAME - len(str(number)) - 1]}~{number}"
        taken.add(candidate.lower())
        found[name] = candidate
    return found


def _too_large(mart: Mart) -> str:
    """Why a mart has no sheet; empty where it has one."""
    if mart.rows > LARGEST_ROWS:
        return f"{mart.rows:,} rows are more than a sheet takes"
    if (cells := mart.rows * len(mart.columns)) > LARGEST_CELLS:
        return f"{cells:,} cells are more than Excel works with well"
    return ""


class _Styles:
    """How cells are shown."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self.header = workbook.add_format({"bold": True, "bg_color": "#DDE6F0", "bottom": 1, "valign": "top"})
        self.title = workbook.add_format({"bold": True})
        self.link = workbook.get_default_url_format()
        self.wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        self.count = workbook.add_format({"num_format": "#,##0", "valign": "top"})
        self._of_types = {kind: workbook.add_format({"num_format": shown}) for kind, shown in SHOWN_AS.items()}

    def of(self, column: Column) -> Format | None:
        return self._of_types.get(_kind(column))


def _write_mart(
    connection: duckdb.DuckDBPyConnection,
    sheet: Worksheet,
    mart: Mart,
    styles: _Styles,
    progress: Callable[[str, int], object],
) -> int:
    """Fill a sheet, and return how many texts were too long for a cell."""
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, mart.rows, len(mart.columns) - 1)
    for place, column in enumerate(mart.columns):
        sheet.set_column(place, place, _width(column))
        sheet.write_string(0, place, column.name, styles.header)
        said = f"{column.description}\n{column.type.lower()}".strip()
        lines = sum(1 + len(line) // 45 for line in said.splitlines())
        sheet.write_comment(0, place, said[:LONGEST_TEXT], {"width": 300, "height": 20 + 16 * lines})
    formats = [styles.of(column) for column in mart.columns]
    cut, at = 0, 0
    for rows in _batches(connection, mart):
        for row in rows:
            at += 1
            for place, value in enumerate(row):
                if value is None:
                    continue
                if value.__class__ is float:
                    sheet.write_number(at, place, value, formats[place])
                elif value.__class__ is bool:
                    sheet.write_boolean(at, place, value)
                elif _write_text(sheet, at, place, value):
                    cut += 1
        progress(mart.name, len(rows))
    return cut


def _write_text(sheet: Worksheet, row: int, place: int, text: str) -> int:
    """Write a text as one; other than 0 where a cell does not hold it whole."""
    if text.startswith("<r>"):  # which xlsxwriter would take for its own markup, where it writes row by row
        return sheet.write_rich_string(row, place, text[:1], text[1:2], text[2:])
    return sheet.write_string(row, place, text)


def _batches(connection: duckdb.DuckDBPyConnection, mart: Mart) -> Iterator[list[tuple[Any, ...]]]:
    cells = ", ".join(_cell(column) for column in mart.columns)
    found = connection.execute(f'select {cells} from {SCHEMA}."{mart.name}"')
    while rows := found.fetchmany(BATCH):
        yield rows


def _kind(column: Column) -> str:
    """Its type without what follows it: DATE, TIME, TIMESTAMP or DECIMAL; other types are as they are."""
    return re.split(r"[ _(]", column.type)[0]


def _cell(column: Column) -> str:
    """What a cell holds of a column, as SQL: a boolean, a double, or a text."""
    name, kind = '"{}"'.format(column.name.replace('"', '""')), _kind(column)
    if kind in ("BOOLEAN", "VARCHAR"):
        return name
    if NESTED.fullmatch(column.type):
        return f"to_json({name})::varchar"
    if kind == "DATE":
        return _number_or_text(name, f"({name} - {DAY})", f"{name} between '{FIRST}' and '{LAST}'")
    if kind == "TIMESTAMP":
        instant = f"({name} at time zone 'UTC')" if "ZONE" in column.type else f"{name}::timestamp"
        return _number_or_text(
            instant, INSTANT.format(instant), f"{instant} >= '{FIRST}' and {instant} < date '{LAST}' + 1"
        )
    if column.type == "TIME":
        return f"epoch_us({name}) / 86400e6"
    if WHOLE.fullmatch(kind):
        return _number_or_text(name, name, f"abs({name}::hugeint) < 1{'0' * DIGITS}")
    if decimal := DECIMAL.fullmatch(column.type):
        largest = DIGITS - int(decimal[1])
        fits = f"abs({name}) < 1{'0' * largest}" if largest > 0 else f"abs({name}) < 1e{largest}"
        return _number_or_text(name, name, fits)
    if kind in ("DOUBLE", "FLOAT"):
        return _number_or_text(name, name, f"{name} = 0 or abs({name}) between {LEAST} and {MOST}")
    return f"{name}::varchar"


def _number_or_text(value: str, number: str, is_number: str) -> str:
    either = "union(number double, said varchar)"
    return f"case when {is_number} then ({number})::double::{either} else {value}::varchar::{either} end"


def _width(column: Column) -> int:
    """Characters: of the name with its arrow for filters, or of what the type holds."""
    of_values = {"DATE": 11, "TIMESTAMP": 19, "DECIMAL": 13, "BOOLEAN": 8, "VARCHAR": 18}.get(_kind(column), 11)
    return min(max(of_values, len(column.name) + 4), 40)


def _write_list(sheet: Worksheet, sheets: Sequence[Sheet], about: Mapping[str, str], styles: _Styles) -> None:
    for place, width in enumerate((34, 12, 40, 100)):
        sheet.set_column(place, place, width)
    at = 0
    for name, said in about.items():
        sheet.write_string(at, 0, name, styles.title)
        sheet.write_string(at, 1, said)
        at += 1
    at += 1
    for place, title in enumerate(("mart", "rows", "not in its sheet", "description")):
        sheet.write_string(at, place, title, styles.header)
    for each in sheets:
        at += 1
        if each.name is None:
            sheet.write_string(at, 0, each.mart.name, styles.wrapped)
        else:
            quoted = each.name.replace("'", "''")
            sheet.write_url(at, 0, f"internal:'{quoted}'!A1", styles.link, each.mart.name)
        sheet.write_number(at, 1, each.mart.rows, styles.count)
        if each.lacks:
            sheet.write_string(at, 2, f"{each.lacks}: {each.mart.name}.parquet has it whole", styles.wrapped)
        if each.mart.description:
            sheet.write_string(at, 3, each.mart.description, styles.wrapped)
