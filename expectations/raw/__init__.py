"""Gate 1, before any model: one package per source, one suite per table. `every_source` applies to each source."""
