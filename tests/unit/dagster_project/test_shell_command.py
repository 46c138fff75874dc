"""`make shell`: read-only on a copy of the last build, which may stay open whatever else happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project import shell_command
from ingestion.obstacles import refuse_unusable_file


class Told(Exception):
    """Raised where the shell would take the place of this process."""


@pytest.fixture(autouse=True)
def shell_does_not_start(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)

    def start(path: Path, arguments: list[str]) -> None:
        raise Told(arguments)

    monkeypatch.setattr(os, "execv", start)
    yield
    os.environ.clear()
    os.environ.update(before)


def build(data_dir: Path, number: int) -> Path:
    path = data_dir / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create or replace table builds as select {number} as number")
    return path


def shell(*arguments: str) -> list[str]:
    with pytest.raises(Told) as told:
        shell_command.main(arguments)
    return told.value.args[0]


def test_the_shell_opens_a_copy_of_the_last_build_read_only(data_dir: Path) -> None:
    build(data_dir, 1)

    assert shell("-c", "from builds") == [
        "duckdb",
        "-readonly",
        str(data_dir / "shell/warehouse.duckdb"),
        "-c",
        "from builds",
    ]


def test_a_shell_that_stays_open_is_in_nobodys_way(data_dir: Path) -> None:
    warehouse = build(data_dir, 1)
    with duckdb.connect(shell()[2], read_only=True) as held:
        refuse_unusable_file(warehouse)  # a refresh may write
        build(data_dir, 2)
        copy = shell()[2]  # and a later shell sees what it wrote, beside the one that is open

        assert held.execute("from builds").fetchall() == [(1,)]
        with duckdb.connect() as later:  # not in the same process under the same name: DuckDB would share the database
            os.link(copy, data_dir / "seen.duckdb")
            later.execute(f"attach '{data_dir / 'seen.duckdb'}' as seen (read_only)")
            assert later.execute("from seen.builds").fetchall() == [(2,)]


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_copy_that_was_cut_short_is_made_again(data_dir: Path, share: float) -> None:
    build(data_dir, 1)
    copy = Path(shell()[2])
    os.truncate(copy, int(copy.stat().st_size * share))

    with duckdb.connect(shell()[2], read_only=True) as again:
        assert again.execute("from builds").fetchall() == [(1,)]


def test_before_the_first_refresh_there_is_nothing_to_see(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell_command.main([]) == 1
    assert "No shell: nothing was refreshed" in capsys.readouterr().err
