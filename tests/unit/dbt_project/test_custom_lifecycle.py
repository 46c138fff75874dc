"""Stage models of one's own, as `docs/lifecycle.md` says: the example dropped into the project, and a proposal."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult

from tests.unit.dbt_project.compiling import PROJECT, QUIETLY, dbt_environment

EXAMPLE = PROJECT.parent / "examples/custom_lifecycle"
START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=90)
FOLDER = Path("models/intermediate/lifecycle")
PROPOSAL = FOLDER / "int_lifecycle__conversation_next.yml"

# person, day, activity
ACTIVITIES = [
    ("joiner", 0, "message_received"),
    ("joiner", 2, "order_paid"),
    ("joiner", 5, "loyalty_joined"),
    ("regular", 0, "order_paid"),
    ("regular", 10, "order_paid"),
    ("regular", 20, "order_paid"),
    ("browser", 0, "message_received"),
    ("browser", 1, "loyalty_joined"),
    ("silent", 0, "message_received"),
    ("silent", 1, "message_sent"),
    ("slow", 0, "message_received"),
    ("slow", 1, "message_sent"),
    ("slow", 21, "message_received"),
]


def documented(language: str) -> list[str]:
    """The blocks of code under *What would change?* in `docs/lifecycle.md`."""
    text = (PROJECT.parent / "docs/lifecycle.md").read_text(encoding="utf-8")
    section = text.split("\n## What would change?\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def changed(mapping: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The mapping with what the changes say, at any depth. Of a list of mappings the first is meant."""
    result = dict(mapping)
    for key, value in changes.items():
        if isinstance(value, dict):
            result[key] = changed(result[key], value)
        elif isinstance(value, list) and isinstance(value[0], dict):
            result[key] = [changed(result[key][0], value[0]), *result[key][1:]]
        else:
            result[key] = value
    return result


def edit(file: Path, changes: dict[str, Any]) -> None:
    mapping = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(changed(mapping, changes), sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project with the example and the documented proposal in it, enabled beside `conversation`."""
    folder = tmp_path_factory.mktemp("custom") / "dbt_project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    for file in EXAMPLE.glob("int_lifecycle__retail.*"):
        shutil.copy(file, folder / FOLDER / file.name)
    copying, _ = documented("sh")
    subprocess.run(["sh", "-euc", copying], cwd=folder.parent, check=True)
    names, proposals = (yaml.safe_load(block) for block in documented("yaml"))
    edit(folder / PROPOSAL, names)
    edit(folder / "dbt_project.yml", proposals)
    edit(folder / "dbt_project.yml", {"vars": {"lifecycle_models": ["conversation", "retail"]}})
    return folder


def dbt(project: Path, *arguments: str) -> dbtRunnerResult:
    with dbt_environment(project.parent, {"LIFECYCLE_AS_OF": AS_OF.isoformat() + "Z"}):
        return dbtRunner().invoke([*QUIETLY, *arguments, "--project-dir", str(project), "--profiles-dir", str(project)])


@pytest.fixture(scope="module")
def refreshed(project: Path) -> None:
    """What people did, and the stages that they are in by the models that count."""
    with duckdb.connect(str(project.parent / "warehouse.duckdb")) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_activities__identified (activity_id text, person_id text, account_id text,"
            " activity text, occurred_at timestamp, loaded_at timestamp, source_system text, source_record_id text,"
            " channel text, amount_reporting decimal(18, 4), attributes text, row_fingerprint bigint)"
        )
        connection.executemany(
            "insert into intermediate.int_activities__identified (activity_id, person_id, activity, occurred_at,"
            " loaded_at, row_fingerprint) values (?, ?, ?, ?, ?, 1)",
            [
                (f"{number:02}", person, activity, START + timedelta(days=day), START)
                for number, (person, day, activity) in enumerate(ACTIVITIES)
            ],
        )

    result = dbt(
        project,
        *("run", "--select", "int_lifecycle_entities__fingerprinted", "int_lifecycle__conversation"),
        *("int_lifecycle__retail", "int_lifecycle_episodes__unioned", "fct_lifecycle_episodes", "dim_lifecycle_stages"),
    )
    assert result.success, result.exception


@pytest.mark.usefixtures("refreshed")
def test_the_example_adds_a_stage_and_waits_a_month(project: Path) -> None:
    with duckdb.connect(str(project.parent / "warehouse.duckdb")) as connection:
        rows = connection.execute(
            "select entity_id, stage, entered_at, entry_rule, lost_reason from intermediate.int_lifecycle__retail"
            " order by entity_id, entered_at"
        ).fetchall()
    found = [(person, stage, (at - START).days, rule, reason) for person, stage, at, rule, reason in rows]
    assert found == [
        ("browser", "new_lead", 0, "first_contact", None),
        ("joiner", "new_lead", 0, "first_contact", None),
        ("joiner", "customer", 2, "first_payment", None),
        ("joiner", "loyalty_programme", 5, "joined_programme", None),
        ("regular", "customer", 0, "first_payment", None),
        ("regular", "loyalty_programme", 20, "third_order", None),
        ("silent", "new_lead", 0, "first_contact", None),
        ("silent", "cold_lead", 31, "no_reply", "no reply in 30 days"),
        ("slow", "new_lead", 0, "first_contact", None),
    ]


@pytest.mark.usefixtures("refreshed")
def test_a_proposal_moves_whom_its_rules_move_and_builds_what_is_its_own(project: Path) -> None:
    _, building = documented("sh")
    make, target, arguments = shlex.split(building)
    command, *selection = shlex.split(arguments.removeprefix("ARGS="))
    assert (make, target, command) == ("make", "dbt", "build")

    same = dbt(project, "run", *selection)
    assert same.success, same.exception
    assert sorted(run.node.name for run in same.result.results if run.node.resource_type == "model") == [
        "dim_lifecycle_proposed_stages",
        "fct_lifecycle_episodes_proposed",
        "int_lifecycle__conversation_next",
        "int_lifecycle_episodes__proposed",
        "lifecycle_proposed_effects",
        "lifecycle_proposed_moves",
    ]
    assert moves(project) == []

    text = (project / PROPOSAL).read_text(encoding="utf-8")
    assert text.count("after_days: 14\n") == 1
    (project / PROPOSAL).write_text(text.replace("after_days: 14\n", "after_days: 90\n"), encoding="utf-8")
    try:
        edited = dbt(project, "run", *selection)
    finally:
        (project / PROPOSAL).write_text(text, encoding="utf-8")
    assert edited.success, edited.exception
    # 89 days after our last message: cold by the model that counts.
    assert moves(project) == [("silent", "cold_lead", "new_lead")]


def moves(project: Path) -> list[tuple]:
    with duckdb.connect(str(project.parent / "warehouse.duckdb")) as connection:
        return connection.execute(
            "select entity_id, current_stage, proposed_stage from marts.lifecycle_proposed_moves order by all"
        ).fetchall()


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        (
            FOLDER / "int_lifecycle__retail.yml",
            "[loyalty_joined]",
            "[loyality_joined]",
            "rule joined_programme: activity `loyality_joined` in `when` is unknown. Fix: choose from: ad_clicked, ",
        ),
        (
            FOLDER / "int_lifecycle__retail.yml",
            "stage: loyalty_programme",
            "stage: loyalty_program",
            "rule joined_programme: stage `loyalty_program` is unknown. Fix: choose from: new_lead, ",
        ),
        (
            PROPOSAL,
            "proposes: conversation\n",
            "",
            "the model: lifecycle_proposals in dbt_project.yml names it, and it proposes nothing. Fix: add `proposes`",
        ),
    ],
)
def test_a_wrong_file_is_refused_while_dbt_parses(
    file: Path, right: str, wrong: str, message: str, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (project / file).read_text(encoding="utf-8")
    assert right in text
    (project / file).write_text(text.replace(right, wrong), encoding="utf-8")
    try:
        result = dbt(project, "parse")
    finally:
        (project / file).write_text(text, encoding="utf-8")
    assert not result.success
    assert f"Stage model {file}, {message}" in " ".join(capfd.readouterr().out.split())
