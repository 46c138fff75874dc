"""Sales: deals as they stand, how many are won, and why others are lost."""

from __future__ import annotations

from reports.charts import Bars, Columns, Lines
from reports.figures import Column, Figure, Page, Text
from reports.pages.columns import IS_COMPLETE, QUARTER

DEALS = Column("deal_count", Text("Deals", "Affaires"), "count")
AMOUNT = Column("deal_amount_reporting", Text("Amount", "Montant"), "money")
STATUS = Column("status", Text("Status", "État"), "word")

SALES = Page(
    "sales",
    Text("Sales", "Ventes"),
    Text(
        "Deals as they stand, how many are won, and why others are lost.",
        "Les affaires telles qu'elles sont, combien sont gagnées, et pourquoi d'autres sont perdues.",
    ),
    (
        Figure(
            "open",
            Text("How much is in the open pipeline?", "Combien y a-t-il d'affaires en cours ?"),
            Text(
                "Amounts of open deals by what their stage in the CRM means.",
                "Montants des affaires ouvertes selon le sens de leur étape dans le CRM.",
            ),
            ("deal_pipeline",),
            (Column("meaning", Text("Stage", "Étape"), "word"), DEALS, AMOUNT),
            needs="deals",
            chart=Bars("deal_amount_reporting", "meaning"),
            people="deal_count",
            merged="meaning",
        ),
        Figure(
            "closed",
            Text("How much did we win and lose in a quarter?", "Combien a-t-on gagné et perdu en un trimestre ?"),
            Text(
                "Amounts of deals by the quarter in which they were closed. A paler quarter is not over.",
                "Montants des affaires selon le trimestre de leur clôture. Un trimestre plus pâle n'est pas terminé.",
            ),
            ("deal_pipeline_by_month",),
            (
                QUARTER,
                STATUS,
                Column("closed_count", Text("Deals closed", "Affaires closes"), "count"),
                Column("amount_reporting", Text("Amount", "Montant"), "money"),
                IS_COMPLETE,
            ),
            needs="deals",
            chart=Columns("quarter", "amount_reporting", "status", is_complete="is_complete", unit="utcyearquarter"),
            people="closed_count",
            merged="status",
        ),
        Figure(
            "win_rate",
            Text("What share of deals do we win?", "Quelle part des affaires gagne-t-on ?"),
            Text(
                "By month of opening, won among won and lost, with a 95% interval. A hollow point: some deals of the "
                "month "
                "are still open, and it can change.",
                "Par mois d'ouverture, gagnées parmi gagnées et perdues, avec un intervalle à 95 %. Point creux : des "
                "affaires "
                "du mois sont encore ouvertes, il peut changer.",
            ),
            ("deal_pipeline_by_month",),
            (
                Column("month", Text("Month of opening", "Mois d'ouverture"), "month"),
                DEALS,
                Column("win_rate", Text("Share won", "Part gagnée"), "rate"),
                Column("win_rate_lower", Text("Lower bound", "Borne basse"), "rate"),
                Column("win_rate_upper", Text("Upper bound", "Borne haute"), "rate"),
                Column("decided_rate", Text("Share decided", "Part décidée"), "rate"),
                Column(
                    "median_days_to_close", Text("Median days to close", "Jours jusqu'à la clôture (médiane)"), "days"
                ),
                Column("is_decided", Text("All decided", "Toutes décidées"), "flag", in_table=False),
            ),
            needs="deals",
            chart=Lines("month", "win_rate", low="win_rate_lower", high="win_rate_upper", is_mature="is_decided"),
            people="deal_count",
        ),
        Figure(
            "pipeline",
            Text(
                "How do deals end, by when they were opened?", "Comment finissent les affaires, selon leur ouverture ?"
            ),
            Text(
                "Deals by quarter of opening and by how they stand today.",
                "Affaires par trimestre d'ouverture et selon leur état aujourd'hui.",
            ),
            ("deal_pipeline_by_month",),
            (
                Column("quarter", Text("Quarter of opening", "Trimestre d'ouverture"), "quarter"),
                STATUS,
                Column("count_of_status", Text("Deals", "Affaires"), "count"),
                AMOUNT,
            ),
            needs="deals",
            chart=Columns("quarter", "count_of_status", "status", unit="utcyearquarter"),
            people="count_of_status",
            merged="status",
        ),
        Figure(
            "reasons",
            Text("Why do we lose deals?", "Pourquoi perd-on des affaires ?"),
            Text("Lost deals by the reason that was given.", "Affaires perdues selon la raison donnée."),
            ("deal_pipeline",),
            (Column("lost_reason", Text("Reason", "Raison"), "word"), DEALS, AMOUNT),
            needs="deals",
            chart=Bars("deal_count", "lost_reason"),
            people="deal_count",
            merged="lost_reason",
        ),
    ),
)
