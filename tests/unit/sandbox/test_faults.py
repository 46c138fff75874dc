from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from ingestion.wire import parsed
from sandbox.advertising import ACCOUNT_ID
from sandbox.broken_answers import BROKEN
from sandbox.faults import KINDS, NEEDS_CURSOR, SLOW, VENDORS, FaultError, Faults
from sandbox.running import running_sandbox
from sandbox.servers.base import TokenBucket
from sandbox.servers.stripe import Stripe
from sandbox.settings import ServerSettings

ORDERS = "query ($after: String) { orders(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }"
STATUSES = {"500": 500, "502": 502, "no_content": 204, "redirect": 301} | {
    "retry_after_ages": 429,
    "retry_after_negative": 429,
    "retry_after_past": 503,
}
TOKEN = Stripe.token.encode()
LIST = {"search": "", "timezone": "UTC", "filter": {"$and": []}}


def ask(api: Any, cursor: str | None = None) -> Any:
    """One page of a list, of two records."""
    vendor = api.server.vendor
    if vendor == "meta_ads":
        after = {"after": cursor} if cursor else {}
        return api.get(f"/v25.0/act_{ACCOUNT_ID}/ads", fields="id", limit=2, **after)
    if vendor == "hubspot":
        body = {"filterGroups": [], "limit": 2, "after": cursor or "0"}
        return api.post("/crm/v3/objects/contacts/search", body)
    if vendor == "shopify":
        return api.post("/admin/api/2026-07/graphql.json", {"query": ORDERS, "variables": {"after": cursor}})
    if vendor == "stripe":
        return api.get("/invoices", limit=2, **({"starting_after": cursor} if cursor else {}))
    return api.post("/contact/list", LIST, limit=2, **({"cursorId": cursor} if cursor else {}))


def cursor_and_ids(vendor: str, body: Any) -> tuple[str, list[Any]]:
    if vendor == "meta_ads":
        return body["paging"]["cursors"]["after"], [row["id"] for row in body["data"]]
    if vendor == "hubspot":
        return body["paging"]["next"]["after"], [row["id"] for row in body["results"]]
    if vendor == "shopify":
        found = body["data"]["orders"]
        return found["pageInfo"]["endCursor"], [row["id"] for row in found["nodes"]]
    if vendor == "stripe":
        ids = [row["id"] for row in body["data"]]
        return ids[-1], ids
    return body["pagination"]["next"].split("cursorId=")[1], [row["id"] for row in body["items"]]


@pytest.fixture
def faulty_api(api: Callable[[str], Any]) -> Iterator[Callable[[str], Any]]:
    """The shared sandbox, left without faults."""
    yield api
    api(VENDORS[0]).sandbox.faults.clear()


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BROKEN])
def test_every_fault_happens_as_often_as_scripted(faulty_api: Callable[[str], Any], vendor: str, kind: str) -> None:
    api = faulty_api(vendor)
    healthy = ask(api)
    assert healthy.status_code == 200
    cursor, ids = cursor_and_ids(vendor, healthy.json())
    api.sandbox.faults.add(vendor, kind, times=2)
    if kind in NEEDS_CURSOR:
        assert cursor_and_ids(vendor, ask(api).json()) == (cursor, ids)  # the first page has no cursor
    for _ in range(2):
        answer = ask(api, cursor)
        if kind == "429":
            assert answer.status_code == 429 and "Retry-After" not in answer.headers
        elif kind == "429_retry_after":
            assert answer.status_code == 429 and answer.headers["Retry-After"] == "1"
        elif kind in STATUSES:
            assert answer.status_code == STATUSES[kind]
        elif kind in ("byte_order_mark", "wrong_charset"):
            assert cursor_and_ids(vendor, parsed(answer.content))[1][0] not in ids  # it is the next page
        elif kind == "first_page_again":
            assert cursor_and_ids(vendor, answer.json()) == (cursor, ids)
        elif kind in ("truncated_json", "trailing_garbage", "html_200", "empty_200"):
            assert answer.status_code == 200
            with pytest.raises(ValueError):
                answer.json()
        elif kind == "throttled":
            status = {"meta_ads": 400, "hubspot": 429, "shopify": 200, "respond_io": 449, "stripe": 429}[vendor]
            assert answer.status_code == status
            if vendor == "meta_ads":
                assert answer.json()["error"]["code"] == 17 and "X-Business-Use-Case-Usage" in answer.headers
            if vendor == "shopify":
                assert answer.json()["errors"][0]["extensions"]["code"] == "THROTTLED"
                assert answer.json()["extensions"]["cost"]["actualQueryCost"] is None
            if vendor == "stripe":
                assert answer.json()["error"]["code"] == "lock_timeout"
        elif kind == "error_in_200":
            assert answer.status_code == 200
            assert {"error", "errors", "message"} & answer.json().keys()
        elif kind == "expired_cursor":
            assert answer.status_code in (200, 400) and (
                "cursor" in answer.text.lower() or "starting_after" in answer.text
            )
        else:
            assert cursor_and_ids(vendor, answer.json())[1][0] == ids[-1]  # the last record of the page before
    assert api.sandbox.faults.pending == 0
    after = ask(api, cursor)
    assert after.status_code == 200 and cursor_and_ids(vendor, after.json())[1][0] not in ids


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind not in SLOW])
def test_an_answer_that_breaks_on_its_way_cannot_be_read(faulty_api: Callable[[str], Any], kind: str) -> None:
    api = faulty_api("stripe")
    api.sandbox.faults.add("stripe", kind)
    with pytest.raises((requests.RequestException, ValueError)):
        ask(api).json()
    assert api.sandbox.faults.pending == 0
    assert ask(api).status_code == 200


@pytest.mark.parametrize("kind", SLOW)
def test_an_answer_that_comes_byte_by_byte_is_never_late(faulty_api: Callable[[str], Any], kind: str) -> None:
    api = faulty_api("stripe")
    api.sandbox.faults.add("stripe", kind)
    (server,) = (each for name, each in api.sandbox.environment.items() if name == "SOURCES__STRIPE__BASE_URL")
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=1) as connection:
        connection.sendall(b"GET /v1/invoices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % TOKEN)
        began, received = time.monotonic(), 0
        while time.monotonic() - began < 1.5:  # longer than the time-out between two bytes
            received += len(connection.recv(1))
    assert received > 100


def test_a_fault_may_spare_the_first_requests() -> None:
    faults = Faults()
    faults.add("stripe", "500", after=2)
    assert [faults.take("stripe", "/x", has_cursor=False) for _ in range(4)] == [None, None, "500", None]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_can_be_refused_and_is_accepted_again(faulty_api: Callable[[str], Any], vendor: str) -> None:
    api = faulty_api(vendor)
    api.sandbox.faults.add(vendor, "token_refused")
    assert ask(api).status_code == 401
    assert ask(api).status_code == 200


def test_a_scope_can_be_missing_and_is_named_as_the_vendor_names_it(faulty_api: Callable[[str], Any]) -> None:
    for vendor in VENDORS:
        faulty_api(vendor).sandbox.faults.add(vendor, "scope_missing")

    refused = ask(faulty_api("hubspot"))
    (missing,) = refused.json()["errors"]
    assert refused.status_code == 403 and missing["context"]["requiredGranularScopes"] == ["crm.objects.contacts.read"]
    refused = ask(faulty_api("stripe"))
    assert refused.status_code == 403 and "'rak_invoice_read' permission" in refused.json()["error"]["message"]
    assert ask(faulty_api("respond_io")).status_code == 403
    (granted,) = faulty_api("meta_ads").get("/v25.0/me/permissions").json()["data"]
    assert granted == {"permission": "ads_read", "status": "declined"}
    told = faulty_api("shopify").graphql("query { currentAppInstallation { accessScopes { handle } } }")
    handles = {scope["handle"] for scope in told["data"]["currentAppInstallation"]["accessScopes"]}
    assert "read_orders" in handles and "read_all_orders" not in handles


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_can_stay_away(faulty_api: Callable[[str], Any], vendor: str) -> None:
    api = faulty_api(vendor)
    api.sandbox.faults.add(vendor, "silent")
    with pytest.raises(requests.ReadTimeout):
        requests.get(api.url, timeout=0.2)
    assert ask(api).status_code == 200


def test_a_version_that_is_retired_is_answered_in_another_and_said(faulty_api: Callable[[str], Any]) -> None:
    body = {"query": "query { publicApiVersions { handle supported } }"}
    for asked, served in (("2024-01", "2025-10"), ("2026-07", "2026-07")):
        answer = faulty_api("shopify").post(f"/admin/api/{asked}/graphql.json", body)
        assert answer.headers["X-Shopify-API-Version"] == served
        handles = {version["handle"] for version in answer.json()["data"]["publicApiVersions"]}
        assert served in handles and (asked in handles) == (asked == served)
    for asked, served in (("v19.0", "v24.0"), ("v25.0", "v25.0")):
        answer = faulty_api("meta_ads").get(f"/{asked}/me/permissions")
        assert answer.headers["facebook-api-version"] == served
        assert ("X-Ad-Api-Version-Warning" in answer.headers) == (asked != served)


def test_a_fault_can_be_for_one_path(faulty_api: Callable[[str], Any]) -> None:
    api = faulty_api("hubspot")
    api.sandbox.faults.add("hubspot", "500", path="/owners")
    assert ask(api).status_code == 200
    assert api.get("/crm/v3/owners").status_code == 500
    assert api.get("/crm/v3/owners").status_code == 200


def test_a_script_becomes_faults() -> None:
    faults = Faults.parse("hubspot:429*2@/search, shopify:throttled")
    assert faults.pending == 3
    assert faults.take("hubspot", "/crm/v3/owners", has_cursor=False) is None
    assert faults.take("hubspot", "/crm/v3/objects/contacts/search", has_cursor=False) == "429"
    assert faults.take("shopify", "/anything", has_cursor=False) == "throttled"
    assert faults.pending == 1


@pytest.mark.parametrize("script", ["hubspot", "nobody:429", "hubspot:nothing", "hubspot:429*0", "hubspot:429*x"])
def test_a_script_that_cannot_be_read_is_refused(script: str) -> None:
    with pytest.raises(FaultError, match=script.split(":")[0]):
        Faults.parse(script)


def test_a_bucket_refills_with_time() -> None:
    now = [0.0]
    bucket = TokenBucket(2, 0.5, now=lambda: now[0])
    assert bucket.take() and bucket.take() and not bucket.take()
    assert bucket.seconds_until() == 2
    now[0] = 2
    assert bucket.take() and not bucket.take()
    now[0] = 1000
    assert bucket.left == 2


@pytest.mark.parametrize(
    ("vendor", "scale", "status"),
    [
        ("meta_ads", 3 / 9000, 400),
        ("hubspot", 3 / 5, 429),
        ("shopify", 3 / 2000 * 6, 200),
        ("respond_io", 3 / 5, 429),
        ("stripe", 3 / 100, 429),
    ],
)
def test_the_rate_limit_is_real(make_api: Any, vendor: str, scale: float, status: int) -> None:
    with running_sandbox(people=40, days=40, settings=ServerSettings(rate_scale=scale)) as sandbox:
        api = make_api(sandbox, vendor)
        answers = [ask(api) for _ in range(8)]
        refused = [answer for answer in answers if not _is_healthy(answer)]
        assert _is_healthy(answers[0]) and refused
        assert all(answer.status_code == status for answer in refused)
        if vendor == "respond_io":
            assert refused[0].headers["Retry-After"] and answers[0].headers["X-RateLimit-Limit"] == "3"
        if vendor == "shopify":
            cost = refused[0].json()["extensions"]["cost"]
            assert cost["throttleStatus"]["currentlyAvailable"] < cost["requestedQueryCost"]
        if vendor == "meta_ads":
            assert refused[0].json()["error"]["code"] == 17
        if vendor == "stripe":
            assert refused[0].headers["Stripe-Rate-Limited-Reason"] == "global-rate"


def _is_healthy(answer: Any) -> bool:
    return answer.status_code == 200 and "errors" not in answer.json()


def test_hubspot_tells_its_limit_but_not_for_search(faulty_api: Callable[[str], Any]) -> None:
    api = faulty_api("hubspot")
    assert int(api.get("/crm/v3/owners").headers["X-HubSpot-RateLimit-Remaining"]) > 0
    assert "X-HubSpot-RateLimit-Max" not in ask(api).headers
