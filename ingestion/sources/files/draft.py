"""`python -m ingestion.sources.files.draft <folder>`: a first mapping, written from the files themselves.

Belongs here: the text of the draft, the report, the command. Does not: finding and reading the files (`folder.py`),
which of them become which entities (`composition.py`).

The draft says for each column what it was taken for, how sure that is, and why. What the files do not show becomes a
line that begins with `# DECIDE:`.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

from ingestion import config
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.composition import Claim, Composer, Offer, choose_entities
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.folder import (
    DraftError,
    LeftOut,
    Table,
    find_links,
    find_tables,
    load_tables,
    one_line,
    option_lines,
    scalar,
)
from ingestion.sources.files.inputs import Rejection
from ingestion.sources.files.mapping import MappingError, read_mapping
from ingestion.sources.files.profiles import SAMPLE_ROWS
from ingestion.sources.files.recognition import Link, linked_entities
from ingestion.sources.files.vocabulary import (
    PLACES,
    plain,
)

_REASONS_SHOWN = 5
_OTHERS_SHOWN = 3


def write_draft(folder: Path) -> str:
    """The text of a first mapping for the files below a folder.

    Raises:
        DraftError: there is nothing to map.
    """
    tables, left_out = find_tables(folder)
    with (
        tempfile.TemporaryDirectory(prefix="draft-") as spill,
        duckdb.connect(config={"temp_directory": spill, "autoinstall_known_extensions": False}) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        tables, unreadable = load_tables(connection, folder, tables)
        links = find_links(connection, tables)
        readings, without = choose_entities(tables, links)
        composer = Composer(connection, tables, links, readings)
        claims = composer.claims()
    left_out = sorted([*left_out, *unreadable, *without], key=lambda file: file.path)
    if not claims:
        reasons = "; ".join(f"{file.path}: {file.reason}" for file in left_out)
        raise DraftError(f"{folder}: no file can be mapped to an entity; {reasons}")
    return _text(folder, composer, claims, links, left_out)


def _text(
    folder: Path, composer: Composer, claims: Sequence[Claim], links: Sequence[Link], left_out: Sequence[LeftOut]
) -> str:
    stem = plain(folder.resolve().name).replace(" ", "_")
    name = stem if re.match(r"[a-z]", stem) else f"files_{stem}".rstrip("_")
    lines = [
        "# A first mapping, written from the files. Beside each column stands what it was taken for: certain, likely",
        "# or guess, and why; behind a guess, what it could be instead. Answer each line that begins with DECIDE, then",
        "# take it out. A column that was left out is a line with its likeliest place: take the mark off to load it.",
        "# The format is in ingestion/sources/files/README.md.",
        f"name: {name}",
    ]
    lines += _zone_lines(composer, claims)
    lines += ["", "inputs:"]
    used = {claim.table.name: claim.table for claim in claims}
    joins = _joins(claims)
    for table in used.values():
        lines += _input_lines(table)
        if table.name in composer.ignored:
            lines.append(f"    ignore: {scalar(composer.ignored[table.name])}")
        lines += [
            f"    # joins: {link.column} is {link.other_column} of {link.other_table} ({link.held:.0%} of the values)"
            for link in links
            if link.table == table.name and (link.table, link.column, link.other_table) in joins
        ]
    for file in left_out:
        lines.append(f"  # left out: {file.path}: {file.reason}")
    if composer.rejects:
        lines += ["", "reject:"]
        for table_name, when, reason in composer.rejects:
            lines += [f"  - input: {table_name}", f"    when: {scalar(when)}", f"    reason: {scalar(reason)}"]
    lines += ["", "entities:"]
    left_out_columns = [composer.left_out(claims, table) for table in used.values()]
    for claim in claims:
        lines += _claim_lines(claim)
        for taker, offers in left_out_columns:
            lines += _left_out_lines(offers) if taker is claim else []
    return "\n".join(lines).rstrip() + "\n"


def _joins(claims: Sequence[Claim]) -> set[tuple[str, str, str]]:
    """Input, column and other input where a column of the draft names rows of another entity."""
    holders = {claim.entity: claim.table.name for claim in claims if not claim.group_by}
    return {
        (claim.table.name, expression.sql, holders[entity])
        for claim in claims
        for column, expression in claim.columns.items()
        for entity in linked_entities(claim.entity, column)
        if entity in holders
    }


def _zone_lines(composer: Composer, claims: Sequence[Claim]) -> list[str]:
    profiles = [
        column
        for claim in claims
        if any(column.sql_type == "TIMESTAMPTZ" for column in columns(ENTITIES[claim.entity]))
        for column in claim.table.profiles
        if column.is_instant
    ]
    if all(column.shapes["zoned"] >= 0.99 for column in profiles):
        return []
    place = PLACES.get(composer.place or "")
    zone = (place.timezone if place else None) or "UTC"
    why = f"most rows name the country {composer.place}" if place and place.timezone else "the files name no place"
    return [
        f"# DECIDE: in which time zone are times written without one? {zone} is a guess, {why}.",
        f"timezone: {zone}",
    ]


def _input_lines(table: Table) -> list[str]:
    lines = option_lines(table)
    if table.decimal_key:
        lines.append('    decimal: ","')
    if table.formats_key:
        formats = sorted({date_format for column in table.profiles for date_format in column.formats})
        shown = scalar(formats[0]) if len(formats) == 1 else "[" + ", ".join(map(scalar, formats)) + "]"
        lines.append(f"    date_format: {shown}")
    is_sampled = table.rows >= 2 * SAMPLE_ROWS
    looked_at = f"{table.rows} rows" + (f", their shapes in a sample of about {SAMPLE_ROWS}" if is_sampled else "")
    lines.append(f"    # looked at: {looked_at}")
    return lines


def _claim_lines(claim: Claim) -> list[str]:
    lines = [f"  {claim.entity}:"]
    lines += [f"    # DECIDE: {decision}" for decision in claim.decisions]
    lines.append(f"    from: {claim.table.name}")
    if claim.where:
        lines.append(f"    where: {scalar(claim.where)}")
    if claim.group_by:
        lines.append(f"    group_by: [{scalar(claim.group_by)}]")
    lines.append("    columns:")
    for column, expression in claim.columns.items():
        lines.append(f"      {column}: {scalar(expression.sql)}  # {one_line(expression.comment)}")
    return lines


def _left_out_lines(offers: Sequence[Offer]) -> list[str]:
    """Columns of the input that nothing holds: as lines that only have to lose their mark where a column could."""
    lines = []
    for offer in offers:
        if offer.columns:
            first, *others = offer.columns
            instead = f"; or as {', '.join(others[:_OTHERS_SHOWN])}" if others else ""
            lines.append(f"      # {first}: {scalar(offer.sql)}  # left out, not sure enough: {offer.values}{instead}")
    nowhere = [one_line(offer.profile.name) for offer in offers if not offer.columns]
    if nowhere:
        lines.append(f"      # left out, no column of the entity holds it: {', '.join(nowhere)}")
    return lines


# ---- command


def report(file: Path, folder: Path) -> list[str]:
    """What the draft loads, by the load itself: rows of each entity, and rejections with their reasons.

    Raises:
        MappingError: the draft does not load.
    """
    evaluation = Evaluation(read_mapping(file), folder, config.as_of())
    try:
        lines = []
        for rows in evaluation.inputs:
            lines.append(f"input {rows.name}: {rows.taken} rows taken, {len(rows.rejections)} rejected")
            lines += _reasons(rows.rejections)
        for name in evaluation.mapping.entities:
            result = evaluation.entity(name)
            lines.append(f"{name}: {result.rows.num_rows} rows, {len(result.rejections)} rejected")
            lines += _reasons(result.rejections)
        return lines
    finally:
        evaluation.close()


def _reasons(rejections: Sequence[Rejection]) -> list[str]:
    """The reasons with their counts, most frequent first, without values, so that equal problems count together."""
    counts: Counter[str] = Counter()
    for rejection in rejections:
        reason = re.sub(r" \(copy \d+ of an equal row\)$", "", rejection["reason"])
        reason = re.sub(r"'[^']*'", "'…'", reason)
        counts[re.sub(r": .* is there more than once$", " is there more than once", reason)] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"    {count} × {reason}" for reason, count in ordered[:_REASONS_SHOWN]]
    hidden = ordered[_REASONS_SHOWN:]
    if hidden:
        lines.append(f"    {sum(count for _, count in hidden)} for {len(hidden)} other reasons")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mapping", description="Write a first mapping from a folder of files.")
    parser.add_argument("folder", type=Path, help="the folder with the files (DATA)")
    parser.add_argument("--out", type=Path, help="the mapping to write (OUT); mapping.yml in the folder when left out")
    options = parser.parse_args(arguments)
    out: Path = options.out or options.folder / "mapping.yml"
    try:
        if not options.folder.is_dir():
            raise DraftError(f"{options.folder} is no folder; give the one that holds the files: make mapping DATA=…")
        if out.exists():
            raise DraftError(
                f"{out} is there already and stays as it is; move it away, or name another file with OUT=…"
            )
        text = write_draft(options.folder)
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except (DraftError, OSError) as error:
        print(f"No mapping: {error}", file=sys.stderr)
        return 1
    print(f"{out}: a first mapping, with {text.count('# DECIDE:')} questions to answer (DECIDE)")
    try:
        print("\n".join(report(out, options.folder)))
    except MappingError as error:
        print(f"{out} does not load yet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
