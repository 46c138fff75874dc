"""A mapping applied to its files: typed rows of each entity, and what was rejected, with the reason.

Belongs here: the SQL around the expressions of a mapping. Does not: dlt, state, settings.

Everything happens in one in-memory DuckDB as sets. For each entity the expressions are computed once, as they come
(`value_<n>`); each value is then tried as the canonical type (`values.py`). A row is rejected where a value does not
fit, values do not fit each other, a required column is null, or its key was there already.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.intake import AHEAD_AT_MOST, IS_AHEAD
from ingestion.sources.files.canonical import ENTITIES, HAPPENED_AT, Column, columns
from ingestion.sources.files.inputs import ROW, Rejection, column_names, find_files, literal, load_input, quoted
from ingestion.sources.files.mapping import (
    POSTGRES,
    EntityMapping,
    FileMapping,
    Input,
    MappingError,
    sql_words,
    suggestion,
)
from ingestion.sources.files.models import RowRule
from ingestion.sources.files.values import Reading, create_zones, helpful_key, typed_rows

ROW_VERSION = "_dlt_id"  # the column in which dlt's scd2 keeps the row's hash
_PATH = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)+)")


@dataclass(frozen=True)
class InputRows:
    """What became of the rows of one input: read = taken (by an entity, to look up, or to ignore) + `rejections`."""

    name: str
    taken: int
    rejections: list[Rejection]


@dataclass(frozen=True)
class EntityRows:
    """What became of the candidates of one entity.

    Attributes:
        rows: those that fit: `mapping`, `company`, the canonical columns, `_dlt_id`.
        rejections: the others.
        next_at: when the first of those that had not happened yet happens, UTC; None where there are none.
    """

    rows: pa.Table
    rejections: list[Rejection]
    next_at: datetime | None


class Evaluation:
    """One mapping, its files read, the rows that no entity may take set aside, every expression checked.

    Args:
        mapping: what to read, and as what.
        data_path: the folder of the files.
        as_of: the instant that this load calls now; a fact more than a day ahead of it is rejected.
        is_accepted: whether a person has looked at lines of the files that a quotation mark takes in.

    Raises:
        MappingError: an input cannot be read, or an expression cannot work; one problem a line.
    """

    def __init__(self, mapping: FileMapping, data_path: Path, as_of: datetime, *, is_accepted: bool = False) -> None:
        self.mapping = mapping
        self._is_accepted = is_accepted
        self._latest = as_of + AHEAD_AT_MOST
        self._spill = tempfile.TemporaryDirectory(prefix="mapping-")
        self._connection = duckdb.connect(
            config={"temp_directory": self._spill.name, "autoinstall_known_extensions": False}
        )
        self._connection.execute("SET enable_progress_bar = false")
        try:
            self._set_timezone()
            create_zones(self._connection)
            self.inputs = self._take_in(data_path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    # ---- inputs

    def _take_in(self, data_path: Path) -> list[InputRows]:
        rejections: dict[str, list[Rejection]] = {}
        for source in self.mapping.inputs.values():
            files = find_files(self.mapping, source, data_path)
            rejections[source.name] = load_input(
                self._connection, self.mapping, source, files, is_accepted=self._is_accepted
            )
        self._check_expressions()
        for name in self.mapping.inputs:
            rejections[name] += self._set_aside(name)
        for entity in self.mapping.entities.values():
            self._check_joins(entity)
        for name in self.mapping.inputs:
            rejections[name] += self._unclaimed(name)
        result = []
        for name, rejected in rejections.items():
            taken = self._count(f"SELECT count(*) FROM {quoted(name)}")
            result.append(InputRows(name, taken, number_copies(rejected)))
        return result

    def _set_timezone(self) -> None:
        try:
            self._connection.execute(f"SET TimeZone = {literal(self.mapping.timezone)}")
        except duckdb.Error as error:
            raise MappingError(f"{self.mapping.file}: timezone: {_first_lines(error)}") from error

    def _set_aside(self, name: str) -> list[Rejection]:
        """Apply the reject rules of an input: its table keeps the other rows."""
        rules = [rule for rule in self.mapping.rejects if rule.input == name]
        if not rules:
            return []
        cases = " ".join(f"WHEN ({rule.when}\n) THEN {number}" for number, rule in enumerate(rules))
        try:
            # materialised before anything is removed: a rule may look at other rows (window functions)
            self._connection.execute(
                f"CREATE TEMP TABLE _refused AS SELECT {ROW}, _rule FROM "
                f"(SELECT {ROW}, CASE {cases} END AS _rule FROM {quoted(name)}) WHERE _rule IS NOT NULL"
            )
        except duckdb.Error as error:
            raise self._blame_rules(name, error) from error
        rejections = self._records(name, f"SELECT {ROW}, _rule FROM _refused", [rule.reason for rule in rules])
        self._connection.execute(f"DELETE FROM {quoted(name)} WHERE {ROW} IN (SELECT {ROW} FROM _refused)")
        self._connection.execute("DROP TABLE _refused")
        return rejections

    def _unclaimed(self, name: str) -> list[Rejection]:
        """Turn away the rows that the conditions of all entities leave out, without those that the input ignores."""
        entities = [entity for entity in self.mapping.entities.values() if entity.input == name]
        if self.mapping.is_lookup(name) or any(entity.where is None for entity in entities):
            return []
        taken = " UNION ALL ".join(
            f"SELECT {quoted(name)}.{ROW} FROM {self._source(entity)} WHERE ({entity.where}\n)" for entity in entities
        )
        ignored = self.mapping.inputs[name].ignore or "false"
        try:
            self._connection.execute(
                f"CREATE TEMP TABLE _unclaimed AS SELECT {ROW}, 0 AS _rule FROM {quoted(name)} "
                f"WHERE {ROW} NOT IN ({taken}) AND NOT coalesce(({ignored}\n), false)"
            )
        except duckdb.Error as error:
            raise MappingError(
                f"{self.mapping.file}: a condition (where, ignore) over the input {name} fails on its data: "
                f"{_first_lines(error)}; reject such rows first, or use try_cast"
            ) from error
        reason = "no entity of the mapping takes this row"
        rejections = self._records(name, "SELECT * FROM _unclaimed", [reason])
        self._connection.execute(f"DELETE FROM {quoted(name)} WHERE {ROW} IN (SELECT {ROW} FROM _unclaimed)")
        self._connection.execute("DROP TABLE _unclaimed")
        return rejections

    def _records(self, name: str, refused: str, reasons: list[str]) -> list[Rejection]:
        rows = self._connection.execute(
            f"SELECT {self._as_json(name)}, _rule FROM {quoted(name)} JOIN ({refused}) AS _refused USING ({ROW}) "
            f"ORDER BY {ROW}"
        ).fetchall()
        return [{"record": record, "reason": reasons[rule]} for record, rule in rows]

    def _as_json(self, name: str) -> str:
        """SQL of a row of an input as a JSON object of texts."""
        pairs = (
            f"{literal(column)}, {quoted(name)}.{quoted(column)}::VARCHAR"
            for column in column_names(self._connection, name)
        )
        return f"json_object({', '.join(pairs)})::VARCHAR"

    def _count(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    # ---- entities

    def entity(self, name: str) -> EntityRows:
        """Typed rows and rejections of one entity of the mapping.

        Raises:
            MappingError: an expression fails on the data.
        """
        entity = self.mapping.entities[name]
        canonical = columns(ENTITIES[name])
        happened = [(number, column) for number, column in enumerate(canonical) if column.name == HAPPENED_AT[name]]
        types = self._compute_values(entity, canonical)
        source = self.mapping.inputs[entity.input]
        reading = Reading(self.mapping.timezone, source.decimal, source.date_formats)
        problems = ", ".join(
            [
                *(
                    _problems(column, number, reading)
                    for number, column in enumerate(canonical)
                    if column.name in types
                ),
                *(_row_problem(rule, canonical) for rule in ENTITIES[name].row_rules),
                *(_ahead_problem(number, column, self._is_ahead(column)) for number, column in happened),
            ]
        )
        keys = ", ".join(quoted(column) for column in ENTITIES[name].unique_by)
        same_key = " AND ".join(
            f"_judged.{quoted(column)} IS NOT DISTINCT FROM shared.{quoted(column)}"
            for column in ENTITIES[name].unique_by
        )
        named = ", ".join(quoted(column.name) for column in canonical)
        try:
            self._connection.execute(
                f"""
                CREATE OR REPLACE TEMP TABLE _judged AS
                WITH typed AS ({typed_rows("_candidates", canonical, types, reading)})
                SELECT {ROW}, {named}, {self._version(canonical)} AS {ROW_VERSION},
                    nullif(concat_ws('; ', {problems}), '') AS problem
                FROM typed
                """
            )
        except duckdb.Error as error:
            raise self._blame_columns(entity, error) from error
        # keys that are there more than once are few: to number every row by its key would sort them all
        self._connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _copies AS
            WITH shared AS (
                SELECT {keys} FROM _judged WHERE problem IS NULL GROUP BY {keys} HAVING count(*) > 1
            )
            SELECT {ROW}, {keys}
            FROM (SELECT _judged.* FROM _judged JOIN shared ON {same_key} WHERE problem IS NULL)
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {ROW_VERSION}, {ROW}) > 1
            """
        )
        key_text = ", ' ', ".join(f"coalesce({quoted(column)}::VARCHAR, '-')" for column in ENTITIES[name].unique_by)
        label = ", ".join(ENTITIES[name].unique_by)
        if entity.group_by:
            pairs = ", ".join(
                f"{literal(column.name)}, _candidates.value_{number}::VARCHAR"
                for number, column in enumerate(canonical)
            )
            record, origin = f"json_object({pairs})::VARCHAR", "_candidates"
        else:
            record, origin = self._as_json(entity.input), quoted(entity.input)
        rejected = self._connection.execute(
            f"""
            SELECT {record}, _refused.reason
            FROM (
                SELECT {ROW}, problem AS reason FROM _judged WHERE problem IS NOT NULL
                UNION ALL
                SELECT {ROW}, {literal(label)} || ': ' || concat({key_text}) || ' is there more than once' FROM _copies
            ) AS _refused
            JOIN {origin} USING ({ROW})
            ORDER BY {ROW}
            """
        ).fetchall()
        # instants leave DuckDB with the session's zone as their type: UTC, whatever the zone of the mapping
        self._connection.execute("SET TimeZone = 'UTC'")
        rows = self._connection.execute(
            f"SELECT {literal(self.mapping.name)} AS mapping, {self._company()} AS company, {named}, {ROW_VERSION} "
            f"FROM _judged WHERE problem IS NULL AND {ROW} NOT IN (SELECT {ROW} FROM _copies)"
        ).to_arrow_table()
        next_at = self._next_at(happened[0][1]) if happened else None
        self._set_timezone()
        self._connection.execute("DROP TABLE _judged")
        self._connection.execute("DROP TABLE _copies")
        self._connection.execute(f"DROP {_kind_of_candidates(entity)} _candidates")
        rows = rows.cast(_obligations(rows.schema, canonical))
        rejections = number_copies([{"record": record, "reason": reason} for record, reason in rejected])
        return EntityRows(rows, rejections, next_at)

    def _is_ahead(self, column: Column) -> str:
        """SQL of whether a fact with this instant or day has not happened yet."""
        # a day is compared with a day: as an instant it would depend on the session's zone
        latest = self._latest.date() if column.sql_type == "DATE" else self._latest
        return f"{quoted(column.name)} > {column.sql_type} {literal(latest.isoformat())}"

    def _next_at(self, happened: Column) -> datetime | None:
        """When the first of the judged facts that lie ahead happens; of a day its start in UTC."""
        query = f"SELECT min({quoted(happened.name)})::TIMESTAMPTZ FROM _judged WHERE {self._is_ahead(happened)}"
        found = self._connection.execute(query).fetchone()
        return found[0] if found else None

    def _compute_values(self, entity: EntityMapping, canonical: tuple[Column, ...]) -> dict[str, str]:
        """Create `_candidates`, each row or group with its values as they come.

        Returns the DuckDB type of the value of each column that the mapping fills.
        """
        # own names for the values: an alias equal to a column of the input would shadow it in GROUP BY
        values = ", ".join(
            f"({self._sql(entity.columns.get(column.name, 'NULL'), entity)}\n) AS value_{number}"
            for number, column in enumerate(canonical)
        )
        try:
            self._connection.execute(
                f"CREATE TEMP {_kind_of_candidates(entity)} _candidates AS {self._select(entity, values)}"
            )
        except duckdb.Error as error:
            raise self._blame_columns(entity, error) from error
        types = {name: kind for name, kind, *_ in self._connection.execute("DESCRIBE _candidates").fetchall()}
        return {
            column.name: types[f"value_{number}"]
            for number, column in enumerate(canonical)
            if column.name in entity.columns
        }

    def _sql(self, expression: str, entity: EntityMapping) -> str:
        """A plain name as SQL, also one with spaces or one that SQL reserves; anything else as it stands.

        A path through a JSON value (`address.city`) is a plain name, too.
        """
        by_lower = {column.lower(): column for column in column_names(self._connection, entity.input)}
        column = by_lower.get(expression.lower())
        if column is not None:
            return f"{quoted(entity.input)}.{quoted(column)}"
        path = _PATH.fullmatch(expression)
        column = by_lower.get(path[1].lower()) if path else None
        is_json = self.mapping.inputs[entity.input].format in ("json", "jsonl", POSTGRES)
        if path and column and is_json and path[1] not in self._names(entity):
            text = f"{quoted(entity.input)}.{quoted(column)}"
            keys = "".join(f'."{key}"' for key in path[2][1:].split("."))
            return f"CASE WHEN json_valid({text}) THEN json_extract_string({text}, {literal('$' + keys)}) END"
        return expression

    def _names(self, entity: EntityMapping) -> tuple[str, ...]:
        """The inputs whose columns an entity's expressions may name."""
        return (entity.input, *(join.input for join in entity.joins))

    def _source(self, entity: EntityMapping) -> str:
        """SQL of an entity's input with what it looks up in others."""
        joins = "".join(f" LEFT JOIN {quoted(join.input)} ON ({join.on}\n)" for join in entity.joins)
        return f"{quoted(entity.input)}{joins}"

    def _select(self, entity: EntityMapping, values: str) -> str:
        where = f" WHERE ({entity.where}\n)" if entity.where else ""
        row = f"{quoted(entity.input)}.{ROW}"
        if not entity.group_by:
            return f"SELECT {row} AS {ROW}, {values} FROM {self._source(entity)}{where}"
        groups = [f"({self._sql(group, entity)}\n)" for group in entity.group_by]
        keys = {entity.columns.get(column) for column in ENTITIES[entity.entity].unique_by}
        # rows without a key are no group: each is rejected by itself
        alone = [
            f"CASE WHEN nullif(trim({sql}::VARCHAR), '') IS NULL THEN {row} END"
            for sql, group in zip(groups, entity.group_by, strict=True)
            if group in keys
        ]
        grouped = ", ".join(groups + alone)
        return f"SELECT min({row}) AS {ROW}, {values} FROM {self._source(entity)}{where} GROUP BY {grouped}"

    def _company(self) -> str:
        return "NULL::VARCHAR" if self.mapping.company is None else literal(self.mapping.company)

    def _version(self, canonical: tuple[Column, ...]) -> str:
        """SQL of the row's hash. Nulls are left out: a column added later changes no existing row."""
        parts = [literal(f"mapping={self.mapping.name}")]
        if self.mapping.company is not None:
            parts.append(literal(f"company={self.mapping.company}"))
        for column in canonical:
            # an instant as text depends on the session's zone
            text = f"epoch_us({quoted(column.name)})" if column.sql_type == "TIMESTAMPTZ" else quoted(column.name)
            parts.append(f"{literal(column.name + '=')} || {text}::VARCHAR")
        return f"md5(concat_ws(chr(31), {', '.join(parts)}))"

    # ---- problems of the mapping itself

    def _check_expressions(self) -> None:
        """Bind every expression on its own, so that a problem is found before any row is computed, and named."""
        problems = []
        for number, rule in enumerate(self.mapping.rejects, start=1):
            query = f"SELECT CASE WHEN ({rule.when}\n) THEN 1 END FROM {quoted(rule.input)}"
            problems += self._problem(query, f"reject rule {number}: when", rule.when, [rule.input])
        for source in self.mapping.inputs.values():
            problems += self._date_format_problems(source)
            if source.ignore:
                query = f"SELECT CASE WHEN ({source.ignore}\n) THEN 1 END FROM {quoted(source.name)}"
                problems += self._problem(query, f"inputs.{source.name}.ignore", source.ignore, [source.name])
        for entity in self.mapping.entities.values():
            problems += self._entity_problems(entity)
        if problems:
            raise MappingError("\n".join(problems))

    def _date_format_problems(self, source: Input) -> list[str]:
        problems = []
        for pattern in source.date_formats:
            query = f"SELECT try_strptime('1', {literal(pattern)})"
            problems += self._problem(query, f"inputs.{source.name}.date_format", pattern, [source.name])
        return problems

    def _entity_problems(self, entity: EntityMapping) -> list[str]:
        where = f"entities.{entity.entity}"
        source, names = self._source(entity), self._names(entity)
        problems = []
        for join in entity.joins:
            problems += self._problem(f"SELECT 1 FROM {source}", f"{where}.joins", join.on, names)
        if problems:
            return problems  # all below would repeat the same
        if entity.where:
            query = f"SELECT 1 FROM {source} WHERE ({entity.where}\n)"
            problems += self._problem(query, f"{where}.where", entity.where, names)
        for group in entity.group_by:
            query = f"SELECT 1 FROM {source} GROUP BY ({self._sql(group, entity)}\n)"
            problems += self._problem(query, f"{where}.group_by", group, names)
        if problems:
            return problems
        for column in columns(ENTITIES[entity.entity]):
            expression = entity.columns.get(column.name)
            if expression is not None:
                query = self._select(entity, f"TRY_CAST(({self._sql(expression, entity)}\n) AS {column.sql_type})")
                problems += self._problem(query, f"{where}.columns.{column.name}", expression, names)
        return problems

    def _check_joins(self, entity: EntityMapping) -> None:
        """Refuse a join that finds several rows: they would count twice."""
        row = f"{quoted(entity.input)}.{ROW}"
        for number, join in enumerate(entity.joins, start=1):
            source = self._source(replace(entity, joins=entity.joins[:number]))
            where = f"{self.mapping.file}: entities.{entity.entity}.joins: {join.on!r}"
            try:
                found = self._connection.execute(
                    f"SELECT {row} FROM {source} GROUP BY {row} HAVING count(*) > 1 ORDER BY {row} LIMIT 1"
                ).fetchone()
            except duckdb.Error as error:
                raise MappingError(f"{where} fails on the data: {_first_lines(error)}; use try_cast") from error
            if found:
                query = f"SELECT {self._as_json(entity.input)} FROM {quoted(entity.input)} WHERE {ROW} = {found[0]}"
                record = self._connection.execute(query).fetchall()[0][0]
                raise MappingError(
                    f"{where} finds several rows of {join.input} for one row of {entity.input} ({record:.200}), which "
                    f"would count twice; make the key of {join.input} unique, for instance by a reject rule: "
                    "row_number() OVER (PARTITION BY <key> ORDER BY <what decides>) > 1"
                )

    def _problem(self, query: str, where: str, expression: str, sources: Sequence[str]) -> list[str]:
        try:
            self._connection.execute(f"EXPLAIN {query}")
        except duckdb.Error as error:
            return [f"{self.mapping.file}: {where}: {expression!r}: {self._hint(error, expression, sources)}"]
        return []

    def _hint(self, error: duckdb.Error, expression: str, sources: Sequence[str]) -> str:
        """What DuckDB says, and what the author of the mapping probably meant."""
        message = _first_lines(error)
        known = [column for source in sources for column in column_names(self._connection, source)]
        lowered = {name.lower() for name in known}
        if "Referenced column" in message and "not found" in message:
            missing = [word for word in sorted(sql_words(expression)) if f'"{word}"' in message]
            if missing and missing[0].lower() not in lowered:
                near = suggestion(missing[0], known)
                which = f"input {sources[0]} has" if len(sources) == 1 else f"inputs {' and '.join(sources)} have"
                return f"the {which} no column {missing[0]!r}{near} (a constant text is written \"'text'\")"
        if "GROUP BY" in message:
            return f"{message}; with group_by each column is a group column or an aggregate, without it neither"
        if "Parser Error" in message:
            return f"{message}; a column whose name has spaces or is an SQL word stands in double quotes"
        return message

    def _blame_columns(self, entity: EntityMapping, error: duckdb.Error) -> MappingError:
        """Find the expression that fails on the data."""
        for column, expression in entity.columns.items():
            query = self._select(entity, f"({self._sql(expression, entity)}\n) AS value")
            try:
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE _blamed AS {query}")
            except duckdb.Error as found:
                where = f"entities.{entity.entity}.columns.{column}"
                return MappingError(
                    f"{self.mapping.file}: {where}: {expression!r} fails on the data: {_first_lines(found)}; "
                    "use try_cast, or reject such rows first"
                )
        return MappingError(f"{self.mapping.file}: entities.{entity.entity}: {_first_lines(error)}")

    def _blame_rules(self, name: str, error: duckdb.Error) -> MappingError:
        for number, rule in enumerate(self.mapping.rejects, start=1):
            if rule.input != name:
                continue
            try:
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE _blamed AS SELECT ({rule.when}\n) AS v FROM {quoted(name)}"
                )
            except duckdb.Error as found:
                return MappingError(
                    f"{self.mapping.file}: reject rule {number}: {rule.when!r} fails on the data: "
                    f"{_first_lines(found)}; use try_cast"
                )
        return MappingError(f"{self.mapping.file}: reject rules of {name}: {_first_lines(error)}")


def _kind_of_candidates(entity: EntityMapping) -> str:
    """Rows as they come are looked at once, to be judged. Groups are looked at again where one is rejected."""
    return "TABLE" if entity.group_by else "VIEW"


def no_rows(entity: str) -> pa.Table:
    """An entity's table without a row."""
    typed = ", ".join(f"NULL::{column.sql_type} AS {quoted(column.name)}" for column in columns(ENTITIES[entity]))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        empty = f"''::VARCHAR AS mapping, NULL::VARCHAR AS company, {typed}, ''::VARCHAR AS {ROW_VERSION}"
        rows = connection.execute(f"SELECT {empty} WHERE false").to_arrow_table()
    return rows.cast(_obligations(rows.schema, columns(ENTITIES[entity])))


def _obligations(schema: pa.Schema, canonical: tuple[Column, ...]) -> pa.Schema:
    """`schema` with nulls allowed where the row model allows them; DuckDB allows them everywhere."""
    optional = {"company", *(column.name for column in canonical if not column.required)}
    return pa.schema([arrow_field.with_nullable(arrow_field.name in optional) for arrow_field in schema])


def number_copies(rejections: list[Rejection]) -> list[Rejection]:
    """Tell equal rejections apart, as rejected_records keeps a record and reason once; the first stays as it is."""
    seen: dict[tuple[str, str], int] = {}
    result = []
    for rejection in rejections:
        key = (rejection["record"], rejection["reason"])
        seen[key] = copy = seen.get(key, 0) + 1
        reason = rejection["reason"] if copy == 1 else f"{rejection['reason']} (copy {copy} of an equal row)"
        result.append({"record": rejection["record"], "reason": reason})
    return result


def _shown(column: Column, number: int) -> str:
    """SQL of a column and its value as it came, for a reason."""
    text = f"left(nullif(trim(value_{number}::VARCHAR), ''), 80)"
    quote = literal("'")
    return f"{literal(column.name + ': ')} || coalesce({quote} || {text} || {quote}, 'nothing')"


def _problems(column: Column, number: int, reading: Reading) -> str:
    """SQL of what is wrong with value `number`, null where nothing is."""
    name = quoted(column.name)
    text = f"nullif(trim(value_{number}::VARCHAR), '')"
    shown = _shown(column, number)
    cases = []
    if column.required:
        cases.append(f"WHEN {text} IS NULL THEN {literal(column.name + ' is missing')}")
    if column.sql_type in ("TIMESTAMPTZ", "DATE"):
        words = (
            " names a zone that is not known, or not the only one of its name; write an offset such as +01:00 or a "
            "place such as Europe/Paris"
        )
        cases.append(f"WHEN unknown_zone_{number} THEN {shown} || {literal(words)}")
    if column.sql_type != "VARCHAR":
        cases.append(
            f"WHEN {text} IS NOT NULL AND {name} IS NULL THEN "
            f"{shown} || {literal(' is not ' + column.type_in_words)} || {helpful_key(column, text, reading)}"
        )
    for rule in column.rules:
        broken = f"NOT ({rule.sql.replace('{}', name)})"
        cases.append(f"WHEN {broken} THEN {shown} || {literal(' is not ' + rule.words)}")
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _row_problem(rule: RowRule, canonical: tuple[Column, ...]) -> str:
    """SQL of what is wrong with the values of several columns together, null where nothing is."""
    numbers = {column.name: number for number, column in enumerate(canonical)}
    shown = " || ', ' || ".join(_shown(canonical[numbers[name]], numbers[name]) for name in rule.columns)
    return f"CASE WHEN NOT ({rule.sql}) THEN {shown} || {literal(', but ' + rule.words)} END"


def _ahead_problem(number: int, column: Column, is_ahead: str) -> str:
    """SQL of what is wrong with the instant of a fact that has not happened yet, null where it has."""
    return f"CASE WHEN {is_ahead} THEN {_shown(column, number)} || {literal(f' {IS_AHEAD}')} END"


def _first_lines(error: Exception) -> str:
    """DuckDB's message without the excerpt of the generated SQL."""
    return " ".join(line.strip() for line in str(error).split("\n\nLINE ")[0].splitlines() if line.strip())
