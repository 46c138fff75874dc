"""Whose an error is, whether it may pass, and that what BI reads of it holds no word of a vendor."""

from __future__ import annotations

import errno

import duckdb
import pytest
import responses

from ingestion import config, failures
from ingestion.config import Account, SettingsError
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status
from ingestion.sources.files.mapping import MappingError

ACCOUNT = Account("shopify", "outlet")


def under(error: Exception) -> Exception:
    """As dlt raises it: below an error of the step, which names neither."""
    try:
        try:
            raise error
        except Exception as low:
            raise RuntimeError("step failed") from low
    except RuntimeError as high:
        return high


class JobFailed(Exception):
    """As dlt raises what a job that loads has met: the error lies beside the chain."""

    client_exception: BaseException


def beside(error: Exception) -> Exception:
    failed = JobFailed("a job failed")
    failed.client_exception = error
    return failed


@pytest.mark.parametrize("raised", [under, beside])
@pytest.mark.parametrize(
    ("error", "stops", "passes"),
    [
        (VendorError("down"), False, True),
        (VendorError("down", status=401, problem=Problem("denied")), False, False),
        (KeyError("orders"), False, False),
        (TypeError("not a list"), False, False),
        (ConnectionError("reset"), False, True),
        (duckdb.ConversionException("could not convert"), False, True),
        (FileNotFoundError(errno.ENOENT, "No such file", "/inbox/events.jsonl"), False, True),
        (MappingError("orders.csv: cannot be read"), False, False),
        (SettingsError("the secret is missing"), True, False),
        (OSError(errno.ENOSPC, "No space left on device"), True, True),
        (duckdb.IOException("Could not write file: No space left on device"), True, True),
        (duckdb.FatalException("invalidated"), True, True),
    ],
)
def test_an_error_is_its_sources_own_unless_it_concerns_all_of_them(raised, error, stops, passes) -> None:
    assert failures.stops_the_run(raised(error)) == stops
    assert failures.may_pass(raised(error)) == passes


def test_a_warehouse_that_is_held_or_not_writable_concerns_every_source() -> None:
    config.warehouse_path().parent.mkdir(parents=True)
    config.warehouse_path().mkdir()  # DuckDB cannot open it, whoever runs this
    with pytest.raises(duckdb.Error) as raised:
        duckdb.connect(str(config.warehouse_path()))
    assert failures.stops_the_run(under(raised.value))
    assert failures.stops_the_run(under(PermissionError(errno.EACCES, "denied", str(config.working_dir() / "shopify"))))


def test_what_dlt_makes_of_a_request_to_end_is_one() -> None:
    wrapped = RuntimeError("step failed")
    wrapped.__cause__ = KeyboardInterrupt()
    assert failures.stops_the_run(wrapped)


def test_a_generator_that_is_closed_meanwhile_is_no_request_to_end() -> None:
    error = VendorError("down")
    error.__context__ = GeneratorExit()
    assert not failures.stops_the_run(under(error))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 401, "json": {"error": "jane@example.com may not"}}, "access denied, status 401"),
        ({"status": 404, "json": {"error": "no jane@example.com"}}, "not found, status 404"),
        ({"status": 422, "json": {"error": "jane@example.com is wrong"}}, "the request was refused, status 422"),
        ({"status": 500, "body": "jane@example.com broke it"}, "the vendor failed, status 500"),
        ({"status": 200, "body": '{"email": "jane@example.com"'}, "the answer was an error, status 200"),
        ({"body": ConnectionError("jane@example.com")}, ""),
    ],
)
def test_what_is_published_of_an_error_quotes_nobody(web, pauses, answer, said) -> None:
    web.add(responses.GET, "https://shop.example/customers", **answer)
    client = Client("shopify", "https://shop.example", {}, judge_status)
    with pytest.raises(Exception) as raised:
        client.get("/customers")
    assert "jane" not in failures.in_short(under(raised.value))
    if said:
        assert "jane" in failures.told(raised.value, ACCOUNT)
        assert failures.in_short(under(raised.value)) == said


def test_an_answer_of_another_shape_does_not_pass_by_itself_and_is_not_quoted() -> None:
    with pytest.raises(VendorError) as raised:
        expect_list("shopify", "/customers", {"people": ["jane@example.com"]}, None)
    assert not failures.may_pass(raised.value)
    assert failures.in_short(raised.value) == "the answer has no list of records"


def test_an_error_that_nobody_foresaw_is_published_by_its_kind_alone() -> None:
    error = under(ValueError("jane@example.com"))
    assert failures.in_short(error) == "its load failed, ValueError"
    assert failures.told(error, ACCOUNT) == "shopify.outlet: ValueError: jane@example.com"
