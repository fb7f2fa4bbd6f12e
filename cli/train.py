"""The `colorize-train` and `colorize-prepare` commands."""

import dataclasses
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorize_gan.cli.exit_codes import INTERRUPTED, FiniteRange, exit_with_code, stop_requests
from colorize_gan.cli.paths import LocalPath
from colorize_gan.core.errors import ModelError, UsageError
from colorize_gan.core.text import with_settings
from colorize_gan.trainer.config import TrainConfig, parse_setting, read_settings

if TYPE_CHECKING:
    from colorize_gan.trainer.loop import Trainer
    from colorize_gan.trainer.processes import Processes

_OPTIONS = (
    *("arch", "pretrained", "l1_epochs", "gan_epochs", "batch_size", "crop_size", "lr", "freeze_batchnorm"),
    *("val_fraction", "name", "license", "training_data"),
)
"""The settings that have an option of their own; --set gives the others."""


def settings_and_help() -> Iterator[tuple[str, str, str]]:
    """Yield each setting's name, its default as --set takes it, and the sentence about it."""
    for field in dataclasses.fields(TrainConfig):
        yield field.name, str(field.default).lower(), field.metadata["help"]


def _setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `_OPTIONS`; those not given stay None."""
    types = {field.name: field.type for field in dataclasses.fields(TrainConfig)}
    described = {name: f"{text}  [default: {default}]" for name, default, text in settings_and_help()}
    for name in reversed(_OPTIONS):
        option = click.option(f"--{name.replace('_', '-')}", type=types[name], help=described[name])
        command = option(command)
    return command


def _list_settings(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    formatter = context.make_formatter()
    formatter.write_dl(
        [(f"{name}={default}", with_settings(text, str)) for name, default, text in settings_and_help()]
    )
    click.echo(formatter.getvalue(), nl=False)
    context.exit()


@click.command()
@click.argument("data", type=LocalPath(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=LocalPath(file_okay=False, path_type=Path),
    help="Folder for the checkpoint, the settings and the logs of the run.",
)
@click.option(
    "--config",
    "config_file",
    type=LocalPath(path_type=Path),
    help="Read settings from a JSON file, such as the config.json of an earlier run.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set any setting by its name, in preference to --config. Repeat it for more settings.",
)
@click.option(
    "--list-settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_settings,
    help="List all settings with their defaults, then exit.",
)
@click.option(
    "--init",
    "init_from",
    type=LocalPath(path_type=Path),
    help="Start with the generator of this checkpoint.",
)
@click.option(
    "--features",
    type=LocalPath(file_okay=False, path_type=Path),
    help="Keep the features of a frozen encoder in this folder, so that later epochs and runs are faster. "
    "Each crop takes about 0.2 MB.",
)
@click.option(
    "--resume", is_flag=True, help="Resume the run in --out from its checkpoint, with its settings."
)
@click.option(
    "--max-minutes",
    type=FiniteRange(min=0, min_open=True),
    help="Save a checkpoint and stop after this many minutes.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Train on this device: auto, cpu, cuda or cuda:N.",
)
@_setting_options
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_train(
    data: Path,
    out: Path,
    config_file: Path | None,
    assignments: tuple[str, ...],
    init_from: Path | None,
    features: Path | None,
    resume: bool,
    max_minutes: float | None,
    device: str,
    **settings: Any,
) -> int:
    """Train a generator on a folder of colour photographs.

    Writes checkpoint.pt, config.json, metrics.jsonl and TensorBoard events to the folder of the run.
    On many processors: torchrun --nproc-per-node N $(which colorize-train) DATA --out RUN_DIR.
    Exit codes: 2 wrong usage or data, 4 no such device, 5 weights or checkpoint not usable, 130 interrupted.
    """
    from colorize_gan.trainer.processes import joined_processes

    options = {name: value for name, value in settings.items() if value is not None}
    with joined_processes(device) as processes, stop_requests() as stop:
        if resume:
            others = {"config": config_file, "set": assignments, "init": init_from}
            _refuse_settings([name for name, value in others.items() if value] + list(options))
            trainer = _resumed(data, out, features, processes)
        else:
            given = (read_settings(config_file) if config_file else {}) | _given(assignments, options)
            trainer = _new(data, out, init_from, features, given, processes)
        done = trainer.run(max_minutes, stop)
    if not processes.leads:
        return 0
    if done:
        checkpoint = shlex.quote(str(out / "checkpoint.pt"))
        click.echo(f"next: colorize-export {checkpoint} --out exported", err=True)
        return 0
    kept = ["--features", str(features)] if features else []
    again = shlex.join(["colorize-train", str(data), "--out", str(out), "--resume", *kept])
    click.echo(f"saved; resume with: {again}", err=True)
    return INTERRUPTED if stop.is_set() else 0


def _refuse_settings(names: Sequence[str]) -> None:
    if names:
        named = ", ".join(f"`{name}`" for name in names)
        raise UsageError(f"--resume continues with the settings of the run; remove {named}")


def _given(assignments: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the command line."""
    given: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: write NAME=VALUE")
        given[name] = parse_setting(name, text)
    for name in given.keys() & options.keys():
        raise UsageError(f"--set {name}: given as `{name}`, too; remove one")
    return given | options


def _new(
    data: Path,
    out: Path,
    init_from: Path | None,
    features: Path | None,
    settings: dict[str, Any],
    processes: "Processes",
) -> "Trainer":
    from colorize_gan.trainer.checkpoint import load_checkpoint
    from colorize_gan.trainer.loop import CHECKPOINT_NAME, Trainer

    if (out / CHECKPOINT_NAME).exists():
        raise UsageError(f"--out {out}: has a run in it; add --resume to resume it, or choose another folder")
    start = load_checkpoint(init_from) if init_from else None
    config = TrainConfig.of(({"arch": start.contract.architecture} if start else {}) | settings)
    if start is not None and start.contract.architecture != config.arch:
        raise ModelError(f"--init {init_from}: holds {start.contract.architecture}, not {config.arch}")
    return Trainer(config, data, out, init_from=start, features=features, processes=processes)


def _resumed(data: Path, out: Path, features: Path | None, processes: "Processes") -> "Trainer":
    from colorize_gan.trainer.checkpoint import load_checkpoint
    from colorize_gan.trainer.loop import CHECKPOINT_NAME, Trainer

    checkpoint = load_checkpoint(out / CHECKPOINT_NAME)
    return Trainer(
        checkpoint.config, data, out, resume_from=checkpoint, features=features, processes=processes
    )


@click.command()
@click.argument("source", type=LocalPath(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=LocalPath(file_okay=False, path_type=Path),
    help="Folder to write the set to.",
)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    default=288,
    show_default=True,
    help="Reduce larger pictures to this short side, in pixels.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Leave out pictures with a shorter side, in pixels.",
)
@click.option(
    "--min-chroma",
    type=FiniteRange(min=0),
    default=4.0,
    show_default=True,
    help="Leave out pictures with a lower mean CIE chroma, such as grey and toned ones.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Images to work on at once.  [default: one a core]"
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_prepare(
    source: Path, out: Path, size: int, min_size: int, min_chroma: float, workers: int | None
) -> int:
    """Make a packed set of colour photographs from the images below SOURCE, for colorize-train.

    Leaves out images that cannot be decoded, are too small or grey, or are nearly the same as another one.
    Lists them in rejected.tsv, each with its reason.
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
