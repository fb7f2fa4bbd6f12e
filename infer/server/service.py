"""Colorizing the photographs of requests."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.images.formats import MEDIA_TYPES, suffix_of
from colorize_gan.core.system.parallel import RoomToWork
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.results import FORMATS
from colorize_gan.infer.colorizer import MAXIMUM_SATURATION, Colorizer
from colorize_gan.infer.hints import parse_hints
from colorize_gan.infer.picture import color, copy, decode
from colorize_gan.infer.reference import Reference, parse_reference
from colorize_gan.infer.server.admission import Memory, Pool
from colorize_gan.infer.server.limits import Limits
from colorize_gan.infer.server.metrics import Metrics
from colorize_gan.infer.server.receiving import REFERENCE_FIELD, Upload
from colorize_gan.infer.timings import StageClock


class ColorOptions(BaseModel):
    """The options of `colorize-batch` that decide about one photograph, by the same names."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["keep", "jpg", "png", "tiff", "webp"] = Field(
        "keep", description="Of the answer; keep: that of the photograph.", examples=["png"]
    )
    quality: int = Field(
        95, ge=1, le=100, description="Of JPEG and HEIC, at a fifth of the format's own loss.", examples=[90]
    )
    saturation: float = Field(
        1.0, ge=0, le=MAXIMUM_SATURATION, allow_inf_nan=False, description="Chroma gain.", examples=[1.3]
    )
    strength: float = Field(
        1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Blend of the photograph's own colour (0) with the predicted one (1).",
        examples=[0.8],
    )
    in_color: Literal["recolor", "copy"] = Field(
        "recolor", description="What to do with colour photographs; toned ones (sepia) are always recoloured."
    )


@dataclass(frozen=True)
class Reply:
    """A photograph in colour."""

    content: bytes
    media_type: str
    facts: dict[str, Any]
    """Facts about it: fields of `ItemResult`."""
    seconds: dict[str, float]
    """In the queue and in each of the `STAGES`."""


class Service:
    """A colorizer, its workers and its requests. For one event loop."""

    def __init__(self, colorizer: Colorizer, limits: Limits, workers: int | None = None) -> None:
        """Start ``workers`` threads, one a core unless told."""
        self.colorizer, self.limits = colorizer, limits
        self.pool = Pool(workers or colorizer.wanted_workers, limits.queue)
        self.memory = Memory(limits.buffer_megabytes)
        self.metrics = Metrics(colorizer, lambda: self.pool.waiting, lambda: self.pool.unfinished)
        self.draining = False
        """True if only the work that has begun is to be finished."""
        self._room = RoomToWork()

    async def colorize(self, upload: Upload, options: ColorOptions) -> Reply:
        """Colorize the content of an image file on a worker.

        Raises:
            BusyError: the queue is full.
            ImageError: the image cannot be colorized, or not with these hints or this reference.
            MemoryError: nor is there memory for it alone.
        """
        asked = time.perf_counter()

        def work() -> Reply:
            begun = time.perf_counter()
            clock = StageClock()
            clock.seconds["queue"] = begun - asked
            return self._room.run(lambda: self._colorize(upload, options, clock))

        reply = await self.pool.run(work)
        self._note(len(upload.image), reply)
        return reply

    def _colorize(self, upload: Upload, options: ColorOptions, clock: StageClock) -> Reply:
        content = upload.image
        hints = None if upload.hints is None else parse_hints(upload.hints)
        own = suffix_of(content)
        suffix = FORMATS[options.format] or own
        with clock.measure("decode"):
            picture = decode(content, self.limits.max_megapixels)
        if not hints and options.in_color == "copy" and tone_of(picture.pixels) == "color":
            with clock.measure("encode"):
                copied = copy(picture, content, own, suffix, options.quality)
            return Reply(copied.content, MEDIA_TYPES[suffix], copied.facts, clock.seconds)
        with clock.measure("decode"):
            reference = None if upload.reference is None else self._decoded(upload.reference)
        colorizer = self.colorizer.with_colors(options.saturation, options.strength)
        colored = color(picture, suffix, colorizer, options.quality, clock, hints, reference)
        return Reply(colored.content, MEDIA_TYPES[suffix], colored.facts, clock.seconds)

    def _decoded(self, reference: bytes) -> Reference:
        return parse_reference(reference, REFERENCE_FIELD, self.limits.max_megapixels)

    def _note(self, received: int, reply: Reply) -> None:
        """Count a reply in the metrics, and its time for the next clients that have to wait."""
        seconds = reply.seconds
        self.pool.took(sum(seconds.values()) - seconds["queue"])
        for stage, taken in seconds.items():
            self.metrics.stage_seconds.labels(stage).observe(taken)
        self.metrics.pixels.inc(reply.facts["width"] * reply.facts["height"])
        self.metrics.received.inc(received)
        self.metrics.sent.inc(len(reply.content))

    def about(self) -> dict[str, str]:
        """Say what runs."""
        used = self.colorizer.backend
        return {
            "version": __version__,
            "model": self.colorizer.contract.name,
            "model_sha256": self.colorizer.backend.sha256,
            "backend": used.name,
            "device": used.device,
            "precision": used.precision,
        }
