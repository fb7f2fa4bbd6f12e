"""The runtimes that `formats` times: a model on one runtime, in a process of its own."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.benchmarks.machine import gpu_memory_mb
from colorize_gan.core.contract import METADATA_KEY, ModelContract
from colorize_gan.core.errors import DeviceError
from colorize_gan.core.hints import feeds
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.protocol import Backend, RunBackend

_TENSORRT = "TensorrtExecutionProvider"


@dataclass(frozen=True)
class Format:
    """A row of the table."""

    runtime: str
    precision: str
    file: str
    """Which of the exported files it opens."""
    backend: str = "native"
    """As `open_backend` takes it, or `eager`, `aotinductor`, `tensorrt`."""
    device: str = "cpu"
    quick: bool = False
    """Among those of a quick run."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        return " ".join([self.runtime, self.precision, *([] if self.device == "cpu" else [self.device])])


_backend: Backend  # of this process


def open_here(file: Path, format_: Format) -> tuple[ModelContract, str, float, float]:
    """Open a file in this process and run it once.

    Returns:
        Its contract, what it computes in, milliseconds until it is open, and of its first run.
    """
    global _backend
    one_thread(format_)
    start = time.perf_counter()
    _backend = _open(file, format_)
    opened = time.perf_counter()
    side = _backend.contract.size.fit(_backend.contract.render_size)
    run_here(inputs(_backend.contract, 1, side))
    first = time.perf_counter()
    return _backend.contract, _backend.precision, 1000 * (opened - start), 1000 * (first - opened)


def one_thread(format_: Format) -> None:
    """Import PyTorch, where it is needed, and keep it to one thread, as the other runtimes are."""
    if format_.backend in ("eager", "aotinductor") or not format_.file.endswith(".onnx"):
        import torch

        torch.set_num_threads(1)


def run_here(batch: np.ndarray) -> np.ndarray:
    """Run what is open in this process."""
    return _backend.run(batch)


def milliseconds_here(count: int, side: int) -> float:
    """Return the milliseconds an image takes in a batch."""
    batch = inputs(_backend.contract, count, side)
    start = time.perf_counter()
    _backend.run(batch)
    return 1000 * (time.perf_counter() - start) / count


def gpu_memory_here() -> int | None:
    """See `gpu_memory_mb`."""
    import os

    return gpu_memory_mb(os.getpid())


def inputs(contract: ModelContract, count: int, side: int) -> np.ndarray:
    """Return noise as a graph takes it."""
    rng = np.random.default_rng(0)
    if contract.graph == "pixels":
        return rng.integers(0, 256, (count, side, side, 3), np.uint8)
    return rng.uniform(0, 100, (count, 1, side, side)).astype(np.float32)


def _open(file: Path, format_: Format) -> Backend:
    if format_.backend == "eager":
        return _open_eager(file, format_)
    if format_.backend == "aotinductor":
        return _open_aotinductor(file)
    if format_.backend == "tensorrt":
        return _open_tensorrt(file)
    return open_backend(file, format_.backend, format_.device, gate=False)


def _open_eager(checkpoint: Path, format_: Format) -> Backend:
    import torch

    from colorize_gan.trainer.checkpoint import load_generator

    generator, contract = load_generator(checkpoint)
    if format_.device != "cpu" and not torch.cuda.is_available():
        raise DeviceError(f"--device {format_.device}: PyTorch finds no CUDA device")
    generator.to(format_.device)
    in_bf16 = format_.precision == "bf16"
    if in_bf16:
        generator.to(memory_format=torch.channels_last)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch.autocast(format_.device, torch.bfloat16, enabled=in_bf16):
            return generator(torch.from_numpy(batch).to(format_.device)).float().cpu().numpy()

    return RunBackend(contract, run, "eager", format_.device, format_.precision)


def compile_aotinductor(checkpoint: Path, package: Path) -> None:
    """Compile a generator for the CPU with dynamic sizes; needs a C++ compiler."""
    import torch

    from colorize_gan.exporter.formats import build_pt2
    from colorize_gan.trainer.checkpoint import load_generator

    generator, contract = load_generator(checkpoint)
    torch._inductor.aoti_compile_and_package(
        build_pt2(generator, contract),
        package_path=str(package),
        inductor_configs={"aot_inductor.metadata": {METADATA_KEY: contract.to_json()}},
    )


def _open_aotinductor(package: Path) -> Backend:
    import torch

    compiled = torch._inductor.aoti_load_package(str(package))
    contract = ModelContract.from_json(compiled.get_metadata()[METADATA_KEY], package.name)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return compiled(torch.from_numpy(batch)).numpy()

    return RunBackend(contract, run, "aotinductor", precision=contract.precision)


def _open_tensorrt(model: Path) -> Backend:
    """Open an ONNX file on ONNX Runtime's TensorRT provider; never run by this project, which has no GPU."""
    import onnxruntime

    # ONNX Runtime only logs when a provider fails to load, and aborts on some that are half installed
    open_backend(model, "onnxruntime", "cuda")
    session: Any = onnxruntime.InferenceSession(str(model), providers=[(_TENSORRT, {"trt_fp16_enable": "1"})])
    if session.get_providers()[0] != _TENSORRT:
        raise DeviceError("ONNX Runtime could not load TensorRT")
    contract = ModelContract.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY], model.name)
    return RunBackend(
        contract,
        lambda batch: session.run([contract.output_name], feeds(contract, batch))[0],
        "tensorrt",
        "cuda",
        "fp16",
    )
