"""Leaving: who may go, how long customers last, and what recurring revenue is kept."""

from __future__ import annotations

from reports.charts import Bars, Columns, Lines
from reports.figures import Choice, Column, Figure, Page, Text
from reports.pages.columns import CUSTOMERS, HIDDEN, IS_COMPLETE, MONTH

BAND = Column("risk_band", Text("Probability", "Probabilité"), "word")


def _bands(name: str, title: Text, definition: Text) -> Figure:
    return Figure(
        name,
        title,
        definition,
        ("customer_churn",),
        (BAND, CUSTOMERS, HIDDEN),
        needs="predictions",
        chart=Bars("customer_count", "risk_band"),
        people="customer_count",
        hidden="hidden_reason",
    )


LEAVING = Page(
    "leaving",
    Text("Leaving", "Départs"),
    Text(
        "Who may go, how long customers last, and how much recurring revenue is kept.",
        "Qui risque de partir, combien de temps restent les clients, et quel revenu récurrent est conservé.",
    ),
    (
        _bands(
            "subscription_end",
            Text("How many subscribers may end?", "Combien d'abonnés risquent de partir ?"),
            Text(
                "Subscribers with a prediction, by the probability that nothing is paid for any more within the "
                "horizon, from the renewals so "
                "far.",
                "Abonnés selon la probabilité que plus rien ne soit payé sur l'horizon, d'après les renouvellements "
                "passés.",
            ),
        ),
        _bands(
            "no_purchase",
            Text("How many buyers may not come back?", "Combien d'acheteurs risquent de ne pas revenir ?"),
            Text(
                "Buyers with a prediction, by the probability that no purchase comes within the horizon, from the "
                "times of their purchases.",
                "Acheteurs selon la probabilité qu'aucun achat ne vienne sur l'horizon, d'après les dates de leurs "
                "achats.",
            ),
        ),
        _bands(
            "churn_model",
            Text("How many buyers show signs of leaving?", "Combien d'acheteurs montrent des signes de départ ?"),
            Text(
                "Buyers by the probability that no purchase comes within the horizon, from the signs that precede it: "
                "messages, refunds, waits. Subscribers are left out.",
                "Acheteurs selon la probabilité qu'aucun achat ne vienne sur l'horizon, d'après les signes qui "
                "précèdent : "
                "messages, remboursements, attentes. Sans les abonnés.",
            ),
        ),
        Figure(
            "recurring_revenue",
            Text("How large is monthly recurring revenue?", "Quel est le revenu mensuel récurrent ?"),
            Text(
                "MRR of subscriptions at the end of each month, net of lasting discounts. A hollow point: the month is "
                "not "
                "over.",
                "MRR des abonnements à la fin de chaque mois, net des remises durables. Point creux : mois en cours.",
            ),
            ("revenue_retention",),
            (
                MONTH,
                Column("end_customer_count", Text("Subscribers", "Abonnés"), "count"),
                Column("end_mrr_amount_reporting", Text("MRR at the end", "MRR en fin de mois"), "money"),
                IS_COMPLETE,
            ),
            needs="subscriptions",
            chart=Lines("month", "end_mrr_amount_reporting", is_mature="is_complete"),
            people="end_customer_count",
        ),
        Figure(
            "movements",
            Text("What changed recurring revenue?", "Qu'est-ce qui a changé le revenu récurrent ?"),
            Text(
                "MRR at the beginning of a month, plus what is above the line, less what is below, is MRR at its end.",
                "Le MRR au début d'un mois, plus ce qui est au-dessus de la ligne, moins ce qui est en dessous, donne "
                "le MRR à "
                "sa fin.",
            ),
            ("revenue_retention",),
            (
                MONTH,
                Column("movement", Text("Movement", "Mouvement"), "word"),
                Column("customer_count", Text("Subscribers", "Abonnés"), "count"),
                Column("mrr_amount_reporting", Text("Change of MRR", "Variation du MRR"), "money"),
                Column("is_gain", Text("Gain", "Gain"), "flag", in_table=False),
                IS_COMPLETE,
            ),
            needs="subscriptions",
            chart=Columns("month", "mrr_amount_reporting", "movement", is_complete="is_complete", sign="is_gain"),
            people="customer_count",
            merged="movement",
        ),
        Figure(
            "retention",
            Text("How much recurring revenue do we keep?", "Quelle part du revenu récurrent conserve-t-on ?"),
            Text(
                "Of the MRR at the beginning of a complete month: what was left at its end, without (gross) and with "
                "(net) "
                "expansion.",
                "Du MRR au début d'un mois complet : ce qui reste à sa fin, sans (brute) et avec (nette) l'expansion.",
            ),
            ("revenue_retention",),
            (
                MONTH,
                Column("retention", Text("Retention", "Rétention"), "word"),
                Column("start_customer_count", Text("Subscribers at the beginning", "Abonnés au début"), "count"),
                Column("retained_ratio", Text("Share of MRR kept", "Part du MRR conservée"), "rate"),
            ),
            needs="subscriptions",
            chart=Lines("month", "retained_ratio", "retention", begins_at_zero=False),
            people="start_customer_count",
        ),
        Figure(
            "renewals",
            Text("Which renewals are due, and when?", "Quels renouvellements arrivent, et quand ?"),
            Text(
                "What is billed on the renewals of the next 90 days, by the week that begins on that Monday; with what "
                "would be billed if nobody had asked to end.",
                "Montant des renouvellements des 90 prochains jours, par semaine commençant ce lundi ; avec ce que "
                "rapporteraient les abonnements en cours de résiliation.",
            ),
            ("renewals_due",),
            (
                Column("week", Text("Week", "Semaine"), "week"),
                Column("subscription_count", Text("Subscriptions", "Abonnements"), "count"),
                Column("renewal_amount_reporting", Text("At stake", "Montant en jeu"), "money"),
            ),
            needs="subscriptions",
            chart=Columns("week", "renewal_amount_reporting", unit="utcyearmonthdate"),
            people="subscription_count",
        ),
        Figure(
            "outlook",
            Text("How many of these renewals are in doubt?", "Combien de ces renouvellements sont incertains ?"),
            Text(
                "Subscriptions that would renew within 90 days: asked to end, with an unpaid bill, or neither.",
                "Abonnements à renouveler sous 90 jours : en cours de résiliation, impayés, ou ni l'un ni l'autre.",
            ),
            ("renewals_due",),
            (
                Column("outlook", Text("Outlook", "Perspective"), "word"),
                Column("subscription_count", Text("Subscriptions", "Abonnements"), "count"),
                Column("renewal_amount_reporting", Text("At stake", "Montant en jeu"), "money"),
            ),
            needs="subscriptions",
            chart=Bars("renewal_amount_reporting", "outlook"),
            people="subscription_count",
        ),
        Choice(
            "curve",
            "leaving/curves",
            Text("How long until", "Durée jusqu'à"),
            (
                Figure(
                    "survival",
                    Text("How long do customers last?", "Combien de temps restent les clients ?"),
                    Text(
                        "Share without the event after so many days, by Kaplan and Meier, with a 95% interval. n is "
                        "how many "
                        "could still have it: where few are left, one event moves the curve.",
                        "Part sans l'événement après tant de jours, selon Kaplan et Meier, avec un intervalle à 95 %. "
                        "n : "
                        "combien peuvent encore l'avoir ; là où il en reste peu, un événement déplace la courbe.",
                    ),
                    ("survival_curves",),
                    (
                        Column("duration_days", Text("Days", "Jours"), "number"),
                        Column("at_risk_count", Text("At risk", "À risque"), "count"),
                        Column("survival_rate", Text("Share without the event", "Part sans l'événement"), "rate"),
                        Column("survival_rate_lower", Text("Lower bound", "Borne basse"), "rate"),
                        Column("survival_rate_upper", Text("Upper bound", "Borne haute"), "rate"),
                        Column("at_risk_note", Text("Note", "Note"), "text", in_table=False),
                    ),
                    needs="orders",
                    chart=Lines(
                        "duration_days",
                        "survival_rate",
                        low="survival_rate_lower",
                        high="survival_rate_upper",
                        notes="at_risk_note",
                        has_points=False,
                        is_stepped=True,
                    ),
                    people="at_risk_count",
                    tabled="is_in_table",
                ),
            ),
        ),
        Figure(
            "satisfaction",
            Text("How satisfied are people?", "À quel point est-on satisfait ?"),
            Text(
                "Share of answers in the best group, over all months, with a 95% interval. NPS is the share of 9 and "
                "10 less "
                "that of 0 to 6.",
                "Part des réponses dans le meilleur groupe, tous mois confondus, avec un intervalle à 95 %. Le NPS est "
                "la part "
                "des 9 et 10 moins celle des 0 à 6.",
            ),
            ("satisfaction",),
            (
                Column("survey_type", Text("Survey", "Enquête"), "word"),
                Column("answer_count", Text("Answers", "Réponses"), "count"),
                Column("top_box_rate", Text("Share in the best group", "Part dans le meilleur groupe"), "rate"),
                Column("top_box_rate_lower", Text("Lower bound", "Borne basse"), "rate"),
                Column("top_box_rate_upper", Text("Upper bound", "Borne haute"), "rate"),
                Column("nps", Text("NPS", "NPS"), "ratio"),
            ),
            needs="surveys",
            chart=Bars("top_box_rate", "survey_type", low="top_box_rate_lower", high="top_box_rate_upper"),
            people="answer_count",
        ),
    ),
)
