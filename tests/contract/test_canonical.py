"""The canonical layer: vendors' names end there, and every system tells of an entity in its declared shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from ingestion import pipelines
from ingestion.config import dataset_name
from ingestion.sources import SOURCE_NAMES
from ingestion.sources.files.canonical import ENTITIES, columns
from tests.unit.dbt_project.compiling import PROJECT, compiled_models, dbt_environment, start_from

Origin = tuple[str, str]  # a staging model and one of its columns

PAST_CANONICAL = ("intermediate", "core", "marts", "ops")
# Words of their own, too: a vendor's name is what stands in quotes, or before a colon or a double underscore.
WORDS = "files|whatsapp"
VENDOR_NAMES = re.compile(
    "|".join(name for name in SOURCE_NAMES if name not in WORDS.split("|"))
    + rf"|stg_|['\"]({WORDS})['\"]|\b({WORDS})(:|__)",
    re.IGNORECASE,
)
# A setting is called as people know it.
SETTINGS = ("stripe_payments_are_orders",)
# What dlt makes of the types of the row models.
RAW_TYPES = {
    "text": "varchar",
    "timestamp": "timestamptz",
    "date": "date",
    "bigint": "bigint",
    "bool": "boolean",
    "double": "double",
    "decimal": "decimal(38, 9)",
    "json": "json",
}


def models_in(manifest: dict[str, Any], *folders: str) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["path"].startswith(tuple(f"{folder}/" for folder in folders))
    ]


def vendor_names(text: str) -> list[str]:
    for setting in SETTINGS:
        text = text.replace(setting, "")
    return [found[0] for found in VENDOR_NAMES.finditer(text)]


def test_no_model_past_the_canonical_layer_names_a_vendor(manifest: dict[str, Any]) -> None:
    models = models_in(manifest, *PAST_CANONICAL)
    found = {model["name"]: vendor_names(model["raw_code"]) for model in models}

    assert models
    assert {name: names for name, names in found.items() if names} == {}


def test_no_macro_that_such_a_model_calls_names_a_vendor(manifest: dict[str, Any]) -> None:
    called = {macro for model in models_in(manifest, *PAST_CANONICAL) for macro in model["depends_on"]["macros"]}
    while new := {m for name in called for m in manifest["macros"][name]["depends_on"]["macros"]} - called:
        called |= new
    macros = [manifest["macros"][name] for name in called if name.startswith("macro.lifecycle.")]
    found = {macro["name"]: vendor_names(macro["macro_sql"]) for macro in macros}

    assert "union_entity" in found
    assert {name: names for name, names in found.items() if names} == {}


def test_no_unit_test_of_such_a_model_gives_a_vendors_records(manifest: dict[str, Any]) -> None:
    tests = [test for test in manifest["unit_tests"].values() if test["fqn"][1] in PAST_CANONICAL]
    found = {test["name"]: [name for given in test["given"] for name in vendor_names(given["input"])] for test in tests}

    assert tests
    assert {name: names for name, names in found.items() if names} == {}


def told(manifest: dict[str, Any]) -> set[tuple[str, str]]:
    """System and entity of the canonical models; those with a third part are steps on the way to one."""
    parts = [tuple(model["name"].split("__")) for model in models_in(manifest, "canonical")]
    return {(part[0], part[1]) for part in parts if len(part) == 2}


def listed() -> set[tuple[str, str]]:
    """System and entity as dbt_project.yml lists them."""
    sources = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]["sources"]
    return {(system, entity) for system, entities in sources.items() for entity in entities}


def test_every_canonical_model_is_of_a_listed_system_and_entity_and_the_reverse(manifest: dict[str, Any]) -> None:
    assert told(manifest) == listed()
    assert {system for system, _ in listed()} == {*SOURCE_NAMES}


def test_every_canonical_model_lies_in_the_folder_of_its_system(manifest: dict[str, Any]) -> None:
    for model in models_in(manifest, "canonical"):
        assert model["path"] == f"canonical/{model['name'].split('__')[0]}/{model['name']}.sql"


def test_every_canonical_model_reads_its_own_system(manifest: dict[str, Any]) -> None:
    for model in models_in(manifest, "canonical"):
        system = model["name"].split("__")[0]
        read = {name.split(".")[-1] for name in model["depends_on"]["nodes"] if name.startswith("model.")}
        assert {name for name in read if name.removeprefix("stg_").split("__")[0] != system} == set()


def test_every_entity_is_declared_and_unioned_and_the_reverse(manifest: dict[str, Any]) -> None:
    unions = {
        model["name"]: model["raw_code"]
        for model in models_in(manifest, "intermediate")
        if "union_entity(" in model["raw_code"]
    }
    declared = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and (node["patch_path"] or "").endswith("canonical/_entities.yml")
    }
    entities = {entity for _, entity in listed()}

    assert declared == unions.keys() == {f"int_{entity}__unioned" for entity in entities}
    for entity in entities:
        call = re.escape(f'{{{{ union_entity("{entity}") }}}}')
        assert re.fullmatch(rf"(\{{\{{ config\(.*\) \}}\}}\s)?{call}", unions[f"int_{entity}__unioned"]), entity


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> dict[str, str]:
    """SQL of the staging and the canonical models by name; what is a part of another one stands in it."""
    start_from(parsed_project)
    with dbt_environment(tmp_path_factory.mktemp("canonical")):
        return compiled_models("path:models/staging", "path:models/canonical")


def depth(model: dict[str, Any], manifest: dict[str, Any]) -> int:
    """How many models a model stands on, one above the other."""
    below = [manifest["nodes"][name] for name in model["depends_on"]["nodes"] if name.startswith("model.")]
    return 1 + max((depth(each, manifest) for each in below), default=0)


@pytest.fixture(scope="module")
def warehouse(manifest: dict[str, Any], queries: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty raw tables, and the models on them that others read."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema staging; create schema canonical; create schema intermediate")
        for system in SOURCE_NAMES:
            schema = dataset_name(system)
            connection.execute(f"create schema {schema}")
            for table in pipelines.tables(system):
                types = {name: RAW_TYPES[hints["data_type"]] for name, hints in table.stored_columns().items()}
                types |= {"_dlt_id": "varchar", "_dlt_load_id": "varchar"}
                given = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
                connection.execute(f"create table {schema}.{table.name} ({given})")
        for seed in (PROJECT / "seeds").glob("*.csv"):
            query = f"create table intermediate.{seed.stem} as from read_csv(?, all_varchar = true, nullstr = '')"
            connection.execute(query, [str(seed)])
        for model in sorted(models_in(manifest, "staging", "canonical"), key=lambda model: depth(model, manifest)):
            if model["config"]["materialized"] != "ephemeral":
                connection.execute(f"create view {model['schema']}.{model['name']} as {queries[model['name']]}")
        yield connection


def declared_columns(manifest: dict[str, Any], entity: str) -> dict[str, str]:
    """Columns of an entity and their types, as DuckDB calls them."""
    union = manifest["nodes"][f"model.lifecycle.int_{entity}__unioned"]
    types = {name: column["data_type"] for name, column in union["columns"].items()}
    names = {
        "text": "VARCHAR",
        "int": "INTEGER",
        "decimal(18, 4)": "DECIMAL(18,4)",
        "decimal(28, 10)": "DECIMAL(28,10)",
    }
    return {name: names.get(type_, type_.upper()) for name, type_ in types.items()}


@pytest.mark.parametrize(("system", "entity"), sorted(listed()))
def test_a_system_tells_of_an_entity_in_its_declared_shape(
    system: str, entity: str, manifest: dict[str, Any], queries: dict[str, str], warehouse: duckdb.DuckDBPyConnection
) -> None:
    described = warehouse.execute(f"describe {queries[f'{system}__{entity}']}").fetchall()
    shape = {name: type_ for name, type_, *_ in described}
    declared = declared_columns(manifest, entity)
    key = manifest["nodes"][f"model.lifecycle.int_{entity}__unioned"]["config"]["meta"].get("key")

    assert shape == {name: declared.get(name, "not declared") for name in shape}
    assert key is None or key in shape


@pytest.fixture(scope="module")
def origins(manifest: dict[str, Any], queries: dict[str, str], warehouse: duckdb.DuckDBPyConnection) -> set[Origin]:
    """The columns of staging that the canonical columns of files are made of."""
    schema: dict[str, Any] = {"warehouse": {}}
    for place, table, column, type_ in warehouse.execute(
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
    ).fetchall():
        schema["warehouse"].setdefault(place, {}).setdefault(table, {})[column] = type_
    found = set()
    for entity in (entity for system, entity in listed() if system == "files"):
        parsed = sqlglot.parse_one(queries[f"files__{entity}"], dialect="duckdb")
        query = qualify(parsed, schema=schema, dialect="duckdb")
        assert isinstance(query, exp.Query)
        scope = build_scope(query)
        for column in query.named_selects:
            for node in lineage(column, query, scope=scope, dialect="duckdb").walk():
                if isinstance(node.expression, exp.Table):
                    found.add((node.expression.name, node.name.split(".")[-1].strip('"')))
    return found


@pytest.mark.parametrize(
    ("entity", "column"), [(entity, column.name) for entity, row in ENTITIES.items() for column in columns(row)]
)
def test_every_column_of_files_reaches_a_canonical_one(
    entity: str, column: str, queries: dict[str, str], origins: set[Origin]
) -> None:
    name = f"stg_files__{entity}"
    query = sqlglot.parse_one(queries[name], dialect="duckdb")
    assert isinstance(query, exp.Query)
    *_, last_step = query.ctes
    outputs = {
        output.alias_or_name
        for output in last_step.this.expressions
        if column in {source.name for source in output.find_all(exp.Column)}
    }

    assert outputs
    assert any((name, output) in origins for output in outputs)
