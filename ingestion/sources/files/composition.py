"""What fills the entities of a draft: the SQL of each column, what it was taken for, and what a person has to decide.

Belongs here: which inputs become which entities, claims with their expressions and questions. Does not: what a column
means (`recognition.py`), how the draft is written down (`draft.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from ingestion.currencies import CURRENCIES
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.folder import LeftOut, Table
from ingestion.sources.files.inputs import literal, quoted
from ingestion.sources.files.profiles import Profile
from ingestion.sources.files.recognition import (
    Link,
    Match,
    Reading,
    file_entity,
    is_alike,
    linked_entities,
    looks_like_id,
    match_columns,
    named,
    outcomes,
    possible,
    purchases,
    read_as,
    unpaid,
)
from ingestion.sources.files.vocabulary import (
    CONTROLS,
    COUNTRY_NAMES,
    CURRENCY_WORDS,
    DIRECTIONS,
    PLACES,
    PLATFORMS,
    ROLES,
    SENDERS,
    SURVEY_TYPES,
    plain,
)

_EXACT = "DECIMAL(19, 4)"  # numbers that are multiplied: from 19 digits on the product has room for both
_PLAIN_FLAGS = frozenset(("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"))
_YES = frozenset(("ja", "oui", "si", "sí", "true", "t", "yes", "y", "1"))
_OTHER_KEYS = ("customer_number", "email", "company_name")  # of people and companies without a number
_OTHERS_SHOWN = 4
_WITHOUT_MONEY = frozenset(("customers", "accounts", "leads", "conversations", "messages"))
_SCALES = {"csat": (1, 5), "ces": (1, 7), "review": (1, 5)}


@dataclass(frozen=True)
class Expression:
    """What fills a canonical column, and the comment beside it."""

    sql: str
    comment: str


@dataclass(frozen=True)
class Offer:
    """A column that the draft leaves out, the columns of an entity that could hold it, and the SQL for the first."""

    profile: Profile
    columns: tuple[str, ...]
    sql: str

    @property
    def values(self) -> str:
        """What its values are, without any of them: a draft is kept where personal data is not."""
        column = self.profile
        if column.is_instant:
            return "dates"
        if column.is_number:
            return f"numbers from {column.minimum:.10g} to {column.maximum:.10g}"
        return f"{column.distinct} different values"


@dataclass(frozen=True)
class Claim:
    """An entity of the draft.

    Attributes:
        customer: the column that names the customer of a row.
        decisions: the questions that its columns leave to a person.
    """

    entity: str
    table: Table
    columns: dict[str, Expression]
    customer: Match | None = None
    where: str | None = None
    group_by: str | None = None
    decisions: tuple[str, ...] = ()


def choose_entities(tables: Sequence[Table], links: Sequence[Link]) -> tuple[dict[str, Reading], list[LeftOut]]:
    """The reading of each input that has one, by its name. Of two inputs for one entity the better one has it."""
    claimed: dict[str, str] = {}
    best: dict[str, Reading] = {}
    for _ in range(3):  # what one file is says what those that link to it are, and the reverse
        best = {}
        for table in tables:
            readings = [read_as(entity, table.profiles, links, claimed, table.path) for entity in ROLES]
            found = [reading for reading in readings if reading]
            if found:
                best[table.name] = max(found, key=lambda reading: reading.score)
        claimed = {name: reading.entity for name, reading in best.items()}
    left_out = []
    holders: dict[str, str] = {}
    for table in tables:
        reading = best.get(table.name)
        if reading is None:
            left_out.append(LeftOut(table.path, _no_entity(table)))
            continue
        holder = holders.get(reading.entity)
        if holder is None or reading.score > best[holder].score:
            holders[reading.entity] = table.name
    for table in tables:
        reading = best.get(table.name)
        if reading is None or holders[reading.entity] == table.name:
            continue
        holder = holders[reading.entity]
        other = _other_reading(table, reading, links, claimed, holders)
        if other:
            best[table.name] = other
            holders[other.entity] = table.name
            continue
        left_out.append(
            LeftOut(
                table.path,
                f"it looks like {reading.entity} too, and {holder} fills them; a mapping has one "
                "input an entity, so give this file a mapping of its own",
            )
        )
        del best[table.name]
    return best, left_out


def _other_reading(
    table: Table, reading: Reading, links: Sequence[Link], claimed: Mapping[str, str], holders: Mapping[str, str]
) -> Reading | None:
    """What else a file may be whose entity another file fills; nothing where its name says that it is the same.

    Where money is counted, a link has to say so: a second file of sales would become losses, or income each month.
    """
    if file_entity(table.path):
        return None
    pointed_at = {link.other_table for link in links if link.table == table.name}
    linked = {entity for entity, holder in holders.items() if holder in pointed_at}
    found = [
        other
        for entity in ROLES
        if entity not in holders
        and (other := read_as(entity, table.profiles, links, claimed, table.path, needs_sign=False))
        and (_names(entity) & linked or {entity, reading.entity} <= _WITHOUT_MONEY)
    ]
    other = max(found, key=lambda other: other.score, default=None)
    if other is None:
        return None
    holder = holders[reading.entity]
    question = (
        f"does {table.path} hold {other.entity}? Its columns fit {reading.entity} better, which {holder} fills. If it "
        "holds more of these, give it a mapping of its own."
    )
    return replace(other, question=question)


def _names(entity: str) -> set[str]:
    """The entities of which a row of an entity names one."""
    return {other for column in ROLES[entity] for other in linked_entities(entity, column)}


def _no_entity(table: Table) -> str:
    if not any(column.is_instant for column in table.profiles):
        return "no column holds dates, and none an address or a name beside a key: neither events nor people"
    return "its columns fill no entity: none has all that it needs"


class Composer:
    """Claims of the entities, from the readings of all inputs."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Sequence[Table],
        links: Sequence[Link],
        readings: Mapping[str, Reading],
    ) -> None:
        self._connection = connection
        self._tables = {table.name: table for table in tables}
        self._links = links
        self._readings = readings
        self._claimed = {name: reading.entity for name, reading in readings.items()}
        self.rejects: list[tuple[str, str, str]] = []
        self.ignored: dict[str, str] = {}  # by input, the SQL of rows that no entity is to take
        self.place = self._likely_place()

    def claims(self) -> list[Claim]:
        found: list[Claim] = []
        for name, reading in self._readings.items():
            table = self._tables[name]
            book = self._order_book(table, reading) if reading.entity in ("orders", "order_lines") else None
            found += book if book is not None else [self._claim(table, reading)]
        if not any(claim.entity == "customers" for claim in found):
            found += self._customers_of_others(found)
        order = list(ENTITIES)
        return sorted(found, key=lambda claim: order.index(claim.entity))

    def left_out(self, claims: Sequence[Claim], table: Table) -> tuple[Claim, list[Offer]]:
        """The columns of an input that no entity holds, and the entity that may take them: that of its single rows."""
        of_table = [claim for claim in claims if claim.table is table]
        taker = next((claim for claim in of_table if not claim.group_by), of_table[0])
        expressions = [expression.sql for claim in of_table for expression in claim.columns.values()]
        offers: list[Offer] = []
        for profile in table.profiles:
            if any(profile.name == sql or quoted(profile.name) in sql for sql in expressions):
                continue
            columns = possible(taker.entity, profile, taker.columns)
            columns.sort(key=lambda column: any(offer.columns[:1] == (column,) for offer in offers))  # each place once
            sql = self._offered(taker, columns[0], profile) if columns else ""
            offers.append(Offer(profile, tuple(columns), sql))
        return taker, offers

    def _offered(self, claim: Claim, column: str, profile: Profile) -> str:
        kind = ROLES[claim.entity][column].kind
        if not claim.group_by:
            return self._sql(claim.table, kind, profile)
        return f"max({_sortable_instant(profile) if kind == 'instant' else self._inside(claim.table, kind, profile)})"

    # ---- one row a row

    def _claim(self, table: Table, reading: Reading) -> Claim:
        entity, matches = reading.entity, reading.matches
        expressions = {
            column: Expression(
                self._sql(table, ROLES[entity][column].kind, match.profile), _says(match, table, matches)
            )
            for column, match in matches.items()
        }
        decisions = [reading.question] if reading.question else []
        decisions += self._complete(table, entity, matches, expressions)
        if entity == "orders":
            decisions += _decide_states(table.profiles, matches, expressions)
        return Claim(
            entity,
            table,
            _in_order(entity, expressions),
            matches.get("customer_id") if entity != "customers" else None,
            self._only_purchases(table, decisions) if entity == "orders" else None,
            decisions=tuple(decisions),
        )

    def _only_purchases(self, table: Table, decisions: list[str]) -> str | None:
        """SQL of the rows of a log of events that are purchases, all others being ignored; None where it is no log."""
        event = next((column for column in table.profiles if purchases(column)), None)
        if event is None:
            return None
        bought = purchases(event)
        where, self.ignored[table.name] = (
            f"lower({quoted(event.name)}) IN ({', '.join(map(literal, values))})"
            for values in (bought, sorted(event.values.difference(bought)))
        )
        decisions.append(f"is a row an order if its {event.name} is {' or '.join(bought)}? Other rows are ignored.")
        return where

    def _complete(
        self, table: Table, entity: str, matches: Mapping[str, Match], expressions: dict[str, Expression]
    ) -> list[str]:
        """Fill what an entity needs and no column holds; return what a person has to decide."""
        decisions: list[str] = []
        key = next((column for column, role in ROLES[entity].items() if role.kind == "key"), None)
        if key and key not in expressions:
            other = next(
                (column for column in _OTHER_KEYS if column in matches and matches[column].profile.is_unique), None
            )
            if entity == "accounts" and matches["account_name"].profile.is_unique:
                other = "account_name"
            if other and entity in ("customers", "leads", "accounts"):
                expressions[key] = Expression(expressions[other].sql, "likely: each value once, and no other key")
            else:
                expressions[key] = Expression(
                    _derived_key(table), "certain: no column is a key, so the row's content is"
                )
        canonical = {column.name: column for column in columns(ENTITIES[entity])}
        if canonical.get("currency") and "currency" not in expressions and _needs_currency(entity, expressions):
            code, why = self._currency(table, matches)
            expressions["currency"] = Expression(literal(code), f"guess: {why}")
            decisions.append(f"which currency? No column says it; {code} is a guess, {why}.")
        if entity == "orders":
            decisions += _decide_orders(matches, expressions)
        elif entity == "order_lines" and "quantity" not in expressions:
            expressions["quantity"] = Expression("1", "guess: no column says it")
            decisions.append("how many pieces is a line? No column says it; each counts as one.")
        elif entity == "deals":
            decisions += _decide_deals(matches, expressions)
        elif entity == "ad_spend":
            decisions += _decide_ad_spend(table, expressions)
        elif entity == "surveys":
            decisions += _decide_surveys(table, matches, expressions)
        elif entity == "experiment_assignments":
            decisions += _decide_control(matches, expressions)
        elif entity == "messages" and "agent" in matches and not matches["agent"].profile.is_of_outbound:
            said = expressions["direction"].sql
            way = quoted(said) if said == matches["direction"].profile.name else said
            agent = self._inside(table, "agent", matches["agent"].profile)
            expressions["agent"] = Expression(
                f"CASE WHEN {way} = 'outbound' THEN {agent} END", expressions["agent"].comment + "; of what we sent"
            )
        elif entity == "consents" and "purpose" not in matches:
            expressions["purpose"] = Expression(literal("marketing"), "guess: no column says it")
            decisions.append("consent to what (marketing, advertising, service)? marketing is a guess.")
        elif entity == "subscriptions":
            decisions.append("is mrr_amount what one month brings? Divide what is billed for a year by 12.")
        elif entity == "refunds" and matches["amount"].profile.negative:
            amount = self._exact(table, matches["amount"].profile)
            expressions["amount"] = Expression(
                f"abs({amount})", expressions["amount"].comment + "; money back is positive"
            )
        for column, match in matches.items():
            if match.profile.is_ambiguous:
                formats = ", ".join(match.profile.formats)
                decisions.append(f"{column}: day or month first? Every date fits both; {formats} is a guess.")
        return decisions

    # ---- orders and their lines in one file

    def _order_book(self, table: Table, reading: Reading) -> list[Claim] | None:
        """Orders by group, and their lines, where an order has several rows; None where each row is one."""
        orders = match_columns("orders", table.profiles, self._links, self._claimed)
        lines = match_columns("order_lines", table.profiles, self._links, self._claimed)
        candidates = [match for match in (orders.get("order_id"), lines.get("order_id")) if match]
        if "ordered_at" not in orders or not candidates:
            return None
        if reading.entity == "order_lines" and "orders" in self._claimed.values():
            return None
        order = max(candidates, key=lambda match: (match.score, match.profile.filled, match.profile.distinct))
        named_lines = all(
            column in lines and named(lines[column].profile.words, ROLES["order_lines"][column]) >= 0.5
            for column in ("quantity", "unit_price")
        )
        if order.profile.is_unique and not (named_lines or self._is_line_a_row(table, order.profile, lines)):
            return None
        of_order, of_line = self._split_columns(table, order.profile)
        lines = match_columns("order_lines", of_line, self._links, self._claimed)
        has_line_total = (total := _line_total(of_line, lines)) is not None
        if total:
            lines["unit_price"] = total
        if "quantity" not in lines or "unit_price" not in lines:
            lines = {}
        used = {
            match.profile.name for match in lines.values() if match.sure != "guess" or match.profile not in of_order
        }
        rest = [
            column
            for column in (of_order if lines else table.profiles)
            if column.name not in used and column.name != order.profile.name
        ]
        orders = match_columns("orders", rest, self._links, self._claimed)
        if lines and "total_amount" in orders and orders["total_amount"].sure == "guess":
            # the sum of the lines is known for certain
            orders = match_columns("orders", rest, self._links, self._claimed, without=("total_amount",))
        if "ordered_at" not in orders:
            return None
        orders["order_id"] = order
        if lines:
            lines["order_id"] = order
        return self._book_claims(table, orders, lines, of_order, has_line_total)

    def _is_line_a_row(self, table: Table, order: Profile, lines: Mapping[str, Match]) -> bool:
        """Whether rows are lines though no order has two: a second key, a few pieces and a price say so."""
        if not {"quantity", "unit_price"} <= lines.keys():
            return False
        pieces, price = lines["quantity"].profile, lines["unit_price"].profile
        is_few = pieces.distinct <= pieces.filled / 10 and pieces.top[0][0] in ("1", "2", "3")
        keys = [column for column in table.profiles if column.is_unique and looks_like_id(column)]
        return is_few and price.is_money and any(key.top != order.top for key in keys)

    def _split_columns(self, table: Table, order: Profile) -> tuple[list[Profile], list[Profile]]:
        """The columns that are one for all lines of an order, and those that may differ, without the order's own."""
        others = [column for column in table.profiles if column.name != order.name]
        counts = ", ".join(f"count(*) FILTER (v{number} > 1)" for number in range(len(others)))
        distinct = ", ".join(f"count(DISTINCT {quoted(column.name)}) AS v{n}" for n, column in enumerate(others))
        found = self._connection.execute(
            f"SELECT count(*), {counts} FROM (SELECT {distinct} FROM {quoted(table.name)} "
            f"WHERE {quoted(order.name)} IS NOT NULL GROUP BY {quoted(order.name)})"
        ).fetchone()
        assert found is not None  # an aggregate without groups has one row
        groups, *differing = found
        of_order, of_line = [], []
        line_words = [role for column, role in ROLES["order_lines"].items() if column != "order_id"]
        order_words = [role for column, role in ROLES["orders"].items() if column != "order_id"]
        for column, differs in zip(others, differing, strict=True):
            by_line = max(named(column.words, role) for role in line_words)
            by_order = max(named(column.words, role) for role in order_words)
            is_one = differs == 0 or (column.is_instant and differs <= 0.05 * groups)
            if is_one and not by_line > by_order:
                of_order.append(column)
            if not is_one or by_line >= by_order:
                of_line.append(column)
        return of_order, of_line

    def _book_claims(
        self,
        table: Table,
        orders: dict[str, Match],
        lines: dict[str, Match],
        of_order: Sequence[Profile],
        has_line_total: bool,
    ) -> list[Claim]:
        grouped: dict[str, Expression] = {}
        differing = []
        for column, match in orders.items():
            kind = ROLES["orders"][column].kind
            says = _says(match, table, orders)
            if column == "order_id":
                grouped[column] = Expression(self._sql(table, "id", match.profile), says)
            elif kind == "instant":
                grouped[column] = Expression(f"min({_sortable_instant(match.profile)})", says)
            elif column == "total_amount" and match.profile not in of_order:
                grouped[column] = Expression(f"sum({self._exact(table, match.profile)})", f"{says}; added up")
                differing.append(match.profile.name)
            else:
                value = self._inside(table, kind, match.profile)
                grouped[column] = Expression(f"max({value})", f"{says}; one for all rows of an order")
        decisions = self._complete(table, "orders", orders, grouped)
        decisions += _decide_states(of_order, orders, grouped, "max")
        decisions += [
            f"an order has several rows; are they parts of it? Their {name} is added up." for name in differing
        ]
        group = orders["order_id"].profile.name
        customer = orders.get("customer_id")
        bought = self._only_purchases(table, decisions)
        if not lines:
            return [Claim("orders", table, _in_order("orders", grouped), customer, bought, group, tuple(decisions))]
        by_line = {
            column: Expression(
                self._sql(table, ROLES["order_lines"][column].kind, match.profile), _says(match, table, lines)
            )
            for column, match in lines.items()
        }
        line_decisions = self._complete(table, "order_lines", lines, by_line)
        if has_line_total:
            total, pieces = lines["unit_price"].profile, lines["quantity"].profile
            price = f"{self._exact(table, total)} / nullif({self._exact(table, pieces)}, 0)"
            by_line["unit_price"] = Expression(price, by_line["unit_price"].comment)
            line_decisions.append(f"is {total.name} what all pieces of a line cost? It is divided by their number.")
        where, refunds = self._returns(table, orders, lines, has_line_total, grouped, line_decisions)
        where = " AND ".join(each for each in (bought, where) if each) or None
        claims = [
            Claim("orders", table, _in_order("orders", grouped), customer, where, group, tuple(decisions)),
            Claim(
                "order_lines", table, _in_order("order_lines", by_line), None, where, decisions=tuple(line_decisions)
            ),
        ]
        return claims + refunds

    def _returns(
        self,
        table: Table,
        orders: Mapping[str, Match],
        lines: Mapping[str, Match],
        has_line_total: bool,
        grouped: Mapping[str, Expression],
        decisions: list[str],
    ) -> tuple[str | None, list[Claim]]:
        """Lines that give money back: refunds where they stand under numbers of their own, else a question."""
        quantity, price = lines["quantity"].profile, lines["unit_price"].profile
        factors = [price] if has_line_total else [quantity, price]
        amount = " * ".join(self._exact(table, factor, "try_cast") for factor in factors)
        order = quoted(orders["order_id"].profile.name)
        found = self._connection.execute(
            f"""
            SELECT coalesce(sum(back), 0), count(*) FILTER (back > 0 AND sold > 0), coalesce(sum(free), 0)
            FROM (
                SELECT count(*) FILTER ({amount} < 0) AS back, count(*) FILTER ({amount} > 0) AS sold,
                    count(*) FILTER ({amount} = 0) AS free
                FROM {quoted(table.name)} GROUP BY {order}
            )
            """
        ).fetchone()
        assert found is not None  # an aggregate without groups has one row
        back, mixed, free = found
        if free:
            decisions.append(
                f"are lines free of charge ({free}) purchases, or stock corrections to reject (key `reject`)?"
            )
        if not back:
            return None, []
        if mixed:
            decisions.append(
                f"are lines with a negative amount ({back}) discounts or returns? {mixed} orders have others beside "
                "them, so they stay lines of their orders."
            )
            return None, []
        for column, what in ((quantity, "quantity"), (price, "unit price")):
            when = f"{self._exact(table, column, 'try_cast')} IS NULL"
            self.rejects.append((table.name, when, f"the {what} is no number"))
        refund = {
            "refund_id": Expression(grouped["order_id"].sql, "likely: these lines stand under numbers of their own"),
            "refunded_at": grouped["ordered_at"],
            "currency": grouped["currency"],
            "amount": Expression(
                f"-sum({' * '.join(self._exact(table, factor) for factor in factors)})",
                "likely: what the lines give back",
            ),
        }
        refund |= {column: grouped[column] for column in ("customer_id", "email") if column in grouped}
        question = f"are lines with a negative amount ({back}) money paid back? They are read as refunds."
        group = orders["order_id"].profile.name
        claim = Claim("refunds", table, _in_order("refunds", refund), None, f"{amount} < 0", group, (question,))
        return f"{amount} >= 0", [claim]

    # ---- customers whom another file names

    def _customers_of_others(self, claims: Sequence[Claim]) -> list[Claim]:
        """Customers by group from the file that says most about them; none where no file says more than a number."""
        best: tuple[int, Claim] | None = None
        for claim in claims:
            key = claim.customer
            if key is None or (key.sure == "guess" and key.profile.is_unique):
                continue
            of_customer, _ = self._split_columns(claim.table, key.profile)
            instants = [column for column in claim.table.profiles if column.is_instant]
            others = [
                column for column in claim.table.profiles if column.name != key.profile.name and not column.is_instant
            ]
            found = match_columns("customers", others, self._links, self._claimed)
            told = {
                column: match
                for column, match in found.items()
                if column in ("email", "phone", "first_name", "last_name", "company_name", "country")
                and match.sure != "guess"
            }
            if not told or (best and len(told) <= best[0]):
                continue
            clock = max(instants, key=lambda column: (column.filled, column.name)) if instants else None
            expressions = {"customer_id": Expression(self._sql(claim.table, "id", key.profile), _says(key))}
            for column, match in told.items():
                value = self._inside(claim.table, ROLES["customers"][column].kind, match.profile)
                if match.profile in of_customer or clock is None:
                    expressions[column] = Expression(f"max({value})", _says(match))
                else:
                    tie = claim.columns.get("order_id")
                    names = {column.name for column in claim.table.profiles}  # a key made of the row is none of them
                    last = (
                        [_sortable_instant(clock)] + ([quoted(tie.sql)] if tie and tie.sql in names else []) + [value]
                    )
                    expressions[column] = Expression(
                        f"max_by({value}, ({', '.join(last)}))", f"{_says(match)}; of the customer's last row"
                    )
            where = f"{quoted(key.profile.name)} IS NOT NULL"
            best = (
                len(told),
                Claim("customers", claim.table, _in_order("customers", expressions), None, where, key.profile.name),
            )
        return [best[1]] if best else []

    # ---- SQL of a column

    def _sql(self, table: Table, kind: str, column: Profile) -> str:
        """The column's value where it stands alone: its plain name where the loader reads it as it is."""
        inside = self._inside(table, kind, column)
        return column.name if inside == quoted(column.name) else inside

    def _inside(self, table: Table, kind: str, column: Profile) -> str:
        """SQL of the column's value, still a text that the canonical type judges."""
        name = quoted(column.name)
        if kind in ("number", "part", "quantity", "count", "events", "score"):
            return self._number(table, column)
        if kind == "instant":
            return self._instant(table, column)
        if kind == "currency" and any(value != value.upper() for value, _ in column.top):
            return f"upper({name})"
        if kind in ("direction", "sender", "survey_type"):
            meant = {"direction": DIRECTIONS, "sender": SENDERS, "survey_type": SURVEY_TYPES}[kind]
            return _cases(name, {value: meant[plain(value)] for value in sorted(column.values)})
        if kind == "outcome" and outcomes(column):
            cases = " ".join(f"WHEN {literal(value)} THEN {meaning}" for value, meaning in outcomes(column).items())
            return f"CASE lower({name}) {cases} END"
        if kind in ("flag", "outcome") and not column.values <= _PLAIN_FLAGS:
            return f"lower({name}) IN ({', '.join(literal(value) for value in sorted(column.values & _YES))})"
        if kind == "domain" and column.shapes["url"] > 0:
            return f"regexp_extract(lower({name}), '^(?:https?://)?(?:www[.])?([^/?#:]*)', 1)"
        if kind in (
            "country", "company", "person", "text", "wording", "category", "name", "id", "group", "payment", "agent",
        ):  # fmt: skip
            for placeholder in column.placeholders:
                name = f"nullif({name}, {literal(placeholder)})"
        return name

    def _number(self, table: Table, column: Profile) -> str:
        name = quoted(column.name)
        if column.shapes["castable"] >= 0.99 or table.decimal_key:
            return name
        if column.has_decimal_comma:
            return f"coalesce(nullif(replace(regexp_replace({name}, '[^0-9,+-]', '', 'g'), ',', '.'), ''), {name})"
        return f"coalesce(nullif(regexp_replace({name}, '[^0-9.+-]', '', 'g'), ''), {name})"

    def _exact(self, table: Table, column: Profile, cast: str = "CAST") -> str:
        """SQL of a number to calculate with."""
        text = self._number(table, column)
        if table.decimal_key:
            text = f"replace(regexp_replace({quoted(column.name)}, '[^0-9,+-]', '', 'g'), ',', '.')"
        return f"{cast}({text} AS {_EXACT})"

    def _instant(self, table: Table, column: Profile) -> str:
        if not column.formats or table.formats_key:
            return quoted(column.name)
        return f"coalesce(strftime({_sortable_instant(column)}, '%Y-%m-%d %H:%M:%S'), {quoted(column.name)})"

    # ---- guesses from all files

    def _likely_place(self) -> str | None:
        """The country that most rows name."""
        votes: Counter[str] = Counter()
        for name in self._readings:
            for column in self._tables[name].profiles:
                if column.shapes["country"] >= 0.7 and column.shapes["currency"] < 0.7:
                    for value, count in column.top:
                        votes[COUNTRY_NAMES.get(plain(value), value.upper())] += count
        if not votes:
            return None
        count, code = max((count, code) for code, count in votes.items())
        return code if code in PLACES and count > votes.total() / 2 else None

    def _currency(self, table: Table, matches: Mapping[str, Match]) -> tuple[str, str]:
        for match in matches.values():
            for word in match.profile.words.split():
                if word in CURRENCY_WORDS:
                    return CURRENCY_WORDS[word], f"a header holds the word {word!r}"
            for sign in (
                re.findall(r"[€$£]|[A-Z]{3}", match.profile.top[0][0]) if match.profile.shapes["marked"] > 0.5 else ()
            ):
                if sign in CURRENCY_WORDS or sign in CURRENCIES:
                    return CURRENCY_WORDS.get(sign, sign), f"the amounts carry {sign}"
        stated = sorted(
            (column.top[0][0], other.path)
            for other in self._tables.values()
            for column in other.profiles
            if column.shapes["currency"] >= 0.9 and column.distinct == 1
        )
        if stated:
            return stated[0][0].upper(), f"{stated[0][1]} names it"
        if self.place:
            return PLACES[self.place].currency, f"most rows name the country {self.place}"
        return "EUR", "nothing in the files hints at it"


def _says(match: Match, table: Table | None = None, matches: Mapping[str, Match] | None = None) -> str:
    """How sure a column is and why; of a guess also what it could be instead: a column of its kind that is as free."""
    said = f"{match.sure}: {match.why}"
    if match.sure != "guess" or table is None or not matches:
        return said
    settled = {other.profile.name for other in matches.values() if other.sure != "guess"}
    others = [
        profile.name
        for profile in table.profiles
        if profile.name not in settled and profile.name != match.profile.name and is_alike(match.profile, profile)
    ]
    return said + (f"; or {', '.join(others[:_OTHERS_SHOWN])}" if others else "")


def _line_total(columns: Sequence[Profile], lines: Mapping[str, Match]) -> Match | None:
    """What all pieces of a line cost together, where no column holds the price of one."""
    if "quantity" not in lines or ("unit_price" in lines and lines["unit_price"].sure != "guess"):
        return None
    taken = {match.profile.name for match in lines.values() if match.sure != "guess"}
    of_order = ROLES["orders"]["total_amount"]
    for column in columns:
        is_amount = column.is_number and not column.formats and column.name not in taken
        if is_amount and named(column.words, of_order) >= 0.9:
            return Match(column, 0.0, "guess", "named like a total")
    return None


def _sortable_instant(column: Profile) -> str:
    """SQL of a date that sorts by time: a text only where it is ISO 8601, as the key `date_format` reads texts."""
    name = quoted(column.name)
    if not column.formats:
        return name
    formats = ", ".join(literal(date_format) for date_format in column.formats)
    return f"try_strptime({name}, [{formats}])"


def _cases(name: str, meaning: Mapping[str, str]) -> str:
    if all(value == meant for value, meant in meaning.items()):
        return name
    cases = " ".join(f"WHEN {literal(value)} THEN {literal(meant)}" for value, meant in meaning.items())
    return f"CASE lower({name}) {cases} ELSE {name} END"


def _derived_key(table: Table) -> str:
    """SQL of a key made of a row's content, with a count among equal rows: the order of rows does not matter."""
    names = sorted(quoted(column.name) for column in table.profiles)
    content = ", ".join(names)
    return f"md5(json_array({content})::VARCHAR) || '-' || row_number() OVER (PARTITION BY {content})"


def _in_order(entity: str, expressions: Mapping[str, Expression]) -> dict[str, Expression]:
    names = [column.name for column in columns(ENTITIES[entity])]
    return {name: expressions[name] for name in names if name in expressions}


def _needs_currency(entity: str, expressions: Mapping[str, Expression]) -> bool:
    return entity != "deals" or "amount" in expressions


def _decide_orders(matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    if "paid_at" not in expressions:
        expressions["paid_at"] = Expression(expressions["ordered_at"].sql, "guess: paid when ordered")
        decisions.append("are all orders paid? No column says when; each counts as paid when it was placed.")
    total = matches.get("total_amount")
    if total and total.profile.negative:
        decisions.append(
            f"are orders with a negative total ({total.profile.negative}) money paid back? They count as that."
        )
    return decisions


def _decide_states(
    columns: Sequence[Profile],
    matches: Mapping[str, Match],
    expressions: dict[str, Expression],
    aggregate: str = "",
) -> list[str]:
    """Have orders that were cancelled, paid back or never paid count as unpaid where a state says it and no date does.

    Args:
        aggregate: function that gives the state of an order of several rows.
    """
    state = next((column for column in columns if unpaid(column)), None)
    if state is None or ("paid_at" in matches and matches["paid_at"].sure != "guess"):
        return []
    values, paid = unpaid(state), expressions["paid_at"]
    names = {match.profile.name for match in matches.values()}
    said = f"{aggregate}({quoted(state.name)})" if aggregate else quoted(state.name)
    when = f"lower({said}) IN ({', '.join(map(literal, values))})"
    sql = f"CASE WHEN {when} THEN NULL ELSE {quoted(paid.sql) if paid.sql in names else paid.sql} END"
    expressions["paid_at"] = Expression(sql, f"{paid.comment}; not in these states")
    return [f"is nothing earned by orders whose {state.name} is {' or '.join(values)}? They are not paid."]


def _decide_deals(matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    stage = matches.get("stage")
    if "is_won" not in expressions and stage and outcomes(stage.profile):
        cases = " ".join(f"WHEN {literal(value)} THEN {won}" for value, won in outcomes(stage.profile).items())
        sql = f"CASE lower({quoted(stage.profile.name)}) {cases} END"
        expressions["is_won"] = Expression(sql, "likely: the stages that name an end")
    if "account_name" in expressions and "account_id" not in expressions:
        expressions["account_id"] = Expression(expressions["account_name"].sql, "guess: the name is the only number")
    if "is_won" not in expressions:
        return ["which deals are won? No column and no stage says it."]
    return []


def _decide_ad_spend(table: Table, expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    for one, other in (("campaign_id", "campaign_name"), ("campaign_name", "campaign_id")):
        if one not in expressions and other in expressions:
            expressions[one] = Expression(expressions[other].sql, "likely: the only column that names the campaign")
    if "platform" not in expressions:
        words = set(plain(table.path).split()) & PLATFORMS
        platform = min(words) if words else "unknown"
        expressions["platform"] = Expression(literal(platform), "guess: no column says it")
        decisions.append(f"which platform? No column says it; {platform!r} is a guess.")
    if "account_id" not in expressions:
        expressions["account_id"] = Expression("'main'", "guess: no column says it")
        decisions.append("which account of the platform? No column says it; 'main' stands in for it.")
    return decisions


def _decide_control(matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    """Which arm is the control, where no column says it."""
    if "is_control" in expressions:
        return []
    arms = matches["arm"].profile.values
    chosen = next((value for value in sorted(arms) if plain(value) in CONTROLS), min(arms, default="control"))
    arm = expressions["arm"].sql
    column = quoted(arm) if arm == matches["arm"].profile.name else arm
    expressions["is_control"] = Expression(f"lower({column}) = {literal(chosen)}", "guess: by the names of the arms")
    return [f"which arm is the control, that is left as it is? {chosen} is a guess from the names of the arms."]


def _decide_surveys(table: Table, matches: Mapping[str, Match], expressions: dict[str, Expression]) -> list[str]:
    decisions = []
    score = matches["score"].profile
    stated = matches["survey_type"].profile.values if "survey_type" in matches else frozenset()
    types = {SURVEY_TYPES[plain(value)] for value in stated}
    if not types:
        words = (*score.words.split(), *plain(table.path).split())
        by_name = next((SURVEY_TYPES[word] for word in words if word in SURVEY_TYPES), None)
        guess = by_name or ("nps" if (score.maximum or 0) > 5 else "csat")
        types = {guess}
        expressions["survey_type"] = Expression(
            literal(guess), "likely: named so" if by_name else "guess: by its scores"
        )
        if not by_name:
            decisions.append(f"which kind of survey (nps, csat, ces, review)? {guess} is a guess from its scores.")
    highest = score.maximum or 0
    scale = _SCALES.get(next(iter(types))) if len(types) == 1 else None
    if scale and "scale_max" not in matches and (highest > scale[1] or (score.minimum or 0) < scale[0]):
        top = next((top for top in (5, 7, 10, 100) if top >= highest), int(highest))
        low = 0 if (score.minimum or 0) < 1 else 1
        expressions["scale_min"] = Expression(str(low), "guess: by its scores")
        expressions["scale_max"] = Expression(str(top), "guess: by its scores")
        decisions.append(f"is the scale {low} to {top}? The scores go from {score.minimum:g} to {highest:g}.")
    return decisions
