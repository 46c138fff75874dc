"""`python -m ingestion.sources.files`: load this source alone."""

from ingestion.pipelines import main

raise SystemExit(main("files"))
