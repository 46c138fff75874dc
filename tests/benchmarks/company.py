"""A company of any size, drawn as Parquet files of canonical entities, and what happens in its next night.

Belongs here: who did what and when. Does not: how it is loaded (`company.yml`) or measured (`refresh`).

DuckDB draws it; the hash of a row's number stands for chance, so that the same size gives the same rows. How busy a
person is follows a Weibull distribution of shape 1/2: half of the people are below a quarter of the mean, and the
busiest of a million have a hundred times the mean.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb

AS_OF = datetime(2026, 10, 31, 6)
LATER = AS_OF + timedelta(days=1)
DAYS = 540
ORDERS, CONVERSATIONS, MESSAGES_PER_CONVERSATION = 5, 2, 8
ONE_IN = 100  # people who are touched in a night

# Between 0 and 1, from a row's number and a name for the throw.
CHANCE = "create macro chance(number, throw) as hash(throw || number) / 18446744073709551616.0"
PEOPLE = f"""
    create table people as
    select
        range as person,
        power(ln(1 - chance(range, 'busy')), 2) / 2 as busy,
        to_seconds((chance(range, 'came') * {DAYS} * 86400)::bigint) as came,
        -- Half of them leave at some time; the others are still there.
        case when chance(range, 'leaves') < 0.5 then chance(range, 'left') else 1.0 end as stays
    from range($people)
"""
# What a person does lies between their coming and their leaving.
INSTANT = f"""
    to_microseconds((
        chance({{number}}, '{{throw}}') * stays * epoch(to_days({DAYS}) - came) * 1000000
    )::bigint) + $as_of - to_days({DAYS}) + came
"""
DRAWN = {
    "customers": """
        select
            'c' || person as customer_id,
            'person' || person || '@example.com' as email,
            ['DE', 'FR', 'GB', 'ES'][1 + person % 4] as country,
            ['web', 'ads', 'referral'][1 + person % 3] as channel,
            $as_of - to_days({days}) + came as created_at
        from people
    """,
    "orders": """
        select
            'o' || person || '-' || number as order_id,
            'c' || person as customer_id,
            {ordered_at} as ordered_at,
            case when chance(order_id, 'paid') < 0.95 then least(ordered_at + interval 2 minute, $as_of) end as paid_at,
            'EUR' as currency,
            (10 + 190 * chance(order_id, 'amount'))::decimal(18, 2) as total_amount,
            'web' as channel
        from (select *, unnest(range({orders})) as number from people)
    """,
    "order_lines": """
        select
            order_id || '-1' as order_line_id,
            order_id,
            'sku' || (chance(order_id, 'sku') * 500)::integer as sku,
            1 as quantity,
            total_amount as unit_price
        from orders
    """,
    "conversations": """
        select
            'v' || person || '-' || number as conversation_id,
            'c' || person as customer_id,
            ['whatsapp', 'mail', 'web'][1 + (person + number) % 3] as channel,
            {opened_at} as opened_at,
            case when chance(conversation_id, 'closes') < 0.9 then least(opened_at + interval 3 day, $as_of) end
            as closed_at,
            case when closed_at is not null then ['resolved', 'question', 'sale'][1 + number % 3] end
            as closing_category
        from (select *, unnest(range({conversations})) as number from people)
    """,
    "messages": """
        select
            'm' || conversation_id || '-' || number as message_id,
            conversation_id,
            customer_id,
            channel,
            case when number % 2 = 0 then 'inbound' else 'outbound' end as direction,
            case when number % 2 = 0 then 'contact' when number % 8 = 1 then 'bot' else 'agent' end as sender_kind,
            case when sender_kind = 'agent' then 'agent' || hash(conversation_id) % 40 || '@example.com' end as agent,
            least(opened_at + to_seconds((number * 1200 + chance(message_id, 'sent') * 1000)::bigint), $as_of)
            as sent_at
        from (select *, unnest(range({messages})) as number from conversations)
    """,
}


def draw(folder: Path, people: int) -> int:
    """Write the company's files below `folder`: a folder an entity. The number of rows."""
    return _write(
        folder,
        "first",
        AS_OF,
        people,
        PEOPLE,
        orders=f"round({ORDERS} * busy)::bigint",
        conversations=f"round({CONVERSATIONS} * busy)::bigint",
    )


def touch(folder: Path, people: int) -> int:
    """Add the files of the next night: one person in a hundred buys, asks, or both. The number of rows."""
    touched = f"""
        create table people as
        select range * {ONE_IN} as person, to_days({DAYS}) - interval 20 hour as came, 1.0 as stays
        from range($people // {ONE_IN})
    """
    return _write(
        folder,
        "night",
        LATER,
        people,
        touched,
        orders="case when person % 3 <> 0 then 1 else 0 end",
        conversations="case when person % 3 <> 1 then 1 else 0 end",
    )


def _write(folder: Path, name: str, as_of: datetime, people: int, who: str, **counts: str) -> int:
    rows = 0
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(CHANCE)
        connection.execute(who, {"people": people})
        for entity, sql in DRAWN.items():
            if entity == "customers" and name != "first":
                continue
            written = sql.format(
                days=DAYS,
                messages=MESSAGES_PER_CONVERSATION,
                ordered_at=INSTANT.format(number="person || '-' || number", throw="ordered"),
                opened_at=INSTANT.format(number="person || '-' || number", throw="opened"),
                **counts,
            )
            if name != "first":  # ids of another night
                written = written.replace("|| number as", f"|| '{name}' || number as")
            connection.execute(f"create table {entity} as {written}", {"as_of": as_of} if "$as_of" in written else None)
            (folder / entity).mkdir(parents=True, exist_ok=True)
            connection.execute(f"copy {entity} to '{folder / entity / name}.parquet'")
            rows += connection.execute(f"select count(*) from {entity}").fetchall()[0][0]
    return rows
