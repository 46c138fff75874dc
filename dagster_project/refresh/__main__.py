"""`python -m dagster_project.refresh`: refresh once.

Exit code 0: published from all sources; 2: published, but without news of at least one of them, and a line says which;
1: the published data is unchanged, and a line says why.
"""

from dagster_project.refresh.command import main

raise SystemExit(main())
