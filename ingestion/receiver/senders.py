"""How each vendor signs its webhooks, and which of its headers are kept.

Belongs here: whether a body is genuine, over its bytes as they came, in a time that says nothing of the right answer.
Does not: what the body says.

Only Stripe signs when it sent an event, and signs each try anew: what is older is somebody's copy. The other vendors
sign the body alone, and try again for hours (Shopify) or days (Meta), so that an old event is a late one and no attack;
to send a copy of it again changes nothing, because a load knows each event by its id.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

FORGED = "the signature is wrong or missing"
TOO_OLD = "the signature is too old"
STRIPE_TOLERANCE_SECONDS = 300

# Secret, headers, body, the time in seconds since 1970 -> why the event is refused; None: it is genuine.
Judge = Callable[[bytes, Mapping[str, str], bytes, float], str | None]


@dataclass(frozen=True)
class Sender:
    """
    Attributes:
        judge: says whether an event is genuine.
        headers: what is kept of them beside the event, in lower case; never a signature.
        is_loaded: whether a load reads the events; else they are only kept.
        shakes_hands: whether it asks by GET for a token that was agreed on, before it sends anything.
    """

    judge: Judge
    headers: tuple[str, ...] = ()
    is_loaded: bool = True
    shakes_hands: bool = False


def judge_meta(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    return _compared(f"sha256={_signed(secret, body).hex()}", headers.get("x-hub-signature-256", ""))


def judge_stripe(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Of several signatures, which Stripe sends while a secret is being replaced, one has to be right."""
    parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
    signed_at = next((value for name, _, value in parts if name == "t"), "")
    if not (signed_at.isascii() and signed_at.isdigit()):
        return FORGED
    expected = _signed(secret, signed_at.encode() + b"." + body).hex()
    if all([_compared(expected, value) for name, _, value in parts if name == "v1"]):
        return FORGED
    return TOO_OLD if float(signed_at) < now - STRIPE_TOLERANCE_SECONDS else None


def judge_shopify(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    return _compared(b64encode(_signed(secret, body)).decode(), headers.get("x-shopify-hmac-sha256", ""))


def judge_respond_io(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """No specification says so: it is what public code does, and was not tried on a real workspace."""
    return _compared(b64encode(_signed(secret, body)).decode(), headers.get("x-webhook-signature", ""))


def _signed(secret: bytes, content: bytes) -> bytes:
    return hmac.digest(secret, content, hashlib.sha256)


def _compared(expected: str, given: str) -> str | None:
    return None if hmac.compare_digest(expected.encode(), given.encode(errors="replace")) else FORGED


SENDERS = {
    "respond_io": Sender(judge_respond_io),
    # The row models read what the Admin API shows in GraphQL; webhooks have the shape of its REST resources.
    "shopify": Sender(
        judge_shopify,
        headers=(
            "x-shopify-topic",  # the body does not say what happened
            "x-shopify-shop-domain",
            "x-shopify-api-version",
            "x-shopify-event-id",
            "x-shopify-webhook-id",
            "x-shopify-triggered-at",  # not signed, and so no proof of an event's age
        ),
        is_loaded=False,
    ),
    "stripe": Sender(judge_stripe),
    "whatsapp": Sender(judge_meta, shakes_hands=True),
}
