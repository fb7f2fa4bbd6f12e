"""Each study has a script that can start, and figures that a document rests on."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "benchmarks" / "studies"
SCRIPTS = sorted(STUDIES.glob("*.py"))
TEXTS = [path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_each_script_finds_what_it_imports(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(STUDIES)
    spec = importlib.util.spec_from_file_location(f"study_{script.stem}", script)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize("figures", sorted(STUDIES.glob("*.json")), ids=lambda path: path.stem)
def test_figures_have_a_script_and_a_sentence(figures: Path) -> None:
    assert any(figures.name in script.read_text() for script in SCRIPTS)
    assert any(f"studies/{figures.stem}." in text for text in TEXTS)
