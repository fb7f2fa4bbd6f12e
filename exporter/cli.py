"""The `colorize-export` command."""

from pathlib import Path

import click

from colorize_gan import __version__
from colorize_gan.commands import exit_with_code

_FORMATS = ("onnx", "torchscript")


def _parse_formats(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: not one of {', '.join(_FORMATS)}")
    return formats


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the files."
)
@click.option(
    "--format",
    "formats",
    default=",".join(_FORMATS),
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
    "--size", type=click.IntRange(min=32), help="Side of the squares, in pixels; default the contract's."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use N photographs, evenly spaced.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here."
)
@click.version_option(__version__)
@exit_with_code
def colorize_eval(
    model: Path, data: Path, size: int | None, limit: int | None, json_file: Path | None
) -> int:
    """Measure a MODEL (checkpoint or exported file) on the colour photographs in DATA.

    They should be photographs that it was not trained on.
    """
    import json

    from colorize_gan.exporter.evaluation import evaluate_file

    result = evaluate_file(model, data, size, limit)
    for name, value in result.items():
        click.echo(f"{name:18} {value}")
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n")
    return 0
