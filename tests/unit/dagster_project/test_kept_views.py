"""Views that stay as they are: none that a project, a setting, a raw table or a hand has changed."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project import dbt_runner, kept_views
from ingestion import config

FILES = {
    "dbt_project.yml": "{name: small, profile: small, version: '1.0', models: {+materialized: view}}",
    "profiles.yml": "small: {target: t, outputs: {t: {type: duckdb, path: \"{{ env_var('WAREHOUSE') }}\"}}}",
    "models/plain.sql": "select id from raw_shop.orders",
    "models/of_the_setting.sql": "select {{ env_var('NUMBER') }} as id from {{ ref('plain') }}",
    "macros/number.sql": "{% macro number() %}{{ env_var('NUMBER') }}{% endmacro %}",
    "models/of_the_macro.sql": "select {{ number() }} as id from {{ ref('plain') }}",
    "models/within.sql": "{{ config(materialized='ephemeral') }} select {{ number() }} as id",
    "models/around.sql": "select id from {{ ref('within') }}",
    "models/of_today.sql": "select '{{ run_started_at }}' as id from {{ ref('plain') }}",
    "models/of_what_others_write.sql": "select id from {{ source('ops', 'noted') }}",
    "models/sources.yml": "{sources: [{name: ops, schema: ops, tables: [{name: noted}]}]}",
    "models/stored.sql": "{{ config(materialized='table') }} select id from {{ ref('plain') }}",
}
VIEWS = [
    f"model.small.{name}"
    for name in ("plain", "of_the_setting", "of_the_macro", "around", "of_today", "of_what_others_write")
]


class Small:
    """A project of some views and its build file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.target = folder, config.data_dir() / "target"
        self.manifest = dbt_runner._parse(self.target)

    def build(self) -> None:
        assert dbt_runner._invoke(["build"], self.target).success
        kept_views.note(self.manifest, self.folder, self.target)

    def kept(self) -> list[str]:
        found = kept_views.unchanged(VIEWS, self.manifest, self.folder, self.target)
        return [view.rpartition(".")[2] for view in found]

    def change(self, statement: str) -> None:
        with duckdb.connect(str(config.warehouse_path())) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.delenv("LIFECYCLE_WAREHOUSE_PATH", raising=False)
        folder = tmp_path_factory.mktemp("project")
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        patch.setattr(dbt_runner, "PROJECT", folder)
        patch.setenv("WAREHOUSE", str(config.warehouse_path()))
        patch.setenv("NUMBER", "5")
        small = Small(folder)
        small.change("create schema raw_shop; create table raw_shop.orders as select 1 as id")
        small.change("create schema ops; create table ops.noted as select 1 as id")
        yield small


def test_only_views_that_follow_from_files_alone_are_kept(small: Small) -> None:
    assert small.kept() == []  # nothing was built yet
    small.build()
    assert small.kept() == ["plain"]
    assert small.kept() == ["plain"]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("create or replace view plain as select 2 as id", None),
        ("drop view around", None),
        ("alter table raw_shop.orders add column paid boolean", "alter table raw_shop.orders drop column paid"),
        ("models/plain.sql", None),
    ],
)
def test_after_a_change_all_are_made_again(small: Small, change: str, back: str | None) -> None:
    small.build()
    if change in FILES:
        (small.folder / change).write_text("select id + 1 as id from raw_shop.orders")
    else:
        small.change(change)

    assert small.kept() == []
    # Also where it was changed back before they were: a build may have ended half-way.
    if change in FILES:
        (small.folder / change).write_text(FILES[change])
    elif back:
        small.change(back)
    assert small.kept() == []
    small.build()
    assert small.kept() == ["plain"]
