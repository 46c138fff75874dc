"""The stage models that `dbt_project.yml` names, held against the files that are there.

If dbt does not know a name, it says which model reads it, but not which list contains it, nor which names would work.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from ingestion.config import SettingsError

FOLDER = Path("models/intermediate/lifecycle")
PREFIX = "int_lifecycle__"


def refuse_unknown_stage_models(project: Path) -> None:
    """Stop where a list of stage models names one that has no file.

    Raises:
        SettingsError: saying which, where, and what there is.
    """
    settings = project / "dbt_project.yml"
    lists = yaml.safe_load(settings.read_text(encoding="utf-8"))["vars"]
    known = sorted(path.stem.removeprefix(PREFIX) for path in (project / FOLDER).glob(f"{PREFIX}*.sql"))
    for name in ("lifecycle_models", "lifecycle_proposals"):
        for model in lists[name]:
            if model not in known:
                raise SettingsError(
                    f"{project.name}/{settings.name}: {name} names {model!r}, and there is no "
                    f"{FOLDER}/{PREFIX}{model}.sql. Add that file, or choose from: {', '.join(known)}."
                )
