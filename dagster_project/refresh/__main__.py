"""`python -m dagster_project.refresh`: refresh once.

Exit code 0: published; 1: the published data is unchanged, and a line says why.
"""

from dagster_project.refresh.command import main

raise SystemExit(main())
