"""Published versions without a person, beside those who read them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from serving.erasure import clean_versions, rows_in_versions
from serving.versions import database_of, name_of

OLD, NEW = "8aefa77afc99fa9a61b735ee2b53e824", "erased-1"


def version(folder: Path) -> Path:
    path = database_of("lifecycle-000001-20260101T000000000000Z", folder)
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            f"create table marts.details as select '{OLD}' as person_id, 'Jane' as name, 7 as orders "
            "union all select 'other', 'Jane', 5"
        )
        connection.execute("create table marts.sums as select 12 as orders, 'shop' as channel")
        connection.execute("comment on table marts.details is 'It''s who. One row per person.'")
        connection.execute("comment on column marts.sums.channel is 'Where they came from.'")
    path.chmod(0o440)
    return path


def stands_for(text: str) -> str | None:
    return {OLD: NEW, "Jane": None}.get(text, text)


def test_rows_of_a_person_keep_their_figures_and_nothing_else_changes(tmp_path: Path) -> None:
    path = version(tmp_path)
    with duckdb.connect(str(path), read_only=True) as reader:
        assert clean_versions(tmp_path, {OLD}, stands_for) == {name_of(path): 1}
        assert reader.execute("select name from marts.details where person_id = ?", [OLD]).fetchall() == [("Jane",)]

    assert rows_in_versions(tmp_path, {OLD})[name_of(path)] == {"details": [], "sums": []}
    assert OLD.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o440
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("from marts.details order by orders").fetchall()
        assert rows == [("other", "Jane", 5), (NEW, None, 7)]
        assert connection.execute("from marts.sums").fetchall() == [(12, "shop")]
        said = "select comment from duckdb_tables() union all select comment from duckdb_columns()"
        comments = connection.execute(f"select comment from ({said}) where comment is not null").fetchall()
        assert comments == [("It's who. One row per person.",), ("Where they came from.",)]


def test_a_version_without_the_person_stays_the_same_file(tmp_path: Path) -> None:
    path = version(tmp_path)
    before = path.stat()

    assert clean_versions(tmp_path, {"nobody"}, stands_for) == {name_of(path): 0}

    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
