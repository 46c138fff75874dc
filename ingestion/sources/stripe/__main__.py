"""`python -m ingestion.sources.stripe`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("stripe"))
