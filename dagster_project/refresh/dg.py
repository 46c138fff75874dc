"""Dagster's command `dg`, in a process that ends with the one that started it: `python -m dagster_project.refresh.dg`.

The thread that watches is there before the libraries are, which take seconds to import.
"""

from __future__ import annotations

import gc
import os
import signal

from ingestion.lifeline import end, watch_parent


def _end_all() -> None:
    """End this process and those that it started, such as dbt. The next run mends what they leave half-way."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    watch_parent(_end_all)
    # Most objects of a run, such as parsed models and definitions, live as long as it does. By default, Python looks
    # through all of them for unused ones far too often.
    gc.set_threshold(50_000, 20, 100)

    from dagster_dg_cli.cli import main

    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        end(ended.code)
    end(0)
