"""The project seen from outside: its root, its files under version control, dbt's manifest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def committed_files(root: Path) -> list[Path]:
    """Files under version control, and those about to be: everything that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := root / name).is_file()]


@pytest.fixture(scope="session")
def manifest(parsed_project: Path) -> dict[str, Any]:
    """dbt's manifest."""
    return json.loads((parsed_project / "manifest.json").read_text())
