"""What the columns of a table mean, and which canonical entity its rows are.

Belongs here: weighing what a column is called and what its values look like. Does not: the words (`vocabulary.py`),
counting values (`profiles.py`), writing a mapping (`draft.py`).

A column is set against each canonical column of an entity. Its name counts most; values that show what they are
(addresses, codes, dates) count without a name, and a value that cannot be what the name says rules the pair out. The
pair with the highest score is settled first. Ties are settled by values before position, so that columns in another
order, or with names that say nothing, are recognised as the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ingestion.sources.files.profiles import Profile
from ingestion.sources.files.vocabulary import (
    BOUGHT,
    CHANNELS,
    DIRECTIONS,
    FILE_WORDS,
    IGNORED,
    KEYS,
    OBJECTS,
    OPEN,
    OTHER_EVENTS,
    OUTCOMES,
    PAID,
    PAYMENTS,
    PLATFORMS,
    ROLES,
    SENDERS,
    STEPS,
    SUBSCRIPTION_STATES,
    SURVEY_TYPES,
    TELLING,
    UNITS,
    UNPAID,
    Role,
    phrases,
    plain,
)

# Names that say nothing: values alone decide, at full weight.
_NAMELESS = re.compile(r"(c|col|column|f|field|x|v|var|spalte|feld|colonne|columna|unnamed)? ?\d+|[a-z]")
# Keys whose header is one word, `visitorid`.
_NAMED_KEY = re.compile(r"[a-z]{4,}(?<!pa)id")
# Headers so common that they name a column only when they are the whole name.
_GENERIC = phrases(
    "id|name|date|day|at|amount|value|total|status|type|number|time|order|invoice|customer|client|account"
    "|price|source|from|to|text|title|item|product|note|plan|end|start|test|created|closed|opened|won|lost"
    "|kind|nom|nombre|fecha|datum|reference|ref|nummer|numero|campaign|company|email|phone|mail|reason"
    "|category|ad|cost|rate|base|quote|score|tax|net|fin|de|art|tag|shipping|country|land|currency"
    "|lead|parent|payment|paiement|pago|agent|results|purchases|url|website|domain"
)
# Names that mean something else on each kind of record: without the record's name they name nothing.
_NEED_THEIR_OBJECT = phrases(
    "id|name|number|no|nr|nummer|numero|status|type|date|day|at|time|title|reference|ref|key|code"
)
# The kinds whose values show what they are.
_SPECIFIC = frozenset(
    ("email", "phone", "currency", "country", "direction", "sender", "survey_type", "outcome", "instant", "domain")
)
# Those that no other kind has.
_UNMISTAKABLE = frozenset(("email", "currency", "direction", "sender", "survey_type"))
# What an entity cannot be without, one column of each set.
_NEEDS: Mapping[str, tuple[frozenset[str], ...]] = {
    "customers": (
        frozenset(("customer_id", "email", "company_name")),
        frozenset(("email", "phone", "first_name", "last_name", "company_name", "customer_number")),
    ),
    "orders": (frozenset(("ordered_at",)), frozenset(("total_amount",))),
    "order_lines": tuple(frozenset((column,)) for column in ("order_id", "quantity", "unit_price")),
    "refunds": (frozenset(("refunded_at",)), frozenset(("amount",))),
    "leads": (frozenset(("created_at",)), frozenset(("lead_id", "email", "phone"))),
    "deals": (frozenset(("created_at",)), frozenset(("stage", "is_won"))),
    "accounts": (frozenset(("account_name",)),),
    "ad_spend": (
        frozenset(("spent_on",)),
        frozenset(("spend_amount",)),
        frozenset(("campaign_id", "campaign_name")),
    ),
    "conversations": (frozenset(("opened_at",)), frozenset(("conversation_id",))),
    "messages": (frozenset(("direction",)), frozenset(("sent_at",))),
    "surveys": (frozenset(("score",)), frozenset(("responded_at",))),
    "experiment_assignments": (
        frozenset(("experiment",)),
        frozenset(("arm",)),
        frozenset(("assigned_at",)),
        frozenset(("customer_id", "email")),
    ),
    "subscriptions": (frozenset(("mrr_amount",)), frozenset(("started_at", "trial_started_at"))),
    "consents": (
        frozenset(("is_granted",)),
        frozenset(("stated_at",)),
        frozenset(("customer_id", "email", "phone")),
    ),
    "exchange_rates": tuple(frozenset((column,)) for column in ROLES["exchange_rates"]),
}
_NEEDED = frozenset(column for needs in _NEEDS.values() for needed in needs for column in needed)
# Kinds whose values are counted or added up, as no number is that names something.
_SUMMED = frozenset(("number", "part", "quantity", "count", "events", "score"))
_CUSTOMERS = frozenset(("customer_id", "email", "phone"))  # columns that name who did it
# Moments that most rows of an entity do not have: another date is as likely.
_NEED_NAME = frozenset(("trial_started_at", "trial_ended_at", "recorded_at"))
_MANY = 30  # people, among whom some bear the same first name
# Entities whose columns alone could be another's: the file's name, a header or another file has to say so.
_NEEDS_SIGN = frozenset(
    (
        "accounts",
        "ad_spend",
        "refunds",
        "leads",
        "conversations",
        "surveys",
        "subscriptions",
        "experiment_assignments",
        "consents",
    )
)
_FILE_NAME_SCORE = 3.0
_LINK_SCORE = 1.5


# Canonical columns that name rows of other entities; a company is named by its number or by its name.
_LINKED: Mapping[str, tuple[str, ...]] = {
    "customer_id": ("customers",),
    "lead_id": ("leads",),
    "account_id": ("accounts",),
    "account_name": ("accounts", "customers"),
    "company_name": ("accounts",),
    "order_id": ("orders",),
    "conversation_id": ("conversations",),
}
# Those that name other rows of their own table.
_PARENTS = frozenset(("parent_account_id", "parent_account_name"))
_NAMES = frozenset(("account_name", "company_name", "parent_account_name"))  # what else names a row is a number


@dataclass(frozen=True)
class Match:
    """A column taken for a canonical column: how sure, and why."""

    profile: Profile
    score: float
    sure: str
    why: str


@dataclass(frozen=True)
class Reading:
    """A table read as one entity; `question`: what a person has to decide before it is one."""

    entity: str
    score: float
    matches: Mapping[str, Match]
    question: str = ""


@dataclass(frozen=True)
class Link:
    """Values of a column that are, to the share `held`, keys of another table; `is_many`: they repeat."""

    table: str
    column: str
    other_table: str
    other_column: str
    held: float
    is_many: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the table is its own, as of companies that name the one above them."""
        return self.table == self.other_table


def linked_entities(entity: str, column: str) -> tuple[str, ...]:
    """The entities of whose rows a canonical column is the name."""
    if (entity, column) == ("ad_spend", "account_id"):  # the account of a platform
        return ()
    return tuple(other for other in _LINKED.get(column, ()) if other != entity)


def named(header: str, role: Role) -> float:
    """How well a header names a canonical column, 0 to 1.

    Less than the whole name counts less: what a record's name in front or a unit behind leaves (`Deal - Value`,
    `Amount EUR`), one phrase among others, part of a word as German joins them (`Werbekosten`).
    """
    phrases_of_role = role.words.split("|")
    if header in phrases_of_role or _joined(header) in map(_joined, phrases_of_role):
        return 1.0
    if sorted(header.split()) in (sorted(phrase.split()) for phrase in phrases_of_role):
        return 1.0  # `tax total`
    core = bare(header)
    if core != header and core not in _NEED_THEIR_OBJECT and core in phrases_of_role:
        return 0.9
    best = 0.0
    words = core.split()
    for phrase in phrases_of_role:
        if phrase in _GENERIC:
            continue
        if f" {phrase} " in f" {core} ":
            best = max(best, 0.3 + 0.5 * len(phrase.split()) / len(words))
        elif len(phrase) >= 5 and any(word.startswith(phrase) or word.endswith(phrase) for word in words):
            best = max(best, 0.45 if len(words) == 1 else 0.3)
    return best


def _joined(phrase: str) -> str:
    return phrase.replace(" ", "")


@cache
def bare(header: str) -> str:
    """A header without the names of records before it and the units behind it."""
    words = re.sub(r"(?<=[a-z])1$", "", header).split()  # the first of several, as `Name1`
    while len(words) > 1 and words[-1] in UNITS:
        words.pop()
    while len(words) > 1 and words[0] in OBJECTS:
        words.pop(0)
    return " ".join(words)


def is_nameless(profile: Profile) -> bool:
    return bool(_NAMELESS.fullmatch(profile.words))


def looks_like_id(profile: Profile) -> bool:
    return (
        profile.filled > 0
        and not profile.is_instant
        and profile.shapes["email"] < 0.5
        and profile.shapes["flag"] < 0.9
        and profile.shapes["currency"] < 0.9
        and profile.length <= 64
        and profile.shapes["spaced"] < 0.3
        and not (profile.is_number and not profile.is_whole)
        and profile.negative == 0
    )


def looks_like_title(profile: Profile) -> bool:
    """Names of companies, goods or people, which files share where they have no numbers."""
    share = profile.shapes
    is_code = max(share["flag"], share["currency"], share["country"]) >= 0.5
    return share["lettered"] >= 0.6 and 4 <= profile.length <= 40 and not is_code


def _is_payment(value: str) -> bool:
    words = plain(value).split()
    return any(" ".join(words[start:end]) in PAYMENTS for end in range(len(words) + 1) for start in range(end))


def _mapped(profile: Profile, words: Iterable[str]) -> bool:
    return bool(profile.values) and {plain(value) for value in profile.values} <= {plain(word) for word in words}


def outcomes(profile: Profile) -> dict[str, str]:
    """Of the values of a column, those that say how a deal ended, with what they say."""
    return {value: OUTCOMES[plain(value)] for value in sorted(profile.values) if plain(value) in OUTCOMES}


def possible(entity: str, profile: Profile, without: Collection[str]) -> list[str]:
    """The columns of an entity, those `without` left out, that could hold a column's values; the likeliest first."""
    if profile.filled == 0 or profile.words in IGNORED or bare(profile.words) in IGNORED:
        return []
    found = {}
    for column, role in ROLES[entity].items():
        fit = _fit(role.kind, profile)
        if column in without or fit is None or fit < 0 or (fit == 0 and role.kind in ("phone", "outcome")):
            continue
        if profile.is_number and role.kind in ("company", "person", "text", "wording", "group", "payment", "agent"):
            continue
        if _contradicts(profile, role):
            continue
        found[column] = (-fit, role.kind == "label")  # what has a name of its own before what is only a mark
    return sorted(found, key=lambda column: found[column])


def is_alike(one: Profile, other: Profile) -> bool:
    """Whether two columns hold values of one sort, moments, numbers or texts, so that either could be the other."""
    if not one.filled or not other.filled or one.is_instant or other.is_instant:
        return one.is_instant and other.is_instant
    if one.is_number or other.is_number:
        return one.is_number and other.is_number and one.is_unique == other.is_unique
    return one.is_unique == other.is_unique and (one.shapes["email"] < 0.5) == (other.shapes["email"] < 0.5)


def purchases(profile: Profile) -> list[str]:
    """Of the values of a column of events, those that are purchases; none where it has nothing that leads to one."""
    by_word = {value: plain(value) for value in sorted(profile.values)}
    if STEPS.isdisjoint(by_word.values()):
        return []
    return [value for value, words in by_word.items() if words in BOUGHT]


def unpaid(profile: Profile) -> list[str]:
    """Of the values of a column of states, those of orders that brought nothing; none where no order brought any."""
    # WooCommerce stores `wc-completed`.
    by_word = {value: plain(value).removeprefix("wc ") for value in sorted(profile.values)}
    if PAID.isdisjoint(by_word.values()):
        return []
    return [value for value, words in by_word.items() if words in UNPAID]


def _is_outcome(profile: Profile) -> bool:
    """Whether the values say no more than how a deal ended, or that it is open."""
    return bool(outcomes(profile)) and _mapped(profile, (*OUTCOMES, *OPEN))


def _fit(kind: str, profile: Profile) -> float | None:
    """What the values alone say for a kind: None where they contradict, else 0 (nothing) to 1 (nothing else).

    A column without any value contradicts nothing and says nothing.
    """
    if profile.filled == 0:
        return 0.0
    share = profile.shapes
    number = profile.is_number and not profile.formats
    match kind:
        case "email":
            return 1.0 if share["email"] >= 0.7 else None
        case "phone":
            if share["phone"] >= 0.7:
                return 0.8 if share["parted"] >= 0.5 else 0.5
            return 0.0 if share["email"] < 0.1 and profile.length >= 5 and not profile.is_instant else None
        case "currency":
            return 0.9 if share["currency"] >= 0.9 else None
        case "country":
            if share["country"] >= 0.7 and share["currency"] < 0.7:
                return 0.8
            return 0.0 if share["lettered"] >= 0.9 else None
        case "instant":
            return 0.7 if profile.is_instant else None
        case "number":
            if not number:
                return None
            if profile.is_product:
                return 0.15  # of a line: what one piece costs stands beside it
            if not profile.is_whole or profile.is_money:
                return 0.6
            return 0.05 if profile.is_unique else 0.1 if (profile.maximum or 0) <= 20 else 0.3
        case "part":  # of an amount: its values could be those of any other amount
            return 0.0 if number else None
        case "quantity":
            if not number:
                return None
            # Single pieces are sold everywhere; numbers that begin higher are those of something.
            starts_low = profile.is_whole and profile.minimum is not None and profile.minimum <= 3
            return 0.6 if starts_low and not profile.is_unique and not profile.is_group else 0.0
        case "count":
            if not number or not profile.is_whole or profile.negative:
                return None
            if (profile.minimum or 0) >= 1000 and profile.distinct <= profile.filled / 10:
                return 0.1  # large numbers that come again and again are those of something
            if (profile.minimum or 0) >= 1800 and (profile.maximum or 0) <= 2100:
                return 0.0  # years
            return 0.0 if profile.is_money else 0.3 if profile.is_unique else 0.5
        case "events":  # what a platform claims has parts of one, too
            return 0.0 if number and not profile.negative else None
        case "score":
            if not number:
                return None
            if profile.is_unique:
                return 0.1  # people repeat each other's scores
            return 0.7 if profile.is_whole and (profile.maximum or 0) <= 10 and profile.negative == 0 else 0.2
        case "flag":
            is_bit = bool(profile.values) and profile.values <= {"0", "1"}
            return 0.0 if share["flag"] >= 0.95 or is_bit else None
        case "outcome":
            if share["flag"] >= 0.95 or _is_outcome(profile):
                return 0.8
            return 0.0 if profile.values <= {"0", "1"} else None
        case "direction":
            return 1.0 if _mapped(profile, DIRECTIONS) else None
        case "sender":
            return 0.9 if _mapped(profile, SENDERS) else None
        case "survey_type":
            return 0.9 if _mapped(profile, SURVEY_TYPES) else None
        case "platform":
            return 0.8 if _mapped(profile, PLATFORMS) else 0.0 if not number else None
        case "stage":
            if number or profile.is_instant or share["flag"] >= 0.9:
                return None
            if _is_outcome(profile):
                return -0.5  # the stage may stand beside it
            return 0.9 if outcomes(profile) else 0.0
        case "category":
            if number or profile.is_instant or share["email"] > 0.5:
                return None
            return 0.6 if _mapped(profile, CHANNELS) else 0.0
        case "payment":
            if number or profile.is_instant or share["email"] > 0.5 or share["flag"] >= 0.9:
                return None
            known = sum(map(_is_payment, profile.values))
            return 0.8 if profile.values and known >= 0.6 * len(profile.values) else 0.0
        case "agent":
            if number or profile.is_instant:
                return None
            is_someone = max(share["person"], share["email"]) >= 0.8 and profile.distinct <= profile.filled / 3
            return 0.7 if is_someone and profile.is_of_outbound else 0.0
        case "domain":
            if number or profile.is_instant or share["email"] >= 0.5:
                return None
            return 0.8 if share["domain"] >= 0.8 else 0.0
        case "group":  # a word that many rows share
            if number or profile.is_instant or share["email"] > 0.5:
                return None
            is_word = share["lettered"] >= 0.8 and max(share["country"], share["person"], share["flag"]) < 0.5
            is_shared = 2 <= profile.distinct <= profile.filled / 3 and profile.filled > profile.rows / 2
            return 0.3 if is_word and is_shared and profile.length <= 30 else 0.0
        case "key" | "id" | "label":
            if profile.is_instant or share["email"] >= 0.5 or (profile.is_number and not profile.is_whole):
                return None
            if kind == "key" and not profile.is_unique:
                return 0.0
            # A label's values could be those of any other, and words are as likely names.
            if kind == "label" or share["lettered"] >= 0.9 or not looks_like_id(profile):
                return 0.0
            return 0.7 if share["castable"] < 0.5 else 0.5
        case "name":
            return None if number or profile.is_instant or share["email"] > 0.5 else _looks_like_name(profile)
        case "company" | "person" | "text" | "wording":
            if profile.is_instant or share["email"] > 0.5:
                return None
            wordy = share["wordy"] >= 0.6 and share["country"] < 0.5 and not number
            if kind == "person":  # few write many rows
                return 0.5 if share["person"] >= 0.8 and profile.distinct <= profile.filled / 3 else 0.0
            if kind == "company":  # each once, and not the words of everyone, such as countries
                is_title = share["lettered"] >= 0.6 and max(share["country"], share["person"], share["domain"]) < 0.5
                return 0.45 if is_title and profile.is_unique and profile.length <= 40 else 0.0
            return 0.35 if wordy and kind == "wording" else 0.0
    raise ValueError(f"no such kind of column: {kind}")


def _looks_like_name(profile: Profile) -> float:
    share = profile.shapes
    one_word = share["lettered"] >= 0.95 and share["spaced"] < 0.3 and 2 <= profile.length <= 14
    varied = profile.distinct > max(2, profile.filled / 5) and not (profile.is_unique and profile.rows >= _MANY)
    return 0.4 if one_word and varied and max(share["currency"], share["country"], share["flag"]) < 0.5 else 0.0


def _known_headers() -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for roles in ROLES.values():
        for column, role in roles.items():
            for phrase in role.words.split("|"):
                known.setdefault(phrase, set()).update((column, role.kind))
    return known


_KNOWN_HEADERS = _known_headers()  # headers with the columns that they name, and the kinds of these


def _names_another(profile: Profile, column: str, role: Role) -> bool:
    """Whether the header names a column other than this one, of whatever entity.

    The same column of another entity does not count as another, and any instant may be that of an entity without a
    better one.
    """
    for header in (profile.words, bare(profile.words)):
        if header in IGNORED:
            return True
        if header in _KNOWN_HEADERS and (header == profile.words or header not in _NEED_THEIR_OBJECT):
            return not _KNOWN_HEADERS[header] & ({column, "instant"} if role.kind == "instant" else {column})
    return False


def _contradicts(profile: Profile, role: Role) -> bool:
    """Whether the header says that the values are of another kind, where it does not name the column itself."""
    words = profile.words.split()
    if not words or is_nameless(profile) or named(profile.words, role):
        return False
    if role.kind in _SUMMED:
        return words[-1] in KEYS or bool(_NAMED_KEY.fullmatch(words[-1]))
    return role.kind in ("instant", "id") and not OTHER_EVENTS.isdisjoint(words)


def match_columns(
    entity: str,
    profiles: Sequence[Profile],
    links: Sequence[Link],
    claimed: Mapping[str, str],
    without: Collection[str] = (),
) -> dict[str, Match]:
    """The columns of a table as those of an entity, except those `without`.

    `claimed` names the entity of each table so far: a link to a table of orders speaks for `order_id`.
    """
    roles = ROLES[entity]
    needed = {"amount"}.union(*(columns for columns in _NEEDS[entity] if len(columns) == 1))
    candidates = []
    for order, (column, role) in enumerate(roles.items()):
        for profile in profiles if column not in without else ():
            match = _match(entity, column, role, profile, links, claimed)
            if match:
                when = profile.mean_epoch if role.kind == "instant" and profile.mean_epoch is not None else 0.0
                tie = (when, -profile.filled, -profile.distinct, -(profile.maximum or 0.0), profile.position)
                # What a header says goes first, then what the entity cannot be without.
                turn = 0 if match.score >= 1.5 else 1 if column in needed else 2
                candidates.append((turn, -match.score, order, tie, column, match))
    candidates.sort(key=lambda candidate: candidate[:4])
    matches: dict[str, Match] = {}
    taken: set[str] = set()
    for *_, column, match in candidates:
        if column not in matches and match.profile.name not in taken:
            matches[column] = match
            taken.add(match.profile.name)
    for one, other in (("customer_id", "company_name"), ("account_id", "account_name")):
        key = matches.get(one) if one in roles and entity in ("customers", "accounts") else None
        if key and other not in {*matches, *without} and _fit("company", key.profile):
            matches[other] = Match(key.profile, 0.0, "likely", "the key is a name")
    if entity == "orders" and "total_amount" not in {*matches, *without}:
        _take_price(profiles, matches)
    if entity == "ad_spend":
        _part_counts(profiles, matches)
        _part_campaigns(profiles, matches)
    return {column: matches[column] for column in roles if column in matches}


def _take_price(profiles: Sequence[Profile], matches: dict[str, Match]) -> None:
    """What one thing costs as the total of an order, where somebody bought it and no column says how many."""
    of_line = ROLES["order_lines"]
    has_buyer = any(match.sure != "guess" for column, match in matches.items() if column in _CUSTOMERS)
    if not has_buyer or any(named(profile.words, of_line["quantity"]) >= 0.9 for profile in profiles):
        return
    for profile in profiles:
        if named(profile.words, of_line["unit_price"]) >= 0.9 and _fit("number", profile) is not None:
            matches["total_amount"] = Match(profile, 0.5, "guess", "a price, and no column counts pieces")
            return


def _part_counts(profiles: Sequence[Profile], matches: dict[str, Match]) -> None:
    """Tell showings, clicks and purchases where no header does: of each there are fewer than of the one before."""
    steps = ("impressions", "clicks", "conversions")
    for column in steps:
        if column in matches and matches[column].score < 1:
            del matches[column]
    taken = {match.profile.name for match in matches.values()}
    free = [
        profile
        for profile in profiles
        if profile.name not in taken
        and (_fit("count", profile) or 0.0) >= 0.3
        and not _names_another(profile, "clicks", ROLES["ad_spend"]["clicks"])
    ]
    free.sort(key=lambda profile: (-(profile.maximum or 0.0), -profile.distinct, profile.position))
    for column in steps:
        if column in matches:
            most = matches[column].profile.maximum or 0.0
        elif free:
            matches[column] = _by_size(free.pop(0))
            most = matches[column].profile.maximum or 0.0
        else:
            return
        # people who saw an ad are nearly as many as its showings: not its clicks
        free = [profile for profile in free if (profile.maximum or 0.0) <= (most / 2 if column == steps[0] else most)]


def _part_campaigns(profiles: Sequence[Profile], matches: dict[str, Match]) -> None:
    """Tell ads from campaigns and campaigns from accounts where no header does: the one holds several of the other."""
    for column in ("account_id", "campaign_id", "campaign_name", "ad_id"):
        if column in matches and matches[column].score < 1:
            del matches[column]
    taken = {match.profile.name for match in matches.values()}
    free = [
        profile
        for profile in profiles
        if profile.name not in taken
        and not profile.is_instant
        and (looks_like_id(profile) or looks_like_title(profile))
        and not (profile.is_number and (profile.is_money or profile.length < 5))
        and not _names_another(profile, "ad_id", ROLES["ad_spend"]["ad_id"])
    ]
    free.sort(key=lambda profile: (profile.distinct, profile.shapes["wordy"], profile.length, profile.position))
    if "campaign_id" not in matches and free:
        several = len({profile.distinct for profile in free}) > 1
        if "ad_id" not in matches and several:
            matches["ad_id"] = _by_size(free.pop())
        matches["campaign_id"] = _by_size(free.pop())
        if "campaign_name" not in matches and free and free[-1].distinct == matches["campaign_id"].profile.distinct:
            matches["campaign_name"], matches["campaign_id"] = matches["campaign_id"], _by_size(free.pop())
    size = matches["campaign_id"].profile.distinct if "campaign_id" in matches else 0
    places = {
        "ad_id": [profile for profile in free if profile.distinct > size],
        "campaign_name": [profile for profile in free if profile.distinct == size],
        "account_id": [profile for profile in free if profile.distinct < size],
    }
    for column, found in places.items():
        if column not in matches and found:
            matches[column] = _by_size(found[-1])


def _by_size(profile: Profile) -> Match:
    return Match(profile, 0.5, "guess", f"by size: {profile.distinct} different values")


def read_as(
    entity: str,
    profiles: Sequence[Profile],
    links: Sequence[Link],
    claimed: Mapping[str, str],
    file: str,
    needs_sign: bool = True,
) -> Reading | None:
    """The table read as an entity, or None where a column that the entity cannot be without is not there.

    Without `needs_sign` it may be one whose columns alone could be another's.
    """
    by_name = file_entity(file)
    if entity in ("customers", "accounts"):
        pointing = _pointing(profiles[0].table, links, claimed)
        is_of_companies = not _are_customers(profiles, pointing, by_name)
        if entity == "accounts" and not is_of_companies:
            return None
        if entity == "customers" and by_name == "accounts" and not is_of_companies:
            by_name = "customers"
        are_parties = entity == "customers" and is_of_companies and "deals" in pointing and by_name != "customers"
        if are_parties and "account_name" in match_columns("accounts", profiles, links, claimed):
            return None
    matches = match_columns(entity, profiles, links, claimed)
    missing = {column for needed in _NEEDS[entity] if not needed & matches.keys() for column in needed}
    if missing - _told_elsewhere(entity, matches, links, claimed, by_name):
        return None
    by_file = _FILE_NAME_SCORE if by_name == entity else 0.0
    by_header = sum(1.0 for column in profiles if _tells(entity, column))
    by_values = 0.0
    if entity == "subscriptions" and any(_is_state(column) for column in profiles):
        by_values = 2.0
    if entity == "surveys" and "survey_type" in matches:
        by_values = 2.0
    if entity == "ad_spend" and "platform" in matches and _mapped(matches["platform"].profile, PLATFORMS):
        by_values = 2.0
    by_link = _LINK_SCORE * _speaks_for(entity, profiles, links, claimed)
    if entity == "customers" and not (by_file or by_link) and all(match.sure == "guess" for match in matches.values()):
        return None  # words that repeat beside a number: goods as likely as people
    if entity == "orders" and not (by_file or _CUSTOMERS & matches.keys()) and matches["ordered_at"].sure == "guess":
        return None  # a date and an amount of whatever
    if entity == "surveys" and not (by_file or by_values) and matches["score"].sure == "guess":
        return None  # a small number as likely counts something
    if needs_sign and entity in _NEEDS_SIGN and not (by_file or by_header or by_values or by_link):
        return None
    score = by_file + min(by_header, 2.0) + by_values + by_link + sum(match.score for match in matches.values())
    return Reading(entity, score, matches)


def _told_elsewhere(
    entity: str, matches: Mapping[str, Match], links: Sequence[Link], claimed: Mapping[str, str], by_name: str | None
) -> frozenset[str]:
    """What an entity needs, and a table may lack all the same.

    The total of an order is the sum of its lines in another table. A line with an order and a price is one piece.
    """
    if (
        entity == "orders"
        and (order := matches.get("order_id"))
        and "order_lines" in _pointing(order.profile.table, links, claimed)
    ):
        return frozenset(("total_amount",))
    if entity == "order_lines" and by_name == entity:
        sure = {column for column, match in matches.items() if match.sure == "certain"}
        return frozenset(("quantity",)) if {"order_id", "unit_price"} <= sure else frozenset()
    return frozenset()


def _is_state(profile: Profile) -> bool:
    return (
        bool(profile.values) and len({plain(v) for v in profile.values} & {plain(s) for s in SUBSCRIPTION_STATES}) >= 2
    )


def _pointing(table: str, links: Sequence[Link], claimed: Mapping[str, str]) -> set[str]:
    """The entities of the other tables that name rows of a table."""
    found = {claimed.get(link.table) for link in links if link.other_table == table and not link.is_own}
    return {entity for entity in found if entity}


def _are_customers(profiles: Sequence[Profile], pointing: Collection[str], by_name: str | None) -> bool:
    """Whether rows are people, or companies that buy, and not only companies that deals are made with.

    Orders and subscriptions name who buys. People have an address or a first name; a company may have a telephone.
    """
    if {"orders", "subscriptions"} & set(pointing):
        return True
    if by_name == "customers" and not {"deals", "customers"} & set(pointing):
        return True
    roles = ROLES["customers"]
    is_told = by_name == "accounts" or "deals" in pointing or any(_tells("accounts", column) for column in profiles)
    for column in profiles:
        if column.shapes["email"] >= 0.7 and named(column.words, ROLES["accounts"]["owner"]) < 0.5:
            return True
        for name in ("first_name", "last_name"):
            is_ambiguous = column.words in ("nom", "nombre", "name")
            if named(column.words, roles[name]) >= 0.9 and not is_ambiguous:
                return True
        if column.shapes["phone"] >= 0.7 and not is_told:
            return True
    return False


def _tells(entity: str, column: Profile) -> bool:
    """Whether a header speaks for an entity."""
    telling = TELLING.get(entity)
    return bool(telling and re.search(telling, column.words) and column.words not in IGNORED)


def _speaks_for(entity: str, profiles: Sequence[Profile], links: Sequence[Link], claimed: Mapping[str, str]) -> float:
    """Whether links between the files say that the table holds an entity's rows."""
    table = profiles[0].table
    pointing = _pointing(table, links, claimed)
    pointed_at = {claimed.get(link.other_table) for link in links if link.table == table and not link.is_own}
    says = {
        "conversations": "messages" in pointing,
        "customers": bool({"orders", "deals", "subscriptions"} & pointing),
        "accounts": bool({"deals", "customers"} & pointing),
        "orders": bool({"order_lines", "refunds"} & pointing),
        "refunds": "orders" in pointed_at,
        "order_lines": "orders" in pointed_at,
    }
    return 1.0 if says.get(entity, False) else 0.0


def _match(
    entity: str, column: str, role: Role, profile: Profile, links: Sequence[Link], claimed: Mapping[str, str]
) -> Match | None:
    fit = _fit(role.kind, profile)
    if fit is None:
        return None
    header = named(profile.words, role)
    if header < 1.0 and profile.words in IGNORED:
        header = 0.0  # `cost per result` is not a result
    if profile.words == "name" and role.kind == "company" and profile.shapes["person"] >= 0.5:
        return None
    if header == 1.0 and profile.words == "name" and role.kind == "key" and profile.shapes["lettered"] > 0.5:
        return None  # names of people or things, not the `#1001` that a shop calls the name of an order
    if role.kind == "key" and not profile.is_unique:
        # An order's number stands on each of its lines; any other key is different in nearly all rows.
        nearly = profile.filled == profile.rows and profile.distinct >= 0.9 * profile.rows
        if header < 1.0 or not (nearly or entity == "orders"):
            return None
    linked = linked_entities(entity, column)
    is_title = profile.shapes["lettered"] >= 0.6
    if (column in _NAMES) != is_title and (entity == "deals" or column in _NAMES | _PARENTS):
        linked = ()  # by its name or by its number
    many = [link for link in links if link.is_many and not link.is_own]
    pointed_at = any((link.other_table, link.other_column) == (profile.table, profile.name) for link in many)
    ours = [link for link in links if (link.table, link.column) == (profile.table, profile.name)]
    if entity == "deals" and column == "customer_id":
        others = {claimed.get(link.other_table) for link in ours}
        if "customers" not in others and others & {"accounts", "leads"} and (is_title or header < 1.0):
            return None  # named like a customer's, but it is a company's, or a lead's
    if column in _PARENTS:
        link = next((link for link in ours if link.is_own), None)
        if link and (column in _NAMES) != is_title:
            return None
    else:
        found = (link for link in ours if not link.is_own and claimed.get(link.other_table) in linked)
        link = next(found, None)
    if role.kind == "company" and fit and pointed_at:
        fit += 0.3
    strength = fit
    if not header and not link:
        shows = role.kind in _UNMISTAKABLE or (role.kind == "outcome" and _is_outcome(profile))
        shows = shows or (role.kind == "key" and pointed_at)  # whatever its name, the others know these rows by it
        if fit <= 0 or (not shows and _names_another(profile, column, role)):
            return None
        if _contradicts(profile, role):
            if role.kind != "instant" or column not in _NEEDED:
                return None
            fit *= 0.1  # where there is no other date, it is better than none
        if entity == "order_lines" and column == "order_id" and not link and not profile.is_group:
            return None  # a customer's number repeats too, but not with one date
        if (
            column == "customer_id"
            and entity != "customers"
            and (profile.has_other_addresses or (profile.is_unique and profile.rows >= _MANY))
        ):
            return None  # a customer has one address, and some come back
        if role.kind == "key" and not pointed_at and any(link.other_table == profile.table for link in many):
            return None  # the other files know these rows by another column
        if role.kind == "company" and not any(link.other_table == profile.table for link in many):
            return None  # it could be any title
        if column in _NEED_NAME:
            return None
        fit *= 1.0 if is_nameless(profile) else 0.6
    score = 2 * header + fit + (_LINK_SCORE if link else 0.0)
    if header == 1.0 and (fit > 0 or role.kind in ("text", "wording", "category", "stage", "flag", "name", "label")):
        sure = "certain"
    elif header >= 0.5 or link or (role.kind in _SPECIFIC and strength >= 0.8):
        sure = "likely"
    else:
        sure = "guess"
    return Match(profile, score, sure, _reason(header, role, profile, link))


def _reason(header: float, role: Role, profile: Profile, link: Link | None) -> str:
    reasons = []
    if header == 1.0:
        reasons.append("named so")
    elif header:
        reasons.append("named like it")
    if link:
        reasons.append(f"{link.held:.0%} of the values are in {link.other_table}.{link.other_column}")
    if profile.filled == 0:
        reasons.append("no value in it")
    elif role.kind in profile.shapes and profile.shapes[role.kind] >= 0.7:
        reasons.append(f"{profile.shapes[role.kind]:.0%} of the values look like it")
    elif role.kind == "instant":
        reasons.append("dates as " + (", ".join(profile.formats) or "ISO 8601"))
    elif role.kind == "key":
        reasons.append("each value once" if profile.is_unique else f"{profile.distinct} different values")
    elif role.kind in ("number", "part", "quantity", "count", "events", "score"):
        reasons.append(f"numbers from {profile.minimum:.10g} to {profile.maximum:.10g}")
    elif role.kind in ("direction", "sender", "survey_type", "outcome", "stage") and profile.values:
        shown = sorted(profile.values)
        reasons.append(", ".join(shown[:4]) + (", …" if len(shown) > 4 else ""))
    elif not header:
        reasons.append(f"{profile.distinct} different values")
    return ", ".join(reasons)


def file_entity(file: str) -> str | None:
    """The entity that a file's name names."""
    stem = re.sub(r"\d+", " ", plain(file.rsplit("/", 1)[-1].split(".")[0]))
    name = f" {' '.join(stem.split())} "
    for entity, words in FILE_WORDS.items():
        if any(f" {phrase} " in name for phrase in words.split("|")):
            return entity
    return None
