"""From arrays and data frames to scores: purchases to come, value, survival, churn, and whether to trust them.

Belongs here: pure functions with the paper of each formula cited; they return the same numbers for the same arguments
(randomness takes a seed). Does not: SQL, files, clocks, settings, the decision when to run (`dagster_project/`), the
features and histories themselves (`dbt_project/`).
"""
