"""Tables and queries of a real PostgreSQL through mappings: values, changes and deletions, one moment, clear errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from adbc_driver_postgresql import dbapi
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingestion import check, config, failures, pipelines
from ingestion.config import Account, SettingsError
from ingestion.http import VendorError
from ingestion.intake import Intake
from ingestion.sources import files
from ingestion.sources.files.copies import Copied, Copies, State, folder
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.mapping import MappingError, read_mapping, read_mappings
from ingestion.sources.files.postgres import Database
from ingestion.sources.files.settings import Connection, Settings
from tests.postgres import execute, started_server

Query = Callable[[str], list[Any]]

SECRET = "secret-of-the-shop"
AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
PEOPLE = """
name: {name}
connection: shop
timezone: Europe/Paris
inputs:
  people: {{{people}}}
entities:
  customers:
    from: people
    columns: {{customer_id: id, first_name: name, created_at: created}}
"""
TEN_LATER = "query: 'select id + 10 as id, name, created from people'"
INCREMENTAL = "table: people, cursor: changed, look_back: 2 days, key: id"
CURRENT = "select customer_id || ' ' || first_name from raw_files.customers where _dlt_valid_to is null order by 1"


@pytest.fixture(autouse=True)
def mappings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of mappings."""
    (tmp_path / "mappings").mkdir()
    monkeypatch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(tmp_path / "mappings"))
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path))


@pytest.fixture
def shop(mappings: None, postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the database that mappings call shop; a table of people is in it."""
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", postgres)
    execute(
        postgres,
        "create table people (id int primary key, name text, created timestamptz default '2026-01-01', "
        "changed timestamptz default '2026-10-30 12:00+00')",
    )
    return postgres


def write(folder: Path, name: str, people: str = "table: people") -> None:
    (folder / "mappings" / f"{name}.yml").write_text(PEOPLE.format(name=name, people=people))


def load() -> Intake:
    return pipelines.run("files")


def copied(folder: Path, state: State | None = None, as_of: datetime = AS_OF) -> list[Copied]:
    """What a load reads of the mappings, without what it loads."""
    mappings = read_mappings(folder / "mappings")
    made = Copies(Settings.read(), as_of, folder, {} if state is None else state)
    made.forget_all_but(mappings)
    return made.make(mappings)


# ---- values

TYPES = """
    create table orders (
        id uuid, n int, code char(6), state order_state, ordered timestamp, paid timestamptz, total numeric,
        tax double precision, shipping money, note text, details jsonb, tags text[], span interval, raw bytea,
        valid_until timestamptz default 'infinity', "Odd ""name" date default 'infinity'
    )
"""
ORDERS = """
name: orders
connection: shop
timezone: Europe/Paris
inputs: {orders: {table: public.orders}}
entities:
  orders:
    from: orders
    columns:
      order_id: id
      customer_id: details.buyer.id
      ordered_at: ordered
      paid_at: paid
      cancelled_at: case when isinf(valid_until) then null else valid_until end
      currency: "'EUR'"
      total_amount: total
      tax_amount: tax
      shipping_amount: shipping
      payment_type: state
      channel: json_extract_string(tags, '$[1]')
      campaign_id: note
  messages:
    from: orders
    columns:
      message_id: n
      conversation_id: code
      direction: "'inbound'"
      sent_at: "'2026-01-01'"
      channel: span
      agent: raw
"""
ODD = 'Zoë "x" \\ \t 😀 \u200b'


def test_every_value_arrives_as_it_is_or_is_rejected_with_its_reason(tmp_path: Path, shop: str, query: Query) -> None:
    (tmp_path / "mappings" / "orders.yml").write_text(ORDERS)
    execute(shop, "create type order_state as enum ('paid', 'open')", TYPES)
    with dbapi.connect(shop, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into orders values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1, 'ab', 'paid', '2026-07-01 12:00', "
            "'2026-07-01 12:00+00', 1234567890.123456789, 123456789.12, 1234.5, $1, "
            """'{"buyer": {"id": "c1"}}', '{shop,web}', '1 mon 2 days', '\\xdeadbeef')""",
            parameters=(ODD,),
        )
    numbers = ("'NaN'", "'-Infinity'", "1e40", "1e12")
    instants = ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'294276-01-01'", "'1969-12-31'")
    execute(
        shop,
        *(
            f"insert into orders (id, n, ordered, total) values (gen_random_uuid(), {n}, '2026-07-01', {number})"
            for n, number in enumerate(numbers, start=10)
        ),
        *(
            f"insert into orders (id, n, ordered) values (gen_random_uuid(), {n}, {instant})"
            for n, instant in enumerate(instants, start=20)
        ),
        "insert into orders (id, n, ordered, tax) values (gen_random_uuid(), 30, '2026-07-01', 'NaN')",
    )

    intake = load()

    assert intake.received["inputs.orders.orders"] == intake.loaded["inputs.orders.orders"] == 11
    assert query(
        "select order_id, customer_id, ordered_at at time zone 'UTC', paid_at at time zone 'UTC', cancelled_at, "
        "total_amount::varchar, tax_amount::varchar, shipping_amount::varchar, payment_type, channel, campaign_id "
        "from raw_files.orders"
    ) == [
        (
            *("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "c1"),
            *(datetime(2026, 7, 1, 10), datetime(2026, 7, 1, 12), None),
            *("1234567890.123456789", "123456789.120000000", "1234.500000000"),
            *("paid", "web", ODD.strip()),
        )
    ]
    assert query("select conversation_id, channel, agent from raw_files.messages where message_id = '1'") == [
        ("ab", "1 mon 2 days", "\\xdeadbeef")
    ]
    reasons = query(
        "select (record::json ->> 'n')::int, reason from raw_files.rejected_records where resource = 'orders' "
        "order by 1"
    )
    assert [reason for n, reason in reasons if n < 20] == [
        "total_amount: 'NaN' is not a number",
        "total_amount: '-Infinity' is not a number",
        f"total_amount: '1{'0' * 40}' is not a number",
        "total_amount: '1000000000000' is not between -1,000,000,000,000 and 1,000,000,000,000",
    ]
    assert [reason for n, reason in reasons if 20 <= n < 30] == [
        "ordered_at: 'infinity' is not a date and time",
        "ordered_at: '-infinity' is not a date and time",
        "ordered_at: '0044-03-15 (BC) 00:00:00' is not a date and time",
        "ordered_at: 'infinity' is not a date and time",
        "ordered_at: '1969-12-31 00:00:00' is not between 1970-01-01 and 2199-12-31",
    ]
    assert [reason for n, reason in reasons if n == 30] == ["tax_amount: 'NaN' is not a number"]


# ---- changes and deletions

DAY = timedelta(days=1)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 5),  # the row
        st.integers(0, 2),  # its value
        # how far behind this load it was changed: up to the look-back behind the load before, ahead of it, or unknown
        st.one_of(st.integers(0, 72), st.just(-1000), st.none()),
    ),
    min_size=2,
    max_size=6,
)
KINDS = ("timestamptz", "timestamp", "date")


@given(
    nights=st.lists(st.tuples(CHANGES, st.booleans()), min_size=1, max_size=4),
    kind=st.sampled_from(KINDS),
)
@examples(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_reading_what_changed_gives_the_rows_that_reading_whole_gives(
    tmp_path: Path, shop: str, nights: list[tuple[list[tuple[int, int, int | None]], bool]], kind: str
) -> None:
    """Whatever changed in which order, and whichever loads did not end: their state is not kept."""
    write(tmp_path, "changes", INCREMENTAL)
    state: State = {}
    with dbapi.connect(shop, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("drop table people")
        cursor.execute(f"create table people (id int primary key, name text, changed {kind})")
        cursor.execute(f"insert into people select n, 'old', '{AS_OF - 200 * DAY:%F}' from generate_series(0, 6) as n")
        cursor.execute(f"insert into people values (7, 'new', '{AS_OF - 100 * DAY:%F %T}+00')")
        for night, (changes, succeeds) in enumerate([([], True), *nights]):
            as_of = AS_OF - 100 * DAY + night * DAY
            for row, name, hours in changes:
                changed = as_of - timedelta(hours=hours or 0)
                value = "null" if hours is None else f"timestamptz '{changed}' at time zone 'UTC'"
                cursor.execute(
                    f"insert into people values ({row}, '{name}', {value}) "
                    "on conflict (id) do update set name = excluded.name, changed = excluded.changed",
                )

            (found,) = copied(tmp_path, state, as_of)

            assert found.error is None
            (source,) = found.mapping.inputs.values()
            here = duckdb.execute("select id, name from read_parquet($1) order by 1", [source.path]).fetchall()
            cursor.execute("select id, name from people order by 1")
            assert here == cursor.fetchall()
            if succeeds:
                state[found.mapping.name] = found.known


def test_a_copy_that_was_cut_short_is_made_anew(tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data [1]"))
    write(tmp_path, "changes", INCREMENTAL)
    execute(shop, "insert into people select n, 'a' from generate_series(1, 3) as n")
    (first,) = copied(tmp_path)
    state = {first.mapping.name: first.known}
    (copy,) = folder().glob("*.parquet")
    copy.write_bytes(copy.read_bytes()[:-20])

    (again,) = copied(tmp_path, state)

    assert again.error is None
    evaluation = Evaluation(again.mapping, tmp_path, AS_OF)
    assert [(rows.taken, rows.rejections) for rows in evaluation.inputs] == [(3, [])]
    evaluation.close()


def test_a_row_that_was_deleted_is_retired_when_the_table_is_read_whole_and_not_before(
    tmp_path: Path, shop: str, query: Query, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path, "whole", "query: 'select id + 100 as id, name, created from people;'")
    write(tmp_path, "changes", INCREMENTAL)
    execute(shop, "insert into people select n, 'a' from generate_series(1, 4) as n")
    load()
    assert query(CURRENT) == [*("1 a", "101 a", "102 a", "103 a", "104 a", "2 a", "3 a", "4 a")]
    execute(
        shop,
        "delete from people where id = 1",
        "update people set name = 'b', changed = '2026-10-29' where id = 2",
        "update people set name = 'unseen', changed = '2026-10-28' where id = 3",  # longer ago than the look-back
    )

    load()

    assert query(CURRENT) == ["1 a", "102 b", "103 unseen", "104 a", "2 b", "3 a", "4 a"]
    assert "3 rows of the table people are read" not in caplog.text
    assert "2 rows of the table people are read, those with changed from 2026-10-28T12:00:00+00:00 on." in caplog.text
    assert "Rows that were deleted there since 2026-10-31T06:00:00+00:00 are not seen" in caplog.text
    assert "the query of people are read" not in caplog.text

    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-11-07T06:00:00Z")  # seven days later
    load()

    assert query(CURRENT) == ["102 b", "103 unseen", "104 a", "2 b", "3 unseen", "4 a"]
    assert len(list(folder().iterdir())) == 2  # the copy, and the one that the load before needed until its end

    monkeypatch.setenv("SOURCES__FILES__MOST_RETIRED_FROM", "3")
    execute(shop, "delete from people where id > 2")
    with pytest.raises(Exception) as raised:
        write(tmp_path, "changes", INCREMENTAL.replace("2 days", "3 days"))  # another input: it is read whole
        load()
    told = failures.told(raised.value, Account("files"))
    assert "customers: 3 rows are known, and the table people would leave 1" in told
    assert "customers: 3 rows are known, and the query of people would leave 1" in told
    assert query(CURRENT) == ["102 b", "103 unseen", "104 a", "2 b", "3 unseen", "4 a"]


TO_MEND = [
    (INCREMENTAL.replace("key: id", "key: [name]"), "key: name is there more than once (a)"),
    (INCREMENTAL.replace("key: id", "key: number"), "key: no column 'number'; choose from: id, name"),
    (INCREMENTAL.replace("cursor: changed", "cursor: at"), "cursor: 'at' is no column; choose from: id"),
    (INCREMENTAL.replace("cursor: changed", "cursor: name"), "cursor: 'name' is of the type text"),
    ("table: shop.people", 'relation "shop.people" does not exist. Correct the name (schema.table'),
    ("table: People", 'relation "People" does not exist. Correct the name'),
    ("query: select nothing from people", 'column "nothing" does not exist. Correct the name of the column'),
    ("query: select from where", 'syntax error at or near "where". Correct the query of people'),
    ("query: select 1 / (id - 1) as id from people", "division by zero. Correct the query of people"),
    ("query: select * from people a join people b using (id)", "columns are called 'changed', 'created', 'name'"),
    ("query: select 1 as id; drop table people", "cannot insert multiple commands"),
    (
        "query: with gone as (delete from people returning *) select * from gone",
        "WITH clause containing a data-modifying statement must be at the top level",
    ),
    ("query: \"select set_config('a.b', 'c', false), nextval('s') as id\"", "in a read-only transaction"),
]


def test_what_a_person_has_to_mend_is_one_line_that_names_mapping_and_input(tmp_path: Path, shop: str) -> None:
    for number, (people, _) in enumerate(TO_MEND):
        write(tmp_path, f"mend_{number:02}", people)
    execute(shop, "create sequence s", "insert into people values (1, 'a'), (2, 'a')")
    write(tmp_path, "people")

    *found, good = copied(tmp_path)

    assert good.error is None and len(found) == len(TO_MEND)
    for each, (_, told) in zip(found, TO_MEND, strict=True):
        said = str(each.error)
        assert isinstance(each.error, MappingError), said
        assert said.startswith(f"{each.mapping.file}: inputs.people: ") and told in said
        assert "\n" not in said and "Query was" not in said and "SQLSTATE" not in said


def test_a_table_without_a_right_stops_its_mapping_and_no_other_and_the_password_is_written_nowhere(
    tmp_path: Path, shop: str, query: Query, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    execute(
        shop,
        "create role reader_of_this_test login",
        "create table secrets (like people)",
        "grant select on people to reader_of_this_test",
        "insert into people values (1, 'a')",
    )
    monkeypatch.setenv(
        "SOURCES__FILES__CONNECTIONS__SHOP__URL", shop.replace("postgres:@", f"reader_of_this_test:{SECRET}@")
    )
    write(tmp_path, "secrets", "table: secrets")
    write(tmp_path, "people")

    intake = load()

    assert query(CURRENT) == ["1 a"]
    (failure,) = intake.failures
    assert "mapping secrets is not loaded, and keeps the rows it has: " in failure
    assert (
        "inputs.people: the database of the connection shop says: ERROR: permission denied for table secrets" in failure
    )
    assert "GRANT SELECT" in failure
    written = [path for path in config.data_dir().rglob("*") if path.is_file()]
    assert written and not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert SECRET not in caplog.text and "lifecycle load" not in caplog.text


@pytest.fixture
def needs_password(postgres_server: Any, shop: str) -> str:
    """The URL of the database for a role that has to give a password, and gives the wrong one."""
    rules = postgres_server.pgdata / "pg_hba.conf"
    rules.write_text("local all needs_password scram-sha-256\n" + rules.read_text())
    execute(shop, "drop role if exists needs_password", "create role needs_password login password 'right'")
    execute(shop, "select pg_reload_conf()")
    return shop.replace("postgres:@", "needs_password:wrong-%40-password@")


def test_who_is_not_let_in_reads_why_and_not_the_password(
    tmp_path: Path, needs_password: str, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    write(tmp_path, "people")
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", needs_password)

    (found,) = copied(tmp_path)

    assert isinstance(found.error, MappingError) and pauses == []
    assert str(found.error).startswith(f"{tmp_path}/mappings/people.yml: connection: the connection shop is refused: ")
    assert 'password authentication failed for user "needs_password"' in str(found.error)
    assert "SOURCES__FILES__CONNECTIONS__SHOP__URL" in str(found.error)
    assert "wrong-" not in str(found.error) and "postgresql:" not in str(found.error)


def test_a_statement_that_takes_too_long_is_given_up_and_the_next_input_is_read(tmp_path: Path, shop: str) -> None:
    write(tmp_path, "slow", "query: select pg_sleep(9)::text as id")
    write(tmp_path, "people")
    slow, people = (next(iter(mapping.inputs.values())) for mapping in read_mappings(tmp_path / "mappings")[::-1])

    with Database("shop", statement_seconds=1) as database:
        with pytest.raises(VendorError, match="statement timeout. Read less") as raised, database.undo_to_here():
            database.read(slow, database.columns(slow), tmp_path / "slow.parquet")
        assert failures.may_pass(raised.value)
        assert database.read(people, database.columns(people), tmp_path / "people.parquet") == 0


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret-of-shop@host/shop",
        "postgresql://user:secret@of-shop@host/shop",
        "postgresql://user:secret/of-shop@host/shop",
        "postgresql://user:secret?of-shop@host/shop",
        "postgresql://user:secret#of-shop@host/shop",
        "host=here password=secret-of-shop",
        "",
    ],
)
def test_a_url_that_would_be_read_in_another_way_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    write(tmp_path, "people")
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", url)

    with pytest.raises(SettingsError, match="SOURCES__FILES__CONNECTIONS__SHOP__URL") as raised:
        Settings.read().check()

    assert "of-shop" not in str(raised.value)
    assert ("write postgresql://user:password@host:5432/database" in str(raised.value)) == bool(url)


@pytest.mark.parametrize("hosts", ["db.example", "db.example:5432", "a:5432,b:5433", "[::1]:5432", ""])
def test_a_url_may_name_a_host_several_or_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    write(tmp_path, "people")
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", f"postgresql://user:a%40b@{hosts}/shop?host=/run/pg")

    Settings.read().check()


def findings() -> list[check.Finding]:
    (found,) = check.ask([Account("files")]).values()
    return found


def test_the_check_asks_each_connection_and_tries_each_mapping_without_a_row(tmp_path: Path, shop: str) -> None:
    write(tmp_path, "changes", INCREMENTAL)
    write(tmp_path, "gone", "table: gone")
    write(tmp_path, "other", "query: select id from people")

    found = findings()
    told = {finding.asked: finding.answer for finding in found}
    failed = [finding.advice for finding in found if finding.state == "failed"]

    assert told["connection shop"].startswith("reached, PostgreSQL ") and told["connection shop"].endswith("read only")
    assert told["changes.people"] == "changes by changed; rows deleted are seen every 7 days"
    assert [advice.partition(".yml: ")[2].partition(": ")[0] for advice in failed] == [
        "inputs.people",
        "entities.customers.columns.first_name",
    ]
    assert 'relation "gone" does not exist' in failed[0] and "has no column 'name'" in failed[1]


def test_the_check_says_that_a_connection_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "people")
    monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", "postgresql://me:secret-of-shop@127.0.0.1:1/shop")

    (failed,) = [finding for finding in findings() if finding.state == "failed"]

    assert (failed.asked, failed.answer) == ("connection shop", "not usable")
    assert "cannot be reached" in failed.advice and "Connection refused" in failed.advice
    assert "secret-of-shop" not in failed.advice


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("inputs: {a: {table: x}}", "needs the key 'connection' of the mapping"),
        ("connection: shop\ninputs: {a: {path: a.csv}}", "no input is a table or query"),
        ("connection: Shop\ninputs: {a: {table: x}}", "lower case letters and digits"),
        ("connection: shop\ninputs: {a: {table: x, query: select 1}}", "either the key 'table' or the key 'query'"),
        ("connection: shop\ninputs: {a: {table: a.b.c}}", "expected schema.table"),
        ("connection: shop\ninputs: {a: {table: x, path: a.csv}}", "unknown key 'path'"),
        ("connection: shop\ninputs: {a: {table: x, decimal: ','}}", "unknown key 'decimal'"),
        ("connection: shop\ninputs: {a: {table: x, cursor: c}}", "cursor, look_back and key go together"),
        (
            "connection: shop\ninputs: {a: {table: x, cursor: c, key: k, look_back: a while}}",
            "expected a duration such as 2 days",
        ),
    ],
)
def test_a_mapping_of_tables_that_cannot_work_says_what_to_write(tmp_path: Path, lines: str, told: str) -> None:
    file = tmp_path / "mapping.yml"
    file.write_text(f"name: x\n{lines}\nentities: {{customers: {{from: a, columns: {{customer_id: id}}}}}}\n")

    with pytest.raises(MappingError, match=re.escape(told)):
        read_mapping(file)


def test_the_mapping_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    readme = (Path(files.__file__).parent / "README.md").read_text()
    file = tmp_path / "shown.yml"
    file.write_text(readme.split("### PostgreSQL")[1].split("```yaml\n")[1].split("```")[0])

    shown = read_mapping(file)

    assert (shown.connection, shown.inputs["orders"].look_back) == ("shop", timedelta(days=2))
    assert Connection.class_of("shop").variable("url") in readme
    assert all(Settings.variable(name) in readme for name in ("whole_read_days", "statement_minutes"))


# ---- one moment


def test_all_inputs_of_a_connection_are_read_as_they_were_at_one_moment(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", TEN_LATER)
    execute(shop, "insert into people values (1, 'a')")
    read, seen = Database.read, list[Any]()

    def and_then_a_commit(database: Database, *arguments: Any, **named: Any) -> int:
        rows = read(database, *arguments, **named)
        execute(shop, f"insert into people values ({rows + len(seen) + 1}, 'later')")
        with dbapi.connect(shop) as connection, connection.cursor() as cursor:
            cursor.execute("select state, application_name from pg_stat_activity where application_name like 'life%'")
            seen.append(cursor.fetchall())
        return rows

    monkeypatch.setattr(Database, "read", and_then_a_commit)
    load()

    assert query(CURRENT) == ["1 a", "11 a"]
    assert seen == [[("idle in transaction", "lifecycle load")]] * 2


# ---- servers that fall silent


def test_a_connection_that_is_cut_is_made_again_and_everything_read_anew(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch, pauses: list[float], query: Query
) -> None:
    write(tmp_path, "one", TEN_LATER)
    write(tmp_path, "two")
    execute(
        shop,
        "alter table people add filler text",  # of several batches: the connection is cut between two of them
        "insert into people (id, name, filler) "
        "select n * 100, 'a', repeat('x', 150000) from generate_series(1, 300) as n",
    )
    write_batch, cuts = pq.ParquetWriter.write_batch, list[int]()

    def and_cut(writer: Any, batch: Any) -> None:
        write_batch(writer, batch)
        if "filler" in batch.schema.names and len(cuts) < 2:
            cuts.append(batch.num_rows)
            execute(
                shop,
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifecycle load'",
                "update people set name = 'b'",
            )

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", and_cut)
    load()

    assert len(pauses) == 2 and 0 < max(cuts) < 300
    assert query("select first_name, count(*) from raw_files.customers where _dlt_valid_to is null group by all") == [
        ("b", 600)
    ]


def test_a_server_that_is_killed_fails_the_source_and_the_next_load_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float], query: Query
) -> None:
    write(tmp_path, "changes", INCREMENTAL)
    read = Database.read
    with started_server() as server:
        url = server.get_uri()
        monkeypatch.setenv("SOURCES__FILES__CONNECTIONS__SHOP__URL", url)
        execute(
            url,
            "create table people (id int primary key, name text, created date default '2026-01-01', "
            "changed timestamptz default '2026-10-30 12:00+00')",
            "insert into people select n, 'a' from generate_series(1, 3) as n",
        )
        load()
        execute(url, "insert into people values (4, 'a')", "update people set name = 'b' where id = 1", "checkpoint")

        def from_a_server_that_is_killed(database: Database, *arguments: Any, **named: Any) -> int:
            server.get_postmaster_info().process.kill()
            server.get_postmaster_info().process.wait(10)
            return read(database, *arguments, **named)

        monkeypatch.setattr(Database, "read", from_a_server_that_is_killed)
        with pytest.raises(Exception) as raised:
            load()
        assert failures.may_pass(raised.value) and not failures.stops_the_run(raised.value)
        told = failures.told(raised.value, Account("files"))
        assert "the database of the connection shop cannot be reached: " in told
        assert "SOURCES__FILES__CONNECTIONS__SHOP__URL" in told and "postgresql://" not in told
        assert len(pauses) == 3  # of the four attempts that the tests make
        assert query(CURRENT) == ["1 a", "2 a", "3 a"]

        monkeypatch.setattr(Database, "read", read)
        server.ensure_postgres_running()
        load()
        assert query(CURRENT) == ["1 b", "2 a", "3 a", "4 a"]
