"""Settings of the files source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ingestion.config import PROJECT_ROOT, Count, SourceSettings, Write, of_text, texts

SOURCE = "files"


def _of_project(path: Path) -> Path:
    return PROJECT_ROOT / path.expanduser()


class Settings(SourceSettings):
    """Paths; a relative one starts at the project's folder, wherever a run starts.

    Attributes:
        data_path: folder that the mappings' relative paths start from.
        mappings_path: folder or file of mappings.
        most_retired: the share of a mapping's rows in a table that one load may retire.
        most_retired_from: rows of a mapping in a table from which on that is looked at.
        accept: mappings whose files a person has looked at: they are loaded though rows are gone.
    """

    source: ClassVar[str] = SOURCE

    data_path: Annotated[Path, AfterValidator(_of_project)]
    mappings_path: Annotated[Path, AfterValidator(_of_project)]
    most_retired: Annotated[float, Field(ge=0, le=1), of_text(float), Write("write a share from 0 to 1")] = 0.5
    most_retired_from: Count = 100
    accept: Annotated[tuple[str, ...], of_text(texts)] = ()

    def check(self) -> None:
        """Stop where a mapping cannot work. Raises MappingError."""
        from ingestion.sources.files.mapping import read_mappings  # what reads them takes a second to import

        read_mappings(self.mappings_path)
