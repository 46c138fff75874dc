"""dbt's parsed project, handed on so that a first command reads only what is new: from the installation to the first
refresh of a data folder, and from the refresh to those who work on a copy.

`python -m dagster_project.parsed_project` parses the project beside the environment's packages, as the last step of an
installation. It holds for exactly these files: where one of them has changed since, a first refresh parses all.

Belongs here: what dbt compares before it trusts what was parsed before. Does not: parsing (`dbt_runner`), dbt for a
person (`dbt_command`).

Nothing that is parsed depends on where the warehouse lies, but dbt asks whether target and connection are the same. If
it asks for something else one day, it parses the whole project, which is slower and no less right; a test notices.
"""

from __future__ import annotations

import os
import pprint
import sys
from argparse import Namespace
from pathlib import Path

from dagster_project.content import content
from dagster_project.environment import variables
from ingestion.config import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
NAME = "partial_parse.msgpack"
PARSED_FROM = "parsed_from.sha256"
INSTALLED = Path(sys.prefix) / "parsed_project"


def take_over(source: Path, target: Path, project: Path, target_name: str) -> None:
    """Copy what a refresh has parsed where nothing is parsed yet, as the parsed project of another target.

    Args:
        source: dbt's target folder of the refresh.
        target: the other one.
        project: folder of the project and its profile.
        target_name: what the profile calls the other target; empty where a command names none.
    """
    parsed, copy = source / NAME, target / NAME
    if copy.exists() or not parsed.exists():
        return
    from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

    try:
        manifest = extended_mashumuro_decoder(parsed.read_bytes())
        check = manifest["state_check"]
    except (ValueError, KeyError):
        return  # it is being written
    check["vars_hash"], check["profile_hash"] = _hashes(project, target_name)
    target.mkdir(parents=True, exist_ok=True)
    draft = copy.with_suffix(".draft")
    draft.write_bytes(extended_mashumaro_encoder(manifest))
    os.replace(draft, copy)


def begin_with_installed(target: Path, parsed_content: str) -> None:
    """Have a data folder where nothing is parsed begin with what the installation has parsed of the same files.

    Args:
        target: dbt's target folder of a refresh on DuckDB.
        parsed_content: hash of the project's files.
    """
    parsed_from = INSTALLED / PARSED_FROM
    if parsed_from.exists() and parsed_from.read_text() == parsed_content:
        take_over(INSTALLED, target, PROJECT, "")


def main() -> int:
    """Parse the project for first refreshes. Returns 0 in any case: what cannot be parsed stops no installation."""
    from dbt.cli.main import dbtRunner

    from dagster_project.dbt_mistakes import what_went_wrong

    (INSTALLED / PARSED_FROM).unlink(missing_ok=True)
    parsed_content = content(PROJECT)
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(INSTALLED)]
    logs = ["--log-path", str(INSTALLED), "--log-level", "none", "--log-level-file", "none"]
    # Not opened while dbt parses: the path gives the database its name.
    names = {"LIFECYCLE_WAREHOUSE_PATH": str(INSTALLED / "warehouse.duckdb"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    with variables(**names):
        done = dbtRunner().invoke(["--quiet", "parse", "--no-partial-parse", "--no-write-json", *places, *logs])
    if done.success:
        (INSTALLED / PARSED_FROM).write_text(parsed_content)
    else:
        print(f"The dbt project cannot be parsed, which a refresh will say too: {what_went_wrong(done, PROJECT)}")
    return 0


def _hashes(project: Path, target_name: str) -> tuple[dict[str, str], dict[str, str]]:
    """As `ManifestLoader.build_manifest_state_check` makes them where a command states no variables and no profile."""
    from dbt.artifacts.resources import FileHash
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt.version import __version__
    from dbt_common.context import set_invocation_context

    set_invocation_context(os.environ)
    set_from_args(Namespace(profiles_dir=str(project), project_dir=str(project)), {})
    connection = sorted(load_profile(str(project), {}, None, target_name or None).credentials.connection_info())
    return (
        FileHash.from_contents("\x00".join([pprint.pformat({}), "", target_name, __version__])).to_dict(),
        FileHash.from_contents(pprint.pformat(connection)).to_dict(),
    )


if __name__ == "__main__":
    sys.exit(main())
