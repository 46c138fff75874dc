"""A real Superset over a real company, looked at in a real Chromium: what a reader of the dashboards sees.

It takes minutes and an environment of its own, so it runs by `make test-superset`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from playwright.sync_api import Browser, Page

from dagster_project import pictures, superset_command
from dagster_project.superset_page import open_dashboard, sign_in, take_picture
from dashboards import assets
from serving.postgres import Postgres
from serving.versions import current_version, database_of, link_path, name_of, point_link_at

if not superset_command.PYTHON.exists():
    pytest.skip("Superset is not installed: `make test-superset` does that", allow_module_level=True)
try:
    pictures.chromium()
except pictures.NoBrowserError as error:
    pytest.skip(str(error), allow_module_level=True)

DASHBOARDS, CHARTS = assets.dashboards(), assets.charts()
# The counter in Superset's pages, which its own policy refuses to load: no request is sent, and Chromium says so.
COUNTER = "https://apachesuperset.gateway.scarf.sh/"
# One figure of each dashboard, as its chart shows it, and where it comes from.
FIGURES = {
    "in_an_active_stage": (
        "select format('{:,}', count(*)) from marts.lifecycle_current "
        "where lifecycle_model = 'conversation' and stage_kind = 'active'"
    ),
    "mrr_last_month": (
        "select format('{:,}', round(arg_max(end_mrr_amount_reporting, month))::bigint) || ' €' "
        "from marts.revenue_retention where is_complete"
    ),
    "revenue_to_spend": (
        "select format('{:.2f}', sum(revenue_amount_reporting)::double / sum(spend_amount_reporting)::double) "
        "from marts.campaign_performance where campaign_name is not null"
    ),
    "sources_read": "select count(*)::varchar from marts.publication_sources",
}
SLOW = "select count(*) from range(30000000) as a, range(40) as b where a.range % 7 = b.range % 5"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default simulated company, refreshed once."""
    folder = tmp_path_factory.mktemp("company") / "data"
    subprocess.run(
        [sys.executable, "-m", "dagster_project.environment", "--sandbox", "--"]
        + [sys.executable, "-m", "dagster_project.refresh"],
        env=environment(folder),
        check=True,
        capture_output=True,
    )
    return folder


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIFECYCLE_", "S"))}
    return {**kept, "LIFECYCLE_DATA_DIR": str(data), "PYTHONWARNINGS": "ignore", **more}


@contextmanager
def started(data: Path, *arguments: str, **variables: str) -> Iterator[str]:
    with superset_command.running(*arguments, variables=environment(data, **variables)) as address:
        yield address


def password(data: Path) -> str:
    return (data / "superset" / "password").read_text().strip()


@pytest.fixture(scope="module")
def superset(data: Path) -> Iterator[str]:
    with started(data) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pictures.browser() as started:
        yield started


class Reader:
    """Somebody who has signed in, and all that their browser complains of."""

    def __init__(self, browser: Browser, address: str, data: Path, width: int = 1440) -> None:
        self.address, self.complaints = address, list[str]()
        self.page: Page = browser.new_page(viewport={"width": width, "height": 4000})
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)
        self.page.on(
            "response", lambda got: self.complaints.append(f"{got.status} {got.url}") if got.status > 399 else 0
        )
        sign_in(self.page, address, password(data))

    def _hear(self, message: Any) -> None:
        if message.type == "error" and COUNTER not in message.text:
            self.complaints.append(message.text)

    def _check(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def _see(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:", COUNTER)):
            self.complaints.append(f"a request off the machine: {request.url}")

    def open(self, dashboard: str) -> None:
        open_dashboard(self.page, self.address, dashboard)

    def chart(self, name: str) -> Any:
        return self.page.locator(
            f'[data-test=chart-grid-component][data-test-chart-name="{CHARTS[name]["slice_name"]}"]'
        )

    def figure(self, name: str) -> str:
        return self.chart(name).locator(".header-line").inner_text().strip()

    def faults(self, dashboard: str) -> dict[str, str]:
        """What each chart says instead of showing something."""
        said = {name: self.chart(name).inner_text() for name in assets.charts_of(DASHBOARDS[dashboard])}
        wrong = re.compile(r"error|unexpected|no results|no data|cannot|invalid", re.IGNORECASE)
        return {name: text for name, text in said.items() if wrong.search(text)}


@pytest.mark.parametrize("width", [1440, 380])
@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_chart_is_shown(superset: str, browser: Browser, data: Path, dashboard: str, width: int) -> None:
    reader = Reader(browser, superset, data, width)

    reader.open(dashboard)

    assert reader.faults(dashboard) == {}
    assert reader.complaints == []
    narrowest = min(reader.chart(name).bounding_box()["width"] for name in assets.charts_of(DASHBOARDS[dashboard]))
    assert narrowest > 150


@pytest.mark.parametrize("chart", FIGURES)
def test_a_figure_is_that_of_its_mart(superset: str, browser: Browser, data: Path, chart: str) -> None:
    reader = Reader(browser, superset, data)
    (dashboard,) = (name for name, each in DASHBOARDS.items() if chart in assets.charts_of(each))

    reader.open(dashboard)

    assert reader.figure(chart) == one(link_path(data / "serving"), FIGURES[chart])


def test_a_picture_is_of_the_size_of_the_page(superset: str, browser: Browser, data: Path, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})

    take_picture(page, superset, password(data), "lifecycle", tmp_path / "lifecycle.png")

    head = (tmp_path / "lifecycle.png").read_bytes()[:24]
    assert head[:4] == b"\x89PNG" and (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (1440, 900)


def one(database: Path, query: str) -> Any:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()[0][0]


class Api:
    """Superset's own interface, as another client of the same user."""

    def __init__(self, address: str, data: Path) -> None:
        self.address, self.session = address, requests.Session()
        given = {"username": "admin", "password": password(data), "provider": "db"}
        token = self.session.post(f"{address}/api/v1/security/login", json=given).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        csrf = self.session.get(f"{address}/api/v1/security/csrf_token/").json()["result"]
        self.session.headers.update({"X-CSRFToken": csrf, "Referer": address})

    def send(self, method: str, path: str, content: dict[str, Any]) -> None:
        answered = self.session.request(method, f"{self.address}/api/v1/{path}", json=content)
        assert answered.ok, answered.text

    def charts(self) -> list[dict[str, Any]]:
        return self.session.get(f"{self.address}/api/v1/chart/?q=(page_size:100)").json()["result"]

    def ask(self, sql: str) -> Any:
        """The first row of an answer, or what is said instead."""
        answered = self.session.post(
            f"{self.address}/api/v1/sqllab/execute/", json={"database_id": 1, "sql": sql, "runAsync": False}
        )
        return answered.json()["data"][0] if answered.ok else answered.json()["errors"][0]["message"]


def publish_next(data: Path) -> str:
    """Another version, without whoever is lost, published by the flip that a refresh ends with."""
    serving = data / "serving"
    current = current_version(serving)
    assert current is not None
    number = int(name_of(current).split("-")[1])
    version = f"lifecycle-{number + 1:06}-20300101T000000000000Z"
    database = database_of(version, serving)
    shutil.copytree(current.parent, database.parent)
    with duckdb.connect(str(database)) as connection:
        connection.execute("update marts.publication set version = ?", [version])
        connection.execute("delete from marts.lifecycle_current where stage_kind = 'lost'")
    point_link_at(database, serving)
    return version


def test_a_refresh_shows_at_the_next_query_also_beside_a_longer_one(
    superset: str, browser: Browser, data: Path
) -> None:
    reader, api = Reader(browser, superset, data), Api(superset, data)
    reader.open("lifecycle")
    assert reader.figure("lost_so_far") != "0"
    answers: list[Any] = []
    longer = threading.Thread(target=lambda: answers.append(Api(superset, data).ask(SLOW)))
    longer.start()
    assert api.ask("select version from marts.publication") == {
        "version": name_of(current_version(data / "serving") or Path())
    }

    version = publish_next(data)

    assert api.ask("select version from marts.publication") == {"version": version}
    assert longer.is_alive(), "the other query was to be still open: make it slower"
    reader.open("lifecycle")
    assert reader.figure("lost_so_far") == "0"
    assert reader.complaints == []
    longer.join()
    assert "count_star()" in answers[0]


def test_nobody_writes_and_no_other_file_is_read(superset: str, data: Path) -> None:
    api = Api(superset, data)

    assert "Permission" in str(api.ask("select * from read_text('/etc/passwd')"))
    for statement in ("delete from marts.publication", "create table marts.mine as select 1 as a"):
        assert isinstance(api.ask(statement), str), statement


def test_secrets_are_for_the_owner_alone(superset: str, data: Path) -> None:
    home = data / "superset"
    for name in ("password", "secret_key"):
        assert (home / name).stat().st_mode & 0o777 == 0o600
        assert (home / name).read_text().strip() not in (home / "superset.log").read_text()


def test_a_later_start_over_postgresql_renews_what_is_ours_and_keeps_what_people_made(
    data: Path, browser: Browser, postgres: str, tmp_path: Path
) -> None:
    shutil.copytree(data / "serving", tmp_path / "serving", symlinks=True)
    with started(tmp_path) as address:
        api = Api(address, tmp_path)
        ours = {each["slice_name"]: each for each in api.charts()}
        assert len(ours) == len(CHARTS)
        renamed = ours["Who is lost?"]["id"]
        api.send("PUT", f"chart/{renamed}", {"slice_name": "Gone?"})
        made = {"slice_name": "Mine", "viz_type": "table", "params": "{}", "datasource_type": "table"}
        api.send("POST", "chart/", {**made, "datasource_id": ours["Who is lost?"]["datasource_id"]})

    database = current_version(tmp_path / "serving")
    assert database is not None
    target = Postgres(postgres, "reports", ())
    target.replace(database)
    variables = {"SERVING_POSTGRES_URL": postgres, "SERVING_POSTGRES_SCHEMA_NAME": "reports"}
    with started(tmp_path, "--over", "postgres", **variables) as address:
        api, reader = Api(address, tmp_path), Reader(browser, address, tmp_path)
        assert {each["slice_name"] for each in api.charts()} == {*ours, "Mine"}
        assert {each["id"] for each in api.charts() if each["slice_name"] == "Who is lost?"} == {renamed}
        for dashboard in DASHBOARDS:
            reader.open(dashboard)
            assert reader.faults(dashboard) == {}
        reader.open("lifecycle")
        assert reader.figure("in_an_active_stage") == one(database, FIGURES["in_an_active_stage"])
        assert isinstance(api.ask("delete from reports.publication"), str)

        version = publish_next(tmp_path)
        target.replace(database_of(version, tmp_path / "serving"))

        assert api.ask("select version from reports.publication") == {"version": version}
        reader.open("lifecycle")
        assert reader.figure("lost_so_far") == "0"
        assert reader.complaints == []
