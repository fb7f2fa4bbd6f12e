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
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    default="evaluation",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of evaluation.json, evaluation.md and contact-sheet.png.",
)
@click.option(
    "--size", type=click.IntRange(min=32), help="Side of the squares, in pixels; default the contract's."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use N photographs, evenly spaced.")
@click.version_option(__version__)
@exit_with_code
def colorize_eval(model: Path, data: Path, out: Path, size: int | None, limit: int | None) -> int:
    """Measure a MODEL (checkpoint or exported file) on the colour photographs in DATA.

    They should be photographs that it was not trained on. Higher is better for psnr (dB), psnr_gain (over
    grey) and ssim; lower for ciede2000 and delta_cf (the truth's colourfulness, cf, less the model's).
    """
    from colorize_gan.exporter.evaluation import evaluate_file

    click.echo(evaluate_file(model, data, out, size, limit), nl=False)
    click.echo(f"pictures and figures in {out}", err=True)
    return 0
