"""The outbox beside a version: there before the link moves, gone with its version, and without who was erased."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from activation import outbox as reading
from serving import outbox
from serving import publish as publishing
from serving.erasure import clean_versions, rows_in_versions
from serving.publish import Source, clean_up, publish
from serving.rollback import rollback
from serving.versions import current_version, link_path, name_of, versions

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
RELATION = "activation.fct_outbox_events"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("create schema activation")
        connection.execute("create table marts.value as select 'p1' as person_id, 7 as orders")
        connection.execute(
            f"create table {RELATION} as select 'e' || range as event_id, 'p' || range as person_id from range(3)"
        )
        connection.execute(f"insert into {RELATION} values ('guest', null)")
    return path


@pytest.fixture
def serving_dir(tmp_path: Path) -> Path:
    return tmp_path / "serving"


def publish_once(warehouse: Path, serving_dir: Path, keep: int = 5) -> Path:
    sources = [Source("files", AS_OF, AS_OF)]
    found = publish(
        warehouse,
        serving_dir,
        marts=["value"],
        as_of=AS_OF,
        sources=sources,
        keep=keep,
        readers="everyone",
        outbox_relation=RELATION,
    )
    return found.path


def told(version: Path) -> list[str]:
    with duckdb.connect(str(outbox.outbox_of(version)), read_only=True) as connection:
        return [name for (name,) in connection.execute("select event_id from outbox.events order by 1").fetchall()]


def test_it_is_its_owners_alone_whoever_reads_the_version(warehouse: Path, serving_dir: Path) -> None:
    version = publish_once(warehouse, serving_dir)

    path = outbox.outbox_of(version)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o400, 0o700)
    assert version.stat().st_mode & 0o777 == 0o444
    assert told(version) == ["e0", "e1", "e2", "guest"]
    assert reading.outbox_path(link_path(serving_dir)) == path


def test_it_goes_with_its_version_and_comes_back_with_it(warehouse: Path, serving_dir: Path) -> None:
    first, second, third = (publish_once(warehouse, serving_dir, keep=2) for _ in range(3))
    assert [path.exists() for path in map(outbox.outbox_of, (first, second, third))] == [False, True, True]

    rollback(serving_dir)
    assert reading.outbox_path(link_path(serving_dir)) == outbox.outbox_of(second)

    (serving_dir / outbox.FOLDER / "lifecycle-000009.duckdb.tmp").touch()
    clean_up(serving_dir, keep=2)
    assert {path.name for path in (serving_dir / outbox.FOLDER).iterdir()} == {
        f"{name_of(second)}.duckdb",
        f"{name_of(third)}.duckdb",
    }


def test_where_the_link_does_not_move_no_outbox_stays(
    warehouse: Path, serving_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish_once(warehouse, serving_dir)
    monkeypatch.setattr(publishing, "point_link_at", lambda *_: (_ for _ in ()).throw(OSError("no space left")))

    with pytest.raises(OSError, match="no space left"):
        publish_once(warehouse, serving_dir)

    assert current_version(serving_dir) == first
    assert [path.name for path in (serving_dir / outbox.FOLDER).iterdir()] == [f"{name_of(first)}.duckdb"]


def test_of_who_is_erased_no_row_stays_in_any_outbox(warehouse: Path, serving_dir: Path) -> None:
    for _ in range(2):
        publish_once(warehouse, serving_dir)

    assert rows_in_versions(serving_dir, {"p1"})[name_of(versions(serving_dir)[0])]["outbox"] == [
        {"event_id": "e1", "person_id": "p1"}
    ]
    assert [*clean_versions(serving_dir, {"p1"}, lambda text: f"erased {text}").values()] == [2, 2]

    for version in versions(serving_dir):
        assert told(version) == ["e0", "e2", "guest"]
        assert outbox.outbox_of(version).stat().st_mode & 0o777 == 0o400
        assert b"p1" not in outbox.outbox_of(version).read_bytes()


def test_without_an_outbox_of_its_version_there_is_nothing_to_read(warehouse: Path, serving_dir: Path) -> None:
    publish(warehouse, serving_dir, marts=["value"], as_of=AS_OF, sources=[Source("files", AS_OF, AS_OF)])

    with pytest.raises(reading.NothingToReadError, match=r"has no outbox: refresh\."):
        reading.read(link_path(serving_dir))
