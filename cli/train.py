"""The `colorize-train` and `colorize-prepare` commands; the former's options are `TrainConfig`'s fields."""

import dataclasses
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorize_gan.cli.exit_codes import INTERRUPTED, FiniteRange, exit_with_code, stop_requests
from colorize_gan.core.errors import ModelError, UsageError
from colorize_gan.trainer.config import TrainConfig, option_of, read_settings

if TYPE_CHECKING:
    from colorize_gan.trainer.loop import Trainer
    from colorize_gan.trainer.processes import Processes


def _config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add one option a field; those not given stay None."""
    for setting in reversed(dataclasses.fields(TrainConfig)):
        command = click.option(
            option_of(setting.name),
            type=setting.type,
            help=f"{setting.metadata['help']}  [default: {setting.default}]",
        )(command)
    return command


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the run."
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Settings of an earlier run.")
@click.option(
    "--init", "init_file", type=click.Path(path_type=Path), help="Checkpoint whose generator to start with."
)
@click.option("--resume", is_flag=True, help="Go on from the run's checkpoint, with its settings.")
@click.option("--max-minutes", type=FiniteRange(min=0, min_open=True), help="Save and stop after so long.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@_config_options
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_train(
    data: Path,
    out: Path,
    config_file: Path | None,
    init_file: Path | None,
    resume: bool,
    max_minutes: float | None,
    device: str,
    **settings: Any,
) -> int:
    """Train a generator on a folder of colour photographs.

    Writes checkpoint.pt, config.json, metrics.jsonl and TensorBoard events to the run's folder.
    On many processors: torchrun --nproc-per-node N $(which colorize-train) DATA --out RUN_DIR.
    Exit codes: 2 wrong usage or data, 4 no such device, 5 weights or checkpoint not usable, 130 interrupted.
    """
    from colorize_gan.trainer.processes import joined_processes

    given = {name: value for name, value in settings.items() if value is not None}
    with joined_processes(device) as processes, stop_requests() as stop:
        if resume:
            others = {"config": config_file, "init": init_file} | given
            named = [name for name, value in others.items() if value is not None]
            trainer = _resumed(data, out, named, processes)
        else:
            trainer = _new(data, out, config_file, init_file, given, processes)
        done = trainer.run(max_minutes, stop)
    if not processes.leads:
        return 0
    if done:
        checkpoint = shlex.quote(str(out / "checkpoint.pt"))
        click.echo(f"next: colorize-export {checkpoint} --out exported", err=True)
        return 0
    again = shlex.join(["colorize-train", str(data), "--out", str(out), "--resume"])
    click.echo(f"saved; go on with: {again}", err=True)
    return INTERRUPTED if stop.is_set() else 0


def _new(
    data: Path,
    out: Path,
    config_file: Path | None,
    init_file: Path | None,
    given: dict[str, Any],
    processes: "Processes",
) -> "Trainer":
    from colorize_gan.trainer.checkpoint import load_checkpoint
    from colorize_gan.trainer.loop import CHECKPOINT_NAME, Trainer

    if (out / CHECKPOINT_NAME).exists():
        raise UsageError(
            f"--out {out}: has a run in it; add --resume to go on with it, or choose another folder"
        )
    init_from = load_checkpoint(init_file) if init_file else None
    settings = {"arch": init_from.contract.architecture} if init_from else {}
    settings |= read_settings(config_file) if config_file else {}
    config = TrainConfig.of(settings | given)
    if init_from is not None and init_from.contract.architecture != config.arch:
        raise ModelError(f"--init {init_file}: holds {init_from.contract.architecture}, not {config.arch}")
    return Trainer(config, data, out, init_from=init_from, processes=processes)


def _resumed(data: Path, out: Path, others: list[str], processes: "Processes") -> "Trainer":
    from colorize_gan.trainer.checkpoint import load_checkpoint
    from colorize_gan.trainer.loop import CHECKPOINT_NAME, Trainer

    if others:
        named = ", ".join(map(option_of, others))
        raise UsageError(f"--resume goes on with the run's own settings; remove {named}")
    checkpoint = load_checkpoint(out / CHECKPOINT_NAME)
    return Trainer(checkpoint.config, data, out, resume_from=checkpoint, processes=processes)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the set."
)
@click.option(
    "--size", type=click.IntRange(min=32), default=288, show_default=True, help="Short side, in pixels."
)
@click.option(
    "--min-size", type=click.IntRange(min=1), default=128, show_default=True, help="Shortest side kept."
)
@click.option(
    "--min-chroma",
    type=FiniteRange(min=0),
    default=4.0,
    show_default=True,
    help="Least mean CIE chroma kept.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Images in work at once; default one a core.")
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_prepare(
    source: Path, out: Path, size: int, min_size: int, min_chroma: float, workers: int | None
) -> int:
    """Make a packed set of colour photographs from the images below SOURCE, for colorize-train.

    Leaves out what cannot be decoded, is too small, grey, or nearly the same as another image;
    rejected.tsv lists it with the reason.
    """
    from colorize_gan.trainer.prepare import REJECTED_NAME, PrepareOptions, prepare

    options = PrepareOptions(size=size, min_size=min_size, min_chroma=min_chroma)
    counts = prepare(source, out, options, workers or os.cpu_count() or 1)
    for reason, count in counts.most_common():
        click.echo(f"{count:8} {reason}", err=True)
    if counts.total() > counts["kept"]:
        click.echo(f"left out: see {out / REJECTED_NAME}", err=True)
    click.echo(f"next: colorize-train {shlex.quote(str(out))} --out RUN", err=True)
    return 0
