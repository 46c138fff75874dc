"""`make erase`: take a person out of everything that the data folder and the inboxes hold, and keep them out.

Belongs here: the order of the steps, what is asked before, and the places that no other room owns: working folders,
logs, Dagster's storage. Does not: a row without its person (`ingestion/personal.py`), raw tables
(`ingestion/erasure.py`), published versions (`serving/erasure.py`).

The request is written down first, so that the person stays out whatever happens next. The build file comes last, so
that the command can be given again if it was interrupted: until then it knows who is meant.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import duckdb

from activation import ledger
from dagster_project import environment, known_person, news, spark_tables
from dagster_project.known_person import Person, WhoError
from dagster_project.prediction_tables import KEPT_BY_NIGHT
from ingestion import config, erasure, personal
from ingestion.config import SettingsError
from ingestion.erased_events import clean_inboxes, rewrite
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import WarehouseFileError, refuse_unusable_file
from ingestion.permissions import PUBLISHED
from ingestion.personal import People
from serving.erasure import StandsFor, clean_versions, rows_in_versions
from serving.export import FORMATS, folder_of
from serving.publish import PublicationError
from serving.versions import current_version

SANDBOX = "sandbox"  # the simulated vendors' own memory: a vendor keeps the person, whoever is erased here
# What is made anew when it is missing: the working folders of dlt and dbt, and the copies of the build file for people.
# A text that is replaced in what dbt parsed would leave a project that reads well and is another.
MADE_ANEW = ("dlt", "dbt", "dbt_spark", "dev", "shell")
BUILT = ("staging", "intermediate", "core", "activation", "marts")
# Cannot be made anew: only the rows of the person go.
AUDIENCES = "audience_observations"
# Of the schemas that others write to, what holds no row of a person otherwise.
KEPT = {
    "ops": ("run_log", "refresh_settings", "erasures", AUDIENCES),
    "predictions": (*KEPT_BY_NIGHT, "survival_curves"),
}
INSTEAD = "*"
_NUMBER = re.compile("[+][1-9][0-9]{8,14}")  # no placeholder such as +00000000, whose digits stand in many files


def main(arguments: Sequence[str] | None = None) -> int:
    """Erase one person, or several; 0: nothing of them is left; 1: nothing was done, or a line says what is left."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.erase", description=__doc__)
    parser.add_argument("who", help="e-mail address, phone number, vendor's id or person_id; several: comma separated")
    parser.add_argument("--reason", default="", help="kept with the request: write nothing of the person into it")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep-shared", action="store_true", help="addresses that others have too stay theirs")
    parser.add_argument("--withdraw", action="store_true", help="let the person in again from now on")
    options = parser.parse_args(arguments)
    try:
        with writer_lock(config.data_dir()):
            refuse_unusable_file(config.warehouse_path())
            if options.withdraw:
                return _withdraw(options.who)
            return _erase(options)
    except (WhoError, SettingsError, RefreshInProgressError, WarehouseFileError) as error:
        print(f"Nothing was erased: {error}", file=sys.stderr)
        return 1


def _withdraw(written: str) -> int:
    people = erasure.people("", ())
    asked = [
        *(f"email:{each}" for each in personal.emails(written)),
        *(f"phone:{each}" for each in personal.phones(written)),
        written.strip(),
    ]
    withdrawn = [each for reference in asked for each in erasure.withdraw(people.hash_of(reference))]
    if not withdrawn:
        raise WhoError(f"no erasure concerns {written.strip()!r}.")
    print(f"{len(withdrawn)} erasures are withdrawn. What arrives from now on counts; what was erased stays erased.")
    return 0


def _erase(options: argparse.Namespace) -> int:
    if not config.warehouse_path().exists():
        raise WhoError("nothing was loaded yet.")
    with known_person.opened(config.warehouse_path()) as connection:
        ids = [known_person.one(connection, each) for each in options.who.split(",") if each.strip()]
        persons = known_person.persons(connection, ids)
        references = {each for person in persons for each in person.references}
        rows = _rows(connection, known_person.known_by(references))
    _refuse_shared(persons, keep=options.keep_shared)
    keys = {each for person in persons for each in person.keys}
    rows |= {
        version: sum(map(len, marts.values()))
        for version, marts in rows_in_versions(environment.serving_dir(), keys).items()
    }
    rows["activation ledger"] = len(ledger.rows_of(environment.ledger_path(), keys))
    _show(persons, rows)
    if not options.yes and not _is_confirmed():
        print("Nothing was erased.")
        return 1
    people = erasure.people("", ())
    hashes = {people.hash_of(each) for each in references}
    erasure.keep(erasure.new_request(options.reason, people, hashes, rows))

    @cache
    def people_of(system: str) -> People:
        return erasure.people(system, hashes)

    unclean = [why for clean in TARGETS if (why := _why_not(clean, keys, _stands_for(persons, people)))]
    news.owe(2 if unclean else 1)  # PostgreSQL keeps the version before until the publication after the next
    clean_inboxes(people_of)
    exports = [environment.exports_dir() / person.person_id for person in persons]
    exports += [folder_of(environment.exports_dir(), each) for each in FORMATS]
    for path in (*(config.data_dir() / name for name in MADE_ANEW), *exports):
        if path.exists():
            shutil.rmtree(path)
    needles = _needles(persons)
    spark_tables.erase()
    _clean_files(needles)
    _clean_warehouse(people_of, {each for person in persons for each in person.person_ids}, needles)
    left = [str(path) for path in _files() if _holds(path, needles)]
    for each in left:
        print(f"Left: {each} still holds an address: a process may hold it open. End it, and erase again.")
    for why in unclean:
        print(f"Left: {why} What is there of them goes with the second refresh from now.")
    print(f"Erased: {len(persons)} persons. The next refresh builds the models anew: make refresh", flush=True)
    return int(bool(left or unclean))


def _rows(connection: duckdb.DuckDBPyConnection, people_of: erasure.PeopleOf) -> dict[str, int]:
    found = {
        place.name: sum(1 for _ in erasure.rows_of(connection, place, people_of))
        for place in erasure.places(connection)
    }
    for system in config.SOURCE_NAMES:
        place = f"{config.dataset_name(system)}.rejected_records"
        found[place] = sum(1 for _ in erasure.rejections_of(connection, system, people_of(system)))
    return {place: count for place, count in found.items() if count}


def _refuse_shared(persons: Iterable[Person], *, keep: bool) -> None:
    lines = [
        f"  one of {person.person_id} ({identifier.partition(':')[0]}) is also that of {', '.join(sorted(others))}"
        for person in persons
        for identifier, others in sorted(person.shared.items())
    ]
    if lines and not keep:
        raise WhoError(
            "\n".join(
                [
                    "an address or a number is shared:",
                    *lines,
                    "Are they one human? Then name all of them: ID=<person_id>,<person_id>. Are they not? Then "
                    "SHARED=keep erases the one you named, and what they share stays with the others.",
                ]
            )
        )


def _show(persons: Sequence[Person], rows: Mapping[str, int]) -> None:
    for person in persons:
        print(f"{person.person_id}: {', '.join(sorted(person.record_keys))}")
    print(f"{'rows of theirs':<60}{'count':>10}")
    for place, count in rows.items():
        print(f"{place:<60}{count:>10}")


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        print("Nobody can be asked here: say YES=1 to erase without a question.", file=sys.stderr)
        return False
    return input("Erase them for good? Write yes: ").strip().lower() == "yes"


# ---- what is published


def _clean_files_published(keys: Iterable[str], stands_for: StandsFor) -> None:
    clean_versions(environment.serving_dir(), {*keys}, stands_for)


def _why_not(clean: Callable[[Iterable[str], StandsFor], None], keys: Iterable[str], stands_for: StandsFor) -> str:
    """Why a place of publication could not be cleaned; empty where it is. The other places do not wait for it."""
    try:
        clean(keys, stands_for)
    except PublicationError as error:
        return str(error)
    return ""


def _publish_in_postgres_again(keys: Iterable[str], stands_for: StandsFor) -> None:
    """Put the file's version there anew, and drop the one that is kept beside it."""
    postgres, version = environment.postgres(), current_version(environment.serving_dir())
    if postgres is not None and version is not None:
        postgres.replace(version)


def _forget_in_the_ledger(keys: Iterable[str], stands_for: StandsFor) -> None:
    ledger.forget(environment.ledger_path(), stands_for, keys)


# Every place of publication, in order, and what was told from it: each takes persons out of all that it keeps.
TARGETS: tuple[Callable[[Iterable[str], StandsFor], None], ...] = (
    _clean_files_published,
    _publish_in_postgres_again,
    _forget_in_the_ledger,
)


def _stands_for(persons: Sequence[Person], people: People) -> StandsFor:
    """What replaces a text in a published row of theirs."""
    names = {each for person in persons for each in person.names}
    ids = {each: person.person_id for person in persons for each in person.person_ids}
    records = {each: each for person in persons for each in person.record_keys}
    own = {each.split(":", 2)[2]: each for each in records if not each.split(":")[1].startswith("guest_")}
    references = {each for person in persons for each in person.references}

    def stands_for(text: str) -> str | None:
        if text in names:
            return None
        if text in ids:
            return people.pseudonym(f"person:{ids[text]}")
        if text in records or text in own:
            return people.pseudonym(records.get(text) or own[text])
        found = [f"email:{each}" for each in personal.emails(text)] + [
            f"phone:{each}" for each in personal.phones(text)
        ]
        if any(each in references for each in found):
            return ";".join(map(people.pseudonym, found))
        beginning, colon, rest = text.partition(":")
        return f"{people.pseudonym(own[beginning])}:{rest}" if colon and beginning in own else text

    return stands_for


# ---- the build file


def _clean_warehouse(people_of: erasure.PeopleOf, person_ids: Iterable[str], needles: Iterable[str]) -> None:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.begin()
        erasure.clean_raw(connection, people_of)
        erasure.drop_working_tables(connection)
        _forget_models(connection)
        _clean_audiences(connection, person_ids)
        _clean_texts(connection, needles)
        erasure.write_log(connection)
        connection.commit()
    erasure.write_anew(config.warehouse_path())


def _forget_models(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop all that is built from the raw tables: the next refresh makes it of what is left."""
    for schema in BUILT:
        connection.execute(f"drop schema if exists {schema} cascade")
    found = connection.execute(
        "select table_schema, table_name, table_type from information_schema.tables "
        "where table_catalog = current_database()"
    ).fetchall()
    for schema, table, kind in found:
        if schema in KEPT and (kind == "VIEW" or table not in KEPT[schema]):  # a view has its rows elsewhere
            connection.execute(f'drop {"view" if kind == "VIEW" else "table"} {schema}."{table}"')


def _clean_audiences(connection: duckdb.DuckDBPyConnection, person_ids: Iterable[str]) -> None:
    """Which audiences they were in is known from past refreshes alone, and so it is of everybody else."""
    found = connection.execute(
        "select 1 from information_schema.tables where table_catalog = current_database() and table_schema = 'ops' "
        "and table_name = ?",
        [AUDIENCES],
    ).fetchall()
    if found:
        connection.execute(f"delete from ops.{AUDIENCES} where entity_id in (select unnest(?))", [[*person_ids]])


def _clean_texts(connection: duckdb.DuckDBPyConnection, needles: Iterable[str]) -> None:
    """Addresses may stand in the words of a summary, or of a failure."""
    found = connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and "
        "(table_name in ('run_log', '_failed_loads', 'load_audit'))"
    ).fetchall()
    for schema, table, column in found:
        for needle in needles:
            place = f'{schema}."{table}"'
            connection.execute(
                f'update {place} set "{column}" = replace("{column}", ?, ?) where contains("{column}", ?)',
                [needle, INSTEAD, needle],
            )


# ---- everything else that lies in the data folder


def _needles(persons: Iterable[Person]) -> tuple[str, ...]:
    """Texts of theirs that cannot be of anything else, in each way that they are written in files."""
    found = {each for person in persons for each in person.keys - person.deal_ids if len(each) >= 6}
    ids = {key.split(":", 2)[2] for person in persons for key in person.record_keys}
    found |= {own for own in ids if len(own) >= 6 and not own.isdigit()}
    found |= {each[1:] for each in found if _NUMBER.fullmatch(each)}  # as WhatsApp writes it
    guests = {key.split(":", 2)[2] for person in persons for key in person.record_keys if ":guest_" in key}
    written = {form for each in found - guests for form in (each, json.dumps(each)[1:-1])}
    return tuple(sorted(written, key=len, reverse=True))


def _files() -> Iterator[Path]:
    """The files of the data folder that are no database of DuckDB and not the sandbox's."""
    for folder, folders, files in os.walk(config.data_dir()):
        if Path(folder) == config.data_dir():
            folders[:] = sorted({*folders} - {SANDBOX, PUBLISHED, erasure.FOLDER})
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith((".duckdb", "-wal", "-shm")))


def _holds(path: Path, needles: Iterable[str]) -> bool:
    text = b"".join(file.read_bytes() for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
    return any(needle.encode() in text for needle in needles)


def _clean_files(needles: Sequence[str]) -> None:
    for path in _files():
        if not _holds(path, needles):
            continue
        if path.read_bytes()[:16] == b"SQLite format 3\0":
            _clean_sqlite(path, needles)
            continue
        text = path.read_bytes()
        for needle in map(str.encode, needles):
            text = text.replace(needle, INSTEAD.encode() * len(needle))
        rewrite(path, text)


def _clean_sqlite(path: Path, needles: Iterable[str]) -> None:
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            connection.execute("pragma secure_delete = on")
            tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
            for (table,) in tables:
                for column in connection.execute(f'pragma table_info("{table}")').fetchall():
                    for needle in needles:
                        connection.execute(
                            f'update "{table}" set "{column[1]}" = replace("{column[1]}", ?, ?) '
                            f'where typeof("{column[1]}") = \'text\' and instr("{column[1]}", ?) > 0',
                            [needle, INSTEAD, needle],
                        )
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.OperationalError as error:  # a web UI holds it: what is left is found, and said, at the end
        print(f"{path} could not be cleaned: {error}.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
