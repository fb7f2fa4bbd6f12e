"""The `colorize-export` command."""

from pathlib import Path

import click

from colorize_gan import __version__
from colorize_gan.commands import exit_with_code
from colorize_gan.exporter import FORMATS


def _parse_formats(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: not one of {', '.join(FORMATS)}")
    return formats


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the files."
)
@click.option(
    "--format",
    "formats",
    default=",".join(FORMATS),
    show_default=True,
    callback=_parse_formats,
    help="Comma-separated.",
)
@click.option(
    "--opset", type=click.IntRange(18, 23), default=18, show_default=True, help="ONNX operator set."
)
@click.option(
    "--weights",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="How ONNX weights are stored; computing is float32 either way.",
)
@click.option(
    "--max-delta-e",
    type=click.FloatRange(min=0, min_open=True),
    help="Largest CIEDE2000 p99 to the generator; default 0.1, or 0.5 for fp16 weights.",
)
@click.version_option(__version__)
@exit_with_code
def colorize_export(
    checkpoint: Path,
    out: Path,
    formats: tuple[str, ...],
    opset: int,
    weights: str,
    max_delta_e: float | None,
) -> int:
    """Turn a training CHECKPOINT into files that colorize-batch and other runtimes load.

    Every file is compared with the generator before it appears. Exit codes: 5 checkpoint not usable,
    6 colours differ (the file is not kept).
    """
    from colorize_gan.exporter.export import export_checkpoint

    files = export_checkpoint(
        checkpoint, out, formats=formats, opset=opset, half_weights=weights == "fp16", max_delta_e=max_delta_e
    )
    for file in files:
        parity = file.contract.parity
        megabytes = file.path.stat().st_size / 1e6
        click.echo(
            f"{file.path}  {megabytes:.1f} MB  CIEDE2000 p99 {parity['p99']:.4f} max {parity['max']:.4f}  "
            f"verified on {parity['verified_on']}"
        )
    click.echo(f"next: colorize-batch PHOTOS --out COLORED --model {files[0].path}")
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
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="FRACTION",
    help="Use only what colorize-train --val-fraction FRACTION held out of DATA.",
)
@click.option("--limit", type=click.IntRange(min=2), metavar="N", help="Use N photographs, evenly spaced.")
@click.version_option(__version__)
@exit_with_code
def colorize_eval(
    models: tuple[Path, ...],
    data: Path,
    out: Path,
    size: int | None,
    held_out: float | None,
    limit: int | None,
) -> int:
    """Measure MODELs (checkpoints or exported files) on the colour photographs in DATA.

    They should be photographs that no model was trained on. Higher is better for psnr (dB), psnr_gain (over
    grey) and ssim; lower for ciede2000 and delta_cf (the truth's colourfulness, cf, less the model's), and
    for lpips and fid, which are measured when the weights of their networks are on this machine.
    """
    from colorize_gan.exporter.evaluation import EvaluationOptions, evaluate_files
    from colorize_gan.trainer.deep_metrics import missing_weights

    click.echo(evaluate_files(models, data, out, EvaluationOptions(size, held_out, limit)), nl=False)
    for reason in missing_weights():
        click.echo(reason, err=True)
    click.echo(f"pictures and figures in {out}", err=True)
    return 0
