"""A vendor that answers a check as `tests/wire/checks` documents it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import responses

from ingestion import check
from ingestion.check import Finding
from ingestion.config import Account

WIRE = Path(__file__).resolve().parents[3] / "wire" / "checks"
TOKEN = "s3cret-t0ken"


class Vendor:
    """Answers by request; a test replaces what it wants otherwise.

    Attributes:
        answers: by request, as `GET /path`, or as a test calls it.
        told: every documented answer, also the refusals.
    """

    def __init__(self, web: responses.RequestsMock, name: str, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.base = name, base
        self.told: dict[str, Any] = json.loads((WIRE / f"{name}.json").read_text())
        self.answers = {asked: answer for asked, answer in self.told.items() if asked.split(" ")[0] in ("GET", "POST")}
        self.asked: list[tuple[str, Any]] = []
        self._patch = monkeypatch
        for method in ("GET", "POST"):
            web.add_callback(method, re.compile(f"{base}.*"), self._answer)

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self._patch.setenv(f"SOURCES__{self.name}__{name}".upper(), value)

    def key_of(self, method: str, path: str, body: Any) -> str:
        return f"{method} {path}"

    def _answer(self, request: Any) -> tuple[int, Mapping[str, str], str]:
        path = request.url.removeprefix(self.base).split("?")[0]
        body = json.loads(request.body) if request.body else None
        key = self.key_of(request.method, path, body)
        self.asked.append((key, body if body is not None else request.params))
        answer = self.answers[key]
        return answer.get("status", 200), answer.get("headers", {}), json.dumps(answer["body"])

    def findings(self) -> list[Finding]:
        (found,) = check.ask([Account(self.name)], seconds=30).values()
        assert TOKEN not in str(found)
        return found

    def told_of(self, asked: str) -> list[tuple[str, str]]:
        """Answer and state of what was found of a question."""
        return [(finding.answer, finding.state) for finding in self.findings() if finding.asked == asked]

    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings() if finding.state == "failed"]
