"""Shared by studies of models: photographs that none learnt from, rows of figures, JSON and a table."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from colorize_gan.benchmarks.timing import table
from colorize_gan.trainer.photos import Photo, find_photos, split_photos

Rows = list[dict[str, Any]]


def study(script: str, description: str | None, rows_of: Callable[[Path, Sequence[Photo]], Rows]) -> None:
    """Run a study from the command line: measure, write the JSON beside its script, print the table.

    Args:
        script: its ``__file__``.
        description: its ``__doc__``.
        rows_of: measures a model, a checkpoint or an exported file, on photographs.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="PHOTOS")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="checkpoint or exported file")
    parser.add_argument("--held-out", type=float, default=0.05, help="the val_fraction of their runs")
    parser.add_argument("--limit", type=int, default=400)
    arguments = parser.parse_args()
    photos = split_photos(find_photos(arguments.data), arguments.held_out)[1]
    photos = photos[:: max(1, len(photos) // arguments.limit)][: arguments.limit]
    rows = [row for model in arguments.models for row in rows_of(model, photos)]
    result = {"photographs": len(photos), "rows": rows}
    Path(script).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    print(table(list(rows[0]), [list(row.values()) for row in rows]))  # noqa: T201
