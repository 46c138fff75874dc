"""The lines and tables of a run's summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagster_project import environment, personal
from dagster_project.summary.run_log import Finding, RunLog
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError
from ingestion.sources import SOURCE_NAMES
from reports import FIRST_PAGE
from reports import FOLDER as REPORT
from serving.compare import MartChange
from serving.publish import Publication, news_missing

SHOWN = 90  # characters of an example
KINDS = ("loading", "accounting", "raw gate", "dbt model", "dbt test", "mart gate")


def print_title(console: Console, run_id: str) -> None:
    """Which run this is, and, where its settings can be read, of what and as of when."""
    title = f"Run {run_id}"
    with suppress(SettingsError):  # the reason of the failure says which
        is_sandbox = environment.is_sandbox()
        title += " of the simulated company" if is_sandbox else ""
        title += f": {', '.join(map(str, config.enabled_accounts()))} as of {config.as_of():%Y-%m-%d %H:%M %Z}"
    console.print(title, highlight=False, soft_wrap=True)


def print_sources(
    console: Console, counts: Mapping[str, Mapping[str, Mapping[str, int]] | None], failed: Collection[str] = ()
) -> None:
    """Received, loaded and rejected, by source and account; what could not be loaded is named."""
    table = _table("source", "received", "loaded", "rejected")
    told = [*counts, *failed]
    not_reached = [source for source in SOURCE_NAMES if not any(each.partition(".")[0] == source for each in told)]
    for source in sorted([*told, *not_reached]):
        if source in failed:
            table.add_row(source, "failed", "", "")
            continue
        resources = counts.get(source)
        if resources is None:
            table.add_row(source, "disabled" if source in counts else "not loaded", "", "")
            continue
        # Files count twice: the rows that were read, and the rows of the entities that a mapping made of them.
        inputs = {name: count for name, count in resources.items() if name.startswith("inputs.")}
        made = {name: count for name, count in resources.items() if name not in inputs}
        groups = {f"{source}, rows read": inputs, f"{source}, rows made": made} if inputs else {source: made}
        for name, counted in groups.items():
            totals = (sum(count[what] for count in counted.values()) for what in ("received", "loaded", "rejected"))
            table.add_row(name, *(f"{total:,}" for total in totals))
    console.print(table)


def print_checks(console: Console, findings: Iterable[Finding]) -> None:
    """How many checks of each kind passed, and each one that did not."""
    listed = list(findings)
    table = _table("checks", "passed", "warned", "failed", "skipped")
    for kind in KINDS:
        statuses = Counter(finding.status for finding in listed if finding.kind == kind)
        if statuses:
            table.add_row(kind, *(f"{statuses[name]:,}" for name in ("passed", "warned", "failed", "skipped")))  # type: ignore[index]
    console.print(table)
    for status in ("warned", "failed"):
        for finding in listed:
            if finding.status == status:
                print_finding(console, finding)


def print_finding(console: Console, finding: Finding) -> None:
    """One check that did not pass, with what it saw and rows that offend."""
    console.print(
        f"  {finding.status}: {finding.kind}, {finding.subject}: {finding.expectation}"
        + (f" (seen: {finding.observed})" if finding.observed else ""),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for sample in finding.samples:
        console.print(f"      {sample}", markup=False, highlight=False, soft_wrap=True)


def print_steps(console: Console, log: RunLog) -> None:
    """Seconds of each step, and of all of them."""
    table = _table("step", "seconds")
    for step in log.steps.values():
        tries = f" (try {step.tries})" if step.tries > 1 else ""
        table.add_row(step.name + tries, "" if step.seconds is None else f"{step.seconds:.1f}")
    if log.seconds is not None:
        table.add_row("the whole run", f"{log.seconds:.1f}")
    console.print(table)


def print_figures(console: Console, publication: Publication, warehouse: Path) -> None:
    """People by stage and revenue, from the published file; revenue that is nobody's, from the ledger."""
    with duckdb.connect(str(publication.path), read_only=True) as connection:
        stages = connection.execute(
            "select stage, count(*) from marts.lifecycle_current "
            "where lifecycle_model in (select lifecycle_model from marts.customer_360) "
            "group by stage order by any_value(stage_kind), count(*) desc"
        ).fetchall()
        models = connection.execute(
            "select lifecycle_model, any_value(entity_type), count(*), lifecycle_model in "
            "(select lifecycle_model from marts.customer_360) from marts.lifecycle_current "
            "group by lifecycle_model order by lifecycle_model"
        ).fetchall()
        revenue = connection.execute(
            "select reporting_currency, count(*) filter (is_customer), sum(historic_value_amount_reporting) "
            "from marts.customer_value "
            "group by all order by 1"
        ).fetchall()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (nobodys,) = connection.execute(
            "select coalesce(sum(amount_reporting), 0) from core.fct_revenue_entries where person_id is null"
        ).fetchall()[0]
    main = next((model for model, _, _, is_main in models if is_main), "none")
    table = _table(f"stage now (stage model {main})", "people")
    for stage, count in stages:
        table.add_row(stage, f"{count:,}")
    console.print(table)
    others = ", ".join(
        f"{model} ({count:,} {'people' if entity_type == 'person' else 'accounts'})"
        for model, entity_type, count, is_main in models
        if not is_main
    )
    if others:
        console.print(f"Other stage models: {others}", highlight=False, soft_wrap=True)
    for currency, customers, amount in revenue:
        console.print(
            f"Revenue net of refunds: {amount + nobodys:,.2f} {currency}; {amount:,.2f} from {customers:,} customers, "
            f"{nobodys:,.2f} from guests whom nothing identifies",
            highlight=False,
            soft_wrap=True,
        )


def print_held_back(console: Console, warehouse: Path) -> None:
    """What is in no figure, or counts for less than it could: how many records, why, and where they stand."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        held_back = connection.execute(
            """
            select 'ops.rejected_records', source_system || '.' || resource, count(*), min(reason)
            from ops.rejected_records where state = 'open' group by all
            union all
            select 'ops.identity_review', 'records not joined', sum(record_count), min(reason || ': ' || cluster_key)
            from ops.identity_review
            union all
            select 'ops.account_parent_review', 'accounts without the parent they state', count(*), min(reason)
            from ops.account_parent_review
            union all
            select 'ops.deal_stage_review', 'deal stages of another meaning', count(*),
                min(coalesce(stage_label, stage_id) || ': ' || reason)
            from ops.deal_stage_review
            union all
            select 'ops.money_without_rate', 'amounts in no sum', count(*), min(reason) from ops.money_without_rate
            union all
            select 'ops.unmatched_payments', 'payments of no order or subscription', count(*),
                coalesce(sum(total_amount_reporting), 0)::varchar || ' ' || coalesce(
                    (select min(reporting_currency) from marts.customer_value), '')
                || ' that no order tells of (' || min(payment_id) || '); are they sales? stripe_payments_are_orders'
            from ops.unmatched_payments
            union all
            select 'ops.unmatched_keys', source_system || ' ' || row_kind || ' naming ' || named_kind, unmatched_count,
                'of ' || row_count || ': ' || consequence || ' (' || example_key || ')'
            from ops.unmatched_keys where unmatched_count > 0
            order by all
            """
        ).fetchall()
    rows = [row for row in held_back if row[2]]
    if not rows:
        return
    table = _table("held back or unmatched", "what", "records")
    table.columns[1].justify = "left"
    table.add_column("for example", justify="left", overflow="fold")
    for place, what, count, example in rows:
        shown = personal.masked_text(" ".join(str(example).split()))
        table.add_row(place, what, f"{count:,}", Text(shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"))
    console.print(table)


def print_changes(console: Console, changes: Sequence[MartChange] | None) -> None:
    """What the marts gained and lost since the previous publication."""
    if changes is None:
        console.print("First publication: nothing to compare with.")
        return
    if all(change.is_unchanged for change in changes):
        console.print("Since the previous publication: no row of any mart changed.")
        return
    table = _table("since the previous publication", "added", "changed", "removed")
    for change in changes:
        columns = [f"+{name}" for name in change.new_columns] + [f"-{name}" for name in change.gone_columns]
        name = f"{change.mart} (columns {', '.join(columns)})" if columns else change.mart
        changed = "" if change.changed is None else f"{change.changed:,}"
        table.add_row(name, f"{change.added:,}", changed, f"{change.removed:,}")
    console.print(table)


def print_published(console: Console, link: Path, publication: Publication, remarks: Sequence[str] = ()) -> None:
    """Where the file is, a line that queries it, and what was noticed at the publication."""
    lacks = news_missing(publication.states)
    said = f"Published {publication.version} as {shown(link)}{',' if lacks else ''}{lacks}. Query it:"
    for each in (said, _query(link), *_look(link), *remarks):
        console.print(each, markup=False, highlight=False, soft_wrap=True)


def print_unchanged(console: Console, link: Path, publication: Publication) -> None:
    """Where the file is that stays, because nothing is new."""
    lacks = news_missing(publication.states)
    said = (
        f"Nothing is new since {publication.version} was published{',' if lacks else ''}{lacks}: nothing was built, "
        f"and {shown(link)} stays as it is. Query it:"
    )
    for each in (said, _query(link), *_look(link)):
        console.print(each, markup=False, highlight=False, soft_wrap=True)


def _query(link: Path) -> str:
    shell = shown(Path(sys.executable).with_name("duckdb"))
    return f'  {quote(str(shell))} -readonly {quote(str(shown(link)))} "from marts.customer_360 limit 5"'


def _look(link: Path) -> list[str]:
    """Where the report is, if the version has one."""
    page = link.with_name(REPORT) / FIRST_PAGE
    return ["Open its report in a browser:", f"  {shown(page)}"] if page.exists() else []


def reasons(log: RunLog) -> list[str]:
    """Why nothing was published, or not all, a sentence each; nothing where all is well. Nobody is named."""
    failed = [step for step in log.steps.values() if step.has_failed]
    if failed:
        found = [f"Failed: {step.name}: {step.cause}" for step in failed]
    elif log.is_up_to_date:
        found = [f"No news of {source}." for source in log.stale_sources]
    elif log.ended == "canceled" or any(step.seconds is None for step in log.steps.values()):
        found = ["Interrupted: the run was ended."]
    elif not log.steps:
        found = [f"Failed before the first step: {log.cause}"]
    else:
        found = [f"Failed: {log.cause}"] if log.ended == "failed" else []
    return [personal.masked_text(sentence) for sentence in found]


def left(log: RunLog, before: Publication | None, damaged: str) -> list[str]:
    """What BI reads after a run that published nothing: `before`, unless that cannot be read."""
    if log.is_up_to_date:
        return []
    if damaged:
        return [f"Published data left as it was, and {damaged}"]
    state = f"left as it was (version {before.version})" if before else "not there yet: nothing was published before"
    return [f"Published data {state}."]


def print_why(console: Console, log: RunLog) -> None:
    """Why nothing was published, or what failed beside it."""
    for sentence in reasons(log) or ["Publishing was no part of this run."]:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def print_left(console: Console, log: RunLog, before: Publication | None, damaged: str) -> None:
    """What BI reads after a run that published nothing."""
    for sentence in left(log, before, damaged):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def shown(path: Path) -> Path:
    """A path as seen from the project's folder, where commands are run."""
    return path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, pad_edge=False, padding=(0, 3, 0, 0), title=None, header_style="bold")
    for name in others:
        table.add_column(name, justify="right")
    return table
