"""The dbt project as assets, its tests as asset checks: one `dbt build` up to core, one of the marts.

Between the two, predictions are made from core for the marts to show. These are two commands with a selection each,
rather than one that Dagster splits by assets. So dbt itself decides which tests belong to which, and a test that reads
several models runs exactly once, after the last of them.
"""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetObservation, AssetsDefinition, Definitions, definitions
from dagster_dbt import dbt_assets

from dagster_project import dbt_runner, news
from dagster_project.resources import WRITER_POOL, ModelTranslator, Refresh, dbt_manifest, dbt_project
from dagster_project.steps import BUILD_STEPS, PUBLISHED, build_target

# Marts with the audiences that are made of them, the outbox, and the tests of what they are about to read.
MARTS = "fqn:lifecycle.marts fqn:lifecycle.audiences fqn:lifecycle.activation source:predictions"


@definitions
def defs() -> Definitions:
    before, after = BUILD_STEPS
    return Definitions(assets=[_build(before, exclude=MARTS), _build(after, select=MARTS)])


def _build(step: str, select: str = "fqn:*", exclude: str | None = None) -> AssetsDefinition:
    @dbt_assets(
        manifest=dbt_manifest(),
        project=dbt_project(),
        name=step,
        select=select,
        exclude=exclude,
        pool=WRITER_POOL,
        dagster_dbt_translator=ModelTranslator(),
    )
    def build(context: AssetExecutionContext, refresh: Refresh) -> Iterator:
        if step == BUILD_STEPS[0] and (version := news.unchanged_version(context.run)):
            # What is not built has no output, and the steps behind it are skipped.
            context.log.info(f"Nothing is new since {version} was published: there is nothing to build.")
            context.log_event(AssetObservation([*PUBLISHED], metadata=news.unchanged(version)))
            return
        news.owe(1)
        yield from dbt_runner.build(context, build_target(step))

    return build
