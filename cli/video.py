"""The `colorize-video` command. Heavy imports wait until the options are known to be right."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, get_args

import click

from colorize_gan.cli.exit_codes import (
    INTERRUPTED,
    FiniteRange,
    exit_with_code,
    say_how_to_resume,
    stop_requests,
)
from colorize_gan.cli.options import (
    chosen_model,
    model_options,
    on_exists_option,
    quiet_option,
    recursive_option,
    reference_option,
    report_option,
)
from colorize_gan.cli.paths import LocalPath
from colorize_gan.cli.times import KeyframesChoice, Rate, Time
from colorize_gan.cli.wording import Wording
from colorize_gan.core.errors import UsageError, VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.results import ItemResult, OnExists
from colorize_gan.infer.video.options import (
    SCENE_THRESHOLD,
    AudioChoice,
    CodecName,
    Deinterlace,
    Keyframes,
    PixelFormat,
    SubtitleChoice,
    Transfer,
    VideoOptions,
)

if TYPE_CHECKING:
    from colorize_gan.cli.progress import Sink
    from colorize_gan.infer.colorizer import Colorizer
    from colorize_gan.infer.video.job import VideoJob

_SOME_FAILED = VideoError.exit_code


@click.command()
@click.argument(
    "inputs", nargs=-1, required=True, type=LocalPath(readable=False, path_type=Path), metavar="INPUT..."
)
@click.option(
    "--out",
    required=True,
    type=LocalPath(path_type=Path),
    help="Film (.mp4, .mov, .mkv, .m4v, .webm), sequence of images (new_%06d.tif) or folder to write to.",
)
@click.option(
    "--codec",
    type=click.Choice(get_args(CodecName)),
    default="h264",
    show_default=True,
    help="Codec of the written video.",
)
@click.option(
    "--pixel-format",
    type=click.Choice(get_args(PixelFormat)),
    help="Chroma samples to write; 4:4:4:4 keeps transparency.  [default: the usual ones of --codec]",
)
@click.option(
    "--crf", type=click.IntRange(0, 63), help="Quality; lower is better.  [default: h264 17, h265 19, av1 24]"
)
@click.option(
    "--container",
    type=click.Choice([suffix[1:] for suffix in CONTAINERS]),
    help="Container of videos written to a folder.  [default: that of the input, else mkv]",
)
@click.option(
    "--audio",
    type=click.Choice(get_args(AudioChoice)),
    default="copy",
    show_default=True,
    help="Copy the sound, encode it as AAC or lossless FLAC, or leave it out.",
)
@click.option(
    "--subtitles",
    type=click.Choice(get_args(SubtitleChoice)),
    default="copy",
    show_default=True,
    help="Copy the subtitles, or leave them out.",
)
@click.option(
    "--deinterlace",
    type=click.Choice(get_args(Deinterlace)),
    help="Make interlaced films progressive: a frame for each frame, or for each field (smoother).",
)
@click.option(
    "--deflicker",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Average colours over time along the motion, so that they do not flicker.",
)
@click.option(
    "--keyframes",
    type=KeyframesChoice(),
    default=1,
    show_default=True,
    help="Let the network see one frame in K, or (auto) those that motion asks for. Faster.",
)
@click.option(
    "--scene-threshold",
    type=FiniteRange(0, 255),
    default=SCENE_THRESHOLD,
    show_default=True,
    help="Change of mean luma that counts as a cut. Colour smoothing restarts there.",
)
@click.option(
    "--scenes",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="Table of the scenes of one film, in CSV. Edit it and run again: only changed scenes are coloured.",
)
@click.option(
    "--hints",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="Colours of places in one film, in JSON. Each place is followed through its scene.",
)
@reference_option(
    "Picture in right colours of the same person, uniform or place. What looks alike gets its colours.",
    of_each=False,
)
@click.option(
    "--fps",
    type=Rate(),
    help="Frames per second of a sequence of images. With it, INPUT may be a folder of one sequence.",
)
@click.option(
    "--transfer",
    type=click.Choice(get_args(Transfer)),
    help="Meaning of the samples of a sequence: as shown, film densities or linear light.",
)
@click.option("--start", type=Time(), help="Start at this time of the input. The output starts at zero.")
@click.option("--end", type=Time(), help="End before this time of the input.")
@click.option("--resume", is_flag=True, hidden=True)
@click.option(
    "--compare", is_flag=True, help="Write NAME.mp4.compare.mp4, too, with before and after side by side."
)
@on_exists_option(
    ["skip", "overwrite", "error"],
    "What to do if the output exists. skip keeps it and resumes unfinished ones.",
)
@recursive_option
@report_option("Write a JSON report of the run to this file. It has the luma error of each output.")
@quiet_option
@model_options
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_video(
    inputs: tuple[Path, ...],
    out: Path,
    codec: CodecName,
    pixel_format: PixelFormat | None,
    crf: int | None,
    container: str | None,
    audio: AudioChoice,
    subtitles: SubtitleChoice,
    deinterlace: Deinterlace | None,
    deflicker: str,
    keyframes: Keyframes,
    scene_threshold: float,
    scenes: Path | None,
    hints: Path | None,
    reference: Path | None,
    fps: Fraction | None,
    transfer: Transfer | None,
    start: Fraction | None,
    end: Fraction | None,
    resume: bool,
    compare: bool,
    on_exists: OnExists,
    recursive: bool,
    report: Path | None,
    quiet: bool,
) -> int:
    """Colorize black-and-white videos and sequences of images.

    INPUT is a video file, a folder, a quoted glob or a sequence (scan_%06d.tif). Every frame, its time and
    its luma are kept, and so are sound, subtitles and chapters. The colours are a plausible guess, not
    history.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed, 4 device not available, 5 model not usable, 6
    a backend gives other colours, 130 interrupted. Each failed input is listed with its reason.
    """
    if resume:
        raise UsageError("--resume is not needed: unfinished videos are resumed without it; remove it")
    options = VideoOptions(
        codec=codec,
        pixel_format=pixel_format,
        crf=crf,
        audio=audio,
        subtitles=subtitles,
        deinterlace=deinterlace,
        deflicker=deflicker == "on",
        keyframes=keyframes,
        scene_threshold=scene_threshold,
        scenes=scenes,
        hints=hints,
        reference=reference,
        fps=fps,
        transfer=transfer,
        start=start,
        end=end,
        on_exists=on_exists,
        compare=compare,
        measure=report is not None,
    )
    with stop_requests() as stop:
        from colorize_gan.infer.video.job import VideoJob, find_videos, run_videos

        job = VideoJob(inputs, out, chosen_model(), options, recursive, container, report)
        work = find_videos(job)
        with _Terminal(job, quiet=quiet) as terminal:
            run_videos(job, work, terminal, stop)
    if stop.is_set():
        # what is finished is there
        say_how_to_resume(*("--on-exists", "skip") if on_exists == "error" else ())
        return INTERRUPTED
    return _SOME_FAILED if terminal.failed else 0


class _Terminal:
    """Watches a run for a person: see `Watcher`. As a context manager it completes the report."""

    def __init__(self, job: "VideoJob", *, quiet: bool) -> None:
        from colorize_gan.cli.progress import FrameBar

        self._job, self._quiet = job, quiet
        self._bar, self._wording = FrameBar(quiet=quiet), Wording()
        self._sinks: list[Sink] = [self._show]
        self._stack = ExitStack()
        self.failed = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self._bar)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def opened(self, colorizer: "Colorizer", workers: int) -> None:
        if self._job.report:
            from colorize_gan.cli.progress import report_sink

            self._sinks.append(self._stack.enter_context(report_sink(self._job.report, colorizer)))

    def add(self, result: ItemResult) -> None:
        result = self._wording.result(result)
        for sink in self._sinks:
            sink(result)

    def on_frame(self, video: Path, done: int, total: int) -> None:
        self._bar.update(video, done, total)

    def is_over(self) -> bool:
        return False

    def _show(self, result: ItemResult) -> None:
        self.failed += result.status == "failed"
        if result.status == "failed" or not self._quiet:
            self._bar.write(printable(_described(result)))


def _described(result: ItemResult) -> str:
    """Return a line on how a video ended."""
    if result.status != "written":
        return f"{result.source}: {result.status}: {result.reason}"
    line = f"{result.source} -> {result.target}: {result.video['frames']} frames"
    if scores := result.video["flicker"].values():
        cdc, error = (" -> ".join(f"{score[key]:.4f}" for score in scores) for key in ("cdc", "warped_error"))
        line += f"; flicker: CDC {cdc}, warped error {error}"
    return line + (f" ({result.note})" if result.note else "")
