"""dbt's parsed project, from the refresh to those who work on a copy: their first command reads only what is new.

Belongs here: what dbt compares before it trusts what was parsed before. Does not: parsing (`dbt_runner`), dbt for a
person (`dbt_command`).

Nothing that is parsed depends on where the warehouse lies, but dbt asks whether target and connection are the same. If
it asks for something else one day, it parses the whole project, which is slower and no less right; a test notices.
"""

from __future__ import annotations

import os
import pprint
from argparse import Namespace
from pathlib import Path

NAME = "partial_parse.msgpack"


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
