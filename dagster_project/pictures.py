"""`make pictures`: the pictures at the head of the README, taken of what is published now by a real Chromium.

Belongs here: which pictures there are, and how a browser is started without asking the network anything. Does not: what
is on them (`reports/`). A picture of something else is one more line of `PICTURES`.

Playwright and Chromium are for developers: neither is needed to refresh, publish or read.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project import environment, superset_command
from dagster_project.superset_page import take_picture
from ingestion.config import PROJECT_ROOT, SettingsError
from reports import FOLDER as REPORT
from serving.versions import current_version

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = PROJECT_ROOT / "docs" / "pictures"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without a sandbox it also starts as root in a container; the rest keeps it from looking for updates and accounts.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
# No chart of those in sight is still to be drawn.
DRAWN = "[...document.querySelectorAll('.chart')].every((each) => !each.offsetParent || each.dataset.drawn == 'done')"


class NoBrowserError(RuntimeError):
    """Playwright or Chromium is missing; the message says which and how to get it."""


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file, without `.png`.
        page: what is on it, in the folder of the published version.
        height: how much of the page, in pixels.
    """

    name: str
    page: str
    height: int
    width: int = 1440


PICTURES = (
    Picture("report_today", f"{REPORT}/index.html", 1470),
    Picture("report_stages", f"{REPORT}/stages.html", 1640),
)
# Of the first dashboard in Superset.
DASHBOARD = "dashboard_lifecycle"


def chromium() -> str:
    """The program.

    Raises:
        NoBrowserError: there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowserError("there is no Chromium on this machine. On Debian: apt-get install chromium.")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium.

    Raises:
        NoBrowserError: Playwright or Chromium is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowserError("Playwright is missing: it is in requirements/dev.txt, which make installs.") from error
    program = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        try:
            yield started
        finally:
            started.close()


def main() -> int:
    """Command line; 0 once every picture is made."""
    try:
        current = current_version(environment.serving_dir())
        if current is None:
            print("No pictures: nothing is published yet. `make refresh` publishes.", file=sys.stderr)
            return 1
        missing = [each.page for each in PICTURES if not (current.parent / each.page).exists()]
        if missing:
            print(
                f"No pictures: {current.parent} lacks {', '.join(missing)}. `make report` writes them.", file=sys.stderr
            )
            return 1
        FOLDER.mkdir(exist_ok=True)
        with browser() as started:
            for picture in PICTURES:
                print(_taken(started, picture, current.parent / picture.page).relative_to(PROJECT_ROOT))
            if superset_command.PYTHON.exists():
                print(_taken_of_superset(started).relative_to(PROJECT_ROOT))
            else:
                print(f"{DASHBOARD}.png stays as it is: `make superset` installs what it takes.")
    except (NoBrowserError, SettingsError) as error:
        print(f"No pictures: {error}", file=sys.stderr)
        return 1
    return 0


def _taken(started: Browser, picture: Picture, page: Path) -> Path:
    size = {"width": picture.width, "height": picture.height}
    context = started.new_context(viewport=size, color_scheme="light", offline=True)  # type: ignore[arg-type]
    opened, path = context.new_page(), FOLDER / f"{picture.name}.png"
    opened.goto(page.as_uri())
    opened.wait_for_function(DRAWN)
    opened.screenshot(path=path, animations="disabled")
    context.close()
    return path


def _taken_of_superset(started: Browser) -> Path:
    path = FOLDER / f"{DASHBOARD}.png"
    with superset_command.running() as address:
        page = started.new_page(viewport={"width": 1440, "height": 1330})
        take_picture(page, address, superset_command.password(), "lifecycle", path)
        page.close()
    return path


if __name__ == "__main__":
    sys.exit(main())
