"""One package per source system. `ingestion.pipelines` finds them by name."""

# The one list of sources: pipelines, assets, gates and what `ops` unites are made from it.
SOURCE_NAMES = ("meta_ads", "hubspot", "shopify", "respond_io", "stripe", "files")
