"""Pages of the documentation: links between documents lead to their pages, and each anchor is there."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.docs_command import MODELS, write_pages

ROOT = Path(__file__).resolve().parents[3]


def test_links_lead_to_pages_and_anchors(tmp_path: Path) -> None:
    project, site = tmp_path / "project", tmp_path / "site"
    (project / "docs").mkdir(parents=True)
    site.mkdir()
    (project / "README.md").write_text(
        "# All & more\n[Marts](docs/marts.md#the-first-one), [out](https://example.org)\n"
    )
    (project / "CONTRIBUTING.md").write_text("# How\n|a|b|\n|---|---|\n|1|2|\n")
    (project / "docs" / "marts.md").write_text("# Marts\n## The `first` one\n[Home](../README.md), [file](marts.py)\n")

    write_pages(project, site)

    assert '<a href="marts.html#the-first-one">' in (site / "readme.html").read_text()
    assert '<a href="https://example.org">' in (site / "readme.html").read_text()
    assert '<h2 id="the-first-one">' in (site / "marts.html").read_text()
    assert '<a href="readme.html">' in (site / "marts.html").read_text()
    assert "<td>2</td>" in (site / "contributing.html").read_text()
    assert "All &amp; more" in (site / "index.html").read_text()


def test_every_link_of_the_project_s_pages_leads_somewhere(tmp_path: Path) -> None:
    write_pages(ROOT, tmp_path)
    (tmp_path / MODELS).touch()
    pages = {path.name: path.read_text() for path in tmp_path.glob("*.html")}

    lost = []
    for name, text in pages.items():
        for target, anchor in re.findall(r'href="(?!https?:)([^"#]*)#?([^"]*)"', text):
            there = pages.get(target or name)
            if there is None or (anchor and f'id="{anchor}"' not in there):
                lost.append(f"{name}: {target}#{anchor}")
    assert lost == []
    assert len(pages) > 10
