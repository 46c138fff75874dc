"""A cluster on this machine, written down: what each of its processes is started with.

Belongs here: settings of Spark, command lines, variables; each with its reason. Does not: starting anything
(`processes`), how a person sets the few values that differ (`dagster_project/environment.py`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cluster.thrift import LOOPBACK

ADDRESS = "127.0.0.1"
MASTER, THRIFT = "master", "thrift"
# Marks executors, which their worker starts: so they are found after it is gone.
MARK = "-Dlifecycle.cluster="
PROPERTIES = "--properties-file"
# Heap of a master and of a worker itself, which only start and watch others.
DAEMON_MEMORY = "512m"
# Each statement brings new classes with it. Java has room for them, and need not collect memory because of them.
CLASSES_COME_AND_GO = "-XX:+UseParallelGC -XX:MetaspaceSize=512m"
# With hundreds of small models, Java compiled longer than it computed. The Thrift server only plans, and no two plans
# are alike: it compiles with few optimizations. Java then leaves a fifth of the usual room for compiled code, which
# Spark overfills: a seventh of the server's processor time went into throwing code away.
PLANNING = f"{CLASSES_COME_AND_GO} -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m"
# Executors go through rows: only what has run ten times more often than Java asks for is compiled.
COMPUTING = f"{CLASSES_COME_AND_GO} -XX:CompileThresholdScaling=10"
# What a process takes over from this one. Spark reads dozens of variables, of which a machine may have any.
KEPT_VARIABLES = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "JAVA_HOME")


@dataclass(frozen=True)
class Cluster:
    """A cluster as it is wanted.

    Attributes:
        folder: of everything that it writes.
        thrift_port: where statements are taken.
        master_port: where workers and the Thrift server find the master.
        master_url: of a master that somebody else runs, like spark://host:7077; empty: an own one, with own workers.
        workers: number of them.
        worker_cores: tasks that a worker computes at once.
        worker_memory: heap of a worker's executor, in bytes.
        driver_memory: heap of the Thrift server, in bytes.
        shuffle_partitions: parts that rows are divided into to join or group them, before small ones are put together.
        event_log: whether Spark writes down each task in `events/`, for whoever looks for what is slow.
    """

    folder: Path
    thrift_port: int
    master_port: int
    master_url: str
    workers: int
    worker_cores: int
    worker_memory: int
    driver_memory: int
    shuffle_partitions: int
    event_log: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of its processes, in the order in which they start."""
        own = () if self.master_url else (MASTER, *(f"worker-{number}" for number in range(1, self.workers + 1)))
        return (*own, THRIFT)

    @property
    def url(self) -> str:
        """Of the master."""
        return self.master_url or f"spark://{ADDRESS}:{self.master_port}"


def properties_path(folder: Path, name: str) -> Path:
    """The file of a process's settings. Its path on a command line says whose process that is."""
    return folder / "conf" / f"{name}.properties"


def log_path(folder: Path, name: str) -> Path:
    """What a process says."""
    return folder / "logs" / f"{name}.log"


def events_path(folder: Path) -> Path:
    """Where Spark writes down each task, if it is told to."""
    return folder / "events"


def command(cluster: Cluster, name: str, home: Path) -> list[str]:
    """The command line of a process. `exec` leads from Spark's scripts to Java: the process stays the same."""
    settings = [PROPERTIES, str(properties_path(cluster.folder, name))]
    if name == MASTER:
        # A web UI cannot be turned off. It is given a port that nobody knows, and lets nobody in (`properties`).
        listening = ["--host", ADDRESS, "--port", str(cluster.master_port), "--webui-port", "0"]
        return [str(home / "bin" / "spark-class"), "org.apache.spark.deploy.master.Master", *settings, *listening]
    if name == THRIFT:
        server = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
        hive = {
            "hive.server2.thrift.bind.host": ADDRESS,
            "hive.server2.thrift.port": str(cluster.thrift_port),
            # Under a user of its own each session would keep file systems open for good.
            "hive.server2.enable.doAs": "false",
        }
        stated = [part for key, value in hive.items() for part in ("--hiveconf", f"{key}={value}")]
        return [str(home / "bin" / "spark-submit"), *settings, "--class", server, "spark-internal", *stated]
    resources = ["--cores", str(cluster.worker_cores), "--memory", _megabytes(cluster.worker_memory)]
    place = ["--host", ADDRESS, "--webui-port", "0", "--work-dir", str(cluster.folder / "work" / name)]
    worker = "org.apache.spark.deploy.worker.Worker"
    return [str(home / "bin" / "spark-class"), worker, *settings, *place, *resources, cluster.url]


def variables(cluster: Cluster, name: str, home: Path) -> dict[str, str]:
    """The whole environment of a process, one of `Cluster.names`."""
    address = _own_address(cluster)
    return {
        **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(cluster.folder / "conf"),
        "SPARK_LOCAL_DIRS": str(cluster.folder / "local"),
        # Web UIs and executors bind to these, and nobody has to be asked what this machine is called.
        "SPARK_LOCAL_IP": address,
        "SPARK_LOCAL_HOSTNAME": address,
        # The heap of a Thrift server as well: of this one driver, Spark's launcher passes `spark.driver.memory` by.
        "SPARK_DAEMON_MEMORY": _megabytes(cluster.driver_memory) if name == THRIFT else DAEMON_MEMORY,
        "SPARK_DAEMON_JAVA_OPTS": _java_options(cluster.folder),
    }


def properties(cluster: Cluster, name: str, secret: str) -> dict[str, str]:
    """Settings of Spark for a process.

    Args:
        cluster: whose process it is.
        name: one of `Cluster.names`.
        secret: by which the processes of the own cluster know each other. Without it, any user of this machine could
            have the workers run a program.
    """
    closed = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secret,
        # Web UIs show what executors print. They ask for a token that is signed with the secret: nobody has one.
        "spark.ui.filters": "org.apache.spark.ui.JWSFilter",
        "spark.org.apache.spark.ui.JWSFilter.param.secretKey": secret,
    }
    if name == MASTER:
        return {
            **closed,
            "spark.master.rest.enabled": "false",  # a second way in, which no one uses
            "spark.port.maxRetries": "0",  # where the port is taken, the next one would be of no use
            "spark.deploy.maxExecutorRetries": "-1",  # workers come and go: the Thrift server waits for the next one
        }
    if name != THRIFT:
        return closed
    folder, address, options = cluster.folder, _own_address(cluster), _java_options(cluster.folder)
    return {
        **({} if cluster.master_url else closed),
        "spark.master": cluster.url,
        "spark.app.name": "customer lifecycle warehouse",
        # ---- resources
        "spark.driver.memory": _megabytes(cluster.driver_memory),
        "spark.executor.memory": _megabytes(cluster.worker_memory),
        "spark.executor.cores": str(cluster.worker_cores),
        "spark.driver.extraJavaOptions": f"{options} {PLANNING}",
        "spark.executor.extraJavaOptions": f'{options} {COMPUTING} "{MARK}{folder}"',
        # ---- where it listens
        "spark.driver.host": address,
        "spark.driver.bindAddress": address,
        "spark.ui.enabled": "false",
        # ---- one day is one day, on whichever engine
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",  # DuckDB's timestamp has no zone either
        "spark.sql.ansi.enabled": "true",  # what cannot be cast or overflows is an error, not null
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # by default a form that only Spark reads well
        # Recursive models end by themselves: rows and steps are what the data needs.
        "spark.sql.cteRecursionLevelLimit": "10000",
        "spark.sql.cteRecursionRowLimit": "-1",
        # ---- plans
        "spark.sql.adaptive.enabled": "true",  # puts small parts of a shuffle together, as it sees them
        "spark.sql.shuffle.partitions": str(cluster.shuffle_partitions),
        # Small models are not kept waiting by a large one.
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": str(folder / "conf" / "pools.xml"),
        # ---- places
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:{folder / 'metastore' / 'db'};create=true",
        "spark.hadoop.hive.exec.scratchdir": str(folder / "local" / "hive"),
        # ---- what is remembered: hardly anything, as no web UI shows it; the plan of a model as text takes megabytes
        "spark.sql.maxPlanStringLength": "1000",
        "spark.ui.retainedJobs": "50",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "5000",
        "spark.sql.ui.retainedExecutions": "50",
        # One file of lines of JSON for each Thrift server.
        "spark.eventLog.enabled": str(cluster.event_log).lower(),
        "spark.eventLog.dir": str(events_path(folder)),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
    }


# Spark's own pool takes one job after another, also where pools are fair among each other.
POOLS = """<?xml version="1.0"?>
<allocations>
<pool name="default"><schedulingMode>FAIR</schedulingMode><weight>1</weight><minShare>0</minShare></pool>
</allocations>
"""
# Spark prints pages of what went well, and some classes complain at each statement of what is no matter. What its
# processes say of each other is few lines, and tells who is gone.
LOGGING = """rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.deploy.name = org.apache.spark.deploy
logger.deploy.level = info
logger.cancelled.name = org.apache.spark.scheduler.DAGScheduler
logger.cancelled.level = error
logger.unknown.name = org.apache.hadoop.hive.conf.HiveConf
logger.unknown.level = error
logger.shortened.name = org.apache.spark.sql.catalyst.util.StringUtils
logger.shortened.level = error
logger.existing.name = org.apache.hadoop.hive.metastore.RetryingHMSHandler
logger.existing.level = fatal
"""


def properties_text(settings: Mapping[str, str]) -> str:
    """Settings as a file of Java properties."""
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in settings.items())


def _java_options(folder: Path) -> str:
    """For every Java: times in UTC, and what libraries write on the way in a folder that `down` empties."""
    return (
        f'-Duser.timezone=UTC "-Djava.io.tmpdir={folder / "local" / "tmp"}" '
        f'"-Dderby.stream.error.file={folder / "logs" / "derby.log"}"'
    )


def _own_address(cluster: Cluster) -> str:
    """Where others reach the driver: loopback, unless the workers are on other machines."""
    host = urlsplit(cluster.master_url).hostname or ADDRESS
    if host in LOOPBACK:
        return ADDRESS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 1))  # nothing is sent: the system only says which address it would send from
        return str(probe.getsockname()[0])


def _megabytes(size: int) -> str:
    return f"{size // 2**20}m"
