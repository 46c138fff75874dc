"""What a cluster on this machine needs: the packages of the extra `spark`, and Java.

Belongs here: whether they are there, and what to install where they are not. Does not: what is started with them
(`processes`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from cluster.thrift import ClusterError

PACKAGES = ("pyspark", "dbt-spark", "PyHive")
OLDEST_JAVA = 17  # Spark 4 runs on 17, 21 and 25
SECONDS_TO_ANSWER = 60
INSTALL = "On Debian: apt-get install openjdk-17-jre-headless. Elsewhere: any JDK 17, and JAVA_HOME set to its folder"


def spark_home() -> Path:
    """Folder of Spark's scripts and jars, which are in the package pyspark.

    Raises:
        ClusterError: a package of the extra is missing.
    """
    missing = [name for name in PACKAGES if not _is_installed(name)]
    if missing:
        raise ClusterError(
            f"the extra `spark` is not installed: {', '.join(missing)} is missing. Run `make .venv/spark`."
        )
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise ClusterError("the package pyspark has no files: delete .venv/spark and run `make .venv/spark`.")
    return Path(found.origin).parent


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def java() -> Path:
    """The java that Spark's scripts take: of JAVA_HOME, or else the first of PATH.

    Raises:
        ClusterError: there is none, or it is too old for Spark.
    """
    home = os.environ.get("JAVA_HOME", "")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if found is None:
        raise ClusterError(f"Spark runs on Java {OLDEST_JAVA}, and there is no java in PATH. {INSTALL}.")
    try:
        done = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=SECONDS_TO_ANSWER)
    except OSError as error:
        where = "JAVA_HOME points at" if home else "PATH has"
        raise ClusterError(f"Spark runs on Java {OLDEST_JAVA}; {where} {found}: {error.strerror}. {INSTALL}.") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{found} -version does not answer within {SECONDS_TO_ANSWER} seconds. {INSTALL}.") from None
    said = done.stderr + done.stdout
    release = _release(said)
    if done.returncode or release is None:
        first = said.strip().partition("\n")[0] or "nothing"
        raise ClusterError(f"{found} -version does not say which Java it is, but: {first}. {INSTALL}.")
    if release < OLDEST_JAVA:
        raise ClusterError(f"Spark runs on Java {OLDEST_JAVA} or later, and {found} is Java {release}. {INSTALL}.")
    return Path(found)


def _release(said: str) -> int | None:
    """17 of `openjdk version "17.0.15"`, 8 of `java version "1.8.0_402"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None
