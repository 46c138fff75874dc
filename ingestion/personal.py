"""What of a row tells of a person, and the same row without it.

Belongs here: the kinds of personal columns that row models declare, how an identifier is read, and the one function
that takes a person out of a row. Does not: whose rows that concerns, and where they lie (`erasure`).

A row of an erased person stays, so that no sum changes: what identifies is replaced by pseudonyms, all else that is
personal is emptied. A pseudonym is a keyed hash of what it stands for, so that the same value gives the same one in
whichever row it comes and whenever. Rows that belong together still do, a replay changes nothing, and a full refresh
gives what the nights before gave.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ingestion.tables import RawTable

PREFIX = "erased-"
DOMAIN = "erased.invalid"  # a name that no server can have (RFC 2606)
CALLING_CODE = "+999"  # assigned to no country (ITU-T E.164)
ADDRESSES = ("email:", "phone:", "customer_number:")  # how references begin that are no records


# ---- what a row model says of its columns


@dataclass(frozen=True)
class Identifier:
    """An address or a number by which identity knows a person; a column may hold several."""

    namespace: Literal["email", "phone", "customer_number"]


@dataclass(frozen=True)
class Record:
    """The id of a record that is a person.

    Attributes:
        type: type of the record, as identity calls it: contact, customer, lead.
        system: whose record it is, where it is another system's.
        separator: between several ids in one text.
        begins: the id is the beginning of a longer one, up to a colon.
        stays: the row is theirs by it, and it names nobody by itself: the number of an order.
        is_given_to_guests: a row of an erased person that names nobody here gets a pseudonym: so a guest's order, which
            identity knows by its own number, becomes that of a customer without a name.
        is_phone: an id of digits alone is a phone number with its calling code, and counts as that.
        is_hashed: identity knows the record by the MD5 of its id.
    """

    type: str
    system: str = ""
    separator: str = ""
    begins: bool = False
    stays: bool = False
    is_given_to_guests: bool = False
    is_phone: bool = False
    is_hashed: bool = False


@dataclass(frozen=True)
class Code:
    """A value that only stands for the person and may not be missing: it is replaced.

    `of`: what the value is called where it has its place in several tables; empty: it is this table's own.
    """

    of: str = ""


@dataclass(frozen=True)
class Text:
    """All else that is personal: names, what somebody wrote. It is emptied."""


Personal = Identifier | Record | Code | Text
EMAIL, PHONE, CUSTOMER_NUMBER = Identifier("email"), Identifier("phone"), Identifier("customer_number")
CODE, TEXT = Code(), Text()


# ---- how identifiers are read, as `int_identifiers__normalized` does

_READ = {
    **dict.fromkeys([9, 10, 13, 0xA0, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)], " "),
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"),
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if code not in (0xFF02, 0xFF07, 0xFF3C)},
    **{start + digit: str(digit) for digit in range(10) for start in (0x660, 0x6F0)},
    **dict.fromkeys(
        [0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)]
    ),
}
_BETWEEN_ADDRESSES = str.maketrans(' ,<>()[]|"', ";" * 10)
_AROUND_ADDRESS = re.compile(r'^["`.:]+|["`.:]+$')
_AROUND_PHONE = re.compile(r"^(tel|phone|mobile|whatsapp)[:. ]*|[(]0[)]|[.]0+$")
_EXTENSION = re.compile(r" *(ext|extension|x|#)[:. ]*[0-9]+$")
_ADDRESS_IN_TEXT = re.compile(r"[^\s@'\"<>(),;:=|\\\[\]]+@[^\s@'\"<>(),;:=|\\\[\]]+")
_IS_PHONE = re.compile(r"[1-9][0-9]{7,14}")  # as WhatsApp writes one: the calling code without its plus
_PHONE_IN_TEXT = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)")


@dataclass(frozen=True)
class CallingCode:
    """How numbers of a country are dialled."""

    code: str
    trunk_prefix: str
    national_digits: int


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_READ)


def emails(written: str) -> list[str]:
    """The addresses of a field, in the form that identity compares."""
    parts = _plain(written.lower()).replace("mailto:", " ").translate(_BETWEEN_ADDRESSES).split(";")
    found = []
    for part in (_AROUND_ADDRESS.sub("", part.strip(" ")) for part in parts):
        local, _, domain = part.partition("@")
        name, domain = local.split("+")[0], "gmail.com" if domain == "googlemail.com" else domain
        if "@" in domain or not local or not re.fullmatch(r".+\..+", domain) or not name:
            continue
        found.append(f"{name.replace('.', '') if domain == 'gmail.com' else name}@{domain}")
    return found


def phones(written: str, of_country: CallingCode | None = None) -> list[str]:
    """The phone numbers of a field with their calling codes, in the form that identity compares."""
    found = []
    for part in re.sub("[|,]", ";", _plain(written.lower())).split(";"):
        phone = _EXTENSION.sub("", _AROUND_PHONE.sub("", part.strip(" ")))
        if re.search("[a-z]", phone) or "+" in re.sub(r"^[^0-9+]*[+]", "", phone):
            continue
        number = _subscriber(_dialled(re.sub("[^0-9+]", "", phone), of_country))
        if 9 <= len(number) <= 16:
            found.append(number)
    return found


def _dialled(digits: str, of_country: CallingCode | None) -> str:
    if digits.startswith("+"):
        return digits
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if of_country is None:
        return ""
    if digits.startswith(of_country.code) and len(digits) > of_country.national_digits:
        return f"+{digits}"
    if of_country.trunk_prefix and digits.startswith(of_country.trunk_prefix):
        return f"+{of_country.code}{digits[len(of_country.trunk_prefix) :]}"
    return f"+{of_country.code}{digits}"


def _subscriber(number: str) -> str:
    """One mobile has two spellings in Mexico, Argentina and Brazil."""
    if number.startswith("+521") and len(number) == 14:
        return f"+52{number[4:]}"
    if number.startswith("+549") and len(number) == 14:
        return f"+54{number[4:]}"
    if number.startswith("+55") and len(number) == 13 and number[5] >= "6":
        return f"{number[:5]}9{number[5:]}"
    return number


def customer_numbers(written: str) -> list[str]:
    """The customer number of a field, in the form that identity compares; none where it stands for nobody."""
    number = _plain(written).strip(" ").upper()
    if re.fullmatch(r"[0-9]+[.]0+", number):
        number = number.split(".")[0]
    stands_for_nobody = not re.sub(r"[-0 ./_#*?,;:()]", "", number)
    return [] if stands_for_nobody or re.fullmatch(r"[0-9]([.,][0-9]+)?E[+][0-9]+", number) else [number]


class Countries:
    """By which calling code a number without one is read: that of its row's country, or of the project.

    Args:
        seed: the countries as the models read them.
        default: code of the country of rows that name none; empty: such a number is none.
    """

    def __init__(self, seed: Path, default: str = "") -> None:
        self._seed, self._default = seed, default

    @cached_property
    def _by_code(self) -> dict[str, CallingCode]:
        with self._seed.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        codes = {
            row["country"]: CallingCode(row["calling_code"], row["trunk_prefix"], int(row["national_digits"] or 0))
            for row in rows
            if row["calling_code"]
        }
        names = {row["country_name"].upper(): codes[row["country"]] for row in rows if row["country"] in codes}
        return names | codes

    @property
    def all(self) -> set[CallingCode]:
        """How numbers are dialled anywhere."""
        return {*self._by_code.values()}

    def of(self, country: Any) -> CallingCode | None:
        """How numbers of a country, by its code or English name, are dialled."""
        return self._by_code.get(str(country).upper() if country else self._default)


class Blocklist:
    """Identifiers that stand for nobody: made-up numbers, a shop's own address. They are no evidence of a person.

    Args:
        seed: their namespaces and patterns, as the models read them.
    """

    def __init__(self, seed: Path) -> None:
        self._seed = seed

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        with self._seed.open(encoding="utf-8", newline="") as file:
            listed = [f"{row['namespace']}:{row['identifier_pattern']}" for row in csv.DictReader(file)]
        # as SQL's `like`
        return re.compile("|".join(re.escape(each).replace("%", ".*").replace("_", ".") for each in listed) or "(?!)")

    def __contains__(self, reference: str) -> bool:
        return self._pattern.fullmatch(reference) is not None


# ---- a row without the person


class People:
    """Persons who are known by keyed hashes alone.

    Args:
        system: whose rows are looked at.
        key: of the hashes and the pseudonyms.
        hashes: of what identifies the persons.
        countries: how phone numbers without a calling code are read.
        blocklist: identifiers that stand for nobody.
    """

    def __init__(
        self, system: str, key: bytes, hashes: Collection[str], countries: Countries, blocklist: Blocklist
    ) -> None:
        self._system, self._key, self._hashes, self._countries = system, key, frozenset(hashes), countries
        self._blocklist = blocklist

    def hash_of(self, reference: str) -> str:
        """What is kept of an identifier (`email:a@b.example`) or a record (`shopify:customer:1`)."""
        return self._keyed("reference", reference)

    def knows(self, reference: str) -> bool:
        """Whether it is one of theirs."""
        return self.hash_of(reference) in self._hashes

    def _keyed(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\x1f{text}".encode(), hashlib.sha256).hexdigest()[:32]

    def pseudonym(self, reference: str) -> str:
        """What stands for an identifier or a record from now on."""
        kind, keyed = reference.partition(":")[0], self._keyed("pseudonym", reference)[:24]
        if kind == "email":
            return f"{keyed}@{DOMAIN}"
        if kind == "phone":  # no zeros: a number that ends in eight of one digit counts as made up
            return CALLING_CODE + "".join(str(1 + int(each, 16) % 8) for each in keyed[:12])
        return f"{PREFIX}{keyed}".upper() if kind == "customer_number" else f"{PREFIX}{keyed}"

    def references(self, table: RawTable, row: Mapping[str, Any]) -> Iterator[str]:
        """What a row says of whose it is."""
        for column, kind in table.row.personal.items():
            value = row.get(column)
            if isinstance(value, str | int) and value and isinstance(kind, Identifier | Record):
                yield from (reference for reference, _ in self._read(table, row, kind, str(value)))

    def are_referred_to(self, table: RawTable, row: Mapping[str, Any]) -> bool:
        """Whether a row has a reference of theirs."""
        return any(map(self.knows, self.references(table, row)))

    def is_of(self, table: RawTable, row: Mapping[str, Any]) -> bool:
        """Whether a row is one of theirs: by a record, or by an address where it names no other record.

        An order that somebody else placed with their address is somebody else's.
        """
        known = [reference for reference in self.references(table, row) if self.knows(reference)]
        if any(not reference.startswith(ADDRESSES) for reference in known):
            return True
        return bool(known) and (_is_of_records(table) or not any(row.get(name) for name in _references_to(table)))

    def without(self, table: RawTable, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of theirs as it may stay. Of a table with versions, it says by `_dlt_id` which version that is."""
        kept = {column: value for column, value in row.items() if column in table.row.model_fields}
        for column, kind in table.row.personal.items():
            if column in kept:
                kept[column] = self._replaced(table, row, column, kind)
        guest = next((name for name, kind in table.row.personal.items() if _is_given_to_guests(kind)), None)
        if guest is not None and not row.get(guest):
            kept[guest] = self._of_guest(table, row)
        return {**kept, "_dlt_id": self.version(kept)} if table.history == "versions" else kept

    def version(self, row: Mapping[str, Any]) -> str:
        """A hash of what a row holds: the same of one that arrives and of one that is read from the warehouse."""
        told = {
            column: _written(value)
            for column, value in row.items()
            if value is not None and not column.startswith("_dlt")
        }
        return self._keyed("version", json.dumps(told, sort_keys=True))[:30]

    def clean(self, table: RawTable, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row, without them: one of theirs, or one of others that has their addresses somewhere."""
        if self.is_of(table, row):
            return self.without(table, row)
        told = {
            column: self._of_others(table, row, column)
            for column, value in row.items()
            if not column.startswith("_dlt") and self._is_told(table, row, column, value)
        }
        if not told:
            return dict(row)
        kept = {**row, **told}
        if table.history == "versions":
            kept["_dlt_id"] = self.version(kept)
        return kept

    def _is_told(self, table: RawTable, row: Mapping[str, Any], column: str, value: Any) -> bool:
        kind = table.row.personal.get(column)
        if not isinstance(kind, Identifier):
            return not isinstance(kind, Record) and self.are_named_in(value)
        return bool(value) and any(self.knows(reference) for reference, _ in self._read(table, row, kind, str(value)))

    def _of_others(self, table: RawTable, row: Mapping[str, Any], column: str) -> Any:
        kind = table.row.personal.get(column)
        if not isinstance(kind, Identifier):
            return _emptied(table, column)
        found = dict(self._read(table, row, kind, str(row[column])))
        return ";".join(self.pseudonym(each) if self.knows(each) else own for each, own in found.items())

    def are_named_in(self, value: Any) -> bool:
        """Whether an address or a phone number of theirs stands anywhere in a value."""
        if isinstance(value, Mapping):
            return any(self.are_named_in(each) for each in (*value.keys(), *value.values()))
        if isinstance(value, list | tuple):
            return any(map(self.are_named_in, value))
        if isinstance(value, str) and _IS_PHONE.fullmatch(value):
            value = f"+{value}"
        if not isinstance(value, str) or not ("@" in value or "+" in value or value.startswith("00")):
            return False
        found = [f"email:{email}" for each in _ADDRESS_IN_TEXT.findall(value) for email in emails(each)]
        found += [f"phone:{phone}" for each in _PHONE_IN_TEXT.findall(value) for phone in phones(each)]
        return any(map(self.knows, found))

    def _read(
        self, table: RawTable, row: Mapping[str, Any], kind: Identifier | Record, value: str
    ) -> Iterator[tuple[str, str]]:
        """The references of a value, each beside what of the value it stands for. What stands for nobody is none."""
        found = self._read_all(table, row, kind, value)
        yield from ((reference, own) for reference, own in found if reference not in self._blocklist)

    def _read_all(
        self, table: RawTable, row: Mapping[str, Any], kind: Identifier | Record, value: str
    ) -> Iterator[tuple[str, str]]:
        if isinstance(kind, Record) and kind.is_phone and value.isdigit():
            yield from ((f"phone:{each}", value) for each in phones(f"+{value}"))
        elif isinstance(kind, Record):
            for part in value.split(kind.separator) if kind.separator else [value]:
                if own := part.strip().partition(":")[0] if kind.begins else part.strip():
                    yield self._record(table, row, kind, own), own
        elif kind.namespace == "email":
            yield from ((f"email:{each}", each) for each in emails(value))
        elif kind.namespace == "phone":
            country = row.get(table.row.country_column) if table.row.country_column else None
            yield from ((f"phone:{each}", each) for each in phones(value, self._countries.of(country)))
        else:
            yield from ((f"customer_number:{each}", each) for each in customer_numbers(value))

    def _replaced(self, table: RawTable, row: Mapping[str, Any], column: str, kind: Personal) -> Any:
        value = row.get(column)
        if value in (None, "") or is_pseudonym(value) or (isinstance(kind, Record) and kind.stays):
            return value
        if isinstance(kind, Code):
            return self.pseudonym(f"{kind.of or f'{table.name}.{column}'}:{value}")
        if isinstance(kind, Text):
            return _emptied(table, column)
        found = dict(self._read(table, row, kind, str(value)))
        # A record that came since keeps its id, by which its rows belong together: without an address it names nobody.
        stays = {
            each
            for each in found
            if isinstance(kind, Record) and not self.knows(each) and not each.startswith(ADDRESSES)
        }
        stands = [own if each in stays or is_pseudonym(own) else self.pseudonym(each) for each, own in found.items()]
        if isinstance(kind, Record) and kind.begins:
            return stands[0] + str(value)[len(next(iter(found.values()))) :]
        between = kind.separator if isinstance(kind, Record) and kind.separator else ";"
        return between.join(stands) or None

    def _record(self, table: RawTable, row: Mapping[str, Any], kind: Record, own: str) -> str:
        """A record as identity names it: equal ids of two accounts, or of two companies' files, are two."""
        if kind.system:
            return f"{kind.system}:{kind.type}:{own}"
        if kind.is_hashed:
            own = hashlib.md5(own.encode(), usedforsecurity=False).hexdigest()
        of = row.get("source_account") if table.is_of_accounts else row.get("company") or row.get("mapping")
        return f"{self._system}:{kind.type}:{f'{of}:' if of else ''}{own}"

    def _of_guest(self, table: RawTable, row: Mapping[str, Any]) -> str | None:
        """One customer for all that a guest did under one address."""
        found = sorted(self.references(table, row), key=lambda reference: not reference.startswith(ADDRESSES))
        return f"{PREFIX}{self._keyed('guest', found[0])[:24]}" if found else None


def is_pseudonym(value: Any) -> bool:
    """Whether a value stands for something that is erased: no vendor knows it."""
    text = str(value)
    return text.lower().startswith(PREFIX) or text.endswith(f"@{DOMAIN}") or text.startswith(CALLING_CODE)


def _is_of_records(table: RawTable) -> bool:
    """Whether each row is a record of a person itself."""
    own = table.key or getattr(table.row, "unique_by", ())
    return any(isinstance(kind := table.row.personal.get(name), Record) and not kind.stays for name in own)


def _references_to(table: RawTable) -> list[str]:
    """The columns that name another record, of which a row is. A phone number says by itself whose it is."""
    kinds = table.row.personal.items()
    return [name for name, kind in kinds if isinstance(kind, Record) and not (kind.stays or kind.is_phone)]


def _is_given_to_guests(kind: Personal) -> bool:
    return isinstance(kind, Record) and kind.is_given_to_guests


def _emptied(table: RawTable, column: str) -> Any:
    field = table.row.model_fields.get(column)
    if field is None or not field.is_required():
        return None
    return "" if field.annotation is str else {}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        instant = value if value.tzinfo else value.replace(tzinfo=UTC)
        return instant.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value
