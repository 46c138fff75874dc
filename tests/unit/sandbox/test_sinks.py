"""The servers that are only told refuse what the real ones refuse: who sends such a thing is found out."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.servers.base import Call, VendorServer
from sandbox.settings import DAY
from sandbox.sinks import google_ads, meta, tiktok
from tests.unit.activation.conftest import EMAIL, STATE, Vendors
from tests.unit.activation.conftest import started as started
from tests.unit.activation.conftest import vendors as vendors

AN_HOUR_AGO = STATE.clock - 3600
META = {
    "event_name": "Purchase",
    "event_time": AN_HOUR_AGO,
    "event_id": "1",
    "action_source": "system_generated",
    "user_data": {"em": [EMAIL]},
    "custom_data": {"currency": "EUR", "value": 1},
}
CHAT = {
    **META,
    "action_source": "business_messaging",
    "messaging_channel": "whatsapp",
    "user_data": {"ctwa_clid": "ARA", "whatsapp_business_account_id": meta.WHATSAPP_ACCOUNT},
}
TIKTOK = {
    "event": "CompletePayment",
    "event_time": AN_HOUR_AGO,
    "event_id": "1",
    "user": {"email": EMAIL},
    "properties": {"currency": "EUR", "value": 1},
}


def ask(server: VendorServer, path: str, body: Any, **path_params: str) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {server.token}", "access-token": server.token}
    headers["developer-token"] = google_ads.DEVELOPER_TOKEN
    call = Call("POST", path, "http://127.0.0.1", {}, headers, body, path_params)
    handler = {route[1]: route[2] for route in server.routes()}[path]
    reply = server.answer(call, handler)
    return reply.status, reply.body


def of_meta(vendors: Vendors, data: list[Any]) -> tuple[int, Any]:
    return ask(
        vendors.servers["meta"],
        "/{version}/{dataset}/events",
        {"data": data},
        version="v25.0",
        dataset=meta.DATASET,
    )


def of_tiktok(vendors: Vendors, data: list[Any]) -> Any:
    body = {"event_source": "web", "event_source_id": tiktok.PIXEL, "data": data}
    return ask(vendors.servers["tiktok"], "/open_api/v1.3/event/track/", body)[1]["code"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"event_time": STATE.clock - 7 * DAY - 1}, "Event Timestamp Too Old"),
        ({"user_data": {"em": ["jane@example.com"]}}, "em is not hashed"),
        ({"user_data": {"em": [EMAIL.upper()]}}, "em is not hashed"),
        ({"user_data": {"em": [EMAIL], "fbc": EMAIL}}, "fbc is hashed"),
        ({"user_data": {"external_id": [EMAIL]}}, "Too little customer information"),
        ({"custom_data": {}}, "Purchase needs currency and value"),
        ({"action_source": "crm"}, "Invalid action_source"),
    ],
)
def test_one_wrong_event_refuses_the_whole_request_of_meta(vendors: Vendors, changed: Any, says: str) -> None:
    status, body = of_meta(vendors, [META, {**META, **changed}])

    assert status == 400
    assert says in body["error"]["error_user_msg"]
    assert vendors.books.told("meta") == []


def test_meta_takes_a_thousand_events_and_joins_what_comes_twice_within_two_days(vendors: Vendors) -> None:
    assert of_meta(vendors, [META] * 1001)[0] == 400
    server = vendors.servers["meta"]
    for days, counted in ((0, 1), (1, 1), (3, 2)):
        server.advance(STATE.clock + days * DAY)
        try:
            event = {**META, "event_time": server.clock - 3600}
            assert of_meta(vendors, [event])[1]["events_received"] == 1
        finally:
            server.advance(STATE.clock)
        assert len(vendors.books.counted("meta")) == counted


def test_meta_joins_nothing_of_conversations_and_knows_few_names_there(vendors: Vendors) -> None:
    assert [of_meta(vendors, [CHAT])[0] for _ in range(2)] == [200, 200]
    assert len(vendors.books.counted("meta")) == 2

    assert of_meta(vendors, [{**CHAT, "event_name": "Lead"}])[0] == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"event_time": STATE.clock - 7 * DAY - 1},
        {"user": {"email": "jane@example.com"}},
        {"user": {"ttclid": EMAIL}},
        {"user": {"external_id": EMAIL}},
        {"properties": {}},
    ],
)
def test_one_wrong_event_refuses_the_whole_request_of_tiktok(vendors: Vendors, changed: Any) -> None:
    assert of_tiktok(vendors, [TIKTOK, {**TIKTOK, **changed}]) == 40002
    assert vendors.books.told("tiktok") == []


def test_tiktok_takes_a_thousand_events_and_joins_what_comes_twice(vendors: Vendors) -> None:
    assert of_tiktok(vendors, [TIKTOK] * 1001) == 40002
    assert [of_tiktok(vendors, [TIKTOK]) for _ in range(2)] == [0, 0]
    assert [each.is_counted for each in vendors.books.told("tiktok")] == [True, False]


def test_google_names_each_operation_that_it_does_not_take(vendors: Vendors) -> None:
    right = {
        "conversionAction": f"customers/{google_ads.CUSTOMER}/conversionActions/{google_ads.ACTIONS['purchase']}",
        "conversionDateTime": "2026-10-31 05:00:00+00:00",
        "orderId": "1",
        "gclid": "G",
    }
    operations = [
        right,
        {**right, "conversionDateTime": "2026-10-31T05:00:00Z"},
        {**right, "orderId": "2", "conversionDateTime": "2026-07-01 05:00:00+00:00"},
        {**right, "orderId": "3", "userIdentifiers": [{"hashedEmail": "jane@example.com"}]},
        right,
    ]
    path = "/v25/customers/{customer}:uploadClickConversions"
    server, body = vendors.servers["google_ads"], {"conversions": operations, "partialFailure": True}

    status, answer = ask(server, path, body, customer=google_ads.CUSTOMER)

    (detail,) = answer["partialFailureError"]["details"]
    assert status == 200
    assert [
        (each["location"]["fieldPathElements"][0]["index"], each["errorCode"]["conversionUploadError"])
        for each in detail["errors"]
    ] == [
        (1, "INVALID_CONVERSION_DATE_TIME"),
        (2, "EXPIRED_EVENT"),
        (3, "INVALID_USER_IDENTIFIER"),
        (4, "ORDER_ID_ALREADY_IN_USE"),
    ]
    assert ask(server, path, {**body, "partialFailure": False}, customer=google_ads.CUSTOMER)[0] == 400
