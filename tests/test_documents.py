"""The documents say what is true: links lead somewhere, and figures are those of the committed JSON."""

import json
import re
from pathlib import Path

import pytest

from colorize_gan.benchmarks.report import markdown, read_results
from colorize_gan.benchmarks.section import SECTIONS, section

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
RESULTS = read_results(BENCHMARKS / "results.json")
DOCUMENTS = [
    path for folder in (".", "docs", "examples", "benchmarks") for path in (ROOT / folder).glob("*.md")
]


def test_links_lead_to_files() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.parametrize(
    ("document", "header", "result"),
    [
        ("README.md", "| proof |", "quality"),
        ("README.md", "| format |", "formats"),
        ("README.md", "| photographs |", "pipeline"),
        ("README.md", "| method |", "quality"),
        ("docs/training.md", "| step |", "training-step"),
        ("docs/training.md", "| model |", "architectures.json"),
        ("docs/training.md", "| recipe |", "ablations.json"),
        ("docs/training.md", "| before |", "ablations.json"),
        ("docs/training.md", "| on from recognition |", "ablations.json"),
        ("docs/model-card.md", "| photographs of ImageNet |", "imagenet.json"),
        ("docs/model-card.md", "| photographs from elsewhere |", "outside.json"),
        ("docs/model-card.md", "| saturation |", "saturation.json"),
        ("docs/batch.md", "| taken for |", "tones.json"),
        ("docs/batch.md", "| photographs | error", "chroma_upsampling.json"),
        ("docs/batch.md", "| speed |", "pipeline"),
        ("docs/video.md", "| 100 frames of |", "video"),
        ("docs/video.md", "| 640 x 360, frames/s |", "video"),
        ("docs/deployment.md", "| format | MB |", "formats"),
        ("docs/deployment.md", "| runtime |", "languages.json"),
        ("docs/serving.md", "| load |", "server.json"),
        ("docs/scaling.md", "| cores |", "cluster.json"),
        ("docs/scaling.md", "| ten million of |", "cluster.json"),
    ],
)
def test_figures_of_tables_are_in_the_committed_json(document: str, header: str, result: str) -> None:
    text = (ROOT / document).read_text().split(header)[1].split("\n\n")[0]
    study = ROOT / "benchmarks" / "studies" / result
    measured = json.loads(study.read_text()) if study.suffix else RESULTS[result]
    assert len(_require(text, measured)) > 4


@pytest.mark.parametrize("name", RESULTS)
def test_figures_of_the_results_are_in_the_committed_json(name: str) -> None:
    text = section(name).markdown(RESULTS[name])
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    assert len(_require(rows, RESULTS[name])) > 4


def test_results_are_those_of_the_committed_json() -> None:
    assert (BENCHMARKS / "RESULTS.md").read_text() == markdown(RESULTS)
    assert list(RESULTS) == list(SECTIONS)
    assert not any(result["quick"] for result in RESULTS.values())


def test_sizing_is_that_of_the_measured_pipeline() -> None:
    sizing = json.loads((BENCHMARKS / "studies" / "cluster.json").read_text())["sizing"]["rows"]
    pipeline = RESULTS["pipeline"]
    rates = {
        (row["case"], backend): row[f"batch-{backend}"]["images_per_second"] / pipeline["machine"]["cores"]
        for row in pipeline["rows"]
        for backend in pipeline["backends"]
    }
    found = {(row["case"], row["backend"]): row["images_per_second_a_core"] for row in sizing}
    assert found == {name: round(rate, 2) for name, rate in rates.items()}


def test_json_is_that_of_the_shipped_model() -> None:
    from colorize_gan.infer import Colorizer

    contract = Colorizer().contract
    recorded = RESULTS["quality"]
    assert (recorded["record"], recorded["parity"]) == (contract.quality, contract.parity)


def _require(text: str, measured: object) -> list[str]:
    """Return the figures of a table; all of them are among the measured numbers, but for names and units."""
    names = (
        r"99\.9th|\d+ x \d+|\d+ px x \d+|\d+ px|100 frames of|keyframes \d|[\d.]+ MP (?=JPEG|PNG|TIFF)"
        r"|16 bits|CIEDE2000|p\d\d|\d+,\d+ images|\((?:19|20)\d\d\)|, (?:19|20)\d\d\)|`[^`]*`"
    )
    numbers = _numbers(measured)
    figures = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)", re.sub(names, "", text))
    for figure in figures:
        decimals = len(figure.partition(".")[2])
        assert any(f"{number:.{decimals}f}" == figure for number in numbers), figure
    return figures


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []
