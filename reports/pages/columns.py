"""Columns that several pages have, named once."""

from __future__ import annotations

from reports.figures import Column, Text

STAGE = Column("stage_label", Text("Stage", "Étape"), "label")
PEOPLE = Column("people", Text("People or accounts", "Personnes ou comptes"), "count")
CUSTOMERS = Column("customer_count", Text("Customers", "Clients"), "count")
MONTH = Column("month", Text("Month", "Mois"), "month")
IS_COMPLETE = Column("is_complete", Text("Month is over", "Mois terminé"), "flag")
SPEND = Column("spend_amount_reporting", Text("Spend", "Dépenses"), "money", of_people=False)
QUARTER = Column("quarter", Text("Quarter", "Trimestre"), "quarter")
HIDDEN = Column("hidden_reason", Text("Why it is hidden", "Pourquoi c'est masqué"), "sentence")
SHARE = Text("Share", "Part")
