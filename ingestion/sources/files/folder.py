"""The files of a folder as inputs of a draft: which belong together, how they are read, which columns join which.

Belongs here: finding files, reading them as a load does, links between their columns. Does not: how one CSV file is
written (`dialect.py`), what its values look like (`profiles.py`), what a column means (`recognition.py`).
"""

from __future__ import annotations

import glob
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from ingestion.sources.files.dialect import read_dialect
from ingestion.sources.files.inputs import find_files, load_input, quoted
from ingestion.sources.files.mapping import FORMATS, FileMapping, MappingError, read_mapping
from ingestion.sources.files.profiles import Profile, profile
from ingestion.sources.files.recognition import (
    Link,
    looks_like_id,
    looks_like_title,
    named,
)
from ingestion.sources.files.vocabulary import (
    ROLES,
    plain,
)

_DATA_SUFFIXES = frozenset((".tsv", ".txt", ".xls", ".xlsx", ".ods", ".json", ".ndjson", ".xml"))


class DraftError(Exception):
    """No draft can be written; the message is one line for the person who asked."""


@dataclass
class Table:
    """Files that are read as one input."""

    name: str
    path: str
    format: str
    options: dict[str, Any]
    profiles: list[Profile] = field(default_factory=list)
    decimal_key: bool = False
    formats_key: bool = False

    @property
    def rows(self) -> int:
        return self.profiles[0].rows


@dataclass(frozen=True)
class LeftOut:
    path: str
    reason: str


def find_tables(folder: Path) -> tuple[list[Table], list[LeftOut]]:
    """The inputs below a folder, and the files that are none.

    Files of one folder whose names differ in digits only, and whose columns are the same, are one input.

    Raises:
        DraftError: the folder holds no file that can be read.
    """
    left_out: list[LeftOut] = []
    found: dict[tuple[Any, ...], list[str]] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        relative = file.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
        file_format = FORMATS.get(suffixes[-1] if suffixes else "")
        if file_format is None:
            if suffixes and suffixes[-1] in _DATA_SUFFIXES:
                left_out.append(LeftOut(str(relative), f"none of {', '.join(FORMATS)}: save it as one of these"))
            continue
        options: dict[str, Any] = {}
        if file_format == "csv":
            try:
                options = read_dialect(file).options()
            except (ValueError, OSError, EOFError) as error:
                left_out.append(LeftOut(str(relative), f"it cannot be read as CSV: {error}"))
                continue
        series = re.sub(r"\d+", "#", relative.name)
        key = (str(relative.parent), series, file_format, json.dumps(options, sort_keys=True))
        found.setdefault(key, []).append(relative.as_posix())
    tables: list[Table] = []
    for (_, _, file_format, options_text), paths in found.items():
        for path in _patterns(folder, paths):
            options = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in json.loads(options_text).items()
            }
            tables.append(Table(_input_name(path, tables), path, file_format, options))
    if not tables:
        reasons = "; ".join(f"{file.path}: {file.reason}" for file in left_out)
        raise DraftError(
            f"{folder}: no CSV, Parquet or JSON lines file that can be read ({', '.join(FORMATS)}, also .csv.gz and "
            f".jsonl.gz){'; ' + reasons if reasons else ''}"
        )
    return tables, left_out


def _patterns(folder: Path, paths: list[str]) -> list[str]:
    """One glob for a series of files where it matches these files and no other, else a path each."""
    if len(paths) == 1:
        return [glob.escape(paths[0])]
    start = os.path.commonprefix(paths)
    end = os.path.commonprefix([path[len(start) :][::-1] for path in paths])[::-1]
    pattern = f"{glob.escape(start.rstrip('0123456789'))}*{glob.escape(end.lstrip('0123456789'))}"
    if sorted(glob.glob(pattern, root_dir=folder)) == sorted(paths):
        return [pattern]
    return [glob.escape(path) for path in paths]


def _input_name(path: str, tables: Sequence[Table]) -> str:
    stem = plain(Path(path.removesuffix(".gz")).stem).replace(" ", "_")
    base = name = stem if re.match(r"[a-z]", stem) else f"file_{stem}".rstrip("_")
    number = 1
    while name in {table.name for table in tables}:
        number += 1
        name = f"{base}_{number}"
    return name


def load_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, tables: Sequence[Table]
) -> tuple[list[Table], list[LeftOut]]:
    """Read the inputs as a load does, and look at their columns."""
    readable, left_out = [], []
    with tempfile.TemporaryDirectory(prefix="draft-") as scratch:
        for table in tables:
            mapping = _mapping_of_one(table, Path(scratch) / "mapping.yml")
            source = mapping.inputs[table.name]
            try:
                load_input(connection, mapping, source, find_files(mapping, source, folder))
            except MappingError as error:
                reason = str(error).removeprefix(f"{mapping.file}: inputs.{table.name}: ")
                left_out.append(LeftOut(table.path, one_line(reason)))
                continue
            table.profiles = profile(connection, table.name)
            if table.profiles and table.rows:
                _choose_keys(table)
                readable.append(table)
            else:
                left_out.append(LeftOut(table.path, "it holds no row"))
    return readable, left_out


def _mapping_of_one(table: Table, file: Path) -> FileMapping:
    """A mapping with this input alone, for the loader; what its entity is does not matter yet."""
    lines = ["name: draft", "inputs:", *option_lines(table)]
    lines += ["entities:", f"  customers: {{from: {table.name}, columns: {{customer_id: \"'none'\"}}}}"]
    file.write_text("\n".join(lines), encoding="utf-8")
    return read_mapping(file)


def _choose_keys(table: Table) -> None:
    """Whether one decimal mark, and one way to write dates, holds for all columns of a CSV file."""
    if table.format != "csv":
        return
    instants = [column for column in table.profiles if column.is_instant]
    numbers = [column for column in table.profiles if column.is_number and not column.is_instant]
    table.decimal_key = any(column.has_decimal_comma for column in numbers) and all(
        column.shapes["comma"] >= 0.95 for column in numbers
    )
    table.formats_key = bool(instants) and all(column.formats for column in instants)


def find_links(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> list[Link]:
    """Columns whose values are keys of another input, or of their own: of companies that name the one above them."""
    links = []
    columns = [column for table in tables for column in table.profiles]
    shared = [column for column in columns if looks_like_id(column) or looks_like_title(column)]
    for column in shared:
        for key in shared:
            is_own = key.table == column.table
            if not key.is_unique or _chance(column, key) or (is_own and (column.is_unique or column.distinct < 2)):
                continue
            held = _held(connection, column, key)
            if held >= 0.9:
                links.append(Link(column.table, column.name, key.table, key.name, held, not column.is_unique))
    return links


def _chance(column: Profile, key: Profile) -> bool:
    """Whether small numbers without a common name may lie in a range of keys by chance."""
    if column.shapes["castable"] < 0.5 or column.words in ("id", key.words):
        return column.words == "id" and column.shapes["castable"] >= 0.5
    points = any(
        named(column.words, role) >= 0.5
        for roles in ROLES.values()
        for role in roles.values()
        if role.kind in ("id", "label")
    )
    low, high = key.minimum or 0.0, key.maximum or 0.0
    far_from_zero = low >= 1000 and high - low < low  # as numbers that begin at 1001: no other numbers lie there
    return not points and not far_from_zero and (column.distinct < 10 or column.distinct < 0.2 * key.distinct)


def _held(connection: duckdb.DuckDBPyConnection, column: Profile, key: Profile) -> float:
    found = connection.execute(
        f"""
        SELECT coalesce(avg((v IN (SELECT trim({quoted(key.name)}::VARCHAR) FROM {quoted(key.table)}))::INTEGER), 0)
        FROM (
            SELECT DISTINCT nullif(trim({quoted(column.name)}::VARCHAR), '') AS v FROM {quoted(column.table)}
        ) WHERE v IS NOT NULL
        """
    ).fetchone()
    return float(found[0]) if found else 0.0


def one_line(text: str) -> str:
    return " ".join(text.split())


def option_lines(table: Table) -> list[str]:
    lines = [f"  {table.name}:", f"    path: {scalar(table.path)}"]
    for key, value in table.options.items():
        shown = f"[{', '.join(map(scalar, value))}]" if isinstance(value, tuple) else scalar(str(value))
        lines.append(f"    {key}: {shown}")
    return lines


def scalar(text: str) -> str:
    """A text as YAML: as it stands where that is plain, else in the quotes that it does not hold itself."""
    if re.fullmatch(r"[A-Za-z_]([\w ./-]*[\w.])?", text):
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)
