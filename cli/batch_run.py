"""A run of `colorize-batch`: opens what does the work, and tells how it went."""

import contextlib
import itertools
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from colorize_gan.cli.exit_codes import log_shown
from colorize_gan.cli.progress import FrameBar, Progress, Sink, gallery_sink
from colorize_gan.cli.wording import Wording
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.containers import VIDEO_SUFFIXES
from colorize_gan.core.images.formats import UNSUPPORTED_SUFFIXES
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.open import open_colorizer
from colorize_gan.infer.batch.results import BatchOptions, ItemResult
from colorize_gan.infer.batch.work import Selection, Work, WorkItem
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.video.options import VideoOptions

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer

_OWN_OPTIONS = ("on_exists", "in_color", "quality", "max_megapixels", "workers")
"""Options that are fields of `BatchOptions`."""
_A_VIDEO = "a video; --videos colorizes it, and so does colorize-video"

_IsOver = Callable[[], bool]


class _Opened(NamedTuple):
    """What does the work."""

    colorizer: "Colorizer"
    """The model, or what stands for that of other machines."""
    colorize: Callable[[list[WorkItem], _IsOver], Generator[ItemResult, None, None]]


def run(
    work: Work,
    out: Path,
    stop: threading.Event,
    *,
    members: Selection | None,
    engine: str,
    ray_address: str | None,
    report: Path | None,
    gallery: Path | None,
    fail_fast: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Do the work and tell of it; return how many inputs failed."""
    own = {name: options.pop(name) for name in _OWN_OPTIONS}
    batch = BatchOptions(**own, measure=report is not None, thumbnails=gallery is not None, members=members)
    images = [item for item in work.items if not is_video(item)]
    clips = [item for item in work.items if is_video(item)]
    with ExitStack() as stack:
        opened: _Opened | None = None
        if engine == "ray" and images:
            opened = stack.enter_context(
                _on_cluster(ray_address, images, out, batch, stop, verbose, **options)
            )
        elif images or clips or report:
            opened = _open(out, batch, verbose, **options)

        from colorize_gan.infer.batch.report import Report

        total = None if members else len(work.items) + len(work.bad) + len(work.listed)
        progress = Progress(total, quiet=quiet, verbose=verbose)
        stack.callback(progress.close)

        def is_over() -> bool:
            """Tell whether the run is to stop; what is in hand then is finished, and told of."""
            failed = fail_fast and progress.counts["failed"] > 0
            return stop.is_set() or failed or progress.is_storage_lost

        sinks: list[Sink] = [progress.add]
        if report and opened:
            sinks.append(stack.enter_context(Report(report, sys.argv, opened.colorizer)).add)
        if gallery:
            is_file = not ANYWHERE.place(out).url  # browsers open no objects
            sinks.append(stack.enter_context(gallery_sink(gallery, out, len(work.items), has_links=is_file)))
        results: list[Iterator[ItemResult]] = [
            iter([ItemResult(entry.source, None, "failed", entry.reason) for entry in work.bad]),
            iter([ItemResult(path, None, "skipped", _A_VIDEO) for path in work.listed]),
        ]
        if opened and images:
            results.append(stack.enter_context(closing(opened.colorize(images, is_over))))
        if opened and clips:
            results.append(_videos(stack, clips, out, opened.colorizer, batch, stop, is_over, quiet=quiet))
        for result in map(Wording().result, itertools.chain(*results)):
            for sink in sinks:
                sink(result)
    if not quiet:
        _say_what_was_done(progress, work, out, report, gallery)
    if progress.is_storage_lost:
        click.echo("stopped: the storage fails again and again; the same command goes on", err=True)
    return progress.counts["failed"]


def is_video(item: WorkItem) -> bool:
    """Tell a video from an image."""
    return item.source.suffix.lower() in VIDEO_SUFFIXES


def _open(out: Path, batch: BatchOptions, verbose: bool, **options: Any) -> _Opened:
    """Open the model here."""
    with log_shown() if verbose else nullcontext():
        colorizer = open_colorizer(**options)
    from colorize_gan.infer.folder import colorize_items

    if verbose:
        click.echo(f"model {_in_use(colorizer)}", err=True)
    return _Opened(colorizer, lambda items, is_over: colorize_items(items, out, colorizer, batch, is_over))


@contextlib.contextmanager
def _on_cluster(
    address: str | None,
    items: list[WorkItem],
    out: Path,
    batch: BatchOptions,
    stop: threading.Event,
    verbose: bool,
    **options: Any,
) -> Iterator[_Opened]:
    """Let the machines of a Ray cluster open the model."""
    with packages_for("--engine ray"):
        from colorize_gan.infer.remote.cluster import open_cluster
    with ExitStack() as stack:
        # Ray prints the logs of a lost machine there
        shown = sys.stderr if verbose else stack.enter_context(Path(os.devnull).open("w"))
        stack.enter_context(contextlib.redirect_stdout(shown))
        opened = open_cluster(address, items, out, batch, options, stop.is_set, verbose=verbose)
        cluster = stack.enter_context(opened)
        if verbose:
            stack.enter_context(log_shown())
            click.echo(f"model {_in_use(cluster.colorizer)}, in {cluster.need.workers} workers", err=True)
        yield _Opened(cluster.colorizer, lambda items, is_over: cluster.colorize(items, out, is_over))


def _in_use(colorizer: "Colorizer") -> str:
    used = colorizer.backend
    return f"{colorizer.contract.name} on {used.name}, {used.device}, {used.precision}"


def _videos(
    stack: ExitStack,
    clips: list[WorkItem],
    out: Path,
    colorizer: "Colorizer",
    batch: BatchOptions,
    stop: threading.Event,
    is_over: _IsOver,
    *,
    quiet: bool,
) -> Iterator[ItemResult]:
    from colorize_gan.infer.video.video import colorize_videos

    film = VideoOptions(on_exists=batch.on_exists, measure=batch.measure)
    bar = stack.enter_context(FrameBar(quiet=quiet))
    going = itertools.takewhile(lambda _: not is_over(), clips)
    videos = colorize_videos(going, colorizer, film, out=out, stop=stop, on_frame=bar.update)
    return stack.enter_context(closing(videos))


def _say_what_was_done(
    progress: Progress,
    work: Work,
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
    unsupported = Counter({suffix: n for suffix, n in work.others.items() if suffix in UNSUPPORTED_SUFFIXES})
    for kind, others in (
        ("images of an unsupported format", unsupported),
        ("files that are no images", work.others - unsupported),
    ):
        if others:
            summary += f"; {others.total()} {kind} left alone ({_most_common(others)})"
    for name, path in (("report", report), ("gallery", gallery)):
        summary += f"; {name}: {path}" if path else ""
    click.echo(printable(summary), err=True)


def _most_common(suffixes: Counter[str]) -> str:
    return ", ".join(f"{suffix or 'no suffix'} {count}" for suffix, count in suffixes.most_common(5))
