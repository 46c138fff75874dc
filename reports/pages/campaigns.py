"""Campaigns: what they cost, whom they brought, and what they are credited with."""

from __future__ import annotations

from reports.charts import Bars, Columns, Dots, Ranges
from reports.figures import Choice, Column, Figure, Page, Text
from reports.pages.columns import CUSTOMERS, HIDDEN, MONTH, SPEND

NEW_PEOPLE = Column("person_count", Text("New people", "Nouvelles personnes"), "count")
COST_PER_CUSTOMER = Column(
    "cost_per_customer",
    Text("Cost per customer", "Coût par client"),
    "money",
    share=("spend_amount_reporting", "customer_count"),
)

CAMPAIGNS = Page(
    "campaigns",
    Text("Campaigns", "Campagnes"),
    Text(
        "What campaigns cost, whom they brought, and what they are credited with.",
        "Ce que coûtent les campagnes, qui elles ont amené, et ce qu'on leur attribue.",
    ),
    (
        Figure(
            "spend",
            Text("What do we spend on ads in a month?", "Que dépense-t-on en publicité par mois ?"),
            Text(
                "Spend by platform, and the people and customers who first came through it in that month.",
                "Dépenses par plateforme, avec les personnes et clients venus d'abord par elle ce mois-là.",
            ),
            ("campaign_performance",),
            (
                MONTH,
                Column("platform", Text("Platform", "Plateforme"), "word"),
                SPEND,
                NEW_PEOPLE,
                CUSTOMERS,
            ),
            needs="campaigns",
            chart=Columns("month", "spend_amount_reporting", "platform"),
            people="person_count",
        ),
        Figure(
            "performance",
            Text(
                "Which campaigns bring back more than they cost?",
                "Quelles campagnes rapportent plus qu'elles ne coûtent ?",
            ),
            Text(
                "Revenue so far of the people who first came through the campaign, for each unit of spend. The 25 with "
                "the "
                "largest spend.",
                "Chiffre d'affaires à ce jour des personnes venues d'abord par la campagne, par unité dépensée. Les 25 "
                "plus "
                "grosses dépenses.",
            ),
            ("campaign_performance",),
            (
                Column("campaign", Text("Campaign", "Campagne"), "text"),
                SPEND,
                NEW_PEOPLE,
                CUSTOMERS,
                COST_PER_CUSTOMER,
                Column("revenue_amount_reporting", Text("Revenue so far", "Chiffre d'affaires à ce jour"), "money"),
                Column(
                    "revenue_to_spend",
                    Text("Revenue per unit of spend", "Chiffre d'affaires par unité dépensée"),
                    "ratio",
                    share=("revenue_amount_reporting", "spend_amount_reporting"),
                ),
            ),
            needs="campaigns",
            chart=Bars("revenue_to_spend", "campaign"),
            people="person_count",
            merged="campaign",
        ),
        Figure(
            "ads",
            Text("Which ads bring people, and at what cost?", "Quelles annonces amènent des personnes, à quel coût ?"),
            Text(
                "Spend for each person who first came through the ad. Credited revenue is that of the last touch. The "
                "20 with "
                "the largest spend.",
                "Dépense par personne venue d'abord par l'annonce. Le chiffre d'affaires crédité est celui du dernier "
                "contact. "
                "Les 20 plus grosses dépenses.",
            ),
            ("ad_performance",),
            (
                Column("ad", Text("Ad, ad set and campaign", "Annonce, ensemble et campagne"), "text"),
                SPEND,
                Column("clicks", Text("Clicks", "Clics"), "count", of_people=False),
                NEW_PEOPLE,
                CUSTOMERS,
                Column(
                    "cost_per_person",
                    Text("Cost per new person", "Coût par nouvelle personne"),
                    "money",
                    share=("spend_amount_reporting", "person_count"),
                ),
                Column(
                    "credited_revenue_amount_reporting",
                    Text("Credited revenue", "Chiffre d'affaires crédité"),
                    "money",
                ),
                Column(
                    "revenue_to_spend",
                    Text("Credited revenue per unit of spend", "Chiffre d'affaires crédité par unité dépensée"),
                    "ratio",
                    share=("credited_revenue_amount_reporting", "spend_amount_reporting"),
                ),
            ),
            needs="campaigns",
            chart=Bars("cost_per_person", "ad"),
            people="person_count",
            merged="ad",
        ),
        Figure(
            "touches",
            Text("Where do people come from first, and last?", "D'où vient-on d'abord, et en dernier ?"),
            Text(
                "People by channel of their first touch and of their last one.",
                "Personnes selon le canal de leur premier contact et du dernier.",
            ),
            ("customer_360",),
            (
                Column("channel", Text("Channel", "Canal"), "word"),
                Column("touch", Text("Touch", "Contact"), "word"),
                Column("people", Text("People", "Personnes"), "count"),
            ),
            needs="people",
            chart=Dots("people", "channel", "touch"),
            people="people",
            merged="channel",
        ),
        Choice(
            "conversion_kind",
            "campaigns/kinds",
            Text("Conversion", "Conversion"),
            (
                Figure(
                    "attribution",
                    Text(
                        "Which channels lead to it, by each way of counting?",
                        "Quels canaux y mènent, selon chaque façon de compter ?",
                    ),
                    Text(
                        "Conversions credited to each channel by every attribution model; in each model they add up to "
                        "all "
                        "conversions.",
                        "Conversions attribuées à chaque canal par chaque modèle d'attribution ; dans chaque modèle "
                        "elles font "
                        "le total des conversions.",
                    ),
                    ("attribution_comparison",),
                    (
                        Column("breakdown_value", Text("Channel", "Canal"), "word"),
                        Column("attribution_model", Text("Model", "Modèle"), "word"),
                        Column(
                            "credited_conversion_count", Text("Credited conversions", "Conversions attribuées"), "count"
                        ),
                        Column("credited_conversion_count_lower", Text("Lower bound", "Borne basse"), "number"),
                        Column("credited_conversion_count_upper", Text("Upper bound", "Borne haute"), "number"),
                        Column("value_amount_reporting", Text("Value", "Valeur"), "money"),
                        HIDDEN,
                    ),
                    needs="conversions",
                    chart=Dots("credited_conversion_count", "breakdown_value", "attribution_model"),
                    people="credited_conversion_count",
                    merged="breakdown_value",
                    hidden="hidden_reason",
                ),
            ),
        ),
        Figure(
            "claims",
            Text(
                "Do platforms claim more than we credit?", "Les plateformes revendiquent-elles plus qu'on n'attribue ?"
            ),
            Text(
                "Conversions that a platform claims, divided by those that the last touch credits, by event and window "
                "of the "
                "platform. 1 is agreement; claims overlap and cannot be added up.",
                "Conversions revendiquées par une plateforme, divisées par celles attribuées au dernier contact, par "
                "événement "
                "et fenêtre. 1 : accord ; les revendications se recoupent et ne s'additionnent pas.",
            ),
            ("platform_claims",),
            (
                Column("claim", Text("Event and window", "Événement et fenêtre"), "text"),
                Column("platform", Text("Platform", "Plateforme"), "word"),
                Column("claimed", Text("Claimed", "Revendiquées"), "count"),
                Column("credited", Text("Credited", "Attribuées"), "count"),
                Column(
                    "over_claim_ratio",
                    Text("Claimed over credited", "Revendiquées sur attribuées"),
                    "ratio",
                    share=("claimed", "credited"),
                ),
            ),
            needs="claims",
            chart=Bars("over_claim_ratio", "claim"),
            people="credited",
        ),
        Figure(
            "experiments",
            Text("What did experiments change?", "Qu'ont changé les expériences ?"),
            Text(
                "Difference from the arm that was left as it is, as a share of it, with a 95% interval. Where the "
                "range holds "
                "0, it may be chance.",
                "Écart avec le groupe laissé tel quel, en part de celui-ci, avec un intervalle à 95 %. Si la plage "
                "contient 0, "
                "c'est peut-être le hasard.",
            ),
            ("experiment_results",),
            (
                Column("comparison", Text("Experiment, arm and metric", "Expérience, groupe et mesure"), "text"),
                Column("person_count", Text("People", "Personnes"), "count"),
                Column("control_person_count", Text("People in control", "Personnes témoins"), "count"),
                Column("relative_difference_ratio", Text("Difference", "Écart"), "rate"),
                Column("relative_difference_ratio_lower", Text("Lower bound", "Borne basse"), "rate"),
                Column("relative_difference_ratio_upper", Text("Upper bound", "Borne haute"), "rate"),
                Column("is_significant", Text("Beyond chance", "Au-delà du hasard"), "flag"),
                HIDDEN,
            ),
            needs="experiments",
            chart=Ranges(
                "relative_difference_ratio",
                "comparison",
                low="relative_difference_ratio_lower",
                high="relative_difference_ratio_upper",
            ),
            people="person_count",
            hidden="hidden_reason",
        ),
    ),
)
