"""The `colorize-batch` command. Heavy imports wait until the options are known to be right."""

import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorize_gan import __version__
from colorize_gan.commands import INTERRUPTED, exit_with_code, stop_requests
from colorize_gan.errors import ImageError
from colorize_gan.infer.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Generator

    from colorize_gan.infer.batch import ItemResult
    from colorize_gan.infer.inputs import WorkItem

_FORMATS = {"keep": None, "jpg": ".jpg", "png": ".png", "tiff": ".tiff", "webp": ".webp"}
_SOME_FAILED = ImageError.exit_code


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; mirrors the tree of each INPUT folder.",
)
@click.option("-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Bundled name or model file.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--backend",
    type=click.Choice(["auto", "onnxruntime", "torchscript", "pt2"]),
    default="auto",
    show_default=True,
    help="Runtime; auto takes the one of the model file.",
)
@click.option("--render-size", type=click.IntRange(min=1), help="Short side the network sees, in pixels.")
@click.option(
    "--saturation", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Chroma gain."
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Blend of the image's own colour (0) with the predicted one (1).",
)
@click.option("--workers", type=click.IntRange(min=1), help="Images in work at once; default one a core.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Search subfolders.")
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Of a folder, take matching files only; repeatable."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Of a folder, leave matching files out; repeatable."
)
@click.option("--format", "format_", type=click.Choice(list(_FORMATS)), default="keep", show_default=True)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of JPEG colour; lightness is finer.",
)
@click.option(
    "--on-exists",
    type=click.Choice(["skip", "overwrite", "error"]),
    default="skip",
    show_default=True,
    help="What to do where the output is there already.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after the first N images.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--dry-run", is_flag=True, help="List what would be written and stop.")
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
    **options: Any,
) -> int:
    """Colorize black-and-white photographs: image files and whole folders.

    Colours are a plausible guess, not history. Lightness stays what it was.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed (each is listed with its reason),
    4 device not available, 5 model not usable, 130 interrupted.
    """
    # from here on: an interrupted import of a C extension is an ImportError
    with stop_requests() as stop:
        from colorize_gan.infer.inputs import Selection, find_work

        selection = Selection(recursive, include, exclude, _FORMATS[format_])
        items, bad = find_work(inputs, out, selection)
        for entry in bad:
            click.echo(f"{entry.source}: failed: {entry.reason}", err=True)
        items = items[:limit]
        counts = Counter(failed=len(bad))
        if dry_run:
            for item in items:
                if options["on_exists"] == "overwrite" or not item.target.exists():
                    click.echo(f"{item.source} -> {item.target}")
        elif items and not (bad and options["fail_fast"]):
            _colorize(items, out, counts, stop, **options)
    return INTERRUPTED if stop.is_set() else _SOME_FAILED if counts["failed"] else 0


def _colorize(
    items: "list[WorkItem]",
    out: Path,
    counts: Counter[str],
    stop: threading.Event,
    *,
    model: str,
    device: str,
    backend: str,
    render_size: int | None,
    saturation: float,
    strength: float,
    workers: int | None,
    quality: int,
    on_exists: Any,
    fail_fast: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run the work items and report on stderr; add to ``counts`` how many ended how."""
    from colorize_gan.infer.batch import colorize_items
    from colorize_gan.infer.colorizer import Colorizer

    colorizer = Colorizer(
        model,
        backend=backend,
        device=device,
        render_size=render_size,
        saturation=saturation,
        strength=strength,
    )
    if verbose:
        used = colorizer.backend
        click.echo(f"model {colorizer.contract.name} on {used.name}, {used.device}", err=True)
    results = colorize_items(items, colorizer, on_exists=on_exists, quality=quality, workers=workers)
    _watch(results, len(items), counts, stop, fail_fast=fail_fast, quiet=quiet, verbose=verbose)
    if not quiet:
        summary = f"{counts['written']} written, {counts['skipped']} skipped, {counts['failed']} failed"
        click.echo(f"{summary}, in {out}", err=True)
        if stop.is_set():
            click.echo("interrupted; the same command goes on from here", err=True)


def _watch(
    results: "Generator[ItemResult, None, None]",
    total: int,
    counts: Counter[str],
    stop: threading.Event,
    *,
    fail_fast: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Count the results and show progress and failures."""
    from tqdm import tqdm

    # no terminal, no bar: a log file wants lines
    hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
    with tqdm(total=total, unit="img", disable=hidden, dynamic_ncols=True) as bar:
        for result in results:
            counts[result.status] += 1
            bar.update()
            if result.status == "failed" or verbose:
                bar.set_postfix(failed=counts["failed"])
                reason = f": {result.reason}" if result.reason else ""
                bar.write(f"{result.source}: {result.status}{reason}", file=sys.stderr)
            if stop.is_set() or (fail_fast and result.status == "failed"):
                results.close()
