"""Measure flicker, speed and memory of colorize-video; write video.json and print it as Markdown.

    python benchmarks/video.py CLIP...

Without clips: of one that is made of a photograph. Speeds are of the first clip, at 640 x 360, in turns
in one run: decoding and encoding alone, the network alone, and all of it.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data
from av.video.frame import PictureType, VideoFrame

from colorize_gan.infer import Colorizer
from colorize_gan.infer.inputs import WorkItem
from colorize_gan.infer.video.chroma import luma_to_grey
from colorize_gan.infer.video.encoder import luma_of, settings_for
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.source import Frames, probe, to_planar
from colorize_gan.infer.video.video import colorize_videos
from colorize_gan.metrics import colorfulness
from colorize_gan.parallel import map_in_order

RESULT = Path(__file__).with_suffix(".json")
SIZE = (360, 640)
LAGS = (1, 2, 4)
BACKENDS = ("onnxruntime", "openvino") if importlib.util.find_spec("openvino") else ("onnxruntime",)
COMMAND = "from colorize_gan.infer.video.cli import colorize_video; colorize_video()"


def main(clips: list[Path], frames: int, render_size: int | None, rounds: int) -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = clips or [write(folder / "generated.mp4", pan(frames), Fraction(25))]
        colorizer = Colorizer(render_size=render_size)
        result = {
            "frames": frames,
            "render_size": colorizer.render_size,
            "cores": os.cpu_count(),
            "flicker": [flicker(clip, folder, colorizer, frames) for clip in clips],
            "speed": [
                speed(clip, folder, Colorizer(backend=backend, render_size=render_size), rounds)
                for clip in [resized(clips[0], folder / "speed.mp4", frames)]
                for backend in BACKENDS
            ],
            "memory": memory(clips[0], folder, frames, render_size),
        }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(markdown(result))  # noqa: T201


def colorize(clip: Path, target: Path, colorizer: Colorizer, **options: Any) -> dict[str, Any]:
    """Colorize one clip; return what is said of the result."""
    settings = VideoOptions(on_exists="overwrite", **options)
    [result] = colorize_videos([WorkItem(clip, target)], colorizer, settings)
    if result.status != "written":
        raise SystemExit(f"{clip}: {result.reason}")
    return {**result.video, "colorfulness": result.colorfulness}


def flicker(clip: Path, folder: Path, colorizer: Colorizer, frames: int) -> dict[str, Any]:
    """Return the scores of a clip with and without deflicker, as the run has them and as written."""
    facts = probe(clip)
    excerpt = {"start": Fraction(0), "end": frames / facts.rate}
    row: dict[str, Any] = {"clip": clip.stem}
    off, on = folder / "off.mp4", folder / "on.mp4"
    colorize(clip, off, colorizer, deflicker=False, **excerpt)
    row |= colorize(clip, on, colorizer, measure=True, **excerpt)
    row["change"] = {
        name: row["flicker"]["on"][name] / row["flicker"]["off"][name] - 1 for name in row["flicker"]["on"]
    }
    # of R, G and B most of it is the change of luma, which is the clip's own
    pictures = {"off": rgb_of(off), "on": rgb_of(on), "grey": grey_of(on)}
    row["cdc_rgb"] = {name: cdc_rgb(shown) for name, shown in pictures.items()}
    row["colorfulness_written"] = {"off": mean_colorfulness(off), "on": mean_colorfulness(on)}
    return row


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


def mean_colorfulness(path: Path) -> float:
    """Return the mean colourfulness of the frames of a file."""
    return float(np.mean([colorfulness(rgb) for rgb in rgb_of(path)]))


def cdc_rgb(frames: Iterable[np.ndarray]) -> float:
    """Return the colour distribution consistency of R, G and B, cuts and all, as it was published."""
    shares = [
        np.stack([np.bincount(rgb[..., channel].ravel(), minlength=256) for channel in range(3)])
        / rgb[..., 0].size
        for rgb in frames
    ]
    lags = [np.mean([divergence(a, b) for a, b in zip(shares, shares[lag:], strict=False)]) for lag in LAGS]
    return float(np.mean(lags))


def divergence(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean Jensen-Shannon divergence of the rows, in nats."""
    mean = np.maximum((first + second) / 2, 1e-12)
    halves = [(part * np.log(np.maximum(part, 1e-12) / mean)).sum(axis=1) for part in (first, second)]
    return float(np.mean(halves))


def speed(clip: Path, folder: Path, colorizer: Colorizer, rounds: int) -> dict[str, Any]:
    """Return frames a second of the parts and of the whole: the best of some rounds."""
    target = folder / "whole.mp4"
    parts: dict[str, Callable[[], int]] = {
        "decode_encode": lambda: transcode(clip),
        "inference": lambda: infer(clip, colorizer),
        "end_to_end": lambda: colorize(clip, target, colorizer)["frames"],
        "end_to_end_keyframes_4": lambda: colorize(clip, target, colorizer, keyframes=4)["frames"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    count = 0
    for _ in range(rounds):
        for name, work in parts.items():
            started = time.perf_counter()
            count = work()
            seconds[name].append(time.perf_counter() - started)
    fps = {name: count / min(times) for name, times in seconds.items()}
    return {
        "backend": colorizer.backend.name,
        "frames": count,
        "fps": fps,
        "share_of_the_slowest_part": fps["end_to_end"] / min(fps["decode_encode"], fps["inference"]),
    }


def transcode(clip: Path) -> int:
    """Decode and encode only; return the number of frames."""
    facts = probe(clip)
    settings = settings_for(facts, "h264", None)

    def frames() -> Iterator[VideoFrame]:
        for frame in Frames(facts):
            frame.pict_type = PictureType.NONE
            yield frame

    return sum(1 for _ in settings.packets_of(frames()))


def infer(clip: Path, colorizer: Colorizer) -> int:
    """Run the network only, on as many threads as the whole does; return the number of frames."""
    facts = probe(clip)

    def lightness() -> Iterator[Any]:
        for frame in Frames(facts):
            luma = luma_of(to_planar(frame, facts.tags), facts)
            yield colorizer.prepare(luma_to_grey(luma, facts.depth, is_full=facts.tags.is_full))

    prepared = list(lightness())
    workers = max(os.cpu_count() or 1, 2 * colorizer.batch_size)
    return sum(1 for _ in map_in_order(colorizer.predict, prepared, workers, "infer"))


def memory(clip: Path, folder: Path, frames: int, render_size: int | None) -> dict[str, float]:
    """Return the peak of a process's memory, in MB, for a clip and for one ten times longer."""
    peaks = {}
    for times in (1, 10):
        source = resized(clip, folder / f"times{times}.mp4", frames, times)
        report = folder / f"times{times}.json"
        command = [sys.executable, "-c", COMMAND, source, "--out", folder / f"out{times}.mp4", "-q"]
        command += ["--report", report, *(["--render-size", str(render_size)] if render_size else [])]
        subprocess.run(list(map(str, command)), check=True)
        peaks[f"times_{times}"] = json.loads(report.read_text())["totals"]["peak_rss_mb"]
    return peaks


def resized(clip: Path, path: Path, frames: int, times: int = 1) -> Path:
    """Write the first frames of a clip as black and white at `SIZE`, so many times over."""

    def pictures() -> Iterator[np.ndarray]:
        for _ in range(times):
            with av.open(clip) as container:
                for frame in islice(container.decode(video=0), frames):
                    grey = frame.reformat(width=SIZE[1], height=SIZE[0], format="gray")
                    yield grey.to_ndarray()

    return write(path, pictures(), Fraction(25))


def pan(count: int) -> Iterator[np.ndarray]:
    """Yield frames of a camera that pans over a photograph, with grain."""
    grey = cv2.resize(cv2.cvtColor(skimage.data.coffee(), cv2.COLOR_RGB2GRAY), None, fx=2, fy=2)
    random = np.random.default_rng(0)
    height, width = SIZE
    for n in range(count):
        at = 2 * abs((n + 200) % 400 - 200)
        part = grey[100 + at // 4 : 100 + at // 4 + height, at : at + width]
        yield np.clip(part + random.normal(0, 3, SIZE), 0, 255).astype(np.uint8)


def write(path: Path, pictures: Iterable[np.ndarray], rate: Fraction) -> Path:
    """Write grey pictures as H.264."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "veryfast"})
        stream.height, stream.width = SIZE
        for number, grey in enumerate(pictures):
            frame = VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def markdown(result: dict[str, Any]) -> str:
    """Return the result as tables."""
    lines = [
        "| clip | CDC off | on | warped error off | on | colourfulness off | on | luma PSNR dB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["flicker"]:
        scores = [row["flicker"][name] for name in ("off", "on")]
        cells = [f"{score[name]:.4f}" for name in ("cdc", "warped_error") for score in scores]
        cells += [f"{score['colorfulness']:.2f}" for score in scores]
        lines.append(f"| {row['clip']} | {' | '.join(cells)} | {row['luma']['min_psnr_db']} |")
    names = list(result["speed"][0]["fps"])
    headers = [name.replace("_", " ") for name in names]
    lines += ["", f"| 640 x 360, frames a second | {' | '.join(headers)} | whole / slowest part |"]
    lines += ["|---|" + "---:|" * (len(names) + 1)]
    for row in result["speed"]:
        cells = [f"{row['fps'][name]:.1f}" for name in names] + [f"{row['share_of_the_slowest_part']:.2f}"]
        lines.append(f"| {row['backend']} | {' | '.join(cells)} |")
    lines += ["", "| clip | peak RSS, MB |", "|---|---:|"]
    lines += [f"| {name.replace('_', ' ')} | {peak:.0f} |" for name, peak in result["memory"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=250, help="of each clip, at most")
    parser.add_argument("--render-size", type=int, help="to try it out: smaller is quicker")
    parser.add_argument("--rounds", type=int, default=3, help="of the speeds")
    arguments = parser.parse_args()
    main(arguments.clips, arguments.frames, arguments.render_size, arguments.rounds)
