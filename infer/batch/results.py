"""The options of a batch run, and the result of each input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from colorize_gan.core.errors import UsageError
from colorize_gan.core.images.limits import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from colorize_gan.infer.batch.work import Selection

OnExists = Literal["skip", "overwrite", "rename", "error"]
InColor = Literal["recolor", "copy", "skip"]
HintsFrom = Literal["auto", "none"] | Path
"""`auto` is beside each photograph, `none` nowhere; or a folder that mirrors that of the outputs."""
Status = Literal["written", "skipped", "failed"]

FORMATS = {"keep": None, "jpg": ".jpg", "png": ".png", "tiff": ".tiff", "webp": ".webp"}
"""Suffixes of the outputs, by the names of their formats; None for the input's own."""

NO_MEMORY = "not enough memory for an image of this size"

UNREACHABLE = "the storage fails"
"""In the reason of what failed through no fault of the input."""


class LeftError(Exception):
    """Work on an item was left because the run is over; the item has no result."""


@dataclass(frozen=True)
class BatchOptions:
    """The options for files; the `Colorizer` has those for colours."""

    on_exists: OnExists = "skip"
    """`skip` leaves outputs that are up to date by the record, and files that no run has made."""
    in_color: InColor = "recolor"
    """The treatment of inputs in true colour; toned ones are always recoloured."""
    quality: int = 95
    """Quality of JPEG and HEIC; see `encode`."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Larger inputs fail before they are decoded."""
    workers: int | None = None
    """Images in progress at once; None for one a core. Results do not depend on it."""
    measure: bool = False
    """Decode each output again and measure its lightness error."""
    thumbnails: bool = False
    """Give small pictures of input and output along with each result."""
    hints: HintsFrom = "auto"
    """Where the hints of photographs are. One that has some is coloured whatever `in_color` says."""
    reference: Path | None = None
    """A picture whose colours go to what looks alike, or a folder of some that mirrors that of outputs."""
    members: "Selection | None" = None
    """Where the items are shards: which of their members are coloured."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be limits."""
        if not 0 < self.max_megapixels < math.inf:  # not: NaN
            raise UsageError(f"max_megapixels {self.max_megapixels}: not a finite number above 0")


@dataclass(frozen=True)
class ItemResult:
    """How one input ended."""

    source: Path
    target: Path | None
    """None when the input gave no image to write."""
    status: Status
    reason: str = ""
    """Why it was skipped or failed; names settings as a `ColorizeError` does."""
    note: str = ""
    """Why a person should look at it."""
    width: int | None = None
    height: int | None = None
    bits: int | None = None
    """Per sample of the output."""
    hints: int | None = None
    """How many hints it was coloured with."""
    reference: str | None = None
    """Path of the picture whose colours went to what looks alike."""
    max_lightness_error: float | None = None
    """Largest difference of CIE L* between the input and the decoded output, where it was measured."""
    colorfulness: float | None = None
    """Colourfulness of the output at thumbnail size: `colorize_gan.core.color.metrics.colorfulness`."""
    made_by: str | None = None
    """The model and the backend of its colours: `Colorizer.maker`."""
    video: dict[str, Any] = field(default_factory=dict)
    """Facts that only a video has."""
    output_size: int | None = None
    """Size of the file that was written, in bytes."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time in each of the `STAGES`."""
    before: bytes = b""
    """Thumbnail of the input, where it was asked for."""
    after: bytes = b""
    members: "Sequence[ItemResult]" = ()
    """Results of the photographs in a shard that was written."""
