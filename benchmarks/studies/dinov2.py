"""How the runs of dinov2_small went: `python benchmarks/studies/dinov2.py RUN...` after `colorize-train`.

Writes dinov2.json: what each run measured on its held-out photographs, after each pass over the others.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from colorize_gan.benchmarks.timing import table

KEPT = ("photographs", "psnr_gain", "cf", "truth_cf", "ciede2000", "grey_ciede2000")


def rows_of(run: Path, photographs: int) -> list[dict[str, Any]]:
    """Return a row for each evaluation of a run over so many photographs."""
    config = json.loads((run / "config.json").read_text())
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    rows = []
    for line in lines:
        if "val/psnr_gain" in line:
            crops = line["step"] * config["batch_size"]
            measured = {name: line[f"val/{name}"] for name in KEPT}
            rows.append(
                {"run": config["name"], "epochs": round(crops / photographs, 2), "crops": crops, **measured}
            )
    return rows


def main(runs: list[Path], photographs: int) -> None:
    """Read the runs' logs, write the JSON beside this script, print the table."""
    rows = [row for run in runs for row in rows_of(run, photographs)]
    Path(__file__).with_suffix(".json").write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    print(table(list(rows[0]), [list(row.values()) for row in rows]))  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of colorize-train")
    parser.add_argument("--photographs", required=True, type=int, help="how many the runs learn from")
    arguments = parser.parse_args()
    main(arguments.runs, arguments.photographs)
