"""The company's advertising on Meta: campaigns without end, ad sets, ads, and what each ad did on each day.

Belongs here: the calendar of campaigns, daily figures and their restatement. Does not: who came through an ad.

The ad account keeps New York time and US dollars, while the company reports in euros. What Meta says about a day
moves for 28 days: claimed purchases grow as attribution completes, spend is corrected a little in the first three.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from sandbox.settings import DAY

ACCOUNT_ID = "4410072901"
ACCOUNT_NAME = "Sandbox Company"
CURRENCY = "USD"
TIMEZONE = ZoneInfo("America/New_York")
RESTATED_DAYS = 28
FIRST_CAMPAIGN_ID = 120_200_000_000_000_000
CAMPAIGN_EVERY_DAYS = 37
CAMPAIGN_LASTS_DAYS = 96
TIDIED_AFTER_DAYS = 5  # someone deletes ads and archives campaigns that have ended
NAMES = ("Spring launch", "Chat with us", "Lookalike", "Retargeting", "Summer sale", "Brand", "New arrivals", "Winter")
OBJECTIVES = ("OUTCOME_LEADS", "OUTCOME_ENGAGEMENT", "OUTCOME_SALES")


@dataclass(frozen=True)
class Ad:
    id: str
    adset_id: str
    campaign_id: str
    name: str
    daily_spend: float


@dataclass(frozen=True)
class AdSet:
    id: str
    campaign_id: str
    name: str


@dataclass(frozen=True)
class Campaign:
    """`kind`: normal; `wasted` spends and brings nobody; `free` brings people and has no insights at all."""

    number: int
    id: str
    name: str
    objective: str
    kind: str
    starts_at: int
    ends_at: int
    ad_sets: tuple[AdSet, ...]
    ads: tuple[Ad, ...]

    @property
    def tidied_at(self) -> int:
        return self.ends_at + TIDIED_AFTER_DAYS * DAY

    def status(self, clock: int) -> str:
        if clock < self.ends_at:
            return "ACTIVE"
        return "ARCHIVED" if self.number % 3 == 1 and clock >= self.tidied_at else "PAUSED"

    def ad_status(self, ad: Ad, clock: int) -> str:
        """The last ad of every campaign is deleted once the campaign is over, while its figures are still restated."""
        return "DELETED" if ad is self.ads[-1] and clock >= self.tidied_at else self.status(clock)

    def updated_at(self, clock: int) -> int:
        return max(at for at in (self.starts_at, self.ends_at, self.tidied_at) if at <= clock or at == self.starts_at)


@dataclass(frozen=True)
class Insight:
    """What Meta says, at one clock, about an ad on a day of the account. Spend in US dollars."""

    campaign_id: str
    adset_id: str
    ad_id: str
    day: date
    spend: float
    impressions: int
    clicks: int
    reach: int
    conversations: int
    purchases: int
    purchase_value: float


def account_day(at: int) -> date:
    """Date of an instant in the ad account's time zone."""
    return datetime.fromtimestamp(at, UTC).astimezone(TIMEZONE).date()


def day_start(day: date) -> int:
    """First instant of a day of the ad account."""
    return int(datetime(day.year, day.month, day.day, tzinfo=TIMEZONE).timestamp())


def click_id(person_index: int) -> str:
    """What Facebook put on the link that the person clicked (`fbclid`), wherever it is kept."""
    return f"IwAR{person_index:08d}sandbox"


def campaign_number(campaign_id: str) -> int:
    return (int(campaign_id) - FIRST_CAMPAIGN_ID) // 10_000


def campaign_name(number: int) -> str:
    return f"{NAMES[number % len(NAMES)]} {number + 1}"


class Advertising:
    """Every campaign the company ever runs; campaign n starts `CAMPAIGN_EVERY_DAYS` after campaign n - 1."""

    def __init__(self, seed: int, start: int) -> None:
        self._seed = seed
        self._start = start
        self._campaigns: list[Campaign] = []
        self._final = lru_cache(maxsize=None)(self._draw)

    def campaigns(self, clock: int) -> list[Campaign]:
        """Campaigns that exist at the clock, oldest first."""
        while not self._campaigns or self._campaigns[-1].starts_at <= clock:
            self._campaigns.append(self._build(len(self._campaigns)))
        return [campaign for campaign in self._campaigns if campaign.starts_at <= clock]

    def _build(self, number: int) -> Campaign:
        rng = np.random.default_rng([self._seed, 3, number])
        identity = FIRST_CAMPAIGN_ID + number * 10_000
        campaign_id = str(identity)
        kind = {4: "wasted", 2: "free"}.get(number % 7, "normal")
        ad_sets, ads = [], []
        for group in range(2):
            ad_set = AdSet(str(identity + 100 * (group + 1)), campaign_id, f"Audience {'AB'[group]}")
            ad_sets.append(ad_set)
            for position in range(2 + int(rng.integers(0, 2))):
                ads.append(
                    Ad(
                        str(identity + 100 * (group + 1) + position + 1),
                        ad_set.id,
                        campaign_id,
                        f"Creative {position + 1}",
                        float(np.exp(rng.normal(2.6, 0.4))),
                    )
                )
        # The first campaign runs from before the first person, so that an ad is always running.
        starts_at = self._start + (number * CAMPAIGN_EVERY_DAYS - 3) * DAY + int(rng.integers(0, DAY))
        return Campaign(
            number,
            campaign_id,
            campaign_name(number),
            OBJECTIVES[number % len(OBJECTIVES)],
            kind,
            starts_at,
            starts_at + CAMPAIGN_LASTS_DAYS * DAY,
            tuple(ad_sets),
            tuple(ads),
        )

    def pick(self, rng: np.random.Generator, at: int) -> Ad:
        """An ad that runs at `at`, by its spend, of a campaign that brings people."""
        running = [
            ad
            for campaign in self.campaigns(at)
            if campaign.kind != "wasted" and at < campaign.ends_at
            for ad in campaign.ads
        ]
        weights = np.cumsum([ad.daily_spend for ad in running])
        return running[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]

    def days(self, campaign: Campaign, clock: int) -> list[date]:
        """Days of the account on which the campaign delivered, up to the clock."""
        if campaign.kind == "free":
            return []
        first, last = account_day(campaign.starts_at), account_day(min(clock, campaign.ends_at - 1))
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def _draw(self, campaign: Campaign, day: date) -> list[tuple[float, int, int, int, int, int, float]]:
        """Final figures of the campaign's ads on a day."""
        rng = np.random.default_rng([self._seed, 4, campaign.number, day.toordinal()])
        figures = []
        for ad in campaign.ads:
            spend = round(ad.daily_spend * float(np.exp(rng.normal(0, 0.25))), 2)
            impressions = int(rng.poisson(spend * 140))
            clicks = int(rng.binomial(impressions, 0.012))
            conversions = 0 if campaign.kind == "wasted" else 1
            purchases = int(rng.poisson(spend * 0.012)) * conversions
            figures.append(
                (
                    spend,
                    impressions,
                    clicks,
                    int(impressions * 0.8),
                    int(rng.binomial(clicks, 0.12)) * conversions,
                    purchases,
                    round(purchases * float(np.exp(rng.normal(4.0, 0.3))), 2),
                )
            )
        return figures

    def insights(self, campaign: Campaign, day: date, clock: int) -> list[Insight]:
        """The day of each of the campaign's ads as reported at the clock: partial while it runs, restated later."""
        age = (account_day(clock) - day).days
        elapsed = clock - day_start(day)
        if elapsed <= 0:
            return []
        share = min(1.0, elapsed / DAY) if age == 0 else 1.0
        billed = share * (1.0 + 0.004 * max(0, 3 - age))  # invalid clicks are credited back within three days
        claimed = 1.0 - 0.5 ** ((age + 1) / 4) if age < RESTATED_DAYS else 1.0
        rows = []
        for ad, final in zip(campaign.ads, self._final(campaign, day), strict=True):
            spend, impressions, clicks, reach, conversations, purchases, value = final
            known = int(purchases * claimed)
            rows.append(
                Insight(
                    campaign.id,
                    ad.adset_id,
                    ad.id,
                    day,
                    round(spend * billed, 2),
                    int(impressions * share),
                    int(clicks * share),
                    int(reach * share),
                    int(conversations * share),
                    known,
                    round(value * known / purchases, 2) if purchases else 0.0,
                )
            )
        return rows
