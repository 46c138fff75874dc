"""A month of nights: what a run leaves behind does not pile up, and the warehouse grows by what arrives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.resilience import times
from tests.resilience.running import SmallCompany

NIGHTS = times(0, 30)
WEEK = 7  # as many runs, and fewer versions, are kept
# What is made anew each night, or kept for a number of nights.
BOUNDED = ("dagster", "dbt", "dlt", "logs")
# A day of news among sixty, and the freed blocks that DuckDB fills again.
GROWTH_A_NIGHT = 0.03


def sizes(data: Path) -> dict[str, int]:
    """Bytes of each part of the data folder."""
    return {
        part.name: sum(file.lstat().st_size for file in part.rglob("*") if file.is_file()) or part.lstat().st_size
        for part in data.iterdir()
    }


@pytest.mark.skipif(not NIGHTS, reason="a month of nights takes half an hour: make resilience")
def test_the_data_folder_is_flat_after_a_week(tmp_path: Path) -> None:
    company = SmallCompany(tmp_path)
    found: list[dict[str, int]] = []
    for night in range(NIGHTS):
        if night:
            done = company.run(sys.executable, "-m", "sandbox", "advance", "--days", "1")
            assert done.returncode == 0, done.stderr
        done = company.refresh()
        assert done.returncode == 0, done.stdout
        found.append(sizes(company.data))
        print(f"night {night + 1}", {part: f"{size / 2**20:.1f} MB" for part, size in sorted(found[-1].items())})

    after_a_week, later = found[WEEK], found[WEEK + 1 :]
    for part in BOUNDED:
        assert max(each[part] for each in later) <= 1.1 * after_a_week[part], part
    nights = len(later)
    for part in ("warehouse.duckdb", "serving"):
        assert later[-1][part] <= (1 + nights * GROWTH_A_NIGHT) * after_a_week[part], part
    runs = company.rows("select count(*), count(distinct run_id) from ops.run_log where outcome = 'published'")
    assert runs == [(NIGHTS, NIGHTS)]
