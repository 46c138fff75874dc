"""By what a folder's content is known."""

from __future__ import annotations

import os
from pathlib import Path

from dagster_project.content import content


def test_the_project_is_parsed_anew_when_its_content_is_another_whatever_the_times_say(tmp_path: Path) -> None:
    model = tmp_path / "models" / "one.sql"
    model.parent.mkdir()
    model.write_text("select 1")
    (tmp_path / "target").mkdir()
    before = content(tmp_path)
    (tmp_path / "target" / "manifest.json").write_text("{}")
    os.utime(model, (2_000_000_000, 2_000_000_000))
    assert content(tmp_path) == before
    model.write_text("select 2")
    os.utime(model, (0, 0))
    edited = content(tmp_path)
    model.rename(model.with_name("two.sql"))
    assert len({before, edited, content(tmp_path)}) == 3
