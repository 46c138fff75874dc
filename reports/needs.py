"""What would fill a figure that has no data: which source, file or setting."""

from __future__ import annotations

from reports.figures import Text

NEEDS = {
    "people": Text(
        "Nobody is known yet. Any source with people fills this: name it in LIFECYCLE_SOURCES (hubspot, shopify, "
        "stripe, "
        "respond_io, whatsapp, or files).",
        "Personne n'est encore connu. Toute source avec des personnes remplit cette partie : indiquez-la dans "
        "LIFECYCLE_SOURCES (hubspot, shopify, stripe, respond_io, whatsapp ou files).",
    ),
    "orders": Text(
        "No purchase is known yet. Orders of shopify or of files, or subscriptions of stripe, fill this "
        "(LIFECYCLE_SOURCES).",
        "Aucun achat n'est encore connu. Les commandes de shopify ou de fichiers, ou les abonnements de stripe, "
        "remplissent cette partie (LIFECYCLE_SOURCES).",
    ),
    "closed_months": Text(
        "Nothing to compare yet: a month of customers appears once it is over. Orders of shopify or of files, or "
        "subscriptions of stripe, fill this (LIFECYCLE_SOURCES).",
        "Rien à comparer encore : un mois de clients apparaît une fois terminé. Les commandes de shopify ou de "
        "fichiers, ou "
        "les abonnements de stripe, remplissent cette partie (LIFECYCLE_SOURCES).",
    ),
    "subscriptions": Text(
        "No subscription is known. stripe, or files with subscriptions, fill this (LIFECYCLE_SOURCES).",
        "Aucun abonnement n'est connu. stripe, ou des fichiers avec des abonnements, remplissent cette partie "
        "(LIFECYCLE_SOURCES).",
    ),
    "deals": Text(
        "No deal is known. hubspot, or files with deals, fill this (LIFECYCLE_SOURCES).",
        "Aucune affaire n'est connue. hubspot, ou des fichiers avec des affaires, remplissent cette partie "
        "(LIFECYCLE_SOURCES).",
    ),
    "conversations": Text(
        "No conversation is known. respond_io, whatsapp, or files with messages, fill this (LIFECYCLE_SOURCES).",
        "Aucune conversation n'est connue. respond_io, whatsapp, ou des fichiers avec des messages, remplissent cette "
        "partie (LIFECYCLE_SOURCES).",
    ),
    "campaigns": Text(
        "No campaign or spend is known. meta_ads, or files with spend on ads, fill this (LIFECYCLE_SOURCES).",
        "Aucune campagne ni dépense n'est connue. meta_ads, ou des fichiers avec des dépenses publicitaires, "
        "remplissent "
        "cette partie (LIFECYCLE_SOURCES).",
    ),
    "conversions": Text(
        "No conversion is known. Orders, subscriptions or deals of any source fill this (LIFECYCLE_SOURCES); "
        "`attribution` in dbt_project.yml says what counts as one.",
        "Aucune conversion n'est connue. Les commandes, abonnements ou affaires de toute source remplissent cette "
        "partie "
        "(LIFECYCLE_SOURCES) ; `attribution` dans dbt_project.yml dit ce qui en est une.",
    ),
    "losses": Text(
        "Nobody was lost yet under this stage model.", "Personne n'a encore été perdu selon ce modèle d'étapes."
    ),
    "stages": Text(
        "Nobody is in this stage model. Its stages follow from the activities of the sources in LIFECYCLE_SOURCES.",
        "Personne n'est dans ce modèle d'étapes. Ses étapes résultent des activités des sources de LIFECYCLE_SOURCES.",
    ),
    "surveys": Text(
        "No answer to a survey is known. hubspot (feedback), or files with surveys, fill this (LIFECYCLE_SOURCES).",
        "Aucune réponse à une enquête n'est connue. hubspot (feedback), ou des fichiers avec des enquêtes, remplissent "
        "cette partie (LIFECYCLE_SOURCES).",
    ),
    "audiences": Text(
        "Nothing is due. Audiences (`audiences` in dbt_project.yml) fill this with people who may be reached.",
        "Rien n'est à faire. Les audiences (`audiences` dans dbt_project.yml) remplissent cette partie avec les "
        "personnes "
        "qui peuvent être contactées.",
    ),
    "predictions": Text(
        "Nothing was foretold: predictions begin with 500 buyers, or 200 subscribers, and 180 days of history.",
        "Rien n'a été prédit : les prévisions commencent avec 500 acheteurs, ou 200 abonnés, et 180 jours "
        "d'historique.",
    ),
    "authorities": Text(
        "No system sets stages of its own. The lifecycle stages of hubspot or respond_io fill this "
        "(LIFECYCLE_SOURCES).",
        "Aucun système ne fixe ses propres étapes. Les étapes de hubspot ou de respond_io remplissent cette partie "
        "(LIFECYCLE_SOURCES).",
    ),
    "refresh": Text(
        "Not known here: a refresh writes this with the report.",
        "Inconnu ici : une actualisation l'écrit avec le rapport.",
    ),
    "rejections": Text("No record was rejected.", "Aucun enregistrement n'a été rejeté."),
    "hidden": Text("No prediction is hidden.", "Aucune prévision n'est masquée."),
    "claims": Text(
        "No platform claims a conversion. meta_ads fills this (LIFECYCLE_SOURCES).",
        "Aucune plateforme ne revendique de conversion. meta_ads remplit cette partie (LIFECYCLE_SOURCES).",
    ),
    "experiments": Text(
        "No experiment has ended windows. Files with the arms that people were drawn into fill this.",
        "Aucune expérience n'a de fenêtre terminée. Des fichiers avec les groupes tirés au sort remplissent cette "
        "partie.",
    ),
}
