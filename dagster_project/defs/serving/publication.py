"""What BI opens, the file and PostgreSQL: the last asset, made only once gate 2 has let every mart pass."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    Backoff,
    Definitions,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    RetryPolicy,
    asset,
    definitions,
)

from dagster_project import environment, news, ossie, personal, report
from dagster_project.alerts import AlertSettings
from dagster_project.resources import WRITER_POOL, ModelTranslator, Refresh, dbt_manifest
from dagster_project.steps import PUBLISHED
from dagster_project.summary.dbt_results import keys_of
from ingestion import config, secrecy
from reports import FOLDER as REPORT
from serving.postgres import PostgresError
from serving.publish import SCHEMA, Companion, Description, PublicationError, publish
from serving.versions import link_path

OUTBOX = "activation.fct_outbox_events"


def write_ossie(database: Path, before: Path | None) -> None:
    ossie.write(database, _manifest())


# What lies beside the database of each version, by the name of its file or folder, and what writes it.
COMPANIONS: dict[str, Companion] = {ossie.FILE_NAME: write_ossie}


@definitions
def defs() -> Definitions:
    @asset(
        key=[*PUBLISHED],
        deps=[*_marts(), AssetKey(OUTBOX.split("."))],
        group_name="serving",
        kinds={"duckdb"},
        pool=WRITER_POOL,
        retry_policy=RetryPolicy(max_retries=2, delay=5, backoff=Backoff.EXPONENTIAL),
        # Of sources, `late_sources` says whether they are late: a raw table is an asset that is made each night, with
        # or without news.
        freshness_policy=FreshnessPolicy.time_window(timedelta(hours=AlertSettings.read().late_after_hours)),
        description="The versioned, read-only file behind the link that BI tools open, and its copy in PostgreSQL.",
    )
    def published(context: AssetExecutionContext, refresh: Refresh) -> MaterializeResult:
        folder, settings = environment.serving_dir(), environment.settings()
        sources = news.sources()
        try:
            publication = publish(
                config.warehouse_path(),
                folder,
                marts=marts(),
                as_of=config.as_of(),
                sources=sources,
                required=[str(account) for account in settings.required_sources],
                keep=settings.keep_versions,
                readers=settings.published_readers,
                descriptions=descriptions(),
                postgres=environment.postgres(),
                outbox_relation=OUTBOX,
                companions={**COMPANIONS, REPORT: report.companion(context.instance, context.run_id)},
            )
        except PublicationError as error:
            may_pass = isinstance(error, PostgresError) and error.may_pass
            raise Failure(secrecy.hidden(str(error)), allow_retries=may_pass) from None
        news.note(publication.version)
        for remark in publication.remarks:
            context.log.warning(remark)
        return MaterializeResult(
            metadata={
                "version": publication.version,
                "link": str(link_path(folder)),
                "rows": publication.rows,
                "stale_sources": [str(source) for source in sources if source.is_stale],
                "remarks": [*publication.remarks],
            }
        )

    return Definitions(assets=[published])


def _marts() -> list[AssetKey]:
    """Asset keys of the models of the marts."""
    translator = ModelTranslator()
    return [translator.get_asset_key(node) for node in _nodes()]


def marts() -> list[str]:
    """What is published: without marts that have a column tagged as personal, unless they are to be published too."""
    with_persons = environment.settings().publish_personal
    return [node["name"] for node in _nodes() if with_persons or not personal.tagged(node)]


def descriptions() -> dict[str, Description]:
    """What dbt knows of the models of the marts."""
    keys = keys_of(_manifest_nodes())
    return {
        node["name"]: Description(
            " ".join(node["description"].split()),
            {name: " ".join(column["description"].split()) for name, column in node["columns"].items()},
            keys.get(node["name"], ()),
        )
        for node in _nodes()
    }


def _nodes() -> list[dict[str, Any]]:
    return [
        node for node in _manifest_nodes().values() if node["resource_type"] == "model" and node["schema"] == SCHEMA
    ]


def _manifest_nodes() -> dict[str, dict[str, Any]]:
    return _manifest()["nodes"]


def _manifest() -> dict[str, Any]:
    return json.loads(dbt_manifest().read_text())
