"""HubSpot CRM: contacts, companies and deals with property history, associations, owners, pipelines.

Endpoints: POST /crm/v3/objects/{type}/search, GET /crm/v3/objects/{type}, POST /crm/v3/objects/{type}/batch/read,
POST /crm/v3/objects/contacts/batch/update (what is written shows in batch/read alone: the company's own story goes on),
POST /crm/v4/associations/deals/{type}/batch/read, GET /crm/v3/pipelines/deals, GET /crm/v3/owners,
GET /crm/v3/objects/feedback_submissions, GET /account-info/v3/details.

Answers to surveys are no part of anybody's life: there are none, or as many as `SANDBOX_HUBSPOT_FEEDBACK` says, one of
each of the oldest contacts.

Not confirmed against the real API: that archived contacts include those merged away; the wording of a refused cursor;
that a deal without associations is an error of a 207; `Retry-After` (given only by the fault of that name); that a
batch update answers 207 with trace ids as a batch create does; that an earlier lifecycle stage is left out in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sandbox import malformed
from sandbox.books import Told
from sandbox.conversations import AGENTS
from sandbox.crm import (
    COLLEAGUES_ROLES,
    DEAL_STAGES,
    DECISION_MAKER,
    PORTAL_CURRENCY,
    PRIMARY,
    PRIMARY_CONTRACTOR,
)
from sandbox.records import Association, Deal, Record, iso
from sandbox.servers.base import (
    Call,
    Handler,
    Refused,
    Reply,
    TokenBucket,
    VendorServer,
    bearer,
    slice_from,
    whole_number,
)
from sandbox.settings import DAY

Wire = dict[str, Any]

REQUESTS, REQUEST_SECONDS = 100, 10
SEARCHES_PER_SECOND = 5
SEARCH_MOST, LIST_MOST = 200, 100
BATCH_MOST, BATCH_MOST_WITH_HISTORY = 100, 50
GROUPS_MOST, FILTERS_MOST = 5, 25
WEEK = 7 * DAY
INDEX_LAG = 300  # seconds by which search runs behind
MODIFIED = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate", "deals": "hs_lastmodifieddate"}
KNOWN = {
    "contacts": {
        "email", "hs_additional_emails", "firstname", "lastname", "phone", "mobilephone", "country",
        "customer_number", "lifecyclestage", "hs_lead_status", "hs_analytics_source", "hs_analytics_source_data_1",
        "hs_analytics_source_data_2", "hs_facebook_click_id", "hs_google_click_id", "associatedcompanyid",
        "hubspot_owner_id", "hs_email_optout", "hs_merged_object_ids", "hs_object_source",
    },
    "companies": {"name", "domain", "industry", "country", "hs_parent_company_id", "hs_merged_object_ids"},
    "deals": {
        "dealname", "pipeline", "dealstage", "amount", "deal_currency_code", "closedate", "closed_lost_reason",
        "hs_is_closed", "hs_is_closed_won", "hubspot_owner_id", "hs_merged_object_ids",
    },
}  # fmt: skip
FEEDBACK = (  # type, rating, group, text
    ("NPS", "10", "PROMOTER", "Always there when I need them."),
    ("CSAT", "2", "PROMOTER", None),
    ("CES", "6", "PROMOTER", None),
    ("NPS", "7", "PASSIVE", None),
    ("CSAT", "0", "DETRACTOR", "Nobody called back."),
    ("NPS", "3", "DETRACTOR", None),
    ("CUSTOM", "4", None, None),
)
SCOPES = {
    "feedback_submissions": "crm.objects.feedback_submissions.read",
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "owners": "crm.objects.owners.read",
}
# Stages of a contact's lifecycle, in the order of HubSpot: each record moves forward alone.
STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
    "other",
)  # fmt: skip
TIMES = {"createdate", "lastmodifieddate", "hs_lastmodifieddate", "closedate"}
PLAIN_TIES = {"contacts": 3, "companies": 341}
LABELS = {PRIMARY: ("HUBSPOT_DEFINED", 5)} | {
    label: ("USER_DEFINED", type_id)
    for type_id, label in enumerate((DECISION_MAKER, *COLLEAGUES_ROLES, PRIMARY_CONTRACTOR), start=27)
}


def error(message: str, category: str, status: int = 400, **more: Any) -> Reply:
    return Reply(
        {"status": "error", "message": message, "category": category, "correlationId": "sandbox-correlation", **more},
        status,
    )


def _milliseconds(text: Any) -> float:
    """Epoch milliseconds of a number or an ISO instant. Raises ValueError."""
    try:
        return float(text)
    except (TypeError, ValueError):
        moment = datetime.fromisoformat(str(text))
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp() * 1000


def _comparable(name: str, value: Any) -> Any:
    if name in TIMES:
        return _milliseconds(value)
    return float(value) if name in ("hs_object_id", "amount") else str(value).lower()


class HubSpot(VendorServer):
    vendor = "hubspot"
    token = "sandbox-hubspot-token"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            scale = self.settings.rate_scale
            self._bucket = TokenBucket(REQUESTS * scale, REQUESTS * scale / REQUEST_SECONDS)
            self._searches = TokenBucket(SEARCHES_PER_SECOND * scale, SEARCHES_PER_SECOND * scale)
        people, start = self.company.people(clock), self.company.start
        contacts = [contact for person in people for contact in person.hubspot]
        deals = [deal for person in people for deal in (*person.deals, *person.merged_deals)]
        self._records: dict[str, dict[str, Record]] = {
            "contacts": _by_id([*contacts, *malformed.hubspot_contacts(start)], clock),
            "companies": _by_id(self.company.companies(clock), clock),
            "deals": _by_id([*deals, *malformed.hubspot_deals(start)], clock),
        }
        self._properties = lru_cache(maxsize=None)(self._read_properties)
        self._found = lru_cache(maxsize=64)(self._search)
        self._lists = lru_cache(maxsize=None)(self._list)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        for kind in MODIFIED:
            yield "POST", f"/crm/v3/objects/{kind}/search", self._for(kind, self.search)
            yield "POST", f"/crm/v3/objects/{kind}/batch/read", self._for(kind, self.batch_read)
            yield "GET", f"/crm/v3/objects/{kind}", self._for(kind, self.list_objects)
        for kind in ("contacts", "companies"):
            yield "POST", f"/crm/v4/associations/deals/{kind}/batch/read", self._for(kind, self.associations)
        yield "GET", "/crm/v3/objects/feedback_submissions", self.feedback
        yield "POST", "/crm/v3/objects/contacts/batch/update", self.batch_update
        yield "GET", "/crm/v3/pipelines/deals", self.pipelines
        yield "GET", "/account-info/v3/details", self.account
        yield "GET", "/crm/v3/owners", self.owners

    @staticmethod
    def _for(kind: str, handler: Callable[[str, Call], Reply]) -> Handler:
        return lambda call: handler(kind, call)

    # ---- the common parts

    def authorise(self, call: Call) -> None:
        if bearer(call) != self.token:
            message = "Authentication credentials not found or expired."
            raise Refused(error(message, "INVALID_AUTHENTICATION", 401))

        if call.lacks_scope:
            needed = next((scope for part, scope in SCOPES.items() if f"/{part}" in call.path), "oauth")
            context = {"requiredGranularScopes": [needed]}
            one_of = {"message": "One or more of the following scopes are required.", "context": context}
            message = "This app hasn't been granted all required scopes to make this call."
            raise Refused(error(message, "MISSING_SCOPES", 403, errors=[one_of]))

    def limit(self, call: Call) -> dict[str, str]:
        if call.path.endswith("/search"):  # limited by the second, without headers
            if not self._searches.take():
                raise Refused(_rate_limit("SECONDLY"))
            return {}
        if not self._bucket.take():
            raise Refused(_rate_limit("TEN_SECONDLY_ROLLING"))
        return {
            "X-HubSpot-RateLimit-Max": str(int(self._bucket.capacity)),
            "X-HubSpot-RateLimit-Remaining": str(int(self._bucket.left)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(REQUEST_SECONDS * 1000),
        }

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after", "throttled"):
            reply = _rate_limit("TEN_SECONDLY_ROLLING")
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        if kind == "error_in_200":
            return error("Something went wrong", "INTERNAL_ERROR", 200)
        if kind == "expired_cursor":
            return error("The paging cursor 'after' is no longer valid", "VALIDATION_ERROR")
        return error("Internal error", "INTERNAL_ERROR", int(kind))

    def has_cursor(self, call: Call) -> bool:
        after = call.params.get("after") or (call.body.get("after") if isinstance(call.body, dict) else None)
        return str(after or "0") != "0"

    def not_found(self, call: Call) -> Reply:
        return error(f"No route for {call.path}", "OBJECT_NOT_FOUND", 404)

    def bad_request(self, message: str) -> Reply:
        return error(f"Invalid input: {message}", "VALIDATION_ERROR")

    # ---- objects as they are at the clock

    def _read_properties(self, kind: str, object_id: str) -> Wire:
        record = self._records[kind][object_id]
        state = record.state(self.clock)
        found: Wire = {name: None if value == "" else value for name, value in state.items()}
        found.setdefault("createdate", iso(record.created_at))
        found["hs_object_id"] = object_id
        found[MODIFIED[kind]] = iso(record.touched_at(self.clock))
        if kind == "deals":
            found["hs_is_closed"] = str(state.get("dealstage") in ("closedwon", "closedlost")).lower()
            found["hs_is_closed_won"] = str(state.get("dealstage") == "closedwon").lower()
        return found

    def _object(self, kind: str, object_id: str, properties: Sequence[str], history: Sequence[str] = ()) -> Wire:
        record, known = self._records[kind][object_id], self._properties(kind, object_id)
        wanted = ["hs_object_id", "createdate", MODIFIED[kind], *(name for name in properties if name in KNOWN[kind])]
        wire: Wire = {
            "id": object_id,
            "properties": {name: known.get(name) for name in wanted},
            "createdAt": iso(record.created_at),
            "updatedAt": iso(record.touched_at(self.clock)),
            "archived": record.is_archived(self.clock),
        }
        if record.is_archived(self.clock) and record.archived_at is not None:
            wire["archivedAt"] = iso(record.archived_at)
        if history:
            wire["propertiesWithHistory"] = {name: _history(record, name, self.clock) for name in history}
        return wire

    # ---- search

    def search(self, kind: str, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        groups, sorts = body.get("filterGroups") or [], body.get("sorts") or []
        if len(groups) > GROUPS_MOST or sum(len(group.get("filters", [])) for group in groups) > FILTERS_MOST:
            raise Refused(error("too many filterGroups or filters", "VALIDATION_ERROR"))
        try:
            limit = whole_number(str(body.get("limit") or ""), 10, SEARCH_MOST)
            start = int(body.get("after") or 0)
            found = self._found(kind, json.dumps(groups), json.dumps(sorts))
        except (ValueError, KeyError, TypeError) as problem:
            raise Refused(error(f"Invalid search: {problem!r}", "VALIDATION_ERROR")) from None
        most = self.settings.hubspot_search_limit
        if start + limit > most:
            message = f"There was a problem with the request: paging is limited to {most} results per query"
            raise Refused(error(message, "VALIDATION_ERROR"))
        page, end, more = slice_from(found, start, limit, call.drift)
        reply: Wire = {
            "total": len(found),
            "results": [self._object(kind, object_id, body.get("properties") or []) for object_id in page],
        }
        if more:
            reply["paging"] = {"next": {"after": str(end)}}
        return Reply(reply)

    def _search(self, kind: str, groups_text: str, sorts_text: str) -> list[str]:
        """Ids that match, in order. Kept, so that the pages of one search do not search again."""
        groups, sorts = json.loads(groups_text), json.loads(sorts_text)
        indexed_at = self.clock - INDEX_LAG
        live = {
            key: {**self._properties(kind, key), MODIFIED[kind]: iso(record.touched_at(indexed_at))}
            for key, record in self._records[kind].items()
            if record.created_at <= indexed_at and not record.is_archived(self.clock)
        }
        tests = [[_test(condition) for condition in group["filters"]] for group in groups]
        found = [key for key in live if not tests or any(all(test(live[key]) for test in group) for group in tests)]
        sort = sorts[0] if sorts else {"propertyName": "hs_object_id"}
        name, backwards = sort["propertyName"], sort.get("direction") == "DESCENDING"

        def rank(key: str) -> tuple[bool, Any, int]:
            try:
                return (False, _comparable(name, live[key][name]), int(key))
            except (KeyError, ValueError, TypeError):  # absent, or malformed on purpose: at the end
                return (True, 0, int(key))

        return sorted(found, key=rank, reverse=backwards)

    # ---- list and batch read

    def _list(self, kind: str, archived: bool) -> list[str]:
        records = self._records[kind]
        return sorted((key for key, r in records.items() if r.is_archived(self.clock) == archived), key=int)

    def list_objects(self, kind: str, call: Call) -> Reply:
        history = [name for name in call.params.get("propertiesWithHistory", "").split(",") if name]
        ids = self._lists(kind, call.params.get("archived", "false") == "true")
        try:
            limit = whole_number(call.params.get("limit"), 10, BATCH_MOST_WITH_HISTORY if history else LIST_MOST)
            after = int(call.params.get("after") or 0)
        except ValueError as problem:
            raise Refused(error(f"Invalid paging cursor or limit: {problem}", "VALIDATION_ERROR")) from None
        start = next((place for place, key in enumerate(ids) if int(key) > after), len(ids)) if after else 0
        page, _, more = slice_from(ids, start, limit, call.drift)
        names = call.params.get("properties", "").split(",")
        reply: Wire = {"results": [self._object(kind, key, names, history) for key in page]}
        if more:
            last = page[-1]
            reply["paging"] = {"next": {"after": last, "link": f"{call.base_url}{call.path}?after={last}"}}
        return Reply(reply)

    def batch_read(self, kind: str, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        inputs, history = _inputs(body), list(body.get("propertiesWithHistory") or [])
        if history and len(inputs) > BATCH_MOST_WITH_HISTORY:
            message = (
                "The maximum number of inputs supported in a batch request for property histories is "
                f"{BATCH_MOST_WITH_HISTORY}"
            )
            raise Refused(error(message, "VALIDATION_ERROR"))
        wanted = call.params.get("archived", "false") == "true"
        known = self._records[kind]
        present = [key for key in inputs if key in known and known[key].is_archived(self.clock) == wanted]
        absent = [key for key in inputs if key not in present]
        names = body.get("properties") or []
        results = [self._object(kind, key, names, history) for key in present]
        # Who reads histories is a load: it sees the simulated life alone, whose truth holds whatever was written.
        if kind == "contacts" and not history:
            for wire in results:
                written = self._written(wire["id"])
                wire["properties"] |= {name: written[name] or None for name in names if name in written}
        return _partial(results, absent, "Could not get some objects", "OBJECT_NOT_FOUND", None)

    def associations(self, kind: str, call: Call) -> Reply:
        inputs = _inputs(call.body if isinstance(call.body, dict) else {})
        results, absent = [], []
        for key in inputs:
            deal = self._records["deals"].get(key)
            ties = _ties(deal, kind, self.clock) if isinstance(deal, Deal) else []
            if not ties:
                absent.append(key)
                continue
            results.append({"from": {"id": key}, "to": _tied(ties, kind)})
        return _partial(
            results,
            absent,
            f"No {kind} is associated with deals",
            "OBJECT_NOT_FOUND",
            "crm.associations.NO_ASSOCIATIONS_FOUND",
        )

    # ---- what is written to contacts

    def batch_update(self, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        ids = _inputs(body)
        results: list[Wire] = []
        errors: list[Wire] = []
        for key, each in zip(ids, body["inputs"], strict=True):
            written, known = dict(each.get("properties") or {}), self._records["contacts"].get(key)
            context = {"objectWriteTraceId": [each["objectWriteTraceId"]]} if "objectWriteTraceId" in each else {}
            if known is None or known.is_archived(self.clock):
                said = {
                    "category": "OBJECT_NOT_FOUND",
                    "message": "Could not get some CONTACT objects, they may be deleted",
                }
                errors.append({"status": "error", **said, "context": {**context, "ids": [key]}})
                continue
            if problems := [problem for name, value in written.items() if (problem := _unwritable(name, value))]:
                said = {
                    "category": "VALIDATION_ERROR",
                    "message": f"Property values were not valid: {json.dumps(problems, separators=(',', ':'))}",
                }
                errors.append({"status": "error", **said, "context": context})
                continue
            self._write(key, written)
            results.append({"id": key, "properties": self._written(key), **context, "archived": False})
        answer: Wire = {"status": "COMPLETE", "results": results}
        if not errors:
            return Reply(answer)
        return Reply({**answer, "numErrors": len(errors), "errors": errors}, 207)

    def _write(self, key: str, written: Wire) -> None:
        before = {**self._records["contacts"][key].state(self.clock), **self._written(key)}
        stage, held = written.get("lifecyclestage"), before.get("lifecyclestage")
        if stage and held in STAGES and STAGES.index(stage) < STAGES.index(held):
            del written["lifecyclestage"]  # left as it is, without a word
        is_news = any(before.get(name) != value for name, value in written.items())
        self.books.write(self.vendor, [Told(key, self.clock, written, is_news)])

    def _written(self, key: str) -> Wire:
        """Properties of a contact as they were written last."""
        return {name: value for each in self.books.told(self.vendor, key) for name, value in each.body.items()}

    # ---- what hardly changes

    def account(self, call: Call) -> Reply:
        return Reply(
            {
                "portalId": 1,
                "accountType": "SANDBOX",
                "timeZone": "Europe/Paris",
                "companyCurrency": PORTAL_CURRENCY,
                "additionalCurrencies": ["GBP", "USD"],
            }
        )

    def pipelines(self, call: Call) -> Reply:
        stages = [
            {
                "id": name,
                "label": label,
                "displayOrder": place,
                "metadata": {"isClosed": str(closed).lower(), "probability": probability},
                "archived": False,
            }
            for place, (name, label, probability, closed) in enumerate(DEAL_STAGES)
        ]
        pipeline = {"id": "default", "label": "Sales pipeline", "displayOrder": 0, "stages": stages, "archived": False}
        return Reply({"results": [pipeline]})

    def feedback(self, call: Call) -> Reply:
        """Answers to surveys, each a week after its contact was made."""
        contacts = self._records["contacts"]
        oldest = sorted((key for key in contacts if key.isdecimal()), key=int)[: self.settings.hubspot_feedback]
        is_archived = call.params.get("archived", "false") == "true"
        due = [] if is_archived else [key for key in oldest if contacts[key].created_at + WEEK <= self.clock]
        try:
            limit, start = whole_number(call.params.get("limit"), 10, LIST_MOST), int(call.params.get("after") or 0)
        except ValueError as problem:
            raise Refused(error(f"Invalid paging cursor or limit: {problem}", "VALIDATION_ERROR")) from None
        page, end, more = slice_from(due, start, limit, call.drift)
        wanted = {"hs_createdate", "hs_lastmodifieddate", "hs_object_id", *call.params.get("properties", "").split(",")}
        reply: Wire = {"results": [self._answer(key, wanted, call.params.get("associations")) for key in page]}
        if more:
            reply["paging"] = {"next": {"after": str(end)}}
        return Reply(reply)

    def _answer(self, contact_id: str, wanted: set[str], associations: str | None) -> Wire:
        kind, value, group, text = FEEDBACK[int(contact_id) % len(FEEDBACK)]
        at = iso(self._records["contacts"][contact_id].created_at + WEEK)
        answer_id = f"9{contact_id}"
        known = {
            "hs_createdate": at,
            "hs_lastmodifieddate": at,
            "hs_object_id": answer_id,
            "hs_survey_id": str(len(kind)),
            "hs_survey_name": f"{kind} survey",
            "hs_survey_type": kind,
            "hs_survey_channel": "EMAIL",
            "hs_value": value,
            "hs_response_group": group,
            "hs_content": text,
            "hs_submission_timestamp": at,
        }
        properties = {name: value for name, value in known.items() if name in wanted}
        wire = {"id": answer_id, "properties": properties, "createdAt": at, "updatedAt": at, "archived": False}
        if associations == "contacts":
            tie = {"id": contact_id, "type": "feedback_submission_to_contact"}
            wire["associations"] = {"contacts": {"results": [tie]}}
        return wire

    def owners(self, call: Call) -> Reply:
        archived = call.params.get("archived", "false") == "true"
        found = [] if archived else sorted(AGENTS, key=lambda agent: agent.owner_id)
        try:
            limit, after = whole_number(call.params.get("limit"), 100, 500), int(call.params.get("after") or 0)
        except ValueError as problem:
            raise Refused(error(f"Invalid paging cursor or limit: {problem}", "VALIDATION_ERROR")) from None
        start = sum(1 for agent in found if agent.owner_id <= after)
        page, _, more = slice_from(found, start, limit, call.drift)
        reply: Wire = {
            "results": [
                {
                    "id": str(agent.owner_id),
                    "email": agent.email,
                    "type": "PERSON",
                    "firstName": agent.first_name,
                    "lastName": agent.last_name,
                    "createdAt": iso(self.company.start),
                    "updatedAt": iso(self.company.start),
                    "archived": False,
                }
                for agent in page
            ]
        }
        if more:
            reply["paging"] = {"next": {"after": str(page[-1].owner_id)}}
        return Reply(reply)


def _unwritable(name: str, value: Any) -> Wire | None:
    """Why a property of a contact does not take a value; None: it does."""
    if name == "lifecyclestage":
        if value in ("", *STAGES):
            return None
        said, code = f"{value} was not one of the allowed options: {[*STAGES]}", "INVALID_OPTION"
    elif name == "lifetime_value":
        if re.fullmatch(r"-?\d+(\.\d+)?|", str(value)):
            return None
        said, code = f"{value} was not a valid number.", "INVALID_NUMBER"
    elif name == "churn_band":
        return None
    else:
        said, code = f'Property "{name}" does not exist', "PROPERTY_DOESNT_EXIST"
    return {"isValid": False, "message": said, "error": code, "name": name}


def _by_id(records: Iterable[Record], clock: int) -> dict[str, Record]:
    return {str(record.id): record for record in records if record.visible(clock)}


def _rate_limit(policy: str) -> Reply:
    reply = error(f"You have reached your {policy.lower()} limit.", "RATE_LIMITS", 429)
    reply.body |= {"errorType": "RATE_LIMIT", "policyName": policy}
    return reply


def _inputs(body: Wire) -> list[str]:
    inputs = [str(entry["id"]) for entry in body.get("inputs") or []]
    if not inputs or len(inputs) > BATCH_MOST:
        raise Refused(error(f"inputs: between 1 and {BATCH_MOST} are supported", "VALIDATION_ERROR"))
    if len(set(inputs)) < len(inputs):
        raise Refused(error("inputs: duplicate ids", "VALIDATION_ERROR"))
    return inputs


def _partial(results: list[Wire], absent: list[str], message: str, category: str, sub: str | None) -> Reply:
    """200 where everything was found, 207 with the errors where not."""
    body: Wire = {"status": "COMPLETE", "results": results}
    if not absent:
        return Reply(body)
    problem: Wire = {"status": "error", "category": category, "message": message, "context": {"ids": absent}}
    if sub is not None:
        problem["subCategory"] = sub
    return Reply({**body, "numErrors": len(absent), "errors": [problem]}, 207)


def _history(record: Record, name: str, clock: int) -> list[Wire]:
    """Values that a property took, newest first; a cleared one is an empty text."""
    return [
        {
            "value": "" if change.value is None else str(change.value),
            "timestamp": iso(change.at),
            "sourceType": change.source,
            "sourceId": f"sandbox-{change.source.lower()}",
        }
        for change in reversed(record.known(clock))
        if change.name == name
    ]


def _ties(deal: Deal, kind: str, clock: int) -> list[Association]:
    ties = deal.contacts if kind == "contacts" else deal.companies
    return [tie for tie in ties if tie.at <= clock]


def _tied(ties: list[Association], kind: str) -> list[Wire]:
    """Each record that a deal is tied to, once, with all its labels."""
    found: dict[int, list[Wire]] = {}
    for tie in ties:
        plain = {"category": "HUBSPOT_DEFINED", "typeId": PLAIN_TIES[kind], "label": None}
        types = found.setdefault(tie.record_id, [plain])
        if tie.label is not None:
            category, type_id = LABELS[tie.label]
            types.append({"category": category, "typeId": type_id, "label": tie.label})
    return [{"toObjectId": record_id, "associationTypes": types} for record_id, types in found.items()]


def _test(condition: Wire) -> Callable[[Wire], bool]:
    """One filter of a search."""
    name, operator = condition["propertyName"], condition["operator"]
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda found: (found.get(name) is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        values = {_comparable(name, value) for value in condition["values"]}
        return lambda found: (_known(found, name) in values) == (operator == "IN")
    low = _comparable(name, condition["value"])
    if operator == "BETWEEN":
        high = _comparable(name, condition["highValue"])
        return lambda found: (value := _known(found, name)) is not None and low <= value <= high
    compare: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda value: value == low,
        "NEQ": lambda value: value != low,
        "GT": lambda value: value > low,
        "GTE": lambda value: value >= low,
        "LT": lambda value: value < low,
        "LTE": lambda value: value <= low,
    }
    test = compare[operator]
    return lambda found: (value := _known(found, name)) is not None and test(value)


def _known(found: Wire, name: str) -> Any:
    value = found.get(name)
    return None if value is None else _comparable(name, value)
