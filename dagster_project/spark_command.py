"""`make spark-up`, `make spark-down`: a cluster on this machine, on which the models run with LIFECYCLE_ENGINE=spark.

It is the one of this data folder. What it writes lies in `data/spark/`: tables, logs, and what is under way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cluster import processes
from cluster.configuration import Cluster
from cluster.thrift import ClusterError
from dagster_project import environment
from dagster_project.copies import say
from dagster_project.environment import SparkSettings
from dagster_project.steps import engine
from ingestion.config import SettingsError


def main(arguments: Sequence[str]) -> int:
    """Command line; 0 when the cluster answers, or when nothing of it runs any more."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.spark_command", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    options = parser.parse_args(arguments)
    try:
        environment.prepare()
        cluster = wanted()
        if options.what == "down":
            processes.down(cluster.folder, say)
            return 0
        say("Starting Spark …")
        processes.up(cluster, say)
    except (SettingsError, ClusterError) as error:
        say(f"{'No Spark' if options.what == 'up' else 'Not stopped'}: {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted: what was just started is stopped again.")
        return 130
    builds = engine() == "spark"
    say(
        f"{'`make refresh`' if builds else '`make refresh` with LIFECYCLE_ENGINE=spark'} builds the models on it. "
        "`make spark-down` stops it; tables and logs stay."
    )
    return 0


def wanted() -> Cluster:
    """The cluster of this machine, by the settings.

    Raises:
        SettingsError: a setting cannot work, or names a Thrift server that is not this project's to start and stop.
    """
    settings = SparkSettings.read()
    if settings.thrift_host:
        raise SettingsError(
            f"SPARK_THRIFT_HOST={settings.thrift_host} is a Spark of your own, which is not for this command to "
            "start or stop. Leave the variable empty for a cluster on this machine."
        )
    return Cluster(
        folder=environment.spark_dir(),
        thrift_port=settings.thrift_port,
        master_port=settings.master_port,
        master_url=settings.master_url,
        workers=settings.workers,
        worker_cores=settings.worker_cores,
        worker_memory=settings.worker_memory,
        driver_memory=settings.driver_memory,
        shuffle_partitions=settings.shuffle_partitions,
        event_log=settings.event_log,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
