"""HubSpot CRM: POST /crm/v3/objects/contacts/batch/update, and batch/read to see what became of it.

Sources: HubSpot, "Update contacts" (100 a request; values are overwritten, an empty text clears one), "Error handling"
(207 with `context.objectWriteTraceId`), "Update an existing contact by email" (the lifecycle stage does not move
backwards: clear it first, then set it in a later request).

The same content twice leaves the same record, so a request without an answer is sent again at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activation.http import Answer, Http
from activation.outbox import Event
from activation.sinks.base import BatchRefusedError, CannotBeToldError, Outcomes, Payload, Sink, SinkStoppedError, told

UPDATE, READ = "/crm/v3/objects/contacts/batch/update", "/crm/v3/objects/contacts/batch/read"


@dataclass(frozen=True)
class HubSpotProperties:
    """Internal names of the contact properties that are written; empty: that one is not.

    Attributes:
        stage: takes the lifecycle stage.
        lifetime_value: a number property.
        churn_band: a text property or one with the options low, medium, high.
    """

    stage: str = "lifecyclestage"
    lifetime_value: str = ""
    churn_band: str = ""


class HubSpot(Sink):
    name = "hubspot"
    per_request = 100
    is_state = True

    def __init__(self, http: Http, properties: HubSpotProperties) -> None:
        super().__init__(http)
        self._properties = properties

    def payload(self, event: Event) -> Payload:
        if event.record_id is None:
            raise CannotBeToldError("no identifier")
        names = self._properties
        value = event.lifetime_value_amount
        written = {
            names.stage: event.stage,
            names.lifetime_value: None if value is None else f"{value:.2f}",
            names.churn_band: event.churn_band,
        }
        written.pop("", None)
        if not told(written):
            raise CannotBeToldError("nothing to write")
        return {"id": event.record_id, "properties": told(written), "objectWriteTraceId": event.event_id}

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        inputs = [payload for _, payload in batch]
        refused = self._update(inputs)
        written = [each for each in inputs if each["objectWriteTraceId"] not in refused]
        stage = self._properties.stage
        behind = self._behind(written)
        if behind:
            # HubSpot took the request and left the stage: it only moves forward, unless it was cleared before.
            refused |= self._update([{**each, "properties": {stage: ""}} for each in behind])
            behind = [each for each in behind if each["objectWriteTraceId"] not in refused]
            refused |= self._update([{**each, "properties": {stage: each["properties"][stage]}} for each in behind])
            behind = [each for each in behind if each["objectWriteTraceId"] not in refused]
            refused |= {
                each["objectWriteTraceId"]: f"{stage} stayed as it was, also after it was cleared"
                for each in self._behind(behind)
            }
        return {
            event.event_id: ("refused", refused[event.event_id]) if event.event_id in refused else ("confirmed", "")
            for event, _ in batch
        }

    def _update(self, inputs: Sequence[Payload]) -> dict[str, str]:
        """Write properties, and return why records were refused, by trace id."""
        if not inputs:
            return {}
        answer = self._post(UPDATE, {"inputs": [*inputs]})
        if answer.status == 207:
            return _refused(answer.body.get("errors") or [], inputs)
        return {}

    def _behind(self, inputs: Sequence[Payload]) -> list[Payload]:
        """Those whose stage is another than was written."""
        stage = self._properties.stage
        asked = [each for each in inputs if stage in each["properties"]]
        if not asked:
            return []
        body = {"inputs": [{"id": each["id"]} for each in asked], "properties": [stage]}
        found = {
            str(each["id"]): (each.get("properties") or {}).get(stage)
            for each in self._post(READ, body).body.get("results", [])
        }
        return [each for each in asked if found.get(str(each["id"])) != each["properties"][stage]]

    def _post(self, path: str, body: Any) -> Answer:
        answer = self._http.post(path, body)
        if answer.status in (200, 207) and isinstance(answer.body, dict):
            return answer
        said = _said(answer)
        if answer.status == 401:
            raise SinkStoppedError(
                f"the access token is not valid any more ({said}). Make one in Settings, Private apps, and write it to "
                "ACTIVATION__HUBSPOT__ACCESS_TOKEN."
            )
        if answer.status == 403:
            raise SinkStoppedError(f"the token lacks the scope crm.objects.contacts.write ({said}).")
        if answer.status == 404:
            raise SinkStoppedError(f"there is no such path ({said}). Correct ACTIVATION__HUBSPOT__BASE_URL.")
        raise BatchRefusedError(said)


def _refused(errors: Iterable[Mapping[str, Any]], inputs: Sequence[Payload]) -> dict[str, str]:
    """By trace id, or by the ids of records where an error names those."""
    traces = {str(each["id"]): each["objectWriteTraceId"] for each in inputs}
    found: dict[str, str] = {}
    for error in errors:
        context = error.get("context") or {}
        said = f"{error.get('category')}: {error.get('message')}"
        named = [*context.get("objectWriteTraceId", []), *(traces.get(str(each)) for each in context.get("ids", []))]
        if not named:
            raise BatchRefusedError(said)
        found |= {trace: said for trace in named if trace}
    return found


def _said(answer: Answer) -> str:
    if isinstance(answer.body, dict) and "message" in answer.body:
        return f"{answer.body.get('category')}: {answer.body['message']}"
    return f"status {answer.status}"
