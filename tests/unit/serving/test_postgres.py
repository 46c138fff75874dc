"""PostgreSQL as a place of publication: what arrives there, who may do what, and which version is where."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project import check, environment
from dagster_project.rollback import main as roll_back
from ingestion.config import SettingsError
from serving import publish as publishing
from serving.postgres import MARK, Postgres, PostgresError, UnreachableError, _Session
from serving.publish import Description, Publication, PublicationError, Source, publish
from serving.versions import current_version, name_of, versions
from tests.postgres import execute
from tests.published import ask, differing_marts, types
from tests.resilience import times

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
DESCRIPTIONS = {
    "orders": Description(
        "Orders; it's \\ all. One row per order.", {"order_id": 'The "order".', "gone": "Not there."}, ["order_id"]
    ),
    "persons": Description("People. One row per person.", {}, ["person_id"]),
    "not_there": Description("Nothing.", {}, ["a"]),
}


@pytest.fixture
def data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("SERVING_")]:
        monkeypatch.delenv(name)
    return data_dir


@pytest.fixture
def serving_dir(data: Path) -> Path:
    return data / "serving"


def fill(warehouse: Path, number: int) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            f"""
            create or replace table marts.orders as
            select
                'order' || range as order_id,
                'person' || range % 10 as person_id,
                nullif('account' || range % 7, 'account3') as account_id,
                date '2026-01-01' + range::integer as ordered_on,
                timestamp '2026-01-01 10:00:00.123456' + to_hours(range) as ordered_at,
                if(range % 3 = 0, null, timestamp '2026-01-02') as paid_at,
                {number} as version
            from range(100)
            """
        )
        connection.execute(
            f"create or replace view marts.persons as select distinct person_id, {number} as version from marts.orders"
        )


def publish_once(data: Path, postgres: Postgres | None, number: int = 1, *others: str) -> Publication:
    warehouse = data / "warehouse.duckdb"
    fill(warehouse, number)
    return publish(
        warehouse,
        data / "serving",
        marts=["orders", "persons", *others],
        as_of=AS_OF,
        sources=[Source("files", AS_OF, AS_OF)],
        descriptions=DESCRIPTIONS,
        postgres=postgres,
    )


def versions_read(data: Path, url: str) -> tuple[str | None, str | None]:
    """The version that the file's readers see, and PostgreSQL's."""
    current = current_version(data / "serving")
    return current and name_of(current), Postgres(url).version()


def schemas(url: str) -> list[str]:
    return [name for (name,) in ask(url, "select nspname from pg_namespace where nspname like 'marts%' order by 1")]


def test_a_version_is_the_same_in_the_file_and_in_postgresql_with_what_is_said_of_it(data: Path, postgres: str) -> None:
    first, second = (publish_once(data, Postgres(postgres), number) for number in (1, 2))

    assert versions_read(data, postgres) == (second.version, second.version)
    assert differing_marts(second.path, postgres) == {}
    assert differing_marts(first.path, postgres).keys() == {"orders", "persons", "publication"}
    assert schemas(postgres) == ["marts", "marts_old"]
    assert second.remarks == ()
    described = ("Orders; it's \\ all. One row per order.", 'The "order".')
    said = "obj_description('marts.orders'::regclass), col_description('marts.orders'::regclass, 1)"
    assert ask(postgres, f"select {said}") == [described]
    with duckdb.connect(str(second.path), read_only=True) as reader:
        found = reader.execute(
            "select t.comment, c.comment from duckdb_tables() as t join duckdb_columns() as c using (table_name) "
            "where table_name = 'orders' and column_name = 'order_id'"
        ).fetchall()
    assert found == [described]
    # an id, a date, an instant that every row has; not one that a row may lack, and the key only once
    indexes = ask(postgres, "select indexdef from pg_indexes where schemaname = 'marts' and tablename = 'orders'")
    assert sorted(re.sub(r" INDEX.*(?=\()", " ", definition) for (definition,) in indexes) == [
        "CREATE (account_id)",
        "CREATE (ordered_at)",
        "CREATE (ordered_on)",
        "CREATE (person_id)",
        "CREATE UNIQUE (order_id)",
    ]
    primary = "select tablename from pg_indexes where schemaname = 'marts' and indexname like '%_pkey' order by 1"
    assert ask(postgres, primary) == [("orders",), ("persons",)]
    execute(postgres, "update marts.orders set ordered_at = ordered_at + interval '1 microsecond'")
    assert differing_marts(second.path, postgres) == {"orders": 200}


def test_a_key_that_may_be_null_or_is_too_long_stops_no_publication(data: Path, postgres: str) -> None:
    with duckdb.connect(str(data / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        for mart, value in (("unknown", "null"), ("endless", f"'{'0123456789abcdef' * 200}'")):
            connection.execute(f"create table marts.{mart} as select 'c' as campaign_id union all select {value}")
    keys = {mart: Description(key=["campaign_id"]) for mart in ("unknown", "endless")}
    publication = publish(
        data / "warehouse.duckdb",
        data / "serving",
        marts=[*keys],
        as_of=AS_OF,
        sources=[Source("files")],
        descriptions=keys,
        postgres=Postgres(postgres),
    )

    assert differing_marts(publication.path, postgres) == {}
    found = "select tablename, indexdef like '%UNIQUE%' from pg_indexes where schemaname = 'marts' and indexdef like "
    assert ask(postgres, f"{found} '%campaign_id%'") == [("unknown", True)]


ARROW = pa.schema(
    {
        "amount": pa.decimal128(18, 4),
        "rate": pa.float64(),
        "text": pa.string(),
        "number": pa.int64(),
        "is_so": pa.bool_(),
        "happened_on": pa.date32(),
        "happened_at": pa.timestamp("us"),
    }
)
VALUES = st.fixed_dictionaries(
    {
        "amount": st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13), max_value=10**13),
        "rate": st.floats(width=64),
        "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        "number": st.integers(-(2**63), 2**63 - 1),
        "is_so": st.booleans(),
        "happened_on": st.dates(),
        "happened_at": st.datetimes(),
    }
)


@settings(max_examples=times(3, 50))
@given(
    rows=st.lists(
        VALUES.flatmap(
            lambda row: st.fixed_dictionaries({name: st.none() | st.just(value) for name, value in row.items()})
        ),
        max_size=40,
    )
)
def test_every_value_of_every_type_arrives_as_it_is(
    postgres_server, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    folder, url = tmp_path_factory.mktemp("values"), postgres_server.get_uri()
    drawn = pa.Table.from_pylist(rows, ARROW)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.register("drawn", drawn)
        connection.execute(
            "create table marts.facts as select *, amount::decimal(38, 9) as wide, [text] as many, "
            "{'a': number} as deep, to_json(text) as said from drawn"
        )
    publication = publish(
        folder / "warehouse.duckdb",
        folder / "serving",
        marts=["facts"],
        as_of=AS_OF,
        sources=[],
        postgres=Postgres(url, "facts"),
    )

    found = types(url, "facts")
    assert found["facts"] == {
        "amount": "numeric(18,4)",
        "rate": "double precision",
        "text": "text",
        "number": "bigint",
        "is_so": "boolean",
        "happened_on": "date",
        "happened_at": "timestamp with time zone",
        "many": "jsonb",
        "deep": "jsonb",
        "said": "jsonb",
        "wide": "numeric(38,9)",
    }
    assert differing_marts(publication.path, url, "facts", without=("many", "deep", "said")) == {}
    jsons = [(each["text"], each["number"]) for each in rows]
    read = ask(url, "select many->>0, (deep->>'a')::bigint from facts.facts where said is null or said #>> '{}' = text")
    assert Counter(read) == Counter(jsons)


def test_what_postgresql_cannot_hold_is_said_and_nothing_is_published(data: Path, postgres: str) -> None:
    before = publish_once(data, Postgres(postgres))
    for value, said in (
        ("interval '1 day'", "marts.odd.value is of the type INTERVAL"),
        ("'infinity'::timestamp", "marts.odd could not be read for PostgreSQL: .*infinite"),
        ("'a' || chr(0)", "marts.odd: invalid byte sequence"),
    ):
        with duckdb.connect(str(data / "warehouse.duckdb")) as connection:
            connection.execute(f"create or replace table marts.odd as select {value} as value")
        with pytest.raises(PostgresError, match=said):
            publish_once(data, Postgres(postgres), 2, "odd")

    assert versions_read(data, postgres) == (before.version, before.version)
    assert versions(data / "serving") == [before.path]
    assert schemas(postgres) == ["marts"]


# ---- one version in both


def test_where_the_link_cannot_be_moved_postgresql_goes_back(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(publishing, "point_link_at", fail)
        publish_once(data, Postgres(postgres))
    assert versions_read(data, postgres) == (None, None)
    before = publish_once(data, Postgres(postgres))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(publishing, "point_link_at", fail)
        publish_once(data, Postgres(postgres), 2)

    assert versions_read(data, postgres) == (before.version, before.version)
    assert versions(data / "serving") == [before.path]
    assert differing_marts(before.path, postgres) == {}
    assert schemas(postgres) == ["marts", "marts_new"]
    after = publish_once(data, Postgres(postgres), 3)
    assert versions_read(data, postgres) == (after.version, after.version)
    assert after.remarks == ()
    assert schemas(postgres) == ["marts", "marts_old"]


def test_where_postgresql_cannot_go_back_either_it_is_said_which_is_on_which(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, target = publish_once(data, Postgres(postgres)), Postgres(postgres, patience=0)

    def hold_and_fail(*_: object) -> None:
        cursor.execute("select * from marts.orders")
        raise OSError("no space left on device")

    with dbapi.connect(postgres) as reader, reader.cursor() as cursor, monkeypatch.context() as patch:
        patch.setattr(publishing, "point_link_at", hold_and_fail)
        with pytest.raises(PublicationError) as raised:
            publish_once(data, target, 2)

    here, there = versions_read(data, postgres)
    assert here == before.version != there
    assert "no space left" in str(raised.value) and f"PostgreSQL is on version {there}" in str(raised.value)
    after = publish_once(data, target, 3)
    assert after.remarks == (
        f"Until now, the file has {here} and PostgreSQL {there}: from this version on it is the same in both.",
    )
    assert versions_read(data, postgres) == (after.version, after.version)


def test_a_reader_who_holds_the_marts_is_named_and_both_stay_as_they_were(data: Path, postgres: str) -> None:
    before = publish_once(data, Postgres(postgres))
    with dbapi.connect(postgres) as reader, reader.cursor() as cursor:
        cursor.execute("set application_name = 'quarterly export'")
        cursor.execute("select * from marts.orders")
        with pytest.raises(PostgresError, match=r"held by user postgres \(process \d+, quarterly export, since "):
            publish_once(data, Postgres(postgres, patience=0.3), 2)
        assert versions_read(data, postgres) == (before.version, before.version)

    after = publish_once(data, Postgres(postgres), 3)
    assert versions_read(data, postgres) == (after.version, after.version)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_connection_that_is_lost_at_the_change_of_names_leaves_one_version_in_both(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, is_confirmed: bool
) -> None:
    before, forward, commit = publish_once(data, Postgres(postgres)), Postgres._forward, _Session.commit

    def lose(session: _Session) -> None:
        if is_confirmed:
            commit(session)
        raise UnreachableError("the connection was lost.")

    def forward_and_lose(self: Postgres, session: _Session, version: str) -> None:
        forward(self, session, version)
        monkeypatch.setattr(_Session, "commit", lose)
        monkeypatch.setattr(Postgres, "version", ask_with_another_connection)

    def ask_with_another_connection(_: Postgres) -> str:
        monkeypatch.undo()
        return Postgres(postgres).version() or ""

    monkeypatch.setattr(Postgres, "_forward", forward_and_lose)
    if is_confirmed:
        now = publish_once(data, Postgres(postgres), 2)
    else:
        with pytest.raises(UnreachableError):
            publish_once(data, Postgres(postgres), 2)
        now = before
    assert versions_read(data, postgres) == (now.version, now.version)


def test_an_earlier_version_that_somebody_needs_gets_out_of_the_way_and_goes_later(data: Path, postgres: str) -> None:
    """Who reads it reads on, and a view that somebody made is never dropped with it."""
    target = Postgres(postgres)
    publish_once(data, target)
    publish_once(data, target, 2)
    view = "create or replace view reporting.mine as select * from {schema}.orders"
    with dbapi.connect(postgres) as reader, reader.cursor() as cursor:
        cursor.execute("select * from marts_old.orders")
        third = publish_once(data, target, 3)
        assert len(schemas(postgres)) == 3
        assert len(third.remarks) == 1 and "held by user postgres" in third.remarks[0]
    execute(postgres, "create schema reporting", view.format(schema="marts_old"))

    (left,) = target.drop_kept()
    assert "view reporting.mine depends on table" in left
    assert ask(postgres, "select distinct version from reporting.mine") == [(2,)]
    execute(postgres, view.format(schema="marts"))
    assert target.drop_kept() == []
    assert schemas(postgres) == ["marts"]


def test_two_do_not_publish_at_once(data: Path, postgres: str) -> None:
    publication = publish_once(data, None)
    with dbapi.connect(postgres) as other, other.cursor() as cursor:
        cursor.execute(f"select pg_advisory_xact_lock(hashtext('{MARK}marts'))")
        with pytest.raises(PostgresError, match="another publication"):
            Postgres(postgres).prepare(publication.path)


def test_rolling_back_goes_back_in_both_as_far_as_the_file_does(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    published = [publish_once(data, Postgres(postgres), number) for number in range(1, 4)]
    monkeypatch.setenv("SERVING_POSTGRES_URL", postgres)

    for earlier in (published[1], published[0]):
        assert roll_back() == 0
        assert f"to {earlier.version} in the file and in PostgreSQL" in capsys.readouterr().out
        assert versions_read(data, postgres) == (earlier.version, earlier.version)
        assert differing_marts(earlier.path, postgres) == {}
    assert roll_back() == 1
    assert versions_read(data, postgres) == (published[0].version, published[0].version)


def test_a_roll_back_that_postgresql_does_not_take_leaves_both(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    publish_once(data, Postgres(postgres))
    second = publish_once(data, Postgres(postgres), 2)
    monkeypatch.setenv("SERVING_POSTGRES_URL", "postgresql://me:it-is-secret@127.0.0.1:9/nowhere")

    assert roll_back() == 1
    said = capsys.readouterr().err
    assert "Not rolled back: PostgreSQL cannot be reached" in said and "it-is-secret" not in said
    assert versions_read(data, postgres) == (second.version, second.version)


def test_a_file_that_was_rewritten_replaces_every_version_in_postgresql(data: Path, postgres: str) -> None:
    target = Postgres(postgres)
    publish_once(data, target)
    second = publish_once(data, target, 2)
    second.path.chmod(0o600)
    with duckdb.connect(str(second.path)) as connection:
        connection.execute("delete from marts.orders where person_id = 'person3'")

    target.replace(second.path)

    assert ask(postgres, "select count(*) from marts.orders") == [(90,)]
    assert schemas(postgres) == ["marts"]
    assert versions_read(data, postgres) == (second.version, second.version)


# ---- who may do what


@pytest.fixture
def publisher(postgres: str) -> Iterator[str]:
    """The URL of a role that may log in, and nothing else."""
    role = "it's \"p"
    quoted = role.replace('"', '""')
    execute(postgres, f'create role "{quoted}" login', "create role readers", "create role ana login in role readers")
    yield postgres.replace("://postgres:@", f"://{quote(role)}@")
    execute(
        postgres, f'drop owned by "{quoted}" cascade', f'drop role "{quoted}"', "drop role ana", "drop role readers"
    )


def test_readers_may_read_and_others_may_not(data: Path, postgres: str, publisher: str) -> None:
    database = ask(postgres, "select current_database()")[0][0]
    execute(postgres, f'grant create on database {database} to "it\'s ""p"', "create role other login")
    try:
        publish_once(data, Postgres(publisher, readers=("readers",)))
        publish_once(data, Postgres(publisher, readers=("readers",)), 2)

        reader, other = (postgres.replace("://postgres:@", f"://{role}@") for role in ("ana", "other"))
        assert ask(reader, "select distinct version from marts.orders") == [(2,)]
        for url, statement in ((reader, "delete from marts.orders"), (other, "select * from marts.orders")):
            with pytest.raises(dbapi.ProgrammingError, match="permission denied"):
                execute(url, statement)
    finally:
        execute(postgres, "drop role other")


def test_a_missing_right_is_one_clear_line(data: Path, postgres: str, publisher: str) -> None:
    before = publish_once(data, None)
    database = ask(postgres, "select current_database()")[0][0]

    with pytest.raises(PostgresError) as raised:
        publish_once(data, Postgres(publisher), 2)
    assert str(raised.value) == (
        f"the role it's \"p may not create schemas in the database {database}: "
        f'grant create on database "{database}" to "it\'s ""p";'
    )
    with pytest.raises(PostgresError, match="the server has no role nobody and no role noone"):
        publish_once(data, Postgres(postgres, readers=("nobody", "public", "noone")), 2)
    execute(postgres, "create schema marts", "create table marts.precious as select 1 as a")
    with pytest.raises(PostgresError, match="the schema marts was not made by this warehouse"):
        publish_once(data, Postgres(postgres), 2)
    assert ask(postgres, "select a from marts.precious") == [(1,)]
    assert current_version(data / "serving") == before.path and versions(data / "serving") == [before.path]
    second = publish_once(data, Postgres(postgres, "lifecycle"), 2)
    assert differing_marts(second.path, postgres, "lifecycle") == {}


def test_a_schema_of_another_role_is_not_replaced(data: Path, postgres: str, publisher: str) -> None:
    publish_once(data, Postgres(postgres))
    database = ask(postgres, "select current_database()")[0][0]
    execute(postgres, f'grant create on database {database} to "it\'s ""p"')

    with pytest.raises(PostgresError, match="the schema marts belongs to another role"):
        publish_once(data, Postgres(publisher), 2)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:it-is-secret@127.0.0.1:9/nowhere", "Connection refused"),
        ("postgresql://me:it-is-secret@/nowhere?host={socket}", 'database "nowhere" does not exist|role "me" does not'),
        ("postgresql://postgres:it-is-secret@/postgres?host={socket}&sslmode=nonsense", "invalid sslmode"),
    ],
)
def test_a_server_that_is_not_reached_is_one_line_without_the_password(
    data: Path, postgres: str, url: str, said: str
) -> None:
    socket = postgres.partition("?host=")[2]
    with pytest.raises(UnreachableError, match=said) as raised:
        publish_once(data, Postgres(url.format(socket=socket)))

    assert "\n" not in str(raised.value) and "it-is-secret" not in str(raised.value)
    assert raised.value.__cause__ is None and "it-is-secret" not in repr(Postgres(url))
    assert versions(data / "serving") == []


# ---- settings, and `make check`


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:it/is-secret@host/database",
        "postgresql://me:it@is-secret@host/database",
        "postgresql://me:it?is-secret@host/database",
        "postgresql://me:it#is-secret@host/database",
        "postgresql://me:it is-secret@host/database",
        "postgresql://me:it%zzis-secret@host/database",
        "postgres//me:it-is-secret@host/database",
        "mysql://me:it-is-secret@host/database",
        "host=host password=it-is-secret",
    ],
)
def test_a_url_that_the_library_would_repeat_in_its_error_is_refused_without_showing_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SERVING_POSTGRES_URL", url)

    with pytest.raises(SettingsError, match="SERVING_POSTGRES_URL: no URL of a PostgreSQL database") as raised:
        environment.postgres()
    assert "is-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host",
        "postgres://me@host:5432/database?sslmode=require",
        "postgresql://me:it%2Fis%40secret@[::1]:5432/database",
        "postgresql://me@one:5432,two:5433/database?target_session_attrs=read-write",
        "postgresql:///database?host=/var/run/postgresql",
    ],
)
def test_every_form_of_url_that_the_library_reads_is_taken(
    data: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SERVING_POSTGRES_URL", url)

    target = environment.postgres()
    assert target is not None and target.url == url
    assert url not in repr(target)


def test_without_a_url_there_is_nothing_to_ask(data: Path) -> None:
    assert environment.postgres() is None
    assert [*check.postgres()] == []


def test_the_check_says_whether_postgresql_can_be_published_to_and_what_it_has(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVING_POSTGRES_URL", postgres)

    def found() -> tuple[str, str]:
        (finding,) = check.postgres()
        return finding.state, f"{finding.answer}; {finding.advice}"

    assert found() == ("ok", "schema marts, empty; ")
    publish_once(data, Postgres(postgres))
    assert found() == ("ok", "schema marts, the version of the file; ")
    publish_once(data, None, 2)
    state, said = found()
    assert state == "warning" and "the file has lifecycle-000002-" in said and "PostgreSQL lifecycle-000001-" in said
    monkeypatch.setenv("SERVING_POSTGRES_READERS", "nobody")
    assert found()[0] == "failed"
    monkeypatch.setenv("SERVING_POSTGRES_URL", "postgresql://me:it-is-secret@127.0.0.1:9/nowhere")
    state, said = found()
    assert state == "failed" and "Connection refused" in said and "it-is-secret" not in said
