"""What respond.io is asked before anything is loaded, and what its documented answers tell."""

from __future__ import annotations

import pytest

from tests.unit.ingestion.sources.documented import TOKEN, Vendor


@pytest.fixture
def workspace(web, monkeypatch, tmp_path):
    vendor = Vendor(web, "respond_io", "https://respond.example/v2", monkeypatch)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "events.jsonl").write_text("{}\n")
    vendor.set(base_url=vendor.base, access_token=TOKEN, inbox_path=str(tmp_path / "inbox"))
    return vendor


def test_what_the_api_does_not_tell_is_said_to_be_so(workspace):
    assert workspace.failed() == []
    assert workspace.told_of("scopes") == [("all", "ok")]
    assert workspace.told_of("currency") == workspace.told_of("time zone") == [("not told", "ok")]
    assert workspace.told_of("account")[1][0].startswith("inbox of 20")
    assert {body["limit"] for asked, body in workspace.asked if asked.startswith("GET")} == {"1"}


def test_a_list_that_the_token_may_not_read_is_named(workspace):
    workspace.answers["GET /space/channel"] = workspace.told["scope missing"]

    assert workspace.told_of("scopes") == [("lacks reading channel", "failed")]


def test_a_refused_token_names_the_setting(workspace):
    workspace.answers["POST /contact/list"] = workspace.told["token refused"]

    (failed,) = workspace.failed()

    assert (failed.asked, failed.answer) == ("token", "refused")
    assert "SOURCES__RESPOND_IO__ACCESS_TOKEN" in failed.advice


def test_an_inbox_that_is_not_set_is_empty_or_is_no_folder_is_said(workspace, tmp_path):
    workspace.set(inbox_path="")
    assert workspace.told_of("account")[1] == ("no inbox", "warning")

    (tmp_path / "empty").mkdir()
    workspace.set(inbox_path=str(tmp_path / "empty"))
    assert workspace.told_of("account")[1] == ("empty inbox", "warning")

    workspace.set(inbox_path=str(tmp_path / "nowhere"))
    (failed,) = workspace.failed()
    assert "nowhere" in failed.advice and "SOURCES__RESPOND_IO__INBOX_PATH" in failed.advice
