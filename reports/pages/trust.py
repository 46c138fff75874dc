"""Trust: what was checked and held back, and whether predictions were right before."""

from __future__ import annotations

from reports.charts import Bars, Lines
from reports.figures import Choice, Column, Figure, Page, Text

# Told by whoever runs the refresh (`Given`), not by a mart.
REJECTIONS, CHECKS = "rejections", "checks"

TRUST = Page(
    "trust",
    Text("Trust", "Confiance"),
    Text(
        "How far the data reach, what was checked and held back, and whether predictions were right before.",
        "Jusqu'où vont les données, ce qui a été vérifié et écarté, et si les prévisions étaient justes auparavant.",
    ),
    (
        Figure(
            "sources",
            Text("How far is each source known?", "Jusqu'où chaque source est-elle connue ?"),
            Text(
                "The last complete load of each source, and why there is no later news of it.",
                "Le dernier chargement complet de chaque source, et pourquoi il n'y a rien de plus récent.",
            ),
            ("publication_sources",),
            (
                Column("source", Text("Source", "Source"), "word"),
                Column("is_stale", Text("Is stale", "En retard"), "flag"),
                Column("loaded_as_of", Text("Known until", "Connue jusqu'au"), "instant"),
                Column("loaded_at", Text("Loaded", "Chargée"), "instant"),
                Column("reason", Text("Reason", "Raison"), "sentence"),
            ),
            needs="people",
        ),
        Figure(
            CHECKS,
            Text("What was checked before this was published?", "Qu'a-t-on vérifié avant cette publication ?"),
            Text(
                "Checks of the refresh. One that fails stops the publication; one that warns is only told.",
                "Vérifications de l'actualisation. Un échec arrête la publication ; un avertissement est seulement "
                "signalé.",
            ),
            (),
            (
                Column("check_kind", Text("Check", "Vérification"), "word"),
                Column("passed_count", Text("Passed", "Réussies"), "count"),
                Column("warned_count", Text("Warned", "Avertissements"), "count"),
                Column("failed_count", Text("Failed", "Échouées"), "count"),
            ),
            needs="refresh",
        ),
        Figure(
            REJECTIONS,
            Text("Which records were rejected, and why?", "Quels enregistrements ont été rejetés, et pourquoi ?"),
            Text(
                "Records that fit no table, kept and tried again before every load. What they hold is not shown.",
                "Enregistrements qui n'entrent dans aucune table, gardés et réessayés avant chaque chargement. Leur "
                "contenu "
                "n'est pas montré.",
            ),
            (),
            (
                Column("source", Text("Source", "Source"), "word"),
                Column("resource", Text("Table", "Table"), "text"),
                Column("reason", Text("Reason", "Raison"), "sentence"),
                Column("record_count", Text("Records", "Enregistrements"), "count"),
            ),
            needs="rejections",
        ),
        Figure(
            "predictions",
            Text(
                "Which predictions are shown, and which are not?", "Quelles prévisions sont montrées, lesquelles non ?"
            ),
            Text(
                "A prediction is shown if it beat the naive rule (the next window will be like the last) by more than "
                "chance "
                "at earlier cut-offs. Skill: share of the naive rule's squared error that it saves.",
                "Une prévision est montrée si elle a battu la règle naïve (la fenêtre suivante ressemblera à la "
                "dernière) "
                "au-delà du hasard à des dates passées. Gain : part de l'erreur quadratique naïve épargnée.",
            ),
            ("prediction_backtest",),
            (
                Column("target", Text("Prediction", "Prévision"), "word"),
                Column("horizon_days", Text("Horizon", "Horizon"), "days"),
                Column("is_shown", Text("Shown", "Montrée"), "flag"),
                Column("row_count", Text("Judged cases", "Cas jugés"), "count"),
                Column("skill", Text("Skill", "Gain"), "rate"),
                Column("bias_ratio", Text("Forecast above actual", "Prévu au-dessus du réalisé"), "rate"),
                Column("reason", Text("Why not", "Pourquoi non"), "sentence"),
            ),
            needs="predictions",
        ),
        Choice(
            "target",
            "trust/targets",
            Text("Prediction", "Prévision"),
            (
                Figure(
                    "backtests",
                    Text(
                        "Would earlier forecasts have been right?", "Les prévisions passées auraient-elles été justes ?"
                    ),
                    Text(
                        "At each cut-off the model knew only what was known then; the total of the window that "
                        "followed, beside "
                        "the forecast and the naive rule.",
                        "À chaque date, le modèle ne savait que ce qu'on savait alors ; le total de la fenêtre "
                        "suivante, à côté "
                        "de la prévision et de la règle naïve.",
                    ),
                    ("prediction_backtest",),
                    (
                        Column("cutoff_on", Text("Cut-off", "Date de coupure"), "day"),
                        Column("told", Text("Told by", "Selon"), "word"),
                        Column("horizon_days", Text("Window", "Fenêtre"), "days"),
                        Column("row_count", Text("Customers", "Clients"), "count"),
                        Column("total", Text("Total of the window", "Total de la fenêtre"), "number"),
                    ),
                    needs="predictions",
                    chart=Lines("cutoff_on", "total", "told"),
                    people="row_count",
                ),
            ),
        ),
        Figure(
            "hidden",
            Text("What is hidden, for how many, and why?", "Qu'est-ce qui est masqué, pour combien, et pourquoi ?"),
            Text(
                "Customers without a prediction, by the reason that stands beside it in the mart.",
                "Clients sans prévision, selon la raison qui figure à côté dans le mart.",
            ),
            ("customer_value", "customer_churn"),
            (
                Column("hidden", Text("Prediction", "Prévision"), "word"),
                Column("reason", Text("Reason", "Raison"), "sentence"),
                Column("customer_count", Text("Customers", "Clients"), "count"),
            ),
            needs="hidden",
            people="customer_count",
        ),
        Figure(
            "agreement",
            Text(
                "Do the systems' own stages agree with the derived ones?",
                "Les étapes des systèmes concordent-elles avec les étapes déduites ?",
            ),
            Text(
                "Of those in a stage of both: the share whose stage in the CRM or inbox agrees with the one derived "
                "from what "
                "they did.",
                "Parmi ceux présents dans les deux : la part dont l'étape du CRM ou de la boîte de réception concorde "
                "avec "
                "celle déduite de leurs actes.",
            ),
            ("lifecycle_agreement", "lifecycle_stages"),
            (
                Column("models", Text("System and stage model", "Système et modèle d'étapes"), "label"),
                Column("people", Text("People", "Personnes"), "count"),
                Column("agreed_count", Text("Agree", "Concordent"), "count"),
                Column(
                    "agreed_rate",
                    Text("Share that agrees", "Part qui concorde"),
                    "rate",
                    share=("agreed_count", "people"),
                ),
            ),
            needs="authorities",
            chart=Bars("agreed_rate", "models"),
            people="people",
            merged="models",
        ),
    ),
)
