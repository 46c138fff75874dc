"""Where the published versions lie, which of them readers see, and in what order they were published.

A version is a folder, so that its database is called the same in each: a client names a database after the file that a
link leads to in the end, and what a BI tool has built on that name has to outlive the version. One link names the
version that is read. What readers are given are links through it, which never change:

    lifecycle.duckdb -> current/lifecycle.duckdb
    current -> versions/<version>
    versions/<version>/lifecycle.duckdb

Belongs here: names, order, links, what is removed. Does not: what is written into a version (`publish`), who may read
it (`access`).

A version is passed around as the path of its database. Of an installation that published files without folders
(`versions/<version>.duckdb`, with `lifecycle.duckdb` linked to one of them) everything can be read as it is, until its
next publication, rollback or erasure moves it (`move_into_folders`).
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

DATABASE = LINK_NAME = "lifecycle.duckdb"
CURRENT = "current"
FOLDER = "versions"
# Without a number: of a version of the project that ordered by the clock. They count as older than all that have one.
VERSION_PATTERN = re.compile(r"lifecycle-(?:(?P<number>\d{6,})-)?\d{8}T\d{12}Z")


def link_path(serving_dir: Path) -> Path:
    """The path that BI tools are given."""
    return serving_dir / LINK_NAME


def database_of(version: str, serving_dir: Path) -> Path:
    """The database of a version, by the name of the version; it need not be there."""
    return serving_dir / FOLDER / version / DATABASE


def name_of(database: Path) -> str:
    """The name of the version that a database is."""
    return database.parent.name if database.name == DATABASE else database.stem


def number_of(database: Path) -> int:
    """The place of a version in the sequence of all. The clock does not say it: it may have been wrong for a night."""
    found = VERSION_PATTERN.fullmatch(name_of(database))
    return int(found["number"] or 0) if found else 0


def versions(serving_dir: Path) -> list[Path]:
    """Every published version, in the order of publication."""
    folder = serving_dir / FOLDER
    found = {name_of(path): path for pattern in ("*.duckdb", f"*/{DATABASE}") for path in folder.glob(pattern)}
    return sorted((path for name, path in found.items() if VERSION_PATTERN.fullmatch(name)), key=_place)


def versions_before(version: Path, serving_dir: Path) -> list[Path]:
    """The versions published before one that may be gone itself, the latest first."""
    return [path for path in reversed(versions(serving_dir)) if _place(path) < _place(version)]


def _place(database: Path) -> tuple[int, str]:
    return number_of(database), name_of(database)


def current_version(serving_dir: Path) -> Path | None:
    """The version that readers are led to, also where that is gone, or None before the first publication."""
    if (current := serving_dir / CURRENT).is_symlink():
        return serving_dir / os.readlink(current) / DATABASE
    if _is_linked_without_folder(serving_dir):
        return serving_dir / os.readlink(link_path(serving_dir))
    return None


def point_link_at(version: Path, serving_dir: Path) -> None:
    """Lead readers to another version in one step: they find the old one or the new one, never none."""
    stand(LINK_NAME, serving_dir)
    _link(serving_dir / CURRENT, version.parent.relative_to(serving_dir))


def stand(name: str, serving_dir: Path) -> None:
    """Give readers a link of their own to what versions hold under a name.

    It stays from then on. Where the current version has nothing of that name, such as one from before there was any,
    it leads nowhere, which is the truth: to take it away would be a second step beside the one that changes versions.

    Raises:
        FileExistsError: there is something else of that name.
    """
    link, target = serving_dir / name, Path(CURRENT, name)
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is not a link of ours: move it away.")
    _link(link, target)


def _link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, link)
    sync(link.parent)


def keep_newest(serving_dir: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` versions, and what a crash left; never the version that readers are led to.

    Returns:
        The deleted versions.
    """
    drop_files_without_folder(serving_dir)
    current = current_version(serving_dir)
    outdated = [path for path in versions(serving_dir)[:-keep] if path != current]
    for path in outdated:
        remove(path)
    kept = {path.parent for path in [*versions(serving_dir), *([current] if current else [])]}
    for path in [*(serving_dir / FOLDER).iterdir()]:
        if ".tmp" in path.name or (VERSION_PATTERN.fullmatch(path.name) and path not in kept):
            delete(path)
        for leftover in path.glob("*.tmp*") if path in kept else ():
            delete(leftover)
    for link in serving_dir.glob(".*"):
        if link.is_symlink():
            link.unlink()
    return outdated


def remove(version: Path) -> None:
    """Delete a version with all that accompanies it: no reader finds half of it."""
    going = version.parent.with_name(f"{version.parent.name}.tmp")
    os.rename(version.parent, going)
    shutil.rmtree(going)


def delete(path: Path) -> None:
    """Delete a file, or a folder with all that it holds; it need not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Force a folder with all that it holds to disk."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


# ---- versions that are files without a folder


def move_into_folders(serving_dir: Path) -> None:
    """Give each version that is a file a folder of its own. Whoever reads meanwhile notices nothing.

    The one that readers are led to is copied, and its file stays until `drop_files_without_folder`: somebody may have
    followed the old link and not yet opened what it leads to.
    """
    linked = current_version(serving_dir) if _is_linked_without_folder(serving_dir) else None
    for file in (path for path in versions(serving_dir) if path.name != DATABASE):
        database = database_of(name_of(file), serving_dir)
        database.parent.mkdir(exist_ok=True)
        shutil.copymode(serving_dir / FOLDER, database.parent)
        os.replace(_copied(file, database) if file == linked else file, database)
        for folder in (database.parent, serving_dir / FOLDER):
            sync(folder)
    if linked:
        _link(serving_dir / CURRENT, Path(FOLDER, name_of(linked)))
        stand(LINK_NAME, serving_dir)


def _copied(file: Path, database: Path) -> Path:
    copy = database.with_name(f"{DATABASE}.tmp")
    shutil.copy2(file, copy)
    sync(copy)
    return copy


def drop_files_without_folder(serving_dir: Path) -> None:
    """Delete what `move_into_folders` left: files of versions that are in folders."""
    if not _is_linked_without_folder(serving_dir):
        for file in (serving_dir / FOLDER).glob("*.duckdb"):
            if database_of(name_of(file), serving_dir).exists():
                file.unlink()


def _is_linked_without_folder(serving_dir: Path) -> bool:
    link = link_path(serving_dir)
    return link.is_symlink() and Path(os.readlink(link)).parts[0] == FOLDER
