"""What a person who has just made a mistake reads last: one line with the file, the reason and what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project import dbt_command

PROJECT = """
name: lifecycle
version: "1.0.0"
profile: lifecycle
flags: {send_anonymous_usage_stats: false, require_generic_test_arguments_property: true}
"""
PROFILE = """
lifecycle:
  target: dev
  outputs:
    dev: {type: duckdb, path: ":memory:", schema: main, threads: 1}
"""
READ = "select 1 as person_id, 'ES' as country"
READS = """
with persons as (select * from {{ ref("dim_persons") }})
select
    persons.person_id,
    persons.country
from persons
"""
CONTRACT = """
models:
  - name: customers
    config: {materialized: table, contract: {enforced: true}}
    columns:
      - {name: person_id, data_type: integer}
      - {name: country, data_type: string, data_tests: [{accepted_values: {arguments: {values: [ES]}}}]}
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The models of a project of two, on which dbt is run by `_run`; what it is told by the environment."""
    before = dict(os.environ)
    project = tmp_path / "dbt_project"
    for path, text in {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILE,
        "models/dim_persons.sql": READ,
        "models/customers.sql": READS,
        "models/customers.yml": CONTRACT,
    }.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text.lstrip())
    for name in [name for name in os.environ if name.startswith("DBT_")]:
        monkeypatch.delenv(name)
    os.environ.update(
        DBT_PROJECT_DIR=str(project),
        DBT_PROFILES_DIR=str(project),
        DBT_TARGET_PATH=str(tmp_path / "target"),
        DBT_LOG_PATH=str(tmp_path / "logs"),
    )
    monkeypatch.setattr(dbt_command, "DBT", project)
    monkeypatch.chdir(tmp_path)  # dbt goes into its project, and stays
    yield project / "models"
    os.environ.clear()
    os.environ.update(before)


def run(tmp_path: Path, *arguments: str) -> int:
    return dbt_command._run(arguments, tmp_path / "target")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "customers.sql",
            "persons.country\n",
            "persons.countryy\n",
            "dbt_project/models/customers.sql:4: ",
        ),
        (
            "customers.yml",
            "data_type: integer",
            "data_type: string",
            "dbt_project/models/customers.sql: person_id is INTEGER in the SQL and VARCHAR in the contract. Fix: "
            "change the SQL, or name and data_type of the column in dbt_project/models/customers.yml.",
        ),
        (
            "customers.sql",
            'ref("dim_persons")',
            'ref("dim_personss")',
            "dbt_project/models/customers.sql: there is no dim_personss. Fix: write dim_persons.",
        ),
        (
            "customers.sql",
            '("dim_persons") }}',
            '("dim_persons") }',
            "dbt_project/models/customers.sql:1: unexpected '}' in `",
        ),
        (
            "customers.sql",
            "{{ ref(",
            "{{ reff(",
            "there is no macro reff. Fix: correct its name, or add it in dbt_project/macros/.",
        ),
        (
            "dim_persons.sql",
            "select 1",
            '-- depends_on: {{ ref("customers") }}\nselect 1',
            "models are made of each other: dim_persons -> customers -> dim_persons. Fix: take one of these references "
            "out.",
        ),
        ("customers.sql", "from persons\n", "form persons\n", 'customers.sql:5: syntax error at or near "persons"'),
        ("customers.yml", "    columns:", "    columns: [", "dbt_project/models/customers.yml:5: no YAML: "),
    ],
)
def test_a_mistake_is_one_line_with_file_reason_and_fix(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, said: str
) -> None:
    change(models / file, old, new)

    assert run(tmp_path, "build") == 1

    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last
    assert " Fix: " in last


def test_what_the_project_refuses_is_said_last_in_its_own_words(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models.parent / "macros").mkdir()
    (models.parent / "macros" / "refuse.sql").write_text(
        '{% macro refuse() %}{% if execute %}{% do exceptions.raise_compiler_error("dbt_project.yml: vars: kind: '
        'write one") %}{% endif %}{% endmacro %}'
    )
    change(models / "customers.sql", "with persons", "{{ refuse() }} with persons")

    assert run(tmp_path, "build") == 1

    assert capsys.readouterr().err.splitlines()[-1] == "dbt_project.yml: vars: kind: write one"


def test_a_wrong_column_is_told_with_the_names_there_are(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(models / "customers.sql", "persons.country\n", "countryy\n")

    assert run(tmp_path, "build") == 1

    last = capsys.readouterr().err.splitlines()[-1]
    assert 'Referenced column "countryy" not found' in last
    assert '"country"' in last


def test_a_test_that_fails_says_how_to_see_the_rows(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(models / "dim_persons.sql", "'ES'", "'FR'")

    assert run(tmp_path, "build") == 1

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("dbt_project/models/customers.yml: the test accepted_values_customers_country__ES failed")
    assert 'make dbt ARGS="show -s accepted_values_customers_country__ES"' in last


def test_a_word_that_dbt_does_not_know_is_said_in_one_line(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "buildd") == 1

    assert capsys.readouterr().err == "No such command 'buildd'. Fix: see .venv/bin/dbt --help.\n"


def test_a_build_writes_what_retry_reads_and_no_manifest(models: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "build") == 0

    results = json.loads((tmp_path / "target/run_results.json").read_text())["results"]
    assert {each["unique_id"] for each in results} >= {"model.lifecycle.customers", "model.lifecycle.dim_persons"}
    assert not (tmp_path / "target/manifest.json").exists()


@pytest.mark.parametrize("arguments", [("parse",), ("build", "--write-json")])
def test_the_manifest_is_written_where_it_is_read_or_asked_for(
    models: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert run(tmp_path, *arguments) == 0

    assert (tmp_path / "target/manifest.json").exists()
