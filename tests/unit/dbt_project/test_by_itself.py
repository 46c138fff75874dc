"""dbt that nobody told of the warehouse and of the last refresh: it is refused, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from tests.unit.dbt_project.compiling import PLACES, QUIETLY, parsed

REFUSAL = (
    "dbt by itself knows neither the warehouse nor the instant of the last refresh. Fix: run it from the folder of the"
    " project as make dbt ARGS='build -s customer_360'."
)


@pytest.fixture(scope="module")
def without_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The project as dbt parses it by itself, which works: editors and linters do."""
    with pytest.MonkeyPatch.context() as patch:
        tell_nothing(patch, tmp_path_factory.mktemp("parsed"))
        done = dbtRunner().invoke([*QUIETLY, "parse", *PLACES])
    assert isinstance(done.result, Manifest), done.exception
    return done.result


def tell_nothing(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("LIFECYCLE_WAREHOUSE_PATH", "LIFECYCLE_DATA_DIR", "LIFECYCLE_AS_OF"):
        patch.delenv(name, raising=False)
    patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
    patch.setenv("DBT_LOG_PATH", str(folder / "logs"))


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--select", "refresh_settings"],
        ["run", "--select", "refresh_settings", "--target", "dev"],
        ["show", "--select", "refresh_settings"],
    ],
    ids=" ".join,
)
def test_without_a_warehouse_nothing_runs_and_nothing_is_written(
    command: list[str],
    without_warehouse: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = tmp_path / "outside/here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    tell_nothing(monkeypatch, tmp_path)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-01-01T00:00:00Z")

    done = dbtRunner(without_warehouse).invoke(["--quiet", *command, *PLACES])

    assert not done.success
    assert REFUSAL in capfd.readouterr().out
    assert list(here.parent.rglob("*")) == [here]


def test_without_an_instant_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tell_nothing(monkeypatch, tmp_path)
    monkeypatch.setenv("LIFECYCLE_WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))

    done = dbtRunner(parsed()).invoke(["--quiet", "run", "--select", "refresh_settings", *PLACES])

    assert not done.success
    assert REFUSAL in capfd.readouterr().out
