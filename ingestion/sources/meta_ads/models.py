"""Row models of the Meta Marketing API, in the vendor's own field names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import Field, field_validator

from ingestion import limits
from ingestion.tables import AccountRow, RawTable

# How long after what an ad is said to have led to an action, as Meta names it ("Ads Action Stats"): days after a view,
# an engaged view or a click. Those after views of 7 and 28 days are not returned since 2026-01-12.
WINDOWS = ("1d_view", "1d_ev", "1d_click", "7d_click", "28d_click")


class AdAccount(AccountRow):
    not_personal = (
        "id",
        "name",
        "currency",
        "timezone_name",
    )

    id: str  # without the "act_" prefix
    name: str | None = None
    currency: str
    timezone_name: str


class Campaign(AccountRow):
    not_personal = (
        "id",
        "account_id",
        "name",
        "objective",
        "status",
        "effective_status",
    )

    id: str
    account_id: str
    name: str | None = None
    objective: str | None = None
    status: str | None = None
    effective_status: str | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None


class AdSet(AccountRow):
    not_personal = (
        "id",
        "account_id",
        "campaign_id",
        "name",
        "status",
        "effective_status",
    )

    id: str
    account_id: str
    campaign_id: str
    name: str | None = None
    status: str | None = None
    effective_status: str | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None


class Ad(AccountRow):
    not_personal = (
        "id",
        "account_id",
        "campaign_id",
        "adset_id",
        "name",
        "status",
        "effective_status",
    )

    id: str
    account_id: str
    campaign_id: str
    adset_id: str | None = None
    name: str | None = None
    status: str | None = None
    effective_status: str | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None


class AdInsight(AccountRow):
    """Delivery of one ad on one day of the ad account's time zone.

    Figures other than the spend may be left out; null is not 0 here: an earlier version may have had them.
    """

    not_personal = (
        "account_id",
        "campaign_id",
        "adset_id",
        "ad_id",
        "account_currency",
        "attribution_setting",
        "actions",
        "action_values",
    )

    left_out = dict.fromkeys(
        ("impressions", "clicks", "reach", "attribution_setting", "actions", "action_values"),
        "the platform leaves out figures; what was told last counts",
    )

    account_id: str
    campaign_id: str
    adset_id: str
    ad_id: str
    date_start: date
    date_stop: date
    account_currency: str
    spend: Decimal = Field(ge=0)
    impressions: int | None = Field(None, ge=0)
    clicks: int | None = Field(None, ge=0)
    reach: int | None = None
    attribution_setting: str | None = None
    # What the platform claims, never summed with other platforms' claims: a list of {"action_type", "value", …} with
    # windows as further keys. `value` is for the one that the ad set is judged by, which `attribution_setting` names.
    actions: list[Any] | None = None
    action_values: list[Any] | None = None  # the same in money of the account

    @field_validator("actions", "action_values")
    @classmethod
    def _claims_are_numbers(cls, claims: list[Any] | None) -> list[Any] | None:
        for claim in claims or []:
            if not isinstance(claim, Mapping) or not isinstance(claim.get("action_type"), str):
                raise ValueError("a list of objects that name their action_type is expected")
            for name in ("value", *WINDOWS):
                if claim.get(name) is not None and not _is_amount(claim[name]):
                    kind = claim["action_type"]
                    raise ValueError(f"{kind}, {name}: a number below {limits.AMOUNT_BELOW:.0e} is expected")
        return claims


def _is_amount(value: Any) -> bool:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return number.is_finite() and abs(number) < limits.AMOUNT_BELOW


AD_ACCOUNTS = RawTable("ad_accounts", AdAccount, "versions", ("id",))
CAMPAIGNS = RawTable("campaigns", Campaign, "versions", ("id",))
AD_SETS = RawTable("ad_sets", AdSet, "versions", ("id",))
ADS = RawTable("ads", Ad, "versions", ("id",))
# A row that does not come again retires nothing: Meta leaves out deleted ads, and what they cost was paid.
AD_INSIGHTS = RawTable(
    "ad_insights", AdInsight, "versions", ("account_id", "ad_id", "date_start"), happened_at="date_start"
)
TABLES = (AD_ACCOUNTS, CAMPAIGNS, AD_SETS, ADS, AD_INSIGHTS)
