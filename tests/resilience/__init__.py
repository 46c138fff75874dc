"""Tests that break things for real: processes killed, vendors that fail, files that are held, poisoned input.

Belongs here: one module for each way in which a night goes wrong, over the real commands. Does not: the logic behind
them, which unit tests hold. `make test` runs a short version of each, `make resilience` the long one.
"""

import os


def times(short: int, long: int) -> int:
    """How often something is broken: `short` in `make test`, `long` in `make resilience`."""
    return long if os.environ.get("RESILIENCE") == "long" else short
