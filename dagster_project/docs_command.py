"""`make docs`: the documentation as a site in `data/docs/`, to be opened as files: no server, no request to anywhere.

It has the pages of `docs/`, and dbt's own site of every model: columns, tests, owners, lineage, and the dashboards and
reports at its end (exposures).
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

from dagster_project import dbt_command
from dagster_project.copies import say
from ingestion import config
from ingestion.config import PROJECT_ROOT

MODELS = "models.html"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.55 system-ui, sans-serif; }}
body {{ margin: 0 auto; max-width: 60rem; padding: 1.5rem; }}
pre, table {{ display: block; overflow-x: auto; }}
pre {{ padding: .8rem; border: 1px solid #8886; border-radius: .4rem; }}
code {{ font-size: .9em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #8886; padding: .25rem .6rem; text-align: left; vertical-align: top; }}
img {{ max-width: 100%; }}
</style>
<nav><a href="index.html">Documentation</a> · <a href="{models}">Models</a></nav>
{content}
</html>
"""


def main() -> int:
    """Write the site; 0: it is there."""
    if done := dbt_command.main(["docs", "generate", "--static"]):
        return done
    site = config.data_dir() / "docs"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    shutil.copyfile(config.data_dir() / "dev" / "dbt" / "static_index.html", site / MODELS)
    write_pages(PROJECT_ROOT, site)
    say(f"Documentation: {site / 'index.html'}")
    return 0


def write_pages(project: Path, site: Path) -> None:
    """The Markdown files of the project as pages beside each other, and an index of them."""
    sources = {path.stem.lower(): path for path in _documents(project)}
    titles = {}
    for name, path in sources.items():
        text = path.read_text()
        titles[name] = text.partition("\n")[0].lstrip("# ")
        content = _rendered(text, path, sources)
        (site / f"{name}.html").write_text(PAGE.format(title=titles[name], content=content, models=MODELS))
    if (pictures := project / "docs" / "pictures").is_dir():
        shutil.copytree(pictures, site / "pictures")
    listed = "".join(f'<li><a href="{name}.html">{html.escape(title)}</a>' for name, title in titles.items())
    content = (
        f'<h1>Documentation</h1><ul>{listed}<li><a href="{MODELS}">Every model: columns, tests, owners, lineage, and '
        "who reads them</a></ul>"
    )
    (site / "index.html").write_text(PAGE.format(title="Documentation", content=content, models=MODELS))


def _documents(project: Path) -> Iterator[Path]:
    yield project / "README.md"
    yield project / "CONTRIBUTING.md"
    yield from sorted((project / "docs").glob("*.md"))


def _rendered(text: str, path: Path, pages: dict[str, Path]) -> str:
    """A document as HTML, whose links to other documents lead to their pages."""
    by_path = {source.resolve(): name for name, source in pages.items()}

    def to_page(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if name := by_path.get((path.parent / target).resolve()):
            return f'href="{name}.html{anchor}"'
        return found[0]

    written = MarkdownIt("commonmark").enable("table").render(text)
    written = re.sub(r'src="(?:docs/)?pictures/', 'src="pictures/', written)
    written = re.sub(r"<h([2-4])>(.*?)</h\1>", _with_anchor, written)
    return re.sub(r'href="(?P<target>[^"#:]+)(?P<anchor>#[^"]*)?"', to_page, written)


def _with_anchor(heading: re.Match[str]) -> str:
    """A heading that links within and between documents reach, by the name that code hosts give it."""
    words = html.unescape(re.sub(r"<[^>]+>", "", heading[2])).lower()
    anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
    return f'<h{heading[1]} id="{html.escape(anchor)}">{heading[2]}</h{heading[1]}>'


if __name__ == "__main__":
    sys.exit(main())
