"""When, in what order, and what stops the line.

Belongs here: assets, checks, jobs, schedules and sensors, the resources they share, the environment of every command,
and the summary that each run leaves. Does not: logic that could run without Dagster (`ingestion/`, `expectations/`,
`serving/`, `dbt_project/`), the process around a run that a person started (`dagster_project/refresh/`).
"""
