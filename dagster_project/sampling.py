"""A sample of the warehouse: some people, whole, with the rows of every raw table that tell of them.

Belongs here: who is in a sample, and which rows of the raw tables are theirs. Does not: the file and the command
(`sample_command`), the models, which dbt builds from these rows as from all others.

Who belongs together stays together: records that identity joined or held for review, the people of one account and of
the companies that it is part of, those of one deal. Such a group is in the sample or is not. Groups come in the order
of a hash of their name, so that the same number gives the same people, and a larger one adds to them. A group of more
than `MANY` people comes after all others: by its turn it would make a small sample large.

A raw row is of the person whom one of its ids names, as the row models declare them (`personal`). A row that names
nobody goes with the row that it belongs to (`belongs_to` in the YAML of dbt's source) or, where nobody is known, is in
the sample if its own hash comes before that of the last group. A table that tells of nobody is taken whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import duckdb
import yaml

from ingestion import config
from ingestion.personal import Record
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import RawTable

# What the warehouse is attached as: its views call it so.
WHOLE = "warehouse"
MANY = 100
# Written by others than dbt, and read by models or by `make dbt`.
OTHERS = {"ops": ("refresh_settings",)}
PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Size:
    """How much there is of something, in the sample and in the warehouse."""

    sample: int
    whole: int

    def __str__(self) -> str:
        return f"{self.sample:,} of {self.whole:,}"


@dataclass(frozen=True)
class Sizes:
    """What a sample holds: people, accounts with people or without, rows of raw tables."""

    people: Size
    accounts: Size
    rows: Size


def fill(connection: duckdb.DuckDBPyConnection, people: int, staging: Path) -> Sizes:
    """Make the tables of a sample in an empty database, to which the warehouse is attached as `WHOLE`.

    Args:
        people: how many; the group that reaches the number is whole.
        staging: folder of dbt's staging models, whose sources say what a row belongs to.
    """
    _group(connection)
    _choose(connection, people)
    rows = [_copy_system(connection, system, staging / system) for system in SOURCE_NAMES]
    for schema, tables in (*OTHERS.items(), (PREDICTIONS, _tables(connection, PREDICTIONS))):
        for table in tables:
            _copy_other(connection, schema, table)
    return Sizes(
        _size(connection, "person"),
        _size(connection, "account"),
        Size(sum(each.sample for each in rows), sum(each.whole for each in rows)),
    )


def _size(connection: duckdb.DuckDBPyConnection, kind: str) -> Size:
    found = connection.execute(
        "select count(*) filter (where is_chosen), count(*) from chosen where kind = ?", [kind]
    ).fetchall()
    return Size(*found[0])


# ---- who is in it


def _group(connection: duckdb.DuckDBPyConnection) -> None:
    """Who belongs together: `grouped` gives each person, account and deal the least name of all that it is tied to."""
    connection.execute(f"""
        create temp table edges as
        with
            persons as (select record_key, person_id from {WHOLE}.core.bridge_person_records)
        select 'person:' || person_id as one, 'account:' || account_id as other
        from {WHOLE}.core.bridge_account_persons
        union
        select 'account:' || account_id, 'account:' || parent_account_id
        from {WHOLE}.core.dim_accounts
        where parent_account_id is not null
        union
        select 'person:' || person_id, 'deal:' || deal_id from {WHOLE}.core.fct_deals where person_id is not null
        union
        select 'account:' || account_id, 'deal:' || deal_id from {WHOLE}.core.fct_deals where account_id is not null
        union
        select 'person:' || persons.person_id, 'deal:' || roles.deal_id
        from {WHOLE}.intermediate.int_deal_roles__unioned as roles
        inner join persons on persons.record_key = roles.record_key
        union
        select 'person:' || persons.person_id, 'cluster:' || clusters.evidence_tier || ':' || clusters.cluster_key
        from {WHOLE}.intermediate.int_identity_clusters__tiered as clusters
        inner join persons on persons.record_key = clusters.record_key
    """)
    connection.execute(f"""
        create temp table grouped as
        select node, node as leader
        from (
            select one as node from edges
            union
            select other from edges
            union
            select 'person:' || person_id from {WHOLE}.core.bridge_person_records
            union
            select 'account:' || account_id from {WHOLE}.core.dim_accounts
            union
            select 'deal:' || deal_id from {WHOLE}.core.fct_deals
        )
    """)
    has_changed = True
    while has_changed:
        connection.execute("""
            create or replace temp table reached as
            with
                steps as (
                    select node, leader from grouped
                    union all
                    select edges.one, grouped.leader from edges inner join grouped on grouped.node = edges.other
                    union all
                    select edges.other, grouped.leader from edges inner join grouped on grouped.node = edges.one
                ),
                nearest as (select node, min(leader) as leader from steps group by node)
            -- A leader has by now a leader of its own: chains are halved in each round.
            select nearest.node, least(nearest.leader, leaders.leader) as leader
            from nearest
            inner join nearest as leaders on leaders.node = nearest.leader
        """)
        has_changed = bool(
            connection.execute(
                "select count(*) from reached inner join grouped using (node) where reached.leader <> grouped.leader"
            ).fetchall()[0][0]
        )
        connection.execute("create or replace temp table grouped as from reached")


def _choose(connection: duckdb.DuckDBPyConnection, people: int) -> None:
    """Which groups are in: `chosen` says it of each person, account and deal, `records` of each record."""
    connection.execute(
        """
        create temp table chosen as
        with
            named as (
                select
                    leader,
                    count(*) filter (where node like 'person:%') as person_count,
                    md5(leader) as hash
                from grouped
                group by leader
            ),
            placed as (
                select *, sum(person_count) over (order by person_count > $many, hash, leader) as persons_so_far
                from named
            )
        select
            split_part(grouped.node, ':', 1) as kind,
            substring(grouped.node, strpos(grouped.node, ':') + 1) as id,
            placed.persons_so_far - placed.person_count < $people as is_chosen,
            case when placed.person_count <= $many then placed.hash end as hash
        from grouped
        inner join placed on placed.leader = grouped.leader
        """,
        {"people": people, "many": MANY},
    )
    connection.execute(f"""
        create temp table records as
        select persons.record_key, chosen.is_chosen
        from {WHOLE}.core.bridge_person_records as persons
        inner join chosen on chosen.kind = 'person' and chosen.id = persons.person_id
        union all
        select split_part(id, ':', 1) || ':deal:' || substring(id, strpos(id, ':') + 1), is_chosen
        from chosen
        where kind = 'deal'
    """)
    connection.execute("create temp table cut as select max(hash) as hash from chosen where is_chosen")


# ---- which rows are theirs


def _copy_system(connection: duckdb.DuckDBPyConnection, system: str, staging: Path) -> Size:
    schema, tables = config.dataset_name(system), _tables(connection, config.dataset_name(system))
    declared = {table.name: table for table in import_module(f"ingestion.sources.{system}").TABLES}
    stated = stated_of(staging)
    parents = {name: stated.get(name, {}).get("belongs_to", {}) for name in declared if name in tables}
    order = TopologicalSorter({name: {*of.values()} - {name} for name, of in parents.items()}).static_order()
    in_order = [*(name for name in order if name in tables), *(name for name in tables if name not in parents)]
    connection.execute(f"create schema if not exists {_quoted(schema)}")
    for name in in_order:
        rows = f"select rows.* from {WHOLE}.{_quoted(schema)}.{_quoted(name)} as rows"
        if name in declared:
            rows += _of_the_chosen(schema, system, declared, name, stated.get(name, {}))
        connection.execute(f"create table {_quoted(schema)}.{_quoted(name)} as {rows}")
    return Size(*(_count(connection, database, schema, in_order) for database in ("", f"{WHOLE}.")))


def _of_the_chosen(
    schema: str, system: str, declared: Mapping[str, RawTable], name: str, stated: Mapping[str, Mapping[str, str]]
) -> str:
    """Joins and condition that leave the rows of the chosen; empty: the table tells of nobody."""
    table = declared[name]
    ids = [
        _record_key(system, table, column, kind)
        for column, kind in table.row.personal.items()
        if isinstance(kind, Record) and not kind.separator  # those of a list are the person of the row's own id
    ]
    joins, decided = [], []
    for number, key in enumerate(ids):
        joins.append(f"left join records as record_{number} on record_{number}.record_key = {key}")
        decided.append(f"record_{number}.is_chosen")
    if "account_id" in stated:
        account = f"'{system}:' || {_own(table, str(stated['account_id']))}"
        joins.append(f"left join chosen as account on account.kind = 'account' and account.id = {account}")
        decided.append("account.is_chosen")
    for number, (column, parent) in enumerate(stated.get("belongs_to", {}).items()):
        own = f"select distinct {_own(declared[parent], key_of(declared[parent]))} as id from"
        for database, alias in ((f"{WHOLE}.", f"known_{number}"), ("", f"kept_{number}")):
            rows = f"{own} {database}{_quoted(schema)}.{_quoted(parent)} as rows"
            joins.append(f"left join ({rows}) as {alias} on {alias}.id = {_own(table, column)}")
        decided.append(f"case when known_{number}.id is not null then kept_{number}.id is not null end")
    if not decided:
        return ""
    by_itself = f"md5('{system}:{name}:' || coalesce({_own(table, key_of(table))}, '')) <= (select hash from cut)"
    return f" {' '.join(joins)} where coalesce({', '.join(decided)}, {by_itself})"


def _record_key(system: str, table: RawTable, column: str, kind: Record) -> str:
    """The record that a column names, as identity calls it (`ingestion/personal.py` says the same row by row)."""
    if kind.system:
        return f"'{kind.system}:{kind.type}:' || rows.{_quoted(column)}"
    return f"'{system}:{kind.type}:' || {_own(table, column, kind)}"


def _own(table: RawTable, column: str, kind: Record | None = None) -> str:
    """An id with the name of its account or company in front, where there is one."""
    value = f"rows.{_quoted(column)}"
    if kind and kind.begins:
        value = f"split_part({value}, ':', 1)"
    if kind and kind.is_hashed:
        value = f"md5({value})"
    of = "nullif(rows.source_account, '')" if table.is_of_accounts else "coalesce(rows.company, rows.mapping)"
    return f"coalesce({of} || ':', '') || {value}"


def key_of(table: RawTable) -> str:
    """The column by which other rows name a row of the table."""
    return (table.key or getattr(table.row, "unique_by", ()))[0]


def stated_of(staging: Path) -> dict[str, Mapping[str, Mapping[str, str]]]:
    """What the sources of a system state of their tables under `meta`."""
    found: dict[str, Mapping[str, Mapping[str, str]]] = {}
    for path in staging.glob("_*__staging.yml"):
        for source in yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "sources"
        ]:
            found |= {table["name"]: table.get("config", {}).get("meta", {}) for table in source["tables"]}
    return found


def _copy_other(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    """A table that others write: the rows of the chosen where it names persons, or else all."""
    rows = f"select * from {WHOLE}.{_quoted(schema)}.{_quoted(table)}"
    named = "select count(*) from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? "
    if connection.execute(named + "and column_name = 'person_id'", [WHOLE, schema, table]).fetchall()[0][0]:
        rows += " where person_id in (select id from chosen where kind = 'person' and is_chosen)"
    connection.execute(f"create schema if not exists {_quoted(schema)}")
    connection.execute(f"create table {_quoted(schema)}.{_quoted(table)} as {rows}")


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    query = "select table_name from duckdb_tables() where database_name = ? and schema_name = ? order by 1"
    return [name for (name,) in connection.execute(query, [WHOLE, schema]).fetchall()]


def _count(connection: duckdb.DuckDBPyConnection, database: str, schema: str, tables: Sequence[str]) -> int:
    counts = [f"(select count(*) from {database}{_quoted(schema)}.{_quoted(table)})" for table in tables]
    return int(connection.execute(f"select {' + '.join(counts) or '0'}").fetchall()[0][0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
