"""The two gates: is a batch plausible (`raw/`), may BI see the marts (`marts/`).

Belongs here: one suite of Great Expectations per table, the builders they share, and the runner. Does not: keys,
relations and accepted values (dbt tests make them), and what to do about a failure (`dagster_project/` decides).
"""
