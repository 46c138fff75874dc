"""What the report is told of a run, and the commands that write it and take its pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project import pictures, report
from reports import FOLDER
from serving.publish import Publication, Source, publish


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("amount: Input should be a valid decimal (got '1.2OO,-')", "amount: Input should be a valid decimal"),
        (
            "20250516T060000Z.jsonl line 1: contact_id: Input should be a valid string (got None)",
            "contact_id: Input should be a valid string",
        ),
        ("score: 'very good' is not a number", "score: … is not a number"),
        ("email: 'jane@example.org is cut short", "email: …"),
        ("known or changed, but not readable: jane@example.org", "known or changed, but not readable: j***@e***.org"),
    ],
)
def test_the_kind_of_a_mistake_says_nothing_of_the_record(reason: str, kind: str) -> None:
    assert report.kind_of_mistake(reason) == kind


@pytest.mark.parametrize("command", [report.main, pictures.main])
def test_without_a_publication_a_command_says_what_to_do(
    data_dir: Path, capsys: pytest.CaptureFixture[str], command: object
) -> None:
    assert command() == 1  # type: ignore[operator]

    assert "nothing is published yet. `make refresh` publishes" in capsys.readouterr().err


@pytest.fixture
def published(data_dir: Path) -> Publication:
    """A version that was published before there were reports."""
    with duckdb.connect(str(data_dir / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.one as select 1 as id")
    return publish(
        data_dir / "warehouse.duckdb",
        data_dir / "serving",
        marts=["one"],
        as_of=datetime(2026, 3, 1, tzinfo=UTC),
        sources=[Source("files")],
    )


def test_a_report_that_is_written_by_itself_is_where_readers_look_for_it(
    published: Publication, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def written(database: Path, before: Path | None, scripts: Path) -> Path:
        page = database.with_name(FOLDER) / "index.html"
        page.parent.mkdir()
        page.write_text(database.parent.name)
        return page

    monkeypatch.setattr(report, "write_report", written)

    assert report.main() == 0
    page = data_dir / "serving/report/index.html"
    assert page.read_text() == published.version
    assert capsys.readouterr().out.endswith(f"\n  {page}\n")


def test_a_version_without_a_folder_gets_no_report_among_the_others(
    published: Publication, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serving = data_dir / "serving"
    (serving / "current").unlink()
    file = published.path.parent.with_suffix(".duckdb")
    published.path.rename(file)
    link = serving / "lifecycle.duckdb"
    link.unlink()
    link.symlink_to(file.relative_to(serving))

    assert report.main() == 1
    assert "was published before reports lay beside versions. `make refresh`" in capsys.readouterr().err
    assert not list(serving.rglob("report"))


def test_the_script_of_charts_lies_beside_the_environment_if_somebody_may_write_there(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "INSTALLED", tmp_path / "charts")
    assert report._scripts() == data_dir / "charts"

    (tmp_path / "charts").mkdir()
    assert report._scripts() == tmp_path / "charts"


def test_without_chromium_the_pictures_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pictures.NoBrowserError, match="no Chromium on this machine. On Debian: apt-get install"):
        pictures.chromium()
