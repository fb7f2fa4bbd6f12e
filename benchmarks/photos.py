"""Photographs to work on: scikit-image's, or those of a folder; enlarged or reduced, with grain."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from colorize_gan.core.files.folders import find_images
from colorize_gan.core.images.decode import read_rgb8

GRAIN = 3.0  # standard deviation, in 8-bit levels


@dataclass(frozen=True)
class Case:
    """A folder of grey photographs."""

    name: str
    width: int
    height: int
    suffix: str
    count: int

    @property
    def megapixels(self) -> float:
        """The size of each."""
        return self.width * self.height / 1e6


def write_samples(folder: Path) -> Path:
    """Write the colour photographs that come with scikit-image; return the folder, which must not exist."""
    import skimage.data

    folder.mkdir()
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        cv2.imwrite(str(folder / f"{name}.png"), getattr(skimage.data, name)()[..., ::-1])
    return folder


def write_photographs(case: Case, source: Path, folder: Path) -> Path:
    """Write grey photographs of a case's size; every other JPEG has three channels, as scanners write.

    Args:
        case: which; a TIFF has 16 bits.
        source: folder of the photographs they are made of.
        folder: where to; must not exist.

    Returns:
        The folder.
    """
    folder.mkdir()
    sources = find_images(source)
    for number in range(case.count):
        grey = _cropped(as_grey_8(sources[number % len(sources)]), case.width / case.height)
        large = cv2.resize(grey, (case.width, case.height), interpolation=cv2.INTER_CUBIC)
        noise = np.random.default_rng(number).standard_normal(large.shape, np.float32)
        grainy = large + np.float32(GRAIN) * noise
        path = str(folder / f"{number:03}{case.suffix}")
        if case.suffix == ".tif":
            cv2.imwrite(path, np.clip(grainy * 257, 0, 65535).astype(np.uint16))
        else:
            pixels = np.clip(grainy, 0, 255).astype(np.uint8)
            cv2.imwrite(path, cv2.merge([pixels] * 3) if number % 2 and case.suffix == ".jpg" else pixels)
    return folder


def as_grey_8(path: Path) -> np.ndarray:
    """Read a photograph as grey ``(H, W)`` uint8: its luma."""
    return cv2.cvtColor(read_rgb8(path), cv2.COLOR_RGB2GRAY)


def _cropped(grey: np.ndarray, aspect: float) -> np.ndarray:
    """Return the middle of an image, of that width over height."""
    height, width = grey.shape
    crop_height, crop_width = min(height, int(width / aspect)), min(width, int(height * aspect))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return grey[top : top + crop_height, left : left + crop_width]
