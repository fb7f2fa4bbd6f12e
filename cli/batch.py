"""The `colorize-batch` command. Heavy imports wait until the options are known to be right."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorize_gan.cli.exit_codes import INTERRUPTED, exit_with_code, say_how_to_resume, stop_requests
from colorize_gan.cli.options import (
    HintsFromParam,
    chosen_model,
    max_megapixels_option,
    model_options,
    on_exists_option,
    quiet_option,
    recursive_option,
    reference_option,
    report_option,
    workers_option,
)
from colorize_gan.cli.paths import LocalPath, PathOrUrl
from colorize_gan.core.errors import ImageError
from colorize_gan.infer.batch.results import FORMATS, BatchOptions, HintsFrom, InColor, OnExists

if TYPE_CHECKING:
    from threading import Event

    from colorize_gan.infer.batch.work import Work
    from colorize_gan.infer.batch_job import BatchJob, Engine

_SOME_FAILED = ImageError.exit_code
_STDIN = Path("-")


@click.command()
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    type=PathOrUrl(allow_dash=True, readable=False, path_type=Path),
    metavar="INPUT...",
)
@click.option(
    "--out",
    required=True,
    type=PathOrUrl(file_okay=False, path_type=Path),
    help="Folder to write to; it mirrors the structure of each INPUT folder.",
)
@model_options
@click.option(
    "--in-color",
    type=click.Choice(["recolor", "copy", "skip"]),
    default="recolor",
    show_default=True,
    help="What to do with colour photographs. Toned ones, such as sepia, are always recoloured.",
)
@click.option(
    "--hints",
    type=HintsFromParam(),
    default="auto",
    show_default=True,
    help="Where hints of colour are: auto (NAME.EXT.hints.json beside the photograph), none, or a folder "
    "that mirrors --out.",
)
@reference_option(
    "Picture in right colours of the same person, uniform or place, or a folder of them that mirrors --out. "
    "What looks alike gets its colours.",
    of_each=True,
)
@workers_option
@max_megapixels_option(BatchOptions.max_megapixels)
@recursive_option
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Take only matching files of a folder. Repeat it for more patterns.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave matching files of a folder out. Repeat it for more patterns.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    default="keep",
    show_default=True,
    help="File format of the outputs; keep is that of the input.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Quality of JPEG and HEIC. The files are better than the number suggests: 95 is written as 99.",
)
@on_exists_option(
    ["skip", "overwrite", "rename", "error"],
    "What to do if the output exists. skip keeps it unless the input, the model or the settings changed. "
    "With rename, each run writes another file beside it.",
)
@report_option("Write a JSON report of the run to this file.")
@click.option(
    "--gallery",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="Write an HTML gallery with before/after sliders to this file.",
)
@click.option("--videos", is_flag=True, help="Colorize videos, too, as colorize-video does.")
@click.option("--shards", is_flag=True, help="Read and write WebDataset tar shards.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Run on this machine, or on a Ray cluster.",
)
@click.option(
    "--ray-address",
    metavar="ADDR",
    help="Ray cluster to connect to: host:port or auto.  [default: $RAY_ADDRESS, else a new local one]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after the first N images.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option(
    "--dry-run", is_flag=True, help="List the files that would be written, and known failures, then exit."
)
@quiet_option
@click.option("-v", "--verbose", is_flag=True, help="Print every file, the runtime and the device.")
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_batch(
    inputs: tuple[Path, ...],
    out: Path,
    in_color: InColor,
    hints: HintsFrom,
    reference: Path | None,
    workers: int | None,
    max_megapixels: float,
    recursive: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    format_: str,
    quality: int,
    on_exists: OnExists,
    report: Path | None,
    gallery: Path | None,
    videos: bool,
    shards: bool,
    engine: "Engine",
    ray_address: str | None,
    limit: int | None,
    fail_fast: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Colorize black-and-white photographs.

    INPUT is an image file, a folder, a quoted glob, a URL, or - for a list of paths on standard input.
    The lightness of each photograph is kept. The colours are a plausible guess, not history.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed, 4 device not available, 5 model not usable, 6
    a backend gives other colours, 130 interrupted. Each failed input is listed with its reason.
    """
    listed = sys.stdin.buffer.read() if _STDIN in inputs else b""
    # from here on: an interrupted import of a C extension is an ImportError
    with stop_requests() as stop:
        from colorize_gan.infer.batch.inputs import read_path_list
        from colorize_gan.infer.batch.work import Selection
        from colorize_gan.infer.batch_job import BatchJob
        from colorize_gan.infer.jobs import find_batch, run_batch

        selection = Selection(recursive, include, exclude, FORMATS[format_])
        options = BatchOptions(
            on_exists=on_exists,
            in_color=in_color,
            hints=hints,
            reference=reference,
            quality=quality,
            max_megapixels=max_megapixels,
            workers=workers,
            measure=report is not None,
            thumbnails=gallery is not None,
            members=selection if shards else None,
        )
        job = BatchJob(
            inputs=[read_path_list(listed) if path == _STDIN else path for path in inputs],
            out=out,
            model=chosen_model(),
            options=options,
            selection=selection,
            videos=videos,
            engine=engine,
            ray_address=ray_address,
            limit=limit,
            fail_fast=fail_fast,
            dry_run=dry_run,
            report=report,
            gallery=gallery,
        )
        work = find_batch(job)
        if dry_run:
            return _list_work(job, work, stop)
        from colorize_gan.cli.batch_terminal import BatchTerminal

        with BatchTerminal(job, work, quiet=quiet, verbose=verbose) as terminal:
            run_batch(job, work, terminal, stop)
    if stop.is_set():
        say_how_to_resume(*() if on_exists == "skip" else ("--on-exists", "skip"))
        return INTERRUPTED
    return _SOME_FAILED if terminal.failed else 0


def _list_work(job: "BatchJob", work: "Work", stop: "Event") -> int:
    from colorize_gan.cli.dry_run import DryRunTerminal
    from colorize_gan.infer.jobs import run_batch

    terminal = DryRunTerminal()
    run_batch(job, work, terminal, stop)
    if stop.is_set():
        return INTERRUPTED
    return _SOME_FAILED if terminal.failed else 0
