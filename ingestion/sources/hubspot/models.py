"""Row models of the HubSpot CRM API: object properties flattened, in HubSpot's own property names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from pydantic import field_validator, model_validator

from ingestion.personal import CUSTOMER_NUMBER, EMAIL, PHONE, TEXT, Record
from ingestion.tables import AccountRow, RawTable


class HubSpotObject(AccountRow):
    """HubSpot sends every property as a string and an unset one as "": read that as null."""

    id: str

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_null(cls, value: Any) -> Any:
        return None if value == "" else value


class Contact(HubSpotObject):
    personal = {
        "id": Record("contact"),
        "email": EMAIL,
        "hs_additional_emails": EMAIL,
        "firstname": TEXT,
        "lastname": TEXT,
        "phone": PHONE,
        "mobilephone": PHONE,
        "customer_number": CUSTOMER_NUMBER,
        "hs_facebook_click_id": TEXT,
        "hs_google_click_id": TEXT,
        "hs_merged_object_ids": Record("contact", separator=";"),
    }
    not_personal = (
        "country",
        "lifecyclestage",
        "hs_lead_status",
        "hs_analytics_source",
        "hs_analytics_source_data_1",
        "hs_analytics_source_data_2",
        "hs_object_source",
        "associatedcompanyid",
        "hubspot_owner_id",
    )
    country_column = "country"

    email: str | None = None
    hs_additional_emails: str | None = None  # semicolon separated
    firstname: str | None = None
    lastname: str | None = None
    phone: str | None = None
    mobilephone: str | None = None
    country: str | None = None
    customer_number: str | None = None  # the company's own number, a custom property
    lifecyclestage: str | None = None
    hs_lead_status: str | None = None
    hs_analytics_source: str | None = None
    hs_analytics_source_data_1: str | None = None
    hs_analytics_source_data_2: str | None = None
    hs_object_source: str | None = None  # how the record was made: FORM, IMPORT, INTEGRATION, CRM_UI, …
    hs_facebook_click_id: str | None = None
    hs_google_click_id: str | None = None
    associatedcompanyid: str | None = None
    hubspot_owner_id: str | None = None
    hs_email_optout: bool | None = None
    hs_merged_object_ids: str | None = None  # semicolon separated ids merged into this contact
    createdate: datetime
    lastmodifieddate: datetime
    archived: bool = False
    archived_at: datetime | None = None


class Company(HubSpotObject):
    not_personal = (
        "id",
        "name",
        "domain",
        "industry",
        "country",
        "hs_parent_company_id",
        "hs_merged_object_ids",
    )

    name: str | None = None
    domain: str | None = None
    industry: str | None = None
    country: str | None = None
    hs_parent_company_id: str | None = None
    hs_merged_object_ids: str | None = None
    createdate: datetime
    hs_lastmodifieddate: datetime
    archived: bool = False
    archived_at: datetime | None = None


class Deal(HubSpotObject):
    personal = {
        "id": Record("deal", stays=True),
        "dealname": TEXT,
    }
    not_personal = (
        "pipeline",
        "dealstage",
        "deal_currency_code",
        "closed_lost_reason",
        "hs_merged_object_ids",
        "portal_currency",
        "hubspot_owner_id",
    )

    dealname: str | None = None
    pipeline: str | None = None
    dealstage: str | None = None
    amount: Decimal | None = None
    deal_currency_code: str | None = None
    closedate: datetime | None = None
    closed_lost_reason: str | None = None
    hs_is_closed: bool | None = None
    hs_is_closed_won: bool | None = None
    hs_merged_object_ids: str | None = None
    portal_currency: str | None = None  # of the portal when the deal was read, where the deal names none of its own
    hubspot_owner_id: str | None = None
    createdate: datetime
    hs_lastmodifieddate: datetime
    archived: bool = False
    archived_at: datetime | None = None


class PropertyChange(AccountRow):
    """One entry of `propertiesWithHistory`. An empty value means that the property was cleared: it is kept."""

    may_be_empty = ("value",)

    object_id: str
    property: str
    value: str
    timestamp: datetime
    source_type: str | None = None
    source_id: str | None = None
    updated_by_user_id: str | None = None


class ContactChange(PropertyChange):
    """An entry of a contact."""

    personal = {
        "object_id": Record("contact"),
    }
    not_personal = (
        "property",
        "value",
        "source_type",
        "source_id",
        "updated_by_user_id",
    )


class DealChange(PropertyChange):
    """An entry of a deal."""

    not_personal = (
        "object_id",
        "property",
        "value",
        "source_type",
        "source_id",
        "updated_by_user_id",
    )


class DealContact(AccountRow):
    """A deal without contacts is one row whose contact is null: so the ones it had before are retired."""

    personal = {
        "contact_id": Record("contact"),
    }
    not_personal = (
        "deal_id",
        "label",
        "association_types",
    )

    deal_id: str
    contact_id: str | None = None
    label: str | None = None  # role of the contact in the deal, where one is set; several: semicolon separated
    association_types: str | None = None


class DealCompany(AccountRow):
    """A deal without companies is one row whose company is null."""

    not_personal = (
        "deal_id",
        "company_id",
        "label",
        "association_types",
    )

    deal_id: str
    company_id: str | None = None
    label: str | None = None
    association_types: str | None = None  # "category:type id" of each, semicolon separated


SCALES = {"NPS": (0, 10), "CES": (1, 7)}  # of the ratings of these surveys; the others' differ or have none


class FeedbackSubmission(HubSpotObject):
    """An answer to a survey of the portal's, beside the contact who gave it."""

    personal = {"contact_id": Record("contact"), "hs_content": TEXT}
    not_personal = (
        "id",
        "hs_survey_id",
        "hs_survey_name",
        "hs_survey_type",
        "hs_survey_channel",
        "hs_value",
        "hs_response_group",
    )

    hs_survey_id: str | None = None
    hs_survey_name: str | None = None
    hs_survey_type: str | None = None  # NPS, CSAT, CES, CUSTOM, KNOWLEDGE
    hs_survey_channel: str | None = None
    hs_value: str | None = None  # the rating
    hs_response_group: str | None = None  # PROMOTER, PASSIVE, DETRACTOR
    hs_content: str | None = None  # what was written beside it
    hs_submission_timestamp: datetime | None = None
    hs_createdate: datetime | None = None
    hs_lastmodifieddate: datetime | None = None
    contact_id: str | None = None  # the associated contact; null for a visitor nobody knows
    archived: bool = False
    archived_at: datetime | None = None

    @model_validator(mode="after")
    def _rating_is_on_its_scale(self) -> Self:
        scale = SCALES.get((self.hs_survey_type or "").upper())
        if scale and self.hs_value is not None and not _is_between(self.hs_value, *scale):
            low, high = scale
            raise ValueError(f"hs_value: a rating of {self.hs_survey_type} from {low} to {high} is expected")
        return self


def _is_between(text: str, low: int, high: int) -> bool:
    try:
        return low <= Decimal(text) <= high
    except InvalidOperation:
        return False


class Owner(AccountRow):
    not_personal = (
        "id",
        "email",
        "first_name",
        "last_name",
    )

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    archived: bool = False


class DealStage(AccountRow):
    not_personal = (
        "pipeline_id",
        "pipeline_label",
        "stage_id",
        "label",
    )

    pipeline_id: str
    pipeline_label: str | None = None
    stage_id: str
    label: str | None = None
    display_order: int | None = None
    is_closed: bool | None = None
    probability: Decimal | None = None


CONTACTS = RawTable("contacts", Contact, "versions", ("id",))
COMPANIES = RawTable("companies", Company, "versions", ("id",))
DEALS = RawTable("deals", Deal, "versions", ("id",), happened_at="createdate")
HISTORY_KEY = ("object_id", "property", "timestamp", "value")
CONTACT_PROPERTY_HISTORY = RawTable(
    "contact_property_history", ContactChange, "events", HISTORY_KEY, happened_at="timestamp"
)
DEAL_PROPERTY_HISTORY = RawTable("deal_property_history", DealChange, "events", HISTORY_KEY, happened_at="timestamp")
DEAL_CONTACTS = RawTable("deal_contacts", DealContact, "versions", ("deal_id",), ("deal_id", "contact_id"))
DEAL_COMPANIES = RawTable("deal_companies", DealCompany, "versions", ("deal_id",), ("deal_id", "company_id"))
FEEDBACK_SUBMISSIONS = RawTable("feedback_submissions", FeedbackSubmission, "versions", ("id",))
OWNERS = RawTable("owners", Owner, "versions", ("id",))
DEAL_STAGES = RawTable("deal_stages", DealStage, "versions", ("pipeline_id",), ("pipeline_id", "stage_id"))
TABLES = (
    OWNERS,
    DEAL_STAGES,
    COMPANIES,
    CONTACTS,
    CONTACT_PROPERTY_HISTORY,
    DEALS,
    DEAL_PROPERTY_HISTORY,
    DEAL_CONTACTS,
    DEAL_COMPANIES,
    FEEDBACK_SUBMISSIONS,
)
