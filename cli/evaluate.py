"""The `colorize-eval` command."""

from pathlib import Path

import click

from colorize_gan.cli.exit_codes import FiniteRange, exit_with_code


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
