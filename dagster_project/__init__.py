"""When, in what order, and what stops the line.

Belongs here: assets, checks, jobs and schedules, the resources they share, and the front of `make refresh`. Does not:
logic that could run without Dagster (`ingestion/`, `expectations/`, `serving/`, `dbt_project/`).
"""
