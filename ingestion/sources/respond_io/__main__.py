"""`python -m ingestion.sources.respond_io`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("respond_io"))
