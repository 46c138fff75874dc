"""`make rollback`: publish the version before the current one again, wherever it is published."""

from __future__ import annotations

import sys

from dagster_project import environment
from ingestion import secrecy
from ingestion.config import SettingsError
from serving.publish import PublicationError, news_missing, read_publication
from serving.rollback import rollback
from serving.versions import name_of


def main() -> int:
    """Command line; 0 when readers see the version before."""
    try:
        postgres = environment.postgres()
        left, now = rollback(environment.serving_dir(), postgres)
    except (PublicationError, SettingsError) as error:
        print(f"Not rolled back: {secrecy.hidden(str(error))}", file=sys.stderr)
        return 1
    lacks, where = news_missing(read_publication(now).states), " in the file and in PostgreSQL" if postgres else ""
    went = f"from {name_of(left)} to {name_of(now)}"
    print(f"Rolled back {went}{where}{lacks}. The next refresh publishes a new version.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
