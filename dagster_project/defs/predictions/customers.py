"""The predictions about customers: made between the models that they read and the marts that show them."""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Definitions,
    Failure,
    MaterializeResult,
    definitions,
    multi_asset,
)

from dagster_project.prediction_tables import (
    CUSTOMER_TABLES,
    SCHEMA,
    naive_utc,
    prediction_settings,
    read_inputs,
    write_tables,
)
from dagster_project.resources import WRITER_POOL, Refresh
from ingestion import config
from predictions.leakage import LeakageError

READS = ("fct_purchase_days", "fct_churn_features", "fct_customer_lifetimes", "fct_subscriber_spells")


@definitions
def defs() -> Definitions:
    @multi_asset(
        name="predict_customers",
        specs=[
            AssetSpec(
                [SCHEMA, table],
                deps=[AssetKey(["core", model]) for model in READS],
                group_name=SCHEMA,
                kinds={"python", "duckdb"},
            )
            for table in CUSTOMER_TABLES
        ],
        pool=WRITER_POOL,
    )
    def predict_customers(context: AssetExecutionContext, refresh: Refresh) -> Iterator[MaterializeResult]:
        from predictions.tables import predict  # scikit-learn and lifelines take seconds to import

        as_of = naive_utc(config.as_of())
        inputs = read_inputs(config.warehouse_path())
        context.log.info(
            f"{len(inputs.purchases):,} purchase days, {len(inputs.features):,} rows of features, "
            f"{len(inputs.spells):,} times of paying for a subscription"
        )
        try:
            tables = predict(
                inputs.purchases, inputs.features, inputs.lifetimes, inputs.spells, as_of, prediction_settings()
            )
        except LeakageError as error:
            raise Failure(f"A feature knows the future, nothing is predicted: {error}", allow_retries=False) from error
        shown = {
            f"{target}_{days}_days": f"hidden: {decision.reason}" if decision.reason else "shown"
            for (target, days), decision in tables.decisions.items()
        }
        for target, what in shown.items():
            context.log.info(f"{target}: {what}")
        rows = write_tables(config.warehouse_path(), tables.frames, as_of)
        for table, count in rows.items():
            yield MaterializeResult(asset_key=AssetKey([SCHEMA, table]), metadata={"rows": count, **shown})

    return Definitions(assets=[predict_customers])
