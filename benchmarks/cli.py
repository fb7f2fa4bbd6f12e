"""The `colorize-bench` command."""

import tempfile
import time
from pathlib import Path
from typing import Any

import click

from colorize_gan.benchmarks.section import SECTIONS, Settings, section
from colorize_gan.cli.exit_codes import exit_with_code
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL


class Percentage(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A number of percent, as a part of one."""

    name = "PERCENT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType.convert`."""
        if isinstance(value, float):
            return value
        try:
            part = float(value.removesuffix("%")) / 100
        except ValueError:
            part = -1
        return part if 0 <= part <= 1 else self.fail(f"{value}: not 0% to 100%", param, ctx)


@click.command()
@click.argument("names", metavar="[SECTION]...", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--quick", is_flag=True, help="Measure a little of everything, in two minutes.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write the results to.  [default: benchmarks; benchmarks/quick with --quick]",
)
@click.option(
    "--compare",
    "old",
    metavar="OLD.json",
    type=click.Path(path_type=Path),
    help="Exit with 6 when a ratio is worse than in these results.",
)
@click.option(
    "--max-regression",
    type=Percentage(),
    default="10%",
    show_default=True,
    help="Share by which a ratio may be worse.",
)
@click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Model: the name of a bundled one, or a lab ONNX file.",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of colour photographs to measure on.  [default: four of scikit-image]",
)
@click.option(
    "--clip",
    "clips",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Video to measure on. Repeat it for more.  [default: one made of a photograph]",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_bench(
    names: tuple[str, ...],
    quick: bool,
    out: Path | None,
    old: Path | None,
    max_regression: float,
    model: str,
    photos: Path | None,
    clips: tuple[Path, ...],
) -> int:
    """Measure SECTIONs, by default all, and write results.json, RESULTS.md, report.html and plots.

    \b
    formats        every exported format: colours, load, latency, memory
    pipeline       photographs from file to file, against a typical script
    start-up       from prompt to file
    training-step  number formats and memory layouts
    video          flicker, and frames a second
    quality        colours against true ones, lightness, a contact sheet
    growth         time and memory with size, batch, files and length

    Results of other sections in the folder are kept. Exit codes: 2 wrong usage, 5 model not usable, 6 a ratio
    is worse than in OLD.json.
    """  # noqa: D301
    from colorize_gan.benchmarks.compare import comparable, compare
    from colorize_gan.benchmarks.photos import write_samples
    from colorize_gan.benchmarks.report import read_results, write_results
    from colorize_gan.infer.backends.bundled import find_model

    names = names or SECTIONS
    earlier = read_results(old) if old else None  # before: it may be the file that is replaced
    if earlier is not None:
        comparable(earlier, dict.fromkeys(names, quick))  # refused now, not after half an hour
    out = out or (Path("benchmarks/quick") if quick else Path("benchmarks"))
    out.mkdir(parents=True, exist_ok=True)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        photos = photos or write_samples(Path(scratch) / "photographs")
        for name in names:
            folder = Path(scratch) / name
            folder.mkdir()
            settings = Settings(find_model(model), photos, clips, quick, folder, out)
            click.echo(f"{name} ...", err=True)
            results[name] = measure(name, settings)
            write_results({name: results[name]}, out)  # a later one may fail
            click.echo(f"{section(name).markdown(results[name])}\n")
    click.echo(f"results in {out}: results.json, RESULTS.md, report.html and plots", err=True)
    if earlier is not None:
        click.echo(compare(earlier, results, max_regression), err=True)
    return 0


def measure(name: str, settings: Settings) -> dict[str, Any]:
    """Run a section; return its result with what it was measured on."""
    from colorize_gan.benchmarks.machine import machine

    start = time.monotonic()
    result = section(name).run(settings)
    seconds = round(time.monotonic() - start)
    made_by = f"`colorize-bench {name}{' --quick' if settings.quick else ''}`, in {seconds} s"
    return {"machine": machine(), "quick": settings.quick, "made_by": made_by, **result}
