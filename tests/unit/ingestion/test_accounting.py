"""received = loaded + rejected, counted at the door and by dlt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import accounting, pipelines
from ingestion.intake import Intake

COUNTS = st.integers(min_value=0, max_value=1000)


def unaccounted(counted: Intake, rows_of: dict[str, int]) -> list[str]:
    return list(accounting.unaccounted(counted, pipelines.tables(counted.source), rows_of))


def intake(resource: str, received: int, loaded: int, rejected: int) -> Intake:
    counted = Intake("hubspot")
    counted.received[resource] = received
    counted.loaded[resource] = loaded
    counted.rejected[resource] = rejected
    return counted


@given(loaded=COUNTS, rejected=COUNTS)
def test_counts_that_add_up_have_no_problem(loaded: int, rejected: int) -> None:
    counted = intake("contacts", loaded + rejected, loaded, rejected)

    assert unaccounted(counted, {"contacts": loaded, "rejected_records": rejected}) == []


@given(loaded=COUNTS, rejected=COUNTS, lost=st.integers(min_value=1, max_value=1000))
def test_a_record_that_was_neither_loaded_nor_rejected_is_found(loaded: int, rejected: int, lost: int) -> None:
    counted = intake("contacts", loaded + rejected + lost, loaded, rejected)

    (problem,) = unaccounted(counted, {"contacts": loaded, "rejected_records": rejected})
    assert f"{loaded + rejected + lost} received" in problem


@given(loaded=st.integers(min_value=1, max_value=1000), lost=st.integers(min_value=1, max_value=1000))
def test_a_row_that_dlt_did_not_hand_on_is_found(loaded: int, lost: int) -> None:
    counted = intake("contacts", loaded, loaded, 0)

    (problem,) = unaccounted(counted, {"contacts": max(loaded - lost, 0)})
    assert "dlt handed on" in problem


@pytest.mark.parametrize(("rows", "is_problem"), [(3, False), (2, False), (4, True), (0, True)])
def test_an_event_that_arrived_twice_is_one_row(rows: int, is_problem: bool) -> None:
    counted = intake("contact_property_history", 3, 3, 0)

    assert bool(unaccounted(counted, {"contact_property_history": rows})) is is_problem


def test_a_version_kept_in_place_of_a_rejected_one_is_one_row_more() -> None:
    counted = intake("deal_contacts", 3, 2, 1)
    counted.kept["deal_contacts"] = 1

    assert unaccounted(counted, {"deal_contacts": 3, "rejected_records": 1}) == []
    assert unaccounted(counted, {"deal_contacts": 2, "rejected_records": 1})


def test_rows_of_a_set_that_the_table_has_already_do_not_come_again() -> None:
    counted = intake("exchange_rates", 3, 3, 0)
    counted.source, counted.unchanged["exchange_rates"] = "files", 2

    assert unaccounted(counted, {"exchange_rates": 1}) == []
    assert unaccounted(counted, {"exchange_rates": 3}) and unaccounted(counted, {})


def test_rejections_that_did_not_reach_their_table_are_found() -> None:
    counted = intake("contacts", 2, 0, 2)

    assert [p.split(":")[0] for p in unaccounted(counted, {})] == ["rejected_records"]
