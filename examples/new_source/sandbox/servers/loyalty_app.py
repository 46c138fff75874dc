"""Loyalty app: every tenth person is a member. Endpoints: GET /members, GET /points, pages by cursor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.records import iso
from sandbox.servers.base import Call, Handler, Refused, Reply, VendorServer, bearer, slice_from

PAGE = 100


class LoyaltyApp(VendorServer):
    vendor = "loyalty_app"
    token = "sandbox-loyalty-app-token"

    def tell(self, clock: int) -> None:
        self._members: list[dict[str, Any]] = [
            {
                "id": f"m{person.index}",
                "profile": {"email": person.emails[0], "phone": None},
                "joined_at": iso(person.arrived_at),
                "updated_at": iso(person.arrived_at),
            }
            for person in self.company.people(clock)
            if person.index % 10 == 0
        ]
        self._points: list[dict[str, Any]] = [
            {"id": f"p{m['id']}", "member_id": m["id"], "kind": "joined", "points": 0, "happened_at": m["joined_at"]}
            for m in self._members
        ]

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "GET", "/members", lambda call: self._page(self._members, call)
        yield "GET", "/points", lambda call: self._page(self._points, call)

    def _page(self, records: list[dict[str, Any]], call: Call) -> Reply:
        found, end, has_more = slice_from(records, int(call.params.get("cursor") or 0), PAGE, call.drift)
        return Reply({"data": list(found), "next_cursor": str(end) if has_more else None})

    def authorise(self, call: Call) -> None:
        if bearer(call) != self.token:
            raise Refused(Reply({"error": "unknown token"}, 401))

    def limit(self, call: Call) -> dict[str, str]:
        return {}

    def fault(self, kind: str, call: Call) -> Reply:
        return Reply({"error": kind}, int(kind) if kind.isdigit() else 429)

    def has_cursor(self, call: Call) -> bool:
        return bool(call.params.get("cursor"))

    def not_found(self, call: Call) -> Reply:
        return Reply({"error": "no such address"}, 404)
