"""`python -m dagster_project.refresh`: refresh once.

Exit code 0: published from all sources; 2: published, but without news of at least one of them, and a line says which;
1: the published data is unchanged, and a line says why.
"""

import signal
import sys

from ingestion.lifeline import end

try:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from dagster_project.refresh.command import main

    code = main()
except KeyboardInterrupt:  # before Dagster's command was started or after it ended: nothing is under way
    print("Interrupted: nothing is running any more.", file=sys.stderr)
    code = 1
end(code)
