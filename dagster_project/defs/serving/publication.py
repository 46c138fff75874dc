"""The file that BI opens: the last asset, made only once gate 2 has let every mart pass."""

import json
from datetime import timedelta
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

from dagster_project import environment, personal
from dagster_project.alerts import AlertSettings
from dagster_project.resources import WRITER_POOL, ModelTranslator, Refresh, dbt_manifest
from ingestion import config
from ingestion.freshness import freshness
from serving.publish import SCHEMA, PublicationError, Source, link_path, publish


@definitions
def defs() -> Definitions:
    @asset(
        key=["serving", "lifecycle"],
        deps=_marts(),
        group_name="serving",
        kinds={"duckdb"},
        pool=WRITER_POOL,
        retry_policy=RetryPolicy(max_retries=2, delay=5, backoff=Backoff.EXPONENTIAL),
        # Of sources, `late_sources` says whether they are late: a raw table is an asset that is made each night, with
        # or without news.
        freshness_policy=FreshnessPolicy.time_window(timedelta(hours=AlertSettings.read().late_after_hours)),
        description="The versioned, read-only file behind the link that BI tools open.",
    )
    def published(context: AssetExecutionContext, refresh: Refresh) -> MaterializeResult:
        folder, settings = environment.serving_dir(), environment.settings()
        sources = [
            Source(str(known.account), known.loaded_at, known.loaded_as_of, known.reason)
            for known in freshness(config.enabled_accounts())
        ]
        try:
            publication = publish(
                config.warehouse_path(),
                folder,
                as_of=config.as_of(),
                sources=sources,
                required=[str(account) for account in settings.required_sources],
                keep=settings.keep_versions,
                readers=settings.published_readers,
                left_out=left_out(),
            )
        except PublicationError as error:
            raise Failure(str(error), allow_retries=False) from error
        return MaterializeResult(
            metadata={
                "version": publication.version,
                "link": str(link_path(folder)),
                "rows": publication.rows,
                "stale_sources": [str(source) for source in sources if source.is_stale],
            }
        )

    return Definitions(assets=[published])


def _marts() -> list[AssetKey]:
    """Asset keys of the models that are published."""
    translator = ModelTranslator()
    return [translator.get_asset_key(node) for node in _nodes()]


def left_out() -> list[str]:
    """The marts with a column that is tagged as personal, unless they are to be published too."""
    if environment.settings().publish_personal:
        return []
    return [node["name"] for node in _nodes() if personal.tagged(node)]


def _nodes() -> list[dict[str, Any]]:
    manifest = json.loads(dbt_manifest().read_text())
    return [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["schema"] == SCHEMA
    ]
