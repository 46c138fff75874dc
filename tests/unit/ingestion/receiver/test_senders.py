from __future__ import annotations

import time
from base64 import b64encode

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from ingestion.receiver.senders import FORGED, SENDERS, TOO_OLD
from tests.unit.ingestion.receiver.conftest import SECRET, signed

NOW = time.time()
# From GitHub's documentation on validating webhooks, which are signed as Meta's are.
PUBLISHED = ("It's a Secret to Everybody", b"Hello, World!")
PUBLISHED_SIGNATURE = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def judged(vendor: str, headers: dict[str, str], body: bytes, secret: str = SECRET) -> str | None:
    lower = {name.lower(): value for name, value in headers.items()}
    return SENDERS[vendor].judge(secret.encode(), lower, body, time.time())


@pytest.mark.parametrize(
    ("vendor", "header", "value"),
    [
        ("whatsapp", "x-hub-signature-256", f"sha256={PUBLISHED_SIGNATURE}"),
        ("shopify", "x-shopify-hmac-sha256", b64encode(bytes.fromhex(PUBLISHED_SIGNATURE)).decode()),
        ("respond_io", "x-webhook-signature", b64encode(bytes.fromhex(PUBLISHED_SIGNATURE)).decode()),
    ],
)
def test_a_published_signature_is_right(vendor: str, header: str, value: str) -> None:
    secret, body = PUBLISHED

    assert judged(vendor, {header: value}, body, secret) is None


@pytest.mark.parametrize("vendor", SENDERS)
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_only_the_body_that_was_signed_with_the_secret_is_genuine(
    vendor: str, body: bytes, data: st.DataObject
) -> None:
    headers = signed(vendor, body)
    place, change = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(1, 255))
    changed = body[:place] + bytes([body[place] ^ change]) + body[place + 1 :]
    ((name, value),) = headers.items()
    cut = data.draw(st.integers(0, len(value) - 1))

    assert judged(vendor, headers, body) is None
    assert judged(vendor, headers, changed) == FORGED
    assert judged(vendor, headers, body, "another secret") == FORGED
    assert judged(vendor, {name: value[:cut]}, body) == FORGED
    assert judged(vendor, {name: value[:cut] + "é" + value[cut + 1 :]}, body) == FORGED
    assert judged(vendor, {}, body) == FORGED


def signed_by_stripe(payload: str, at: int, secret: str = SECRET) -> str:
    return str(stripe.WebhookSignature._compute_signature(f"{at}.{payload}", secret))


def accepted_by_stripe(payload: str, header: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(payload, header, SECRET, tolerance=300))
    except stripe.SignatureVerificationError:
        return False


@given(
    payload=st.text(max_size=40),
    age=st.sampled_from([-4000, -5, 0, 5, 290, 310, 4000]),
    others=st.lists(st.sampled_from(["v1=00", "v0=00", "v1=", "x", "", "t", "v1"]), max_size=3),
    kind=st.sampled_from(
        ["right", "another secret", "another payload", "another time", "no v1", "no t", "t is a word"]
    ),
    is_last=st.booleans(),
)
def test_what_is_genuine_is_what_stripes_own_package_calls_so(
    payload: str, age: int, others: list[str], kind: str, is_last: bool
) -> None:
    at = int(time.time()) - age
    signature = {
        "another secret": signed_by_stripe(payload, at, "another secret"),
        "another payload": signed_by_stripe(payload + "!", at),
        "another time": signed_by_stripe(payload, at - 1),
    }.get(kind, signed_by_stripe(payload, at))
    parts = [f"v1={signature}"] * (kind != "no v1")
    told = [] if kind == "no t" else ["t=yesterday" if kind == "t is a word" else f"t={at}"]
    header = ",".join([*told, *others, *parts] if is_last else [*told, *parts, *others])

    verdict = judged("stripe", {"stripe-signature": header}, payload.encode())

    # parts without a value make their parser give up, and no sender writes them
    if not {"x", "", "t", "v1"} & {*others}:
        assert (verdict is None) == accepted_by_stripe(payload, header)
    assert (verdict == TOO_OLD) == (kind == "right" and age > 300)


def test_no_vendors_signature_is_among_the_headers_that_are_kept() -> None:
    for vendor, sender in SENDERS.items():
        assert not {name.lower() for name in signed(vendor, b"{}")} & {*sender.headers}
        assert all(name == name.lower() for name in sender.headers)
