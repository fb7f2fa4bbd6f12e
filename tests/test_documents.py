"""The documents say what is true: links lead somewhere, and figures are those of the committed JSON."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]


def test_links_lead_to_files() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.parametrize(
    ("document", "header", "result"),
    [
        ("README.md", "| proof |", "shipped_model.json"),
        ("docs/training.md", "| step |", "training_step.json"),
        ("docs/training.md", "| model |", "architectures.json"),
        ("docs/batch.md", "| taken for |", "tones.json"),
        ("docs/batch.md", "| photographs |", "chroma_upsampling.json"),
        ("docs/batch.md", "| speed |", "pipeline.json"),
        ("docs/video.md", "| 100 frames of |", "video.json"),
        ("docs/video.md", "| 640 x 360, frames/s |", "video.json"),
        ("docs/deployment.md", "| file | MB |", "exports.json"),
        ("docs/serving.md", "| load |", "server.json"),
    ],
)
def test_figures_of_tables_are_in_the_committed_json(document: str, header: str, result: str) -> None:
    measured = _numbers(json.loads((ROOT / "benchmarks" / result).read_text()))
    table = (ROOT / document).read_text().split(header)[1].split("\n\n")[0]
    words = (
        r"99\.9th|640 x 360|100 frames|[\d.]+ MP|16 bits|CIEDE2000|p99|fp32 ONNX = 1|[\d,]+ images|`[^`]*`"
    )
    figures = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)", re.sub(words, "", table))
    assert len(figures) > 5
    for figure in figures:
        decimals = len(figure.partition(".")[2])
        assert any(f"{number:.{decimals}f}" == figure for number in measured), figure


def test_json_is_that_of_the_shipped_model() -> None:
    from colorize_gan.infer import Colorizer

    recorded = json.loads((ROOT / "benchmarks" / "shipped_model.json").read_text())
    contract = Colorizer().contract
    assert (recorded["quality"], recorded["parity"]) == (contract.quality, contract.parity)


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []
