"""A dashboard in a browser: signing in, waiting for its charts, and the picture of one for the README.

Belongs here: what is done in Superset's pages. Does not: starting Superset (`superset_command`), starting a browser.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dashboards.assets import charts_of, dashboards

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHART = "[data-test=chart-grid-component]"
WAITING = f"{CHART} [data-test=loading-indicator], .loading"
LONGEST = 60_000  # milliseconds that a page, and then its charts, may take


class StillWaitingError(RuntimeError):
    """Charts of a dashboard got no answer in time; the message says how many."""


def sign_in(page: Page, address: str, password: str) -> None:
    """Sign in as the user that `make superset` makes."""
    page.goto(f"{address}/login/")
    page.wait_for_load_state("networkidle", timeout=LONGEST)  # until then the form forgets what is filled in
    page.fill("#username", "admin")
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def open_dashboard(page: Page, address: str, name: str) -> None:
    """Show a dashboard until each chart in sight has its answer.

    Raises:
        StillWaitingError: one has not.
    """
    page.goto(f"{address}/superset/dashboard/{name}/")
    last = len(charts_of(dashboards()[name])) - 1
    page.locator(CHART).nth(last).wait_for(state="attached", timeout=LONGEST)
    page.wait_for_load_state("networkidle", timeout=LONGEST)
    waiting = page.locator(WAITING)
    for _ in range(LONGEST // 200):
        if not waiting.count():
            return
        page.wait_for_timeout(200)
    raise StillWaitingError(f"{name}: {waiting.count()} charts still wait for an answer")


def take_picture(page: Page, address: str, password: str, name: str, path: Path) -> None:
    """Write what a dashboard shows in the size of the page."""
    sign_in(page, address, password)
    open_dashboard(page, address, name)
    page.wait_for_timeout(1500)  # charts grow into place
    page.screenshot(path=path, animations="disabled")
