"""People to erase from a refreshed company, and what would show that something of them is left.

Belongs here: choosing people of every kind, their texts, comparing marts without ids. Does not: erasing.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path

import duckdb

from tests.integration.refreshing import MARTS, ROOT, Company
from tests.planting import places_of

# A person of each kind: a condition over the records of a person.
KINDS = {
    "guest": "bool_and(record_type like 'guest%')",
    "merged": "count(distinct source_system) > 2",
    "subscriber": "bool_or(source_record_id in (select customer from raw_stripe.subscriptions))",
    "company contact": "any_value(person_id) in (select person_id from core.bridge_account_persons)",
    "with a deal": "any_value(person_id) in (select person_id from core.fct_deals)",
    "wrote on WhatsApp": "bool_or(source_system = 'whatsapp')",
    "answered a survey": "bool_or(record_type = 'guest_survey')",
}
NUMBER = re.compile("[+][1-9][0-9]{8,14}")
# Ids, and the names and addresses that ids stand for: all else in a mart is what it was.
OF_PERSONS = (
    *("person_id", "entity_id", "customer_id", "entry_person_id", "source_record_id", "customer_number"),
    *("entry_activity_id", "authority_activity_id", "derived_activity_id"),
    *("authority_entry_activity_id", "derived_entry_activity_id"),
    "record_count",  # of a guest, each order is a record; of a customer, all are one
    *("display_name", "first_name", "last_name", "email", "phone"),
)


def people_of_every_kind(company: Company, of_each: int = 1) -> list[str]:
    """Ids of persons, at most as many of each kind, each once.

    None of them shares an address with somebody else, and none has two first touches in one instant: which of those
    counts as first is decided by ids, and so may change with them.
    """
    found: dict[str, None] = {}
    for kind, condition in KINDS.items():
        query = (
            f"select person_id from intermediate.int_persons__resolved group by person_id having {condition} "
            "order by person_id"
        )
        ids = (person_id for (person_id,) in company.rows(query) if person_id not in found)
        new = list(islice((person_id for person_id in ids if _is_clear(company, person_id)), of_each))
        assert new, kind
        found.update(dict.fromkeys(new))
    return [*found]


def _is_clear(company: Company, person_id: str) -> bool:
    query = f"""
        with addresses as (
            select record_key, identifier from intermediate.int_identifiers__normalized
            union select record_key, lower(email) from intermediate.int_contact_records__unioned
        ),
        held as (
            select person_id, identifier from addresses inner join intermediate.int_persons__resolved using (record_key)
        )
        select count(*) from held where person_id <> '{person_id}'
        and identifier in (select identifier from held where person_id = '{person_id}')
    """
    touches = f"""
        select count(distinct channel) from core.fct_activities where person_id = '{person_id}'
        group by occurred_at order by occurred_at limit 1
    """
    return company.rows(query) == [(0,)] and company.rows(touches) in ([], [(0,)], [(1,)])


def texts_of(company: Company, person_ids: list[str]) -> set[str]:
    """What identifies persons, as their records say it: addresses, and ids unless these are mere numbers.

    What the tests of the models are written with is left out: that stands in what dbt parses.
    """
    listed = ", ".join(f"'{each}'" for each in person_ids)
    records = f"select record_key from intermediate.int_persons__resolved where person_id in ({listed})"
    found = company.rows(
        f"""
        select email, phone,
            case when record_type not like 'guest%' and source_record_id similar to '.*[a-z].*'
                then source_record_id end
        from intermediate.int_contact_records__unioned where record_key in ({records})
        union all
        select identifier, null, null from intermediate.int_identifiers__normalized
        where namespace in ('email', 'phone') and record_key in ({records})
        union all
        select email, phone, null from raw_hubspot.contacts where 'hubspot:contact:' || id in ({records})
        """
    )
    numbers = {text[1:] for row in found for text in row if text and NUMBER.fullmatch(text)}  # as WhatsApp writes them
    written = "\n".join(path.read_text() for path in (ROOT / "dbt_project/models").rglob("*.yml"))
    return {*person_ids, *numbers, *(text for row in found for text in row if text and text not in written)}


def left_of(company: Company, texts: set[str]) -> list[str]:
    """Places of the data folder that hold one of the texts; not the simulated vendors, who keep theirs."""
    sandbox = str(company.data / "sandbox")
    return [place for place in places_of(company.data, texts) if not place.startswith(sandbox)]


def aggregates(path: Path) -> dict[str, Counter[str]]:
    """The rows of every mart of a build file, without what names or numbers a person."""
    with duckdb.connect(str(path), read_only=True) as connection:
        left_out = ", ".join(f"'{name}'" for name in (*OF_PERSONS, "loaded_at", "written_at"))
        return {
            mart: Counter(
                str(row)
                for row in connection.execute(
                    f"select columns(c -> c not in ({left_out})) from marts.{mart}"
                ).fetchall()
            )
            for mart in MARTS
        }
