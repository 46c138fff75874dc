"""A company with two of the sources: every mart all the same."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.refreshing import MARTS, Company


def test_any_subset_of_sources_makes_every_mart(tmp_path: Path) -> None:
    shop = Company(tmp_path)
    done = shop.refresh(LIFECYCLE_SOURCES="shopify,files")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^hubspot\s+disabled", done.stdout, re.MULTILINE)
    publication = shop.published()
    assert publication.sources == ("shopify", "files")
    assert sorted(publication.rows) == sorted(MARTS)
    assert publication.rows["customer_value"] > 0
    assert shop.rows("select count(*) from raw_hubspot.contacts") == [(0,)]
