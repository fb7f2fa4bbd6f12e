"""How far hints reach: `python benchmarks/studies/reach.py CHECKPOINT PHOTOS`.

The three numbers of `HintPropagation` are varied. One figure is the gain of PSNR by random hints of the true
colours. The other is the change of the picture, more than 64 pixels from one hint of a random colour, in
CIEDE2000. Writes `benchmarks/studies/reach.json` and prints its table.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from colorize_gan.benchmarks.timing import table
from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000, psnr
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.fusion import FusionGenerator
from colorize_gan.trainer.hints import add_hint, random_points
from colorize_gan.trainer.photos import find_photos

SIZE, PHOTOS, FAR, CHROMA, SIDE = 256, 32, 64, 40.0, 5
POINTS = (1, 5, 20)
NUMBERS = ((10, 3, 5), (10, 3, 7), (14, 3, 10), (16, 1.5, 12), (18, 1.5, 14), (10, 30, 5))
"""Sharpness, nearness and doubt."""


def figures_of(generator: FusionGenerator, lightness: FloatArray, ab: FloatArray, number: int) -> list[float]:
    """Return the gains by true hints in dB, and the change by a hint of a random colour."""

    def colored(hints: FloatArray) -> np.ndarray:
        with torch.inference_mode():
            found = generator(torch.from_numpy(lightness)[None, None], torch.from_numpy(hints)[None])[0]
        return lab_to_image(lightness, found.numpy().transpose(1, 2, 0), np.uint8)

    truth, planes = lab_to_image(lightness, ab, np.uint8), ab.transpose(2, 0, 1)
    plain = colored(np.zeros((3, SIZE, SIZE), np.float32))
    gains = [
        psnr(colored(random_points(planes, count, np.random.default_rng(number))), truth) - psnr(plain, truth)
        for count in POINTS
    ]
    rng = np.random.default_rng(number)
    place, hue = rng.integers(SIZE, size=2), rng.uniform(0, 2 * np.pi)
    wish = np.array([np.cos(hue), np.sin(hue)], np.float32)[:, None, None] * CHROMA
    hints = np.zeros((3, SIZE, SIZE), np.float32)
    add_hint(hints, np.broadcast_to(wish, (2, SIZE, SIZE)), place, SIDE)
    change = ciede2000(np.dstack(rgb_to_lab(plain)), np.dstack(rgb_to_lab(colored(hints))))
    rows, columns = np.ogrid[:SIZE, :SIZE]
    return [*gains, float(change[np.hypot(rows - place[0], columns - place[1]) > FAR].mean())]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    generator = load_generator(options.checkpoint)[0].eval()
    assert isinstance(generator, FusionGenerator)
    squares = [load_square(photo, SIZE) for photo in find_photos(options.photos)[:PHOTOS]]
    rows = []
    for numbers in NUMBERS:
        propagation = generator.coarse.propagation
        for name, value in zip(("sharpness", "nearness", "doubt"), numbers, strict=True):
            getattr(propagation, name).data.fill_(value)
        found = np.mean(
            [figures_of(generator, *square, index) for index, square in enumerate(squares)], axis=0
        )
        *gains, change = found.round(2).tolist()
        rows.append({"numbers": list(numbers), "gains": gains, "change": change})
    Path(__file__).with_suffix(".json").write_text(
        json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))  # noqa: T201


if __name__ == "__main__":
    main()
