"""The project's charts and dashboards as the files that Superset imports.

The YAML in this folder says what somebody decided: which question a chart asks, of which mart, and where it stands. The
rest of Superset's import format follows from that and from what is published, and is made here at each start: ids,
connections between files, the columns of a dataset with their descriptions, positions on the page.

Belongs here: reading that YAML, and writing Superset's. Does not: talking to Superset (`server/serve`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import yaml

HERE = Path(__file__).parent
DATABASE_NAME = "Customer lifecycle"
COLUMNS_OF_A_PAGE = 12
# What a reader of a dashboard never needs, and what is not for every reader.
NOT_SHOWN = ("personal_details",)
# What `where` may say of a column beside a value.
PRESENCE = {"known": "is not null", "nothing": "is null"}


class AssetError(ValueError):
    """A YAML file says something that cannot be shown; the message says which and what to do."""


class Column(Protocol):
    """A column of what is published, as `serving.postgres.Column` knows it."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def description(self) -> str | None: ...


class Mart(Protocol):
    """A table of what is published, as `serving.postgres.Mart` knows it."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def columns(self) -> Sequence[Column]: ...


@dataclass(frozen=True)
class Place:
    """Where Superset reads: its URI for SQLAlchemy, the schema of the marts, and what else the connection is told."""

    uri: str
    schema: str
    connect_args: Mapping[str, Any]


# ---- what the YAML says


def charts() -> dict[str, dict[str, Any]]:
    """Every chart by the name of its file, with `params` as Superset knows them."""
    defaults = _read(HERE / "charts" / "defaults.yaml")
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((HERE / "charts").glob("*/*.yaml")):
        if path.stem in found:
            raise AssetError(f"{path.relative_to(HERE)}: there is another chart of this name. Choose a second name.")
        chart = _read(path)
        written = chart.pop("params", {})
        params = {**defaults["every"], **defaults.get(chart["viz_type"], {}), **written}
        params["viz_type"] = chart["viz_type"]
        params["adhoc_filters"] = [*_filters(chart.pop("where", {}), chart.get("time")), *params["adhoc_filters"]]
        if time := chart.pop("time", None):
            params["granularity_sqla"] = time
        found[path.stem] = {**chart, "params": params}
    return found


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file, which is also its address."""
    return {path.stem: _read(path) for path in sorted((HERE / "dashboards").glob("*.yaml"))}


def datasets() -> dict[str, dict[str, Any]]:
    """What is added to a mart: its metrics, by the mart's name."""
    return {path.stem: _read(path) for path in sorted((HERE / "datasets").glob("*.yaml"))}


def charts_of(dashboard: Mapping[str, Any]) -> list[str]:
    """The names of a dashboard's charts, in reading order."""
    return [name for row in dashboard["rows"] for name in row.get("charts", ())]


def marts_of(dashboard: Mapping[str, Any]) -> set[str]:
    """The marts that a dashboard reads, by its charts and filters."""
    known = charts()
    choices = {choice["dataset"] for choice in dashboard["filters"] if "dataset" in choice}
    return choices | {known[name]["dataset"] for name in charts_of(dashboard)}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _filters(where: Mapping[str, Any], time: str | None) -> Iterator[dict[str, Any]]:
    """The short form `where: {column: value}` as Superset's filters; a list means one of them."""
    for column, value in where.items():
        if isinstance(value, str) and value in PRESENCE:
            # In SQL: of a column that is also a chart's time, Superset forgets any other form of it.
            yield {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": f"{column} {PRESENCE[value]}"}
        else:
            yield _filter(column, "IN" if isinstance(value, list) else "==", value)
    if time:  # where a period that somebody chooses takes hold
        yield _filter(time, "TEMPORAL_RANGE", "No filter")


def _filter(column: str, operator: str, value: Any) -> dict[str, Any]:
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "subject": column,
        "operator": operator,
        "comparator": value,
    }


# ---- what Superset imports


def bundle(marts: Iterable[Mart], place: Place, currency: str) -> dict[str, str]:
    """Superset's import format: the text of each file by its path.

    Args:
        marts: what is published.
        place: where Superset reads it.
        currency: of the amounts (ISO 4217).
    """
    published = {mart.name: mart for mart in marts if mart.name not in NOT_SHOWN}
    added = datasets()
    if missing := sorted({chart["dataset"] for chart in charts().values()} - published.keys()):
        raise AssetError(
            f"{', '.join(missing)}: not in what is published, though charts read it. Run `make refresh` first, so that "
            "what is published comes from these models."
        )
    files: dict[str, Any] = {
        "metadata.yaml": {"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"},
        "databases/lifecycle.yaml": _database(place),
    }
    for name, mart in published.items():
        files[f"datasets/lifecycle/{name}.yaml"] = _dataset(mart, added.get(name, {}), place.schema, currency)
    for name, chart in charts().items():
        files[f"charts/{name}.yaml"] = _chart(name, chart)
    for name, dashboard in dashboards().items():
        files[f"dashboards/{name}.yaml"] = _dashboard(name, dashboard)
    return {path: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for path, content in files.items()}


def identifier(kind: str, name: str = "") -> str:
    """The id of an asset: the same at every start and on every machine, so that a later import finds it."""
    return str(uuid5(NAMESPACE_URL, f"customer-lifecycle-warehouse/{kind}/{name}"))


def _database(place: Place) -> dict[str, Any]:
    return {
        "database_name": DATABASE_NAME,
        "sqlalchemy_uri": place.uri,
        "cache_timeout": -1,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {
            "engine_params": {"connect_args": dict(place.connect_args)},
            "metadata_params": {},
            "metadata_cache_timeout": {},
        },
        "uuid": identifier("database"),
        "version": "1.0.0",
    }


def _dataset(mart: Mart, added: Mapping[str, Any], schema: str, currency: str) -> dict[str, Any]:
    names = [column.name for column in mart.columns]
    columns: list[dict[str, Any]] = [
        {
            "column_name": column.name,
            "verbose_name": _words(column.name, currency),
            "type": column.type,
            "description": column.description,
            "is_dttm": column.type in ("date", "timestamptz"),
            "groupby": True,
            "filterable": True,
        }
        for column in mart.columns
    ]
    columns += [
        {
            "column_name": in_order(label),
            "verbose_name": label.removesuffix("_label_en").replace("_", " ").capitalize(),
            "type": "text",
            "expression": expression,
            "description": f"`{label}` behind its place, so that charts sort by it.",
            "groupby": True,
            "filterable": True,
        }
        for label, expression in _sortable(names)
    ]
    return {
        "table_name": mart.name,
        "schema": schema,
        "description": mart.description,
        "main_dttm_col": added.get("main_dttm_col"),
        "columns": columns,
        "metrics": [_metric(metric, currency) for metric in added.get("metrics", ())],
        "filter_select_enabled": True,
        "uuid": identifier("dataset", mart.name),
        "database_uuid": identifier("database"),
        "version": "1.0.0",
    }


def _words(name: str, currency: str) -> str:
    """A column's name as the head of a table, with its unit."""
    words = name.removesuffix("_reporting").removesuffix("_amount").replace("_", " ")
    return f"{words[0].upper()}{words[1:]}{f' ({currency})' if name.endswith('_reporting') else ''}"


def in_order(label: str) -> str:
    """Name of the column that shows a stage, band or bucket behind its place."""
    return f"{label.removesuffix('_label_en')}_in_order"


def _sortable(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Labels that have an order beside them, and how the two are joined in SQL.

    Superset sorts the values of an axis by name. A blank stands before places of one digit: they come before 10.
    """
    for name in names:
        stem = name.removesuffix("_order")
        label = f"{stem}_label_en" if f"{stem}_label_en" in names else stem
        if name.endswith("_order") and label in names:
            place = f"case when {name} < 10 then ' ' else '' end || cast({name} as varchar(3))"
            yield label, f"{place} || ' ' || replace({label}, '_', ' ')"


def _metric(metric: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A metric of the YAML; `is_money` gives it the currency of what is published."""
    given = {key: value for key, value in metric.items() if key != "is_money"}
    if metric.get("is_money"):
        given["currency"] = {"symbol": currency, "symbolPosition": "suffix"}
    return given


def _chart(name: str, chart: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "slice_name": chart["slice_name"],
        "description": chart["description"],
        "viz_type": chart["viz_type"],
        "params": chart["params"],
        "uuid": identifier("chart", name),
        "dataset_uuid": identifier("dataset", chart["dataset"]),
        "version": "1.0.0",
    }


def _dashboard(name: str, dashboard: Mapping[str, Any]) -> dict[str, Any]:
    # Superset replaces these numbers by its own; they only have to agree within the file.
    numbers = {chart: number for number, chart in enumerate(charts_of(dashboard), start=1)}
    return {
        "dashboard_title": dashboard["dashboard_title"],
        "description": dashboard["description"],
        "slug": name,
        "published": True,
        "css": (HERE / "dashboards" / "page.css").read_text(),
        "uuid": identifier("dashboard", name),
        "position": _position(dashboard, numbers),
        "metadata": {
            "color_scheme": "told_apart",
            "cross_filters_enabled": True,
            # Above the charts: beside them it would leave them no room on a small screen.
            "filter_bar_orientation": "HORIZONTAL",
            "native_filter_configuration": [_native_filter(name, choice, numbers) for choice in dashboard["filters"]],
        },
        "version": "1.0.0",
    }


def _position(dashboard: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """Rows of charts, each chart with its description below: Superset itself shows it nowhere on the page."""
    known = charts()
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": dashboard["dashboard_title"]}},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": [], "parents": ["ROOT_ID"]},
    }

    def place(kind: str, name: str, above: str, **meta: Any) -> str:
        its_id, parent = f"{kind}-{name}", position[above]
        parent["children"].append(its_id)
        position[its_id] = {
            "id": its_id,
            "type": kind,
            "children": [],
            "parents": [*parent["parents"], above],
            "meta": meta,
        }
        return its_id

    for number, row in enumerate(dashboard["rows"], start=1):
        row_id = place("ROW", str(number), "GRID_ID", background="BACKGROUND_TRANSPARENT")
        for name, width in _widths(row).items():
            if name not in known:
                raise AssetError(
                    f"a dashboard shows the chart {name}, which charts/ does not have. Write it, or correct the name."
                )
            column = place("COLUMN", name, row_id, width=width, background="BACKGROUND_TRANSPARENT")
            place(
                "CHART",
                name,
                column,
                width=width,
                height=row["height"],
                chartId=numbers[name],
                sliceName=known[name]["slice_name"],
                uuid=identifier("chart", name),
            )
            described = known[name]["description"]
            place("MARKDOWN", name, column, width=width, height=row["captions"], code=described)
    return position


def _widths(row: Mapping[str, Any]) -> dict[str, int]:
    """How many of the page's columns each chart of a row takes; a list shares them equally."""
    found = row.get("charts", ())
    return dict(found) if isinstance(found, Mapping) else {name: COLUMNS_OF_A_PAGE // len(found) for name in found}


def _native_filter(dashboard: str, choice: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """A choice above the charts: a value of a column, or a period where no column is named."""
    column, value = choice.get("column"), choice.get("default")
    target: dict[str, Any] = {}
    if column:
        target = {"datasetUuid": identifier("dataset", choice["dataset"]), "column": {"name": column}}
    chosen: dict[str, Any] = {"extraFormData": {}, "filterState": {}}
    if value is not None:
        chosen = {
            "extraFormData": {"filters": [{"col": column, "op": "IN", "val": [value]}]},
            "filterState": {"label": value, "value": [value]},
        }
    return {
        "id": f"NATIVE_FILTER-{dashboard}-{choice['name'].lower().replace(' ', '-')}",
        "name": choice["name"],
        "description": choice["description"],
        "type": "NATIVE_FILTER",
        "filterType": "filter_select" if column else "filter_time",
        "targets": [target],
        "defaultDataMask": chosen,
        "controlValues": {
            "enableEmptyFilter": value is not None,
            "defaultToFirstItem": False,
            "multiSelect": choice.get("several", value is None),
            "searchAllOptions": False,
            "inverseSelection": False,
        },
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": [numbers[name] for name in choice.get("except", ())]},
        "chartsInScope": [],
        "tabsInScope": [],
    }
