"""The loop that colorizers publish: everything in float, at full size, one image after another.

It imports what such a loop needs and nothing of this package, so it can be timed as a program of its own:
`python benchmarks/naive_loop.py MODEL SHORT_SIDE MULTIPLE OUT PHOTO...`.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

QUALITY = 95

Measure = Callable[[str], contextlib.AbstractContextManager[object]]


def colorize(
    files: Iterable[Path],
    out: Path,
    session: Any,
    network_size: Callable[[int, int], tuple[int, int]],
    measure: Measure = contextlib.nullcontext,
) -> None:
    """Colorize photographs; OpenCV and ONNX Runtime use all cores, as they do by themselves.

    Args:
        files: the photographs.
        out: folder for what is written.
        session: the model, opened.
        network_size: returns the height and width that the model sees of an image's.
        measure: returns what times a stage of that name.
    """
    inputs = [node.name for node in session.get_inputs()]
    for path in files:
        with measure("decode"):
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        assert bgr is not None, path
        largest = 65535 if bgr.dtype == np.uint16 else 255
        with measure("preprocess"):
            lab = cv2.cvtColor(bgr.astype(np.float32) / largest, cv2.COLOR_BGR2LAB)
            small = cv2.resize(lab[..., 0], network_size(*lab.shape[:2])[::-1])
        with measure("infer"):
            no_hints = np.zeros((1, 3, *small.shape), np.float32)
            fed = dict(zip(inputs, (small[None, None], no_hints), strict=False))
            ab = session.run(None, fed)[0][0]
        with measure("merge"):
            large_ab = cv2.resize(ab.transpose(1, 2, 0), bgr.shape[1::-1])
            colored = cv2.cvtColor(np.concatenate([lab[..., :1], large_ab], axis=2), cv2.COLOR_LAB2BGR)
            colored = (np.clip(colored, 0, 1) * largest).round().astype(bgr.dtype)
        with measure("encode"):
            quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if path.suffix == ".jpg" else []
            cv2.imwrite(str(out / path.name), colored, quality)


def open_session(model: Path) -> Any:
    """Open a model file as ONNX Runtime does by itself, on the CPU."""
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def _main(model: str, short_side: str, multiple: str, out: str, *photos: str) -> None:
    def network_size(height: int, width: int) -> tuple[int, int]:
        scale = int(short_side) / min(height, width) / int(multiple)
        return round(height * scale) * int(multiple), round(width * scale) * int(multiple)

    colorize(map(Path, photos), Path(out), open_session(Path(model)), network_size)


if __name__ == "__main__":
    _main(*sys.argv[1:])
