"""Publishing: whole versions behind one link, and the way back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from dagster_project.rollback import main
from serving import publish as publishing
from serving.access import Readers
from serving.publish import (
    Description,
    PublicationError,
    Source,
    UnreadableVersionError,
    clean_up,
    current_publication,
    damage,
    latest_readable,
    publish,
)
from serving.rollback import rollback
from serving.versions import CURRENT, current_version, link_path, name_of, number_of, versions

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
NIGHT_BEFORE = datetime(2026, 10, 30, 6, tzinfo=UTC)
HUBSPOT, FILES = Source("hubspot", AS_OF, AS_OF), Source("files", AS_OF, AS_OF)
STALE = Source("shopify", NIGHT_BEFORE, NIGHT_BEFORE, "the vendor failed, status 500")
NEW = Source("stripe", reason="access denied, status 401")
MARTS = ("customer_360", "customer_value")


def build(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists marts")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    build(
        path,
        "create schema core",
        "create table core.fct_orders as select 1 as order_id",
        "create table marts.customer_value as select range as person_id, 10.5::decimal(18, 2) as v from range(3)",
        "create view marts.customer_360 as select * from core.fct_orders",
    )
    return path


@pytest.fixture
def serving_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "it's data"))
    monkeypatch.delenv("SERVING_POSTGRES_URL", raising=False)
    return tmp_path / "it's data" / "serving"


def publish_once(warehouse: Path, serving_dir: Path, keep: int = 5) -> publishing.Publication:
    return publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=[HUBSPOT, FILES], keep=keep)


def rows(path: Path, sql: str) -> list[tuple]:
    """Asked from a process of its own, as a BI tool would."""
    code = (
        "import duckdb, json, sys; reader = duckdb.connect(sys.argv[1], read_only=True); "
        "print(json.dumps(reader.execute(sys.argv[2]).fetchall(), default=str))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), sql], capture_output=True, text=True, check=True)
    return [tuple(row) for row in json.loads(done.stdout)]


def test_publishes_the_marts_that_it_is_told_as_tables_and_nothing_else(warehouse: Path, serving_dir: Path) -> None:
    build(warehouse, "create table marts.of_a_model_that_was_deleted as select sum(range) as huge from range(3)")

    publication = publish_once(warehouse, serving_dir)

    assert publication.rows == {"customer_value": 3, "customer_360": 1}
    with duckdb.connect(str(link_path(serving_dir)), read_only=True) as connection:
        found = connection.execute(
            "select table_schema, table_name, table_type from information_schema.tables order by table_name"
        ).fetchall()
    assert found == [
        ("marts", "customer_360", "BASE TABLE"),
        ("marts", "customer_value", "BASE TABLE"),
        ("marts", "publication", "BASE TABLE"),
        ("marts", "publication_sources", "BASE TABLE"),
    ]


def test_long_texts_are_compressed_unless_many_rows_share_them_and_all_rows_are_as_they_were(
    warehouse: Path, serving_dir: Path
) -> None:
    build(
        warehouse,
        """create or replace table marts.customer_value as
        select
            'customer ' || range as customer,
            repeat('"since": ' || range, 30) as measures,
            repeat('the same rule for many', 30) as rule_text,
            case when range = 7 then repeat('a note', 100) end as note,
            range * 1.5 as amount
        from range(5000)""",
        "create or replace view marts.customer_360 as select 1 as order_id where false",  # neither rows nor texts
    )

    publish_once(warehouse, serving_dir)

    with duckdb.connect(str(link_path(serving_dir)), read_only=True) as connection:
        compressed = connection.execute(
            "select distinct column_name from pragma_storage_info('marts.customer_value') where compression = 'ZSTD'"
        ).fetchall()
        connection.execute(f"attach '{warehouse}' as build (read_only)")
        columns = "select column_name, column_type from (describe {})"
        described = [
            connection.execute(columns.format(table)).fetchall()
            for table in ("marts.customer_value", "build.marts.customer_value")
        ]
        both_ways = "(from {0} except all from {1}) union all (from {1} except all from {0})"
        differing = connection.execute(
            both_ways.format("marts.customer_value", "build.marts.customer_value")
        ).fetchall()
    assert compressed == [("measures",), ("note",)]
    assert (described[0], differing) == (described[1], [])


def test_the_file_says_what_it_is(warehouse: Path, serving_dir: Path) -> None:
    publication = publish_once(warehouse, serving_dir)

    found = current_publication(serving_dir)
    assert found == publication
    assert (found.as_of, found.sources) == (AS_OF, ("hubspot", "files"))
    assert name_of(found.path) == found.version


def test_every_table_and_column_says_what_it_is(warehouse: Path, serving_dir: Path) -> None:
    build(warehouse, "create table marts.told as select 1 as id, 2 as other")
    said = Description("It's told. One row per id.", {"id": "The id.", "other": "", "not_there": "Nothing."})
    published = publish(
        warehouse, serving_dir, marts=["told"], as_of=AS_OF, sources=[HUBSPOT], descriptions={"told": said}
    )

    columns = rows(
        published.path, "select table_name, column_name, comment from duckdb_columns() where schema_name = 'marts'"
    )
    assert rows(published.path, "select comment from duckdb_tables() where table_name = 'told'") == [(said.text,)]
    assert {column: text for table, column, text in columns if table == "told"} == {"id": "The id.", "other": None}
    assert [column for table, column, text in columns if table != "told" and not text] == []


def test_the_file_says_of_which_source_there_is_no_news_and_since_when(warehouse: Path, serving_dir: Path) -> None:
    publication = publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=[HUBSPOT, STALE, NEW])

    assert publication.states == (HUBSPOT, STALE, NEW)
    assert rows(publication.path, "select sources, stale_sources from marts.publication") == [
        ("hubspot,shopify,stripe", "shopify,stripe")
    ]
    said = "select source, is_stale, loaded_at, loaded_as_of, stale_since, reason from marts.publication_sources"
    assert rows(publication.path, f"{said} order by source") == [
        ("hubspot", False, "2026-10-31 06:00:00", "2026-10-31 06:00:00", None, None),
        ("shopify", True, *["2026-10-30 06:00:00"] * 3, "the vendor failed, status 500"),
        ("stripe", True, None, None, None, "access denied, status 401"),
    ]
    assert publishing.news_missing(publication.states) == (
        " without news of shopify since 2026-10-30 06:00 UTC (the vendor failed, status 500) "
        "and of stripe, which was never loaded (access denied, status 401)"
    )


@pytest.mark.parametrize(
    ("sources", "required", "refused"),
    [
        ([HUBSPOT, STALE], [], ""),
        ([HUBSPOT, STALE], ["hubspot"], ""),
        ([HUBSPOT, STALE], ["shopify"], "without news of shopify since 2026-10-30 06:00 UTC .*REQUIRED_SOURCES"),
        ([HUBSPOT, NEW], ["stripe", "hubspot"], "without news of stripe, which was never loaded"),
        ([STALE, NEW], [], "without news of shopify .* and of stripe.*: no source has brought any"),
    ],
)
def test_nothing_is_published_without_any_news_or_that_of_a_required_source(
    sources: list[Source], required: list[str], refused: str, warehouse: Path, serving_dir: Path
) -> None:
    before = publish_once(warehouse, serving_dir)
    if refused:
        with pytest.raises(PublicationError, match=refused):
            publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=sources, required=required)
        assert current_publication(serving_dir) == before
    else:
        publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=sources, required=required)
        assert current_publication(serving_dir) != before


def test_a_version_from_before_there_were_states_of_sources_is_read(warehouse: Path, serving_dir: Path) -> None:
    publication = publish_once(warehouse, serving_dir)
    build(
        publication.path,
        "drop table marts.publication_sources",
        "alter table marts.publication drop column stale_sources",
    )

    found = current_publication(serving_dir)
    assert found is not None and (found.sources, found.states, found.rows) == (
        publication.sources,
        (),
        publication.rows,
    )


def test_is_stored_in_a_format_that_older_clients_open(warehouse: Path, serving_dir: Path) -> None:
    publication = publish_once(warehouse, serving_dir)

    with duckdb.connect() as connection:
        connection.execute(f"attach '{str(publication.path).replace(chr(39), chr(39) * 2)}' as p (read_only)")
        tags = connection.execute("select tags from duckdb_databases() where database_name = 'p'").fetchall()[0][0]
    assert "v1.3.0" in tags["storage_version"]


def test_a_reader_of_the_old_version_keeps_seeing_it_after_the_flip(warehouse: Path, serving_dir: Path) -> None:
    publish_once(warehouse, serving_dir, keep=1)
    with duckdb.connect(str(link_path(serving_dir)), read_only=True) as reader:
        build(warehouse, "insert into marts.customer_value values (99, 1)")
        publish_once(warehouse, serving_dir, keep=1)

        assert reader.execute("select count(*) from marts.customer_value").fetchall() == [(3,)]
    assert rows(link_path(serving_dir), "select count(*) from marts.customer_value") == [(4,)]


def test_unchanged_marts_are_published_as_a_new_version(warehouse: Path, serving_dir: Path) -> None:
    first, second = publish_once(warehouse, serving_dir), publish_once(warehouse, serving_dir)

    assert first.version < second.version
    assert current_version(serving_dir) == second.path


@pytest.mark.parametrize("step", ["_write", "_write_publication", "_check", "sync_all", "sync", "point_link_at"])
def test_a_crash_at_any_step_leaves_the_old_link(
    step: str, warehouse: Path, serving_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = publish_once(warehouse, serving_dir)
    build(warehouse, "insert into marts.customer_value values (99, 1)")

    def crash(*_: object) -> None:
        raise OSError("disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, step, crash)
        with pytest.raises(OSError, match="disk is gone"):
            publish_once(warehouse, serving_dir)

    assert current_publication(serving_dir) == before
    assert publish_once(warehouse, serving_dir).rows["customer_value"] == 4
    assert not list(serving_dir.rglob("*.tmp*"))


def test_a_crash_before_the_link_is_replaced_leaves_the_old_link(
    warehouse: Path, serving_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = publish_once(warehouse, serving_dir)
    replace = os.replace

    def crash_at_the_link(source: Path, target: Path) -> None:
        if Path(target).name == CURRENT:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash_at_the_link)
        with pytest.raises(KeyboardInterrupt):
            publish_once(warehouse, serving_dir)

    assert current_publication(serving_dir) == before
    publish_once(warehouse, serving_dir)
    assert not [path for path in serving_dir.iterdir() if path.name.startswith(".")]


def test_a_copy_that_differs_is_not_linked(warehouse: Path, serving_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish_once(warehouse, serving_dir)
    write = publishing._write

    def lose_rows(source: Path, target: Path, marts: Collection[str]) -> dict[str, int]:
        counts = write(source, target, marts)
        build(target, "delete from marts.customer_value where person_id = 0")
        return counts

    monkeypatch.setattr(publishing, "_write", lose_rows)
    with pytest.raises(PublicationError, match="customer_value"):
        publish_once(warehouse, serving_dir)
    assert current_publication(serving_dir) == before


def test_refuses_hugeint_and_names_the_column(warehouse: Path, serving_dir: Path) -> None:
    build(warehouse, "create table marts.totals as select sum(range) as total from range(3)")

    with pytest.raises(PublicationError, match=r"totals\.total.*bigint or decimal"):
        publish(warehouse, serving_dir, marts=["totals"], as_of=AS_OF, sources=[])
    assert versions(serving_dir) == []


def test_refuses_a_build_file_that_lacks_a_mart(warehouse: Path, serving_dir: Path) -> None:
    for marts, missing in ((["customer_value", "not_there"], "marts.not_there"), ([], "anything to publish")):
        with pytest.raises(PublicationError, match=f"warehouse.duckdb lacks {missing}: build the models first"):
            publish(warehouse, serving_dir, marts=marts, as_of=AS_OF, sources=[])
    assert [*serving_dir.rglob("*.duckdb"), *serving_dir.rglob("*.tmp")] == []


@pytest.mark.parametrize("name", ["publication", "publication_sources"])
def test_refuses_a_mart_named_as_a_table_of_the_publication(name: str, warehouse: Path, serving_dir: Path) -> None:
    build(warehouse, f"create table marts.{name} as select 1 as a")

    with pytest.raises(PublicationError, match="another name"):
        publish(warehouse, serving_dir, marts=[name], as_of=AS_OF, sources=[])


def test_keeps_the_last_versions(warehouse: Path, serving_dir: Path) -> None:
    published = [publish_once(warehouse, serving_dir, keep=2).path for _ in range(4)]

    assert versions(serving_dir) == published[-2:]


def test_clean_up_never_deletes_the_linked_version(warehouse: Path, serving_dir: Path) -> None:
    published = [publish_once(warehouse, serving_dir).path for _ in range(4)]
    for _ in range(3):
        rollback(serving_dir)

    assert clean_up(serving_dir, keep=1) == published[1:3]
    assert versions(serving_dir) == [published[0], published[3]]
    assert current_version(serving_dir) == published[0]


def test_rolls_back_one_version_at_a_time(warehouse: Path, serving_dir: Path, capsys: pytest.CaptureFixture) -> None:
    first, second, third = (publish_once(warehouse, serving_dir) for _ in range(3))

    assert main() == 0
    assert f"from {third.version} to {second.version}" in capsys.readouterr().out
    assert main() == 0
    assert current_publication(serving_dir) == first
    assert main() == 1
    assert "oldest version kept" in capsys.readouterr().err
    assert current_publication(serving_dir) == first


def test_rolling_back_says_what_the_version_lacks(
    warehouse: Path, serving_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=[HUBSPOT, STALE])
    publish_once(warehouse, serving_dir)

    assert main() == 0
    assert " without news of shopify since 2026-10-30 06:00 UTC" in capsys.readouterr().out


def test_rolling_back_before_the_first_publication_is_a_clear_error(
    serving_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main() == 1
    assert "nothing is published" in capsys.readouterr().err


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fill_with_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("harm", [Path.unlink, cut_in_half, fill_with_zeros, empty])
def test_a_current_version_that_cannot_be_read_is_replaced_by_the_next(
    harm: Callable[[Path], None], warehouse: Path, serving_dir: Path
) -> None:
    first, second = publish_once(warehouse, serving_dir), publish_once(warehouse, serving_dir)
    harm(second.path)

    with pytest.raises(UnreadableVersionError, match=second.version):
        current_publication(serving_dir)
    assert second.version in damage(serving_dir)
    assert latest_readable(serving_dir) == first, "what was published before is there to compare with"
    third = publish_once(warehouse, serving_dir)
    assert number_of(third.path) == 3
    assert current_publication(serving_dir) == third
    assert damage(serving_dir) == ""


@pytest.mark.parametrize("harm", [Path.unlink, cut_in_half])
def test_rolling_back_passes_over_what_cannot_be_read(
    harm: Callable[[Path], None], warehouse: Path, serving_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    first, second, third, fourth = (publish_once(warehouse, serving_dir) for _ in range(4))
    harm(second.path)
    harm(fourth.path)

    assert main() == 0
    assert current_publication(serving_dir) == third
    assert main() == 0
    assert current_publication(serving_dir) == first
    assert (f"Passed over: the published version {second.path}" in capsys.readouterr().err) == second.path.exists()
    cut_in_half(first.path)
    assert main() == 1


def test_a_clock_that_is_wrong_for_a_night_undoes_no_publication(
    warehouse: Path, serving_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither are versions from the future kept for ever, nor does anyone delete its predecessor."""

    def at(year: int) -> Path:
        clock = SimpleNamespace(now=lambda zone: datetime(year, 1, 1, tzinfo=zone))
        monkeypatch.setattr(publishing, "datetime", clock)
        return publish_once(warehouse, serving_dir, keep=3).path

    before, wrong, after, later = at(2026), at(2062), at(2026), at(2027)

    assert versions(serving_dir) == [wrong, after, later]
    assert not before.exists()
    assert rollback(serving_dir) == (later, after)
    assert rollback(serving_dir) == (after, wrong)
    assert [versions(serving_dir)[-1], at(2026)] == [later, current_version(serving_dir)]
    assert number_of(versions(serving_dir)[-1]) == 5


def test_nobody_writes_what_is_published(warehouse: Path, serving_dir: Path) -> None:
    published = publish_once(warehouse, serving_dir)

    assert stat.S_IMODE(published.path.stat().st_mode) == 0o440
    before = published.path.read_bytes()
    done = opened_to_be_written_by_its_owner(link_path(serving_dir))
    assert done.returncode == 1 and "Permission denied" in done.stderr, done.stderr
    assert published.path.read_bytes() == before


def opened_to_be_written_by_its_owner(path: Path) -> subprocess.CompletedProcess[str]:
    """The mode binds the owner; root, who runs some tests, it does not."""
    become = ""
    if os.geteuid() == 0:
        nobody = 65534
        for folder in {path.parent, path.resolve().parent, *path.parents}:
            folder.chmod(folder.stat().st_mode | 0o011)
        os.chown(path, nobody, nobody)
        become = f"import os; os.seteuid({nobody}); "
    code = f"import duckdb, sys; {become}duckdb.connect(sys.argv[1]).execute('create table marts.mine as select 1')"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)


# ---- what accompanies the database


def report(database: Path, before: Path | None) -> None:
    """A folder with pages that say how many rows there are, and how many there were."""

    def count(path: Path | None) -> int:
        return rows(path, "select count(*) from marts.customer_value")[0][0] if path else 0

    pages = database.parent / "report" / "pages"
    pages.mkdir(parents=True)
    (pages / "today.html").write_text(f"{count(database)} rows, {count(before)} before")


def test_what_accompanies_a_version_is_published_and_taken_back_with_it(warehouse: Path, serving_dir: Path) -> None:
    page = serving_dir / "report" / "pages" / "today.html"

    def publish_with(**companions: publishing.Companion) -> publishing.Publication:
        sources = [HUBSPOT, FILES]
        return publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=sources, companions=companions)

    first = publish_with(report=report)
    assert page.read_text() == "3 rows, 0 before"
    build(warehouse, "insert into marts.customer_value values (99, 1)")
    second = publish_with(report=report)
    assert page.read_text() == "4 rows, 3 before"
    assert (first.remarks, second.remarks) == ((), ())
    rollback(serving_dir)
    assert page.read_text() == "3 rows, 0 before"
    third = publish_with()
    assert current_publication(serving_dir) == third and not page.exists(), "never that of another version"
    assert (serving_dir / "report").is_symlink()
    clean_up(serving_dir, keep=1)
    assert [*(serving_dir / "versions").iterdir()] == [third.path.parent]


def test_what_cannot_be_written_is_a_remark_and_the_version_is_published_without_it(
    warehouse: Path, serving_dir: Path
) -> None:
    def breaks(database: Path, before: Path | None) -> None:
        report(database, before)
        raise KeyError("no such mart")

    def metrics(database: Path, before: Path | None) -> None:
        (database.parent / "metrics.yaml").write_text("version: 1")

    (serving_dir / "in_the_way").mkdir(parents=True)
    companions = {"report": breaks, "metrics.yaml": metrics, "in_the_way": report}
    published = publish(warehouse, serving_dir, marts=MARTS, as_of=AS_OF, sources=[HUBSPOT], companions=companions)

    (broken, in_the_way) = published.remarks
    assert broken.startswith("This version has no report, which could not be written: KeyError in test_publish.py, ")
    assert "no such mart" in broken
    assert "in_the_way is not a link of ours: move it away" in in_the_way
    assert current_publication(serving_dir) == published
    assert (serving_dir / "metrics.yaml").read_text() == "version: 1"
    assert {path.name for path in published.path.parent.iterdir()} == {"lifecycle.duckdb", "metrics.yaml"}


@pytest.mark.parametrize(
    ("readers", "modes"),
    [
        ("owner", [0o700, 0o700, 0o700, 0o400]),
        ("group", [0o710, 0o750, 0o750, 0o440]),
        ("everyone", [0o711, 0o755, 0o755, 0o444]),
    ],
)
def test_only_the_readers_reach_the_versions_also_those_from_before(
    warehouse: Path, tmp_path: Path, readers: Readers, modes: list[int]
) -> None:
    serving_dir = tmp_path / "data" / "serving"
    for before in ("everyone", readers):
        publish(
            warehouse,
            serving_dir,
            marts=MARTS,
            as_of=AS_OF,
            sources=[],
            readers=before,
            companions={"report": report},
        )

    above, folder, *_, file = modes
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in serving_dir.rglob("*") if not path.is_symlink()}
    assert stat.S_IMODE(serving_dir.parent.stat().st_mode) == above
    assert found == {path: folder if path.is_dir() else file for path in found}
    assert len([path for path in found if path.suffix == ".duckdb"]) == 2
