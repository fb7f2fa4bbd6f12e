"""The `colorize-batch` command. Heavy imports wait until the options are known to be right."""

import itertools
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorize_gan.cli.exit_codes import INTERRUPTED, FiniteRange, exit_with_code, stop_requests
from colorize_gan.cli.options import AutoInt, check_pages, model_options
from colorize_gan.cli.paths import PathOrUrl
from colorize_gan.cli.wording import Wording
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.core.files.containers import VIDEO_SUFFIXES
from colorize_gan.core.system.devices import cuda_number
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.results import FORMATS, BatchOptions, LeftError
from colorize_gan.infer.remote.urls import expand_ranges

if TYPE_CHECKING:
    from colorize_gan.infer.batch.work import Work

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
    type=FiniteRange(min=0, min_open=True),
    default=BatchOptions.max_megapixels,
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
@click.option("--shards", is_flag=True, help="INPUT is WebDataset shards, and so becomes --out.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What does the work: this machine, or a Ray cluster.",
)
@click.option(
    "--ray-address",
    metavar="ADDR",
    help="Of a running cluster, host:port or auto; without it and RAY_ADDRESS, one of this machine.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after the first N images.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--dry-run", is_flag=True, help="List the outputs that are not there yet and stop.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every file, the backend and the device.")
@click.version_option(package_name="colorize-gan")
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
    shards: bool,
    **options: Any,
) -> int:
    """Colorize black-and-white photographs: image files, folders, quoted globs, URLs, - for a list on stdin.

    Colours are a plausible guess, not history. Lightness stays what it was.

    Exit codes: 0 all done, 2 wrong usage, 3 some inputs failed (each is listed with its reason),
    4 device not available, 5 model not usable, 6 a backend gives other colours, 130 interrupted.
    """
    named = list(inputs)
    _check_engine(videos=videos, **options)
    if shards:
        _check_shards(videos=videos, **options)
    listed = sys.stdin.buffer.read() if _STDIN in named else b""
    # from here on: an interrupted import of a C extension is an ImportError
    with stop_requests() as stop:
        from colorize_gan.core.images.formats import SUFFIXES
        from colorize_gan.infer.batch.inputs import find_work, read_path_list
        from colorize_gan.infer.batch.work import SHARDS, Selection
        from colorize_gan.infer.remote.places import ANYWHERE

        urls = [url for path in inputs if path != _STDIN and (url := ANYWHERE.place(path).url)]
        _check_urls(urls, ANYWHERE.place(out).url, videos=videos, on_exists=options["on_exists"])

        selection = Selection(recursive, include, exclude, FORMATS[format_])
        members = selection if shards else None
        if shards:
            selection = Selection(recursive, suffixes=SHARDS)
            named = list(itertools.chain.from_iterable(map(expand_ranges, named)))
        else:
            selection = replace(
                selection,
                suffixes=SUFFIXES | VIDEO_SUFFIXES,
                listed=frozenset() if videos else VIDEO_SUFFIXES,
            )
        paths = [read_path_list(listed) if path == _STDIN else path for path in named]
        work = find_work(paths, out, selection, ANYWHERE)
        report, gallery = options["report"], options["gallery"]
        from colorize_gan.cli.batch_run import is_video, run
        from colorize_gan.infer.batch.gallery import replaced_folder

        replaced = replaced_folder(gallery, len(work.items)) if gallery else None
        check_pages(work, filter(None, (report, gallery)), replaced)
        work = work._replace(items=work.items[:limit])

        if options["on_exists"] == "rename" and any(map(is_video, work.items)):
            raise UsageError("--on-exists rename is for images; with --videos use skip, overwrite or error")
        if dry_run:
            return _list_work(work, on_exists=options["on_exists"])
        try:
            failed = run(work, out, stop, members=members, **options)
        except LeftError:
            if not stop.is_set():
                raise
            failed = 0  # it had not begun
    if stop.is_set():
        again = "" if options["on_exists"] == "skip" else " --on-exists skip"
        click.echo(f"interrupted; go on with: {shlex.join(sys.argv)}{again}", err=True)
    return INTERRUPTED if stop.is_set() else _SOME_FAILED if failed else 0


def _check_urls(inputs: Sequence[str], out: str, *, videos: bool, on_exists: str) -> None:
    """Refuse what object storage cannot do; ``out`` is empty where it is a folder."""
    urls = [*inputs, out] if out else inputs
    if videos and urls:
        raise UsageError(f"{urls[0]}: --videos is for files; copy the videos to a disk")
    if on_exists == "rename" and out:
        raise UsageError(f"{out}: --on-exists rename is for folders; use skip, overwrite or error")


def _check_engine(
    *, engine: str, ray_address: str | None, videos: bool, on_exists: str, device: str, **_: Any
) -> None:
    """Refuse what the engine cannot do."""
    if engine == "local":
        if ray_address is not None:
            raise UsageError("--ray-address is for --engine ray")
        return
    if videos:
        raise UsageError("--videos is for --engine local, and colorize-video")
    if on_exists == "rename":
        raise UsageError(
            "--on-exists rename is for --engine local: what a lost machine wrote would be there twice"
        )
    cuda_number(device, lambda: False)  # refuses what is none
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device}: Ray chooses the GPU; use --device cuda")


def _check_shards(*, videos: bool, on_exists: str, gallery: Path | None, **_: Any) -> None:
    """Refuse what has no meaning for tar files."""
    if videos or gallery:
        raise UsageError(f"{'--videos' if videos else '--gallery'} is for files, not for --shards")
    if on_exists == "rename":
        raise UsageError("--on-exists rename is for images; with --shards use skip, overwrite or error")


def _list_work(work: "Work", on_exists: str) -> int:
    from colorize_gan.infer.remote.places import ANYWHERE

    for item in work.items:
        if on_exists in ("overwrite", "rename") or not ANYWHERE.place(item.target).exists():
            click.echo(printable(f"{item.source} -> {item.target}"))
    wording = Wording()
    for entry in work.bad:
        click.echo(printable(f"{entry.source}: failed: {wording.text(entry.reason)}"), err=True)
    return _SOME_FAILED if work.bad else 0
