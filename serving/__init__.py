"""What BI tools open: versioned, read-only files behind one link, and the way back to an earlier one.

Belongs here: publishing, rolling back, cleaning up, comparing two publications, exporting one. Does not:
transformation, checks of the data (`expectations/`, `dbt_project/`), the decision to publish (`dagster_project/`).
"""
