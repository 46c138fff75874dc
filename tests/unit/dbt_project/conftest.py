"""What the tests of dbt share: the parsed project to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.dbt_project import compiling


@pytest.fixture(scope="session", autouse=True)
def parsed_before(parsed_project: Path) -> None:
    """dbt reads what was parsed once for all processes, and again whatever is not as it was then."""
    compiling.start_from(parsed_project)
