"""Who was erased stays so, whatever vendors send: the door makes of a record what erasing made of the stored one."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion import config, erasure, personal
from sandbox.running import running_sandbox
from tests.integration.reading import Reader
from tests.resilience import times

VENDORS = ("respond_io", "shopify", "whatsapp", "hubspot", "stripe")[: times(3, 5)]
RECORDS = {
    "hubspot.contacts": "'hubspot:contact:' || id",
    "respond_io.contacts": "'respond_io:contact:' || id",
    "shopify.customers": "'shopify:customer:' || id",
    "stripe.customers": "'stripe:customer:' || id",
}


def sizes() -> dict[str, int]:
    """Versions and events of every raw table."""
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return {
            place.name: connection.execute(f"select count(*) from {place.sql_name}").fetchall()[0][0]
            for place in erasure.places(connection)
        }


def some_people() -> set[str]:
    """What identifies a few people: the addresses of customers and guests, and the records that have them."""
    lists = [table for table in RECORDS if table.split(".")[0] in VENDORS]
    found: set[str] = set()
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        guests = "select distinct email from raw_shopify.orders where customer_id is null and email like '%@%' limit 3"
        emails = [email for (email,) in connection.execute(guests).fetchall()]
        for table in lists:
            listed = f"select email from raw_{table} where email like '%@%' order by id limit 4"
            emails += [email for (email,) in connection.execute(listed).fetchall()]
        found.update(f"email:{each}" for email in emails for each in personal.emails(email))
        for table in lists:
            query = f"select {RECORDS[table]} from raw_{table} where lower(email) in (select lower(unnest(?)))"
            found.update(record for (record,) in connection.execute(query, [emails]).fetchall())
        found.update(f"phone:+{number}" for number in whatsapp_numbers(connection, 4))
    return found


def whatsapp_numbers(connection: duckdb.DuckDBPyConnection, count: int) -> list[str]:
    """Numbers of contacts, as WhatsApp writes them."""
    query = "select distinct phone from raw_whatsapp.contacts where phone not like '+%' order by phone limit ?"
    return [number for (number,) in connection.execute(query, [count]).fetchall()]


def whatsapp_texts() -> str:
    """All that is kept of WhatsApp."""
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        places = [place for place in erasure.places(connection) if place.system == "whatsapp"]
        return str([connection.execute(f"select * from {place.sql_name}").fetchall() for place in places])


def test_what_a_vendor_sends_again_equals_what_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(tmp_path, monkeypatch)
    with running_sandbox(people=60, days=60, folder=tmp_path / "sandbox") as sandbox:
        for vendor in VENDORS:
            reader.run(sandbox, vendor, "erased")
        references = some_people()
        assert len(references) > 10
        numbers = [
            each.removeprefix("phone:+") for each in references if each.removeprefix("phone:+") in whatsapp_texts()
        ]
        assert len(numbers) >= 4
        people = erasure.people("", ())
        hashes = {people.hash_of(each) for each in references}
        erasure.keep(erasure.new_request("", people, hashes, {}))
        with duckdb.connect(str(config.warehouse_path())) as connection:
            connection.execute("set TimeZone = 'UTC'")
            changed = erasure.clean_raw(connection, lambda system: erasure.people(system, hashes))
            erasure.drop_working_tables(connection)
        erasure.write_anew(config.warehouse_path())
        assert {place.split(".")[0] for place in changed} == {f"raw_{vendor}" for vendor in VENDORS}
        assert [number for number in numbers if number in whatsapp_texts()] == []
        left, rows = sizes(), {vendor: reader.rows(vendor, "erased") for vendor in VENDORS}

        # the working folders know nothing of what follows, and everything is sent once more
        shutil.rmtree(config.working_dir())
        with duckdb.connect(str(config.warehouse_path())) as connection:
            for vendor in VENDORS:
                connection.execute(f"delete from raw_{vendor}._dlt_pipeline_state")
        for vendor in VENDORS:
            reader.run(sandbox, vendor, "erased")
        assert {vendor: reader.rows(vendor, "erased") for vendor in VENDORS} == rows
        assert sizes() == left

        shutil.copytree(tmp_path / "erased" / erasure.FOLDER, tmp_path / "anew" / erasure.FOLDER)
        for vendor in VENDORS:
            reader.run(sandbox, vendor, "anew")
            anew = reader.rows(vendor, "anew")
            for rejected in (anew, rows[vendor]):  # an older rejection has the id that it got when it was erased
                rejected.pop("rejected_records")
            assert anew == rows[vendor], vendor
