"""Extract and load: vendor systems and files into raw tables, every record loaded or rejected with its reason.

Belongs here: dlt sources, their row models and settings. Does not: Dagster, dbt, business logic.
"""
