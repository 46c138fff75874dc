"""Leaks: who is lost, from where, why, and what waiting for an answer has to do with it."""

from __future__ import annotations

from reports.charts import Bars, Columns, Lines, Ranges
from reports.figures import Choice, Column, Figure, Page, Text
from reports.pages.columns import MONTH, STAGE
from reports.pages.stages import STAGE_MODELS

WAITS = Column("wait_count", Text("Waits", "Attentes"), "count")
ENTERED = Column("entered_count", Text("Stays that began", "Séjours commencés"), "count")
LOST = Column("lost_count", Text("Lost", "Perdus"), "count")
LOSS_RATE = Column("loss_rate", Text("Share lost", "Part perdue"), "rate", share=("lost_count", "entered_count"))

LEAKS = Page(
    "leaks",
    Text("Leaks", "Pertes"),
    Text(
        "Who is lost, from which stage, why, and what waiting for an answer has to do with it.",
        "Qui est perdu, à quelle étape, pourquoi, et quel rôle joue l'attente d'une réponse.",
    ),
    (
        Figure(
            "first_response",
            Text("How long do people wait for the first reply?", "Combien de temps attend-on la première réponse ?"),
            Text(
                "Median wait for the first reply by a person, by month of the question. Waits without an answer count "
                "for as "
                "long as they have lasted.",
                "Attente médiane de la première réponse d'une personne, par mois de la question. Les attentes sans "
                "réponse "
                "comptent pour leur durée jusqu'ici.",
            ),
            ("first_response_times",),
            (
                MONTH,
                Column("measure", Text("Measured", "Mesurée"), "word"),
                WAITS,
                Column("hours", Text("Median", "Médiane"), "hours"),
                Column("p90_hours", Text("90th percentile", "90e percentile"), "hours"),
            ),
            needs="conversations",
            chart=Lines("month", "hours", "measure"),
            people="wait_count",
        ),
        Figure(
            "response_channels",
            Text("On which channel do people wait longest?", "Sur quel canal attend-on le plus ?"),
            Text(
                "Median wait for the first reply by a person, over all months.",
                "Attente médiane de la première réponse d'une personne, tous mois confondus.",
            ),
            ("first_response_times",),
            (
                Column("channel", Text("Channel", "Canal"), "word"),
                WAITS,
                Column("answered_rate", Text("Share answered", "Part avec réponse"), "rate"),
                Column("hours", Text("Median", "Médiane"), "hours"),
                Column("business_hours", Text("Median of business hours", "Médiane en heures ouvrées"), "hours"),
            ),
            needs="conversations",
            chart=Bars("hours", "channel"),
            people="wait_count",
            merged="channel",
        ),
        Choice(
            "lifecycle_model",
            "stages/models",
            STAGE_MODELS,
            (
                Figure(
                    "reasons",
                    Text("Why were people lost in the last twelve months?", "Pourquoi a-t-on perdu en douze mois ?"),
                    Text(
                        "Losses of the last twelve months, the current one included, by the reason that the rule or "
                        "the "
                        "sales team gave.",
                        "Pertes des douze derniers mois, mois en cours compris, selon la raison donnée par la règle ou "
                        "par "
                        "l'équipe commerciale.",
                    ),
                    ("lifecycle_drop_off",),
                    (
                        Column("lost_reason", Text("Reason", "Raison"), "word"),
                        Column("lost_count", Text("Losses", "Pertes"), "count"),
                    ),
                    needs="losses",
                    chart=Bars("lost_count", "lost_reason"),
                    people="lost_count",
                    merged="lost_reason",
                ),
                Figure(
                    "stages_left",
                    Text("From which stage are people lost?", "À quelle étape perd-on des personnes ?"),
                    Text(
                        "Of the stays in each active stage that ever began: the share that ended in a loss so far.",
                        "Parmi les séjours commencés dans chaque étape active : la part finie en perte jusqu'ici.",
                    ),
                    ("lifecycle_drop_off_rates",),
                    (
                        STAGE,
                        ENTERED,
                        LOST,
                        Column("open_count", Text("Still open", "Encore en cours"), "count"),
                        LOSS_RATE,
                    ),
                    needs="stages",
                    chart=Bars("loss_rate", "stage_label"),
                    people="entered_count",
                    merged="stage_label",
                ),
                Figure(
                    "response",
                    Text(
                        "Does a slow answer go with being lost?", "Une réponse lente va-t-elle de pair avec une perte ?"
                    ),
                    Text(
                        "Of the stays in active stages in which an answer was due: the share lost, by how fast the "
                        "first "
                        "reply came. A short stay leaves less time for a reply: a sign, not a proof.",
                        "Parmi les séjours où une réponse était attendue : la part perdue, selon la rapidité de la "
                        "première "
                        "réponse. Un séjour court laisse moins de temps pour répondre : un signe, pas une preuve.",
                    ),
                    ("lifecycle_drop_off_rates",),
                    (
                        Column("first_response_bucket", Text("First reply", "Première réponse"), "word"),
                        ENTERED,
                        LOST,
                        LOSS_RATE,
                    ),
                    needs="conversations",
                    chart=Bars("loss_rate", "first_response_bucket"),
                    people="entered_count",
                    merged="first_response_bucket",
                ),
                Figure(
                    "time_in_stage",
                    Text("How long do people stay in a stage?", "Combien de temps reste-t-on à une étape ?"),
                    Text(
                        "From the first to the third quartile, with the median as a dot. Stays that go on count for as "
                        "long "
                        "as they have lasted (Kaplan-Meier); what has not been reached yet is not drawn.",
                        "Du premier au troisième quartile, la médiane en point. Les séjours en cours comptent pour "
                        "leur durée "
                        "jusqu'ici (Kaplan-Meier) ; ce qui n'est pas encore atteint n'est pas dessiné.",
                    ),
                    ("lifecycle_time_in_stage",),
                    (
                        STAGE,
                        Column("episode_count", Text("Stays", "Séjours"), "count"),
                        Column("open_count", Text("Still open", "Encore en cours"), "count"),
                        Column("first_quartile_days", Text("First quartile", "Premier quartile"), "days"),
                        Column("median_days", Text("Median", "Médiane"), "days"),
                        Column("third_quartile_days", Text("Third quartile", "Troisième quartile"), "days"),
                    ),
                    needs="stages",
                    chart=Ranges("median_days", "stage_label", low="first_quartile_days", high="third_quartile_days"),
                    people="episode_count",
                ),
                Figure(
                    "losses",
                    Text("Are we losing more than before?", "Perd-on plus qu'avant ?"),
                    Text(
                        "Losses by month and by the stage in which they ended.",
                        "Pertes par mois et selon l'étape où elles ont fini.",
                    ),
                    ("lifecycle_drop_off",),
                    (
                        MONTH,
                        Column("lost_stage_label", Text("Ended in", "Fin"), "label"),
                        Column("lost_count", Text("Losses", "Pertes"), "count"),
                    ),
                    needs="losses",
                    chart=Columns("month", "lost_count", "lost_stage_label"),
                    people="lost_count",
                    merged="lost_stage_label",
                ),
            ),
        ),
    ),
)
