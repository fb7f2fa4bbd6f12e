"""The curves of a model's runs, one after another: `python benchmarks/studies/curves.py RUN... --out PNG`."""

import argparse
import json
from itertools import accumulate
from pathlib import Path

import matplotlib.pyplot as plt

CURVES = {
    "loss/pixel": "pixel loss",
    "loss/recognition": "divergence of a classifier's answers, nats",
    "val/psnr_gain": "PSNR gain over grey, dB (held out)",
    "val/cf": "colourfulness (held out)",
}


def main(runs: list[Path], out: Path) -> None:
    """Plot what each run logged against the steps of all."""
    logs = [[json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in runs]
    starts = [*accumulate((log[-1]["step"] for log in logs[:-1]), initial=0)]
    figure, axes = plt.subplots(1, len(CURVES), figsize=(16, 3.2), layout="constrained")
    for axis, (name, title) in zip(axes, CURVES.items(), strict=True):
        for run, log, start in zip(runs, logs, starts, strict=True):
            lines = [line for line in log if name in line]
            steps, values = [start + line["step"] for line in lines], [line[name] for line in lines]
            axis.plot(steps, values, marker="o" if name.startswith("val/") else None, label=run.name)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
    axes[0].legend()
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of colorize-train")
    parser.add_argument("--out", required=True, type=Path, metavar="PNG")
    arguments = parser.parse_args()
    main(arguments.runs, arguments.out)
