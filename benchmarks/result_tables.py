"""The tables of the documents that come from results.json."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from colorize_gan.benchmarks import formats
from colorize_gan.benchmarks.timing import table

FOLDER = Path(__file__).parent

PHOTOGRAPHS = 10_000_000
CORE_HOUR = 0.04
"""USD, about what clouds ask."""
REQUESTS = PHOTOGRAPHS / 1000 * (2 * 0.0004 + 0.005)
"""USD of a HEAD, a GET and a PUT each, on S3 Standard in us-east-1."""


@cache
def _read() -> Any:
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


def results(section: str) -> Any:
    """Return the committed results of a section."""
    return _read()[section]


def proof() -> str:
    """Return what the shipped model is good for, in four lines."""
    found = results("quality")
    record, parity = found["record"], found["parity"]
    jpeg, png = found["written"]
    rows = [
        [
            f"colour on {record['photographs']} held-out photographs",
            f"PSNR {record['psnr']:.2f} dB ({record['grey_psnr']:.2f} for grey: {record['psnr_gain']:+.2f}), "
            f"CIEDE2000 {record['ciede2000']:.2f} ({record['grey_ciede2000']:.2f}), "
            f"colourfulness {record['cf']:.1f} (truth {record['truth_cf']:.1f})",
        ],
        [
            "lightness of the written files",
            f"mean error {png['error_mean']} L\\* in PNG, {jpeg['error_mean']} in JPEG; "
            f"99.9th percentile {png['error_p99_9']} and {jpeg['error_p99_9']}",
        ],
        [
            "the ONNX file against the trained network",
            f"CIEDE2000 p99 {parity['p99']:.3f}, largest {parity['max']:.3f}",
        ],
        ["size of the model", f"{found['file_mb']} MB"],
    ]
    return table(["proof", "measured"], rows, 2)


def _measured_formats() -> Iterator[tuple[str, Any]]:
    """Yield the formats that ran, by name and, where it differs, what they computed in."""
    for row in results("formats")["rows"]:
        if "times" in row:
            own = row["computes_in"]
            yield formats.name_of(row) + (f" ({own})" if own != row["precision"] else ""), row


def formats_in_short() -> str:
    """Return what users choose a format by."""
    header = ["format", "CIEDE2000 p99 to eager", "MB", "load ms", "ms an image, p50", "p95"]
    header += ["images/s in batches of eight", "at 512 px", "peak MB"]
    rows = []
    for name, row in _measured_formats():
        if "pixels" in name:
            continue
        one, eight, large = (row["times"][load] for load in ("256 px x 1", "256 px x 8", "512 px x 1"))
        rates = [eight["images_per_second"], large["images_per_second"]]
        cells = [row["megabytes"], row["load_ms"], one["p50_ms"], one["p95_ms"], *rates, row["peak_mb"]]
        rows.append([name, f"{row['ciede2000_p99']:.3f}", *cells])
    return table(header, rows)


def formats_by_color() -> str:
    """Return colours, size and relative speed of each format."""
    header = ["format", "MB", "CIEDE2000 p99", "max", "speed (ONNX Runtime fp32 = one)"]
    rows = [
        [
            name,
            row["megabytes"],
            f"{row['ciede2000_p99']:.3f}",
            f"{row['ciede2000_max']:.3f}",
            f"{row['times']['256 px x 1']['times_fp32']:.2f}",
        ]
        for name, row in _measured_formats()
    ]
    return table(header, rows)


def _pipeline() -> Iterator[tuple[str, str, Any, Any]]:
    """Yield case, backend, what `colorize-batch` took, and what the naive loop did."""
    found = results("pipeline")
    for row in found["rows"]:
        for backend in found["backends"]:
            yield row["case"], backend, row[f"batch-{backend}"], row["naive"]


def _pipeline_in_short() -> Iterator[tuple[str, str, Any, Any]]:
    """Yield the same of JPEG and of large 16-bit TIFF."""
    return (each for each in _pipeline() if "JPEG" in each[0] or each[0].startswith("12 MP TIFF"))


def pipeline_in_short() -> str:
    """Return the speed on JPEG and on large 16-bit TIFF."""
    header = ["photographs", "with", "images/s", "times the plain loop", "peak MB", "plain loop"]
    rows = [
        [case, backend, own["images_per_second"], own["times_naive"], own["peak_mb"], naive["peak_mb"]]
        for case, backend, own, naive in _pipeline_in_short()
    ]
    return table(header, rows, 2)


def pipeline() -> str:
    """Return the speed on every kind of file."""
    header = ["photographs", "with", "images/s", "times the naive loop", "of codecs and model alone"]
    ratios = ("images_per_second", "times_naive", "times_bound", "peak_mb")
    rows = [
        [case, backend, *(own[name] for name in ratios), naive["peak_mb"]]
        for case, backend, own, naive in _pipeline()
    ]
    return table([*header, "peak MB", "naive"], rows, 2)


def sizing() -> str:
    """Return what the pipeline's figures come to for ten million photographs."""
    cores = results("pipeline")["machine"]["cores"]
    header = ["ten million of", "with", "images/s a core", "core hours", "hours on a hundred cores", "USD"]
    rows = []
    for case, backend, own, _ in _pipeline_in_short():
        rate = own["images_per_second"] / cores
        hours = PHOTOGRAPHS / rate / 3600
        cost = round(hours * CORE_HOUR + REQUESTS)
        cells = [f"{rate:.2f}", round(hours), f"{hours / 100:.1f}", cost, own["peak_mb"]]
        rows.append([case, backend, *cells])
    return table([*header, "peak MB"], rows, 2)


def model_quality() -> str:
    """Return the record in the model file, beside grey and the truth."""
    record = results("quality")["record"]
    rows: list[list[object]] = [
        ["PSNR, dB", f"{record['psnr']:.2f}", f"{record['grey_psnr']:.2f}", ""],
        ["SSIM", f"{record['ssim']:.3f}", f"{record['grey_ssim']:.3f}", ""],
        ["CIEDE2000", f"{record['ciede2000']:.2f}", f"{record['grey_ciede2000']:.2f}", 0],
        ["colourfulness (Hasler, Suesstrunk)", f"{record['cf']:.1f}", 0, f"{record['truth_cf']:.1f}"],
    ]
    return table(["", "model", "grey", "truth"], rows)
