"""Flicker of colorized videos, what key frames save, and the speed of the first clip, at 640 x 360."""

import os
import statistics
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.video.frame import PictureType, VideoFrame

from colorize_gan.benchmarks.clips import pan, reduced
from colorize_gan.benchmarks.machine import BACKENDS
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, in_turns, median_ratio, seconds_of, table, workers
from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.chroma import luma_to_grey
from colorize_gan.infer.video.encoder import luma_of, settings_for
from colorize_gan.infer.video.frames import Frames
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.source import probe, to_planar
from colorize_gan.infer.video.video import colorize_videos

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Video"
PICTURES = ("video.png",)

FRAMES, QUICK_FRAMES = 100, 12
ROUNDS, QUICK_ROUNDS = 3, 2
_LAGS = (1, 2, 4)  # frames, of the published CDC
_PARTS = {
    "decode_encode": "decode and encode alone",
    "inference": "model alone",
    "end_to_end": "all",
    "end_to_end_keyframes_4": "all, --keyframes 4",
}


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    frames, rounds = (QUICK_FRAMES, QUICK_ROUNDS) if settings.quick else (FRAMES, ROUNDS)
    clips = settings.clips or (pan(settings.photos, frames, settings.scratch / "pan.mp4"),)
    small = reduced(clips[0], settings.scratch / "small.mp4", frames)
    with workers(["video"]) as processes:  # memory and threads of its own
        call = processes["video"].call
        return {
            "frames": frames,
            "flicker": [call(flicker, clip, settings, frames) for clip in clips],
            "keyframes": [call(keyframes, clip, settings, frames, rounds) for clip in clips],
            "speed": [call(speed, small, settings, backend, rounds) for backend in BACKENDS],
        }


def colorize(clip: Path, target: Path, colorizer: Colorizer, **options: Any) -> dict[str, Any]:
    """Colorize one clip; return the description of the result."""
    settings = VideoOptions(on_exists="overwrite", **options)
    [result] = colorize_videos([WorkItem(clip, target)], colorizer, settings)
    if result.status != "written":
        raise RuntimeError(f"{clip}: {result.reason}")
    return {**result.video, "colorfulness": result.colorfulness}


def flicker(clip: Path, settings: Settings, frames: int) -> dict[str, Any]:
    """Return the scores of a clip with and without deflicker, as the run has them and as written."""
    colorizer = Colorizer(settings.model)
    facts = probe(clip)
    excerpt = {"start": Fraction(0), "end": frames / facts.rate}
    off, on = settings.scratch / "off.mp4", settings.scratch / "on.mp4"
    colorize(clip, off, colorizer, deflicker=False, **excerpt)
    found = colorize(clip, on, colorizer, measure=True, **excerpt)
    # of R, G and B most of it is the change of luma, which is the clip's own
    pictures = {"off": rgb_of(off), "on": rgb_of(on), "grey": grey_of(on)}
    return {
        "clip": clip.stem,
        "frames": found["frames"],
        "scenes": found["scenes"],
        "luma_min_psnr_db": found["luma"]["min_psnr_db"],
        "flicker": {
            way: {name: digits(score, 4) for name, score in scores.items()}
            for way, scores in found["flicker"].items()
        },
        "cdc_rgb": {name: digits(cdc_rgb(shown)) for name, shown in pictures.items()},
    }


def rgb_of(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames as sRGB, 128 pixels high."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            scale = 128 / rgb.shape[0]
            yield cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def grey_of(path: Path) -> Iterator[np.ndarray]:
    """Yield the same without colour."""
    for rgb in rgb_of(path):
        yield np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)] * 3)


def cdc_rgb(frames: Iterable[np.ndarray]) -> float:
    """Return the colour distribution consistency of R, G and B, cuts and all, as it was published."""
    shares = [
        np.stack([np.bincount(rgb[..., channel].ravel(), minlength=256) for channel in range(3)])
        / rgb[..., 0].size
        for rgb in frames
    ]
    lags = [np.mean([divergence(a, b) for a, b in zip(shares, shares[lag:], strict=False)]) for lag in _LAGS]
    return float(np.mean(lags))


def divergence(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean Jensen-Shannon divergence of the rows, in nats."""
    mean = np.maximum((first + second) / 2, 1e-12)
    halves = [(part * np.log(np.maximum(part, 1e-12) / mean)).sum(axis=1) for part in (first, second)]
    return float(np.mean(halves))


def keyframes(clip: Path, settings: Settings, frames: int, rounds: int) -> dict[str, Any]:
    """Return the speed with every frame and with `keyframes="auto"`, in turns, and how colours differ."""
    colorizer = Colorizer(settings.model)
    excerpt = {"start": Fraction(0), "end": frames / probe(clip).rate}
    every, auto = settings.scratch / "every.mp4", settings.scratch / "auto.mp4"
    works: dict[str, Callable[[], object]] = {
        "every": lambda: colorize(clip, every, colorizer, **excerpt),
        "auto": lambda: colorize(clip, auto, colorizer, keyframes="auto", **excerpt),
    }
    count = colorize(clip, every, colorizer, **excerpt)["frames"]  # warms up
    times = in_turns({name: _timed(work) for name, work in works.items()}, rounds)
    labs = zip(*(map(_lab_of, rgb_of(path)) for path in (every, auto)), strict=True)
    return {
        "clip": clip.stem,
        "frames": count,
        "fps": {name: digits(count / statistics.median(own)) for name, own in times.items()},
        "times_as_fast": median_ratio(times["every"], times["auto"]),
        "ciede2000": digits(statistics.mean(float(ciede2000(one, two).mean()) for one, two in labs)),
    }


def _lab_of(rgb: np.ndarray) -> np.ndarray:
    return np.dstack(rgb_to_lab(rgb))


def speed(clip: Path, settings: Settings, backend: str, rounds: int) -> dict[str, Any]:
    """Return frames a second of the parts and of the whole."""
    colorizer = Colorizer(settings.model, backend=backend)
    target = settings.scratch / "whole.mp4"
    works: dict[str, Callable[[], object]] = {
        "decode_encode": lambda: transcode(clip),
        "inference": lambda: infer(clip, colorizer),
        "end_to_end": lambda: colorize(clip, target, colorizer),
        "end_to_end_keyframes_4": lambda: colorize(clip, target, colorizer, keyframes=4),
    }
    count = transcode(clip)
    colorize(clip, target, colorizer)  # warms up
    times = in_turns({name: _timed(work) for name, work in works.items()}, rounds)
    slowest = [max(both) for both in zip(times["decode_encode"], times["inference"], strict=True)]
    return {
        "backend": backend,
        "frames": count,
        "fps": {name: digits(count / statistics.median(own)) for name, own in times.items()},
        "share_of_the_slowest_part": median_ratio(slowest, times["end_to_end"]),
    }


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    return lambda: seconds_of(work)


def transcode(clip: Path) -> int:
    """Decode and encode only; return the number of frames."""
    facts = probe(clip)
    settings = settings_for(facts, "h264", None)

    def frames() -> Iterator[VideoFrame]:
        for frame in Frames(facts):
            frame.pict_type = PictureType.NONE
            yield frame

    return sum(1 for _ in settings.packets_of(frames()))


def infer(clip: Path, colorizer: Colorizer) -> None:
    """Run the network only, on as many threads as the whole does."""
    facts = probe(clip)

    def lightness() -> Iterator[Any]:
        for frame in Frames(facts):
            luma = luma_of(to_planar(frame, facts.tags), facts)
            yield colorizer.prepare(luma_to_grey(luma, facts.depth, is_full=facts.tags.is_full))

    workers_ = max(os.cpu_count() or 1, 2 * colorizer.batch_size)
    for _ in map_in_order(colorizer.predict, list(lightness()), workers_, "infer"):
        pass


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    return "\n\n".join(
        [
            f"Deflicker off and on, {result['frames']} frames at most:",
            flicker_table(result),
            "With `--keyframes auto`, frames a second and mean CIEDE2000 to the colours of every frame:",
            keyframes_table(result),
            "Frames a second at 640 x 360, medians of rounds in turns:",
            speed_table(result),
        ]
    )


def flicker_table(result: dict[str, Any]) -> str:
    """Return a line a clip."""
    header = ["clip", "CDC off", "on", "warped error off", "on", "colourfulness off", "on", "luma PSNR dB"]
    rows = []
    for row in result["flicker"]:
        scores = [row["flicker"][name] for name in ("off", "on")]
        cells = [f"{score[name]:.4f}" for name in ("cdc", "warped_error") for score in scores]
        cells += [f"{score['colorfulness']:.2f}" for score in scores]
        rows.append([row["clip"], *cells, row["luma_min_psnr_db"]])
    return table(header, rows)


def keyframes_table(result: dict[str, Any]) -> str:
    """Return a line a clip."""
    header = ["clip", "frames/s, every frame", "--keyframes auto", "times as fast", "CIEDE2000"]
    rows = [
        [row["clip"], row["fps"]["every"], row["fps"]["auto"], row["times_as_fast"], row["ciede2000"]]
        for row in result["keyframes"]
    ]
    return table(header, rows)


def speed_table(result: dict[str, Any]) -> str:
    """Return frames a second, a line a backend."""
    rows = [
        [row["backend"], *(row["fps"][name] for name in _PARTS), row["share_of_the_slowest_part"]]
        for row in result["speed"]
    ]
    return table(["backend", *_PARTS.values(), "all / slowest alone"], rows)


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """See `Section.plots`."""
    from colorize_gan.benchmarks.plots import bars

    series = {row["backend"]: list(row["fps"].values()) for row in result["speed"]}
    return {"video.png": bars(list(_PARTS.values()), series, "frames a second, 640 x 360")}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    steadier = {
        f"{row['clip']}: {name} without deflicker, in multiples of with": digits(
            row["flicker"]["off"][name] / row["flicker"]["on"][name]
        )
        for row in result["flicker"]
        for name in ("cdc", "warped_error")
    }
    return steadier | {
        f"{row['backend']}: all as a part of the slowest alone": row["share_of_the_slowest_part"]
        for row in result["speed"]
    }
