"""The `colorize-export` command."""

import itertools
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorize_gan.cli.exit_codes import FiniteRange, exit_with_code
from colorize_gan.cli.paths import LocalPath
from colorize_gan.core.errors import UsageError
from colorize_gan.exporter import FORMATS, GRAPHS, PRECISIONS
from colorize_gan.infer.backends.bundled import bundled_models

if TYPE_CHECKING:
    from colorize_gan.exporter.export import ExportedFile

_CHECKPOINT = "checkpoint"
"""A format that is not exported but restored from an exported file."""
_FORMATS = (*FORMATS, _CHECKPOINT)


def _names_of(choices: tuple[str, ...]) -> Callable[..., tuple[str, ...] | None]:
    """Return a callback that splits a comma-separated option."""

    def split(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        names = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        unknown = [name for name in names if name not in choices]
        if unknown:
            raise click.BadParameter(f"{', '.join(unknown)}: not one of {', '.join(choices)}")
        return names

    return split


@click.command()
@click.argument("source", metavar="CHECKPOINT", type=LocalPath(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=LocalPath(file_okay=False, path_type=Path),
    help="Folder to write the files to.",
)
@click.option(
    "--format",
    "formats",
    callback=_names_of(_FORMATS),
    help=f"Formats to write, comma-separated: {', '.join(_FORMATS)}.  "
    "[default: onnx,torchscript; onnx if only that is possible]",
)
@click.option(
    "--graph",
    type=click.Choice(GRAPHS),
    default="lab",
    show_default=True,
    help="Graph to write: lab is from L* to ab; pixels is from RGB to RGB with all arithmetic inside (ONNX).",
)
@click.option(
    "--precision",
    "precisions",
    default="fp32",
    show_default=True,
    callback=_names_of(tuple(dict.fromkeys(itertools.chain(*PRECISIONS.values())))),
    help="Precisions to write, comma-separated. "
    + "; ".join(f"{format_}: {', '.join(names)}" for format_, names in PRECISIONS.items())
    + ". A format without any of them is written in fp32.",
)
@click.option(
    "--opset",
    type=click.IntRange(18, 23),
    help="ONNX operator set.  [default: 18; of an ONNX file, its own]",
)
@click.option(
    "--calibration",
    type=LocalPath(path_type=Path),
    help="Folder of photographs to calibrate int8 on. Up to 300 are read.  [default: seven bundled ones]",
)
@click.option(
    "--max-delta-e",
    type=FiniteRange(min=0, min_open=True),
    help="Largest CIEDE2000 p99 to the generator that passes.  "
    "[default: fp32 0.1, fp16-weights 0.5, fp16 and bf16 1, int8-weights 2, int8 3]",
)
@click.option("--no-verify", is_flag=True, help="Do not compare colours. The contract says so.")
@click.option(
    "--triton",
    type=LocalPath(file_okay=False, path_type=Path),
    help="Write the ONNX files into this Triton model repository, too.",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_export(
    source: Path,
    out: Path,
    formats: tuple[str, ...] | None,
    graph: str,
    precisions: tuple[str, ...],
    opset: int | None,
    calibration: Path | None,
    max_delta_e: float | None,
    no_verify: bool,
    triton: Path | None,
) -> int:
    """Turn a training CHECKPOINT into files that colorize-batch and other runtimes load.

    CHECKPOINT may also be a lab ONNX file that computes in fp32, or the name of a bundled model. That gives
    ONNX files of other precisions, the pixels graph, or a checkpoint to train on from. Every file is compared
    with the generator before it appears.

    Exit codes: 2 wrong usage, 5 checkpoint not usable, 6 colours differ (the file is not kept).
    """
    from colorize_gan.core.parity import PHOTOGRAPHS
    from colorize_gan.exporter.export import ExportOptions, export_file
    from colorize_gan.exporter.triton import write_triton_model

    source = bundled_models().get(str(source), source)
    if formats is None:
        formats = ("onnx",) if source.suffix == ".onnx" or graph == "pixels" else ("onnx", "torchscript")
    if triton is not None and "onnx" not in formats:
        raise UsageError("--triton: needs --format onnx")
    files: list[Iterable[ExportedFile]] = []
    if exported := tuple(name for name in formats if name != _CHECKPOINT):
        photographs = calibration or PHOTOGRAPHS
        options = ExportOptions(exported, graph, precisions, opset, max_delta_e, not no_verify, photographs)
        files.append(export_file(source, out, options))
    if _CHECKPOINT in formats:
        unfit: dict[str, object] = {"--graph pixels": graph == "pixels"}
        if not exported:
            unfit |= {"--precision": precisions != ("fp32",), "--opset": opset, "--calibration": calibration}
        _check_restoring(source, unfit)
        files.append(_restored(source, out, max_delta_e, verify=not no_verify))
    click.echo("| file | precision | MB | CIEDE2000 p99 | max | ms at render size | verified on |")
    click.echo("|---|---|---:|---:|---:|---:|---|")
    written = []
    for file in itertools.chain(*files):
        written.append(file.path)
        click.echo(_row(file))
        if triton is not None and file.path.suffix == ".onnx":
            click.echo(
                f"{write_triton_model(file, triton)}: "
                f"for tritonserver --model-repository {shlex.quote(str(triton))}",
                err=True,
            )
    _say_next(written, source, graph)
    return 0


def _check_restoring(source: Path, options: Mapping[str, object]) -> None:
    """Refuse what cannot become a checkpoint, and options that say nothing of one."""
    if source.suffix != ".onnx":
        raise UsageError(f"--format checkpoint: {source.name} is one; give an ONNX file")
    for option, value in options.items():
        if value:
            raise UsageError(f"{option}: is not for --format checkpoint")


def _restored(
    source: Path, out: Path, max_delta_e: float | None, *, verify: bool
) -> Iterator["ExportedFile"]:
    """Yield the checkpoint of an ONNX file, when its turn comes."""
    from colorize_gan.exporter.restore import restore_file

    yield restore_file(source, out, verify=verify, max_delta_e=max_delta_e)


def _row(file: "ExportedFile") -> str:
    parity = {"p99": "", "max": "", "verified_on": "not verified"} | file.contract.parity
    megabytes = file.path.stat().st_size / 1e6
    return (
        f"| {file.path.name} | {file.contract.precision} | {megabytes:.1f} | {parity['p99']} | "
        f"{parity['max']} | {file.milliseconds:.1f} | {parity['verified_on']} |"
    )


def _say_next(written: list[Path], source: Path, graph: str) -> None:
    """Say what can be done with the files that were written."""
    found = next((path for path in written if path.suffix != ".pt"), None)
    if found is None:
        click.echo(f"next: colorize-train PHOTOS --init {shlex.quote(str(written[0]))} --out RUN", err=True)
        return
    first = shlex.quote(str(found))
    # a pixels graph cannot be compared with a lab one
    against = f" --against {shlex.quote(str(source))}" if graph == "lab" else ""
    click.echo(f"next: colorize-verify {first}{against}", err=True)
    if graph == "lab":
        click.echo(f"      colorize-batch PHOTOS --out COLORED --model {first}", err=True)
