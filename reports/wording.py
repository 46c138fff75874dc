"""What every page says around its figures, in both languages."""

from __future__ import annotations

from reports.figures import Text
from reports.reading import NotInThisVersionError


def not_in_this_version(error: NotInThisVersionError) -> Text:
    """What stands in the place of a figure whose mart a version does not have."""
    return Text(
        f"This version lacks what this figure reads ({error}). The next `make refresh` brings it.",
        f"Cette version n'a pas ce que lit cette figure ({error}). Le prochain `make refresh` l'apportera.",
    )


WORDING = {
    "report": Text("Customer lifecycle report", "Rapport du cycle de vie client"),
    "skip": Text("Go to the figures", "Aller aux figures"),
    "pages": Text("Pages", "Pages"),
    "as_of": Text("Data as of", "Données au"),
    "published": Text("published", "publié le"),
    "compared_with": Text("compared with the publication of", "comparé à la publication du"),
    "first_publication": Text("first publication: nothing to compare with", "première publication : rien à comparer"),
    "stale": Text("Without news of", "Sans nouvelles de"),
    "up_to_date": Text("all sources up to date", "toutes les sources à jour"),
    "switch": Text("Français", "English"),
    "before": Text("since the last publication", "depuis la dernière publication"),
    "year_ago": Text("against a year ago", "par rapport à il y a un an"),
    "unchanged": Text("unchanged", "inchangé"),
    "points": Text("points", "points"),
    "under_five": Text("under 5", "moins de 5"),
    "days_unit": Text("days", "jours"),
    "hours_unit": Text("hours", "heures"),
    "table": Text("Table", "Tableau"),
    "chart_of": Text("Chart. The table below has its figures.", "Graphique. Le tableau ci-dessous donne ses chiffres."),
    "from": Text("From", "Source :"),
    "from_refresh": Text("Told by the refresh, from no mart", "Indiqué par l'actualisation, d'aucun mart"),
    "hidden": Text("Hidden, because", "Masqué, car"),
    "no_script": Text("Charts need JavaScript; the tables show the same figures.",
                      "Les graphiques demandent JavaScript ; les tableaux montrent les mêmes chiffres."),
    "privacy": Text(
        "Counts and sums only. Groups of fewer than five are put together, or their figures are left out (under 5).",
        "Comptes et sommes uniquement. Les groupes de moins de cinq sont réunis, ou leurs chiffres omis (moins de 5).",
    ),
    "version": Text("Version", "Version"),
    "column": Text("Column", "Colonne"),
    "type": Text("Type", "Type"),
    "meaning": Text("Meaning", "Signification"),
    "in_english": Text("", "Les descriptions sont en anglais, comme dans les tables."),
}  # fmt: skip
