"""`make export-person`: all that is known of a person, as a folder of JSON and CSV, with where each row came from.

Belongs here: which places are looked through, and the files. Does not: who is meant (`known_person`).

`everything.json` has all of it; beside it lies one CSV a table. Each row of a raw table says its source and account, of
a file its mapping, and when it was loaded. Nothing is changed, and the lock is held only while that is read.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from activation import ledger
from cluster import built_tables
from dagster_project import environment, known_person
from dagster_project.known_person import Person, WhoError
from ingestion import config, erasure
from ingestion.config import SettingsError
from ingestion.erased_events import events_of
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import WarehouseFileError, refuse_unusable_file
from serving.erasure import rows_in_versions, rows_with

SCHEMAS = ("intermediate", "core", "predictions", "activation", "marts", "ops")
Rows = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Export one person, or several; 0: a folder was written for each."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.export_person", description=__doc__)
    parser.add_argument("who", help="e-mail address, phone number, vendor's id or person_id; several: comma separated")
    parser.add_argument("--out", type=Path, help="folder to write to; by default exports in the data folder")
    options = parser.parse_args(arguments)
    try:
        with writer_lock(config.data_dir()):
            refuse_unusable_file(config.warehouse_path())
            known = _known(options.who.split(","))
    except (WhoError, SettingsError, RefreshInProgressError, WarehouseFileError) as error:
        print(f"Nothing was exported: {error}", file=sys.stderr)
        return 1
    for person, tables in known:
        folder = (options.out or environment.exports_dir()).expanduser().resolve() / person.person_id
        _write(folder, person, tables)
        print(f"{sum(map(len, tables.values()))} rows of {len(tables)} tables: {folder}")
    return 0


def _known(written: Sequence[str]) -> list[tuple[Person, dict[str, Rows]]]:
    if not config.warehouse_path().exists():
        raise WhoError("nothing was loaded yet.")
    with known_person.opened(config.warehouse_path()) as connection:
        ids = [known_person.one(connection, each) for each in written if each.strip()]
        persons = known_person.persons(connection, ids)
        return [(person, _of(connection, person)) for person in persons]


def _of(connection: duckdb.DuckDBPyConnection, person: Person) -> dict[str, Rows]:
    tables = {**_raw(connection, person), **_built(connection, person)}
    published = rows_in_versions(environment.serving_dir(), person.keys)
    tables |= {f"published.{version}.{mart}": rows for version, of in published.items() for mart, rows in of.items()}
    tables["activation.ledger"] = ledger.rows_of(environment.ledger_path(), person.person_ids)
    people_of = known_person.known_by(person.references)
    for account, file, event in events_of(people_of):
        tables.setdefault(f"inbox.{account}", []).append({"_file": str(file), "event": event})
    return {name: rows for name, rows in tables.items() if rows}


def _raw(connection: duckdb.DuckDBPyConnection, person: Person) -> dict[str, Rows]:
    """Every version of every record, and what was rejected."""
    people_of = known_person.known_by(person.references)
    found: dict[str, Rows] = {}
    for place in erasure.places(connection):
        found[place.name] = [
            _with_origin(place.system, row) for _, row in erasure.rows_of(connection, place, people_of)
        ]
    for system in config.SOURCE_NAMES:
        rejected = erasure.rejections_of(connection, system, people_of(system))
        found[f"{config.dataset_name(system)}.rejected_records"] = [_with_origin(system, row) for _, row in rejected]
    return found


def _with_origin(system: str, row: Mapping[str, Any]) -> dict[str, Any]:
    loaded_at = datetime.fromtimestamp(float(row["_dlt_load_id"]), UTC)
    origin = {"_source": system, "_account": row.get("source_account") or "", "_file": row.get("mapping") or ""}
    return {**origin, "_loaded_at": loaded_at, **row}


def _built(connection: duckdb.DuckDBPyConnection, person: Person) -> dict[str, Rows]:
    """What models, predictions and marts make of them."""
    tables = built_tables.shown(connection, SCHEMAS)
    return {str(table): rows_with(connection, table.schema, table.name, person.keys) for table in tables}


def _write(folder: Path, person: Person, tables: Mapping[str, Rows]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "person_id": person.person_id,
        "records": sorted(person.record_keys),
        "known_by": sorted(person.references),
        "shared_with_others": {identifier: sorted(others) for identifier, others in person.shared.items()},
        "tables": {name: len(rows) for name, rows in tables.items()},
    }
    everything = json.dumps({**about, "rows": tables}, default=str, ensure_ascii=False, indent=1)
    (folder / "everything.json").write_text(everything, encoding="utf-8")
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            columns = list(dict.fromkeys(column for row in rows for column in row))
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(map(_cells, rows))


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value, default=str) if _is_nested(value) else value for name, value in row.items()}


def _is_nested(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


if __name__ == "__main__":
    sys.exit(main())
