"""`make bench`: runs every benchmark and prints its table in Markdown, as docs/benchmarks.md holds it."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks import lifecycle, postgres, predictions, publication, receiver


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000, help="people, and customers, of the benchmarks")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lifecycle-bench-") as folder:
        print(lifecycle.report(Path(folder), arguments.people), flush=True)
        print("\n" + predictions.report(Path(folder), arguments.people), flush=True)
        print("\n" + publication.report(Path(folder), arguments.people), flush=True)
        print("\n" + receiver.report(Path(folder)), flush=True)
        print("\n" + postgres.report(Path(folder), arguments.people), flush=True)


if __name__ == "__main__":
    main()
