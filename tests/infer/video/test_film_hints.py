"""Hints of a film: each follows the picture through its scene, and decides about no other one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.video import colorize_video
from colorize_gan.core.contract import ModelContract
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, packets_of, write_clip
from .test_resume import folder_of, wait_for_segments

SIZE = (96, 128)
SIDE, SPEED = 32, 2
LENGTH = 20
RED, CUT = "#ff0000", LENGTH / 25


class Painter:
    """Paints the hints that it is given, and nothing else."""

    name, device, precision, sha256 = "fake", "cpu", "fp32", ""

    def __init__(self) -> None:
        self.contract = ModelContract("fake", "none", 96, takes_hints=True)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        hints = inputs[:, 1:] if inputs.shape[1] > 1 else np.zeros((1, 3, *inputs.shape[2:]), np.float32)
        return hints[:, :2] * hints[:, 2:]


def corner(frame: int) -> int:
    """Return the first column of the square."""
    return 10 + SPEED * frame


def moving(photo: np.ndarray, frames: Sequence[int] = range(LENGTH)) -> list[np.ndarray]:
    """Return frames of a light square, a crop of the photograph, that moves to the right over another one."""
    grey = photo.mean(axis=2)
    ground, square = 40 + grey[40:136, 60:188] * 0.3, 120 + grey[200 : 200 + SIDE, 300 : 300 + SIDE] * 0.4
    pictures = []
    for frame in frames:
        picture = ground.copy()
        picture[30 : 30 + SIDE, corner(frame) : corner(frame) + SIDE] = square
        pictures.append(picture.astype(np.uint8))
    return pictures


def other_scene(photo: np.ndarray) -> list[np.ndarray]:
    still = (16 + photo.mean(axis=2)[200:296, 100:228] * 0.8).astype(np.uint8)
    return [255 - still] * LENGTH


def film_of(path: Path, pictures: Sequence[np.ndarray], **fields: Any) -> Path:
    recipe = Recipe(codec="ffv1", options={}, times=range(0, len(pictures) * STEP, STEP), **fields)
    return write_clip(path, recipe, pictures)


def point(frame: int, **fields: Any) -> dict[str, Any]:
    """Return a point in the middle of the square, at a frame."""
    x, y = (corner(frame) + SIDE / 2) / SIZE[1], (30 + SIDE / 2) / SIZE[0]
    return {"x": x, "y": y, "color": RED, "time": frame / 25} | fields


def hints_of(folder: Path, *points: dict[str, Any], **others: Any) -> Path:
    path = folder / "hints.json"
    path.write_text(json.dumps({"schema": 1, "points": points} | others))
    return path


def run(source: Path, target: Path, model: Any, **options: Any) -> ItemResult:
    options = {"codec": "ffv1", "pixel_format": "4:4:4", "segment_frames": 5} | options
    [result] = colorize_videos([WorkItem(source, target)], Colorizer(model), VideoOptions(**options))
    return result


def chroma(path: Path) -> np.ndarray:
    """Return Cb and Cr of each frame, ``(N, 2, H, W)``, without the middle."""
    return np.stack([frame.to_ndarray(format="yuv444p")[1:] for frame in frames_of(path)]).astype(int) - 128


def reds(path: Path) -> np.ndarray:
    """Return how red each frame of a film is, ``(N, H, W)``."""
    return chroma(path)[:, 1]


def middles(red: np.ndarray) -> np.ndarray:
    """Return column and row of the middle of what is red, ``(N, 2)``."""
    rows, columns = np.mgrid[: red.shape[1], : red.shape[2]]
    mass = red.sum(axis=(1, 2))
    return np.stack([(red * columns).sum(axis=(1, 2)) / mass, (red * rows).sum(axis=(1, 2)) / mass], axis=1)


@pytest.mark.parametrize("frame", [0, 7, LENGTH - 1])
def test_hint_follows_the_picture_both_ways(frame: int, tmp_path: Path, photo: np.ndarray) -> None:
    film, target = film_of(tmp_path / "in.mkv", moving(photo)), tmp_path / "out.mkv"
    result = run(film, target, Painter(), hints=hints_of(tmp_path, point(frame)), deflicker=False)
    assert (result.status, result.hints) == ("written", 1), result.reason
    red = reds(target)
    wanted = [(corner(n) + SIDE / 2, 30 + SIDE / 2) for n in range(LENGTH)]
    print(np.abs(middles(red) - wanted).max(), red.max(axis=(1,2)))
    assert np.abs(middles(red) - wanted).max() < 2
    assert red.max(axis=(1, 2)).min() > 0.9 * red.max()
