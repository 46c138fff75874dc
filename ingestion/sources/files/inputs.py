"""Files of an input into one DuckDB table; lines that are no rows become rejections.

Belongs here: formats, encodings, globs. Does not: what the columns mean.

CSV and JSON lines arrive as text, column by column: what a value is, the canonical type decides later. Parquet
keeps its types.
"""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb

from ingestion.sources.files.mapping import FileMapping, Input, MappingError

ROW = "_row"  # tells the rows of an input apart; never part of what is loaded

Rejection = dict[str, str]


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL text constant, for the places that take no parameter."""
    return "'" + text.replace("'", "''") + "'"


def find_files(mapping: FileMapping, source: Input, data_path: Path) -> list[Path]:
    """The files of an input in the order of their names.

    Raises:
        MappingError: there is none.
    """
    files = sorted(data_path / name for name in glob.glob(source.path, root_dir=data_path, recursive=True))
    files = [file for file in files if file.is_file()]
    if not files:
        raise MappingError(
            f"{mapping.file}: inputs.{source.name}.path: no file {source.path!r} in {data_path} "
            "(the folder in SOURCES__FILES__DATA_PATH)"
        )
    return files


def load_input(
    connection: duckdb.DuckDBPyConnection, mapping: FileMapping, source: Input, files: list[Path]
) -> list[Rejection]:
    """Create the table `source.name` with the rows of `files` and the column `_row`; return what was no row.

    Raises:
        MappingError: a file cannot be read at all.
    """
    try:
        if source.format == "parquet":
            rejections = _load_parquet(connection, source, files)
        elif source.format == "csv":
            rejections = _load_csv(connection, source, files)
        else:
            rejections = _load_json_lines(connection, source, files)
    except (duckdb.Error, OSError, UnicodeError, csv.Error, MappingError) as error:
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        raise MappingError(f"{mapping.file}: inputs.{source.name}: cannot read {names}: {error}") from error
    return rejections


def column_names(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Columns of an input's table, without `_row`."""
    described = connection.execute(f"DESCRIBE {quoted(table)}").fetchall()
    return [name for name, *_ in described if name != ROW]


def _create(connection: duckdb.DuckDBPyConnection, table: str, query: str, parameters: dict[str, Any]) -> None:
    connection.execute(
        f"CREATE TABLE {quoted(table)} AS SELECT row_number() OVER () AS {ROW}, * FROM ({query})", parameters
    )


def _load_parquet(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    paths = [str(file) for file in files]
    _create(connection, source.name, "SELECT * FROM read_parquet($paths, union_by_name = true)", {"paths": paths})
    return []


def _header(source: Input, file: Path) -> list[str]:
    """Column names of a CSV file: the mapping's, or its first line's."""
    if source.header:
        return list(source.header)
    encoding = "utf-8-sig" if source.encoding == "utf-8" else source.encoding
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as binary:
        text = io.TextIOWrapper(binary, encoding=encoding, errors="replace", newline="")
        names = next(csv.reader(text, delimiter=source.delimiter, quotechar=source.quote), [])
    names = [name.strip() for name in names]
    if not names:
        raise MappingError(f"{file} is empty; a CSV file needs a header line, or its columns in the key 'header'")
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if twice or "" in names:
        raise MappingError(
            f"{file}: the header line names {', '.join(map(repr, twice)) or 'a column without a name'} "
            f"{'more than once' if twice else ''}".rstrip()
            + "; give every column its own name"
        )
    return names


def _load_csv(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    # Dialect and columns are given: DuckDB's guesses depend on the data, and union_by_name excludes store_rejects.
    parts = []
    parameters: dict[str, Any] = {"delimiter": source.delimiter, "quote": source.quote, "encoding": source.encoding}
    for number, file in enumerate(files):
        names = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in _header(source, file))
        parameters[f"file_{number}"] = str(file)
        parts.append(
            f"SELECT * FROM read_csv($file_{number}, columns = {{{names}}}, auto_detect = false, "
            f"header = {str(not source.header).lower()}, delim = $delimiter, quote = $quote, escape = $quote, "
            f"encoding = $encoding, nullstr = '', {_faults(source)})"
        )
    _create(connection, source.name, " UNION ALL BY NAME ".join(parts), parameters)
    return _faulty_lines(connection, source)


def _load_json_lines(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    # As lines first: DuckDB's JSON reader fails on a bad line or drops it.
    connection.execute(
        f"""
        CREATE TEMP TABLE _lines AS
        SELECT line, CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS is_object
        FROM read_csv($paths, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, delim = '',
                      quote = '', escape = '', {_faults(source)})
        WHERE trim(line) <> ''
        """,
        {"paths": [str(file) for file in files]},
    )
    keys = connection.execute(
        "SELECT DISTINCT unnest(json_keys(line)) AS key FROM _lines WHERE is_object ORDER BY key"
    ).fetchall()
    if not keys:
        raise MappingError("no line holds a JSON object with a key")
    shape = literal(json.dumps({key: "VARCHAR" for (key,) in keys}))
    _create(
        connection,
        source.name,
        f"SELECT unnest(fields) FROM (SELECT json_transform(line, {shape}) AS fields FROM _lines WHERE is_object)",
        {},
    )
    no_objects = connection.execute("SELECT line FROM _lines WHERE NOT is_object").fetchall()
    connection.execute("DROP TABLE _lines")
    return [
        *({"record": line, "reason": "the line is no JSON object"} for (line,) in no_objects),
        *_faulty_lines(connection, source),
    ]


def _faults(source: Input) -> str:
    scans, faults = _fault_tables(source)
    return f"store_rejects = true, rejects_scan = {literal(scans)}, rejects_table = {literal(faults)}"


def _fault_tables(source: Input) -> tuple[str, str]:
    # the names of inputs begin with a letter: those with an underscore are free for what is ours
    return f"_{source.name}_scans", f"_{source.name}_faults"


def _faulty_lines(connection: duckdb.DuckDBPyConnection, source: Input) -> list[Rejection]:
    scans, faults = map(quoted, _fault_tables(source))
    rows = connection.execute(
        f"""
        SELECT any_value(parse_filename(scan.file_path)), fault.line, any_value(coalesce(fault.csv_line, '')),
            string_agg(DISTINCT fault.error_message, '; ' ORDER BY fault.error_message)
        FROM {faults} AS fault JOIN {scans} AS scan USING (scan_id, file_id)
        GROUP BY scan_id, file_id, fault.line ORDER BY scan_id, file_id, fault.line
        """
    ).fetchall()
    return [{"record": record, "reason": f"{file}, line {line}: {message}"} for file, line, record, message in rows]
