"""The codecs that videos are written with, and their samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import av

from colorize_gan.core.errors import UsageError, VideoError
from colorize_gan.infer.video.options import PixelFormat
from colorize_gan.infer.video.source import Clip

_TELEVISION, _HIGH_DEFINITION = 480, 720  # lines
_MOST_SLICES_DOWN = 8
_DEPTHS = (8, 10, 12, 16)
_SUBSAMPLINGS: dict[PixelFormat, tuple[int, int]] = {
    "4:2:0": (2, 2),
    "4:2:2": (1, 2),
    "4:4:4": (1, 1),
    "4:4:4:4": (1, 1),
}


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg's and what it can do."""

    encoder: str
    crf: int | None = None
    """Quality unless the user says otherwise; None where the encoder has no such setting."""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    most_crf: int = 51
    """The lowest quality there is."""
    usual: PixelFormat = "4:2:0"
    """The samples of chroma unless the user says otherwise."""
    profiles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The profile of each pixel format, where the encoder has to be told."""
    needs_even: bool = False
    """True if sides have to be multiples of what shares a chroma sample."""
    keeps_fields: bool = False
    """True if it has a mode for interlaced frames."""
    is_limited: bool = False
    """True if decoders take its samples for limited range whatever the tags say."""
    matrix: int | None = None
    """The only colour matrix that decoders take its samples for, a code point of ITU-T H.273."""


CODECS = {
    "h264": Codec("libx264", 17, {"preset": "medium"}, needs_even=True, keeps_fields=True),
    "h265": Codec(
        "libx265",
        19,
        {"preset": "medium", "x265-params": "log-level=none"},
        needs_even=True,
    ),
    "av1": Codec("libsvtav1", 24, {"preset": "8"}, most_crf=63),
    "prores": Codec(
        "prores_ks",
        None,
        {"vendor": "apl0", "alpha_bits": "16"},
        usual="4:2:2",
        profiles={"yuv422p10le": "hq", "yuv444p10le": "4444", "yuva444p10le": "4444"},
        keeps_fields=True,
        is_limited=True,
    ),
    "dnxhr": Codec(
        "dnxhd",
        None,
        usual="4:2:2",
        profiles={"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx", "yuv444p10le": "dnxhr_444"},
        matrix=1,
    ),
    "ffv1": Codec("ffv1", None, {"level": "3", "slicecrc": "1", "g": "1"}, keeps_fields=True),
}


def subsampling_of(pixel_format: PixelFormat) -> tuple[int, int]:
    """Return how many rows and columns of luma share a chroma sample."""
    return _SUBSAMPLINGS[pixel_format]


def choose_samples(clip: Clip, name: str, wanted: PixelFormat | None) -> tuple[PixelFormat, str]:
    """Choose the samples that a codec writes a clip with: as many bits as it has, where the codec has them.

    Returns:
        The samples of chroma, and FFmpeg's name of the pixel format.

    Raises:
        UsageError: the codec lacks what is ``wanted``.
        VideoError: so it does for sides like those of the clip.
    """
    codec = CODECS[name]
    chosen = wanted or codec.usual
    rows, columns = _SUBSAMPLINGS[chosen]
    if codec.needs_even and (clip.height % rows or clip.width % columns):
        if wanted:
            raise VideoError(f"`pixel_format` {wanted}: {name} cannot write its odd sides so; 4:4:4 can")
        chosen = "4:4:4"
    has = {layout: _formats(codec, layout) for layout in _SUBSAMPLINGS}
    if not has[chosen]:
        able = ", ".join(layout for layout, formats in has.items() if formats)
        raise UsageError(f"`pixel_format` {chosen}: {name} has {able}")
    bits = min((bits for bits in has[chosen] if bits >= clip.depth), default=max(has[chosen]))
    return chosen, has[chosen][bits]


def _formats(codec: Codec, layout: PixelFormat) -> dict[int, str]:
    """Return FFmpeg's names of a codec's pixel formats by their bits."""
    offered = {form.name for form in av.Codec(codec.encoder, "w").video_formats or ()}
    start = "yuva444p" if layout == "4:4:4:4" else f"yuv{layout.replace(':', '')}p"
    names = {bits: start + ("" if bits == 8 else f"{bits}le") for bits in _DEPTHS}
    return {bits: name for bits, name in names.items() if name in offered}


def ffv1_slices(height: int, width: int, subsampling: tuple[int, int]) -> int:
    """Return in how many parts, each with a checksum, FFV1 cuts a frame: damage stays within one."""
    wanted = 24 if height >= _HIGH_DEFINITION else 16 if height >= _TELEVISION else 4
    grids = (
        (down, across)
        for down in range(1 if height <= 288 and width <= 352 else 2, _MOST_SLICES_DOWN)
        for across in range(down, 2 * down + 1)  # those that FFmpeg tries: ffv1enc.c
    )
    rows, columns = subsampling
    counts = (
        down * across
        for down, across in grids
        if _can_cut(height, down, rows) and _can_cut(width, across, columns)
    )
    return min(counts, key=lambda count: abs(count - wanted))


def _can_cut(side: int, parts: int, step: int) -> bool:
    """Tell whether FFV1 has room for the last sample of chroma, which an odd side needs, in the last part."""
    return side % step == 0 or -(-side // parts) % step != 0
