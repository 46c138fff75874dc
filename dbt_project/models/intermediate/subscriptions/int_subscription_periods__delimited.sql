with
    statuses as (select * from {{ ref("int_subscription_statuses__dated") }}),
    items as (select * from {{ ref("int_subscription_items__unioned") }}),

    item_changes as (
        select
            subscription_id,
            changed_at,
            mrr_amount - coalesce(
                lag(mrr_amount) over (partition by subscription_id, item_id order by changed_at asc nulls last), 0
            ) as mrr_change,
            list_mrr_amount - coalesce(
                lag(list_mrr_amount) over (partition by subscription_id, item_id order by changed_at asc nulls last), 0
            ) as list_mrr_change
        from items
    ),

    unioned as (
        select subscription_id, changed_at, status, {{ money("0") }} as mrr_change, {{ money("0") }} as list_mrr_change
        from statuses
        union all
        select subscription_id, changed_at, null as status, mrr_change, list_mrr_change
        from item_changes
    ),

    instants as (
        select
            subscription_id,
            changed_at,
            max(status) as status,
            sum(mrr_change) as mrr_change,
            sum(list_mrr_change) as list_mrr_change
        from unioned
        where changed_at <= {{ as_of() }}
        group by subscription_id, changed_at
    ),

    running as (
        select
            *,
            sum(mrr_change) over (
                partition by subscription_id
                order by changed_at asc nulls last
                rows between unbounded preceding and current row
            ) as full_mrr_amount,
            sum(list_mrr_change) over (
                partition by subscription_id
                order by changed_at asc nulls last
                rows between unbounded preceding and current row
            ) as full_list_mrr_amount,
            count(status) over (
                partition by subscription_id
                order by changed_at asc nulls last
                rows between unbounded preceding and current row
            ) as status_number
        from instants
    ),

    -- A status holds until the next one. Only what is paid for brings revenue; an invoice that is late still may be. An
    -- amount off that is larger than the price leaves nothing.
    states as (
        select
            subscription_id,
            changed_at,
            max(status) over (partition by subscription_id, status_number) as status,
            greatest(full_mrr_amount, 0) as full_mrr_amount,
            full_list_mrr_amount
        from running
        where status_number > 0
    ),

    priced as (
        select
            subscription_id,
            changed_at,
            status,
            case when status in ('active', 'past_due') then full_mrr_amount else {{ money("0") }} end as mrr_amount,
            case
                when status in ('active', 'past_due') then full_list_mrr_amount else {{ money("0") }}
            end as list_mrr_amount
        from states
    ),

    compared as (
        select
            *,
            lag(status) over (partition by subscription_id order by changed_at asc nulls last) as previous_status,
            lag(mrr_amount) over (
                partition by subscription_id order by changed_at asc nulls last
            ) as previous_mrr_amount,
            lag(list_mrr_amount) over (
                partition by subscription_id order by changed_at asc nulls last
            ) as previous_list_mrr_amount
        from priced
    ),

    changes as (
        select
            subscription_id,
            changed_at as started_at,
            lead(changed_at) over (partition by subscription_id order by changed_at asc nulls last) as ended_at,
            status,
            {{ money("mrr_amount") }} as mrr_amount,
            {{ money("list_mrr_amount") }} as list_mrr_amount
        from compared
        where
            previous_status is null
            or status <> previous_status
            or mrr_amount <> previous_mrr_amount
            or list_mrr_amount <> previous_list_mrr_amount
    ),

    final as (
        select
            subscription_id,
            row_number() over (partition by subscription_id order by started_at asc nulls last)::bigint
            as period_number,
            status,
            mrr_amount,
            list_mrr_amount,
            started_at,
            ended_at
        from changes
        where status <> 'ended'
    )

select *
from final
