"""The metrics, by MetricFlow and by the Ossie document, on what a refresh has published: each gives what the marts say.

Belongs here: values. Does not: how metrics are described (`tests/contract/test_metrics.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml
from dbt_metricflow.cli.dbt_connectors.dbt_config_accessor import parse_manifest_from_dbt_generated_manifest
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from dagster_project.ossie import DIALECT, FILE_NAME, VERSION
from tests.integration.refreshing import PUBLISHED, ROOT, refreshed_first

# Outside the repository: `core-spec/ossie-schema.json` of https://github.com/apache/ossie.
SCHEMA_OF_OSSIE = ROOT.parent / "shared/specs/ossie/ossie-schema.json"
# What a small company has nothing of, with the count of it that shows that: nothing is foretold of so few people, no
# month has paid back what it cost yet, and nobody is asked how easy it was.
WITHOUT_VALUE = {
    "average_predicted_short_term_value": "count(predicted_short_term_value_amount_reporting) from customer_value",
    "ces_answers": "count(*) from satisfaction where survey_type = 'ces'",
    "ces_top_box_rate": "count(*) from satisfaction where survey_type = 'ces'",
    "easy_ces_answers": "count(*) from satisfaction where survey_type = 'ces'",
    "ending_renewal_amount": "count(*) from renewals_due where is_ending",
    "experiment_conversion_difference": "count(difference) from experiment_results where metric = 'conversion'",
    "experiment_revenue_difference": "count(difference) from experiment_results where metric = 'revenue'",
    "high_risk_rate": "count(no_purchase_probability) from customer_churn",
    "p90_first_response_minutes": "count(p90_seconds) from first_response_times where breakdown = 'all'",
    "payback_months": "count(payback_age_months) from acquisition_payback where breakdown = 'all'",
    "predicted_short_term_value": "count(predicted_short_term_value_amount_reporting) from customer_value",
    "predicted_value": "count(predicted_value_amount_reporting) from customer_value",
    "total_value": "count(total_value_amount_reporting) from customer_value",
}
# How MetricFlow calls what a table has to be grouped by for its metrics to have a value, and how the table does.
GROUPS = {
    "acquisition_payback": {"metric_time__month": "cohort_month"},
    "experiment_results": {"experiment_arm__experiment": "experiment", "experiment_arm__arm": "arm"},
    "first_response_times": {"metric_time__month": "month"},
    "lifecycle_current": {"lifecycle__lifecycle_model": "lifecycle_model"},
    "lifecycle_daily": {"lifecycle__lifecycle_model": "lifecycle_model", "metric_time__day": "date_day"},
    "lifecycle_drop_off": {"lifecycle__lifecycle_model": "lifecycle_model"},
    "lifecycle_drop_off_rates": {"lifecycle__lifecycle_model": "lifecycle_model"},
    "lifecycle_funnel": {"lifecycle__lifecycle_model": "lifecycle_model", "lifecycle__stage": "stage"},
    "lifecycle_time_in_stage": {"lifecycle__lifecycle_model": "lifecycle_model", "lifecycle__stage": "stage"},
    "loss_review": {"lifecycle__lifecycle_model": "lifecycle_model", "metric_time__quarter": "quarter"},
    "revenue_retention": {"metric_time__month": "month"},
}
STAGES = ["lifecycle__lifecycle_model", "lifecycle__stage"]
# By another way than the metric's own: from another mart, from other rows of it, or from the rate that stands there.
EXPECTED: dict[str, tuple[list[str], str]] = {
    "acquired_customers": ([], "select count(*) from customer_value where is_customer"),
    "active_customers": (
        [],
        "select count(*) from customer_360 where is_churned_by_inactivity_rule is not null "
        "and churned_by_inactivity_rule_at is null",
    ),
    "active_subscribers": (
        [],
        "select count(*) from customer_360 where subscription_status is not null and subscription_status <> 'ended'",
    ),
    "ad_spend": (
        ["metric_time__month"],
        "select conversion_month, sum(spend_amount_reporting) from campaign_attribution "
        "where conversion_kind = 'first_order' and attribution_model = 'last' group by all",
    ),
    "average_order_value": (
        ["metric_time__month"],
        "select month, sum(sold_amount_reporting) / nullif(sum(order_count) filter (breakdown = 'kind'), 0) "
        "from (select * replace (case when breakdown = 'product' then sold_amount_reporting end as "
        "sold_amount_reporting) from revenue_by_month where view = 'order' and revenue_kind = 'order') group by all",
    ),
    "cash_revenue": (
        ["metric_time__month"],
        "select month, revenue_amount_reporting from revenue_by_month where view = 'cash' and breakdown = 'all'",
    ),
    "churned_customers": (
        ["metric_time__month"],
        "select month, start_customer_count + new_customer_count + reactivated_customer_count - end_customer_count "
        "from revenue_retention",
    ),
    "conversion_rate": (
        STAGES,
        "select lifecycle_model, stage, sum(reached_in_window_count) / sum(cohort_size) from lifecycle_funnel "
        "where breakdown = 'all' and is_mature group by all",
    ),
    "csat_rate": (
        [],
        "select top_box_rate from satisfaction where breakdown = 'all' and month is null and survey_type = 'csat'",
    ),
    "current_audience_members": (
        ["membership__audience"],
        "select audience, count(*) filter (exited_at is null) from audience_members group by all",
    ),
    "customer_acquisition_cost": (
        ["metric_time__month"],
        "select cohort_month, customer_acquisition_cost_reporting from acquisition_payback where breakdown = 'all'",
    ),
    "customers": (
        ["metric_time__month"],
        "select cohort_month, customer_count from acquisition_payback where breakdown = 'all'",
    ),
    "entities_in_stage": (
        STAGES,
        "select lifecycle_model, stage, entities_in_stage from lifecycle_daily "
        "where date_day = (select max(date_day) from lifecycle_daily) and entities_in_stage > 0",
    ),
    "entities_in_stage_at_end_of_day": (
        [*STAGES, "metric_time__day"],
        "select lifecycle_model, stage, date_day, count(*) from lifecycle_stage_history join calendar_days "
        "on entered_at < date_day + interval 1 day and coalesce(exited_at >= date_day + interval 1 day, true) "
        "group by all",
    ),
    "experiment_conversion_difference": (
        ["experiment_arm__experiment", "experiment_arm__arm"],
        "select experiment, arm, mean_outcome - control_mean_outcome from experiment_results "
        "where metric = 'conversion' and hidden_reason is null",
    ),
    "first_response_waits": (
        [],
        "select wait_count from first_response_times where breakdown = 'all' and month is null",
    ),
    "gross_revenue_retention": (
        ["metric_time__month"],
        "select month, gross_revenue_retention_rate from revenue_retention",
    ),
    "inactivity_churn_rate": ([], "select avg(is_churned_by_inactivity_rule::int) from customer_360"),
    "lifetime_value_to_date": (
        [],
        "select revenue_amount_reporting / customer_count from revenue_concentration where period = 'all' limit 1",
    ),
    "losses": (
        ["lifecycle__lifecycle_model"],
        "select lifecycle_model, count(*) from lifecycle_stage_history where stage_kind = 'lost' group by all",
    ),
    "median_days_in_stage": (
        STAGES,
        "select lifecycle_model, stage, median_days from lifecycle_time_in_stage",
    ),
    "median_first_response_minutes": (
        ["metric_time__month"],
        "select month, median_seconds / 60 from first_response_times where breakdown = 'all'",
    ),
    "mrr": (
        ["metric_time__month"],
        "select month, start_mrr_amount_reporting + new_mrr_amount_reporting + reactivation_mrr_amount_reporting "
        "+ expansion_mrr_amount_reporting - contraction_mrr_amount_reporting - churn_mrr_amount_reporting "
        "from revenue_retention",
    ),
    "net_revenue_retention": (
        ["metric_time__month"],
        "select month, net_revenue_retention_ratio from revenue_retention",
    ),
    "nps": (
        [],
        "select nps from satisfaction where breakdown = 'all' and month is null and survey_type = 'nps'",
    ),
    "open_deal_amount": (
        [],
        "select sum(open_deal_amount_reporting) from deal_pipeline_by_month where breakdown = 'all'",
    ),
    "paid_orders": (
        ["metric_time__month"],
        "select month, order_count from revenue_by_month where view = 'order' and breakdown = 'all'",
    ),
    "payback_months": (
        ["metric_time__month"],
        "select cohort_month, payback_age_months from acquisition_payback where breakdown = 'all'",
    ),
    "repeat_customer_rate": (
        [],
        "select count(*) filter (paid_order_count >= 2) / count(*) filter (paid_order_count >= 1) from customer_360",
    ),
    "return_on_ad_spend": (
        ["campaign__campaign_id", "metric_time__month"],
        "select campaign_id, cohort_month, revenue_to_spend_ratio from campaign_performance",
    ),
    "revenue": (
        ["metric_time__month"],
        "select month, revenue_amount_reporting from revenue_by_month where view = 'order' and breakdown = 'all'",
    ),
    "stage_entries": (
        [*STAGES, "metric_time__month"],
        "select lifecycle_model, stage, date_trunc('month', entered_at), count(*) from lifecycle_stage_history "
        "group by all",
    ),
    "stage_loss_rate": (
        STAGES,
        "select lifecycle_model, stage, avg(coalesce(next_stage in (select stage from lifecycle_stages as lost "
        "where lost.lifecycle_model = history.lifecycle_model and lost.stage_kind = 'lost'), false)::int) "
        "from lifecycle_stage_history as history where stage_kind = 'active' group by all",
    ),
    "step_conversion_rate": (
        STAGES,
        "select lifecycle_model, stage, sum(reached_count) / nullif(sum(reached_before_count), 0) "
        "from lifecycle_funnel where breakdown = 'all' group by all",
    ),
    "subscription_churn_rate": (
        ["metric_time__month"],
        "select month, customer_churn_rate from revenue_retention",
    ),
    "subscriptions_to_renew": ([], "select count(distinct subscription_id) from renewals_due"),
    "top_tenth_revenue_share": (
        [],
        "select top_revenue_rate from revenue_concentration where period = 'all' and top_rate between 0.09 and 0.11",
    ),
    "win_rate": (
        ["metric_time__month"],
        "select month, won_in_month_count / nullif(won_in_month_count + lost_in_month_count, 0) "
        "from deal_pipeline_by_month where breakdown = 'all'",
    ),
    "won_back_rate": (
        ["lifecycle__lifecycle_model"],
        "select lifecycle_model, avg(was_won_back::int) from (select lifecycle_model, exists (from "
        "lifecycle_stage_history as later where later.lifecycle_model = lost.lifecycle_model and later.entity_type = "
        "lost.entity_type and later.entity_id = lost.entity_id and later.stage_kind = 'active' and later.entered_at >= "
        "lost.exited_at) as was_won_back from lifecycle_stage_history as lost where stage_kind = 'lost') group by all",
    ),
}

Row = tuple[Any, ...]
Query = Callable[[Sequence[str], Sequence[str]], dict[Row, dict[str, Any]]]


class OnlyDuckDb:
    """What MetricFlow has to know to write the SQL that is run here."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path, shared: Path) -> Path:
    return refreshed_first(shared, tmp_path_factory.mktemp("measured"), parsed_project).published().path


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        # By the name that the parsed project gives the build file.
        connection.execute(f"attach '{database}' as warehouse (read_only)")
        connection.execute("use warehouse.marts")
        yield connection


@pytest.fixture(scope="module")
def semantic_manifest(parsed_project: Path) -> Any:
    text = (parsed_project / "semantic_manifest.json").read_text()
    return parse_manifest_from_dbt_generated_manifest(text)


@pytest.fixture(scope="module")
def query(semantic_manifest: Any, connection: duckdb.DuckDBPyConnection) -> Query:
    engine = MetricFlowEngine(SemanticManifestLookup(semantic_manifest), OnlyDuckDb())  # type: ignore[arg-type]

    def ask(metrics: Sequence[str], groups: Sequence[str] = ()) -> dict[Row, dict[str, Any]]:
        """Values of metrics by what they are grouped by, as MetricFlow writes the SQL."""
        request = MetricFlowQueryRequest.create(metric_names=[*metrics], group_by_names=[*groups])
        rows = connection.execute(engine.explain(request).sql_statement.sql)
        names = [column[0] for column in rows.description or ()]
        found = {}
        for row in rows.fetchall():
            values = dict(zip(names, row, strict=True))
            found[tuple(_plain(values[group]) for group in groups)] = {name: values[name] for name in metrics}
        return found

    return ask


@pytest.fixture(scope="module")
def ossie(database: Path) -> dict[str, Any]:
    document = yaml.safe_load(database.with_name(FILE_NAME).read_text())
    assert document["version"] == VERSION
    (model,) = document["semantic_model"]
    return model


def _plain(value: Any) -> Any:
    return str(value)[:10] if hasattr(value, "isoformat") else value


def _numbers(rows: Sequence[Row]) -> dict[Row, float]:
    """Values by group, without those that are null."""
    return {tuple(_plain(each) for each in row[:-1]): float(row[-1]) for row in rows if row[-1] is not None}


def _metrics_by_table(ossie: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The expressions of the metrics by name, by the one table that each reads."""
    tables = {dataset["name"] for dataset in ossie["datasets"]}
    found: dict[str, dict[str, str]] = {}
    for metric in ossie["metrics"]:
        (spoken,) = metric["expression"]["dialects"]
        assert spoken["dialect"] == DIALECT
        (table,) = tables & {*re.findall(r"\b(\w+)\.\w", spoken["expression"])}
        found.setdefault(table, {})[metric["name"]] = spoken["expression"]
    return found


def test_metricflow_finds_nothing_to_criticise(semantic_manifest: Any) -> None:
    results = SemanticManifestValidator[Any]().validate_semantic_manifest(semantic_manifest)

    assert [issue.as_readable_str() for issue in results.all_issues] == []


def test_every_metric_gives_a_value(
    semantic_manifest: Any, ossie: dict[str, Any], query: Query, connection: duckdb.DuckDBPyConnection
) -> None:
    every = [metric.name for metric in semantic_manifest.metrics]
    (values,) = query(every, []).values()
    silent = {name for name, value in values.items() if value is None}
    for table, expressions in _metrics_by_table(ossie).items():
        if table in GROUPS and (names := [*(silent & {*expressions})]):
            for row in query(names, [*GROUPS[table]]).values():
                silent -= {name for name, value in row.items() if value is not None}

    inputs = {name for name in silent if name not in {metric["name"] for metric in ossie["metrics"]}}
    assert len(every) - len(inputs) > 100
    assert {name for name in silent - inputs if name not in WITHOUT_VALUE} == set()
    for name in silent - inputs:
        assert connection.execute(f"select {WITHOUT_VALUE[name]}").fetchall() == [(0,)], name


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_is_what_the_marts_say(metric: str, query: Query, connection: duckdb.DuckDBPyConnection) -> None:
    groups, sql = EXPECTED[metric]
    expected = _numbers(connection.execute(sql).fetchall())
    found = _numbers([(*group, row[metric]) for group, row in query([metric], groups).items()])

    assert expected or metric in WITHOUT_VALUE
    # A sum of nothing is null in one of them and 0 in the other.
    assert {group: value for group, value in found.items() if value} == pytest.approx(
        {group: value for group, value in expected.items() if value}, rel=1e-9
    )


def test_the_document_lists_what_is_published_and_nothing_else(
    ossie: dict[str, Any], connection: duckdb.DuckDBPyConnection
) -> None:
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'warehouse' "
        "order by table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(column)

    assert {each["name"]: [field["name"] for field in each["fields"]] for each in ossie["datasets"]} == columns
    assert {*columns} >= {*PUBLISHED} and "personal_details" not in columns
    assert {each["source"] for each in ossie["datasets"]} == {f"lifecycle.marts.{table}" for table in columns}


def test_the_document_keeps_what_the_specification_asks_for(
    ossie: dict[str, Any], connection: duckdb.DuckDBPyConnection
) -> None:
    """Names are unique, each thing is described, and who joins by a relationship meets one row at most."""
    datasets = {dataset["name"]: dataset for dataset in ossie["datasets"]}
    fields = {name: {field["name"] for field in dataset["fields"]} for name, dataset in datasets.items()}
    for things in (
        ossie["datasets"],
        ossie["relationships"],
        ossie["metrics"],
        *(d["fields"] for d in datasets.values()),
    ):
        names = [each["name"] for each in things]
        assert len(names) == len({*names}) > 0
        assert [each["name"] for each in things if "description" not in each and "to" not in each] == []
    for name, dataset in datasets.items():
        key = dataset.get("primary_key", [])
        assert {*key} <= fields[name]
        if key:
            assert connection.execute(
                f"select count(*) - count(distinct ({', '.join(key)})) from {name}"
            ).fetchall() == [(0,)], name
    assert len(ossie["relationships"]) > 10
    for joined in ossie["relationships"]:
        assert {*joined["from_columns"]} <= fields[joined["from"]]
        assert [*joined["to_columns"]] == datasets[joined["to"]]["primary_key"], joined["name"]
        assert len(joined["from_columns"]) == len(joined["to_columns"])
        pairs = zip(joined["from_columns"], joined["to_columns"], strict=True)
        meet = " and ".join(f"a.{one} = b.{other}" for one, other in pairs)
        ((named, met),) = connection.execute(
            f"select (select count({joined['from_columns'][0]}) from {joined['from']}), "
            f"(select count(*) from {joined['from']} as a join {joined['to']} as b on {meet})"
        ).fetchall()
        assert 0 < met <= named or named == 0, joined["name"]


def test_the_document_is_valid_by_the_public_schema(database: Path) -> None:
    if not SCHEMA_OF_OSSIE.exists():
        pytest.skip(f"no {SCHEMA_OF_OSSIE}: core-spec/ossie-schema.json of github.com/apache/ossie is not there")
    schema = json.loads(SCHEMA_OF_OSSIE.read_text())
    document = yaml.safe_load(database.with_name(FILE_NAME).read_text())

    jsonschema.Draft202012Validator.check_schema(schema)
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)] == []


def test_each_expression_of_the_document_gives_what_metricflow_does(
    ossie: dict[str, Any], query: Query, connection: duckdb.DuckDBPyConnection
) -> None:
    for table, expressions in _metrics_by_table(ossie).items():
        groups = GROUPS.get(table, {})
        values = ", ".join(f'{expression} as "{name}"' for name, expression in expressions.items())
        by = ", ".join(groups.values())
        rows = connection.execute(
            f"select {by + ', ' if by else ''}{values} from {table} {f'group by {by}' if by else ''}"
        ).fetchall()
        expected = query([*expressions], [*groups])
        found = {
            tuple(_plain(each) for each in row[: len(groups)]): dict(zip(expressions, row[len(groups) :], strict=True))
            for row in rows
        }
        for name in expressions:
            ours = _numbers([(*group, row[name]) for group, row in found.items()])
            theirs = _numbers([(*group, row[name]) for group, row in expected.items()])
            assert ours == pytest.approx(theirs, rel=1e-9), name
