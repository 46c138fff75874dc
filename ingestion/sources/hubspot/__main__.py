"""`python -m ingestion.sources.hubspot`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("hubspot"))
