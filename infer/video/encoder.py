"""Which codec a video is written with, and how its encoder is set up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from colorize_gan.core.errors import UsageError
from colorize_gan.core.system.scheduling import scheduling_kept
from colorize_gan.infer.video.chroma import luma_range
from colorize_gan.infer.video.codecs import CODECS, choose_samples, ffv1_slices, subsampling_of
from colorize_gan.infer.video.options import PixelFormat
from colorize_gan.infer.video.planes import plane_view
from colorize_gan.infer.video.source import Clip, ColorTags

_ALPHA = 3  # plane
_TOP_FIRST, _BOTTOM_FIRST = 4, 5  # AVFieldOrder, of fields that are interleaved in a frame


@dataclass(frozen=True)
class EncoderSettings:
    """Everything that decides about the encoded stream."""

    codec: str
    options: Mapping[str, str]
    pixel_format: str
    subsampling: tuple[int, int]
    """Rows and columns of luma that share a chroma sample."""
    has_alpha: bool
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


def settings_for(
    clip: Clip, codec: str, crf: int | None, pixel_format: PixelFormat | None = None
) -> EncoderSettings:
    """Choose how a clip is written; see `VideoOptions`, and `choose_samples` for its bits.

    Raises:
        UsageError: the codec has no such quality, or no such pixel format.
        VideoError: it has none for a clip of these sides.
    """
    chosen = CODECS[codec]
    if crf is not None and chosen.crf is None:
        raise UsageError(f"`crf`: {codec} has no such setting")
    if crf is not None and crf > chosen.most_crf:
        raise UsageError(f"`crf` {crf}: of {codec} it is 0 to {chosen.most_crf}")
    quality = {} if chosen.crf is None else {"crf": str(chosen.crf if crf is None else crf)}
    is_interlaced = clip.is_interlaced and chosen.keeps_fields
    fields = {"x264-params": "bff=1"} if is_interlaced and clip.is_bottom_first and codec == "h264" else {}
    samples, name = choose_samples(clip, codec, pixel_format)
    subsampling = subsampling_of(samples)
    slices = {"slices": str(ffv1_slices(clip.height, clip.width, subsampling))} if codec == "ffv1" else {}
    profile = {"profile": chosen.profiles[name]} if chosen.profiles else {}
    return EncoderSettings(
        codec=codec,
        options={**chosen.options, **profile, **quality, **fields, **slices},
        pixel_format=name,
        subsampling=subsampling,
        has_alpha=samples == "4:4:4:4",
        depth=av.VideoFormat(name).components[0].bits,
        height=clip.height,
        width=clip.width,
        time_base=clip.time_base,
        rate=clip.rate,
        aspect=clip.aspect,
        tags=replace(
            clip.tags,
            is_full=clip.tags.is_full and not chosen.is_limited,
            matrix=chosen.matrix or clip.tags.matrix,
        ),
        is_interlaced=is_interlaced,
        is_bottom_first=clip.is_bottom_first,
    )


def what_changes(clip: Clip, settings: EncoderSettings) -> list[str]:
    """Return what a person should know about a clip that is written with these settings."""
    notes = []
    if clip.is_interlaced:
        kept = "" if settings.is_interlaced else f" ({settings.codec} is written without saying so)"
        notes.append(f"interlaced{kept}: colours follow motion better with `deinterlace`")
    if clip.interlaced:
        notes.append(f"deinterlaced to {float(clip.rate):.6g} frames/s")
    if settings.tags.is_full != clip.tags.is_full:
        notes.append(f"luma of full range became limited, as {settings.codec} has it")
    if settings.tags.matrix != clip.tags.matrix:
        notes.append(f"its colour matrix became that of BT.709, as {settings.codec} has it")
    if settings.depth < clip.depth:
        notes.append(f"{clip.depth} bits became {settings.depth}; `codec` ffv1 keeps them")
    if clip.has_alpha and not settings.has_alpha:
        notes.append("transparency is left out; `pixel_format` 4:4:4:4 keeps it in ffv1 and prores")
    is_odd = clip.height % 2 or clip.width % 2
    if is_odd and CODECS[settings.codec].needs_even:
        notes.append("odd sides need 4:4:4, which few devices play; `codec` av1 or ffv1 does without")
    return notes


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
        if settings.has_alpha:
            plane_view(colored.planes[_ALPHA], luma.dtype)[...] = _alpha_of(frame, clip, settings)
    colored.make_writable()  # the decoder may still refer to the picture
    for plane, samples in zip(colored.planes[1:_ALPHA], chroma, strict=True):
        own = plane_view(plane, samples.dtype)
        own[...] = samples if strength == 1 else cv2.addWeighted(samples, strength, own, 1 - strength, 0)
    colored.pict_type = PictureType.NONE  # else the encoder would repeat the source's choices
    tags = settings.tags
    colored.colorspace, colored.color_primaries = tags.matrix, tags.primaries
    colored.color_trc, colored.color_range = tags.transfer, tags.range_code
    return colored


def _alpha_of(frame: VideoFrame, clip: Clip, settings: EncoderSettings) -> np.ndarray | int:
    """Return transparency ``(H, W)`` in the depth of the encoder, or that of a frame that is opaque."""
    if len(frame.planes) <= _ALPHA:
        return (1 << settings.depth) - 1
    alpha = plane_view(frame.planes[_ALPHA], luma_of(frame, clip).dtype)
    return convert_luma(alpha, clip.depth, settings.depth, is_full=True, becomes_full=True)


def luma_of(frame: VideoFrame, clip: Clip) -> np.ndarray:
    """Return a view on the luma plane ``(H, W)``, valid until the frame is changed."""
    return plane_view(frame.planes[0], np.dtype(np.uint8 if clip.depth == 8 else np.uint16))


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
