"""`make sample`: its files, what it says, and that `make dbt` keeps to the sample."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from dagster_project import copies, dbt_command, sample_command
from dagster_project.sampling import Size, Sizes


@pytest.fixture(autouse=True)
def built(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """What dbt is told, instead of dbt; a sample is one table with the number of people."""
    before = dict(os.environ)
    told: list[tuple[str, ...]] = []

    def run(arguments: Sequence[str], target: Path) -> int:
        told.append(tuple(arguments))
        return 0

    def fill(connection: duckdb.DuckDBPyConnection, people: int, staging: Path) -> Sizes:
        connection.execute(
            "create schema ops; create table ops.refresh_settings as from warehouse.ops.refresh_settings"
        )
        connection.execute("create table asked as select ?::int as people", [people])
        return Sizes(Size(people, 2217), Size(3, 107), Size(4000, 77931))

    monkeypatch.setattr(dbt_command, "_run", run)
    monkeypatch.setattr(sample_command, "fill", fill)
    yield told
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def warehouse(data_dir: Path) -> Path:
    path = data_dir / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create schema ops; create table ops.refresh_settings as select timestamp '2026-10-31 06:00:00' as as_of, "
            "'EUR' as reporting_currency, 0.2::double as subscription_cost_rate"
        )
    return path


def test_the_sample_takes_the_place_of_the_copy_and_is_built(
    data_dir: Path, warehouse: Path, built: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample_command.main(["1000"]) == 0

    assert built == [("--quiet", "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")]
    with duckdb.connect(str(data_dir / "dev/warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("from asked").fetchall() == [(1000,)]
    said = capsys.readouterr().err
    assert "A sample of 1,000 of 2,217 people and 3 of 107 accounts, with 4,000 of 77,931 raw rows." in said
    assert "`make sample PEOPLE=all` goes back to the whole warehouse." in said.splitlines()[-1]
    assert not (data_dir / "dev/sampling").exists()


def test_dbt_keeps_to_the_sample_until_all_is_asked_for(
    data_dir: Path, warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample_command.main(["50"])
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table news as select 1 as id")
    capsys.readouterr()
    release()

    dbt_command.main(["build"])

    said = capsys.readouterr().err
    assert "on a sample of 50 people" in said
    assert f"{warehouse} has changed since: `make sample PEOPLE=50` makes the sample anew." in said
    release()

    assert sample_command.main(["all"]) == 0
    dbt_command.main(["build"])

    assert copies.people_of(data_dir / "dev") is None
    with duckdb.connect(str(data_dir / "dev/warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("from news").fetchall() == [(1,)]


@pytest.mark.parametrize("written", [[], ["0"], ["-5"], ["1.5"], ["many"], ["5", "6"], ["²"]])
def test_what_is_no_number_of_people_is_refused_in_one_sentence(
    warehouse: Path, capsys: pytest.CaptureFixture[str], written: list[str]
) -> None:
    assert sample_command.main(written) == 1

    said = capsys.readouterr().err
    assert said == (
        f"No sample: PEOPLE={' '.join(written)}: write how many people, 1 or more, such as make sample PEOPLE=1000, "
        "or all.\n"
    )


def test_before_the_first_refresh_one_line_says_so(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample_command.main(["10"]) == 1

    assert capsys.readouterr().err == (
        f"No sample: nothing was refreshed in {data_dir} yet: run `make refresh` first.\n"
    )


def test_without_models_one_line_says_so(
    data_dir: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(connection: duckdb.DuckDBPyConnection, people: int, staging: Path) -> Sizes:
        connection.execute("from warehouse.core.bridge_person_records")
        raise AssertionError

    monkeypatch.setattr(sample_command, "fill", fails)

    assert sample_command.main(["10"]) == 1
    assert "no refresh has built every model" in capsys.readouterr().err
    assert not (data_dir / "dev/warehouse.duckdb").exists()


def release() -> None:
    """Free the copy, as the end of the command would."""
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}").endswith("dev/lock"):
                os.close(int(number))
        except OSError:
            continue
