from __future__ import annotations

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import secrecy
from ingestion.http import (
    PAGES_RESTARTS,
    Client,
    PagingError,
    Problem,
    VendorError,
    expect_list,
    judge_status,
    pages,
)

BASE = "https://vendor.example/v1"
URL = f"{BASE}/things"
TOKEN = "s3cret-t0ken"


def client(judge=judge_status) -> Client:
    secrecy.remember(TOKEN)  # as the settings do that it comes from
    return Client("vendor", BASE, {"Authorization": f"Bearer {TOKEN}"}, judge)


def in_body(response, body):
    """A vendor that puts its errors into a 200."""
    if isinstance(body, dict) and body.get("error") == "busy":
        return Problem("busy", retry=True, wait_seconds=2.4)
    if isinstance(body, dict) and body.get("error"):
        return Problem(body["error"], advice="Ask them.", code="E1")
    return judge_status(response, body)


def test_the_parsed_body_is_returned_and_the_token_travels_in_a_header(web):
    web.get(URL, json={"a": 1})
    assert client().get("/things", {"limit": 5}) == {"a": 1}
    request = web.calls[0].request
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.url == f"{URL}?limit=5"


def test_a_netrc_of_the_machine_does_not_replace_the_token(web, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine vendor.example login me password mine")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.get(URL, json={})
    client().get("/things")
    assert web.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_redirect_is_not_followed_the_token_is_for_this_host_alone(web):
    web.get(URL, status=302, headers={"Location": "https://elsewhere.example/"})
    web.get("https://elsewhere.example/", json={})
    with pytest.raises(VendorError, match="redirected to https://elsewhere.example/.*Correct the base URL"):
        client().get("/things")
    assert len(web.calls) == 1


def test_retry_after_is_obeyed(web, pauses):
    web.get(URL, status=429, headers={"Retry-After": "7"}, json={})
    web.get(URL, json={"a": 1})
    assert client().get("/things") == {"a": 1}
    assert pauses == [7]


def test_without_retry_after_pauses_double(web, pauses):
    for status in (429, 500, 502):
        web.get(URL, status=status, body="<html>")
    web.get(URL, json={"a": 1})
    assert client().get("/things") == {"a": 1}
    assert pauses == [1, 2, 4]


def test_json_that_breaks_off_is_asked_for_again(web, pauses):
    web.get(URL, body='{"data": [{"id": 1}, {"i')
    web.get(URL, json={"data": []})
    assert client().get("/things") == {"data": []}
    assert len(pauses) == 1


def test_a_lost_connection_is_tried_again(web, pauses):
    web.get(URL, body=requests.ConnectionError("reset"))
    web.get(URL, json={"a": 1})
    assert client().get("/things") == {"a": 1}
    assert len(pauses) == 1


def test_an_error_inside_a_200_is_retried_after_the_time_the_vendor_asks_for(web, pauses):
    web.get(URL, json={"error": "busy"})
    web.get(URL, json={"a": 1})
    assert client(in_body).get("/things") == {"a": 1}
    assert pauses == [3]  # whole seconds, rounded up


def test_attempts_are_bounded_and_an_exhausted_retry_is_an_error(web, pauses):
    web.get(URL, json={"error": "busy"})
    with pytest.raises(VendorError, match="busy .status 200, given up after several attempts."):
        client(in_body).get("/things")
    assert len(web.calls) == 4  # RUNTIME__REQUEST_MAX_ATTEMPTS
    assert len(pauses) == 3


def test_a_permanent_error_is_not_retried_and_says_what_to_do(web, pauses):
    web.get(URL, status=400, json={"error": "no such field", "token": TOKEN})
    with pytest.raises(VendorError) as raised:
        client(in_body).get("/things", {"access": "x"})
    message = str(raised.value)
    assert "vendor: GET /v1/things: no such field (status 400)" in message
    assert message.endswith("Ask them.")
    assert TOKEN not in message
    assert "access=x" not in message
    assert (raised.value.status, raised.value.code) == (400, "E1")
    assert (len(web.calls), pauses) == (1, [])


def test_an_unreachable_vendor_is_one_clear_error(web, pauses):
    web.get(URL, body=requests.ConnectionError(f"no route, token {TOKEN}"))
    with pytest.raises(VendorError) as raised:
        client().get("/things")
    assert "vendor: GET /v1/things: no answer from vendor.example (ConnectionError)" in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_long_body_is_cut(web):
    web.get(URL, status=404, body="x" * 5000)
    with pytest.raises(VendorError) as raised:
        client().get("/things")
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(("status", "advice"), [(401, "token"), (403, "token"), (404, "base URL"), (400, "version")])
def test_each_refusal_has_its_advice(web, status, advice):
    web.get(URL, status=status, json={})
    with pytest.raises(VendorError, match=advice):
        client().get("/things")


def test_post_sends_the_body_as_json(web):
    web.post(URL, json={}, match=[responses.matchers.json_params_matcher({"q": 1})])
    assert client().post("/things", body={"q": 1}) == {}


class Paged:
    """A list of pages. At given requests every cursor given out so far expires."""

    def __init__(self, content: list[list[int]], expire_at: set[int]) -> None:
        self.content, self.expire_at, self.requests, self.generation = content, expire_at, 0, 0

    def __call__(self, cursor: str | None) -> tuple[list[int], str | None]:
        self.requests += 1
        if cursor is not None and self.requests in self.expire_at:
            self.generation += 1
        generation, number = map(int, (cursor or f"{self.generation} 0").split())
        if generation != self.generation:
            raise VendorError("gone", problem=Problem("gone", cursor_expired=True))
        following = f"{self.generation} {number + 1}" if number + 1 < len(self.content) else None
        return self.content[number], following


def numbered(sizes: list[int]) -> list[list[int]]:
    """Pages of so many records, each record once."""
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


contents = st.lists(st.integers(0, 4), min_size=1, max_size=6).map(numbered)


@given(contents)
def test_every_item_of_every_page_comes_once_in_order(content):
    assert [item for page in pages("vendor: /x", Paged(content, set())) for item in page] == sum(content, [])


@given(contents, st.sets(st.integers(2, 8), max_size=3))
def test_an_expired_cursor_starts_again_and_loses_nothing(content, expire_at):
    found = [item for page in pages("vendor: /x", Paged(content, expire_at)) for item in page]
    expected = sum(content, [])
    assert found[len(found) - len(expected) :] == expected


def test_a_cursor_that_keeps_expiring_is_an_error():
    with pytest.raises(VendorError, match="gone"):
        list(pages("vendor: /x", Paged([[1], [2]], set(range(100)))))


def test_an_error_on_the_first_page_is_never_a_restart():
    def fetch(cursor):
        raise VendorError("no", problem=Problem("no", cursor_expired=True))

    with pytest.raises(VendorError, match="no"):
        list(pages("vendor: /x", fetch))


@given(st.integers(1, 6), st.integers(0, 5), st.booleans())
def test_cursors_that_lead_in_a_circle_are_an_error_after_a_few_rounds(length, begin, is_full):
    """A circle of any length that is entered at any place, of pages that hold something or nothing."""
    asked = []

    def fetch(cursor):
        asked.append(cursor)
        number = int(cursor or 0)
        following = number + 1 if number + 1 < begin + length else begin
        return ([number] if is_full else []), str(following)

    with pytest.raises(PagingError, match="vendor: /x: the vendor's paging is broken: .* came a second time"):
        list(pages("vendor: /x", fetch))
    assert len(asked) <= (PAGES_RESTARTS + 1) * (begin + length + 1)


def test_a_page_that_comes_again_under_ever_new_cursors_is_an_error():
    with pytest.raises(PagingError, match="a page came a second time"):
        list(pages("vendor: /x", lambda cursor: ([{"id": 1}, {"id": 2}], str(int(cursor or 0) + 1))))


def test_a_page_in_the_place_of_the_next_one_loses_nothing():
    """Once, the second page is the first one again, and the cursor behind it goes on as if it were not."""
    asked = []

    def fetch(cursor):
        asked.append(cursor)
        number = int(cursor or 0)
        shown = 0 if asked.count("1") == 1 and cursor == "1" else number
        return [shown], str(number + 1) if number < 3 else None

    assert [item for page in pages("vendor: /x", fetch) for item in page] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("several", [1, 50])
def test_empty_pages_may_come_before_and_between_others_and_not_for_ever(several):
    def fetch(cursor):
        number = int(cursor or 0)
        is_last = number == 10 * several
        return ([number] if number % several == 0 else []), None if is_last else str(number + 1)

    assert sum(pages("vendor: /x", fetch), []) == [several * number for number in range(11)]
    with pytest.raises(PagingError, match="500 pages in a row are empty"):
        list(pages("vendor: /x", lambda cursor: ([], str(int(cursor or 0) + 1))))


def test_an_answer_without_its_list_is_an_error():
    assert expect_list("vendor", "/x", {}, []) == []
    with pytest.raises(VendorError, match="vendor: /x: the answer has no list"):
        expect_list("vendor", "/x", {"data": None}, None)


@pytest.mark.parametrize("poison", ["[" * 3000 + "]" * 3000, "9" * 5000, "NaN", "1e400", '"\\ud83d"'])
def test_a_value_that_no_reader_takes_costs_no_page(web, poison):
    web.get(URL, body=f'{{"data": [{{"id": 1, "a": {poison}}}, {{"id": 2}}]}}')
    assert [record["id"] for record in client().get("/things")["data"]] == [1, 2]
    assert len(web.calls) == 1


def test_text_in_another_encoding_is_read_as_its_header_says(web):
    web.get(URL, body='{"a": "é"}'.encode("latin-1"), content_type="application/json; charset=latin-1")
    assert client().get("/things") == {"a": "é"}
