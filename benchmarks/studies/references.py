"""The gain by a reference: `python benchmarks/studies/references.py MODEL PHOTOS CLIPS`.

Frames of films are coloured with an earlier frame as their `--reference`. Photographs are coloured with the
one of the folder that a classifier finds most alike in grey, and with one at random. All are middle squares
of 256 pixels. Writes `benchmarks/studies/references.json` and prints its table.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from colorize_gan.benchmarks.timing import table
from colorize_gan.core.color.metrics import psnr
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.reference import Reference
from colorize_gan.trainer.backbones import build_classifier
from colorize_gan.trainer.data import center_square
from colorize_gan.trainer.photos import find_photos

SIZE = 256
FRAMES_BETWEEN, FRAMES = 25, 8  # of a film: from one to the next that is coloured, and how many
MOST_PHOTOS = 200

Pairs = list[tuple[np.ndarray, np.ndarray]]


def frames_of(clip: Path) -> Iterator[np.ndarray]:
    """Yield frames of a film in equal distances, as squares."""
    film = cv2.VideoCapture(str(clip))
    for number in range(FRAMES * FRAMES_BETWEEN + 1):
        found, frame = film.read()
        if not found:
            return
        if number % FRAMES_BETWEEN == 0:
            yield center_square(frame[..., ::-1].copy(), SIZE)


def scene_pairs(clips: Path) -> Pairs:
    """Return frames, each with the first of its film."""
    pairs: Pairs = []
    for clip in sorted(clips.glob("*.mp4")):
        first, *others = frames_of(clip)
        pairs += [(frame, first) for frame in others]
    return pairs


def most_alike(photos: Sequence[np.ndarray]) -> Pairs:
    """Return photographs, each with the other that a classifier's answers to the grey ones are closest to."""
    classifier = build_classifier("tf_efficientnet_lite2", "auto")
    grey = np.stack([cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) for photo in photos])
    images = torch.from_numpy(grey)[:, None].expand(-1, 3, -1, -1) / 127.5 - 1
    with torch.inference_mode():
        answers = torch.cat([classifier(part) for part in images.split(16)])
    answers = torch.nn.functional.normalize(answers - answers.mean(dim=0), dim=1)
    likeness = (answers @ answers.T).fill_diagonal_(-1)
    return [(photo, photos[int(other)]) for photo, other in zip(photos, likeness.argmax(dim=1), strict=True)]


def row_of(name: str, model: str, pairs: Pairs) -> dict[str, str | int | float]:
    """Return the mean change of PSNR that references bring, and how many pictures they made better."""
    colorizer = Colorizer(model, backend="onnxruntime")
    changes = []
    for truth, shown in pairs:
        grey = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY)
        referring = colorizer.colorize(grey, reference=Reference(shown, ""))
        changes.append(psnr(referring, truth) - psnr(colorizer.colorize(grey), truth))
    return {
        "reference": name,
        "pictures": len(pairs),
        "change": round(float(np.mean(changes)), 2),
        "better": round(float(np.mean(np.array(changes) > 0)), 2),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("clips", type=Path)
    options = parser.parse_args()
    photos = [center_square(photo.read(), SIZE) for photo in find_photos(options.photos)[:MOST_PHOTOS]]
    others = np.roll(np.arange(len(photos)), 1)
    sets = {
        "the same scene": scene_pairs(options.clips),
        "the most alike of 200 photographs": most_alike(photos),
        "a photograph at random": [
            (photo, photos[other]) for photo, other in zip(photos, others, strict=True)
        ],
    }
    rows = [row_of(name, options.model, pairs) for name, pairs in sets.items()]
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))  # noqa: T201


if __name__ == "__main__":
    main()
