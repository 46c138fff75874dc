"""Row models of the loyalty app's API."""

from __future__ import annotations

from datetime import datetime

from pydantic import AliasPath, Field

from ingestion.personal import EMAIL, PHONE, Record
from ingestion.tables import AccountRow, RawTable


class Member(AccountRow):
    personal = {"id": Record("member"), "email": EMAIL, "phone": PHONE}

    id: str
    email: str | None = Field(None, validation_alias=AliasPath("profile", "email"))
    phone: str | None = Field(None, validation_alias=AliasPath("profile", "phone"))
    joined_at: datetime
    updated_at: datetime


class PointsEvent(AccountRow):
    personal = {"member_id": Record("member")}
    not_personal = ("id", "kind")

    id: str
    member_id: str
    kind: str
    points: int
    happened_at: datetime


MEMBERS = RawTable("members", Member, "versions", ("id",))
POINTS_EVENTS = RawTable("points_events", PointsEvent, "events", ("id",), happened_at="happened_at", kind="kind")

TABLES = (MEMBERS, POINTS_EVENTS)
