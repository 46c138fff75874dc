"""The lint that keeps models portable: `python -m dbt_project.portable_sql dbt_project`.

The models run unchanged on DuckDB and Spark. Each rule forbids a construct that one of them lacks, or that means
something else there without a word, and says what to write instead. Models, singular tests and macros are read as they
are written, with Jinja expressions as opaque names; `macros/dialect/` is where differences belong and is not read.

Not held here, because text does not show it: a date minus a date in columns whose names do not say so, a timestamp
compared with a timestamp with time zone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

PLACEHOLDER = "jinja_expression"
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
FOLDERS = ("models", "tests", "macros", "snapshots", "analyses")
OWN_DIALECT = Path("macros/dialect")

FORBIDDEN_FUNCTIONS = {
    "concat": "skips nulls on one engine and not on the other: write `a || b`, with coalesce where null is possible",
    "concat_ws": "write `a || ' ' || b`, with coalesce where null is possible",
    "unnest": "is explode on Spark: use a macro of macros/dialect/",
    "generate_series": "use dbt.date_spine",
    "range": "use dbt.date_spine",
    "strftime": "is date_format on Spark: use a macro of macros/dialect/",
    "strptime": "is to_timestamp on Spark: use a macro of macros/dialect/",
    "arg_max": "write max_by",
    "arg_min": "write min_by",
    "quantile_cont": "write percentile_cont(…) within group (order by …)",
    "regexp_matches": "is regexp_like on Spark: use a macro of macros/dialect/",
    "regexp_replace": "replaces once on one engine and everywhere on the other: use a macro of macros/dialect/",
    "regexp_extract": "counts groups differently: use a macro of macros/dialect/",
    "json_extract": "use a macro of macros/dialect/",
    "json_extract_string": "use a macro of macros/dialect/",
    "json_object": "use a macro of macros/dialect/",
    "len": "is size for lists on Spark: use length for text, a macro of macros/dialect/ for lists",
    "array_length": "use a macro of macros/dialect/",
    "list_value": "use a macro of macros/dialect/",
    "struct_pack": "use a macro of macros/dialect/",
    "date_diff": "counts boundaries, not elapsed time: use days_between or seconds_between of macros/dialect/",
    "datediff": "counts boundaries, not elapsed time: use days_between or seconds_between of macros/dialect/",
    "dayofweek": "starts the week on another day: use dbt.date_trunc('week', …) and count from there",
    "isodow": "is not on Spark: use dbt.date_trunc('week', …) and count from there",
    "now": "use the macro as_of(): one instant for the whole refresh",
    "today": "use the macro as_of(): one instant for the whole refresh",
    "get_current_timestamp": "use the macro as_of(): one instant for the whole refresh",
}
CLOCKS = {"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME", "LOCALTIMESTAMP", "SYSDATE"}
WEEKDAYS = {"DOW", "ISODOW", "DAYOFWEEK", "WEEKDAY"}
TEXT = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
PART_OF_A_NAME = re.compile(r"[\w.]*")
MACRO_DEFINITION = re.compile(r"\{%-?\s*(macro|test)\b")
FINE_UNITS = re.compile(r"\bdatediff\b[^}]*?[\"'](hour|minute|second|millisecond|microsecond)[\"']", re.IGNORECASE)
MACRO = "jinja_macro"
SET_OPERATIONS = {TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}
LITERALS = {TokenType.NULL, TokenType.TRUE, TokenType.FALSE, TokenType.STRING}
ENDS_OF_ORDER = {"ROWS", "RANGE", "GROUPS", "LIMIT", "OFFSET", "QUALIFY", "UNION", "EXCEPT", "INTERSECT", "FETCH"}


@dataclass(frozen=True)
class Violation:
    """A forbidden construct. `line` counts from 1."""

    line: int
    message: str


def violations(sql: str) -> list[Violation]:
    """What `sql`, a model as it is written, may not contain; in the order of lines."""
    found = [
        Violation(
            sql.count("\n", 0, match.start()) + 1,
            f"datediff in {match[1]}s counts boundaries differently: use seconds_between and divide",
        )
        for block in re.finditer(r"\{\{.*?\}\}", sql, re.DOTALL)
        for match in FINE_UNITS.finditer(sql, *block.span())
    ]
    found += _joined_texts(sql)
    tokens = _tokens(sql)
    for rule in RULES:
        found += rule(tokens)
    return sorted(set(found), key=lambda violation: (violation.line, violation.message))


def _joined_texts(sql: str) -> Iterator[Violation]:
    """SQL that a model puts together from texts, which nothing reads or formats. Macros may, and names do not count."""
    if MACRO_DEFINITION.search(sql):
        return
    for block in re.finditer(r"\{\{.*?\}\}|\{%-?\s*set\b.*?%\}", sql, re.DOTALL):
        for text in TEXT.finditer(sql, *block.span()):
            before, after = sql[block.start() : text.start()].rstrip(), sql[text.end() : block.end()].lstrip()
            is_joined = before.endswith("~") or after.startswith("~")
            if is_joined and not PART_OF_A_NAME.fullmatch(text[0][1:-1]):
                line = sql.count("\n", 0, text.start()) + 1
                yield Violation(
                    line, "SQL joined by ~: select the expression in a step of its own, and pass its column"
                )


def _tokens(sql: str) -> list[Token]:
    """Tokens of `sql` with every Jinja block replaced by a name or nothing, on the lines where they stand.

    Raises:
        TokenError: it is not SQL.
    """

    def blank(match: re.Match[str]) -> str:
        block = match[0]
        newlines = "\n" * block.count("\n")
        if block.startswith('{{ ","'):  # between the columns of a loop
            return f", {newlines}"
        return f" {PLACEHOLDER} {newlines}" if block.startswith("{{") else f" {newlines}"

    return DuckDB.Tokenizer().tokenize(JINJA.sub(blank, sql))


def _text(token: Token) -> str:
    return token.text.upper()


def _is_code(token: Token) -> bool:
    """Neither a quoted name nor a literal."""
    return token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)


def _is_call(tokens: Sequence[Token], position: int) -> bool:
    following = tokens[position + 1 : position + 2]
    preceding = tokens[position - 1 : position] if position else []
    return (
        _is_code(tokens[position])
        and bool(following)
        and following[0].token_type == TokenType.L_PAREN
        and not (preceding and preceding[0].token_type == TokenType.DOT)
    )


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """Position of the parenthesis that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(tokens)):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[position].token_type, 0)
        if depth == 0:
            return position
    return len(tokens)


def _functions(tokens: Sequence[Token]) -> Iterator[Violation]:
    for position, token in enumerate(tokens):
        advice = FORBIDDEN_FUNCTIONS.get(token.text.lower())
        if advice and _is_call(tokens, position):
            yield Violation(token.line, f"{token.text.lower()}() {advice}")


def _clocks(tokens: Sequence[Token]) -> Iterator[Violation]:
    for token in tokens:
        if _is_code(token) and _text(token) in CLOCKS:
            yield Violation(
                token.line, f"{token.text.lower()}: use the macro as_of(): one instant for the whole refresh"
            )


def _ordering(tokens: Sequence[Token]) -> Iterator[Violation]:
    """Nulls come first on one engine, last on the other: each ordering says where. Ordered groups leave them out."""
    for position, token in enumerate(tokens):
        # The tokenizer reads the two words as one token.
        if token.token_type != TokenType.ORDER_BY or _is_within_group(tokens, position):
            continue
        depth, is_stated, line, is_empty = 0, False, token.line, True
        for following in [*tokens[position + 1 :], None]:
            if (
                following is None
                or depth == 0
                and (
                    following.token_type in (TokenType.R_PAREN, TokenType.COMMA, TokenType.SEMICOLON)
                    or (_is_code(following) and _text(following) in ENDS_OF_ORDER)
                )
            ):
                if not is_stated and not is_empty:
                    yield Violation(line, "order by without nulls first or nulls last: the engines differ")
                is_comma = following is not None and following.token_type == TokenType.COMMA
                if not is_comma:
                    break
                is_stated, is_empty, line = False, True, following.line  # type: ignore[union-attr]
                continue
            if is_empty:
                line, is_empty = following.line, False
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(following.token_type, 0)
            # `nulls first` may stand in a macro, then the whole item is one expression
            is_stated = is_stated or (depth == 0 and _text(following) in ("NULLS", "FIRST", "LAST"))


def _is_within_group(tokens: Sequence[Token], position: int) -> bool:
    return [_text(token) for token in tokens[max(position - 3, 0) : position]] == ["WITHIN", "GROUP", "("]


def _weekdays(tokens: Sequence[Token]) -> Iterator[Violation]:
    for position, token in enumerate(tokens):
        if _text(token) not in ("EXTRACT", "DATE_PART") or not _is_call(tokens, position):
            continue
        inside = tokens[position + 2 : _closing(tokens, position + 1)]
        if inside and _text(inside[0]) in WEEKDAYS:
            yield Violation(
                token.line,
                "extract(dow): weeks start on another day: use dbt.date_trunc('week', …) and count from there",
            )


def _operators(tokens: Sequence[Token]) -> Iterator[Violation]:
    advice = {
        TokenType.ARROW: "-> on JSON: use a macro of macros/dialect/",
        TokenType.DARROW: "->> on JSON: use a macro of macros/dialect/",
        TokenType.DIV: "// divides whole numbers on DuckDB only: write floor(a / b)",
        TokenType.L_BRACKET: "[…] makes or reads a list on DuckDB only: use a macro of macros/dialect/",
        TokenType.L_BRACE: "{…} makes a struct on DuckDB only: use a macro of macros/dialect/",
    }
    for token in tokens:
        if token.token_type in advice:
            yield Violation(token.line, advice[token.token_type])


def _stars(tokens: Sequence[Token]) -> Iterator[Violation]:
    for star, following in zip(tokens, tokens[1:], strict=False):
        if star.token_type == TokenType.STAR and _is_code(following) and _text(following) in ("EXCLUDE", "REPLACE"):
            yield Violation(star.line, f"* {following.text.lower()} is written otherwise on Spark: list the columns")


def _joins(tokens: Sequence[Token]) -> Iterator[Violation]:
    for token in tokens:
        if _is_code(token) and _text(token) in ("ASOF", "ASOF JOIN"):
            yield Violation(token.line, "asof join: use a window function")


def _ignored_nulls(tokens: Sequence[Token]) -> Iterator[Violation]:
    for first, second in zip(tokens, tokens[1:], strict=False):
        if (_text(first), _text(second)) == ("IGNORE", "NULLS") or _text(first) == "IGNORE NULLS":
            yield Violation(
                first.line, "ignore nulls stands inside the brackets on one engine: use a macro, or a filter"
            )


def _zones(tokens: Sequence[Token]) -> Iterator[Violation]:
    for position, token in enumerate(tokens):
        words = " ".join(_text(following) for following in tokens[position : position + 4])
        if _is_code(token) and (_text(token) == "TIMESTAMPTZ" or words == "TIMESTAMP WITH TIME ZONE"):
            yield Violation(token.line, f"{token.text.lower()}: instants are UTC without a zone, by utc_timestamp()")


def _division(tokens: Sequence[Token]) -> Iterator[Violation]:
    """x / 0 is null on one engine and an error on the other."""
    for slash, divisor in zip(tokens, tokens[1:], strict=False):
        if slash.token_type != TokenType.SLASH:
            continue
        is_number = divisor.token_type == TokenType.NUMBER and float(divisor.text) != 0
        if not is_number and _text(divisor) != "NULLIF":
            yield Violation(slash.line, "division: the divisor may be 0: write x / nullif(y, 0)")


def _averages(tokens: Sequence[Token]) -> Iterator[Violation]:
    """The mean of decimals has another scale on each engine."""
    for position, token in enumerate(tokens):
        if _text(token) == "AVG" and _is_call(tokens, position):
            inside = tokens[position + 2 : _closing(tokens, position + 1)]
            if not any(_text(argument) == "DOUBLE" for argument in inside):
                yield Violation(token.line, "avg of a decimal: cast to double first, avg(x::double)")


def _date_differences(tokens: Sequence[Token]) -> Iterator[Violation]:
    """A date minus a date is days on one engine and an interval on the other; names end in _on by our own law."""
    for position, token in enumerate(tokens):
        if token.token_type == TokenType.DASH and 0 < position < len(tokens) - 1:
            right = position + 1
            while right + 2 < len(tokens) and tokens[right + 1].token_type == TokenType.DOT:
                right += 2
            if tokens[position - 1].text.endswith("_on") and tokens[right].text.endswith("_on"):
                yield Violation(token.line, "date − date: use days_between of macros/dialect/")


def _unions(tokens: Sequence[Token]) -> Iterator[Violation]:
    """A union goes by position: each branch names its columns, so that none takes the place of another."""
    for first, *others in _set_operations(tokens):
        names = [name for _, name in _select_list(first)]
        for branch in others:
            columns = _select_list(branch)
            expected = names if len(names) == len(columns) else [PLACEHOLDER] * len(columns)
            for (line, name), wanted in zip(columns, expected, strict=True):
                is_known = wanted not in ("", PLACEHOLDER, MACRO)
                if not name or (name == MACRO and is_known):
                    advice = f"write … as {wanted}" if is_known else "name it as the first branch does"
                    yield Violation(line, f"a column of a union without a name: {advice}")
                elif is_known and name not in (wanted, PLACEHOLDER):
                    yield Violation(line, f"{name} stands where the first branch of the union has {wanted}")


def _set_operations(tokens: Sequence[Token]) -> Iterator[list[list[Token]]]:
    """The branches of every union and its kind: tokens that stand in the same brackets."""
    levels: list[list[list[Token]]] = [[[]]]
    for token in tokens:
        if token.token_type == TokenType.L_PAREN:
            levels.append([[]])
            continue
        if token.token_type == TokenType.R_PAREN and len(levels) > 1:
            closed = levels.pop()
            levels[-1][-1].append(token)
            if len(closed) > 1:
                yield closed
        elif token.token_type in SET_OPERATIONS:
            levels[-1].append([])
        else:
            levels[-1][-1].append(token)
    yield from (level for level in levels if len(level) > 1)


def _select_list(branch: Sequence[Token]) -> list[tuple[int, str]]:
    """Line and name (`_column_name`) of each column that a branch selects."""
    items: list[list[Token]] = [[]]
    selects = [position for position, token in enumerate(branch) if token.token_type == TokenType.SELECT]
    for before, token in zip(branch[selects[0] :], branch[selects[0] + 1 :], strict=False) if selects else ():
        if token.token_type == TokenType.FROM and before.token_type != TokenType.DISTINCT:
            break
        if token.token_type == TokenType.COMMA:
            items.append([])
        elif not (token.token_type == TokenType.DISTINCT and before.token_type == TokenType.SELECT):
            items[-1].append(token)
    return [(item[0].line, _column_name(item)) for item in items if item]


def _column_name(item: Sequence[Token]) -> str:
    """Empty for an expression without a name. PLACEHOLDER: it may be any; MACRO: what the macro makes of it."""
    last = item[-1]
    if last.token_type == TokenType.STAR:
        return PLACEHOLDER
    if len(item) == 1 and last.text == PLACEHOLDER:
        return MACRO
    is_alias = len(item) > 1 and item[-2].token_type == TokenType.ALIAS
    is_column = last.token_type not in LITERALS and last.text.isidentifier()
    is_plain = len(item) == 1 or (len(item) == 3 and item[1].token_type == TokenType.DOT)
    return last.text.lower() if is_alias or (is_plain and is_column) else ""


RULES: tuple[Callable[[Sequence[Token]], Iterator[Violation]], ...] = (
    _functions,
    _clocks,
    _ordering,
    _weekdays,
    _operators,
    _stars,
    _joins,
    _ignored_nulls,
    _zones,
    _division,
    _averages,
    _date_differences,
    _unions,
)


def files(project: Path) -> list[Path]:
    """The SQL files that have to be portable."""
    return sorted(
        path
        for folder in FOLDERS
        for path in (project / folder).rglob("*.sql")
        if not path.is_relative_to(project / OWN_DIALECT)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 when a file violates a rule."""
    parser = argparse.ArgumentParser(prog="python -m dbt_project.portable_sql", description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path, help="folder of the dbt project")
    count = 0
    for path in files(parser.parse_args(arguments).project):
        try:
            found = violations(path.read_text())
        except TokenError as error:
            found = [Violation(1, f"cannot be read: {error}")]
        for violation in found:
            print(f"{path}:{violation.line}: {violation.message}")
        count += len(found)
    print(f"{count} constructs that are not portable" if count else "All SQL is portable.")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
