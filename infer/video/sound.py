"""Sound that is encoded again, where it is not copied."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from colorize_gan.infer.video.copies import Excerpt, Timed
from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.metadata import kept_stream_tags
from colorize_gan.infer.video.options import SoundCodec
from colorize_gan.infer.video.source import Clip

_AAC_RATE = 96_000  # bits a second for each channel
_SHORT_SAMPLES = ("u8", "s16")  # formats whose samples 16 bits hold
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""The layouts that are taken for so many channels where a file does not tell."""


def can_decode(stream: AudioStream) -> bool:
    """Tell whether a sound can be encoded again."""
    return stream.codec_context is not None and bool(stream.codec_context.sample_rate)


def add_sound(source: AudioStream, out: OutputContainer, codec: SoundCodec) -> AudioStream:
    """Add a sound to a container, for the packets of `encoded_sound`.

    Raises:
        av.FFmpegError: the codec does not take so many channels; or so does `OutputContainer.start_encoding`.
        ValueError: the container cannot hold the codec.
    """
    told = source.codec_context
    stream = out.add_stream(codec, rate=_sample_rate(codec, told.sample_rate))
    context = stream.codec_context
    # FFmpeg calls layouts that a file does not tell by their number
    context.layout = _LAYOUTS.get(told.layout.nb_channels, "") if " " in told.layout.name else told.layout
    if codec == "aac":
        context.format, context.bit_rate = "fltp", _AAC_RATE * told.layout.nb_channels
    else:
        context.format = "s16" if told.format.name.startswith(_SHORT_SAMPLES) else "s32"
    stream.time_base = context.time_base = Fraction(1, context.sample_rate)
    stream.metadata.update(kept_stream_tags(source.metadata))
    stream.disposition = source.disposition
    return stream


def _sample_rate(codec: SoundCodec, rate: int) -> int:
    """Return the lowest rate of a codec that is not below ``rate``, or its highest."""
    rates = av.Codec(codec, "w").audio_rates
    return rate if rates is None else min((has for has in rates if has >= rate), default=max(rates))


def encoded_sound(clip: Clip, index: int, stream: AudioStream, excerpt: Excerpt, offset: Fraction) -> Timed:
    """Yield the packets of a sound, ``offset`` seconds earlier than from the clip's origin.

    Args:
        clip: that the sound is of.
        index: of the sound's stream in it.
        stream: see `add_sound`.
        excerpt: the part that is taken.
        offset: in seconds.
    """
    shift = clip.origin * clip.time_base + offset
    for frame in _resampled(_heard(clip, index, excerpt), stream.codec_context):
        assert frame.pts is not None
        assert frame.time_base is not None
        frame.pts -= round(shift / frame.time_base)
        yield from _timed(stream, frame)
    yield from _timed(stream, None)


def _timed(stream: AudioStream, frame: AudioFrame | None) -> Timed:
    for packet in stream.encode(frame):
        assert packet.dts is not None
        yield float(packet.dts * packet.time_base), packet


def _resampled(frames: Iterator[AudioFrame], context: AudioCodecContext) -> Iterator[AudioFrame]:
    """Yield sound as an encoder takes it, also where the channels of a broadcast change."""
    for _, alike in groupby(frames, lambda frame: (frame.format.name, frame.layout.name, frame.sample_rate)):
        resampler = AudioResampler(context.format, context.layout, context.sample_rate)
        for frame in alike:
            yield from resampler.resample(frame)
        yield from resampler.resample(None)


def _heard(clip: Clip, index: int, excerpt: Excerpt) -> Iterator[AudioFrame]:
    """Yield the sound of an excerpt; what is damaged leaves a gap."""
    origin, end = clip.origin * clip.time_base, Fraction(0)
    with open_video(clip.path) as source:
        for packet in packets_of(source, [source.streams[index]]):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                assert isinstance(frame, AudioFrame)
                if frame.pts is None:
                    frame.pts = round(end / frame.time_base)
                time = frame.pts * frame.time_base
                end = time + Fraction(frame.samples, frame.sample_rate)
                if excerpt.has(time - origin):
                    yield frame
