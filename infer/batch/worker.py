"""Bringing one file to its end: decode, colorize, encode, write, and say how it went."""

import contextlib
import dataclasses
import functools

import numpy as np

from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.decode import Picture, decode_picture
from colorize_gan.core.images.limits import check_bytes
from colorize_gan.core.system.parallel import RoomToWork
from colorize_gan.infer.batch.gallery import thumbnail
from colorize_gan.infer.batch.places import Location, free_places
from colorize_gan.infer.batch.planner import Task, failure
from colorize_gan.infer.batch.results import BatchOptions, ItemResult
from colorize_gan.infer.batch.state import digest_of
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.hints import HintFile
from colorize_gan.infer.picture import color, copy, decode, lightness_error
from colorize_gan.infer.reference import ReferenceFile
from colorize_gan.infer.timings import StageClock


class Worker:
    """Colorizes one file at a time, on as many threads as call it; knows nothing of the other files."""

    def __init__(self, colorizer: Colorizer, options: BatchOptions) -> None:
        """Prepare for a run."""
        self._colorizer, self._options = colorizer, options
        self._room = RoomToWork()
        self._decoded = functools.lru_cache(1)(ReferenceFile.decoded)  # many photographs may have the same

    def process(self, task: Task) -> ItemResult:
        """Bring one item to its end."""
        if task.ended:
            return self._with_own_thumbnails(task.ended, task.source, task.target)
        if fault := self.fault_of(task):
            return fault
        return self.colorize(task.item, task.source, task.target, task.hints, task.reference)

    def fault_of(self, task: Task) -> ItemResult | None:
        """Return the failure of a task that is known before its file is read."""
        try:
            if task.version:
                check_bytes(task.version.size, self._options.max_megapixels)
            self._colorizer.check_takes(task.hints.hints if task.hints else ())
        except ImageError as error:
            return failure(task.item, error)
        return None

    def colorize(
        self,
        item: WorkItem,
        source: Location,
        target: Location,
        hints: HintFile | None = None,
        reference: ReferenceFile | None = None,
    ) -> ItemResult:
        """Colorize what is at ``source``; where its result has a target and no fault, ``target`` has it."""
        try:
            return self._room.run(lambda: self._colorize(item, source, target, hints, reference))
        except (ImageError, OSError, MemoryError) as error:
            return failure(item, error)

    def _with_own_thumbnails(self, result: ItemResult, source: Location, target: Location) -> ItemResult:
        """Make the thumbnails of what was skipped from its files."""
        if not self._options.thumbnails or result.status != "skipped":
            return result
        after = self._thumbnail_of(target) if result.target else b""
        return dataclasses.replace(result, before=self._thumbnail_of(source), after=after)

    def _thumbnail_of(self, place: Location) -> bytes:
        try:
            content = place.read(self._options.max_megapixels)
            return thumbnail(decode_picture(content, self._options.max_megapixels).pixels)
        except (ImageError, OSError, MemoryError):
            return b""

    def _colorize(
        self,
        item: WorkItem,
        source: Location,
        target: Location,
        hints: HintFile | None,
        reference: ReferenceFile | None,
    ) -> ItemResult:
        clock = StageClock()
        with clock.measure("decode"):
            content = source.read(self._options.max_megapixels)
        result, made = self._make(item, content, hints, reference, clock)
        if result.status == "skipped":
            if target.exists():
                stays = f"{result.reason}; the output that is there stays"
                result = dataclasses.replace(result, target=item.target, reason=stays)
            return self._with_own_thumbnails(result, source, target)
        with clock.measure("encode"):
            return dataclasses.replace(result, target=self._write(target, made).path)

    def is_too_large(self, size: int) -> bool:
        """Tell whether a file has more bytes than it may have."""
        try:
            check_bytes(size, self._options.max_megapixels)
        except ImageError:
            return True
        return False

    def _make(
        self,
        item: WorkItem,
        content: bytes,
        hints: HintFile | None,
        reference: ReferenceFile | None,
        clock: StageClock,
    ) -> tuple[ItemResult, bytes]:
        with clock.measure("decode"):
            picture = decode(content, self._options.max_megapixels)
        if not hints and self._options.in_color != "recolor" and tone_of(picture.pixels) == "color":
            return self._in_color(item, content, picture)
        suffix = item.target.suffix.lower()
        with clock.measure("decode"):
            shown = self._decoded(reference) if reference else None
        colored = color(picture, suffix, self._colorizer, self._options.quality, clock, hints, shown)
        facts = colored.facts | ({"reference": str(reference.path)} if reference else {})
        if self._options.measure:
            facts["max_lightness_error"] = lightness_error(picture.pixels, colored.content)
        size = len(colored.content)
        result = ItemResult(
            item.source,
            item.target,
            "written",
            made_by=self._colorizer.maker,
            output_size=size,
            seconds=clock.seconds,
            **facts,
        )
        return self._with_thumbnails(result, picture.pixels, colored.shown), colored.content

    def _in_color(self, item: WorkItem, content: bytes, picture: Picture) -> tuple[ItemResult, bytes]:
        if self._options.in_color == "skip":
            return ItemResult(item.source, None, "skipped", "already in colour"), b""
        copied = copy(picture, content, item.source.suffix, item.target.suffix.lower(), self._options.quality)
        size = len(copied.content)
        result = ItemResult(item.source, item.target, "written", output_size=size, **copied.facts)
        return self._with_thumbnails(result, picture.pixels, picture.pixels), copied.content

    def _write(self, target: Location, content: bytes) -> Location:
        if self._options.on_exists != "rename":
            target.write(content)
            return target
        for place in free_places(target):
            with contextlib.suppress(FileExistsError):
                place.write(content, replace=False)
                return place
        raise AssertionError

    def _with_thumbnails(self, result: ItemResult, before: np.ndarray, after: np.ndarray) -> ItemResult:
        if not self._options.thumbnails:
            return result
        return dataclasses.replace(result, before=thumbnail(before), after=thumbnail(after))


def settings_digest(colorizer: Colorizer, options: BatchOptions) -> str:
    """Return a digest of the model and of all settings that decide about the pixels of an output."""
    settings = {**colorizer.settings, "quality": options.quality, "in_color": options.in_color}
    if options.members:
        chosen = options.members
        settings["members"] = [chosen.suffix, list(chosen.include), list(chosen.exclude)]
    return digest_of(settings)
