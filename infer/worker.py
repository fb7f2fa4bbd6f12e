"""Bringing one file to its end: decode, colorize, encode, write, and say how it went."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from colorize_gan.encoding import encode, write_atomically
from colorize_gan.errors import ImageError
from colorize_gan.images import Picture, read_content, read_picture
from colorize_gan.infer.coloring import color, decode, facts_of, lightness_error
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.gallery import thumbnail
from colorize_gan.infer.inputs import WorkItem
from colorize_gan.infer.record import Record
from colorize_gan.infer.results import NO_MEMORY, BatchOptions, ItemResult
from colorize_gan.infer.stages import StageClock
from colorize_gan.parallel import RoomToWork
from colorize_gan.tones import tone_of

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Worker:
    """What all items of a run share. Thread-safe."""

    def __init__(self, colorizer: Colorizer, options: BatchOptions, record: Record) -> None:
        """Prepare for a run that writes its outcome into ``record``."""
        self._colorizer, self._options, self._record = colorizer, options, record
        self._settings = settings_digest(colorizer, options)
        self._room = RoomToWork()

    def process(self, item: WorkItem) -> ItemResult:
        """Bring one item to its end."""
        try:
            source = item.source.stat()
            if reason := self._reason_to_skip(item, source):
                return self._skipped(item, reason, self._record.facts(item.target))
            return self._room.run(lambda: self._colorize(item, source))
        except ImageError as error:
            reason = str(error)
        except OSError as error:
            reason = f"{error.filename or item.target}: {error.strerror}"
        except MemoryError:
            reason = NO_MEMORY
        return ItemResult(item.source, item.target, "failed", reason)

    def _reason_to_skip(self, item: WorkItem, source: os.stat_result) -> str:
        on_exists = self._options.on_exists
        if on_exists in ("overwrite", "rename") or not os.path.lexists(item.target):
            return ""
        if on_exists == "error":
            raise ImageError(f"{item.target} exists")
        if self._record.is_current(item.target, source, self._settings):
            return "up to date"
        if self._record.owns(item.target):
            return ""
        return "the output exists and no run has made it; --on-exists overwrite replaces it"

    def _skipped(self, item: WorkItem, reason: str, facts: Mapping[str, Any] = _NOTHING) -> ItemResult:
        target = item.target if os.path.lexists(item.target) else None
        result = ItemResult(item.source, target, "skipped", reason, **facts)
        if not self._options.thumbnails:
            return result
        before, after = (self._thumbnail_of(path) for path in (item.source, item.target))
        return dataclasses.replace(result, before=before, after=after)

    def _thumbnail_of(self, path: Path) -> bytes:
        try:
            return thumbnail(read_picture(path, self._options.max_megapixels).pixels)
        except (ImageError, MemoryError):
            return b""

    def _colorize(self, item: WorkItem, source: os.stat_result) -> ItemResult:
        clock = StageClock()
        with clock.measure("decode"):
            picture = decode(read_content(item.source), self._options.max_megapixels)
        if self._options.in_color != "recolor" and tone_of(picture.pixels) == "color":
            return self._in_color(item, source, picture)
        suffix = item.target.suffix.lower()
        colored = color(picture, suffix, self._colorizer, self._options.quality, clock)
        facts = colored.facts
        if self._options.measure:
            facts["max_lightness_error"] = lightness_error(picture.pixels, colored.content)
        with clock.measure("encode"):
            target = self._write(item.target, colored.content, source, facts)
        result = ItemResult(item.source, target, "written", seconds=clock.seconds, **facts)
        return self._with_thumbnails(result, picture.pixels, colored.shown)

    def _in_color(self, item: WorkItem, source: os.stat_result, picture: Picture) -> ItemResult:
        if self._options.in_color == "skip":
            return self._skipped(item, "already in colour")
        if item.target.suffix.lower() == item.source.suffix.lower():
            content = item.source.read_bytes()
        else:
            quality = self._options.quality
            content = encode(item.target.suffix.lower(), picture.pixels, quality, picture.metadata)
        facts = facts_of(picture, picture.pixels, item.target.suffix.lower())
        facts["note"] = "already in colour: copied"
        target = self._write(item.target, content, source, facts)
        result = ItemResult(item.source, target, "written", **facts)
        return self._with_thumbnails(result, picture.pixels, picture.pixels)

    def _write(self, target: Path, content: bytes, source: os.stat_result, facts: Mapping[str, Any]) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._options.on_exists != "rename":
            with self._record.writing(target, len(content), source, self._settings, facts):
                write_atomically(target, content)
            return target
        for name in _free_names(target):
            with contextlib.suppress(FileExistsError):
                with self._record.writing(name, len(content), source, self._settings, facts):
                    write_atomically(name, content, replace=False)
                return name
        raise AssertionError

    def _with_thumbnails(self, result: ItemResult, before: np.ndarray, after: np.ndarray) -> ItemResult:
        if not self._options.thumbnails:
            return result
        return dataclasses.replace(result, before=thumbnail(before), after=thumbnail(after))


def settings_digest(colorizer: Colorizer, options: BatchOptions) -> str:
    """Return a digest of the model and of all settings that decide about the pixels of an output."""
    settings = {**colorizer.settings, "quality": options.quality, "in_color": options.in_color}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _free_names(target: Path) -> Iterator[Path]:
    """Yield names beside ``target`` that nothing has; another run may take one before it is used."""
    names = (target.with_stem(f"{target.stem}-{number}") for number in itertools.count(1))
    return (name for name in itertools.chain([target], names) if not os.path.lexists(name))
