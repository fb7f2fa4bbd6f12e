"""The `colorize-batch` command. Heavy imports wait until the options are known to be right."""

import itertools
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorize_gan import __version__
from colorize_gan.commands import INTERRUPTED, exit_with_code, log_shown, printable, stop_requests
from colorize_gan.errors import ImageError, UsageError
from colorize_gan.infer.options import AutoInt, model_options, open_colorizer
from colorize_gan.infer.results import FORMATS, MAX_MEGAPIXELS
from colorize_gan.infer.urls import PathOrUrl, is_url
from colorize_gan.infer.video.options import VIDEO_SUFFIXES, VideoOptions

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer
    from colorize_gan.infer.inputs import Work, WorkItem
    from colorize_gan.infer.watch import Progress, Sink

_SOME_FAILED = ImageError.exit_code
_STDIN = Path("-")
_OUTAGE = 5  # items in a row that the storage fails, each tried several times, end the run
_OWN_OPTIONS = ("on_exists", "in_color", "quality", "max_megapixels", "workers")
"""Options that are fields of `BatchOptions`."""
_A_VIDEO = "a video; --videos colorizes it, and so does colorize-video"


@click.command()
@click.argument(
    "inputs", nargs=-1, required=True, type=PathOrUrl(allow_dash=True, path_type=Path), metavar="INPUT..."
)
@click.option(
    "--out",
    required=True,
    type=PathOrUrl(file_okay=False, path_type=Path),
    help="Folder of the results; mirrors the tree of each INPUT folder.",
)
@model_options
@click.option(
    "--in-color",
    type=click.Choice(["recolor", "copy", "skip"]),
    default="recolor",
    show_default=True,
    help="What to do with colour photographs; toned ones (sepia) are always recoloured.",
)
@click.option("--workers", type=AutoInt(), default="auto", show_default=True, help="Images in work at once.")
@click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=MAX_MEGAPIXELS,
    show_default=True,
    help="Refuse larger images.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Search subfolders.")
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Of a folder, take matching files only; repeatable."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Of a folder, leave matching files out; repeatable."
)
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="keep", show_default=True)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of JPEG and HEIC, at a fifth of the format's own loss.",
)
@click.option(
    "--on-exists",
    type=click.Choice(["skip", "overwrite", "rename", "error"]),
    default="skip",
    show_default=True,
    help="Where the output is there: skip redoes those whose input, model or settings changed.",
)
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a JSON record of the run."
)
@click.option(
    "--gallery", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page, before and after."
)
@click.option("--videos", is_flag=True, help="Colorize the videos, too, as colorize-video does.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after the first N images.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--dry-run", is_flag=True, help="List the outputs that are not there yet and stop.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every file, the backend and the device.")
@click.version_option(__version__)
@exit_with_code
def colorize_batch(
    inputs: tuple[Path, ...],
    out: Path,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    recursive: bool,
    format_: str,
    limit: int | None,
    dry_run: bool,
    videos: bool,
    **options: Any,
) -> int:
    """Colorize black-and-white photographs: image files, folders, quoted globs, URLs, - for a list on stdin.

    Colours are a plausible guess, not history. Lightness stays what it was.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed (each is listed with its reason),
    4 device not available, 5 model not usable, 6 a backend gives other colours, 130 interrupted.
    """
    named = list(inputs)
    _check_urls(inputs, out, videos=videos, on_exists=options["on_exists"])
    listed = sys.stdin.buffer.read() if _STDIN in named else b""
    # from here on: an interrupted import of a C extension is an ImportError
    with stop_requests() as stop:
        from colorize_gan.infer.inputs import Selection, find_work, read_path_list
        from colorize_gan.suffixes import SUFFIXES

        selection = Selection(
            recursive,
            include,
            exclude,
            FORMATS[format_],
            suffixes=SUFFIXES | VIDEO_SUFFIXES,
            listed=frozenset() if videos else VIDEO_SUFFIXES,
        )
        paths = [read_path_list(listed) if path == _STDIN else path for path in named]
        work = find_work(paths, out, selection)
        _check_pages(work, options["report"], options["gallery"])
        work = work._replace(items=work.items[:limit])
        if options["on_exists"] == "rename" and any(map(_is_video, work.items)):
            raise UsageError("--on-exists rename is for images; with --videos use skip, overwrite or error")
        if dry_run:
            return _list_work(work, on_exists=options["on_exists"])
        failed = _run(work, out, stop, **options)
    return INTERRUPTED if stop.is_set() else _SOME_FAILED if failed else 0


def _check_urls(inputs: tuple[Path, ...], out: Path, *, videos: bool, on_exists: str) -> None:
    """Refuse what object storage cannot do."""
    urls = [path for path in (*inputs, out) if is_url(path)]
    if videos and urls:
        raise UsageError(f"{urls[0]}: --videos is for files; copy the videos to a disk")
    if on_exists == "rename" and is_url(out):
        raise UsageError(f"{out}: --on-exists rename is for folders; use skip, overwrite or error")


def _check_pages(work: "Work", report: Path | None, gallery: Path | None) -> None:
    """Refuse a report or gallery that would take the place of a picture, or of the other."""
    pages = [path.resolve() for path in (report, gallery) if path]
    pictures = (
        {path.resolve() for item in work.items for path in (item.source, item.target)} if pages else set()
    )
    for page in pages:
        if page.exists() and not page.is_file():
            raise UsageError(
                f"{page}: not a regular file; --report and --gallery are replaced by their new one"
            )
        if page in pictures or pages.count(page) > 1:
            raise UsageError(f"{page}: --report and --gallery need names of their own")


def _is_video(item: "WorkItem") -> bool:
    return item.source.suffix.lower() in VIDEO_SUFFIXES


def _list_work(work: "Work", on_exists: str) -> int:
    from colorize_gan.infer.storage import is_there

    for item in work.items:
        if on_exists in ("overwrite", "rename") or not is_there(item.target):
            click.echo(printable(f"{item.source} -> {item.target}"))
    for entry in work.bad:
        click.echo(printable(f"{entry.source}: failed: {entry.reason}"), err=True)
    return _SOME_FAILED if work.bad else 0


def _run(
    work: "Work",
    out: Path,
    stop: threading.Event,
    *,
    report: Path | None,
    gallery: Path | None,
    fail_fast: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Do the work and tell of it; return how many inputs failed."""
    own = {name: options.pop(name) for name in _OWN_OPTIONS}
    colorizer = _open(verbose, **options) if work.items or report else None

    from colorize_gan.infer.batch import colorize_items
    from colorize_gan.infer.report import Report
    from colorize_gan.infer.results import BatchOptions, ItemResult
    from colorize_gan.infer.watch import FrameBar, Progress, gallery_sink

    batch = BatchOptions(**own, measure=report is not None, thumbnails=gallery is not None)
    progress = Progress(len(work.items) + len(work.bad) + len(work.listed), quiet=quiet, verbose=verbose)
    bad = [ItemResult(entry.source, None, "failed", entry.reason) for entry in work.bad]

    images = [item for item in work.items if not _is_video(item)]
    clips = [item for item in work.items if _is_video(item)]
    left = [ItemResult(path, None, "skipped", _A_VIDEO) for path in work.listed]
    film = VideoOptions(on_exists=batch.on_exists, resume=batch.on_exists == "skip", measure=batch.measure)

    def is_over() -> bool:
        """Tell whether the run is to stop; what is in hand then is finished, and told of."""
        failed = fail_fast and progress.counts["failed"] > 0
        return stop.is_set() or failed or progress.unreachable >= _OUTAGE

    with ExitStack() as stack:
        stack.callback(progress.close)
        sinks: list[Sink] = [progress.add]
        if report and colorizer:
            sinks.append(stack.enter_context(Report(report, sys.argv, colorizer)).add)
        if gallery:
            sinks.append(stack.enter_context(gallery_sink(gallery, out, len(work.items))))
        results: list[Iterator[ItemResult]] = []
        if colorizer and images:
            colored = colorize_items(images, out, colorizer, batch, is_over)
            results.append(stack.enter_context(closing(colored)))
        if colorizer and clips:
            from colorize_gan.infer.video.video import colorize_videos

            bar = stack.enter_context(FrameBar(quiet=quiet))
            going = itertools.takewhile(lambda _: not is_over(), clips)
            results.append(colorize_videos(going, colorizer, film, stop=stop, on_frame=bar.update))
        for result in itertools.chain(bad, left, *results):
            for sink in sinks:
                sink(result)
    if not quiet:
        _say_what_was_done(progress, work, out, report, gallery)
    if progress.unreachable >= _OUTAGE:
        click.echo("stopped: the storage fails again and again; the same command goes on", err=True)
    if stop.is_set():
        again = "" if batch.on_exists == "skip" else " --on-exists skip"
        click.echo(f"interrupted; go on with: {shlex.join(sys.argv)}{again}", err=True)
    return progress.counts["failed"]


def _open(verbose: bool, **options: Any) -> "Colorizer":
    with log_shown() if verbose else nullcontext():
        colorizer = open_colorizer(**options)
    if verbose:
        used = colorizer.backend
        click.echo(
            f"model {colorizer.contract.name} on {used.name}, {used.device}, {used.precision}", err=True
        )
    return colorizer


def _say_what_was_done(
    progress: "Progress",
    work: "Work",
    out: Path,
    report: Path | None,
    gallery: Path | None,
) -> None:
    counts = progress.counts
    summary = f"{counts['written']} written, {counts['skipped']} skipped, {counts['failed']} failed, in {out}"
    if progress.to_look_at:
        summary += f"; look at {progress.to_look_at} with hardly any colour or damage"
    if work.listed:
        summary += f"; {len(work.listed)} of the skipped are videos: --videos colorizes them"
    if work.others:
        kinds = ", ".join(f"{suffix or 'no suffix'} {count}" for suffix, count in work.others.most_common(5))
        summary += f"; {work.others.total()} files that are no images left alone ({kinds})"
    for name, path in (("report", report), ("gallery", gallery)):
        summary += f"; {name}: {path}" if path else ""
    click.echo(printable(summary), err=True)
