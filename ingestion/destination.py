"""The warehouse as a dlt destination: DuckDB as dlt knows it, in a folder of any name."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob, PreparedTableSchema
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob


class CopyJob(DuckDbCopyJob):
    """Copies a file whose path may hold a quote, which dlt writes into its statement as it is."""

    def run(self) -> None:
        path = self._file_path
        self._file_path = path.replace("'", "''")
        try:
            super().run()
        finally:
            self._file_path = path


class Client(DuckDbClient):
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        job = super().create_load_job(table, file_path, load_id, restore)
        return CopyJob(file_path) if type(job) is DuckDbCopyJob else job


class Warehouse(dlt.destinations.duckdb):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._configurations: dict[tuple[str, str | None], DuckDbClientConfiguration] = {}

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"  # the state in the warehouse tells of it, and knows no other

    def capabilities(
        self, config: DuckDbClientConfiguration | None = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """What DuckDB can do, which no setting changes. dlt asks dozens of times a load, and would read them all."""
        return super().capabilities(config or self.spec(), naming)

    def configuration(
        self, initial_config: DuckDbClientConfiguration, accept_partial: bool = False
    ) -> DuckDbClientConfiguration:
        """The settings of a schema, read once: dlt makes dozens of clients a load, and would read them for each."""
        if accept_partial or not initial_config:
            return super().configuration(initial_config, accept_partial)
        asked = (initial_config.dataset_name, initial_config.default_schema_name)
        if asked not in self._configurations:
            self._configurations[asked] = super().configuration(initial_config)
        return self._configurations[asked]

    @property
    def client_class(self) -> type[Any]:
        return Client
