"""The declaration that a mapping file makes, and those of its errors that show without opening a data file.

Belongs here: the keys of a mapping file, which of them are needed, what they may name. Does not: reading data
(`inputs.py`), SQL (`evaluation.py`).

The SQL in a mapping is configuration that its owner writes and trusts: it runs as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from ingestion.config import SettingsError
from ingestion.sources.files.canonical import ENTITIES, columns

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".json": "json"}
DECIMAL_MARKS = (",", ".")
_CSV, _JSON, _TEXT = ("csv",), ("jsonl", "json"), ("csv", "jsonl", "json")
_KINDS = {_CSV: "CSV", _JSON: "JSON", _TEXT: "CSV and JSON"}
OPTIONS = {  # keys of an input, and the formats they are for
    "delimiter": _CSV,
    "quote": _CSV,
    "header": _CSV,
    "skip": _CSV,
    "encoding": _TEXT,
    "records": _JSON,
}
POSTGRES = "postgres"  # the format of tables and queries, beside those of files
_OF_ALL = ("date_format", "ignore")
_OF_TABLES = ("table", "query", "cursor", "look_back", "key")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONNECTION = re.compile(r"[a-z][a-z0-9]{0,29}")
_DURATION = re.compile(r"(\d{1,5}) (minute|hour|day|week)s?")
_SQL_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class MappingError(SettingsError):
    """A mapping cannot work; the message says where (file, entity, column) and what to do, one problem a line.

    While files are loaded, it is theirs alone: what is wrong with the mappings themselves is found before.
    """

    concerns_the_run = False
    in_short = "a file or its mapping cannot be read"


@dataclass(frozen=True)
class Input:
    """What is read as one table: files, and how they are written, or a table or query of a database.

    Attributes:
        path: of files; of a table or query where its rows were copied to (`copies.py`).
        header: CSV: column names in place of a header line.
        skip: CSV: lines before the header line, or before the first row where `header` is given.
        records: JSON: keys, joined by points, that lead to the array whose objects are the rows.
        decimal: the decimal mark of texts that are read as numbers.
        date_formats: how texts that are read as dates and times are written, the first that fits counts.
        ignore: SQL of the rows that count as read though no entity takes them; empty: such rows are rejected.
        cursor: column of a table or query that says when a row was changed last; empty: it is read whole.
        look_back: how far behind the latest value of the cursor a load begins.
        key: columns by which a row that was changed takes the place of the one that is known.
    """

    name: str
    path: str
    format: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    skip: int = 0
    records: str = ""
    decimal: str | None = None
    date_formats: tuple[str, ...] = ()
    ignore: str = ""
    table: str = ""
    query: str = ""
    cursor: str = ""
    look_back: timedelta = timedelta(0)
    key: tuple[str, ...] = ()

    @property
    def is_of_database(self) -> bool:
        """Whether it is a table or query."""
        return self.format == POSTGRES

    @property
    def origin(self) -> str:
        """Where its rows come from, in words."""
        if not self.is_of_database:
            return self.path
        return f"the table {self.table}" if self.table else f"the query of {self.name}"


@dataclass(frozen=True)
class RejectRule:
    """Rows of an input that no entity may take: those where `when` (SQL) holds."""

    input: str
    when: str
    reason: str


@dataclass(frozen=True)
class Join:
    """Another input in which each row of an entity's input finds at most one row: the one where `on` (SQL) holds."""

    input: str
    on: str


@dataclass(frozen=True)
class EntityMapping:
    """Where the rows of one entity come from. `columns`: canonical column to SQL expression over the input."""

    entity: str
    input: str
    joins: tuple[Join, ...]
    where: str | None
    group_by: tuple[str, ...]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class FileMapping:
    """One mapping file. `connection` names the database of its tables and queries; empty where it has none."""

    name: str
    file: Path
    text: str = field(repr=False)
    company: str | None
    timezone: str
    inputs: Mapping[str, Input]
    rejects: tuple[RejectRule, ...]
    entities: Mapping[str, EntityMapping]
    connection: str = ""

    def is_lookup(self, name: str) -> bool:
        """Whether some entity looks things up in the input `name`."""
        return any(join.input == name for entity in self.entities.values() for join in entity.joins)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what there is to choose from."""
    names = sorted(known)
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_lower[close[0]]!r}?"
    return f"; choose from: {', '.join(names)}" if names else ""


class _Loader(yaml.BaseLoader):
    """YAML in which every scalar is the text that was written, and a key that stands twice is an error.

    With YAML's own types a column named `no` would be false and the constant 2.50 would be 2.5; of two equal keys the
    first would be lost without a word.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                problem = f"the key {key_node.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


class _Reader:
    """Walks one parsed file and collects every problem, so that one run shows them all."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[str] = []

    def problem(self, where: str, what: str) -> None:
        self.problems.append(f"{self.file}: {where + ': ' if where else ''}{what}")

    def block(self, value: Any, where: str, allowed: Collection[str], needed: Collection[str]) -> dict[str, Any]:
        """`value` as a mapping with no key outside `allowed` and every key of `needed`; {} where it is none."""
        if not isinstance(value, dict):
            self.problem(where, f"expected keys ({', '.join(allowed)}), found {value!r:.60}")
            return {}
        for key in value:
            if key not in allowed:
                self.problem(where, f"unknown key {key!r}{suggestion(str(key), allowed)}")
        for key in needed:
            if value.get(key) in (None, "", [], {}):
                self.problem(where, f"the key {key!r} is missing or empty")
        return value

    def text(self, value: Any, where: str) -> str:
        if isinstance(value, str):
            return value.strip()
        self.problem(where, f"expected text, found {value!r:.60}")
        return ""

    def texts(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.problem(where, f"expected a list, found {value!r:.60}")
            return ()
        return tuple(self.text(item, where) for item in value)

    def input(self, name: str, value: Any) -> Input:
        where = f"inputs.{name}"
        if not _NAME.fullmatch(name):
            self.problem(where, "the name of an input is lower case letters, digits and underscores")
        if isinstance(value, dict) and ("table" in value or "query" in value):
            return self.table_or_query(name, value, where)
        keys = ("path", *OPTIONS, "decimal", *_OF_ALL, "table", "query")
        block = self.block(value, where, keys, ("path",))
        path = self.text(block.get("path", ""), f"{where}.path")
        suffixes = [suffix for suffix in Path(path).suffixes if suffix != ".gz"]
        file_format = FORMATS.get(suffixes[-1].lower() if suffixes else "", "")
        if path and not file_format:
            self.problem(f"{where}.path", f"{path!r} is none of: {', '.join(FORMATS)} (all but .parquet with .gz too)")
        for key, formats in OPTIONS.items():
            if key in block and file_format and file_format not in formats:
                self.problem(where, f"{key}: for {_KINDS[formats]} only, and {path!r} is {file_format}")
        options: dict[str, Any] = {}
        for key in ("delimiter", "quote", "encoding", "decimal"):
            if key in block:
                options[key] = str(block[key])  # as it stands: a delimiter may be white space
        for key in ("delimiter", "quote"):
            if key in options and len(options[key]) != 1:
                self.problem(f"{where}.{key}", f"expected one character, found {options[key]!r}")
        if "encoding" in options:
            self.encoding(options["encoding"], f"{where}.encoding")
        if options.get("decimal", ",") not in DECIMAL_MARKS:
            self.problem(f"{where}.decimal", f'expected "," or ".", found {options["decimal"]!r}')
        if "header" in block:
            options["header"] = self.texts(block["header"], f"{where}.header")
        if "skip" in block:
            options["skip"] = self.count(block["skip"], f"{where}.skip")
        if "records" in block:
            options["records"] = self.text(block["records"], f"{where}.records")
            if not all(options["records"].split(".")):
                self.problem(f"{where}.records", "expected keys joined by points, such as data.items")
        return Input(name, path, file_format, **options, **self.of_all(block, where))

    def table_or_query(self, name: str, value: dict[str, Any], where: str) -> Input:
        block = self.block(value, where, (*_OF_TABLES, *_OF_ALL), ())
        options: dict[str, Any] = {
            key: self.text(block[key], f"{where}.{key}") for key in ("table", "query", "cursor") if key in block
        }
        if bool(options.get("table")) == bool(options.get("query")):
            self.problem(where, "write either the key 'table' or the key 'query'")
        parts = (options.get("table") or "x").split(".")
        if not all(parts) or len(parts) > 2:
            self.problem(f"{where}.table", f"expected schema.table, found {options['table']!r}; a query can name any")
        if "look_back" in block:
            options["look_back"] = self.duration(block["look_back"], f"{where}.look_back")
        if "key" in block:
            given = block["key"]
            options["key"] = self.texts([given] if isinstance(given, str) else given, f"{where}.key")
        together = [key for key in ("cursor", "look_back", "key") if key in block]
        if together and len(together) < 3:
            self.problem(
                where,
                "cursor, look_back and key go together: the column that says when a row was changed last, how far "
                "behind its latest value a load begins, and the columns by which a changed row is known again",
            )
        return Input(name, "", POSTGRES, **options, **self.of_all(block, where))

    def of_all(self, block: Mapping[str, Any], where: str) -> dict[str, Any]:
        """What any input may say."""
        options: dict[str, Any] = {}
        if "date_format" in block:
            options["date_formats"] = self.date_formats(block["date_format"], f"{where}.date_format")
        if "ignore" in block:
            options["ignore"] = self.text(block["ignore"], f"{where}.ignore")
        return options

    def duration(self, value: Any, where: str) -> timedelta:
        found = _DURATION.fullmatch(self.text(value, where))
        if found:
            return timedelta(**{f"{found[2]}s": int(found[1])})
        self.problem(where, f"expected a duration such as 2 days or 6 hours, found {value!r:.60}")
        return timedelta(0)

    def connection(self, value: Any, inputs: Iterable[Input]) -> str:
        name = self.text(value, "connection")
        if name and not _CONNECTION.fullmatch(name):
            self.problem("connection", f"{name!r} is not made of up to 30 lower case letters and digits")
        of_database = [source.name for source in inputs if source.is_of_database]
        if of_database and not name:
            self.problem(
                f"inputs.{of_database[0]}",
                "a table or query needs the key 'connection' of the mapping: the name of a database, whose URL is in "
                "SOURCES__FILES__CONNECTIONS__<NAME>__URL",
            )
        if name and not of_database:
            self.problem("connection", "no input is a table or query; leave the key out")
        return name

    def encoding(self, name: str, where: str) -> None:
        try:
            "".encode(name)  # unlike a look-up, this refuses codecs of no text, such as hex
        except (LookupError, UnicodeError):
            self.problem(where, f"{name!r} is no encoding that Python knows, such as utf-8, windows-1252, utf-16")

    def count(self, value: Any, where: str) -> int:
        text = self.text(value, where)
        if text.isdecimal():
            return int(text)
        self.problem(where, f"expected a whole number, found {value!r:.60}")
        return 0

    def date_formats(self, value: Any, where: str) -> tuple[str, ...]:
        formats = (self.text(value, where),) if isinstance(value, str) else self.texts(value, where)
        for pattern in formats:
            if "%" not in pattern:
                self.problem(where, f"{pattern!r} is no format such as %d/%m/%Y %H:%M")
            if "%Z" in pattern.replace("%%", ""):
                self.problem(where, f"{pattern!r}: names of zones cannot be read by a format; %z reads an offset")
        return formats

    def reject_rules(self, value: Any, inputs: Collection[str]) -> tuple[RejectRule, ...]:
        if not isinstance(value, list):
            self.problem("reject", "expected a list of rules (input, when, reason)")
            return ()
        rules = []
        for number, item in enumerate(value, start=1):
            where = f"reject rule {number}"
            keys = ("input", "when", "reason")
            block = self.block(item, where, keys, keys)
            rule = RejectRule(*(self.text(block.get(key, ""), f"{where}.{key}") for key in keys))
            if rule.input and rule.input not in inputs:
                self.problem(where, f"unknown input {rule.input!r}{suggestion(rule.input, inputs)}")
            rules.append(rule)
        return tuple(rules)

    def entity(self, name: str, value: Any, inputs: Collection[str]) -> EntityMapping | None:
        where = f"entities.{name}"
        if name not in ENTITIES:
            self.problem("entities", f"unknown entity {name!r}{suggestion(name, ENTITIES)}")
            return None
        block = self.block(value, where, ("from", "joins", "where", "group_by", "columns"), ("from", "columns"))
        source = self.text(block.get("from", ""), f"{where}.from")
        if source and source not in inputs:
            self.problem(f"{where}.from", f"unknown input {source!r}{suggestion(source, inputs)}")
        joins = self.joins(block.get("joins") or [], f"{where}.joins", source, inputs)
        condition = self.text(block["where"], f"{where}.where") if "where" in block else None
        if condition == "":
            self.problem(f"{where}.where", "the condition is empty; leave the key out to take every row")
        group_by = self.texts(block["group_by"], f"{where}.group_by") if "group_by" in block else ()
        canonical = {column.name: column for column in columns(ENTITIES[name])}
        given = block.get("columns") or {}
        expressions: dict[str, str] = {}
        if not isinstance(given, dict):
            self.problem(f"{where}.columns", "expected canonical columns with an SQL expression each")
            given = {}
        for column, expression in given.items():
            if column not in canonical:
                self.problem(f"{where}.columns", f"unknown column {column!r}{suggestion(str(column), canonical)}")
                continue
            expressions[column] = self.text(expression, f"{where}.columns.{column}")
            if not expressions[column]:
                self.problem(f"{where}.columns.{column}", "the expression is empty; leave the column out for null")
        missing = [column.name for column in canonical.values() if column.required and column.name not in given]
        if given and missing:
            self.problem(f"{where}.columns", f"required columns are missing: {', '.join(missing)}")
        return EntityMapping(name, source, joins, condition, group_by, expressions)

    def joins(self, value: Any, where: str, source: str, inputs: Collection[str]) -> tuple[Join, ...]:
        if not isinstance(value, list):
            self.problem(where, "expected a list of joins (input, on)")
            return ()
        joins: list[Join] = []
        for item in value:
            keys = ("input", "on")
            block = self.block(item, where, keys, keys)
            join = Join(*(self.text(block.get(key, ""), f"{where}.{key}") for key in keys))
            if join.input and join.input not in inputs:
                self.problem(where, f"unknown input {join.input!r}{suggestion(join.input, inputs)}")
            if join.input in (source, *(other.input for other in joins)):
                self.problem(where, f"the input {join.input!r} is there already; each can be joined once")
            joins.append(join)
        return tuple(joins)


def read_mapping(file: Path) -> FileMapping:
    """One mapping file.

    Raises:
        MappingError: with every problem that the file itself shows.
    """
    text = file.read_text(encoding="utf-8")
    try:
        content = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise MappingError(f"{file}: no valid YAML: {error}") from error
    reader = _Reader(file)
    keys = ("name", "company", "timezone", "connection", "inputs", "reject", "entities")
    block = reader.block(content, "", keys, ("name", "inputs", "entities"))
    name = reader.text(block.get("name", ""), "name")
    if name and not _NAME.fullmatch(name):
        reader.problem("name", f"{name!r} is not made of lower case letters, digits and underscores only")
    company = reader.text(block["company"], "company") if "company" in block else None
    if company is not None and not _NAME.fullmatch(company):
        reader.problem("company", f"{company!r} is not made of lower case letters, digits and underscores only")
    timezone = reader.text(block.get("timezone", "UTC"), "timezone")
    parts: dict[str, dict[str, Any]] = {}
    for key in ("inputs", "entities"):
        parts[key] = block.get(key) or {}
        if not isinstance(parts[key], dict):
            reader.problem(key, "expected named entries")
            parts[key] = {}
    inputs = {str(key): reader.input(str(key), value) for key, value in parts["inputs"].items()}
    connection = reader.connection(block.get("connection", ""), inputs.values())
    rejects = reader.reject_rules(block.get("reject") or [], inputs)
    entities = {str(key): reader.entity(str(key), value, inputs) for key, value in parts["entities"].items()}
    used = {name for entity in entities.values() if entity for name in _inputs_of(entity)}
    for unused in sorted(inputs.keys() - used):
        reader.problem(f"inputs.{unused}", "no entity takes rows from it or joins it; map it or leave it out")
    if reader.problems:
        raise MappingError("\n".join(reader.problems))
    return FileMapping(
        name=name,
        file=file,
        text=text,
        company=company,
        timezone=timezone,
        inputs=inputs,
        rejects=rejects,
        entities={key: entity for key, entity in entities.items() if entity},
        connection=connection,
    )


def _inputs_of(entity: EntityMapping) -> tuple[str, ...]:
    return (entity.input, *(join.input for join in entity.joins))


def read_mappings(location: Path) -> list[FileMapping]:
    """The mapping files at `location`, a file or a folder of `*.yml` and `*.yaml`, by file name.

    Raises:
        MappingError: there is none, a file has problems, or two carry the same name.
    """
    if location.is_dir():
        files = sorted({*location.glob("*.yml"), *location.glob("*.yaml")})
    else:
        files = [location] if location.is_file() else []
    if not files:
        raise MappingError(
            f"{location}: no mapping file there. Set SOURCES__FILES__MAPPINGS_PATH to a mapping (.yml, .yaml) or to "
            "a folder of them, or leave files out of LIFECYCLE_SOURCES."
        )
    mappings: dict[str, FileMapping] = {}
    problems = []
    for file in files:
        try:
            mapping = read_mapping(file)
        except MappingError as error:
            problems.append(str(error))
            continue
        if mapping.name in mappings:
            problems.append(
                f"{file}: the name {mapping.name!r} is taken by {mappings[mapping.name].file}; choose another"
            )
        mappings[mapping.name] = mapping
    # A company that states no name is called by its first mapping that gives ids at all, so that adding a second one
    # to a single mapping renames no id. That name is then taken.
    nameless = [name for name, mapping in mappings.items() if mapping.company is None]
    with_ids = [name for name in nameless if any(len(ENTITIES[e].unique_by) == 1 for e in mappings[name].entities)]
    first = min(with_ids or nameless, default="")
    for mapping in mappings.values():
        if mapping.company == first and mapping.name != first:
            problems.append(
                f"{mapping.file}: company: {first!r} is the name of a mapping that states no company; choose another, "
                f"or write `company: {first}` there too"
            )
    if problems:
        raise MappingError("\n".join(problems))
    return [
        replace(mapping, company=first) if mapping.name in nameless and mapping.name != first else mapping
        for mapping in mappings.values()
    ]


def sql_words(expression: str) -> set[str]:
    """The words of an SQL expression outside its text constants: what might be meant as a column."""
    return set(_SQL_WORD.findall(re.sub(r"'(?:[^']|'')*'", " ", expression)))
