"""The published marts as files for people and tools that open no database: a workbook, CSV or Parquet.

Belongs here: what is read (the published version, never the build file), the folder and its lists. Does not: all that
is known of one person (`dagster_project/export_person.py`), the sheets of a workbook (`workbook`).

An export is a folder, which is written beside its place and renamed: whoever opens it finds all of one version. The
next export of the same format takes its place, so that a tool that was pointed at it reads on.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import duckdb

from serving import workbook
from serving.access import MODES, Readers
from serving.publish import SCHEMA, Publication, PublicationError, current_publication, news_missing
from serving.versions import delete, sync_all
from serving.workbook import Column, Mart

Format = Literal["xlsx", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
WORKBOOK = "marts.xlsx"
LIST, COLUMNS = "_marts.csv", "_columns.csv"
Progress = Callable[[str, int], object]


class ExportError(RuntimeError):
    """Nothing was exported; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where a mart is: a file, in a workbook also a sheet of it, and what is to be known of it there."""

    mart: Mart
    file: str
    sheet: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        folder: where it lies.
        version: name of the published version.
        places: where each mart is.
    """

    folder: Path
    version: str
    places: tuple[Place, ...]


def folder_of(out: Path, format: Format) -> Path:
    """The folder that an export of a format is, in the folder that it goes to."""
    return out / f"marts_{format}"


def export(
    serving_dir: Path, out: Path, format: Format, begin: Callable[[int], Progress], readers: Readers = "group"
) -> Export:
    """Write every mart of the published version to files.

    Args:
        serving_dir: folder of the links.
        out: folder that the export goes to.
        begin: told how many rows there are; what it returns is told the mart and the rows, as they are written.
        readers: who may read the export, as far as they may pass the folder that it goes to.

    Raises:
        ExportError: something else lies in the place of the export, or it cannot be written.
        PublicationError: nothing is published, or it cannot be read.
    """
    publication = current_publication(serving_dir)
    if publication is None:
        raise PublicationError(f"nothing is published in {serving_dir}: refresh first.")
    final = folder_of(out, format)
    draft = final.with_name(f".{final.name}.tmp")
    try:
        _refuse_what_is_not_ours(final)
        delete(draft)
        draft.mkdir(parents=True)
        with duckdb.connect(str(publication.path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            marts = marts_of(connection)
            progress = begin(sum(mart.rows for mart in marts))
            if format == "xlsx":
                places = _write_workbook(connection, marts, draft, publication, progress)
            else:
                places = _write_files(connection, marts, draft, format, progress)
        _write_lists(draft, marts, places)
        _open_to(draft, readers)
        sync_all(draft)
        _replace(final, draft)
    except (OSError, duckdb.Error) as error:
        raise ExportError(f"{out} cannot be written to: {str(error).splitlines()[0]}") from error
    finally:
        delete(draft)
    return Export(final, publication.version, tuple(places))


def marts_of(connection: duckdb.DuckDBPyConnection) -> list[Mart]:
    """What a published version holds, with what it says of it."""
    columns: dict[str, list[Column]] = {}
    for table, *column in connection.execute(
        "select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where schema_name = ? and not internal order by table_name, column_index",
        [SCHEMA],
    ).fetchall():
        columns.setdefault(table, []).append(Column(*column))
    described = connection.execute(
        "select table_name, coalesce(comment, '') from duckdb_tables() where schema_name = ? and not internal "
        "order by table_name",
        [SCHEMA],
    ).fetchall()
    marts = []
    for name, said in described:
        ((rows,),) = connection.execute(f"select count(*) from {_table(name)}").fetchall()
        marts.append(Mart(name, said, tuple(columns[name]), rows))
    return marts


def _write_workbook(
    connection: duckdb.DuckDBPyConnection,
    marts: Sequence[Mart],
    draft: Path,
    publication: Publication,
    progress: Progress,
) -> list[Place]:
    about = {
        "Version": publication.version,
        "Data as of": f"{publication.as_of:%Y-%m-%d %H:%M} UTC{news_missing(publication.states)}",
        "Instants": "UTC",
    }
    places = []
    for sheet in workbook.write(connection, marts, draft / WORKBOOK, about, progress):
        if sheet.name is not None:
            places.append(Place(sheet.mart, WORKBOOK, sheet.name, sheet.lacks))
        if sheet.lacks:
            places.append(Place(sheet.mart, _copy(connection, sheet.mart, draft, "parquet"), remark=sheet.lacks))
            if sheet.name is None:
                progress(sheet.mart.name, sheet.mart.rows)
    return places


def _write_files(
    connection: duckdb.DuckDBPyConnection,
    marts: Sequence[Mart],
    draft: Path,
    format: Format,
    progress: Progress,
) -> list[Place]:
    places = []
    for mart in marts:
        places.append(Place(mart, _copy(connection, mart, draft, format)))
        progress(mart.name, mart.rows)
    return places


def _copy(connection: duckdb.DuckDBPyConnection, mart: Mart, folder: Path, format: Format) -> str:
    file = folder / f"{mart.name}.{format}"
    quoted = str(file).replace("'", "''")
    texts = ", ".join(f'"{column.name}"' for column in mart.columns if column.type == "VARCHAR")
    options = {
        # An empty text is quoted, and null is not.
        "csv": f"format csv, header{f', force_quote ({texts})' if texts else ''}",
        "parquet": "format parquet, compression zstd",
    }
    connection.execute(f"copy {_table(mart.name)} to '{quoted}' ({options[format]})")
    return file.name


def _write_lists(folder: Path, marts: Sequence[Mart], places: Iterable[Place]) -> None:
    """Which file has what, and what its columns mean."""
    with (folder / LIST).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mart", "rows", "file", "sheet", "remark", "description"])
        for place in places:
            mart = place.mart
            writer.writerow([mart.name, mart.rows, place.file, place.sheet, place.remark, mart.description])
    with (folder / COLUMNS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mart", "column", "type", "description"])
        for mart in marts:
            writer.writerows([mart.name, each.name, each.type.lower(), each.description] for each in mart.columns)


def _open_to(folder: Path, readers: Readers) -> None:
    of_a_file, of_its_folders, _ = MODES[readers]
    for path in folder.iterdir():
        path.chmod(of_a_file | stat.S_IWUSR)  # unlike what is published, it is its owner's to change
    folder.chmod(of_its_folders)


def _refuse_what_is_not_ours(folder: Path) -> None:
    """Stop where the folder of the export before holds what no export wrote: it would go with it."""
    if not folder.exists():
        return
    ours = {LIST, COLUMNS}
    if (folder / LIST).exists():
        with (folder / LIST).open(encoding="utf-8", newline="") as file:
            ours |= {row["file"] for row in csv.DictReader(file)}
    if others := ", ".join(sorted(path.name for path in folder.iterdir() if path.name not in ours)):
        raise ExportError(f"{folder} holds {others}, which no export wrote: move it away, or give another OUT.")


def _replace(folder: Path, draft: Path) -> None:
    before = folder.with_name(f".{folder.name}.before")
    delete(before)
    if folder.exists():
        os.rename(folder, before)
    os.rename(draft, folder)
    delete(before)


def _table(mart: str) -> str:
    return f'{SCHEMA}."{mart}"'
