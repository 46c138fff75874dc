"""Value: what customers have brought in, what they cost, and what is expected of them."""

from __future__ import annotations

from reports.charts import Bars, Columns, Lines
from reports.figures import Column, Figure, Page, Text
from reports.pages.columns import CUSTOMERS, HIDDEN, IS_COMPLETE, MONTH, SPEND

REVENUE = Column("revenue_amount_reporting", Text("Net revenue", "Chiffre d'affaires net"), "money")
SOLD = Column("sold_amount_reporting", Text("Sold", "Ventes"), "money")
CHANNEL = Column("acquisition_channel", Text("Acquisition channel", "Canal d'acquisition"), "word")
COHORT_SIZE = Column("cohort_size", Text("Customers", "Clients"), "count")
PER_CUSTOMER = Column(
    "revenue_per_customer",
    Text("Net revenue per customer", "Chiffre d'affaires net par client"),
    "money",
    share=("revenue_amount_reporting", "cohort_size"),
)

VALUE = Page(
    "value",
    Text("Value", "Valeur"),
    Text(
        "What customers have brought in, what they cost, and what is expected of them.",
        "Ce que les clients ont rapporté, ce qu'ils ont coûté, et ce qu'on attend d'eux.",
    ),
    (
        Figure(
            "revenue",
            Text("What do we earn in a month?", "Que gagne-t-on en un mois ?"),
            Text(
                "Sales less refunds, without tax and shipping; a refund counts in the month of its order. A paler "
                "month is "
                "not over.",
                "Ventes moins remboursements, hors taxes et livraison ; un remboursement compte au mois de sa "
                "commande. Un "
                "mois plus pâle n'est pas terminé.",
            ),
            ("revenue_by_month",),
            (
                MONTH,
                Column("revenue_kind", Text("From", "Provenance"), "word"),
                Column("customer_count", Text("Customers who paid", "Clients payants"), "count"),
                SOLD,
                Column("refunded_amount_reporting", Text("Refunded", "Remboursé"), "money"),
                REVENUE,
                IS_COMPLETE,
            ),
            needs="orders",
            chart=Columns("month", "revenue_amount_reporting", "revenue_kind", is_complete="is_complete"),
            people="customer_count",
            merged="revenue_kind",
        ),
        Figure(
            "returning",
            Text("Who buys: new customers or known ones?", "Qui achète : de nouveaux clients ou des clients connus ?"),
            Text(
                "Sales before refunds, by whether the first purchase lay in the same month. Sales to people whom "
                "nothing "
                "identifies are in neither.",
                "Ventes avant remboursements, selon que le premier achat date du même mois. Les ventes à des inconnus "
                "ne sont "
                "dans aucune des deux.",
            ),
            ("revenue_by_month",),
            (
                MONTH,
                Column("customers", Text("Customers", "Clients"), "word"),
                Column("customer_count", Text("Number", "Nombre"), "count"),
                SOLD,
                IS_COMPLETE,
            ),
            needs="orders",
            chart=Columns("month", "sold_amount_reporting", "customers", is_complete="is_complete"),
            people="customer_count",
            merged="customers",
        ),
        Figure(
            "ltv",
            Text(
                "Are later customers worth as much at the same age?",
                "Les clients plus récents valent-ils autant au même âge ?",
            ),
            Text(
                "Net revenue per customer by months since the first purchase, by quarter of that purchase. Only ages "
                "that "
                "the whole quarter has reached; at most the last eight quarters.",
                "Chiffre d'affaires net par client selon les mois depuis le premier achat, par trimestre de cet achat. "
                "Seulement les âges atteints par tout le trimestre ; huit derniers trimestres au plus.",
            ),
            ("ltv_cohorts",),
            (
                Column("quarter", Text("Quarter of first purchase", "Trimestre du premier achat"), "quarter"),
                Column("age_months", Text("Months since first purchase", "Mois depuis le premier achat"), "number"),
                COHORT_SIZE,
                REVENUE,
                PER_CUSTOMER,
            ),
            needs="closed_months",
            chart=Lines("age_months", "revenue_per_customer", "quarter"),
            people="cohort_size",
        ),
        Figure(
            "ltv_channels",
            Text(
                "Through which channel did the most valuable customers come?",
                "Par quel canal sont venus les clients de plus grande valeur ?",
            ),
            Text(
                "Net revenue per customer six months after the first purchase, by channel of the first touch.",
                "Chiffre d'affaires net par client six mois après le premier achat, selon le canal du premier contact.",
            ),
            ("ltv_cohorts",),
            (CHANNEL, COHORT_SIZE, REVENUE, PER_CUSTOMER),
            needs="closed_months",
            chart=Bars("revenue_per_customer", "acquisition_channel"),
            people="cohort_size",
            merged="acquisition_channel",
        ),
        Figure(
            "concentration",
            Text("How much depends on the best customers?", "Combien dépend des meilleurs clients ?"),
            Text(
                "Share of net revenue that the best customers bring in. The dashed line: all customers alike.",
                "Part du chiffre d'affaires net apportée par les meilleurs clients. En pointillé : tous les clients "
                "égaux.",
            ),
            ("revenue_concentration",),
            (
                Column("period", Text("Period", "Période"), "word"),
                Column("top_rate", Text("Best share of customers", "Meilleure part des clients"), "rate"),
                Column("top_customer_count", Text("Customers", "Clients"), "count"),
                Column("top_revenue_amount_reporting", Text("Net revenue", "Chiffre d'affaires net"), "money"),
                Column("top_revenue_rate", Text("Share of net revenue", "Part du chiffre d'affaires"), "rate"),
                Column("gini_coefficient", Text("Gini coefficient", "Coefficient de Gini"), "ratio"),
            ),
            needs="orders",
            chart=Lines("top_rate", "top_revenue_rate", "period", has_diagonal=True),
            people="top_customer_count",
        ),
        Figure(
            "forecast",
            Text("What will today's customers bring in next?", "Que rapporteront les clients actuels ensuite ?"),
            Text(
                "Expected revenue from purchases and renewals within the days in the table, by segment of past "
                "purchases. The "
                "line is how well that expectation is known: what customers then do varies more.",
                "Chiffre d'affaires attendu des achats et renouvellements sur les jours du tableau, par segment "
                "d'achats "
                "passés. Le trait dit à quel point cette attente est connue : les clients varieront davantage.",
            ),
            ("customer_value",),
            (
                Column("segment", Text("Segment", "Segment"), "word"),
                CUSTOMERS,
                Column("predicted_count", Text("With a prediction", "Avec prévision"), "count"),
                Column("purchases_amount_reporting", Text("From purchases", "Des achats"), "money"),
                Column("renewals_amount_reporting", Text("From renewals", "Des renouvellements"), "money"),
                Column("expected_amount_reporting", Text("Expected revenue", "Chiffre d'affaires attendu"), "money"),
                Column("lower_amount_reporting", Text("Lower bound", "Borne basse"), "money"),
                Column("upper_amount_reporting", Text("Upper bound", "Borne haute"), "money"),
                Column("horizon_days", Text("Within", "Horizon"), "days"),
                HIDDEN,
            ),
            needs="predictions",
            chart=Bars(
                "expected_amount_reporting", "segment", low="lower_amount_reporting", high="upper_amount_reporting"
            ),
            people="customer_count",
            merged="segment",
            hidden="hidden_reason",
        ),
        Figure(
            "payback",
            Text(
                "After how many months have customers paid back their cost?",
                "Après combien de mois les clients ont-ils remboursé leur coût ?",
            ),
            Text(
                "By month of the first purchase, the age at which gross margin had covered the spend of that month. "
                "Months "
                "without a column have not paid back yet, or are not over.",
                "Par mois du premier achat, l'âge auquel la marge brute a couvert les dépenses de ce mois. Les mois "
                "sans "
                "colonne ne sont pas encore amortis, ou pas terminés.",
            ),
            ("acquisition_payback",),
            (
                Column("cohort_month", Text("Month of first purchase", "Mois du premier achat"), "month"),
                SPEND,
                CUSTOMERS,
                Column("customer_acquisition_cost_reporting", Text("Cost per customer", "Coût par client"), "money"),
                Column("ltv_to_cac_ratio", Text("Margin over cost so far", "Marge sur coût à ce jour"), "ratio"),
                Column("payback_age_months", Text("Months until paid back", "Mois jusqu'à l'amortissement"), "number"),
                Column("payback_status", Text("Status", "État"), "word"),
            ),
            needs="campaigns",
            chart=Columns("cohort_month", "payback_age_months"),
            people="customer_count",
        ),
        Figure(
            "acquisition",
            Text("What does a new customer cost, by channel?", "Que coûte un nouveau client, par canal ?"),
            Text(
                "Spend on ads over all months divided by the customers whose first touch the channel was.",
                "Dépenses publicitaires de tous les mois divisées par les clients dont c'était le premier contact.",
            ),
            ("acquisition_payback",),
            (
                CHANNEL,
                SPEND,
                CUSTOMERS,
                Column(
                    "cost_per_customer",
                    Text("Cost per customer", "Coût par client"),
                    "money",
                    share=("spend_amount_reporting", "customer_count"),
                ),
            ),
            needs="campaigns",
            chart=Bars("cost_per_customer", "acquisition_channel"),
            people="customer_count",
            merged="acquisition_channel",
        ),
    ),
)
