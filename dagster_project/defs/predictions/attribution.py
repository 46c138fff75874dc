"""Credit that is learnt from paths: made between the paths and the mart that shows it beside the rules."""

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Definitions,
    MaterializeResult,
    definitions,
    multi_asset,
)

from dagster_project.prediction_tables import (
    ATTRIBUTION_TABLE,
    SCHEMA,
    attribution_settings,
    naive_utc,
    read_paths,
    write_tables,
)
from dagster_project.resources import WRITER_POOL, Refresh
from ingestion import config


@definitions
def defs() -> Definitions:
    @multi_asset(
        name="attribute_conversions",
        specs=[
            AssetSpec(
                [SCHEMA, ATTRIBUTION_TABLE],
                deps=[AssetKey(["core", "fct_attribution_paths"])],
                group_name=SCHEMA,
                kinds={"python", "duckdb"},
            )
        ],
        pool=WRITER_POOL,
    )
    def attribute_conversions(context: AssetExecutionContext, refresh: Refresh) -> MaterializeResult:
        from predictions.attribution import attribute  # scipy takes a second to import

        settings, as_of = attribution_settings(), naive_utc(config.as_of())
        paths = read_paths(config.warehouse_path(), settings.level)
        credits = attribute(paths, as_of, settings)
        for kind, rows in credits.groupby("conversion_kind"):
            first = rows.iloc[0]
            context.log.info(
                f"{kind}: {first.conversion_count:,} conversions and {first.lost_path_count:,} lost paths of "
                f"{first.person_count:,} people; {first.hidden_reason or 'shown'}"
            )
        written = write_tables(config.warehouse_path(), {ATTRIBUTION_TABLE: credits}, as_of)
        return MaterializeResult(metadata={"rows": written[ATTRIBUTION_TABLE]})

    return Definitions(assets=[attribute_conversions])
