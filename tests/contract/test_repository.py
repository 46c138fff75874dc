"""The repository as a stranger finds it: documented variables, paths that exist, nothing generated, no host named."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

from dotenv import dotenv_values

from dagster_project.environment import OF_THE_INSTALLATION
from dagster_project.sinks import SINKS, SinkSettings
from ingestion.config import Settings, SourceSettings
from ingestion.inbox import InboxSettings
from ingestion.sources import SOURCE_NAMES

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/decisions.md")
ROOMS = (
    "ingestion",
    "expectations",
    "predictions",
    "serving",
    "activation",
    "reports",
    "dashboards",
    "cluster",
    "sandbox",
    "dagster_project",
)
READERS = {"Settings", "SourceSettings", "InboxSettings", "SinkSettings"}
OURS = ("LIFECYCLE_", "SANDBOX_", "SOURCES__", "ACTIVATION_", "SPARK_")
# Variables of other tools, which the code sets or passes on and nobody has to set.
OTHERS = {
    "CI",
    "DAGSTER_HOME",
    "DBT_LOG_PATH",
    "DBT_TARGET",
    "DBT_TARGET_PATH",
    "DLT_PROJECT_DIR",
    "GX_ANALYTICS_ENABLED",
    "JAVA_HOME",
    "PYTHONPATH",
    "SUPERSET_HOME",
    "SUPERSET_PORT",
    "SUPERSET_SECRET_KEY",
}
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted|files\.python|registry\.npmjs|/simple\b|index-url\s*=\s*https?:", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|work|Users)/\w+")
GENERATED = re.compile(
    r"(^|/)(target|logs|__pycache__|\.dagster|gx|uncommitted)/|\.(duckdb|wal|parquet|pyc|msgpack|log)$|(^|/)(manifest|catalog|run_results)\.json$"
)


def documented(root: Path) -> set[str]:
    lines = (root / ".env.example").read_text().splitlines()
    return {match[1] for line in lines if (match := re.fullmatch(r"#?([A-Z][A-Z0-9_]+)=.*", line))}


def read_by_code(root: Path) -> set[str]:
    """Names of variables that Python or dbt read."""
    names = {variable for settings in settings_classes(root) for variable in variables(settings)}
    for room in (*ROOMS, "tests"):
        for path in python_of(root, room):
            names |= _environment_names(ast.parse(path.read_text()))
    for path in (root / "dbt_project").rglob("*"):
        if path.suffix in (".sql", ".yml") and "target" not in path.parts:
            names |= set(re.findall(r"env_var\(\s*[\"']([A-Z_0-9]+)", path.read_text()))
    return names


def python_of(root: Path, room: str) -> list[Path]:
    return [path for path in (root / room).rglob("*.py") if path != Path(__file__).resolve()]


def settings_classes(root: Path) -> list[type[Settings]]:
    """Every class of settings that a room declares."""
    found = []
    for room in ROOMS:
        for path in python_of(root, room):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & READERS:
                    module = import_module(".".join(path.relative_to(root).with_suffix("").parts))
                    found.append(getattr(module, node.name))
    return [each for each in found if each not in (SourceSettings, InboxSettings, SinkSettings)]


def variables(settings: type[Settings]) -> set[str]:
    return {settings.variable(field) for field in settings.model_fields}


def _environment_names(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        key: ast.AST | None = None
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and ast.unparse(node.value) == "os.environ"
        ):
            key = node.slice
        elif isinstance(node, ast.Call) and node.args:
            function = ast.unparse(node.func)
            if function in ("os.environ.get", "os.environ.setdefault", "os.getenv"):
                key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isupper():
            names.add(key.value)
    return names


def test_every_variable_that_is_read_is_documented(root: Path) -> None:
    assert read_by_code(root) - OTHERS - documented(root) == set()


def test_settings_are_read_by_their_classes_alone(root: Path) -> None:
    """One way to read, so that each wrong value is refused in the same words."""
    found = []
    for room in ROOMS:
        for path in python_of(root, room):
            tree = ast.parse(path.read_text())
            found += [f"{path}: {name}" for name in _environment_names(tree) if name.startswith(OURS)]
            if path.name != "config.py":
                places = {"dlt.config", "dlt.secrets"}
                found += [f"{path}: {ast.unparse(node)}" for node in ast.walk(tree) if _is_one_of(node, places)]
    assert found == []


def _is_one_of(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) in names


def test_each_source_that_is_loaded_has_its_settings(root: Path) -> None:
    of_vendors = [each for each in settings_classes(root) if issubclass(each, SourceSettings)]
    classes = [each for each in of_vendors if not issubclass(each, SinkSettings)]

    # what a source has several of, such as connections, has its settings below those of the source
    assert sorted(each.source for each in classes if "." not in each.source) == sorted(SOURCE_NAMES)
    assert {each.source.partition(".")[0] for each in classes} == {*SOURCE_NAMES}
    for settings in classes:
        assert settings.__module__ == f"ingestion.sources.{settings.source.partition('.')[0]}.settings"


def test_each_sink_has_its_settings(root: Path) -> None:
    classes = [each for each in settings_classes(root) if issubclass(each, SinkSettings)]

    assert sorted(each.source for each in classes) == sorted(SINKS)


def test_every_class_of_settings_is_read_before_a_refresh_begins(root: Path) -> None:
    of_rooms = [each for each in settings_classes(root) if not issubclass(each, SourceSettings)]
    of_production = {each for each in of_rooms if not each.__module__.startswith("sandbox.")}

    assert of_production == {*OF_THE_INSTALLATION}


def test_every_documented_variable_is_read(root: Path) -> None:
    assert documented(root) - read_by_code(root) == set()


def test_the_example_names_every_source(root: Path) -> None:
    assert f"Enabled sources, comma separated: {', '.join(SOURCE_NAMES)}. " in (root / ".env.example").read_text()


def test_every_documented_variable_has_a_comment(root: Path) -> None:
    lines = (root / ".env.example").read_text().splitlines()
    bare = [
        line
        for position, line in enumerate(lines)
        if re.fullmatch(r"#?[A-Z][A-Z0-9_]+=.*", line)
        and not re.match(r"# \w|#[A-Z]|[A-Z]", lines[position - 1])
        and "BASE_URL" not in line
    ]
    assert bare == []


def test_a_copy_of_the_example_sets_nothing(root: Path) -> None:
    assert dotenv_values(root / ".env.example") == {}


def test_paths_quoted_in_documents_exist(root: Path, committed_files: list[Path]) -> None:
    """A path in backquotes has a slash or a suffix of ours; placeholders and what a run writes are left out."""
    files = {str(path.relative_to(root)) for path in committed_files}
    known = files | {str(parent) for name in files for parent in Path(name).parents}
    missing = []
    for document in [root / name for name in DOCUMENTS if (root / name).exists()]:
        for quoted in re.findall(r"`([^`\s]+)`", document.read_text()):
            is_path = re.fullmatch(r"\.?[\w.-]+(/[\w.{},*-]+)+/?|[\w.-]+/|[\w-]+\.(md|toml|py|sql|yml|yaml)", quoted)
            if not is_path or re.search(r"[{}*]", quoted):
                continue
            name = quoted.rstrip("/")
            if name in known or any(each.endswith("/" + name) for each in known):
                continue
            # What a user or a run writes. Git judges no path behind a link, such as that to the current version.
            within = [quoted, *(f"{folder}/" for folder in list(Path(name).parents)[:-1])]
            asked = [subprocess.run(["git", "check-ignore", "-q", each], cwd=root).returncode for each in within]
            if 0 not in asked:
                missing.append(f"{document.name}: {quoted}")
    assert missing == []


def test_documents_are_there(root: Path) -> None:
    assert [name for name in DOCUMENTS if not (root / name).exists()] == []


def test_make_targets_quoted_in_documents_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    quoted = {
        target
        for name in DOCUMENTS
        if (root / name).exists()
        for target in re.findall(r"`make ([a-z-]+)", (root / name).read_text())
    }
    assert quoted - targets == set()


def test_nothing_generated_is_committed(root: Path, committed_files: list[Path]) -> None:
    names = [str(path.relative_to(root)) for path in committed_files]

    assert [name for name in names if GENERATED.search(name)] == []


def test_what_a_run_writes_is_ignored(root: Path) -> None:
    written = [
        "data/warehouse.duckdb",
        ".venv/x",
        ".uv/x",
        "dbt_project/target/manifest.json",
        ".env",
        ".dlt/secrets.toml",
    ]
    done = subprocess.run(["git", "check-ignore", *written], cwd=root, capture_output=True, text=True)

    assert done.stdout.split() == written


def test_no_file_names_a_registry_or_a_machine(root: Path, committed_files: list[Path]) -> None:
    found = []
    for path in committed_files:
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(root)}: {match[0]}"
            for rule in (REGISTRY, MACHINE_PATH)
            for match in rule.finditer(text)
        ]
    assert found == []


def test_locks_pin_every_package_with_a_hash(root: Path) -> None:
    for lock in (root / "requirements").glob("*.txt"):
        text = lock.read_text()
        pins = re.findall(r"^([\w.-]+)(?:\[.*?\])?==[^\n]*", text, re.MULTILINE)
        unpinned = [line for line in text.splitlines() if re.match(r"[A-Za-z]", line) and "==" not in line]
        assert pins and unpinned == []
        assert len(re.findall(r"^[\w.-]+(?:\[.*?\])?==[^\n]*\\\n\s+--hash=sha256:", text, re.MULTILINE)) == len(pins)


def test_ci_runs_what_make_test_runs(root: Path) -> None:
    script = (root / ".ci" / "run").read_text()

    assert "set -euo pipefail" in script
    assert script.rstrip().endswith("make test")
