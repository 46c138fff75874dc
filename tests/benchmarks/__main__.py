"""`make bench`: runs every benchmark and prints its table in Markdown, as docs/benchmarks.md holds it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import lifecycle, postgres, predictions, publication, receiver, refresh, spark


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000, help="people, and customers, of single steps")
    parser.add_argument(
        "--refresh-people",
        type=int,
        nargs="+",
        default=refresh.SIZES,
        help="sizes of the companies that are refreshed as a whole",
    )
    parser.add_argument(
        "--spark-people",
        type=int,
        nargs="+",
        default=spark.SIZES,
        help="sizes of the companies that are built on DuckDB and on Spark",
    )
    parser.add_argument(
        "--spark-engines",
        type=int,
        nargs="+",
        default=spark.ENGINES,
        help="engines that build them, by how many workers of Spark each has: 0 is DuckDB",
    )
    reports: dict[str, Callable[[Path], str]] = {
        "lifecycle": lambda folder: lifecycle.report(folder, arguments.people),
        "predictions": lambda folder: predictions.report(folder, arguments.people),
        "publication": lambda folder: publication.report(folder, arguments.people),
        "receiver": receiver.report,
        "postgres": lambda folder: postgres.report(folder, arguments.people),
        "refresh": lambda folder: refresh.report(folder, arguments.refresh_people),
        "large": lambda folder: refresh.report_large(folder, arguments.people),
        "spark": lambda folder: spark.report(folder, arguments.spark_people, arguments.spark_engines),
    }
    # Spark needs its extra and Java, and a million people more than an hour: both run where they are named.
    usual = [name for name in reports if name not in ("large", "spark")]
    parser.add_argument("--only", choices=reports, nargs="+", default=usual, help="the benchmarks to run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lifecycle-bench-") as folder:
        for name in arguments.only:
            print(f"{reports[name](Path(folder))}\n", flush=True)


if __name__ == "__main__":
    main()
