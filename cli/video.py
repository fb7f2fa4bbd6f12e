"""The `colorize-video` command. Heavy imports wait until the options are known to be right."""

import shlex
import sys
import threading
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from colorize_gan.cli.exit_codes import INTERRUPTED, FiniteRange, exit_with_code, stop_requests
from colorize_gan.cli.options import check_pages, model_options
from colorize_gan.cli.wording import worded
from colorize_gan.core.errors import UsageError, VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.open import open_colorizer
from colorize_gan.infer.video.options import (
    SCENE_THRESHOLD,
    AudioChoice,
    CodecName,
    PixelFormat,
    SubtitleChoice,
    Transfer,
    VideoOptions,
    comparison_path,
)

if TYPE_CHECKING:
    from colorize_gan.infer.batch.results import ItemResult
    from colorize_gan.infer.batch.work import Work

_SOME_FAILED = VideoError.exit_code


class _Time(click.ParamType[Fraction]):
    """Seconds, or hours, minutes and seconds, without rounding."""

    name = "[[H:]M:]S"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """See `click.ParamType.convert`."""
        seconds = Fraction(0)
        try:
            for part in str(value).split(":"):
                seconds = seconds * 60 + Fraction(part)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no time; write seconds, or 1:02:03.5", param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is before the beginning", param, ctx)
        return seconds


class _Rate(click.ParamType[Fraction]):
    """Frames a second, without rounding."""

    name = "RATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """See `click.ParamType.convert`."""
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= 1000:
            self.fail(f"{value!r} is no rate; write frames a second, as 18 or 24000/1001", param, ctx)
        return rate


@click.command()
@click.argument(
    "inputs", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path), metavar="INPUT..."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Film (.mp4, .mov, .mkv, .m4v, .webm), sequence (new_%06d.tif), or folder of the results.",
)
@click.option(
    "--codec", type=click.Choice(get_args(CodecName)), default="h264", show_default=True, help="Of the video."
)
@click.option(
    "--pixel-format",
    type=click.Choice(get_args(PixelFormat)),
    help="Chroma samples; 4:4:4:4 keeps transparency. Default: what is usual with --codec.",
)
@click.option("--crf", type=click.IntRange(0, 63), help="Quality, lower is better; h264 17, h265 19, av1 24.")
@click.option(
    "--container",
    type=click.Choice([suffix[1:] for suffix in CONTAINERS]),
    help="Of results in a folder; else that of the input, or mkv.",
)
@click.option(
    "--audio",
    type=click.Choice(get_args(AudioChoice)),
    default="copy",
    show_default=True,
    help="Copy the sound, encode it anew (AAC, lossless FLAC), or leave it out.",
)
@click.option(
    "--subtitles",
    type=click.Choice(get_args(SubtitleChoice)),
    default="copy",
    show_default=True,
    help="Copy the subtitles, or leave them out.",
)
@click.option(
    "--deflicker",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Average colour over time, along with the motion.",
)
@click.option(
    "--keyframes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="K",
    help="The network sees one frame in K; colours move along in between. Faster.",
)
@click.option(
    "--scene-threshold",
    type=FiniteRange(0, 255),
    default=SCENE_THRESHOLD,
    show_default=True,
    help="Change of mean luma that is a cut: colours begin anew.",
)
@click.option("--fps", type=_Rate(), help="Frames a second of a sequence of images; a folder then is one.")
@click.option(
    "--transfer",
    type=click.Choice(get_args(Transfer)),
    help="Read the samples of a sequence so: as they are shown, as film densities, as linear light.",
)
@click.option("--start", type=_Time(), help="Begin here; the result begins at zero.")
@click.option("--end", type=_Time(), help="End before this time of the input.")
@click.option("--resume", is_flag=True, hidden=True)
@click.option(
    "--compare", is_flag=True, help="Write NAME.mp4.compare.mp4, too: before and after, side by side."
)
@click.option(
    "--on-exists",
    type=click.Choice(["skip", "overwrite", "error"]),
    default="skip",
    show_default=True,
    help="Where the output is there.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Search subfolders.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a JSON record of the run; the luma of each output is measured.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@model_options
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_video(
    inputs: tuple[Path, ...],
    out: Path,
    recursive: bool,
    container: str | None,
    deflicker: str,
    report: Path | None,
    quiet: bool,
    resume: bool,
    **options: Any,
) -> int:
    """Colorize black-and-white videos: files, folders, quoted globs, or a sequence (scan_%06d.tif).

    Colours are a plausible guess, not history. Every frame, its time, its luma, and all sound, subtitles and
    chapters stay what they were.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed (each is listed with its reason),
    4 device not available, 5 model not usable, 6 a backend gives other colours, 130 interrupted.
    """
    if resume:
        raise UsageError("--resume is not needed any more: unfinished videos are gone on with; leave it out")
    own = {name: options.pop(name) for name in VideoOptions.__dataclass_fields__ if name in options}
    video = VideoOptions(**own, deflicker=deflicker == "on", measure=report is not None)
    if video.end is not None and video.end <= (video.start or 0):
        raise UsageError("--end is not after --start")
    from colorize_gan.cli.video_work import find_video_work

    with stop_requests() as stop:
        work = find_video_work(
            inputs, out, recursive=recursive, container=container, has_rate=bool(video.fps)
        )
        comparisons = [comparison_path(item.target) for item in work.items] if video.compare else []
        check_pages(work, filter(None, (report, *comparisons)))
        failed = _run(work, video, stop, report=report, quiet=quiet, **options)
    if stop.is_set():
        again = " --on-exists skip" if video.on_exists == "error" else ""  # what is finished is there
        click.echo(f"interrupted; go on with: {shlex.join(sys.argv)}{again}", err=True)
        return INTERRUPTED
    return _SOME_FAILED if failed else 0


def _run(
    work: "Work",
    video: VideoOptions,
    stop: threading.Event,
    *,
    report: Path | None,
    quiet: bool,
    **options: Any,
) -> int:
    """Do the work and tell of it; return how many inputs failed."""
    from colorize_gan.cli.progress import FrameBar
    from colorize_gan.infer.batch.report import Report
    from colorize_gan.infer.batch.results import ItemResult
    from colorize_gan.infer.video.video import colorize_videos

    failed = 0
    with ExitStack() as stack:
        colorizer = open_colorizer(**options)
        record = stack.enter_context(Report(report, sys.argv, colorizer)) if report else None
        bar = stack.enter_context(FrameBar(quiet=quiet))
        bad = (ItemResult(entry.source, None, "failed", entry.reason) for entry in work.bad)
        done = colorize_videos(work.items, colorizer, video, stop=stop, on_frame=bar.update)
        for result in map(worded, chain(bad, done)):
            failed += result.status == "failed"
            if record:
                record.add(result)
            if result.status == "failed" or not quiet:
                bar.write(printable(_described(result)))
    return failed


def _described(result: "ItemResult") -> str:
    """Return a line on how a video ended."""
    if result.status != "written":
        return f"{result.source}: {result.status}: {result.reason}"
    line = f"{result.source} -> {result.target}: {result.video['frames']} frames"
    scores = result.video["flicker"].values()
    for name, label in (("cdc", "CDC"), ("warped_error", "warped error")):
        values = " -> ".join(f"{score[name]:.4f}" for score in scores)
        line += f", {label} {values}" if values else ""
    return line + (f" ({result.note})" if result.note else "")
