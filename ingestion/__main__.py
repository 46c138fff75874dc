"""`python -m ingestion <source>`: load one source alone, and print what was counted."""

import argparse

from ingestion.pipelines import main
from ingestion.sources import SOURCE_NAMES

parser = argparse.ArgumentParser(prog="python -m ingestion", description=__doc__)
parser.add_argument("source", choices=SOURCE_NAMES)
raise SystemExit(main(parser.parse_args().source))
