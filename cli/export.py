"""The `colorize-export`, `colorize-verify` and `colorize-eval` commands."""

import itertools
import shlex
from collections.abc import Callable
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import FiniteRange, exit_with_code
from colorize_gan.core.errors import UsageError, VerificationError
from colorize_gan.exporter import FORMATS, GRAPHS, PRECISIONS
from colorize_gan.infer.backends.bundled import BACKENDS, bundled_models


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
@click.argument("source", metavar="CHECKPOINT", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the files."
)
@click.option(
    "--format",
    "formats",
    callback=_names_of(FORMATS),
    help=f"Comma-separated, of {', '.join(FORMATS)}.  [default: onnx,torchscript; onnx if alone possible]",
)
@click.option(
    "--graph",
    type=click.Choice(GRAPHS),
    default="lab",
    show_default=True,
    help="L to ab, or whole RGB images with all colour arithmetic inside (ONNX).",
)
@click.option(
    "--precision",
    "precisions",
    default="fp32",
    show_default=True,
    callback=_names_of(tuple(dict.fromkeys(itertools.chain(*PRECISIONS.values())))),
    help="Comma-separated. "
    + "; ".join(f"{format_}: {', '.join(names)}" for format_, names in PRECISIONS.items())
    + ". A format that has none of them is written in fp32.",
)
@click.option(
    "--opset",
    type=click.IntRange(18, 23),
    help="ONNX operator set.  [default: 18; that of an ONNX file that stands for the checkpoint]",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Folder of photographs for int8; up to 300 are read.  [default: seven that come with the package]",
)
@click.option(
    "--max-delta-e",
    type=FiniteRange(min=0, min_open=True),
    help="Largest CIEDE2000 p99 to the generator.  "
    "[default: fp32 0.1, fp16-weights 0.5, fp16 and bf16 1, int8 3]",
)
@click.option("--no-verify", is_flag=True, help="Do not compare colours; the files say so.")
@click.option(
    "--triton",
    type=click.Path(file_okay=False, path_type=Path),
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

    A lab ONNX file, fp32 or fp16-weights, or the name of a bundled model may stand for the checkpoint, to
    make ONNX files of other precisions, the pixels graph, or a checkpoint to train on from. Every file is
    compared with the generator before it appears.

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
    options = ExportOptions(
        formats, graph, precisions, opset, max_delta_e, not no_verify, calibration or PHOTOGRAPHS
    )
    files = []
    click.echo("| file | precision | MB | CIEDE2000 p99 | max | ms at render size | verified on |")
    click.echo("|---|---|---:|---:|---:|---:|---|")
    for file in export_file(source, out, options):
        files.append(file)
        parity = {"p99": "", "max": "", "verified_on": "not verified"} | file.contract.parity
        megabytes = file.path.stat().st_size / 1e6
        click.echo(
            f"| {file.path.name} | {file.contract.precision} | {megabytes:.1f} | {parity['p99']} | "
            f"{parity['max']} | {file.milliseconds:.1f} | {parity['verified_on']} |"
        )
        if triton is not None and file.path.suffix == ".onnx":
            click.echo(
                f"{write_triton_model(file, triton)}: "
                f"for tritonserver --model-repository {shlex.quote(str(triton))}",
                err=True,
            )
    paths = [file.path for file in files]
    found = next((path for path in paths if path.suffix != ".pt"), None)
    if found is None:
        click.echo(f"next: colorize-train PHOTOS --init {shlex.quote(str(paths[0]))} --out RUN", err=True)
        return 0
    first = shlex.quote(str(found))
    # a pixels graph cannot be compared with a lab one
    against = f" --against {shlex.quote(str(source))}" if graph == "lab" else ""
    click.echo(f"next: colorize-verify {first}{against}", err=True)
    if graph == "lab":
        click.echo(f"      colorize-batch PHOTOS --out COLORED --model {first}", err=True)
    return 0


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Checkpoint or model file to compare with; without it, the fingerprint in the file's contract.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of photographs to compare on, with --against; up to 300 are read.  "
    "[default: seven that come with the package]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="Runtime to verify on.  [default: the file's own]",
)
@click.option(
    "--max-delta-e",
    type=FiniteRange(min=0, min_open=True),
    help="Largest CIEDE2000 p99.  [default: that of the precision]",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_verify(
    model: Path,
    against: Path | None,
    images: Path | None,
    device: str,
    backend: str | None,
    max_delta_e: float | None,
) -> int:
    """Show what a MODEL file says of itself and check its colours on this machine.

    Exit codes: 2 wrong usage, 4 no such device, 5 file not usable, 6 colours differ.
    """
    from colorize_gan.core.parity import PHOTOGRAPHS, enforce
    from colorize_gan.exporter.verify import card, verify
    from colorize_gan.infer.backends.bundled import find_model
    from colorize_gan.infer.backends.open import open_backend

    if images is not None and against is None:
        raise UsageError("--images: needs --against; a fingerprint is of known images only")
    opened = open_backend(
        find_model(model), backend or "native", device, gate=False
    )  # what follows is stricter
    click.echo(card(opened.contract))
    try:
        record, floor = verify(opened, against, images or PHOTOGRAPHS, max_delta_e)
        click.echo(
            f"- here, on {opened.name} {opened.device}, against {against or 'its fingerprint'}: CIEDE2000 "
            f"mean {record['mean']}, p99 {record['p99']} (at most {floor.p99}), max {record['max']}, "
            f"changed 8-bit pixels {record['changed_pixels']:.2%}, worst on {record['worst']}"
        )
        enforce(record, floor)
    except VerificationError as error:
        raise VerificationError(f"{model}: {error}") from error
    return 0


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    default="evaluation",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of evaluation.json, evaluation.md and contact-sheet.png.",
)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    help="Side of the squares, in pixels; default the first model's render size.",
)
@click.option(
    "--held-out",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    metavar="FRACTION",
    help="Use only what colorize-train --val-fraction FRACTION held out of DATA.",
)
@click.option("--limit", type=click.IntRange(min=2), metavar="N", help="Use N photographs, evenly spaced.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="LIST",
    help="Use the photographs of LIST, lines of 'path from the list, ImageNet class 0..999'; measures top1.",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_eval(
    models: tuple[Path, ...],
    data: Path,
    out: Path,
    size: int | None,
    held_out: float | None,
    limit: int | None,
    labels: Path | None,
) -> int:
    """Measure MODELs (checkpoints or exported files) on the colour photographs in DATA.

    They should be photographs that no model was trained on. Higher is better for psnr (dB), psnr_gain (over
    grey), ssim and agreement (the share of pictures that an ImageNet classifier takes for what it takes the
    true ones for) and top1 (the share that it takes for what they are); lower for ciede2000 and delta_cf (the
    truth's colourfulness, cf, less the model's), and for lpips and fid, which are measured when the weights
    of their networks are on this machine.
    """
    from colorize_gan.exporter.evaluation import EvaluationOptions, evaluate_files
    from colorize_gan.trainer.deep_metrics import missing_weights

    click.echo(evaluate_files(models, data, out, EvaluationOptions(size, held_out, limit, labels)), nl=False)
    for reason in missing_weights():
        click.echo(reason, err=True)
    click.echo(f"pictures and figures in {out}", err=True)
    return 0
