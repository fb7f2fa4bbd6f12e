"""The obedience to hints: `python benchmarks/studies/wishes.py MODEL PHOTOS`.

Each photograph is coloured with one hint at a random place: its true colour there, then an unusual one (the
hue turned by a half or a quarter, chroma 40). Measured in CIEDE2000: at the place, between the result and
the wish, as far as sRGB can show it at that lightness; over the picture, between results with and without.
All are middle squares of 256 pixels. Writes `benchmarks/studies/wishes.json` and prints its table.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from colorize_gan.benchmarks.timing import table
from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.hints import HINT_SIDE, Hint
from colorize_gan.trainer.data import center_square
from colorize_gan.trainer.photos import find_photos

SIZE, MOST_PHOTOS = 256, 200
NEAR = 5.0  # CIEDE2000
UNUSUAL_CHROMA = 40.0
FAR = 64  # pixels from the place


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """Return CIE Lab ``(H, W, 3)``."""
    return np.dstack(rgb_to_lab(rgb))


def unusual(ab: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return another hue than that of ab ``(2,)``."""
    hue = np.arctan2(ab[1], ab[0]) + np.pi / 2 * rng.integers(1, 4)
    return UNUSUAL_CHROMA * np.array([np.cos(hue), np.sin(hue)])


def patch_of(lab: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return the pixels that a hint at a place covers, as ``(n, 3)``."""
    reach = HINT_SIDE // 2
    return lab[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].reshape(
        -1, 3
    )


def follow(colorizer: Colorizer, truth: np.ndarray, number: int, *, is_unusual: bool) -> tuple[float, ...]:
    """Return the error at the place, and the mean changes far from it and everywhere, in CIEDE2000."""
    rng = np.random.default_rng(number)
    row, column = rng.integers(SIZE, size=2)
    place = patch_of(lab_of(truth), row, column).mean(axis=0)
    wish = unusual(place[1:], rng) if is_unusual else place[1:]
    shown = lab_to_image(np.full((1, 1), 65, np.float32), wish[None, None].astype(np.float32), np.uint8)[0, 0]
    hint = Hint((column + 0.5) / SIZE, (row + 0.5) / SIZE, "#" + bytes(shown).hex())
    grey = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY)
    before, after = (lab_of(colorizer.colorize(grey, hints)) for hints in ((), (hint,)))
    found = patch_of(after, row, column)
    wished = lab_to_image(
        found[None, :, 0], np.broadcast_to(hint.ab, (1, len(found), 2)).astype(np.float32), np.uint8
    )
    error = ciede2000(found.mean(axis=0, keepdims=True), lab_of(wished)[0].mean(axis=0, keepdims=True))
    changes = ciede2000(before.reshape(-1, 3), after.reshape(-1, 3)).reshape(SIZE, SIZE)
    rows, columns = np.ogrid[:SIZE, :SIZE]
    is_far = np.hypot(rows - row, columns - column) > FAR
    return float(error.mean()), float(changes[is_far].mean()), float(changes.mean())


def row_of(
    name: str, colorizer: Colorizer, photos: Sequence[np.ndarray], *, is_unusual: bool
) -> dict[str, object]:
    """Return the figures of one kind of wishes."""
    found = np.array(
        [follow(colorizer, photo, number, is_unusual=is_unusual) for number, photo in enumerate(photos)]
    )
    return {
        "wish": name,
        "pictures": len(photos),
        "error_median": round(float(np.median(found[:, 0])), 2),
        "share_near": round(float((found[:, 0] < NEAR).mean()), 3),
        "change_far": round(float(found[:, 1].mean()), 2),
        "change": round(float(found[:, 2].mean()), 2),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    found = find_photos(options.photos)
    photos = [center_square(photo.read(), SIZE) for photo in found[:: max(1, len(found) // MOST_PHOTOS)]]
    colorizer = Colorizer(options.model, backend="onnxruntime")
    rows = [
        row_of(name, colorizer, photos[:MOST_PHOTOS], is_unusual=is_unusual)
        for name, is_unusual in (("the true colour", False), ("an unusual colour", True))
    ]
    Path(__file__).with_suffix(".json").write_text(
        json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))  # noqa: T201


if __name__ == "__main__":
    main()
