"""From a checkpoint to verified files."""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import DeviceError, UsageError, VerificationError
from colorize_gan.core.files.atomic import lasting_path
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.parity import (
    PHOTOGRAPHS,
    Limit,
    Run,
    compare,
    enforce,
    fingerprint,
    limit_of,
    probes,
    some_images,
)
from colorize_gan.exporter import PRECISIONS
from colorize_gan.exporter.conversion import conversions
from colorize_gan.exporter.formats import Save, save_onnx
from colorize_gan.exporter.pixels import PIXELS_INPUT, PIXELS_OUTPUT, to_pixels
from colorize_gan.exporter.source import CheckpointSource, OnnxSource, Source, load_source
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.protocol import Backend, RunBackend
from colorize_gan.infer.colorizer import Colorizer

_TIMED_RUNS = 5


@dataclass(frozen=True)
class ExportOptions:
    """Which files are written."""

    formats: tuple[str, ...] = ("onnx", "torchscript")
    """Names in `FORMATS`."""
    graph: str = "lab"
    """A name in `GRAPHS`; pixels is for ONNX alone."""
    precisions: tuple[str, ...] = ("fp32",)
    """Names in `PRECISIONS`; a format that has none of them is written in fp32."""
    opset: int | None = None
    """Opset of ONNX files; None for the source's own."""
    max_delta_e: float | None = None
    """Largest CIEDE2000 p99 to the generator; None for that of `limit_of`."""
    verify: bool = True
    calibration: StrPath = PHOTOGRAPHS
    """Folder of photographs that set the ranges of int8."""

    def __post_init__(self) -> None:
        """Refuse what no file can be."""
        others = [format_ for format_ in self.formats if format_ != "onnx"]
        if self.graph == "pixels" and others:
            raise UsageError(f"`graph` pixels: for onnx, not {', '.join(others)}")
        for precision in self.precisions:
            if not any(precision in PRECISIONS[format_] for format_ in self.formats):
                raise UsageError(f"`precisions` {precision}: not one that {', '.join(self.formats)} has")
        if Path(self.calibration) != PHOTOGRAPHS and "int8" not in self.precisions:
            raise UsageError(f"`calibration` {self.calibration}: is for `precisions` int8")
        check_gate(self.max_delta_e, verify=self.verify)

    def precisions_of(self, format_: str) -> tuple[str, ...]:
        """Return those that a format is written in."""
        return tuple(name for name in self.precisions if name in PRECISIONS[format_]) or ("fp32",)


@dataclass(frozen=True)
class ExportedFile:
    """A file that passed the parity gate."""

    path: Path
    contract: ModelContract
    milliseconds: float
    """Median time of one image at the render size, on the CPU."""


def export_file(source_path: StrPath, out: StrPath, options: ExportOptions) -> Iterator[ExportedFile]:
    """Write a generator into ``out`` file by file and prove each equal to it.

    Args:
        source_path: a checkpoint, or a lab ONNX file.
        out: folder, created when missing; files are named after the contract.
        options: which files.

    Raises:
        DataError: no photographs for the ranges of int8.
        ModelError: the source cannot be used.
        UsageError: the source cannot become such a file.
        VerificationError: a file gives other colours; it is not kept.
    """
    source_path, out = Path(source_path), Path(out)
    if "int8" in options.precisions:
        some_images(options.calibration)  # refused now, not after minutes
    source = load_source(source_path)
    _check(source_path, source, options)
    out.mkdir(parents=True, exist_ok=True)
    for format_ in options.formats:
        precisions = options.precisions_of(format_)
        if format_ == "onnx":
            generator = source.to_onnx(options.opset or source.opset)
            for precision in precisions:
                yield _export_onnx(generator, precision, source, out, options)
        elif isinstance(source, CheckpointSource):
            for precision in precisions:
                yield _export_torch(format_, precision, source, out, options)


def _check(path: Path, source: Source, options: ExportOptions) -> None:
    """Refuse what the source cannot become, before the first file is written."""
    for format_ in options.formats:
        if format_ not in source.formats:
            possible = ", ".join(source.formats)
            raise UsageError(f"`formats` {format_}: needs a checkpoint, {path.name} gives {possible} only")
    if isinstance(source, OnnxSource) and options.opset not in (None, source.opset):
        raise UsageError(
            f"`opset` {options.opset}: {path.name} is of opset {source.opset}; export from its checkpoint"
        )


def path_of(out: Path, contract: ModelContract, format_: str) -> Path:
    """Name a file after the contract and what is not the default."""
    marks = [mark for mark in (contract.graph, contract.precision) if mark not in ("lab", "fp32")]
    return out / ".".join((contract.name, *marks, format_))


def _export_torch(
    format_: str, precision: str, source: CheckpointSource, out: Path, options: ExportOptions
) -> ExportedFile:
    contract = dataclasses.replace(source.contract, precision=precision)
    save = source.to_torch(format_, precision)
    return _save_verified(save, source, path_of(out, contract, format_), contract, options)


def _export_onnx(
    generator: onnx.ModelProto, precision: str, source: Source, out: Path, options: ExportOptions
) -> ExportedFile:
    contract = dataclasses.replace(source.contract, precision=precision)
    if options.graph == "pixels":
        contract = dataclasses.replace(
            contract, graph="pixels", input_name=PIXELS_INPUT, output_name=PIXELS_OUTPUT
        )
    path = path_of(out, contract, "onnx")
    for left, model in conversions(generator, precision, source.contract, options.calibration):
        if options.graph == "pixels":
            model = to_pixels(model, source.contract)
        onnx.checker.check_model(model, full_check=True)
        try:
            return _save_verified(partial(save_onnx, model), source, path, contract, options)
        except VerificationError:
            if not left:
                raise
    raise AssertionError("every precision has a candidate")


def _save_verified(
    save: Save, source: Source, path: Path, contract: ModelContract, options: ExportOptions
) -> ExportedFile:
    """Save beside ``path``, compare, add the record, then rename."""
    reference = _reference(source, contract)
    with lasting_path(path) as part:
        save(contract, part)
        record: dict[str, Any] = {}
        if options.verify:
            try:
                record = _verify(part, reference, contract, options) | {"reference": source.name}
            except VerificationError as error:
                raise VerificationError(f"{path.name} on {error}; the file was not kept") from error
        # that of an ONNX source is its generator's, and stays
        known = contract.fingerprint if contract.graph == "lab" else {}
        proven = dataclasses.replace(
            contract, parity=record, fingerprint=known or fingerprint(reference, contract)
        )
        save(proven, part)
        milliseconds = milliseconds_of(open_backend(part, "native", "cpu"), proven)
    return ExportedFile(path, proven, milliseconds)


def _verify(part: Path, reference: Run, contract: ModelContract, options: ExportOptions) -> dict[str, Any]:
    """Compare a file through the users' own loader on every device that works; return the worst record."""
    limit = gate(contract, options.max_delta_e)
    records: dict[str, dict[str, Any]] = {}
    for backend in _open_everywhere(part):
        try:
            found = compare(reference, backend.run, probes(contract))
            enforce(found, limit)
        except VerificationError as error:
            raise VerificationError(f"{backend.device}: {error}") from error
        records[f"{backend.name} {backend.device}"] = found
    worst = max(records.values(), key=lambda record: record["p99"])
    return worst | {"limit": limit.p99, "verified_on": ", ".join(records)}


def check_gate(max_delta_e: float | None, *, verify: bool) -> None:
    """Refuse a limit that nothing is compared with."""
    if max_delta_e is not None and not verify:
        raise UsageError("`max_delta_e`: does nothing where nothing is verified")


def gate(contract: ModelContract, max_delta_e: float | None) -> Limit:
    """Return the limit that a file has to keep to: that of its precision, unless told otherwise."""
    return limit_of(contract) if max_delta_e is None else Limit(max_delta_e)


def _open_everywhere(path: Path) -> Iterator[Backend]:
    """Open a file on every device that works here, the CPU first."""
    yield open_backend(path, "native", "cpu")
    with contextlib.suppress(DeviceError):
        yield open_backend(path, "native", "cuda")


def _reference(source: Source, contract: ModelContract) -> Run:
    """Return the graph that a file is compared with; for pixels, what colorize-batch would do."""
    if contract.graph == "lab":
        return source.run
    colorizer = Colorizer(RunBackend(source.contract, source.run))
    return lambda images: np.stack([colorizer.colorize(image) for image in images])


def milliseconds_of(backend: Backend, contract: ModelContract) -> float:
    """Return the median milliseconds of one image at the render size."""
    side = contract.size.fit(contract.render_size)
    shape, dtype = (
        ((1, side, side, 3), np.uint8) if contract.graph == "pixels" else ((1, 1, side, side), np.float32)
    )
    inputs = np.full(shape, 50, dtype)
    times = []
    for _ in range(_TIMED_RUNS):
        start = time.perf_counter()
        backend.run(inputs)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
