"""What reaches the company as files: webhook inboxes, exchange rates, surveys, consents and experiments with their
mappings.

Belongs here: writing them. Does not: what they say (`conversations`, `exchange_rates`, `life`, `experiments`,
`malformed`).

A day's events lie in one file of JSON lines, which never changes once written; an event that comes late or twice
lies in a file of its own, under the day on which it came. Lines are not in the order of the events.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from sandbox import malformed
from sandbox.company import Company
from sandbox.experiments import CONTROL
from sandbox.records import Webhook, iso
from sandbox.servers.respond_io import event_wire
from sandbox.settings import DAY

OUT_OF_ORDER_SECONDS = 600
# Its place among those of its sender, the event, and its body as it is pushed.
Event = tuple[int, Webhook, Mapping[str, Any]]
RATES_MAPPING = """\
name: exchange_rates
inputs:
  rates: {path: exchange_rates.csv}
entities:
  exchange_rates:
    from: rates
    columns:
      rate_date: rate_date
      base_currency: base_currency
      quote_currency: quote_currency
      rate: rate
"""
# Each mapping names its company, or one more mapping would give all ids the name of another.
SURVEY_COLUMNS = ("response_id", "email", "survey_type", "score", "comment", "responded_at")
SURVEYS_MAPPING = "\n".join(
    [
        "name: surveys",
        "company: surveys",
        "inputs:",
        "  answers: {path: surveys.csv}",
        "entities:",
        "  surveys:",
        "    from: answers",
        "    columns:",
        *(f"      {column}: {column}" for column in SURVEY_COLUMNS),
        "",
    ]
)
CONSENT_COLUMNS = ("consent_id", "email", "purpose", "is_granted", "stated_at")
CONSENTS_MAPPING = "\n".join(
    [
        "name: consents",
        "company: consents",
        "inputs:",
        "  register: {path: consents.csv}",
        "entities:",
        "  consents:",
        "    from: register",
        "    columns:",
        *(f"      {column}: {column}" for column in CONSENT_COLUMNS),
        "",
    ]
)
ASSIGNMENT_COLUMNS = ("assignment_id", "experiment", "arm", "email", "assigned_at")
EXPERIMENTS_MAPPING = "\n".join(
    [
        "name: experiments",
        "company: experiments",
        "inputs:",
        "  assignments: {path: experiments.csv}",
        "entities:",
        "  experiment_assignments:",
        "    from: assignments",
        "    columns:",
        *(f"      {column}: {column}" for column in ASSIGNMENT_COLUMNS),
        f"      is_control: arm = '{CONTROL}'",
        "",
    ]
)


class Files:
    """The folders `inbox`, `whatsapp_inbox`, `files` and `mappings` of a sandbox."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        self.whatsapp_inbox = folder / "whatsapp_inbox"
        self.data = folder / "files"
        self.mappings = folder / "mappings"
        self._written_until = folder / "written_until.txt"

    @property
    def _folders(self) -> tuple[Path, ...]:
        return (self.inbox, self.whatsapp_inbox, self.data, self.mappings)

    def write(self, company: Company, clock: int) -> None:
        """Bring the folders up to the clock. If they are there already, no person of the company has to exist."""
        until = f"{clock} of {company.settings}"
        is_written = self._written_until.exists() and self._written_until.read_text() == until
        if is_written and all(folder.is_dir() for folder in self._folders):
            return
        for folder in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
        inbox, numbers = malformed.inbox_lines(company.start), malformed.whatsapp_lines(company.start)
        _write_inbox(self.inbox, _respond_io_events(company, clock), inbox, company.start, clock)
        _write_inbox(self.whatsapp_inbox, _whatsapp_events(company, clock), numbers, company.start, clock)
        self._write_rates(company, clock)
        self._write_surveys(company, clock)
        self._write_consents(company, clock)
        self._write_experiments(company, clock)
        _replace(self.mappings / "exchange_rates.yml", RATES_MAPPING)
        _replace(self.mappings / "consents.yml", CONSENTS_MAPPING)
        _replace(self.mappings / "surveys.yml", SURVEYS_MAPPING)
        _replace(self.mappings / "experiments.yml", EXPERIMENTS_MAPPING)
        _replace(self._written_until, until)

    def remove(self) -> None:
        """Delete the folders."""
        self._written_until.unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _write_rates(self, company: Company, clock: int) -> None:
        published = company.rates.published(clock)
        lines = ["rate_date,base_currency,quote_currency,rate"]
        lines += [f"{day.isoformat()},EUR,{currency},{rate}" for day, currency, rate in published]
        lines += malformed.rate_lines(published[0][0].isoformat())
        _replace(self.data / "exchange_rates.csv", "\n".join(lines) + "\n")

    def _write_surveys(self, company: Company, clock: int) -> None:
        answers = [
            (survey.id, survey.email, survey.kind, survey.score, survey.comment, iso(survey.at))
            for person in company.people(clock)
            for survey in person.surveys
            if survey.at <= clock
        ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [SURVEY_COLUMNS, *sorted(answers), *malformed.survey_rows(iso(company.start))]
        )
        _replace(self.data / "surveys.csv", text.getvalue())

    def _write_consents(self, company: Company, clock: int) -> None:
        statements = [
            (consent.id, consent.email, "advertising", str(consent.is_granted).lower(), iso(consent.at))
            for person in company.people(clock)
            for consent in person.consents
            if consent.at <= clock
        ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([CONSENT_COLUMNS, *sorted(statements)])
        _replace(self.data / "consents.csv", text.getvalue())

    def _write_experiments(self, company: Company, clock: int) -> None:
        drawn = sorted(
            (each.id, each.experiment, each.arm, each.email, iso(each.at))
            for person in company.people(clock)
            if (each := person.assignment) is not None and each.at <= clock
        )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([ASSIGNMENT_COLUMNS, *drawn])
        _replace(self.data / "experiments.csv", text.getvalue())


def _respond_io_events(company: Company, clock: int) -> Iterator[Event]:
    for contact in company.inbox_contacts(clock):
        for number, webhook in enumerate(contact.webhooks):
            if webhook.delivered_at <= clock:
                yield number, webhook, event_wire(contact, webhook)


def _whatsapp_events(company: Company, clock: int) -> Iterator[Event]:
    for webhooks in company.whatsapp_deliveries(clock):
        for number, webhook in enumerate(webhooks):
            if webhook.delivered_at <= clock:
                yield number, webhook, webhook.body


def _write_inbox(
    folder: Path, events: Iterable[Event], malformed_lines: Iterable[tuple[int, str]], start: int, clock: int
) -> None:
    days: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, webhook, body in events:
        ends_at = start + (webhook.delivered_at - start + DAY - 1) // DAY * DAY
        if webhook.delivered_at == webhook.at:
            jitter = crc32(webhook.event_id.encode()) % OUT_OF_ORDER_SECONDS
            days[ends_at].append((webhook.at + jitter, _received(webhook, body)))
            continue
        path = folder / f"{_stamp(ends_at)}-{webhook.event_id}-{number}.json"
        if not path.exists():
            _write_at(path, _received(webhook, body) + "\n", ends_at)
    for at, line in malformed_lines:
        if at <= clock:
            days[at].append((at, line))
    for ends_at, lines in days.items():
        path = folder / f"{_stamp(ends_at)}.jsonl"
        if ends_at <= clock and not path.exists():
            _write_at(path, "".join(f"{line}\n" for _, line in sorted(lines)), ends_at)


def _received(webhook: Webhook, body: Mapping[str, Any]) -> str:
    """An event in its receiver's envelope: most kinds of event do not say when they happened."""
    return json.dumps({"received_at": iso(webhook.delivered_at), "headers": {}, "event": body})


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new; one that says the same already is left as it is."""
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.replace(path)


def _write_at(path: Path, text: str, at: int) -> None:
    """Write a file as of an instant of the simulation, so that readers who go by file time see time pass."""
    _replace(path, text)
    os.utime(path, (at, at))
