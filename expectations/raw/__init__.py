"""Gate 1, before any model: one package a source, one suite a table. `every_source` applies to each source."""
