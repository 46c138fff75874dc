"""Stages: where everyone is, how they moved, and how far those who entered together have come."""

from __future__ import annotations

from reports.charts import Areas, Bars, Lines
from reports.figures import Choice, Column, Figure, Page, Text
from reports.pages.columns import PEOPLE, SHARE, STAGE

STAGE_MODELS = Text("Stage model", "Modèle d'étapes")

STAGES = Page(
    "stages",
    Text("Stages", "Étapes"),
    Text(
        "Where everyone is, how they moved, and how far those who entered together have come.",
        "Où chacun se trouve, comment on s'est déplacé, et jusqu'où sont allés ceux qui sont entrés ensemble.",
    ),
    (
        Choice(
            "lifecycle_model",
            "stages/models",
            STAGE_MODELS,
            (
                Figure(
                    "now",
                    Text("How many are in each stage?", "Combien sont à chaque étape ?"),
                    Text(
                        "Everyone who is in a stage at the instant of the refresh, active or lost.",
                        "Tous ceux qui sont à une étape à l'instant de l'actualisation, active ou perdue.",
                    ),
                    ("lifecycle_current", "lifecycle_stages"),
                    (
                        STAGE,
                        Column("stage_kind", Text("Kind", "Nature"), "word"),
                        PEOPLE,
                        Column("share", SHARE, "rate"),
                    ),
                    needs="stages",
                    chart=Bars("people", "stage_label", "stage_kind"),
                    people="people",
                    merged="stage_label",
                ),
                Figure(
                    "moves",
                    Text("Who moved where in the last 30 days?", "Qui est passé d'où à où en 30 jours ?"),
                    Text(
                        "Entries into a stage within 30 days before the refresh, by the stage left; each entry counts.",
                        "Entrées dans une étape dans les 30 jours avant l'actualisation, selon l'étape quittée ; "
                        "chaque "
                        "entrée compte.",
                    ),
                    ("lifecycle_stage_history", "lifecycle_stages"),
                    (
                        Column("move", Text("From and to", "De et vers"), "label"),
                        Column("direction", Text("Direction", "Direction"), "word"),
                        Column("people", Text("Entries", "Entrées"), "count"),
                    ),
                    needs="stages",
                    chart=Bars("people", "move", "direction"),
                    people="people",
                    merged="move",
                ),
                Figure(
                    "stock",
                    Text("How has the number in each stage developed?", "Comment le nombre par étape a-t-il évolué ?"),
                    Text(
                        "How many were in each stage at the end of the day: every day of the last month, every Sunday "
                        "and "
                        "end of month before. The table has the ends of months.",
                        "Nombre à chaque étape en fin de journée : chaque jour du dernier mois, chaque dimanche et fin "
                        "de "
                        "mois auparavant. Le tableau donne les fins de mois.",
                    ),
                    ("lifecycle_daily",),
                    (
                        Column("date_day", Text("Day", "Jour"), "day"),
                        STAGE,
                        PEOPLE,
                    ),
                    needs="stages",
                    chart=Areas("date_day", "people", "stage_label"),
                    people="people",
                    tabled="is_in_table",
                ),
                Figure(
                    "reached",
                    Text(
                        "How many of those who entered reach each stage?",
                        "Combien de ceux qui sont entrés atteignent chaque étape ?",
                    ),
                    Text(
                        "Of everyone who entered in a month that has had the whole window of the funnel: the share "
                        "that "
                        "reached the stage, or a further one, within it.",
                        "Parmi ceux entrés un mois qui a eu toute la fenêtre de l'entonnoir : la part qui a atteint "
                        "l'étape, "
                        "ou une étape suivante, dans cette fenêtre.",
                    ),
                    ("lifecycle_funnel",),
                    (
                        STAGE,
                        Column("cohort_size", Text("Entered", "Entrés"), "count"),
                        Column("reached_count", Text("Reached the stage", "Étape atteinte"), "count"),
                        Column("reached_rate", Text("Share that reached it", "Part qui l'a atteinte"), "rate"),
                    ),
                    needs="stages",
                    chart=Bars("reached_rate", "stage_label"),
                    people="cohort_size",
                ),
                Figure(
                    "cohorts",
                    Text(
                        "Do those who entered later come as far?",
                        "Ceux qui sont entrés plus tard vont-ils aussi loin ?",
                    ),
                    Text(
                        "By month of entry, the share that reached each stage within the window of the funnel. Hollow "
                        "points are months that have not had the whole window: they can still rise.",
                        "Par mois d'entrée, la part qui a atteint chaque étape dans la fenêtre de l'entonnoir. Les "
                        "points "
                        "creux sont des mois qui n'ont pas eu toute la fenêtre : ils peuvent encore monter.",
                    ),
                    ("lifecycle_funnel",),
                    (
                        Column("cohort_month", Text("Month of entry", "Mois d'entrée"), "month"),
                        STAGE,
                        Column("cohort_size", Text("Entered", "Entrés"), "count"),
                        Column("reached_count", Text("Reached the stage", "Étape atteinte"), "count"),
                        Column("reached_rate", Text("Share that reached it", "Part qui l'a atteinte"), "rate"),
                        Column("is_mature", Text("Had the whole window", "Fenêtre entière écoulée"), "flag"),
                    ),
                    needs="stages",
                    chart=Lines("cohort_month", "reached_rate", "stage_label", is_mature="is_mature"),
                    people="cohort_size",
                ),
            ),
        ),
    ),
)
