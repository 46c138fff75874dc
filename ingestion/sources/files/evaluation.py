"""A mapping applied to its files: typed rows of each entity, and what was turned away with its reason.

Belongs here: the SQL around the expressions of a mapping. Does not: dlt, state, settings.

Everything happens in one in-memory DuckDB as sets. For each entity the expressions are computed once, as they come
(`value_<n>`); each value is then tried as the canonical type. A row is rejected where a value does not fit, a
required column is null, or its key was there already.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.sources.files.canonical import ENTITIES, Column, columns
from ingestion.sources.files.inputs import ROW, Rejection, column_names, find_files, literal, load_input, quoted
from ingestion.sources.files.mapping import EntityMapping, FileMapping, MappingError, sql_words, suggestion

ROW_VERSION = "_dlt_id"  # the column in which dlt's scd2 keeps the row's hash


@dataclass(frozen=True)
class InputRows:
    """What became of the rows of one input: read = taken by an entity + `rejections`."""

    name: str
    taken: int
    rejections: list[Rejection]


@dataclass(frozen=True)
class EntityRows:
    """Rows of one entity: `mapping`, the canonical columns, `_dlt_id`; and the candidates that did not fit."""

    rows: pa.Table
    rejections: list[Rejection]


class Evaluation:
    """One mapping, its files read, the rows that no entity may take set aside, every expression checked.

    Raises:
        MappingError: an input cannot be read, or an expression cannot work; one problem a line.
    """

    def __init__(self, mapping: FileMapping, data_path: Path) -> None:
        self.mapping = mapping
        self._spill = tempfile.TemporaryDirectory(prefix="mapping-")
        self._connection = duckdb.connect(
            config={"temp_directory": self._spill.name, "autoinstall_known_extensions": False}
        )
        self._connection.execute("SET enable_progress_bar = false")
        try:
            self._set_timezone()
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
            rejections[source.name] = load_input(self._connection, self.mapping, source, files)
        self._check_expressions()
        for name in self.mapping.inputs:
            rejections[name] += self._set_aside(name)
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
        """Turn away the rows that the conditions of all entities leave out."""
        conditions = [entity.where for entity in self.mapping.entities.values() if entity.input == name]
        if None in conditions:
            return []
        taken = " OR ".join(f"coalesce(({condition}\n), false)" for condition in conditions)
        try:
            self._connection.execute(
                f"CREATE TEMP TABLE _unclaimed AS SELECT {ROW}, 0 AS _rule FROM {quoted(name)} WHERE NOT ({taken})"
            )
        except duckdb.Error as error:
            raise MappingError(
                f"{self.mapping.file}: a condition (where) over the input {name} fails on its data: "
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
        self._compute_values(entity, canonical)
        typed = ", ".join(
            f"{_typed(column, number)} AS {quoted(column.name)}" for number, column in enumerate(canonical)
        )
        values = ", ".join(f"value_{number}" for number in range(len(canonical)))
        problems = ", ".join(_problems(column, number) for number, column in enumerate(canonical))
        keys = ", ".join(quoted(column) for column in ENTITIES[name].unique_by)
        self._connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _judged AS
            WITH typed AS (SELECT {ROW}, {values}, {typed} FROM _candidates),
            checked AS (
                SELECT *, {self._version(canonical)} AS {ROW_VERSION},
                    nullif(concat_ws('; ', {problems}), '') AS problem
                FROM typed
            )
            SELECT *, row_number() OVER (PARTITION BY problem IS NULL, {keys} ORDER BY {ROW_VERSION}, {ROW}) AS turn
            FROM checked
            """
        )
        key_text = ", ' ', ".join(f"coalesce({quoted(column)}::VARCHAR, '-')" for column in ENTITIES[name].unique_by)
        label = ", ".join(ENTITIES[name].unique_by)
        reason = f"coalesce(problem, {literal(label)} || ': ' || concat({key_text}) || ' is there more than once')"
        if entity.group_by:
            pairs = ", ".join(
                f"{literal(column.name)}, _refused.value_{number}::VARCHAR" for number, column in enumerate(canonical)
            )
            record, source = f"json_object({pairs})::VARCHAR", ""
        else:
            record, source = self._as_json(entity.input), f"JOIN {quoted(entity.input)} USING ({ROW})"
        rejected = self._connection.execute(
            f"""
            SELECT {record}, _refused.reason
            FROM (
                SELECT {ROW}, {values}, {reason} AS reason FROM _judged WHERE problem IS NOT NULL OR turn > 1
            ) AS _refused {source}
            ORDER BY {ROW}
            """
        ).fetchall()
        names = ", ".join(quoted(column.name) for column in canonical)
        # instants leave DuckDB with the session's zone as their type: UTC, whatever the zone of the mapping
        self._connection.execute("SET TimeZone = 'UTC'")
        rows = self._connection.execute(
            f"SELECT {literal(self.mapping.name)} AS mapping, {names}, {ROW_VERSION} FROM _judged "
            "WHERE problem IS NULL AND turn = 1"
        ).to_arrow_table()
        self._set_timezone()
        self._connection.execute("DROP TABLE _judged")
        self._connection.execute("DROP TABLE _candidates")
        rows = rows.cast(_obligations(rows.schema, canonical))
        return EntityRows(rows, number_copies([{"record": record, "reason": reason} for record, reason in rejected]))

    def _compute_values(self, entity: EntityMapping, canonical: tuple[Column, ...]) -> None:
        # own names for the values: an alias equal to a column of the input would shadow it in GROUP BY
        values = ", ".join(
            f"({self._sql(entity.columns.get(column.name, 'NULL'), entity.input)}\n) AS value_{number}"
            for number, column in enumerate(canonical)
        )
        try:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE _candidates AS {self._select(entity, values)}")
        except duckdb.Error as error:
            raise self._blame_columns(entity, error) from error

    def _sql(self, expression: str, name: str) -> str:
        """A column's plain name, also one with spaces or one that SQL reserves, as SQL; anything else as it stands."""
        by_lower = {column.lower(): column for column in column_names(self._connection, name)}
        column = by_lower.get(expression.lower())
        return expression if column is None else quoted(column)

    def _select(self, entity: EntityMapping, values: str) -> str:
        where = f" WHERE ({entity.where}\n)" if entity.where else ""
        if not entity.group_by:
            return f"SELECT {ROW}, {values} FROM {quoted(entity.input)}{where}"
        groups = ", ".join(f"({self._sql(group, entity.input)}\n)" for group in entity.group_by)
        return f"SELECT min({ROW}) AS {ROW}, {values} FROM {quoted(entity.input)}{where} GROUP BY {groups}"

    def _version(self, canonical: tuple[Column, ...]) -> str:
        """SQL of the row's hash. Nulls are left out: a canonical column added later changes no existing row."""
        parts = [literal(f"mapping={self.mapping.name}")]
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
            problems += self._problem(query, f"reject rule {number}: when", rule.when, rule.input)
        for entity in self.mapping.entities.values():
            where = f"entities.{entity.entity}"
            source = quoted(entity.input)
            shape = []
            if entity.where:
                query = f"SELECT 1 FROM {source} WHERE ({entity.where}\n)"
                shape += self._problem(query, f"{where}.where", entity.where, entity.input)
            for group in entity.group_by:
                query = f"SELECT 1 FROM {source} GROUP BY ({self._sql(group, entity.input)}\n)"
                shape += self._problem(query, f"{where}.group_by", group, entity.input)
            problems += shape
            if shape:
                continue  # every column would repeat the same problem
            for column in columns(ENTITIES[entity.entity]):
                expression = entity.columns.get(column.name)
                if expression is not None:
                    value = f"TRY_CAST(({self._sql(expression, entity.input)}\n) AS {column.sql_type})"
                    query = self._select(entity, value)
                    problems += self._problem(query, f"{where}.columns.{column.name}", expression, entity.input)
        if problems:
            raise MappingError("\n".join(problems))

    def _problem(self, query: str, where: str, expression: str, source: str) -> list[str]:
        try:
            self._connection.execute(f"EXPLAIN {query}")
        except duckdb.Error as error:
            return [f"{self.mapping.file}: {where}: {expression!r}: {self._hint(error, expression, source)}"]
        return []

    def _hint(self, error: duckdb.Error, expression: str, source: str) -> str:
        """What DuckDB says, and what the author of the mapping probably meant."""
        message = _first_lines(error)
        known = column_names(self._connection, source)
        lowered = {name.lower() for name in known}
        if "Referenced column" in message and "not found" in message:
            missing = [word for word in sorted(sql_words(expression)) if f'"{word}"' in message]
            if missing and missing[0].lower() not in lowered:
                near = suggestion(missing[0], known)
                return f"the input {source} has no column {missing[0]!r}{near} (a constant text is written \"'text'\")"
        if "GROUP BY" in message:
            return f"{message}; with group_by each column is a group column or an aggregate, without it neither"
        if "Parser Error" in message:
            return f"{message}; a column whose name has spaces or is an SQL word stands in double quotes"
        return message

    def _blame_columns(self, entity: EntityMapping, error: duckdb.Error) -> MappingError:
        """Find the expression that fails on the data."""
        for column, expression in entity.columns.items():
            query = self._select(entity, f"({self._sql(expression, entity.input)}\n) AS value")
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


def no_rows(entity: str) -> pa.Table:
    """An entity's table without a row."""
    typed = ", ".join(f"NULL::{column.sql_type} AS {quoted(column.name)}" for column in columns(ENTITIES[entity]))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT ''::VARCHAR AS mapping, {typed}, ''::VARCHAR AS {ROW_VERSION} WHERE false"
        rows = connection.execute(query).to_arrow_table()
    return rows.cast(_obligations(rows.schema, columns(ENTITIES[entity])))


def _obligations(schema: pa.Schema, canonical: tuple[Column, ...]) -> pa.Schema:
    """`schema` with nulls allowed where the row model allows them; DuckDB allows them everywhere."""
    optional = {column.name for column in canonical if not column.required}
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


def _typed(column: Column, number: int) -> str:
    """SQL of value `number` in the column's type, null where it is empty or does not fit."""
    value = f"value_{number}"
    if column.sql_type == "VARCHAR":
        return f"nullif(trim({value}::VARCHAR), '')"
    cast = f"TRY_CAST({value} AS {column.sql_type})"
    if column.sql_type == "BIGINT":  # a cast alone rounds 3.7 to 4
        return f"CASE WHEN TRY_CAST({value} AS DECIMAL(38, 9)) % 1 = 0 THEN {cast} END"
    if column.sql_type in ("TIMESTAMPTZ", "DATE"):  # 'infinity' is an instant to DuckDB
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    return cast


def _problems(column: Column, number: int) -> str:
    """SQL of what is wrong with value `number`, null where nothing is."""
    name = quoted(column.name)
    text = f"nullif(trim(value_{number}::VARCHAR), '')"
    shown = f"{literal(column.name + ': ')} || '''' || left({text}, 80) || ''''"
    cases = []
    if column.required:
        cases.append(f"WHEN {text} IS NULL THEN {literal(column.name + ' is missing')}")
    if column.sql_type != "VARCHAR":
        cases.append(
            f"WHEN {text} IS NOT NULL AND {name} IS NULL THEN {shown} || {literal(' is not ' + column.type_in_words)}"
        )
    if column.rule:
        broken = f"NOT ({column.rule.sql.format(name)})"
        cases.append(f"WHEN {broken} THEN {shown} || {literal(' is not ' + column.rule.words)}")
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _first_lines(error: Exception) -> str:
    """DuckDB's message without the excerpt of the generated SQL."""
    return " ".join(line.strip() for line in str(error).split("\n\nLINE ")[0].splitlines() if line.strip())
