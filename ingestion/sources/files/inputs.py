"""Reads the files of an input into one DuckDB table; lines that are not rows become rejections.

Belongs here: formats, encodings, globs. Does not: what the columns mean.

CSV and JSON arrive as text, column by column: the canonical type decides later what a value is. Parquet keeps its
types. Files of text are copied first, as UTF-8 with one kind of line end, which is what DuckDB reads safely.
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.sources.files.mapping import FileMapping, Input, MappingError

ROW = "_row"  # distinguishes the rows of an input; never part of what is loaded

Rejection = dict[str, str]

_NAMELESS = "_nameless_"
PARENT = "_parent"  # what stands around the records of a JSON value: its other keys
_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)  # Excel's first line that names the delimiter
_HELP = {
    "csv": "; the keys encoding, delimiter, quote, header and skip of the input say how a CSV file is written",
    "jsonl": "; the keys encoding and records of the input say how a JSON file is written",
    "json": "; the keys encoding and records of the input say how a JSON file is written",
    "parquet": "",
}


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
        else:
            with _copies(source, files) as copies:
                load = _load_csv if source.format == "csv" else _load_json
                rejections = load(connection, source, copies)
    except (duckdb.Error, OSError, EOFError, UnicodeError, csv.Error, MappingError) as error:
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        help_keys = "" if isinstance(error, MappingError) else _HELP[source.format]
        raise MappingError(f"{mapping.file}: inputs.{source.name}: cannot read {names}: {error}{help_keys}") from error
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


@contextmanager
def _copies(source: Input, files: list[Path]) -> Iterator[list[Path]]:
    """The files of text of an input as DuckDB can read them, under their own names, each in a folder of its own.

    A byte that is not text in the encoding becomes 0xFF, which UTF-8 never contains: DuckDB rejects only its line.
    """
    with tempfile.TemporaryDirectory(prefix="files-") as folder:
        copies = []
        for number, file in enumerate(files):
            copy = Path(folder) / str(number) / file.name
            copy.parent.mkdir()
            with (
                gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as binary,
                io.TextIOWrapper(binary, encoding=_codec(source.encoding), errors=_NO_TEXT, newline=None) as text,
                copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as target,
            ):
                shutil.copyfileobj(text, target, 1 << 20)
            copies.append(copy)
        yield copies


def _codec(encoding: str) -> str:
    """The Python codec of an encoding. What is called Latin-1 is Windows-1252 in practice, as every browser knows."""
    name = codecs.lookup(encoding).name
    return {"utf-8": "utf-8-sig", "iso8859-1": "cp1252"}.get(name, name)


def _no_text(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end  # written as the byte 0xFF


_NO_TEXT = "one_line_less"
codecs.register_error(_NO_TEXT, _no_text)


@dataclass(frozen=True)
class _Head:
    """The beginning of a CSV file: its columns, its delimiter, the lines before its header (or its first row)."""

    columns: list[str]
    delimiter: str
    before: int


def _head(source: Input, file: Path) -> _Head:
    """Columns at the end that have no name become `_nameless_<n>`: they may be empty, as after a last delimiter."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="\n") as text:
        stated = _SEPARATOR_LINE.fullmatch(text.readline().rstrip("\n"))
        delimiter = stated[1] if stated else source.delimiter
        before = source.skip + (1 if stated else 0)
        text.seek(0)
        for _ in range(before):
            text.readline()
        written = list(source.header) or next(csv.reader(text, delimiter=delimiter, quotechar=source.quote), [])
    names = [name.strip() for name in written]
    if any("\0" in name or "\ufffd" in name for name in names):
        raise MappingError(f"{file.name}: the header line is no text in {source.encoding}; state the key 'encoding'")
    last = max((place for place, name in enumerate(names, start=1) if name), default=0)
    if not last:
        raise MappingError(
            f"{file.name} has no header line; a CSV file needs one, or its columns in the key 'header' (the key 'skip' "
            "tells how many lines stand before it)"
        )
    lowered = [name.lower() for name in names[:last]]
    twice = sorted({name for name in names[:last] if lowered.count(name.lower()) > 1})
    if twice or "" in lowered:
        problem = f"{', '.join(map(repr, twice))} more than once" if twice else "a column without a name"
        raise MappingError(
            f"{file.name}: the header line names {problem}; give every column its own name: write all of them in the "
            "key 'header', and 'skip: 1' to leave the file's own line out (or state another 'delimiter')"
        )
    nameless = [f"{_NAMELESS}{number}" for number in range(1, len(names) - last + 1)]
    return _Head(names[:last] + nameless, delimiter, before)


def _drop_nameless(connection: duckdb.DuckDBPyConnection, source: Input) -> None:
    for name in column_names(connection, source.name):
        if not name.startswith(_NAMELESS):
            continue
        filled = f"SELECT {quoted(name)} FROM {quoted(source.name)} WHERE trim({quoted(name)}) <> '' LIMIT 1"
        row = connection.execute(filled).fetchone()
        if row:
            raise MappingError(
                f"the header line names a last column without a name, and a row has {row[0]!r:.80} there; write all "
                "columns in the key 'header', and 'skip: 1' to leave the file's own line out"
            )
        connection.execute(f"ALTER TABLE {quoted(source.name)} DROP COLUMN {quoted(name)}")


def _load_csv(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    # Dialect and columns are given: DuckDB's guesses depend on the data, and union_by_name excludes store_rejects.
    parts = []
    parameters: dict[str, Any] = {"quote": source.quote}
    for number, file in enumerate(files):
        head = _head(source, file)
        types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.columns)
        parameters |= {f"file_{number}": str(file), f"delimiter_{number}": head.delimiter}
        parts.append(
            f"SELECT * FROM read_csv($file_{number}, columns = {{{types}}}, auto_detect = false, "
            f"skip = {head.before}, header = {str(not source.header).lower()}, delim = $delimiter_{number}, "
            f"quote = $quote, escape = $quote, new_line = '\\n', compression = 'none', nullstr = '', {_faults(source)})"
        )
    _create(connection, source.name, " UNION ALL BY NAME ".join(parts), parameters)
    _drop_nameless(connection, source)
    return _faulty_lines(connection, source)


def _load_json(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    rejections = _read_documents(connection, source, files)
    rejections += _find_objects(connection, source)
    keys = connection.execute(
        "SELECT DISTINCT unnest(json_keys(object)) AS key FROM _objects WHERE is_object ORDER BY key"
    ).fetchall()
    if not keys:
        raise MappingError("there is no JSON object with a key in it")
    shape = literal(json.dumps({key: "VARCHAR" for (key,) in keys}))
    parent = f", parent AS {PARENT}" if source.records else ""
    _create(
        connection,
        source.name,
        f"SELECT unnest(fields){parent} FROM "
        f"(SELECT json_transform(object, {shape}) AS fields, parent FROM _objects WHERE is_object)",
        {},
    )
    for table in ("_documents", "_objects"):
        connection.execute(f"DROP TABLE {table}")
    return rejections


def _read_documents(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    """Create `_documents`: a line of JSON lines or a whole file of JSON each."""
    paths = {"paths": [str(file) for file in files]}
    if source.format == "json":
        _create(connection, "_documents", "SELECT content AS document FROM read_text($paths)", paths)
        invalid = connection.execute("SELECT count(*) FROM _documents WHERE NOT json_valid(document)").fetchone()
        if invalid and invalid[0]:
            raise MappingError("the file is no JSON; one object a line is JSON lines, and its files end with .jsonl")
        return []
    # As lines first: DuckDB's JSON reader fails on a bad line or drops it.
    _create(
        connection,
        "_documents",
        f"""
        SELECT document
        FROM read_csv($paths, columns = {{'document': 'VARCHAR'}}, auto_detect = false, header = false, delim = '',
                      quote = '', escape = '', new_line = '\\n', compression = 'none', {_faults(source)})
        WHERE trim(document) <> ''
        """,
        paths,
    )
    no_json = connection.execute(
        f"SELECT document FROM _documents WHERE NOT json_valid(document) ORDER BY {ROW}"
    ).fetchall()
    connection.execute("DELETE FROM _documents WHERE NOT json_valid(document)")
    return [
        *({"record": line, "reason": "the line is no JSON object"} for (line,) in no_json),
        *_faulty_lines(connection, source),
    ]


def _find_objects(connection: duckdb.DuckDBPyConnection, source: Input) -> list[Rejection]:
    """Create `_objects` from `_documents`: what becomes a row each, with the JSON around it as `parent`."""
    steps = source.records.split(".") if source.records else []
    path = literal("$" + "".join(f".{json.dumps(step)}" for step in steps))
    if source.records or source.format == "json":
        without: Any = None  # merged over a document, a null takes the key away
        for step in reversed(steps):
            without = {step: without}
        parent = f"json_merge_patch(document, {literal(json.dumps(without))})" if steps else "NULL"
        found = (
            f"SELECT {ROW}, unnest(CASE WHEN json_type(document, {path}) = 'ARRAY' "
            f"THEN json_extract(document, {literal(path[1:-1] + '[*]')}) "
            f"{'' if steps else 'ELSE [document::JSON]'} END)::VARCHAR AS object, {parent}::VARCHAR AS parent "
            "FROM _documents"
        )
    else:
        found = f"SELECT {ROW}, document AS object, NULL::VARCHAR AS parent FROM _documents"
    connection.execute(
        f"CREATE TEMP TABLE _objects AS SELECT *, json_type(object) = 'OBJECT' AS is_object FROM ({found})"
    )
    no_objects = connection.execute(
        f"SELECT object FROM _objects WHERE NOT coalesce(is_object, false) ORDER BY {ROW}"
    ).fetchall()
    kind = "value is" if source.records or source.format == "json" else "line is"
    rejections = [{"record": text, "reason": f"the {kind} no JSON object"} for (text,) in no_objects]
    if steps:
        without_array = connection.execute(
            f"SELECT document FROM _documents WHERE json_type(document, {path}) IS DISTINCT FROM 'ARRAY' ORDER BY {ROW}"
        ).fetchall()
        reason = f"there is no array at {source.records!r} (key records)"
        rejections += [{"record": text, "reason": reason} for (text,) in without_array]
    return rejections


def _faults(source: Input) -> str:
    scans, faults = _fault_tables(source)
    return f"store_rejects = true, rejects_scan = {literal(scans)}, rejects_table = {literal(faults)}"


def _fault_tables(source: Input) -> tuple[str, str]:
    # the names of inputs begin with a letter: those with an underscore are free for what is ours
    return f"_{source.name}_scans", f"_{source.name}_faults"


def _faulty_lines(connection: duckdb.DuckDBPyConnection, source: Input) -> list[Rejection]:
    scans, faults = map(quoted, _fault_tables(source))
    no_text = f"a byte that is no text in {source.encoding} (key encoding)"
    rows = connection.execute(
        f"""
        SELECT any_value(parse_filename(scan.file_path)), fault.line, any_value(coalesce(fault.csv_line, '')),
            string_agg(DISTINCT fault.message, '; ' ORDER BY fault.message)
        FROM (
            SELECT *, CASE error_type WHEN 'INVALID ENCODING' THEN $no_text ELSE error_message END AS message
            FROM {faults}
        ) AS fault
        JOIN {scans} AS scan USING (scan_id, file_id)
        GROUP BY scan_id, file_id, fault.line ORDER BY scan_id, file_id, fault.line
        """,
        {"no_text": no_text},
    ).fetchall()
    return [{"record": record, "reason": f"{file}, line {line}: {message}"} for file, line, record, message in rows]
