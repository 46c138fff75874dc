"""`python -m ingestion.sources.files.draft <folder>`: a first mapping, written from the files themselves.

Belongs here: which files become which entities, the SQL of each column, the text of the draft, the report. Does not:
how a CSV file is written (`dialect.py`), what its values look like (`profiles.py`), what a column means
(`recognition.py`).

The draft says for each column what it was taken for, how sure that is, and why. What the files cannot tell stands as a
line that begins with `# DECIDE:`.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from ingestion import config
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.dialect import read_dialect
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.inputs import Rejection, find_files, literal, load_input, quoted
from ingestion.sources.files.mapping import FORMATS, FileMapping, MappingError, read_mapping
from ingestion.sources.files.profiles import SAMPLE_ROWS, Profile, profile
from ingestion.sources.files.recognition import (
    LINKED,
    Link,
    Match,
    Reading,
    looks_like_id,
    match_columns,
    named,
    outcomes,
    read_as,
)
from ingestion.sources.files.vocabulary import (
    COUNTRY_NAMES,
    CURRENCIES,
    CURRENCY_WORDS,
    DIRECTIONS,
    PLACES,
    PLATFORMS,
    ROLES,
    SENDERS,
    SURVEY_TYPES,
    plain,
)

_DATA_SUFFIXES = frozenset((".tsv", ".txt", ".xls", ".xlsx", ".ods", ".json", ".ndjson", ".xml"))
_EXACT = "DECIMAL(19, 4)"  # numbers that are multiplied: from 19 digits on the product has room for both
_REASONS_SHOWN = 5
_PLAIN_FLAGS = frozenset(("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"))
_YES = frozenset(("ja", "oui", "si", "sí", "true", "t", "yes", "y", "1"))
_OTHER_KEYS = ("email", "company_name")  # of people and companies without a number
_SCALES = {"csat": (1, 5), "ces": (1, 7), "review": (1, 5)}


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
class Expression:
    """What fills a canonical column, and the comment beside it."""

    sql: str
    comment: str


@dataclass(frozen=True)
class Claim:
    """An entity of the draft.

    Attributes:
        customer: the column that names the customer of a row.
        decisions: the questions that its columns leave to a person.
    """

    entity: str
    table: Table
    columns: dict[str, Expression]
    customer: Match | None = None
    where: str | None = None
    group_by: str | None = None
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    path: str
    reason: str


# ---- files


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
                left_out.append(LeftOut(table.path, _one_line(reason)))
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
    lines = ["name: draft", "inputs:", *_option_lines(table)]
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
    """Columns whose values are keys of another input."""
    links = []
    keys = [column for table in tables for column in table.profiles if column.is_unique and looks_like_id(column)]
    for table in tables:
        for column in table.profiles:
            if not looks_like_id(column):
                continue
            for key in keys:
                if key.table == table.name or _chance(column, key):
                    continue
                held = _held(connection, column, key)
                if held >= 0.9:
                    links.append(Link(table.name, column.name, key.table, key.name, held))
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
    return not points and (column.distinct < 10 or column.distinct < 0.2 * key.distinct)


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


# ---- entities


def choose_entities(tables: Sequence[Table], links: Sequence[Link]) -> tuple[dict[str, Reading], list[LeftOut]]:
    """The reading of each input that has one, by its name. Of two inputs for one entity the better one has it."""
    claimed: dict[str, str] = {}
    best: dict[str, Reading] = {}
    for _ in range(3):  # what one file is says what those that link to it are, and the reverse
        best = {}
        for table in tables:
            readings = [read_as(entity, table.profiles, links, claimed, table.path) for entity in ROLES]
            found = [reading for reading in readings if reading]
            if found:
                best[table.name] = max(found, key=lambda reading: reading.score)
        claimed = {name: reading.entity for name, reading in best.items()}
    left_out = []
    holders: dict[str, str] = {}
    for table in tables:
        reading = best.get(table.name)
        if reading is None:
            left_out.append(LeftOut(table.path, _no_entity(table)))
            continue
        holder = holders.get(reading.entity)
        if holder is None or reading.score > best[holder].score:
            holders[reading.entity] = table.name
    for table in tables:
        reading = best.get(table.name)
        if reading and holders[reading.entity] != table.name:
            left_out.append(
                LeftOut(
                    table.path,
                    f"it looks like {reading.entity} too, and {holders[reading.entity]} fills them; a mapping has one "
                    "input an entity, so give this file a mapping of its own",
                )
            )
            del best[table.name]
    return best, left_out


def _no_entity(table: Table) -> str:
    if not any(column.is_instant for column in table.profiles):
        return "no column holds dates, and none an address or a name beside a key: neither events nor people"
    return "its columns fill no entity: none has all that it needs"


class Composer:
    """Claims of the entities, from the readings of all inputs."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Sequence[Table],
        links: Sequence[Link],
        readings: Mapping[str, Reading],
    ) -> None:
        self._connection = connection
        self._tables = {table.name: table for table in tables}
        self._links = links
        self._readings = readings
        self._claimed = {name: reading.entity for name, reading in readings.items()}
        self.rejects: list[tuple[str, str, str]] = []
        self.place = self._likely_place()

    def claims(self) -> list[Claim]:
        found: list[Claim] = []
        for name, reading in self._readings.items():
            table = self._tables[name]
            book = self._order_book(table, reading) if reading.entity in ("orders", "order_lines") else None
            found += book if book is not None else [self._claim(table, reading.entity, dict(reading.matches))]
        if not any(claim.entity == "customers" for claim in found):
            found += self._customers_of_others(found)
        order = list(ENTITIES)
        return sorted(found, key=lambda claim: order.index(claim.entity))

    # ---- one row a row

    def _claim(self, table: Table, entity: str, matches: dict[str, Match]) -> Claim:
        expressions = {
            column: Expression(self._sql(table, ROLES[entity][column].kind, match.profile), _says(match))
            for column, match in matches.items()
        }
        decisions = self._complete(table, entity, matches, expressions)
        return Claim(
            entity,
            table,
            _in_order(entity, expressions),
            matches.get("customer_id") if entity != "customers" else None,
            decisions=tuple(decisions),
        )

    def _complete(
        self, table: Table, entity: str, matches: Mapping[str, Match], expressions: dict[str, Expression]
    ) -> list[str]:
        """Fill what an entity needs and no column holds; return what a person has to decide."""
        decisions: list[str] = []
        key = next((column for column, role in ROLES[entity].items() if role.kind == "key"), None)
        if key and key not in expressions:
            other = next(
                (column for column in _OTHER_KEYS if column in matches and matches[column].profile.is_unique), None
            )
            if other and entity in ("customers", "leads"):
                expressions[key] = Expression(expressions[other].sql, "likely: each value once, and no other key")
            else:
                expressions[key] = Expression(
                    _derived_key(table), "certain: no column is a key, so the row's content is"
                )
        canonical = {column.name: column for column in columns(ENTITIES[entity])}
        if canonical.get("currency") and "currency" not in expressions and _needs_currency(entity, expressions):
            code, why = self._currency(table, matches)
            expressions["currency"] = Expression(literal(code), f"guess: {why}")
            decisions.append(f"which currency? No column says it; {code} is a guess, {why}.")
        if entity == "orders":
            decisions += _decide_orders(matches, expressions)
        elif entity == "deals":
            decisions += _decide_deals(matches, expressions)
        elif entity == "ad_spend":
            decisions += _decide_ad_spend(table, expressions)
        elif entity == "surveys":
            decisions += _decide_surveys(table, matches, expressions)
        elif entity == "subscriptions":
            decisions.append("is mrr_amount what one month brings? Divide what is billed for a year by 12.")
        elif entity == "refunds" and matches["amount"].profile.negative:
            amount = self._exact(table, matches["amount"].profile)
            expressions["amount"] = Expression(
                f"abs({amount})", expressions["amount"].comment + "; money back is positive"
            )
        for column, match in matches.items():
            if match.profile.is_ambiguous:
                formats = ", ".join(match.profile.formats)
                decisions.append(f"{column}: day or month first? Every date fits both; {formats} is a guess.")
        return decisions

    # ---- orders and their lines in one file

    def _order_book(self, table: Table, reading: Reading) -> list[Claim] | None:
        """Orders by group, and their lines, where an order has several rows; None where each row is one."""
        orders = match_columns("orders", table.profiles, self._links, self._claimed)
        lines = match_columns("order_lines", table.profiles, self._links, self._claimed)
        candidates = [match for match in (orders.get("order_id"), lines.get("order_id")) if match]
        if "ordered_at" not in orders or not candidates:
            return None
        if reading.entity == "order_lines" and "orders" in self._claimed.values():
            return None
        order = max(candidates, key=lambda match: (match.score, match.profile.filled, match.profile.distinct))
        named_lines = all(
            column in lines and named(lines[column].profile.words, ROLES["order_lines"][column]) >= 0.5
            for column in ("quantity", "unit_price")
        )
        if order.profile.is_unique and not named_lines:
            return None
        of_order, of_line = self._split_columns(table, order.profile)
        lines = match_columns("order_lines", of_line, self._links, self._claimed)
        if "quantity" not in lines or "unit_price" not in lines:
            lines = {}
        used = {
            match.profile.name for match in lines.values() if match.sure != "guess" or match.profile not in of_order
        }
        rest = [
            column
            for column in (of_order if lines else table.profiles)
            if column.name not in used and column.name != order.profile.name
        ]
        orders = match_columns("orders", rest, self._links, self._claimed)
        if lines and "total_amount" in orders and orders["total_amount"].sure == "guess":
            # the sum of the lines is known for certain
            orders = match_columns("orders", rest, self._links, self._claimed, without=("total_amount",))
        if "ordered_at" not in orders:
            return None
        orders["order_id"] = order
        if lines:
            lines["order_id"] = order
        return self._book_claims(table, orders, lines, of_order)

    def _split_columns(self, table: Table, order: Profile) -> tuple[list[Profile], list[Profile]]:
        """The columns that are one for all lines of an order, and those that may differ, without the order's own."""
        others = [column for column in table.profiles if column.name != order.name]
        counts = ", ".join(f"count(*) FILTER (v{number} > 1)" for number in range(len(others)))
        distinct = ", ".join(f"count(DISTINCT {quoted(column.name)}) AS v{n}" for n, column in enumerate(others))
        found = self._connection.execute(
            f"SELECT count(*), {counts} FROM (SELECT {distinct} FROM {quoted(table.name)} "
            f"WHERE {quoted(order.name)} IS NOT NULL GROUP BY {quoted(order.name)})"
        ).fetchone()
        assert found is not None  # an aggregate without groups has one row
        groups, *differing = found
        of_order, of_line = [], []
        line_words = [role for column, role in ROLES["order_lines"].items() if column != "order_id"]
        order_words = [role for column, role in ROLES["orders"].items() if column != "order_id"]
        for column, differs in zip(others, differing, strict=True):
            by_line = max(named(column.words, role) for role in line_words)
            by_order = max(named(column.words, role) for role in order_words)
            is_one = differs == 0 or (column.is_instant and differs <= 0.05 * groups)
            if is_one and not by_line > by_order:
                of_order.append(column)
            if not is_one or by_line >= by_order:
                of_line.append(column)
        return of_order, of_line

    def _book_claims(
        self, table: Table, orders: dict[str, Match], lines: dict[str, Match], of_order: Sequence[Profile]
    ) -> list[Claim]:
        grouped: dict[str, Expression] = {}
        differing = []
        for column, match in orders.items():
            kind = ROLES["orders"][column].kind
            if column == "order_id":
                grouped[column] = Expression(self._sql(table, "id", match.profile), _says(match))
            elif kind == "instant":
                grouped[column] = Expression(f"min({_text_instant(match.profile)})", _says(match))
            elif column == "total_amount" and match.profile not in of_order:
                grouped[column] = Expression(f"sum({self._exact(table, match.profile)})", f"{_says(match)}; added up")
                differing.append(match.profile.name)
            else:
                value = self._inside(table, kind, match.profile)
                grouped[column] = Expression(f"max({value})", f"{_says(match)}; one for all rows of an order")
        decisions = self._complete(table, "orders", orders, grouped)
        decisions += [
            f"an order has several rows; are they parts of it? Their {name} is added up." for name in differing
        ]
        group = orders["order_id"].profile.name
        customer = orders.get("customer_id")
        if not lines:
            return [Claim("orders", table, _in_order("orders", grouped), customer, None, group, tuple(decisions))]
        by_line = {
            column: Expression(self._sql(table, ROLES["order_lines"][column].kind, match.profile), _says(match))
            for column, match in lines.items()
        }
        line_decisions = self._complete(table, "order_lines", lines, by_line)
        where, refunds = self._returns(table, orders, lines, grouped, line_decisions)
        claims = [
            Claim("orders", table, _in_order("orders", grouped), customer, where, group, tuple(decisions)),
            Claim(
                "order_lines", table, _in_order("order_lines", by_line), None, where, decisions=tuple(line_decisions)
            ),
        ]
        return claims + refunds

    def _returns(
        self,
        table: Table,
        orders: Mapping[str, Match],
        lines: Mapping[str, Match],
        grouped: Mapping[str, Expression],
        decisions: list[str],
    ) -> tuple[str | None, list[Claim]]:
        """Lines that give money back: refunds where they stand under numbers of their own, else a question."""
        quantity, price = lines["quantity"].profile, lines["unit_price"].profile
        amount = f"{self._exact(table, quantity, 'try_cast')} * {self._exact(table, price, 'try_cast')}"
        order = quoted(orders["order_id"].profile.name)
        found = self._connection.execute(
            f"""
            SELECT coalesce(sum(back), 0), count(*) FILTER (back > 0 AND sold > 0), coalesce(sum(free), 0)
            FROM (
                SELECT count(*) FILTER ({amount} < 0) AS back, count(*) FILTER ({amount} > 0) AS sold,
                    count(*) FILTER ({amount} = 0) AS free
                FROM {quoted(table.name)} GROUP BY {order}
            )
            """
        ).fetchone()
        assert found is not None  # an aggregate without groups has one row
        back, mixed, free = found
        if free:
            decisions.append(
                f"are lines free of charge ({free}) purchases, or stock corrections to reject (key `reject`)?"
            )
        if not back:
            return None, []
        if mixed:
            decisions.append(
                f"are lines with a negative amount ({back}) discounts or returns? {mixed} orders have others beside "
                "them, so they stay lines of their orders."
            )
            return None, []
        for column, what in ((quantity, "quantity"), (price, "unit price")):
            when = f"{self._exact(table, column, 'try_cast')} IS NULL"
            self.rejects.append((table.name, when, f"the {what} is no number"))
        refund = {
            "refund_id": Expression(grouped["order_id"].sql, "likely: these lines stand under numbers of their own"),
            "refunded_at": grouped["ordered_at"],
            "currency": grouped["currency"],
            "amount": Expression(
                f"-sum({self._exact(table, quantity)} * {self._exact(table, price)})", "likely: quantity times price"
            ),
        }
        refund |= {column: grouped[column] for column in ("customer_id", "email") if column in grouped}
        question = f"are lines with a negative amount ({back}) money paid back? They are read as refunds."
        group = orders["order_id"].profile.name
        claim = Claim("refunds", table, _in_order("refunds", refund), None, f"{amount} < 0", group, (question,))
        return f"{amount} >= 0", [claim]

    # ---- customers whom another file names

    def _customers_of_others(self, claims: Sequence[Claim]) -> list[Claim]:
        """Customers by group from the file that says most about them; none where no file says more than a number."""
        best: tuple[int, Claim] | None = None
        for claim in claims:
            key = claim.customer
            if key is None or (key.sure == "guess" and key.profile.is_unique):
                continue
            of_customer, _ = self._split_columns(claim.table, key.profile)
            instants = [column for column in claim.table.profiles if column.is_instant]
            others = [
                column for column in claim.table.profiles if column.name != key.profile.name and not column.is_instant
            ]
            found = match_columns("customers", others, self._links, self._claimed)
            told = {
                column: match
                for column, match in found.items()
                if column in ("email", "phone", "first_name", "last_name", "company_name", "country")
                and match.sure != "guess"
            }
            if not told or (best and len(told) <= best[0]):
                continue
            clock = max(instants, key=lambda column: (column.filled, column.name)) if instants else None
            expressions = {"customer_id": Expression(self._sql(claim.table, "id", key.profile), _says(key))}
            for column, match in told.items():
                value = self._inside(claim.table, ROLES["customers"][column].kind, match.profile)
                if match.profile in of_customer or clock is None:
                    expressions[column] = Expression(f"max({value})", _says(match))
                else:
                    tie = claim.columns.get("order_id")
                    last = [_text_instant(clock)] + ([quoted(tie.sql)] if tie else []) + [value]
                    expressions[column] = Expression(
                        f"max_by({value}, ({', '.join(last)}))", f"{_says(match)}; of the customer's last row"
                    )
            where = f"{quoted(key.profile.name)} IS NOT NULL"
            best = (
                len(told),
                Claim("customers", claim.table, _in_order("customers", expressions), None, where, key.profile.name),
            )
        return [best[1]] if best else []

    # ---- SQL of a column

    def _sql(self, table: Table, kind: str, column: Profile) -> str:
        """The column's value where it stands alone: its plain name where the loader reads it as it is."""
        inside = self._inside(table, kind, column)
        return column.name if inside == quoted(column.name) else inside

    def _inside(self, table: Table, kind: str, column: Profile) -> str:
        """SQL of the column's value, still a text that the canonical type judges."""
        name = quoted(column.name)
        if kind in ("number", "part", "quantity", "count", "score"):
            return self._number(table, column)
        if kind == "instant":
            return self._instant(table, column)
        if kind == "currency" and any(value != value.upper() for value, _ in column.top):
            return f"upper({name})"
        if kind in ("direction", "sender", "survey_type"):
            meant = {"direction": DIRECTIONS, "sender": SENDERS, "survey_type": SURVEY_TYPES}[kind]
            return _cases(name, {value: meant[plain(value)] for value in sorted(column.values)})
        if kind == "outcome" and outcomes(column):
            cases = " ".join(f"WHEN {literal(value)} THEN {meaning}" for value, meaning in outcomes(column).items())
            return f"CASE lower({name}) {cases} END"
        if kind in ("flag", "outcome") and not column.values <= _PLAIN_FLAGS:
            return f"lower({name}) IN ({', '.join(literal(value) for value in sorted(column.values & _YES))})"
        if kind in ("country", "text", "wording", "category", "name", "id"):
            for placeholder in column.placeholders:
                name = f"nullif({name}, {literal(placeholder)})"
        return name

    def _number(self, table: Table, column: Profile) -> str:
        name = quoted(column.name)
        if column.shapes["castable"] >= 0.99 or table.decimal_key:
            return name
        if column.has_decimal_comma:
            return f"coalesce(nullif(replace(regexp_replace({name}, '[^0-9,+-]', '', 'g'), ',', '.'), ''), {name})"
        return f"coalesce(nullif(regexp_replace({name}, '[^0-9.+-]', '', 'g'), ''), {name})"

    def _exact(self, table: Table, column: Profile, cast: str = "CAST") -> str:
        """SQL of a number to calculate with."""
        text = self._number(table, column)
        if table.decimal_key:
            text = f"replace(regexp_replace({quoted(column.name)}, '[^0-9,+-]', '', 'g'), ',', '.')"
        return f"{cast}({text} AS {_EXACT})"

    def _instant(self, table: Table, column: Profile) -> str:
        if not column.formats or table.formats_key:
            return quoted(column.name)
        return f"coalesce({_text_instant(column)}, {quoted(column.name)})"

    # ---- guesses from all files

    def _likely_place(self) -> str | None:
        """The country that most rows name."""
        votes: Counter[str] = Counter()
        for name in self._readings:
            for column in self._tables[name].profiles:
                if column.shapes["country"] >= 0.7 and column.shapes["currency"] < 0.7:
                    for value, count in column.top:
                        votes[COUNTRY_NAMES.get(plain(value), value.upper())] += count
        if not votes:
            return None
        count, code = max((count, code) for code, count in votes.items())
        return code if code in PLACES and count > votes.total() / 2 else None

    def _currency(self, table: Table, matches: Mapping[str, Match]) -> tuple[str, str]:
        for match in matches.values():
            for word in match.profile.words.split():
                if word in CURRENCY_WORDS:
                    return CURRENCY_WORDS[word], f"a header holds the word {word!r}"
            for sign in (
                re.findall(r"[€$£]|[A-Z]{3}", match.profile.top[0][0]) if match.profile.shapes["marked"] > 0.5 else ()
            ):
                if sign in CURRENCY_WORDS or sign in CURRENCIES:
                    return CURRENCY_WORDS.get(sign, sign), f"the amounts carry {sign}"
        stated = sorted(
            (column.top[0][0], other.path)
            for other in self._tables.values()
            for column in other.profiles
            if column.shapes["currency"] >= 0.9 and column.distinct == 1
        )
        if stated:
            return stated[0][0].upper(), f"{stated[0][1]} names it"
        if self.place:
            return PLACES[self.place].currency, f"most rows name the country {self.place}"
        return "EUR", "nothing in the files hints at it"


def _says(match: Match) -> str:
    return f"{match.sure}: {match.why}"


def _text_instant(column: Profile) -> str:
    """SQL of a date that sorts by time."""
    name = quoted(column.name)
    if not column.formats:
        return name
    formats = ", ".join(literal(date_format) for date_format in column.formats)
    return f"strftime(try_strptime({name}, [{formats}]), '%Y-%m-%d %H:%M:%S')"


def _cases(name: str, meaning: Mapping[str, str]) -> str:
    if all(value == meant for value, meant in meaning.items()):
        return name
    cases = " ".join(f"WHEN {literal(value)} THEN {literal(meant)}" for value, meant in meaning.items())
    return f"CASE lower({name}) {cases} ELSE {name} END"


def _derived_key(table: Table) -> str:
    """SQL of a key made of a row's content, with a count among equal rows: the order of rows does not matter."""
    names = sorted(quoted(column.name) for column in table.profiles)
    content = ", ".join(names)
    return f"md5(json_array({content})::VARCHAR) || '-' || row_number() OVER (PARTITION BY {content})"


def _in_order(entity: str, expressions: Mapping[str, Expression]) -> dict[str, Expression]:
    names = [column.name for column in columns(ENTITIES[entity])]
    return {name: expressions[name] for name in names if name in expressions}


def _needs_currency(entity: str, expressions: Mapping[str, Expression]) -> bool:
    return entity != "deals" or "amount" in expressions


def _decide_orders(matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    if "paid_at" not in expressions:
        expressions["paid_at"] = Expression(expressions["ordered_at"].sql, "guess: paid when ordered")
        decisions.append("are all orders paid? No column says when; each counts as paid when it was placed.")
    total = matches.get("total_amount")
    if total and total.profile.negative:
        decisions.append(
            f"are orders with a negative total ({total.profile.negative}) money paid back? They count as that."
        )
    return decisions


def _decide_deals(matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    stage = matches.get("stage")
    if "is_won" not in expressions and stage and outcomes(stage.profile):
        cases = " ".join(f"WHEN {literal(value)} THEN {won}" for value, won in outcomes(stage.profile).items())
        sql = f"CASE lower({quoted(stage.profile.name)}) {cases} END"
        expressions["is_won"] = Expression(sql, "likely: the stages that name an end")
    if "account_name" in expressions and "account_id" not in expressions:
        expressions["account_id"] = Expression(expressions["account_name"].sql, "guess: the name is the only number")
    if "is_won" not in expressions:
        return ["which deals are won? No column and no stage says it."]
    return []


def _decide_ad_spend(table: Table, expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    for one, other in (("campaign_id", "campaign_name"), ("campaign_name", "campaign_id")):
        if one not in expressions and other in expressions:
            expressions[one] = Expression(expressions[other].sql, "likely: the only column that names the campaign")
    if "platform" not in expressions:
        words = set(plain(table.path).split()) & PLATFORMS
        platform = min(words) if words else "unknown"
        expressions["platform"] = Expression(literal(platform), "guess: no column says it")
        decisions.append(f"which platform? No column says it; {platform!r} is a guess.")
    if "account_id" not in expressions:
        expressions["account_id"] = Expression("'main'", "guess: no column says it")
        decisions.append("which account of the platform? No column says it; 'main' stands in for it.")
    return decisions


def _decide_surveys(table: Table, matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    score = matches["score"].profile
    stated = matches["survey_type"].profile.values if "survey_type" in matches else frozenset()
    types = {SURVEY_TYPES[plain(value)] for value in stated}
    if not types:
        words = (*score.words.split(), *plain(table.path).split())
        by_name = next((SURVEY_TYPES[word] for word in words if word in SURVEY_TYPES), None)
        guess = by_name or ("nps" if (score.maximum or 0) > 5 else "csat")
        types = {guess}
        expressions["survey_type"] = Expression(
            literal(guess), "likely: named so" if by_name else "guess: by its scores"
        )
        if not by_name:
            decisions.append(f"which kind of survey (nps, csat, ces, review)? {guess} is a guess from its scores.")
    highest = score.maximum or 0
    scale = _SCALES.get(next(iter(types))) if len(types) == 1 else None
    if scale and (highest > scale[1] or (score.minimum or 0) < scale[0]):
        top = next((top for top in (5, 7, 10, 100) if top >= highest), int(highest))
        low = 0 if (score.minimum or 0) < 1 else 1
        expressions["scale_min"] = Expression(str(low), "guess: by its scores")
        expressions["scale_max"] = Expression(str(top), "guess: by its scores")
        decisions.append(f"is the scale {low} to {top}? The scores go from {score.minimum:g} to {highest:g}.")
    return decisions


# ---- text


def write_draft(folder: Path) -> str:
    """The text of a first mapping for the files below a folder.

    Raises:
        DraftError: there is nothing to map.
    """
    tables, left_out = find_tables(folder)
    with (
        tempfile.TemporaryDirectory(prefix="draft-") as spill,
        duckdb.connect(config={"temp_directory": spill, "autoinstall_known_extensions": False}) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        tables, unreadable = load_tables(connection, folder, tables)
        links = find_links(connection, tables)
        readings, without = choose_entities(tables, links)
        composer = Composer(connection, [table for table in tables], links, readings)
        claims = composer.claims()
    left_out = sorted([*left_out, *unreadable, *without], key=lambda file: file.path)
    if not claims:
        reasons = "; ".join(f"{file.path}: {file.reason}" for file in left_out)
        raise DraftError(f"{folder}: no file can be mapped to an entity; {reasons}")
    return _text(folder, composer, claims, links, left_out)


def _text(
    folder: Path, composer: Composer, claims: Sequence[Claim], links: Sequence[Link], left_out: Sequence[LeftOut]
) -> str:
    stem = plain(folder.resolve().name).replace(" ", "_")
    name = stem if re.match(r"[a-z]", stem) else f"files_{stem}".rstrip("_")
    lines = [
        "# A first mapping, written from the files. Beside each column stands what it was taken for: certain, likely",
        "# or guess, and why. Answer each line that begins with DECIDE, then take it out.",
        "# The format is in ingestion/sources/files/README.md.",
        f"name: {name}",
    ]
    lines += _zone_lines(composer, claims)
    lines += ["", "inputs:"]
    used = {claim.table.name: claim.table for claim in claims}
    joins = _joins(claims)
    for table in used.values():
        lines += _input_lines(table, [claim for claim in claims if claim.table is table])
        lines += [
            f"    # joins: {link.column} is {link.other_column} of {link.other_table} ({link.held:.0%} of the values)"
            for link in links
            if link.table == table.name and (link.table, link.column, link.other_table) in joins
        ]
    for file in left_out:
        lines.append(f"  # left out: {file.path}: {file.reason}")
    if composer.rejects:
        lines += ["", "reject:"]
        for table_name, when, reason in composer.rejects:
            lines += [f"  - input: {table_name}", f"    when: {_scalar(when)}", f"    reason: {_scalar(reason)}"]
    lines += ["", "entities:"]
    for claim in claims:
        lines += _claim_lines(claim)
    return "\n".join(lines).rstrip() + "\n"


def _joins(claims: Sequence[Claim]) -> set[tuple[str, str, str]]:
    """Input, column and other input where a column of the draft names rows of another entity."""
    holders = {claim.entity: claim.table.name for claim in claims if not claim.group_by}
    return {
        (claim.table.name, expression.sql, holders[LINKED[column]])
        for claim in claims
        for column, expression in claim.columns.items()
        if column in LINKED and LINKED[column] in holders and LINKED[column] != claim.entity
    }


def _zone_lines(composer: Composer, claims: Sequence[Claim]) -> list[str]:
    profiles = [
        column
        for claim in claims
        if any(column.sql_type == "TIMESTAMPTZ" for column in columns(ENTITIES[claim.entity]))
        for column in claim.table.profiles
        if column.is_instant
    ]
    if all(column.shapes["zoned"] >= 0.99 for column in profiles):
        return []
    place = PLACES.get(composer.place or "")
    zone = (place.timezone if place else None) or "UTC"
    why = f"most rows name the country {composer.place}" if place and place.timezone else "the files name no place"
    return [
        f"# DECIDE: in which time zone are times written without one? {zone} is a guess, {why}.",
        f"timezone: {zone}",
    ]


def _option_lines(table: Table) -> list[str]:
    lines = [f"  {table.name}:", f"    path: {_scalar(table.path)}"]
    for key, value in table.options.items():
        shown = f"[{', '.join(map(_scalar, value))}]" if isinstance(value, tuple) else _scalar(str(value))
        lines.append(f"    {key}: {shown}")
    return lines


def _input_lines(table: Table, claims: Sequence[Claim]) -> list[str]:
    lines = _option_lines(table)
    if table.decimal_key:
        lines.append('    decimal: ","')
    if table.formats_key:
        formats = sorted({date_format for column in table.profiles for date_format in column.formats})
        shown = _scalar(formats[0]) if len(formats) == 1 else "[" + ", ".join(map(_scalar, formats)) + "]"
        lines.append(f"    date_format: {shown}")
    is_sampled = table.rows >= 2 * SAMPLE_ROWS
    looked_at = f"{table.rows} rows" + (f", their shapes in a sample of about {SAMPLE_ROWS}" if is_sampled else "")
    lines.append(f"    # looked at: {looked_at}")
    expressions = " ".join(expression.sql for claim in claims for expression in claim.columns.values())
    names = {expression.sql for claim in claims for expression in claim.columns.values()}
    unused = [
        column.name for column in table.profiles if column.name not in names and quoted(column.name) not in expressions
    ]
    if unused:
        lines.append(
            f"    # left out, no column of an entity holds it for sure enough: {', '.join(map(_one_line, unused))}"
        )
    return lines


def _claim_lines(claim: Claim) -> list[str]:
    lines = [f"  {claim.entity}:"]
    lines += [f"    # DECIDE: {decision}" for decision in claim.decisions]
    lines.append(f"    from: {claim.table.name}")
    if claim.where:
        lines.append(f"    where: {_scalar(claim.where)}")
    if claim.group_by:
        lines.append(f"    group_by: [{_scalar(claim.group_by)}]")
    lines.append("    columns:")
    for column, expression in claim.columns.items():
        lines.append(f"      {column}: {_scalar(expression.sql)}  # {_one_line(expression.comment)}")
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _scalar(text: str) -> str:
    """A text as YAML: as it stands where that is plain, else in the quotes that it does not hold itself."""
    if re.fullmatch(r"[A-Za-z_]([\w ./-]*[\w.])?", text):
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


# ---- command


def report(file: Path, folder: Path) -> list[str]:
    """What the draft loads, by the load itself: rows of each entity, and rejections with their reasons.

    Raises:
        MappingError: the draft does not load.
    """
    evaluation = Evaluation(read_mapping(file), folder, config.as_of())
    try:
        lines = []
        for rows in evaluation.inputs:
            lines.append(f"input {rows.name}: {rows.taken} rows taken, {len(rows.rejections)} rejected")
            lines += _reasons(rows.rejections)
        for name in evaluation.mapping.entities:
            result = evaluation.entity(name)
            lines.append(f"{name}: {result.rows.num_rows} rows, {len(result.rejections)} rejected")
            lines += _reasons(result.rejections)
        return lines
    finally:
        evaluation.close()


def _reasons(rejections: Sequence[Rejection]) -> list[str]:
    """The reasons with their counts, most frequent first, without values, so that equal problems count together."""
    counts: Counter[str] = Counter()
    for rejection in rejections:
        reason = re.sub(r" \(copy \d+ of an equal row\)$", "", rejection["reason"])
        reason = re.sub(r"'[^']*'", "'…'", reason)
        counts[re.sub(r": .* is there more than once$", " is there more than once", reason)] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"    {count} × {reason}" for reason, count in ordered[:_REASONS_SHOWN]]
    hidden = ordered[_REASONS_SHOWN:]
    if hidden:
        lines.append(f"    {sum(count for _, count in hidden)} for {len(hidden)} other reasons")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mapping", description="Write a first mapping from a folder of files.")
    parser.add_argument("folder", type=Path, help="the folder with the files (DATA)")
    parser.add_argument("--out", type=Path, help="the mapping to write (OUT); mapping.yml in the folder when left out")
    options = parser.parse_args(arguments)
    out: Path = options.out or options.folder / "mapping.yml"
    try:
        if not options.folder.is_dir():
            raise DraftError(f"{options.folder} is no folder; give the one that holds the files: make mapping DATA=…")
        if out.exists():
            raise DraftError(
                f"{out} is there already and stays as it is; move it away, or name another file with OUT=…"
            )
        text = write_draft(options.folder)
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except (DraftError, OSError) as error:
        print(f"No mapping: {error}", file=sys.stderr)
        return 1
    print(f"{out}: a first mapping, with {text.count('# DECIDE:')} questions to answer (DECIDE)")
    try:
        print("\n".join(report(out, options.folder)))
    except MappingError as error:
        print(f"{out} does not load yet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
