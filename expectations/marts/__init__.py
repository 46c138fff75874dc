"""Gate 2, before publication: one suite per mart, comparing it with the previous publication and with the core it was
built from."""
