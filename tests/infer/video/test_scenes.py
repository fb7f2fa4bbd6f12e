"""Fades, flashes, dissolves and bars; the network takes dark pictures for red and light ones for blue."""

from pathlib import Path

import numpy as np
import pytest

from colorize_gan.core.contract import ModelContract
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.faintness import strength_of, weight_of
from colorize_gan.infer.video.motion import Motion
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.planning import Planner, PlanState
from colorize_gan.infer.video.ramps import RampState, Sight
from colorize_gan.infer.video.smoothing import Colors
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, pan, write_clip

SIZE = (96, 128)
RED, BLUE = (40, 20), (5, -40)

AbPair = tuple[tuple[int, int], tuple[int, int]]


class Network:
    """Its colours are those of the whole picture: the first where that is darker than ``border``."""

    name, device, precision, sha256 = "fake", "cpu", "fp32", ""

    def __init__(self, border: float, colors: AbPair = (RED, BLUE)) -> None:
        self.contract, self._border, self._colors = ModelContract("fake", "none", 64), border, colors

    def run(self, inputs: np.ndarray) -> np.ndarray:
        color = self._colors[int(inputs.mean() >= self._border)]
        shape = (1, 2, *inputs.shape[2:])
        return np.broadcast_to(np.reshape(color, (1, 2, 1, 1)), shape).astype(np.float32)


def colorized(
    folder: Path, frames: list[np.ndarray], border: float, colors: AbPair = (RED, BLUE), **options: object
) -> tuple[ItemResult, np.ndarray]:
    """Return the result, and Cb and Cr of each frame of the film, ``(N, 2, H, W)``; see `Network`."""
    recipe = Recipe(codec="ffv1", options={}, times=range(0, len(frames) * STEP, STEP))
    item = WorkItem(write_clip(folder / "in.mp4", recipe, frames), folder / "out.mp4")
    settings = VideoOptions(codec="ffv1", on_exists="overwrite", **options)  # type: ignore[arg-type]
    [result] = colorize_videos([item], Colorizer(Network(border, colors)), settings)
    assert result.status == "written", result.reason
    chroma = [frame.to_ndarray(format="yuv444p")[1:] for frame in frames_of(item.target)]
    return result, np.stack(chroma).astype(float) - 128


def bright(grey: np.ndarray, share: float) -> np.ndarray:
    """Return a picture of limited range with a share of its light."""
    return np.clip(16 + (grey.astype(float) - 16) * share, 16, 235).astype(np.uint8)


@pytest.mark.parametrize("is_out", [False, True])
def test_fade_is_weakly_coloured_in_the_dark(is_out: bool, tmp_path: Path, photo: np.ndarray) -> None:
    frames = [bright(grey, min(1, n / 14)) for n, grey in enumerate(pan(photo, SIZE, 24))]
    _, chroma = colorized(tmp_path, frames[::-1] if is_out else frames, border=15)
    chroma = chroma[::-1] if is_out else chroma
    strength = np.abs(chroma).mean(axis=(1, 2, 3))
    assert strength[0] == 0
    assert np.allclose(strength[1:14] / strength[14], np.arange(1, 14) / 14, atol=0.15)


def test_network_sees_a_fade_by_full_light(tmp_path: Path, photo: np.ndarray) -> None:
    """So what it takes for dark is no other colour, and none of it is left behind the fade."""
    frames = [bright(grey, min(1, n / 14, (33 - n) / 10)) for n, grey in enumerate(pan(photo, SIZE, 34))]
    for deflicker in (True, False):
        result, chroma = colorized(tmp_path, frames, border=18, deflicker=deflicker)
        cb, cr = chroma.mean(axis=(2, 3)).T
        assert (cb >= cr - 0.5).all()
        assert result.video["scenes"] == 1


def test_a_scene_that_comes_out_of_black_is_another(tmp_path: Path, photo: np.ndarray) -> None:
    light = [max(0, min(1, max((12 - n) / 10, (n - 16) / 10))) for n in range(-4, 40)]
    frames = [bright(grey, share) for share, grey in zip(light, pan(photo, SIZE, 44), strict=True)]
    result, _ = colorized(tmp_path, frames, border=18)
    assert result.video["scenes"] == 2


def test_faint_frames_count_little() -> None:
    red, blue = (np.tile(np.array(ab, np.float32), (8, 8, 1)) for ab in (RED, BLUE))
    rows, columns = np.mgrid[:8, :8].astype(np.float32)
    still = Motion(np.dstack([columns, rows]), np.ones((8, 8), np.float32))
    dark = Colors.first(red, 0.02)
    for _ in range(5):
        dark = dark.averaged(red, still, 0.02)
    assert np.abs(dark.averaged(blue, still).mean - blue).max() < 8
    light = Colors.first(blue)
    for _ in range(12):
        light = light.averaged(blue, still)
    assert np.abs(light.averaged(red, still, 0.02).mean - blue).max() < 1


def test_weight_of_frames(photo: np.ndarray) -> None:
    lightness = photo[:128, :192].mean(axis=2).astype(np.float32) / 2.55
    assert weight_of(lightness) == 1
    assert weight_of(lightness * 0.05) < 0.2
    assert weight_of(95 + lightness * 0.05) < 0.2
    assert weight_of(np.zeros((64, 64), np.float32)) > 0


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("light", [3.0, 0.2])
def test_flash_ends_no_scene(length: int, light: float, tmp_path: Path, photo: np.ndarray) -> None:
    frames = [bright(grey, 0.6) for grey in pan(photo, SIZE, 16)]
    flash = slice(6, 6 + length)
    frames[flash] = [bright(grey, light) for grey in frames[flash]]
    border = np.mean(frames[0]) / 2.55 * (1.3 if light > 1 else 0.6)
    result, chroma = colorized(tmp_path, frames, border)
    assert (result.video["scenes"], result.video["flash"]) == (1, length)
    cb, cr = chroma.mean(axis=(2, 3)).T
    is_red = light > 1
    assert ((cr > cb) == is_red).all()
    others = np.delete(cb, flash)
    assert np.ptp(others) < 2


def test_a_flash_that_lasts_is_another_scene(tmp_path: Path, photo: np.ndarray) -> None:
    frames = [bright(grey, 0.4) for grey in pan(photo, SIZE, 8)]
    frames += [bright(grey, 1) for grey in pan(photo[::-1, ::-1], SIZE, 4)]
    result, chroma = colorized(tmp_path, [*frames, *frames[:8]], border=25)
    assert (result.video["scenes"], result.video["flash"]) == (3, 0)
    cb, cr = chroma.mean(axis=(2, 3)).T
    assert (cr > cb).tolist() == [True] * 8 + [False] * 4 + [True] * 8


def test_a_cut_that_is_hardly_one_is_no_flash() -> None:
    """Behind it, the change is now a little less than that of a cut, now a little more."""
    film = [np.full((64, 64), value, np.float32) for value in (20, 31, 30, 31, 30)]
    planner = Planner(1, 27, PlanState(), RampState())
    plans = [planner.plan([Sight.of(now) for now in film[n:]], is_damaged=False) for n in range(5)]
    assert [plan.before is None for plan in plans] == [True, True, False, False, False]


def test_frames_of_another_picture_have_their_own_colours(tmp_path: Path, photo: np.ndarray) -> None:
    frames = [bright(grey, 0.4) for grey in pan(photo, SIZE, 12)]
    frames[6:8] = pan(photo[::-1, ::-1], SIZE, 2)
    result, chroma = colorized(tmp_path, frames, border=25)
    assert (result.video["scenes"], result.video["insert"]) == (1, 2)
    cb, cr = chroma.mean(axis=(2, 3)).T
    assert (cr > cb).tolist() == [True] * 6 + [False] * 2 + [True] * 4


def test_plans_go_on_within_a_flash() -> None:
    dark, light = (np.full((64, 64), value, np.float32) for value in (20, 70))
    film = [dark, light, light, light, dark, light, light, light, light, light]

    def plans(planner: Planner, start: int) -> list[str]:
        return [
            planner.plan([Sight.of(now) for now in film[n:]], is_damaged=False).role
            for n in range(start, len(film))
        ]

    whole = plans(Planner(1, 27, PlanState(), RampState()), 0)
    assert whole == ["predict", *["flash"] * 3, "reuse", "predict", *["reuse"] * 4]
    for start in range(1, 5):
        state = PlanState(dark, dark, dark, 0)
        assert plans(Planner(1, 27, state, RampState(level=20, is_seen=True)), start) == whole[start:]


def dissolve(first: list[np.ndarray], second: list[np.ndarray], start: int, length: int) -> list[np.ndarray]:
    """Return frames in which a scene becomes another one, from frame ``start`` on."""
    share = np.clip((np.arange(len(first)) - start) / length, 0, 1)
    return [
        np.rint(a * (1 - s) + b * s).astype(np.uint8) for a, b, s in zip(first, second, share, strict=True)
    ]


def test_a_dissolve_leaves_nothing_of_the_old_scene(tmp_path: Path, photo: np.ndarray) -> None:
    dark, light = [bright(grey, 0.7) for grey in pan(photo, SIZE, 30)], pan(photo[::-1, ::-1], SIZE, 30)
    frames = dissolve(dark, light, 10, 8)
    border = (np.mean(frames[0]) + np.mean(frames[-1])) / 2 / 2.55
    result, chroma = colorized(tmp_path, frames, border)
    assert result.video["scenes"] == 2
    _, wanted = colorized(tmp_path, frames, border, deflicker=False)
    left = np.abs(chroma - wanted)[20:].max(axis=1)
    assert left.mean() < 1
    assert (left > 8).mean() < 0.02


def test_a_scene_that_begins_within_a_dissolve_keeps_nothing_of_the_old_one(
    tmp_path: Path, photo: np.ndarray
) -> None:
    [dark], [light] = pan(photo, SIZE, 1), pan(photo[::-1, ::-1], SIZE, 1)
    frames, table = dissolve([bright(dark, 0.7)] * 30, [light] * 30, 6, 16), tmp_path / "scenes.csv"
    table.write_text("start,end,border\n0,0.56,start\n0.56,1.2,dissolve\n")
    # the network sees the old scene until the last frame of the dissolve
    border = (0.03 * np.mean(frames[0]) + 0.97 * np.mean(frames[-1])) / 2.55
    colors = ((14, 0), (10, 0))
    _, chroma = colorized(tmp_path, frames, border, colors, scenes=table)
    _, wanted = colorized(tmp_path, frames, border, colors, deflicker=False)
    left = np.abs(chroma - wanted).mean(axis=(1, 2, 3))
    assert left[14:20].max() < 0.1
    assert left[22:].max() < 0.1


def _barred(grey: np.ndarray, black: int, noise: int, bars: tuple[slice, slice]) -> np.ndarray:
    random = np.random.default_rng(int(grey.sum()))
    frame = np.full(grey.shape, black, np.int16)
    frame[bars] = grey[bars]
    return np.clip(frame + random.integers(-noise, noise + 1, grey.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("black", "noise"), [(16, 12), (16, 0), (30, 6)])
@pytest.mark.parametrize(
    "picture",
    [
        (slice(16, 80), slice(None)),
        (slice(None), slice(20, 108)),
        (slice(16, 80), slice(20, 108)),
        (slice(0, 70), slice(None)),
    ],
)
def test_bars_stay_grey(
    black: int, noise: int, picture: tuple[slice, slice], tmp_path: Path, photo: np.ndarray
) -> None:
    frames = [_barred(bright(grey, 0.9), black, noise, picture) for grey in pan(photo, SIZE, 6)]
    _, chroma = colorized(tmp_path, frames, border=0)
    is_bar = np.ones(SIZE, bool)
    rows, columns = (slice(max(0, (s.start or 0) - 4), s.stop and s.stop + 4) for s in picture)
    is_bar[rows, columns] = False
    assert np.abs(chroma[..., is_bar]).max() <= 1
    assert np.abs(chroma[(..., *picture)]).mean() > 10


def test_dark_parts_of_a_picture_are_no_bars(photo: np.ndarray) -> None:
    lightness = 12 + photo[:96, :128].mean(axis=2).astype(np.float32) / 3
    lightness[40:60] = 2
    assert (strength_of(lightness) == 1).all()
