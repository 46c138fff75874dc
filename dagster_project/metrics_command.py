"""`make metrics ARGS="query --metrics revenue --group-by metric_time__month"`: MetricFlow's command `mf` on the copy.

The copy is that of `make dbt`, so that a metric of a model that is not finished yet can be tried as well.

Belongs here: what `mf` needs to find the project and the copy. Does not: definitions of metrics
(`dbt_project/models/metrics/`), the copy (`dbt_command`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from dagster_project import dbt_command
from dagster_project.copies import say
from dagster_project.dbt_mistakes import what_went_wrong
from ingestion.config import SettingsError


def main(arguments: Sequence[str]) -> int:
    """Run `mf`; 0: it succeeded."""
    if not arguments:
        say('Give what mf is to do: make metrics ARGS="list metrics"')
        return 1
    try:
        target = dbt_command.begin()
    except SettingsError as error:
        say(f"mf not started: {error}")
        return 1
    return _run(arguments, target) if _parse() else 1


def _parse() -> bool:
    """Write the metrics as they are defined now."""
    from dbt.cli.main import dbtRunner

    done = dbtRunner().invoke(["--quiet", "parse"])
    if not done.success:
        say(what_went_wrong(done, dbt_command.DBT))
    return done.success


def _run(arguments: Sequence[str], target: Path) -> int:
    try:
        from dbt_metricflow.cli import main as mf
    except ImportError:
        say("mf is not installed: it is part of requirements/dev.txt, which `make` installs, and not of base.txt.")
        return 1
    # `mf` reads `target/` of the project alone, and dbt writes none there.
    project = target.parent / "metrics"
    project.mkdir(exist_ok=True)
    for name, leads_to in (("dbt_project.yml", dbt_command.DBT / "dbt_project.yml"), ("target", target)):
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(leads_to)
    os.environ["DBT_PROJECT_DIR"] = str(project)
    # Every call would ask PyPI for a newer version, and nothing leaves this machine.
    mf.UpdateChecker = lambda: SimpleNamespace(check=lambda *_: None)
    return mf.cli.main([*arguments], prog_name="mf", standalone_mode=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
