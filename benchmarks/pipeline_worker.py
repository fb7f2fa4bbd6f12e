"""What `pipeline.py` times, each in a process of its own: `python pipeline_worker.py WAY FOLDER OUT`.

Prints one line of JSON: seconds an image, seconds of each stage an image, peak memory in MB.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from colorize_gan.encoding import encode, encode_planes
from colorize_gan.images import Planes, as_grey, read_picture
from colorize_gan.infer import Colorizer
from colorize_gan.infer.backends import open_backend
from colorize_gan.infer.batch import colorize_folder
from colorize_gan.infer.models import DEFAULT_MODEL, find_model
from colorize_gan.infer.results import BatchOptions
from colorize_gan.infer.stages import STAGES, StageClock
from colorize_gan.parallel import map_in_order, one_thread_each
from colorize_gan.suffixes import JPEG_SUFFIXES

QUALITY = 95


def naive(files: list[Path], out: Path) -> dict[str, float]:
    """Run the loop that colorizers publish: everything in float, at full size, one image after another.

    OpenCV and ONNX Runtime use all cores, as they do by themselves. The model sees what ours sees.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(find_model(DEFAULT_MODEL), providers=["CPUExecutionProvider"])
    network_size = Colorizer(device="cpu").network_size
    clock, started = StageClock(), time.perf_counter()
    for path in files:
        with clock.measure("decode"):
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        largest = np.iinfo(bgr.dtype).max
        with clock.measure("preprocess"):
            lab = cv2.cvtColor(bgr.astype(np.float32) / largest, cv2.COLOR_BGR2LAB)
            small = cv2.resize(lab[..., 0], network_size(*lab.shape[:2])[::-1])
        with clock.measure("infer"):
            ab = session.run(None, {session.get_inputs()[0].name: small[None, None]})[0][0]
        with clock.measure("merge"):
            large_ab = cv2.resize(ab.transpose(1, 2, 0), bgr.shape[1::-1])
            colored = cv2.cvtColor(np.concatenate([lab[..., :1], large_ab], axis=2), cv2.COLOR_LAB2BGR)
            colored = (np.clip(colored, 0, 1) * largest).round().astype(bgr.dtype)
        with clock.measure("encode"):
            cv2.imwrite(str(out / path.name), colored, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return clock.seconds | {"wall": time.perf_counter() - started}


def batch(files: list[Path], out: Path, backend: str) -> dict[str, float]:
    """Run what `colorize-batch` runs, once the model is open."""
    colorizer = Colorizer(device="cpu", backend=backend)
    totals = dict.fromkeys(STAGES, 0.0)
    started = time.perf_counter()
    for result in colorize_folder(files, out, colorizer, options=BatchOptions(quality=QUALITY)):
        if result.status != "written":
            raise SystemExit(f"{result.source}: {result.reason}")
        for stage, seconds in result.seconds.items():
            totals[stage] += seconds
    return totals | {"wall": time.perf_counter() - started}


def codec(files: list[Path], out: Path) -> dict[str, float]:
    """Decode to grey and encode the same formats on all cores, and nothing else."""

    def work(path: Path) -> None:
        picture = read_picture(path)
        grey = as_grey(picture.pixels)
        if path.suffix in JPEG_SUFFIXES:
            neutral = np.full((grey.shape[0] // 2, grey.shape[1] // 2), 128, np.uint8)
            content = encode_planes(Planes(grey, neutral, neutral, grey.shape[:2]), QUALITY, picture.metadata)
        else:
            content = encode(path.suffix, cv2.merge([grey, grey, grey]), QUALITY, picture.metadata)
        (out / path.name).write_bytes(content)

    return {"wall": _on_all_cores(work, files)}


def model(files: list[Path], backend: str) -> dict[str, float]:
    """Run the model on all cores, once for each file, and nothing else."""
    colorizer = Colorizer(device="cpu", backend=backend)
    prepared = colorizer.prepare(as_grey(read_picture(files[0]).pixels))
    return {"wall": _on_all_cores(lambda _: colorizer.predict(prepared), files)}


def _on_all_cores(work: Callable[[Path], object], files: Iterable[Path]) -> float:
    started = time.perf_counter()
    with one_thread_each():
        list(map_in_order(work, files, os.cpu_count() or 1, "benchmark"))
    return time.perf_counter() - started


def startup(files: list[Path]) -> dict[str, float]:
    """Open the model and run it once."""
    height, width = cv2.imread(str(files[0])).shape[:2]
    started = time.perf_counter()
    backend = open_backend(find_model(DEFAULT_MODEL), "onnxruntime", "cpu")
    scale = backend.contract.render_size / min(height, width)
    size = [backend.contract.size.fit(side * scale) for side in (height, width)]
    backend.run(np.full((1, 1, *size), 50, np.float32))
    return {"wall": time.perf_counter() - started}


def main(way: str, folder: Path, out: Path, repeats: int) -> None:
    """Measure one way, on the files of a folder taken ``repeats`` times."""
    name, _, backend = way.partition("-")
    files = sorted(folder.iterdir())
    ways: dict[str, Callable[[list[Path], Path], dict[str, float]]] = {
        "naive": naive,
        "batch": lambda files, out: batch(files, out, backend),
        "codec": codec,
        "model": lambda files, out: model(files, backend),
        "startup": lambda files, out: startup(files),
    }
    seconds: dict[str, float] = {}
    for number in range(0 if way == "startup" else -1, repeats):  # the first time warms up
        target = out / str(number)
        target.mkdir(parents=True)
        seconds = ways[name](files if number >= 0 else files[:2], target)
    wall = seconds.pop("wall")
    stages = {stage: round(1000 * each / len(files), 2) for stage, each in seconds.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(json.dumps({"ms": round(1000 * wall / len(files), 2), "stages_ms": stages, "rss_mb": round(peak)}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
