"""Hints of a run: files beside photographs or in a folder of their own."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.errors import UsageError
from colorize_gan.infer import BatchOptions, Colorizer, ItemResult, colorize_folder
from colorize_gan.infer.batch.results import HintsFrom
from colorize_gan.infer.hints import Hint, HintFile, hints_content

RED, BLUE = (hints_content(HintFile((Hint(0.5, 0.5, color),))) for color in ("red", "blue"))


@pytest.fixture(scope="module")
def colorizer(hinted: dict[str, Path]) -> Colorizer:
    return Colorizer(hinted["onnx"])


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three grey photographs in a tree; one has hints."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "sub/c.jpg"):
        cv2.imwrite(str(root / name), cv2.cvtColor(photo[:96, :128], cv2.COLOR_RGB2GRAY))
    (root / "a.jpg.hints.json").write_bytes(RED)
    return root


def run(photos: Path, out: Path, colorizer: Colorizer, hints: HintsFrom = "auto") -> dict[str, ItemResult]:
    results = colorize_folder(photos, out, colorizer, options=BatchOptions(hints=hints))
    return {result.source.name: result for result in results}


def test_hints_beside_a_photograph_count_and_can_be_left(
    photos: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    with_hints, without = (
        run(photos, tmp_path / "1", colorizer),
        run(photos, tmp_path / "2", colorizer, "none"),
    )
    assert [result.hints for result in with_hints.values()] == [1, None, None]
    assert [result.hints for result in without.values()] == [None] * 3
    same = {
        name: (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
        for name in ("a.jpg", "b.png", "sub/c.jpg")
    }
    assert same == {"a.jpg": False, "b.png": True, "sub/c.jpg": True}


def test_photographs_whose_hints_changed_are_done_again(
    photos: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    out = tmp_path / "out"
    run(photos, out, colorizer)
    (photos / "sub" / "c.jpg.hints.json").write_bytes(BLUE)
    assert [r.status for r in run(photos, out, colorizer).values()] == ["skipped", "skipped", "written"]
    (photos / "a.jpg.hints.json").unlink()
    assert [r.status for r in run(photos, out, colorizer).values()] == ["written", "skipped", "skipped"]
    results = run(photos, out, colorizer)
    assert [(r.status, r.hints) for r in results.values()] == [
        ("skipped", None),
        ("skipped", None),
        ("skipped", 1),
    ]


def test_folder_of_hints_mirrors_the_outputs(photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    hints = tmp_path / "hints"
    (hints / "sub").mkdir(parents=True)
    (hints / "sub" / "c.jpg.hints.json").write_bytes(RED)
    results = run(photos, tmp_path / "out", colorizer, hints)
    assert [result.hints for result in results.values()] == [None, None, 1]
    with pytest.raises(UsageError, match=r"`hints` .*missing: no such folder"):
        run(photos, tmp_path / "out", colorizer, tmp_path / "missing")


@pytest.mark.parametrize("kind", ["damaged", "link", "folder"])
def test_hints_that_cannot_be_used_fail_their_photograph_alone(
    photos: Path, tmp_path: Path, colorizer: Colorizer, kind: str
) -> None:
    sidecar = photos / "a.jpg.hints.json"
    sidecar.unlink()
    if kind == "damaged":
        sidecar.write_bytes(RED[:-9])
    elif kind == "link":
        (tmp_path / "elsewhere.json").write_bytes(RED)
        sidecar.symlink_to(tmp_path / "elsewhere.json")
    else:
        sidecar.mkdir()
    results = run(photos, tmp_path / "out", colorizer)
    assert [result.status for result in results.values()] == ["failed", "written", "written"]
    reason = results["a.jpg"].reason
    assert reason.startswith("hints: ")
    says = {"damaged": "not JSON", "link": "is a link; put the file itself there", "folder": "hints: "}
    assert says[kind] in reason


def test_model_that_takes_no_hints_fails_what_has_some(
    photos: Path, tmp_path: Path, exported: dict[str, Path]
) -> None:
    results = run(photos, tmp_path / "out", Colorizer(exported["onnx"]))
    assert [result.status for result in results.values()] == ["failed", "written", "written"]
    assert "the model tiny takes none" in results["a.jpg"].reason


def test_command_names_unused_hints_and_reports_used_ones(
    photos: Path, tmp_path: Path, hinted: dict[str, Path]
) -> None:
    (photos / "gone.jpg.hints.json").write_bytes(RED)
    report = tmp_path / "report.json"
    command = [str(photos), "--out", str(tmp_path / "out"), "--model", str(hinted["onnx"]), "-v"]
    result = CliRunner().invoke(colorize_batch, [*command, "--report", str(report)])
    assert result.exit_code == 0, result.output
    assert "gone.jpg.hints.json: skipped: hints of no photograph" in result.output
    assert "ignored" not in result.output  # as files of hints are none of those that are nobody's
    items = {Path(item["input"]).name: item for item in json.loads(report.read_text())["items"]}
    assert items["a.jpg"]["hints"] == 1
    assert "hints" not in items["b.png"]
