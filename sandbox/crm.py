"""What happens in the CRM: contacts and their doubles, lead status, deals, companies.

Belongs here: HubSpot's records. Does not: when and why they change (`life`).

Conventions of the company: the ads' links name their campaign in `utm_campaign`, some by its name and some by its id,
which HubSpot shows as the second drill-down of paid social; a deal belongs to the contact labelled "Decision maker" and
to the primary company; a parent company takes part as "Primary contractor", a label of the company's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.advertising import campaign_name, campaign_number, click_id
from sandbox.biography import HOUR, Biography
from sandbox.conversations import Agent
from sandbox.people import PLACEHOLDER_PHONES, spell_email, spell_phone
from sandbox.records import Association, Deal, OwnedRecord, Record, iso
from sandbox.settings import DAY

FIRST_CONTACT_ID, FIRST_DEAL_ID, FIRST_COMPANY_ID = 10_000_000, 20_000_000, 900_000
DEAL_STAGES = (
    ("appointmentscheduled", "Appointment scheduled", "0.2", False),
    ("qualifiedtobuy", "Qualified to buy", "0.4", False),
    ("presentationscheduled", "Presentation scheduled", "0.6", False),
    ("decisionmakerboughtin", "Decision maker bought-in", "0.8", False),
    ("contractsent", "Contract sent", "0.9", False),
    ("closedwon", "Closed won", "1.0", True),
    ("closedlost", "Closed lost", "0.0", True),
)
DECISION_MAKER = "Decision maker"
COLLEAGUES_ROLES = ("Champion", "Budget holder", "Influencer", "Blocker", "End user")
PRIMARY = "Primary"
PRIMARY_CONTRACTOR = "Primary contractor"
PORTAL_CURRENCY = "EUR"  # deals in it name no currency, as in a portal with one currency
DRILL_DOWNS = {
    "ORGANIC_SEARCH": ("Unknown keywords (SSL)", "GOOGLE"),
    "DIRECT_TRAFFIC": ("sandbox.example/", "sandbox.example/contact"),
    "REFERRALS": ("partner.example", "partner.example/list"),
}
LOST_REASONS = ("Competitor", "Price", "No budget", "No decision", "Lost touch")
# Stages between the appointment and the end of a deal, in order, and what it means to come there.
CONSUMER_PATH: tuple[str, ...] = ("qualifiedtobuy", "contractsent")
BUSINESS_PATH: tuple[str, ...] = ("qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent")
ACTIVITIES = {
    "appointmentscheduled": "meeting_booked",
    "qualifiedtobuy": "lead_qualified",
    "presentationscheduled": "meeting_booked",
    "contractsent": "quote_sent",
}
DOUBLES = 50_000_000  # between the id of a record and that of its double
MERGED_AFTER, MERGED_OF_TEN = 60, 6  # seconds; of ten people and companies one has doubles
INDUSTRIES = ("RETAIL", "HOSPITALITY", "CONSTRUCTION", "EDUCATION_MANAGEMENT")


def new_company(number: int, at: int, country: str, parent: Record | None) -> Record:
    """A company that a contact works for; some have a parent, which may have one itself."""
    company = Record(FIRST_COMPANY_ID + number, at)
    company.set(
        at,
        "INTEGRATION",
        name=f"Company {number + 1}",
        domain=company_domain(company.id),
        industry=INDUSTRIES[number % len(INDUSTRIES)],
        country=country,
        hs_parent_company_id=str(parent.id) if parent else None,
    )
    return company


def merged_double(record: Record, at: int) -> Record:
    """The same company or deal, typed in twice, and soon merged into the first: archived, and named by what is left."""
    double = replace(record, id=record.id + DOUBLES, changes=list(record.changes), archived_at=at + MERGED_AFTER)
    record.set(at + MERGED_AFTER, "MERGE_OBJECTS", hs_merged_object_ids=str(double.id))
    return double


def company_domain(company_id: int) -> str:
    return f"company{company_id - FIRST_COMPANY_ID + 1}.example"


class Crm:
    """One person's contacts and deals in HubSpot."""

    def __init__(self, story: Biography, agent: Agent) -> None:
        self._story = story
        self._agent = agent
        self._contact: Record | None = None

    @property
    def exists(self) -> bool:
        return self._contact is not None

    @property
    def contact(self) -> Record:
        if self._contact is None:
            raise RuntimeError("there is no contact in the CRM")
        return self._contact

    @property
    def reference(self) -> tuple[str, str, str]:
        return ("hubspot", "contact", str(self.contact.id))

    def create(self, at: int, *, form: bool, source: str, with_phone: bool = True, with_email: bool = True) -> Record:
        """Create the person's contact. `source`: hs_analytics_source."""
        story, person = self._story, self._story.person
        at = story.tick(at)
        contact, owned = self._new(at)
        self._contact = contact
        origin = "FORM" if form else "INTEGRATION"
        self._describe(contact, owned, at, origin, with_phone=with_phone, with_email=with_email)
        campaign_id = person.campaign_id if source == "PAID_SOCIAL" else None
        contact.set(
            at,
            origin,
            lifecyclestage="lead",
            hs_lead_status="OPEN",
            hs_analytics_source=source,
            **self._drill_downs(source, campaign_id, form=form),
            hs_object_source=origin,
            hs_facebook_click_id=click_id(person.index) if campaign_id else None,
            hubspot_owner_id=str(self._agent.owner_id),
            associatedcompanyid=str(person.company_id) if person.company_id else None,
        )
        story.note("form_submitted" if form else "lead_created", at, self.reference, campaign_id=campaign_id)
        if story.chance(0.08):
            self._opt_out(at)
        return contact

    def _drill_downs(self, source: str, campaign_id: str | None, *, form: bool) -> dict[str, str]:
        """As HubSpot documents them for each source."""
        if campaign_id is not None:
            by_name = self._story.person.index % 2 == 0
            named = campaign_name(campaign_number(campaign_id)) if by_name else campaign_id
            found = ("Facebook", named)
        elif source == "OFFLINE":
            found = ("FORM" if form else "INTEGRATION", "sandbox")
        else:
            found = DRILL_DOWNS.get(source, ("Unknown", "Unknown"))
        return dict(zip(("hs_analytics_source_data_1", "hs_analytics_source_data_2"), found, strict=True))

    def _opt_out(self, at: int) -> None:
        """The contact takes no more e-mails; some come back later."""
        story = self._story
        at = story.tick(at + story.soon(60 * DAY))
        self.contact.set(at, "EMAIL", hs_email_optout="true")
        story.note("opted_out", at, self.reference)
        if story.chance(0.25):
            at = story.tick(at + story.soon(90 * DAY))
            self.contact.set(at, "FORM", hs_email_optout="false")
            story.note("opted_in", at, self.reference)

    def duplicate(self, at: int, merged_at: int) -> None:
        """A second contact of the same person, with another address or none, later merged into the first."""
        story, emails = self._story, self._story.person.emails
        at = story.tick(at)
        double, owned = self._new(at)
        if len(emails) > 1:
            self._describe(double, owned, at, "INTEGRATION", email=emails[1], with_phone=story.chance(0.5))
        elif emails[0].endswith("@gmail.com"):
            self._describe(double, owned, at, "INTEGRATION", with_phone=story.chance(0.5), tag="crm")
        else:
            self._describe(double, owned, at, "INTEGRATION", with_email=False)
        double.set(
            at,
            "INTEGRATION",
            hs_analytics_source="OFFLINE",
            hs_object_source="INTEGRATION",
            **self._drill_downs("OFFLINE", None, form=False),
        )
        double.archived_at = merged_at
        self.contact.set(merged_at, "MERGE_OBJECTS", hs_merged_object_ids=str(double.id))
        story.shows(story.owned(self.reference), merged_at, ("hubspot_contact", str(double.id)))
        story.note("lead_created", at, owned.reference)

    def judge(self, at: int, status: str) -> int:
        """Set the lead status: QUALIFIED or UNQUALIFIED."""
        at = self._story.tick(at)
        self.contact.set(at, hs_lead_status=status)
        kind = "lead_qualified" if status == "QUALIFIED" else "lead_disqualified"
        self._story.note(kind, at, self.reference, detail=status)
        return at

    def stage(self, at: int, lifecyclestage: str, source: str = "CRM_UI") -> None:
        """Set HubSpot's own lifecycle stage, unless it is already there."""
        if self.contact.state(at).get("lifecyclestage") != lifecyclestage:
            self.contact.set(at, source, lifecyclestage=lifecyclestage)

    def learn_number(self, at: int) -> None:
        """The shop integration writes the customer number onto the contact."""
        person = self._story.person
        if person.customer_number is None or "customer_number" in self.contact.state(at):
            return
        self.contact.set(at, "INTEGRATION", customer_number=person.customer_number)
        self._story.shows(self._story.owned(self.reference), at, ("customer_number", person.customer_number))

    def deal(self, at: int, amount: str, currency: str, outcome: str, reason: str | None, kind: str = "Deal") -> int:
        """A deal from appointment to `outcome` (closedwon, closedlost, open). Returns its last instant.

        With a company it takes weeks from stage to stage, with a person of their own days. Its `kind` begins its name.
        """
        story, person = self._story, self._story.person
        at = story.tick(at)
        deal = Deal(FIRST_DEAL_ID + person.index * 10 + len(person.deals), at)
        person.deals.append(deal)
        deal.contacts.append(Association(self.contact.id, DECISION_MAKER, at))
        if person.company_id is not None:
            deal.companies.append(Association(person.company_id, PRIMARY, at))
        deal.set(
            at,
            dealname=f"{kind} with {person.first_name} {person.last_name}",
            pipeline="default",
            amount=amount,
            deal_currency_code=None if currency == PORTAL_CURRENCY else currency,
            hubspot_owner_id=str(self._agent.owner_id),
        )
        self._reach(deal, at, "appointmentscheduled")
        if person.index % 10 == MERGED_OF_TEN:
            person.merged_deals.append(merged_double(deal, at))
        if self.contact.state(at).get("lifecyclestage") != "customer":
            self.stage(at, "opportunity")
        path, pace = (CONSUMER_PATH, 2 * DAY) if person.company_id is None else (BUSINESS_PATH, 21 * DAY)
        if outcome == "open":
            path = path[: int(story.rng.integers(0, len(path) + 1))]
        for stage in path:
            if stage == "contractsent" or story.chance(0.7):
                at = self._reach(deal, at + story.soon(pace), stage)
        if outcome != "open":
            at = self._close(deal, at + story.soon(2 * pace), outcome, reason)
        return at

    def reopen(self, deal: Deal, at: int) -> int:
        """A lost deal comes back to the table and is won after all."""
        at = self._reach(deal, at, "contractsent")
        return self._close(deal, at + self._story.soon(14 * DAY), "closedwon", None)

    def _reach(self, deal: Deal, at: int, stage: str) -> int:
        """Let the deal come to an open stage."""
        at = self._story.tick(at)
        deal.set(at, dealstage=stage)
        if stage in ACTIVITIES:
            self._story.note(ACTIVITIES[stage], at, ("hubspot", "deal", str(deal.id)))
        return at

    def _close(self, deal: Deal, at: int, outcome: str, reason: str | None) -> int:
        at = self._story.tick(at)
        deal.set(at, dealstage=outcome, closedate=iso(at))
        if reason is not None:
            deal.set(at, closed_lost_reason=reason)
        self._story.note("deal_stage_changed", at, ("hubspot", "deal", str(deal.id)), detail=reason or outcome)
        return at

    def _new(self, at: int) -> tuple[Record, OwnedRecord]:
        person = self._story.person
        contact = Record(FIRST_CONTACT_ID + person.index * 10 + len(person.hubspot), at)
        person.hubspot.append(contact)
        owned = self._story.own("hubspot", "contact", contact.id, at)
        self._story.shows(owned, at, ("hubspot_contact", str(contact.id)))
        return contact, owned

    def _describe(
        self,
        contact: Record,
        owned: OwnedRecord,
        at: int,
        origin: str,
        *,
        with_phone: bool = True,
        with_email: bool = True,
        email: str | None = None,
        tag: str | None = None,
    ) -> None:
        """Name, addresses and number as the contact shows them."""
        story, person = self._story, self._story.person
        placeholder = person.index % 100 in (40, 41)
        country = story.country.name if story.chance(0.8) else person.country
        values: dict[str, Any] = {"firstname": person.first_name, "lastname": person.last_name, "country": country}
        if with_email:
            address = email or person.emails[0]
            spelled = address.replace("@", f"+{tag}@") if tag else spell_email(address, story.rng)
            values["email"] = spelled.lower()  # as HubSpot keeps them
            story.shows(owned, at, ("email", address))
            if len(person.emails) > 1 and email is None and story.chance(0.7):
                values["hs_additional_emails"] = person.emails[1]
                story.shows(owned, at, ("email", person.emails[1]))
        if placeholder:
            values["phone"] = PLACEHOLDER_PHONES[person.index % len(PLACEHOLDER_PHONES)]
        elif with_phone:
            spelled, national = spell_phone(person.phone, story.country, story.rng)
            values["mobilephone" if story.chance(0.2) else "phone"] = spelled
            if national and story.chance(0.02):
                values["country"] = None  # nobody can tell the country of this number
            else:
                story.shows(owned, at, ("phone", person.phone))
        contact.set(at, origin, **values)


def merge_delay(story: Biography) -> int:
    """How long a double lives before someone merges it."""
    return story.between(6 * HOUR, 40 * DAY)
