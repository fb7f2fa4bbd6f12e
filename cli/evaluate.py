"""The `colorize-eval` command."""

from pathlib import Path

import click

from colorize_gan.cli.exit_codes import FiniteRange, exit_with_code
from colorize_gan.cli.paths import LocalPath

_MOST_HINTS = 10_000


def _counts(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Read numbers of hints."""
    counts = [part.strip() for part in value.split(",")]
    if not all(count.isdecimal() and int(count) <= _MOST_HINTS for count in counts):
        raise click.BadParameter(f"{value}: not whole numbers of 0 to {_MOST_HINTS}, such as 0,1,5")
    return tuple(dict.fromkeys(map(int, counts)))


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=LocalPath(path_type=Path))
@click.argument("data", type=LocalPath(path_type=Path))
@click.option(
    "--out",
    default="evaluation",
    show_default=True,
    type=LocalPath(file_okay=False, path_type=Path),
    help="Folder to write evaluation.json, evaluation.md and contact-sheet.png to.",
)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    help="Side of the squares, in pixels.  [default: the first model's render size]",
)
@click.option(
    "--held-out",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    metavar="FRACTION",
    help="Use only the photographs that colorize-train --val-fraction FRACTION held out of DATA.",
)
@click.option("--limit", type=click.IntRange(min=2), metavar="N", help="Use N photographs, evenly spaced.")
@click.option(
    "--labels",
    type=LocalPath(exists=True, dir_okay=False, path_type=Path),
    metavar="LIST",
    help="Use the photographs in LIST, with lines of 'path, ImageNet class 0..999', and measure top1.",
)
@click.option(
    "--hints",
    default="0",
    show_default=True,
    metavar="N,N,...",
    callback=_counts,
    help="Measure each model that takes hints with N random patches of the true colour, a row for each N.",
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
    hints: tuple[int, ...],
) -> int:
    """Measure MODELs (checkpoints or exported files) on the colour photographs in DATA.

    They should be photographs that no model was trained on. Higher is better for psnr (dB), psnr_gain (over
    grey), ssim, agreement and top1. Agreement is how often an ImageNet classifier gives the colorized
    photograph the same label as the original. In top1 the label is the right one. Lower is better for
    ciede2000, and for delta_cf, the truth's colourfulness (cf) less the model's. It also is for lpips and
    fid, which need the weights of their networks on this machine.
    """
    from colorize_gan.exporter.evaluation import EvaluationOptions, evaluate_files
    from colorize_gan.trainer.deep_metrics import missing_weights

    options = EvaluationOptions(size, held_out, limit, labels, hints)
    click.echo(evaluate_files(models, data, out, options), nl=False)
    for reason in missing_weights():
        click.echo(reason, err=True)
    click.echo(f"pictures and figures in {out}", err=True)
    return 0
