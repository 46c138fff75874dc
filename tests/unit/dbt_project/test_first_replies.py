"""The first reply among the activities is the one that the response times measure, in its own conversation.

Belongs here: what two models have to agree on. Does not: what waits are (their dbt unit tests).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment, model_sql
from tests.unit.dbt_project.databases import empty_database

START = datetime(2026, 1, 1)
CONVERSATIONS = ("mail", "chat")
# Who writes in which conversation, in the order of time, an hour after each other; both are open all the while.
Said = list[tuple[str, str]]
# When each conversation was answered, and when the warehouse first knew.
Replies = dict[str, tuple[datetime, datetime]]

MESSAGE = {
    "message_id": pa.string(),
    "source_record_id": pa.string(),
    "source_system": pa.string(),
    "record_key": pa.string(),
    "conversation_id": pa.string(),
    "channel": pa.string(),
    "direction": pa.string(),
    "sender_kind": pa.string(),
    "sender_user_id": pa.string(),
    "sender_team_id": pa.string(),
    "has_failed": pa.bool_(),
    "sent_at": pa.timestamp("us"),
    "loaded_at": pa.timestamp("us"),
}
EMPTY = {
    "vendor_vocabulary": "source_system text, kind text, value text, meaning text, reason text",
    "int_contacts__unioned": "source_system text, record_type text, source_record_id text, is_blocked boolean",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    names = ("int_response_waits__delimited", "int_activities__from_conversations")
    with dbt_environment(tmp_path_factory.mktemp("replies"), {"LIFECYCLE_AS_OF": "2026-12-31T00:00:00Z"}):
        return {name: compiled(model_sql(name)) for name in names}


def first_replies(models: dict[str, str], said: Said, *, stated: bool) -> tuple[Replies, Replies]:
    """When each conversation was first answered, by the activities and by the waits."""
    rows = [
        {
            "message_id": f"files:{number:03}",
            "source_record_id": f"{number:03}",
            "source_system": "files",
            "record_key": "someone",
            "conversation_id": f"files:{conversation}" if stated else None,
            "channel": conversation,
            "direction": "inbound" if sender == "contact" else "outbound",
            "sender_kind": "agent" if sender == "agent in vain" else sender,
            "has_failed": sender == "agent in vain",
            "sent_at": START + timedelta(hours=number),
            "loaded_at": START + timedelta(days=99, hours=-number),
        }
        for number, (conversation, sender) in enumerate(said, start=1)
    ]
    opened = {"mail": START, "chat": START + timedelta(minutes=30)}
    with empty_database() as connection:
        connection.register("given_int_messages__screened", pa.Table.from_pylist(rows, schema=pa.schema(MESSAGE)))
        connection.execute(
            "create table given_int_conversations__screened as select 'files:' || name as conversation_id, "
            "'files' as source_system, name as source_record_id, 'someone' as record_key, name as channel, opened_at, "
            "null::timestamp as loaded_at, null::text as campaign_id, null::text as ad_id, null::text as click_ids, "
            "'contact' as opened_by_source, 'contact' as begun_by "
            "from (select unnest($1) as name, unnest($2::timestamp[]) as opened_at)",
            [list(opened), list(opened.values())],
        )
        connection.execute(
            "create table given_int_conversation_events__judged as select conversation_id || ':opened' as event_id, "
            "source_system, record_key, conversation_id, 'opened' as event, null::text as assigned_user_id, "
            "null::text as closing_category, null::text as closed_by_source, "
            "opened_at as occurred_at, loaded_at, false as is_spam, false as is_spam_contact "
            "from given_int_conversations__screened"
        )
        for name, columns in EMPTY.items():
            connection.execute(f"create table given_{name} ({columns})")
        for name, sql in models.items():
            connection.execute(f"create table given_{name} as {sql}")
        told = (
            "select source_record_id, occurred_at, loaded_at from given_int_activities__from_conversations "
            "where activity = 'first_reply_sent'"
        )
        waited = (
            "select split_part(conversation_id, ':', 2), min(replied_at), min_by(reply_loaded_at, replied_at) "
            "from given_int_response_waits__delimited where replied_at is not null group by 1"
        )
        return replies(connection, told), replies(connection, waited)


def replies(connection: duckdb.DuckDBPyConnection, query: str) -> Replies:
    return {
        conversation: (replied_at, loaded_at)
        for conversation, replied_at, loaded_at in connection.execute(query).fetchall()
    }


def expected(said: Said) -> Replies:
    """Message by message: the first agent heard in a conversation in which the contact has written before."""
    asked: set[str] = set()
    answered: Replies = {}
    for number, (conversation, sender) in enumerate(said, start=1):
        if sender == "contact":
            asked.add(conversation)
        elif sender == "agent" and conversation in asked:
            instant = START + timedelta(hours=number)
            answered.setdefault(conversation, (instant, START + timedelta(days=99, hours=-number)))
    return answered


def test_a_reply_answers_its_own_conversation(models: dict[str, str]) -> None:
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(CONVERSATIONS),
                st.sampled_from(["contact", "agent", "agent in vain", "bot", "broadcast"]),
            )
        )
    )
    @example([("mail", "contact"), ("chat", "contact"), ("mail", "agent")])
    @example([("mail", "contact"), ("mail", "agent in vain"), ("mail", "agent")])
    @example([("chat", "agent"), ("chat", "contact"), ("chat", "bot"), ("chat", "agent")])
    def check(said: Said) -> None:
        told, waited = first_replies(models, said, stated=True)
        assert told == waited == expected(said)

    check()


def test_without_a_stated_conversation_a_reply_answers_the_one_opened_last(models: dict[str, str]) -> None:
    told, waited = first_replies(models, [("mail", "contact"), ("mail", "agent"), ("chat", "agent")], stated=False)

    assert told == waited
    assert {conversation: replied_at for conversation, (replied_at, _) in told.items()} == {
        "chat": START + timedelta(hours=2)
    }
