"""Data moves one way: who may import what, held by ruff with the reason in the message."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOMS = (
    "ingestion",
    "expectations",
    "predictions",
    "serving",
    "activation",
    "reports",
    "dashboards",
    "cluster",
    "sandbox",
)
ORCHESTRATION = {"dagster", "dagster_dbt", "dagster_dlt", "dagster_project", "dbt"}
FORBIDDEN = {room: ORCHESTRATION | set(ROOMS) - {room} for room in ROOMS}
FORBIDDEN["sandbox"] -= {"ingestion"}  # it speaks to the connectors: it knows their settings and row models
# The job runs without the command around it; the command knows the job, and nothing of what its steps do.
COMMAND = "dagster_project/refresh"
FORBIDDEN["dagster_project"] = {"dagster_project.refresh", "sandbox"}
FORBIDDEN[COMMAND] = {"dbt", "expectations", "predictions", "sandbox"}
FORBIDDEN["dashboards"] |= {"duckdb"}  # charts read through Superset
FORBIDDEN["predictions"] |= {"duckdb"}  # no SQL and no I/O there
PLANTED = [(room, module) for room, modules in FORBIDDEN.items() for module in sorted(modules)] + [
    ("ingestion/sources/hubspot", "sandbox"),
]


def ruff(root: Path, *arguments: str, source: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--select", "TID251", *arguments]
    return subprocess.run(command, cwd=root, input=source, capture_output=True, text=True)


@pytest.mark.parametrize(("room", "module"), PLANTED)
def test_a_planted_import_against_the_direction_is_caught_with_its_reason(root: Path, room: str, module: str) -> None:
    done = ruff(root, "--stdin-filename", f"{room}/planted.py", "-", source=f"import {module}\n")

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"`{module}` is banned: " in done.stdout


@pytest.mark.parametrize(
    ("room", "module"),
    [
        ("ingestion", "ingestion.config"),
        ("sandbox", "sandbox.faults"),
        ("dagster_project", "serving"),
        (COMMAND, "dagster_project.environment"),
    ],
)
def test_an_import_along_the_direction_passes(root: Path, room: str, module: str) -> None:
    done = ruff(root, "--stdin-filename", f"{room}/planted.py", "-", source=f"import {module}\n")

    assert done.returncode == 0, done.stdout


def test_no_room_imports_against_the_direction(root: Path) -> None:
    done = ruff(root, ".")

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_imports_against_the_direction_by_name_at_run_time(root: Path, room: str) -> None:
    """`import_module("dagster")` and imports inside functions: what ruff's rule may not see."""
    for path in (root / room).rglob("*.py"):
        if room != COMMAND and path.is_relative_to(root / COMMAND):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                names = [str(node.args[0].value)] if called in ("import_module", "__import__") else []
            forbidden = [name for name in names for each in FORBIDDEN[room] if f"{name}.".startswith(f"{each}.")]
            assert not forbidden, f"{path}:{node.lineno} imports {forbidden}"  # type: ignore[attr-defined]


# What Dagster's own documentation tells people to name in `dagster.yaml`.
NAMED_BY_DAGSTER = ("dagster._core.storage.event_log",)


def test_nothing_private_of_dagster_is_imported(root: Path) -> None:
    for path in (root / "dagster_project").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = getattr(node, "module", None) or ""
            assert "._" not in module or module in NAMED_BY_DAGSTER, (
                f"{path}: {module} is not Dagster's public interface"
            )
