"""Enlarging the small ab, against the true colour of photographs: `chroma_upsampling.py [PHOTOS]`.

The true ab of a photograph, reduced as the network would give it at its best, is enlarged along the true L*
and compared with the true ab. Takes scikit-image's photographs, and up to 300 of a folder's as well.
Writes `benchmarks/studies/chroma_upsampling.json` and prints its tables.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import skimage.data

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.images.decode import read_image
from colorize_gan.infer.upsample import Method, upsample

RESULT = Path(__file__).with_suffix(".json")
HELD_PHOTOGRAPHS = 300
EDGE_SHARE = 3  # per cent of the pixels, those with the strongest gradient of true ab
FLAT_SHARE = 20  # per cent, those with the least gradient around
GRAIN = 4  # L*, standard deviation
TIMED_SIZE, TIMED_SMALL_SIZE, ROUNDS = (3000, 4000), (256, 352), 15

Enlarge = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Scene:
    """A photograph and its reduction."""

    lightness: FloatArray
    ab: FloatArray
    small_size: tuple[int, int]
    """Width and height, as OpenCV takes them."""
    near_edge: np.ndarray
    """Whether a pixel lies within half a small pixel of a strong edge of colour."""
    flat: np.ndarray

    @classmethod
    def of(cls, rgb: np.ndarray, ratio: int) -> "Scene":
        """Take the truth from sRGB ``(H, W, 3)`` uint8; the small image is ``ratio`` times smaller."""
        lightness, ab = (np.ascontiguousarray(plane) for plane in rgb_to_lab(rgb))
        smooth = cv2.GaussianBlur(ab, (0, 0), 1)
        slopes = [cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
        gradient = np.sqrt(np.square(slopes).sum(axis=(0, -1)))
        strong = (gradient > np.percentile(gradient, 100 - EDGE_SHARE)).astype(np.uint8)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (ratio + 1, ratio + 1))
        around = cv2.blur(gradient, (2 * ratio + 1, 2 * ratio + 1))
        height, width = lightness.shape
        return cls(
            lightness,
            ab,
            (round(width / ratio), round(height / ratio)),
            cv2.dilate(strong, disc) > 0,
            around <= np.percentile(around, FLAT_SHARE),
        )

    def reduced(self, array: FloatArray) -> FloatArray:
        """Return an array at the network's size."""
        return np.asarray(cv2.resize(array, self.small_size, interpolation=cv2.INTER_AREA), np.float32)

    def enlarged(self, enlarge: Enlarge, lightness: FloatArray) -> FloatArray:
        """Return the reduced true ab, enlarged again along ``lightness``."""
        return enlarge(self.reduced(self.ab), self.reduced(lightness), lightness)

    def errors(self, enlarge: Enlarge) -> dict[str, float]:
        """Return mean errors near edges of colour and everywhere, and what grain does to flat colour."""
        result = self.enlarged(enlarge, self.lightness)
        distance = np.sqrt(np.square(result - self.ab).sum(axis=-1))
        difference = ciede2000(np.dstack([self.lightness, result]), np.dstack([self.lightness, self.ab]))
        grain = np.random.default_rng(0).normal(0, GRAIN, self.lightness.shape).astype(np.float32)
        change = self.enlarged(enlarge, self.lightness + grain) - result
        return {
            "edge_ab": float(distance[self.near_edge].mean()),
            "edge_ciede2000": float(difference[self.near_edge].mean()),
            "ab": float(distance.mean()),
            "ciede2000": float(difference.mean()),
            "grain_ab": float(np.sqrt(np.square(change[self.flat]).sum(axis=-1).mean())),
        }


def nearest(ab: FloatArray, small_lightness: FloatArray, lightness: FloatArray) -> FloatArray:
    """Repeat each pixel of ab: no upsampling at all, for comparison."""
    return np.asarray(cv2.resize(ab, lightness.shape[::-1], interpolation=cv2.INTER_NEAREST), np.float32)


def opencv_bilinear(ab: FloatArray, small_lightness: FloatArray, lightness: FloatArray) -> FloatArray:
    """Resize all of ab at once: the unit of time."""
    return np.asarray(cv2.resize(ab, lightness.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def by(method: Method) -> Enlarge:
    """Return `upsample` with this method."""
    return lambda ab, small_lightness, lightness: upsample(ab, small_lightness, lightness, method)


WAYS: dict[str, Enlarge] = {"nearest": nearest} | {name: by(name) for name in get_args(Method)[::-1]}


def main(folder: Path | None) -> None:
    """Measure, print and write."""
    own = scikit_image_photographs()
    large = [rgb for rgb in own if min(rgb.shape[:2]) >= 500]
    quality = [
        measured(f"{len(own)} of scikit-image", own, 4),
        measured(f"{len(large)} of scikit-image, short side from 500", large, 12),
    ]
    if folder:
        held = held_photographs(folder)
        side = statistics.median(min(rgb.shape[:2]) for rgb in held)
        quality.append(measured(f"{len(held)} held photographs, short side {side:.0f}", held, 4))
    milliseconds = interleaved(WAYS | {"cv2.resize, bilinear": opencv_bilinear})
    RESULT.write_text(json.dumps({"quality": quality, "milliseconds_12_mp": milliseconds}, indent=2) + "\n")
    for entry in quality:
        print(table(entry, milliseconds))  # noqa: T201


def scikit_image_photographs() -> list[np.ndarray]:
    """Return the colour photographs that are installed with scikit-image, sRGB ``(H, W, 3)`` uint8."""
    names = (
        "astronaut",
        "chelsea",
        "coffee",
        "hubble_deep_field",
        "immunohistochemistry",
        "retina",
        "rocket",
    )
    return [getattr(skimage.data, name)() for name in names] + [skimage.data.stereo_motorcycle()[0]]


def held_photographs(folder: Path) -> list[np.ndarray]:
    """Return some of the WebP, JPEG and PNG colour photographs below a folder, the same ones each time."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".webp", ".jpg", ".png"))
    random.Random(0).shuffle(files)
    photographs = []
    for path in files:
        image = read_image(path)
        if image.ndim == 3 and image.dtype == np.uint8 and min(image.shape[:2]) >= 200:
            photographs.append(image[..., :3])
        if len(photographs) == HELD_PHOTOGRAPHS:
            break
    return photographs


def measured(photographs: str, images: list[np.ndarray], ratio: int) -> dict[str, Any]:
    """Return the mean errors of every way over photographs, each counting the same."""
    errors: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for rgb in images:
        scene = Scene.of(rgb, ratio)
        for name, enlarge in WAYS.items():
            errors[name].append(scene.errors(enlarge))
    rows = [
        {"method": name} | {key: round(statistics.mean(e[key] for e in own), 3) for key in own[0]}
        for name, own in errors.items()
    ]
    return {"photographs": photographs, "ratio": ratio, "rows": rows}


def interleaved(ways: dict[str, Enlarge]) -> dict[str, float]:
    """Return each way's median milliseconds for 12 megapixels on one thread, measured in turns."""
    cv2.setNumThreads(1)
    generator = np.random.default_rng(0)
    lightness = generator.uniform(0, 100, TIMED_SIZE).astype(np.float32)
    small_lightness = generator.uniform(0, 100, TIMED_SMALL_SIZE).astype(np.float32)
    ab = generator.normal(0, 20, (*TIMED_SMALL_SIZE, 2)).astype(np.float32)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 2):
        for name, enlarge in ways.items():
            start = time.perf_counter()
            enlarge(ab, small_lightness, lightness)
            if round_ >= 2:  # the first ones warm up
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: round(statistics.median(own), 1) for name, own in times.items()}


def table(entry: dict[str, Any], milliseconds: dict[str, float]) -> str:
    """Return an entry as Markdown."""
    lines = [
        f"{entry['photographs']}, enlarged {entry['ratio']} times:",
        "",
        "| method | ab error at edges | CIEDE2000 at edges | ab error | CIEDE2000 | ab noise from grain "
        "| time at 12 MP (cv2.resize, bilinear = 1) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for r in entry["rows"]:
        times = milliseconds[r["method"]] / milliseconds["cv2.resize, bilinear"]
        errors = f"{r['edge_ab']:.2f} | {r['edge_ciede2000']:.2f} | {r['ab']:.2f} | {r['ciede2000']:.2f}"
        lines.append(f"| {r['method']} | {errors} | {r['grain_ab']:.2f} | {times:.1f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
