"""The course of the shipped model's training: `python benchmarks/studies/curves.py RUN/metrics.jsonl...`.

Keeps what `colorize-train` logged, one run after the other, in `benchmarks/studies/curves.json`, and draws
`docs/training-curves.png`. Without runs it draws what it has kept.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot
from matplotlib.axes import Axes

from colorize_gan.benchmarks import plots as plots  # the looks

RESULT = Path(__file__).with_suffix(".json")
PICTURE = Path(__file__).parents[2] / "docs" / "training-curves.png"
PANELS = {
    "losses of the generator, of their first value": ("loss/pixel", "loss/perceptual", "loss/recognition"),
    "adversaries": ("loss/D", "loss/G"),
    "held out: PSNR gain over grey, dB": ("val/psnr_gain",),
    "held out: colourfulness, of the truth's": ("val/cf_ratio",),
}
DIGITS = 4

Points = dict[str, list[list[float]]]
"""By name: [step, value] pairs."""


def main(runs: Sequence[Path]) -> None:
    """Keep and draw."""
    if runs:
        RESULT.write_text(json.dumps(joined(runs)) + "\n")
    points: Points = json.loads(RESULT.read_text())
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 6.5), layout="constrained", sharex=True)
    for axis, (title, names) in zip(axes.flat, PANELS.items(), strict=True):
        draw(axis, title, {name: points[name] for name in names if name in points})
    figure.savefig(PICTURE, dpi=90)


def joined(runs: Sequence[Path]) -> Points:
    """Read the logs of runs that follow each other; steps are counted on from one to the next."""
    points: Points = {}
    first = 0
    for run in runs:
        lines = [json.loads(line) for line in run.read_text().splitlines()]
        for line in lines:
            step = first + line["step"]
            for name, value in (line | ratios(line)).items():
                if any(name in names for names in PANELS.values()):
                    points.setdefault(name, []).append([step, round(value, DIGITS)])
        first += lines[-1]["step"]
    return points


def ratios(line: dict[str, float]) -> dict[str, float]:
    """Return the colourfulness relative to the truth's, of an evaluation."""
    return {"val/cf_ratio": line["val/cf"] / line["val/truth_cf"]} if "val/cf" in line else {}


def draw(axis: Axes, title: str, drawn: Points) -> None:
    """Draw the named curves in one panel."""
    for name, pairs in drawn.items():
        steps, values = zip(*pairs, strict=True)
        scale = values[0] if "first value" in title else 1
        axis.plot(steps, [value / scale for value in values], label=name, linewidth=1)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("step")
    axis.legend(fontsize=8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", type=Path, metavar="METRICS", help="metrics.jsonl of a run")
    main(parser.parse_args().runs)
