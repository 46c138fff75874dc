"""What Superset shows: charts and dashboards as YAML, and how Superset is started with them.

Belongs here: `charts/`, `dashboards/` and `datasets/` (YAML), the bundle that Superset imports (`assets`), what runs in
Superset's own Python (`server/`). Does not: how a figure is computed (the marts), secrets, paths and settings
(`dagster_project.superset_command`).
"""
