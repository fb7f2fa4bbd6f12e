"""How often `tone_of` is right: `python benchmarks/studies/tones.py PHOTOS... [--neutral ...]`.

It takes a sample of the colour photographs (files, or folders with everything below them). They are judged as
they are, with less colour, and made grey and toned by the recipes below. All of them go through JPEG, 4:2:0,
of quality 50 to 95. Writes `benchmarks/studies/tones.json`; `make tables` puts that into docs/batch.md.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from colorize_gan.core.color.lab import grey_to_lightness, lab_to_rgb, rgb_to_lab
from colorize_gan.core.color.tones import Tone, tone_of
from colorize_gan.core.images.decode import decode_rgb8, read_rgb8
from colorize_gan.core.images.formats import SUFFIXES

RESULT = Path(__file__).with_suffix(".json")
COLOR_PHOTOS, CHANGED_PHOTOS = 3000, 600
OBJECT_SHARE = 0.015
SEPIA = (1.351, 1.203, 0.937)  # row sums of the matrix that Microsoft's documentation made common

Random = np.random.Generator
Recipe = Callable[[np.ndarray, Random], np.ndarray]
"""Makes float sRGB ``(H, W, 3)``, 1 is white, of a picture: grey ``(H, W)`` likewise, or uint8 RGB."""


def main(photos: list[Path], black_and_white: list[Path], early_color: list[Path]) -> None:
    """Sample, count and write."""
    found = files(photos)
    sample = random.Random(1).sample(found, min(COLOR_PHOTOS, len(found)))
    rows = [row("colour photographs", "color", map(read_rgb8, sample))]
    for name, group, truth in (
        ("early colour", early_color, "color"),
        ("black and white", black_and_white, "other"),
    ):
        if group:
            rows.append(row(f"scans, {name}", truth, map(read_rgb8, files(group))))
    for name, recipe in COLORED.items():
        rows.append(row(name, "color", changed(sample[:CHANGED_PHOTOS], recipe, grey=False)))
    for name, recipe in TONED.items():
        rows.append(row(name, "other", changed(sample[-CHANGED_PHOTOS:], recipe, grey=True)))
    collections = len({path.parent for path in sample})
    description = f"{len(sample):,} colour photographs of {collections} collections"
    RESULT.write_text(json.dumps({"photographs": description, "rows": rows}, indent=2) + "\n")


def files(paths: list[Path]) -> list[Path]:
    """Return the files, and those in the folders that can be read, in order."""
    below = (file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]))
    return [file for file in below if file.suffix.lower() in SUFFIXES]


def changed(paths: list[Path], recipe: Recipe, *, grey: bool) -> Iterable[np.ndarray]:
    """Yield each photograph by a recipe, out of JPEG."""
    for seed, path in enumerate(paths):
        rng = np.random.default_rng(seed)
        rgb = read_rgb8(path)
        picture = recipe(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / 255 if grey else rgb, rng)
        yield through_jpeg(picture, int(rng.integers(50, 96)))


def row(name: str, truth: str, pictures: Iterable[np.ndarray]) -> dict[str, Any]:
    """Return how many pictures of one kind `tone_of` gives each name, and the share of errors."""
    counts = Counter(map(tone_of, pictures))
    wrong = sum(count for tone, count in counts.items() if (tone == "color") != (truth == "color"))
    tones = {tone: counts[tone] for tone in get_args(Tone)}
    return {"kind": name, "in_color": truth == "color", **tones, "wrong": round(wrong / counts.total(), 4)}


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return float sRGB ``(H, W, 3)`` as uint8 after JPEG with halved chroma."""
    bgr = np.rint(np.clip(picture[..., ::-1], 0, 1) * 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return decode_rgb8(cv2.imencode(".jpg", bgr, options)[1])


def neutral(grey: np.ndarray, _: Random) -> np.ndarray:
    """No tone."""
    return np.dstack([grey] * 3)


def sepia(grey: np.ndarray, rng: Random) -> np.ndarray:
    """The matrix of photo editors, at 40 % to 90 %."""
    strength = rng.uniform(0.4, 0.9)
    return neutral(grey, rng) * (1 - strength) + strength * full_sepia(grey, rng)


def full_sepia(grey: np.ndarray, _: Random) -> np.ndarray:
    """The matrix of photo editors, clipped at white."""
    return np.minimum(grey[..., None] * SEPIA, 1)


def tinted(grey: np.ndarray, rng: Random) -> np.ndarray:
    """One hue, chroma up to 30 in the mid-tones."""
    return lab_to_rgb(*in_lab(grey, 4 * grey * (1 - grey) * rng.uniform(8, 30), rng.uniform(0, 2 * np.pi)))


def split_toned(grey: np.ndarray, rng: Random) -> np.ndarray:
    """One hue in the shadows and another in the highlights."""
    share = 1 / (1 + np.exp((grey - rng.uniform(0.35, 0.65)) * rng.uniform(6, 14)))
    fade = np.minimum(1, 6 * np.minimum(grey, 1 - grey))
    lightness, shadows = in_lab(grey, fade * share * rng.uniform(5, 25), rng.uniform(0, 2 * np.pi))
    highlights = in_lab(grey, fade * (1 - share) * rng.uniform(5, 25), rng.uniform(0, 2 * np.pi))[1]
    return lab_to_rgb(lightness, shadows + highlights)


def in_lab(grey: np.ndarray, chroma: np.ndarray, hue: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lightness ``(H, W)`` and ab ``(H, W, 2)``, float32, of grey in a hue."""
    lightness = grey_to_lightness(np.rint(grey * 255).astype(np.uint8))
    return lightness, np.dstack([chroma * np.cos(hue), chroma * np.sin(hue)]).astype(np.float32)


def cyanotype(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Prussian blue on paper."""
    return between(grey, rng, (10, 30, 65), (65, 112, 152), (237, 242, 237))


def gold_toned(grey: np.ndarray, rng: Random) -> np.ndarray:
    """A gold-toned albumen print."""
    return between(grey, rng, (20, 10, 20), (150, 117, 102), (252, 242, 217))


def selenium_toned(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Purple shadows, neutral lights."""
    return between(grey, rng, (30, 15, 30), (97, 81, 92), (187, 178, 178), (250, 248, 242))


def faded(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Brown for black and yellow for white."""
    return between(grey, rng, (80, 60, 40), (175, 147, 107), (242, 225, 182))


def between(grey: np.ndarray, rng: Random, *stops: tuple[int, int, int]) -> np.ndarray:
    """Return colours on lines between 8-bit stops, each moved by up to 12 levels."""
    moved = np.clip(np.array(stops) + rng.uniform(-12, 12, (len(stops), 3)), 0, 255) / 255
    at = np.linspace(0, 1, len(stops))
    return np.dstack([np.interp(grey, at, moved[:, channel]) for channel in range(3)])


def white_balance(grey: np.ndarray, rng: Random) -> np.ndarray:
    """A gain of each channel, clipped at white."""
    return np.minimum(grey[..., None] * rng.uniform(0.75, 1.3, 3), 1)


def channel_gamma(grey: np.ndarray, rng: Random) -> np.ndarray:
    """A gamma of each channel."""
    return grey[..., None] ** rng.uniform(0.7, 1.4, 3)


def scanner_noise(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Noise of each channel by itself, bands of green and magenta, a slight cast."""
    noise = rng.normal(0, rng.uniform(0.01, 0.05), (*grey.shape, 3))
    bands = cv2.GaussianBlur(rng.normal(0, 1, (len(grey), 1)), (0, 0), 4)
    noise[..., 1] += bands / bands.std() * rng.uniform(0, 0.012)
    return (grey[..., None] + noise) * rng.uniform(0.95, 1.05, 3)


def stained(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Up to three yellow-brown stains at the edges."""
    y, x = unit_grid(grey)
    cover = np.zeros_like(grey)
    for _ in range(rng.integers(1, 4)):
        inwards, along = ((x, y), (1 - x, y), (y, x), (1 - y, x))[rng.integers(4)]
        depth, center, width = rng.uniform((0.04, 0, 0.2), (0.2, 1, 1.5))
        stain = np.exp(-((inwards / depth) ** 2) - ((along - center) / width) ** 2)
        cover = np.maximum(cover, rng.uniform(0.4, 1) * stain)
    return aged(grey, rng) * absorbed(cover, rng.uniform((0.85, 0.75, 0.5), (1, 0.9, 0.75)))


def unevenly_yellowed(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Yellow from one side to the other."""
    y, x = unit_grid(grey)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1) ** rng.uniform(0.7, 2)
    return aged(grey, rng) * absorbed(slope, rng.uniform((0.92, 0.85, 0.65), (1, 0.95, 0.85)))


def foxed(grey: np.ndarray, rng: Random) -> np.ndarray:
    """Small brown spots."""
    side = max(grey.shape)
    cover = np.zeros(grey.shape, np.float32)
    for _ in range(rng.integers(5, 25)):
        center = int(rng.integers(grey.shape[1])), int(rng.integers(grey.shape[0]))
        cv2.circle(
            cover, center, max(1, int(rng.uniform(0.003, 0.012) * side)), rng.uniform(0.2, 0.7), cv2.FILLED
        )
    smooth = cv2.GaussianBlur(cover, (0, 0), 0.5 + 0.004 * side)
    return aged(grey, rng) * absorbed(smooth, np.array([0.85, 0.68, 0.45]))


def mounted(grey: np.ndarray, rng: Random) -> np.ndarray:
    """On a cream card that shows 3 % to 10 % wide around it."""
    width = int(rng.uniform(0.03, 0.1) * min(grey.shape))
    height, length = grey.shape
    card = rng.uniform((0.78, 0.72, 0.6), (0.96, 0.88, 0.78))
    picture = np.tile(card, (height + 2 * width, length + 2 * width, 1))
    picture[width : width + height, width : width + length] = aged(grey, rng)
    return picture


def aged(grey: np.ndarray, rng: Random) -> np.ndarray:
    """A neutral, faded, gold-toned or tinted print."""
    return (neutral, faded, gold_toned, tinted)[rng.integers(4)](grey, rng)


def absorbed(cover: np.ndarray, transmission: np.ndarray) -> np.ndarray:
    """Return the factor ``(H, W, 3)`` of something that covers 0 to 1 of each pixel."""
    return 1 - cover[..., None] * (1 - transmission)


def unit_grid(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return y as a column and x as a row, 0 to 1, of the picture's full size."""
    height, width = grey.shape
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return y, x


def saturation(factor: float) -> Recipe:
    """Return the recipe that multiplies chroma."""

    def recipe(rgb: np.ndarray, _: Random) -> np.ndarray:
        lightness, ab = rgb_to_lab(rgb)
        return lab_to_rgb(lightness, ab * np.float32(factor))

    return recipe


def faded_color(rgb: np.ndarray, rng: Random) -> np.ndarray:
    """Dyes that have paled, to red-brown shadows and yellow lights."""
    black, white = (
        rng.uniform((0.2, 0.1, 0.1), (0.35, 0.25, 0.25)),
        rng.uniform((0.9, 0.75, 0.6), (1, 0.92, 0.85)),
    )
    return black + (white - black) * rgb / 255


def hand_colored(rgb: np.ndarray, rng: Random) -> np.ndarray:
    """Thin washes that ignore detail: 30 % to 60 % of the colours, blurred."""
    lightness, ab = rgb_to_lab(rgb)
    washes = cv2.GaussianBlur(ab, (0, 0), max(lightness.shape) / 50)
    return lab_to_rgb(lightness, washes * np.float32(rng.uniform(0.3, 0.6)))


def one_object(rgb: np.ndarray, rng: Random) -> np.ndarray:
    """Grey but for an ellipse of any hue, of mid-tones."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / 255
    y, x = unit_grid(grey)
    radius = np.sqrt(OBJECT_SHARE / np.pi)
    stretch = rng.uniform(0.7, 1.4)
    for _ in range(30):
        center_y, center_x = rng.uniform(0.2, 0.8, 2)
        inside = ((y - center_y) * stretch) ** 2 + ((x - center_x) / stretch) ** 2 < radius**2
        if 0.3 < grey[inside].mean() < 0.75:
            break
    return lab_to_rgb(*in_lab(grey, inside * rng.uniform(30, 60), rng.uniform(0, 2 * np.pi)))


COLORED: dict[str, Recipe] = {
    "half saturation": saturation(0.5),
    "25 % saturation": saturation(0.25),
    "15 % saturation": saturation(0.15),
    "faded colour": faded_color,
    "hand-coloured": hand_colored,
    f"grey but for {OBJECT_SHARE:.1%}": one_object,
}
TONED: dict[str, Recipe] = {
    "neutral grey": neutral,
    "sepia filter, 40 % to 90 %": sepia,
    "sepia filter, full": full_sepia,
    "tinted": tinted,
    "split-toned": split_toned,
    "cyanotype": cyanotype,
    "gold-toned": gold_toned,
    "selenium-toned": selenium_toned,
    "faded, yellowed": faded,
    "white balance": white_balance,
    "gamma of each channel": channel_gamma,
    "scanner noise": scanner_noise,
    "stained edges": stained,
    "unevenly yellowed": unevenly_yellowed,
    "foxed": foxed,
    "mounted on a card": mounted,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, help="colour photographs, or folders")
    parser.add_argument(
        "--neutral", nargs="*", type=Path, default=[], help="scans known to be black and white"
    )
    parser.add_argument("--early-color", nargs="*", type=Path, default=[], help="scans of early colour")
    arguments = parser.parse_args()
    main(arguments.photos, arguments.neutral, arguments.early_color)
