"""Reads the files of an input into one DuckDB table; lines that are not rows become rejections.

Belongs here: formats, encodings, globs. Does not: what the columns mean.

CSV and JSON arrive as text, column by column: the canonical type decides later what a value is. Parquet keeps its
types. Files of text are copied first, as UTF-8 with one kind of line end, which is what DuckDB reads safely; a
compressed one up to its checksum. Their lines are counted without DuckDB, which has to account for each.
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
import json
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import duckdb

from ingestion.sources.files.mapping import POSTGRES, FileMapping, Input, MappingError

ROW = "_row"  # distinguishes the rows of an input; never part of what is loaded

Rejection = dict[str, str]

_NAMELESS = "_nameless_"
_FILE = "_file"  # the number of a row's file, until its lines are counted
_PART = 1 << 20
_LONGEST_LINE = 1 << 24  # characters
_TURNED_AWAY = 2_000_001  # one more than DuckDB takes of a line
_SHOWN_OF_A_LINE = 10_000  # how much of a faulty line DuckDB shows
_ROWS_LIKE = 2  # lines within one value that have a row's delimiters, from which on they are taken for rows
PARENT = "_parent"  # what stands around the records of a JSON value: its other keys
SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)  # Excel's first line that names the delimiter
# Instants and days of a database beyond these are sent as these: they wrap around in Arrow, infinity among them.
EARLIEST, LATEST = "4713-01-01", "294246-12-31"
_MIDNIGHT = {"DATE": "", "TIMESTAMP": " 00:00:00", "TIMESTAMP WITH TIME ZONE": " 00:00:00+00"}
_HELP = {
    "csv": "; the keys encoding, delimiter, quote, header and skip of the input say how a CSV file is written",
    "jsonl": "; the keys encoding and records of the input say how a JSON file is written",
    "json": "; the keys encoding and records of the input say how a JSON file is written",
    "parquet": "",
    POSTGRES: "",
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
    connection: duckdb.DuckDBPyConnection,
    mapping: FileMapping,
    source: Input,
    files: list[Path],
    *,
    is_accepted: bool = False,
) -> list[Rejection]:
    """Create the table `source.name` with the rows of `files` and the column `_row`; return what was no row.

    Args:
        is_accepted: whether a person has looked at lines that a quotation mark takes in.

    Raises:
        MappingError: a file cannot be read whole.
    """
    try:
        if source.format == "parquet":
            rejections = _load_parquet(connection, source, files)
        elif source.is_of_database:
            rejections = _load_copy(connection, source, files)
        else:
            with _copies(source, files) as copies:
                if source.format == "csv":
                    rejections = _load_csv(connection, source, copies, is_accepted)
                else:
                    rejections = _load_json(connection, source, copies)
    except (duckdb.Error, OSError, EOFError, UnicodeError, csv.Error, MappingError) as error:
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        names = source.origin if source.is_of_database else names
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


def _load_copy(connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path]) -> list[Rejection]:
    """What was read of a database, with the instants and days back at infinity that were sent as a bound."""
    paths = {"paths": [str(file) for file in files]}
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet($paths)", paths).fetchall()
    unbounded = ", ".join(
        f"CASE WHEN {quoted(name)} >= {kind} {literal(f'{LATEST}{midnight}')} THEN {kind} 'infinity' "
        f"WHEN {quoted(name)} <= {kind} {literal(f'{EARLIEST} (BC){midnight}')} THEN {kind} '-infinity' "
        f"ELSE {quoted(name)} END AS {quoted(name)}"
        for name, kind, *_ in described
        if (midnight := _MIDNIGHT.get(kind)) is not None
    )
    columns = f"* REPLACE ({unbounded})" if unbounded else "*"
    _create(connection, source.name, f"SELECT {columns} FROM read_parquet($paths)", paths)
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
                io.TextIOWrapper(binary, encoding=codec(source.encoding), errors=_NO_TEXT, newline=None) as text,
                copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as target,
            ):
                if file.suffix == ".gz" and not file.stat().st_size:
                    raise MappingError(f"{file.name} is empty, and no gzip file; have it written again")
                try:
                    _copy(text, target)
                except (EOFError, zlib.error) as error:
                    raise MappingError(
                        f"{file.name} is damaged or cut short ({error}); have it written again"
                    ) from error
            copies.append(copy)
        yield copies


def _copy(text: TextIO, target: TextIO) -> None:
    """Copy a text; in the place of a line that no reader takes stands one that DuckDB turns away with its number."""
    begun: list[str] = []  # the line that is not over, in parts
    size = 0
    while part := text.read(_PART):
        line, end, others = part.rpartition("\n")
        if end and not size:
            target.write(line + end)
        elif end:
            first, _, rest = f"{line}{end}".partition("\n")
            target.write(_line([*begun, first], size + len(first)) + end + rest)
        if end:
            begun, size = [], 0
        size += len(others)
        begun = [*begun, others] if size <= _LONGEST_LINE else []
    target.write(_line(begun, size))


def _line(parts: list[str], size: int) -> str:
    return "".join(parts) if size <= _LONGEST_LINE else "x" * _TURNED_AWAY


def codec(encoding: str) -> str:
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
    """The beginning of a CSV file: its columns, its delimiter, the lines before its header and before its first row."""

    columns: list[str]
    delimiter: str
    before: int
    lines: int


def _head(source: Input, file: Path) -> _Head:
    """Columns at the end that have no name become `_nameless_<n>`: they may be empty, as after a last delimiter."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="\n") as text:
        stated = SEPARATOR_LINE.fullmatch(text.readline().rstrip("\n"))
        delimiter = stated[1] if stated else source.delimiter
        before = source.skip + (1 if stated else 0)
        text.seek(0)
        for _ in range(before):
            text.readline()
        reader = csv.reader(text, delimiter=delimiter, quotechar=source.quote)
        written = list(source.header) or next(reader, [])
        lines = before + reader.line_num
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
    return _Head(names[:last] + nameless, delimiter, before, lines)


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


def _load_csv(
    connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path], is_accepted: bool
) -> list[Rejection]:
    # Dialect and columns are given: DuckDB's guesses depend on the data, and union_by_name excludes store_rejects.
    parts = []
    parameters: dict[str, Any] = {"quote": source.quote}
    heads = [_head(source, file) for file in files]
    for number, (file, head) in enumerate(zip(files, heads, strict=True)):
        types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.columns)
        parameters |= {f"file_{number}": str(file), f"delimiter_{number}": head.delimiter}
        parts.append(
            f"SELECT {number} AS {_FILE}, * FROM read_csv($file_{number}, columns = {{{types}}}, auto_detect = false, "
            f"skip = {head.before}, header = {str(not source.header).lower()}, delim = $delimiter_{number}, "
            f"quote = $quote, escape = $quote, new_line = '\\n', compression = 'none', nullstr = '', {_faults(source)})"
        )
    _create(connection, source.name, " UNION ALL BY NAME ".join(parts), parameters)
    found = [] if is_accepted else _swallowed(connection, source, files, heads)
    unaccounted = _unaccounted(connection, source, files, heads)
    connection.execute(f"ALTER TABLE {quoted(source.name)} DROP COLUMN {_FILE}")
    if found or (unaccounted and not is_accepted):
        raise MappingError("; ".join((found or unaccounted)[:3]))
    _drop_nameless(connection, source)
    lost = [{"record": problem, "reason": "lines that are in no row"} for problem in unaccounted]
    return _faulty_lines(connection, source) + lost


_SWALLOWED = (
    "close the mark or write it twice, or state another 'quote'; or name the mapping in SOURCES__FILES__ACCEPT for one "
    "run, to load the file as it is"
)


def _swallowed(
    connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path], heads: list[_Head]
) -> list[str]:
    """Sentences on values that hold lines which look like rows of their own."""
    problems = []
    for number, (file, head) in enumerate(zip(files, heads, strict=True)):
        for name in head.columns:
            row = connection.execute(
                f"""
                WITH inner_lines AS (
                    SELECT string_split({quoted(name)}, chr(10))[2:-2] AS lines FROM {quoted(source.name)}
                    WHERE {_FILE} = $number AND contains({quoted(name)}, chr(10))
                ),
                like_rows AS (
                    SELECT list_filter(
                        lines, lambda line: length(line) - length(replace(line, $delimiter, '')) = $delimiters
                    ) AS rows, len(lines) AS all_lines
                    FROM inner_lines
                )
                SELECT rows[1], len(rows) FROM like_rows
                WHERE len(rows) >= {_ROWS_LIKE} AND len(rows) * 2 > all_lines
                LIMIT 1
                """,
                {"number": number, "delimiter": head.delimiter, "delimiters": len(head.columns) - 1},
            ).fetchone()
            if row and len(head.columns) > 1:
                with file.open(encoding="utf-8", errors="replace", newline="\n") as text:
                    place = next((line for line, one in enumerate(text, start=1) if one.rstrip("\n") == row[0]), 0)
                problems.append(
                    f"{file.name}, line {place}: is within a value of {name!r}, with {row[1]} lines that look like "
                    f"rows: a quotation mark before it is not closed; {_SWALLOWED}"
                )
    return problems


def _unaccounted(
    connection: duckdb.DuckDBPyConnection, source: Input, files: list[Path], heads: list[_Head]
) -> list[str]:
    """Sentences on files of which DuckDB has given fewer or more lines than there are, counted without it."""
    names = [name for name in column_names(connection, source.name) if name != _FILE]
    breaks = " + ".join(
        f"coalesce(length({name}) - length(replace({name}, chr(10), '')), 0)" for name in map(quoted, names)
    )
    blanks = " + ".join(
        f"CASE WHEN contains({name}, chr(10) || chr(10)) THEN "
        f"len(list_filter(string_split({name}, chr(10))[2:-2], lambda line: line = '')) ELSE 0 END"
        for name in map(quoted, names)
    )
    given = dict[int, tuple[int, int]]()
    for number, rows, broken, blank in connection.execute(
        f"SELECT {_FILE}, count(*), sum({breaks}), sum({blanks}) FROM {quoted(source.name)} GROUP BY {_FILE}"
    ).fetchall():
        given[number] = (rows + int(broken), int(blank))
    scans, faults = map(quoted, _fault_tables(source))
    faulty = connection.execute(
        f"""
        SELECT scan.file_path, fault.line, any_value(coalesce(fault.csv_line, '')) AS csv_line,
            bool_or(error_type = 'UNQUOTED VALUE') AS is_open
        FROM {faults} AS fault JOIN {scans} AS scan USING (scan_id, file_id)
        GROUP BY scan.file_path, fault.line ORDER BY fault.line
        """
    ).fetchall()
    problems = []
    for number, (file, head) in enumerate(zip(files, heads, strict=True)):
        lines, blank = _lines(file, head.lines)
        rows, blank_within = given.get(number, (0, 0))
        turned_away = [(line, text, is_open) for path, line, text, is_open in faulty if path == str(file)]
        # of one column, an empty line is a row
        skipped = blank - blank_within if len(head.columns) > 1 else 0
        missing = lines - skipped - rows - sum(1 + text.rstrip("\n").count("\n") for _, text, _ in turned_away)
        marks = [line for line, text, is_open in turned_away if is_open and "\n" in text.rstrip("\n")]
        if missing or marks:
            cut = [line for line, text, _ in turned_away if len(text) >= _SHOWN_OF_A_LINE]
            first = (marks or cut or [0])[0]
            where = f", line {first}: a quotation mark takes in the lines that follow" if first else ""
            problems.append(f"{file.name}{where}: {abs(missing)} lines are in no row and no rejection; {_SWALLOWED}")
    return problems


def _written_lines(file: Path) -> int:
    """The lines of a file that are not blank."""
    with file.open("rb") as binary:
        return sum(1 for line in binary if line.strip(b" \n"))


def _lines(file: Path, after: int) -> tuple[int, int]:
    """The lines of a file after the first ones, and how many of these are empty."""
    with file.open("rb") as binary:
        for _ in range(after):
            binary.readline()
        lines = Counter(line == b"\n" for line in binary)
    return lines.total(), lines[True]


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
    counted = connection.execute(f"SELECT count(*) FROM {quoted('_documents')}").fetchone()
    faulty = _faulty_lines(connection, source)
    written = sum(_written_lines(file) for file in files)
    if counted is None or written != counted[0] + len(faulty):
        raise MappingError(f"{written} lines are written, and {counted} read: have the file written again")
    no_json = connection.execute(
        f"SELECT document FROM _documents WHERE NOT json_valid(document) ORDER BY {ROW}"
    ).fetchall()
    connection.execute("DELETE FROM _documents WHERE NOT json_valid(document)")
    return [
        *({"record": line, "reason": "the line is no JSON object"} for (line,) in no_json),
        *faulty,
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
