"""Clips that are made here, of a camera that pans over a photograph, and what is read of files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

STEP = 512  # of a time base of 1/12800: 25 frames a second


@dataclass(frozen=True)
class Recipe:
    """How a clip is made."""

    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "12", "g": "12"})
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (96, 128)
    """Height and width."""
    times: Sequence[int] = tuple(range(0, 30 * STEP, STEP))
    time_base: Fraction = Fraction(1, 12800)
    rate: Fraction = Fraction(25)
    color: Mapping[str, int] = field(default_factory=dict)
    """Attributes of the encoder: `color_range`, `colorspace`, ..."""
    aspect: Fraction | None = None
    rotation: int = 0
    is_interlaced: bool = False
    sound: str | None = None
    """Audio codec."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)


def write_clip(path: Path, recipe: Recipe, frames: Iterable[np.ndarray]) -> Path:
    """Write grey frames ``(H, W)`` uint8 as luma."""
    options = {**recipe.container_options}
    if path.suffix in (".mp4", ".mov"):
        unit = str(recipe.time_base.denominator)
        options |= {"video_track_timescale": unit, "movie_timescale": unit}
    with av.open(path, "w", options=options) as out:
        stream = out.add_stream(recipe.codec, rate=recipe.rate, options=dict(recipe.options))
        context = stream.codec_context
        stream.height, stream.width = recipe.size
        stream.pix_fmt, stream.time_base = recipe.pixel_format, recipe.time_base
        context.time_base = recipe.time_base
        for name, value in recipe.color.items():
            setattr(context, name, value)
        if recipe.aspect:
            context.sample_aspect_ratio = recipe.aspect
        if recipe.is_interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct
        if recipe.rotation:
            stream.set_display_rotation(recipe.rotation)
        sound = out.add_stream(recipe.sound, rate=48000) if recipe.sound else None
        out.metadata.update(recipe.metadata)
        for grey, time in zip(frames, recipe.times, strict=False):
            frame = VideoFrame.from_ndarray(grey, format="gray").reformat(
                format=recipe.pixel_format, dst_color_range=recipe.color.get("color_range", 1)
            )
            if recipe.pixel_format == "yuv420p":  # as it is, without a change of range
                np.frombuffer(frame.planes[0], np.uint8).reshape(len(grey), -1)[:, : grey.shape[1]] = grey
            frame.pts, frame.time_base, frame.pict_type = time, recipe.time_base, 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound:
            _write_tone(out, sound, float((recipe.times[-1] - recipe.times[0]) * recipe.time_base))
    return path


def _write_tone(out: Any, stream: Any, seconds: float) -> None:
    wave = 0.3 * np.sin(np.arange(int(48000 * seconds)) * 0.05).astype(np.float32)
    for start in range(0, len(wave), 1024):
        part = np.stack([wave[start : start + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def pan(photo: np.ndarray, size: tuple[int, int], count: int = 30) -> list[np.ndarray]:
    """Return grey frames of a camera that moves 2 pixels a frame, and jumps back now and then."""
    grey = photo.mean(axis=2).astype(np.uint8)
    height, width = size
    # codes of limited range
    return [
        (16 + grey[40 : 40 + height, (at := 2 * n % 200) : at + width] * (219 / 255)).astype(np.uint8)
        for n in range(count)
    ]


def frames_of(path: Path) -> list[VideoFrame]:
    with av.open(path) as container:
        return list(container.decode(video=0))


def times_of(path: Path) -> list[Fraction]:
    """Return when each frame is shown, in seconds."""
    return [frame.pts * frame.time_base for frame in frames_of(path)]


def luma(frame: VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    deep = frame.format.components[0].bits > 8
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
    return rows[:, : plane.width * (2 if deep else 1)].view(np.uint16 if deep else np.uint8).copy()


def packets_of(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Return time and content of all packets of the streams of one kind."""
    with av.open(path) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(streams)
            if packet.size and packet.pts is not None
        ]


def write_packets(
    path: Path, codec: str, pixel_format: str, size: tuple[int, int], contents: Iterable[bytes]
) -> Path:
    """Write coded pictures, each a key frame, 25 a second."""
    with av.open(path, "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width = size
        stream.pix_fmt, stream.time_base = pixel_format, Fraction(1, 25)
        for number, content in enumerate(contents):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts, packet.dts, packet.duration = number, number, 1
            out.mux(packet)
    return path
