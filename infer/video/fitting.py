"""Finding out, before any work, what a container can hold of a video."""

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.checking import untold
from colorize_gan.infer.video.choosing import Copies, Wishes, can_hold, choose_streams, notes_on_streams
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.encoder import EncoderSettings
from colorize_gan.infer.video.files import create_video, open_video
from colorize_gan.infer.video.metadata import has_timecode, kept_stream_tags, kept_tags
from colorize_gan.infer.video.source import Clip
from colorize_gan.infer.video.writing import WHOLE_MILLISECONDS, add_video, complete, container_options


def plan_copies(
    clip: Clip, suffix: str, settings: EncoderSettings, excerpt: Excerpt, wishes: Wishes
) -> Copies:
    """Choose what is written beside the video into a container of this suffix.

    Raises:
        VideoError: it cannot hold the video, its tags, the sound or the subtitles.
    """
    form = CONTAINERS[suffix]
    is_loose = not _holds_video(form, settings)
    if is_loose and not _holds_video(form, settings, loosely=True):
        raise VideoError(_why_not(suffix, form, settings))
    if lost := _lost_in_trial(form, settings, loosely=is_loose):
        raise VideoError(_why_lost(suffix, settings, lost))
    with open_video(clip.path) as source:
        ways = choose_streams(source, clip.stream, suffix, wishes)
        loosely = is_loose or "loosely" in ways.values()
        notes = notes_on_streams(source, ways, suffix)
        if loosely and source.chapters():
            what = settings.codec if is_loose else "this sound"
            notes.append(f"chapters left out: {suffix} cannot hold them beside {what}")
        timecode = excerpt.start is None and _holds_tags(form, settings, source, clip, loosely=is_loose)
        if not timecode and any(
            has_timecode(part.metadata) for part in (source, source.streams[clip.stream])
        ):
            notes.append("its time code is left out: it is not that of the first frame written here")
    if form in WHOLE_MILLISECONDS and (clip.time_base * 1000).denominator != 1:
        notes.append(f"{suffix} keeps times in whole milliseconds; .mp4 and .mov keep them exactly")
    return Copies({index: way for index, way in ways.items() if way}, loosely, timecode, notes)


def _holds_video(form: str, settings: EncoderSettings, *, loosely: bool = False) -> bool:
    return can_hold(form, lambda trial: add_video(trial, form, settings), loosely=loosely)


def _holds_tags(
    form: str, settings: EncoderSettings, source: InputContainer, clip: Clip, *, loosely: bool
) -> bool:
    """Tell whether a container holds the source's tags: a time code may not fit the rate of the video."""

    def add(trial: OutputContainer) -> None:
        tags = kept_stream_tags(source.streams[clip.stream].metadata)
        add_video(trial, form, settings).metadata.update(tags)
        trial.metadata.update(kept_tags(source.metadata))

    return can_hold(form, add, loosely=loosely)


def _lost_in_trial(form: str, settings: EncoderSettings, *, loosely: bool) -> list[str]:
    """Name what a file of a single frame does not tell of the video; nothing where all is as usual."""
    if settings.aspect in (None, 1) and not settings.is_interlaced and not settings.tags.is_full:
        return []
    frame = VideoFrame(settings.width, settings.height, settings.pixel_format)
    frame.pts, frame.time_base = 0, settings.time_base
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial"
        options = container_options(form, settings.time_base, {})
        with create_video(path, form, options, loosely=loosely) as out:
            stream = add_video(out, form, settings)
            for packet in settings.packets_of(iter([frame])):
                packet.stream = stream
                out.mux(packet)
        complete(path, form, settings)
        return untold(path, settings)


def _why_not(suffix: str, form: str, settings: EncoderSettings) -> str:
    """Say why a container does not take the video."""
    second = Fraction(1, 25)
    usual = replace(settings, width=640, height=360, rate=1 / second, time_base=second, aspect=None)
    if not _holds_video(form, usual):
        able = " or ".join(name for name in CONTAINERS if _holds_video(CONTAINERS[name], usual))
        return f"{suffix} cannot hold {settings.codec}; write {able} (`container` in a folder)"
    return (
        f"{settings.codec} takes no video of {settings.width} x {settings.height} pixels "
        f"at {float(settings.rate):.6g} frames/s; choose another codec"
    )


def _why_lost(suffix: str, settings: EncoderSettings, lost: list[str]) -> str:
    advice = "choose another codec" if suffix == ".mkv" else "write .mkv"
    return f"{suffix} with {settings.codec} does not keep its {', '.join(lost)}; {advice}"
