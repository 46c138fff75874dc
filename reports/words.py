"""The vocabulary of the marts in both languages: channels, bands, buckets, reasons, models.

Belongs here: words that come from a mart as a key. Does not: stages, whose labels are in the marts; what pages say.
"""

from __future__ import annotations

import re

from reports.figures import Text

NO_VALUE = "–"

WORDS = {
    "smaller_groups": Text("Smaller groups", "Groupes plus petits"),
    "all": Text("All", "Tout"),
    "none": Text("None", "Aucun"),
    "no_campaign": Text("No campaign", "Sans campagne"),
    "unknown": Text("Unknown", "Inconnu"),
    # ---- channels and platforms
    "whatsapp_cloud": Text("WhatsApp", "WhatsApp"),
    "instagram": Text("Instagram", "Instagram"),
    "facebook": Text("Facebook", "Facebook"),
    "meta_ads": Text("Meta Ads", "Meta Ads"),
    "google_ads": Text("Google Ads", "Google Ads"),
    "tiktok_ads": Text("TikTok Ads", "TikTok Ads"),
    "crm": Text("CRM", "CRM"),
    "web": Text("Website", "Site web"),
    "form": Text("Form", "Formulaire"),
    "email": Text("E-mail", "E-mail"),
    "inbox": Text("Inbox", "Boîte de réception"),
    "direct": Text("Direct", "Direct"),
    "phone": Text("Phone", "Téléphone"),
    "messaging": Text("Messaging", "Messagerie"),
    # ---- sources
    "files": Text("Files", "Fichiers"),
    "hubspot": Text("HubSpot", "HubSpot"),
    "shopify": Text("Shopify", "Shopify"),
    "stripe": Text("Stripe", "Stripe"),
    "respond_io": Text("respond.io", "respond.io"),
    "whatsapp": Text("WhatsApp", "WhatsApp"),
    # ---- first response
    "under_5_minutes": Text("Answered within 5 minutes", "Réponse en moins de 5 minutes"),
    "under_1_hour": Text("Within 1 hour", "En moins d'une heure"),
    "under_4_hours": Text("Within 4 hours", "En moins de 4 heures"),
    "under_24_hours": Text("Within 24 hours", "En moins de 24 heures"),
    "24_hours_or_more": Text("After 24 hours or more", "Après 24 heures ou plus"),
    "unanswered": Text("Not answered", "Sans réponse"),
    "none_needed": Text("No answer was due", "Aucune réponse attendue"),
    # ---- bands, payback, subscriptions
    "low": Text("Low (below 33%)", "Faible (moins de 33 %)"),
    "medium": Text("Medium (33 to 66%)", "Moyen (33 à 66 %)"),
    "high": Text("High (above 66%)", "Élevé (plus de 66 %)"),
    "paid_back": Text("Paid back", "Amorti"),
    "not_yet": Text("Not yet", "Pas encore"),
    "no_spend": Text("No spend", "Sans dépense"),
    "no_customers": Text("No customers", "Aucun client"),
    "cohort_open": Text("Month not over", "Mois en cours"),
    "active": Text("Active", "Actif"),
    "ending": Text("Ending", "En cours de résiliation"),
    "ended": Text("Ended", "Terminé"),
    "past_due": Text("Past due", "En retard de paiement"),
    "unpaid": Text("Unpaid", "Impayé"),
    "will_renew": Text("Renews", "Se renouvelle"),
    "payment_problem": Text("Bill not paid", "Facture impayée"),
    # ---- what is counted
    "subscription": Text("Subscriptions", "Abonnements"),
    "order": Text("Orders", "Commandes"),
    "lapse": Text("Until no order, message or paid subscription for a long time",
                  "Jusqu'à une longue période sans commande, message ni abonnement payé"),
    "second_purchase": Text("Until the second purchase", "Jusqu'au deuxième achat"),
    "inactivity": Text("No purchase in the horizon", "Aucun achat sur l'horizon"),
    "new": Text("New", "Nouveaux"),
    "reactivation": Text("Returned", "Revenus"),
    "expansion": Text("Expansion", "Expansion"),
    "contraction": Text("Contraction", "Contraction"),
    "churn": Text("Churn", "Résiliations"),
    "gross": Text("Gross (GRR)", "Brute (GRR)"),
    "net": Text("Net (NRR)", "Nette (NRR)"),
    "last_365_days": Text("Last 365 days", "365 derniers jours"),
    "ever": Text("Since the beginning", "Depuis le début"),
    "returning": Text("Returning customers", "Clients déjà connus"),
    "first_time": Text("New customers", "Nouveaux clients"),
    "onward": Text("Onward", "Progression"),
    "back": Text("Back", "Retour"),
    "lost": Text("Lost", "Perdu"),
    "regained": Text("Won back", "Regagné"),
    "won": Text("Won", "Gagné"),
    "open": Text("Open", "Ouvert"),
    "wall_clock": Text("On the wall clock", "En temps réel"),
    "business_hours": Text("Within business hours", "En heures ouvrées"),
    "actual": Text("Actual", "Réalisé"),
    "forecast": Text("Forecast", "Prévision"),
    "naive": Text("Naive rule", "Règle naïve"),
    "purchases_to_come": Text("Purchases", "Achats"),
    "renewals_to_come": Text("Renewals", "Renouvellements"),
    "entered": Text("Entered", "Entrés"),
    # ---- segments
    "champions": Text("Champions", "Champions"),
    "growing": Text("Growing", "En croissance"),
    "recent": Text("Recent", "Récents"),
    "loyal": Text("Loyal", "Fidèles"),
    "wavering": Text("Wavering", "Hésitants"),
    "fading": Text("Fading", "En déclin"),
    "at_risk": Text("At risk", "À risque"),
    "hibernating": Text("Hibernating", "En sommeil"),
    "dormant": Text("Dormant", "Dormants"),
    "no_segment": Text("Without orders", "Sans commande"),
    # ---- attribution
    "first": Text("First touch", "Premier contact"),
    "last": Text("Last touch", "Dernier contact"),
    "last_non_direct": Text("Last touch but direct", "Dernier contact hors direct"),
    "linear": Text("Linear", "Linéaire"),
    "position": Text("First and last most", "Premier et dernier surtout"),
    "time_decay": Text("Recent most", "Récents surtout"),
    "markov": Text("Paths (Markov)", "Parcours (Markov)"),
    "shapley": Text("Paths (Shapley)", "Parcours (Shapley)"),
    "first_order": Text("First order", "Première commande"),
    "repeat_order": Text("Repeated order", "Nouvelle commande"),
    "subscription_started": Text("Subscription started", "Abonnement commencé"),
    "deal_won": Text("Deal won", "Affaire gagnée"),
    # ---- reasons of losses
    "subscription ended": Text("Subscription ended", "Abonnement terminé"),
    "unqualified": Text("Unqualified", "Non qualifié"),
    "trial ended without paying": Text("Trial ended without paying", "Essai terminé sans paiement"),
    "other": Text("Other", "Autre"),
    "competitor": Text("Competitor", "Concurrent"),
    "no_budget": Text("No budget", "Pas de budget"),
    "no_decision": Text("No decision", "Pas de décision"),
    "price": Text("Price", "Prix"),
    "set in the inbox": Text("Set in the inbox", "Indiqué dans la boîte de réception"),
    # ---- what may be hidden
    "predicted_value": Text("Value of the next year", "Valeur de l'année à venir"),
    "predicted_short_term_value": Text("Value over the short horizon", "Valeur sur l'horizon court"),
    "churn_model": Text("Signs of leaving", "Signes de départ"),
    "inactivity_rule": Text("Inactivity rule", "Règle d'inactivité"),
    # ---- surveys, predictions, checks
    "nps": Text("NPS", "NPS"),
    "csat": Text("Satisfaction (CSAT)", "Satisfaction (CSAT)"),
    "ces": Text("Effort (CES)", "Effort (CES)"),
    "review": Text("Reviews", "Avis"),
    "purchases": Text("Number of purchases", "Nombre d'achats"),
    "value": Text("Value of purchases", "Valeur des achats"),
    "renewals": Text("Number of renewals", "Nombre de renouvellements"),
    "no_purchase": Text("No purchase", "Aucun achat"),
    "subscription_end": Text("End of subscription", "Fin d'abonnement"),
    "loading": Text("Loading", "Chargement"),
    "accounting": Text("Accounting of records", "Décompte des enregistrements"),
    "raw_gate": Text("Is each batch plausible?", "Chaque lot est-il plausible ?"),
    "model_tests": Text("Are the models true?", "Les modèles sont-ils justes ?"),
    "mart_gate": Text("May BI see it?", "La BI peut-elle le voir ?"),
    "customer success": Text("Customer success", "Succès client"),
    "marketing": Text("Marketing", "Marketing"),
    "sales": Text("Sales", "Commercial"),
    "finance": Text("Finance", "Finance"),
}  # fmt: skip

# Reasons that hold a number of days, from the stage models.
WITH_DAYS = (
    (r"no reply in (\d+) days", "No reply in {} days", "Pas de réponse en {} jours"),
    (r"no order or message in (\d+) days", "No order or message in {} days", "Ni commande ni message en {} jours"),
    (r"no sign of interest in (\d+) days", "No sign of interest in {} days", "Aucun signe d'intérêt en {} jours"),
    (r"considered for (\d+) days without paying", "Considered for {} days without paying",
     "A hésité {} jours sans payer"),
    (r"open deal silent for (\d+) days", "Open deal silent for {} days",
     "Affaire ouverte sans nouvelle depuis {} jours"),
    (r"no order, deal, meeting or message in (\d+) days", "No order, deal, meeting or message in {} days",
     "Ni commande, ni affaire, ni rendez-vous, ni message en {} jours"),
)  # fmt: skip


def of_the_vocabulary(value: str) -> Text:
    """A key in both languages; one that is not known, such as a reason of one's own stage model, reads as it is."""
    if value in WORDS:
        return WORDS[value]
    for pattern, english, french in WITH_DAYS:
        if found := re.fullmatch(pattern, value):
            return Text(english.format(*found.groups()), french.format(*found.groups()))
    readable = value.replace("_", " ")
    return Text(readable[:1].upper() + readable[1:], readable[:1].upper() + readable[1:])
