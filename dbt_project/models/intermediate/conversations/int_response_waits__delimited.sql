{#- A message may reach the inbox shortly before the conversation that it opens. -#}
{% set opening_lag = "interval 5 minute" %}
{% set in_order = "order by occurred_at asc nulls last, event_order asc nulls last, event_id asc nulls last" %}

with
    messages as (select * from {{ ref("int_messages__screened") }}),
    conversation_events as (
        select * from {{ ref("int_conversation_events__judged") }} where not coalesce(is_spam, false)
    ),

    -- A thread is a sequence of messages: a conversation if messages name theirs, otherwise everything of a contact.
    unioned as (
        select
            coalesce(conversation_id, record_key) as thread_id,
            message_id as event_id,
            case
                when direction = 'inbound'
                then 'received'
                when has_failed
                then null
                when sender_kind = 'agent'
                then 'replied'
                when sender_kind = 'bot'
                then 'answered_by_bot'
            end as event,
            source_system,
            record_key,
            conversation_id,
            channel,
            sender_user_id as user_id,
            sender_team_id as team_id,
            sent_at as occurred_at,
            loaded_at
        from messages
        where record_key is not null
        union all
        select
            record_key as thread_id,
            event_id,
            event,
            source_system,
            record_key,
            conversation_id,
            null as channel,
            assigned_user_id as user_id,
            null as team_id,
            occurred_at,
            null as loaded_at
        from conversation_events
        union all
        select
            conversation_id as thread_id,
            event_id,
            event,
            source_system,
            record_key,
            conversation_id,
            null as channel,
            assigned_user_id as user_id,
            null as team_id,
            occurred_at,
            null as loaded_at
        from conversation_events
        where event in ('opened', 'closed')
    ),

    received as (select thread_id from unioned where event = 'received'),
    answered_by_bot as (select thread_id from unioned where event = 'answered_by_bot'),

    -- Broadcasts, messages of unknown senders and those that reached nobody neither wait nor reply. Nobody waits in a
    -- thread where nothing was received.
    thread_events as (
        select *
        from unioned
        where
            event is not null
            and occurred_at <= {{ as_of() }}
            and thread_id in (select received.thread_id from received)
    ),

    -- A span lasts from one opening or closing to the next.
    boundaries as (
        select
            *,
            lag(event) over previous_first as previous_event,
            lag(conversation_id) over previous_first as previous_conversation_id,
            lag(occurred_at) over previous_first as previous_occurred_at
        from thread_events
        where event in ('opened', 'closed')
        window previous_first as (partition by thread_id order by occurred_at asc nulls last, event_id asc nulls last)
    ),

    -- Messages at the very instant of a closing belong to what it closes; those at the instant of an opening to what it
    -- opens.
    span_starts as (
        select
            thread_id,
            event_id,
            event,
            conversation_id,
            case
                when event = 'closed' or previous_event = 'opened'
                then occurred_at
                else
                    greatest(
                        occurred_at - {{ opening_lag }}, coalesce(previous_occurred_at, occurred_at - {{ opening_lag }})
                    )
            end as started_at,
            event = 'closed'
            or coalesce(
                previous_event = 'closed'
                and (
                    previous_conversation_id = conversation_id
                    or {{ days_between("previous_occurred_at", "occurred_at") }}
                    <= {{ var("conversation_reopening_days") }}
                ),
                false
            ) as is_reopened,
            case
                when event = 'closed'
                then 5
                when previous_event = 'closed' and previous_occurred_at >= occurred_at - {{ opening_lag }}
                then 6
                else 0
            end as event_order
        from boundaries
        -- Two conversations of contacts that were merged may both be open: the closing of one does not end the other.
        where
            not coalesce(
                event = 'closed' and previous_event = 'opened' and previous_conversation_id <> conversation_id, false
            )
    ),

    positioned as (
        select
            thread_id,
            event_id,
            event,
            source_system,
            record_key,
            channel,
            user_id,
            team_id,
            null as conversation_id,
            null as is_reopened,
            loaded_at,
            occurred_at,
            case
                event when 'answered_by_bot' then 1 when 'assigned' then 2 when 'received' then 3 else 4
            end as event_order,
            0 as span_step
        from thread_events
        where event not in ('opened', 'closed')
        union all
        select
            thread_id,
            event_id,
            event,
            null as source_system,
            null as record_key,
            null as channel,
            null as user_id,
            null as team_id,
            conversation_id,
            is_reopened,
            null as loaded_at,
            started_at as occurred_at,
            event_order,
            1 as span_step
        from span_starts
    ),

    -- A turn ends with a person's reply. Its number counts the replies in the thread, so that one pass finds spans
    -- and turns.
    spanned as (
        select
            *,
            sum(span_step) over (
                partition by thread_id {{ in_order }} rows between unbounded preceding and current row
            ) as span_number,
            coalesce(
                sum(case when event = 'replied' then 1 else 0 end) over (
                    partition by thread_id {{ in_order }} rows between unbounded preceding and 1 preceding
                ),
                0
            ) as turn_number
        from positioned
    ),

    spans as (
        select thread_id, span_number, occurred_at as started_at, conversation_id, is_reopened
        from spanned
        where span_step = 1
    ),

    -- An assignment hands over what a bot had taken.
    taken as (
        select
            *,
            count(case when event = 'answered_by_bot' then 1 end) over so_far as bot_answers,
            max(case when event = 'answered_by_bot' then occurred_at end) over before as answered_by_bot_at,
            max(case when event = 'received' then occurred_at end) over before as asked_at
        from spanned
        where thread_id in (select answered_by_bot.thread_id from answered_by_bot)
        window
            so_far as (
                partition by thread_id, span_number, turn_number {{ in_order }}
                rows between unbounded preceding and current row
            ),
            before as (
                partition by thread_id, span_number, turn_number {{ in_order }}
                rows between unbounded preceding and 1 preceding
            )
    ),

    hand_offs as (
        select
            thread_id,
            span_number,
            turn_number,
            min(case when event = 'assigned' and bot_answers > 0 then occurred_at end) as handed_off_at,
            -- If a bot's last word went unanswered for that long, the matter was settled: the next question is new.
            max(
                case
                    when
                        event = 'received'
                        and answered_by_bot_at >= asked_at
                        and occurred_at
                        > {{ dbt.dateadd("hour", var("bot_answer_settles_hours"), "answered_by_bot_at") }}
                    then occurred_at
                end
            ) as asked_again_at
        from taken
        group by thread_id, span_number, turn_number
    ),

    handed_over as (
        select spanned.*, hand_offs.handed_off_at, hand_offs.asked_again_at
        from spanned
        left join
            hand_offs
            on hand_offs.thread_id = spanned.thread_id
            and hand_offs.span_number = spanned.span_number
            and hand_offs.turn_number = spanned.turn_number
    ),

    -- Of the messages that wait for a person, the first: of those since the hand-off, or of those before it if none
    -- followed; without a hand-off, of those since the contact asked again.
    waiting as (
        select *
        from handed_over
        where event = 'received'
        qualify
            row_number() over (
                partition by thread_id, span_number, turn_number
                order by
                    case when occurred_at < coalesce(handed_off_at, asked_again_at) then 1 else 0 end asc nulls last,
                    occurred_at asc nulls last,
                    event_id asc nulls last
            )
            = 1
    ),

    answers as (
        select
            thread_id,
            span_number,
            turn_number,
            min(case when event = 'replied' then occurred_at end) as replied_at,
            max(case when event = 'replied' then user_id end) as replied_by_user_id,
            max(case when event = 'replied' then team_id end) as replied_by_team_id,
            max(case when event = 'replied' then loaded_at end) as reply_loaded_at,
            -- The hand-off itself; of several assignments of its instant, the first by their ids.
            min_by(user_id, event_id) filter (
                where event = 'assigned' and occurred_at = handed_off_at
            ) as assigned_user_id
        from handed_over
        where event in ('replied', 'assigned')
        group by thread_id, span_number, turn_number
    ),

    turns as (
        select
            waiting.thread_id,
            waiting.span_number,
            waiting.turn_number,
            waiting.event_id as message_id,
            waiting.source_system,
            waiting.record_key,
            waiting.channel,
            waiting.occurred_at as received_at,
            waiting.handed_off_at,
            waiting.asked_again_at,
            answers.replied_at,
            answers.replied_by_user_id,
            answers.replied_by_team_id,
            answers.reply_loaded_at,
            answers.assigned_user_id
        from waiting
        left join
            answers
            on answers.thread_id = waiting.thread_id
            and answers.span_number = waiting.span_number
            and answers.turn_number = waiting.turn_number
    ),

    numbered as (
        select
            *,
            row_number() over (partition by thread_id, span_number order by turn_number asc nulls last) as wait_number
        from turns
    ),

    final as (
        select
            numbered.message_id as wait_id,
            numbered.source_system,
            numbered.record_key,
            spans.conversation_id,
            numbered.channel,
            case
                when numbered.handed_off_at is not null
                then 'hand_off'
                when numbered.wait_number > 1
                then 'follow_up'
                when spans.is_reopened or numbered.asked_again_at is not null
                then 'reopening'
                else 'opening'
            end as kind,
            greatest(numbered.received_at, coalesce(numbered.handed_off_at, numbered.received_at)) as waiting_since_at,
            numbered.replied_at,
            coalesce(numbered.replied_at, following_spans.started_at) as ended_at,
            coalesce(numbered.replied_by_user_id, numbered.assigned_user_id) as user_id,
            numbered.replied_by_team_id,
            numbered.reply_loaded_at
        from numbered
        left join spans on spans.thread_id = numbered.thread_id and spans.span_number = numbered.span_number
        left join
            spans as following_spans
            on following_spans.thread_id = numbered.thread_id
            and following_spans.span_number = numbered.span_number + 1
    )

select *
from final
