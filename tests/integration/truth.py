"""Compares a warehouse built from the sandbox with what the simulation knows to be true.

Belongs here: the comparisons, as SQL that gives the differences. Does not: how the warehouse came to be.

Tolerance: records of one person that share no identifier cannot be told to be one person's by anybody. The truth
therefore speaks of clusters, the groups of a person's records that can be told to be one; against clusters every
comparison is exact. Orders that carry no identifier at all belong to no cluster and to no person.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from sandbox.truth import Truth

NET_REVENUE = "total_amount - tax_amount - shipping_amount - gift_card_amount"

# Each query gives rows only where warehouse and truth differ.
DIFFERENCES = {
    "records that are in one of the two only": """
        select coalesce(truth.record_key, bridge.record_key)
        from truth_records as truth
        full join warehouse.core.bridge_person_records as bridge using (record_key)
        where truth.record_key is null or (bridge.record_key is null and truth.cluster_key is not null)
    """,
    "people split in two": "select cluster_key from joined group by 1 having count(distinct person_id) > 1",
    "people mixed up": "select person_id from joined group by 1 having count(distinct cluster_key) > 1",
    "stages missing": """
        select person_id, stage, stage_kind, pass_number, entered_at, exited_at from truth_moves
        except all
        select person_id, stage, stage_kind, pass_number, entered_at, exited_at from warehouse_moves
    """,
    "stages too many": """
        select person_id, stage, stage_kind, pass_number, entered_at, exited_at from warehouse_moves
        except all
        select person_id, stage, stage_kind, pass_number, entered_at, exited_at from truth_moves
    """,
    "orders with another amount, payment or person": f"""
        select truth.order_id, orders.order_id
        from (select *, {NET_REVENUE} as net_revenue from truth_orders where not is_test) as truth
        full join warehouse.core.fct_orders as orders on orders.order_id = 'shopify:' || truth.order_id
        left join people on people.cluster_key = truth.cluster_key
        where truth.order_id is null or orders.order_id is null
            or orders.currency <> truth.currency or orders.revenue_amount <> truth.net_revenue
            or orders.paid_at is distinct from (truth.paid_at at time zone 'UTC')
            or orders.person_id is distinct from people.person_id
            or (orders.rate_to_reporting is not null) <> truth.has_exchange_rate
    """,
    # The shop tells costs in euros. They become the order's currency, rounded for each piece, and euros again, rounded.
    "orders with another cost": """
        select orders.order_id, orders.cost_amount_reporting, truth.cost_amount_reporting
        from warehouse.core.fct_orders as orders
        inner join truth_orders as truth on orders.order_id = 'shopify:' || truth.order_id
        where (orders.cost_amount_reporting is null)
                <> (truth.cost_amount_reporting is null or not truth.has_exchange_rate)
            or abs(orders.cost_amount_reporting - truth.cost_amount_reporting)
                > 0.00005 * (1 + truth.piece_count * orders.rate_to_reporting)
    """,
    # A refund that says what it was of takes back the revenue of its goods, anything else a share of the order's total.
    "orders with another net revenue after refunds and disputes": f"""
        select truth.order_id, sum(entries.amount)
        from (
            select *, {NET_REVENUE} as net_revenue, refunded_amount + disputed_amount as taken_back
            from truth_orders
            where not is_test and paid_at is not null
        ) as truth
        left join warehouse.core.fct_revenue_entries as entries on entries.order_id = 'shopify:' || truth.order_id
        group by all
        having abs(
            coalesce(sum(entries.amount), 0) - truth.net_revenue
            + case
                when truth.cancelled_at is not null or truth.taken_back = truth.total_amount
                then truth.net_revenue
                else least(
                    truth.net_revenue,
                    truth.itemised_revenue_amount
                    + truth.net_revenue * (truth.taken_back - truth.itemised_amount) / truth.total_amount::double
                )
            end
        ) > 0.0001
    """,
    "orders whose disputes cost another fee": """
        select orders.order_id, fees.cost_amount_reporting, orders.dispute_fee_amount
        from truth_orders as orders
        full join (
            select order_id, sum(cost_amount_reporting) as cost_amount_reporting
            from warehouse.core.fct_revenue_entries
            where entry_type = 'dispute_fee'
            group by order_id
        ) as fees on fees.order_id = 'shopify:' || orders.order_id
        where coalesce(fees.cost_amount_reporting, 0) is distinct from orders.dispute_fee_amount
    """,
    "people with another campaign of first touch": """
        select people.person_id
        from truth_first_touch as truth
        inner join people on people.cluster_key = truth.person_key
        inner join warehouse.core.dim_persons as persons using (person_id)
        where persons.first_touch_campaign_id is distinct from truth.campaign_id
    """,
    "subscriptions with another life or revenue": """
        select truth.subscription_id, subscriptions.subscription_id
        from truth_subscriptions as truth
        full join (select * from warehouse.core.fct_subscriptions where source_system = 'stripe') as subscriptions
            on subscriptions.subscription_id = 'stripe:' || truth.subscription_id
        left join people on people.cluster_key = truth.cluster_key
        left join (
            select subscription_id, sum(amount) as amount
            from warehouse.core.fct_revenue_entries
            where subscription_id is not null
            group by 1
        ) as entries on entries.subscription_id = subscriptions.subscription_id
        where truth.subscription_id is null or subscriptions.subscription_id is null
            or subscriptions.person_id is distinct from people.person_id
            or subscriptions.currency <> truth.currency or subscriptions.mrr_amount <> truth.mrr_amount
            or subscriptions.trial_started_at is distinct from (truth.trial_started_at at time zone 'UTC')
            or subscriptions.started_at is distinct from (truth.started_at at time zone 'UTC')
            or subscriptions.cancelled_at is distinct from (truth.cancelled_at at time zone 'UTC')
            or subscriptions.ended_at is distinct from (truth.ended_at at time zone 'UTC')
            or coalesce(entries.amount, 0) <> truth.paid_amount
    """,
    "payments of no order or subscription": """
        select truth.payment_id, payments.payment_id
        from truth_one_off_payments as truth
        full join warehouse.ops.unmatched_payments as payments on payments.payment_id = 'stripe:' || truth.payment_id
        left join people on people.cluster_key = truth.cluster_key
        where truth.payment_id is null or payments.payment_id is null
            or payments.currency <> truth.currency or payments.total_amount <> truth.amount
            or payments.paid_at <> (truth.paid_at at time zone 'UTC')
            or payments.person_id is distinct from people.person_id
    """,
    "recurring revenue at the first of a month": """
        select truth.at, truth.subscription_id, periods.subscription_id
        from truth_recurring_revenue as truth
        full join (
            select months.month, periods.subscription_id, periods.mrr_amount
            from (select month::timestamp as month from warehouse.marts.revenue_retention) as months
            inner join warehouse.core.fct_subscription_periods as periods
                on periods.started_at < months.month
                and (periods.ended_at >= months.month or periods.ended_at is null)
            where periods.mrr_amount > 0
        ) as periods
            on periods.subscription_id = 'stripe:' || truth.subscription_id
            and periods.month = (truth.at at time zone 'UTC')
        where periods.mrr_amount is distinct from truth.mrr_amount
    """,
    "people in another arm of an experiment": """
        select people.person_id, truth.arm, assignments.person_id, assignments.arm
        from truth_experiment_assignments as truth
        left join people on people.cluster_key = truth.cluster_key
        full join warehouse.core.fct_experiment_assignments as assignments
            on assignments.person_id = people.person_id and assignments.experiment = truth.experiment
            and assignments.arm = truth.arm
        where truth.person_key is null or assignments.person_id is null or assignments.arm_count <> 1
            or assignments.assigned_at <> (truth.assigned_at at time zone 'UTC')
    """,
    "malformed records that were not rejected": """
        select source, resource, count(*) from truth_malformed group by 1, 2
        except
        select source_system, resource, count(*) from warehouse.ops.rejected_records group by 1, 2
    """,
}


def first_days(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The first instant of each month with recurring revenue (reports count in UTC), in epoch seconds."""
    query = "select epoch(month::timestamp)::bigint from warehouse.marts.revenue_retention order by 1"
    return [row[0] for row in connection.execute(query).fetchall()]


def differences(warehouse: Path, truth: Truth) -> dict[str, list[tuple]]:
    """What differs, by name of the comparison, at most five rows each; empty: the two are equal."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")  # takes no parameter
        for name, table in {
            "records": truth.records(),
            "moves_by_cluster": truth.stage_moves("cluster"),
            "orders": truth.orders(),
            "subscriptions": truth.subscriptions(),
            "one_off_payments": truth.one_off_payments(),
            "recurring_revenue": truth.monthly_recurring_revenue(first_days(connection)),
            "first_touch": truth.first_touch(),
            "experiment_assignments": truth.experiment_assignments(),
            "malformed": truth.malformed(),
        }.items():
            connection.register(f"given_{name}", table)
            connection.execute(f"create table truth_{name} as from given_{name}")
        connection.execute(
            """
            alter table truth_records add column record_key text;
            update truth_records set record_key = source_system || ':' || record_type || ':' || record_id;
            create table joined as
                select truth_records.cluster_key, bridge.person_id
                from truth_records
                inner join warehouse.core.bridge_person_records as bridge using (record_key);
            create table people as select cluster_key, min(person_id) as person_id from joined group by 1;
            create table truth_moves as
                select coalesce(people.person_id, 'nobody: ' || moves.key) as person_id, stage, stage_kind, pass_number,
                    (entered_at at time zone 'UTC') as entered_at, (exited_at at time zone 'UTC') as exited_at
                from truth_moves_by_cluster as moves
                left join people on people.cluster_key = moves.key;
            create table warehouse_moves as
                select entity_id as person_id, stage, stage_kind, pass_number, entered_at, exited_at
                from warehouse.marts.lifecycle_stage_history
                where lifecycle_model = 'conversation';
            """
        )
        found = {name: connection.execute(query).fetchmany(5) for name, query in DIFFERENCES.items()}
        compared = connection.execute("select count(*) from truth_moves").fetchone()
        if not compared or not compared[0]:
            found["nothing to compare"] = [("the truth knows no stage move",)]
    return {name: rows for name, rows in found.items() if rows}
