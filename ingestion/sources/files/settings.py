"""Settings of the files source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from ingestion.config import PROJECT_ROOT, SourceSettings

SOURCE = "files"


def _of_project(path: Path) -> Path:
    return PROJECT_ROOT / path.expanduser()


class Settings(SourceSettings):
    """Paths; a relative one starts at the project's folder, wherever a run starts.

    Attributes:
        data_path: folder that the mappings' relative paths start from.
        mappings_path: folder or file of mappings.
    """

    source: ClassVar[str] = SOURCE

    data_path: Annotated[Path, AfterValidator(_of_project)]
    mappings_path: Annotated[Path, AfterValidator(_of_project)]
