"""Gate 2, before publication: one suite a mart, against the previous publication and the core it was built from."""
