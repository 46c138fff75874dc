"""What the report is told of a run, and the commands that write it and take its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project import pictures, report


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


def test_without_chromium_the_pictures_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pictures.NoBrowserError, match="no Chromium on this machine. On Debian: apt-get install"):
        pictures.chromium()
