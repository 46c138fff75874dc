"""The shapes that figures are drawn in, as Vega-Lite by Altair.

Belongs here: marks, axes, colours by their CSS names (`reports/templates/style.css` says which). Does not: what a
figure asks and which columns it has (`reports/pages/`). Legends are HTML, so that they wrap on a phone.

A shape is made once for each figure and language, and takes other rows for each stage model, because making it costs
more than everything else. So what depends on the rows stands in them: colours, and texts beside a mark. Altair is
imported where it draws, as that takes a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from reports.small_groups import MERGED, WITHHELD

if TYPE_CHECKING:
    import altair as alt

    from reports.figures import Row

    Marks = alt.Chart | alt.LayerChart | alt.FacetChart

SERIES_COUNT = 9
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
# What is added to the rows of a chart, beside the columns of their query.
COLOUR, DASH, SHAPE, PLACE, LABEL = "_colour", "_dash", "_shape", "_place", "_label"
ROWS = "rows"  # the name of the rows in a specification
REST = "var(--rest)"  # what several groups are together
INK, QUIET, GRID, SURFACE = "var(--ink)", "var(--quiet)", "var(--grid)", "var(--surface)"
HEIGHT, ROW_HEIGHT = 260, 40

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET,
        "titleColor": QUIET,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "axisY": {
        "domain": False,
        "ticks": False,
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "start",
        "titleY": -10,
        "titleX": 0,
    },
    "text": {"fontSize": 13},
}


@dataclass(frozen=True)
class Field:
    """What a chart says of a column.

    Attributes:
        title: of the axis and in the tooltip.
        write: a value as the table writes it.
        axis: the format of d3 for the axis; empty: a text.
        tooltip: the same for the tooltip.
        is_time: whether it is a day or a month.
    """

    title: str
    write: Callable[[Any], str]
    axis: str = ""
    tooltip: str = ""
    is_time: bool = False


Fields = Mapping[str, Field]


def series(place: int) -> str:
    """The colour of the n-th series."""
    return f"var(--series-{place % SERIES_COUNT + 1})"


def values_of(rows: Sequence[Row], column: str) -> list[Any]:
    """The values of a column, each once, in the order in which they come."""
    return [*dict.fromkeys(row[column] for row in rows if row[column] is not None)]


@dataclass(frozen=True)
class Chart:
    """A shape with the columns that it shows.

    Attributes:
        x, y: the columns on the axes.
        color: the column told apart by colour.
    """

    x: str
    y: str
    color: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, of those that it has by whichever name."""
        return tuple(value for value in vars(self).values() if isinstance(value, str) and value)

    @property
    def within(self) -> tuple[str, ...]:
        """The columns within which small groups are put together: none, where each group has a row of its own."""
        return (self.x, self.color)

    def is_drawn(self, row: Row) -> bool:
        """Whether there is anything to draw of a row."""
        return row[self.x] is not None and row[self.y] is not None

    def legend(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """What each colour means: pairs of a text and a colour."""
        if not self.color:
            return []
        together = [(str(row[self.color]), REST) for row in rows if row.get(MERGED) == self.color]
        return [(str(value), series(place)) for place, value in enumerate(self._told_apart(rows))] + together[:1]

    def with_marks(self, rows: Sequence[Row], fields: Fields) -> list[Row]:
        """The rows with what is drawn of them: their colour, and their place among the colours."""
        places = {value: place for place, value in enumerate(self._told_apart(rows))}
        marked = []
        for row in rows:
            place = places.get(row[self.color], len(places)) if self.color else 0
            colour = REST if self.color and place == len(places) else series(place)
            marked.append({**row, COLOUR: colour, PLACE: place})
        return marked

    def _told_apart(self, rows: Sequence[Row]) -> list[Any]:
        """The values that have a colour of their own: not those of smaller groups together."""
        return values_of([row for row in rows if row.get(MERGED) != self.color], self.color) if self.color else []

    def shape(self, fields: Fields) -> dict[str, Any]:
        """The Vega-Lite specification, without rows and height."""
        import altair as alt

        # Tests hold each shape to the schema; a nightly run need not pay for that.
        with alt.utils.schemapi.debug_mode(False):
            return self.marks(fields).properties(width="container").to_dict(validate=False)

    def height(self, rows: Sequence[Row]) -> int:
        """How high it is, in pixels."""
        return HEIGHT

    def marks(self, fields: Fields) -> Marks:
        """Its marks and axes."""
        raise NotImplementedError


def _of_rows() -> alt.Chart:
    import altair as alt

    return alt.Chart(alt.NamedData(name=ROWS))


def _axis(field: Field, **more: Any) -> alt.Axis:
    import altair as alt

    told: dict[str, Any] = {"title": field.title, **({"format": field.axis} if field.axis else {})}
    return alt.Axis(**{**told, **more})


def _colour() -> alt.Color:
    import altair as alt

    return alt.Color(COLOUR, type="nominal", scale=None, legend=None)


def _time(column: str, field: Field) -> alt.X:
    """Days are without an hour: read in UTC, they are the same day everywhere."""
    import altair as alt

    return alt.X(
        column,
        type="temporal",
        scale=alt.Scale(type="utc"),
        axis=_axis(field, title=None, labelOverlap="greedy", labelSeparation=12, tickCount=6, grid=False),
    )


def _tooltip(fields: Fields, *columns: str) -> list[alt.Tooltip]:
    import altair as alt

    def of(column: str) -> alt.Tooltip:
        field = fields[column]
        if not field.tooltip:
            return alt.Tooltip(column, type="nominal", title=field.title)
        kind: Any = "temporal" if field.is_time else "quantitative"
        return alt.Tooltip(column, type=kind, title=field.title, format=field.tooltip)

    return [of(column) for column in dict.fromkeys(columns) if column]


@dataclass(frozen=True)
class _Rows(Chart):
    """A line a row, with what `y` names written above its mark, so that no name is cut off on a phone."""

    @property
    def within(self) -> tuple[str, ...]:
        return ()

    def is_drawn(self, row: Row) -> bool:
        return row[self.y] is not None and (row[self.x] is not None or row.get(WITHHELD, False))

    def height(self, rows: Sequence[Row]) -> int:
        return ROW_HEIGHT * len(values_of(rows, self.y)) + 4

    def with_marks(self, rows: Sequence[Row], fields: Fields) -> list[Row]:
        """Besides, the name of each line with its value, once a line."""
        named: set[Any] = set()
        marked = super().with_marks(rows, fields)
        for row in marked:
            if row[self.y] not in named:
                row[LABEL] = self.label(row, fields)
            named.add(row[self.y])
        return marked

    def label(self, row: Row, fields: Fields) -> str:
        return f"{row[self.y]} · {fields[self.x].write(row[self.x])}"

    def _name(self) -> alt.Y:
        import altair as alt

        return alt.Y(self.y, type="nominal", sort=None, axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))

    def _names(self) -> alt.Chart:
        import altair as alt

        return (
            _of_rows()
            .mark_text(align="left", baseline="middle", dy=-9, fill=INK)
            .encode(y=self._name(), x=alt.value(0), text=alt.Text(LABEL, type="nominal"))
            .transform_filter(f"isValid(datum.{LABEL})")
        )


@dataclass(frozen=True)
class Bars(_Rows):
    """A bar a row, `x` long.

    Attributes:
        low, high: columns of an interval around the value.
    """

    low: str = ""
    high: str = ""

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        length = alt.X(
            self.x,
            type="quantitative",
            axis=_axis(fields[self.x], tickCount=4, labelFlush=True),
            scale=alt.Scale(zero=True),
            stack=None,
        )
        told = _tooltip(fields, self.y, self.color, self.x, self.low, self.high)
        bars = _of_rows().mark_bar(size=12, yOffset=8, cornerRadiusEnd=2)
        layers = [bars.encode(x=length, y=self._name(), color=_colour(), tooltip=told)]
        if self.low:
            rules = _of_rows().mark_rule(yOffset=8, stroke=INK, strokeWidth=1.5)
            layers.append(
                rules.encode(x=alt.X(self.low, type="quantitative"), x2=self.high, y=self._name(), tooltip=told)
            )
        return alt.layer(*layers, self._names())


@dataclass(frozen=True)
class Ranges(_Rows):
    """A range a row, from `low` to `high`, with a dot at `x`."""

    low: str = ""
    high: str = ""

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        axis = _axis(fields[self.x], tickCount=4, labelFlush=True)
        told = _tooltip(fields, self.y, self.x, self.low, self.high)
        ranges = _of_rows().mark_bar(size=9, yOffset=8, cornerRadius=4, opacity=0.45)
        dots = _of_rows().mark_point(shape="circle", size=70, yOffset=8, filled=True, opacity=1)
        return alt.layer(
            ranges.encode(
                x=alt.X(self.low, type="quantitative", axis=axis, scale=alt.Scale(zero=True)),
                x2=self.high,
                y=self._name(),
                color=_colour(),
                tooltip=told,
            ),
            dots.encode(x=alt.X(self.x, type="quantitative"), y=self._name(), color=_colour(), tooltip=told),
            self._names(),
        )


@dataclass(frozen=True)
class Dots(_Rows):
    """Dots at `x` on the line of what `y` names; `color` is told apart by shape too."""

    @property
    def within(self) -> tuple[str, ...]:
        return (self.color,)

    def with_marks(self, rows: Sequence[Row], fields: Fields) -> list[Row]:
        """Besides, the shape of each dot."""
        return [{**row, SHAPE: SHAPES[row[PLACE] % len(SHAPES)]} for row in super().with_marks(rows, fields)]

    def label(self, row: Row, fields: Fields) -> str:
        return str(row[self.y])

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        dots = _of_rows().mark_point(size=70, yOffset=8, filled=False, strokeWidth=2, opacity=1)
        return alt.layer(
            _of_rows().mark_rule(yOffset=8, stroke=GRID).encode(y=self._name()),
            dots.encode(
                x=alt.X(self.x, type="quantitative", axis=_axis(fields[self.x], tickCount=4, labelFlush=True)),
                y=self._name(),
                color=_colour(),
                shape=alt.Shape(SHAPE, type="nominal", scale=None, legend=None),
                tooltip=_tooltip(fields, self.y, self.color, self.x),
            ),
            self._names(),
        )


@dataclass(frozen=True)
class Columns(Chart):
    """A column a month or quarter, stacked by `color`.

    Attributes:
        is_complete: the column that is false where the time is not over; its column is paler.
        sign: the column within which small groups are put together besides, so that gains and losses stay apart.
        unit: of time, that a column is wide; of days, only those that have a row have a column.
    """

    is_complete: str = ""
    sign: str = ""
    unit: Literal["utcyearmonth", "utcyearquarter", "utcyearmonthdate"] = "utcyearmonth"

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in super().columns if name != self.unit)

    @property
    def within(self) -> tuple[str, ...]:
        return (self.x, self.color, self.sign)

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        over = {"opacity": alt.condition(f"datum.{self.is_complete}", alt.value(1), alt.value(0.45))}
        return (
            _of_rows()
            .mark_bar(width=alt.RelativeBandSize(0.75))
            .encode(
                x=alt.X(
                    self.x,
                    timeUnit=self.unit,
                    type="ordinal" if self.unit == "utcyearmonthdate" else "temporal",
                    axis=_axis(
                        fields[self.x], title=None, labelOverlap="greedy", labelSeparation=12, tickCount=6, grid=False
                    ),
                ),
                y=alt.Y(self.y, type="quantitative", stack="zero", axis=_axis(fields[self.y], tickCount=5)),
                color=_colour(),
                order=alt.Order(PLACE, type="quantitative"),
                tooltip=_tooltip(fields, self.x, self.color, self.y),
                **(over if self.is_complete else {}),
            )
        )


@dataclass(frozen=True)
class Areas(Chart):
    """Areas over time, stacked by `color`."""

    def is_drawn(self, row: Row) -> bool:
        return row[self.x] is not None

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        return (
            _of_rows()
            .mark_area(opacity=0.95, stroke=SURFACE, strokeWidth=0.7)
            .encode(
                x=_time(self.x, fields[self.x]),
                y=alt.Y(self.y, type="quantitative", stack="zero", axis=_axis(fields[self.y], tickCount=5)),
                color=_colour(),
                order=alt.Order(PLACE, type="quantitative"),
                tooltip=_tooltip(fields, self.x, self.color, self.y),
            )
        )


@dataclass(frozen=True)
class Lines(Chart):
    """A line for each `color`, over months, days or a number.

    Attributes:
        low, high: columns of an interval, drawn as a band.
        is_mature: the column that is false where a point can still change; it is drawn hollow.
        notes: a column with a text that is written along the lower edge, where it is not null.
        has_diagonal: whether equal shares are drawn for comparison.
        begins_at_zero: whether the axis does.
        has_points: whether each value has a dot.
        is_stepped: whether a value holds until the next one.
    """

    low: str = ""
    high: str = ""
    is_mature: str = ""
    notes: str = ""
    has_diagonal: bool = False
    begins_at_zero: bool = True
    has_points: bool = True
    is_stepped: bool = False

    def with_marks(self, rows: Sequence[Row], fields: Fields) -> list[Row]:
        """Besides, whether the line of a row is dashed: of two that lie on each other both are seen."""
        is_pair = len(values_of(rows, self.color)) == 2 if self.color else False
        return [{**row, DASH: [7, 5] if is_pair and row[PLACE] else [1, 0]} for row in super().with_marks(rows, fields)]

    def marks(self, fields: Fields) -> Marks:
        import altair as alt

        field = fields[self.x]
        x = (
            _time(self.x, field)
            if field.is_time
            else alt.X(self.x, type="quantitative", axis=_axis(field, tickCount=6, grid=False, labelFlush=True))
        )
        axis, scale = _axis(fields[self.y], tickCount=5), alt.Scale(zero=self.begins_at_zero)
        y = alt.Y(self.y, type="quantitative", axis=axis, scale=scale)
        told = _tooltip(fields, self.x, self.color, self.y, self.low, self.high)
        interpolate: Any = "step-after" if self.is_stepped else "linear"
        layers = []
        if self.low:
            low = alt.Y(self.low, type="quantitative", axis=axis, scale=scale)
            bands = _of_rows().mark_area(opacity=0.18, interpolate=interpolate)
            layers.append(bands.encode(x=x, y=low, y2=self.high, color=_colour()))
        if self.has_diagonal:
            ends = alt.InlineData(values=[{"from": 0, "to": 1}])
            start = alt.X("from", type="quantitative"), alt.Y("from", type="quantitative")
            diagonal = alt.Chart(ends).mark_rule(stroke=QUIET, strokeDash=[4, 4])
            layers.append(diagonal.encode(x=start[0], x2="to", y=start[1], y2="to"))
        lines = _of_rows().mark_line(strokeWidth=2, interpolate=interpolate)
        dash = alt.StrokeDash(DASH, type="nominal", scale=None, legend=None)
        layers.append(lines.encode(x=x, y=y, color=_colour(), strokeDash=dash, tooltip=told))
        if self.has_points:
            filled = alt.Fill(COLOUR, type="nominal", scale=None, legend=None)
            is_open = f"datum.{self.is_mature} === false" if self.is_mature else "false"
            points = _of_rows().mark_point(size=30, strokeWidth=1.5, opacity=1)
            layers.append(points.encode(x=x, y=y, color=_colour(), fill=filled, tooltip=told))
            if self.is_mature:
                hollow = _of_rows().mark_point(size=30, strokeWidth=1.5, opacity=1, fill=SURFACE)
                layers.append(
                    hollow.encode(
                        x=x, y=y, stroke=alt.Stroke(COLOUR, type="nominal", scale=None, legend=None), tooltip=told
                    ).transform_filter(is_open)
                )
        if self.notes:
            texts = _of_rows().mark_text(baseline="bottom", align="left", dx=3, fill=QUIET, fontSize=11)
            layers.append(
                texts.encode(x=x, y=alt.value(HEIGHT - 4), text=alt.Text(self.notes, type="nominal")).transform_filter(
                    f"isValid(datum.{self.notes})"
                )
            )
        return alt.layer(*layers)
