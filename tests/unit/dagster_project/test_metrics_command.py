"""What `make metrics` says where it cannot begin. A metric that it gives is in `tests/integration`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project import metrics_command


def test_without_a_question_it_gives_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics_command.main([]) == 1
    assert 'make metrics ARGS="list metrics"' in capsys.readouterr().err


def test_without_a_refresh_it_says_what_to_run(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics_command.main(["list", "metrics"]) == 1
    assert "mf not started: " in (said := capsys.readouterr().err) and "make refresh" in said
