"""HubSpot CRM: contacts, companies and deals with property history, associations, owners, pipelines, survey answers.

Belongs here: HubSpot's search, batch reads, limits and property names. Does not: what a stage or status means.

Search shows which objects changed; a batch read of those ids is the only source of their rows and their history. Search
does not find archived objects, which come from the archived list. What search does not show is read again: the last
hour (its index is late), the associations of all deals (they change without the deal), and every few days everything.
README.md lists what is not confirmed about the API.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config, warehouse
from ingestion.clock import TOLERANCE, Clock
from ingestion.http import Client, PagingError, Problem, Trail, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.hubspot.models import (
    COMPANIES,
    CONTACT_PROPERTY_HISTORY,
    CONTACTS,
    DEAL_COMPANIES,
    DEAL_CONTACTS,
    DEAL_PROPERTY_HISTORY,
    DEAL_STAGES,
    DEALS,
    FEEDBACK_SUBMISSIONS,
    OWNERS,
    TABLES,
)
from ingestion.sources.hubspot.settings import SOURCE, Settings
from ingestion.tables import AccountRow, RawTable
from ingestion.watermark import Watermark, instant
from ingestion.wire import ABSENT, AbsentRows, Spool, at, batches, mapped, one, told, unfolded, unknown

__all__ = ["ROWS_OF", "TABLES", "resources"]

log = logging.getLogger(__name__)

SEARCH_LIMIT = 10_000  # results that one search can page through
SEARCH_PAGE = 200
SEARCH_LAG = timedelta(
    hours=1
)  # the search index runs behind by minutes: changes of the last hour are looked for again
LIST_PAGE = 100
BATCH_INPUTS = 100
BATCH_INPUTS_WITH_HISTORY = 50
NO_ASSOCIATIONS = "NO_ASSOCIATIONS_FOUND"
ACCOUNT_PATH = "/account-info/v3/details"
FEEDBACK_PATH = "/crm/v3/objects/feedback_submissions"
FEEDBACK_PROPERTIES = [name for name in FEEDBACK_SUBMISSIONS.row.model_fields if name.startswith("hs_")]
OBJECT_FIELDS = (
    *("id", "properties", "propertiesWithHistory", "associations"),
    *("createdAt", "updatedAt", "archived", "archivedAt"),
)


@dataclass(frozen=True)
class Kind:
    """One type of CRM object: its path, table, property of last modification, properties read, those with history."""

    path: str
    table: RawTable
    modified: str
    history: tuple[str, ...] = ()

    @property
    def properties(self) -> list[str]:
        """The row model's columns, which bear HubSpot's property names."""
        own = {"id", "archived", "archived_at", "portal_currency", *AccountRow.model_fields}
        return [name for name in self.table.row.model_fields if name not in own]


CONTACT = Kind("contacts", CONTACTS, "lastmodifieddate", ("lifecyclestage", "hs_lead_status", "hs_email_optout"))
COMPANY = Kind("companies", COMPANIES, "hs_lastmodifieddate")
DEAL = Kind("deals", DEALS, "hs_lastmodifieddate", ("dealstage",))


@dataclass(frozen=True)
class Changes:
    """What one pass found: live and archived objects; where the next begins and when the last whole one was (ISO)."""

    objects: Spool
    archived: Spool
    modified_until: str | None
    wholly_read_at: str | None

    @property
    def all(self) -> Iterator[Any]:
        """Each object once; the archived state of one that was archived during the pass counts."""
        yield from (record for record in self.objects if at(record, "id") not in self.archived)
        yield from self.archived


def judge(response: requests.Response, body: Any) -> Problem | None:
    """HubSpot words errors as `{"status": "error", message, category | errorType}`."""
    if at(body, "status") != "error":
        return judge_status(response, body)
    kind = str(at(body, "category") or at(body, "errorType") or "")
    said = f"{at(body, 'message')} [{kind or 'error'}]"
    if kind in ("RATE_LIMIT", "RATE_LIMITS") or response.status_code == 429:
        return Problem(said, retry=True, advice="The rate limit stayed exceeded: run again later.", code=kind)
    if kind == "INTERNAL_ERROR" or response.status_code >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=kind)
    if lacks := _missing_scopes(body):
        return Problem(said, advice=f"Give the private app the scope {' or '.join(lacks)}.", code=kind, lacks=lacks)
    if response.status_code in (401, 403) or kind in ("INVALID_AUTHENTICATION", "MISSING_SCOPES"):
        advice = f"Check {config.variable_name(SOURCE, 'access_token')} and the private app's scopes."
        return Problem(said, advice=advice, code=kind)
    message = said.lower()
    return Problem(
        said,
        advice="The request was refused: check the portal's properties.",
        code=kind,
        cursor_expired=response.status_code in (200, 400) and ("cursor" in message or "paging" in message),
    )


def _missing_scopes(body: Any) -> tuple[str, ...]:
    """The scopes of which any one would do, as a refusal names them."""
    contexts = [at(error, "context") for error in at(body, "errors") or []]
    return tuple(str(name) for context in contexts for name in at(context, "requiredGranularScopes") or [])


def connect(settings: Settings, clock: Clock | None = None) -> Client:
    """A client that asks the portal of the settings."""
    headers = {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"}
    limit = settings.time_limit_minutes
    return Client(SOURCE, settings.base_url, headers, judge, clock=clock, time_limit_minutes=limit)


def object_row(record: Any) -> Any:
    """Wire object -> row: its properties beside its id. Unknown fields of both levels pass through."""
    if not isinstance(record, Mapping):
        return record
    properties = record.get("properties")
    row = dict(properties) if isinstance(properties, Mapping) else {}
    row.pop("hs_object_id", None)  # the id once more
    return {
        **unknown(record, OBJECT_FIELDS),
        **row,
        "id": record.get("id"),
        "archived": told(record, "archived") or False,
        "archived_at": record.get("archivedAt"),
    }


def history_rows(record: Any) -> Iterator[dict[str, Any]]:
    """Wire object -> rows of its property history."""
    for name, changes in (at(record, "propertiesWithHistory") or {}).items():
        for change in changes:
            yield {
                "object_id": at(record, "id"),
                "property": name,
                "value": "" if at(change, "value") is None else at(change, "value"),
                "timestamp": at(change, "timestamp"),
                "source_type": at(change, "sourceType"),
                "source_id": at(change, "sourceId"),
                "updated_by_user_id": at(change, "updatedByUserId"),
            }


def association_rows(deal_id: str, targets: Iterable[Any], column: str) -> Iterator[Any]:
    """Associations of one deal -> rows. A deal without any is one row without a target: earlier ones are retired."""
    empty = True
    for target in targets:
        empty = False
        if target is ABSENT:
            yield AbsentRows({"deal_id": deal_id}, "to", {"deal_id": deal_id})
            continue
        if not isinstance(target, Mapping):
            raise TypeError("an association is no object")
        kinds = told(target, "associationTypes")
        shown = [] if kinds is ABSENT else kinds or []
        labels = [told(kind, "label") for kind in shown]
        types = [(told(kind, "category"), told(kind, "typeId")) for kind in shown]
        yield {
            "deal_id": deal_id,
            column: told(target, "toObjectId"),
            "label": ABSENT if ABSENT in (kinds, *labels) else ";".join(sorted({*filter(None, labels)})) or None,
            "association_types": (
                ABSENT
                if kinds is ABSENT or any(ABSENT in kind for kind in types)
                else ";".join(sorted({f"{category}:{number}" for category, number in types})) or None
            ),
        }
    if empty:
        yield {"deal_id": deal_id, column: None, "label": None, "association_types": None}


def associated(result: Any) -> list[Any]:
    """What a result of an association read names; `ABSENT` where it does not say."""
    to = told(result, "to")
    return to if isinstance(to, list) else [] if to is None else [to]


def feedback_row(record: Any) -> Any:
    """Wire object of a survey answer -> row of `feedback_submissions`: it names no contact where none is associated."""
    if not isinstance(record, Mapping):
        return record
    contacts = at(record, "associations", "contacts", "results") or []
    return {**object_row(record), "contact_id": at(contacts[0], "id") if contacts else None}


def owner_row(record: Any) -> Any:
    """Wire owner -> row of `owners`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("firstName", "lastName", "createdAt", "updatedAt")),
        "first_name": told(record, "firstName"),
        "last_name": told(record, "lastName"),
    }


def stage_rows(pipeline: Any) -> Iterator[dict[str, Any]]:
    """Wire pipeline -> rows of `deal_stages`."""
    for stage in at(pipeline, "stages") or []:
        yield {
            "pipeline_id": told(pipeline, "id"),
            "pipeline_label": told(pipeline, "label"),
            "stage_id": told(stage, "id"),
            "label": told(stage, "label"),
            "display_order": told(stage, "displayOrder"),
            "is_closed": told(stage, "metadata", "isClosed"),
            "probability": told(stage, "metadata", "probability"),
        }


ROWS_OF: dict[str, Callable[[Any], Iterable[Any]]] = {
    OWNERS.name: one(owner_row),
    DEAL_STAGES.name: stage_rows,
    **{table.name: one(object_row) for table in (COMPANIES, CONTACTS, DEALS)},
    **{table.name: history_rows for table in (CONTACT_PROPERTY_HISTORY, DEAL_PROPERTY_HISTORY)},
    DEAL_CONTACTS.name: lambda of: association_rows(of[0], of[1], "contact_id"),
    DEAL_COMPANIES.name: lambda of: association_rows(of[0], of[1], "company_id"),
    FEEDBACK_SUBMISSIONS.name: one(feedback_row),
}


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds, in which HubSpot's filters count."""
    return round(moment.timestamp() * 1000)


class Crm:
    """Reads one HubSpot account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def changed_ids(self, kind: Kind, since: int) -> Iterator[tuple[Any, Any]]:
        """Id and instant of modification of every object modified at or after `since` (epoch ms), some of them twice.

        One search ends after `SEARCH_LIMIT` results: the next one starts from the last instant seen. Where a single
        millisecond holds more than that (a bulk edit), its objects are read by id.
        """
        known, windows_without_news = set[str](), 0
        while True:
            newest, read, known_before = since, 0, len(known)
            conditions = [{"propertyName": kind.modified, "operator": "GTE", "value": str(since)}]
            for page in pages(_search_name(kind), self._search(kind, conditions, kind.modified)):
                for record in page:
                    known.add(str(at(record, "id")))
                    modified = at(record, "properties", kind.modified)
                    yield at(record, "id"), modified
                    if moment := instant(modified):
                        newest = max(newest, milliseconds(moment))
                read += len(page)
                log.info("hubspot: %s changed %s found", read, kind.path)
                if read + SEARCH_PAGE > SEARCH_LIMIT:
                    break
            else:
                return
            # What a whole search finds again is of one millisecond, and what follows is new: unless it finds the same.
            windows_without_news = 0 if len(known) > known_before else windows_without_news + 1
            if windows_without_news > 1:
                raise PagingError(f"{_search_name(kind)}: searches from later instants find the same. Run again later.")
            if newest > since:
                since = newest
            else:
                yield from ((id_, None) for id_ in self._ids_of_millisecond(kind, since))
                since += 1

    def _ids_of_millisecond(self, kind: Kind, millisecond: int) -> Iterator[Any]:
        last_id = 0
        while True:
            conditions = [
                {"propertyName": kind.modified, "operator": "EQ", "value": str(millisecond)},
                {"propertyName": "hs_object_id", "operator": "GT", "value": str(last_id)},
            ]
            page, _ = self._search(kind, conditions, "hs_object_id")(None)
            if not page:
                return
            yield from (at(record, "id") for record in page)
            latest = max((int(id_) for record in page if (id_ := str(at(record, "id"))).isdecimal()), default=0)
            if latest <= last_id:
                raise PagingError(
                    f"{_search_name(kind)}: a search for ids above {last_id} finds none. Run again later."
                )
            last_id = latest

    def _search(
        self, kind: Kind, conditions: list[dict[str, str]], sort: str
    ) -> Callable[[str | None], tuple[list[Any], str | None]]:
        path = f"/crm/v3/objects/{kind.path}/search"

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            body = {
                "filterGroups": [{"filters": conditions}],
                "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
                "properties": [kind.modified],
                "limit": SEARCH_PAGE,
            }
            answer = self._client.post(path, body={**body, "after": cursor} if cursor else body)
            return expect_list(SOURCE, path, answer, at(answer, "results")), at(answer, "paging", "next", "after")

        return fetch

    def objects(self, kind: Kind, ids: Iterable[str], intake: Intake) -> Iterator[Any]:
        """The objects of `ids` with their properties and history; one that is gone is rejected with that reason."""
        path = f"/crm/v3/objects/{kind.path}/batch/read"
        for batch in batches(ids, BATCH_INPUTS_WITH_HISTORY if kind.history else BATCH_INPUTS):
            body: dict[str, Any] = {"inputs": [{"id": id_} for id_ in batch], "properties": kind.properties}
            if kind.history:
                body["propertiesWithHistory"] = list(kind.history)
            answer = self._client.post(path, params={"archived": "false"}, body=body)
            found = expect_list(SOURCE, path, answer, at(answer, "results"))
            reasons = _absent(path, answer)
            # A merged object answers with the one it was merged into.
            present = {str(at(record, "id")) for record in found} | {
                merged
                for record in found
                for merged in str(at(record, "properties", "hs_merged_object_ids") or "").split(";")
            }
            for id_ in batch:
                if id_ not in present:
                    reason = reasons.get(id_, "the batch read gave neither the object nor an error")
                    intake.reject(kind.table.name, {"id": id_}, f"known or changed, but not readable: {reason}")
            yield from found
            log.info("hubspot: %s %s read", len(found), kind.path)

    def archived(self, kind: Kind) -> Spool:
        """Every archived object: deleted, or merged into another one."""
        found = Spool()
        params = {"archived": "true", "limit": LIST_PAGE, "properties": ",".join(kind.properties)}
        path = f"/crm/v3/objects/{kind.path}"
        for page in pages(f"{SOURCE}: {path}", self._list(path, params)):
            for record in page:
                found.add(at(record, "id"), record)
        log.info("hubspot: %s archived %s", len(found), kind.path)
        return found

    def owners(self) -> Spool:
        """Owners, also former ones: their contacts and deals still name them."""
        found = Spool()
        for archived in ("true", "false"):
            path = "/crm/v3/owners"
            for page in pages(f"{SOURCE}: {path}", self._list(path, {"limit": LIST_PAGE, "archived": archived})):
                for record in page:
                    found.add(at(record, "id"), record)
        return found

    def feedback(self) -> Spool:
        """Every answer to a survey with the contact who gave it, deleted ones too: search knows no contacts."""
        found = Spool()
        for archived in ("true", "false"):
            params = {
                "limit": LIST_PAGE,
                "archived": archived,
                "properties": ",".join(FEEDBACK_PROPERTIES),
                "associations": "contacts",
            }
            for page in pages(f"{SOURCE}: {FEEDBACK_PATH}", self._list(FEEDBACK_PATH, params)):
                for record in page:
                    found.add(at(record, "id"), record)
        log.info("hubspot: %s feedback submissions", len(found))
        return found

    def currency(self) -> str | None:
        """The currency of the portal."""
        found = at(self._client.get(ACCOUNT_PATH), "companyCurrency")
        return str(found) if found else None

    def pipelines(self) -> list[Any]:
        path = "/crm/v3/pipelines/deals"
        answer = self._client.get(path)
        return expect_list(SOURCE, path, answer, at(answer, "results"))

    def _list(self, path: str, params: Mapping[str, Any]) -> Callable[[str | None], tuple[list[Any], str | None]]:
        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            answer = self._client.get(path, {**params, "after": cursor} if cursor else params)
            return expect_list(SOURCE, path, answer, at(answer, "results")), at(answer, "paging", "next", "after")

        return fetch

    def associations(self, deal_ids: Iterable[str], target: str) -> Iterator[tuple[str, list[Any]]]:
        """For each deal, its associated objects of type `target` (contacts, companies)."""
        path = f"/crm/v4/associations/deals/{target}/batch/read"
        for batch in batches(deal_ids, BATCH_INPUTS):
            targets: dict[str, list[Any]] = {id_: [] for id_ in batch}
            trails = {id_: Trail(f"{SOURCE}: {path}: deal {id_}") for id_ in batch}
            inputs: list[dict[str, str]] = [{"id": id_} for id_ in batch]
            while inputs:
                answer = self._client.post(path, body={"inputs": inputs})
                inputs = []
                _absent(path, answer)
                for result in expect_list(SOURCE, path, answer, at(answer, "results")):
                    deal_id = str(at(result, "from", "id"))
                    targets.setdefault(deal_id, []).extend(associated(result))
                    if after := at(result, "paging", "next", "after"):
                        trails.setdefault(deal_id, Trail(f"{SOURCE}: {path}: deal {deal_id}")).follow(str(after))
                        inputs.append({"id": deal_id, "after": after})
            yield from targets.items()
            log.info("hubspot: %s of %s deals read", target, len(batch))


def _search_name(kind: Kind) -> str:
    return f"{SOURCE}: /crm/v3/objects/{kind.path}/search"


def _absent(path: str, answer: Any) -> dict[str, str]:
    """Ids that a partial success (207) calls absent, with the reason.

    Raises:
        VendorError: an error of another kind: reading on would lose records.
    """
    reasons: dict[str, str] = {}
    for error in at(answer, "errors") or []:
        said = f"{at(error, 'message')} [{at(error, 'category')}]"
        if at(error, "category") != "OBJECT_NOT_FOUND" and NO_ASSOCIATIONS not in str(at(error, "subCategory")):
            raise VendorError(f"{SOURCE}: POST {path}: part of a batch failed: {said}. Run again later.")
        context = at(error, "context")
        for ids in context.values() if isinstance(context, Mapping) else ():
            reasons.update({str(id_): said for id_ in (ids if isinstance(ids, list) else [ids])})
    return reasons


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    settings = cache(lambda: Settings.of(intake.account))

    @cache
    def crm() -> Crm:
        return Crm(connect(settings(), intake.clock))

    # Tables made from the same objects share one pass; one that is run alone makes the pass from its own position.
    @cache
    def changes(kind: Kind, modified_until: str | None, wholly_read_at: str | None) -> Changes:
        watermark, ids = Watermark(modified_until, intake.clock), dict[str, None]()
        since, is_whole = _first_millisecond(settings()), _is_whole_read_due(wholly_read_at, settings(), intake.as_of)
        if watermark.at is not None and not is_whole:
            since = milliseconds(watermark.at - SEARCH_LAG)
        for id_, modified in crm().changed_ids(kind, since):
            ids[str(id_)] = None
            watermark.see(modified)
        if is_whole:
            # Whatever search says: what was merged away answers with what it became.
            wholly_read_at, archived = intake.clock.present.isoformat(), crm().archived(kind)
            known = warehouse.current_values(kind.table, "id", "not archived", intake.account)
            ids.update((id_, None) for id_ in known if id_ not in archived)
        objects = Spool()
        for record in crm().objects(kind, ids, intake):
            objects.add(at(record, "id"), record)
        return Changes(objects, crm().archived(kind), watermark.stored, wholly_read_at)

    @cache
    def portal_currency() -> str | None:
        try:
            found = crm().currency()
        except VendorError as error:
            if error.may_pass:
                raise
            reason = str(error)
        else:
            if found:
                return found
            reason = "the answer names no companyCurrency."
        intake.warn(f"deals without a currency of their own count nowhere: the portal's is not known: {reason}")
        return None

    def from_changes(kind: Kind, table: RawTable, to_rows: Callable[[Changes], Iterable[Any]]) -> DltResource:
        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state()
            found = changes(kind, state.get("modified_until"), state.get("wholly_read_at"))
            for batch in batches(to_rows(found)):
                yield list(intake.accept(table, batch))
            state["modified_until"], state["wholly_read_at"] = found.modified_until, found.wholly_read_at

        return dlt.resource(rows, **table.hints())

    def objects(found: Changes) -> Iterator[Any]:
        return mapped(object_row, found.all)

    def history(found: Changes) -> Iterator[Any]:
        return unfolded(history_rows, found.objects)

    def with_currency(deal: Any) -> Any:
        """A deal beside the portal's currency, where it has an amount and names no currency of its own."""
        if not isinstance(deal, Mapping):
            return deal
        is_unnamed = at(deal, "properties", "amount") and not at(deal, "properties", "deal_currency_code")
        return {**deal, "portal_currency": portal_currency() if is_unnamed else None}

    def deals(found: Changes) -> Iterator[Any]:
        return mapped(object_row, map(with_currency, found.all))

    def associations(target: str, table: RawTable) -> Callable[[Changes], Iterator[Any]]:
        def rows(found: Changes) -> Iterator[Any]:
            known = warehouse.current_values(DEALS, "id", "not archived", intake.account)
            ids = dict.fromkeys([*found.objects.keys(), *(id_ for id_ in known if id_ not in found.archived)])
            yield from unfolded(ROWS_OF[table.name], crm().associations(ids, target))

        return rows

    def owners() -> Iterator[Any]:
        for batch in batches(crm().owners()):
            yield list(intake.accept(OWNERS, mapped(owner_row, batch)))

    def deal_stages() -> Iterator[Any]:
        yield list(intake.accept(DEAL_STAGES, unfolded(stage_rows, crm().pipelines())))

    def feedback_submissions() -> Iterator[Any]:
        if not settings().feedback:
            return
        try:
            found = crm().feedback()
        except VendorError as error:
            if error.may_pass:
                raise
            intake.warn(
                f"survey answers are not loaded: {error} Of a portal without surveys, set "
                f"{settings().variable('feedback')} to false."
            )
            return
        first = _first_millisecond(settings())
        for batch in batches(found):
            recent = [record for record in batch if not _is_before(at(record, "updatedAt"), first)]
            yield list(intake.accept(FEEDBACK_SUBMISSIONS, mapped(feedback_row, recent)))

    yield dlt.resource(owners, **OWNERS.hints())
    yield dlt.resource(deal_stages, **DEAL_STAGES.hints())
    yield from_changes(COMPANY, COMPANIES, objects)
    yield from_changes(CONTACT, CONTACTS, objects)
    yield from_changes(CONTACT, CONTACT_PROPERTY_HISTORY, history)
    yield from_changes(DEAL, DEALS, deals)
    yield from_changes(DEAL, DEAL_PROPERTY_HISTORY, history)
    yield from_changes(DEAL, DEAL_CONTACTS, associations("contacts", DEAL_CONTACTS))
    yield from_changes(DEAL, DEAL_COMPANIES, associations("companies", DEAL_COMPANIES))
    yield dlt.resource(feedback_submissions, **FEEDBACK_SUBMISSIONS.hints())


def _first_millisecond(settings: Settings) -> int:
    """Where the first pass begins (epoch ms): the setting `initial_date`, or everything."""
    first = settings.initial_date
    return 0 if first is None else milliseconds(datetime.combine(first, time(), UTC))


def _is_before(modified: Any, first: int) -> bool:
    """Whether an object was last modified before `first` (epoch ms); one that does not say when was not."""
    moment = instant(modified)
    return moment is not None and milliseconds(moment) < first


def _is_whole_read_due(wholly_read_at: str | None, settings: Settings, now: datetime) -> bool:
    """Whether everything is read again: the last whole read is `whole_read_days` ago, or a wrong clock dated it."""
    last = instant(wholly_read_at)
    return last is None or last > now + TOLERANCE or now - last >= timedelta(days=settings.whole_read_days)
