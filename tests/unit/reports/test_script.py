"""The JavaScript of charts is bundled once, and kept whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import script


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pieces that were bundled; no two bundles are the same."""
    shown: list[str] = []

    def bundle(show: str) -> str:
        shown.append(show)
        return f"{len(shown)}: é\r\n{show}"

    monkeypatch.setattr(script, "_bundled", bundle)
    return shown


def test_what_is_kept_is_what_was_bundled(tmp_path: Path, bundled: list[str]) -> None:
    kept = tmp_path / "data/charts"

    assert {script.script(kept) for _ in range(3)} == {f"1: é\r\n{bundled[0]}"}
    assert len(bundled) == 1 and len([*kept.iterdir()]) == 1


@pytest.mark.parametrize("left", [b"", b"half", b"half\n\xc3"], ids=["nothing", "a digest", "half of it"])
def test_what_a_crash_has_cut_off_is_bundled_again(tmp_path: Path, bundled: list[str], left: bytes) -> None:
    script.script(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(left)

    assert script.script(tmp_path).startswith("2: ") and script.script(tmp_path).startswith("2: ")


@pytest.mark.parametrize("cut", [1, 100, 64])
def test_a_kept_script_that_was_cut_anywhere_is_not_used(tmp_path: Path, bundled: list[str], cut: int) -> None:
    script.script(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-cut])

    assert script.script(tmp_path).startswith("2: ")


def test_another_library_or_another_way_to_show_charts_is_another_script(
    tmp_path: Path, bundled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script.script(tmp_path)
    monkeypatch.setattr(script, "version", lambda name: f"another {name}")

    assert script.script(tmp_path).startswith("2: ")
    (file,) = tmp_path.iterdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/show.js").write_text("another way")
    monkeypatch.setattr(script, "TEMPLATES", tmp_path / "templates")

    assert script.script(tmp_path) == "3: é\r\nanother way"
    assert not file.exists()
