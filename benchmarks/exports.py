"""Every form of the shipped model, side by side: `python benchmarks/exports.py [CHECKPOINT]`.

Exports them, times them in turns at the render size on one thread, and writes `benchmarks/exports.json` and
its table.
Without the checkpoint, the shipped ONNX file is the source, and TorchScript and pt2 are left out.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.exporter import PRECISIONS
from colorize_gan.exporter.export import ExportedFile, ExportOptions, export_file
from colorize_gan.infer.backends import Backend, open_backend
from colorize_gan.infer.models import DEFAULT_MODEL, find_model

RESULT = Path(__file__).with_suffix(".json")
ROUNDS = 15


def main(source: Path) -> None:
    """Export, measure, print and write."""
    formats = ("onnx",)
    if source.suffix != ".onnx":
        import torch

        torch.set_num_threads(1)
        formats += ("torchscript", "pt2")
    with tempfile.TemporaryDirectory() as folder:
        files = [
            *export_file(source, Path(folder), ExportOptions(formats, precisions=PRECISIONS["onnx"])),
            *export_file(source, Path(folder), ExportOptions(("onnx",), "pixels", ("fp32", "int8"))),
        ]
        milliseconds = interleaved([open_backend(file.path, "native", "cpu") for file in files])
        rows = [row(file, time, milliseconds[0]) for file, time in zip(files, milliseconds, strict=True)]
    RESULT.write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    print(table(rows))  # noqa: T201


def interleaved(backends: list[Backend]) -> list[float]:
    """Return each backend's median milliseconds for one image, measured in turns."""
    times: list[list[float]] = [[] for _ in backends]
    for round_ in range(ROUNDS + 2):
        for backend, own in zip(backends, times, strict=True):
            side = backend.contract.render_size
            pixels = backend.contract.graph == "pixels"
            shape = (1, side, side, 3) if pixels else (1, 1, side, side)
            inputs = np.full(shape, 50, np.uint8 if pixels else np.float32)
            start = time.perf_counter()
            backend.run(inputs)
            if round_ >= 2:  # the first ones warm up
                own.append(1000 * (time.perf_counter() - start))
    return [statistics.median(own) for own in times]


def row(file: ExportedFile, milliseconds: float, base: float) -> dict[str, Any]:
    """Return the figures of one file."""
    parity = file.contract.parity
    return {
        "file": file.path.name,
        "precision": file.contract.precision,
        "megabytes": round(file.path.stat().st_size / 1e6, 1),
        "milliseconds": round(milliseconds, 1),
        "times_fp32": round(base / milliseconds, 2),
    } | {name: parity[name] for name in ("mean", "p99", "max", "changed_pixels", "floor", "verified_on")}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| file | MB | CIEDE2000 mean | p99 | max | speed (fp32 ONNX = 1) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        colors = f"{r['mean']:.3f} | {r['p99']:.3f} | {r['max']:.3f}"
        lines.append(f"| `{r['file']}` | {r['megabytes']:.1f} | {colors} | {r['times_fp32']:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else find_model(DEFAULT_MODEL))
