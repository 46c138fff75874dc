"""What crosses between the build file and Spark, and the way back to DuckDB, tried without a Spark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cluster import built_tables
from cluster.raw_tables import Table
from cluster.thrift import ClusterError
from dagster_project import dbt_runner, spark_tables
from ingestion import config
from ingestion.config import PROJECT_ROOT

FILES = {
    "dbt_project.yml": "{name: small, profile: small, version: '1.0', models: {+schema: core}, seeds: {+schema: core}}",
    "profiles.yml": "small: {target: t, outputs: {t: {type: duckdb, path: \"{{ env_var('WAREHOUSE') }}\"}}}",
    "models/stored.sql": "{{ config(materialized='table') }} select id from {{ ref('seeded') }}",
    "models/grown.sql": "{{ config(materialized='incremental') }} select id from {{ ref('stored') }} "
    "{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/observed.sql": "{{ config(materialized='incremental', full_refresh=false) }} select 7 as id",
    "models/seen.sql": "{{ config(materialized='view') }} select id from {{ ref('stored') }}",
    "models/sources.yml": "{sources: [{name: raw_shop, tables: [{name: orders}]}, {name: predictions, tables: [{name: "
    "scores, columns: [{name: person_id, data_type: string}, {name: score, data_type: double}]}]}]}",
    "macros/schema.sql": "{% macro generate_schema_name(schema, node) %}{{ schema }}{% endmacro %}",
    "seeds/seeded.csv": "id\n1\n2\n",
}


class Small:
    """A project with a model of each kind, its build file, and what a Spark would hold of it."""

    def __init__(self, folder: Path) -> None:
        self.spark, self.target = folder / "spark", folder / "target"
        self.said: list[str] = []
        self.manifest = dbt_runner._parse(self.target)

    def begin(self) -> None:
        """As before the first refresh."""
        self.said.clear()
        for left in (self.spark, config.data_dir()):
            shutil.rmtree(left, ignore_errors=True)
        config.data_dir().mkdir()
        self.run("create schema raw_shop; create table raw_shop.orders as select 1 as id")

    def built_by_spark(self, **queries: str) -> set[str]:
        for name, query in queries.items():
            place = self.spark / "core.db" / name
            place.mkdir(parents=True, exist_ok=True)
            duckdb.execute(f"copy ({query}) to '{place / 'part-0.parquet'}' (format parquet)")
        return {f"{'seed' if name == 'seeded' else 'model'}.small.{name}" for name in queries}

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(config.warehouse_path())) as connection:
            return connection.execute(statement).fetchall()

    def kinds(self) -> dict[str, str]:
        query = "select table_name, table_type from information_schema.tables where table_schema = 'core'"
        return dict(self.run(query))  # type: ignore[arg-type]

    @contextmanager
    def cursor(self) -> Iterator[Small]:
        """Stands in for a session: it says where it keeps its tables."""
        yield self

    def execute(self, statement: str) -> None:
        self.said.append(statement)

    def fetchall(self) -> list[tuple[str, ...]]:
        if self.said[-1] == "show databases":
            return [("core",)]
        if self.said[-1].startswith("describe database"):
            return [("Catalog Name", "c"), ("Location", f"file:{self.spark}/{self.said[-1].rpartition(' ')[2]}.db")]
        return []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """Parsed once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("spark_tables")
        for name, text in FILES.items():
            (folder / "project" / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / "project" / name).write_text(text)
        own = PROJECT_ROOT / "dbt_project" / "macros" / "dialect" / "materializations"
        shutil.copytree(own, folder / "project" / "macros" / "materializations")
        patch.setattr(dbt_runner, "PROJECT", folder / "project")
        patch.setenv("LIFECYCLE_DATA_DIR", str(folder / "data"))
        patch.delenv("LIFECYCLE_WAREHOUSE_PATH", raising=False)
        patch.setenv("WAREHOUSE", str(config.warehouse_path()))
        small = Small(folder)
        patch.setattr(spark_tables, "cursor", small.cursor)
        yield small


@pytest.fixture
def small(project: Small) -> Small:
    project.begin()
    return project


def test_going_to_spark_and_back_to_duckdb_needs_the_setting_alone(small: Small) -> None:
    assert dbt_runner._invoke(["build"], small.target).success
    by_duckdb = small.kinds()
    assert by_duckdb == {each: "BASE TABLE" for each in ("stored", "grown", "observed", "seeded")} | {"seen": "VIEW"}

    built = small.built_by_spark(
        stored="select 90 as id", grown="select 91 as id", observed="select 92 as id", seeded="select 93 as id"
    )
    spark_tables.show(small.manifest, {*built, "model.small.seen"})
    assert small.kinds() == {"stored": "VIEW", "grown": "VIEW", "observed": "BASE TABLE", "seeded": "BASE TABLE"}
    assert small.run("select (from core.stored), (from core.grown), (from core.observed), (from core.seeded)") == [
        (90, 91, 92, 93)
    ]

    done = dbt_runner._invoke(["build"], small.target)
    assert done.success, dbt_runner._why(done.exception, dbt_runner._results_of(done))
    assert small.kinds() == by_duckdb
    # An increment does not go on from a view; what no rebuild knows goes on from the rows of either engine.
    assert small.run("from core.grown order by id") == [(1,), (2,)]
    assert small.run("from core.observed order by id") == [(7,), (92,)]


def test_what_was_not_built_stays_as_it_is(small: Small) -> None:
    assert dbt_runner._invoke(["build"], small.target).success
    built = small.built_by_spark(stored="select 90 as id")
    small.built_by_spark(observed="select 'of an earlier night' as id")

    spark_tables.show(small.manifest, built)

    assert small.run("from core.observed") == [(7,)]
    assert small.kinds()["stored"] == "VIEW"
    shutil.rmtree(small.spark / "core.db" / "stored")
    spark_tables.show(small.manifest, ())
    assert "stored" not in small.kinds()


def test_spark_is_given_sources_predictions_and_what_is_kept(small: Small) -> None:
    small.run("create schema core; create table core.observed as select 5 as id")

    written = spark_tables.give(small.manifest)

    assert written == [Table("kept", "observed"), Table("predictions", "scores"), Table("raw_shop", "orders")]
    assert spark_tables.give(small.manifest) == []
    assert small.run("describe predictions.scores")[1][:2] == ("score", "DOUBLE")
    put = [each for each in small.said if each.startswith("create table core.`observed`")]
    assert "kept/observed" in put[0]  # where the model goes on from


def test_what_spark_does_not_know_of_is_gone_before_a_build(small: Small) -> None:
    """It would refuse to create a table where a server that was killed has left files."""
    small.built_by_spark(stored="select 1 as id")

    spark_tables.give(small.manifest)

    assert not (small.spark / "core.db" / "stored").exists()


def test_after_an_erasure_nothing_lies_there_and_spark_forgets_all(small: Small) -> None:
    spark_tables.give(small.manifest)
    small.said.clear()
    (config.data_dir() / "spark" / "events").mkdir()

    spark_tables.erase()
    assert [path.name for path in (config.data_dir() / "spark").iterdir()] == ["erased"]

    assert Table("raw_shop", "orders") in spark_tables.give(small.manifest)
    dropped = [each for each in small.said if each.startswith("drop database")]
    assert [each.split()[4] for each in dropped] == ["core", "kept", "predictions", "raw_shop"]
    assert small.said.index(dropped[-1]) < small.said.index("create database if not exists raw_shop")
    small.said.clear()
    spark_tables.give(small.manifest)
    assert not [each for each in small.said if each.startswith("drop database")]


def test_tables_that_lie_elsewhere_are_refused_with_what_to_set(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "spark", "//elsewhere")
    rows = [("Location", "hdfs://elsewhere/core.db")]
    monkeypatch.setattr(small, "fetchall", lambda: [("core",)] if small.said[-1] == "show databases" else rows)

    with pytest.raises(ClusterError, match=r"hdfs://elsewhere/core\.db.*spark\.sql\.warehouse\.dir"):
        spark_tables.show(small.manifest, ["model.small.stored"])


def test_a_table_of_spark_is_shown_like_one_of_duckdb(small: Small) -> None:
    built = small.built_by_spark(stored="select 90 as id")
    spark_tables.show(small.manifest, built)

    with duckdb.connect(str(config.warehouse_path())) as connection:
        assert built_tables.shown(connection, ("core",)) == [Table("core", "stored")]
