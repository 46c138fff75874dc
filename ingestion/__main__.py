"""`python -m ingestion <source>`: load one source alone, and print what was counted.

`--replay` loads, of that source or of every enabled one, what was rejected before and fits by now; nothing is read
from a vendor.
"""

import argparse

from ingestion import config
from ingestion.pipelines import main, main_replay
from ingestion.sources import SOURCE_NAMES

parser = argparse.ArgumentParser(prog="python -m ingestion", description=__doc__)
parser.add_argument("source", choices=SOURCE_NAMES, nargs="?")
parser.add_argument("--replay", action="store_true", help="load what was rejected before and fits by now")
arguments = parser.parse_args()
if not arguments.replay and not arguments.source:
    parser.error("name a source, or give --replay")
if arguments.replay:
    raise SystemExit(main_replay([arguments.source] if arguments.source else config.enabled_sources()))
raise SystemExit(main(arguments.source))
