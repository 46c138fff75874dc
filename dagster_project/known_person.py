"""Who is meant by an identifier, and by what the warehouse knows that person.

Belongs here: from an e-mail address, a phone number, a vendor's id or a person's id to one person. Does not: what is
done with it (`export_person`, `erase`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb

from cluster import built_tables
from ingestion import erasure, personal
from ingestion.erasure import BLOCKLIST, COUNTRIES
from ingestion.obstacles import WarehouseFileError
from ingestion.personal import Blocklist, Countries, Identifier, Record

LOST = re.compile(r'No files found that match the pattern "(?P<table>[^"]*)/\*\.parquet"')
NEEDED = ("int_persons__resolved", "int_identifiers__normalized", "int_contact_records__unioned")


class WhoError(ValueError):
    """Nobody is meant, or more than one; the message says what to write instead."""


@dataclass(frozen=True)
class Person:
    """One human, as the warehouse knows them.

    Attributes:
        person_id: the id that models and marts use.
        record_keys: the records that are this person, of every system.
        references: what tells that a row is theirs: these records, their addresses, numbers and deals.
        shared: addresses that others have too, with the persons who have them.
        names: texts that are of this person where a row is: names, what deals with them are called, and addresses that
            stand for nobody.
        deal_ids: deals with this person.
        spellings: the addresses as they were written.
    """

    person_id: str
    record_keys: frozenset[str]
    references: frozenset[str]
    shared: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    deal_ids: frozenset[str] = frozenset()
    spellings: frozenset[str] = frozenset()

    @property
    def person_ids(self) -> frozenset[str]:
        """The id, and those that the person had before records were merged."""
        return frozenset({self.person_id, *map(person_id_of, self.record_keys)})

    @property
    def keys(self) -> frozenset[str]:
        """Texts that no row of anybody else holds."""
        addresses = {each.partition(":")[2] for each in self.references if each.startswith(("email:", "phone:"))}
        unshared = {each for each in self.spellings if not self._is_shared(each)}
        return frozenset({*self.person_ids, *self.record_keys, *self.deal_ids, *addresses, *unshared})

    def _is_shared(self, written: str) -> bool:
        found = [f"email:{each}" for each in personal.emails(written)]
        return any(each in self.shared for each in found) or any(
            written == each.partition(":")[2] for each in self.shared
        )


def person_id_of(record_key: str) -> str:
    """As the models name a person, after the record that was first (`surrogate_key`)."""
    return hashlib.md5(f"person|{record_key}".encode(), usedforsecurity=False).hexdigest()


@contextmanager
def opened(build_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The build file, to be read.

    Raises:
        WarehouseFileError: what Spark built of a table is gone.
    """
    with duckdb.connect(str(build_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            yield connection
        except duckdb.IOException as error:
            if lost := LOST.search(str(error)):
                raise WarehouseFileError(
                    f"{lost['table']} has no files, as where a refresh on Spark was interrupted: run `make refresh`, "
                    "which builds it again, and then this."
                ) from None
            raise


def find(connection: duckdb.DuckDBPyConnection, written: str) -> list[str]:
    """The ids of the persons that an identifier, in any spelling, may mean.

    Raises:
        WhoError: the models are not built, or nobody is meant.
    """
    _refuse_without_models(connection)
    countries = Countries(COUNTRIES)
    dialled = {number for code in countries.all for number in personal.phones(written, code)}
    identifiers = [
        *(("email", each) for each in personal.emails(written)),
        *(("phone", each) for each in (personal.phones(written) or sorted(dialled))),
        *(("customer_number", each) for each in personal.customer_numbers(written)),
    ]
    connection.execute("create or replace temp table asked (namespace varchar, identifier varchar)")
    if identifiers:
        connection.executemany("insert into asked values (?, ?)", identifiers)
    found = connection.execute(
        """
        select person_id from intermediate.int_persons__resolved
        where person_id = $1 or record_key = $1 or source_record_id = $1 or md5('person|' || record_key) = $1
        union
        select persons.person_id
        from intermediate.int_identifiers__normalized as identifiers
        inner join asked using (namespace, identifier)
        inner join intermediate.int_persons__resolved as persons using (record_key)
        union
        select persons.person_id
        from intermediate.int_contact_records__unioned as records
        inner join intermediate.int_persons__resolved as persons using (record_key)
        where lower(trim(records.email)) = lower($1)
        order by 1
        """,
        [written.strip()],
    ).fetchall()
    if not found:
        raise WhoError(
            f"nobody is known by {written.strip()!r}: give an e-mail address, a phone number with its calling code, a "
            "vendor's id or a person_id. What was loaded since the last refresh is known after the next one."
        )
    return [person_id for (person_id,) in found]


def one(connection: duckdb.DuckDBPyConnection, written: str) -> str:
    """The id of the one person whom an identifier means.

    Raises:
        WhoError: nobody is meant, or several persons; then it names them by their ids and records.
    """
    found = find(connection, written)
    if len(found) == 1:
        return found[0]
    lines = [f"  {each}  {', '.join(sorted(_records(connection, [each])))}" for each in found]
    raise WhoError(
        "\n".join(
            [f"{written.strip()!r} may mean {len(found)} persons. Give the person_id of the one you mean:", *lines]
        )
    )


def _refuse_without_models(connection: duckdb.DuckDBPyConnection) -> None:
    there = {table.name for table in built_tables.shown(connection, ("intermediate",))}
    if not there >= {*NEEDED}:
        raise WhoError("the models are not built, so that nobody can be found: run `make refresh` first.")


def _records(connection: duckdb.DuckDBPyConnection, person_ids: Sequence[str]) -> set[str]:
    query = "select record_key from intermediate.int_persons__resolved where person_id in (select unnest(?))"
    return {key for (key,) in connection.execute(query, [[*person_ids]]).fetchall()}


def persons(connection: duckdb.DuckDBPyConnection, person_ids: Sequence[str]) -> list[Person]:
    """What the warehouse knows these persons by. What two of them share, and nobody else, is shared with nobody."""
    earlier = _earlier(connection, _records(connection, person_ids))
    return [_person(connection, each, {*person_ids}, earlier) for each in dict.fromkeys(person_ids)]


def _person(
    connection: duckdb.DuckDBPyConnection,
    person_id: str,
    together: Collection[str],
    earlier: Mapping[str, Collection[str]],
) -> Person:
    record_keys = _records(connection, [person_id])
    deals = connection.execute(
        "select deal_id, deal_name from core.fct_deals where person_id = ?", [person_id]
    ).fetchall()
    names = {
        text
        for row in connection.execute(
            "select first_name, last_name, first_name || ' ' || last_name from "
            "intermediate.int_contact_records__unioned where record_key in (select unnest(?))",
            [[*record_keys]],
        ).fetchall()
        for text in row
        if text
    }
    spellings = {
        text
        for row in connection.execute(
            "select email, additional_emails, phone from intermediate.int_contact_records__unioned "
            "where record_key in (select unnest(?))",
            [[*record_keys]],
        ).fetchall()
        for text in row
        if text
    }
    of_nobody = {text for text in spellings if _stands_for_nobody(text)}
    theirs = {f"{system}:deal:{own}" for system, _, own in (deal_id.partition(":") for deal_id, _ in deals)}
    identifiers = _identifiers(connection, record_keys).union(*(earlier.get(key, ()) for key in record_keys))
    shared = _others(connection, identifiers, record_keys, together)
    return Person(
        person_id,
        frozenset(record_keys),
        frozenset({*record_keys, *theirs, *(identifiers - shared.keys())}),
        shared,
        frozenset({*names, *of_nobody, *(name for _, name in deals if name)}),
        frozenset(deal_id for deal_id, _ in deals),
        frozenset(spellings - of_nobody),
    )


def _stands_for_nobody(written: str) -> bool:
    found = [f"email:{each}" for each in personal.emails(written)]
    found += [f"phone:{each}" for each in personal.phones(written)]
    blocklist = Blocklist(BLOCKLIST)
    return bool(found) and all(each in blocklist for each in found)


def _identifiers(connection: duckdb.DuckDBPyConnection, record_keys: Collection[str]) -> set[str]:
    found = connection.execute(
        # the identifier of a record is its key: also of one that was merged away and never loaded
        "select case namespace when 'record' then identifier else namespace || ':' || identifier end "
        "from intermediate.int_identifiers__normalized where record_key in (select unnest(?))",
        [[*record_keys]],
    ).fetchall()
    listed = connection.execute(
        "select email, additional_emails from intermediate.int_contact_records__unioned "
        "where record_key in (select unnest(?))",
        [[*record_keys]],
    ).fetchall()
    emails = {f"email:{email}" for row in listed for text in row if text for email in personal.emails(text)}
    blocklist = Blocklist(BLOCKLIST)
    return {each for (each,) in found} | {each for each in emails if each not in blocklist}


def _earlier(connection: duckdb.DuckDBPyConnection, record_keys: Collection[str]) -> dict[str, set[str]]:
    """The addresses and numbers of records in every version that was ever loaded, by record."""
    people_of = known_by(record_keys)
    found: dict[str, set[str]] = {}
    for place in erasure.places(connection):
        own = [
            kind
            for kind in place.table.row.personal.values()
            if isinstance(kind, Record)
            and not (kind.system or kind.separator or kind.begins or kind.is_given_to_guests)
        ]
        has_addresses = any(isinstance(kind, Identifier) for kind in place.table.row.personal.values())
        for _, row in erasure.rows_of(connection, place, people_of) if own and has_addresses else ():
            references = [*people_of(place.system).references(place.table, row)]
            addresses = {each for each in references if each.startswith(("email:", "phone:", "customer_number:"))}
            for key in {*references} & {*record_keys}:
                found.setdefault(key, set()).update(addresses)
    return found


def known_by(references: Collection[str]) -> erasure.PeopleOf:
    """Persons by what tells that a row is theirs, for one look at the raw tables: the key is thrown away."""
    key = secrets.token_bytes(32)
    hashing = erasure.people("", (), key)
    hashes = frozenset(map(hashing.hash_of, references))

    @cache
    def people_of(system: str) -> personal.People:
        return erasure.people(system, hashes, key)

    return people_of


def _others(
    connection: duckdb.DuckDBPyConnection,
    identifiers: Collection[str],
    record_keys: Collection[str],
    together: Collection[str],
) -> dict[str, frozenset[str]]:
    """Which of some identifiers others have too."""
    found = connection.execute(
        """
        select identifiers.namespace || ':' || identifiers.identifier, persons.person_id
        from intermediate.int_identifiers__normalized as identifiers
        inner join intermediate.int_persons__resolved as persons using (record_key)
        where identifiers.namespace || ':' || identifiers.identifier in (select unnest($1))
        union
        select 'email:' || lower(trim(records.email)), persons.person_id
        from intermediate.int_contact_records__unioned as records
        inner join intermediate.int_persons__resolved as persons using (record_key)
        where 'email:' || lower(trim(records.email)) in (select unnest($1))
        """,
        [[*identifiers]],
    ).fetchall()
    held: dict[str, set[str]] = {}
    for identifier, person_id in found:
        if person_id not in together:
            held.setdefault(identifier, set()).add(person_id)
    return {identifier: frozenset(by) for identifier, by in held.items()}
