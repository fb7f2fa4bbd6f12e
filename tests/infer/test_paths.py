"""Texts, paths, and what else Python takes for a path name files and folders alike."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_gan.infer import Colorizer, colorize_folder, open_backend
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.batch.inputs import Inputs
from colorize_gan.infer.batch.report import Report
from colorize_gan.infer.folder import colorize_items
from colorize_gan.infer.video import WorkItem

MODEL = find_model("lite2")


@dataclass(frozen=True)
class Named:
    """As of a library of its own: no `Path`, but `os.PathLike`."""

    name: str

    def __fspath__(self) -> str:
        return self.name


Kind = Callable[[str], str | os.PathLike[str]]
KINDS = pytest.mark.parametrize("kind", [str, Path, Named])


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(str(MODEL), backend="onnxruntime", render_size=64)


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    cv2.imwrite("photos/a.png", np.tile(np.arange(64, dtype=np.uint8), (48, 1)))


@KINDS
def test_a_folder_and_its_results(kind: Kind, colorizer: Colorizer) -> None:
    folder = kind("photos")
    inputs: list[Inputs] = [folder, [folder], (folder,), kind("photos/a.png"), kind("photos/*.png")]
    for number, entry in enumerate([*inputs, [[kind("photos/a.png")]]]):
        [result] = colorize_folder(entry, kind(f"out{number}"), colorizer)
        assert (result.status, result.target) == ("written", Path(f"out{number}/a.png")), result.reason
        assert Path(f"out{number}/a.png").is_file()


@KINDS
def test_a_model(kind: Kind) -> None:
    model = kind(str(MODEL))
    opened = open_backend(model, "onnxruntime")
    assert Colorizer(model, backend="onnxruntime").backend.sha256 == opened.sha256


@KINDS
def test_a_work_item_and_a_report(kind: Kind, colorizer: Colorizer) -> None:
    item = WorkItem(kind("photos/a.png"), kind("new.png"))
    assert (item.source, item.target) == (Path("photos/a.png"), Path("new.png"))
    with Report(kind("run.json"), ["test"], colorizer) as report:
        for result in colorize_items([item], kind("."), colorizer):
            report.add(result)
    assert '"output": "new.png"' in Path("run.json").read_text()
