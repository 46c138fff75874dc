"""Twenty people of every kind are erased: nothing of them is found, whatever the vendors send, and no figure moves."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.integration.erasing import aggregates, left_of, people_of_every_kind, texts_of
from tests.integration.refreshing import Company
from tests.resilience import times

OF_EACH_KIND = times(0, 5)


def refreshed(company: Company) -> None:
    done = company.refresh()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not OF_EACH_KIND, reason="five refreshes take minutes: make resilience")
def test_nothing_is_left_of_erased_people_and_no_figure_moves_then_or_a_day_later(tmp_path: Path) -> None:
    company, control = Company(tmp_path / "company"), Company(tmp_path / "control")
    refreshed(company)
    shutil.copytree(company.data, control.data, symlinks=True)
    people = people_of_every_kind(company, OF_EACH_KIND)
    assert len(people) >= 20
    texts = texts_of(company, people)
    done = company.run(sys.executable, "-m", "dagster_project.export_person", ",".join(people), sandbox=True)
    assert done.returncode == 0, done.stderr
    for person_id in people:
        told = json.loads((company.data / "exports" / person_id / "everything.json").read_text())
        assert any(name.startswith("raw_") for name in told["tables"])
    before = left_of(company, texts)
    assert {text for text in texts if not any(place.endswith(f": {text}") for place in before)} == set()

    done = company.run(sys.executable, "-m", "dagster_project.erase", ",".join(people), "--yes", sandbox=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_of(company, texts) == []

    refreshed(company)
    assert left_of(company, texts) == []
    assert aggregates(company.warehouse) == aggregates(control.warehouse)

    for each in (company, control):
        done = each.run(sys.executable, "-m", "sandbox", "advance", "--days", "1")
        assert done.returncode == 0, done.stderr
        refreshed(each)
    assert left_of(company, texts) == []
    assert aggregates(company.warehouse) == aggregates(control.warehouse)
