"""Names of stage models in `dbt_project.yml` that have no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dagster_project.stage_models import refuse_unknown_stage_models
from ingestion.config import PROJECT_ROOT, SettingsError


@pytest.mark.parametrize("name", ["lifecycle_models", "lifecycle_proposals"])
def test_a_name_without_a_file_is_refused_with_the_list_that_names_it(tmp_path: Path, name: str) -> None:
    lists = {"lifecycle_models": ["retail"], "lifecycle_proposals": []}
    folder = tmp_path / "models/intermediate/lifecycle"
    folder.mkdir(parents=True)
    (folder / "int_lifecycle__retail.sql").touch()
    settings = tmp_path / "dbt_project.yml"
    settings.write_text(yaml.safe_dump({"vars": lists}))
    refuse_unknown_stage_models(tmp_path)

    settings.write_text(yaml.safe_dump({"vars": {**lists, name: [*lists[name], "retial"]}}))
    with pytest.raises(SettingsError, match=rf"/dbt_project\.yml: {name} names 'retial'.* choose from: retail\."):
        refuse_unknown_stage_models(tmp_path)


def test_every_name_of_the_project_has_a_file() -> None:
    refuse_unknown_stage_models(PROJECT_ROOT / "dbt_project")
