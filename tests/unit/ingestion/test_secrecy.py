"""Tokens are planted and looked for in all that a load leaves, after success and after every kind of failure."""

from __future__ import annotations

import json
import logging
import pickle
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import SecretsTomlProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from hypothesis import given
from hypothesis import strategies as st

from ingestion import config, pipelines, secrecy
from ingestion.http import Client, VendorError, expect_list
from ingestion.sources import SOURCE_NAMES
from tests.planting import PLANTED, STATUS, TOKEN, places_of, plant, spellings

secrets = st.text(min_size=secrecy.SHORTEST, max_size=80, alphabet=st.characters(min_codepoint=33, max_codepoint=126))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_known", {TOKEN})


def hidden_of(secret: str, text: str) -> str:
    secrecy._known.clear()
    secrecy.remember(secret)
    assert secrecy.hidden_in_bytes(text.encode()).decode() == secrecy.hidden(text)
    return secrecy.hidden(text)


SPELLINGS = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "path": quote,
    "form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "python": lambda text: repr(text)[1:-1],
}


@given(secret=secrets, before=st.text(max_size=9), after=st.text(max_size=9))
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_hidden_in_every_spelling_wherever_it_stands(spell, secret, before, after) -> None:
    assert spell(secret) not in hidden_of(secret, f"{before}|{spell(secret)}|{after}").replace("***", "")


@given(secret=secrets, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_that_is_shown_holds_no_more_of_a_secret_than_its_ends(secret, before, after) -> None:
    shown = hidden_of(secret, b64encode(before + secret.encode() + after).decode())

    bits = 6 * len(shown.replace("***", "").replace("=", ""))
    assert bits <= 8 * len(before + after) + 16


@given(st.text())
def test_a_text_without_a_secret_is_shown_as_it_is(text) -> None:
    assert hidden_of("another-s3cret", text) == text


def test_a_short_word_is_no_secret() -> None:
    assert hidden_of("EUR", "10 EUR") == "10 EUR"


# ---- what a vendor sends back


def test_a_record_that_repeats_the_token_arrives_without_it(web) -> None:
    link = f"https://vendor.example/next?access_token={quote(TOKEN, safe='')}"
    web.get("https://vendor.example/things", json={"id": 1, "next": link, "said": TOKEN})

    body = Client("vendor", "https://vendor.example", {"Authorization": f"Bearer {TOKEN}"}).get("/things")

    assert body == {"id": 1, "next": "https://vendor.example/next?access_token=***", "said": "***"}


def test_an_excerpt_does_not_end_in_the_middle_of_a_token() -> None:
    for length in range(260, 300):
        with pytest.raises(VendorError) as raised:
            expect_list("vendor", "/things", {"a": "x" * length, "b": TOKEN}, None)
        assert TOKEN[:4] not in str(raised.value)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, web, pauses) -> None:
    plant(monkeypatch, web)


def left_by(source: str, capfd, caplog) -> list[str]:
    """Where the token stands after a load that fails, in files and in what was printed and logged."""
    caplog.set_level(logging.DEBUG)
    assert pipelines.main(source) == 1
    printed = capfd.readouterr()
    assert printed.err.startswith("failed: ") or "\nfailed: " in printed.err
    said = printed.out + printed.err + caplog.text
    return places_of(config.data_dir(), spellings(TOKEN)) + [each for each in spellings(TOKEN) if each in said]


def test_every_source_with_a_token_is_planted() -> None:
    # Files and the inbox of WhatsApp are read without a token.
    assert PLANTED.keys() == set(SOURCE_NAMES) - {"files", "whatsapp"}


@pytest.mark.parametrize(
    ("source", "status"), [*((source, 401) for source in PLANTED), ("stripe", 500), ("stripe", 302), ("stripe", 200)]
)
def test_a_vendor_that_repeats_the_token_in_its_answer_does_not_make_us_keep_it(
    planted, source, status, monkeypatch, capfd, caplog
) -> None:
    monkeypatch.setitem(STATUS, "now", status)

    assert left_by(source, capfd, caplog) == []


@pytest.mark.parametrize(
    "place", ["ingestion.http.Client._request", "dlt.normalize.normalize.Normalize.run", "dlt.load.load.Load.run"]
)
def test_an_error_anywhere_in_a_load_that_holds_the_token_does_not_make_us_keep_it(
    planted, place, monkeypatch, capfd, caplog
) -> None:
    def crash(*_: object, **__: object) -> None:
        try:
            raise RuntimeError(f"Authorization: Bearer {TOKEN}")
        except RuntimeError as error:
            raise ValueError(f"https://vendor.example/?key={quote(TOKEN, safe='')}") from error

    pipelines.prepare("stripe", pipelines.build_pipeline("stripe"))
    if not place.startswith("ingestion"):
        monkeypatch.setattr("ingestion.sources.stripe.resources", lambda intake: iter(()))
        secrecy.remember(TOKEN)  # as the resources would have done
    monkeypatch.setattr(place, crash)

    assert left_by("stripe", capfd, caplog) == []


def test_a_token_from_the_file_of_secrets_is_hidden_as_one_from_the_environment(
    planted, monkeypatch, tmp_path, capfd, caplog
) -> None:
    monkeypatch.delenv("SOURCES__STRIPE__API_KEY")
    (tmp_path / "secrets.toml").write_text(f'[sources.stripe]\napi_key = "{TOKEN}"\n')
    Container()[PluggableRunContext].providers.add_provider(SecretsTomlProvider(str(tmp_path)))

    assert left_by("stripe", capfd, caplog) == []
    assert TOKEN in secrecy._known


def test_a_token_with_a_line_feed_is_refused_without_being_shown(planted, monkeypatch, capfd, caplog) -> None:
    monkeypatch.setenv("SOURCES__STRIPE__API_KEY", f"{TOKEN}\nmore")

    assert left_by("stripe", capfd, caplog) == []


def test_the_trace_of_a_load_holds_counts_and_neither_settings_nor_errors(planted, capfd, caplog) -> None:
    left_by("stripe", capfd, caplog)
    (file,) = config.data_dir().glob("dlt/stripe/trace.pickle")

    trace = pickle.loads(file.read_bytes())
    assert trace.steps and trace.resolved_config_values == []
    assert {(step.step_exception, step.exception_traces) for step in trace.steps} == {(None, None)}


def test_an_error_is_told_with_what_led_to_it_and_without_secrets() -> None:
    try:
        try:
            raise ValueError(f"for url: /?access_token={TOKEN}")
        except ValueError as error:
            raise RuntimeError("the page is broken") from error
    except RuntimeError as error:
        told = secrecy.told(error)

    assert "for url: /?access_token=***" in told and "the page is broken" in told and TOKEN not in told
