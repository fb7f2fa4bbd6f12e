"""A dry run decides as the run does: it names what would be written and what would fail, and no more."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.infer import jobs
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.hints import Hint, HintFile, hints_content

RED, BLUE = (hints_content(HintFile((Hint(0.5, 0.5, color),))) for color in ("red", "blue"))

Run = Callable[..., Result]


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three grey photographs; one has hints."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.png", "c.jpg"):
        cv2.imwrite(str(folder / name), photo[:96, :128, 1])
    (folder / "a.jpg.hints.json").write_bytes(RED)
    return folder


@pytest.fixture
def run(photos: Path, tmp_path: Path, hinted: dict[str, Path]) -> Run:
    """Runs the command over them; options that are given twice count as given last."""

    def run(*more: object) -> Result:
        own = [photos, "--out", tmp_path / "out", "--model", hinted["onnx"], "--backend", "onnxruntime"]
        return CliRunner().invoke(colorize_batch, list(map(str, [*own, *more])))

    return run


def tree_of(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def failures(done: Result) -> list[str]:
    return [line for line in done.stderr.splitlines() if ": failed: " in line]


def foreseen(run: Run, tmp_path: Path, *more: object) -> list[str]:
    """Return the names of the outputs that a dry run lists, which the run has to write and no others."""
    before, report = tree_of(tmp_path), tmp_path / "report.json"
    dry = run(*more, "--dry-run")
    assert tree_of(tmp_path) == before
    done = run(*more, "--report", report)
    assert (dry.exit_code, failures(dry)) == (done.exit_code, failures(done)), dry.output
    items = json.loads(report.read_text())["items"]
    report.unlink()
    written = [f"{item['input']} -> {item['output']}" for item in items if item["status"] == "written"]
    assert dry.stdout.splitlines() == written
    return [Path(line).name for line in written]


@pytest.mark.parametrize(
    "changed",
    [
        ["--saturation", "1.5"],
        ["--strength", "0.5"],
        ["--hints", "none"],
        ["--quality", "80"],
        ["--on-exists", "overwrite"],
        ["--on-exists", "rename"],
        ["--on-exists", "error"],
        ["--format", "png"],
    ],
)
def test_changed_options_are_foreseen(run: Run, tmp_path: Path, changed: list[str]) -> None:
    assert len(foreseen(run, tmp_path)) == 3
    assert foreseen(run, tmp_path) == []
    names = {"--hints": ["a.jpg"], "--on-exists": ["a-1.jpg", "b-1.png", "c-1.jpg"]}
    if changed[-1] == "overwrite":
        names["--on-exists"] = ["a.jpg", "b.png", "c.jpg"]
    elif changed[-1] == "error":
        names["--on-exists"] = []
    elif changed[-1] == "png":
        names["--format"] = ["a.png", "c.png"]
    assert foreseen(run, tmp_path, *changed) == names.get(changed[0], ["a.jpg", "b.png", "c.jpg"])


def test_changed_files_are_foreseen(
    run: Run, photos: Path, photo: np.ndarray, tmp_path: Path, exported: dict[str, Path]
) -> None:
    reference = tmp_path / "reference.png"
    cv2.imwrite(str(reference), photo)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "c.jpg").write_bytes(b"somebody's own")
    assert foreseen(run, tmp_path, "--reference", reference) == ["a.jpg", "b.png"]
    cv2.imwrite(str(reference), photo[:200])
    assert foreseen(run, tmp_path, "--reference", reference) == ["a.jpg", "b.png"]
    (photos / "a.jpg.hints.json").write_bytes(BLUE)
    assert foreseen(run, tmp_path, "--reference", reference) == ["a.jpg"]
    os.utime(photos / "b.png", ns=(0, 5))
    assert foreseen(run, tmp_path, "--reference", reference) == ["b.png"]
    (tmp_path / "out" / "a.jpg").write_bytes(b"cut short")
    assert foreseen(run, tmp_path, "--reference", reference) == ["a.jpg"]
    assert foreseen(run, tmp_path, "--hints", "none", "--model", exported["onnx"]) == ["a.jpg", "b.png"]


def test_failures_that_are_known_are_said(
    run: Run, photos: Path, photo: np.ndarray, tmp_path: Path, exported: dict[str, Path]
) -> None:
    references = tmp_path / "references"
    references.mkdir()
    for name in ("b.png", "b.tif"):
        cv2.imwrite(str(references / name), photo)
    (photos / "a.jpg.hints.json").write_text("no JSON")
    with (photos / "c.jpg").open("ab") as file:
        file.truncate(3_000_000_000)
    more = ["--reference", references, "--max-megapixels", "1"]
    assert foreseen(run, tmp_path, *more) == []
    assert len(failures(run(*more, "--dry-run"))) == 3
    assert len(failures(run(*more, "--dry-run", "--fail-fast"))) == 1
    (photos / "a.jpg.hints.json").write_bytes(RED)
    other = ["--model", exported["onnx"], "--max-megapixels", "1"]
    assert foreseen(run, tmp_path, *other) == ["b.png"]
    [hints, _] = failures(run(*other, "--dry-run"))
    assert "it has hints, and the model" in hints


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--reference", "gone.jpg"], 2),
        (["--reference", "photos/b.png"], 2),
        (["--model", "gone.onnx"], 5),
        (["gone"], 3),
    ],
)
def test_the_exit_code_is_that_of_the_run(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    dry, done = run(*more, "--dry-run"), run(*more)
    assert (dry.exit_code, done.exit_code) == (code, code)
    last = [line for line in done.stderr.splitlines() if "failed: " in line or "error: " in line.lower()]
    assert dry.stderr.splitlines() == last


def test_a_reference_needs_a_model_that_takes_hints(
    run: Run, photo: np.ndarray, tmp_path: Path, exported: dict[str, Path]
) -> None:
    cv2.imwrite(str(tmp_path / "reference.png"), photo)
    dry = run("--reference", tmp_path / "reference.png", "--model", exported["onnx"], "--dry-run")
    assert dry.exit_code == 2
    assert "takes no references; use --model" in dry.stderr


def test_a_folder_without_a_record_needs_no_trial_of_backends(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[ModelOptions]()

    def opened(options: ModelOptions) -> Colorizer:
        seen.append(options)
        return options.opened()

    monkeypatch.setattr(jobs, "open_colorizer", opened)
    assert run("--backend", "auto", "--dry-run").exit_code == 0
    assert run().exit_code == 0
    assert run("--backend", "auto", "--dry-run").stdout == ""
    fresh, _, begun = seen
    assert (fresh.backend, begun.backend, begun.begun_with) == ("native", "auto", "onnxruntime")


def test_a_dry_run_for_a_cluster_connects_to_none(run: Run) -> None:
    dry = run("--engine", "ray", "--ray-address", "127.0.0.1:1", "--device", "cuda", "--dry-run")
    assert (dry.exit_code, len(dry.stdout.splitlines())) == (0, 3), dry.output
