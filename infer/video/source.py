"""Reading a video file with PyAV: what it is."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import Flags as ContainerFlags
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.planes import plane_view
from colorize_gan.infer.video.side_data import alpha_of, display_matrix, is_bottom_first
from colorize_gan.infer.video.stills.sequence import Stills

_LIMITED, FULL_RANGE = 1, 2
"""FFmpeg's codes of the ranges of samples."""
_BT709, _UNSPECIFIED, _BT601 = 1, 2, 6  # code points of matrix, primaries and transfer: ITU-T H.273
_NO_MATRICES = frozenset({0, _UNSPECIFIED, 3})  # of RGB, which grey of PNG has, too; unknown; reserved
_SDR_TRANSFERS = frozenset({0, 1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15})
_OTHER_TRANSFERS = {
    8: "linear light",
    9: "logarithmic transfer",
    10: "logarithmic transfer",
    16: "high dynamic range (PQ)",
    17: "transfer of digital cinema (SMPTE ST 428)",
    18: "high dynamic range (HLG)",
}
_OTHER_PRIMARIES = {
    8: "colour film",
    9: "BT.2020, a wide gamut",
    10: "digital cinema (SMPTE ST 428)",
    11: "DCI-P3, a wide gamut",
    12: "Display P3, a wide gamut",
}
_NARROW_PRIMARIES = frozenset({0, 1, 2, 4, 5, 6, 7, 22})  # near enough to BT.709's
_SWSCALE_BT601 = 5
_PLANAR = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le", 32: "yuv444p16le"}
"""The format that RGB and packed samples of at most so many bits become; 32 are floats."""
_ONE_BIT, _GREY = "mono", "gray"
_ALPHA = 3  # plane
_HIGH_DEFINITION = 720  # lines; players take untagged video of fewer for BT.601
_CLOCKS = frozenset({"mpegts", "mpeg"})  # their time is that of a broadcast, or of a disc
_LATEST_START = 60  # seconds by which a file of another kind may begin late on purpose


@dataclass(frozen=True)
class ColorTags:
    """How a stream's samples are to be read: code points of ITU-T H.273."""

    matrix: int
    primaries: int
    transfer: int
    is_full: bool
    """True if luma takes all codes, False if 16 to 235 (of 8 bits)."""

    @property
    def range_code(self) -> int:
        """FFmpeg's code of the range."""
        return FULL_RANGE if self.is_full else _LIMITED


@dataclass(frozen=True)
class Clip:
    """The facts about a video file before its frames are read."""

    path: Path
    stream: int
    """Index of the stream that is colorized: the first video that is not a cover picture."""
    height: int
    width: int
    depth: int
    """Bits of a sample."""
    tags: ColorTags
    time_base: Fraction
    """Seconds that one unit of time lasts."""
    tells_times: bool
    """True if the file tells when frames are shown; AVI tells only when packets are decoded."""
    rate: Fraction
    """Mean frames a second."""
    aspect: Fraction | None
    """Width of a pixel whose height is 1."""
    display_matrix: tuple[int, ...] | None
    """How the picture is turned when it is shown, as FFmpeg keeps it."""
    quarter_turns: int
    """The same in counterclockwise turns by 90 degrees, 0 to 3."""
    is_interlaced: bool
    is_bottom_first: bool
    """True if the lower field of interlaced frames is shown first."""
    origin: int
    """Where on the file's clock time is counted from, in units of `time_base`."""
    first: Fraction
    """Seconds from there that excerpts are counted from: the first picture of a clock, else 0."""
    has_alpha: bool
    frames: int
    """By the header, or estimated; 0 when there is no telling."""
    interlaced: "Clip | None" = None
    """The clip as it is in the file, where this one is deinterlaced."""
    stills: Stills | None = None
    """The images of a sequence; `path` is then that of the first."""

    def version(self) -> Version:
        """Return what tells whether the input is still the same.

        Raises:
            OSError: it cannot be looked at.
        """
        return self.stills.version() if self.stills else Version.of(self.path)


def probe(path: StrPath) -> Clip:
    """Find out what a video is.

    Raises:
        VideoError: not a video that can be colorized, and why.
    """
    path = Path(path)
    try:
        if not path.stat().st_size:
            raise VideoError("the file is empty")
        with open_video(path) as container:
            stream = _video_stream(container)
            # on in PyAV: times that the file does not tell would look as if it did
            container.flags &= ~cast(int, ContainerFlags.gen_pts.value)
            packet, frame = _first_frame(container, stream)
            return _clip(path, container, stream, packet, frame)
    except av.FFmpegError as error:
        raise VideoError(f"damaged, cut short or not a video ({error.strerror})") from error


def to_planar(frame: VideoFrame, tags: ColorTags) -> VideoFrame:
    """Return a frame with a luma plane: itself, or one converted from RGB or packed samples."""
    target = planar_format(frame.format)
    if target.name == frame.format.name:
        return frame
    if target.name == _GREY:  # FFmpeg takes one bit for full range whatever it is told
        return frame.reformat(format=_GREY, threads=1)
    matrix = _SWSCALE_BT601 if tags.matrix == _BT601 else tags.matrix
    # on several threads FFmpeg gives other samples now and then, where their slices meet
    planar = frame.reformat(format=target.name, dst_colorspace=matrix, dst_color_range=_LIMITED, threads=1)
    if has_alpha(target):
        bits = target.components[0].bits
        alpha = plane_view(planar.planes[_ALPHA], np.dtype(np.uint8 if bits == 8 else np.uint16))
        alpha[...] = plane_view(alpha_of(frame, bits).planes[0], alpha.dtype)
    return planar


def planar_format(form: VideoFormat) -> VideoFormat:
    """Return the format that `to_planar` gives frames of a format."""
    if _has_luma_plane(form):
        return form
    if form.name.startswith(_ONE_BIT):
        return VideoFormat(_GREY)
    bits = form.components[0].bits
    name = next(name for most, name in _PLANAR.items() if bits <= most)
    return VideoFormat(name.replace("yuv", "yuva") if has_alpha(form) else name)


def has_alpha(form: VideoFormat) -> bool:
    """Tell whether a format has samples of transparency."""
    return len(form.components) in (2, 4)


def _has_luma_plane(form: VideoFormat) -> bool:
    """Tell whether the first plane is luma, in native integers with the value in the lower bits."""
    is_separate = form.is_planar and not form.is_rgb and not form.name.startswith(("p0", "p2", "p4"))
    return (is_separate or form.name.startswith("gray")) and not form.name.endswith("be")


def _video_stream(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise VideoError(f"no video stream (only {', '.join(kinds) or 'nothing'})")


def _first_frame(container: InputContainer, stream: VideoStream) -> tuple["Packet[VideoStream]", VideoFrame]:
    """Return the first packet, and the first frame that can be decoded."""
    first = None
    if stream.codec_context is None:
        raise VideoError("its codec is not supported")
    stream.codec_context.flags |= Flags.output_corrupt
    for packet in packets_of(container, [stream]):
        first = first or packet
        if packet.has_sidedata("encryption_info"):
            raise VideoError("encrypted; only its owner can give you one that is not")
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        if frames:
            assert isinstance(frames[0], VideoFrame)
            return first, frames[0]
    raise VideoError("no frame of it can be decoded: damaged")


def _clip(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    packet: "Packet[VideoStream]",
    frame: VideoFrame,
) -> Clip:
    assert stream.time_base is not None
    rate = _rate(stream, stream.time_base)
    seconds = Fraction(container.duration or 0, av.time_base)
    tags = tags_of(frame)
    origin, first = _clock(container, stream.time_base, frame)
    is_interlaced = frame.interlaced_frame
    return Clip(
        path=path,
        stream=stream.index,
        height=frame.height,
        width=frame.width,
        depth=planar_format(frame.format).components[0].bits,
        tags=tags,
        time_base=stream.time_base,
        tells_times=packet.pts is not None or packet.dts is None,
        rate=rate,
        aspect=stream.sample_aspect_ratio,
        display_matrix=display_matrix(frame),
        quarter_turns=round(frame.rotation / 90) % 4,
        is_interlaced=is_interlaced,
        is_bottom_first=is_interlaced and is_bottom_first(frame),
        origin=origin,
        first=first,
        has_alpha=has_alpha(frame.format),
        frames=stream.frames or int(seconds * rate),
    )


def _rate(stream: VideoStream, time_base: Fraction) -> Fraction:
    """Return frames a second: what FFmpeg guesses where the mean is that of the clock, as of DV."""
    mean, guess = stream.average_rate, stream.guessed_rate
    return guess if guess and (not mean or mean * time_base >= 1) else mean or Fraction(25)


def _clock(container: InputContainer, time_base: Fraction, frame: VideoFrame) -> tuple[int, Fraction]:
    """Return ``origin`` and ``first`` of a clip; see `Clip`."""
    start = Fraction(container.start_time or 0, av.time_base)
    is_clock = bool(_CLOCKS & set(container.format.name.split(",")))
    if not is_clock and start < _LATEST_START:
        return 0, Fraction(0)
    origin = math.floor(start / time_base)
    shown = frame.pts if frame.pts is not None else origin
    return origin, (shown - origin) * time_base


def usual_matrix(height: int) -> int:
    """Return the matrix that players take for a video of so many lines without tags."""
    return _BT709 if height >= _HIGH_DEFINITION else _BT601


def tags_of(frame: VideoFrame) -> ColorTags:
    """Return a frame's tags, completed as players complete them.

    Raises:
        VideoError: HDR, of a film's or a camera's transfer, or of other primaries than television's.
    """
    if frame.color_trc not in _SDR_TRANSFERS:
        name = _OTHER_TRANSFERS.get(frame.color_trc, f"transfer {frame.color_trc} of ITU-T H.273")
        raise VideoError(f"{name}; convert it to SDR in BT.709 first")
    if frame.color_primaries not in _NARROW_PRIMARIES:
        name = _OTHER_PRIMARIES.get(frame.color_primaries, f"{frame.color_primaries} of ITU-T H.273")
        raise VideoError(f"its primaries are those of {name}; convert it to SDR in BT.709 first")
    is_native = _has_luma_plane(frame.format) or frame.format.name.startswith(_ONE_BIT)
    matrix = frame.colorspace
    if matrix in _NO_MATRICES or frame.format.is_rgb:
        matrix = usual_matrix(frame.height)
    # FFmpeg and its players take these for full range where there is no tag
    is_full_by_name = frame.format.name.startswith(("yuvj", "gray", _ONE_BIT))
    is_full = frame.color_range == FULL_RANGE or (not frame.color_range and is_full_by_name)
    return ColorTags(matrix, frame.color_primaries, frame.color_trc, is_full and is_native)
