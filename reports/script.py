"""The JavaScript of charts: Vega, Vega-Lite, vega-embed, and the few lines that show charts as they come into sight.

`python -m reports.script` bundles it beside the environment's packages, as the last step of an installation.

Belongs here: where the bundle comes from, and where it is kept whole. Does not: charts (`reports/charts.py`), pages
(`reports/write.py`).
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

INSTALLED = Path(sys.prefix) / "charts"
TEMPLATES = Path(__file__).parent / "templates"


def script(kept: Path | None) -> str:
    """The bundle, as an element of a page may hold it.

    Args:
        kept: folder where it is kept, and put if it is not there yet; None: bundled by this process, for itself.
    """
    show = (TEMPLATES / "show.js").read_text()
    if kept is None:
        return _bundled(show)
    made_of = f"{version('vl-convert-python')}\n{show}"
    file = kept / f"charts-{_digest(made_of.encode())[:16]}.js"
    digest, _, found = (file.read_bytes() if file.exists() else b"").partition(b"\n")
    if digest.decode(errors="replace") == _digest(found):  # otherwise a crash has left half of it, or nothing
        return found.decode()
    bundled = _bundled(show)
    kept.mkdir(parents=True, exist_ok=True)
    for outdated in kept.glob("charts-*.js"):
        outdated.unlink(missing_ok=True)
    put(file, f"{_digest(bundled.encode())}\n{bundled}")
    return bundled


def put(path: Path, text: str) -> None:
    """Replace a file in one step: who has the old one open keeps it, nobody opens half of the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _bundled(show: str) -> str:
    import vl_convert

    # Nothing in it may end the element that it stands in.
    return vl_convert.javascript_bundle(show).replace("</script", "<\\/script")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    script(INSTALLED)
