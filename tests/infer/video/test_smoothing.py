"""Colour is steady within a scene, and does not leak into the next."""

import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_gan.core.contract import ModelContract
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.motion import Motion, motion_between
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.planning import LONGEST_REST, Planner, PlanState
from colorize_gan.infer.video.ramps import RampState, Sight
from colorize_gan.infer.video.smoothing import Colors
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, pan, write_clip

Make = Callable[..., Path]


class FlickeringBackend:
    """Colours dark pictures red and light ones blue, each time a little different."""

    name, device, precision, sha256 = "fake", "cpu", "fp32", ""

    def __init__(self, noise: float) -> None:
        self.contract = ModelContract("flickering", "none", 64)
        self.noise, self.calls = noise, 0

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.calls += 1
        _, _, height, width = inputs.shape
        ab = np.full((1, 2, height, width), 0, np.float32)
        ab[:, 0], ab[:, 1] = (40, 20) if inputs.mean() < 50 else (5, -40)
        random = np.random.default_rng(zlib.crc32(inputs.tobytes()))  # whatever the order of the calls
        return ab + random.normal(0, self.noise, (1, 2, 1, 1)).astype(np.float32)


def run(source: Path, target: Path, backend: FlickeringBackend, **options: object) -> ItemResult:
    settings = VideoOptions(codec="ffv1", on_exists="overwrite", **options)
    [result] = colorize_videos([WorkItem(source, target)], Colorizer(backend), settings)
    assert result.status == "written", result.reason
    return result


def two_scenes(folder: Path, photo: np.ndarray) -> Path:
    dark, light = pan(photo, (96, 128), 15), pan(photo[::-1, ::-1], (96, 128), 15)
    frames = [grey // 2 + 16 for grey in dark] + [110 + grey // 2 for grey in light]
    return write_clip(folder / "in.mp4", Recipe(codec="ffv1", options={}), frames)


def mean_chroma(path: Path) -> np.ndarray:
    """Return mean Cb and Cr of each frame, ``(N, 2)``."""
    planes = [frame.to_ndarray(format="yuv444p")[1:] for frame in frames_of(path)]
    return np.array([plane.mean(axis=(1, 2)) for plane in planes])


def test_no_colour_leaks_across_a_cut(tmp_path: Path, photo: np.ndarray) -> None:
    clip, target = two_scenes(tmp_path, photo), tmp_path / "out.mp4"
    result = run(clip, target, FlickeringBackend(0))
    chroma = mean_chroma(target)
    assert result.video["scenes"] == 2
    assert np.ptp(chroma[15:], axis=0).max() < 1.5
    assert (chroma[14, 1] > 138, chroma[15, 1] < 128) == (True, True)


def test_a_cut_that_is_not_detected_leaks_little(tmp_path: Path, photo: np.ndarray) -> None:
    clip, target = two_scenes(tmp_path, photo), tmp_path / "out.mp4"
    result = run(clip, target, FlickeringBackend(0), scene_threshold=255)
    chroma = mean_chroma(target)
    assert result.video["scenes"] == 1
    # occlusion is found pixel by pixel
    whole_way = chroma[29, 1] - chroma[14, 1]
    assert abs(chroma[15, 1] - chroma[14, 1]) > 0.6 * abs(whole_way)


def test_deflicker_steadies_colour_and_keeps_its_strength(make: Make, tmp_path: Path) -> None:
    clip, target = make(times=range(0, 40 * STEP, STEP)), tmp_path / "out.mp4"
    raw = run(clip, target, FlickeringBackend(6), deflicker=False)
    unsteady = mean_chroma(target)
    smooth = run(clip, target, FlickeringBackend(6))
    steady = mean_chroma(target)
    off, on = smooth.video["flicker"]["off"], smooth.video["flicker"]["on"]
    assert list(raw.video["flicker"]) == ["off"]
    assert raw.video["flicker"]["off"] == pytest.approx(off)
    assert on["warped_error"] < 0.6 * off["warped_error"]
    assert on["cdc"] < 0.6 * off["cdc"]
    assert on["colorfulness"] == pytest.approx(off["colorfulness"], rel=0.05)
    changes = [np.abs(np.diff(chroma, axis=0))[12:].mean() for chroma in (unsteady, steady)]
    assert changes[1] < 0.5 * changes[0]


def test_key_frames_spare_the_network(make: Make, tmp_path: Path) -> None:
    clip, backend = make(times=range(0, 30 * STEP, STEP)), FlickeringBackend(3)
    backend.calls = 0
    result = run(clip, tmp_path / "out.mp4", backend, keyframes=5)
    assert (result.video["predict"], result.video["move"]) == (6, 24)
    assert backend.calls == 6
    assert (np.abs(mean_chroma(tmp_path / "out.mp4") - 128).max(axis=1) > 5).all()


def test_still_frames_reuse_their_colours(tmp_path: Path, photo: np.ndarray) -> None:
    still = pan(photo, (96, 128), 1) * 20
    noise = np.random.default_rng(0)
    grain = [(grey + noise.normal(0, 2, grey.shape)).astype(np.uint8) for grey in still]
    recipe = Recipe(codec="ffv1", options={}, times=range(0, 20 * STEP, STEP))
    backend = FlickeringBackend(3)
    result = run(write_clip(tmp_path / "in.mp4", recipe, grain), tmp_path / "out.mp4", backend)
    assert (result.video["predict"], result.video["reuse"]) == (1, 19)
    assert np.ptp(mean_chroma(tmp_path / "out.mp4"), axis=0).max() < 1


def test_slow_change_is_looked_at_again() -> None:
    """Each frame is like the one before, and in the end unlike the first."""
    planner = Planner(1, 255, PlanState(), RampState())
    base = np.full((64, 64), 50, np.float32)
    plans = [planner.plan([Sight.of(base + np.float32(0.4 * n))], is_damaged=False) for n in range(8)]
    assert [plan.role for plan in plans] == ["predict", "reuse", "reuse"] * 2 + ["predict", "reuse"]


def test_network_sees_again_what_has_changed(photo: np.ndarray) -> None:
    grey = cv2.GaussianBlur(photo.mean(axis=2).astype(np.float32) / 2.55, (0, 0), 12)
    sights = [Sight.of(grey[40:168, at : at + 192]) for at in (*range(30), *range(50, 270, 20))]
    planner = Planner("auto", 255, PlanState(), RampState())
    roles = [planner.plan([sight], is_damaged=False).role for sight in sights]
    slow, quick = roles[:30], roles[30:]
    assert {"predict", "move"} == set(slow)
    assert slow.count("move") > slow.count("predict")
    assert set(quick) == {"predict"}


def test_network_does_not_rest_for_long() -> None:
    planner = Planner("auto", 255, PlanState(), RampState())
    base = np.full((64, 64), 50, np.float32)
    base[::8] += 2
    frames = [np.roll(base, 5 * n, axis=0) for n in range(30)]  # it moves, and is as light as before
    frames = [frame + np.float32(1.2 * (n % 2)) for n, frame in enumerate(frames)]
    roles = [planner.plan([Sight.of(frame)], is_damaged=False).role for frame in frames]
    rests = "".join("." if role == "predict" else "m" for role in roles).split(".")
    assert LONGEST_REST - 2 <= max(map(len, rests)) <= LONGEST_REST


def test_motion_finds_where_pixels_were(photo: np.ndarray) -> None:
    grey = photo[:200, :300].mean(axis=2).astype(np.float32) / 2.55
    before, now = grey[20:148, 20:212], grey[22:150, 17:209]
    motion = motion_between(before, now)
    inside = (slice(16, -16), slice(16, -16))
    rows, columns = np.mgrid[:128, :192]
    flow = motion.places - np.dstack([columns, rows])
    assert np.abs(np.median(flow[inside], axis=(0, 1)) - (-3, 2)).max() < 0.3
    assert motion.visible[inside].mean() > 0.9
    assert np.abs(motion.carry(before) - now)[inside].mean() < 1


def test_what_another_picture_shows_was_not_visible(photo: np.ndarray) -> None:
    grey = photo.mean(axis=2).astype(np.float32) / 2.55
    assert motion_between(grey[:128, :192], grey[200:328, 300:492]).visible.mean() < 0.35


def test_brightness_of_the_film_may_change(photo: np.ndarray) -> None:
    grey = photo[:128, :192].mean(axis=2).astype(np.float32) / 2.55
    assert motion_between(grey, grey * np.float32(0.85)).visible.mean() > 0.8


def test_uncovered_pixels_take_the_new_colour_at_once() -> None:
    red, blue = (np.tile(np.array(ab, np.float32), (8, 8, 1)) for ab in ((50, 0), (0, -50)))
    visible = np.zeros((8, 8), np.float32)
    visible[:4] = 1
    rows, columns = np.mgrid[:8, :8].astype(np.float32)
    motion = Motion(np.dstack([columns, rows]), visible)
    colors = Colors.first(red)
    for _ in range(11):
        colors = colors.averaged(red, Motion(motion.places, np.ones((8, 8), np.float32)))
    colors = colors.averaged(blue, motion)
    assert np.array_equal(colors.mean[4:], blue[4:])
    assert np.abs(colors.mean[:4] - red[:4]).max() < 6
