"""Run suites on the warehouse and return what they found, as plain values.

The warehouse is opened read-only and closed again, so that the next writer finds it free.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import sqlalchemy
from great_expectations.core import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from sqlalchemy.dialects import registry

from expectations.batch import Batch
from expectations.plausibility import MIN_ROWS
from expectations.suites import Suite

Status = Literal["passed", "warned", "failed", "skipped"]
PUBLISHED = "published"
SAMPLE_ROWS = 5

# SQLAlchemy loads a dialect by its name, at the first connection.
registry.register("duckdb.buffered", "expectations.duckdb_dialect", "BufferedDialect")


@dataclass(frozen=True)
class Result:
    """What one expectation found.

    Attributes:
        suite: `<schema>.<table>`.
        expectation: what was expected, in one sentence; for a skipped suite, `all expectations`.
        status: `warned` is a failure that lets the refresh go on; so is a failed share of a small batch.
        observed: the value seen, or why the suite was skipped.
        samples: at most five offending rows, as text, as `show_row` has it.
    """

    suite: str
    expectation: str
    status: Status
    observed: str
    samples: tuple[str, ...] = ()


def as_text(row: Mapping[Any, Any]) -> str:
    """A row on one line."""
    return ", ".join(f"{column}={str(value):.80}" for column, value in row.items())


class Runner:
    """Judges tables of one warehouse. Use `open_runner`, which closes it."""

    def __init__(
        self,
        engine: sqlalchemy.Engine,
        datasource: Any,
        as_of: datetime,
        since: datetime | None,
        published: bool,
        show_row: Callable[[Mapping[Any, Any]], str],
    ) -> None:
        self._engine, self._datasource, self._show_row = engine, datasource, show_row
        self._as_of, self._since, self._published = as_of, since, published

    def run(self, suite: Suite, account: str | None = None) -> list[Result]:
        """The results of one suite, in the order in which it states its expectations.

        Args:
            suite: what is expected of which table.
            account: short name of the one whose rows are judged, where a source has several accounts.
        """
        batch = self._raw_batch(suite, account) if suite.source else self._mart_batch(suite)
        module = import_module(suite.module)
        if not batch.rows and not batch.earlier_rows and not getattr(module, "JUDGES_EMPTY", False):
            return [Result(suite.name, "all expectations", "skipped", "no rows: nothing has fed this table yet")]
        condition = batch.is_judged_sql if suite.source else "true"
        name = f"{suite.name} of {account}" if account else suite.name
        asset = self._datasource.add_query_asset(name, query=f"select * from {batch.relation} where {condition}")
        # It prints advice on queries without `{batch}`; those look at earlier loads or at the previous publication.
        with redirect_stdout(io.StringIO()):
            expectations = module.expectations(batch)
            for position, expectation in enumerate(expectations):
                expectation.meta = {**(expectation.meta or {}), "position": position}
            report = (
                asset.add_batch_definition_whole_table("whole")
                .get_batch()
                .validate(
                    ExpectationSuite(suite.name, expectations=expectations),
                    result_format={"result_format": "SUMMARY", "partial_unexpected_count": SAMPLE_ROWS},
                )
            )
        found = sorted(report.results, key=lambda result: result.expectation_config.meta["position"])
        return [self._result(suite, batch, condition, result) for result in found]

    def _result(self, suite: Suite, batch: Batch, condition: str, found: ExpectationValidationResult) -> Result:
        configuration = found.expectation_config
        assert configuration is not None  # always sent along by `validate`
        sentence = (configuration.meta or {})["sentence"]
        error = _error(found)
        if error:
            return Result(suite.name, sentence, "failed", f"the expectation could not be evaluated: {error}")
        observed = _observed(found.result)
        if found.success:
            return Result(suite.name, sentence, "passed", observed)
        # a mart is judged whole, however small
        is_too_small = suite.source is not None and batch.rows < MIN_ROWS and (configuration.meta or {})["is_share"]
        status: Status = "warned" if configuration.severity == "warning" or is_too_small else "failed"
        return Result(suite.name, sentence, status, observed, tuple(self._samples(batch, condition, found)))

    def _samples(self, batch: Batch, condition: str, found: ExpectationValidationResult) -> Iterator[str]:
        """Whole offending rows where SQL finds them, otherwise the offending values."""
        configuration = found.expectation_config
        query = configuration.kwargs.get("unexpected_rows_query") if configuration else None
        column = configuration.kwargs.get("column") if configuration else None
        values = found.result.get("partial_unexpected_list")
        if query is not None:
            rows = query.replace("{batch}", f"(select * from {batch.relation} where {condition})")
            yield from self._rows(f"select * from ({rows}) limit {SAMPLE_ROWS}")
        elif values and column:
            listed = [value for value in values if value is not None]
            is_offending = f'"{column}" in :values' if listed else f'"{column}" is null'
            yield from self._rows(
                f"select * from {batch.relation} where ({condition}) and {is_offending} limit {SAMPLE_ROWS}", listed
            )

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[str]:
        statement = sqlalchemy.text(sql.replace(":", r"\:").replace(r"\:values", ":values"))
        if values:
            statement = statement.bindparams(sqlalchemy.bindparam("values", list(values), expanding=True))
        with self._engine.connect() as connection:
            for row in connection.execute(statement).mappings():
                yield self._show_row(
                    {name: value for name, value in row.items() if value is not None and not name.startswith("_dlt_")}
                )

    def _count(self, relation: str, condition: str = "true") -> int:
        statement = sqlalchemy.text(f"select count(*) from {relation} where {condition}".replace(":", r"\:"))
        with self._engine.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    def _raw_batch(self, suite: Suite, account: str | None) -> Batch:
        keeps_versions = not getattr(import_module(suite.module), "READS_EVERY_VERSION", False) and bool(
            self._count(
                "duckdb_columns()",
                f"schema_name = '{suite.schema}' and table_name = '{suite.table}' and column_name = '_dlt_valid_to'",
            )
        )
        batch = Batch(
            suite.schema,
            suite.table,
            self._as_of,
            rows=0,
            earlier_rows=0,
            since=self._since,
            account=account,
            keeps_versions=keeps_versions,
        )
        rows = self._count(batch.relation, batch.is_judged_sql)
        earlier = self._count(batch.relation, f"not ({batch.is_new_sql})")
        return replace(batch, rows=rows, earlier_rows=earlier)

    def _mart_batch(self, suite: Suite) -> Batch:
        name = f"{suite.schema}.{suite.table}"
        was_published = self._published and bool(
            self._count(
                "duckdb_tables()",
                f"database_name = '{PUBLISHED}' and schema_name = '{suite.schema}' and table_name = '{suite.table}'",
            )
        )
        return Batch(
            suite.schema,
            suite.table,
            self._as_of,
            rows=self._count(name),
            earlier_rows=self._count(f"{PUBLISHED}.{name}") if was_published else 0,
            since=self._since,
            published=PUBLISHED if was_published else None,
        )


@contextmanager
def open_runner(
    warehouse: Path,
    *,
    as_of: datetime,
    since: datetime | None = None,
    published: Path | None = None,
    show_row: Callable[[Mapping[Any, Any]], str] = as_text,
) -> Iterator[Runner]:
    """Open the warehouse for judging.

    Args:
        warehouse: the build file; opened read-only.
        as_of: the instant that this refresh calls "now".
        since: instant of the previous publication; raw rows loaded after it are the batch. None: all rows.
        published: the previous publication's file, for the suites of the marts.
        show_row: how an offending row is shown.
    """
    arguments = {
        "config": {"access_mode": "READ_ONLY"},
        "attach": {PUBLISHED: str(published)} if published else {},
    }
    url = f"duckdb+buffered:///{warehouse}"
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    datasource = context.data_sources.add_sql(
        "warehouse",
        connection_string=url,
        create_temp_table=False,
        kwargs={"connect_args": arguments},  # type: ignore[call-arg] # missing in the stub, a field of the datasource
    )
    engine = datasource.get_engine()
    try:
        yield Runner(
            engine,
            datasource,
            as_of.astimezone(UTC),
            since.astimezone(UTC) if since else None,
            published is not None,
            show_row,
        )
    finally:
        # Great Expectations keeps a connection in its execution engine, besides the pool's.
        datasource.get_execution_engine().close()
        engine.dispose()


def _error(found: ExpectationValidationResult) -> str | None:
    """The last line of an exception that Great Expectations caught, or None."""
    information: Any = found.exception_info or {}
    problems = [information] if "raised_exception" in information else list(information.values())
    for problem in problems:
        if problem.get("raised_exception"):
            return str(problem.get("exception_message") or problem.get("exception_traceback", "").strip())
    return None


def _observed(result: Mapping[str, Any]) -> str:
    if "observed_value" in result:
        value = result["observed_value"]
        return f"{value:g}" if isinstance(value, float) else str(value)
    if "unexpected_count" in result:
        share = result.get("unexpected_percent_total", result.get("unexpected_percent")) or 0.0
        return f"{result['unexpected_count']} of {result['element_count']} rows ({share:.2f} %)"
    return ""
