"""From any folder of images to a packed set of colour photographs that an epoch reads from end to end.

A packed set is one file of JPEGs, `photos.bin`, in the order of their digests, and an index, `photos.json`.
The file `rejected.tsv` lists the images that were left out, with the reason.
"""

import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.errors import DataError, ImageError
from colorize_gan.core.files.atomic import atomic_path, lasting_path
from colorize_gan.core.files.folders import find_images
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.images.decode import decode_rgb8, read_rgb8
from colorize_gan.core.system.parallel import map_in_order, one_libvips_thread
from colorize_gan.core.text import printable
from colorize_gan.trainer.photos import INDEX_NAME, PACK_NAME

REJECTED_NAME = "rejected.tsv"
_JPEG = [cv2.IMWRITE_JPEG_LUMA_QUALITY, 95, cv2.IMWRITE_JPEG_CHROMA_QUALITY, 95]  # 4:4:4
_NEAR = 3
"""Photographs whose difference hashes are at most so many bits apart count as one."""


@dataclass(frozen=True)
class PrepareOptions:
    """The images that are kept, and their size."""

    size: int = 288
    """Short side of the packed photographs in pixels; smaller ones stay as they are."""
    min_size: int = 128
    """Shortest side that is kept."""
    min_chroma: float = 4.0
    """Least mean CIE chroma; toned and grey pictures lie below."""


def prepare(source: StrPath, out: StrPath, options: PrepareOptions, workers: int) -> Counter[str]:
    """Filter, resize and pack the images below ``source`` into ``out``.

    Args:
        source: folder of images.
        out: folder of the packed set, created when missing.
        options: what is kept.
        workers: images in progress at once; the result does not depend on it.

    Returns:
        How many were ``kept``, and how many left out for each reason.

    Raises:
        DataError: no images, or none to keep.
    """
    source, out = Path(source), Path(out)
    images = find_images(source)
    out.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    fingerprints = _Fingerprints()
    jpegs: dict[str, tuple[int, int]] = {}  # digest -> where it lies in the unsorted file
    with tempfile.TemporaryFile(dir=out) as unsorted, lasting_path(out / REJECTED_NAME) as rejected:
        with rejected.open("w", encoding="utf-8") as report, one_libvips_thread():
            examined = map_in_order(partial(_examine, options=options), images, workers, "prepare")
            for path, result in zip(images, examined, strict=True):
                if isinstance(result, bytes) and fingerprints.is_new(result):
                    jpegs[hashlib.sha256(result).hexdigest()] = (unsorted.tell(), len(result))
                    unsorted.write(result)
                    counts["kept"] += 1
                else:
                    reason = "near-duplicate" if isinstance(result, bytes) else result
                    report.write(f"{printable(path)}\t{reason}\n")
                    counts[reason.split(":")[0]] += 1
        if jpegs:
            _write_sorted(unsorted, jpegs, out)
    if not jpegs:
        raise DataError(f"{source}: no colour photographs to keep; see {out / REJECTED_NAME}")
    return counts


def _examine(path: Path, options: PrepareOptions) -> bytes | str:
    """Return the JPEG to keep, or the reason to leave the image out."""
    try:
        rgb = read_rgb8(path)
    except ImageError as error:
        return f"undecodable: {error}"
    side = min(rgb.shape[:2])
    if side < options.min_size:
        return f"too small: {side} px"
    if side > options.size:
        scale = options.size / side
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    chroma = float(np.linalg.norm(rgb_to_lab(rgb)[1], axis=-1).mean())
    if chroma < options.min_chroma:
        return f"grey: mean chroma {chroma:.1f}"
    is_encoded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _JPEG)
    return jpeg.tobytes() if is_encoded else "too long: more than JPEG can hold"


def _write_sorted(unsorted: BinaryIO, jpegs: dict[str, tuple[int, int]], out: Path) -> None:
    """Copy the JPEGs in the order of their digests and write the index."""
    index = []
    with lasting_path(out / PACK_NAME) as part, part.open("wb") as pack:
        for digest, (offset, length) in sorted(jpegs.items()):
            index.append((pack.tell(), length, digest))
            unsorted.seek(offset)
            pack.write(unsorted.read(length))
    with atomic_path(out / INDEX_NAME) as part:
        part.write_text(json.dumps({"photos": index}), encoding="utf-8")


class _Fingerprints:
    """Difference hashes (64 bits: is each pixel of a 9 x 8 thumbnail brighter than the next?) seen so far."""

    def __init__(self) -> None:
        # two hashes at most three bits apart are equal in one of four quarters
        self._seen: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def is_new(self, jpeg: bytes) -> bool:
        """Tell whether no hash near this picture's was seen; remember it then."""
        grey = cv2.cvtColor(decode_rgb8(np.frombuffer(jpeg, np.uint8)), cv2.COLOR_RGB2GRAY)
        thumbnail = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(int)
        bits = (thumbnail[:, 1:] > thumbnail[:, :-1]).ravel()
        value = int.from_bytes(np.packbits(bits).tobytes(), "big")
        quarters = [(place, value >> 16 * place & 0xFFFF) for place in range(4)]
        near = {other for quarter in quarters for other in self._seen[quarter]}
        if any((value ^ other).bit_count() <= _NEAR for other in near):
            return False
        for quarter in quarters:
            self._seen[quarter].append(value)
        return True
