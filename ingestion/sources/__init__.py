"""One package per source system. `ingestion.pipelines` finds them by name."""

SOURCE_NAMES = ("meta_ads", "hubspot", "shopify", "respond_io", "stripe", "files")
