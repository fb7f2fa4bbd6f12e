"""The ways that `pipeline` times, from files to files, each called in a process of its own."""

import functools
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.benchmarks import naive_loop
from colorize_gan.core.color.pixels import as_grey
from colorize_gan.core.images.decode import Planes, read_picture
from colorize_gan.core.images.encode import encode, encode_planes
from colorize_gan.core.images.formats import JPEG_SUFFIXES
from colorize_gan.core.system.parallel import map_in_order, one_thread_each
from colorize_gan.infer import Colorizer, colorize_folder
from colorize_gan.infer.batch.open import ModelOptions, open_colorizer
from colorize_gan.infer.batch.results import BatchOptions
from colorize_gan.infer.timings import STAGES, StageClock

_INT8 = "-int8"

Seconds = dict[str, float]
"""Seconds of the stages, and ``wall`` of all."""


def measure(way: str, model: Path, folder: Path, out: Path, limit: int | None = None) -> dict[str, Any]:
    """Run a way on the files of a folder, or some of them; milliseconds an image, of each stage and of all.

    Args:
        way: `naive`, `codec`, `model-BACKEND` or `batch-BACKEND`; a BACKEND ending in `-int8` runs `in_int8`.
        model: a lab ONNX file.
        folder: of photographs.
        out: folder for what is written, empty again afterwards.
        limit: how many files.
    """
    name, _, backend = way.partition("-")
    files = sorted(folder.iterdir())[:limit]
    ways: dict[str, Callable[[], Seconds]] = {
        "naive": lambda: naive(files, out, model),
        "codec": lambda: codec(files, out),
        "model": lambda: model_alone(files, _opened(model, backend)),
        "batch": lambda: batch(files, out, _opened_as_commands_do(model, backend)),
    }
    out.mkdir(parents=True)
    seconds = ways[name]()
    shutil.rmtree(out)
    wall = seconds.pop("wall")
    stages = {stage: round(1000 * each / len(files), 2) for stage, each in seconds.items()}
    return {"ms": 1000 * wall / len(files), "stages_ms": stages}


def in_int8(model: Path) -> Path:
    """Return where the int8 file of a bundled model is."""
    return model.with_stem(model.stem + _INT8)


@functools.cache
def _opened(model: Path, backend: str) -> Colorizer:
    return Colorizer(_file(model, backend), device="cpu", backend=backend.removesuffix(_INT8))


@functools.cache
def _opened_as_commands_do(model: Path, backend: str) -> Colorizer:
    file = _file(model, backend)
    return open_colorizer(ModelOptions(file, backend.removesuffix(_INT8), "cpu"))


def _file(model: Path, backend: str) -> Path:
    return in_int8(model) if backend.endswith(_INT8) else model


@functools.cache
def _session(model: Path) -> Any:
    return naive_loop.open_session(model)


def naive(files: list[Path], out: Path, model: Path) -> Seconds:
    """Run the loop that colorizers publish. Its model sees what ours sees."""
    clock, started = StageClock(), time.perf_counter()
    size = _opened(model, "onnxruntime").network_size
    naive_loop.colorize(files, out, _session(model), size, clock.measure)
    return clock.seconds | {"wall": time.perf_counter() - started}


def batch(files: list[Path], out: Path, colorizer: Colorizer) -> Seconds:
    """Run what `colorize-batch` runs, once the model is open."""
    totals = dict.fromkeys(STAGES, 0.0)
    started = time.perf_counter()
    for result in colorize_folder(files, out, colorizer, options=BatchOptions(quality=naive_loop.QUALITY)):
        if result.status != "written":
            raise RuntimeError(f"{result.source}: {result.reason}")
        for stage, seconds in result.seconds.items():
            totals[stage] += seconds
    return totals | {"wall": time.perf_counter() - started}


def codec(files: list[Path], out: Path) -> Seconds:
    """Decode to grey and encode the same formats on all cores, and nothing else."""

    def work(path: Path) -> None:
        picture = read_picture(path)
        grey = as_grey(picture.pixels)
        if path.suffix in JPEG_SUFFIXES:
            neutral = np.full((grey.shape[0] // 2, grey.shape[1] // 2), 128, np.uint8)
            content = encode_planes(
                Planes(grey, neutral, neutral, grey.shape[:2]), naive_loop.QUALITY, picture.metadata
            )
        else:
            content = encode(path.suffix, cv2.merge([grey, grey, grey]), naive_loop.QUALITY, picture.metadata)
        (out / path.name).write_bytes(content)

    return {"wall": _on_all_cores(work, files)}


def model_alone(files: list[Path], colorizer: Colorizer) -> Seconds:
    """Run the model on all cores, once for each file, and nothing else."""
    prepared = colorizer.prepare(as_grey(read_picture(files[0]).pixels))
    return {"wall": _on_all_cores(lambda _: colorizer.predict(prepared), files)}


def _on_all_cores(work: Callable[[Path], object], files: Iterable[Path]) -> float:
    started = time.perf_counter()
    with one_thread_each():
        list(map_in_order(work, files, os.cpu_count() or 1, "benchmark"))
    return time.perf_counter() - started
