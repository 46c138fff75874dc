"""The report of a real publication, opened in a real browser from the disk: figures, both languages, wide and narrow.

What the pages say is held to SQL of its own, which is none of the report's.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from dagster_project.pictures import NoBrowserError, browser
from reports import FOLDER
from reports.figures import CODES, Code, Page
from reports.needs import NEEDS
from reports.pages import PAGES
from reports.reading import Published
from reports.write import MARTS_PAGE, file_name, write_report
from serving.versions import link_path
from tests.integration.refreshing import Company, refreshed_first

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

ALL_PAGES = (*PAGES, MARTS_PAGE)
WIDE, NARROW = 1440, 380
LARGEST = 3_000_000  # bytes of a page
# What stands on a page: its figures with their tables, and the rows that its charts are drawn of.
READ = """() => ({
    headlines: Object.fromEntries([...document.querySelectorAll('.figure-value data')].map((each) => [
        each.id.replace('figure-', ''), each.value])),
    changes: Object.fromEntries([...document.querySelectorAll('.change data')].map((each) => [
        each.closest('.headline').id + ' ' + each.className, [each.value, each.dataset.then]])),
    figures: Object.fromEntries([...document.querySelectorAll('.figure')].map((figure) => [figure.id, {
        query: figure.dataset.query,
        title: figure.querySelector('h2').textContent,
        message: figure.querySelector('.message')?.textContent ?? null,
        columns: [...figure.querySelectorAll('thead th')].map((each) => each.dataset.column),
        rows: [...figure.querySelectorAll('tbody tr')].map((row) => [...row.children].map(
            (cell) => cell.querySelector('data')?.value ?? cell.textContent)),
        drawn: [...figure.querySelectorAll('script')].flatMap((each) => JSON.parse(each.textContent).datasets.rows),
    }])),
})"""
DRAWN = "[...document.querySelectorAll('.chart')].every((each) => !each.offsetParent || each.dataset.drawn == 'done')"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
# Each headline by another way than its own: from the rows that persons, deals and months are counted of.
HEADLINES = {
    "people_known": "select count(distinct person_id) from marts.customer_360",
    "customers": "select count(*) from marts.customer_value where paid_order_count > 0 or won_deal_count > 0 "
    "or first_purchased_at is not null",
    "revenue": "select sum(sold_amount_reporting - refunded_amount_reporting) from marts.revenue_by_month "
    "where breakdown = 'product' and view = 'order' and month = (select max(month) from marts.revenue_by_month "
    "where is_complete)",
    "new_customers": "select sum(customer_count) from marts.acquisition_payback where breakdown = 'campaign' "
    "and cohort_month = (select date_trunc('month', max(date_day)) - interval 1 month from marts.calendar_days)",
    "recurring_revenue": "select sum(case when column_name in ('contraction', 'churn') then -amount else amount end) "
    "from (unpivot (select new_mrr_amount_reporting as new, reactivation_mrr_amount_reporting as back, "
    "expansion_mrr_amount_reporting as expansion, contraction_mrr_amount_reporting as contraction, "
    "churn_mrr_amount_reporting as churn from marts.revenue_retention) "
    "on columns(*) into name column_name value amount)",
    "pipeline": "select sum(deal_amount_reporting) from marts.deal_pipeline where deal_status = 'open'",
    "first_response": "select median_seconds from marts.first_response_times where breakdown = 'all' and month = "
    "(select date_trunc('month', max(date_day)) - interval 1 month from marts.calendar_days)",
}
# Of a figure: the column that names a row, the one that is compared, and what they are in SQL of another kind.
FIGURES = {
    "now-conversation": (
        ("stage_label", "people"),
        "select stage_label_en, entities_in_stage from marts.lifecycle_daily where lifecycle_model = 'conversation' "
        "and date_day = (select max(date_day) from marts.lifecycle_daily)",
    ),
    "stages_left-conversation": (
        ("stage_label", "lost_count"),
        "select stage_left_label_en, sum(lost_count) from marts.lifecycle_drop_off where "
        "lifecycle_model = 'conversation' and stage_left_kind = 'active' group by all",
    ),
    "reached-b2c": (
        ("stage_label", "cohort_size"),
        "select stage_label_en, sum(cohort_size) from marts.lifecycle_funnel where lifecycle_model = 'b2c' "
        "and breakdown = 'channel' and is_mature group by all",
    ),
    "no_purchase": (
        ("risk_band", "customer_count"),
        "select no_purchase_risk_band, count(person_id) from marts.customer_churn "
        "where no_purchase_risk_band is not null group by all",
    ),
    "recurring_revenue": (
        ("month", "end_mrr_amount_reporting"),
        "select month, start_mrr_amount_reporting + new_mrr_amount_reporting + reactivation_mrr_amount_reporting "
        "+ expansion_mrr_amount_reporting - contraction_mrr_amount_reporting - churn_mrr_amount_reporting "
        "from marts.revenue_retention",
    ),
    "spend": (
        ("month", "spend_amount_reporting"),
        "select cohort_month, sum(spend_amount_reporting) from marts.acquisition_payback where breakdown = 'campaign' "
        "and campaign_id <> 'none' group by all having sum(spend_amount_reporting) <> 0",
    ),
    "open": (
        ("meaning", "deal_count"),
        "select meaning, count(deal_id) from marts.deal_pipeline where deal_status = 'open' group by all",
    ),
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path, shared: Path) -> Company:
    return refreshed_first(shared, tmp_path_factory.mktemp("reported"), parsed_project)


@pytest.fixture(scope="module")
def database(company: Company) -> Path:
    return link_path(company.serving).resolve()


@pytest.fixture(scope="module")
def report(database: Path) -> Path:
    folder = database.parent / FOLDER
    assert folder.is_dir(), "the refresh that published this version wrote no report"
    return folder


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """A tab of one browser for all tests, which lets a page ask for nothing but itself."""
    try:
        with browser() as started:
            opened = started.new_context(viewport={"width": WIDE, "height": 900}).new_page()
            opened.on("console", lambda message: COMPLAINTS.append(f"console: {message.text}"))
            opened.on("pageerror", lambda error: COMPLAINTS.append(f"error: {error}"))
            opened.route("**/*", let_through)
            yield opened
    except NoBrowserError as error:
        pytest.skip(str(error))


# What pages said on the console, and what they asked for beside themselves.
COMPLAINTS: list[str] = []


def let_through(route: Any) -> None:
    if route.request.resource_type == "document" and route.request.url.startswith("file:"):
        route.continue_()
    else:
        COMPLAINTS.append(f"request: {route.request.url}")
        route.abort()


@pytest.fixture(autouse=True)
def complaints() -> list[str]:
    """Those of one test."""
    COMPLAINTS.clear()
    return COMPLAINTS


def shown(tab: Tab, path: Path) -> dict[str, Any]:
    """A page, once its charts in sight are drawn."""
    tab.set_viewport_size({"width": WIDE, "height": 6000})
    tab.goto(path.as_uri())
    tab.wait_for_function(DRAWN)
    return tab.evaluate(READ)


@pytest.fixture(scope="module")
def read(tab: Tab, report: Path) -> dict[tuple[str, Code], dict[str, Any]]:
    """What every page says and how it looks, by its name and language; English in the light, French in the dark."""
    found = {}
    for page in ALL_PAGES:
        for code, scheme in zip(CODES, ("light", "dark"), strict=True):
            COMPLAINTS.clear()
            tab.emulate_media(color_scheme=scheme)
            said = shown(tab, report / file_name(page, code))
            said |= {"lang": tab.get_attribute("html", "lang"), "too_wide": {WIDE: tab.evaluate(TOO_WIDE)}}
            tab.set_viewport_size({"width": NARROW, "height": 6000})
            tab.wait_for_function(DRAWN)
            said["too_wide"][NARROW] = tab.evaluate(TOO_WIDE)
            said["brightness"] = sum(map(int, re.findall(r"\d+", tab.evaluate(BACKGROUND))))
            found[page.name, code] = said | {"complaints": [*COMPLAINTS]}
    return found


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_a_page_shows_itself_without_a_complaint_wide_and_narrow_light_and_dark(
    read: dict[tuple[str, Code], Any], report: Path, page: Page
) -> None:
    for code in CODES:
        said = read[page.name, code]
        assert said["complaints"] == [], code
        assert [width for width, pixels in said["too_wide"].items() if pixels > 0] == [], f"{code} scrolls sideways"
        assert (said["brightness"] > 600) == (code == "en"), "light is not light, or dark not dark"
        assert said["lang"] == code
        assert (report / file_name(page, code)).stat().st_size < LARGEST


def test_every_stage_model_is_shown_by_choosing_it(tab: Tab, report: Path, complaints: list[str]) -> None:
    shown(tab, report / "stages.html")
    models = tab.eval_on_selector_all("select[name=lifecycle_model] option", "all => all.map((each) => each.value)")
    assert len(models) == 9

    for model in models:
        tab.select_option("select[name=lifecycle_model]", model)
        tab.wait_for_function(DRAWN)
        visible = tab.eval_on_selector_all(
            ".chosen", "all => all.filter((e) => e.offsetParent).map((e) => e.dataset.value)"
        )
        assert visible == [model]
        assert tab.evaluate("[...document.querySelectorAll('.chart svg')].some((each) => each.checkVisibility())")
    tab.goto((report / "stages.html").as_uri() + f"#lifecycle_model-{models[-1]}")
    assert tab.input_value("select[name=lifecycle_model]") == models[-1]
    assert complaints == []


def test_every_headline_equals_its_mart(read: dict[tuple[str, Code], Any], database: Path) -> None:
    for code in CODES:
        headlines = read["today", code]["headlines"]
        for name, query in HEADLINES.items():
            assert float(headlines[name]) == pytest.approx(float(value(database, query)), abs=1e-6), name


def test_every_figure_equals_its_mart(read: dict[tuple[str, Code], Any], database: Path) -> None:
    figures = {name: figure for page in PAGES for name, figure in read[page.name, "en"]["figures"].items()}
    for name, ((key, measure), query) in FIGURES.items():
        figure = figures[name]
        if figure["message"]:  # as of the risk of so few buyers
            assert "Hidden, because" in figure["message"] and not figure["drawn"], name
            continue
        places = figure["columns"].index(key), figure["columns"].index(measure)
        there = {row[places[0]]: row[places[1]] for row in figure["rows"]}
        expected = {str(key): float(number) for key, number in rows(database, query) if number}
        assert expected, name
        together = [float(there.pop(key)) for key in ("smaller_groups", "Smaller groups") if key in there]
        for key in expected.keys() & there.keys():
            if there[key] != "under 5":
                assert float(there[key]) == pytest.approx(expected[key], abs=1e-6), (name, key)
        assert {key for key, number in there.items() if number not in ("0", "0.0000")} <= expected.keys(), name
        assert sum(together) == pytest.approx(sum(expected[key] for key in expected.keys() - there.keys())), name


def test_both_languages_show_the_same_figures_and_a_chart_shows_what_its_table_does(
    read: dict[tuple[str, Code], Any],
) -> None:
    for page in PAGES:
        english, french = (read[page.name, code] for code in CODES)
        assert english["headlines"] == french["headlines"]
        assert english["figures"].keys() == french["figures"].keys()
        for name, figure in english["figures"].items():
            other = french["figures"][name]
            assert figure["title"] != other["title"] and figure["columns"] == other["columns"], name
            numbers = [[cell for cell in row if re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)] for row in figure["rows"]]
            assert numbers == [
                [cell for cell in row if re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)] for row in other["rows"]
            ], name
            assert len(figure["drawn"]) == len(other["drawn"])
            in_table = {cell if not is_number(cell) else float(cell) for row in figure["rows"] for cell in row}
            chart = next(each.chart for each in page.figures if f"{page.name}/{each.name}" == figure["query"])
            measure = chart and (
                chart.y
                if chart.y in figure["columns"] and figure["drawn"] and is_a_number(figure, chart.y)
                else chart.x
            )
            if chart and len(figure["drawn"]) == len(figure["rows"]) and measure in figure["columns"]:
                drawn = {row[measure] for row in figure["drawn"] if isinstance(row.get(measure), int | float)}
                assert {float(each) for each in drawn} <= in_table, name


def is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)) and cell.count(".") < 2


def is_a_number(figure: dict[str, Any], column: str) -> bool:
    return any(isinstance(row.get(column), int | float) for row in figure["drawn"])


def test_nobody_is_told_of_and_no_figure_is_about_fewer_than_five(
    read: dict[tuple[str, Code], Any], report: Path, database: Path
) -> None:
    people = {f"{page.name}/{each.name}": each.people for page in PAGES for each in page.figures if each.people}
    seen = 0
    for (page, _), said in read.items():
        for name, figure in said["figures"].items():
            column = people.get(figure["query"])
            if column in figure["columns"]:
                place = figure["columns"].index(column)
                counts = [float(row[place]) for row in figure["rows"] if is_number(row[place])]
                seen += len(counts)
                assert [each for each in counts if 0 < each < 5] == [], (page, name)
            drawn = [row[column] for row in figure["drawn"] if isinstance(row.get(column), int | float)]
            assert [each for each in drawn if 0 < each < 5] == [], (page, name)
    assert seen > 200
    text = "".join(path.read_text() for path in report.glob("*.html") if not path.name.startswith("marts"))
    ids = rows(database, "select person_id from marts.customer_360 union select account_id from marts.account_coverage")
    assert len(ids) > 100
    assert [each for (each,) in ids if each in text] == []
    pages = re.sub(r"<script type=\"module\">.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"[\w.]+@[\w.]+\.\w+", pages) == []
    assert [
        name for (name,) in rows(database, "select account_name from marts.account_coverage") if name in pages
    ] == []


def test_a_hidden_prediction_is_never_drawn(read: dict[tuple[str, Code], Any], database: Path) -> None:
    (reason,) = rows(
        database, "select distinct predicted_short_term_value_hidden_reason from marts.customer_value limit 1"
    )[0]
    assert reason, "a company of so few buyers is foretold nothing"

    forecast = read["value", "fr"]["figures"]["forecast"]

    assert forecast["drawn"] == [] and "Masqué, car" in forecast["message"]


def test_the_refresh_tells_what_was_checked_and_rejected(read: dict[tuple[str, Code], Any]) -> None:
    figures = read["trust", "en"]["figures"]

    checks = {row[0]: [int(each) for each in row[1:]] for row in figures["checks"]["rows"]}
    assert checks.keys() == {"loading", "accounting", "raw_gate", "model_tests", "mart_gate"}
    assert checks["loading"] == [7, 0, 0] and checks["model_tests"][0] > 500 and checks["mart_gate"][0] > 30
    reasons = {row[2] for row in figures["rejections"]["rows"]}
    assert len(reasons) > 3 and not any("got " in reason for reason in reasons)


def test_figures_are_compared_with_the_version_before(
    tab: Tab, database: Path, tmp_path: Path, complaints: list[str]
) -> None:
    before, folder = tmp_path / "before.duckdb", tmp_path / "report"
    shutil.copy(database, before)
    before.chmod(0o600)
    with duckdb.connect(str(before)) as connection:
        connection.execute(
            "delete from marts.customer_value where customer_id in "
            "(select customer_id from marts.customer_value where is_customer order by 1 limit 3)"
        )
        connection.execute("drop table marts.renewals_due")  # as of a version from before there was such a mart

    write_report(database, before, folder)
    said = shown(tab, folder / "index.html")

    now = int(value(database, "select count(*) from marts.customer_value where is_customer"))
    assert said["changes"]["customers before"] == ["3.0", str(now - 3)]
    assert said["changes"]["people_known before"][0] == "0.0"
    assert "renewals before" not in said["changes"]
    assert complaints == []


def test_an_empty_company_says_on_every_page_what_would_fill_it(
    tab: Tab, database: Path, tmp_path: Path, complaints: list[str]
) -> None:
    empty = tmp_path / "empty.duckdb"
    with duckdb.connect(str(empty)) as connection:
        connection.execute(f"attach '{database}' as whole (read_only)")
        connection.execute("create schema marts")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'whole' and schema_name = 'marts'"
        ).fetchall():
            kept = "" if name in ("publication", "lifecycle_stages") else " limit 0"
            connection.execute(f'create table marts."{name}" as from whole.marts."{name}"{kept}')

    write_report(empty, folder=tmp_path / "report")

    for page in PAGES:
        said = shown(tab, tmp_path / "report" / file_name(page, "fr"))
        assert {*said["headlines"].values()} <= {"0"}
        needs = {text.fr for text in NEEDS.values()}
        assert [figure["message"] for figure in said["figures"].values() if figure["message"] not in needs] == []
        assert len(said["figures"]) >= len(page.figures)
    assert complaints == []


def test_a_text_of_a_source_stays_a_text(tab: Tab, database: Path, tmp_path: Path, complaints: list[str]) -> None:
    edited, text = tmp_path / "edited.duckdb", "</script><script>document.title = 'taken'</script>"
    shutil.copy(database, edited)
    edited.chmod(0o600)
    with duckdb.connect(str(edited)) as connection:
        connection.execute(
            "update marts.campaign_performance set campaign_name = ? where campaign_id <> 'none'", [text]
        )

    write_report(edited, folder=tmp_path / "report")
    shown(tab, tmp_path / "report" / "campaigns.html")

    assert "taken" not in tab.title()
    assert text in tab.inner_text("#performance") or text in tab.evaluate(
        "document.querySelector('#performance').textContent"
    )
    assert complaints == []


def test_written_anew_it_says_the_same(database: Path, report: Path, tmp_path: Path) -> None:
    shutil.copytree(report, tmp_path / "report")
    write_report(database, folder=tmp_path / "report")

    for path in report.glob("*.html"):
        assert (tmp_path / "report" / path.name).read_bytes() == path.read_bytes(), path.name
    assert json.loads((tmp_path / "report" / "given.json").read_text())["checks"]


def test_the_version_has_what_every_figure_reads(database: Path) -> None:
    with Published(database) as published:
        for page in PAGES:
            for figure in page.figures:
                if figure.marts:  # raises where a mart or a column is missing
                    columns = published.rows(f"{page.name}/{figure.name}")[:1]
                    named = {name for column in figure.columns for name in names_of(column.name, column.kind)}
                    assert not columns or named <= columns[0].keys(), figure.name


def names_of(name: str, kind: str) -> tuple[str, ...]:
    return (f"{name}_en", f"{name}_fr") if kind == "label" else (name,)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def value(database: Path, query: str) -> Any:
    return rows(database, query)[0][0]
