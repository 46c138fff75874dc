"""`make check`: whether a refresh can run, asked before the first night and whenever something was changed.

Belongs here: what the settings, this machine and the places written to have to answer, and the table of all answers.
Does not: what a source is asked (`ingestion/check.py` and the sources).

Nothing is loaded and no lock is held: a refresh may run meanwhile.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import requests
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.thrift import ClusterError
from dagster_project import alerts, environment, spark_tables
from dagster_project.sinks import ActivationSettings, of_settings
from dagster_project.stage_models import refuse_unknown_stage_models
from dagster_project.steps import engine
from ingestion import check, config, secrecy
from ingestion.check import QUESTIONS, Finding, State
from ingestion.config import PROJECT_ROOT, Present, Scope, SettingsError
from ingestion.inbox import InboxSettings
from ingestion.lock import is_writing
from ingestion.receiver.senders import SENDERS
from ingestion.receiver.settings import ReceiverSettings
from ingestion.warehouse import refuse_going_back
from serving.postgres import PostgresError
from serving.publish import PublicationError, current_publication
from serving.versions import current_version

# A check asks twice, not eight times, and waits less for an answer than a load does. What a person states stays.
PATIENCE = {"RUNTIME__REQUEST_TIMEOUT": "10", "RUNTIME__REQUEST_MAX_ATTEMPTS": "2"}
SECONDS_FOR_RECEIVER = 5.0
LEAST_FREE = 2 * 1000**3  # of the first refresh, whose size is not known
COPIES = 3  # the build file, what it grows by and what its models spill, and the copy that is published
MEMORY_LEFT = 0.9  # of the machine's memory; the rest is for Python and the system
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
MARKS: Mapping[State, str] = {"ok": "✓", "warning": "!", "failed": "✗"}
STYLES: Mapping[State, str] = {"ok": "", "warning": "yellow", "failed": "bold red"}


# ---- what is asked of this installation


def settings() -> Iterator[Finding]:
    """Those of the installation; an account's are read where it is asked."""
    refused = environment.refusals()[""]
    for refusal in refused:
        yield Finding("settings", f"{refusal.variable} cannot work", "failed", refusal.sentence)
        os.environ.pop(refusal.variable, None)  # so that all else can be asked, as where it is not set
    if not refused:
        found, profile = environment.settings(), "sandbox" if environment.is_sandbox() else "production"
        answer = f"{profile}, amounts in {found.reporting_currency}, nights of {found.schedule_timezone}"
        yield Finding("settings", answer)
    try:
        refuse_unknown_stage_models(PROJECT_ROOT / "dbt_project")
    except SettingsError as error:
        yield Finding("stage models", "one has no file", "failed", str(error))


def now() -> Iterator[Finding]:
    """What counts as now, which may not lie before what is loaded."""
    stated = Present.read().as_of
    shown = f"{config.as_of():%Y-%m-%d %H:%M} UTC"
    if is_writing(config.data_dir()):
        yield Finding("now", f"{shown}; a refresh is running")
        return
    try:
        refuse_going_back()
    except SettingsError as error:
        yield Finding("now", f"{shown}, before what is loaded", "failed", str(error))
        return
    if stated is not None and not environment.is_sandbox():
        advice = "LIFECYCLE_AS_OF is set: every night will be that one. Take it out for the nightly refresh."
        yield Finding("now", f"{shown}, as LIFECYCLE_AS_OF says", "warning", advice)
        return
    yield Finding("now", f"{shown}{' by the sandbox' if stated else ''}")


def disk() -> Iterator[Finding]:
    """Whether the data folder may be written to and has room for a refresh."""
    folder = config.data_dir()
    if reason := _why_not_writable(folder):
        advice = f"{folder}: {reason}. Let this user write there, or set LIFECYCLE_DATA_DIR to another folder."
        yield Finding("disk", "not writable", "failed", advice)
        return
    build, version = config.warehouse_path(), _current_version()
    size, published = build.stat().st_size if build.exists() else 0, version.stat().st_size if version else 0
    needed = max(LEAST_FREE, COPIES * size + published)
    free = shutil.disk_usage(_there(folder)).free
    answer = f"{_gigabytes(free)} free, {_gigabytes(needed)} needed"
    if free >= needed:
        yield Finding("disk", answer)
        return
    why = f"{COPIES} times the build file and a version" if needed > LEAST_FREE else "the least for a refresh"
    advice = f"{folder} has {answer} ({why}): make room, or set LIFECYCLE_DATA_DIR to another disk."
    yield Finding("disk", answer, "failed", advice)


def memory() -> Iterator[Finding]:
    """Whether DuckDB may use more memory than there is."""
    limit = environment.settings().memory_limit
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if CGROUP_LIMIT.exists() and (text := CGROUP_LIMIT.read_text().strip()).isdigit():
        there = min(there, int(text))
    answer = f"{_gigabytes(limit)} for DuckDB, {_gigabytes(there)} in the machine"
    if limit <= MEMORY_LEFT * there:
        yield Finding("memory", answer)
        return
    advice = (
        f"LIFECYCLE_MEMORY_LIMIT lets DuckDB use {_gigabytes(limit)} of {_gigabytes(there)}: the system may end the "
        f"refresh. Set it to {_gigabytes(MEMORY_LEFT * there)} or less; what does not fit goes to disk."
    )
    yield Finding("memory", answer, "failed", advice)


def cluster() -> Iterator[Finding]:
    """Whether Spark answers, where the models run there."""
    if engine() != "spark" or environment.SparkSettings.refusals():
        return
    try:
        with spark_tables.cursor() as session:
            session.execute("select version()")
            version = session.fetchall()[0][0].partition(" ")[0]
    except ClusterError as error:
        yield Finding("Spark", "does not answer", "failed", str(error))
        return
    yield Finding("Spark", f"{version} runs the models")


def publication() -> Iterator[Finding]:
    """Whether a version can be published, and the current one read."""
    folder = environment.serving_dir()
    if reason := _why_not_writable(folder):
        yield Finding("publication", "not writable", "failed", f"{folder}: {reason}. Let this user write there.")
        return
    try:
        current = current_publication(folder)
    except (PublicationError, duckdb.Error, OSError) as error:
        advice = f"{error} Readers see it too: publish the version before by `make rollback`, or refresh."
        yield Finding("publication", "current version cannot be read", "failed", advice)
        return
    if current is None:
        yield Finding("publication", "nothing published yet")
        return
    yield Finding("publication", f"{len(current.rows)} marts as of {current.as_of:%Y-%m-%d %H:%M} UTC")


def postgres() -> Iterator[Finding]:
    """Whether the marts can be published to PostgreSQL, and whether it has the version of the file."""
    try:
        target = environment.postgres()
    except SettingsError:
        return  # said of the setting
    if target is None:
        return
    try:
        target.refuse_missing_rights()
        differs = target.difference(environment.serving_dir())
    except PostgresError as error:
        answer = "not reached" if error.may_pass else "cannot be published to"
        yield Finding("PostgreSQL", answer, "failed", secrecy.hidden(str(error)))
        return
    if differs:
        advice = f"Here, {differs}: the next refresh publishes one version in both."
        yield Finding("PostgreSQL", "another version than the file", "warning", advice)
        return
    yield Finding("PostgreSQL", f"schema {target.schema}, {'the version of the file' if target.version() else 'empty'}")


def alert_targets() -> Iterator[Finding]:
    """Whether anybody hears of a night that failed. Nothing is sent: a server of one's own is only connected to."""
    found = alerts.targets()
    if not found:
        if not environment.is_sandbox():
            advice = "Nobody hears of a night that failed: set LIFECYCLE_ALERT_URLS to a webhook or a mailbox."
            yield Finding("alerts", "to nobody", "warning", advice)
        return
    silent = {
        f"{target.service} at {target.host}:{target.port}": reason
        for target in found
        if target.host and (reason := _why_not_reached(target.host, target.port))
    }
    answer = f"to {', '.join(target.service for target in found)}"
    if not silent:
        yield Finding("alerts", answer)
    for target, reason in silent.items():
        advice = f"LIFECYCLE_ALERT_URLS: {target}: {reason}. Correct the URL, or see whether that server runs."
        yield Finding("alerts", f"{answer}; one is not reached", "failed", advice)


def webhooks() -> Iterator[Finding]:
    """Whether the events of accounts with a secret for webhooks are received."""
    if Scope.refusals() or ReceiverSettings.refusals():
        return  # named among the settings
    accounts = [account for account in config.enabled_accounts() if account.source in SENDERS]
    pushed = {str(account) for account in accounts if InboxSettings.alone(account).webhook_secret.get_secret_value()}
    if not pushed:
        return
    receiver = ReceiverSettings.read()
    address = f"{receiver.host}:{receiver.port}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy lies on the way to one's own machine
            health = session.get(f"http://{address}/health", timeout=SECONDS_FOR_RECEIVER).json()
            received = {*health["sources"]}
    except (requests.RequestException, ValueError, KeyError, TypeError):
        advice = f"Nobody receives the webhooks of {', '.join(sorted(pushed))} at {address}: run `make receive`."
        yield Finding("webhooks", "nobody receives them", "warning", advice)
        return
    if lacking := pushed - received:
        advice = f"The receiver does not know {', '.join(sorted(lacking))}: start it again, with the settings of now."
        yield Finding("webhooks", f"of {', '.join(sorted(received))}", "warning", advice)
    elif not health["ok"]:
        advice = f"The receiver cannot write events, and vendors send them again in vain: see http://{address}/health."
        yield Finding("webhooks", "received and not written", "failed", advice)
    else:
        yield Finding("webhooks", f"received, of {', '.join(sorted(received))}")


def _why_not_reached(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=5):
            return ""
    except OSError as error:
        return error.strerror or str(error)


# What is asked of this installation beside its settings, in the order of the table.
def sinks_told() -> Iterator[Finding]:
    """Whether each sink that is told things has its settings. None of them is asked: a question would be an event."""
    if ActivationSettings.refusals():
        return  # named among the settings
    wanted = ActivationSettings.read().sinks
    lacking = {name: str(sink) for name, sink in of_settings().items() if isinstance(sink, SettingsError)}
    for name in wanted:
        if name in lacking:
            yield Finding("sinks", f"{name} is not told", "failed", lacking[name])
    if told := [name for name in wanted if name not in lacking]:
        yield Finding("sinks", f"told: {', '.join(told)}")


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (
    now,
    disk,
    memory,
    cluster,
    publication,
    postgres,
    alert_targets,
    webhooks,
    sinks_told,
)


def _why_not_writable(folder: Path) -> str:
    """Why nothing can be written to a folder, or to the one that it would be made in; empty: it can."""
    try:
        with tempfile.TemporaryFile(dir=_there(folder)):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that there is."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _current_version() -> Path | None:
    try:
        return current_version(environment.serving_dir())
    except PublicationError:
        return None  # told with the publication


def _gigabytes(size: float) -> str:
    return f"{size / 1000**3:,.1f} GB"


# ---- the table


def main() -> int:
    """Ask everything, and print it. 0: a refresh can run; 1: what failed is listed with what to do."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    logging.getLogger("ingestion").setLevel(logging.ERROR)  # what is asked again is told by the answer
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    whom_to_ask_is_known = not Scope.refusals()
    here = [*settings()]
    try:
        sources = _of_sources() if whom_to_ask_is_known else {}
    except SettingsError as error:
        sources = {"": [Finding("reached", check.NOT_ASKED, "failed", str(error))]}
    here += [finding for each in CHECKS for finding in each()]
    _print(console, sources, here)
    found = [*here, *(finding for findings in sources.values() for finding in findings)]
    failed, warnings = (sum(finding.state == state for finding in found) for state in ("failed", "warning"))
    said = f"{failed} failed, {warnings} to look at. Nothing was loaded."
    console.print(said if failed or warnings else "All is well. Nothing was loaded.", highlight=False)
    return 1 if failed else 0


def _of_sources() -> dict[str, list[Finding]]:
    environment.refuse_real_vendors_in_sandbox()
    return {str(account): findings for account, findings in check.ask(config.enabled_accounts()).items()}


def _print(console: Console, sources: Mapping[str, Sequence[Finding]], here: Sequence[Finding]) -> None:
    where = " of the sandbox" if environment.is_sandbox() else ""
    table = Table(title=f"Sources{where}, asked {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", title_justify="left")
    for name in ("", "source", *QUESTIONS):
        table.add_column(name, overflow="fold")
    for name, findings in sources.items():
        cells = [_cell([finding for finding in findings if finding.asked == asked]) for asked in QUESTIONS]
        table.add_row(_mark(findings), name, *cells)
    console.print(table)
    table = Table(title="This installation", title_justify="left")
    for name in ("", "what", "answer"):
        table.add_column(name, overflow="fold")
    for finding in here:
        table.add_row(_mark([finding]), finding.asked, _cell([finding]))
    console.print(table)
    for name, findings in (*sources.items(), ("", here)):
        for finding in findings:
            if finding.advice:
                about = ", ".join(filter(None, (name, finding.asked)))
                line = f"{MARKS[finding.state]} {about}: {' '.join(finding.advice.split())}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _mark(findings: Sequence[Finding]) -> Text:
    state = _worst(findings)
    return Text(MARKS[state], style=STYLES[state])


def _cell(findings: Sequence[Finding]) -> Text:
    answers = dict.fromkeys(finding.answer for finding in findings)
    return Text(", ".join(answers), style=STYLES[_worst(findings)])


def _worst(findings: Sequence[Finding]) -> State:
    states = [finding.state for finding in findings]
    return "failed" if "failed" in states else "warning" if "warning" in states else "ok"


if __name__ == "__main__":
    sys.exit(main())
