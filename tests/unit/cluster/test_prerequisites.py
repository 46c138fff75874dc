"""What is said where the extra or Java is missing: which one, and what to install."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from cluster import prerequisites
from cluster.prerequisites import java, spark_home
from cluster.thrift import ClusterError, connected


def write_java(folder: Path, says: str, status: int = 0) -> Path:
    """A java that answers `-version` with this, as Java does: on stderr."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "java"
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH beside the one of /bin/sh, which has no java."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.mark.parametrize(
    "says",
    [
        'openjdk version "17.0.15" 2025-04-15',
        'openjdk version "21" 2023-09-19',
        'Picked up JAVA_TOOL_OPTIONS: -Dx\njava version "25.0.1" 2025-10-21 LTS',
    ],
)
def test_a_java_that_spark_runs_on_is_taken(path: Path, says: str) -> None:
    found = write_java(path, says)

    assert java() == found


@pytest.mark.parametrize(("says", "release"), [('java version "1.8.0_402"', 8), ('openjdk version "11.0.2"', 11)])
def test_a_java_that_is_too_old_is_named(path: Path, says: str, release: int) -> None:
    found = write_java(path, says)

    with pytest.raises(ClusterError, match=rf"17 or later, and {found} is Java {release}\. On Debian: apt-get install"):
        java()


def test_without_java_it_says_what_to_install(path: Path) -> None:
    with pytest.raises(ClusterError, match=r"no java in PATH\. On Debian: .*openjdk-17-jre-headless\. Elsewhere: "):
        java()


def test_java_home_wins_over_path(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_java(path, 'openjdk version "11.0.2"')
    found = write_java(tmp_path / "jdk" / "bin", 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))

    assert java() == found


def test_a_java_home_without_java_is_named(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_java(path, 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))

    with pytest.raises(ClusterError, match=f"JAVA_HOME points at {tmp_path}/gone/bin/java: No such file"):
        java()


@pytest.mark.parametrize("status", [0, 1])
def test_what_is_no_java_is_shown_by_its_words(path: Path, status: int) -> None:
    write_java(path, "The operation could not be completed. Unable to locate a Java Runtime.", status)

    with pytest.raises(ClusterError, match=r"but: The operation could not be completed\. Unable to locate"):
        java()


def test_a_java_that_fails_is_refused_whatever_it_says(path: Path) -> None:
    write_java(path, 'openjdk version "17.0.1"', 1)

    with pytest.raises(ClusterError, match="does not say which Java it is"):
        java()


def test_without_the_extra_it_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "dbt-spark":
            raise PackageNotFoundError(name)
        return "1.11.0"

    monkeypatch.setattr(prerequisites, "version", version)

    with pytest.raises(
        ClusterError, match=r"`spark` is not installed: pyspark, PyHive is missing\. Run `make \.venv/spark`\.$"
    ):
        spark_home()


def test_without_the_extra_nothing_is_asked_of_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhive", None)

    with pytest.raises(ClusterError, match=r"PyHive.* is not installed: run `make \.venv/spark`"), connected("x", 1):
        pass


def test_the_packages_are_those_of_the_extra() -> None:
    lock = (Path(prerequisites.__file__).parents[1] / "requirements" / "spark.txt").read_text().lower()

    assert [name for name in prerequisites.PACKAGES if f"\n{name.lower()}==" not in lock] == []
