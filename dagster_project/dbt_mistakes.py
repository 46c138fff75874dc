"""What is wrong with a model, in one line: the file, the reason, and what to do.

Belongs here: what dbt and DuckDB say, in words for the person who has just edited a file. Does not: running dbt
(`dbt_command`), rules of the project, whose messages say all of that themselves (`macros/lifecycle/validate.sql`).

dbt shows the same at length before, with the macros that it came through. Whatever is not known here is given in dbt's
own first words.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.thrift import in_its_own_words

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

FAILED = ("error", "runtime error", "fail", "partial success")
# A line of dbt's that says where something went wrong, and not what.
HEADING = re.compile(r"(.* )?Error$|\w+ Error in \w+ \S+ \(\S+\)$")
MISMATCHES = {
    "missing in contract": "the contract lacks the column {column} ({made})",
    "missing in definition": "the SQL lacks the column {column} ({agreed})",
    "data type mismatch": "{column} is {made} in the SQL and {agreed} in the contract",
}


def what_went_wrong(done: dbtRunnerResult, project: Path) -> str:
    """The reason why dbt failed, in one line.

    Args:
        done: what dbt returned.
        project: folder of the dbt project.
    """
    if done.exception is not None:
        usage = type(done.exception).__name__ == "DbtUsageException"
        return _in_one_line(str(done.exception), project) + (" Fix: see .venv/bin/dbt --help." if usage else "")
    results = [each for each in getattr(done.result, "results", ()) if each.status in FAILED]
    results.sort(key=lambda each: each.status == "fail")  # what could not run, before what was found
    if not results:
        return "dbt failed: its own lines say why."
    others = f" (and {len(results) - 1} more, which dbt names above)" if len(results) > 1 else ""
    return _of_result(results[0], project) + others


def circle(nodes: Sequence[str]) -> str:
    """What is wrong with models that are made of each other.

    Args:
        nodes: their ids, each made of the one before it, and the first of the last.
    """
    names = " -> ".join(name.rpartition(".")[2] for name in (*nodes, nodes[0]))
    return f"models are made of each other: {names}. Fix: take one of these references out."


def _of_result(result: Any, project: Path) -> str:
    node, message = result.node, in_its_own_words(str(result.message))
    place = _place(project, node.original_file_path)
    if result.status == "fail" and node.resource_type == "unit_test":
        return f"{place}: the unit test {node.name} failed. dbt shows expected and actual rows above."
    if result.status == "fail":
        rows = f"{result.failures} row" + ("" if result.failures == 1 else "s")
        return f'{place}: the test {node.name} failed for {rows}. See them: make dbt ARGS="show -s {node.name}"'
    if node.resource_type == "unit_test" and "Error in the unit test" not in message:
        model = node.model  # dbt runs unit tests first: what cannot run is the model
        place = next(
            (_place(project, str(path.relative_to(project))) for path in _files(project, f"{model}.sql")), place
        )
    return _in_one_line(message, project, place)


def _in_one_line(message: str, project: Path, place: str = "") -> str:
    for explain in (_stage, _contract, _circle, _unknown_name, _yaml, _template, _query):
        if found := explain(message, project, place or _place_in(message, project)):
            return " ".join(found.split())
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = [line for line in lines if not HEADING.match(line)] or lines or [message]
    place = place or _place_in(message, project)
    # What the project refuses by itself names its file.
    is_placed = not place or told[0].startswith(project.name)
    return " ".join((told[0] if is_placed else f"{place}: {told[0]}").split())


def _stage(message: str, project: Path, place: str) -> str | None:
    found = re.search(r"Stage model models/.*", message)
    return found[0].replace("models/", f"{project.name}/models/", 1) if found else None


def _contract(message: str, project: Path, place: str) -> str | None:
    rows = re.findall(r"\|\s*(\w+)\s*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*\|\s*([a-z][a-z ]+?)\s*\|", message)
    said = [
        MISMATCHES[reason].format(column=column, made=made, agreed=agreed)
        for column, made, agreed, reason in rows
        if reason in MISMATCHES
    ]
    if not said:
        return None
    contract = place.removesuffix("sql") + "yml"
    return f"{place}: {'; '.join(said)}. Fix: change the SQL, or name and data_type of the column in {contract}."


def _circle(message: str, project: Path, place: str) -> str | None:
    found = re.search(r"Found a cycle: (.+)", message)
    return circle(found[1].split(" --> ")) if found else None


def _unknown_name(message: str, project: Path, place: str) -> str | None:
    found = re.search(r"depends on a (?:node|source) named '([^']+)' which was not found", message)
    if not found:
        return None
    known = [path.stem for path in (*_files(project, "*.sql"), *(project / "seeds").glob("*.csv"))]
    near = difflib.get_close_matches(found[1].rpartition(".")[2], known, n=3)
    fix = f"write {' or '.join(near)}" if near else "write the name of a model's file, or add that model"
    return f"{place}: there is no {found[1]}. Fix: {fix}."


def _yaml(message: str, project: Path, place: str) -> str | None:
    found = re.search(r"Error reading \w+: (\S+\.yml) - .*?Syntax error near line (\d+)(.*)", message, re.DOTALL)
    if not found:
        return None
    reason = re.search(r"(?:did not find|found|could not find|mapping values) [^\n]*", found[3].split("Raw Error")[-1])
    return (
        f"{_place(project, f'models/{found[1]}')}:{found[2]}: no YAML{f': {reason[0]}' if reason else ''}. "
        "Fix: correct the lines around that one."
    )


def _template(message: str, project: Path, place: str) -> str | None:
    undefined = re.search(r"'(\w+)' is undefined", message)
    if undefined:
        return f"{place}: there is no macro {undefined[1]}. Fix: correct its name, or add it in {project.name}/macros/."
    found = re.search(r"\n\s+([^\n]+)\n\s+line (\d+)\n\s+([^\n]*)", message)
    return f"{place}:{found[2]}: {found[1]} in `{found[3]}`. Fix: correct the template there." if found else None


def _query(message: str, project: Path, place: str) -> str | None:
    found = re.search(r"(Binder|Catalog|Parser|Conversion) Error: (.*?)(?:\n\s*\n|\n\s*LINE|$)", message, re.DOTALL)
    if not found:
        return None
    written = re.search(r"LINE \d+: (.*)", message)
    line = _line(project.parent / place, written[1].strip()) if written else None
    fix = {
        "Binder": "correct the name, or add the column to what is read there",
        "Catalog": "build what it reads first (`+` before the model's name), or correct the name",
        "Parser": "correct the SQL there",
        "Conversion": "correct the value or the cast",
    }[found[1]]
    return f"{place}{f':{line}' if line else ''}: {found[2]}. Fix: {fix}."


def _line(path: Path, written: str) -> int | None:
    """Where a file has a line of the compiled query; None: a macro wrote it, or it stands there twice."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    at = [number for number, line in enumerate(lines, start=1) if line.strip() == written]
    return at[0] if len(at) == 1 else None


def _place_in(message: str, project: Path) -> str:
    found = re.search(r"\(((?:models|tests|macros|seeds)/[^)]+)\)", message)
    return _place(project, found[1]) if found else ""


def _place(project: Path, path: str) -> str:
    return f"{project.name}/{path}"


def _files(project: Path, pattern: str) -> Iterator[Path]:
    yield from (project / "models").rglob(pattern)
