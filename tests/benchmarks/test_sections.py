"""The sections measure what they say, on a tiny model and a little of everything."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_gan.benchmarks import formats, growth, quality, ways
from colorize_gan.benchmarks.clips import pan
from colorize_gan.benchmarks.formats import Load
from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.runtimes import Format
from colorize_gan.benchmarks.section import Settings
from colorize_gan.core.errors import DataError
from colorize_gan.infer.video.frames import Frames
from colorize_gan.infer.video.source import probe


@pytest.fixture
def settings(exported: dict[str, Path], photo_folder: Path, tmp_path: Path) -> Settings:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "out").mkdir()
    return Settings(exported["onnx"], photo_folder, (), True, tmp_path / "scratch", tmp_path / "out")


def test_a_format_that_fails_is_a_row_that_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = (
        formats.FORMATS[0],
        Format("ONNX Runtime", "fp32", "fp32.onnx", quick=True),
        Format("ONNX Runtime", "fp32", "fp32.onnx", "onnxruntime", "cuda", quick=True),
        Format("pt2", "fp32", "bf16.pt2", quick=True),
    )
    monkeypatch.setattr(formats, "FORMATS", chosen)
    monkeypatch.setattr(formats, "LOADS", (Load(64, 2, 3, 3),))
    result = formats.run(settings)
    eager, onnx, cuda, never = result["rows"]
    assert (eager["status"], onnx["status"]) == ("ok", "ok")
    assert onnx["ciede2000_p99"] < 0.1
    assert onnx["times"]["64 px x 2"]["times_fp32"] == 1
    assert onnx["peak_mb"] < eager["peak_mb"]  # without PyTorch
    assert "CUDA" in cuda["status"] or "NVIDIA" in cuda["status"]
    assert "bf16" in never["status"]
    text = formats.markdown(result)
    assert cuda["status"] in text
    assert list(formats.ratios(result)) == [
        "PyTorch eager fp32, 64 px x 2: speed in multiples of ONNX Runtime fp32"
    ]


@pytest.mark.parametrize("way", ["naive", "codec", "model-onnxruntime", "batch-onnxruntime"])
def test_ways_work_on_every_file_and_leave_nothing(settings: Settings, way: str) -> None:
    folder = write_photographs(Case("c", 96, 72, ".png", 3), settings.photos, settings.scratch / "photos")
    found = ways.measure(way, settings.model, folder, settings.scratch / "out")
    assert found["ms"] > 0
    assert bool(found["stages_ms"]) == way.startswith(("naive", "batch"))
    assert not (settings.scratch / "out").exists()


@pytest.mark.parametrize(("suffix", "depth"), [(".jpg", np.uint8), (".png", np.uint8), (".tif", np.uint16)])
def test_photographs_are_grey_and_of_their_size(settings: Settings, suffix: str, depth: type) -> None:
    folder = write_photographs(Case("c", 60, 48, suffix, 2), settings.photos, settings.scratch / "photos")
    first, second = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(folder.iterdir()))
    assert (first.shape, first.dtype) == ((48, 60), depth)
    assert second.ndim == (3 if suffix == ".jpg" else 2)  # as scanners write
    assert first.std() > 5


def test_pan_moves(settings: Settings) -> None:
    frames = list(Frames(probe(pan(settings.photos, 5, settings.scratch / "pan.mp4", (96, 160)))))
    assert len(frames) == 5
    first, last = (frame.to_ndarray(format="gray").astype(int) for frame in (frames[0], frames[-1]))
    assert np.abs(first - last).mean() > 3


def test_growth_of_files_is_measured_with_outputs_that_exist(settings: Settings) -> None:
    points = growth._files(settings, (2, 5))
    assert list(points) == ["first run", "second run, all up to date"]
    assert len(list((settings.scratch / "5 out").glob("*.jpg"))) == 5
    assert all(seconds > 0 for curve in points.values() for seconds, _ in curve)


def test_quality_needs_photographs_in_color(settings: Settings, tmp_path: Path) -> None:
    grey = write_photographs(Case("c", 96, 96, ".png", 2), settings.photos, tmp_path / "grey")
    with pytest.raises(DataError, match="no photographs in colour"):
        quality.measure(dataclasses.replace(settings, photos=grey))


def test_quality_shows_what_it_measured(settings: Settings) -> None:
    found = quality.measure(settings)
    assert found["photographs"] == 12
    assert 0 < found["ciede2000"] < 100
    height, width = cv2.imread(str(settings.out / "contact-sheet.jpg")).shape[:2]
    assert (height, width) == (450, 7 * 150)
