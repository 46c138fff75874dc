"""What clients see through the links while versions come and go, and how an older installation gets there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from activation import outbox as reading
from serving import outbox
from serving import versions as layout
from serving.erasure import clean_versions
from serving.publish import Publication, Source, current_publication, latest_readable, publish
from serving.rollback import rollback
from serving.versions import current_version, link_path, name_of, versions

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
NUMBER = "select number from marts.value"
CATALOG = "select current_catalog(), number from lifecycle.marts.value"


@pytest.fixture
def serving_dir(tmp_path: Path) -> Path:
    return tmp_path / "it's data" / "serving"


def publish_number(serving_dir: Path, number: int, keep: int = 5) -> Publication:
    """A version that holds a number, with an outbox of the same."""
    serving_dir.mkdir(parents=True, exist_ok=True)
    warehouse = serving_dir.parent / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("marts", "activation"):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create or replace table marts.value as select {number} as number, 'me' as person_id")
        connection.execute("create or replace table activation.told as select number, person_id from marts.value")
    return publish(
        warehouse,
        serving_dir,
        marts=["value"],
        as_of=AS_OF,
        sources=[Source("files", AS_OF, AS_OF)],
        keep=keep,
        outbox_relation="activation.told",
    )


def number_in(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute(NUMBER).fetchall()[0][0])


# ---- what clients see


def test_python_calls_every_version_by_the_same_name_and_who_reads_one_keeps_it(serving_dir: Path) -> None:
    publish_number(serving_dir, 1, keep=1)
    link = str(link_path(serving_dir))
    with duckdb.connect(link, read_only=True) as first, duckdb.connect() as attached:
        attached.execute(f"attach '{link.replace(chr(39), chr(39) * 2)}' (read_only)")
        publish_number(serving_dir, 2, keep=1)

        with duckdb.connect(link, read_only=True) as second:  # in this process, beside one that is open
            assert second.execute(CATALOG).fetchall() == [("lifecycle", 2)]
        assert first.execute(CATALOG).fetchall() == [("lifecycle", 1)]
        assert attached.execute("select number from lifecycle.marts.value").fetchall() == [(1,)]


def test_sqlalchemy_finds_its_datasets_again_in_the_next_version(serving_dir: Path) -> None:
    """By the address that Superset is given, and without a pool, as Superset connects."""
    publish_number(serving_dir, 1)
    address = sqlalchemy.URL.create("duckdb", database=str(link_path(serving_dir)), query={"access_mode": "read_only"})
    engine = sqlalchemy.create_engine(address, poolclass=NullPool)
    with engine.connect() as held:
        before = sqlalchemy.inspect(engine).get_schema_names()
        assert held.execute(sqlalchemy.text(CATALOG)).all() == [("lifecycle", 1)]
        publish_number(serving_dir, 2)

        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.text(CATALOG)).all() == [("lifecycle", 2)]
        assert held.execute(sqlalchemy.text(CATALOG)).all() == [("lifecycle", 1)]
    assert sqlalchemy.inspect(engine).get_schema_names() == before
    assert "lifecycle.marts" in [name.replace('"', "") for name in before]
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError, match="read-only"):
        connection.execute(sqlalchemy.text("create table marts.mine as select 1"))


def test_the_shell_calls_every_version_by_the_same_name(serving_dir: Path) -> None:
    shell = Path(sys.executable).with_name("duckdb")
    for number in (1, 2):
        publish_number(serving_dir, number)
        done = subprocess.run(
            [shell, "-readonly", "-csv", "-noheader", link_path(serving_dir), CATALOG],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"lifecycle,{number}\n"


# ---- an installation of before there were folders


@pytest.fixture
def older(serving_dir: Path) -> list[str]:
    """Three versions as files, the last of them linked; the first bears the clock alone in its name."""
    published = [publish_number(serving_dir, number).path for number in range(3)]
    names = ["lifecycle-20990101T000000000000Z", *map(name_of, published[1:])]
    for path, name in zip(published, names, strict=True):
        outbox.outbox_of(path).rename(serving_dir / outbox.FOLDER / f"{name}.duckdb")
        path.rename(serving_dir / layout.FOLDER / f"{name}.duckdb")
        shutil.rmtree(path.parent)
    (serving_dir / layout.CURRENT).unlink()
    link_path(serving_dir).unlink()
    link_path(serving_dir).symlink_to(f"versions/{names[-1]}.duckdb")
    return names


@pytest.fixture
def reader(serving_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Who reads the link before and after each change of a name in its folder."""
    seen: list[int] = []

    def read_around(change):
        def changed(*arguments, **named):
            seen.append(number_in(link_path(serving_dir)))
            result = change(*arguments, **named)
            seen.append(number_in(link_path(serving_dir)))
            return result

        return changed

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "unlink", "mkdir", "symlink"):
            patch.setattr(os, name, read_around(getattr(os, name)))
        yield seen


def test_versions_that_are_files_are_read_as_they_are(serving_dir: Path, older: list[str]) -> None:
    assert [name_of(path) for path in versions(serving_dir)] == older
    assert name_of(current_version(serving_dir)) == older[-1]
    assert latest_readable(serving_dir) == current_publication(serving_dir)
    assert reading.outbox_path(link_path(serving_dir)) == outbox.outbox_of(current_version(serving_dir))
    assert all(outbox.outbox_of(path).exists() for path in versions(serving_dir))
    assert not list(serving_dir.glob("versions/*/")), "nothing was moved"


def test_the_next_publication_moves_them_and_no_reader_finds_nothing(
    serving_dir: Path, older: list[str], reader: list[int]
) -> None:
    published = publish_number(serving_dir, 3)

    assert sorted(reader) == reader and {*reader} == {2, 3} and len(reader) > 20
    assert [name_of(path) for path in versions(serving_dir)] == [*older, published.version]
    assert [number_in(path) for path in versions(serving_dir)] == [0, 1, 2, 3]
    assert os.readlink(link_path(serving_dir)) == "current/lifecycle.duckdb"
    assert not list(serving_dir.glob("versions/*.duckdb"))
    assert all(outbox.outbox_of(path).exists() for path in versions(serving_dir))
    assert [(path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) for path in versions(serving_dir)] == [
        (0o440, 0o750)
    ] * 4
    for number in (2, 1, 0):
        rollback(serving_dir)
        assert number_in(link_path(serving_dir)) == number


def test_a_rollback_moves_them_and_no_reader_finds_nothing(
    serving_dir: Path, older: list[str], reader: list[int]
) -> None:
    left, now = rollback(serving_dir)

    assert [name_of(left), name_of(now)] == [older[2], older[1]]
    assert sorted(reader, reverse=True) == reader and {*reader} == {2, 1}
    assert [number_in(path) for path in versions(serving_dir)] == [0, 1, 2]
    assert not list(serving_dir.glob("versions/*.duckdb"))
    assert reading.outbox_path(link_path(serving_dir)) == outbox.outbox_of(now)


def test_an_erasure_leaves_nobody_in_a_file_of_before(serving_dir: Path, older: list[str]) -> None:
    assert clean_versions(serving_dir, {"me"}, lambda text: "erased") == dict.fromkeys(older, 2)

    for path in versions(serving_dir):
        with duckdb.connect(str(path), read_only=True) as connection:
            assert connection.execute("select person_id from marts.value").fetchall() == [("erased",)]
    assert not list(serving_dir.glob("versions/*.duckdb"))
    assert name_of(current_version(serving_dir)) == older[-1]


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_crash_while_they_are_moved_loses_nothing(
    serving_dir: Path, older: list[str], monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """At any change of a name; the next publication brings it to its end."""
    replace, done = os.replace, []

    def crash(source: Path, target: Path) -> None:
        done.append(target)
        if len(done) == steps:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        if steps <= 5:
            with pytest.raises(KeyboardInterrupt):
                layout.move_into_folders(serving_dir)
        else:
            layout.move_into_folders(serving_dir)
    assert number_in(link_path(serving_dir)) == 2
    assert [number_in(path) for path in versions(serving_dir)] == [0, 1, 2]

    publish_number(serving_dir, 3)
    assert [number_in(path) for path in versions(serving_dir)] == [0, 1, 2, 3]
    assert not list(serving_dir.glob("versions/*.duckdb")) and not list(serving_dir.rglob("*.tmp*"))


def test_where_the_linked_file_is_gone_its_number_is_not_given_again(serving_dir: Path, older: list[str]) -> None:
    (serving_dir / layout.FOLDER / f"{older[-1]}.duckdb").unlink()

    assert layout.number_of(publish_number(serving_dir, 3).path) == 4
    assert [number_in(path) for path in versions(serving_dir)] == [0, 1, 3]
