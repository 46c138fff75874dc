"""`python -m ingestion.sources.shopify`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("shopify"))
