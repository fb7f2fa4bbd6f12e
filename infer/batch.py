"""Colorizing many files: every one ends as written, skipped or failed, in the order of the inputs."""

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

from colorize_gan.errors import ImageError
from colorize_gan.images import read_image, write_image
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.inputs import Selection, WorkItem, find_work
from colorize_gan.parallel import map_in_order

OnExists = Literal["skip", "overwrite", "error"]

_EVERYTHING = Selection()


@dataclass(frozen=True)
class ItemResult:
    """How one input ended."""

    source: Path
    target: Path | None
    """None when the input gave no image to write."""
    status: Literal["written", "skipped", "failed"]
    reason: str = ""
    """Why it was skipped or failed."""


def colorize_folder(
    inputs: Iterable[Path],
    out: Path,
    colorizer: Colorizer,
    *,
    selection: Selection = _EVERYTHING,
    on_exists: OnExists = "skip",
    quality: int = 95,
    workers: int | None = None,
) -> Generator[ItemResult, None, None]:
    """Colorize files and folders into ``out``, mirroring each folder's tree.

    Args:
        inputs: image files and folders.
        out: folder of the results, created when missing.
        colorizer: the model.
        selection: which files of a folder are taken.
        on_exists: what to do where the target is there already.
        quality: of the colour in JPEG, 1 to 100.
        workers: images in work at once; None for one a core. Results do not depend on it.

    Yields:
        One result an input that gives no work, then one an image, in order, as they are done.

    Raises:
        UsageError: two images would be written to one file.
    """
    items, bad = find_work(inputs, out, selection)
    for entry in bad:
        yield ItemResult(entry.source, None, "failed", entry.reason)
    yield from colorize_items(items, colorizer, on_exists=on_exists, quality=quality, workers=workers)


def colorize_items(
    items: Iterable[WorkItem],
    colorizer: Colorizer,
    *,
    on_exists: OnExists = "skip",
    quality: int = 95,
    workers: int | None = None,
) -> Generator[ItemResult, None, None]:
    """Colorize work items as `colorize_folder` does; closing the iterator ends with those in hand."""
    cv2.setNumThreads(1)  # the workers are the parallelism

    def work(item: WorkItem) -> ItemResult:
        return _colorize_item(item, colorizer, on_exists, quality)

    return map_in_order(work, items, workers or os.cpu_count() or 1, "colorize")


def _colorize_item(item: WorkItem, colorizer: Colorizer, on_exists: OnExists, quality: int) -> ItemResult:
    if item.target.exists() and on_exists != "overwrite":
        status: Literal["skipped", "failed"] = "skipped" if on_exists == "skip" else "failed"
        return ItemResult(item.source, item.target, status, f"{item.target} exists")
    try:
        pixels = colorizer.colorize(read_image(item.source))
        item.target.parent.mkdir(parents=True, exist_ok=True)
        write_image(item.target, pixels, quality)
    except ImageError as error:
        return ItemResult(item.source, item.target, "failed", str(error))
    except OSError as error:
        return ItemResult(item.source, item.target, "failed", f"{item.target}: {error.strerror}")
    except (MemoryError, cv2.error) as error:
        reason = "not enough memory for an image of this size"
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise
        return ItemResult(item.source, item.target, "failed", reason)
    return ItemResult(item.source, item.target, "written")
