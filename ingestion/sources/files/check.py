"""What of the files is looked at before anything is loaded: each mapping, on the first lines of each of its files.

A mapping is tried on a copy of these lines, so that a column that is not there or an SQL that cannot run is told. What
stands further down (a line that is cut short, a key that stands twice) only a load sees. Of a table or query no row is
read: that it gives its columns shows that it is there and may be read.
"""

from __future__ import annotations

import csv
import glob
import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TextIO

import duckdb

from ingestion import check as checks
from ingestion import config
from ingestion.check import Finding
from ingestion.clock import refuse_wrong_clock
from ingestion.http import VendorError
from ingestion.sources.files.copies import told_at
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.inputs import SEPARATOR_LINE, codec, find_files, literal
from ingestion.sources.files.mapping import FileMapping, Input, MappingError, read_mappings
from ingestion.sources.files.postgres import Database
from ingestion.sources.files.settings import Settings

ROWS = 50
STATEMENT_SECONDS = 20  # of a question to a database
JSON = ("json", "jsonl")  # which keys there are only all records tell: of these no more than the beginning is read


def check(settings: Settings) -> Iterator[Finding]:
    """Read the mappings of the settings, find their files, and try each mapping on the beginning of its files."""
    mappings = read_mappings(settings.mappings_path)
    yield Finding(checks.REACHED, f"{len(mappings)} mapping{'s' if len(mappings) > 1 else ''}")
    yield Finding(checks.TIME_ZONE, ", ".join(sorted({mapping.timezone for mapping in mappings})))
    yield Finding(checks.CURRENCY, "as each row says")
    yield Finding(checks.OLDEST, checks.NOT_ASKED)
    files: set[Path] = set()
    for connection in sorted({mapping.connection for mapping in mappings}):
        with ExitStack() as stack:
            database = None
            if connection:
                try:
                    database = stack.enter_context(Database(connection, STATEMENT_SECONDS))
                    refuse_wrong_clock(f"the database of the connection {connection}", database.now, config.as_of())
                except (MappingError, VendorError) as error:
                    yield Finding(f"connection {connection}", "not usable", "failed", str(error))
                    continue
                yield Finding(f"connection {connection}", f"reached, PostgreSQL {database.version}, read only")
            for mapping in mappings:
                if mapping.connection != connection:
                    continue
                try:
                    files.update(_tried(mapping, settings, database))
                except (MappingError, VendorError, OSError) as error:
                    yield Finding(checks.ACCOUNT, f"{mapping.name} cannot be read", "failed", f"{error}")
                yield from _unseen(mapping, settings)
    yield Finding(checks.ACCOUNT, f"{len(files)} file{'s' if len(files) != 1 else ''}")


def _unseen(mapping: FileMapping, settings: Settings) -> Iterator[Finding]:
    """What a load does not see of the inputs of a mapping that are read by a cursor."""
    for source in mapping.inputs.values():
        if source.cursor:
            asked = f"{mapping.name}.{source.name}"
            days = settings.whole_read_days
            yield Finding(asked, f"changes by {source.cursor}; rows deleted are seen every {days} days")


def _tried(mapping: FileMapping, settings: Settings, database: Database | None) -> list[Path]:
    """The files of a mapping, after it was tried on the beginning of each of them.

    Raises:
        MappingError: a file is not there, cannot be read, or an expression cannot work.
        VendorError: the database cannot be read now.
    """
    found = {
        source.name: find_files(mapping, source, settings.data_path)
        for source in mapping.inputs.values()
        if not source.is_of_database
    }
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        inputs = {}
        copies: dict[str, str] = {}
        for source in mapping.inputs.values():
            place = Path(folder, source.name)
            if database is not None and source.is_of_database:
                columns = place.with_suffix(".parquet")
                with told_at(f"{mapping.file}: inputs.{source.name}"), database.undo_to_here():
                    database.read(source, database.columns(source), columns, rows="limit 0")
                inputs[source.name] = replace(source, path=glob.escape(str(columns)))
                continue
            place.mkdir()
            for number, file in enumerate(found[source.name]):
                copy = place / f"{number:06}_{file.name}"
                copies[str(copy)] = str(file)
                try:
                    _copy_beginning(source, file, copy)
                except (duckdb.Error, OSError, EOFError, zlib.error, csv.Error) as error:
                    raise MappingError(
                        f"{mapping.file}: inputs.{source.name}: cannot read {file}: {error}. Have the file written "
                        "again, or correct the mapping."
                    ) from error
            inputs[source.name] = replace(source, path=f"{source.name}/*")
        if not any(source.format in JSON for source in mapping.inputs.values()):
            is_accepted = mapping.name in settings.accept
            try:
                copied = replace(mapping, inputs=inputs)
                Evaluation(copied, Path(folder), config.as_of(), is_accepted=is_accepted).close()
            except MappingError as error:
                said = str(error)
                for copy_path, path in copies.items():
                    said = said.replace(copy_path, path)
                raise MappingError(said) from error
    return [file for files in found.values() for file in files]


def _copy_beginning(source: Input, file: Path, copy: Path) -> None:
    if source.format == "parquet":
        rows = f"FROM read_parquet({literal(str(file))}) LIMIT {ROWS}"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({rows}) TO {literal(str(copy))} (FORMAT parquet)")
        return
    is_packed = file.suffix == ".gz"
    with (
        gzip.open(file, "rb") if is_packed else file.open("rb") as binary,
        io.TextIOWrapper(binary, encoding=codec(source.encoding), errors="replace", newline=None) as text,
        gzip.open(copy, "wb") if is_packed else copy.open("wb") as target,
        io.TextIOWrapper(target, encoding=source.encoding, errors="replace", newline="\n") as written,
    ):
        written.writelines(islice(text, ROWS) if source.format in JSON else _first_rows(source, text))


def _first_rows(source: Input, text: TextIO) -> list[str]:
    """The lines of the first rows, whole: a row may have several."""
    stated = SEPARATOR_LINE.fullmatch(text.readline().rstrip("\n"))
    text.seek(0)
    lines = list(islice(text, source.skip + (1 if stated else 0)))

    def noted() -> Iterator[str]:
        for line in text:
            lines.append(line)
            yield line

    delimiter = stated[1] if stated else source.delimiter
    for _ in islice(csv.reader(noted(), delimiter=delimiter, quotechar=source.quote), ROWS):
        pass
    return lines
