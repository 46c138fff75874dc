"""The environment that every command of the project runs in, set in one place: paths, telemetry off, `.env`.

`python -m dagster_project.environment [--sandbox] -- <command>` runs a command in it; with `--sandbox` and the profile
`sandbox`, beside the vendor servers of the simulated company.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from dagster_project.alerts import AlertSettings
from dagster_project.sinks import ActivationSettings, SinkSettings
from dagster_project.steps import EngineSettings, dbt_target
from ingestion import config, permissions, secrecy
from ingestion.config import (
    PROJECT_ROOT,
    Account,
    Count,
    DataFolder,
    ErasureSettings,
    Flag,
    Present,
    Refusal,
    RequestLimits,
    Scope,
    Settings,
    SettingsError,
    Write,
    known_accounts,
    of_text,
    texts,
)
from ingestion.currencies import CURRENCIES
from ingestion.receiver.settings import Port, ReceiverSettings
from serving.access import Readers

if TYPE_CHECKING:
    from serving.postgres import Postgres

LOOPBACK = ("127.0.0.1", "localhost", "::1")


# What libpq does not read, it repeats in its error, and that may be a part of the password.
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:@/?#,\[\]]*)(?::\d*)?"
POSTGRES_URL = re.compile(
    rf"postgres(?:ql)?://(?:[^\s:@/?#]*(?::(?P<password>[^\s@/?#]*))?@)?{_HOST}(?:,{_HOST})*"
    r"(?:/[^\s/?#@]*)?(?:\?(?P<parameters>[^\s#@]*))?"
)
HALF_ESCAPED = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


def _postgres_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    found = POSTGRES_URL.fullmatch(text)
    if text and (found is None or HALF_ESCAPED.search(text)):
        raise ValueError
    if found:
        for password in (found["password"], *parse_qs(found["parameters"] or "").get("password", ())):
            secrecy.remember(unquote(password or ""))
    return url


def _schema(name: str) -> str:
    if not re.fullmatch(r"(?!pg_)[a-z_][a-z0-9_]{0,39}", name):
        raise ValueError(name)
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error
    return name


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(code)
    return code


def _bytes(size: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT])(i?)B", size, re.IGNORECASE)
    if found is None or not float(found[1]):
        raise ValueError(size)
    return int(float(found[1]) * (1024 if found[3] else 1000) ** ("KMGT".index(found[2].upper()) + 1))


def _heap(size: str) -> int:
    # Spark itself refuses less than 450 MiB: it keeps 300 MiB for itself.
    if (found := _bytes(size)) < 500 * 1000**2:
        raise ValueError(size)
    return found


def _master(url: str) -> str:
    if url and not re.fullmatch(r"spark://[\w.-]+:\d+(,[\w.-]+:\d+)*", url):
        raise ValueError(url)
    return url


def _share(text: str) -> float:
    if not re.fullmatch(r"0|1|1\.0+|0?\.[0-9]+", text):
        raise ValueError(text)
    return float(text)


def _enabled(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
    missing = [str(account) for account in accounts if account not in config.enabled_accounts()]
    if missing:
        raise ValueError(f"{', '.join(missing)} is required, but not enabled. Add it to LIFECYCLE_SOURCES")
    return accounts


def prepare() -> None:
    """Set what the tools read from the environment, and create the folders that a run writes to, for the owner alone.

    A variable that is set wins over `.env`. Derived variables are always set: they follow `LIFECYCLE_DATA_DIR`.

    Raises:
        SettingsError: somebody else may change a file with secrets.
    """
    try:
        permissions.refuse_what_others_may_change(secret_files())
    except permissions.UnsafeFileError as error:
        raise SettingsError(str(error)) from None
    for name, value in dotenv_values(PROJECT_ROOT / ".env").items():
        if value and not os.environ.get(name):  # an empty line sets nothing
            os.environ[name] = value
    data = config.data_dir()
    permissions.keep_to_owner(data)
    home = data / "dagster"
    try:
        for folder in (data / "logs", home):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{DataFolder.variable('data_dir')}: {error.filename}: {error.strerror}. Choose a folder that may be "
            "written to."
        ) from None
    os.environ.update(
        LIFECYCLE_DATA_DIR=str(data),
        LIFECYCLE_WAREHOUSE_PATH=str(config.warehouse_path()),
        DAGSTER_HOME=str(home),
        # dagster-dbt takes the parsed project from here into the folder of each later run.
        DBT_TARGET_PATH=str(dbt_target()),
        DBT_LOG_PATH=str(data / "logs"),
        DLT_PROJECT_DIR=str(PROJECT_ROOT),
        VIRTUAL_ENV=sys.prefix,
        DAGSTER_DISABLE_TELEMETRY="1",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        # Otherwise dbt ties each test to every model behind it, not only to the next ones; the order is the same.
        DBT_USE_FAST_TEST_EDGES="true",
        DO_NOT_TRACK="1",
        RUNTIME__DLTHUB_TELEMETRY="false",
        GX_ANALYTICS_ENABLED="false",
    )
    # Written beside and renamed: another command may be reading it.
    draft = home / f"dagster.yaml.{os.getpid()}"
    shutil.copyfile(PROJECT_ROOT / "dagster_project" / "dagster.yaml", draft)
    draft.replace(home / "dagster.yaml")


def secret_files() -> tuple[Path, ...]:
    """Files that may hold secrets; neither has to be there."""
    return PROJECT_ROOT / ".env", PROJECT_ROOT / ".dlt" / "secrets.toml"


class Profile(Settings):
    """Whom this installation reads: the simulated company and its servers, or real accounts."""

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    profile: Annotated[Literal["sandbox", "production"], Write("choose one of sandbox, production")] = "sandbox"


class RefreshSettings(Settings):
    """How this installation refreshes.

    Attributes:
        schedule_timezone: time zone of the nightly schedule.
        reporting_currency: what amounts are converted to, as the dbt macro of this name reads it.
        memory_limit: bytes that DuckDB may use while the models run, as dbt's profile reads it.
        models_at_once: number of models that run beside each other on DuckDB, as dbt's profile reads it.
        keep_versions: number of published versions that stay.
        required_sources: the enabled accounts without whose news nothing is published.
        time_limit_minutes: how long a run may go on, whoever started it.
        published_readers: who may read what is published.
        publish_personal: whether names and addresses are published too, in a mart of their own.
        keep_runs: number of runs that stay in Dagster's storage, with their logs and summaries.
        subscription_cost_rate: share of subscription revenue that serving it costs, as the dbt macro of this name reads
            it; None: not known.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    schedule_timezone: Annotated[
        str, AfterValidator(_zone), Write("write a time zone of the IANA list, such as Europe/Paris")
    ] = "UTC"
    reporting_currency: Annotated[
        str, AfterValidator(_currency), Write("no currency. Write its code of ISO 4217, such as EUR")
    ] = "EUR"
    memory_limit: Annotated[int, of_text(_bytes), Write("no size. Write it like 6GB")] = 6 * 1000**3
    models_at_once: Count = 3
    keep_versions: Count = 5
    required_sources: Annotated[tuple[Account, ...], of_text(known_accounts), AfterValidator(_enabled)] = ()
    time_limit_minutes: Count = 600
    published_readers: Annotated[Readers, Write("choose one of owner, group, everyone")] = "group"
    publish_personal: Flag = False
    keep_runs: Count = 7
    subscription_cost_rate: Annotated[
        float | None,
        of_text(_share),
        Write("write a share from 0 to 1, such as 0.2, or nothing where it is not known"),
    ] = None


class PostgresSettings(Settings):
    """The PostgreSQL database that the marts are published to beside the file.

    Attributes:
        url: of the database; a secret, because it has the password. Empty: there is none.
        schema_name: the schema that BI tools read.
        readers: roles that may read it.
    """

    model_config = SettingsConfigDict(env_prefix="SERVING_POSTGRES_")

    url: Annotated[
        SecretStr,
        AfterValidator(_postgres_url),
        Write(
            "no URL of a PostgreSQL database. Write it like postgresql://user:password@host:5432/database, and in user "
            "and password %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?, %25 for %"
        ),
    ] = SecretStr("")
    schema_name: Annotated[
        str, AfterValidator(_schema), Write("no name of a schema. Write up to 40 lower-case letters, digits and _")
    ] = "marts"
    readers: Annotated[tuple[str, ...], of_text(texts)] = ()


class SupersetSettings(Settings):
    """Superset, as `make superset` starts it.

    Attributes:
        password: of its user `admin`; empty: one is made at the first start and kept in a file.
    """

    model_config = SettingsConfigDict(env_prefix="SUPERSET_")

    password: SecretStr = SecretStr("")


Heap = Annotated[int, of_text(_heap), Write("no size that Spark can run with. Write 500MB or more, like 1.5GB")]


class SparkSettings(Settings):
    """Spark, for the engine of this name: a cluster that `make spark-up` starts on this machine, or another one.

    Attributes:
        thrift_host: of the Thrift server of a Spark that somebody else runs; empty: this machine's own.
        thrift_port: of the Thrift server, whoever runs it.
        master_url: of a master that somebody else runs, for which `make spark-up` starts a Thrift server alone; empty:
            an own one.
        master_port: of the own master.
        workers: of the own cluster.
        worker_cores: tasks that each of them computes at once.
        worker_memory: bytes of heap for them, in each worker.
        driver_memory: bytes of heap of the Thrift server.
        shuffle_partitions: parts that rows are divided into to be joined or grouped.
        event_log: whether Spark writes down each task, for its history server.
    """

    model_config = SettingsConfigDict(env_prefix="SPARK_")

    thrift_host: str = ""
    thrift_port: Port = 10000
    master_url: Annotated[
        str, AfterValidator(_master), Write("no URL of a master of Spark. Write it like spark://host:7077")
    ] = ""
    master_port: Port = 7077
    workers: Count = 2
    worker_cores: Count = 1
    worker_memory: Heap = 1_500 * 1000**2
    driver_memory: Heap = 2 * 1000**3
    shuffle_partitions: Count = 4
    event_log: Flag = False


def postgres() -> Postgres | None:
    """Where the marts are published beside the file; None: nowhere. Raises as `settings`."""
    found = PostgresSettings.read()
    url = found.url.get_secret_value()
    if not url:
        return None
    from serving.postgres import Postgres

    return Postgres(url, found.schema_name, found.readers)


def settings() -> RefreshSettings:
    """How this installation refreshes.

    Raises:
        SettingsError: naming the setting that cannot work, and what to write instead.
    """
    return RefreshSettings.read()


def is_sandbox() -> bool:
    """Whether the simulated company is read, not real accounts. Raises as `settings`."""
    return Profile.read().profile == "sandbox"


# Every class of settings that is not a source's: one that is added stands here, or the start of a refresh passes it by.
OF_THE_INSTALLATION: tuple[type[Settings], ...] = (
    DataFolder,
    Scope,
    Present,
    Profile,
    EngineSettings,
    RefreshSettings,
    PostgresSettings,
    SupersetSettings,
    SparkSettings,
    RequestLimits,
    ReceiverSettings,
    AlertSettings,
    ErasureSettings,
    ActivationSettings,
)


def refusals() -> dict[str, list[Refusal]]:
    """The settings that are missing or cannot work: of the installation under an empty name, of each account."""
    of_all = [each for one in OF_THE_INSTALLATION for each in one.refusals()]
    if Scope.refusals():
        return {"": of_all}  # whose settings there are is not known
    of_accounts = {str(account): config.settings_of(account).refusals() for account in config.enabled_accounts()}
    return {"": of_all, **of_accounts}


def refuse_wrong_settings() -> None:
    """Stop where a setting has a value that cannot work, before anything is read.

    What is missing concerns one source alone, and is said when its turn comes.

    Raises:
        SettingsError: naming each of them, and what to write instead.
    """
    wrong = [each.sentence for some in refusals().values() for each in some if not each.is_missing]
    if wrong:
        raise SettingsError(" ".join(dict.fromkeys(wrong)))


def refuse_real_vendors_in_sandbox() -> None:
    """The profile sandbox never reads a real account, whatever a `.env` says.

    Raises:
        SettingsError: naming the account and what to do.
    """
    if not is_sandbox():
        return
    for account in config.enabled_accounts():
        url = config.source_setting(str(account), "base_url") or config.source_setting(account.source, "base_url")
        if url and urlsplit(url).hostname not in LOOPBACK:
            raise SettingsError(
                f"the profile is sandbox and {account} points at {urlsplit(url).hostname}: use `make refresh` or "
                "`make dev`, which start the sandbox, or set LIFECYCLE_PROFILE=production."
            )


def refuse_real_sinks_in_sandbox(names: Sequence[str]) -> None:
    """In the profile sandbox nobody outside is told anything, whatever a `.env` says.

    Raises:
        SettingsError: naming the sink and what to do.
    """
    if not is_sandbox():
        return
    for name in names:
        url = config.source_setting(name, "base_url", section=SinkSettings.section)
        if url and urlsplit(url).hostname not in LOOPBACK:
            raise SettingsError(
                f"the profile is sandbox and the sink {name} points at {urlsplit(url).hostname}: use `make activate`, "
                "which starts the sandbox, or set LIFECYCLE_PROFILE=production."
            )


def serving_dir() -> Path:
    """Folder of the published versions and of the link to the current one."""
    return config.data_dir() / "serving"


def exports_dir() -> Path:
    """Folder of what was exported, unless another was named."""
    return config.data_dir() / "exports"


def spark_dir() -> Path:
    """Folder of the cluster on this machine, and of the tables that any cluster reads."""
    return config.data_dir() / "spark"


def ledger_path() -> Path:
    """The ledger of what was told to others."""
    return config.data_dir() / "activation" / "ledger.sqlite"


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set environment variables, and put the earlier values back at the end."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by a command in the project's environment; returns only when that cannot start."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.environment", description=__doc__)
    parser.add_argument("--sandbox", action="store_true", help="in the profile sandbox, run beside its vendor servers")
    parser.add_argument("--unchecked", action="store_true", help="a setting that cannot work is for the command to say")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        prepare()
        for sentence in permissions.readable_by_others(secret_files()):
            print(f"warning: {sentence}", file=sys.stderr)
        command = list(options.command)
        if options.sandbox and not options.unchecked:
            settings()
        if options.sandbox and is_sandbox():
            command = [sys.executable, "-m", "sandbox", "run", "--", *command]
        os.execvp(command[0], command)
    except SettingsError as error:
        print(f"Not started: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Not started: {options.command[0]}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
