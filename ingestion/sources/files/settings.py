"""Settings of the files source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from ingestion.config import PROJECT_ROOT, Count, Days, SourceSettings, Write, of_text, texts

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
        whole_read_days: how often a table or query that has a cursor is read whole, which alone tells what was deleted.
        statement_minutes: after which a database gives up one statement of a load.
    """

    source: ClassVar[str] = SOURCE

    data_path: Annotated[Path, AfterValidator(_of_project)]
    mappings_path: Annotated[Path, AfterValidator(_of_project)]
    most_retired: Annotated[float, Field(ge=0, le=1), of_text(float), Write("write a share from 0 to 1")] = 0.5
    most_retired_from: Count = 100
    accept: Annotated[tuple[str, ...], of_text(texts)] = ()
    whole_read_days: Days = 7
    statement_minutes: Count = 30

    def check(self) -> None:
        """Stop where a mapping cannot work. Raises MappingError."""
        from ingestion.sources.files.mapping import read_mappings  # what reads them takes a second to import

        mappings = read_mappings(self.mappings_path)
        for name in sorted({mapping.connection for mapping in mappings if mapping.connection}):
            Connection.of(name)


_HOST = r"(\[[0-9a-fA-F:.]+\]|[^:,\[\]]*)(:\d{1,5})?"
_HOSTS = re.compile(f"{_HOST}(,{_HOST})*")  # of a database and its standbys


def _url_of_postgres(url: SecretStr) -> SecretStr:
    """Refuse what libpq would read in another way: it quotes the part that it stumbles over."""
    parts = urlsplit(url.get_secret_value())
    user, _, hosts = parts.netloc.rpartition("@")
    is_plain = "@" not in user + parts.path + parts.query and not parts.fragment
    if parts.scheme not in ("postgresql", "postgres") or not is_plain or not _HOSTS.fullmatch(hosts):
        raise ValueError
    return url


class Connection(SourceSettings):
    """A PostgreSQL under the name by which mappings call it; NAME in the documentation.

    Attributes:
        url: where it is, and as whom it is read. Parameters of libpq may follow, such as `?sslmode=verify-full`.
    """

    source: ClassVar[str] = f"{SOURCE}.connections.name"

    url: Annotated[
        SecretStr,
        AfterValidator(_url_of_postgres),
        Write(
            "write postgresql://user:password@host:5432/database, with %40 for @, %2F for /, %3F for ? and %23 for # "
            "in user and password"
        ),
    ]

    @classmethod
    def class_of(cls, account: str) -> type[Connection]:
        """The class that reads the settings of the connection of this name."""
        source = f"{SOURCE}.connections.{account}"
        return type(cls.__name__, (cls,), {"source": source, "__module__": __name__})
