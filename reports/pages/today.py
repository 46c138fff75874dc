"""Today: where the company stands, against the last publication and a year ago."""

from __future__ import annotations

from reports.charts import Bars
from reports.figures import Column, Figure, Headline, Page, Text
from reports.pages.columns import SHARE, STAGE

TODAY = Page(
    "today",
    Text("Today", "Aujourd'hui"),
    Text(
        "Where the company stands, against the last publication and against a year ago.",
        "Où en est l'entreprise, par rapport à la dernière publication et à il y a un an.",
    ),
    headlines=(
        Headline(
            "people_known",
            Text("People known", "Personnes connues"),
            Text(
                "Persons whom any source knows, each once. A year ago: those of them who had done something by then.",
                "Personnes connues d'une source, chacune une fois. Il y a un an : celles qui avaient déjà fait quelque "
                "chose.",
            ),
            ("customer_360",),
            "count",
            "people",
            "more",
        ),
        Headline(
            "customers",
            Text("Customers", "Clients"),
            Text(
                "People and companies who ever bought, subscribed or signed. A year ago: those of them who had by "
                "then.",
                "Personnes et entreprises qui ont acheté, souscrit ou signé. Il y a un an : celles qui l'avaient déjà "
                "fait.",
            ),
            ("customer_value",),
            "count",
            "orders",
            "more",
        ),
        Headline(
            "new_customers",
            Text("New customers in a month", "Nouveaux clients en un mois"),
            Text(
                "Customers whose first purchase lay in the last complete month.",
                "Clients dont le premier achat date du dernier mois complet.",
            ),
            ("revenue_by_month",),
            "count",
            "orders",
            "more",
        ),
        Headline(
            "revenue",
            Text("Revenue in a month", "Chiffre d'affaires en un mois"),
            Text(
                "Sales less refunds of the last complete month; a refund counts in the month of its order.",
                "Ventes moins remboursements du dernier mois complet ; un remboursement compte au mois de sa commande.",
            ),
            ("revenue_by_month",),
            "money",
            "orders",
            "more",
        ),
        Headline(
            "recurring_revenue",
            Text("Monthly recurring revenue", "Revenu mensuel récurrent"),
            Text(
                "What subscriptions bring in a month (MRR), at the end of the latest month, which may not be over.",
                "Ce que les abonnements rapportent par mois (MRR), à la fin du dernier mois, peut-être en cours.",
            ),
            ("revenue_retention",),
            "money",
            "subscriptions",
            "more",
        ),
        Headline(
            "net_retention",
            Text("Net revenue retention", "Rétention nette du revenu"),
            Text(
                "MRR kept in the last complete month, with expansion, of the customers there at its beginning.",
                "MRR conservé dans le dernier mois complet, expansion comprise, des clients présents à son début.",
            ),
            ("revenue_retention",),
            "rate",
            "subscriptions",
            "more",
        ),
        Headline(
            "renewals",
            Text("Renewals within 30 days", "Renouvellements sous 30 jours"),
            Text(
                "What is billed on the renewals of the next 30 days, without subscriptions that were asked to end.",
                "Montant des renouvellements des 30 prochains jours, sans les abonnements en cours de résiliation.",
            ),
            ("renewals_due",),
            "money",
            "subscriptions",
        ),
        Headline(
            "expected_value",
            Text("Expected of today's customers", "Attendu des clients actuels"),
            Text(
                "What their purchases and renewals are expected to bring within the short horizon of the predictions.",
                "Ce que leurs achats et renouvellements devraient rapporter sur l'horizon court des prévisions.",
            ),
            ("customer_value",),
            "money",
            "predictions",
            "more",
        ),
        Headline(
            "pipeline",
            Text("Open pipeline", "Affaires en cours"),
            Text("Amounts of all deals that are open.", "Montants de toutes les affaires ouvertes."),
            ("deal_pipeline_by_month",),
            "money",
            "deals",
            "more",
        ),
        Headline(
            "acquisition_cost",
            Text("Cost of a new customer", "Coût d'un nouveau client"),
            Text(
                "Spend on ads divided by customers acquired, in the last complete month with spend (CAC).",
                "Dépenses publicitaires divisées par les clients acquis, au dernier mois complet avec dépenses (CAC).",
            ),
            ("revenue_by_month",),
            "money",
            "campaigns",
            "less",
        ),
        Headline(
            "first_response",
            Text("Time to first response", "Délai de première réponse"),
            Text(
                "Median wait for the first reply by a person, in the last complete month; unanswered waits included.",
                "Attente médiane de la première réponse d'une personne, au dernier mois complet, sans-réponse compris.",
            ),
            ("first_response_times",),
            "seconds",
            "conversations",
            "less",
        ),
    ),
    parts=(
        Figure(
            "stages",
            Text("Which stages are people in today?", "À quelles étapes en est-on aujourd'hui ?"),
            Text(
                "People by stage of the main stage model. The page Stages has the others.",
                "Personnes par étape du modèle d'étapes principal. La page Étapes montre les autres.",
            ),
            ("lifecycle_current", "lifecycle_stages"),
            (
                STAGE,
                Column("stage_kind", Text("Kind", "Nature"), "word"),
                Column("people", Text("People", "Personnes"), "count"),
                Column("share", SHARE, "rate"),
            ),
            needs="stages",
            chart=Bars("people", "stage_label", "stage_kind"),
            people="people",
            merged="stage_label",
        ),
        Figure(
            "due",
            Text("What is due next, and for which team?", "Que faut-il faire maintenant, et quelle équipe ?"),
            Text(
                "People and accounts with an action that is due, the most urgent one for each channel.",
                "Personnes et comptes avec une action à faire, la plus urgente pour chaque canal.",
            ),
            ("next_best_action",),
            (
                Column("audience_label", Text("Audience", "Audience"), "label"),
                Column("team", Text("Team", "Équipe"), "word"),
                Column("channel", Text("Channel", "Canal"), "word"),
                Column("action", Text("Action", "Action"), "label"),
                Column("people", Text("People and accounts", "Personnes et comptes"), "count"),
            ),
            needs="audiences",
            chart=Bars("people", "audience_label", "team"),
            people="people",
            merged="audience_label",
        ),
        Figure(
            "sources",
            Text("Which sources are up to date?", "Quelles sources sont à jour ?"),
            Text(
                "How far this publication knows each source, and why there is no later news of it.",
                "Jusqu'où cette publication connaît chaque source, et pourquoi il n'y a rien de plus récent.",
            ),
            ("publication_sources",),
            (
                Column("source", Text("Source", "Source"), "word"),
                Column("is_stale", Text("Is stale", "En retard"), "flag"),
                Column("loaded_as_of", Text("Known until", "Connue jusqu'au"), "instant"),
                Column("stale_since", Text("Without news since", "Sans nouvelles depuis"), "instant"),
                Column("reason", Text("Reason", "Raison"), "sentence"),
            ),
            needs="people",
        ),
    ),
)
