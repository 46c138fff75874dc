"""What Meta is asked before anything is loaded: each ad account, what the token may, in which version it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion import check as checks
from ingestion.check import Finding
from ingestion.http import Client, VendorError
from ingestion.sources.meta_ads import ACCOUNT_FIELDS, PERMISSION, TOKEN_INVALID, connect
from ingestion.sources.meta_ads.settings import Settings
from ingestion.wire import at

DEPRECATED = "2635"  # "You are calling a deprecated version of the Ads API"
ENOUGH = frozenset({PERMISSION, "ads_management"})  # either lets an account be read
ACTIVE = 1


def check(settings: Settings) -> Iterator[Finding]:
    """Ask for each ad account of the settings."""
    client = connect(settings)
    try:
        granted = _permissions(client)
    except VendorError as error:
        yield from _refused(error, settings)
        return
    yield from checks.answered(client)
    yield _version(client, settings)
    missing = [] if granted is None or granted & ENOUGH else [PERMISSION]
    accounts: list[Any] = []
    refused: list[Finding] = []
    for account_id in settings.account_ids:
        try:
            accounts.append(client.get(f"/act_{account_id}", {"fields": f"{ACCOUNT_FIELDS},account_status"}))
        except VendorError as error:
            if error.problem is None or not error.problem.refused:
                raise
            missing += error.problem.lacks
            refused.append(Finding(checks.ACCOUNT, f"{account_id} refused", "failed", str(error)))
    advice = "Give it to the system user of the token, in the business settings."
    yield checks.scopes(missing, advice)
    yield from refused
    for account in accounts:
        yield from _account(account)
    yield Finding(checks.OLDEST, checks.NOT_ASKED)


def _permissions(client: Client) -> set[str] | None:
    """What the token was granted; None where Meta does not say it of this kind of token."""
    try:
        answer = client.get("/me/permissions")
    except VendorError as error:
        if error.problem is None or not error.problem.refused:
            raise
        return None
    return {str(at(each, "permission")) for each in at(answer, "data") or [] if at(each, "status") == "granted"}


def _refused(error: VendorError, settings: Settings) -> Iterator[Finding]:
    code = error.code.split("/")[0]
    if code.isdigit() and int(code) in TOKEN_INVALID:
        yield Finding(checks.REACHED, "yes")
        yield Finding(checks.TOKEN, "refused", "failed", str(error))
    elif code == DEPRECATED:
        yield Finding(checks.REACHED, "yes")
        yield _retired(settings, str(error))
    else:
        yield from checks.refused(error)


def _version(client: Client, settings: Settings) -> Finding:
    """The version that answered: Meta answers in a later one where the one asked for is retired, and says so."""
    served = client.latest_headers.get("facebook-api-version", settings.api_version)
    warning = client.latest_headers.get("X-Ad-Api-Version-Warning", "")
    if served != settings.api_version:
        return _retired(settings, f"Meta answers in {served}. {warning}".rstrip())
    if warning:
        return Finding(
            checks.VERSION, f"{served}, soon retired", "warning", f"Meta says: {warning}. {_set_version(settings)}"
        )
    return Finding(checks.VERSION, served)


def _retired(settings: Settings, said: str) -> Finding:
    advice = f"{settings.api_version} is no longer served: {said} {_set_version(settings)}"
    return Finding(checks.VERSION, f"{settings.api_version} retired", "failed", advice)


def _set_version(settings: Settings) -> str:
    return f"Read Meta's changelog, then set {settings.variable('api_version')} to a later version."


def _account(account: Any) -> Iterator[Finding]:
    name = f"{at(account, 'name')} ({at(account, 'account_id')})"
    status = at(account, "account_status")
    yield (
        Finding(checks.ACCOUNT, name)
        if status == ACTIVE
        else Finding(
            checks.ACCOUNT,
            f"{name}, not active",
            "warning",
            f"The ad account {name} is not active (account_status {status}): nothing new may come of it.",
        )
    )
    yield checks.told(checks.CURRENCY, at(account, "currency"))
    yield checks.told(checks.TIME_ZONE, at(account, "timezone_name"))
