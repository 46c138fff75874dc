"""The process around the nightly job: `python -m dagster_project.refresh` starts Dagster's command and follows the run.

Belongs here: what a person who waits for a refresh sees, and what reaches the run when they interrupt it. Does not: any
step of the refresh, or its summary (`dagster_project/`), which a run leaves even if nobody waits.
"""
