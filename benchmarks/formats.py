"""Every format on every runtime: colours, size, load, latency, throughput and memory, side by side."""

import statistics
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from colorize_gan.benchmarks import runtimes
from colorize_gan.benchmarks.plots import bars
from colorize_gan.benchmarks.runtimes import Format
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import Worker, digits, in_turns, median_ratio, table, workers
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.parity import Run, compare, limit_of, photographs
from colorize_gan.infer.backends.protocol import RunBackend
from colorize_gan.infer.colorizer import Colorizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Formats"
PICTURES = ("formats.png",)

FORMATS = (
    Format("PyTorch eager", "fp32", "checkpoint.pt", "eager", quick=True),
    Format("PyTorch eager", "bf16", "checkpoint.pt", "eager"),
    Format("TorchScript", "fp32", "fp32.torchscript", quick=True),
    Format("TorchScript", "bf16", "bf16.torchscript"),
    Format("pt2, torch.export", "fp32", "fp32.pt2"),
    Format("pt2, AOTInductor", "fp32", "compiled.pt2", "aotinductor"),
    Format("ONNX Runtime", "fp32", "fp32.onnx", quick=True),
    Format("ONNX Runtime", "fp16-weights", "fp16-weights.onnx"),
    Format("ONNX Runtime", "fp16", "fp16.onnx"),
    Format("ONNX Runtime", "int8", "int8.onnx", quick=True),
    Format("OpenVINO", "fp32", "fp32.onnx", "openvino", quick=True),
    Format("OpenVINO", "int8", "int8.onnx", "openvino"),
    Format("ONNX Runtime, pixels", "fp32", "pixels.fp32.onnx"),
    Format("ONNX Runtime, pixels", "int8", "pixels.int8.onnx"),
    Format("PyTorch eager", "fp32", "checkpoint.pt", "eager", "cuda"),
    Format("ONNX Runtime", "fp32", "fp32.onnx", "onnxruntime", "cuda", quick=True),
    Format("ONNX Runtime", "fp16", "fp16.onnx", "onnxruntime", "cuda"),
    Format("TensorRT", "fp16", "fp32.onnx", "tensorrt", "cuda"),
)
_REFERENCE, _BASE = FORMATS[0].name, "ONNX Runtime fp32"


@dataclass(frozen=True)
class Load:
    """The input of a model at once."""

    side: int
    count: int
    rounds: int
    quick_rounds: int = 0

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.side} px x {self.count}"


LOADS = (Load(256, 1, 15, 5), Load(256, 8, 3), Load(512, 1, 5), Load(512, 8, 2))


def run(settings: Settings) -> dict[str, Any]:
    """Measure all formats; one that fails is a row that says why."""
    chosen = [format_ for format_ in FORMATS if format_.quick or not settings.quick]
    failures = export(settings.model, settings.scratch, chosen, verify=not settings.quick)
    rows: dict[str, dict[str, Any]] = {}
    contracts: dict[str, ModelContract] = {}
    with workers([format_.name for format_ in chosen]) as processes:
        for format_ in chosen:
            own = {"runtime": format_.runtime, "precision": format_.precision, "device": format_.device}
            try:
                file = settings.scratch / format_.file
                if not file.exists():
                    raise FileNotFoundError(failures[format_.file])
                contracts[format_.name], found = _opened(processes[format_.name], file, format_)
            except Exception as error:  # whatever a runtime raises where it does not work
                found = {"status": f"failed: {reason(error)}"}
            rows[format_.name] = own | found
        good = {name: processes[name] for name in contracts}
        if _REFERENCE in good:
            _measure_colors(good, contracts, rows, settings)
        _measure_times(good, rows, settings)
    return {"threads": 1, "rows": list(rows.values())}


def reason(error: BaseException) -> str:
    """Return the first line of what an exception says."""
    lines = str(error).strip().splitlines()
    return f"{lines[0]}" if lines else type(error).__name__


def export(model: Path, folder: Path, chosen: list[Format], *, verify: bool) -> dict[str, str]:
    """Make the files of formats; return why those that are not there are not, by name.

    All are made from one checkpoint, which is restored from the model. PyTorch is kept out of this process.
    """
    failures: dict[str, str] = {}
    needed = dict.fromkeys(["checkpoint.pt", *(format_.file for format_ in chosen)])
    with workers(["exporter"]) as processes:
        for name in needed:
            try:
                processes["exporter"].call(_make, model, folder, name, verify)
            except Exception as error:  # a colour gate, a compiler, a library that is not there
                failures[name] = reason(error)
    return failures


def _make(model: Path, folder: Path, name: str, verify: bool) -> None:
    """Make one file."""
    from colorize_gan.exporter.export import ExportOptions, export_file
    from colorize_gan.exporter.restore import restore_checkpoint

    checkpoint, exported = folder / "checkpoint.pt", folder / "exported"
    if name == "checkpoint.pt":
        restore_checkpoint(model, checkpoint)
        return
    if name == "compiled.pt2":
        runtimes.compile_aotinductor(checkpoint, folder / name)
        return
    *graph, precision, format_ = name.split(".")
    options = ExportOptions((format_,), graph[0] if graph else "lab", (precision,), verify=verify)
    # the others are made from the first ONNX file, which takes a tenth of the time
    source = folder / "fp32.onnx" if (folder / "fp32.onnx").exists() and format_ == "onnx" else checkpoint
    if name == "fp32.onnx" and not verify:
        source = model
    [file] = export_file(source, exported, options)
    file.path.rename(folder / name)


def _opened(process: Worker, file: Path, format_: Format) -> tuple[ModelContract, dict[str, Any]]:
    contract, precision, load, first = process.call(runtimes.open_here, file, format_)
    return contract, {
        "status": "ok",
        "computes_in": precision,
        "megabytes": digits(file.stat().st_size / 1e6),
        "load_ms": round(load),
        "first_ms": round(first),
    }


def _measure_colors(
    good: dict[str, Worker],
    contracts: dict[str, ModelContract],
    rows: dict[str, dict[str, Any]],
    settings: Settings,
) -> None:
    """Compare each with the eager generator; a pixels graph with what colorize-batch makes of that."""
    eager = RunBackend(contracts[_REFERENCE], _runner(good[_REFERENCE]))
    colorizer = Colorizer(eager)
    for name, process in good.items():
        contract = contracts[name]
        probes = islice(photographs(contract), 1 if settings.quick else None)
        reference = eager.run if contract.graph == "lab" else _on_each(colorizer.colorize)
        found = compare(reference, _runner(process), probes)
        limit = limit_of(contract, rows[name]["computes_in"]).p99
        rows[name] |= {"ciede2000_p99": found["p99"], "ciede2000_max": found["max"]}
        if found["p99"] > limit:
            rows[name]["status"] = f"other colours: CIEDE2000 p99 above {limit}"


def _on_each(work: Run) -> Run:
    return lambda images: np.stack([work(image) for image in images])


def _runner(process: Worker) -> Run:
    return lambda batch: process.call(runtimes.run_here, batch)


def _measure_times(good: dict[str, Worker], rows: dict[str, dict[str, Any]], settings: Settings) -> None:
    for load in LOADS:
        rounds = load.quick_rounds if settings.quick else load.rounds
        if not rounds:
            continue
        works = {name: _timed(process, load) for name, process in good.items()}
        in_turns(works, 1)  # warms up
        times = in_turns(works, rounds)
        for name, own in times.items():
            rows[name].setdefault("times", {})[load.name] = {
                "p50_ms": digits(statistics.median(own)),
                "p95_ms": digits(float(np.percentile(own, 95))),
                "images_per_second": digits(1000 / statistics.median(own)),
                **({"times_fp32": median_ratio(times[_BASE], own)} if _BASE in times else {}),
            }
            rows[name].setdefault("peak_mb", good[name].peak_mb())  # of the first load, one image
    for name, process in good.items():
        rows[name]["peak_mb_all"] = process.peak_mb()
        rows[name]["gpu_mb"] = process.call(runtimes.gpu_memory_here)


def _timed(process: Worker, load: Load) -> Any:
    return lambda: process.call(runtimes.milliseconds_here, load.count, load.side)


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    good = [row for row in result["rows"] if "times" in row]
    failed = [row for row in result["rows"] if "times" not in row]
    loads = list(good[0]["times"])
    header = ["format", "computes in", "status", "MB", "CIEDE2000 p99 to eager", "load ms", "first run ms"]
    header += ["p50 ms", "p95 ms", "peak MB", "peak MB, all sizes", "GPU MB"]
    first = [[*_head(row), *_tail(row, loads[0])] for row in good]
    first += [[name_of(row), "", row["status"], *[""] * 9] for row in failed]
    second = [[name_of(row), *(_speed(row, load) for load in loads)] for row in good]
    return "\n\n".join(
        [
            "Each runs in a process of its own on one thread, in turns with the others. Colours are compared "
            "with the eager generator on photographs; it is restored from the model file: what rounding its "
            f"weights has cost does not show. p50 and p95 are of {loads[0]}.",
            table(header, first, 3),
            "Images a second, and in brackets times ONNX Runtime fp32 (median of quotients within a round), "
            "by size and batch. A pixels graph runs the network at its render size, whatever the image's:",
            table(["format", *loads], second),
        ]
    )


def name_of(row: dict[str, Any]) -> str:
    """Return what a row is called."""
    return f"{row['runtime']} {row['precision']}" + ("" if row["device"] == "cpu" else f", {row['device']}")


def _head(row: dict[str, Any]) -> list[Any]:
    p99 = row.get("ciede2000_p99")
    return [
        name_of(row),
        row["computes_in"],
        row["status"],
        row["megabytes"],
        "" if p99 is None else f"{p99:.3f}",
        row["load_ms"],
        row["first_ms"],
    ]


def _tail(row: dict[str, Any], load: str) -> list[Any]:
    times = row["times"][load]
    return [times["p50_ms"], times["p95_ms"], row["peak_mb"], row["peak_mb_all"], row["gpu_mb"] or ""]


def _speed(row: dict[str, Any], load: str) -> str:
    times = row["times"][load]
    return f"{times['images_per_second']}" + (
        f" ({times['times_fp32']:.2f})" if "times_fp32" in times else ""
    )


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """See `Section.plots`."""
    rows = [row for row in result["rows"] if "times" in row]
    heights = {load: [row["times"][load]["images_per_second"] for row in rows] for load in rows[0]["times"]}
    return {"formats.png": bars([name_of(row) for row in rows], heights, "images a second, one thread")}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    return {
        f"{name_of(row)}, {load}: speed in multiples of {_BASE}": times["times_fp32"]
        for row in result["rows"]
        for load, times in row.get("times", {}).items()
        if "times_fp32" in times and name_of(row) != _BASE
    }
