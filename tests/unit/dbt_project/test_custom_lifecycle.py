"""The stage model of `examples/custom_lifecycle/` runs when its two files are dropped into the project."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from tests.unit.dbt_project.compiling import PROJECT, dbt_environment

EXAMPLE = PROJECT.parent / "examples/custom_lifecycle"
START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=90)

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project with the example in it, enabled beside `conversation`."""
    folder = tmp_path_factory.mktemp("custom") / "dbt_project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    for file in EXAMPLE.glob("int_lifecycle__retail.*"):
        shutil.copy(file, folder / "models/intermediate/lifecycle" / file.name)
    settings = folder / "dbt_project.yml"
    text = settings.read_text(encoding="utf-8")
    assert "  lifecycle_models:\n" in text
    settings.write_text(text.replace("  lifecycle_models:\n", "  lifecycle_models:\n    - retail\n"), encoding="utf-8")
    return folder


def dbt(project: Path, *arguments: str) -> dbtRunnerResult:
    with dbt_environment(project.parent, {"LIFECYCLE_AS_OF": AS_OF.isoformat() + "Z"}):
        return dbtRunner().invoke(
            ["--quiet", *arguments, "--project-dir", str(project), "--profiles-dir", str(project)]
        )


def test_the_example_adds_a_stage_and_waits_a_month(project: Path) -> None:
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

    result = dbt(project, "run", "--select", "int_lifecycle_entities__fingerprinted", "int_lifecycle__retail")
    assert result.success, result.exception

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


def test_a_misspelt_activity_is_refused_with_file_rule_and_fix(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = project / "models/intermediate/lifecycle/int_lifecycle__retail.yml"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("[loyalty_joined]", "[loyality_joined]"), encoding="utf-8")
    try:
        result = dbt(project, "compile", "--select", "int_lifecycle__retail")
    finally:
        file.write_text(right, encoding="utf-8")
    assert not result.success
    message = " ".join(capfd.readouterr().out.split())
    assert (
        "Stage model models/intermediate/lifecycle/int_lifecycle__retail.yml, rule joined_programme: activity"
        " `loyality_joined` in `when` is unknown. Fix: choose from: ad_clicked," in message
    )
    assert "loyalty_joined" in message.split("Fix:")[1]
