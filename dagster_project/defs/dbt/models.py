"""The dbt project as assets, its tests as asset checks: one `dbt build`."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, Definitions, definitions
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.resources import WRITER_POOL, ModelTranslator, Refresh, dbt_manifest, dbt_project


@definitions
def defs() -> Definitions:
    # Unit tests hold the logic and run in `make test`: a nightly run judges the data.
    @dbt_assets(
        manifest=dbt_manifest(),
        project=dbt_project(),
        name="build_models",
        pool=WRITER_POOL,
        dagster_dbt_translator=ModelTranslator(),
    )
    def build_models(context: AssetExecutionContext, dbt: DbtCliResource, refresh: Refresh) -> Iterator:
        yield from dbt.cli(
            ["build", "--exclude-resource-type", "unit_test"], context=context, target_path=dbt_project().target_path
        ).stream()

    return Definitions(assets=[build_models])
