"""What is published, and each metric of it, as an Apache Ossie document: for BI tools and assistants that read one.

The document is written beside the database of each version. Tables, columns, types and descriptions are as the database
itself has them, so that nothing is in it that is not published. Metrics are those of dbt's semantic layer
(`dbt_project/models/metrics/`), each as one expression over one table.

Belongs here: the form of the document (https://github.com/apache/ossie, `core-spec/spec.md`). Does not: definitions of
metrics, the moment of writing (`defs/serving`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import yaml

from serving.publish import PUBLICATION_TABLE, SCHEMA

FILE_NAME = "lifecycle.ossie.yaml"
# Minor versions of the specification differ, and this is the one whose schema the document follows.
VERSION = "0.2.0.dev0"
MODEL = "lifecycle"
DIALECT = "ANSI_SQL"
INSTRUCTIONS = (
    "Each dataset is a table of a DuckDB file that is opened read-only. Its description ends with what one row is, and "
    "says which column to filter by before anything is added up. Where a column is called breakdown, take one of its "
    "values. Where a column is called lifecycle_model, take one of its values: several stage models describe the same "
    "people. Now is the instant as_of of the table publication: nothing later is known. Columns that end in _at are "
    "UTC, and dates are days of the company's time zone. Amounts that end in _reporting are in the reporting currency. "
    "Never take the mean of rates: divide sums. Where a prediction is null, the column that ends in _hidden_reason "
    "says why: report the reason, and no figure. Take a metric where there is one, rather than an expression of your "
    "own. Nobody is named in these tables: an id stands for a person."
)
TYPES = {
    "BIGINT": "Integer",
    "BOOLEAN": "Boolean",
    "DATE": "Date",
    "DECIMAL": "Decimal",
    "DOUBLE": "Float",
    "INTEGER": "Integer",
    "TIMESTAMP": "DateTime",
    "VARCHAR": "String",
}
NUMBERS, TIMES = ("Decimal", "Float", "Integer"), ("Date", "DateTime")
AGGREGATES = {
    "average": "AVG({})",
    "count": "COUNT({})",
    "count_distinct": "COUNT(DISTINCT {})",
    "max": "MAX({})",
    "min": "MIN({})",
    "sum": "SUM({})",
    "sum_boolean": "SUM(CASE WHEN {} THEN 1 ELSE 0 END)",
}
# Texts are skipped, so that a word within one is never taken for a column.
TEXT_OR_NAME = re.compile(r"'(?:[^']|'')*'|\b[A-Za-z_]\w*\b")
COLUMNS_ALONE = re.compile(r"\w+(?: \|\| '\.' \|\| \w+)*")


class OssieError(RuntimeError):
    """The document cannot be written; the message says which definition is not understood, and where it is."""


def write(database: Path, manifest: Mapping[str, Any]) -> None:
    """Write the document beside the database of a version.

    Args:
        database: holds the marts, with their descriptions as comments.
        manifest: dbt's, of which semantic models and metrics are read.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        text = yaml.dump(
            document(connection, manifest), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=120
        )
    database.with_name(FILE_NAME).write_text(text)


def document(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The document as an object.

    Raises:
        OssieError: a metric is defined in a way that has no expression here.
    """
    columns = _columns(connection)
    models = {
        model["name"]: model
        for model in manifest["semantic_models"].values()
        if model["node_relation"]["alias"] in columns
    }
    expression = _expressions(models, manifest["metrics"], columns)
    return {
        "version": VERSION,
        "semantic_model": [
            {
                "name": MODEL,
                "description": "Lifecycle stages, value, churn, acquisition and satisfaction of a company's customers.",
                "ai_context": {"instructions": INSTRUCTIONS},
                "datasets": [*_datasets(connection, columns)],
                "relationships": [*_relationships(models.values())],
                "metrics": [*_metrics(models, manifest["metrics"], expression)],
            }
        ],
    }


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, tuple[str, str | None]]]:
    """Type and description of each column, by table."""
    found: dict[str, dict[str, tuple[str, str | None]]] = {}
    for table, column, kind, text in connection.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name = ? "
        "order by table_name, column_index",
        [SCHEMA],
    ).fetchall():
        found.setdefault(table, {})[column] = kind, text
    return found


def _datasets(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, Mapping[str, tuple[str, str | None]]]
) -> Iterator[dict[str, Any]]:
    texts = dict(
        connection.execute("select table_name, comment from duckdb_tables() where schema_name = ?", [SCHEMA]).fetchall()
    )
    ((keys,),) = connection.execute(f"select keys from {SCHEMA}.{PUBLICATION_TABLE}").fetchall()
    key_of = json.loads(keys)
    for table, fields in columns.items():
        yield {
            "name": table,
            "source": f"{MODEL}.{SCHEMA}.{table}",
            **({"primary_key": key_of[table]} if key_of.get(table) else {}),
            **_description(texts[table]),
            "fields": [_field(name, kind, text) for name, (kind, text) in fields.items()],
        }


def _field(name: str, kind: str, text: str | None) -> dict[str, Any]:
    datatype = TYPES.get(kind.partition("(")[0], "Opaque")
    return {
        "name": name,
        "expression": _expression(name),
        **({} if datatype in NUMBERS else {"dimension": {"is_time": datatype in TIMES}}),
        **_description(text),
        "datatype": datatype,
    }


def _relationships(models: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """How tables are joined: by an entity that one of them is about (primary) and the other names (foreign).

    An entity that is more than columns, such as a person where the id may be that of an account, leads nowhere.
    """
    ends = [
        (entity["name"], entity["type"], model["node_relation"]["alias"], columns)
        for model in models
        for entity in model["entities"]
        if (columns := _columns_alone(entity["expr"] or entity["name"]))
    ]
    for name, kind, table, columns in ends:
        for other, other_kind, target, keys in ends:
            is_one = kind == "foreign" or table < target
            if (name, other_kind) == (other, "primary") and table != target and is_one:
                yield {
                    "name": f"{table}_{name}_in_{target}",
                    "from": table,
                    "to": target,
                    "from_columns": columns,
                    "to_columns": keys,
                }


def _columns_alone(expression: str) -> list[str]:
    return re.findall(r"(?<!')\b[a-z_]\w*\b", expression) if COLUMNS_ALONE.fullmatch(expression) else []


def _metrics(
    models: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    expression: Callable[[str], str | None],
) -> Iterator[dict[str, Any]]:
    of_measures = {each["name"]: each["config"]["meta"] for model in models.values() for each in model["measures"]}
    for metric in sorted(metrics.values(), key=lambda each: each["name"]):
        meta = metric["config"]["meta"] or of_measures.get(metric["name"], {})
        if meta.get("is_input") or (sql := expression(metric["name"])) is None:
            continue
        yield {
            "name": metric["name"],
            "expression": _expression(sql),
            **_description(metric["description"]),
            "ai_context": {"synonyms": [metric["label"], *meta.get("synonyms", ())]},
        }


def _expressions(
    models: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, Any]],
) -> Callable[[str], str | None]:
    """What gives the expression of a metric by its name; None: it is of a table that is not published."""
    measures = {measure["name"]: (model, measure) for model in models.values() for measure in model["measures"]}
    by_name = {metric["name"]: metric for metric in metrics.values()}

    def simple(name: str) -> str | None:
        if name not in measures:
            return None
        model, measure = measures[name]
        table = model["node_relation"]["alias"]
        if measure["agg"] not in AGGREGATES or measure["non_additive_dimension"]:
            raise _not_understood(model, f"the measure {name}")
        inner = _with_names(
            str(measure["expr"] or name), lambda word: f"{table}.{word}" if word in columns[table] else word
        )
        return AGGREGATES[measure["agg"]].format(inner)

    def expression(name: str) -> str | None:
        metric, parameters = by_name[name], by_name[name]["type_params"]
        if metric["filter"]:
            raise _not_understood(metric, f"the filter of {name}")
        if metric["type"] == "simple":
            return simple(parameters["measure"]["name"])
        if metric["type"] == "ratio":
            inputs, text = [parameters["numerator"], parameters["denominator"]], ""
        elif metric["type"] == "derived":
            inputs, text = parameters["metrics"], parameters["expr"]
        else:
            raise _not_understood(metric, f"the type {metric['type']} of {name}")
        if any(each[key] for each in inputs for key in ("filter", "alias", "offset_window", "offset_to_grain")):
            raise _not_understood(metric, f"an input of {name} that is more than a name")
        parts = {each["name"]: expression(each["name"]) for each in inputs}
        if None in parts.values():
            return None
        if not text:
            numerator, denominator = (parts[each["name"]] for each in inputs)
            return f"CAST({numerator} AS DOUBLE PRECISION) / NULLIF({denominator}, 0)"
        return _with_names(text, lambda word: f"({parts[word]})" if word in parts else word)

    return expression


def _with_names(text: str, replaced: Callable[[str], str]) -> str:
    """An expression on one line, with other names."""
    line = " ".join(text.split())
    return TEXT_OR_NAME.sub(lambda found: found[0] if found[0].startswith("'") else replaced(found[0]), line)


def _not_understood(of: Mapping[str, Any], what: str) -> OssieError:
    return OssieError(
        f"{of['original_file_path']}: {what} has no expression in an Ossie document. Write it as a measure with one of "
        f"{', '.join(AGGREGATES)}, or as a ratio or derived metric of such."
    )


def _expression(sql: str) -> dict[str, Any]:
    return {"dialects": [{"dialect": DIALECT, "expression": sql}]}


def _description(text: str | None) -> dict[str, str]:
    return {"description": " ".join(text.split())} if text else {}
