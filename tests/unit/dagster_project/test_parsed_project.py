"""What an installation has parsed is what the first refresh of a data folder begins with, as long as it is the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dagster_project import parsed_project, resources
from dagster_project.content import content
from dagster_project.environment import variables

PROFILE = "small: {target: here, outputs: {here: {type: duckdb, path: ':memory:'}}}\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which an installation leaves what it parses."""
    folder = tmp_path / "installed"
    monkeypatch.setattr(parsed_project, "INSTALLED", folder)
    return folder


@pytest.fixture
def small_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: small\nprofile: small\n")
    (project / "profiles.yml").write_text(PROFILE)
    (project / "models/one.sql").write_text("select 1 as one\n")
    monkeypatch.setattr(parsed_project, "PROJECT", project)
    return project


def test_a_first_refresh_parses_nothing_that_the_installation_has_parsed(
    installed: Path, data_dir: Path, parsed_project: Path
) -> None:
    project = resources.dbt_runner.PROJECT
    parsed_content = content(project)
    installed.mkdir()
    shutil.copy(parsed_project / "partial_parse.msgpack", installed)
    (installed / "parsed_from.sha256").write_text(parsed_content)

    with variables(LIFECYCLE_WAREHOUSE_PATH=str(data_dir / "warehouse.duckdb")):
        manifest = resources._parse_if_changed.__wrapped__(data_dir / "dbt", parsed_content)

    assert json.loads((data_dir / "dbt/perf_info.json").read_text())["parsed_path_count"] == 0
    assert len(json.loads(manifest.read_bytes())["nodes"]) > 500


def test_what_was_parsed_of_other_files_is_left_alone(installed: Path, tmp_path: Path, small_project: Path) -> None:
    assert parsed_project.main() == 0

    parsed_project.begin_with_installed(tmp_path / "dbt", "of other files")
    assert not (tmp_path / "dbt").exists()
    parsed_project.begin_with_installed(tmp_path / "dbt", content(small_project))
    assert (tmp_path / "dbt/partial_parse.msgpack").exists()


def test_a_project_that_cannot_be_parsed_stops_no_installation_and_leaves_nothing(
    installed: Path, tmp_path: Path, small_project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(small_project)
    parsed_project.main()
    (small_project / "models/one.sql").write_text("select {{ one \n")

    assert parsed_project.main() == 0

    said = capsys.readouterr().out
    assert said.startswith("The dbt project cannot be parsed, which a refresh will say too: ")
    assert "models/one.sql" in said and len(said.splitlines()) == 1
    for parsed_content in (before, content(small_project)):
        parsed_project.begin_with_installed(tmp_path / "dbt", parsed_content)
    assert not (tmp_path / "dbt").exists()
