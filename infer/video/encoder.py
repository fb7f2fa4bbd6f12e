"""Which codec a video is written with, and how its encoder is set up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.plane import VideoPlane

from colorize_gan.core.errors import UsageError
from colorize_gan.core.system.scheduling import scheduling_kept
from colorize_gan.infer.video.chroma import luma_range
from colorize_gan.infer.video.source import Clip, ColorTags

_TOP_FIRST, _BOTTOM_FIRST = 4, 5  # AVFieldOrder, of fields that are interleaved in a frame
_TELEVISION, _HIGH_DEFINITION = 480, 720  # lines
_MOST_SLICES_DOWN = 8


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg's and what it can do."""

    encoder: str
    crf: int | None = None
    """Quality unless the user says otherwise; None where the encoder has no such setting."""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    most_crf: int = 51
    """The lowest quality there is."""
    layout: str = "420"
    needs_even: bool = False
    """Whether sides of 4:2:0 have to be even."""
    keeps_fields: bool = False
    """Whether it has a mode for interlaced frames."""
    is_limited: bool = False
    """Whether decoders take its samples for limited range whatever is told."""


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
        {"profile": "hq", "vendor": "apl0"},
        layout="422",
        keeps_fields=True,
        is_limited=True,
    ),
    "ffv1": Codec("ffv1", None, {"level": "3", "slicecrc": "1", "g": "1"}, keeps_fields=True),
}


@dataclass(frozen=True)
class EncoderSettings:
    """Everything that decides about the encoded stream."""

    codec: str
    options: Mapping[str, str]
    pixel_format: str
    subsampling: tuple[int, int]
    """Rows and columns of luma that share a chroma sample."""
    depth: int
    height: int
    width: int
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    tags: ColorTags
    is_interlaced: bool
    is_bottom_first: bool

    def open(self, context: VideoCodecContext) -> None:
        """Set up and open an encoder; it leaves scheduling as it is."""
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pixel_format
        context.time_base, context.framerate = self.time_base, self.rate
        context.colorspace, context.color_primaries = self.tags.matrix, self.tags.primaries
        context.color_trc = self.tags.transfer
        context.color_range = self.tags.range_code
        if self.aspect:
            context.sample_aspect_ratio = self.aspect
        context.options = dict(self.options)
        context.flags |= Flags.global_header
        if self.is_interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            context.field_order = _BOTTOM_FIRST if self.is_bottom_first else _TOP_FIRST
        with scheduling_kept():
            context.open()

    def packets_of(self, frames: Iterator[VideoFrame]) -> Iterator["Packet[Any]"]:
        """Encode frames that are ready for it; see `fill`."""
        context = av.CodecContext.create(CODECS[self.codec].encoder, "w")
        assert isinstance(context, VideoCodecContext)
        self.open(context)
        for frame in frames:
            yield from context.encode(frame)
        yield from context.encode(None)


def settings_for(clip: Clip, codec: str, crf: int | None) -> EncoderSettings:
    """Choose how a clip is written: as many bits as it has, where the codec has them.

    Raises:
        UsageError: the codec has no such quality.
    """
    chosen = CODECS[codec]
    if crf is not None and chosen.crf is None:
        raise UsageError(f"`crf`: {codec} has no such setting")
    if crf is not None and crf > chosen.most_crf:
        raise UsageError(f"`crf` {crf}: of {codec} it is 0 to {chosen.most_crf}")
    quality = {} if chosen.crf is None else {"crf": str(chosen.crf if crf is None else crf)}
    is_interlaced = clip.is_interlaced and chosen.keeps_fields
    fields = {"x264-params": "bff=1"} if is_interlaced and clip.is_bottom_first and codec == "h264" else {}
    is_odd = clip.height % 2 or clip.width % 2
    layout = "444" if is_odd and chosen.needs_even else chosen.layout
    form = av.VideoFormat(_pixel_format(chosen, layout, clip.depth))
    rows, columns = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}[layout]
    slices = {"slices": _slices(clip, rows, columns)} if codec == "ffv1" else {}
    return EncoderSettings(
        codec=codec,
        options={**chosen.options, **quality, **fields, **slices},
        pixel_format=form.name,
        subsampling=(rows, columns),
        depth=form.components[0].bits,
        height=clip.height,
        width=clip.width,
        time_base=clip.time_base,
        rate=clip.rate,
        aspect=clip.aspect,
        tags=replace(clip.tags, is_full=clip.tags.is_full and not chosen.is_limited),
        is_interlaced=is_interlaced,
        is_bottom_first=clip.is_bottom_first,
    )


def _slices(clip: Clip, rows: int, columns: int) -> str:
    """Return in how many parts, each with a checksum, FFV1 cuts a frame: damage stays within one."""
    wanted = 24 if clip.height >= _HIGH_DEFINITION else 16 if clip.height >= _TELEVISION else 4
    grids = (
        (down, across)
        for down in range(1 if clip.height <= 288 and clip.width <= 352 else 2, _MOST_SLICES_DOWN)
        for across in range(down, 2 * down + 1)  # those that FFmpeg tries: ffv1enc.c
    )
    counts = (
        down * across
        for down, across in grids
        if _can_cut(clip.height, down, rows) and _can_cut(clip.width, across, columns)
    )
    return str(min(counts, key=lambda count: abs(count - wanted)))


def _can_cut(side: int, parts: int, step: int) -> bool:
    """Tell whether FFV1 has room for the last sample of chroma, which an odd side needs, in the last part."""
    return side % step == 0 or -(-side // parts) % step != 0


def what_changes(clip: Clip, settings: EncoderSettings) -> list[str]:
    """Return what a person should know about a clip that is written with these settings."""
    notes = []
    if clip.is_interlaced:
        kept = "" if settings.is_interlaced else f" ({settings.codec} is written without saying so)"
        notes.append(f"interlaced{kept}: colours follow motion better after deinterlacing")
    if settings.tags.is_full != clip.tags.is_full:
        notes.append(f"luma of full range became limited, as {settings.codec} has it")
    if settings.depth < clip.depth:
        notes.append(f"{clip.depth} bits became {settings.depth}; `codec` ffv1 keeps them")
    if clip.has_alpha:
        notes.append("transparency is left out")
    if settings.subsampling == (1, 1):
        notes.append("odd sides need 4:4:4, which few devices play; `codec` av1 or ffv1 does without")
    return notes


def _pixel_format(codec: Codec, layout: str, depth: int) -> str:
    """Return the format with the fewest bits that hold ``depth``, or the most there are."""
    offered = {form.name for form in av.Codec(codec.encoder, "w").video_formats or ()}
    names = {bits: f"yuv{layout}p" + ("" if bits == 8 else f"{bits}le") for bits in (8, 10, 12, 16)}
    names = {bits: name for bits, name in names.items() if name in offered}
    return names[min((bits for bits in names if bits >= depth), default=max(names))]


def recolor(
    frame: VideoFrame,
    chroma: tuple[np.ndarray, np.ndarray],
    clip: Clip,
    settings: EncoderSettings,
    strength: float = 1,
) -> VideoFrame:
    """Return a frame to encode: with this chroma, and luma, time, fields and captions of ``frame``.

    Args:
        frame: as `to_planar` gave it; may be changed.
        chroma: Cb and Cr, see `ab_to_chroma`.
        clip: that it is of.
        settings: of the encoder.
        strength: 1 for this chroma, 0 for the frame's own, between them a blend.
    """
    colored = frame
    if frame.format.name != settings.pixel_format:
        luma = convert_luma(
            luma_of(frame, clip),
            clip.depth,
            settings.depth,
            is_full=clip.tags.is_full,
            becomes_full=settings.tags.is_full,
        )
        colored = frame.reformat(
            format=settings.pixel_format,
            src_color_range=clip.tags.range_code,
            dst_color_range=settings.tags.range_code,
            threads=1,
        )
        plane_view(colored.planes[0], luma.dtype)[...] = luma
    colored.make_writable()  # the decoder may still refer to the picture
    for plane, samples in zip(colored.planes[1:], chroma, strict=True):
        own = plane_view(plane, samples.dtype)
        own[...] = samples if strength == 1 else cv2.addWeighted(samples, strength, own, 1 - strength, 0)
    colored.pict_type = PictureType.NONE  # else the encoder would repeat the source's choices
    tags = settings.tags
    colored.colorspace, colored.color_primaries = tags.matrix, tags.primaries
    colored.color_trc, colored.color_range = tags.transfer, tags.range_code
    return colored


def luma_of(frame: VideoFrame, clip: Clip) -> np.ndarray:
    """Return a view on the luma plane ``(H, W)``, valid until the frame is changed."""
    return plane_view(frame.planes[0], np.dtype(np.uint8 if clip.depth == 8 else np.uint16))


def plane_view(plane: VideoPlane, dtype: np.dtype) -> np.ndarray:
    """Return the samples of a plane, ``(height, width)``, without a copy."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]  # type: ignore[call-overload]
    return rows[:, : plane.width * dtype.itemsize].view(dtype)


def convert_luma(
    luma: np.ndarray, depth: int, new_depth: int, *, is_full: bool, becomes_full: bool
) -> np.ndarray:
    """Convert luma between depths and ranges.

    Args:
        luma: of any shape, uint8 for 8 bits, else uint16.
        depth: its bits.
        new_depth: the bits wanted.
        is_full: whether it takes all codes, see `ColorTags`.
        becomes_full: whether the result does.

    Returns:
        Luma of the same shape, rounded; the same array when nothing changes.
    """
    if (depth, is_full) == (new_depth, becomes_full):
        return luma
    black, white = luma_range(depth, is_full=is_full)
    new_black, new_white = luma_range(new_depth, is_full=becomes_full)
    samples = np.rint(
        (luma.astype(np.float64) - black) * ((new_white - new_black) / (white - black)) + new_black
    )
    return samples.clip(0, (1 << new_depth) - 1).astype(np.uint8 if new_depth == 8 else np.uint16)
