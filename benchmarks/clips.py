"""Videos to work on: those that are given, made small and grey, or one of a photograph."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from colorize_gan.benchmarks.photos import GRAIN, as_grey_8
from colorize_gan.core.files.folders import find_images

SIZE = (360, 640)
RATE = Fraction(25)
_TURN = 400  # pixels from one end of the pan to the other, and back


def pan(photos: Path, count: int, path: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write a camera's pan over a photograph, with grain; return the path."""
    grey = as_grey_8(find_images(photos)[0])
    height, width = size
    scale = (width + _TURN) / min(grey.shape)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)

    def pictures() -> Iterator[np.ndarray]:
        random = np.random.default_rng(0)
        for number in range(count):
            left = abs((2 * number + _TURN) % (2 * _TURN) - _TURN)
            part = grey[left // 4 : left // 4 + height, left : left + width]
            yield np.clip(part + random.normal(0, GRAIN, size), 0, 255).astype(np.uint8)

    return write(path, pictures(), size)


def reduced(clip: Path, path: Path, frames: int) -> Path:
    """Write the first frames of a clip as black and white at `SIZE`; return the path."""

    def pictures() -> Iterator[np.ndarray]:
        with av.open(clip) as container:
            for frame in islice(container.decode(video=0), frames):
                yield frame.reformat(width=SIZE[1], height=SIZE[0], format="gray").to_ndarray()

    return write(path, pictures(), SIZE)


def write(path: Path, pictures: Iterable[np.ndarray], size: tuple[int, int]) -> Path:
    """Write grey pictures ``(H, W)`` uint8 as H.264; return the path."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "veryfast"})
        stream.height, stream.width = size
        for number, grey in enumerate(pictures):
            frame = VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, 1 / RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
