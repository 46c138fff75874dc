"""`CONTRIBUTING.md`, followed to the letter: the source, mart and audience that it adds, in a copy of the project.

Belongs here: that the files, lines and commands it shows do what it says. Does not: whether its queries run, for which
a warehouse is needed (`integration/test_nightly_refresh.py`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE, MART, AUDIENCE = (ROOT / "examples" / name for name in ("new_source", "new_mart", "new_audience"))


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    """The blocks of code of a section, without the indentation of the list that they stand in."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section(title), re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


def files_of(example: Path) -> list[Path]:
    return sorted(path.relative_to(example) for path in example.rglob("*") if path.is_file())


def run(project: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), **variables},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, committed_files: list[Path]) -> Path:
    """A copy of the project with the examples in it and the lines that the walk adds, and no other change."""
    copy = tmp_path_factory.mktemp("contributing") / "project"
    for path in committed_files:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for example in (SOURCE, MART, AUDIENCE):
        shutil.copytree(example, copy, dirs_exist_ok=True)
    (line,), (audience_line,) = blocks("Add a source", "yaml"), blocks("Add an audience", "yaml")
    (documented,) = (block for block in blocks("Add a source", "sh") if "SOURCES__" in block)
    for name, before, added in (
        ("dbt_project/dbt_project.yml", "    meta_ads:", indent(line, "    ")),
        ("dbt_project/dbt_project.yml", "    - cold_leads_to_win_back\n", indent(audience_line, "    ")),
        (".env.example", "# ---- Files\n", f"{documented}\n"),
        (".env.example", "meta_ads, respond_io,", "loyalty_app, "),
    ):
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (copy / name).write_text(text.replace(before, added + before), encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def followed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest of the copy."""
    folder = tmp_path_factory.mktemp("parsed")
    done = run(
        *(project, "dbt", "--quiet", "parse", "--project-dir", "dbt_project", "--profiles-dir", "dbt_project"),
        LIFECYCLE_WAREHOUSE_PATH=str(folder / "warehouse.duckdb"),
        DBT_TARGET_PATH=str(folder / "target"),
        DBT_LOG_PATH=str(folder / "logs"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text())
    return found


def read_by(manifest: dict[str, Any], model: str) -> set[str]:
    nodes = manifest["nodes"][f"model.lifecycle.{model}"]["depends_on"]["nodes"]
    return {name.split("lifecycle.", 1)[1] for name in nodes}


@pytest.mark.parametrize(
    ("title", "example"), [("Add a source", SOURCE), ("Add a mart", MART), ("Add an audience", AUDIENCE)]
)
def test_code_that_is_shown_stands_in_the_example(title: str, example: Path) -> None:
    texts = [re.sub(r"^ +", "", (example / file).read_text(), flags=re.MULTILINE) for file in files_of(example)]
    shown = [block for language in ("python", "sql") for block in blocks(title, language)]

    assert shown
    assert [block for block in shown if not any(re.sub(r"(?m)^ +", "", block) in text for text in texts)] == []


def test_each_example_is_as_many_files_of_their_own_as_is_said(root: Path, committed_files: list[Path]) -> None:
    source, mart = files_of(SOURCE), files_of(MART)

    assert {root / file for file in (*source, *mart)} & {*committed_files} == set()
    assert len([file for file in source if file.parts[0] != "sandbox"]) == 10
    assert "is ten files" in section("Add a source")
    assert len(mart) == 3
    assert section("Add a mart").startswith("Three files.")
    assert len(files_of(AUDIENCE)) == 2
    assert section("Add an audience").startswith("Two files and a line.")


def test_a_new_source_reaches_the_unions_and_ops_by_its_line(followed: dict[str, Any]) -> None:
    assert {"loyalty_app__contacts"} < read_by(followed, "int_contacts__unioned")
    assert {"loyalty_app__activities"} < read_by(followed, "int_activities__unioned")
    for table in ("rejected_records", "load_audit"):
        assert f"raw_loyalty_app.{table}" in read_by(followed, table)


def test_a_new_mart_is_public(followed: dict[str, Any]) -> None:
    mart = followed["nodes"]["model.lifecycle.country_revenue"]

    assert (mart["schema"], mart["access"], mart["contract"]["enforced"]) == ("marts", "public", True)


def test_a_new_audience_is_observed_by_its_line(followed: dict[str, Any]) -> None:
    assert {"aud_champions_to_thank"} < read_by(followed, "audience_observations")


def test_a_new_source_is_loaded_by_the_command_that_is_shown(project: Path, tmp_path: Path) -> None:
    (commands,) = (block for block in blocks("Add a source", "sh") if "-m ingestion" in block)
    command = commands.splitlines()[0].replace(".venv/bin/python", sys.executable).split()
    done = run(project, *command, LIFECYCLE_DATA_DIR=str(tmp_path), SANDBOX_PEOPLE="20", SANDBOX_DAYS="20")

    assert done.returncode == 0, done.stderr
    assert re.findall(r"loyalty_app\.(\w+) +(\d+) +(\d+) +(\d+)", done.stdout) == [
        ("members", "2", "2", "0"),
        ("points_events", "2", "2", "0"),
    ]


def test_the_examples_keep_the_style_and_the_contract_of_the_project(project: Path) -> None:
    files = [str(file) for example in (SOURCE, MART, AUDIENCE) for file in files_of(example)]
    python, sql = ([file for file in files if file.endswith(ending)] for ending in (".py", ".sql"))
    tests = ["tests/contract/test_absent_fields.py", "tests/contract/test_repository.py"]
    chosen = "loyalty_app or variable or settings or names_every_source"
    for command in (
        ["ruff", "check", "--no-cache", *python],
        ["ruff", "format", "--no-cache", "--check", *python],
        ["sqlfmt", "--check", *sql],
        ["pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests],
    ):
        done = run(project, *command)
        assert done.returncode == 0, done.stdout + done.stderr
