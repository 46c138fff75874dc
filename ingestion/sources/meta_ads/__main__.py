"""`python -m ingestion.sources.meta_ads`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("meta_ads"))
