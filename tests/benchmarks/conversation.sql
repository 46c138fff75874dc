-- The episodes of the stage model `conversation`, written by hand for DuckDB and for nothing else: the floor that the
-- compiled engine is measured against. `$as_of` is the instant of the refresh.
with
    relevant as (
        select person_id, activity_id, activity, occurred_at, loaded_at, attributes
        from intermediate.int_activities__identified
        where
            person_id is not null
            and activity in (
                'lead_created', 'form_submitted', 'conversation_opened', 'message_received', 'message_sent',
                'lead_qualified', 'quote_sent', 'checkout_started', 'order_placed', 'order_paid',
                'subscription_started', 'lead_disqualified', 'conversation_closed', 'deal_stage_changed'
            )
    ),

    payments as (
        select
            person_id,
            min(occurred_at) filter (where activity = 'order_paid') as first_order_paid_at,
            min(occurred_at) filter (where activity = 'subscription_started') as first_subscribed_at
        from relevant
        where activity in ('order_paid', 'subscription_started')
        group by person_id
    ),

    silences as (
        select
            *,
            lead(occurred_at) over (
                partition by person_id order by occurred_at, activity = 'message_sent' desc, activity_id
            ) as next_at
        from relevant
        where
            activity in (
                'message_sent', 'message_received', 'conversation_opened', 'form_submitted', 'checkout_started',
                'order_placed', 'order_paid', 'subscription_started'
            )
    ),

    losses as (
        select person_id, activity_id, occurred_at + interval 14 day as occurred_at, loaded_at, null as reason, 5 as rule
        from silences
        where
            activity = 'message_sent'
            and occurred_at + interval 14 day <= $as_of
            and (next_at is null or next_at > occurred_at + interval 14 day)
        union all
        select
            person_id,
            activity_id,
            occurred_at,
            loaded_at,
            (attributes ->> '$.reason') as reason,
            if(activity = 'lead_disqualified', 6, 7) as rule
        from relevant
        where
            activity = 'lead_disqualified'
            or (
                activity in ('conversation_closed', 'deal_stage_changed') and (attributes ->> '$.reason') = 'competitor'
            )
    ),

    moves as (
        select
            person_id,
            activity_id,
            occurred_at,
            loaded_at,
            null as reason,
            case
                when activity in ('lead_created', 'form_submitted', 'conversation_opened', 'message_received') then 1
                when activity in ('lead_qualified', 'quote_sent') then 2
                when activity in ('checkout_started', 'order_placed') then 3
                else 4
            end as rule,
            activity = 'conversation_opened' as is_conversation
        from relevant
        where
            activity not in ('message_sent', 'lead_disqualified', 'conversation_closed', 'deal_stage_changed')
            and (activity <> 'conversation_opened' or (attributes ->> '$.begun_by') = 'contact')
        union all
        select losses.*, false
        from losses
        left join payments using (person_id)
        where
            (first_order_paid_at is null or first_order_paid_at > occurred_at)
            and (rule <> 5 or first_subscribed_at is null or first_subscribed_at > occurred_at)
    ),

    ordered as (
        select
            *,
            row_number() over timeline as place,
            lag(rule) over timeline as previous_rule,
            count(*) filter (where rule < 5) over timeline as opened
        from moves
        window timeline as (
            partition by person_id order by occurred_at, rule <> 5, rule, activity_id
            rows between unbounded preceding and current row
        )
    ),

    passes as (
        select
            *,
            sum(if(rule < 5 and (opened = 1 or previous_rule > 4), 1, 0)) over (
                partition by person_id order by place rows between unbounded preceding and current row
            ) as pass_number
        from ordered
        where
            opened > 0 and rule is distinct from previous_rule and not (rule = 5 and coalesce(previous_rule, 0) > 4)
    ),

    stages as (
        select
            * exclude (previous_rule, opened),
            if(
                rule > 4,
                rule,
                max(if(rule < 5, rule, null)) over (
                    partition by person_id, pass_number order by place rows between unbounded preceding and current row
                )
            ) as stage
        from passes
    ),

    changes as (
        select *
        from stages
        qualify (pass_number, stage) is distinct from lag((pass_number, stage)) over (partition by person_id order by place)
    ),

    lasting as (
        select *
        from changes
        qualify coalesce(lead(occurred_at) over (partition by person_id order by place) > occurred_at, true)
    ),

    distinct_changes as (
        select *
        from lasting
        qualify (pass_number, stage) is distinct from lag((pass_number, stage)) over (partition by person_id order by place)
    )

select
    person_id as entity_id,
    (
        ['new_lead', 'hot_lead', 'payment', 'customer', 'cold_lead', 'unqualified', 'lost_to_competitor']
    )[stage] as stage,
    pass_number::int as pass_number,
    occurred_at as entered_at,
    lead(occurred_at) over (partition by person_id order by place) as exited_at,
    (
        [
            if(is_conversation, 'conversation_begun', 'first_contact'), 'intent_qualified', 'payment_requested',
            'first_payment', 'no_reply', 'disqualified', 'closed_for_competitor'
        ]
    )[rule] as entry_rule,
    activity_id as entry_activity_id,
    if(rule = 5, 'no reply in 14 days', reason) as lost_reason,
    loaded_at
from distinct_changes
