"""The pages of the report, in the order of the navigation."""

from __future__ import annotations

from reports.figures import Page
from reports.pages.campaigns import CAMPAIGNS
from reports.pages.leaks import LEAKS
from reports.pages.leaving import LEAVING
from reports.pages.sales import SALES
from reports.pages.stages import STAGES
from reports.pages.today import TODAY
from reports.pages.trust import TRUST
from reports.pages.value import VALUE

PAGES: tuple[Page, ...] = (TODAY, STAGES, LEAKS, VALUE, LEAVING, CAMPAIGNS, SALES, TRUST)
