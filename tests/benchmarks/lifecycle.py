"""The stage engine at scale, beside a bare script for the same stage model on the same rows.

Activities are drawn straight into the warehouse, evenly over people and 18 months. Three things are measured: the bare
script (conversation.sql), dbt's two models that do the same (fingerprints of entities, episodes of the model), and the
night after, when 1 % of people did something and timers ran out. The episodes of both ways are compared row for row.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from tests.benchmarks.measuring import Usage, run, say, table

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
BARE = Path(__file__).parent / "conversation.sql"
AS_OF = datetime(2026, 10, 31, 6)
DAYS = 540
ACTIVITIES_PER_PERSON = 20
MEMORY_LIMIT = "6GB"
MODELS = ["int_lifecycle_entities__fingerprinted", "int_lifecycle__conversation"]
# Of a thousand activities: messages most, then conversations, then what leads to and follows an order.
FREQUENCIES = {
    "message_received": 330,
    "message_sent": 310,
    "conversation_opened": 60,
    "conversation_closed": 55,
    "first_reply_sent": 45,
    "order_placed": 40,
    "order_paid": 38,
    "checkout_started": 22,
    "lead_created": 20,
    "lead_qualified": 20,
    "broadcast_sent": 15,
    "quote_sent": 10,
    "lead_disqualified": 10,
    "crm_stage_changed": 10,
    "ad_clicked": 10,
    "order_refunded": 5,
}
FINGERPRINT = "(hash(activity_id, person_id, account_id, loaded_at, amount_reporting, channel) >> 1)::bigint"
EPISODE = "entity_id, stage, pass_number, entered_at, exited_at, entry_rule, entry_activity_id, lost_reason, loaded_at"


def draw(connection: duckdb.DuckDBPyConnection, people: int) -> None:
    """Fill `intermediate.int_activities__identified`; the hash of a row's number stands for chance."""
    bounds, reached = [], 0
    for activity, share in FREQUENCIES.items():
        reached += share
        bounds.append(f"when roll < {reached} then '{activity}'")
    connection.execute("create schema if not exists intermediate")
    connection.execute(
        f"""
        create table intermediate.int_activities__identified as
        with drawn as (
            select
                range as number,
                (hash(range) % $people)::bigint as person,
                hash(range + 1000000007) % {reached} as roll,
                (hash(range + 2000000011) % ({DAYS} * 86400))::bigint as second,
                (hash(range + 3000000019) % 1000000)::bigint as microsecond
            from range($people * {ACTIVITIES_PER_PERSON})
        ),
        told as (
            select
                md5('activity' || number) as activity_id,
                md5('person' || person) as person_id,
                case when person % 20 = 0 then md5('account' || person // 100) end as account_id,
                case {" ".join(bounds)} end as activity,
                $as_of - to_days({DAYS}) + to_seconds(second) + to_microseconds(microsecond) as occurred_at,
                $as_of - to_days({DAYS - 1}) + to_seconds(second) as loaded_at,
                'bench' as source_system,
                'record' || number as source_record_id,
                ['whatsapp', 'web', 'mail', 'crm'][1 + microsecond % 4] as channel,
                case when roll between 745 and 844 then (microsecond / 100)::decimal(18, 4) end as amount_reporting,
                case
                    when activity = 'conversation_opened'
                    then '{{"begun_by": "' || if(number % 5 = 0, 'company', 'contact') || '"}}'
                    when roll between 700 and 754
                    then '{{"category": "x", "reason": "' || if(number % 9 = 0, 'competitor', 'resolved') || '"}}'
                    when roll between 945 and 954
                    then '{{"reason": "no_budget"}}'
                end as attributes
            from drawn
        )
        select *, {FINGERPRINT} as row_fingerprint from told
        """,
        {"people": people, "as_of": AS_OF},
    )


def touch(connection: duckdb.DuckDBPyConnection, people: int) -> None:
    """The next day: one person in a hundred writes."""
    connection.execute(
        f"""
        insert into intermediate.int_activities__identified by name
        with told as (
            select
                md5('news' || range) as activity_id,
                md5('person' || range * 100) as person_id,
                case when range % 20 = 0 then md5('account' || range) end as account_id,
                'message_received' as activity,
                $as_of + to_seconds(range % 86400) as occurred_at,
                $as_of + to_days(1) as loaded_at,
                'bench' as source_system,
                'news' || range as source_record_id,
                'web' as channel,
                null::decimal(18, 4) as amount_reporting,
                null::varchar as attributes
            from range($people // 100)
        )
        select *, {FINGERPRINT} as row_fingerprint from told
        """,
        {"people": people, "as_of": AS_OF},
    )


def dbt(folder: Path, warehouse: Path, as_of: datetime, name: str) -> Usage:
    """One run of the engine's models; `seconds` are those of the models, without dbt's start."""
    usage = run(
        [
            str(Path(sys.executable).with_name("dbt")),
            "run",
            "--select",
            *MODELS,
            "--vars",
            "{lifecycle_models: [conversation]}",
            "--project-dir",
            str(PROJECT),
            "--profiles-dir",
            str(PROJECT),
            "--target-path",
            str(folder / "target"),
            "--log-path",
            str(folder / "logs"),
        ],
        folder / f"{name}.log",
        {
            "LIFECYCLE_WAREHOUSE_PATH": str(warehouse),
            "LIFECYCLE_AS_OF": as_of.isoformat() + "Z",
            "LIFECYCLE_MEMORY_LIMIT": MEMORY_LIMIT,
        },
    )
    results = json.loads((folder / "target/run_results.json").read_text(encoding="utf-8"))["results"]
    return Usage(sum(result["execution_time"] for result in results), usage.cpu_seconds, usage.peak_bytes)


BARE_SCRIPT = """
import sys, time, duckdb
warehouse, sql, as_of, table, limit = sys.argv[1:]
connection = duckdb.connect(warehouse, config={"threads": 2, "memory_limit": limit})
connection.execute("set preserve_insertion_order = false; set disabled_optimizers = 'cte_filter_pusher'")
sql = open(sql, encoding="utf-8").read().replace("$as_of", f"timestamp '{as_of}'")
started = time.perf_counter()
connection.execute(f"create or replace table {table} as {sql}")
print(time.perf_counter() - started)
"""


def bare(folder: Path, warehouse: Path, as_of: datetime, name: str) -> Usage:
    """One run of the bare script in a process of its own."""
    log = folder / f"{name}.log"
    usage = run([sys.executable, "-c", BARE_SCRIPT, str(warehouse), str(BARE), str(as_of), name, MEMORY_LIMIT], log)
    return Usage(float(log.read_text(encoding="utf-8").split()[-1]), usage.cpu_seconds, usage.peak_bytes)


def differences(warehouse: Path, name: str) -> tuple[int, int]:
    """Episodes of the bare script, and how many of either way the other does not have."""
    engine = f"select {EPISODE} from intermediate.int_lifecycle__conversation"
    script = f"select {EPISODE} from {name}"
    with duckdb.connect(str(warehouse), config={"memory_limit": MEMORY_LIMIT}) as connection:
        (episodes,) = connection.execute(f"select count(*) from {name}").fetchone() or (0,)
        (parted,) = connection.execute(
            f"select count(*) from (({engine} except all {script}) union all ({script} except all {engine}))"
        ).fetchone() or (0,)
    return episodes, parted


def report(folder: Path, people: int) -> str:
    """Run the benchmark in `folder`; Markdown with the ratios."""
    warehouse = folder / "warehouse.duckdb"
    say(f"Drawing {people * ACTIVITIES_PER_PERSON:,} activities of {people:,} people …")
    with duckdb.connect(str(warehouse), config={"memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute("set preserve_insertion_order = false")
        draw(connection, people)
    say("The bare script …")
    floor = bare(folder, warehouse, AS_OF, "bare_first")
    say("The engine, everyone …")
    everyone = dbt(folder, warehouse, AS_OF, "everyone")
    episodes, parted = differences(warehouse, "bare_first")
    say("A day later, 1 % of people wrote: the engine, those concerned …")
    with duckdb.connect(str(warehouse)) as connection:
        touch(connection, people)
    night = dbt(folder, warehouse, AS_OF + timedelta(days=1), "night")
    say("The bare script again, to compare …")
    bare(folder, warehouse, AS_OF + timedelta(days=1), "bare_second")
    later_episodes, later_parted = differences(warehouse, "bare_second")
    with duckdb.connect(str(warehouse)) as connection:
        (evaluated,) = connection.execute(
            "select count(distinct entity_id) from intermediate.int_lifecycle__conversation"
            " where evaluated_at = (select max(evaluated_at) from intermediate.int_lifecycle__conversation)"
        ).fetchone() or (0,)

    def row(name: str, usage: Usage) -> list[str]:
        return [
            name,
            f"{usage.seconds:.1f}",
            f"{usage.seconds / floor.seconds:.2f}",
            f"{usage.cpu_seconds:.0f}",
            f"{usage.peak_bytes / 1e9:.1f}",
        ]

    return "\n".join(
        [
            f"## Stage engine: {people:,} people, {people * ACTIVITIES_PER_PERSON:,} activities, model `conversation`",
            "",
            table(
                ["run", "seconds", "times the floor", "CPU seconds of the process", "peak memory, GB"],
                [
                    row("bare script (floor)", floor),
                    row("engine, everyone", everyone),
                    row("engine, the night after", night),
                ],
            ),
            "",
            f"The night after takes {night.seconds / everyone.seconds:.1%} of the time for everyone;"
            f" it evaluated {evaluated:,} people ({people // 100:,} wrote, for the others a timer ran out).",
            f"Episodes: {episodes:,}, and {later_episodes:,} the night after; {parted:,} and {later_parted:,} of them"
            " differ between engine and script.",
            f"{os.cpu_count()} cores, DuckDB {duckdb.__version__}, memory limit {MEMORY_LIMIT}.",
        ]
    )
