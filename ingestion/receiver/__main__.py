"""`python -m ingestion.receiver`: receive the webhooks of each enabled account whose secret is set, until stopped."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from ingestion import config, permissions, secrecy
from ingestion.config import Account, SettingsError
from ingestion.inbox import InboxSettings, inboxes
from ingestion.receiver.app import Door, Reception, open_door
from ingestion.receiver.senders import SENDERS
from ingestion.receiver.settings import ReceiverSettings

log = logging.getLogger("ingestion.receiver")

CONNECTIONS_AT_MOST = 500
SECONDS_TO_FINISH = 30


def doors() -> list[Door]:
    """A door for each enabled account whose secret is set; of the others the log says what is missing.

    Raises:
        SettingsError: there is none, or an inbox cannot be written.
    """
    try:
        inboxes().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{inboxes()} cannot be made: {error.strerror}.") from None
    accounts = [account for account in config.enabled_accounts() if account.source in SENDERS]
    found = [door for account in accounts for door in _door(account)]
    if not found:
        wanted = ", ".join(config.variable_name(str(account), "webhook_secret") for account in accounts)
        raise SettingsError(
            f"no account would be received: set {wanted}."
            if wanted
            else f"no enabled source is sent webhooks: add one of {', '.join(SENDERS)} to LIFECYCLE_SOURCES."
        )
    return found


def _door(account: Account) -> Iterator[Door]:
    settings = InboxSettings.alone(account)
    sender, secret = SENDERS[account.source], settings.webhook_secret.get_secret_value()
    if not secret:
        log.warning("%s: not received: %s is not set", account, settings.variable("webhook_secret"))
        return
    if "://" in settings.place:
        raise SettingsError(f"{settings.variable('inbox_path')}={settings.place!r}: write a folder of this machine.")
    verify_token = config.source_setting(str(account), "verify_token", is_secret=True) or ""
    secrecy.remember(verify_token)
    if sender.shakes_hands and not verify_token:
        variable = config.variable_name(str(account), "verify_token")
        log.warning("%s: %s is not set: the vendor cannot verify the address", account, variable)
    door = open_door(account, sender, secret, verify_token, Path(settings.place).resolve())
    log.info("%s: received at %s, written into %s", account, door.path, door.desk.segments.folder)
    yield door


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        permissions.keep_to_owner(config.data_dir())
        settings = ReceiverSettings.read()
        app = Reception(doors(), settings).app()
    except SettingsError as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 1
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,  # its lines would show the token of the handshake
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=CONNECTIONS_AT_MOST,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
    )
    # uvicorn has finished its work when it lets this handler have the signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run()
    except KeyboardInterrupt:
        return 130
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
