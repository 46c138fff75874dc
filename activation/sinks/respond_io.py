"""respond.io API v2: POST /contact/id:{id}/lifecycle/update, one call a contact.

Sources: respond.io's own TypeScript SDK and n8n nodes (path and body; `null` takes the stage away), its page of limits
(5 requests a second and method, `Retry-After` on 429; 449 where a request is queued).

The same stage twice leaves the same contact, so a request without an answer is sent again at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

from activation.outbox import Event
from activation.sinks.base import BatchRefusedError, CannotBeToldError, Outcomes, Payload, Sink, SinkStoppedError


class RespondIo(Sink):
    name = "respond_io"
    per_request = 1
    is_state = True

    def payload(self, event: Event) -> Payload:
        if event.record_id is None:
            raise CannotBeToldError("no identifier")
        if event.stage is None:
            raise CannotBeToldError("nothing to write")
        return {"name": event.stage}

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        ((event, payload),) = batch
        answer = self._http.post(f"/contact/id:{event.record_id}/lifecycle/update", payload)
        said = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
        said = said or f"status {answer.status}"
        if answer.status in (401, 403):
            raise SinkStoppedError(
                f"the access token is not valid any more ({said}). Make one in Settings, Integrations, Developer API, "
                "and write it to ACTIVATION__RESPOND_IO__ACCESS_TOKEN."
            )
        # An error may also come with status 200 and its own code in the body.
        code = answer.body.get("code") if isinstance(answer.body, dict) else None
        if answer.status != 200 or (isinstance(code, int) and code >= 400):
            raise BatchRefusedError(said)
        return self.all_confirmed(batch)
